"""Exercises on dual numbers, directions and the cost of forward mode."""

import math

from checks.exercise import Exercise, Failure
from checks.tests import agrees, at, numbers

Exercise(
    "dual_numbers.by_hand", (6, -8),
    chapter="dual-numbers",
    title="By hand",
    kind="predict", grade="easy", minutes=5,
    wrong=[
        ((-8, 6), "The two parts are swapped: the value comes first, the tangent second."),
        ((6, 0), "In −2x the tangent is multiplied by −2 as well: 2x = 6 + 4ε, and it is subtracted."),
        ((6, -4), "The tangent of 2x is lost: x moves there too."),
        ((6, 16), "The sign in y² is lost: (2 − ε)² = 4 − 4ε."),
        ((6, 4), "In xy² only x moves in your answer: y² has a tangent too, and x multiplies it."),
        ((6, -16), "In xy² only y moves in your answer: x has a tangent too, and y² multiplies it."),
        ((6, -2), "In y² the product rule has two equal terms: the tangent is 2·2·(−1)."),
        ((1, -6), "You counted ε² as 1: it is 0, and the terms that carry it go."),
        ((11, -10), "You counted ε² as −1, as for complex numbers: here it is 0."),
        ((12, -4), "That is xy²: subtract 2x."),
        ((6, -12), "In xy² the tangents were multiplied with each other: by the product rule it is x'·y² + x·(y²)'."),
    ],
    hints=[
        "Multiply out as with any sum of two terms, and drop whatever carries ε².",
        "y² = (2 − ε)(2 − ε) = 4 − 4ε. Then multiply by 3 + 2ε.",
        "xy² = 12 + ε(2·4 + 3·(−4)). Now subtract 6 + 4ε.",
    ],
    note="You have computed the slope of xy² − 2x at (3, 2) when x moves by 2 and y by −1 for each unit: "
         "(y² − 2)·2 + 2xy·(−1) = 4 − 12.",
)


def root(a, tangent):
    """The square root of the dual number a + ε tangent, as a pair."""
    u = a**0.5
    return u, tangent / (2 * u)


Exercise(
    "dual_numbers.root", root,
    chapter="dual-numbers",
    title="A root, by algebra",
    kind="derive", grade="easy", minutes=6,
    tests=[
        at(9.0, 6.0, gives=(3.0, 1.0)),
        agrees(lambda generator: (generator.uniform(0.2, 5), generator.uniform(-3, 3))),
    ],
    wrong=[
        (lambda a, tangent: (math.sqrt(a), math.sqrt(abs(tangent))),
         "The two parts are not rooted apart: square your answer by the rule for products and compare."),
        (lambda a, tangent: (math.sqrt(a), tangent / math.sqrt(a)),
         "The product rule has two equal terms: 2uu' = a', and the 2 is lost."),
        (lambda a, tangent: (math.sqrt(a), 0.5 / math.sqrt(a)),
         "Your second part does not depend on a': it is the derivative of the root, still to be multiplied by a'."),
        (lambda a, tangent: (math.sqrt(a), 2 * math.sqrt(a) * tangent),
         "2uu' = a' is to be solved for u': divide by 2u."),
        (lambda a, tangent: (math.sqrt(a), tangent / (2 * a)),
         "You divided by 2a: it is 2u, and u is the root of a."),
        (lambda a, tangent: (math.sqrt(a), tangent / 2),
         "You divided by 2 alone: 2uu' = a' has the factor u as well."),
        (lambda a, tangent: (math.sqrt(a), tangent),
         "The tangent comes out as it went in: squared, your answer has the second part 2ua', not a'."),
        (lambda a, tangent: (-math.sqrt(a), -tangent / (2 * math.sqrt(a))),
         "That is the negative root: its square is right too, but u > 0 was asked for."),
        (lambda a, tangent: (math.sqrt(a), -tangent / (2 * math.sqrt(a))),
         "The sign of the second part is wrong: 2uu' = a' with u > 0 gives u' the sign of a'."),
        (lambda a, tangent: (math.sqrt(a), math.sqrt(a) * tangent / 2),
         "You multiplied by u where 2uu' = a' asks to divide by it."),
        (lambda a, tangent: tangent / (2 * math.sqrt(a)),
         "The value is missing: return the pair (u, u')."),
        (lambda a, tangent: math.sqrt(a),
         "The tangent is missing: return the pair (u, u')."),
    ],
    hints=[
        "Square u + εu' by the rule for products. Both parts of the result are known: a and a'.",
        "u² = a, and 2uu' = a'.",
        "u = √a, and then u' = a'/(2u).",
    ],
    note="No limit was needed: where an equation has one solution in dual numbers, algebra finds the derivative. At "
         "a = 0 the equation 2uu' = a' has no solution; or, if a' is 0 too, every u' is one.",
)


def linear(coefficients):
    """The directional derivative of a function with these partial derivatives."""
    return lambda direction: sum(c * t for c, t in zip(coefficients, direction, strict=True))


def slopes(generator):
    """A directional derivative, and the number of inputs."""
    n = generator.randint(2, 6)
    return linear([generator.uniform(-3, 3) for _ in range(n)]), n


def gradient(slope, n):
    """The n partial derivatives, from the slope along any direction."""
    partials = []
    for j in range(n):
        direction = [0.0] * n
        direction[j] = 1.0
        partials.append(slope(direction))
    return partials


def gradient_of_sums(slope, n):
    """The n partial derivatives, from the slope along any direction."""
    direction = [0.0] * n
    partials = []
    for j in range(n):
        direction[j] = 1.0
        partials.append(slope(direction))
    return partials


def gradient_reset_too_early(slope, n):
    direction = [0.0] * n
    partials = []
    for j in range(n):
        direction[j] = 1.0
        direction = [0.0] * n
        partials.append(slope(direction))
    return partials


def gradient_from_zero(slope, n):
    direction = [0.0] * n
    partials = []
    for j in range(n):
        partials.append(slope(direction))
        direction[j] = 1.0
    return partials


def gradient_of_one_input(slope, n):
    direction = [1.0] + [0.0] * (n - 1)
    return [slope(direction) for _ in range(n)]


def gradient_backwards(slope, n):
    return [slope([float(j == k) for k in range(n)]) for j in reversed(range(n))]


def gradient_without_the_own(slope, n):
    return [slope([float(j != k) for k in range(n)]) for j in range(n)]


def gradient_returned_early(slope, n):
    return gradient(slope, n)[:1]


Exercise(
    "dual_numbers.gradient", gradient,
    chapter="dual-numbers",
    title="A direction too many",
    kind="spot the bug", grade="easy", minutes=4,
    stub=gradient_of_sums,
    tests=[
        at(linear([3.0, -2.0, 0.5]), 3, gives=[3.0, -2.0, 0.5]),
        agrees(slopes),
    ],
    wrong=[
        (lambda slope, n: [slope([1.0] * n)] * n,
         "Every direction has a 1 in every place, so each slope is the sum of all the partial derivatives."),
        (gradient_reset_too_early,
         "Each direction is set back before it is used: the slope along (0, …, 0) is 0."),
        (gradient_from_zero,
         "The slope is taken before the 1 is set, and the 1s of earlier sweeps are still there."),
        (gradient_of_one_input,
         "Every sweep follows the first input: the 1 has to move on."),
        (gradient_backwards,
         "The partial derivatives are right, in reverse order."),
        (gradient_without_the_own,
         "Your directions have a 0 where the 1 belongs, and 1s elsewhere."),
        (gradient_returned_early,
         "The list ends after the first input: `return` stands inside the loop."),
        (lambda slope, n: slope([1.0] * n),
         "That is one number, the slope along (1, …, 1): n partial derivatives are asked for."),
    ],
    hints=[
        "Print `direction` in each round of the loop.",
        "After the first sweep, direction[0] is still 1.0.",
        "Make a new direction of zeros in each round, or set direction[j] back to 0.0 after the sweep.",
    ],
    note="The wrong answers are honest directional derivatives, along (1, 1, 0) for instance. That is why no error "
         "shows: the bug is in the question.",
)


def times_direction(rows):
    """The product of a Jacobian, given by its rows, with a direction."""
    return lambda direction: [sum(entry * t for entry, t in zip(row, direction, strict=True)) for row in rows]


def pushes(generator):
    """A Jacobian–vector product, and the number of inputs; never as many results as inputs."""
    n = generator.randint(1, 5)
    m = generator.choice([k for k in range(1, 6) if k != n])
    return times_direction([[generator.uniform(-3, 3) for _ in range(n)] for _ in range(m)]), n


def jacobian(push, n):
    """The rows of the Jacobian, from n products with a direction."""
    columns = []
    for j in range(n):
        direction = [0.0] * n
        direction[j] = 1.0
        columns.append(push(direction))
    return [list(row) for row in zip(*columns)]


def columns_of(push, n):
    """The columns of the Jacobian."""
    return [push([float(j == k) for k in range(n)]) for j in range(n)]


def columns_of_sums(push, n):
    return [push([float(k <= j) for k in range(n)]) for j in range(n)]


def one_row_for_all(push, n):
    columns = columns_of(push, n)
    rows = [[0.0] * n] * len(columns[0])
    for j, column in enumerate(columns):
        for i, entry in enumerate(column):
            rows[i][j] = entry
    return rows


def n_sweeps(answer):
    """A test: n sweeps, not one for each entry."""
    swept = []
    product = times_direction([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])

    def push(direction):
        swept.append(1)
        return product(direction)

    answer(push, 2)
    if len(swept) > 2:
        raise Failure(f"For 2 inputs and 3 results your function made {len(swept)} sweeps: one for each input is "
                      "enough, since a sweep returns a whole column.")


Exercise(
    "dual_numbers.jacobian", jacobian,
    chapter="dual-numbers",
    title="The table from its columns",
    kind="fill in", grade="core", minutes=10,
    tests=[
        at(times_direction([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), 2, gives=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
        agrees(pushes),
        n_sweeps,
    ],
    wrong=[
        (columns_of,
         "You have n rows of m entries: what a sweep returns is a column of the Jacobian, not a row."),
        (lambda push, n: push([1.0] * n),
         "That is one Jacobian–vector product, along (1, …, 1): its entries are sums over whole rows."),
        (lambda push, n: [list(row) for row in zip(*columns_of_sums(push, n))],
         "The 1s of earlier directions are still there: each column has the columns before it added."),
        (lambda push, n: [list(row) for row in zip(*reversed(columns_of(push, n)))],
         "The columns are in reverse order."),
        (lambda push, n: [list(row) for row in zip(*columns_of(push, n))][::-1],
         "The rows are in reverse order."),
        (lambda push, n: [entry for row in zip(*columns_of(push, n)) for entry in row],
         "The entries are right, in one long list: return a list of rows."),
        (lambda push, n: [entry for column in columns_of(push, n) for entry in column],
         "You have strung the columns together in one long list: return a list of rows."),
        (lambda push, n: [list(row) for row in zip(*columns_of(push, n))][:1],
         "Only the first row is there: there are m results, one row for each."),
        (one_row_for_all,
         "Your rows are one and the same list: `[row] * m` repeats a list and does not copy it."),
        (lambda push, n: [[push([float(j == k) for k in range(n)])[i] for j in range(n)]
                          for i in range(len(push([0.0] * n)))],
         "The rows are right, at more than n sweeps: keep what a sweep returns, it is a whole column."),
    ],
    hints=[
        "Which direction makes a sweep return column j, and nothing else?",
        "Collect the n columns in a list: columns[j][i] is the entry in row i and column j.",
        "`zip(*columns)` goes through the rows: `[list(row) for row in zip(*columns)]`.",
    ],
    note="The number of sweeps is the number of inputs. How many results there are costs forward mode nothing extra.",
)


def product(a, b):
    """The product of two triples, a0 + ε a1 + ε² a2 with ε³ = 0."""
    a0, a1, a2 = a
    b0, b1, b2 = b
    return a0 * b0, a0 * b1 + a1 * b0, a0 * b2 + a1 * b1 + a2 * b0


def triples(generator):
    """Two triples of numbers."""
    point = numbers(6, low=-3, high=3)(generator)
    return point[:3], point[3:]


def third(last):
    """The product with another last entry."""
    return lambda a, b: (*product(a, b)[:2], last(*a, *b))


Exercise(
    "dual_numbers.product", product,
    chapter="dual-numbers",
    title="What if only ε³ is 0?",
    kind="derive", grade="stretch", minutes=8,
    tests=[
        at((2.0, 3.0, 5.0), (7.0, 11.0, 13.0), gives=(14.0, 43.0, 94.0)),
        agrees(triples),
    ],
    wrong=[
        (third(lambda a0, a1, a2, b0, b1, b2: a0 * b2 + a2 * b0),
         "In the last entry a₁b₁ is missing: ε·ε = ε², and that is no longer 0."),
        (third(lambda a0, a1, a2, b0, b1, b2: a0 * b2 + 2 * a1 * b1 + a2 * b0),
         "The 2 before a₁b₁ belongs to second derivatives. The coefficient of ε² is half of one, and the product of "
         "the two middle terms occurs once."),
        (third(lambda a0, a1, a2, b0, b1, b2: a1 * b1),
         "The last entry needs every product that carries ε²: a₀b₂ and a₂b₀ do as well."),
        (third(lambda a0, a1, a2, b0, b1, b2: a0 * b2 + a1 * b1 + a2 * b0 + a2 * b2),
         "a₂b₂ carries ε⁴, which is 0 since ε³ is."),
        (third(lambda a0, a1, a2, b0, b1, b2: a0 * b2 + a1 * b2 + a2 * b1 + a2 * b0),
         "a₁b₂ and a₂b₁ carry ε³, which is 0; a₁b₁ carries ε² and is missing."),
        (third(lambda a0, a1, a2, b0, b1, b2: a2 * b2),
         "a₂b₂ carries ε⁴, which is 0. Collect the products that carry ε²."),
        (third(lambda *_: 0.0),
         "The last entry is that of ε² = 0: here ε² stays."),
        (third(lambda a0, a1, a2, b0, b1, b2: a0 * b2 + a1 * b1 + a2 * b0 + a1 * b2 + a2 * b1),
         "a₁b₂ and a₂b₁ carry ε³, which is 0."),
        (lambda a, b: tuple(x * y for x, y in zip(a, b)),
         "The entries were multiplied one by one: multiply the sums out instead."),
        (lambda a, b: product(a, b)[:2],
         "The product is a triple again: the coefficient of ε² is missing."),
        (lambda a, b: (a[0] * b[0], a[1] * b[1], a[0] * b[2] + a[1] * b[1] + a[2] * b[0]),
         "The middle entry is a₀b₁ + a₁b₀, as for dual numbers: a₁b₁ carries ε²."),
    ],
    hints=[
        "Nine products come out when you multiply out. Write the power of ε beside each.",
        "Three of the nine carry ε³ or ε⁴, and go. Three carry ε².",
        "The last entry is a₀b₂ + a₁b₁ + a₂b₀.",
    ],
    note="If εᵏ⁺¹ = 0, a number has k + 1 parts; started at a + ε they are the Taylor coefficients. Nested k deep, "
         "dual numbers have 2ᵏ parts, many of them equal if every level follows the same direction.",
)


Exercise(
    "dual_numbers.sweeps", (4, 1, 3600),
    chapter="dual-numbers",
    title="How many sweeps?",
    kind="predict", grade="easy", minutes=4,
    wrong=[
        ((100, 1, 90000),
         "A sweep follows one direction of the inputs and gives all the results: count inputs, not results."),
        *[((100, 1, products), "The first number counts inputs, and there are 4: a sweep gives all the results.")
          for products in (900, 3600)],
        *[((sweeps, 1, 3600), "The first number is too large: a sweep gives a whole column of the Jacobian, and "
           "there is one column for each input.") for sweeps in (400, 500)],
        ((400, 1, 360000), "A sweep gives a whole column of the Jacobian, not one entry."),
        ((4, 4, 3600), "A Jacobian–vector product is one direction: one sweep, without the Jacobian."),
        ((4, 100, 3600), "A Jacobian–vector product is one direction: its 100 numbers come from one sweep."),
        ((1, 1, 900), "One sweep of Dual gives one column: for the Jacobian there are four."),
        ((4, 1, 900), "900 is the count for one sweep: the Jacobian takes four."),
        ((4, 1, 2000), "You counted one product for each operation: there is one for each operand that is a box."),
        ((4, 1, 4000), "You counted two products for each operation: 100 of them have one operand that is a box."),
        ((4, 1, 1600), "That is the number of sums, 4·(900 − 500): products there are one for each edge and sweep."),
        ((4, 1, 3200), "The operations with one operand are missing: each forms a product too."),
    ],
    hints=[
        "Each sweep has a direction: one column of the Jacobian. Which of the 4 and the 100 is the number of columns?",
        "A Jacobian–vector product has one direction.",
        "In one sweep there is a product for each operand that is a box: 2·400 + 100.",
    ],
    note="For one input and many results forward mode takes one sweep. With 100 inputs and 4 results it "
         "would take 100.",
)
