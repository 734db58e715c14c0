"""What an exercise unlocks: the sections that run on its answer. `make sync` writes it into the statements."""

import re
import symtable

from tools import notebooks
from tools.exercise_index import STATEMENT

#: The title that a Markdown cell opens with, below its label if it has one.
HEADING = re.compile(r"\A(?:\([\w-]+\)=\n)*#{1,3} (.+)")

#: A check cell: the name of the answer, and that of the exercise.
ANSWER = re.compile(r'(\w+) = check\("([\w.]+)"')

#: What a statement says behind its grade, minutes and kind.
SENTENCE = re.compile(r" \*Unlocks: [^*]*\*")


def stale_statements(notebook):
    """The statements that do not say what their exercise unlocks: the place of the cell, and what it should be."""
    cells = notebook["cells"]
    for check, cell in enumerate(cells):
        if "check" in notebooks.tags(cell) and (found := statement_of(cells, check)):
            place, head, rest = found
            wanted = head + sentence(cells, check) + SENTENCE.sub("", rest, count=1)
            if wanted != head + rest:
                yield place, wanted


def statement_of(cells, check):
    """The statement that a check belongs to: the place of its cell, the text up to its kind, the rest; or None."""
    for place in range(check - 1, -1, -1):
        text = notebooks.source(cells[place])
        if match := STATEMENT.search(text):
            return place, text[:match.end()], text[match.end():]
    return None


def sentence(cells, check):
    """Which sections run on the answer that a check hands back, as a sentence; nothing if none does."""
    sections = unlocked(cells, check)
    if not sections:
        return ""
    places = [f"“{section}”" if section else "the code below" for section in sections]
    where = " and ".join(filter(None, [", ".join(places[:-1]), places[-1]]))
    return f" *Unlocks: once it passes, your answer takes the place of the book's in {where}.*"


def unlocked(cells, check):
    """The sections whose code uses the answer that a check hands back, until its name means something else.

    The section of the exercise itself is "".
    """
    match = ANSWER.match(notebooks.source(cells[check]))
    section, found = "", []
    for cell in cells[check + 1:] if match else []:
        if cell["cell_type"] != "code":
            heading = HEADING.match(notebooks.source(cell))
            section = heading[1] if heading else section
            continue
        assigned, used = uses(notebooks.source(cell), match[1])
        if assigned:
            break
        if used and section not in found:
            found.append(section)
    return found


def uses(source, name):
    """Whether code assigns a global name, and whether it uses it."""
    try:
        top = symtable.symtable(source, "cell", "exec")
    except SyntaxError:  # a line for IPython alone
        return False, False
    tables, used = [top], False
    while tables:
        table = tables.pop()
        tables += table.get_children()
        if name in table.get_identifiers():
            symbol = table.lookup(name)
            used |= symbol.is_referenced() and (table is top or symbol.is_global())
    return name in top.get_identifiers() and top.lookup(name).is_assigned(), used
