"""`make execute` stores what the cells give, nothing of the machine, and never half a notebook."""

import json

import pytest
import structure

from tools import execute, notebooks


@pytest.fixture
def executed(make_notebook, tmp_path):
    path = make_notebook(
        tmp_path / "01-good.ipynb",
        {"source": "import os\nprint('here:', os.listdir())\nprint('and there')", "ExecuteTime": {"start": "noon"}},
        {"source": "# text", "markdown": True, "jp-MarkdownHeadingCollapsed": True},
        {"source": "1 + 2", "tags": ["kept"], "execution_count": 7})
    assert execute.main([str(path)]) == 0
    return path


def test_outputs_are_stored_as_the_suite_wants_them(executed):
    page = structure.Page.read(executed)
    for rule in (structure.every_code_cell_was_run_in_order, structure.file_is_as_jupyter_writes_it):
        assert not list(rule(page))
    first, _, last = page.notebook["cells"]
    assert [output["text"] for output in first["outputs"]] == [["here: ['01-good.ipynb']\n", "and there\n"]]
    assert last["outputs"][0]["data"] == {"text/plain": ["3"]}


def test_identities_and_tags_are_kept_and_traces_of_the_editor_are_not(executed):
    cells = notebooks.read(executed)["cells"]
    assert [cell["id"] for cell in cells] == ["cell-1", "cell-2", "cell-3"]
    assert [cell["metadata"] for cell in cells] == [{}, {}, {"tags": ["kept"]}]


def test_a_second_run_changes_nothing(executed, capsys):
    before, when = executed.read_bytes(), executed.stat().st_mtime_ns
    assert execute.main([str(executed)]) == 0
    assert "unchanged" in capsys.readouterr().out
    assert (executed.read_bytes(), executed.stat().st_mtime_ns) == (before, when)


def test_a_notebook_that_fails_is_named_and_left_as_it_was(make_notebook, tmp_path):
    path = make_notebook(tmp_path / "02-bad.ipynb", {"source": "x = 1"}, {"source": "x / 0"}, {"source": "x"})
    before = path.read_bytes()
    assert execute.main([str(path)]) == f"{path}, cell 2: ZeroDivisionError: division by zero\n    x / 0"
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_notebook_that_takes_too_long_is_named_and_left_as_it_was(make_notebook, tmp_path, monkeypatch):
    monkeypatch.setattr(execute, "SECONDS_PER_CELL", 1)
    path = make_notebook(tmp_path / "03-slow.ipynb", {"source": "while True:\n    pass"})
    before = path.read_bytes()
    assert execute.main([str(path)]).startswith(f"{path}, cell 1: not finished after 1 seconds")
    assert path.read_bytes() == before


def test_a_missing_notebook_and_a_broken_one_are_named(tmp_path):
    broken = tmp_path / "04-broken.ipynb"
    broken.write_text(json.dumps({"cells": []})[:-3])
    message = execute.main([str(broken), str(tmp_path / "05-missing.ipynb")])
    assert f"{broken}: not a notebook" in message and "05-missing.ipynb: there is no such notebook" in message
