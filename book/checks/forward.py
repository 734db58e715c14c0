"""Exercises on forward mode."""

import math

from checks.exercise import Exercise
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
    """The row of a / b: value, partial by a, partial by b."""
    return a / b, 1 / b, -a / b**2


def measured_division(a, b):
    """The row of a / b with its partial derivatives measured."""
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
         "Your partial derivatives are right, and the value is missing: a row begins with it."),
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
         "These are the partial derivatives of a·b: solve b·v' + v·b' = a' for v'."),
        (lambda a, b: (a / b, 1.0, -a / b**2),
         "The first partial derivative is not 1: with b held, a/b is a times 1/b."),
        (lambda a, b: (a / b, 1.0, -1.0),
         "These are the partial derivatives of a − b."),
        (lambda a, b: (a / b, (b - a) / b**2, (b - a) / b**2),
         "That is the rule for quotients with a' = b' = 1, which moves both operands: a partial derivative holds one."),
    ],
    hints=[
        "The forward rule for v·b = a: b·v' + v·b' = a', where the prime stands for the derivative by any input.",
        "Solve for v': v' = (a' − v·b') / b. The factor in front of a' is the first partial derivative.",
        "The factor in front of b' is −v/b. Put in v = a/b.",
    ],
    note="A rule for quotients (a'b − ab')/b² says the same, with the two partial derivatives in one formula. A row "
         "keeps them apart, because each operand brings its own derivatives.",
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
         "The mapping of a is still written into: `total = grads` is a second name, not a copy. `dict(grads)` is one."),
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
    """The row of sin(a) / a, which is 1 at a = 0: value, derivative."""
    if abs(a) < 1e-4:
        return 1 - a * a / 6, -a / 3
    value = math.sin(a) / a
    return value, (math.cos(a) - value) / a


def measured_sinc(a):
    """The row of sin(a) / a away from 0, with its derivative measured."""
    return math.sin(a) / a, central(lambda a: math.sin(a) / a, a)


def sinc_with_slope(slope):
    """The row of sin(a) / a with another derivative away from 0."""
    return lambda a: sinc(a) if abs(a) < 1e-4 else (math.sin(a) / a, slope(a))


Exercise(
    "forward.sinc", sinc,
    chapter="forward-mode",
    title="A row for sin(a)/a",
    kind="derive", grade="stretch", minutes=12,
    tests=[
        at(math.pi, gives=(0.0, -1 / math.pi)),
        agrees(away_from_zero, measured_sinc, tolerance=1e-6),
        at(0.0, gives=(1.0, 0.0)),
        at(1e-8, gives=(1.0, -1e-8 / 3)),
    ],
    wrong=[
        (lambda a: (math.sin(a) / a, (math.cos(a) - math.sin(a) / a) / a),
         "The formulas are right for a ≠ 0. At a = 0 they divide by 0: return the limits there."),
        (lambda a: (math.sin(a) / a, (math.cos(a) - math.sin(a) / a) / a) if a else (1.0, 0.0),
         "Right at 0 and away from it. At a = 1e-8, cos a and sin(a)/a are the same float, and their difference is "
         "lost: near 0, take the first term of the series, not only at 0 itself."),
        (lambda a: (math.sin(a) / a, (math.cos(a) - math.sin(a) / a) / a) if a else (0.0, 0.0),
         "sin(0)/0 is not 0: sin(a)/a goes to 1 as a goes to 0."),
        (lambda a: (math.sin(a) / a, (math.cos(a) - math.sin(a) / a) / a) if a else (1.0, 1.0),
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
         "The derivative is missing: a row is a pair, value and derivative."),
    ],
    hints=[
        "For a ≠ 0, use the row of division with sin a for the first operand and a for the second, and add the two "
        "contributions by the forward rule.",
        "Divide sin a = a − a³/6 + … by a, then differentiate: that gives the value and the derivative near 0.",
        "`if abs(a) < 1e-4:` return 1 − a²/6 and −a/3; else sin(a)/a and (cos a − sin(a)/a) / a.",
    ],
    note="A test for a == 0 alone would leave the derivative wrong where |a| is about 1e-8, without any error.",
)
