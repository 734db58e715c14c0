"""Exercises on vector–Jacobian products."""

import numpy as np

from checks.exercise import Exercise, Failure
from checks.tests import agrees, arrays, at, pullback_of

Exercise(
    "never_build.jacobian_entries", (9_000_000, 300_000),
    chapter="never-build-the-jacobian",
    title="How large is what is not built?",
    kind="predict", grade="easy", minutes=5,
    wrong=[
        ((300_000, 9_000_000),
         "The two are swapped: tanh(X) has as many outputs as inputs, Xw has fewer."),
        ((3_000, 3_000),
         "That is how many entries differ from 0, and how many multiplications a product takes. The question is for "
         "all entries, zeros included."),
        ((9_000_000, 9_000_000),
         "Xw has 100 entries, not 3000: there is one pair for each of its entries and each of X's."),
        ((9_000_000, 3_000),
         "For Xw you have counted entries that are not 0: row i of the Jacobian has 3000 entries, of which 30 are w."),
        ((3_000, 300_000),
         "For tanh you have counted the diagonal: the Jacobian has a row and a column for each of the 3000 entries."),
        ((9_000_000, 90_000),
         "100 outputs and 3000 inputs: the second number is the product of these two."),
        ((10_000, 10_000),
         "You have counted examples only: the input is X, with 100 · 30 entries."),
        ((90_000, 90_000),
         "That is the square of 30 times 100, as if each row stood alone: the Jacobian also pairs entries of different "
         "rows, and holds zeros there."),
        ((6_000, 3_100),
         "Entries are pairs of an output and an input: multiply the two sizes instead of adding them."),
    ],
    hints=[
        "The shape of a generalised Jacobian is (output shape) × (input shape).",
        "The input is X both times: 100 · 30 = 3000 entries. How many has each output?",
        "3000 outputs times 3000 inputs, and 100 outputs times 3000 inputs.",
    ],
    note="At 8 bytes these are 72 MB and 2.4 MB, for an input of 24 kB.",
)


def softplus_pullback(g, y):
    """The derivative of the loss by a, where y = log(1 + exp(a)) entry by entry."""
    return -g * np.expm1(-y)


def softplus_point(generator):
    """An upstream, and the result of softplus, with a few large and a few small entries."""
    g, a = arrays((2, 3), (2, 3), low=-3.0, high=3.0)(generator)
    return g, np.log1p(np.exp(a))


Exercise(
    "never_build.softplus_pullback", softplus_pullback,
    chapter="never-build-the-jacobian",
    title="Only the result is saved",
    kind="derive", grade="core", minutes=8,
    tests=[
        at(np.array([4.0, -3.0, 1.0]), np.log([2.0, 4.0, 1.25]), gives=np.array([2.0, -2.25, 0.2])),
        agrees(softplus_point),
    ],
    wrong=[
        (lambda g, y: g / (1 + np.exp(-y)),
         "That is σ(y): the derivative is σ(a), and a has to be expressed by y first."),
        (lambda g, y: g * y * (1 - y),
         "y(1 − y) is the derivative of the logistic function, whose result is another y."),
        (lambda g, y: g * np.exp(-y),
         "That is 1/(1 + e^a), or 1 − σ(a): the numerator of the derivative is e^a = e^y − 1."),
        (lambda g, y: g * np.expm1(y),
         "That is e^a, the derivative of what is under the logarithm: it still has to be divided by 1 + e^a = e^y."),
        (lambda g, y: g * np.exp(y),
         "That is 1 + e^a itself: the logarithm's derivative divides by it, and the inner derivative e^a = e^y − 1 "
         "comes as a factor."),
        (lambda g, y: g * (1 + np.exp(-y)),
         "A sign is wrong: e^a = e^y − 1, so that the quotient by e^y is 1 − e^(−y)."),
        (lambda g, y: g * np.expm1(-y),
         "The sign is reversed: softplus rises everywhere, so its derivative is positive. It is 1 − e^(−y)."),
        (lambda g, y: 1 - np.exp(-y),
         "That is the derivative itself: the product with the upstream g is asked for."),
        (lambda g, y: g / -np.expm1(-y),
         "You divide by the derivative: the upstream is multiplied by it."),
        (lambda g, y: np.sum(-g * np.expm1(-y)),
         "The products are right, but they must not be added up: each entry of a has a derivative of its own."),
        (lambda g, y: -np.expm1(-y)[..., None] * np.eye(y.shape[-1]) * g[..., None],
         "You have built the diagonal: the result has the shape of y."),
    ],
    hints=[
        "The derivative of log(1 + e^a) by a is e^a/(1 + e^a).",
        "e^y = 1 + e^a. So what is e^a?",
        "(e^y − 1)/e^y, times g.",
    ],
    note="1 − np.exp(−y) passes too. For a = −40 it is exactly 0, since y ≈ 4·10⁻¹⁸ is lost beside 1; np.expm1(−y) has "
         "all digits.",
)


def neighbours_pullback(g, x):
    """The derivative of the loss by x, where y = x[:-1] * x[1:]."""
    by_x = np.zeros(len(x))
    by_x[:-1] += g * x[1:]
    by_x[1:] += g * x[:-1]
    return by_x


def overwriting(g, x):
    """The derivative of the loss by x, where y = x[:-1] * x[1:]."""
    by_x = np.zeros(len(x))
    by_x[:-1] = g * x[1:]
    by_x[1:] = g * x[:-1]
    return by_x


def neighbours(x):
    return x[:-1] * x[1:]


def contributions(left, right, ends=lambda by_x: by_x):
    """An answer that gives the left factors' and the right factors' derivatives as these functions of g and x say."""
    def answer(g, x):
        by_x = np.zeros(len(x))
        by_x[:-1] += left(g, x)
        by_x[1:] += right(g, x)
        return ends(by_x)
    return answer


def inner_mean(by_x):
    by_x[1:-1] /= 2
    return by_x


def row(generator):
    """So many numbers that middle entries outnumber the ends."""
    return arrays((generator.choice([4, 5, 7]),), low=0.3)(generator)


Exercise(
    "never_build.neighbours_pullback", neighbours_pullback,
    chapter="never-build-the-jacobian",
    title="Products of neighbours",
    kind="spot the bug", grade="core", minutes=8,
    stub=overwriting,
    tests=[
        at(np.array([5.0]), np.array([2.0, 3.0]), gives=np.array([15.0, 10.0])),
        at(np.array([1.0, 10.0]), np.array([2.0, 3.0, 4.0]), gives=np.array([3.0, 42.0, 30.0])),
        pullback_of(neighbours, row),
    ],
    wrong=[
        (overwriting,
         "An entry in the middle is used twice, and the second assignment overwrites the first: contributions add."),
        (lambda g, x: np.concatenate([g * x[1:], (g * x[:-1])[-1:]]),
         "The contributions of the right factors are lost, all but the last one."),
        (contributions(lambda g, x: g * x[1:], lambda g, x: 0),
         "Only the left factors receive a derivative: x[1:] is an operand too."),
        (contributions(lambda g, x: 0, lambda g, x: g * x[:-1]),
         "Only the right factors receive a derivative: x[:-1] is an operand too."),
        (contributions(lambda g, x: g * x[:-1], lambda g, x: g * x[1:]),
         "The factors are swapped: the derivative by one factor is the other one."),
        (contributions(lambda g, x: g * x[1:], lambda g, x: -g * x[:-1]),
         "A sign is reversed: both contributions enter with a plus sign, g times the other factor."),
        (contributions(lambda g, x: x[1:], lambda g, x: x[:-1]),
         "The upstream g is missing."),
        (contributions(lambda g, x: g * x[1:], lambda g, x: g * x[:-1], inner_mean),
         "Contributions are added, not averaged."),
        (contributions(lambda g, x: g, lambda g, x: g),
         "That is the pullback of sums of neighbours: a product multiplies the upstream by the other factor."),
        (lambda g, x: (g * x[1:], g * x[:-1]),
         "These are the two contributions: put each where its factor stands in x, and add."),
    ],
    hints=[
        "Take x = (2, 3, 4) and g = (1, 10). In how many products does the 3 stand?",
        "∂L/∂x_j = g_j x_{j+1} + g_{j−1} x_{j−1}, where one term is absent at either end.",
        "`+=` in the place of `=`: on by_x, which begins as zeros.",
    ],
    note="For two entries no entry is used twice, and the bug cannot be seen. Test with sizes in which things meet.",
)


def jacobian_by_pulls(pullback, m):
    """The Jacobian of a function with m outputs, from its pullback."""
    return np.array([pullback(unit) for unit in np.eye(m)])


class Pullback:
    """The pullback of a linear function with this Jacobian; counts its calls."""

    def __init__(self, jacobian):
        self.jacobian, self.calls = jacobian, 0

    def __call__(self, g):
        self.calls += 1
        g = np.asarray(g)
        if g.shape != (len(self.jacobian),):
            raise Failure(SHAPE, f"shape expected   {(len(self.jacobian),)}\nshape given      {g.shape}")
        return g @ self.jacobian

    def __repr__(self):
        return f"a pullback of a {self.jacobian.shape[0]} × {self.jacobian.shape[1]} Jacobian"


def pullback_and_size(generator):
    shape = generator.choice([(2, 3), (3, 2), (4, 3), (2, 5)])
    [jacobian] = arrays(shape)(generator)
    return Pullback(jacobian), shape[0]


def as_many_calls_as_outputs(answer):
    """The pullback is called once for each output."""
    pullback = Pullback(np.arange(15.0).reshape(3, 5))

    def counted(g):
        return pullback(g)

    answer(counted, 3)
    if pullback.calls != 3:
        raise Failure(CALLS, f"outputs  3\ncalls    {pullback.calls}")


SHAPE = "An upstream has the shape of the output, m entries on one axis: pull back one unit vector at a time."
CALLS = "The matrix is right, but the pullback is called more often than there are outputs: one call makes a whole row."
EXAMPLE = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def unit(m, i, entry=1.0):
    vector = np.zeros(m)
    vector[i] = entry
    return vector


def one_entry_at_a_time(pullback, m):
    n = len(pullback(np.zeros(m)))
    return np.array([[pullback(unit(m, i))[j] for j in range(n)] for i in range(m)])


Exercise(
    "never_build.jacobian_by_pulls", jacobian_by_pulls,
    chapter="never-build-the-jacobian",
    title="Build it after all",
    kind="fill in", grade="core", minutes=8,
    tests=[
        at(Pullback(EXAMPLE), 2, gives=EXAMPLE),
        agrees(pullback_and_size),
        as_many_calls_as_outputs,
    ],
    wrong=[
        (lambda pullback, m: np.array([pullback(unit(m, i)) for i in range(m)]).T,
         "That is the transpose: pulling back the unit vector of output i gives row i of the Jacobian."),
        (lambda pullback, m: pullback(np.ones(m)),
         "That is the sum of all rows, as an upstream of ones gives it: one unit vector at a time gives one row, and "
         "the rows are to stand below each other."),
        (lambda pullback, m: np.array([pullback(np.ones(m))] * m),
         "Every row is the sum of all rows: the upstream for row i is 1 at i and 0 elsewhere."),
        (lambda pullback, m: np.array([pullback(unit(m, 0))] * m),
         "Every row is the first one: the unit vector has to move along."),
        (lambda pullback, m: np.array([pullback(unit(m, i)) for i in reversed(range(m))]),
         "The rows stand in the opposite order."),
        (lambda pullback, m: np.array([pullback(np.cumsum(unit(m, i)[::-1])[::-1]) for i in range(m)]),
         "Your upstreams have several ones, so that rows are added up: only entry i is 1."),
        (lambda pullback, m: np.concatenate([pullback(unit(m, i)) for i in range(m)]),
         "The rows are right, but they stand one after the other: stack them to a matrix."),
        (lambda pullback, m: pullback(np.eye(m)), SHAPE),
        (one_entry_at_a_time, CALLS),
    ],
    hints=[
        "What does the pullback make of the upstream (1, 0, …, 0)?",
        "Row i of the Jacobian is the vector–Jacobian product for the unit vector that is 1 at i.",
        "`np.eye(m)` has these vectors as its rows; `np.array` of a list of rows is a matrix.",
    ],
    note="m calls, however many inputs there are. For a loss, m = 1: the one row is the gradient, in one sweep.",
)
