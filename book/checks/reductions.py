"""Exercises on reductions, shapes and kinks."""

import numpy as np

from checks.exercise import Exercise
from checks.tests import agrees, arrays, at, numerical_pullback


def std_pullback(g, x):
    """The derivative of the loss by x, where y = np.std(x, axis=1)."""
    deviation = x - x.mean(axis=1, keepdims=True)
    y = np.sqrt(np.mean(deviation**2, axis=1, keepdims=True))
    return g[:, None] * deviation / (x.shape[1] * np.where(y == 0, 1, y))


def std_pullback_with_two_mistakes(g, x):
    """The derivative of the loss by x, where y = np.std(x, axis=1)."""
    deviation = x - x.mean(axis=1, keepdims=True)
    y = np.sqrt(np.mean(deviation**2, axis=1, keepdims=True))
    return g[:, None] * deviation / (x.size * y)


def measured_std(g, x):
    return numerical_pullback(lambda x: np.std(x, axis=1), x, g)


def dividing(by, at_zero=1.0, upstream=True):
    """The answer with the divisor ``by(x)`` in place of n, and ``at_zero`` in place of a deviation of 0."""
    def answer(g, x):
        deviation = x - x.mean(axis=1, keepdims=True)
        y = np.sqrt(np.mean(deviation**2, axis=1, keepdims=True))
        product = g[:, None] * deviation if upstream else deviation
        with np.errstate(all="ignore"):
            return product / (by(x) * np.where(y == 0, at_zero, y))
    return answer


def with_a_tiny_number(g, x):
    deviation = x - x.mean(axis=1, keepdims=True)
    y = np.sqrt(np.mean(deviation**2, axis=1, keepdims=True))
    return g[:, None] * deviation / (x.shape[1] * (y + 1e-8))


def without_the_mean(g, x):
    y = np.std(x, axis=1, keepdims=True)
    return g[:, None] * x / (x.shape[1] * np.where(y == 0, 1, y))


def of_the_variance(g, x):
    return 2 * g[:, None] * (x - x.mean(axis=1, keepdims=True)) / x.shape[1]


Exercise(
    "reductions.std_pullback", std_pullback,
    chapter="reductions",
    title="The spread of each row",
    kind="spot the bug", grade="core", minutes=10,
    stub=std_pullback_with_two_mistakes,
    tests=[
        at(np.array([4.0, 1.0]), np.array([[1.0, 3.0, 1.0, 3.0], [0.0, 4.0, 4.0, 0.0]]),
           gives=np.array([[-1.0, 1.0, -1.0, 1.0], [-0.25, 0.25, 0.25, -0.25]])),
        agrees(arrays((4,), (4, 3)), measured_std, tolerance=1e-6),
        at(np.array([6.0, 7.0]), np.array([[5.0, 5.0, 5.0], [2.0, 2.0, 2.0]]), gives=np.zeros((2, 3))),
        at(np.array([4.0, 7.0, 1.0]), np.array([[1.0, 3.0], [5.0, 5.0], [0.0, 4.0]]),
           gives=np.array([[-2.0, 2.0], [0.0, 0.0], [-0.5, 0.5]])),
        at(np.array([4.0, 6.0]), np.array([[0.0, 2e-7], [0.0, 2e-10]]), gives=np.array([[-2.0, 2.0], [-3.0, 3.0]])),
    ],
    wrong=[
        (dividing(lambda x: x.size, at_zero=0.0),
         "For one row, if it is not constant, it is right. How many numbers are reduced to one standard deviation: all "
         "of x, or one row?"),
        (dividing(lambda x: x.shape[1], at_zero=0.0),
         "One of the two mistakes is gone. Now try a row of equal numbers: 0 is divided by 0."),
        (dividing(lambda x: x.size),
         "A row of equal numbers is right now. Now try several rows: n is the length of a row, not that of all of x."),
        (dividing(lambda x: x.shape[0]),
         "n is the number of entries in a row, which is the length of axis 1; `x.shape[0]` is the number of rows."),
        (dividing(lambda x: x.shape[1] - 1),
         "np.std divides by n where no ddof is given, not by n − 1."),
        (dividing(lambda x: x.shape[1], upstream=False),
         "The upstream g is not used."),
        (dividing(lambda x: 1),
         "The number n of the entries in a row is missing from the divisor."),
        (with_a_tiny_number,
         "Equal numbers get 0 now. But a number added to y counts as soon as y is small, too: change the divisor "
         "only where y is 0."),
        (without_the_mean,
         "The deviation from the mean belongs into the numerator, not x itself."),
        (of_the_variance,
         "That is the derivative of the variance: for its root, divide by 2y."),
        (dividing(lambda x: -x.shape[1]),
         "The sign is reversed: a number above the mean raises the spread when it grows."),
    ],
    hints=[
        "Compare with the formula of the chapter, letter by letter: which n, and where does it hold?",
        "Call it with two rows, and compare with the same rows one at a time. Then try a row of equal numbers.",
        "n is `x.shape[1]`. And `np.where(y == 0, 1, y)`, which is `nonzero(y)`, is a divisor that is never 0.",
    ],
    note="It is the computed y that counts. The mean of three times 0.1 is rounded, y is about 1e-17, and the "
         "derivative is not 0.",
)


TIES = ([[0, 3, 3], [10, 0, 0]], [[1, 1, 1], [1, 0.5, 0]])

#: Mistakes in the first of the pair, which is spoken of first, and in the second.
THROUGH_MAX = [
    ([[0, 6, 0], [10, 0, 0]],
     "Through max, the tie is given to the first entry alone: the entries that tie share the upstream."),
    ([[0, 0, 6], [10, 0, 0]],
     "Through max, the tie is given to the last entry alone: the entries that tie share the upstream."),
    ([[0, 6, 6], [10, 0, 0]],
     "Through max, both entries of the tie get all of the upstream: their shares add up to 1."),
    ([[0, 0, 0], [10, 0, 0]],
     "Through max, the tie gets nothing: the entries that tie share the upstream."),
    ([[0, 0.5, 0.5], [1, 0, 0]],
     "Through max, these are the weights. Multiply those of each row by its upstream, 6 or 10."),
    ([[0, 1, 1], [1, 0, 0]],
     "Through max, this says where the largest entries are. Share the upstream of each row, 6 or 10, among them."),
    ([[2, 2, 2], [10 / 3, 10 / 3, 10 / 3]],
     "Through max, all entries share: that would be a mean. Only the largest entries of a row have a part."),
    ([[0, 3], [10, 0]],
     "Through max, the derivative has the shape of X, 2 × 3."),
]
THROUGH_MAXIMUM = [
    ([[1, 1, 1], [1, 0, 0]],
     "Through maximum(X, 0), the entry 0 ties with the constant. The rule for relu is another function's."),
    ([[1, 1, 1], [1, 1, 0]],
     "Through maximum(X, 0), the entry 0 gets all: it ties with the constant, which has its share."),
    ([[1, 1, 1], [1, 0.5, 0.5]],
     "Through maximum(X, 0), −1 is not a tie: 0 is larger."),
    ([[1, 1, 1], [1, 1, 1]],
     "Through maximum(X, 0), the 0 of X is a tie, and at −1 the constant is larger."),
    ([[1, 0.5, 0.5], [1, 0.5, 0]],
     "maximum(X, 0) compares each entry with 0, not the entries of a row with each other."),
    ([[0, 0.5, 0.5], [1, 0, 0]],
     "The second is that of a maximum over rows again: maximum(X, 0) works entry by entry."),
    ([[1, 4, 4], [2, 0, 0]],
     "The second is the value of maximum(X, 0): its derivative by X is asked for."),
]

Exercise(
    "reductions.ties", TIES,
    chapter="reductions",
    title="Who gets how much?",
    kind="predict", grade="easy", minutes=5,
    wrong=[
        *(((through_max, through_maximum), message)
          for through_max, message in THROUGH_MAX for through_maximum in (TIES[1], *(x for x, _ in THROUGH_MAXIMUM))),
        *(((TIES[0], through_maximum), message) for through_maximum, message in THROUGH_MAXIMUM),
        ((TIES[1], TIES[0]),
         "The pair is swapped: first through max, then through maximum."),
        (TIES[0],
         "A pair is asked for: (through max, through maximum), each of them a nested list of the shape of X."),
    ],
    hints=[
        "Which entries of a row equal its largest? Which entries of X equal the 0 they are compared with?",
        "Through max, the upstream of a row is shared evenly among its largest entries. maximum has two operands: X "
        "and the constant.",
        "The first has two equal entries that add up to 6. In the second, one entry is neither 0 nor 1.",
    ],
)


WAY_BACK = ((7, 2, 5, 3), (1, 3, 2, 0))

Exercise(
    "reductions.way_back", WAY_BACK,
    chapter="reductions",
    title="The way back",
    kind="predict", grade="easy", minutes=4,
    wrong=[
        ((WAY_BACK[0], (3, 0, 2, 1)),
         "The same axes once more do not lead back: that works only for orders that are their own inverse."),
        ((WAY_BACK[0], (1, 2, 0, 3)),
         "That is (3, 0, 2, 1) read from its end: look up at which place of it each number stands."),
        ((WAY_BACK[0], (3, 2, 1, 0)),
         "These axes reverse all of them. Where in (3, 0, 2, 1) does axis 0 of X stand?"),
        ((WAY_BACK[0], (1, 3, 0, 2)),
         "Axes 0 and 1 are right. Where in (3, 0, 2, 1) do the axes 2 and 3 of X stand?"),
        ((WAY_BACK[0], (2, 4, 3, 1)),
         "The places are counted from 1: axes count from 0."),
        ((WAY_BACK[0], (1, -1, 2, 0)),
         "NumPy takes −1 for the last axis. Here count all axes from 0."),
        (((3, 7, 5, 2), WAY_BACK[1]),
         "The shape is taken the wrong way round: axis 0 of Y is axis 3 of X, with length 7."),
        (((3, 7, 5, 2), (3, 0, 2, 1)),
         "Both go the wrong way: axis 0 of Y is axis 3 of X, and the way back has to undo this."),
        (((2, 3, 5, 7), WAY_BACK[1]),
         "This is the shape of X."),
        (((2, 3, 5, 7), (0, 1, 2, 3)),
         "Nothing is moved here: read what np.transpose does with its second argument."),
        ((WAY_BACK[1], WAY_BACK[0]),
         "The pair is swapped: first the shape of Y, then the axes."),
    ],
    hints=[
        "Axis i of Y is axis (3, 0, 2, 1)[i] of X.",
        "Axis 0 of X has become axis 1 of Y. To come back, axis 0 of the result must be axis 1 of g.",
        "The shape begins (7, 2, …), the axes begin (1, 3, …).",
    ],
    note="np.argsort((3, 0, 2, 1)) is what the package calls.",
)


def lookup_pullback(g, words, n):
    """The derivative of the loss by the table of n rows, where y = table[words]."""
    by_table = np.zeros((n, g.shape[-1]))
    np.add.at(by_table, words, g)
    return by_table


def text(generator):
    """An upstream, words and the size of the table: words repeat, some do not occur, in arrays of one axis or two."""
    shape = generator.choice([(6,), (3, 2), (7,), (2, 4)])
    [g] = arrays((*shape, 5))(generator)
    words = np.array([generator.choice([0, 2, 3]) for _ in range(int(np.prod(shape)))]).reshape(shape)
    words.flat[:3] = 2, 0, 2
    return g, words, 6


def measured_lookup(g, words, n):
    return numerical_pullback(lambda table: table[words], np.zeros((n, g.shape[-1])), g)


def assigned(g, words, n):
    by_table = np.zeros((n, g.shape[-1]))
    by_table[words] = g
    return by_table


def averaged(g, words, n):
    counts = np.bincount(words.ravel(), minlength=n)
    return lookup_pullback(g, words, n) / np.maximum(counts, 1)[:, None]


def without_upstream(g, words, n):
    return lookup_pullback(np.ones_like(g), words, n)


def one_axis(g, words, n):
    by_table = np.zeros((n, g.shape[-1]))
    for row, word in zip(g, words):
        by_table[word] += row
    return by_table


def by_one_hot(g, words, n):
    return np.eye(n)[words].T @ g


def as_many_as_occur(g, words, n):
    return lookup_pullback(g, words, words.max() + 1)


def shape_of_g(g, words, n):
    by_table = np.zeros((n, g.shape[1]))
    np.add.at(by_table, words, g)
    return by_table


def looked_up(g, words, n):
    return g[words]


def scaled_by_count(g, words, n):
    counts = np.bincount(words.ravel(), minlength=n)
    return assigned(g, words, n) * counts[:, None]


def in_place_plus(g, words, n):
    by_table = np.zeros((n, g.shape[-1]))
    by_table[words] += g
    return by_table


Exercise(
    "reductions.lookup_pullback", lookup_pullback,
    chapter="reductions",
    title="Rows of a table",
    kind="fill in", grade="core", minutes=8,
    tests=[
        at(np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]]), np.array([2, 0, 2]), 5,
           gives=np.array([[2.0, 20.0], [0.0, 0.0], [5.0, 50.0], [0.0, 0.0], [0.0, 0.0]])),
        agrees(text, measured_lookup, tolerance=1e-6),
    ],
    wrong=[
        (in_place_plus,
         "A word that occurs several times keeps its last upstream row alone. Neither `by_table[words] = g` nor "
         "`by_table[words] += g` adds up: the right side is computed once, before anything is written."),
        (averaged,
         "The upstream rows of a word are averaged: contributions add."),
        (without_upstream,
         "You count the occurrences: the upstream g is not used."),
        (one_axis,
         "For words with one axis it is right. For two, a loop over words goes through the first axis alone: np.add.at "
         "takes indices of any shape, or reshape both first."),
        (by_one_hot,
         "For words with one axis, the product with the transposed one-hot matrix is right. For two, reshape first: "
         "words to one axis, g to rows."),
        (as_many_as_occur,
         "The result has too few rows: words that do not occur have rows in the table, too, n in all."),
        (shape_of_g,
         "For words with one axis it is right. The length of a row is the *last* of g's lengths: `g.shape[-1]`."),
        (looked_up,
         "That looks up rows of g. It goes the other way: each row of g is added to the row of its word."),
        (scaled_by_count,
         "You take the last upstream row of each word, times how often it occurs: the rows differ, add them all."),
        (lambda g, words, n: g,
         "That is the upstream itself: the derivative has the shape of the table."),
        (lambda g, words, n: -lookup_pullback(g, words, n),
         "The sign is reversed."),
        (lambda g, words, n: lookup_pullback(g, words, n).T,
         "The numbers are right, but this is transposed: the table has a row for each word."),
    ],
    hints=[
        "Start from zeros of the table's shape: n rows, as long as those of g.",
        "The row of a word that occurs three times is the sum of three upstream rows.",
        "`np.add.at(by_table, words, g)` adds at repeated indices too.",
    ],
    note="`scatter(g, words, (n, g.shape[-1]))` of the chapter is this function. The product of a one-hot matrix and "
         "the table is the same as looking up; its pullback multiplies by the transposed matrix, mostly zeros.",
)


def log_softmax_pullback(g, y):
    """The derivative of the loss by a, where y = log_softmax(a, axis=-1)."""
    return g - np.exp(y) * g.sum(axis=-1, keepdims=True)


def log_softmax(a):
    return a - np.log(np.sum(np.exp(a), axis=-1, keepdims=True))


def distributions(generator):
    """An upstream and logarithms of probabilities, with one axis or more."""
    shape = generator.choice([(4,), (2, 3), (2, 3, 4)])
    g, a = arrays(shape, shape)(generator)
    return g, log_softmax(a)


def measured_log_softmax(g, y):
    return numerical_pullback(log_softmax, y, g)  # y is a possible a: its probabilities sum to 1


def of_softmax(g, y):
    p = np.exp(y)
    return p * (g - np.sum(g * p, axis=-1, keepdims=True))


Exercise(
    "reductions.log_softmax_pullback", log_softmax_pullback,
    chapter="reductions",
    title="From the result alone",
    kind="derive", grade="core", minutes=8,
    tests=[
        at(np.array([1.0, 2.0, 3.0]), np.log(np.array([0.5, 0.25, 0.25])), gives=np.array([-2.0, 0.5, 1.5])),
        agrees(distributions, measured_log_softmax, tolerance=1e-6),
    ],
    wrong=[
        (of_softmax,
         "That is the derivative through softmax. y is its logarithm, and has another Jacobian, 1(r = s) − p_s."),
        (lambda g, y: g - y * g.sum(axis=-1, keepdims=True),
         "p is exp(y): y holds the logarithms of the probabilities."),
        (lambda g, y: g - np.exp(y) * g.sum(),
         "For one axis it is right. With more, each distribution has its own sum: add along the last axis only."),
        (lambda g, y: g - np.exp(y) * g.sum(axis=-1),
         "For one axis it is right. With more, the reduced axis has to be kept, `keepdims=True`, to line up again."),
        (lambda g, y: g - np.exp(y) * g.sum(axis=0, keepdims=True),
         "For one axis it is right. With more, the sum runs along the last axis, as log_softmax does."),
        (lambda g, y: g - np.exp(y),
         "That is right where the upstream adds up to 1. In general p is multiplied by the sum of the upstream."),
        (lambda g, y: g * (1 - np.exp(y)),
         "These are the diagonal entries of the Jacobian alone: each a moves all entries of y."),
        (lambda g, y: g + np.exp(y) * g.sum(axis=-1, keepdims=True),
         "The sign is wrong: y_r = a_r − log Σ eᵃ, with a minus."),
        (lambda g, y: g - np.exp(y) * g.mean(axis=-1, keepdims=True),
         "The upstream is added up, not averaged."),
        (lambda g, y: -np.exp(y) * g.sum(axis=-1, keepdims=True),
         "That is the part through the sum of exponentials. The part of a_r itself, with derivative 1, is missing."),
        (lambda g, y: g - np.sum(g * np.exp(y), axis=-1, keepdims=True),
         "The roles are exchanged: p stands outside of the sum, with the index of a; the sum is over g alone."),
        (lambda g, y: g,
         "That leaves out log Σ eᵃ, which depends on every a."),
    ],
    hints=[
        "y_r = a_r − log Σ eᵃ. What is ∂y_r/∂a_s? Two terms.",
        "It is 1(r = s) − p_s. Multiply by g_r and add over r: the first term leaves one g, the second has p_s as a "
        "common factor.",
        "g − p Σ g, with p = exp(y), and the sum along the last axis with keepdims=True.",
    ],
    note="With minus a one-hot row as the upstream, this is softmax minus one-hot, the derivative of the loss that "
         "most classifiers are trained with.",
)


def standardise_pullback(g, z, y):
    """The derivative of the loss by x, where z = (x - m) / y, row by row."""
    along_mean = g.mean(axis=1, keepdims=True)
    along_spread = z * np.mean(g * z, axis=1, keepdims=True)
    return (g - along_mean - along_spread) / y


def standardised(x):
    return (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)


def rows(generator):
    """An upstream, standardised rows and the deviations that they had."""
    g, x = arrays((3, 4), (3, 4))(generator)
    x = x + np.array([0.0, 1.0, 4.0, -2.0])  # no row is near a constant one
    return g, standardised(x), x.std(axis=1, keepdims=True)


def measured_standardise(g, z, y):
    return numerical_pullback(standardised, z * y, g)  # the mean of x does not matter


def combined(mean=1.0, spread=1.0, power=-1, average=np.mean):
    """The answer with other factors."""
    def answer(g, z, y):
        along_spread = z * average(g * z, axis=1, keepdims=True)
        return (g - mean * g.mean(axis=1, keepdims=True) - spread * along_spread) * y**power
    return answer


def down_the_columns(g, z, y):
    return (g - g.mean(axis=0) - z * np.mean(g * z, axis=0)) / y


def mean_of_all(g, z, y):
    return (g - g.mean() - z * np.mean(g * z)) / y


def sum_of_upstream(g, z, y):
    return (g - g.sum(axis=1, keepdims=True) - z * np.mean(g * z, axis=1, keepdims=True)) / y


def diagonal(g, z, y):
    return g * (1 - 1 / g.shape[1]) / y


def full_diagonal(g, z, y):
    n = g.shape[1]
    return g * (1 - 1 / n - z**2 / n) / y


def factor_forgotten(g, z, y):
    return (g - g.mean(axis=1, keepdims=True) - np.mean(g * z, axis=1, keepdims=True)) / y


Exercise(
    "reductions.standardise_pullback", standardise_pullback,
    chapter="reductions",
    title="Standardise",
    kind="derive", grade="stretch", minutes=20,
    tests=[
        at(np.array([[4.0, 0.0, 0.0, 0.0]]), np.array([[-1.0, -1.0, 1.0, 1.0]]), np.array([[2.0]]),
           gives=np.array([[1.0, -1.0, 0.0, 0.0]])),
        agrees(rows, measured_standardise, tolerance=1e-6),
    ],
    wrong=[
        (combined(mean=0, spread=0),
         "That takes m and y for constants: both depend on every entry of the row."),
        (combined(spread=0),
         "That takes y for a constant: a third term, through the standard deviation, is missing."),
        (combined(mean=0),
         "That takes m for a constant where it is subtracted: the term through the mean is missing."),
        (combined(spread=-1),
         "The term through y has the wrong sign: a larger y makes z smaller."),
        (combined(mean=-1),
         "The term through m has the wrong sign: m is subtracted."),
        (combined(average=np.sum),
         "In the term through y, ∂y/∂x = z/n: the n is missing."),
        (sum_of_upstream,
         "In the term through m, ∂m/∂x = 1/n: the n is missing."),
        (combined(power=0),
         "All is right but for the division by y."),
        (combined(power=-2),
         "One division by y is too many: ∂y/∂x is z/n, which has its division by y already."),
        (diagonal,
         "That is ∂z_s/∂x_s alone, and y taken for a constant: x_s moves all z of its row, through m and through y."),
        (full_diagonal,
         "These are the diagonal entries of the Jacobian alone: x_s moves all z of its row, so add over r."),
        (combined(power=1),
         "Divide by y, as z does; you have multiplied."),
        (down_the_columns,
         "The means run along the wrong axis: each row has its own m and y."),
        (mean_of_all,
         "For one row it is right. With more, each row has its own means: axis=1, with keepdims=True."),
        (factor_forgotten,
         "In the term through y, ∂y/∂x_s is z_s/n: the factor z, with the index of x, is missing."),
    ],
    hints=[
        "x_s enters z_r in three ways: as x_r if r = s, through m, and through y.",
        "∂m/∂x_s = 1/n, and ∂y/∂x_s = z_s/n. What is ∂z_r/∂y?",
        "Add up over r: g_s/y from the first way, −mean(g)/y from the second. The third has z_s times a mean, of what?",
    ],
    note="The result is orthogonal to a row of ones and to z: neither a shift of a row nor a stretch of its deviations "
         "changes z.",
)
