"""The progress view: what it finds in the reader's notebooks, and what becomes of those that break or never end."""

import os
import subprocess
import sys
import threading

import checks
import pytest
from checks import standing
from checks.standing import Standing, Trouble

from tools import exercises, notebooks

ROOT = notebooks.ROOT
BOOK = ROOT / "book"

IMPORT = {"source": "from checks import check"}
CHECK = {"source": 'sub = check("forward.sub", sub)', "tags": ["check"]}
TABLE = {"source": 'table = check("forward.table", None)', "tags": ["check"]}

STUB = 'def sub(grads, others):\n    """Subtract."""\n    # your code here'
RIGHT = ("def sub(grads, others):\n"
         "    return {x: grads.get(x, 0.0) - others.get(x, 0.0) for x in grads | others}")
WRONG = "def sub(grads, others):\n    return grads"


@pytest.fixture
def standing_of(tmp_path, make_notebook):
    """Write one notebook for each argument, a list of cells, run them all and return what was found."""

    def find(*notebooks, **limits):
        for number, cells in enumerate(notebooks, 1):
            title = {"source": f"# Chapter {number}", "markdown": True}
            make_notebook(tmp_path / f"0{number}-one.ipynb", title, *cells)
        found = Standing.read(tmp_path)
        found.run(lambda standing: None, **limits)
        return found

    return find


def chapter(answer):
    return [IMPORT, {"source": answer, "tags": ["stub"]}, CHECK, TABLE]


def states(found):
    return [chapter.exercises for chapter in found.chapters]


def test_exercises_are_not_started_tried_or_passed(standing_of, tmp_path):
    found = standing_of(chapter(STUB), chapter(WRONG), chapter(RIGHT))
    assert states(found) == [{"forward.sub": symbol, "forward.table": "○"} for symbol in "○✗✓"]
    assert found.headline.startswith("1 of 2 exercises passed, 0 tried, 1 not started. About 6 minutes")
    text, page = repr(found), found._repr_html_()
    assert "Chapter 1 (01-one.ipynb): all 2 not started" in text
    assert "Chapter 2 (02-one.ipynb): 1 tried, 1 not started" in text
    assert found.next.startswith("Next: Fill in a trace table (easy, 6 minutes), in 01-one.ipynb.")
    assert "✗ Subtraction (easy, 5 minutes)" in text and "✓ Subtraction (easy, 5 minutes)" in text
    assert "Subtraction (easy, 5 minutes)" in page and "(tried)" in page and "<details open>" in page


def test_the_notebooks_are_only_read(standing_of, tmp_path):
    standing_of(chapter(RIGHT))
    before = (tmp_path / "01-one.ipynb").read_bytes()
    standing_of()
    assert (tmp_path / "01-one.ipynb").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["01-one.ipynb"]


def test_a_second_check_that_sees_the_books_answer_does_not_count(standing_of):
    assert states(standing_of(chapter(WRONG) + [CHECK])) == [{"forward.sub": "✗", "forward.table": "○"}]


@pytest.mark.parametrize("answer, remark", [
    ("def sub(grads, others)\n    return {}", "SyntaxError"), ("sub = 1 / 0", "ZeroDivisionError: division by zero")])
def test_an_answer_that_does_not_run_counts_as_tried_and_is_reported(standing_of, answer, remark):
    found = standing_of(chapter(answer))
    assert states(found) == [{"forward.sub": "✗", "forward.table": "○"}]
    [text] = found.chapters[0].remarks
    assert text.startswith("code cell 2, `") and remark in text and "\n" not in text


def test_a_crash_costs_what_comes_after_it_and_no_other_notebook(standing_of):
    crash = [IMPORT, {"source": RIGHT}, CHECK, {"source": "import os\nos._exit(1)"}, TABLE]
    found = standing_of(crash, chapter(RIGHT))
    assert states(found) == [{"forward.sub": "✓", "forward.table": "?"}, {"forward.sub": "✓", "forward.table": "○"}]
    assert found.chapters[0].remarks == ["code cell 4, `import os`: its kernel died; what comes after it was not run"]
    assert "1 not reached" in found.chapters[0].summary


def test_an_endless_cell_is_stopped_and_the_rest_still_runs(standing_of):
    endless = [IMPORT, {"source": "while True:\n    print('again')"}, {"source": RIGHT}, CHECK, TABLE]
    found = standing_of(endless, chapter(WRONG), cell_limit=2)
    assert states(found) == [{"forward.sub": symbol, "forward.table": "○"} for symbol in "✓✗"]
    assert "stopped after 2 s: is there a loop that never ends?" in found.chapters[0].remarks[0]


def test_a_kernel_that_ends_at_once_is_started_again(standing_of, monkeypatch):
    start, tries = standing.Kernel.start, []

    async def fail_first(kernel, manager):
        kernel.manager = manager
        tries.append(manager)
        if len(tries) == 1:
            raise RuntimeError("Kernel died before replying to kernel_info")
        await start(kernel, manager)

    monkeypatch.setattr(standing.Kernel, "start", fail_first)
    found = standing_of(chapter(RIGHT))
    assert states(found) == [{"forward.sub": "✓", "forward.table": "○"}] and len(tries) == 2


def test_what_is_no_notebook_does_not_count_as_passed(standing_of, tmp_path):
    (tmp_path / "02.ipynb").write_text("no notebook")
    found = Standing.read(tmp_path)
    assert (found.headline, found.next) == ("No exercise could be read.", "")
    assert "02.ipynb: this is not a notebook." in repr(found)


def test_what_comes_after_the_last_check_is_not_run(standing_of):
    found = standing_of(chapter(RIGHT) + [{"source": "while True: pass"}], cell_limit=2)
    assert not found.chapters[0].remarks


def test_a_cell_that_cannot_be_stopped_ends_its_notebook(standing_of, monkeypatch):
    monkeypatch.setattr(standing, "PATIENCE", 1)
    stubborn = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
    found = standing_of([IMPORT, {"source": RIGHT}, CHECK, {"source": stubborn}, TABLE], cell_limit=2)
    assert states(found) == [{"forward.sub": "✓", "forward.table": "?"}]
    assert found.chapters[0].remarks == [
        "code cell 4, `import signal`: it cannot be stopped; what comes after it was not run"]


def test_a_notebook_has_a_limit_too(standing_of):
    found = standing_of([{"source": "import time; time.sleep(2)"}] * 3 + [IMPORT, TABLE], notebook_limit=3)
    assert states(found) == [{"forward.table": "?"}]
    assert "stopped after 3 s in all" in found.chapters[0].remarks[-1]


def test_a_cell_that_asks_for_input_does_not_wait(standing_of):
    assert states(standing_of([{"source": "input()"}, IMPORT, TABLE])) == [{"forward.table": "○"}]


@pytest.mark.parametrize("content", [
    b"no notebook", b"\xff\xfe", b"[1]", b"{}", b'{"cells": 3}', b'{"cells": [3]}', b""])
def test_what_is_no_notebook_is_reported_in_one_line(standing_of, tmp_path, content):
    (tmp_path / "broken.ipynb").write_bytes(content)
    (tmp_path / "folder.ipynb").mkdir()
    found = standing_of([IMPORT, TABLE])
    assert found.problems[0] == "broken.ipynb: this is not a notebook."
    assert found.problems[1].startswith("folder.ipynb: it cannot be read") and len(found.problems) == 2
    assert states(found) == [{"forward.table": "○"}] and "! broken.ipynb" in repr(found)


def test_a_folder_without_notebooks_is_reported(tmp_path, make_notebook):
    with pytest.raises(Trouble, match="holds no notebook with exercises"):
        Standing.read(tmp_path)
    with pytest.raises(Trouble, match="is not there"):
        Standing.read(tmp_path / "nowhere")


def test_an_exercise_of_another_edition_is_shown_by_its_name(standing_of):
    found = standing_of([IMPORT, {"source": 'check("forward.unknown", None)'}])
    assert "forward.unknown" in repr(found)


def test_a_missing_kernel_is_reported(standing_of, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", None)
    found = standing_of([IMPORT, TABLE])
    assert found.chapters[0].remarks == [
        "no kernel can be started: ipykernel is missing. Install it: pip install ipykernel"]


def test_an_interruption_ends_the_kernels(tmp_path, make_notebook):
    make_notebook(tmp_path / "01-one.ipynb", {"source": "import time; time.sleep(100)"}, IMPORT, TABLE)

    def interrupt(found):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Standing.read(tmp_path).run(interrupt)
    assert threading.active_count() < 10


# The two ways in


def test_the_command_shows_it(tmp_path, make_notebook):
    make_notebook(tmp_path / "01-one.ipynb", *chapter(RIGHT))
    (tmp_path / "broken.ipynb").write_text("no")
    done = subprocess.run([sys.executable, "-m", "checks", "."], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
    assert "✓ Subtraction" in done.stdout and "! broken.ipynb: this is not a notebook." in done.stdout
    done = subprocess.run([sys.executable, "-m", "checks", "nowhere"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("nowhere is not there.") and done.stderr.count("\n") == 1


def test_a_notebook_shows_it_and_can_be_among_those_it_runs(standing_of, tmp_path, capsys):
    cells = [{"source": "from checks import check, progress\nprogress()"}, {"source": RIGHT}, CHECK]
    assert states(standing_of(cells)) == [{"forward.sub": "✓"}]
    checks.progress(tmp_path)
    assert "✓ Subtraction" in capsys.readouterr().out
    checks.progress(tmp_path / "nowhere")
    assert "is not there" in capsys.readouterr().out


def test_a_running_notebook_shows_a_bar_and_the_outcome(tmp_path, make_notebook):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    (tmp_path / "mine").mkdir()
    make_notebook(tmp_path / "mine" / "01-one.ipynb", *chapter(RIGHT))
    asks = make_notebook(tmp_path / "asks.ipynb", {"source": "from checks import progress\nprogress('mine')"})
    notebook = nbformat.read(asks, as_version=4)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    bar, outcome = notebook.cells[0].outputs
    assert "<progress value='1.000'" in bar["data"]["text/html"] and "100 %" in bar["data"]["text/plain"]
    assert "✓</span> Subtraction" in outcome["data"]["text/html"] and "✓ Subtraction" in outcome["data"]["text/plain"]


def test_a_chapter_of_the_book_as_it_is_handed_out(tmp_path):
    path = next(path for path in BOOK.glob("*.ipynb") if notebooks.slug(path) == "forward-mode")
    copy = exercises.hand_out(notebooks.read(path))
    for cell in copy["cells"]:
        if "stub" in notebooks.tags(cell) and notebooks.source(cell).startswith("def sub("):
            notebooks.set_source(cell, RIGHT)
    notebooks.write(tmp_path / path.name, copy)
    found = Standing.read(tmp_path)
    found.run(lambda standing: None)
    symbols = found.chapters[0].exercises
    assert symbols.pop("forward.sub") == "✓" and set(symbols.values()) == {"○"}
    assert found.chapters[0].remarks == [] and os.listdir(tmp_path) == [path.name]
