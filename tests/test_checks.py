"""The machinery of the exercise checks: what a check says, hands back, and survives."""

import asyncio
import contextvars
import inspect
import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings

import checks
import nbclient
import nbformat
import numpy as np
import pytest
from checks import check, extend, worker
from checks.agreement import difference, show
from checks.exercise import Exercise, Failure, exercises, registry
from checks.extend import growths
from checks.message import Message
from checks.stubs import is_untouched
from checks.tests import agrees, arrays, at, derivative_of, linear_cost, numbers, pullback_of
from checks.worker import TimedOut, run, run_monitored, run_traced

from minigrad import Value


@pytest.fixture(autouse=True)
def as_new(monkeypatch):
    """Every test begins with exercises that no one has tried, and ends without those it declared."""
    monkeypatch.setattr(checks, "lent", {})
    monkeypatch.setattr(checks, "failures", {})
    growths.clear()
    exercises()  # all of them: a module that is imported later would be registered no more
    before = dict(registry)
    yield
    registry.clear()
    registry.update(before)


@pytest.fixture
def short(monkeypatch):
    """A time limit short enough to wait for."""
    monkeypatch.setenv("MINIGRAD_CHECK_LIMIT", "0.2")


def double(x):
    """Twice x."""
    return 2 * x


def declare(solution=double, **changes):
    """An exercise with the least that a declaration needs."""
    name = solution.__name__ if callable(solution) else "value"
    fields = {"chapter": "made-up", "title": "Made up", "kind": "fill in", "grade": "easy", "minutes": 1,
              "tests": [at(3.0, gives=6.0), agrees(numbers(1))] if callable(solution) else [],
              "wrong": [(lambda x: x * x, "That is the square.")] if callable(solution) else [(-1, "The sign.")],
              "hints": ["Add x to x.", "Multiply by `2`."]}
    return Exercise(f"made.{name}", solution, **fields | changes)


def said(capsys, name, answer):
    """What a check prints about an answer."""
    check(name, answer)
    return capsys.readouterr().out


# What a check hands back and says


def test_a_stub_is_not_started_and_the_books_answer_is_handed_back(capsys):
    exercise = declare()

    def double(x):
        """Twice x."""
        # your code here

    assert check("made.double", double) is exercise.solution
    assert capsys.readouterr().out.startswith("○ made.double: not started.")


def test_a_right_answer_passes_and_is_handed_back_with_the_note(capsys):
    declare(note="x * x is not 2 x.")
    answer = lambda x: x + x  # noqa: E731
    assert check("made.double", answer) is answer
    out = capsys.readouterr().out
    assert out.startswith("✓ made.double: these checks pass.")
    assert "x * x is not 2 x." in out


def test_a_wrong_answer_is_shown_where_it_differs(capsys):
    exercise = declare()
    assert check("made.double", lambda x: 3 * x) is exercise.solution
    out = capsys.readouterr().out
    assert out.startswith("✗ made.double: not yet.")
    assert "input     double(3)" in out
    assert "expected  6" in out
    assert "given     9" in out


def test_a_catalogued_mistake_is_named_with_its_input(capsys):
    declare()
    out = said(capsys, "made.double", lambda x: x**2)
    assert "That is the square." in out
    assert "given     9" in out


def test_the_books_own_answer_is_recognised_on_the_second_run(capsys):
    declare()
    answer = check("made.double", None)
    capsys.readouterr()
    assert check("made.double", answer) is answer
    out = capsys.readouterr().out
    assert "✓" not in out
    assert "Run the cell with your own answer again" in out


def test_the_solution_typed_by_the_reader_is_the_readers_answer(capsys):
    declare()
    namespace = {}
    exec("def double(x):\n    return 2 * x", namespace)
    assert said(capsys, "made.double", namespace["double"]).startswith("✓")


@pytest.mark.parametrize("value", [2, 2.5, 1j, "tanh", (1, 3, 2), [True, False], {"x": 1}, np.array([1.0, 2.0])])
def test_a_lent_value_equals_the_books_and_is_recognised(value, capsys):
    declare(value, kind="predict")
    lent = check("made.value", None)
    assert difference(lent, value) is None
    assert repr(lent) == repr(value)
    assert isinstance(lent, type(value))
    assert "not yours" in said(capsys, "made.value", lent)


@pytest.mark.parametrize("value", [2, 2.5, "tanh", (1, 3, 2)])
def test_the_readers_own_value_passes_though_the_book_lent_an_equal_one(value, capsys):
    declare(value, kind="predict")
    check("made.value", None)
    capsys.readouterr()
    assert said(capsys, "made.value", value).startswith("✓")


@pytest.mark.parametrize("value, given", [
    (14, 15), (14, "a"), ((1, 14), (1, 15)), ((1, 14), (1, 2, 3)), ("log14", "x"),
])
def test_a_wrong_prediction_is_not_told_the_right_one(value, given, capsys):
    declare(value, kind="predict")
    out = said(capsys, "made.value", given)
    assert out.startswith("✗")
    assert "14" not in out


def test_an_array_in_the_place_of_a_tuple_is_judged_by_its_numbers(capsys):
    declare((1, 14), kind="predict")
    out = said(capsys, "made.value", np.array([1, 15]))
    assert "That is not the answer." in out and "first at [1]" in out


def test_a_wrong_prediction_from_the_catalogue_is_named(capsys):
    declare(14, kind="predict")
    assert "The sign." in said(capsys, "made.value", -1)


@pytest.mark.parametrize("name", ["forward.subb", "nothing.there", "forward", "", "exercise.Exercise", 3, None, [1]])
def test_an_unknown_exercise_is_reported_and_the_argument_handed_back(name, capsys):
    answer = object()
    assert check(name, answer) is answer
    assert "There is no exercise" in capsys.readouterr().out


def test_an_unknown_exercise_names_the_nearest(capsys):
    assert "Is it forward.sub" in said(capsys, "forward.sup", 1)


@pytest.mark.parametrize("answer", [lambda x: x, None, double], ids=["wrong", "not started", "the book's"])
def test_while_nbgrader_validates_what_does_not_pass_is_a_failure_too(answer, capsys, monkeypatch):
    declare()
    check("made.double", answer)
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    assert check("made.double", answer)(3) == 6, "the cells below run on the book's answer"
    shown, failure = capsys.readouterr()
    assert failure.splitlines()[0] == shown.splitlines()[0] and "made.double" in failure


def test_while_nbgrader_validates_what_passes_is_no_failure(capsys, monkeypatch):
    declare()
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    check("made.double", lambda x: x + x)
    assert capsys.readouterr().err == ""


def test_hints_come_one_at_a_time_and_start_again_after_passing(capsys):
    declare()
    wrong = lambda x: 5 * x  # noqa: E731
    assert "Hint 1 of 2: Add x to x. Run your answer, then the check again" in said(capsys, "made.double", wrong)
    assert "Hint 2 of 2: Multiply" in said(capsys, "made.double", wrong)
    assert "Hint 2 of 2: Multiply" in said(capsys, "made.double", wrong)
    said(capsys, "made.double", lambda x: x + x)
    assert "Hint 1 of 2" in said(capsys, "made.double", wrong)


# What a check survives


class Hostile:
    """An object with which nothing can be done."""

    def __eq__(self, other):
        raise RuntimeError("no comparing")

    def __bool__(self):
        raise RuntimeError("no truth")

    def __repr__(self):
        raise RuntimeError("no text")

    def __getattr__(self, name):
        raise RuntimeError("no attributes")

    __hash__ = None


class Evasive(Hostile):
    """An object that does not even tell its class."""

    @property
    def __class__(self):
        raise RuntimeError("no class")


# pytest would not survive these as parameters: they are given by their place in a list.
ANSWERS = [
    3, "text", [1], {}, Hostile(), Evasive(), Hostile, object(), np.zeros(3), math.inf, print, int, math.sqrt, check,
    lambda: 1, lambda x, y: 1, lambda x: Hostile(), lambda x: Evasive(), lambda x: [Hostile()], lambda x: np.zeros(3),
    lambda x: "6", lambda x: None if x else 0, lambda x: x, lambda x: math.nan, lambda x: lambda: 6, lambda x: True,
    lambda x: (x,), lambda x: Value(6.0), lambda x: 6 + 0j, lambda x: (yield x),
]


@pytest.mark.parametrize("place", range(len(ANSWERS)))
def test_whatever_the_answer_is_the_check_says_no_and_raises_nothing(place, capsys):
    exercise = declare()
    assert check("made.double", ANSWERS[place]) is exercise.solution
    out = capsys.readouterr().out
    assert out.startswith("✗ made.double: not yet.")
    assert " at 0x" not in out


VALUES = [Hostile(), Evasive(), [Hostile()], print, lambda: 2, np.zeros(3), True, {1: 2}, "2"]


@pytest.mark.parametrize("place", range(len(VALUES)))
def test_a_value_of_the_wrong_kind_is_refused(place, capsys):
    declare(2, kind="predict")
    assert check("made.value", VALUES[place]) == 2
    assert capsys.readouterr().out.startswith("✗ made.value: not yet.")


@pytest.mark.parametrize("error", [
    ValueError("too long"), KeyError("x"), SystemExit(2), KeyboardInterrupt(), MemoryError(), GeneratorExit(),
    StopIteration(), RecursionError(), type("Odd", (Exception,), {"__str__": lambda self: 1 / 0})(),
])
def test_what_the_readers_code_raises_is_told(error, capsys):
    declare()

    def double(x):
        raise error

    out = said(capsys, "made.double", double)
    assert out.startswith("✗")
    assert "calls itself" in out or type(error).__name__ in out
    assert "double(3)" in out
    assert "raise error" in out


def test_endless_recursion_is_told(capsys):
    declare()

    def double(x):
        return double(x) + 1

    assert "calls itself without end" in said(capsys, "made.double", double)


def test_sys_exit_does_not_end_the_session(capsys):
    declare()
    assert "SystemExit" in said(capsys, "made.double", lambda x: sys.exit("bye"))


def test_none_asks_for_the_return(capsys):
    declare()
    assert "is a `return` missing?" in said(capsys, "made.double", lambda x: print(x))


def test_parameters_that_do_not_fit_are_compared_with_those_asked_for(capsys):
    declare()
    assert "should be `double(x)`; yours takes (a, b)" in said(capsys, "made.double", lambda a, b: a)


def test_an_argument_that_is_changed_is_named(capsys):
    def last(xs):
        return xs[-1]

    declare(last, tests=[at([1.0, 2.0], gives=2.0)], wrong=[(lambda xs: xs[0], "the first")])
    out = said(capsys, "made.last", lambda xs: xs.pop())
    assert "changed `xs`" in out
    assert "after   [1]" in out


def test_what_the_reader_prints_is_kept_from_the_notebook_and_shown_with_a_failure(capsys):
    declare()

    def answer(x):
        print("looking at", x)
        return 2 * x if x == 3 else 0 * x

    out = said(capsys, "made.double", answer)
    assert out.count("looking at") == 1
    assert "looking at" not in said(capsys, "made.double", lambda x: print("looking at") or 2 * x)


def test_warnings_in_the_readers_code_reach_no_one(capsys):
    declare()

    def answer(x):
        warnings.warn("careful", stacklevel=1)
        return 2 * x

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert said(capsys, "made.double", answer).startswith("✓")
    assert capsys.readouterr().err == ""


# The time limit


def endless():
    while True:
        pass


def endless_with_bare_except():
    while True:
        try:
            while True:
                pass
        except:  # noqa: E722
            pass


def endless_with_finally():
    while True:
        try:
            endless()
        finally:
            continue  # noqa: B012


def endless_list():
    numbers = []
    while True:
        numbers.append(len(numbers))


def endless_printing():
    while True:
        print("again")


def endless_sum():
    return sum(1 for _ in iter(int, 1))


# The exception may land in a callback of the garbage collector, which drops it; the next one lands elsewhere.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("loop", [endless, endless_with_bare_except, endless_with_finally, endless_list,
                                  endless_printing, endless_sum])
def test_an_endless_loop_is_stopped(loop, short, capsys):
    declare()
    threads = threading.active_count()
    began = time.monotonic()
    assert "Stopped after 0.2 s" in said(capsys, "made.double", lambda x: loop())
    assert time.monotonic() - began < 5
    assert threading.active_count() <= threads
    assert capsys.readouterr().err == ""


def test_the_input_of_an_endless_loop_is_told(short, capsys):
    declare()
    assert "double(3)" in said(capsys, "made.double", lambda x: endless())


def test_a_call_that_cannot_be_stopped_is_abandoned(short, monkeypatch, capsys):
    declare()
    monkeypatch.setattr(worker, "PATIENCE", 0.1)
    assert "Restart the kernel" in said(capsys, "made.double", lambda x: time.sleep(2))


def test_the_end_of_the_time_limit_leaves_nothing_behind(capfd):
    """A task that ends just when it is stopped: either outcome is right, an exception anywhere else is not."""
    threads = threading.active_count()
    for i in range(60):
        try:
            assert run(lambda: time.sleep(0.004) or 7, 0.004 + 0.00002 * (i - 30)) == 7
        except TimedOut:
            pass
    assert threading.active_count() <= threads
    assert capfd.readouterr().err == ""


def test_the_task_sees_the_callers_context():
    variable = contextvars.ContextVar("variable", default="outside")
    variable.set("inside")
    assert run(variable.get, 1) == "inside"


def test_the_task_may_raise_and_the_error_arrives():
    with pytest.raises(ZeroDivisionError):
        run(lambda: 1 / 0, 1)


def test_the_output_streams_are_back_after_the_limit():
    streams = sys.stdout, sys.stderr
    with pytest.raises(TimedOut):
        run(endless_printing, 0.05)
    assert (sys.stdout, sys.stderr) == streams


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no timer that interrupts on this system")
def test_the_user_can_interrupt_a_check():
    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    threads = threading.active_count()
    declare()
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            check("made.double", lambda x: endless())
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert threading.active_count() <= threads


def test_without_threads_an_endless_loop_is_stopped_as_well(short, monkeypatch, capsys):
    def no_threads(self):
        raise RuntimeError("can't start new thread")

    declare()
    monkeypatch.setattr(worker.Worker, "start", no_threads)
    trace = sys.gettrace()
    assert "Stopped after 0.2 s" in said(capsys, "made.double", lambda x: endless())
    assert said(capsys, "made.double", lambda x: x + x).startswith("✓")
    assert sys.gettrace() is trace


MONITORED = pytest.param(run_monitored, marks=pytest.mark.skipif(
    not hasattr(sys, "monitoring"), reason="Python 3.12 and later can be monitored; the tests in a browser do it"))


@pytest.mark.parametrize("run_here", [run_traced, MONITORED])
def test_without_threads_a_task_returns_and_raises(run_here):
    assert run_here(lambda: 7, 1) == 7
    with pytest.raises(ZeroDivisionError):
        run_here(lambda: 1 / 0, 1)
    with pytest.raises(TimedOut):
        run_here(lambda: sum(1 for _ in iter(int, 1)), 0.2)


@pytest.fixture(scope="module")
def endless_notebook():
    """A notebook with a loop that never ends in an answer, run in a real kernel; and the environment it ran in."""
    cells = ["from checks import check", """
        def sub(da, db):
            while True:
                try:
                    pass
                except:
                    pass
        """, 'sub = check("forward.sub", sub)', 'print(sub({"x": 5.0}, {"x": 2.0}))']
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(textwrap.dedent(cell)) for cell in cells])
    environment = os.environ | {"MINIGRAD_CHECK_LIMIT": "0.5"}
    client = nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3")
    asyncio.run(client.async_execute(env=environment))
    return notebook, environment


def test_an_endless_loop_in_a_notebook_ends_with_the_message(endless_notebook):
    """The reader's loop ends, the check says so, and the cells below run."""
    notebook, _ = endless_notebook
    shown, printed = notebook.cells[2].outputs, notebook.cells[3].outputs
    assert [output.output_type for output in shown] == ["display_data"]
    assert "Stopped after 0.5 s" in shown[0].data["text/plain"]
    assert "Stopped after 0.5 s" in shown[0].data["text/html"]
    assert printed[0].text == "{'x': 3.0}\n"


def test_an_endless_loop_ends_under_nbval_too(endless_notebook, tmp_path):
    notebook, environment = endless_notebook
    nbformat.write(notebook, tmp_path / "endless.ipynb")
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-p", "no:cacheprovider", "."]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "4 passed" in done.stdout, done.stdout


# Stubs


def test_functions_that_do_nothing_are_untouched():
    def only_docstring(x):
        """Do it."""

    def dots(x):
        """Do it."""
        ...

    def passes(x, y=2):
        pass

    def returns(x):
        return None

    assert all(map(is_untouched, [only_docstring, dots, passes, returns, lambda x: None]))


def test_functions_that_do_something_are_not():
    def returns_a_number(x):
        return 0

    def names(x):
        result = None
        return result  # noqa: RET504

    def docstring_returned():
        return "Do it."

    assert not any(map(is_untouched, [returns_a_number, names, docstring_returned, lambda x: x, print]))


def test_values_and_classes_that_say_nothing_are_untouched():
    class Empty:
        def method(self):
            """Do it."""

    class Begun(Empty):
        def method(self):
            return 1

    assert all(map(is_untouched, [None, ..., (None, None), [None], Empty]))
    assert not any(map(is_untouched, [0, 0.0, "", (), (None, 1), False, Begun]))


def with_a_bug(xs, start=0.0):
    """Add up."""
    total = start
    for x in xs:
        total = x
    return total


def test_a_working_stub_is_recognised_by_its_code_alone():
    def same(xs, start=0.0):
        """Another text."""
        total = start

        for x in xs:  # a comment
            total = x
        return total

    def repaired(xs, start=0.0):
        """Add up."""
        total = start
        for x in xs:
            total += x
        return total

    def another_default(xs, start=1.0):
        """Add up."""
        total = start
        for x in xs:
            total = x
        return total

    assert is_untouched(same, with_a_bug)
    assert not is_untouched(repaired, with_a_bug)
    assert not is_untouched(another_default, with_a_bug)


def test_a_stub_is_known_where_its_modules_are_imported_elsewhere():
    """CPython compiles np.sum(x) differently in a file that imports np itself."""
    source = "def f(x):\n    return [np.sum(x), x.sum()] if np.any(x) else np.{}(x)\n"

    def defined(source, **names):
        exec(source, names)
        return names["f"]

    stub = defined("import numpy as np\n" + source.format("mean"))
    assert is_untouched(defined(source.format("mean"), np=np), stub)
    assert not is_untouched(defined(source.format("prod"), np=np), stub)


def test_constants_of_different_classes_are_told_apart():
    assert not is_untouched(lambda x: x + 1, lambda x: x + 1.0)
    assert not is_untouched(lambda x: [y + 1 for y in x], lambda x: [y + 2 for y in x])


def test_a_working_stub_is_not_started(capsys):
    def total(xs, start=0.0):
        return sum(xs, start)

    declare(total, kind="spot the bug", stub=with_a_bug, tests=[at([1.0, 2.0], gives=3.0)],
            wrong=[(with_a_bug, "= where += is needed")])
    namespace = {}
    exec(inspect.getsource(with_a_bug).replace("with_a_bug", "total").replace('"""Add up."""', ""), namespace)
    assert "not started" in said(capsys, "made.total", namespace["total"])


# Agreement


@pytest.mark.parametrize("given, expected", [
    (1 + 1e-9, 1.0), (1, 1.0), (np.float64(2), 2), (np.array(2.0), 2.0), (math.nan, math.nan), (math.inf, math.inf),
    ([1, 2], (1.0, 2.0)), ((1, [2, (3,)]), [1, (2, [3])]), (np.array([1.0, 2.0]), [1.0, 2.0]), ("tanh ", "tanh"),
    ({"x": 1, "y": 0.0}, {"x": 1.0}), ({}, {"x": 0.0}), ([1, 2], np.array([1.0, 2.0])), (Value(3), Value(3.0)),
    (np.bool_(True), True), (1e-12, 0.0), (1 + 2j, 1 + 2j), (None, None),
    (np.array([math.nan, math.inf]), np.array([math.nan, math.inf])),
])
def test_these_agree(given, expected):
    assert difference(given, expected) is None


@pytest.mark.parametrize("given, expected, where", [
    (1.001, 1.0, ""), (True, 1.0, ""), ("1", 1.0, ""), (None, 1.0, ""), (math.inf, -math.inf, ""), (math.nan, 0.0, ""),
    (1 + 0j, 1.0, ""), (Value(1), 1.0, ""), (1.0, Value(1), ""), (Value(2), Value(1), ".data"), (1, True, ""),
    ((1, 2), (1, 2, 3), ""), ((1, (2, 4)), (1, (2, 3)), "[1][1]"), ("x", (1,), ""), (3, {"x": 3}, ""),
    ({"x": 1}, {"x": 2}, "['x']"), ({}, {"x": 2}, "['x']"), ({"x": 2, "y": 1}, {"x": 2}, "['y']"),
    (np.zeros((2, 3)), np.zeros((3, 2)), ""), (np.array([1.0, 3.0]), np.array([1.0, 2.0]), "[1]"),
    (np.array(["a", "b"]), np.array([1.0, 2.0]), ""), ([[1], [1, 2]], np.zeros((2, 2)), None),
    (np.zeros(3), 0.0, ""), (1e-3, 0.0, ""),
])
def test_these_differ_and_it_is_said_where(given, expected, where):
    if where is None:
        with pytest.raises(ValueError, match="inhomogeneous"):  # which a check reports, as every failure
            difference(given, expected)
    else:
        assert difference(given, expected).where == where


def test_numbers_are_shown_rounded_but_told_apart():
    assert show(1 / 3) == "0.333333"
    assert str(difference(1.0001, 1.0)) == "expected 1, given 1.0001"
    assert str(difference(1.0000005, 1.0)) == "expected 1, given 1.0000005"


def test_what_is_shown_has_no_addresses_and_an_end():
    assert show(object()) == "<object object>"
    assert show(Hostile()) == "an object of class Hostile"
    assert show(list(range(100))).endswith("… (88 more)]")
    assert show(double) == "function double"
    assert len(show("x" * 1000)) < 250


# Tests that exercises are made of


def verdict(exercise, answer):
    """The message about an answer, or "passed"."""
    found = exercise.trial(answer).verdict()
    return found.message if isinstance(found, Failure) else found


def test_derivative_of_accepts_the_derivative_alone():
    def slope(x):
        return math.cos(x)

    exercise = declare(slope, tests=[derivative_of(math.sin, numbers(1))])
    assert verdict(exercise, lambda x: math.sin(x + math.pi / 2)) == "passed"
    assert verdict(exercise, lambda x: -math.cos(x)) != "passed"


def test_derivative_of_several_arguments_is_a_tuple_or_one_partial():
    def partials(x, y):
        return y, x

    exercise = declare(partials, tests=[derivative_of(lambda x, y: x * y, numbers(2))])
    assert verdict(exercise, partials) == "passed"
    assert verdict(exercise, lambda x, y: (x, y)) != "passed"
    second = declare(second_partial := lambda_named("second", lambda x, y: x),
                     tests=[derivative_of(lambda x, y: x * y, numbers(2), with_respect_to=1)])
    assert verdict(second, second_partial) == "passed"
    assert verdict(second, lambda x, y: y) != "passed"


def lambda_named(name, function):
    function.__name__ = name
    return function


def test_pullback_of_needs_the_upstream_and_the_shape():
    def adjoint(g, a, x):
        return np.outer(g, x), a.T @ g

    exercise = declare(adjoint, tests=[pullback_of(lambda a, x: a @ x, arrays((2, 3), (3,)))])
    assert verdict(exercise, adjoint) == "passed"
    assert verdict(exercise, lambda g, a, x: (np.outer(np.ones(2), x), a.T @ np.ones(2))) != "passed"
    assert verdict(exercise, lambda g, a, x: (np.outer(x, g), a.T @ g)) != "passed"


def test_linear_cost_tells_one_visit_per_node_from_one_per_path():
    def paths(steps):
        return 2**steps

    def node_by_node(steps):
        count = 1
        for _ in range(steps):
            count += count
        return count

    def path_by_path(steps):
        return 1 if steps == 0 else path_by_path(steps - 1) + path_by_path(steps - 1)

    exercise = declare(paths, tests=[linear_cost(lambda size: size)])
    assert verdict(exercise, node_by_node) == "passed"
    assert "grows too fast" in verdict(exercise, path_by_path)


def test_a_mistake_that_shows_in_the_cost_alone_is_named():
    def ladder(steps):
        count = 1
        for _ in range(steps):
            count += count
        return count

    def path_by_path(steps):
        return 1 if steps == 0 else path_by_path(steps - 1) + path_by_path(steps - 1)

    exercise = declare(ladder, tests=[agrees([1, 3, 4]), linear_cost(lambda size: size)],
                       wrong=[(lambda n: 2 * n, "twice"), (path_by_path, "one visit per path")])
    assert verdict(exercise, lambda n: path_by_path(n)) == "one visit per path"
    assert verdict(exercise, lambda n: n + n) == "twice"


def test_a_test_of_ones_own_is_a_function_that_raises_failure():
    def remembers_nothing(answer):
        if answer(1.0) != answer(1.0):
            raise Failure("It gives two results for one input.")

    calls = []
    exercise = declare(tests=[at(3.0, gives=6.0), remembers_nothing])
    assert verdict(exercise, lambda x: calls.append(x) or (6.0 if x == 3.0 else len(calls))) == \
        "It gives two results for one input."


def test_the_input_told_is_that_of_the_last_call():
    def calls_twice(answer):
        answer(4.0)
        answer(5.0)

    exercise = declare(tests=[at(3.0, gives=6.0), calls_twice])
    found = exercise.trial(lambda x: 6.0 if x < 5 else 1 / 0).verdict()
    assert "double(5)" in found.details


def test_a_result_that_a_test_cannot_use_is_reported():
    def reads_data(answer):
        return answer(1.0).data

    def boxed(x):
        return Value(x)

    exercise = declare(boxed, tests=[reads_data], wrong=[(lambda x: x * x, "That is the square.")])
    assert "AttributeError" in verdict(exercise, lambda x: "text")
    assert "is a `return` missing?" in verdict(exercise, lambda x: print())


def test_use_says_what_is_done_with_the_answer():
    def cube(x):
        return x * x * x

    def gradient(answer, x):
        box = answer.own(Value)(x)
        answer(box).backward()
        return box.grad

    exercise = declare(cube, use=gradient, tests=[at(2.0, gives=12.0), agrees(numbers(1))],
                       wrong=[(lambda x: x * x, "the square")])
    assert verdict(exercise, lambda x: x * (x * x)) == "passed"
    assert verdict(exercise, lambda x: x * x + 0 * x) == "the square"
    assert "AttributeError" in verdict(exercise, lambda x: x.data**3)


def test_the_readers_own_class_is_used_where_there_is_one():
    namespace = {"Value": type("Value", (), {"data": 1.0})}
    exec("def answer(x):\n    return x", namespace)
    trial = declare().trial(namespace["answer"])
    assert trial.own(Value) is namespace["Value"]
    assert declare_again().trial(lambda x: x).own(Exercise) is Exercise


def declare_again():
    registry.pop("made.double")
    return declare()


def test_random_points_are_the_same_each_time():
    exercise = declare()
    assert agrees(numbers(2)).points(exercise) == agrees(numbers(2)).points(exercise)


@pytest.mark.parametrize("changes, complaint", [
    ({"kind": "puzzle"}, "its kind should be one of"), ({"grade": "hard"}, "its grade should be one of"),
    ({"hints": []}, "hints"), ({"tests": []}, "tests"), ({"wrong": []}, "wrong answer"),
    ({"solution": True}, "its solution should be"), ({"solution": None}, "its solution should be"),
])
def test_a_declaration_that_lacks_something_says_what(changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        declare(**changes)


def test_two_exercises_of_one_name_are_refused():
    declare()
    with pytest.raises(ValueError, match="another exercise of this name"):
        declare()


def test_a_solution_by_another_name_is_refused():
    with pytest.raises(ValueError, match="its solution should have its name; given: double"):
        Exercise("made.triple", double, chapter="made-up", title="", kind="fill in", grade="easy", minutes=1,
                 tests=[agrees([1.0])], wrong=[(abs, "")], hints=[""])


# Messages


def test_html_and_text_say_the_same():
    message = Message("✗", "a.b: not yet.", ("Use `x < 1`.",), "given  <b>", ("First.", "Second."), 1, closing="End.")
    text, page = repr(message), message._repr_html_()
    for part in ("✗ a.b: not yet.", "First.", "End."):
        assert part in text
        assert part in page
    assert "given  <b>" in text
    assert "given  &lt;b&gt;" in page
    assert "<code>x &lt; 1</code>" in page
    assert "role='status'" in page


def test_html_hints_are_nested():
    page = Message("✗", "", hints=("First.", "Second."), attempt=1)._repr_html_()
    first, second = page.index("First."), page.index("Second.")
    assert page[first:second].count("<details") == 1
    assert page[first:second].count("</details") == 0


def test_html_sets_no_colour_of_text_or_background():
    page = Message("✓", "passed", ("text",), "details")._repr_html_()
    assert "background:transparent;color:inherit" in page
    assert page.count("color:") == 1


def test_where_ipython_runs_a_message_is_displayed_in_both_forms():
    code = """
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance()
        shell.display_pub.publish = lambda data, *args, **kwargs: print(sorted(data))
        from checks import check
        check("forward.sub", None)
        """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert "['text/html', 'text/plain']" in done.stdout


# Classes that grow


def new_class():
    class Point:
        """A point."""

        __slots__ = ("x",)

        def __init__(self, x):
            self.x = x

        def __hash__(self):
            return 7

    return Point


def test_extend_moves_every_kind_of_attribute():
    grown = new_class()
    before = grown(3)

    class Point:
        """Not this text."""

        def twice(self):
            return 2 * self.x

        also_twice = twice

        @property
        def half(self):
            return self.x / 2

        @staticmethod
        def origin():
            return 0

        @classmethod
        def make(cls, x):
            return cls(x)

        def __eq__(self, other):
            return self.x == other.x

    assert extend(grown)(Point) is grown
    assert (before.twice(), before.also_twice(), before.half, grown.origin()) == (6, 6, 1.5, 0)
    assert isinstance(grown.make(1), grown)
    assert grown(3) == before
    assert hash(before) == 7
    assert grown.__doc__ == "A point."


def test_extend_refuses_what_would_go_wrong_silently():
    grown = new_class()

    class Other:
        pass

    with pytest.raises(TypeError, match="begins `class Point:`"):
        extend(grown)(Other)
    with pytest.raises(TypeError, match="without bases"):
        extend(grown)(type("Point", (Other,), {}))
    with pytest.raises(TypeError, match="__slots__"):
        extend(grown)(type("Point", (), {"__slots__": ("y",)}))
    with pytest.raises(TypeError, match="expects a class"):
        extend(3)

    class Point:
        @property
        def text(self):
            return super().__repr__()

    with pytest.raises(TypeError, match=r"text uses super\(\) without arguments"):
        extend(grown)(Point)


def part(name):
    return type("Point", (), {name: lambda self: name})


def test_a_class_defined_anew_says_which_cells_to_run_again(capsys):
    first = new_class()
    for name in ("one", "two", "three", "two"):
        extend(first)(part(name))
    assert capsys.readouterr().out == ""
    second = new_class()
    extend(second)(part("two"))
    out = capsys.readouterr().out
    assert "Point was defined anew" in out
    assert "    one\n    three" in out
    assert not hasattr(second, "one")
    extend(second)(part("one"))
    assert capsys.readouterr().out == ""
