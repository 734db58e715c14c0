"""The index of exercises, book/exercises.md: written by `make sync` from the chapters' own statements."""

import re

from tools import notebooks

HEAD = """\
(exercises)=
# Index of exercises

Every exercise of the book, in the order of the chapters, with its grade, its minutes and its kind. The solution is
folded away below each.
"""
STATEMENT = re.compile(r"^`{3,}\{exercise\} (?P<title>.+)\n:label: (?P<label>\S+)\n\n"
                       r"\*(?P<grade>[a-z]+) · (?P<minutes>\d+) minutes · (?P<kind>[a-z ]+)\.\*", re.MULTILINE)


def statements(notebook):
    """The exercises of a notebook in order: title, label, grade, minutes and kind of each."""
    text = "\n\n".join(notebooks.source(cell) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    return [match.groupdict() for match in STATEMENT.finditer(text)]


def page(root):
    """The text of the page."""
    parts, count, minutes = [], 0, 0
    for path in notebooks.chapters(root):
        notebook = notebooks.read(path)
        found = statements(notebook)
        rows = [f"| {{ref}}`{one['title']} <{one['label']}>` | {one['grade']} | {one['minutes']} | {one['kind']} |"
                for one in found]
        head = [f"## {notebooks.title(notebook)}", "", "| exercise | grade | minutes | kind |", "|---|---|---:|---|"]
        parts.append("\n".join([*head, *rows]))
        count, minutes = count + len(found), minutes + sum(int(one["minutes"]) for one in found)
    total = f"Together {count} exercises, about {round(minutes / 60)} hours."
    return "\n".join([HEAD, total, "", "\n\n".join(parts), ""])


def write(root):
    """Bring the page up to date; returns whether it changed."""
    path, text = root / "book" / "exercises.md", page(root)
    if path.exists() and path.read_text("utf-8") == text:
        return False
    notebooks.write_text(path, text)
    return True


def problems(root):
    """What is wrong with the page as it stands."""
    path = root / "book" / "exercises.md"
    if not path.exists() or path.read_text("utf-8") != page(root):
        yield "book/exercises.md is not the index of the chapters' exercises. Run `make sync`."
