"""Exercises on the chain rule for vectors."""

import math
from functools import reduce

import numpy as np

from checks.exercise import Exercise, Failure
from checks.tests import agrees, at, central, numbers, numerical_pullback


def polar(by_x, by_y, r, theta):
    """The derivatives of z by r and by θ, from those by x and by y."""
    by_r = by_x * np.cos(theta) + by_y * np.sin(theta)
    by_theta = -by_x * r * np.sin(theta) + by_y * r * np.cos(theta)
    return by_r, by_theta


def measured_polar(by_x, by_y, r, theta):
    """The same for z = by_x · x + by_y · y, by central differences."""
    def z(r, theta):
        return by_x * r * math.cos(theta) + by_y * r * math.sin(theta)

    return central(lambda r: z(r, theta), r), central(lambda theta: z(r, theta), theta)


def from_jacobian(rows):
    """The answer that multiplies the row by this matrix, given as a function of r, cos θ and sin θ."""
    def answer(by_x, by_y, r, theta):
        (a, b), (c, d) = rows(r, math.cos(theta), math.sin(theta))
        return by_x * a + by_y * c, by_x * b + by_y * d
    return answer


Exercise(
    "vector_chain_rule.polar", polar,
    chapter="vector-chain-rule",
    title="In polar coordinates",
    kind="derive", grade="core", minutes=7,
    tests=[
        at(5.0, 2.0, 3.0, 0.0, gives=(5.0, 6.0)),
        at(5.0, 2.0, 3.0, math.pi / 2, gives=(2.0, -15.0)),
        agrees(numbers(4, low=0.3, high=2.0), measured_polar, tolerance=1e-6),
    ],
    wrong=[
        (from_jacobian(lambda r, c, s: ((c, -s), (s, c))),
         "The factor r is lost in the column of θ: ∂x/∂θ is −r sin θ, and ∂y/∂θ is r cos θ."),
        (from_jacobian(lambda r, c, s: ((c, s), (-r * s, r * c))),
         "Your matrix is transposed: its rows belong to x and y, its columns to r and θ. A row times the matrix sums "
         "over x and y."),
        (from_jacobian(lambda r, c, s: ((c, r * s), (s, r * c))),
         "A sign is lost: the derivative of cos θ is −sin θ."),
        (from_jacobian(lambda r, c, s: ((c, r * s), (s, -r * c))),
         "The derivative by θ has its sign reversed: it is cos θ whose derivative has the minus."),
        (from_jacobian(lambda r, c, s: ((-r * s, c), (r * c, s))),
         "The two results are swapped: first ∂z/∂r, then ∂z/∂θ."),
        (from_jacobian(lambda r, c, s: ((s, r * c), (c, -r * s))),
         "Sine and cosine are swapped: x = r cos θ and y = r sin θ."),
        (from_jacobian(lambda r, c, s: ((c, 0), (0, r * c))),
         "Each result has two terms: r and θ both act through x and through y. Only the diagonal of the Jacobian is "
         "used here."),
        (from_jacobian(lambda r, c, s: ((c, -r * s), (0, 0))),
         "Only the way through x is counted: r and θ move y too."),
        (from_jacobian(lambda r, c, s: ((0, 0), (s, r * c))),
         "Only the way through y is counted: r and θ move x too."),
        (from_jacobian(lambda r, c, s: ((r * c, -r * s), (r * s, r * c))),
         "∂z/∂r has a factor r too many: the derivative of r cos θ by r is cos θ."),
        (from_jacobian(lambda r, c, s: ((c, -s / r), (s, c / r))),
         "You divide by r: these are entries of the inverse, ∂θ/∂x and ∂θ/∂y. Here x and y are differentiated by θ."),
        (lambda *point: np.array([polar(*point)]),
         "The entries are right, but this is a 1 × 2 row, a matrix: return its two numbers."),
    ],
    hints=[
        "There are four slopes: of x and of y, each by r and by θ.",
        "The Jacobian has the rows (cos θ, −r sin θ) for x and (sin θ, r cos θ) for y.",
        "The row (by_x, by_y) times the first column of it is ∂z/∂r, times the second ∂z/∂θ.",
    ],
    note="Divided by r, ∂z/∂θ is the slope of z per unit of length along the circle. The Jacobian asks for the slope "
         "per unit of θ.",
)


def logcosh_gradient(X, y, w):
    """The gradient by w of the mean of log cosh(y − Xw)."""
    return -X.T @ np.tanh(y - X @ w) / len(y)


def measured_logcosh_gradient(X, y, w):
    """The same, by central differences."""
    return numerical_pullback(lambda w: np.mean(np.log(np.cosh(y - X @ w))), w, 1.0)


def data(generator):
    """Examples in a matrix that is not square, observations, weights."""
    N, d = generator.choice([(4, 3), (5, 2), (3, 4)])
    return tuple(np.array([generator.uniform(-2, 2) for _ in range(math.prod(shape))]).reshape(shape)
                 for shape in [(N, d), (N,), (d,)])


THREE = np.array([[1.0, 2.0], [3.0, 0.0], [-1.0, 1.0]]), np.array([6.0, 1.0, 4.0]), np.array([1.0, 2.0])

Exercise(
    "vector_chain_rule.logcosh_gradient", logcosh_gradient,
    chapter="vector-chain-rule",
    title="Another loss",
    kind="derive", grade="core", minutes=8,
    tests=[
        at(*THREE, gives=np.array([-(math.tanh(1) - 3 * math.tanh(2) - math.tanh(3)) / 3,
                                   -(2 * math.tanh(1) + math.tanh(3)) / 3])),
        agrees(data, measured_logcosh_gradient, tolerance=1e-6),
    ],
    wrong=[
        (lambda X, y, w: -2 * X.T @ (y - X @ w) / len(y),
         "That is the gradient of the mean square: the Jacobian of c by b has to change."),
        (lambda X, y, w: X.T @ np.tanh(y - X @ w) / len(y),
         "The sign is reversed: b = y − a falls when a grows, which brings a factor −1."),
        (lambda X, y, w: -X.T @ np.tanh(y - X @ w),
         "The factor 1/N is missing: L is the mean, and yours is the gradient of the sum."),
        (lambda X, y, w: -X.T @ np.tanh(y - X @ w) / len(w),
         "You divide by the number of weights: the mean goes over the examples."),
        (lambda X, y, w: -np.tanh(y - X @ w).reshape(1, -1) @ X / len(y),
         "The entries are right, but this is the Jacobian, a row: the gradient has the shape of w."),
        (lambda X, y, w: (-X.T @ np.tanh(y - X @ w) / len(y)).reshape(-1, 1),
         "The entries are right, but this is a matrix with one column: w has one axis only, and so has its gradient."),
        (lambda X, y, w: -2 * X.T @ np.tanh(y - X @ w) / len(y),
         "The factor 2 belongs to the square: the derivative of log cosh b is tanh b."),
        (lambda X, y, w: -X.T @ (1 / np.cosh(y - X @ w)) / len(y),
         "Only the logarithm is differentiated: 1/cosh b still has to be multiplied by the slope of cosh, sinh b."),
        (lambda X, y, w: -X.T @ np.sinh(y - X @ w) / len(y),
         "Only the cosh is differentiated: the slope of the logarithm, 1/cosh b, is missing."),
        (lambda X, y, w: -X.T @ (1 - np.tanh(y - X @ w) ** 2) / len(y),
         "That has the second derivative of log cosh in it: the first is tanh b."),
        (lambda X, y, w: -np.tanh(y - X @ w) / len(y),
         "That is the adjoint of a, with N entries: the last step back, by the Jacobian X, is missing."),
        (lambda X, y, w: np.tanh(y - X @ w) / len(y),
         "That is the adjoint of b, with N entries: the steps back to a and on to w are missing."),
        (lambda X, y, w: -X.T @ np.tanh(X @ w) / len(y),
         "The slope is taken at a: the Jacobian of the step c is needed at b = y − a."),
    ],
    hints=[
        "Differentiate one entry: c_i = log cosh b_i. What is the derivative of cosh?",
        "The derivative of log cosh b is sinh b / cosh b = tanh b. The new factor is diag(tanh b).",
        "The row is −(1/N) tanh(b)ᵀ X. For the gradient, transpose: Xᵀ times a vector.",
    ],
    note="tanh lies between −1 and 1. So in the gradient each example is weighted by at most 1/N, however large its "
         "residual; with the square, by 2/N times its residual.",
)


def pull(jacobians, row):
    """The row after it has gone back through all steps."""
    for jacobian in reversed(jacobians):
        row = row @ jacobian
    return row


def chain(generator):
    """Jacobians of random sizes that fit, in program order, and a row."""
    sizes = [generator.choice([2, 3, 4, 5]) for _ in range(5)]
    jacobians = [matrix(generator, rows, columns) for columns, rows in zip(sizes, sizes[1:])]
    return jacobians, matrix(generator, 1, sizes[-1])


def matrix(generator, rows, columns):
    return np.array([[generator.uniform(-2, 2) for _ in range(columns)] for _ in range(rows)])


class Counting(np.ndarray):
    """A matrix that counts the multiplications of its products."""

    made = 0

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        plain = [np.asarray(x) for x in inputs]
        result = getattr(ufunc, method)(*plain, **kwargs)
        if ufunc is np.matmul:
            self.count(result, plain[0])
        return result.view(Counting) if isinstance(result, np.ndarray) else result

    def __array_function__(self, function, types, args, kwargs):
        if function is np.dot:
            return np.matmul(*args)
        return super().__array_function__(function, types, args, kwargs)

    def dot(self, other):
        return self @ other

    @staticmethod
    def count(result, left):
        Counting.made += result.size * left.shape[-1]


def rows_only(answer):
    """No matrix is multiplied by a matrix."""
    sizes = [6, 5, 4, 5, 3]
    jacobians = [np.ones((rows, columns)).view(Counting) for columns, rows in zip(sizes, sizes[1:])]
    row = np.ones((1, 3)).view(Counting)
    needed = sum(jacobian.size for jacobian in jacobians)
    Counting.made = 0
    answer(jacobians, row)
    if Counting.made > needed:
        raise Failure(COSTLY, f"sizes            {sizes}\nmultiplications  {Counting.made}, where {needed} are enough")


COSTLY = ("The result is right, but somewhere a matrix is multiplied by a matrix, which costs more than is needed: let "
          "the row meet the last Jacobian first, and go on with the row.")
FIRST = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, -2.0]])
SECOND = np.array([[1.0, 1.0], [3.0, 2.0], [0.0, 6.0]])
THIRD = np.array([[9.0, 0.0, 5.0], [0.0, 1.0, -1.0]])

Exercise(
    "vector_chain_rule.pull", pull,
    chapter="vector-chain-rule",
    title="Pull a row through a chain",
    kind="fill in", grade="core", minutes=8,
    tests=[
        at([FIRST, SECOND, THIRD], np.array([[1.0, 0.0]]), gives=np.array([[18.0, 48.0, -78.0]])),
        at([], np.array([[4.0, 7.0, 1.0]]), gives=np.array([[4.0, 7.0, 1.0]])),
        agrees(chain),
        rows_only,
    ],
    wrong=[
        (lambda jacobians, row: reduce(lambda row, jacobian: row @ jacobian, jacobians, row),
         "You go through the list in the order of the program: the row belongs to the last step, so it meets that "
         "one's Jacobian first."),
        (lambda jacobians, row: row @ reduce(lambda before, jacobian: jacobian @ before, jacobians)
         if jacobians else row, COSTLY),
        (lambda jacobians, row: row @ reduce(lambda after, jacobian: after @ jacobian, jacobians[::-1])
         if jacobians else row, COSTLY),
        (lambda jacobians, row: row @ reduce(lambda before, jacobian: jacobian @ before, jacobians),
         "For an empty list there is nothing to multiply: the row is the answer."),
        (lambda jacobians, row: reduce(lambda row, jacobian: row @ jacobian, jacobians[:0:-1], row),
         "The first step is left out: the row has to go back through every one of the list."),
        (lambda jacobians, row: reduce(lambda row, jacobian: row @ jacobian, jacobians[-2::-1], row),
         "The last step is left out: the row is the Jacobian by its result, not by what goes into it."),
        (lambda jacobians, row: row @ jacobians[-1] if jacobians else row,
         "Only one step is taken back: go on with the new row, to the step before."),
        (lambda jacobians, row: reduce(lambda before, jacobian: jacobian @ before, jacobians)
         if jacobians else row,
         "That is the Jacobian of the whole chain: the row has not been used."),
        (lambda jacobians, row: reduce(lambda row, jacobian: row @ jacobian.T, jacobians[::-1], row),
         "A Jacobian is transposed, and the shapes do not fit: the row has as many entries as the last step has "
         "outputs, and so has the Jacobian rows."),
        (lambda jacobians, row: reduce(lambda row, jacobian: row @ jacobian, jacobians[::-1], row)[0],
         "The numbers are right, but the shape is lost: the result is a 1 × p matrix, as the row was 1 × n."),
    ],
    hints=[
        "In the product of Jacobians the last step stands first, and the row stands before it.",
        "`reversed(jacobians)` goes through the list from its end.",
        "`row = row @ jacobian`, for each of them.",
    ],
    note="A list of matrices is all this function needs. What `backward` does on a graph is the same, with a sum "
         "wherever a value has several children.",
)


Exercise(
    "vector_chain_rule.counts", (20800, 5000),
    chapter="vector-chain-rule",
    title="Count before you multiply",
    kind="predict", grade="easy", minutes=5,
    wrong=[
        ((5000, 20800),
         "The two are swapped: from the right means that the Jacobian of the first step is multiplied first."),
        ((20000, 4000),
         "Only the first product of each way is counted: three factors need two products."),
        ((800, 1000),
         "Only the second product of each way is counted: three factors need two products."),
        ((41180, 9880),
         "You have counted the additions as well: the question is for multiplications."),
        ((20380, 4880),
         "These are the additions: an entry that sums s products needs s multiplications and s − 1 additions."),
        ((420, 120),
         "These are the entries of the products: each entry takes as many multiplications as the inner size says."),
        ((20800, 20800),
         "Both ways give the same matrix, but not at the same cost: from the left, the first product is 2 × 40 times "
         "40 × 50."),
        ((5000, 5000),
         "Both ways give the same matrix, but not at the same cost: from the right, the first product is 40 × 50 times "
         "50 × 10."),
        ((40000, 40000),
         "You have multiplied all four sizes: each product joins only three of them, and the costs of the two are "
         "added."),
    ],
    hints=[
        "The Jacobians are 50 × 10, 40 × 50 and 2 × 40, in the order of the program; in the product the last stands "
        "first.",
        "An r × s matrix times an s × t matrix costs r·s·t multiplications.",
        "From the right: 40·50·10 first, for a 40 × 10 matrix, then 2·40·10.",
    ],
    note="Two outputs and ten inputs: the left end is the narrow one. The second product has a narrow result on both "
         "ways; the first makes the difference.",
)


def fewest(sizes):
    """The fewest multiplications for the Jacobian of a chain of layers."""
    least = {}
    for steps in range(1, len(sizes)):
        for i in range(len(sizes) - steps):
            j = i + steps
            least[i, j] = min(
                (least[i, s] + least[s, j] + sizes[j] * sizes[s] * sizes[i]
                 for s in range(i + 1, j)), default=0)
    return least[0, len(sizes) - 1]


def joined(sizes, split, cost=lambda j, s, i: j * s * i, best=min):
    """The cost of accumulating a chain when split(pieces' ends) says where the last product may join."""
    def of(i, j):
        places = split(sizes, i, j) if j - i > 1 else ()
        return best((of(i, s) + of(s, j) + cost(sizes[j], sizes[s], sizes[i]) for s in places), default=0)
    return of(0, len(sizes) - 1)


def anywhere(sizes, i, j):
    return range(i + 1, j)


def from_the_right(sizes, i, j):
    return [j - 1]


def from_the_left(sizes, i, j):
    return [i + 1]


def at_the_narrowest(sizes, i, j):
    return [min(range(i + 1, j), key=lambda s: sizes[s])]


def in_the_middle(sizes, i, j):
    return [(i + j) // 2]


def greedy(sizes):
    """The cheapest product of neighbours first."""
    sizes, total = list(sizes), 0
    while len(sizes) > 2:
        s = min(range(1, len(sizes) - 1), key=lambda s: sizes[s - 1] * sizes[s] * sizes[s + 1])
        total += sizes[s - 1] * sizes[s] * sizes[s + 1]
        del sizes[s]
    return total


def pieces_without_a_step(sizes, first, second):
    """The cost of accumulating a chain when the two pieces' sizes, from 0 to s and from s on, are cut too short."""
    return min((pieces_without_a_step(sizes[:s + first], first, second)
                + pieces_without_a_step(sizes[s + second:], first, second) + sizes[-1] * sizes[s] * sizes[0]
                for s in range(1, len(sizes) - 1)), default=0)


LAYER_IN_BOTH = ("Layer s belongs to both pieces, `sizes[:s + 1]` and `sizes[s:]`: otherwise the step to it, or the "
                 "step from it, is in neither.")


def layers(generator):
    """The sizes of a chain of five or six layers."""
    return ([generator.randint(2, 40) for _ in range(generator.choice([5, 6]))],)


Exercise(
    "vector_chain_rule.fewest", fewest,
    chapter="vector-chain-rule",
    title="The cheapest bracketing",
    kind="fill in", grade="stretch", minutes=20,
    tests=[
        at([5, 3], gives=0),
        at([5, 3, 4], gives=60),
        at([10, 50, 40, 2], gives=5000),
        at([20, 30, 2, 30, 24], gives=3600),
        at([20, 3, 30, 2, 25, 4], gives=fewest([20, 3, 30, 2, 25, 4])),
        agrees(layers, times=20),
    ],
    wrong=[
        (lambda sizes: joined(sizes, from_the_right),
         "That is the cost from the right, which is not always the smallest."),
        (lambda sizes: joined(sizes, from_the_left),
         "That is the cost from the left, which is not always the smallest."),
        (lambda sizes: min(joined(sizes, from_the_right), joined(sizes, from_the_left)),
         "That is the better one of the two simple orders: the best one may be neither."),
        (greedy,
         "The cheapest product of two neighbours first is not always right: it may leave expensive ones for later."),
        (lambda sizes: joined(sizes, at_the_narrowest),
         "You join at the narrowest layer. That is often the best place, but not always: try every layer."),
        (lambda sizes: joined(sizes, in_the_middle),
         "You join in the middle, whatever the sizes are: try every layer."),
        (lambda sizes: pieces_without_a_step(sizes, 0, 0), LAYER_IN_BOTH),
        (lambda sizes: pieces_without_a_step(sizes, 1, 1), LAYER_IN_BOTH),
        (lambda sizes: joined(sizes, anywhere, best=max),
         "That is the dearest bracketing: take the smallest of the costs."),
        (lambda sizes: joined(sizes, anywhere, cost=lambda j, s, i: j * (s - 1) * i),
         "You count additions: an entry that sums s products takes s multiplications."),
        (lambda sizes: joined(sizes, anywhere, cost=lambda j, s, i: j * i),
         "You count the entries of the products: each takes as many multiplications as the layer s has numbers."),
        (lambda sizes: min((sizes[-1] * sizes[s] * sizes[0] for s in range(1, len(sizes) - 1)), default=0),
         "Only the last product is counted: its two factors have to be accumulated too, where they have several "
         "steps."),
    ],
    hints=[
        "For a piece of one step the answer is 0. For two steps there is one product.",
        "For the piece from layer i to layer j: over all s between them, the smallest of the cost of (i, s), plus "
        "that of (s, j), plus sizes[j]·sizes[s]·sizes[i].",
        "The function may call itself for both pieces, `sizes[:s + 1]` and `sizes[s:]`; that is enough here. "
        "It is faster to keep the costs in a dictionary with the keys (i, j), filled by the number of steps: 1 first, "
        "then 2, …",
    ],
    note="A function that calls itself for both pieces is right too, but it works on the same piece again and again: "
         "its work grows threefold with each further layer. The dictionary makes it grow as the cube of their number.",
)


def mean_square(X, y, w):
    """The mean of the squared residuals y − Xw."""
    b = y.reshape(-1) - X @ w
    return (b**2).sum() / len(b)


def mean_square_of_all_differences(X, y, w):
    """The mean of the squared residuals y − Xw."""
    b = y - X @ w
    return (b**2).sum() / len(b)


def with_column(generator):
    """The same data, the observations in a column."""
    X, y, w = data(generator)
    return X, y.reshape(-1, 1), w


def mean_square_by_columns(X, y, w):
    b = y - (X @ w).reshape(-1, 1)
    return (b**2).sum() / len(b)


def mean_square_by_row(X, y, w):
    b = y.T - X @ w
    return (b**2).sum() / len(b)


def mean_square_of_first(X, y, w):
    b = y.reshape(-1)[0] - X @ w
    return (b**2).sum() / len(b)


def sum_square(X, y, w):
    return ((y.reshape(-1) - X @ w) ** 2).sum()


Exercise(
    "vector_chain_rule.mean_square", mean_square,
    chapter="vector-chain-rule",
    title="A loss of all differences",
    kind="spot the bug", grade="core", minutes=5,
    stub=mean_square_of_all_differences,
    tests=[
        at(*THREE, gives=14 / 3),
        at(THREE[0], THREE[1].reshape(-1, 1), THREE[2], gives=14 / 3),
        agrees(data),
        agrees(with_column),
    ],
    wrong=[
        (mean_square_of_all_differences,
         "With y as a column, y − Xw is an N × N matrix of all differences: bring both into one shape first."),
        (mean_square_by_columns,
         "Now a column is right, and a vector y of shape N is stretched against the column Xw: the repair should not "
         "depend on how y arrives."),
        (mean_square_by_row,
         "Transposed, the column is a 1 × N row: the sum is right, and `len(b)` is 1, the number of rows."),
        (lambda X, y, w: np.mean((y - X @ w) ** 2),
         "The mean now goes over all entries of b, but with y as a column b still is N × N, and holds differences of "
         "one example's observation and another's prediction."),
        (mean_square_of_first,
         "Only the first observation is used: every example has its own."),
        (sum_square,
         "The residuals are right; the division by their number is lost."),
        (lambda X, y, w: mean_square(X, y[:, 0], w),
         "With y of shape N, `y[:, 0]` raises an error: the vector has one axis only. Take something that works for "
         "both shapes."),
        (lambda X, y, w: sum_square(X, y, w) / len(w),
         "You divide by the number of weights: the mean goes over the examples."),
    ],
    hints=[
        "Print the shapes of y, of X @ w and of b, for both shapes of y.",
        "Entry by entry, N × 1 and N are stretched to N × N. With N and N nothing is stretched.",
        "`y.reshape(-1)` is a vector with N entries, whether y was N or N × 1.",
    ],
    note="The same slip in a training loop still makes the loss fall: the weights then fit the mean of all "
         "observations. A check of shapes costs one line.",
)
