"""The tests that exercises are made of.

Each is a function of the answer that raises Failure. Where a test takes ``points``, these are a list of inputs, a
tuple each (a single input may stand without one), or a function of a random number generator that makes one input;
the generator starts from the exercise's name, so a check finds the same today and tomorrow.
"""

import random
import sys
from contextvars import ContextVar

from checks.agreement import is_array
from checks.exercise import Failure, copied

#: How many random inputs are tried where an exercise does not say.
TIMES = 10

#: Added to the name that a generator starts from: nothing in the book, a secret where answers are graded.
seed = ContextVar("seed", default="")


class Agrees:
    """The answer gives what is expected at every point."""

    def __init__(self, points, expected=None, tolerance=None, times=TIMES):
        self.source, self.expected, self.tolerance, self.times = points, expected, tolerance, times
        self.made = {}

    def points(self, exercise):
        """The inputs, a tuple each: the same objects every time, so that inputs which are functions compare equal."""
        start = exercise.name + seed.get()
        if start not in self.made:
            source = self.source
            if callable(source):
                generator = random.Random(start)
                source = [source(generator) for _ in range(self.times)]
            self.made[start] = [point if isinstance(point, tuple) else (point,) for point in source]
        return self.made[start]

    def __call__(self, answer):
        exercise = answer.exercise
        for inputs in self.points(exercise):
            if self.expected is None:
                expected, _ = type(answer)(exercise, exercise.solution).outcome(inputs)
            else:
                expected = self.expected(*copied(inputs))
            answer.compare(inputs, expected, self.tolerance)


def at(*inputs, gives):
    """A case worked by hand: at these inputs, the answer gives this."""
    return Agrees([inputs], lambda *_: gives)


def agrees(points, with_=None, *, tolerance=None, times=TIMES):
    """The answer gives what the solution gives, or what another function gives."""
    return Agrees(points, with_, tolerance, times)


def derivative_of(f, points, *, with_respect_to=None, tolerance=1e-6, times=TIMES):
    """The answer is the derivative of f, judged by central differences.

    For one argument that is a number; for more, a tuple of partial derivatives, or one of them alone
    (``with_respect_to=0`` for the first).
    """
    def expected(*xs):
        partials = tuple(central(along(f, xs, i), x) for i, x in enumerate(xs))
        if with_respect_to is not None:
            return partials[with_respect_to]
        return partials if len(partials) > 1 else partials[0]

    return Agrees(points, expected, tolerance, times)


def pullback_of(f, points, *, tolerance=1e-6, times=TIMES):
    """The answer, called with an upstream gradient and the arguments of f, gives f's pullback, judged numerically.

    ``points`` are the arguments of f, arrays or numbers. The upstream gradient is random, so that an answer which
    ignores it fails. For one argument the pullback is one array; for more, a tuple.
    """
    def with_upstream(generator):
        inputs = points(generator)
        inputs = inputs if isinstance(inputs, tuple) else (inputs,)
        return like(f(*inputs), generator), *inputs

    def expected(g, *xs):
        adjoints = tuple(numerical_pullback(along(f, xs, i), x, g) for i, x in enumerate(xs))
        return adjoints if len(adjoints) > 1 else adjoints[0]

    return Agrees(with_upstream, expected, tolerance, times)


def numbers(count, low=-2.0, high=2.0):
    """Random points of so many numbers, for ``points``."""
    return lambda generator: tuple(generator.uniform(low, high) for _ in range(count))


def arrays(*shapes, low=-2.0, high=2.0):
    """Random points of arrays of these shapes, for ``points``."""
    import numpy as np

    def point(generator):
        return tuple(np.array([generator.uniform(low, high) for _ in range(int(np.prod(shape)))]).reshape(shape)
                     for shape in shapes)
    return point


def linear_cost(make, small=5, large=15, slack=2.0):
    """The work grows in proportion to the size: ``make(size)`` makes the inputs.

    Lines executed are counted, not seconds. The count ends where it is too high already, so that a cost that doubles
    with each step does not have to be waited for.
    """
    def test(answer):
        base = count_lines(answer, make(small))
        allowed = int(slack * base * large / small)
        if count_lines(answer, make(large), allowed) > allowed:
            raise Failure(f"The work grows too fast: it takes {base} steps at size {small}, and more than {allowed} at "
                          f"size {large}. Is something visited more than once?")
    return test


def count_lines(answer, inputs, most=float("inf")):
    """How many lines of Python an answer executes at some inputs; it is stopped soon after ``most``."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        count += event == "line"
        if count > most:
            raise Failure("too many lines")
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        answer.outcome(inputs if isinstance(inputs, tuple) else (inputs,))
    except Failure:
        if count <= most:
            raise
    finally:
        sys.settrace(previous)
    return count


def along(f, xs, i):
    """f as a function of its i-th argument, the others held at xs."""
    return lambda x: f(*xs[:i], x, *xs[i + 1:])


def central(f, x):
    """The derivative of a function of one number, by a central difference."""
    h = 6e-6 * max(1.0, abs(x))  # the cube root of the rounding error balances it against truncation
    return (f(x + h) - f(x - h)) / (2 * h)


def numerical_pullback(f, x, g):
    """The pullback of g through f at x, entry by entry."""
    import numpy as np

    x = np.asarray(x, dtype=float)
    adjoint = np.empty(x.shape)
    for index in np.ndindex(x.shape):
        def weighted(entry, index=index):
            moved = x.copy()
            moved[index] = entry
            return np.sum(g * f(moved))
        adjoint[index] = central(weighted, x[index])
    return adjoint if adjoint.shape else float(adjoint)


def like(y, generator):
    """Random numbers, away from 0 and 1, in the form of y."""
    if not is_array(y) or y.shape == ():
        return generator.uniform(1.5, 3.0)
    import numpy as np

    return np.array([generator.uniform(1.5, 3.0) for _ in range(y.size)]).reshape(y.shape)
