"""Exercises on the chain rule."""

from math import cos, exp, log, log10, sin

from checks.exercise import Exercise
from checks.tests import agrees, at, derivative_of, numbers
from minigrad import numerical_partials

# Predict: how far a nudge goes

Exercise(
    "chain_rule.moved_by", 0.24,
    chapter="chain-rule",
    title="How far does it move?",
    kind="predict", grade="easy", minutes=4,
    tolerance=1e-6,
    wrong=[
        (0.06, "You took the slope of the cube at x = 1. The cube never sees x: it is handed b = 2."),
        (0.12, "The slope of the cube at b = 2 is 12, but b moves by more than 0.01: the slope of x² + 1 is missing."),
        (0.02, "That is how far b moves. Its move goes on through the cube."),
        (0.14, "You added the two slopes. The second multiplies what the first hands on."),
        (24.0, "That is da/dx, the move for a nudge of 1. The nudge is 0.01."),
        (8.24, "That is about where a arrives. How far is that from where it was?"),
        (2.0201**3 - 8, "That is the move itself, remainder included. Predict it by slopes alone."),
    ],
    hints=[
        "What is b at x = 1, and what is the slope of x² + 1 there?",
        "b moves by 2 · 0.01. The slope of b³ is 3b², taken at the present value of b.",
        "b is 2, so the slope of the cube is 12: multiply what b moves by with it.",
    ],
    note="The move itself is 0.243632. What the slopes leave out falls as the square of the nudge.",
)


def push(stages, x):
    """The value at the end of a chain, and its derivative by x."""
    value, nudge = x, 1.0
    for function, slope in stages:
        value, nudge = function(value), slope(value) * nudge
    return value, nudge


def square(x):
    return x**2


def slope_of_square(x):
    return 2 * x


def slope_of_log(x):
    return 1 / x


def slope_of_exp(x):
    return exp(x)


def tenth(x):
    return 0.1 * x


def slope_of_tenth(x):
    return 0.1


SQUARE, LOG = (square, slope_of_square), (log, slope_of_log)
STAGES = [SQUARE, (sin, cos), (exp, slope_of_exp), (tenth, slope_of_tenth)]


def chains(generator):
    """A chain of four stages whose values stay within the range of floats, and an input."""
    return [*generator.sample(STAGES, 3), (tenth, slope_of_tenth)], generator.uniform(0.5, 1.5)


def push_with_slopes_at_x(stages, x):
    value, nudge = x, 1.0
    for function, slope in stages:
        value, nudge = function(value), slope(x) * nudge
    return value, nudge


def push_with_slopes_too_late(stages, x):
    value, nudge = x, 1.0
    for function, slope in stages:
        value = function(value)
        nudge = slope(value) * nudge
    return value, nudge


def push_adding(stages, x):
    value, nudge = x, 1.0
    for function, slope in stages:
        value, nudge = function(value), slope(value) + nudge
    return value, nudge


def push_from_zero(stages, x):
    return push(stages, x)[0], 0.0


def push_from_x(stages, x):
    value, nudge = push(stages, x)
    return value, x * nudge


def push_last_slope(stages, x):
    value, nudge = x, 1.0
    for function, slope in stages:
        value, nudge = function(value), slope(value)
    return value, nudge


def push_backwards(stages, x):
    return push(stages[::-1], x)


def push_returning_early(stages, x):
    value, nudge = x, 1.0
    for function, slope in stages:
        value, nudge = function(value), slope(value) * nudge
        return value, nudge


def push_through_functions(stages, x):
    value, nudge = x, 1.0
    for function, _ in stages:
        value, nudge = function(value), function(nudge)
    return value, nudge


Exercise(
    "chain_rule.push", push,
    chapter="chain-rule",
    title="Push a nudge through any chain",
    kind="fill in", grade="core", minutes=10,
    tests=[
        at([], 3.0, gives=(3.0, 1.0)),
        at([SQUARE], 3.0, gives=(9.0, 6.0)),
        at([SQUARE, LOG], 3.0, gives=(log(9), 2 / 3)),
        agrees(chains),
    ],
    wrong=[
        (push_with_slopes_at_x, "You take every slope at x. Only the first function sees x: each of the others "
         "sees the value that the one before it handed on."),
        (push_with_slopes_too_late, "You take the slope after the value has been replaced, at what the function gives. "
         "It belongs at what the function is given."),
        (push_adding, "You add the slopes. A nudge that arrives is multiplied by the slope."),
        (push_from_zero, "Your nudge is 0 all the way: it must start as 1."),
        (push_from_x, "Your nudge starts as x. The value starts as x, the nudge as 1."),
        (push_last_slope, "What comes out is the last slope alone: multiply it by the nudge that arrived."),
        (push_backwards, "You go through the stages from the last to the first. The first one sees x."),
        (push_returning_early, "You return after the first stage, and from an empty chain nothing: the `return` stands "
         "inside the loop. Move it behind the loop."),
        (push_through_functions, "You push the nudge through the functions. It is multiplied by their slopes."),
        (lambda stages, x: push(stages, x)[1], "Return both, the value and the nudge."),
        (lambda stages, x: push(stages, x)[0], "That is the value alone. Return both, the value and the nudge."),
        (lambda stages, x: push(stages, x)[::-1], "The value comes first, the nudge second."),
    ],
    hints=[
        "Two numbers travel along the chain: the value, which starts as x, and the nudge, which starts as 1.",
        "At each stage the value becomes `function(value)` and the nudge becomes `slope(value) * nudge`.",
        "Both right sides need the old value: compute them before you assign, or assign both at once.",
    ],
    note="If the value is replaced first, the slope is taken one stage too far. You have written forward mode for a "
         "chain: a later chapter does the same with numbers that carry their nudge along.",
)


def sigmoid(b):
    return 1 / (1 + exp(-b))


def slope(x, w):
    """dL/dx of L = −log σ(w x²), with one name for all values."""
    v, nudge = x**2, 2 * x
    v, nudge = w * v, w * nudge
    v = sigmoid(v)
    nudge = v * (1 - v) * nudge
    nudge = nudge / v
    v = log(v)
    return -nudge


def slope_with_bug(x, w):
    """The stub: the value is overwritten before the slope of the logarithm is taken at it."""
    v, nudge = x**2, 2 * x
    v, nudge = w * v, w * nudge
    v = sigmoid(v)
    nudge = v * (1 - v) * nudge
    v = log(v)
    nudge = nudge / v
    return -nudge


def factors(x, w):
    """The values b and c on the way to L, and the nudge that arrives at b."""
    return w * x**2, sigmoid(w * x**2), 2 * w * x


def slope_with_sign_patched(x, w):
    b, c, nudge = factors(x, w)
    return c * (1 - c) * nudge / log(c)


def slope_divided_by_b(x, w):
    b, c, nudge = factors(x, w)
    return -c * (1 - c) * nudge / b


def slope_without_log(x, w):
    b, c, nudge = factors(x, w)
    return -c * (1 - c) * nudge


def slope_times_c(x, w):
    b, c, nudge = factors(x, w)
    return -c * c * (1 - c) * nudge


def slope_with_sign_lost(x, w):
    return -slope(x, w)


def slope_with_sigmoid_at_b(x, w):
    b, c, nudge = factors(x, w)
    return -b * (1 - b) * nudge / c


Exercise(
    "chain_rule.slope", slope,
    chapter="chain-rule",
    title="A value overwritten",
    kind="spot the bug", grade="core", minutes=8,
    stub=slope_with_bug,
    tests=[
        at(2.0, 0.5, gives=-2 * (1 - sigmoid(2.0))),
        derivative_of(lambda x, w: -log(sigmoid(w * x**2)), numbers(2, 0.3, 1.7), with_respect_to=0),
    ],
    wrong=[
        (slope_with_bug, "The nudge is still divided by log c. Which number was the logarithm given?"),
        (slope_with_sign_patched, "The sign is right now, the size is not: you still divide by log c."),
        (slope_divided_by_b, "You divide by b. The logarithm is given c = σ(b), so its slope is 1/c."),
        (slope_without_log, "The factor of the logarithm is lost: four factors are left of five."),
        (slope_times_c, "You multiply by c where the slope of the logarithm, 1/c, is needed."),
        (slope_with_sign_lost, "The sign is lost: the factor of L = −g is −1."),
        (slope_with_sigmoid_at_b, "The slope of σ is c(1 − c): it needs the value c that comes out, not b."),
    ],
    hints=[
        "Compare with the trace table above, line by line. Up to which line does `nudge` agree with its last column?",
        "The slope of log at c is 1/c. What does `v` hold when the division happens?",
        "Exchange two lines.",
    ],
    note="Slopes of some operations are written with what comes out (σ), of others with what goes in (log). A program "
         "that overwrites a value has to have used it before.",
)


def self_power(x):
    """The derivative of x ** x, for x > 0."""
    return x**x * (log(x) + 1)


Exercise(
    "chain_rule.self_power", self_power,
    chapter="chain-rule",
    title="x to the power of itself",
    kind="derive", grade="core", minutes=8,
    tests=[
        at(1.0, gives=1.0),
        at(2.0, gives=4 * log(2) + 4),
        derivative_of(lambda x: x**x, numbers(1, 0.3, 2.5)),
    ],
    wrong=[
        (lambda x: x * x ** (x - 1), "You hold the exponent still. It moves too."),
        (lambda x: x**x * log(x), "You hold the base still. It moves too."),
        (lambda x: x**x * log(x) + x ** (x - 1), "By y, the derivative of yᶻ is z yᶻ⁻¹: you lost the z."),
        (lambda x: x**x * (1 - log(x)), "The two ways are added, not subtracted."),
        (lambda x: x**x * x**x * log(x), "You multiplied the two ways. Their moves add up."),
        (lambda x: x ** (x - 1) * (log(x) + 1), "Two slips. By the base, the derivative of yᶻ is z yᶻ⁻¹: the power is "
         "right, the factor z is missing. By the exponent it is yᶻ log y, with the power as it was."),
        (lambda x: x * x ** (x - 1) + x ** (x - 1) * log(x), "By the base you are right. By the exponent, the "
         "derivative of yᶻ is yᶻ log y: the power does not go down."),
        (lambda x: x**x * log(x) + 1, "A bracket is missing: xˣ multiplies the 1, too."),
        (lambda x: x**x * (log10(x) + 1), "log is the natural logarithm: `log`."),
    ],
    hints=[
        "Write f(y, z) = yᶻ, with y = x and z = x. Both dy/dx and dz/dx are 1.",
        "With z held, yᶻ is a power of y. With y held, yᶻ = exp(z log y) is an exponential in z.",
        "The partial derivatives are z yᶻ⁻¹ and yᶻ log y. Put y = z = x, and add.",
    ],
    note="Each of the two familiar rules, for powers and for exponentials, holds one x still. Either alone is a "
         "partial derivative; their sum is the total one.",
)


def implicit_slope(F, x, y):
    """dy/dx at a point of the curve F(x, y) = 0."""
    dF_dx, dF_dy = numerical_partials(F, x, y)
    return -dF_dx / dF_dy


def circle(x, y):
    return x**2 + y**2 - 25


def hyperbola(x, y):
    return x * y - 6


def cubic(x, y):
    return y**3 + y - x


def curves(generator):
    """A curve, and a point on it."""
    y = generator.uniform(0.5, 2.0)
    return generator.choice([(hyperbola, 6 / y, y), (cubic, y**3 + y, y), (circle, (25 - y**2) ** 0.5, y)])


def implicit(combine):
    """An answer that combines the two partial derivatives in some way."""
    return lambda F, x, y: combine(*numerical_partials(F, x, y))


Exercise(
    "chain_rule.implicit_slope", implicit_slope,
    chapter="chain-rule",
    title="The slope of a curve",
    kind="derive", grade="core", minutes=8,
    tolerance=1e-6,
    tests=[
        at(circle, 3.0, 4.0, gives=-0.75),
        at(hyperbola, 2.0, 3.0, gives=-1.5),
        agrees(curves),
    ],
    wrong=[
        (implicit(lambda p, q: p / q), "The sign is lost: the two ways have to cancel, so that F stays 0."),
        (implicit(lambda p, q: -q / p), "Upside down: that is how x moves when y is nudged."),
        (implicit(lambda p, q: q / p), "Upside down, and the sign is lost."),
        (implicit(lambda p, q: p), "That is ∂F/∂x, with y held. On the curve y moves."),
        (implicit(lambda p, q: -p), "The way through y has a factor too, ∂F/∂y. Solve for dy/dx."),
        (implicit(lambda p, q: p + q), "You add the two as if y moved as fast as x. How fast it moves is the unknown."),
    ],
    hints=[
        "Along the curve, F(x, y(x)) is 0 for every x. What is the total derivative of that? The direct way goes "
        "through the first argument here.",
        "∂F/∂x + ∂F/∂y · dy/dx = 0. Solve for dy/dx.",
        "`numerical_partials(F, x, y)` gives ∂F/∂x and ∂F/∂y, in this order.",
    ],
    note="Cancelling ∂F as if these were fractions would give the right size with the wrong sign. It works wherever "
         "∂F/∂y is not 0; at (5, 0) on the circle the curve is vertical and there is no slope.",
)
