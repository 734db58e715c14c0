"""Exercises on broadcasting."""

import numpy as np

from checks.exercise import Exercise
from checks.tests import agrees, arrays, at, numerical_pullback, pullback_of

Exercise(
    "broadcasting.copies", (4, 15),
    chapter="broadcasting",
    title="Two that stretch each other",
    kind="predict", grade="easy", minutes=4,
    wrong=[
        ((15, 4),
         "The two are swapped: A is copied along the second axis of Y only, and C along the first and the third."),
        ((4, 3),
         "C misses an axis: shapes are aligned at the right, so C counts as 1 × 4 × 1, and is copied along the first "
         "axis too."),
        ((4, 5),
         "C is copied along its last axis too, which has length 1 and is stretched to 3."),
        ((15, 3),
         "You have aligned the shapes in some other way: at the right, A is 5 × 1 × 3 and C is 1 × 4 × 1."),
        ((1, 1),
         "You have averaged over the copies: their derivatives add."),
        ((60, 60),
         "60 is the number of entries of Y: one entry of A, or of C, reaches only some of them."),
        ((15, 15),
         "A has 15 entries, but each of them is copied to fewer places than that: along one axis of Y."),
        ((4, 4),
         "C has 4 entries, but each of them is copied to more places than that: along two axes of Y."),
        ((4, 8),
         "The lengths of two stretched axes multiply: copies along one axis are copied along the other."),
    ],
    hints=[
        "Which shape has Y? Write the three shapes below each other, aligned at the right.",
        "Y is 5 × 4 × 3. To how many places of Y does one entry of A go?",
        "A is stretched from 1 to 4 along one axis; C is stretched to 5 along an added axis and from 1 to 3 along its "
        "last.",
    ],
    note="Every entry of Y uses one entry of each operand: 15 entries of A times 4 copies, and 4 entries of C times 15 "
         "copies, are 60 both times.",
)


def distances_pullback(g, a, b):
    """The derivatives of the loss by a and by b, where y = (a[:, None] - b) ** 2."""
    by_difference = 2 * g * (a[:, None] - b)
    return by_difference.sum(axis=1), -by_difference.sum(axis=0)


def distances(a, b):
    return (a[:, None] - b) ** 2


def vectors(generator):
    """Two vectors of different lengths."""
    n, m = generator.choice([(3, 4), (5, 2), (2, 6)])
    return arrays((n,), (m,))(generator)


def from_slopes(by_a, by_b, slopes=lambda g, difference: 2 * g * difference):
    """The answer that makes the two results of the derivatives by all differences."""
    def answer(g, a, b):
        slope = slopes(g, a[:, None] - b)
        return by_a(slope), by_b(slope)
    return answer


def rows(x):
    return x.sum(axis=1)


def columns(x):
    return x.sum(axis=0)


Exercise(
    "broadcasting.distances_pullback", distances_pullback,
    chapter="broadcasting",
    title="All squared distances",
    kind="derive", grade="core", minutes=8,
    tests=[
        at(np.array([[1.0, 10.0, 0.0], [2.0, 0.0, 5.0]]), np.array([3.0, 1.0]), np.array([1.0, 2.0, -1.0]),
           gives=(np.array([24.0, 20.0]), np.array([-4.0, -20.0, -20.0]))),
        pullback_of(distances, vectors),
    ],
    wrong=[
        (from_slopes(rows, columns),
         "The derivative by b has its sign reversed: a − b falls when b grows."),
        (from_slopes(lambda x: -rows(x), columns),
         "Both signs are reversed: a − b grows with a."),
        (from_slopes(lambda x: -columns(x), rows),
         "The two results are swapped: first the derivative by a, with one entry for each row of y."),
        (from_slopes(columns, lambda x: -rows(x)),
         "The axes are swapped: an entry of a is in all places of one row, so the sum goes along the row, axis 1."),
        (from_slopes(rows, lambda x: -columns(x), lambda g, difference: g * difference),
         "The factor 2 of the square is missing."),
        (from_slopes(rows, lambda x: -columns(x), lambda g, difference: 2 * difference),
         "The upstream is not used: multiply by g before you sum, since every copy has its own."),
        (from_slopes(lambda x: x, lambda x: -x),
         "These have the shape of y: the contributions of all copies have still to be added."),
        (from_slopes(lambda x: x.mean(axis=1), lambda x: -x.mean(axis=0)),
         "You have averaged over the copies: their contributions add."),
        (from_slopes(lambda x: x.sum(axis=1, keepdims=True), lambda x: -x.sum(axis=0, keepdims=True)),
         "The numbers are right, but a and b have one axis, and so have their derivatives: leave `keepdims` out."),
        (lambda g, a, b: (2 * g.sum(axis=1) * (a[:, None] - b).sum(axis=1),
                          -2 * g.sum(axis=0) * (a[:, None] - b).sum(axis=0)),
         "A sum of products is not the product of the sums: multiply by g first, then sum."),
        (from_slopes(rows, lambda x: -columns(x), lambda g, difference: g * difference**2),
         "You pull back the values of y: the derivative of the square is 2(a − b)."),
    ],
    hints=[
        "One entry first: y_ij = (a_i − b_j)². What is its derivative by a_i, and by b_j? (`unbroadcast` undoes the "
        "stretching of `a[:, None]`, of shape n × 1, not of `a`.)",
        "∂y_ij/∂a_i = 2(a_i − b_j), and ∂y_ij/∂b_j is minus that. In which entries of y does a_i stand?",
        "a_i stands in row i, so its derivative is the sum of 2 g_ij (a_i − b_j) over j. b_j stands in column j.",
    ],
    note="y was made of two stretched operands: a as a column, b as a row. Each is undone along the axis in which it "
         "was copied.",
)


def sum_to(g, shape):
    """Undo broadcasting: g, summed to the shape that was stretched to g.shape."""
    for k in range(-len(shape), 0):
        if shape[k] == 1:
            g = g.sum(axis=k, keepdims=True)
    added = g.ndim - len(shape)
    return g.sum(axis=tuple(range(added)))


def losing_axes(g, shape):
    """Undo broadcasting: g, summed to the shape that was stretched to g.shape."""
    for k in range(-len(shape), 0):
        if shape[k] == 1:
            g = g.sum(axis=k)
    added = g.ndim - len(shape)
    return g.sum(axis=tuple(range(added)))


def summing(leading=lambda g: g.sum(axis=0), stretched=lambda g, axis: g.sum(axis=axis, keepdims=True),
            at_end=lambda g, shape: g):
    """The answer with these steps for an added axis, for a stretched one, and at the end."""
    def answer(g, shape):
        while leading and g.ndim > len(shape):
            g = leading(g)
        for axis, n in enumerate(shape):
            if n == 1 and axis < g.ndim:
                g = stretched(g, axis)
        return at_end(g, shape)
    return answer


def reshaped_at_end(g, shape):
    return losing_axes(g, shape).reshape(shape)


SHAPES = [((4, 3), (3,)), ((4, 3), (4, 1)), ((2, 4, 3), (4, 1)), ((5, 2, 3), (1, 2, 1)), ((2, 3), ()), ((3, 4), (1, 1)),
          ((4, 2), (4, 2)), ((2, 3, 4), (1,))]


def stretched_pair(generator):
    """An array, and a shape that broadcasts to its shape."""
    large, small = generator.choice(SHAPES)
    return *arrays(large)(generator), small


Exercise(
    "broadcasting.sum_to", sum_to,
    chapter="broadcasting",
    title="A sum that moves the axes",
    kind="spot the bug", grade="core", minutes=6,
    stub=losing_axes,
    tests=[
        at(np.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]]), (3,), gives=np.array([9.0, 18.0, 36.0])),
        at(np.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]]), (2, 1), gives=np.array([[7.0], [56.0]])),
        at(np.arange(12.0).reshape(2, 3, 2), (1, 3, 1), gives=np.array([[[14.0], [22.0], [30.0]]])),
        agrees(stretched_pair, times=20),
    ],
    wrong=[
        (losing_axes,
         "A stretched axis is summed away: it has to stay, with length 1. What does `sum` have for that?"),
        (reshaped_at_end,
         "Reshaping at the end comes too late: after the first sum the axes behind it have moved up, and the next "
         "number names another axis."),
        (summing(stretched=lambda g, axis: g.mean(axis=axis, keepdims=True)),
         "You average along a stretched axis: the derivatives of copies add."),
        (summing(leading=lambda g: g.mean(axis=0)),
         "You average along an added axis: the derivatives of copies add."),
        (summing(leading=lambda g: g.sum(axis=-1)),
         "Axes are added at the left: the surplus ones are the first, not the last."),
        (summing(stretched=lambda g, axis: g),
         "The axes that were stretched from length 1 are not summed over any more."),
        (summing(leading=None),
         "The axes that were added at the left are not summed over any more."),
        (summing(stretched=lambda g, axis: g.take([0], axis)),
         "You keep the first copy along a stretched axis: all of them count."),
        (summing(leading=lambda g: g[0]),
         "You keep the first copy along an added axis: all of them count."),
        (summing(stretched=lambda g, axis: g.sum(keepdims=True)),
         "`sum` without an axis sums over all of them: name the one that was stretched."),
        (summing(stretched=lambda g, axis: np.sum(g, axis=0, keepdims=True)),
         "The axis is always 0 here: sum over the one that the loop has come to."),
    ],
    hints=[
        "Call it with shape (1, 3, 1) and an array of shape (2, 3, 4), and print g.shape in each round of the loop.",
        "After a sum, axis 1 has become axis 0.",
        "`keepdims=True` keeps the axis, with length 1.",
    ],
    note="The first loop may lose axes, because it always sums over the one in front. Going through the second loop "
         "from the last axis to the first and reshaping at the end would do too.",
)


def undo_repeat(g, repeats):
    """The derivative of the loss by a, where y = np.repeat(a, repeats)."""
    ends = np.cumsum(repeats)
    return np.array([g[end - count : end].sum() for count, end in zip(repeats, ends)])


def counts(generator):
    """An upstream, and counts of copies with a 0 and a larger number among them."""
    repeats = [0, generator.choice([3, 4]), *(generator.choice([1, 2]) for _ in range(generator.choice([1, 2])))]
    generator.shuffle(repeats)
    return *arrays((sum(repeats),))(generator), repeats


def by_part(make):
    """The answer that makes an entry of the upstream's entries for its copies, which may be none."""
    def answer(g, repeats):
        ends = np.cumsum(repeats)
        return np.array([make(g[end - count:end]) if count else 0.0 for count, end in zip(repeats, ends)])
    return answer


Exercise(
    "broadcasting.undo_repeat", undo_repeat,
    chapter="broadcasting",
    title="Uneven copies",
    kind="fill in", grade="core", minutes=8,
    tests=[
        at(np.array([1.0, 10.0, 100.0, 1000.0, 5.0]), [2, 0, 3], gives=np.array([11.0, 0.0, 1105.0])),
        at(np.array([3.0, 5.0]), [1, 1], gives=np.array([3.0, 5.0])),
        agrees(counts),
    ],
    wrong=[
        (by_part(np.mean),
         "You average over the copies: their derivatives add."),
        (by_part(lambda part: part[-1]),
         "Of several copies only the last one counts here. Did you write `by_a[source] = g` or `+= g`? With repeated "
         "indices both keep the last value."),
        (by_part(lambda part: part[0]),
         "Of several copies only the first one counts here: add all of them."),
        (by_part(lambda part: len(part) * part[0]),
         "You multiply the first copy's derivative by their number: the copies have different upstreams."),
        (by_part(len),
         "You count the copies: add their upstreams."),
        (by_part(np.prod),
         "You multiply the upstreams of the copies: they add."),
        (lambda g, repeats: np.bincount(np.arange(len(g)) % len(repeats), g, minlength=len(repeats)),
         "That undoes np.tile, whose copies of an entry are len(a) places apart: those of np.repeat are neighbours."),
        (lambda g, repeats: np.add.reduceat(g, np.cumsum([0, *repeats[:-1]])) if repeats[-1] else g[:0],
         "An entry without any copy has the derivative 0: np.add.reduceat gives it the next entry of g instead."),
        (lambda g, repeats: np.array([part.sum() for part in np.split(g, np.cumsum(repeats)[:-1]) if len(part)]),
         "An entry without any copy is left out: its derivative is 0, and it has its place in the result."),
        (lambda g, repeats: np.repeat(undo_repeat(g, repeats), repeats),
         "The sums are right, but they have been copied again: the result has the shape of a."),
        (lambda g, repeats: np.cumsum(g)[np.cumsum(repeats) - 1],
         "Each sum starts at the first entry of g: subtract what belongs to the entries before."),
    ],
    hints=[
        "The copies of one entry are neighbours. Where do they end? `np.cumsum(repeats)` has all the ends.",
        "The copies of an entry with `count` copies and the end `end` are `g[end - count : end]`.",
        "Sum each of these slices. The sum of an empty one is 0.",
    ],
    note="It can be done without a loop: `source = np.repeat(np.arange(n), repeats)` says for each entry of y which "
         "entry of a it copies, and `np.add.at(by_a, source, g)` adds all contributions, where `by_a[source] += g` "
         "keeps one.",
)


def undo_tile(g, reps):
    """The derivative of the loss by A, where y = np.tile(A, reps), reps = (r, s)."""
    r, s = reps
    n, m = g.shape[0] // r, g.shape[1] // s
    return g.reshape(r, n, s, m).sum(axis=(0, 2))


def measured_tile(g, reps):
    """The same, by central differences."""
    (r, s), (height, width) = reps, g.shape
    return numerical_pullback(lambda A: np.tile(A, reps), np.zeros((height // r, width // s)), g)


def tiled(generator):
    """An upstream of the shape of a tiled matrix, and how often it was tiled."""
    (n, m), reps = generator.choice([(2, 3), (3, 2), (4, 3)]), generator.choice([(2, 3), (3, 2), (1, 2), (4, 1)])
    return *arrays((reps[0] * n, reps[1] * m))(generator), reps


def in_blocks(make):
    """The answer that makes the result of the upstream with axes (r, n, s, m)."""
    def answer(g, reps):
        r, s = reps
        return make(g.reshape(r, g.shape[0] // r, s, g.shape[1] // s))
    return answer


def other_axes(order, axes):
    """The answer that reshapes the upstream to these axes, named by their letters, and sums over two."""
    def answer(g, reps):
        r, s = reps
        lengths = {"r": r, "s": s, "n": g.shape[0] // r, "m": g.shape[1] // s}
        return g.reshape([lengths[letter] for letter in order]).sum(axis=axes)
    return answer


Exercise(
    "broadcasting.undo_tile", undo_tile,
    chapter="broadcasting",
    title="Undo the tiles",
    kind="fill in", grade="stretch", minutes=12,
    tests=[
        at(np.array([[1.0, 2.0, 4.0, 10.0, 20.0, 40.0], [3.0, 5.0, 6.0, 30.0, 50.0, 60.0]]), (1, 2),
           gives=np.array([[11.0, 22.0, 44.0], [33.0, 55.0, 66.0]])),
        agrees(tiled, measured_tile, tolerance=1e-6),
    ],
    wrong=[
        (other_axes("nrms", (1, 3)),
         "That undoes np.repeat, whose copies are neighbours: a tile comes as a whole, so the number of the tile is "
         "the first axis of each pair."),
        (other_axes("rsnm", (0, 1)),
         "The shape is right, but reshape counts along the rows of y, and a row of y goes through s tiles: the axes "
         "have to be r, n, s, m in this order."),
        (in_blocks(lambda x: x.mean(axis=(0, 2))),
         "You average over the tiles: their derivatives add."),
        (in_blocks(lambda x: x[0, :, 0]),
         "That is the derivative through the first tile: all of them count."),
        (in_blocks(lambda x: x[-1, :, -1]),
         "That is the derivative through the last tile: all of them count."),
        (in_blocks(lambda x: x[0, :, 0] * x.shape[0] * x.shape[2]),
         "You multiply the first tile's derivative by the number of tiles: each tile has its own upstream."),
        (in_blocks(lambda x: x.sum(axis=0).reshape(x.shape[1], -1)),
         "You have summed over the tiles below each other: those beside each other are left."),
        (in_blocks(lambda x: x.sum(axis=2).reshape(-1, x.shape[3])),
         "You have summed over the tiles beside each other: those below each other are left."),
        (in_blocks(lambda x: x.sum(axis=(0, 2), keepdims=True)),
         "The numbers are right, but the result has four axes: leave `keepdims` out."),
        (in_blocks(lambda x: x.sum(axis=(1, 3))),
         "You have summed inside each tile: the result has an entry for each tile, not for each entry of A."),
    ],
    hints=[
        "Row number (p − 1)·n + i of y is row i of a tile in row p of tiles: reshape splits the one number into two.",
        "`g.reshape(r, n, s, m)`: which of the four axes count tiles?",
        "Sum over axes 0 and 2.",
    ],
    note="np.repeat along both axes would be n, r, m, s: the pairs the other way round.",
)
