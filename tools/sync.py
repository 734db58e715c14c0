"""Copy the source of the package into the cells of the book that show it.

    python -m tools.sync            copy, and report what does not agree
    python -m tools.sync --check    change nothing, only report
    python -m tools.sync --list     list every unit and the notebook that shows it

A cell that shows source lists its units in its metadata: ``"units": ["scalar:TABLE", "value:Value.parents"]``. In a
markdown cell the source goes into its ```` ```python ```` block; this is how the solution of an exercise is the
function that the checks are tested with. Every unit of the package stands in exactly one cell. What an exercise
unlocks is written into its statement, and the index of exercises, ``book/exercises.md``, is written anew as well.
"""

import argparse
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tools import exercise_index, notebooks, units, unlocks
from tools.units import UnitError

PYTHON_BLOCK = re.compile(r"^(?P<fence>`{3,})python[ ]*\n(?P<code>.*?)^(?P=fence)[ ]*$", re.DOTALL | re.MULTILINE)


@dataclass
class Cell:
    """A cell that shows units: where it stands, and what it lists."""

    path: Path
    number: int
    content: dict

    @property
    def names(self):
        return self.content["metadata"]["units"]

    @property
    def place(self):
        return f"{self.path.name}, cell {self.number}"


@dataclass
class Book:
    """A package and the notebooks that show it."""

    root: Path
    notebooks: dict = field(init=False)
    package: dict = field(init=False)
    units: dict = field(init=False)

    def __post_init__(self):
        book = self.root / "book"
        self.notebooks = {path: notebooks.read(path) for path in sorted(book.glob("*.ipynb"))}
        self.package = units.package_units(self.root / units.PACKAGE)
        self.units = self.package | units.package_units(book / "checks", "checks.")

    def cells(self):
        """The cells that show units, in the order of the notebooks."""
        return [Cell(path, number, cell)
                for path, notebook in self.notebooks.items()
                for number, cell in enumerate(notebook["cells"], 1) if "units" in cell["metadata"]]

    def shown_in(self):
        """For each unit named in a cell, the places where it is named."""
        places = {}
        for cell in self.cells():
            for name in cell.names:
                places.setdefault(name, []).append(cell.place)
        return places


def expected_source(book, cell):
    """The source that a cell should have, according to the package."""
    is_code = cell.content["cell_type"] == "code"
    if misplaced := [name for name in cell.names if name.startswith("checks.") == is_code]:
        raise UnitError(f"{cell.place} lists {misplaced[0]!r}. Code cells show the package; solutions of exercises "
                        "(checks.…) belong into the Python block of a markdown cell.")
    members = [units.find(book.units, name, cell.place) for name in cell.names]
    code = units.shown(members, cell.place)
    if is_code:
        return code
    text = notebooks.source(cell.content)
    blocks = list(PYTHON_BLOCK.finditer(text))
    if len(blocks) != 1:
        raise UnitError(f"{cell.place} lists units and holds {len(blocks)} blocks of Python. Give it one block that "
                        "opens with ```python and closes with as many backticks.")
    return text[:blocks[0].start("code")] + code + "\n" + text[blocks[0].end("code"):]


def stale_cells(book):
    """The cells that differ from the package, each with the source it should have, and what could not be read."""
    stale, problems = [], []
    for cell in book.cells():
        try:
            wanted = expected_source(book, cell)
        except UnitError as error:
            problems.append(str(error))
            continue
        if notebooks.source(cell.content) != wanted:
            stale.append((cell, wanted))
    return stale, problems


def stale_statements(book):
    """The statements that do not say what their exercise unlocks: notebook, place of the cell, wanted source."""
    return [(path, place, wanted) for path, notebook in book.notebooks.items()
            for place, wanted in unlocks.stale_statements(notebook)]


def coverage_problems(book):
    """What is wrong with the claim that each unit stands in one cell."""
    shown = book.shown_in()
    for name, places in shown.items():
        if len(places) > 1:
            yield f"{name!r} is shown {len(places)} times: {'; '.join(places)}. Keep one."
    for name in book.package:
        if name not in shown:
            yield f"{name!r} is in no cell. List it in the metadata of the cell that should show it."


def problems(book):
    """All that does not agree between package and cells; nothing is changed."""
    stale, unreadable = stale_cells(book)
    differing = [f"{cell.place} differs from the package{_first_difference(cell, wanted)} Edit the package, never the "
                 "cell, and run `make sync`." for cell, wanted in stale]
    statements = [f"{path.name}, cell {place + 1} does not say what its exercise unlocks. Run `make sync`."
                  for path, place, _ in stale_statements(book)]
    return unreadable + differing + statements + list(coverage_problems(book))


def _first_difference(cell, wanted):
    """Where a cell and the package part, as a clause for a message."""
    here, there = notebooks.source(cell.content).splitlines(), wanted.splitlines()
    for number, (mine, theirs) in enumerate(zip(here, there, strict=False), 1):
        if mine != theirs:
            return f" in line {number}:\n    cell:    {mine}\n    package: {theirs}\n "
    return f": it has {len(here)} lines, the package {len(there)}."


def copy(book):
    """Bring every cell up to date; returns the notebooks that changed."""
    changed = {}
    for cell, wanted in stale_cells(book)[0]:
        notebooks.set_source(cell.content, wanted)
        changed[cell.path] = book.notebooks[cell.path]
    for path, place, wanted in stale_statements(book):
        changed[path] = book.notebooks[path]
        notebooks.set_source(changed[path]["cells"][place], wanted)
    for path, notebook in changed.items():
        notebooks.write(path, notebook)
    return list(changed)


def list_units(book):
    """A line for each unit: its name and where it is shown."""
    shown = book.shown_in()
    width = max(map(len, book.package), default=0)
    return [f"{name:{width}}  {'; '.join(shown.get(name, ['not shown']))}" for name in book.package]


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tools.sync", description=__doc__.splitlines()[0])
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--check", action="store_true", help="change nothing, only report what does not agree")
    choice.add_argument("--list", action="store_true", help="list every unit and the notebook that shows it")
    options = parser.parse_args(arguments)
    try:
        book = Book(notebooks.ROOT)
    except (UnitError, SyntaxError) as error:
        return str(error)
    if options.list:
        print("\n".join(list_units(book)))
        return 0
    if not options.check:
        for path in copy(book):
            print(f"updated {path.relative_to(book.root)}: run `make execute` to refresh its outputs")
        if exercise_index.write(book.root):
            print("updated book/exercises.md")
    found = problems(book)
    if options.check:  # otherwise it has been written a moment ago
        found += exercise_index.problems(book.root)
    if found:
        return "\n".join(f"✗ {problem}" for problem in found)
    print(f"Cells and package agree: all {len(book.package)} units are shown.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
