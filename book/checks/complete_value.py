"""Exercises on the complete Value: operators, edges, equality."""

import math

from checks.exercise import Exercise, Failure
from checks.tests import agrees, at
from minigrad.value import Value

Exercise(
    "complete_value.methods", ("__sub__", "__rsub__", "__truediv__", "__rpow__", "__add__"),
    chapter="complete-value",
    title="Who is called?",
    kind="predict", grade="easy", minutes=5,
    wrong=[
        (("__sub__", "__sub__", "__truediv__", "__pow__", "__add__"),
         "In two of the lines the left operand is a plain number, which does not know the box. Its method declines; "
         "who makes the result?"),
        (("__sub__", "__rsub__", "__truediv__", "__pow__", "__add__"),
         "The first three are right. In the fourth, as in the second, the number on the left declines."),
        (("__sub__", "__sub__", "__truediv__", "__rpow__", "__add__"),
         "The second is not right: in `2 - x`, as in the fourth line, the number on the left declines."),
        (("__sub__", "__rsub__", "__rtruediv__", "__rpow__", "__add__"),
         "In `x / y` the left operand is a box. It can take the right one in, and nobody asks for a reflection."),
        (("__sub__", "__rsub__", "__div__", "__rpow__", "__add__"),
         "Python's method for `/` is `__truediv__`; the table of `OPERATORS` has the names."),
        (("__sub__", "__rsub__", "__truediv__", "__rpow__", "__iadd__"),
         "`Value` has no method of its own for `+=`. What does Python do then?"),
        (("__sub__", "__rsub__", "__truediv__", "__rpow__", "__radd__"),
         "`x += 1` is `x = x + 1`, with the box on the left."),
        (("__rsub__", "__sub__", "__truediv__", "__rpow__", "__add__"),
         "The first two are swapped: a reflected method is one of the *right* operand."),
        (("__rsub__", "__sub__", "__rtruediv__", "__pow__", "__radd__"),
         "You have it the other way round: the r stands where the box is the *right* operand and the left one "
         "declines."),
    ],
    hints=[
        "Python asks the left operand first. Where is that a box?",
        "Where the left operand is a number, the reflected method of the box on the right makes the result: its name "
        "has an r after the underscores.",
        "`x += 1` is carried out as `x = x + 1`, because there is no `__iadd__`.",
    ],
    note="A reflected method is also called where the left operand is a box of another kind. It declines as well, and "
         "Python raises its TypeError.",
)


def tanh_slope(a):
    """The derivative of tanh at a, to nine digits for every a."""
    u = math.exp(-2 * abs(a))
    return 4 * u / (1 + u) ** 2


def one_minus_square(a):
    return 1 - math.tanh(a) ** 2


def two_factors(a):
    y = math.tanh(a)
    return (1 - y) * (1 + y)


def by_cosh(a):
    return 1 / math.cosh(a) ** 2


def by_definition(a):
    return 4 / (math.exp(a) + math.exp(-a)) ** 2


def by_positive_exponential(a):
    u = math.exp(2 * a)
    return 4 * u / (1 + u) ** 2


def by_negative_exponential(a):
    u = math.exp(-2 * a)
    return 4 * u / (1 + u) ** 2


def by_large_exponential(a):
    u = math.exp(2 * abs(a))
    return 4 * u / (1 + u) ** 2


def sigmoid_slope_at(factor, scale):
    def slope(a):
        u = math.exp(-scale * abs(a))
        return factor * u / (1 + u) ** 2
    return slope


def not_squared(a):
    u = math.exp(-2 * abs(a))
    return 4 * u / (1 + u)


def minus_below(a):
    u = math.exp(-2 * abs(a))
    return 4 * u / (1 - u) ** 2 if u < 1 else math.inf


#: What stands before the compared number in messages.
ENLARGED = "slope times e^(2|a|)"


def enlarged(answer, a):
    """The slope times e^(2|a|), which lies between 1 and 4, as far as that factor is a float."""
    return {ENLARGED: answer(a) * math.exp(min(2 * abs(a), 700.0))}


ROUNDED = ("The formula is right and loses its digits: y is rounded to a float near 1, and neither 1 − y² nor "
           "(1 − y)(1 + y) can bring back what was lost. Start from 4/(eᵃ + e⁻ᵃ)², in which nothing is subtracted.")
TOO_LARGE = "An exponential or its square overflows where |a| is large: use exponentials of negative numbers only."

Exercise(
    "complete_value.tanh_slope", tanh_slope,
    chapter="complete-value",
    title="A slope that does not go out",
    kind="derive", grade="core", minutes=10,
    use=enlarged,
    tests=[
        at(0.0, gives={ENLARGED: 1.0}),
        at(0.5, gives={ENLARGED: math.e * (1 - math.tanh(0.5) ** 2)}),
        at(-0.5, gives={ENLARGED: math.e * (1 - math.tanh(0.5) ** 2)}),
        agrees([6.0, -9.0, 14.0, -20.0, 80.0, -300.0, 340.0, -340.0, 360.0, 400.0, -400.0, 900.0], tolerance=1e-9),
    ],
    wrong=[
        (one_minus_square, ROUNDED),
        (two_factors, ROUNDED),
        (by_cosh, TOO_LARGE),
        (by_definition, TOO_LARGE),
        (by_positive_exponential,
         "For negative a this works; for large positive a, e^(2a) or its square overflows. The slope is the same at "
         "−a and a: take |a|, and the exponential that is at most 1."),
        (by_negative_exponential,
         "For positive a this works; for large negative a, e^(−2a) or its square overflows. The slope is the same at "
         "−a and a: take |a|."),
        (by_large_exponential,
         "e^(2|a|) is the large one of the two exponentials, and its square overflows. Divide numerator and "
         "denominator by its square."),
        (sigmoid_slope_at(1, 2),
         "A factor 4 is missing: the numerator of 4/(eᵃ + e⁻ᵃ)²."),
        (sigmoid_slope_at(2, 2),
         "You have half of it. tanh a = 2σ(2a) − 1 gives a factor 2 in front and another 2 from inside."),
        (sigmoid_slope_at(1, 1),
         "That is the slope of σ at a. Yours should be that of tanh: start from 4/(eᵃ + e⁻ᵃ)²."),
        (sigmoid_slope_at(4, 1),
         "The exponent is half of what it should be: (e^(−|a|))² = e^(−2|a|)."),
        (not_squared,
         "The denominator lost its square: multiplied by u, (eᵃ + e⁻ᵃ)² becomes (1 + u)²."),
        (minus_below,
         "The sign in the denominator is wrong: eᵃ + e⁻ᵃ is a sum."),
        (lambda a: 4 * math.exp(-2 * abs(a)),
         "4u is what the slope comes to for large |a|. Near 0 the denominator (1 + u)² matters, which is not 1 there."),
        (math.tanh,
         "That is the value of tanh, not its slope."),
    ],
    hints=[
        "e^a + e^(−a) is the same for a and −a. So you may take |a| from the start; which of the two exponentials can "
        "overflow?",
        "Multiply numerator and denominator of 4/(eᵃ + e⁻ᵃ)² by e^(−2|a|), which is the square of e^(−|a|).",
        "With u = e^(−2|a|): e^(−|a|) · (e^|a| + e^(−|a|)) = 1 + u.",
    ],
    note="Since tanh a = 2σ(2a) − 1, this is 4σ′(2a), and the logistic row of the table is the same formula. "
         "`1 / math.cosh(a) ** 2` keeps its digits as well, until the square of the hyperbolic cosine "
         "overflows, near a = 355.",
)


Exercise(
    "complete_value.edges_at_zero", (0.1, -1.0, 0.0, 0.0, math.inf),
    chapter="complete-value",
    title="Five edges",
    kind="predict", grade="core", minutes=8,
    wrong=[
        ((0.0, 0.0, 0.0, 0.0, math.inf),
         "0 is the least only where it is among the subgradients. Those of the first function reach from 0.1 to 1; "
         "what about the second?"),
        ((0.0, -1.0, 0.0, 0.0, math.inf),
         "0 is not a subgradient of the first function: a horizontal line through the origin lies above its graph for "
         "x < 0."),
        ((0.1, 0.0, 0.0, 0.0, math.inf),
         "0 is not a subgradient of the second function: a horizontal line through the origin lies above its graph for "
         "x > 0."),
        ((0.1, -3.0, 0.0, 0.0, math.inf),
         "−3 is the smallest subgradient of the second function. Asked for is the one with the least absolute value."),
        ((0.1, 1.0, 0.0, 0.0, math.inf),
         "The subgradients of max(−3x, −x) are slopes of falling lines: the sign is lost."),
        ((0.1, -1.0, 1.0, 0.0, math.inf),
         "min(x, 0) is concave, with the supergradients from 0 to 1. Take the one with the least absolute value here, "
         "too."),
        ((1.0, -1.0, 1.0, 0.0, math.inf),
         "You took the larger of the two slopes each time. At a kink the rule takes, of all sub- or supergradients, "
         "the one with the least absolute value."),
        ((1.0, -1.0, 0.0, 0.0, math.inf),
         "You took the slopes from the right. At a kink the rule takes, of all sub- or supergradients, the one with "
         "the least absolute value."),
        ((0.1, -3.0, 1.0, 0.0, math.inf),
         "You took the slopes from the left. At a kink the rule takes, of all sub- or supergradients, the one with the "
         "least absolute value."),
        ((0.55, -2.0, 0.5, 0.0, math.inf),
         "You took the mean of the slopes on the left and on the right, as a central difference does. The rule takes "
         "the least in absolute value."),
        ((0.1, -1.0, 0.0, math.inf, math.inf),
         "The fourth: the quotient is h^(3/2)/h = h^(1/2), and that has a limit."),
        ((0.1, -1.0, 0.0, math.nan, math.inf),
         "The fourth: at the edge of the domain the quotient is taken from the inside, and it has a limit."),
        ((0.1, -1.0, 0.0, 0.0, math.nan),
         "The fifth is neither convex nor concave near 0. Then the limit of the slopes decides, and ∞ is allowed."),
        ((0.1, -1.0, 0.0, 0.0, 0.0),
         "The fifth: its slope beside 0 is ⅓ x^(−2/3). Where does that go?"),
        ((math.nan, math.nan, math.nan, 0.0, math.nan),
         "Where there is no derivative, the rule goes on: to sub- and supergradients first, then to the limit of the "
         "slopes."),
        ((math.nan, math.nan, math.nan, 0.0, math.inf),
         "At the first three there is no derivative, and the rule goes on: they are convex or concave."),
    ],
    hints=[
        "Sketch each graph near 0. The first two are convex, the third is concave.",
        "At a kink the sub- or supergradients are the interval between the slope on the left and the slope on the "
        "right. Which number in it is nearest to 0?",
        "The fourth: (0 + h)^(3/2)/h for h > 0. The fifth: its slope is ⅓ x^(−2/3), on both sides.",
    ],
    note="The first is the leaky relu: it has a slope for x < 0 so that what arrives is passed on everywhere. With 0 "
         "in the row at x = 0, there would be one place where it is not.",
)


def absolute(a):
    """The rule of |a|: its value, then its slope."""
    if a == 0:
        return 0.0, 0.0
    return abs(a), math.copysign(1.0, a)


def sign_with(at_zero):
    return lambda a: (abs(a), at_zero if a == 0 else math.copysign(1.0, a))


Exercise(
    "complete_value.absolute", absolute,
    chapter="complete-value",
    title="The absolute value",
    kind="fill in", grade="easy", minutes=5,
    tests=[
        at(2.5, gives=(2.5, 1.0)),
        at(-0.3, gives=(0.3, -1.0)),
        at(0.0, gives=(0.0, 0.0)),
        at(-0.0, gives=(0.0, 0.0)),
        agrees([-1e-300, 1e-300, -7.0, 40.0]),
    ],
    wrong=[
        (sign_with(1.0),
         "At 0 your slope is the one from the right. The rule for kinks takes the least subgradient in size."),
        (sign_with(-1.0),
         "At 0 your slope is the one from the left. The rule for kinks takes the least subgradient in size."),
        (lambda a: (abs(a), math.copysign(1.0, a)),
         "`copysign` gives a zero a sign, and your slope at 0 is ±1. The rule for kinks takes the subgradient of least "
         "absolute value."),
        (sign_with(0.5),
         "At 0, ½ is a subgradient, but not the least in size. (For relu it would be the mean of the slopes.)"),
        (sign_with(math.nan),
         "At 0 there is no derivative, but subgradients there are: the rule takes the least of them in size."),
        (lambda a: (abs(a), a / abs(a)),
         "Right away from 0. At 0 you divide by 0: treat that case by itself."),
        (lambda a: (abs(a), abs(a) / a),
         "Right away from 0. At 0 you divide by 0: treat that case by itself."),
        (lambda a: (math.sqrt(a * a), a / math.sqrt(a * a) if a else 0.0),
         "a² becomes 0 where a is very small, and overflows where it is very large. `abs(a)` does neither."),
        (lambda a: (abs(a), 1.0),
         "For a < 0 the slope is −1: the value falls while a grows."),
        (lambda a: (abs(a), -1.0 if a > 0 else 1.0 if a < 0 else 0.0),
         "The signs of the slopes are swapped: for a > 0 the value grows with a."),
        (lambda a: (a, 0.0 if a == 0 else math.copysign(1.0, a)),
         "The slope is right. The value of |a| is never negative."),
        (lambda a: 0.0 if a == 0 else math.copysign(1.0, a),
         "That is the slope alone. A rule returns the value first, then the slope."),
        (abs,
         "That is the value alone. A rule returns the value first, then the slope."),
        (lambda a: (abs(a), 0.0 if a <= 0 else 1.0),
         "That is the slope of relu. On the left the absolute value falls."),
        (lambda a: (max(a, 0.0), 0.0 if a <= 0 else 1.0),
         "That is the rule of relu."),
    ],
    hints=[
        "Two lines meet at 0. What are their slopes?",
        "The subgradients at 0 are the numbers from −1 to 1. Which has the least absolute value?",
        "Three cases: a > 0, a < 0, and a == 0, which is true of −0.0 as well.",
    ],
    note="`a / abs(a)` would need the case 0 by itself, too. And √(a²) has slope 0 · ∞ at 0: nan.",
)


def order_of(root):
    """Every node that root was computed from, once, after its parents; root last."""
    order, visited = [], set()

    def visit(node):
        if node not in visited:
            visited.add(node)
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(root)
    return order


def order_by_list(root):
    """Every node that root was computed from, once, after its parents; root last."""
    order = []

    def visit(node):
        if node not in order:
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(root)
    return order


def order_remembering(mark):
    """The order by a list of what has been visited, which remembers each node by a mark."""
    def answer(root):
        order, visited = [], []

        def visit(node):
            if mark(node) not in visited:
                visited.append(mark(node))
                for parent in node.parents:
                    visit(parent)
                order.append(node)

        visit(root)
        return order
    return answer


def order_with_repeats(root):
    order = []

    def visit(node):
        for parent in node.parents:
            visit(parent)
        order.append(node)

    visit(root)
    return order


def order_root_first(root):
    order, visited = [], set()

    def visit(node):
        if node not in visited:
            visited.add(node)
            order.append(node)
            for parent in node.parents:
                visit(parent)

    visit(root)
    return order


def order_turned(root):
    return order_of(root)[::-1]


def order_root_first_turned(root):
    return order_root_first(root)[::-1]


def order_as_set(root):
    visited = set()

    def visit(node):
        if node not in visited:
            visited.add(node)
            for parent in node.parents:
                visit(parent)

    visit(root)
    return visited


def order_first_parent(root):
    order, node = [], root
    while node is not None:
        order.append(node)
        node = node.parents[0] if node.parents else None
    return order[::-1]


#: Programs in x and y, the result L: name of the graph → program. In most of them equal numbers meet.
GRAPHS = {
    "L = x * y with x = y = 2": "L = x * y",
    "p = x * y; q = p * 5; L = p + q + 1, with x = 3 and y = 4": "x = Value(3); y = Value(4); p = x * y; q = p * 5; "
                                                                  "L = p + q + 1",
    "a = x + y; b = a + a * y; L = b * x, with x = y = 2": "a = x + y; b = a + a * y; L = b * x",
    "p = x + 0; q = p * 1; L = q + x, with x = 2": "p = x + 0; q = p * 1; L = q + x",
    "a = 0.5 * x; b = 0.5 * x; c = a * b; L = c + a, with x = 2": "a = 0.5 * x; b = 0.5 * x; c = a * b; L = c + a",
    "m = x * y; s = m.sin(); t = s + 2; L = m * t + s, with x = y = 2": "m = x * y; s = m.sin(); t = s + 2; "
                                                                         "L = m * t + s",
}


BY_NUMBER = ("Two nodes with equal numbers are one to you: `in` asks a list with `==`, which compares numbers, and a "
             "set of numbers or texts is no better. A set of the boxes themselves keeps them apart.")
NO_ORDER = "A set has no order. Keep the set to ask what has been visited, and a list for the result."


def judged(answer, graph):
    """How many of the nodes are in the order, how many once more than that, and how many before a parent."""
    names = {"Value": Value, "x": Value(2), "y": Value(2)}
    exec(GRAPHS[graph], names)
    order = answer(names["L"])
    if isinstance(order, (set, frozenset)):
        raise Failure(NO_ORDER)
    order = list(order)
    place = {}
    for line, node in enumerate(order):
        place.setdefault(node, line)
    early = sum(any(place.get(parent, -1) > line for parent in node.parents) for node, line in place.items())
    return (f"{len(place)} nodes, {len(order) - len(place)} more than once, {early} before a parent, "
            f"root {'last' if order and order[-1] is names['L'] else 'not last'}")


Exercise(
    "complete_value.order_of", order_of,
    chapter="complete-value",
    title="An order that loses a node",
    kind="spot the bug", grade="core", minutes=10,
    stub=order_by_list,
    use=judged,
    tests=[agrees(list(GRAPHS))],
    wrong=[
        (order_by_list, BY_NUMBER),
        (order_remembering(lambda node: node), BY_NUMBER),
        (order_remembering(lambda node: node.data), BY_NUMBER),
        (order_remembering(repr), BY_NUMBER),
        (order_with_repeats,
         "A node that is used twice is in your list twice, with everything before it: what has been visited has to be "
         "remembered."),
        (order_root_first,
         "Each node is in your list once, but before its parents: append it after they have been visited."),
        (order_turned,
         "Each node is in your list once, but the list is in the order of the sweep, root first. Asked for are parents "
         "before children."),
        (order_root_first_turned,
         "Turned round, the order of first visits is not always one in which parents come first: a node that is used "
         "twice on ways of different lengths may stand too late. Append after the parents."),
        (order_as_set, NO_ORDER),
        (order_first_parent,
         "You follow the first parent only."),
    ],
    hints=[
        "Try `x * y` with x and y both 2. How many nodes are there, and how many does the function find?",
        "`node not in order` asks each entry whether it is *equal* to the node. Which container goes by identity?",
        "Keep a set `visited` beside the list, and add the node to it as soon as it is visited.",
    ],
    note="`any(node is entry for entry in order)` in place of `node in order` also mends it. But it goes through the "
         "list for each edge, and the work grows as the square of the graph.",
)
