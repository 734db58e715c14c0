"""Write hand-out copies of the chapters: the exercises without their solutions, to be worked in.

    python -m tools.exercises             into the folder `exercises` beside the book
    python -m tools.exercises ~/minigrad  into another one

A file that exists is never touched. Where a chapter has changed since it was handed out, its new edition arrives beside
the reader's copy, as `05-forward-mode.edition-2.ipynb`, and says at its top what is new. A second run changes nothing.
"""

import argparse
import hashlib
import os
import re
import sys
from collections import Counter
from pathlib import Path

from tools import notebooks
from tools.exercise_index import STATEMENT
from tools.unlocks import HEADING


class Refused(Exception):
    """Why a command does not do what it was asked for: a line for the user."""


# What is handed out


def hand_out(notebook):
    """A chapter as it is handed out, with its edition in its metadata."""
    cells = unsolved(notebook)
    return notebook | {"cells": cells, "metadata": notebook["metadata"] | {"minigrad": {"edition": edition(cells)}}}


def unsolved(notebook):
    """The cells of a chapter without the solutions, its exercises untouched; the notebook itself stays as it is."""
    cells = [dict(cell) for cell in notebook["cells"] if "solution" not in notebooks.tags(cell)]
    for cell in cells:
        if {"stub", "check"} & set(notebooks.tags(cell)):
            notebooks.clear(cell)
    return cells


# Editions


def edition(cells):
    """What a chapter says, place by place: the title of a section or an exercise → a fingerprint of each cell."""
    section = place = "the opening"
    record = {}
    for cell in cells:
        source = notebooks.source(cell)
        if cell["cell_type"] == "markdown" and (match := HEADING.match(source)):
            section = place = f"section “{match[1]}”"
        if match := STATEMENT.search(source):
            place = f"exercise “{match['title']}”"
        fingerprint = hashlib.sha256(f"{cell['cell_type']}\n{source.strip()}".encode()).hexdigest()[:12]
        record.setdefault(place, []).append(fingerprint)
        if "check" in notebooks.tags(cell):
            place = section
    return record


def edition_of(path):
    """The edition of a copy: as it was handed out, or by its cells where that is lost; {} if it is no notebook."""
    try:
        notebook = notebooks.read(path)
        kept = notebook.get("metadata", {}).get("minigrad", {}).get("edition")
        return kept if isinstance(kept, dict) and kept else edition(notebook["cells"])
    except (OSError, SystemExit, UnicodeDecodeError, AttributeError, KeyError, TypeError):
        return {}


def changes(old, new):
    """What a new edition brings, a line for each place."""
    for place, cells in new.items():
        if place not in old:
            yield f"{place} is new"
            continue
        different = (Counter(cells) - Counter(old[place])).total()
        gone = max(0, len(old[place]) - len(cells))
        said = [f"{number_of(different)} new or different"] * bool(different)
        said += [f"{number_of(gone)} no longer there"] * bool(gone)
        if said:
            yield f"{place}: {', '.join(said)}"
    yield from (f"{place} is no longer there" for place in old if place not in new)


def number_of(cells):
    return f"{cells} cell{'s' * (cells != 1)}"


# The folder


class Folder:
    """The folder that copies are written to, and what is to be said about each file."""

    def __init__(self, path):
        self.path = path
        self.written = 0
        self.news, self.failures = [], {}

    def copies(self, name):
        """The editions of a file that are there: number → path. A chapter's own number may have changed since."""
        place = self.path / name
        number, _, rest = place.name.partition("-")
        stem, _, ending = (rest if number.isdigit() else place.name).partition(".")
        pattern = re.compile((r"\d+-" if number.isdigit() else "")
                             + rf"{re.escape(stem)}(?:\.edition-(\d+))?\.{re.escape(ending)}")
        found = [(match, path) for path in sorted(place.parent.glob("*"))
                 if (match := pattern.fullmatch(path.name))]
        return {int(match[1] or 1): path for match, path in found}

    def put(self, name, text_of, is_same):
        """Write a file, unless one of its editions that are there is the same; beside them, if there are any.

        text_of : makes the content, given the newest edition that is there, or None.
        is_same : whether a file that is there is the one to be written.
        """
        try:
            copies = self.copies(name)
            if any(is_same(path) for path in copies.values()):
                return
            target = self.path / name
            if copies:
                stem, _, ending = target.name.partition(".")
                target = target.with_name(f"{stem}.edition-{max(copies) + 1}.{ending}")
            create(target, text_of(copies[max(copies)] if copies else None))
            self.written += 1
        except OSError as error:
            self.failures.setdefault(reason(error), []).append(name)

    def put_chapter(self, path):
        """Write the copy of a chapter."""
        notebook = hand_out(notebooks.read(path))
        new = notebook["metadata"]["minigrad"]["edition"]

        def text_of(newest):
            if newest is None:
                return notebooks.as_text(notebook).encode()
            old = edition_of(newest)
            lines = list(changes(old, new)) if old else [f"what changed cannot be told: {newest.name} is no notebook"]
            self.news.append(f"{path.stem} has a new edition; {newest.name} is as you left it.")
            self.news += [f"  {line}" for line in lines]
            cells = [announcement(newest.name, lines), *notebook["cells"]]
            return notebooks.as_text(notebook | {"cells": cells}).encode()

        self.put(path.name, text_of, lambda copy: edition_of(copy) == new)

    def put_file(self, path, name):
        """Write a copy of a file that chapters need."""
        content = path.read_bytes()

        def text_of(newest):
            if newest is not None:
                self.news.append(f"{name} differs from the book's, which is now beside it.")
            return content

        self.put(name, text_of, lambda copy: copy.is_file() and copy.read_bytes() == content)

    def problems(self):
        """What could not be written, a line for each reason."""
        for reason, names in self.failures.items():
            yield (f"Not written: {', '.join(names)} ({reason}). Nothing of yours was touched: remove the cause, or "
                   "name another folder, and run the command again.")


def reason(error):
    """Why something could not be written, for a message."""
    return "a file is in the way" if isinstance(error, FileExistsError) else error.strerror or str(error)


def announcement(name, lines):
    """The cell at the top of a new edition."""
    text = (f"**A new edition of this chapter.** Your own copy, `{name}`, is as you left it; take from it the answers "
            "that you want to keep. Since then:\n\n" + "\n".join(f"- {line}" for line in lines))
    return notebooks.markdown_cell("new-edition", text)


def data_files():
    """The files that chapters read: their name beside a chapter → where they are."""
    book = notebooks.ROOT / "book"
    return {path.relative_to(book).as_posix(): path for path in sorted((book / "data").rglob("*")) if path.is_file()}


def create(path, content):
    """Create a file, whole or not at all; never one that exists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        unfinished.write_bytes(content)
        if os.path.lexists(path):
            raise FileExistsError(path)
        os.replace(unfinished, path)
    except OSError:
        if unfinished.is_file():
            unfinished.unlink()
        raise


def own_folder(given):
    """The folder that the user named, made if need be; Refused if it is the book's or cannot be made."""
    path = given.expanduser()
    if path.resolve().is_relative_to(notebooks.ROOT / "book"):
        raise Refused(f"{given} is the book itself. Name a folder of your own.")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        cause = "it is a file" if path.is_file() else error.strerror
        raise Refused(f"{given} cannot be made a folder ({cause}). Name another one.") from None
    return path


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tools.exercises", description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=notebooks.ROOT / "exercises",
                        help="where the copies go; `exercises` beside the book if none is named")
    given = parser.parse_args(arguments).folder
    try:
        folder = Folder(own_folder(given))
    except Refused as refused:
        return str(refused)
    for chapter in notebooks.chapters(notebooks.ROOT):
        folder.put_chapter(chapter)
    for name, path in data_files().items():
        folder.put_file(path, name)
    print("\n".join([*folder.news, f"{folder.written} files written to {given}; what was there is as it was."]))
    return "\n".join(folder.problems()) or 0


if __name__ == "__main__":
    sys.exit(main())
