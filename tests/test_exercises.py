"""The contract of the exercises, for every exercise that is registered and every notebook it stands in.

Run as a script with a notebook, this file runs the notebook's cells once for each way of answering its exercises and
prints what came of it; the tests do that in a process of its own, since some of the answers never end.
"""

import contextlib
import functools
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import checks
import pytest
from checks.agreement import is_array, is_box, is_number
from checks.exercise import NOT_STARTED, PASSED, VALUES, Failure, exercises, find

from tools import notebooks

BOOK = notebooks.ROOT / "book"
CHAPTERS = [path for path in sorted(BOOK.glob("*.ipynb")) if notebooks.is_chapter(path)]
EXERCISES = exercises()
FEWEST = 3

every_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)
every_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


# Answers that are wrong whatever the exercise is


def reformed(x, change):
    """Something of the form of x, with every number, string and matrix in it changed by ``change``."""
    if isinstance(x, (tuple, list)):
        return type(x)([reformed(item, change) for item in x]) if type(x) in VALUES else x
    if isinstance(x, dict):
        return {key: reformed(value, change) for key, value in x.items()}
    if is_box(x) and not isinstance(x, str):
        return type(x)(reformed(x.data, change))
    if callable(x):
        return lambda *inputs: reformed(x(*inputs), change)
    return change(x)


def filled_with(number):
    """A change that puts one number everywhere."""
    def change(x):
        if isinstance(x, bool):
            return bool(number)
        if isinstance(x, str):
            return str(number)
        if is_array(x):
            return x * 0 + number
        return type(x)(number) if is_number(x) else x
    return change


def transposed(x):
    return x.swapaxes(-1, -2) if is_array(x) and x.ndim >= 2 else x


FORMS = {"zeros": filled_with(0), "ones": filled_with(1), "transposed": transposed}


class Unwieldy:
    """An object that can be neither compared nor shown."""

    def __eq__(self, other):
        raise RuntimeError("this cannot be compared")

    def __repr__(self):
        raise RuntimeError("this cannot be shown")

    __hash__ = None


def returns_none(*inputs):
    inputs.count(None)  # a function that does nothing would be a stub


def raises(*inputs):
    raise ValueError("made to fail")


def never_ends(*inputs):
    while True:
        try:
            while True:
                pass
        except:  # noqa: E722
            pass


#: A way of answering → the function, and what stands for it where the answer is a value.
BROKEN = {"none": (returns_none, None), "wrong type": (Unwieldy(), Unwieldy()),
          "raises": (raises, Unwieldy()), "never ends": (never_ends, Unwieldy())}


def answer_of_kind(kind, exercise):
    """The answer of a kind to an exercise."""
    if kind in FORMS:
        return reformed(exercise.solution, FORMS[kind])
    return BROKEN[kind][0 if exercise.is_function else 1]


def is_right(kind, exercise):
    """Whether the exercise declares an answer of this kind to be right."""
    return kind in FORMS and not getattr(exercise, f"{kind}_{'is' if kind == 'transposed' else 'are'}_wrong")


# The exercises themselves


def judged(exercise, answer):
    return checks.judge(exercise, answer)


@every_exercise
def test_the_solution_passes(exercise):
    verdict = judged(exercise, exercise.solution)
    assert verdict is PASSED, f"{verdict}\n{verdict.details}"


@every_exercise
def test_the_stub_is_not_started(exercise):
    assert judged(exercise, exercise.stub) is NOT_STARTED


@every_exercise
def test_every_wrong_answer_fails_with_its_own_message(exercise):
    for place, (wrong, message) in enumerate(exercise.wrong):
        verdict = judged(exercise, wrong)
        if wrong is exercise.stub:
            assert verdict is NOT_STARTED
            continue
        assert isinstance(verdict, Failure), f"wrong answer {place}, {message!r}, is {verdict}"
        assert verdict.message == message, f"wrong answer {place}:\n{verdict.details}"


@every_exercise
@pytest.mark.parametrize("kind", FORMS)
def test_an_answer_of_the_right_form_alone_fails(exercise, kind):
    if isinstance(exercise.solution, type) or kind == "transposed" and not returns_a_matrix(exercise):
        return
    verdict = judged(exercise, answer_of_kind(kind, exercise))
    if is_right(kind, exercise):
        assert verdict is PASSED, f"{kind} are declared right and fail: {verdict}"
    else:
        assert isinstance(verdict, Failure), f"an answer of {kind} is {verdict}"


def returns_a_matrix(exercise):
    """Whether there is a matrix in what the solution gives at the inputs of the tests."""
    found = []

    def look(x):
        found.append(is_array(x) and x.ndim >= 2)
        return x

    exercise.trial(reformed(exercise.solution, look)).first_failure()
    return any(found)


@every_exercise
@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_answer_fails_readably(exercise, kind, monkeypatch):
    if kind == "never ends":
        monkeypatch.setenv("MINIGRAD_CHECK_LIMIT", "0.2")
    answer = answer_of_kind(kind, exercise)
    verdict = judged(exercise, answer)
    if answer is None:
        assert verdict is NOT_STARTED
        return
    assert isinstance(verdict, Failure)
    text = repr(checks.message(exercise, verdict))
    assert " at 0x" not in text
    assert len(text) < 2000
    if exercise.is_function:
        expected = {"none": "None", "wrong type": "Unwieldy", "raises": "ValueError: made to fail",
                    "never ends": "Stopped after 0.2 s"}
        assert expected[kind] in text


@every_exercise
def test_a_function_is_declared_where_its_name_says(exercise):
    topic, _, name = exercise.name.partition(".")
    if exercise.is_function:
        assert exercise.solution is getattr(importlib.import_module(f"checks.{topic}"), name)


# The notebooks


@dataclass
class Place:
    """Where an exercise stands in a notebook: its check cell, and the others by their number."""

    path: Path
    name: str
    target: str
    line: str
    check: int
    statement: int | None
    stub: int | None
    solution: int | None


CHECK = re.compile(r'(\w+) = check\("([^"]*)", (\w+)\)')


def places(path):
    """The exercises of a notebook, in order."""
    cells = notebooks.read(path)["cells"]
    return [place(path, cells, number) for number, cell in enumerate(cells) if "check" in notebooks.tags(cell)]


def place(path, cells, number):
    line = notebooks.source(cells[number]).strip()
    match = CHECK.fullmatch(line)
    target, name = (match[1], match[2]) if match and match[1] == match[3] else ("", "")
    label = "ex-" + name.replace(".", "-").replace("_", "-")
    stubs = [n for n in range(number) if "stub" in notebooks.tags(cells[n])]
    checks_between = [n for n in range(number) if "check" in notebooks.tags(cells[n])]
    return Place(
        path, name, target, line, number,
        statement=cell_with(cells, rf"```{{exercise}}[^\n]*\n:label: {re.escape(label)}\n"),
        stub=stubs[-1] if stubs and stubs[-1] > max(checks_between, default=-1) else None,
        solution=cell_with(cells, rf"```{{solution}} {re.escape(label)}\n"))


def cell_with(cells, pattern):
    """The number of the one markdown cell in which a pattern occurs."""
    found = [n for n, cell in enumerate(cells)
             if cell["cell_type"] == "markdown" and re.search(pattern, notebooks.source(cell))]
    return found[0] if len(found) == 1 else None


def problems(path):
    """What is wrong with the exercises of a notebook, each in a sentence."""
    cells = notebooks.read(path)["cells"]
    found = places(path)
    for p in found:
        where = f"{path.name}, cell {p.check + 1}"
        if not p.name:
            yield f"{where}: a check cell is one line such as `sub = check(\"forward.sub\", sub)`; given: {p.line}"
            continue
        try:
            exercise = find(p.name)
        except LookupError as error:
            yield f"{where}: {error}"
            continue
        for part in ("statement", "stub", "solution"):
            if getattr(p, part) is None:
                yield f"{where}: {p.name} has no {part}, or more than one"
        if None not in (p.statement, p.stub, p.solution):
            yield from (f"{where}: {problem}" for problem in problems_of(exercise, p, cells))
    for tag, part in (("stub", "stub"), ("solution", "solution")):
        tagged = {n for n, cell in enumerate(cells) if tag in notebooks.tags(cell)}
        for n in tagged - {getattr(p, part) for p in found}:
            yield f"{path.name}, cell {n + 1}: a cell tagged {tag} that belongs to no check cell"


def problems_of(exercise, p, cells):
    if not p.statement < p.stub < p.check < p.solution:
        yield f"{p.name}: the order is statement, stub, check, solution"
    if exercise.chapter != notebooks.slug(p.path):
        yield f"{p.name} is declared for the chapter {exercise.chapter}"
    statement, solution = cells[p.statement], cells[p.solution]
    first = f"*{exercise.grade} · {exercise.minutes} minutes · {exercise.kind}.*"
    text = notebooks.source(statement)
    if first not in text or f"{{exercise}} {exercise.title}\n" not in text:
        yield f"{p.name}: its statement should have the title {exercise.title!r} and begin {first}"
    if "solution" not in notebooks.tags(solution) or ":class: dropdown" not in notebooks.source(solution):
        yield f"{p.name}: its solution should be tagged solution and have `:class: dropdown`"
    topic, _, name = exercise.name.partition(".")
    if exercise.is_function and solution["metadata"].get("units") != [f"checks.{topic}:{name}"]:
        yield f'{p.name}: its solution should show "units": ["checks.{topic}:{name}"]'


@every_chapter
def test_the_exercises_of_a_chapter_are_complete(path):
    assert not list(problems(path))


@every_chapter
def test_a_chapter_has_exercises(path):
    assert len(places(path)) >= FEWEST


@every_exercise
def test_an_exercise_stands_in_exactly_one_notebook(exercise):
    found = [p.path.name for path in CHAPTERS for p in places(path) if p.name == exercise.name]
    assert len(found) == 1, f"it stands in {found}"


# The chapter runs to its end, whatever the reader did


KINDS = ["stub", "solution", "zeros", *BROKEN]


def run_all(path):
    """Run the cells of a notebook once for each kind of answer; what each run said, by kind."""
    from IPython.core.interactiveshell import InteractiveShell

    sys.path.insert(0, str(Path(path).parent))
    os.chdir(Path(path).parent)
    shell = InteractiveShell.instance(colors="NoColor")
    return {kind: run_one(shell, path, kind) for kind in KINDS}


def run_one(shell, path, kind):
    """Run the cells with one kind of answer to every exercise."""
    shell.reset(new_session=True)
    for memory in (checks.lent, checks.failures, importlib.import_module("checks.extend").growths):
        memory.clear()
    said, signatures = [], {}
    checks.show = lambda message: said.append(message.symbol)
    os.environ["MINIGRAD_CHECK_LIMIT"] = "0.2" if kind == "never ends" else "10"
    cells = notebooks.read(path)["cells"]
    by_stub = {p.stub: p for p in places(path)}
    error = None
    for number, cell in enumerate(cells):
        if cell["cell_type"] != "code":
            continue
        result = shell.run_cell(notebooks.source(cell))
        if not result.success and "raises-exception" not in notebooks.tags(cell):
            problem = result.error_before_exec or result.error_in_exec
            error = f"cell {number + 1}: {type(problem).__name__}: {problem}"
            break
        if number in by_stub:
            p = by_stub[number]
            signatures[p.name] = signature(shell.user_ns.get(p.target))
            put_answer(shell, kind, p, cells)
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
    return {"error": error, "said": said, "signatures": signatures}


def signature(x):
    return str(inspect.signature(x)) if inspect.isfunction(x) else None


def put_answer(shell, kind, p, cells):
    """Answer an exercise in the reader's place."""
    exercise = find(p.name)
    if kind == "solution":
        block = re.search(r"^```python\n(.*?)^```$", notebooks.source(cells[p.solution]), re.DOTALL | re.MULTILINE)
        if exercise.is_function or block:
            shell.run_cell(block[1])
        else:
            shell.user_ns[p.target] = exercise.solution
    elif kind != "stub":
        shell.user_ns[p.target] = answer_of_kind(kind, exercise)


@functools.cache
def runs(path):
    """What ``run_all`` finds, in a process of its own."""
    done = subprocess.run([sys.executable, __file__, str(path)], capture_output=True, text=True, timeout=300,
                          cwd=notebooks.ROOT, env=os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(notebooks.ROOT)})
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def expected_symbol(kind, exercise):
    """What the check should say to an answer of a kind."""
    if kind in ("stub", "solution"):
        return "○" if kind == "stub" else "✓"
    if answer_of_kind(kind, exercise) is None:
        return "○"
    return "✓" if is_right(kind, exercise) else "✗"


def complaints(path, kind):
    """What went wrong when the notebook was run with one kind of answer."""
    run, found = runs(path)[kind], [find(p.name) for p in places(path)]
    if run["error"]:
        yield f"{path.name} does not run to its end: {run['error']}"
    for exercise, symbol in zip(found, run["said"]):
        if symbol != expected_symbol(kind, exercise):
            yield f"{exercise.name} says {symbol}, not {expected_symbol(kind, exercise)}"
    if len(run["said"]) != len(found) and not run["error"]:
        yield f"{len(found)} exercises said {len(run['said'])} things"
    for exercise in found:
        if exercise.is_function and run["signatures"].get(exercise.name) != signature(exercise.solution):
            yield (f"{exercise.name} is {signature(exercise.solution)} in the solution, "
                   f"{run['signatures'].get(exercise.name)} in the stub")


@every_chapter
@pytest.mark.parametrize("kind", KINDS)
def test_the_chapter_runs_to_its_end(path, kind):
    assert not list(complaints(path, kind))


# The contract itself, on a notebook made for it


STATEMENT = "```{exercise} Subtraction\n:label: ex-forward-sub\n\n*easy · 5 minutes · fill in.* Subtract.\n```"
STUB = 'def sub(grads, others):\n    """Subtract."""\n    # your code here'
SOLUTION = "````{solution} ex-forward-sub\n:class: dropdown\n\n```python\n%s```\n````"
USE = 'result = sub({"x": 5.0}, {"x": 2.0})\nassert result == {"x": 3.0}'


@pytest.fixture
def small_chapter(tmp_path, make_notebook):
    """A chapter with one exercise; keyword arguments replace its cells."""
    exercise = find("forward.sub")

    def make(**changes):
        cells = {
            "start": {"source": "from checks import check"},
            "statement": {"source": STATEMENT, "markdown": True},
            "stub": {"source": STUB, "tags": ["stub"]},
            "check": {"source": 'sub = check("forward.sub", sub)', "tags": ["check"]},
            "solution": {"source": SOLUTION % inspect.getsource(exercise.solution), "markdown": True,
                         "tags": ["solution"], "units": ["checks.forward:sub"]},
            "use": {"source": USE}}
        cells |= changes
        return make_notebook(tmp_path / "05-forward-mode.ipynb", *filter(None, cells.values()))

    return make


def test_a_sound_chapter_has_no_problems(small_chapter):
    path = small_chapter()
    assert not list(problems(path))
    assert {kind: list(complaints(path, kind)) for kind in KINDS} == {kind: [] for kind in KINDS}


@pytest.mark.parametrize("changes, problem", [
    ({"stub": None}, "no stub"), ({"solution": None}, "no solution"), ({"statement": None}, "no statement"),
    ({"check": {"source": "sub = check('forward.sub', sub); 1", "tags": ["check"]}}, "is one line such as"),
    ({"check": {"source": 'other = check("forward.sub", sub)', "tags": ["check"]}}, "is one line such as"),
    ({"check": {"source": 'sub = check("forward.sup", sub)', "tags": ["check"]}}, "no exercise 'forward.sup'"),
    ({"statement": {"source": STATEMENT.replace("5 min", "6 min"), "markdown": True}}, "begin *easy · 5 minutes"),
    ({"statement": {"source": STATEMENT.replace("Subtraction", "Minus"), "markdown": True}}, "the title 'Subtraction'"),
    ({"use": {"source": STUB, "tags": ["stub"]}}, "belongs to no check cell"),
])
def test_an_incomplete_exercise_is_found(small_chapter, changes, problem):
    found = list(problems(small_chapter(**changes)))
    assert any(problem in text for text in found), found


@pytest.mark.parametrize("changes, kind, complaint", [
    ({"stub": {"source": STUB.replace("others", "more"), "tags": ["stub"]}}, "stub", "in the stub"),
    ({"stub": {"source": STUB + "\n    return {}", "tags": ["stub"]}}, "stub", "says ✗, not ○"),
    ({"use": {"source": "assert sub is None"}}, "stub", "does not run to its end"),
    ({"solution": {"source": SOLUTION % "def sub(grads, others):\n    return grads\n", "markdown": True,
                   "tags": ["solution"]}}, "solution", "says ✗, not ✓"),
])
def test_a_chapter_that_breaks_is_found(small_chapter, changes, kind, complaint):
    runs.cache_clear()
    path = small_chapter(**changes)
    found = list(complaints(path, kind))
    assert any(complaint in text for text in found), found


if __name__ == "__main__":
    output = sys.stdout
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        report = run_all(sys.argv[1])
    print(json.dumps(report), file=output)
