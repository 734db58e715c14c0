"""Exercises on four designs for reverse mode."""

import numpy as np

from checks.exercise import Exercise
from checks.tests import agrees, arrays, at, numerical_pullback

Exercise(
    "designs.swept_twice", 150,
    chapter="four-designs",
    title="Swept twice",
    kind="predict", grade="easy", minutes=6,
    wrong=[
        (60, "That would be right, and is what comes out where only inputs accumulate. Here the boxes in between keep "
             "their `grad` from the first sweep, too."),
        (30, "Nothing is set back to 0: what the second sweep adds comes on top."),
        (90, "Three times is right where x is one operation away from y. Here are three operations, and each adds up "
             "what it had before."),
        (120, "That is what the second sweep brings to x. It had 30 before. (micrograd, which sets the grad of the "
              "result to 1 again, would end at 120 too; `Closure.backward` adds.)"),
        (240, "You have doubled at each of the three operations. But a box does not double: it adds what it receives "
              "to what it had. After the second sweep b has 5 + 5 · 2."),
        (900, "Derivatives of two sweeps are added, not multiplied."),
        (180, "Follow the four boxes one by one: in the second sweep y has 2, b has 5 + 10, a has 15 + 3 · 15."),
    ],
    hints=[
        "Write down y.grad, b.grad, a.grad and x.grad after the first sweep: 1, 5, 15, 30.",
        "In the second sweep y receives another 1 and has 2. It hands 5 · 2 on to b, which has 5 already.",
        "b has 15 and hands 3 · 15 on to a, which had 15 and then has 60. It hands 2 · 60 on to x, which had 30.",
    ],
    note="With n operations in a chain it is n + 2 times the derivative after the second sweep, not twice. micrograd "
         "sets the grad of the result to 1 anew, so there it is n + 1 times, 120 here; otherwise it behaves like this. "
         "Its users build the graph anew for each sweep, and set only the parameters back to 0.",
)


def logaddexp_vjps(g, y, a, b):
    """The derivatives by a and by b, where g is that by y = log(exp a + exp b)."""
    return g * np.exp(a - y), g * np.exp(b - y)


def with_result(generator):
    """An upstream, the result and two operands, some of them far apart."""
    g, a, b = arrays((2, 3), (2, 3), (2, 3))(generator)
    return g, np.logaddexp(a, b), a, b


def measured_logaddexp(g, y, a, b):
    return (numerical_pullback(lambda a: np.logaddexp(a, b), a, g),
            numerical_pullback(lambda b: np.logaddexp(a, b), b, g))


def by_definition(g, y, a, b):
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.exp(a) + np.exp(b)
        return g * np.exp(a) / total, g * np.exp(b) / total


def by_exp_of_result(g, y, a, b):
    with np.errstate(over="ignore", invalid="ignore"):
        return g * np.exp(a) / np.exp(y), g * np.exp(b) / np.exp(y)


def without_inner_derivative(g, y, a, b):
    with np.errstate(over="ignore"):
        return g / (np.exp(a) + np.exp(b)), g / (np.exp(a) + np.exp(b))


def upside_down(g, y, a, b):
    with np.errstate(over="ignore"):
        return g * np.exp(y - a), g * np.exp(y - b)


def of_exp_alone(g, y, a, b):
    with np.errstate(over="ignore"):
        return g * np.exp(a), g * np.exp(b)


Exercise(
    "designs.logaddexp_vjps", logaddexp_vjps,
    chapter="four-designs",
    title="An entry for the table",
    kind="derive", grade="core", minutes=8,
    tests=[
        at(np.array([2.0, -4.0]), np.log([3.0, 4.0]), np.log([1.0, 3.0]), np.log([2.0, 1.0]),
           gives=(np.array([2 / 3, -3.0]), np.array([4 / 3, -1.0]))),
        agrees(with_result, measured_logaddexp, tolerance=1e-6),
        at(np.array([3.0, 1.0]), np.array([1000.0, 1000.0]), np.array([1000.0, 0.0]), np.array([0.0, 1000.0]),
           gives=(np.array([3.0, 0.0]), np.array([0.0, 1.0]))),
    ],
    wrong=[
        (by_definition,
         "The formula is right, but exp(1000) is inf, and inf / inf is nan. The quotient of two exponentials is one "
         "exponential."),
        (by_exp_of_result,
         "The formula is right, but exp(1000) is inf, and inf / inf is nan. The quotient of two exponentials is one "
         "exponential."),
        (lambda g, y, a, b: (np.exp(a - y), np.exp(b - y)),
         "The upstream g is not used: a VJP multiplies by it."),
        (lambda g, y, a, b: (g * np.exp(b - y), g * np.exp(a - y)),
         "The pair is swapped: first the derivative by a, then the one by b."),
        (upside_down,
         "The quotient is upside down: exp a is divided by the sum, so the exponent is a - y."),
        (without_inner_derivative,
         "The outer derivative is there, 1 / (exp a + exp b). The inner one is missing: exp a, by a."),
        (of_exp_alone,
         "That is the derivative of exp. The logarithm's is missing: a division by exp a + exp b."),
        (lambda g, y, a, b: (np.sum(g * np.exp(a - y)), np.sum(g * np.exp(b - y))),
         "The operation works entry by entry, and so do its VJPs: nothing is to be added up."),
        (lambda g, y, a, b: (g / 2, g / 2),
         "Half and half is right only where a = b."),
    ],
    hints=[
        "The logarithm has the derivative 1 / (exp a + exp b), and its argument has exp a, by a.",
        "The denominator is exp y.",
        "exp a / exp y = exp(a - y), which never overflows because y is at least a.",
    ],
    note="1 / (1 + exp(b - a)) is the same number and does not need y, but overflows where b - a is large: harmless "
         "for the value, with a warning.",
)


def replay(lines, values, changed):
    """The values on a tape after some of those that were given have changed."""
    played = []
    for address, (func, operands) in enumerate(lines):
        if func is None:
            played.append(changed.get(address, values[address]))
        else:
            played.append(func(*[played[operand] for operand in operands]))
    return played


GIVEN = (None, ())
SHAPES_OF_TAPES = [
    # u = x x, v = 5 u, w = u v, -w: the diamond of the chapter, entry by entry
    [GIVEN, (np.multiply, (0, 0)), GIVEN, (np.multiply, (2, 1)), (np.multiply, (1, 3)), (np.negative, (4,))],
    # a sum whose operands are used again, one of them before it and one after
    [GIVEN, GIVEN, (np.multiply, (0, 1)), (np.add, (0, 2)), (np.multiply, (3, 1)), (np.add, (4, 3))],
    # a line that leads to nothing, and one value added to itself
    [GIVEN, (np.negative, (0,)), GIVEN, (np.add, (2, 2)), (np.multiply, (3, 0)), (np.add, (4, 2))],
    # sums of sums
    [GIVEN, GIVEN, (np.add, (0, 1)), (np.add, (2, 0)), (np.add, (3, 2)), (np.multiply, (4, 4))],
]


def given_lines(lines):
    return [address for address, (func, _) in enumerate(lines) if func is None]


def a_tape(generator):
    """Lines and their values, with random arrays given."""
    lines = generator.choice(SHAPES_OF_TAPES)
    start = {address: arrays((3,))(generator)[0] for address in given_lines(lines)}
    return lines, replay(lines, [None] * len(lines), start)


def changed_tape(generator):
    """A tape, and another value for the first line that was given."""
    lines, values = a_tape(generator)
    return lines, values, {0: arrays((3,))(generator)[0]}


def from_old_values(lines, values, changed):
    return [changed.get(address, values[address]) if func is None else func(*[values[k] for k in operands])
            for address, (func, operands) in enumerate(lines)]


def one_line_far(lines, values, changed):
    return [changed.get(address, values[address]) if func is None
            else func(*[changed.get(k, values[k]) for k in operands])
            for address, (func, operands) in enumerate(lines)]


def zeros_for_constants(lines, values, changed):
    return replay(lines, [np.zeros(3) for _ in values], changed)


def last_only(lines, values, changed):
    return replay(lines, values, changed)[-1]


def in_place(lines, values, changed):
    for address, value in enumerate(replay(lines, values, changed)):
        values[address] = value
    return values


def first_operand_twice(lines, values, changed):
    played = []
    for address, (func, operands) in enumerate(lines):
        if func is None:
            played.append(changed.get(address, values[address]))
        else:
            played.append(func(*[played[operands[0]] for _ in operands]))
    return played


def computed_only(lines, values, changed):
    return [value for value, (func, _) in zip(replay(lines, values, changed), lines) if func is not None]


Exercise(
    "designs.replay", replay,
    chapter="four-designs",
    title="Play it again",
    kind="fill in", grade="easy", minutes=7,
    tests=[
        at(SHAPES_OF_TAPES[0], [2.0, 4.0, 5.0, 20.0, 80.0, -80.0], {0: 1.0}, gives=[1.0, 1.0, 5.0, 5.0, 5.0, -5.0]),
        at(SHAPES_OF_TAPES[1], [1.0, 2.0, 2.0, 3.0, 6.0, 9.0], {1: 3.0}, gives=[1.0, 3.0, 3.0, 4.0, 12.0, 16.0]),
        agrees(changed_tape),
    ],
    wrong=[
        (from_old_values,
         "Only the given lines have changed. Those after them have to be computed again, from the new list and not "
         "from the old values."),
        (one_line_far,
         "A change goes one line far: where an operand was itself computed, you take its old value."),
        (zeros_for_constants,
         "Given lines that are not in `changed` keep their old values; yours are 0."),
        (last_only,
         "Return the list of all values, not the last alone."),
        (in_place,
         "The numbers are right, but you wrote them into `values`, which belongs to the caller: build a new list."),
        (first_operand_twice,
         "Every operand is the first one: go through the addresses of the line."),
        (computed_only,
         "The list has a value for every line, those of the given lines included: otherwise addresses no longer fit."),
    ],
    hints=[
        "Go through the lines from the first to the last, and append one value per line to a new list.",
        "For a given line, `changed.get(address, values[address])`.",
        "For the others, `func(*[played[operand] for operand in operands])`, where `played` is the new list.",
    ],
    note="This is what a tape gains over a graph: it can be checked, optimised and run again as a program. The chapter "
         "goes on with what it loses.",
)

Exercise(
    "designs.kept", (6, 1, 3, 3),
    chapter="four-designs",
    title="What is kept",
    kind="predict", grade="core", minutes=8,
    wrong=[
        ((3, 1, 3, 3), "Closures: each box has a `grad` of its size from the beginning."),
        ((6, 2, 3, 3), "Classes: `self.a` and `self.b` are one and the same array here, which counts once."),
        ((6, 3, 3, 3), "Classes: only the product keeps something. What do the sum and the negative put on `self`?"),
        ((6, 0, 3, 3), "Classes: a product needs its operands, here the x of this round."),
        ((6, 1, 1, 1), "The table and the tape keep the value of every line, whether a rule asks for it or not."),
        ((6, 1, 3, 6), "The tape's dictionary of derivatives comes with the sweep: asked is what is kept before it."),
        ((8, 1, 4, 4), "The x of a round is the result of the round before, so count it once, for closures too."),
        ((6, 1, 4, 4), "The x of a round is the result of the round before, so count it once: three values per round."),
        ((8, 2, 4, 4), "Those are the numbers of the logistic function: a round has three operations here. If you "
                       "counted x as a fourth array: it is the result of the round before, and counted there."),
    ],
    hints=[
        "A round has three operations: a product, a sum, a negative.",
        "Closures keep two arrays per operation, a table and a tape one.",
        "Of the classes, `Add` and `Negative` put nothing on `self`. `Multiply` puts both operands there; which are "
        "they?",
    ],
    note="That x is the negative made in the round before, which the class design would have dropped: a value is kept "
         "by the operation that uses it, not by the one that made it.",
)


VJPS = {
    np.add: (lambda g, y, a, b: g, lambda g, y, a, b: g),
    np.multiply: (lambda g, y, a, b: g * b, lambda g, y, a, b: g * a),
    np.negative: (lambda g, y, a: -g,),
}


def sweep_lines(lines, values, g):
    """The derivatives by all lines that lead to the last; g is that by the last."""
    derivatives = {len(lines) - 1: g}
    for address in reversed(range(len(lines))):
        func, operands = lines[address]
        if func is None or address not in derivatives:
            continue
        taken = [values[operand] for operand in operands]
        for operand, vjp in zip(operands, VJPS[func]):
            part = vjp(derivatives[address], values[address], *taken)
            if operand in derivatives:
                derivatives[operand] = derivatives[operand] + part
            else:
                derivatives[operand] = part
    return derivatives


def sweep_lines_in_place(lines, values, g):
    """The derivatives by all lines that lead to the last; g is that by the last."""
    derivatives = {len(lines) - 1: g}
    for address in reversed(range(len(lines))):
        func, operands = lines[address]
        if func is None or address not in derivatives:
            continue
        taken = [values[operand] for operand in operands]
        for operand, vjp in zip(operands, VJPS[func]):
            part = vjp(derivatives[address], values[address], *taken)
            if operand in derivatives:
                derivatives[operand] += part
            else:
                derivatives[operand] = part
    return derivatives


def with_adding(add, start=lambda g: g, upstream=lambda derivatives, address, g: derivatives[address]):
    """The sweep with another way to add a part; ``add`` gets the dictionary, the operand and the part."""
    def answer(lines, values, g):
        derivatives = {len(lines) - 1: start(g)}
        for address in reversed(range(len(lines))):
            func, operands = lines[address]
            if func is None or address not in derivatives:
                continue
            taken = [values[operand] for operand in operands]
            for operand, vjp in zip(operands, VJPS[func]):
                add(derivatives, operand, vjp(upstream(derivatives, address, g), values[address], *taken))
        return derivatives
    return answer


def add_in_place(derivatives, operand, part):
    if operand in derivatives:
        derivatives[operand] += part
    else:
        derivatives[operand] = part


def add_anew(derivatives, operand, part):
    derivatives[operand] = derivatives[operand] + part if operand in derivatives else part


def one_copy_a_line(lines, values, g):
    derivatives = {len(lines) - 1: g}
    for address in reversed(range(len(lines))):
        func, operands = lines[address]
        if func is None or address not in derivatives:
            continue
        taken = [values[operand] for operand in operands]
        copied = derivatives[address].copy()
        for operand, vjp in zip(operands, VJPS[func]):
            add_in_place(derivatives, operand, vjp(copied, values[address], *taken))
    return derivatives


def swept_per_use(lines, values, g):
    """Parts that are counted twice where an operand occurs twice."""
    derivatives = sweep_lines(lines, values, g)
    return {k: 2 * v if any(operands.count(k) > 1 for _, operands in lines) else v for k, v in derivatives.items()}


def tape_and_upstream(generator):
    """A tape and an upstream of its last line."""
    lines, values = a_tape(generator)
    return lines, values, arrays((3,), low=0.5)(generator)[0]


Exercise(
    "designs.sweep_lines", sweep_lines,
    chapter="four-designs",
    title="One array, two owners",
    kind="spot the bug", grade="core", minutes=12,
    stub=sweep_lines_in_place,
    tests=[
        at(SHAPES_OF_TAPES[0], [np.array(value) for value in (2.0, 4.0, 5.0, 20.0, 80.0, -80.0)], np.array(1.0),
           gives={0: -160.0, 1: -40.0, 2: -16.0, 3: -4.0, 4: -1.0, 5: 1.0}),
        # s = x + y, t = s + x, t s: the sum's two operands get one array, and x gets more
        at([GIVEN, GIVEN, (np.add, (0, 1)), (np.add, (2, 0)), (np.multiply, (3, 2))],
           [np.array([1.0, 2.0]), np.array([3.0, -1.0]), np.array([4.0, 1.0]), np.array([5.0, 3.0]),
            np.array([20.0, 3.0])], np.array([1.0, 2.0]),
           gives={0: np.array([13.0, 10.0]), 1: np.array([9.0, 8.0]), 2: np.array([9.0, 8.0]),
                  3: np.array([4.0, 2.0]), 4: np.array([1.0, 2.0])}),
        agrees(tape_and_upstream, times=20),
    ],
    wrong=[
        (sweep_lines_in_place,
         "The VJPs of np.add return g itself, to both operands, so two entries of the dictionary can be one array. "
         "What `+=` adds to the one, it adds to the other."),
        (with_adding(add_in_place, start=lambda g: g.copy()),
         "Now the caller's g is safe. But a sum further up still hands one array to both of its operands."),
        (one_copy_a_line,
         "Each line makes one copy, and a sum hands it to both of its operands: two entries are still one array."),
        (with_adding(lambda derivatives, operand, part: derivatives.__setitem__(operand, part)),
         "Later parts overwrite earlier ones: they have to be added."),
        (with_adding(lambda derivatives, operand, part: derivatives.setdefault(operand, part)),
         "Only the first part of each operand is kept: the others have to be added to it."),
        (with_adding(add_anew, upstream=lambda derivatives, address, g: g),
         "Every line pulls back g, the upstream of the last line: each has to pull back its own derivative."),
        (swept_per_use,
         "Where an operand occurs twice in a line, its derivative is doubled: both parts are there already, one for "
         "each VJP."),
    ],
    hints=[
        "Which VJP returns an array that somebody else holds?",
        "After `np.add` both operands have the same array. Try s = x + y, t = s + x, and the product t s.",
        "`derivatives[operand] = derivatives[operand] + part` makes a new array.",
    ],
    note="Libraries that add in place for speed keep count of who owns an array: Autograd stores, beside each "
         "derivative, whether it may be changed. minigrad never changes a derivative that it was given.",
)
