"""Exercises on forward mode."""

import math

from checks.exercise import Exercise, Failure
from checks.tests import agrees, at, central


def mappings(generator):
    """Two mappings that share some inputs, not all."""
    inputs = "uvwxyz"
    return tuple({x: generator.uniform(-3, 3) for x in generator.sample(inputs, 4)} for _ in range(2))


def sub(grads, others):
    """The derivatives of a − b, from those of a and of b."""
    return {x: grads.get(x, 0.0) - others.get(x, 0.0) for x in grads | others}


Exercise(
    "forward.sub", sub,
    chapter="forward-mode",
    title="Subtraction",
    kind="fill in", grade="easy", minutes=5,
    tests=[
        at({"x": 5.0}, {"x": 2.0}, gives={"x": 3.0}),
        at({"x": 5.0}, {"y": 2.0}, gives={"x": 5.0, "y": -2.0}),
        agrees(mappings),
    ],
    wrong=[
        (lambda grads, others: {x: grads.get(x, 0.0) + others.get(x, 0.0) for x in grads | others},
         "Your derivatives are those of a + b: the partial derivative of a − b with respect to b is −1."),
        (lambda grads, others: {x: others.get(x, 0.0) - grads.get(x, 0.0) for x in grads | others},
         "Your derivatives are those of b − a: `grads` belongs to a, `others` to b."),
        (lambda grads, others: dict(grads),
         "The derivatives of b are lost: a − b moves when b moves."),
        (lambda grads, others: {x: grads[x] - others.get(x, 0.0) for x in grads},
         "Inputs that only b depends on are missing: go over the inputs of both."),
        (lambda grads, others: {x: grads[x] - others[x] for x in grads if x in others},
         "Only inputs that a and b share are left: where one of them does not depend on an input, take 0."),
        (lambda grads, others: grads | others,
         "Where a and b depend on the same input, b's derivative replaces a's; and b's sign is lost everywhere."),
        (lambda grads, others: grads | {x: -other for x, other in others.items()},
         "Where a and b depend on the same input, b's derivative replaces a's: the two contributions add up."),
        (lambda grads, others: grads | {x: grads.get(x, 0.0) - other if x in grads else other
                                        for x, other in others.items()},
         "An input that only b depends on keeps its sign in your answer: its derivative is 0 − others[x]."),
        (lambda grads, others: {x: grads[x] - others[x] for x in grads | others},
         "An input that a or b does not depend on is not in its mapping, so looking it up raises KeyError: its "
         "derivative is 0."),
    ],
    hints=[
        "If x moves by h, a moves by grads[x]·h and b by others[x]·h. By how much does a − b move?",
        "Which inputs does a − b depend on? Those of a and those of b: `grads | others` has the keys of both.",
        "`grads.get(x, 0.0)` is the derivative of a with respect to x, whether or not a depends on x.",
    ],
    note="Writing `grads | …` alone is not enough: where both mappings have a key, the right one wins, and x − x would "
         "have the derivative −1.",
)


Exercise(
    "forward.table", [(1, 3), (7, 6), (6, 3), (6, 8)],
    chapter="forward-mode",
    title="Fill in a trace table",
    kind="predict", grade="easy", minutes=6,
    wrong=[
        ([(3, 1), (6, 7), (3, 6), (8, 6)],
         "The two columns are swapped: each pair is (derivative by x, derivative by y)."),
        ([(1, 1), (7, 2), (6, 1), (6, 6)],
         "In the row of a, the factor 3 is lost: if y moves by h, a moves by 3h."),
        ([(1, 3), (2, 6), (1, 3), (1, 8)],
         "b = ax moves with x in two ways, through a and directly: the second one, a times 1, is missing."),
        ([(1, 3), (5, 0), (4, -3), (4, 2)],
         "In the row of b, a is held: but a moves too, with x and with y."),
        ([(1, 3), (1, 0), (0, -3), (0, 2)],
         "The row of b is the product of the derivatives of a and x: by the forward rule it is x·a' + a·x'."),
        ([(1, 3), (6, 3), (5, 0), (5, 5)],
         "In the row of b, the factor x is lost: a' is multiplied by it."),
        ([(1, 3), (3, 6), (2, 3), (2, 8)],
         "In the row of b, the factor a is lost: x' is multiplied by it."),
        ([(1, 3), (5, 0), (0, 0), (0, 5)],
         "These are the partial derivatives of each step, with its other operand held: but a, b and c move too."),
        ([(1, 3), (7, 15), (6, 12), (6, 17)],
         "In the row of b the values are at the wrong places: a' is multiplied by x, and x' by a."),
        ([(1, 3), (7, 6), (8, 9), (8, 14)],
         "The sign in c = b − a is lost: the partial derivative with respect to a is −1."),
        ([(1, 3), (7, 6), (7, 6), (7, 11)],
         "In the row of c, a is held: c = b − a moves with b and with a."),
        ([(1, 3), (7, 6), (-6, -3), (-6, 2)],
         "The row of c is that of a − b: c is b − a."),
        ([(1, 3), (7, 6), (6, 3), (6, 3)],
         "In the row of L, y is held: y is an input, not a constant."),
        ([(1, 3), (7, 6), (6, 3), (0, 5)],
         "In the row of L, c is held: c moves with x and with y."),
        ([(1, 3), (7, 6), (6, 3), (0, 3)],
         "The row of L is the product of the derivatives of c and y: by the forward rule it is y·c' + c·y'."),
        ([(1, 3), (7, 6), (6, 3), (30, 16)],
         "In the row of L the values are at the wrong places: c' is multiplied by y, and y' by c."),
    ],
    hints=[
        "Begin with the inputs: x has the pair (1, 0), y has (0, 1).",
        "Go row by row. Each row needs the rows and the values of its operands: for b = ax, x times the pair of a plus "
        "a times the pair of x.",
        "The first two rows are (1, 3) and 2·(1, 3) + 5·(1, 0).",
    ],
    note="a is reached by two ways, and is an operand twice: its row was worked out once, and read twice.",
)


def div(a, b):
    """The rule of a / b: value, partial by a, partial by b."""
    return a / b, 1 / b, -a / b**2


def measured_division(a, b):
    """The rule of a / b with its partial derivatives measured."""
    return a / b, central(lambda a: a / b, a), central(lambda b: a / b, b)


def away_from_zero(generator):
    """A number far enough from 0 to divide by and to be nudged."""
    return generator.choice([-1, 1]) * generator.uniform(0.6, 3)


Exercise(
    "forward.div", div,
    chapter="forward-mode",
    title="Division",
    kind="derive", grade="core", minutes=8,
    tests=[
        at(6.0, 2.0, gives=(3.0, 0.5, -1.5)),
        agrees(lambda generator: (generator.uniform(-3, 3), away_from_zero(generator)), measured_division,
               tolerance=1e-6),
    ],
    wrong=[
        (lambda a, b: (1 / b, -a / b**2),
         "Your partial derivatives are right, and the value is missing: a rule returns it first."),
        (lambda a, b: (a / b, -a / b**2, 1 / b),
         "The two partial derivatives are swapped: first the one with respect to a, then the one with respect to b."),
        (lambda a, b: (a / b, 1 / b, a / b**2),
         "The sign of the second partial derivative is lost: when a positive b grows, 6/b falls."),
        (lambda a, b: (a / b, 1 / b, -1 / b**2),
         "The second partial derivative is that of 1/b: the factor a is missing."),
        (lambda a, b: (a / b, 1 / b, -a / b),
         "The second partial derivative needs one more division by b: solving for v' gives −v/b, and v is a/b."),
        (lambda a, b: (a / b, 1 / b, -b / a**2),
         "In the second partial derivative a and b are swapped."),
        (lambda a, b: (a / b, 1 / b, a * math.log(abs(b))),
         "The second partial derivative is an antiderivative: the derivative of 1/b is −1/b²."),
        (lambda a, b: (a / b, b, -a / b**2),
         "The first partial derivative is that of a·b: with b held, a/b is a times 1/b."),
        (lambda a, b: (a / b, b, a),
         "These are the partial derivatives of a·b: solve b·v' + v·b' = a' for v', the derivative of v by an input x."),
        (lambda a, b: (a / b, 1.0, -a / b**2),
         "The first partial derivative is not 1: with b held, a/b is a times 1/b."),
        (lambda a, b: (a / b, 1.0, -1.0),
         "These are the partial derivatives of a − b."),
        (lambda a, b: (a / b, (b - a) / b**2, (b - a) / b**2),
         "That is the rule for quotients with a' = b' = 1, which moves both operands: a partial derivative holds one."),
    ],
    hints=[
        "The forward rule for v·b = a: b·v' + v·b' = a', where the prime stands for the derivative by an input x.",
        "Solve for v': v' = (a' − v·b') / b. The factor in front of a' is the first partial derivative.",
        "The factor in front of b' is −v/b. Put in v = a/b.",
    ],
    note="The rule for quotients, (a'b − ab')/b², says the same with both partial derivatives in one formula. A row of "
         "the table keeps them apart, because each operand brings its own derivatives.",
)


def plus(grads, others):
    """The derivatives of a + b, from those of a and of b."""
    total = dict(grads)
    for x, grad in others.items():
        total[x] = total.get(x, 0.0) + grad
    return total


def plus_in_place(grads, others):
    """The derivatives of a + b, from those of a and of b."""
    for x, grad in others.items():
        grads[x] = grads.get(x, 0.0) + grad
    return grads


def plus_under_another_name(grads, others):
    total = grads
    for x, grad in others.items():
        total[x] = total.get(x, 0.0) + grad
    return total


def plus_into_others(grads, others):
    for x, grad in grads.items():
        others[x] = others.get(x, 0.0) + grad
    return others


def plus_without_new_keys(grads, others):
    total = dict(grads)
    for x in grads:
        total[x] += others.get(x, 0.0)
    return total


def plus_with_keys_of_both(grads, others):
    total = dict(grads)
    for x, grad in others.items():
        total[x] = total[x] + grad
    return total


Exercise(
    "forward.plus", plus,
    chapter="forward-mode",
    title="A derivative that changes afterwards",
    kind="spot the bug", grade="core", minutes=6,
    stub=plus_in_place,
    tests=[
        at({"x": 4.0}, {"x": 1.0, "w": 2.0}, gives={"x": 5.0, "w": 2.0}),
        agrees(mappings),
    ],
    wrong=[
        (plus_under_another_name,
         "The mapping of a is still written into: a second name for `grads` is no copy of it. `dict(grads)` is one."),
        (plus_into_others,
         "Now the mapping of b is written into: neither of the two belongs to the sum."),
        (lambda grads, others: grads | others,
         "`grads | others` is a new mapping, but where both have a key, b's derivative replaces a's: they should add."),
        (lambda grads, others: others | grads,
         "`others | grads` is a new mapping, but where both have a key, a's derivative replaces b's: they should add."),
        (plus_without_new_keys,
         "Inputs that only b depends on are missing: go over the inputs of both."),
        (lambda grads, others: dict(grads),
         "Nothing is changed any more, and nothing is added either: b's derivatives are missing."),
        (plus_with_keys_of_both,
         "An input that a does not depend on is not in its mapping, and looking it up raises KeyError: take 0 there."),
    ],
    hints=[
        "Which of the lines changes something that the function was given?",
        "`grads[x] = …` changes the mapping that a holds. Let it change a mapping that belongs to the sum alone.",
        "Begin with `total = dict(grads)`, add to `total`, and return it.",
    ],
    note="Sharing a mapping is harmless as long as nobody writes into it. `added` and `scaled` never do: they build a "
         "new one each time.",
)


def sinc(a):
    """The rule of sin(a) / a, which is 1 at a = 0: value, derivative."""
    if abs(a) < 1e-4:
        return 1 - a * a / 6, -a / 3
    value = math.sin(a) / a
    return value, (math.cos(a) - value) / a


def measured_sinc(a):
    """The rule of sin(a) / a away from 0, with its derivative measured."""
    return math.sin(a) / a, central(lambda a: math.sin(a) / a, a)


def sinc_by_power_series(a):
    """The rule of sin(a) / a from its power series, to full precision for |a| < 0.5."""
    terms = [(-1) ** k / math.factorial(2 * k + 1) for k in range(8)]
    return (sum(c * a ** (2 * k) for k, c in enumerate(terms)),
            sum(2 * k * c * a ** (2 * k - 1) for k, c in enumerate(terms) if k))


def sinc_by_division(a):
    """The rule of sin(a) / a as the rule of division has it, at 0 as well."""
    return math.sin(a) / a, math.cos(a) / a - math.sin(a) / a**2


def sinc_with_slope(slope):
    """The rule of sin(a) / a with another derivative away from 0."""
    return lambda a: sinc(a) if abs(a) < 1e-4 else (math.sin(a) / a, slope(a))


def sinc_with_series(series, reach):
    """The rule of sin(a) / a with another pair where a is less than reach away from 0."""
    return lambda a: series(a) if abs(a) < reach else sinc_by_division(a)


def sinc_one_sided(series):
    """The rule of sin(a) / a where every negative a counts as close to 0."""
    return lambda a: series(a) if a < 1e-4 else sinc_by_division(a)


def limits(a):
    return 1.0, 0.0


def first_terms(a):
    return 1 - a * a / 6, -a / 3


def first_terms_rising(a):
    return 1 - a * a / 6, a / 3


def value_without_square(a):
    return 1.0, -a / 3


ONE_SIDED = "Every negative a counts as close to 0 in your rule: the distance from 0 is abs(a)."
CANCELS = ("Right at 0 and away from it. Very close to 0, the two terms of the derivative are the same number but for "
           "their last digits, and rounding takes these: return the first terms of the series there, for |a| < 1e-4 "
           "say.")
LIMITS = ("Close to 0 you return the limits 1 and 0, which hold at 0 itself. Beside it the derivative is about −a/3, "
          "at a = 1e-8 already more than a billionth: the first terms of the series have it.")
RISES = "Close to 0 the sign of the derivative is wrong: sin(a)/a has its maximum at 0, and falls where a > 0."
NO_SQUARE = ("The derivative is right, and the value is not: close to 0 it is 1 − a²/6 + …, and the second term is "
             "more than a billionth from |a| = 8e-5 on.")
TOO_WIDE = ("The first terms of the series are taken too far from 0: 1 − a²/6 leaves out about a⁴/120, and −a/3 leaves "
            "out a³/30. Take them where both are less than a billionth, for |a| < 1e-4 say.")


def to_nine_decimals(given, expected):
    return abs(given - expected) <= 1e-9


def near_zero(answer):
    """Value and derivative are good to nine decimals close to 0, on both sides."""
    for size in (1e-8, 9e-8, 9e-7, 9e-6, 9e-5, 9e-4, 0.009, 0.04, 0.09, 0.4):
        for a in (size, -size):
            value, derivative = answer(a)
            right = sinc_by_power_series(a)
            if not (to_nine_decimals(value, right[0]) and to_nine_decimals(derivative, right[1])):
                failure = answer.failure("", expected="{:.12f}, {:.12f}".format(*right),
                                         given=f"{value:.12f}, {derivative:.12f}")
                raise Failure(slip_near_zero(answer, a, value, derivative), failure.details)


def slip_near_zero(answer, a, value, derivative):
    """What is wrong with a value and derivative close to 0, in words."""
    right_value, right_derivative = sinc_by_power_series(a)
    if math.isclose(derivative, -right_derivative, rel_tol=0.01):
        return RISES
    if to_nine_decimals(derivative, right_derivative) and value == 1:
        return NO_SQUARE
    if to_nine_decimals(value, right_value) and abs(a) < 1e-7:
        _, further_out = answer(9e-8)  # where the limits are far off, and cancellation is not
        if further_out == 0:
            return LIMITS
        if math.isclose(further_out, -3e-8, rel_tol=0.1):
            return CANCELS
    if abs(a) > 1e-4 and (math.isclose(derivative, -a / 3) or math.isclose(value, 1 - a * a / 6)):
        return TOO_WIDE
    return "At this a, the value or the derivative is not good to nine decimals."


Exercise(
    "forward.sinc", sinc,
    chapter="forward-mode",
    title="A rule for sin(a)/a",
    kind="derive", grade="stretch", minutes=12,
    tests=[
        at(math.pi, gives=(0.0, -1 / math.pi)),
        agrees(away_from_zero, measured_sinc, tolerance=1e-6),
        at(0.0, gives=(1.0, 0.0)),
        near_zero,
    ],
    wrong=[
        (sinc_by_division,
         "The formulas are right for a ≠ 0. At a = 0 they divide by 0: return the limits there."),
        (lambda a: sinc_by_division(a) if a else (1.0, 0.0), CANCELS),
        (lambda a: (math.sin(a) / a, (math.cos(a) - math.sin(a) / a) / a) if a else (1.0, 0.0), CANCELS),
        (lambda a: (math.sin(a) / a, (a * math.cos(a) - math.sin(a)) / a**2) if a else (1.0, 0.0), CANCELS),
        (sinc_with_series(limits, 1e-6), LIMITS),
        (sinc_with_series(limits, 1e-3), LIMITS),
        (sinc_with_series(first_terms_rising, 1e-4), RISES),
        (sinc_with_series(value_without_square, 1e-4), NO_SQUARE),
        (sinc_with_series(value_without_square, 0.1), NO_SQUARE),
        (sinc_with_series(first_terms, 0.01), TOO_WIDE),
        (sinc_with_series(first_terms, 0.5), TOO_WIDE),
        (sinc_one_sided(first_terms), ONE_SIDED),
        (sinc_one_sided(value_without_square), ONE_SIDED),
        (sinc_one_sided(limits), ONE_SIDED),
        (lambda a: sinc_by_division(a) if a else (0.0, 0.0),
         "sin(0)/0 is not 0: sin(a)/a goes to 1 as a goes to 0."),
        (lambda a: sinc_by_division(a) if a else (1.0, 1.0),
         "The slope at 0 is 0: sin(a)/a is the same for a and −a, and has its maximum at 0."),
        (sinc_with_slope(lambda a: math.cos(a) / a),
         "In the derivative, the denominator is held: a divides too, which brings −sin(a)/a²."),
        (sinc_with_slope(math.cos),
         "That is the derivative of sin a over the derivative of a: a quotient is not differentiated in this way."),
        (sinc_with_slope(lambda a: (math.sin(a) / a - math.cos(a)) / a),
         "The sign of the derivative is reversed: sin(a)/a falls as a grows from 0."),
        (sinc_with_slope(lambda a: (math.cos(a) + math.sin(a) / a) / a),
         "The two terms of the derivative have different signs: the second partial derivative of a/b is −a/b²."),
        (sinc_with_slope(lambda a: math.cos(a) / a - math.sin(a) / a),
         "In the second term of the derivative the denominator is a², not a."),
        (lambda a: sinc(a)[0],
         "The derivative is missing: a rule returns a pair, value and derivative."),
    ],
    hints=[
        "For a ≠ 0, use the rule of division with sin a for the first operand and a for the second, and add the two "
        "contributions by the forward rule.",
        "Divide sin a = a − a³/6 + … by a, then differentiate: that gives the value and the derivative near 0.",
        "`if abs(a) < 1e-4:` return 1 − a²/6 and −a/3; else sin(a)/a and (cos a − sin(a)/a) / a.",
    ],
    note="A test for a == 0 alone would leave the derivative wrong where |a| is about 1e-8, without any error. Where "
         "to change over is a matter of choice: at 1e-4 the series and the formula are both good to nine decimals.",
)
