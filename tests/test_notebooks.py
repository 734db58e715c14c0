"""The pages of the book keep the book's rules, and each rule is proved to find what it forbids."""

import inspect
import re
import subprocess
import sys
import tomllib

import nbformat
import pytest
import structure
from structure import Page

from tools import notebooks
from tools.execute import KERNEL

ROOT = notebooks.ROOT
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))
MARKDOWN = sorted((ROOT / "book").glob("*.md"))
SYLLABUS = tomllib.loads((ROOT / "tests" / "syllabus.toml").read_text("utf-8"))

FOR_EVERY_PAGE = (structure.every_picture_has_alternative_text, structure.prose_does_not_belittle,
                  structure.citations_are_in_the_bibliography)
FOR_NOTEBOOKS = (structure.every_code_cell_was_run_in_order, structure.no_cell_ends_in_an_error,
                 structure.no_cell_prints_a_warning, structure.no_semicolon_silences_a_cell,
                 structure.code_fits_the_page, structure.outputs_say_nothing_about_the_machine,
                 structure.what_is_not_compared_says_why,
                 structure.metadata_is_known, structure.file_is_as_jupyter_writes_it,
                 structure.exercises_come_with_stub_check_and_solution)
FOR_CHAPTERS = (structure.chapter_opens_with_aim_minutes_and_needs, structure.chapter_closes_with_a_summary)


def rules_of(path):
    rules = FOR_EVERY_PAGE
    if path.suffix == ".ipynb":
        rules += FOR_NOTEBOOKS
    return rules + FOR_CHAPTERS if notebooks.is_chapter(path) else rules


def agree(problems):
    problems = list(problems)
    assert not problems, "\n" + "\n".join(problems)


@pytest.mark.parametrize("path, rule", [
    pytest.param(path, rule, id=f"{path.stem}-{rule.__name__}") for path in NOTEBOOKS + MARKDOWN
    for rule in rules_of(path)])
def test_page_keeps_the_rule(path, rule):
    agree(rule(Page.read(path)))


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if notebooks.slug(path) in SYLLABUS],
                         ids=lambda path: path.stem)
def test_chapter_keeps_the_syllabus(path):
    agree(structure.syllabus_is_kept(Page.read(path), SYLLABUS[notebooks.slug(path)]))


def test_pages_and_table_of_contents_agree():
    agree(structure.pages_and_table_of_contents_agree(ROOT))


def test_equations_are_unique_and_exist():
    agree(structure.equations_are_unique_and_exist([Page.read(path) for path in NOTEBOOKS + MARKDOWN]))


def test_cell_names_are_unique():
    agree(structure.cell_names_are_unique([Page.read(path) for path in NOTEBOOKS]))


@pytest.mark.parametrize("path", sorted((ROOT / "minigrad").glob("*.py")), ids=lambda path: path.stem)
def test_equations_named_in_docstrings_are_in_the_book(path):
    known = {label for page in NOTEBOOKS for label in structure.equation_labels(Page.read(page))}
    missing = structure.labels_named_in_code(path.read_text("utf-8")) - known
    assert not missing, f"{path.name} names {', '.join(sorted(missing))}: no page of the book has it."


# The rules find what they forbid. A sound chapter first, then one offence at a time.

OPENING = """\
(sound)=
# A sound chapter

In this chapter you will be able to tell sound from unsound. **About 40 minutes.** Needs: nothing."""
STATEMENT = "```{exercise} One\n:label: ex-sound-one\n\nDo it.\n```"
SOLUTION = "````{solution} ex-sound-one\n:class: dropdown\n\n```python\ndef one():\n    return 1\n```\n````"
SUMMARY = "## Summary\n\nIt was sound.\n\n## What comes next\n\nMore."
PICTURE = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "AAAA", "text/plain": ["<Figure>"]}}


def printed(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": [text]}


def markdown(source, **metadata):
    return {"markdown": True, "source": source, **metadata}


STUB = {"tags": ["stub"], "source": "def one():\n    pass"}
CHECK = {"tags": ["check"], "source": 'one = check("sound.one", one)'}
EXERCISE = [markdown(STATEMENT), STUB, CHECK, markdown(SOLUTION, tags=["solution"])]


def chapter(make_notebook, folder, *cells, kernel=KERNEL):
    """A sound chapter with these cells in its middle, as a page."""
    path = make_notebook(folder / "01-sound.ipynb", markdown(OPENING), *cells, markdown(SUMMARY))
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, 1):
        cell.execution_count = cell.execution_count and count
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    path.write_text(nbformat.writes(notebook) + "\n", "utf-8")
    return Page.read(path)


def test_a_sound_chapter_keeps_every_rule(make_notebook, tmp_path):
    page = chapter(
        make_notebook, tmp_path, *EXERCISE,
        markdown("The code `simply` and the formula $just$ may say so.\n\n```python\nobviously = 1\n```\n\n"
                 "$$\na = b\n$$ (eq-sound)\n\nBy {eq}`eq-sound` and {cite}`griewank2008`, "
                 "![A picture of soundness.](x.svg)"),
        {"source": "plt.show()", "mystnb": {"image": {"alt": "A line."}}, "outputs": [PICTURE]},
        {"source": "print(1)", "outputs": [printed("1\n")], "name": "one"},
        {"source": "time()", "outputs": [printed("3")], "tags": ["nbval-ignore-output"], "not_compared": "a duration"})
    for rule in rules_of(page.path):
        agree(rule(page))
    agree(structure.equations_are_unique_and_exist([page]))
    agree(structure.syllabus_is_kept(page, {"equations": {"eq-sound": "."}, "cells": {"one": "."}, "numbers": ["3"]}))


OFFENCES = [
    (structure.every_code_cell_was_run_in_order, [{"source": "1", "execution_count": None}], "execution count None"),
    (structure.every_code_cell_was_run_in_order, [{"source": " "}], "is empty"),
    (structure.no_cell_ends_in_an_error, [{"source": "1/0", "outputs": [
        {"output_type": "error", "ename": "ZeroDivisionError", "evalue": "by zero", "traceback": []}]}], "by zero"),
    (structure.no_cell_prints_a_warning, [{"source": "1", "outputs": [printed("Warning!", "stderr")]}], "Warning!"),
    (structure.no_semicolon_silences_a_cell, [{"source": "plot();\n"}], "semicolon"),
    (structure.code_fits_the_page, [{"source": "x = 1  # " + "long " * 20}], "a line of 109 characters"),
    *[(structure.outputs_say_nothing_about_the_machine, [{"source": "1", "outputs": [printed(text)]}], what)
      for text, what in [
          ("<object at 0x7f8a5c2d1e50>", "an address"), ("in /home/me/book.py", "a path"), (r"C:\Users", "a path"),
          ("lib/site-packages/numpy", "a path"), ("ipykernel_123/1.py", "temporary file"), ("2024-02-29", "a date"),
          ("at 23:59:59", "a time"), ("Traceback (most recent call last):", "a traceback")]],
    (structure.what_is_not_compared_says_why, [{"source": "1", "tags": ["nbval-ignore-output"]}], "Say why"),
    (structure.what_is_not_compared_says_why, [{"source": "1", "not_compared": "a duration"}], "but it is"),
    (structure.what_is_not_compared_says_why, [{"source": "# NBVAL_SKIP\n1"}], "NBVAL_SKIP"),
    (structure.metadata_is_known, [{"source": "1", "unit": ["a:b"]}], "'unit'"),
    (structure.metadata_is_known, [{"source": "1", "tags": ["stubb"]}], "'stubb'"),
    (structure.every_picture_has_alternative_text, [{"source": "show()", "outputs": [PICTURE]}], "Describe it"),
    (structure.every_picture_has_alternative_text, [{"source": "show()", "outputs": [PICTURE, PICTURE]}], "2 pictures"),
    (structure.every_picture_has_alternative_text, [markdown("![](a.svg)")], "between the brackets"),
    (structure.every_picture_has_alternative_text, [markdown('<img src="a.svg" alt="">')], "Add alt"),
    (structure.every_picture_has_alternative_text, [markdown("```{figure} a.svg\n:name: a\n\nA.\n```")], ":alt:"),
    (structure.prose_does_not_belittle, [markdown("This is *just* a test.")], "'just'"),
    (structure.prose_does_not_belittle, [markdown("```{note}\nSimply\n```")], "'Simply'"),
    (structure.citations_are_in_the_bibliography, [markdown("{cite:t}`griewank2008,nobody1900`")], "'nobody1900'"),
    (structure.exercises_come_with_stub_check_and_solution, [EXERCISE[0]], "ends before the stub of ex-sound-one"),
    (structure.exercises_come_with_stub_check_and_solution, EXERCISE[:2] + EXERCISE[3:], "expected is the check"),
    (structure.exercises_come_with_stub_check_and_solution, EXERCISE[1:], "is a stub (no label)"),
    (structure.exercises_come_with_stub_check_and_solution,
     [*EXERCISE[:2], {"tags": ["check"], "source": 'one = check("sound.two", one)'}], "the check of ex-sound-two"),
    (structure.exercises_come_with_stub_check_and_solution,
     [*EXERCISE[:2], {"tags": ["check"], "source": 'two = check("sound.one", one)'}], "must be one line"),
    (structure.exercises_come_with_stub_check_and_solution, [{"source": 'one = check("sound.one", one)'}], "Tag it"),
    (structure.exercises_come_with_stub_check_and_solution, [*EXERCISE[:3], markdown(SOLUTION)], "go together"),
    (structure.exercises_come_with_stub_check_and_solution,
     [*EXERCISE[:3], markdown("```{solution} ex-sound-one\n```", tags=["solution"])], ":class: dropdown"),
    (structure.exercises_come_with_stub_check_and_solution, [markdown("```{exercise} One\n```")], "without a label"),
]


@pytest.mark.parametrize("rule, cells, message", OFFENCES, ids=lambda part: getattr(part, "__name__", None))
def test_an_offence_is_found(rule, cells, message, make_notebook, tmp_path):
    problems = "\n".join(rule(chapter(make_notebook, tmp_path, *cells)))
    assert message in problems, problems or "nothing was found"


@pytest.mark.parametrize("edit, message", [
    (lambda text: text.replace('"name": "python"', '"name": "python",\n   "version": "3.11.7"'), "the version"),
    (lambda text: text.replace("ipykernel", "my own"), "names the kernel"),
    (lambda text: text.replace("\n ", "\n  "), "not laid out"),
    (lambda text: text.replace('"nbformat_minor": 5', '"nbformat_minor": 4'), "not a valid notebook"),
])
def test_an_offence_of_the_file_is_found(edit, message, make_notebook, tmp_path):
    page = chapter(make_notebook, tmp_path, {"source": "1"})
    page.path.write_text(edit(page.path.read_text("utf-8")), "utf-8")
    assert message in "\n".join(structure.file_is_as_jupyter_writes_it(page))


@pytest.mark.parametrize("missing", ["(sound)=\n", "# A sound", "you will be able to", "40 minutes", "Needs"])
def test_an_opening_that_lacks_something_is_found(missing, make_notebook, tmp_path):
    page = chapter(make_notebook, tmp_path)
    page.notebook["cells"][0]["source"] = OPENING.replace(missing, "")
    assert list(structure.chapter_opens_with_aim_minutes_and_needs(page))


@pytest.mark.parametrize("closing, message", [
    ("The end.", "no section"), ("## Summary\n\nThe end.", "what comes next"),
    (SUMMARY + "\n\n## One more thing", "after the summary")])
def test_a_closing_that_lacks_something_is_found(closing, message, make_notebook, tmp_path):
    page = chapter(make_notebook, tmp_path)
    page.notebook["cells"][-1]["source"] = closing
    assert message in "\n".join(structure.chapter_closes_with_a_summary(page))


def test_the_map_on_the_first_page_gives_each_chapter_its_minutes():
    rows = re.findall(r"<([\w-]+)>` \| (\d+) \|", (ROOT / "book" / "intro.md").read_text("utf-8"))
    stated = {}
    for path in NOTEBOOKS:
        text = " ".join(notebooks.source(cell) for cell in notebooks.read(path)["cells"][:2])
        if minutes := re.search(r"About\s+(\d+)\s+minutes", text):  # back matter has none
            stated[notebooks.slug(path)] = minutes[1]
    assert dict(rows) == stated



@pytest.mark.parametrize("text, message", [
    ("$$a$$ (eq-a)\n\n$$b$$ (eq-a)", "given 2 times"), ("See {eq}`eq-b`.", "which no page states"),
    ("$$a$$ (nll)", "not of the form")])
def test_a_wrong_equation_label_is_found(text, message, make_notebook, tmp_path):
    page = chapter(make_notebook, tmp_path, markdown(text))
    assert message in "\n".join(structure.equations_are_unique_and_exist([page]))


def test_a_cell_name_given_twice_is_found(make_notebook, tmp_path):
    page = chapter(make_notebook, tmp_path, {"source": "1", "name": "one"}, {"source": "2", "name": "one"})
    assert list(structure.cell_names_are_unique([page]))


@pytest.mark.parametrize("contract, message", [
    ({"equations": {"eq-a": "the first"}}, "no equation labelled eq-a: the first"),
    ({"cells": {"a": "the first"}}, "no code cell named 'a'"),
    ({"numbers": ["-4"]}, "does not hold the number -4"), ({"numbers": ["0.5"]}, "does not hold the number 0.5")])
def test_a_gap_in_the_syllabus_is_found(contract, message, make_notebook, tmp_path):
    page = chapter(make_notebook, tmp_path, markdown("$$a$$ (eq-other), −40, −4.5 and 10.5"), {"source": "0.51"})
    assert message in "\n".join(structure.syllabus_is_kept(page, contract))


def test_a_table_of_contents_that_disagrees_is_found(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "stray.md").touch()
    (tmp_path / "_toc.yml").write_text("root: book/intro\n")
    problems = "\n".join(structure.pages_and_table_of_contents_agree(tmp_path))
    assert "_toc.yml lists book/intro" in problems and "book/stray is not listed" in problems


def test_every_rule_is_applied_and_proved():
    rules = {function for name, function in inspect.getmembers(structure, inspect.isfunction)
             if list(inspect.signature(function).parameters)[:1] == ["page"] and inspect.isgeneratorfunction(function)}
    rules -= {structure.syllabus_is_kept}
    assert rules == set(FOR_EVERY_PAGE + FOR_NOTEBOOKS + FOR_CHAPTERS)
    proved_by_cells = {rule for rule, _, _ in OFFENCES}
    assert rules - proved_by_cells == {structure.file_is_as_jupyter_writes_it, *FOR_CHAPTERS}


# The stored outputs are compared with what the cells give now.

COMPARED = {
    "the same output": ("print(3)", printed("3\n"), True),
    "a wrong number printed": ("print(3)", printed("4\n"), False),
    "a wrong number in a result": ("1 + 2", {"output_type": "execute_result", "execution_count": 1, "metadata": {},
                                             "data": {"text/plain": ["4"]}}, False),
    "a wrong number in HTML": ("from IPython.display import HTML\nHTML('<b>3</b>')", {
        "output_type": "execute_result", "execution_count": 1, "metadata": {},
        "data": {"text/plain": ["<IPython.core.display.HTML object>"], "text/html": ["<b>4</b>"]}}, False),
    "another drawing with the same text": ("display({'text/plain': 'a', 'image/svg+xml': '<svg/>'}, raw=True)", {
        "output_type": "display_data", "metadata": {}, "data": {"text/plain": ["a"], "image/svg+xml": ["<svg>1</svg>"]},
    }, True),
    "the same drawing with another text": ("display({'text/plain': 'a', 'image/svg+xml': '<svg/>'}, raw=True)", {
        "output_type": "display_data", "metadata": {}, "data": {"text/plain": ["b"], "image/svg+xml": ["<svg/>"]},
    }, False),
    "an output that is gone": ("x = 3", printed("3\n"), False),
}


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """For each notebook of COMPARED, whether the suite accepts it; one run of pytest for all."""
    folder = tmp_path_factory.mktemp("compared") / "book"
    folder.mkdir()
    for name, (source, output, _) in COMPARED.items():
        cell = nbformat.v4.new_code_cell(source, execution_count=1, outputs=[nbformat.from_dict(output)])
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), folder / f"{name}.ipynb")
    for shared in ("conftest.py", "pyproject.toml"):
        (folder.parent / shared).write_bytes((ROOT / shared).read_bytes())
    done = subprocess.run([sys.executable, "-m", "pytest", "-n0", "-rA", "-p", "no:cacheprovider", folder],
                          cwd=folder.parent, env=structure.environment(), capture_output=True, text=True, timeout=300)
    found = re.findall(r"^(PASSED|FAILED) book/(.*?)\.ipynb::Cell 0", done.stdout, re.MULTILINE)
    assert len(found) == len(COMPARED), done.stdout + done.stderr
    return {name: outcome == "PASSED" for outcome, name in found}


@pytest.mark.parametrize("name", COMPARED)
def test_stored_outputs_are_compared(compared, name):
    assert compared[name] == COMPARED[name][2]
