"""What a check says: as HTML in a notebook, as plain text everywhere, with the same content in both."""

import html
import re
import sys
import textwrap
from dataclasses import dataclass

#: The colour of the bar beside a message, chosen to stand out on white and on black; the symbol says the same.
COLOURS = {"✓": "#2e9e5b", "✗": "#d9534f", "○": "#8a8f98"}

#: The style of a summary. JupyterLab's MyST takes the triangle away, by which one sees that it opens.
OPENS = "list-style:revert;cursor:pointer"

WIDTH = 100


@dataclass(frozen=True)
class Message:
    """A symbol and a headline, then paragraphs, a block of aligned lines, hints, and a closing line.

    Text in backticks is code. ``attempt`` counts the failed attempts: as text, the n-th one shows the n-th hint.
    """

    symbol: str
    headline: str
    paragraphs: tuple = ()
    details: str = ""
    hints: tuple = ()
    attempt: int = 0
    closing: str = ""

    def __repr__(self):
        lines = [f"{self.symbol} {self.headline}"]
        for paragraph in self.paragraphs:
            lines += indented(paragraph)
        lines += [f"    {line}" for line in self.details.splitlines()]
        if self.hints:
            shown = min(self.attempt, len(self.hints))
            more = " Run your answer, then the check again, for the next one." if shown < len(self.hints) else ""
            lines += indented(f"Hint {shown} of {len(self.hints)}: {self.hints[shown - 1]}{more}")
        lines += indented(self.closing)
        return "\n".join(lines)

    def _repr_html_(self):
        parts = [f"<strong>{self.symbol} {html.escape(self.headline)}</strong>"]
        parts += [f"<p style='margin:.3rem 0'>{marked(paragraph)}</p>" for paragraph in self.paragraphs]
        if self.details:
            parts.append("<pre style='margin:.3rem 0;background:transparent;color:inherit;border:0;padding:0;"
                         f"white-space:pre-wrap'>{html.escape(self.details)}</pre>")
        parts.append(nested(self.hints))
        if self.closing:
            parts.append(f"<p style='margin:.3rem 0'>{marked(self.closing)}</p>")
        return (f"<div role='status' style='border-left:.25rem solid {COLOURS[self.symbol]};padding:.2rem .9rem;"
                f"margin:.4rem 0;max-width:50rem'>{''.join(parts)}</div>")


def indented(paragraph):
    """A paragraph as lines of text, set in from the headline."""
    return textwrap.wrap(paragraph, WIDTH, initial_indent="  ", subsequent_indent="  ", break_long_words=False)


def marked(text):
    """Text as HTML, with what stands in backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))


def nested(hints):
    """Hints as HTML, each inside the one before it, so that they are opened one at a time."""
    body = ""
    for number in range(len(hints), 0, -1):
        body = (f"<details style='margin:.2rem 0 .2rem .6rem'><summary style='{OPENS}'>"
                f"Hint {number} of {len(hints)}</summary>"
                f"<p style='margin:.3rem 0'>{marked(hints[number - 1])}</p>{body}</details>")
    return body


def show(message):
    """Display a message where IPython runs the code, print it elsewhere."""
    ipython = sys.modules.get("IPython")
    if ipython and ipython.get_ipython():
        ipython.display.display(message)
    else:
        print(message)
