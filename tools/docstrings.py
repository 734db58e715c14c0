"""A Sphinx extension for the reference: an equation that a docstring names becomes a link to where it is derived."""

import re

NAMED = re.compile(r"(?<![:`])`(eq-[a-z0-9-]+)`")
ABSOLUTE = re.compile(r"\|(\w+)\|")


def with_links(lines):
    """The lines of a docstring, with a link in the place of each equation's label.

    The bars of an absolute value would stand for a substitution.
    """
    return [ABSOLUTE.sub(r"\\|\1\\|", NAMED.sub(r"equation :eq:`\1`", line)) for line in lines]


def process(app, what, name, obj, options, lines):
    lines[:] = with_links(lines)


def setup(app):
    app.connect("autodoc-process-docstring", process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
