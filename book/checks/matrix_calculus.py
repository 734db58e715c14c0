"""Exercises on tensors and matrix calculus."""

import numpy as np

from checks.exercise import Exercise
from checks.tests import agrees, arrays, at

Exercise(
    "matrix_calculus.shapes",
    [(3, 2), "impossible", (3, 3), (5, 2), (2, 3, 2), (5, 2, 5, 3), (3,)],
    chapter="matrix-calculus",
    title="Which shapes are possible at all",
    kind="predict", grade="easy", minutes=6,
    wrong=[
        ([(3, 2), "impossible", (3, 3), (5, 2), (3, 2, 2), (5, 3, 5, 2), (3,)],
         "The two groups of axes are swapped: the shape of the output comes first, then that of the input."),
        ([(2, 3), "impossible", (3, 3), (2, 5), (2, 3, 2), (5, 2, 5, 3), (3,)],
         "Numbers differentiated by a matrix are transposed in your answer: that is strict numerator layout. A "
         "generalised Jacobian is not transposed, and that of a number has the shape of the input."),
        ([(2, 3), "impossible", (3, 3), (2, 5), (2, 2, 3), (5, 2, 3, 5), (3,)],
         "The shapes of the inputs are transposed in your answer: nothing is transposed in a generalised Jacobian."),
        ([(3, 2), (3,), (3, 3), (5, 2), (2, 3, 2), (5, 2, 5, 3), (3,)],
         "You gave a shape for the second, and it does not exist: Bx needs as many columns in B as x has entries."),
        ([(3, 2), (), (3, 3), (5, 2), (2, 3, 2), (5, 2, 5, 3), (3,)],
         "The second is a number in your answer, and it does not exist: Bx needs as many columns in B as x has "
         "entries."),
        ([(3, 2), "impossible", (3, 3), "impossible", (2, 3, 2), (5, 2, 5, 3), (3,)],
         "The fourth is possible: M can have one shape, with a row for each entry of Xx and a column for each of y."),
        ([(3, 2), "impossible", (3, 3), (3, 2), (2, 3, 2), (5, 2, 5, 3), (3,)],
         "In the fourth, M stands between Xx, which has 5 entries, and y: it is not of the shape of B."),
        ([(3, 2), "impossible", (3, 3), (2, 5), (2, 3, 2), (5, 2, 5, 3), (3,)],
         "In the fourth, M has a row for each entry of Xx and a column for each entry of y, not the other way round."),
        ([(3, 2), "impossible", (3, 3), (5, 2), (3, 2), (5, 3), ()],
         "You gave the shapes of the inputs. That is right for a number; an output with a shape of its own puts it in "
         "front."),
        ([(), "impossible", (), (), (2,), (5, 2), (3,)],
         "You gave the shapes of the outputs: those of the inputs follow behind them."),
        ([(6,), "impossible", (9,), (10,), (2, 6), (10, 15), (3,)],
         "These are the shapes after flattening: keep one axis for each index."),
        ([(3, 2), "impossible", (3, 3), (5, 2), (2, 3, 2), (5, 2, 5, 3), (3, 1)],
         "In the last, the input is a number, whose shape is (), and adds no axis."),
        ([(3, 2), "impossible", (3, 3), (5, 2), (2, 3, 2), (5, 2, 5, 3), (1, 3)],
         "In the last, the vector is the output, and the number, whose shape is (), adds no axis to it."),
        ([(3, 2), "impossible", (3, 3), (5, 2), (3, 3, 2), (5, 2, 5, 3), (3,)],
         "In the fifth, the output has as many entries as B has columns: Bᵀ is 2 × 3."),
        ([(3, 2), "impossible", (3, 3), (5, 2), (2, 3, 2), (5, 3, 5, 3), (3,)],
         "In the sixth, the output XB is 5 × 2."),
        ([(3, 2), "impossible", (3, 3), (5, 2), (3, 2, 2), (5, 2, 5, 3), (3,)],
         "In the fifth, the input stands before the output: the shape of the output comes first."),
        ([(3, 2), "impossible", (3, 3), (5, 2), (2, 3, 2), (5, 3, 5, 2), (3,)],
         "In the sixth, the input stands before the output: the shape of the output comes first."),
        ([(2, 3), "impossible", (3, 3), (5, 2), (2, 3, 2), (5, 2, 5, 3), (3,)],
         "In the first, the derivative is transposed: that of a number has the shape of the input, and B is 3 × 2."),
        ([(3, 2), "impossible", (3, 3), (5, 2), (2, 3, 2), (5, 2), (3,)],
         "In the sixth, you gave the shape of the output alone: that of the input follows behind it."),
        ([(1, 3, 2), "impossible", (1, 3, 3), (1, 5, 2), (2, 3, 2), (5, 2, 5, 3), (3,)],
         "A number has the shape (), without axes: it puts no 1 in front."),
        ([(3, 2), "Impossible", (3, 3), (5, 2), (2, 3, 2), (5, 2, 5, 3), (3,)],
         "All of it is right but for a capital: write \"impossible\"."),
    ],
    hints=[
        "First see whether the product exists: inner sizes have to agree. Then find the shape of the output, which is "
        "() for a number.",
        "The shape of the output, then the shape of the input, put behind one another: an output (4, 2) and an input "
        "(3, 7) give (4, 2, 3, 7).",
        "In the fifth, the output is a vector: Bᵀ is 2 × 3, and Bᵀx has one entry for each row of Bᵀ. In the sixth, "
        "both are matrices, which makes four axes.",
    ],
    note="The second does not exist: xᵀBx would need a square B. The fourth fixes the shape of M by itself: between a "
         "vector of 5 entries and one of 2, only a 5 × 2 matrix fits.",
)


def product_jacobian(C, X):
    """The generalised Jacobian of Y = CX by X: shape (shape of Y) + (shape of X)."""
    return np.einsum("ij,lk->iljk", C, np.eye(X.shape[1]))


def measured_product_jacobian(C, X):
    """The same, one entry of X after the other: the product is linear, so a nudge of 1 is exact."""
    J = np.zeros((len(C), X.shape[1], *X.shape))
    for j, k in np.ndindex(X.shape):
        unit = np.zeros(X.shape)
        unit[j, k] = 1
        J[:, :, j, k] = C @ unit
    return J


Exercise(
    "matrix_calculus.product_jacobian", product_jacobian,
    chapter="matrix-calculus",
    title="The other factor",
    kind="fill in", grade="core", minutes=10,
    tests=[
        at(np.array([[2.0, 3.0]]), np.array([[5.0], [7.0]]), gives=np.array([[[[2.0], [3.0]]]])),
        agrees(arrays((2, 3), (3, 4)), measured_product_jacobian),
        agrees(arrays((5, 2), (2, 3)), measured_product_jacobian, times=3),
    ],
    wrong=[
        (lambda C, X: np.einsum("ij,lk->jkil", C, np.eye(X.shape[1])),
         "The two groups of axes are swapped: the indices of the output, i and l, come first. (Taking c_ji for c_ij "
         "has the same effect.)"),
        (lambda C, X: np.einsum("ij,lk->ijlk", C, np.eye(X.shape[1])),
         "All numbers are there, and the axes are in the order i, j, l, k: the output's i, l come first, then the "
         "input's j, k."),
        (lambda C, X: np.einsum("ij,lk->ilkj", C, np.eye(X.shape[1])),
         "The two axes of the input are swapped: its row j comes before its column k. Nothing is transposed in a "
         "generalised Jacobian."),
        (lambda C, X: np.einsum("ij,lk->lijk", C, np.eye(X.shape[1])),
         "The two axes of the output are swapped: its row i comes before its column l."),
        (lambda C, X: np.kron(C, np.eye(X.shape[1])),
         "That is the flattened Jacobian, a matrix. Its entries are right: give it one axis for each of the four "
         "indices."),
        (lambda C, X: np.kron(np.eye(X.shape[1]), C),
         "That is a matrix, the Jacobian flattened column by column: give it one axis for each of the four indices."),
        (lambda C, X: np.einsum("ij,kl->iljk", np.eye(len(C)), X),
         "That is the derivative by C: here C is held, and the entries of X move."),
        (lambda C, X: np.einsum("ij,lk->iljk", C, np.ones((X.shape[1], X.shape[1]))),
         "The factor 1(k = l) is missing: an entry of X moves only its own column of Y."),
        (lambda C, X: np.einsum("ij,lk->iljk", C, np.eye(len(X))),
         "`np.eye` has the wrong size: l and k number the columns, of Y and of X."),
        (lambda C, X: np.einsum("ij,lk->iljk", C, np.eye(len(C))),
         "`np.eye` has the wrong size: l and k number the columns, of Y and of X."),
        (lambda C, X: C,
         "C is the Jacobian of Cx by one column x. For a matrix X there are four indices, two of Y and two of X."),
        (lambda C, X: C @ X,
         "That is Y itself, not its derivative."),
    ],
    hints=[
        "Write one entry: y_il = Σ_r c_ir x_rl. Which entries of X are in it, and with which factors?",
        "∂y_il/∂x_jk = c_ij 1(l = k). The factor 1(l = k), as an array, is `np.eye` of the number of columns of X.",
        "`np.einsum(\"ij,lk->iljk\", …, …)` makes the array with entry c_ij times 1(l = k) at i, l, j, k.",
    ],
    note="Flattened row by row, this is `np.kron(C, np.eye(p))`, where p is the number of columns of X. Each row has "
         "at most as many entries other than 0 as C has columns: for large p nearly all of the array is 0. "
         "`numerical_jacobian` passes as well, and calls the product twice for every entry of X.",
)


def weighted_fit(X, y, v):
    """The w that makes Σ vᵢ (Xw − y)ᵢ² smallest, for positive weights v."""
    root = np.sqrt(v)
    return np.linalg.lstsq(root[:, None] * X, root * y)[0]


def weighted_fit_twice(X, y, v):
    """The w that makes Σ vᵢ (Xw − y)ᵢ² smallest, for positive weights v."""
    return np.linalg.lstsq(v[:, None] * X, v * y)[0]


def normal_equations(X, y, left, right):
    """Solve Xᵀ diag(left) X w = Xᵀ diag(right) y."""
    return np.linalg.solve(X.T @ (left[:, None] * X), X.T @ (right * y))


def weighted_normal_equations(X, y, v):
    return normal_equations(X, y, v, v)


def measurements(generator):
    """A matrix of full column rank, a right-hand side, positive weights."""
    X, y = arrays((6, 2), (6,))(generator)
    X[:, 0] = 1.0
    return X, y, np.array([generator.uniform(0.2, 5.0) for _ in y])


Exercise(
    "matrix_calculus.weighted_fit", weighted_fit,
    chapter="matrix-calculus",
    title="Weights for the solver",
    kind="spot the bug", grade="easy", minutes=5,
    stub=weighted_fit_twice,
    tests=[
        at(np.ones((3, 1)), np.array([1.0, 2.0, 6.0]), np.array([1.0, 2.0, 3.0]), gives=np.array([23 / 6])),
        agrees(measurements, weighted_normal_equations),
    ],
    wrong=[
        (weighted_fit_twice,
         "The solver squares what it is given, the weights too: each measurement counts v² times."),
        (lambda X, y, v: np.linalg.lstsq(X, y)[0],
         "The weights are gone: all measurements count the same."),
        (lambda X, y, v: normal_equations(X, y, v, np.ones(len(y))),
         "The left-hand side of the normal equations is weighted and the right-hand side is not: the weight belongs to "
         "the whole residual, X and y."),
        (lambda X, y, v: np.linalg.lstsq(np.sqrt(v)[:, None] * X, y)[0],
         "The rows of X are scaled and y is not: the weight belongs to the whole residual, X and y."),
        (lambda X, y, v: np.linalg.lstsq(np.sqrt(v)[:, None] * X, v * y)[0],
         "The rows of X are scaled by √v and y by v: both need the same factor, √v."),
        (lambda X, y, v: np.linalg.lstsq(v[:, None] * X, np.sqrt(v) * y)[0],
         "The rows of X are scaled by v and y by √v: both need the same factor, √v."),
        (lambda X, y, v: normal_equations(X, y, 1 / v, 1 / v),
         "The measurements with large weights count least in your answer: dividing by √v is for variances, not for "
         "weights."),
        (lambda X, y, v: normal_equations(X, y, v**-2.0, v**-2.0),
         "The measurements with large weights count least in your answer, and squared: the factor is √v, not 1/v."),
        (lambda X, y, v: np.linalg.lstsq(v[:, None] * X, y)[0],
         "The rows of X are scaled by v and y is not scaled: both need the same factor, √v."),
        (lambda X, y, v: np.linalg.lstsq(v[:, None]**2 * X, v**2 * y)[0],
         "Your rows are scaled by v², and the solver squares once more: go the other way, to √v."),
        (lambda X, y, v: np.linalg.lstsq(np.sqrt(v) * X, np.sqrt(v) * y)[0],
         "`np.sqrt(v) * X` scales the columns of X, where it runs at all: one factor for each row is "
         "`np.sqrt(v)[:, None] * X`."),
        (lambda X, y, v: np.linalg.lstsq(np.sqrt(v)[:, None] * X, np.sqrt(v) * y),
         "`lstsq` returns four things: the solution is the first, `[0]`."),
    ],
    hints=[
        "`lstsq` makes ‖Mw − z‖² smallest, for the M and z that it is given. What is the i-th term of that sum here?",
        "It is (vᵢ(Xw)ᵢ − vᵢyᵢ)² = vᵢ²(Xw − y)ᵢ². Which factor in place of vᵢ would give vᵢ?",
        "Scale the rows of X and the entries of y by `np.sqrt(v)`.",
    ],
    note="`np.polyfit(t, y, 1, w=…)` has the same trap: its weights multiply the residuals before they are squared, so "
         "it wants √v.",
)


def ridge(X, y, penalty):
    """The w that makes ‖Xw − y‖² + penalty · ‖w‖² smallest, for penalty > 0."""
    return np.linalg.solve(X.T @ X + penalty * np.eye(X.shape[1]), X.T @ y)


def stacked(X, y, penalty):
    """The same as a plain least-squares problem, with one more row for each unknown."""
    d = X.shape[1]
    return np.linalg.lstsq(np.vstack([X, penalty**0.5 * np.eye(d)]), np.concatenate([y, np.zeros(d)]))[0]


def penalised(generator):
    return *arrays((5, 3), (5,))(generator), generator.uniform(0.5, 3.0)


def penalised_wide(generator):
    return *arrays((2, 4), (2,))(generator), generator.uniform(0.5, 3.0)


Exercise(
    "matrix_calculus.ridge", ridge,
    chapter="matrix-calculus",
    title="A penalty in place of the rank",
    kind="derive", grade="core", minutes=10,
    tests=[
        at(np.array([[1.0, 2.0]]), np.array([3.0]), 5.0, gives=np.array([0.3, 0.6])),
        at(np.array([[1.0], [2.0]]), np.array([3.0, 4.0]), 5.0, gives=np.array([1.1])),
        agrees(penalised, stacked),
        agrees(penalised_wide, stacked, times=3),
    ],
    wrong=[
        (lambda X, y, penalty: np.linalg.lstsq(X, y)[0],
         "The penalty is missing: its derivative by w_j is 2 · penalty · w_j."),
        (lambda X, y, penalty: ridge(X, y, penalty * len(X)),
         "Your penalty is multiplied by the number of rows. That is right for a loss with the factor 1/N; this one is "
         "without it."),
        (lambda X, y, penalty: ridge(X, y, penalty / len(X)),
         "Your penalty is divided by the number of rows: there is no factor 1/N in this loss."),
        (lambda X, y, penalty: ridge(X, y, penalty / 2),
         "Your penalty is halved: both terms are squares, so the factor 2 stands in both derivatives and cancels."),
        (lambda X, y, penalty: ridge(X, y, penalty * 2),
         "Your penalty is doubled: both terms are squares, so the factor 2 stands in both derivatives and cancels."),
        (lambda X, y, penalty: ridge(X, y, penalty**2),
         "Your penalty is squared: it multiplies the square of w, and stays as it is."),
        (lambda X, y, penalty: ridge(X, y, -penalty),
         "The sign of the penalty is wrong: 2Xᵀ(Xw − y) + 2 · penalty · w = 0."),
        (lambda X, y, penalty: np.linalg.solve(X.T @ X + penalty, X.T @ y),
         "`X.T @ X + penalty` adds the penalty to every entry: it belongs on the diagonal, times `np.eye`."),
        (lambda X, y, penalty: np.linalg.solve(X.T @ X + penalty * np.eye(len(X)), X.T @ y),
         "`np.eye` has the wrong size: one row for each unknown, that is, for each column of X."),
        (lambda X, y, penalty: np.linalg.lstsq(X.T @ X, X.T @ y - penalty)[0],
         "The derivative of the penalty is multiplied by w: the term belongs on the left-hand side, with w."),
        (lambda X, y, penalty: 2 * ridge(X, y, penalty),
         "Your w is twice too large: the factor 2 stands on both sides and cancels."),
        (lambda X, y, penalty: np.linalg.lstsq(X, y)[0] / (1 + penalty),
         "Dividing the least-squares solution by 1 + penalty is right where XᵀX is the identity, not in general."),
    ],
    hints=[
        "Element first: what is the derivative of penalty · Σ w_j² by one w_j? Add it to 2(Xᵀ(Xw − y))_j.",
        "Set the sum to 0, divide by 2 and collect what is multiplied by w: XᵀXw + penalty · w = Xᵀy.",
        "penalty · w is penalty · I w, with I = `np.eye(d)` and d the number of columns of X.",
    ],
    note="No rank is needed: with ρ for the penalty, zᵀ(XᵀX + ρI)z = ‖Xz‖² + ρ‖z‖² is positive for every z ≠ 0. As ρ "
         "goes to 0, the result goes to the shortest of all minimisers of ‖Xw − y‖².",
)


def closest(A, y, start):
    """The solution of Ax = y that is closest to start, for A of full row rank."""
    return start + A.T @ np.linalg.solve(A @ A.T, y - A @ start)


def equations(generator):
    return arrays((2, 4), (2,), (4,))(generator)


def least_norm(A, y):
    return A.T @ np.linalg.solve(A @ A.T, y)


def closest_by_pinv(A, y, start):
    return start + np.linalg.pinv(A) @ (y - A @ start)


Exercise(
    "matrix_calculus.closest", closest,
    chapter="matrix-calculus",
    title="The closest solution",
    kind="derive", grade="stretch", minutes=12,
    tests=[
        at(np.array([[2.0]]), np.array([6.0]), np.array([1.0]), gives=np.array([3.0])),  # AᵀA passes, and fails below
        at(np.array([[1.0, 2.0]]), np.array([5.0]), np.array([1.0, 1.0]), gives=np.array([1.4, 1.8])),
        agrees(equations, closest_by_pinv),
    ],
    wrong=[
        (lambda A, y, start: least_norm(A, y),
         "That is the solution closest to the origin: measure the distance from `start`."),
        (lambda A, y, start: start + least_norm(A, y),
         "Your point does not solve Ax = y: the step has to make up for y − A·start, not for all of y."),
        (lambda A, y, start: start - least_norm(A, y - A @ start),
         "The step goes the wrong way: A(x − start) has to be y − A·start."),
        (lambda A, y, start: start - least_norm(A, A @ start),
         "Your point solves Ax = 0: the right-hand side y is missing."),
        (lambda A, y, start: start + A.T @ (y - A @ start),
         "The direction is right for one equation and the length is not: (AAᵀ)⁻¹ is missing."),
        (lambda A, y, start: least_norm(A, y - A @ start),
         "That is the step from `start` to the solution: add `start`."),
        (lambda A, y, start: start + 0.5 * least_norm(A, y - A @ start),
         "The step is half as long as it should be: the factor ½ of x = −½Aᵀλ belongs to λ and cancels."),
        (lambda A, y, start: start + A.T @ np.linalg.solve(A.T @ A, y - A @ start),
         "The sizes fit only for a square A: the small system has the m × m matrix AAᵀ, and Aᵀ takes its solution to n "
         "entries."),
    ],
    hints=[
        "Let d = x − start be the step. Which equations does d have to satisfy, and what should be smallest?",
        "Ad = y − A·start, with ‖d‖ as small as possible: that is a problem of least norm.",
        "d = Aᵀ(AAᵀ)⁻¹(y − A·start). Do not forget to add `start`.",
    ],
    note="With start = 0 this is the least-norm solution. The step is orthogonal to every solution of Az = 0, so that "
         "what `start` has in these directions is kept.",
)
