"""An exercise: what it is, how an answer is judged, and how a wrong answer is told apart from another.

An answer is judged by the exercise's tests (``checks.tests`` has the common ones), in order. A test is a function of
the answer that raises Failure; the first failure decides. A value, in a prediction for instance, is judged as a
function without arguments.
"""

import importlib
import inspect
import pkgutil
import re
import traceback
from dataclasses import KW_ONLY, dataclass
from difflib import get_close_matches

import checks
from checks.agreement import TOLERANCE, difference, form_of, is_array, show
from checks.stubs import is_untouched
from checks.worker import Printed, Stop

KINDS = ("fill in", "derive", "predict", "spot the bug")
GRADES = ("easy", "core", "stretch")

#: The classes that a value asked for may have, besides arrays. A bool or None would be guessed, and could not be
#: told from the book's: ask for a tuple of them, or for a word.
VALUES = (int, float, complex, str, tuple, list, dict)

#: The verdicts on an answer, besides a Failure.
NOT_STARTED, PASSED = "not started", "passed"

#: Exercise name → Exercise.
registry = {}


class Failure(Exception):
    """What a check found wrong, in words for the reader; ``details`` is a block of aligned lines."""

    def __init__(self, message, details=""):
        super().__init__(message)
        self.message, self.details = message, details


@dataclass(frozen=True, eq=False)
class Exercise:
    """An exercise. Declaring it registers it.

    name : ``"topic.name"``; the topic is the module that declares the exercise.
    solution : the book's answer, a function (or class) of that name, or a value.
    chapter : the slug of the chapter it stands in.
    kind, grade, minutes : one of KINDS, one of GRADES, how long it takes.
    tests : functions of the answer that raise Failure, in the order in which they are to be passed; the tests of
        ``checks.tests`` for the most part. A value needs none.
    wrong : pairs (wrong answer, message): what a reader who made that mistake is told.
    hints : shown one at a time, from a nudge to nearly the answer.
    note : shown after passing, on why the obvious alternative fails.
    stub : the stub, where it is code that runs (spot the bug); otherwise a stub is a function that does nothing.
    use : what is done with the answer at the inputs of a test, ``use(answer, *inputs)``; by default, call it. The
        tests compare what comes out of it for the reader's answer and for the solution.
    tolerance : relative error up to which numbers agree.
    zeros_are_wrong, ones_are_wrong, transposed_is_wrong : whether an answer of the right form, but of zeros, of ones
        or with its matrices transposed, has to fail. Say False only where it is right.
    """

    name: str
    solution: object
    _: KW_ONLY
    chapter: str
    title: str
    kind: str
    grade: str
    minutes: int
    tests: tuple = ()
    wrong: tuple = ()
    hints: tuple = ()
    note: str = ""
    stub: object = None
    use: object = None
    tolerance: float = TOLERANCE
    zeros_are_wrong: bool = True
    ones_are_wrong: bool = True
    transposed_is_wrong: bool = True

    def __post_init__(self):
        for field in ("tests", "wrong", "hints"):
            object.__setattr__(self, field, tuple(getattr(self, field)))
        for complaint in self.complaints():
            raise ValueError(f"exercise {self.name}: {complaint}")
        registry[self.name] = self

    def complaints(self):
        """What is wrong with the declaration."""
        if not re.fullmatch(r"[a-z]\w*\.[a-z]\w*", self.name):
            yield "its name should be 'topic.name', in lower case"
        if self.name in registry:
            yield "there is another exercise of this name"
        if self.kind not in KINDS:
            yield f"its kind should be one of {', '.join(KINDS)}; given: {self.kind!r}"
        if self.grade not in GRADES:
            yield f"its grade should be one of {', '.join(GRADES)}; given: {self.grade!r}"
        if not self.hints or not all(isinstance(hint, str) for hint in self.hints):
            yield "it should have hints, a list of strings"
        if not self.wrong:
            yield "it should name at least one plausible wrong answer"
        if self.is_function and self.solution.__name__ != self.name.split(".")[1]:
            yield f"its solution should have its name; given: {self.solution.__name__}"
        if self.is_function and not self.tests:
            yield "it should have tests"
        if not self.is_function and not (type(self.solution) in VALUES or is_array(self.solution)):
            yield f"its solution should be a function, an array or one of {VALUES}; given: {self.solution!r}"

    @property
    def is_function(self):
        """Whether the answer is a function or a class, not a value."""
        return callable(self.solution)

    def trial(self, answer):
        return Trial(self, answer)


class Trial:
    """One answer while it is judged. A test calls it as it would call the answer.

    It keeps the inputs at hand for the message, looks after what the answer does to its arguments, and turns whatever
    the reader's code raises into a Failure.
    """

    def __init__(self, exercise, answer):
        self.exercise, self.answer = exercise, answer
        self.inputs = self.called = None
        self.returned = NOT_STARTED
        self.results = []
        self.printed = Printed()

    def verdict(self):
        """NOT_STARTED, PASSED or the Failure that decides."""
        if is_untouched(self.answer, self.exercise.stub):
            return NOT_STARTED
        position, failure = self.first_failure()
        if failure is None:
            return PASSED
        known = self.known_mistake(position)
        return Failure(known, failure.details) if known else failure

    def first_failure(self):
        """The first test that fails, by its position, and the Failure; (None, None) if all pass."""
        for position, test in enumerate(self.tests()):
            self.inputs = None
            try:
                test(self)
            except Failure as failure:
                return position, failure
            except Exception as error:
                # The answer returned; what it returned did not stand up to what the test does with it.
                return position, self.useless(error)
        return None, None

    def tests(self):
        """The tests of the exercise; that of a value is that it is the right one."""
        if self.exercise.is_function:
            return self.exercise.tests
        from checks.tests import agrees
        return (agrees([()]),)

    def __call__(self, *inputs):
        """Call the reader's function."""
        if not self.exercise.is_function:
            return self.answer
        self.called = inputs
        self.check_call(inputs)
        self.printed.clear()
        try:
            self.returned = self.answer(*inputs)
        except (Stop, Failure):
            raise
        except BaseException as error:  # sys.exit() and the like included
            raise self.raised(error) from None
        self.results.append(self.returned)
        return self.returned

    def own(self, cls):
        """The reader's own class of the same name, where their chapter defines one, else the class itself."""
        found = getattr(self.answer, "__globals__", {}).get(cls.__name__)
        return found if isinstance(found, type) else cls

    def check_call(self, inputs):
        """See that the answer can be called with these inputs, and say how it should be if not."""
        expected = f"`{self.exercise.name.split('.')[1]}{signature(self.exercise.solution)}`"
        if not callable(self.answer):
            raise self.failure(f"A function was expected, {expected}; given: {show(self.answer)}.", inputs=None)
        try:
            inspect.signature(self.answer).bind(*inputs)
        except TypeError:
            raise self.failure(f"The function should be {expected}; yours takes {signature(self.answer)}.",
                               inputs=None) from None
        except ValueError:
            pass  # some functions written in C do not tell

    def outcome(self, inputs):
        """What comes of the answer at some inputs: the result, and the inputs afterwards."""
        self.inputs, self.returned = inputs, NOT_STARTED
        handed = copied(inputs)
        use = self.exercise.use or (lambda answer, *inputs: answer(*inputs))
        return use(self, *handed), handed

    def compare(self, inputs, expected, tolerance=None):
        """Raise Failure unless the answer gives what is expected at these inputs, and leaves them as they are."""
        result, handed = self.outcome(inputs)
        tolerance = tolerance or self.exercise.tolerance
        if found := difference(result, expected, tolerance):
            if not self.exercise.is_function:
                raise self.wrong_value(expected, found)
            if self.returned is None and expected is not None:
                raise self.failure("Your function returned None: is a `return` missing?")
            raise self.failure("It does not give what was expected.", expected=show(expected), given=show(result),
                               differs=str(found) if found.where or str(found.given) != show(result) else "")
        if found := difference(handed, inputs, 0.0):
            names = list(inspect.signature(self.exercise.solution).parameters)
            place = int(re.match(r"\[(\d+)\]", found.where)[1])
            name = f"`{names[place]}`" if place < len(names) and self.exercise.use is None else "its input"
            raise self.failure(f"Your function changed {name}, which belongs to the caller: build a new one instead.",
                               before=show(inputs[place]), after=show(handed[place]))

    # What went wrong, in words

    def failure(self, message, *, inputs=..., **rows):
        """A Failure with a block of aligned lines: the input, then the given rows, then what was printed.

        The input is that of the test, or of the last call where a test calls the answer by itself.
        """
        if inputs is ...:
            inputs = self.called if self.inputs is None else self.inputs
        if inputs and self.exercise.is_function:
            name = self.exercise.name.split(".")[1]
            rows = {"input": f"{name}({', '.join(show(x) for x in inputs)})", **rows}
        if self.printed.text:
            rows["printed"] = self.printed.text.rstrip()
        width = max(map(len, rows), default=0) + 2
        lines = [f"{key:<{width}}{text}".replace("\n", "\n" + " " * width) for key, text in rows.items() if text]
        return Failure(message, "\n".join(lines))

    def wrong_value(self, expected, found):
        """The Failure for a wrong value, which does not give the right one away."""
        given, asked = form_of(self.answer), form_of(expected)
        if given != asked and not found.where:  # an array may stand for a tuple
            return self.failure(f"The answer should be {asked}; yours is {given}.", given=show(self.answer))
        return self.failure("That is not the answer.", given=show(self.answer),
                            differs=f"first at {found.where}" if found.where else "")

    def raised(self, error):
        """The Failure for an exception in the reader's code."""
        where = line_of(error, self.answer)
        if isinstance(error, RecursionError):
            return self.failure("Your function calls itself without end.", line=where)
        text = f"{type(error).__name__}: {text_of(error)}".rstrip(": ")
        return self.failure(f"Your function raised {text}", line=where)

    def useless(self, error):
        """The Failure for a result that a test could not work with."""
        if self.returned is None:
            return self.failure("Your function returned None: is a `return` missing?")
        return self.failure(f"What your function returned is not what was asked for; working with it raised "
                            f"{type(error).__name__}: {text_of(error)}", given=show(self.returned))

    # Which mistake it is

    def known_mistake(self, position):
        """The message for the catalogued wrong answer that fails the same test and behaves the same."""
        behaviour = self.behaviour()
        for wrong, message in self.exercise.wrong:
            other = Trial(self.exercise, wrong)
            if other.first_failure()[0] == position and alike(behaviour, other.behaviour(), self.exercise.tolerance):
                return message
        return None

    def behaviour(self):
        """What the tests saw of the answer, and what it does at the inputs that they did not come to."""
        seen = list(self.results)
        inputs = [inputs for test in self.tests() if hasattr(test, "points") for inputs in test.points(self.exercise)]
        return seen + [self.attempt(point) for point in inputs]

    def attempt(self, inputs):
        """The result at some inputs, with the inputs if they were changed, or what was raised."""
        try:
            result, handed = self.outcome(inputs)
            return result, handed if difference(handed, inputs, 0.0) else ()
        except Exception as error:
            return error.message if isinstance(error, Failure) else type(error).__name__


def alike(behaviour, other, tolerance):
    """Whether two answers behave alike. What cannot be compared is like nothing, and neither is nothing at all."""
    try:
        return bool(behaviour) and difference(behaviour, other, tolerance) is None
    except Exception:
        return False


def find(name):
    """The exercise of a name; LookupError says what there is instead."""
    topic = str(name).partition(".")[0]
    if topic in topics():
        importlib.import_module(f"checks.{topic}")
        known = sorted(registry)
    else:
        known = [exercise.name for exercise in exercises()]
    if isinstance(name, str) and name in registry:
        return registry[name]
    near = get_close_matches(str(name), known, 3, 0.4)
    raise LookupError(f"There is no exercise {show(name)}." + (f" Is it {' or '.join(near)}?" if near else ""))


def topics():
    """The names of the modules of this package, the topics among them."""
    return [module.name for module in pkgutil.iter_modules(checks.__path__)]


def exercises():
    """Every exercise of the book, by name."""
    for topic in topics():
        importlib.import_module(f"checks.{topic}")
    return [registry[name] for name in sorted(registry)]


def copied(x):
    """Containers and arrays copied, all else shared."""
    if type(x) in (tuple, list):
        return type(x)(copied(item) for item in x)
    if type(x) is dict:
        return {key: copied(value) for key, value in x.items()}
    return x.copy() if is_array(x) else x


def signature(function):
    """The parameters of a function as text, for a message."""
    try:
        return str(inspect.signature(function))
    except (TypeError, ValueError):
        return "(…)"


def text_of(error):
    """The message of an exception, which may be of the reader's own class."""
    try:
        return str(error)
    except Exception:
        return ""


def line_of(error, function):
    """The line of the reader's code that raised an exception."""
    code = getattr(function, "__code__", None)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)
              if code and frame.filename == code.co_filename]
    return frames[-1].line if frames else ""
