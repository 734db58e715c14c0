"""The pages of the book that are made from the package and from the exercises: reference, index of exercises."""

import re

import pytest
from checks.exercise import exercises

import minigrad
from minigrad import nn, optim
from tools import exercise_index, notebooks
from tools.docstrings import with_links

BOOK = notebooks.ROOT / "book"


def test_every_public_name_is_in_the_reference():
    listed = re.findall(r"^\.\. auto\w+:: (\S+)$", (BOOK / "reference.md").read_text("utf-8"), re.MULTILINE)
    public = [f"minigrad.{name}" for name in minigrad.__all__ if name not in minigrad.MODULES]
    public += [f"minigrad.nn.{name}" for name in nn.__all__]
    public += [f"minigrad.optim.{name}" for name, value in vars(optim).items()
               if isinstance(value, type) and value.__module__ == optim.__name__]
    missing = sorted(set(public) - set(listed))
    assert not missing, f"book/reference.md lacks {', '.join(missing)}. Add a line `.. autofunction::` for each."
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize("line, linked", [
    ("Derived in \"X\", `eq-vjp`; A. Author.", "Derived in \"X\", equation :eq:`eq-vjp`; A. Author."),
    ("at least max(1, |x|)", r"at least max(1, \|x\|)"),
    ("`x` or ``eq-vjp`` is code", "`x` or ``eq-vjp`` is code"),
])
def test_an_equation_that_a_docstring_names_becomes_a_link(line, linked):
    assert with_links([line]) == [linked]


def test_the_index_of_exercises_is_up_to_date():
    assert not list(exercise_index.problems(notebooks.ROOT))


def test_the_index_has_every_exercise_as_it_is_declared():
    rows = re.findall(r"^\| \{ref\}`(.+) <ex-(.+)>` \| (\w+) \| (\d+) \| (.+) \|$",
                      (BOOK / "exercises.md").read_text("utf-8"), re.MULTILINE)
    declared = [(one.title, one.name.replace(".", "-").replace("_", "-"), one.grade, str(one.minutes), one.kind)
                for one in exercises()]
    assert sorted(rows) == sorted(declared)


def test_the_index_of_the_bug_museum_names_its_exhibits_by_their_titles():
    named = dict(re.findall(r"\{ref\}`([^<`]+) <ex-museum-([^>]+)>`", (BOOK / "bug-museum.md").read_text("utf-8")))
    exhibits = {one.title: one.name.partition(".")[2].replace("_", "-")
                for one in exercises() if one.name.startswith("museum.")}
    assert named == exhibits


def test_an_index_out_of_date_is_reported_and_written_anew(tmp_path, make_notebook):
    (tmp_path / "book").mkdir()
    (tmp_path / "_toc.yml").write_text("root: book/intro\nparts:\n- chapters:\n  - file: book/01-one\n")
    statement = "```{exercise} Half\n:label: ex-one-half\n\n*easy · 30 minutes · fill in.* Do it.\n```"
    make_notebook(tmp_path / "book" / "01-one.ipynb", {"markdown": True, "source": "(one)=\n# One"},
                  {"markdown": True, "source": statement})
    [message] = exercise_index.problems(tmp_path)
    assert "Run `make sync`" in message
    assert exercise_index.write(tmp_path) and not exercise_index.write(tmp_path)
    assert not list(exercise_index.problems(tmp_path))
    assert "| {ref}`Half <ex-one-half>` | easy | 30 | fill in |" in exercise_index.page(tmp_path)
