"""Exercises on checking gradients, besides those of the bug museum."""

import numpy as np

from checks.exercise import Exercise
from checks.tests import agrees, arrays
from minigrad import jvp, vjp
from minigrad.box import Primitive, formulas


def two_sides(f, x, u, v):
    """⟨u, Jv⟩ by forward mode and ⟨Jᵀu, v⟩ by reverse mode, for f at x."""
    tangent = jvp(f, (x,), (v,))[1]
    (by_x,) = vjp(f, x)[1](u)
    return np.sum(u * tangent), np.sum(by_x * v)


# Two functions whose modes disagree, so that it shows which of them a side was computed from. They are in no table.


def with_modes(pullback, pushforward):
    """Make a primitive of a function, by a rule for each mode."""
    return lambda func: Primitive(func, formulas([pullback]), formulas([pushforward]))


@with_modes(lambda g: np.flip(g, -1), lambda t: np.roll(t, 1, -1))
def rolled(a):
    """The entries moved by one; the adjoint is wrong."""
    return np.roll(a, 1, -1)


@with_modes(lambda g, a: 3 * a * g, lambda t, a: 2 * a * t)
def squares(a):
    """The squares; the pullback is wrong."""
    return a * a


def sum_of_rolled(x):
    return np.sum(rolled(x), axis=0)


def weighted_squares(x):
    return squares(x) * np.array([[1.0, 2.0, 3.0]])


def row_sums_of_exp(x):
    return np.sum(np.exp(x), axis=-1)


def functions_and_directions(generator):
    """A function, a point of shape (2, 3), a weight for each output, and a direction."""
    f, shape = generator.choice([(sum_of_rolled, (3,)), (weighted_squares, (2, 3)), (row_sums_of_exp, (2,))])
    x, u, v = arrays((2, 3), shape, (2, 3))(generator)
    return f, x, u, v


def forward_twice(f, x, u, v):
    tangent = jvp(f, (x,), (v,))[1]
    return np.sum(u * tangent), np.sum(u * tangent)


def reverse_twice(f, x, u, v):
    (by_x,) = vjp(f, x)[1](u)
    return np.sum(by_x * v), np.sum(by_x * v)


def swapped_sides(f, x, u, v):
    return two_sides(f, x, u, v)[::-1]


def the_gap(f, x, u, v):
    forward, reverse = two_sides(f, x, u, v)
    return abs(forward - reverse)


def the_arrays(f, x, u, v):
    return u * jvp(f, (x,), (v,))[1], vjp(f, x)[1](u)[0] * v


def rounded_sides(f, x, u, v):
    return tuple(round(float(side), 5) for side in two_sides(f, x, u, v))


def values_weighted(f, x, u, v):
    return np.sum(u * f(x)), two_sides(f, x, u, v)[1]


def uniform_weights(f, x, u, v):
    return two_sides(f, x, np.ones_like(u), v)


def uniform_direction(f, x, u, v):
    return two_sides(f, x, u, np.ones_like(v))


Exercise(
    "checking.two_sides", two_sides,
    chapter="checking-gradients",
    title="Two sides of one number",
    kind="fill in", grade="easy", minutes=5,
    tests=[agrees(functions_and_directions)],
    wrong=[
        (forward_twice, "Both sides are computed by forward mode, so they would agree whatever reverse mode does."),
        (reverse_twice, "Both sides are computed by reverse mode, so they would agree whatever forward mode does."),
        (swapped_sides, "The pair is swapped: first forward mode, then reverse mode."),
        (the_gap, "That is the gap between the two. Return both numbers, as a pair."),
        (the_arrays, "These are the products entry by entry: the inner products are their sums."),
        (rounded_sides, "The numbers are rounded. A test looks at all digits: leave rounding to what prints them."),
        (values_weighted, "The first is ⟨u, f(x)⟩, made of the value: `jvp` returns the value and the tangent."),
        (uniform_weights, "The weights u are not used, or replaced by ones."),
        (uniform_direction, "The direction v is not used, or replaced by ones."),
    ],
    hints=["`jvp` takes the arguments of f and the direction as tuples, `(x,)` and `(v,)`, and returns two things.",
           "`vjp` returns the value and the pullback; the pullback returns a tuple, one entry for each argument.",
           "`tangent = jvp(f, (x,), (v,))[1]` and `(by_x,) = vjp(f, x)[1](u)`; then two sums of products, "
           "`np.sum(u * tangent)` and `np.sum(by_x * v)`."],
    note="The check has also used functions whose two modes disagree. On a sound function the two sides agree, and an "
         "answer that computes one side twice would have looked right.",
)


Exercise(
    "checking.caught", ("measured", "both", "dot", "neither"),
    chapter="checking-gradients",
    title="Who catches what?",
    kind="predict", grade="core", minutes=6,
    wrong=[
        (("both", "both", "dot", "neither"),
         "Fault A: one D serves both modes, so they are adjoint to each other, and the dot-product test passes."),
        (("measured", "dot", "dot", "neither"),
         "Fault B: reverse mode is wrong, so it differs from forward mode *and* from the measurement."),
        (("measured", "measured", "dot", "neither"),
         "Fault B: forward mode is the function itself, and right. Reverse mode differs from it."),
        (("measured", "both", "both", "neither"),
         "Fault C: the pullback is right, and the measurement looks at reverse mode alone."),
        (("measured", "both", "measured", "neither"),
         "Fault C: the pullback is right, so the measurement has nothing to find; the two modes disagree."),
        (("measured", "both", "neither", "neither"),
         "Fault C: the two modes disagree, and that is what the dot-product test asks."),
        (("measured", "both", "dot", "measured"),
         "Fault D: what is measured is the slope of the function that was written, and the rule fits that one."),
        (("measured", "both", "dot", "both"),
         "Fault D: rule and function fit each other. No derivative knows which function you meant."),
        (("dot", "both", "measured", "neither"),
         "A and C are exchanged: ask of each whether the two modes agree, and whether the pullback is right."),
    ],
    hints=["Ask two things of each: are the two modes adjoint to each other? Is the pullback right?",
           "`elementwise` makes both modes from one D. A linear function is its own pushforward.",
           "In fault D, everything fits together: it is only not the function that was wanted."],
    note="No single test catches all. Neither finds fault D: that a function computes what it should has to be "
         "tested by its values.",
)
