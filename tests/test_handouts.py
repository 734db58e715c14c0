"""The copies that are handed out: what is in them, and that nothing of the reader's is ever touched."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import exercises, notebooks

ROOT = notebooks.ROOT

STATEMENT = "```{exercise} Subtraction\n:label: ex-forward-sub\n\n*easy · 5 minutes · fill in.* Subtract.\n```"
STUB = 'def sub(grads, others):\n    """Subtract."""\n    # your code here'
OUTPUT = {"output_type": "stream", "name": "stdout", "text": ["3\n"]}
USE = "result = sub({1: 5.0}, {1: 2.0})"


def cells(**changes):
    found = {
        "title": {"source": "(small)=\n# A small chapter", "markdown": True},
        "code": {"source": "from checks import check\n1 + 2", "outputs": [OUTPUT]},
        "statement": {"source": STATEMENT, "markdown": True},
        "stub": {"source": STUB, "tags": ["stub"], "outputs": [OUTPUT]},
        "check": {"source": 'sub = check("forward.sub", sub)', "tags": ["check"], "outputs": [OUTPUT]},
        "solution": {"source": "SECRET", "markdown": True, "tags": ["solution"]},
        "section": {"source": "## What it is for", "markdown": True}, "use": {"source": USE}} | changes
    return [cell for cell in found.values() if cell]


@pytest.fixture
def book(tmp_path, make_notebook, monkeypatch):
    """A book of one chapter and some data; calling it writes the chapter anew, with changed cells."""
    root = tmp_path / "clone"
    (root / "book" / "data").mkdir(parents=True)
    (root / "book" / "data" / "numbers.csv").write_text("1,2\n")
    (root / "_toc.yml").write_text("root: book/intro\nparts:\n- chapters:\n  - file: book/01-small\n")
    monkeypatch.setattr(notebooks, "ROOT", root)

    def write(**changes):
        make_notebook(root / "book" / "01-small.ipynb", *cells(**changes))
        return root

    write()
    return write


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "mine"


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_copy_has_no_solution_and_untouched_exercises(book, folder):
    assert exercises.main([str(folder)]) == 0
    assert set(contents(folder)) == {"01-small.ipynb", "data/numbers.csv"}
    copy = notebooks.read(folder / "01-small.ipynb")
    assert "SECRET" not in str(copy)
    outputs = [cell["outputs"] for cell in notebooks.code_cells(copy)]
    assert outputs == [[OUTPUT], [], [], []]
    assert [cell["execution_count"] for cell in notebooks.code_cells(copy)][1:3] == [None, None]


def test_a_second_run_changes_nothing(book, folder):
    exercises.main([str(folder)])
    before = contents(folder)
    assert exercises.main([str(folder)]) == 0
    assert contents(folder) == before


def test_the_book_itself_is_left_as_it_is(book, folder):
    before = contents(book())
    exercises.main([str(folder)])
    assert contents(notebooks.ROOT) == before
    assert "is the book itself" in exercises.main([str(notebooks.ROOT / "book")])
    assert contents(notebooks.ROOT) == before


def work_in(path):
    """Do what a reader does: answer, run, save."""
    copy = notebooks.read(path)
    notebooks.set_source(copy["cells"][3], "def sub(grads, others):\n    return {}")
    notebooks.set_source(copy["cells"][0], "# My notes")
    notebooks.write(path, copy)


def test_a_reader_at_work_keeps_the_edition_they_have(book, folder):
    exercises.main([str(folder)])
    work_in(folder / "01-small.ipynb")
    before = contents(folder)
    assert exercises.main([str(folder)]) == 0
    assert contents(folder) == before


def test_a_new_edition_arrives_beside_the_readers_own_and_says_what_changed(book, folder, capsys):
    exercises.main([str(folder)])
    work_in(folder / "01-small.ipynb")
    before = contents(folder)
    book(stub={"source": STUB.replace("Subtract", "Take away"), "tags": ["stub"]}, use=None,
         end={"source": "## Summary", "markdown": True})
    capsys.readouterr()
    assert exercises.main([str(folder)]) == 0
    after = contents(folder)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"01-small.edition-2.ipynb"}
    lines = ["exercise “Subtraction”: 1 cell new or different",
             "section “What it is for”: 1 cell no longer there", "section “Summary” is new"]
    printed = capsys.readouterr().out
    note = notebooks.source(notebooks.read(folder / "01-small.edition-2.ipynb")["cells"][0])
    assert "`01-small.ipynb`, is as you left it" in note and "01-small.ipynb is as you left it" in printed
    assert all(line in note and line in printed for line in lines)
    assert exercises.main([str(folder)]) == 0
    assert contents(folder) == after


def test_every_further_edition_is_compared_with_the_newest(book, folder):
    exercises.main([str(folder)])
    book(section={"source": "## Second", "markdown": True})
    exercises.main([str(folder)])
    book(section={"source": "## Third", "markdown": True})
    exercises.main([str(folder)])
    note = notebooks.source(notebooks.read(folder / "01-small.edition-3.ipynb")["cells"][0])
    assert "section “Second” is no longer there" in note and "What it is for" not in note


def test_a_new_edition_of_the_data_arrives_beside_the_old(book, folder, capsys):
    exercises.main([str(folder)])
    (notebooks.ROOT / "book" / "data" / "numbers.csv").write_text("3,4\n")
    exercises.main([str(folder)])
    assert (folder / "data" / "numbers.csv").read_text() == "1,2\n"
    assert (folder / "data" / "numbers.edition-2.csv").read_text() == "3,4\n"
    assert "data/numbers.csv differs from the book's" in capsys.readouterr().out


def test_a_chapter_that_only_moved_is_not_handed_out_again(book, folder):
    exercises.main([str(folder)])
    (folder / "01-small.ipynb").rename(folder / "07-small.ipynb")
    exercises.main([str(folder)])
    assert set(contents(folder)) == {"07-small.ipynb", "data/numbers.csv"}


def test_a_copy_that_lost_its_edition_is_compared_by_its_cells(book, folder):
    exercises.main([str(folder)])
    path = folder / "01-small.ipynb"
    notebooks.write(path, notebooks.read(path) | {"metadata": {}})
    exercises.main([str(folder)])
    assert set(contents(folder)) == {"01-small.ipynb", "data/numbers.csv"}


@pytest.mark.parametrize("content", [b"no notebook", b"\xff\xfe", b"[1]", b"{}", b'{"cells": 3}', b""])
def test_a_file_in_the_way_is_left_alone(book, folder, content, capsys):
    folder.mkdir()
    (folder / "01-small.ipynb").write_bytes(content)
    assert exercises.main([str(folder)]) == 0
    assert (folder / "01-small.ipynb").read_bytes() == content
    assert "01-small.ipynb is no notebook" in capsys.readouterr().out
    before = contents(folder)
    exercises.main([str(folder)])
    assert contents(folder) == before and "01-small.edition-2.ipynb" in before


def test_a_folder_in_the_way_is_left_alone(book, folder):
    (folder / "01-small.ipynb").mkdir(parents=True)
    assert exercises.main([str(folder)]) == 0
    assert (folder / "01-small.edition-2.ipynb").is_file()


def test_a_file_in_the_place_of_a_folder_is_reported(book, folder):
    folder.write_text("mine")
    assert exercises.main([str(folder)]) == f"{folder} cannot be made a folder (it is a file). Name another one."
    assert folder.read_text() == "mine"
    folder.unlink()
    folder.mkdir()
    (folder / "data").write_text("mine")
    message = exercises.main([str(folder)])
    assert message.startswith("Not written: data/numbers.csv (a file is in the way).") and message.count("\n") == 0
    assert (folder / "data").read_text() == "mine" and (folder / "01-small.ipynb").is_file()


def test_a_full_disk_loses_nothing(book, folder, monkeypatch):
    exercises.main([str(folder)])
    before = contents(folder)
    book(section={"source": "## Second", "markdown": True})

    def half(path, content):
        with path.open("wb") as file:
            file.write(content[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", half)
    message = exercises.main([str(folder)])
    assert message.startswith("Not written: 01-small.ipynb (No space left on device). Nothing of yours was touched")
    assert contents(folder) == before


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="every folder may be written to by this user")
def test_a_folder_without_permission_is_reported(book, folder):
    folder.mkdir(mode=0o500)
    message = exercises.main([str(folder)])
    assert message.startswith("Not written: 01-small.ipynb, data/numbers.csv (Permission denied). Nothing of yours")
    assert "cannot be made a folder (Permission denied)" in exercises.main([str(folder / "inner")])


# The book


def test_the_book_is_handed_out_without_its_solutions(tmp_path):
    done = subprocess.run([sys.executable, "-m", "tools.exercises", str(tmp_path)], cwd=ROOT, text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr
    copies = sorted(tmp_path.glob("*.ipynb"))
    assert [path.name for path in copies] == [path.name for path in sorted((ROOT / "book").glob("[0-9]*.ipynb"))]
    for path in copies:
        text = path.read_text("utf-8")
        assert "{solution}" not in text and "{exercise}" in text
        for cell in notebooks.code_cells(notebooks.read(path)):
            assert not ({"stub", "check"} & set(notebooks.tags(cell)) and cell["outputs"])
