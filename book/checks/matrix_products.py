"""Exercises on matrix products."""

import numpy as np

from checks.exercise import Exercise
from checks.tests import agrees, arrays, at, numerical_pullback

ROW_OF_A = [[0, 0, 0], [2, 1, 0]]
COLUMN_OF_B = [[0, 0, 4, 0], [0, 0, 5, 0], [0, 0, 6, 0]]

Exercise(
    "matrix_products.one_entry", (ROW_OF_A, COLUMN_OF_B),
    chapter="matrix-products",
    title="One entry of a product",
    kind="predict", grade="easy", minutes=5,
    wrong=[
        (([[2, 1, 0], [0, 0, 0]], COLUMN_OF_B),
         "By A, the wrong row is filled: f₂₃ uses row 2 of A, so only the entries of row 2 move it."),
        ((ROW_OF_A, [[0, 0, 1, 0], [0, 0, 2, 0], [0, 0, 3, 0]]),
         "By B, the factors come from the wrong row of A: the entry b_k3 is multiplied by a₂ₖ."),
        (([[0, 0, 0], [1, 1, 3]], COLUMN_OF_B),
         "By A, these factors are neither column 3 of B nor any other: a₂ₖ is multiplied by b_k3, from column 3."),
        (([[0, 0, 0], [0, 1, 1]], COLUMN_OF_B),
         "By A, these factors are column 2 of B (or the start of its row 2): a₂ₖ is multiplied by b_k3, so look "
         "down column 3."),
        ((ROW_OF_A, [[0, 4, 0, 0], [0, 5, 0, 0], [0, 6, 0, 0]]),
         "By B, the wrong column is filled: f₂₃ uses column 3 of B."),
        ((ROW_OF_A, [[0, 0, 0, 4], [0, 0, 0, 5], [0, 0, 0, 6]]),
         "By B, column 4 is filled: count from 1, f₂₃ uses column 3 of B."),
        (([[0, 0, 0], [1, 3, 1]], [[0, 0, 0, 4], [0, 0, 0, 5], [0, 0, 0, 6]]),
         "You have counted the columns from 0: the rows and columns of f₂₃ are counted from 1."),
        (([[0, 2], [0, 1], [0, 0]], [[0, 0, 0], [0, 0, 0], [4, 5, 6], [0, 0, 0]]),
         "Both are transposed: here a derivative has the shape of the thing, 2 × 3 by A and 3 × 4 by B."),
        ((COLUMN_OF_B, ROW_OF_A),
         "The pair is swapped: first the derivative by A, then the one by B."),
        (([2, 1, 0], [4, 5, 6]),
         "These are the entries other than 0. Put them into arrays of the shapes of A and of B."),
        (([[0, 0, 0], [4, 5, 6]], [[0, 0, 2, 0], [0, 0, 1, 0], [0, 0, 0, 0]]),
         "You have put in the entries themselves: the derivative by a₂ₖ is its factor b_k3, and the other way round."),
        (([[2, 1, 0], [2, 1, 0]], COLUMN_OF_B),
         "By A, both rows are filled: row 1 of A does not occur in f₂₃."),
    ],
    hints=[
        "Write f₂₃ out: it has three terms.",
        "f₂₃ = a₂₁b₁₃ + a₂₂b₂₃ + a₂₃b₃₃. Which entries of A occur, and with which factors?",
        "Row 2 of the derivative by A is column 3 of B, and column 3 of the derivative by B is row 2 of A.",
    ],
    note="With G = 1 at (2, 3) and 0 elsewhere these are GBᵀ and AᵀG. A general G is a sum of such cases, each with "
         "its factor g_ij.",
)


def middle(g, A, C):
    """The derivative of the loss by B, where g is that by F = ABC."""
    return A.T @ g @ C.T


def three_factors(generator):
    """g, A and C for A of shape (2, 3), B of shape (3, 5), C of shape (5, 4)."""
    return arrays((2, 4), (2, 3), (5, 4))(generator)


def measured_middle(g, A, C):
    return numerical_pullback(lambda B: A @ B @ C, np.zeros((A.shape[1], C.shape[0])), g)


Exercise(
    "matrix_products.middle", middle,
    chapter="matrix-products",
    title="The factor in the middle",
    kind="derive", grade="core", minutes=8,
    tests=[
        at(np.array([[1.0, 2.0]]), np.array([[1.0, 0.0, 3.0]]),
           np.array([[1.0, 0.0], [2.0, 1.0], [0.0, -1.0], [1.0, 1.0]]),
           gives=np.array([[1.0, 4, -2, 3], [0, 0, 0, 0], [3, 12, -6, 9]])),
        agrees(three_factors, measured_middle, tolerance=1e-6),
    ],
    wrong=[
        (lambda g, A, C: (A.T @ g @ C.T).T,
         "The numbers are right, but this is transposed: the derivative has the shape of B."),
        (lambda g, A, C: g @ C.T,
         "That is the derivative by AB, after one step: B is only its right factor, and the step by Aᵀ is missing."),
        (lambda g, A, C: A.T @ g,
         "That is the derivative by BC, after one step: B is only its left factor, and the step by Cᵀ is missing."),
        (lambda g, A, C: A @ g @ C.T,
         "A is not transposed, and the shapes do not fit: a left factor comes back as Aᵀ, on the left of G."),
        (lambda g, A, C: C.T @ g @ A.T,
         "The sides are exchanged: A stands on the left of B, and Aᵀ stands on the left of G."),
        (lambda g, A, C: A.T @ C.T,
         "The upstream g is not used: it stands between the two, where B stood."),
        (lambda g, A, C: np.ones_like(A.T @ g @ C.T) * (A.T @ g @ C.T).sum(),
         "Every entry is the same: a sum has been taken over all of B."),
        (lambda g, A, C: -(A.T @ g @ C.T),
         "The sign is reversed: there is no minus in a product."),
        (lambda g, A, C: A.T @ g @ C,
         "C is not transposed, and the shapes do not fit: a right factor comes back as Cᵀ, on the right of G."),
    ],
    hints=[
        "Call BC by a name of its own, D. What is the derivative by D, where F = AD?",
        "By D it is AᵀG. Now D = BC, and B is the left factor.",
        "Aᵀ on the left of G, Cᵀ on the right.",
    ],
    note="The order of the two steps does not matter: (AᵀG)Cᵀ = Aᵀ(GCᵀ). Their cost does differ, with the sizes.",
)


def by_vector(g, A):
    """The derivative by x, where g is that by A @ x, for one matrix A or a stack."""
    by_x = g[..., None, :] @ A
    return by_x.sum(axis=tuple(range(by_x.ndim - 1)))


def by_vector_with_g_as_a_matrix(g, A):
    """The derivative by x, where g is that by A @ x, for one matrix A or a stack."""
    by_x = g @ A
    return by_x.sum(axis=tuple(range(by_x.ndim - 1)))


def matrices(generator):
    """An upstream and a matrix, or a stack of them; the stack is never as high as a matrix."""
    stack = generator.choice([(), (4,), (5,), (4, 5)])
    return arrays((*stack, 2), (*stack, 2, 3))(generator)


def measured_by_vector(g, A):
    return numerical_pullback(lambda x: A @ x, np.zeros(A.shape[-1]), g)


def one_stack_axis(g, A):
    by_x = g[..., None, :] @ A
    return by_x.sum(axis=(0, 1)) if A.ndim > 2 else by_x[0]


def per_matrix(g, A):
    return (g[..., None, :] @ A)[..., 0, :]


def averaged(g, A):
    by_x = (g[..., None, :] @ A)[..., 0, :]
    return by_x.mean(axis=tuple(range(by_x.ndim - 1)))


def sums_apart(g, A):
    axes = tuple(range(A.ndim - 2))
    return g.sum(axis=axes) @ A.sum(axis=axes)


def first_matrix(g, A):
    return (g[..., None, :] @ A)[(0,) * (A.ndim - 2)].reshape(-1)


def upstream_forgotten(g, A):
    return A.sum(axis=tuple(range(A.ndim - 1)))


def all_of_g(g, A):
    return g.sum() * A.sum(axis=tuple(range(A.ndim - 1)))


def stack_only(g, A):
    return np.einsum("smn,sm->n", A, g)


Exercise(
    "matrix_products.by_vector", by_vector,
    chapter="matrix-products",
    title="Summed away",
    kind="spot the bug", grade="core", minutes=10,
    stub=by_vector_with_g_as_a_matrix,
    tests=[
        at(np.array([1.0, 2.0]), np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), gives=np.array([9.0, 12.0, 15.0])),
        at(np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0]]), np.arange(18.0).reshape(3, 2, 3),
           gives=np.array([48.0, 53.0, 58.0])),
        agrees(matrices, measured_by_vector, tolerance=1e-6),
    ],
    wrong=[
        (by_vector_with_g_as_a_matrix,
         "For a stack, `g @ A` takes g for a matrix, and multiplies every vector of g by every matrix, or, with "
         "several stack axes, stops: each vector belongs to one matrix alone."),
        (per_matrix,
         "Now each matrix has its own derivative. But there is one x for all of them: add the contributions."),
        (averaged,
         "The contributions are averaged: one x is used by every matrix, and contributions add."),
        (sums_apart,
         "You sum g and A first and multiply then: that multiplies each vector of g by every matrix. Multiply matrix "
         "by matrix, and sum afterwards."),
        (one_stack_axis,
         "Only one stack axis is summed over: a stack may be numbered by several."),
        (first_matrix,
         "Only the first matrix of the stack is used: every one contributes."),
        (upstream_forgotten,
         "The upstream g is not used."),
        (all_of_g,
         "All of g is added up before it is used: each entry of g belongs to one row of one matrix."),
        (stack_only,
         "Now a stack with one axis is right, and a single matrix is not: `g[..., None, :]` works for any number "
         "of axes."),
        (lambda g, A: A.T @ g,
         "`A.T` reverses all axes of a stack: exchange the last two, and mind that g has no axis of rows."),
        (lambda g, A: (A.swapaxes(-1, -2) @ g).reshape(-1, A.shape[-1]).sum(axis=0),
         "A is transposed as it should be, but `@` still takes g for a matrix: give each vector of g an axis of its "
         "own, `g[..., None]`."),
    ],
    hints=[
        "Print the shapes of g, A and `g @ A` for a stack of five matrices. What does `@` take g for?",
        "Each vector of g has to be a row of its own, a 1 × m matrix: insert an axis.",
        "`g[..., None, :] @ A` is a stack of 1 × n rows. The sum over all axes but the last can stay.",
    ],
    note="np.einsum('...mn,...m->...n', A, g) and the same sum do it too. NumPy refuses '...mn,...m->n': it does not "
         "sum over the dots.",
)


def einsum_pullback(subscripts, g, a, b):
    """The derivatives by a and by b, where g is that by their Einstein sum."""
    terms, result = subscripts.split("->")
    of_a, of_b = terms.split(",")
    by_a = np.einsum(f"{result},{of_b}->{of_a}", g, b)
    by_b = np.einsum(f"{result},{of_a}->{of_b}", g, a)
    return by_a, by_b


SUBSCRIPTS = ["ij,jk->ik", "ij,j->i", "i,j->ij", "ij,kj->ki", "sij,sjk->sik", "sij,jk->ski", "i,i->"]
LENGTHS = {"i": 2, "j": 3, "k": 4, "s": 5}


def contracted(generator):
    """Subscripts, an upstream and operands that fit."""
    subscripts = generator.choice(SUBSCRIPTS)
    of_a, of_b, result = subscripts.replace("->", ",").split(",")
    shapes = [tuple(LENGTHS[i] for i in term) for term in (result, of_a, of_b)]
    return subscripts, *arrays(*shapes)(generator)


def measured_einsum(subscripts, g, a, b):
    return (numerical_pullback(lambda a: np.einsum(subscripts, a, b), a, g),
            numerical_pullback(lambda b: np.einsum(subscripts, a, b), b, g))


def with_terms(by_a, by_b):
    """The answer that uses these subscripts, in which A, B and R stand for the three terms."""
    def answer(subscripts, g, a, b):
        of_a, of_b, result = subscripts.replace("->", ",").split(",")
        a_string, b_string = ("".join({"A": of_a, "B": of_b, "R": result}.get(c, c) for c in s) for s in (by_a, by_b))
        return np.einsum(a_string, g, b), np.einsum(b_string, g, a)
    return answer


def as_matrices(subscripts, g, a, b):
    return g @ b.T, a.T @ g


def swapped_pair(subscripts, g, a, b):
    by_a, by_b = einsum_pullback(subscripts, g, a, b)
    return by_b, by_a


def without_upstream(subscripts, g, a, b):
    by_a, by_b = einsum_pullback(subscripts, np.ones_like(g), a, b)
    return by_a, by_b


def fixed_letters(subscripts, g, a, b):
    return np.einsum("ik,jk->ij", g, b), np.einsum("ik,ij->jk", g, a)


def only_by_a(subscripts, g, a, b):
    return einsum_pullback(subscripts, g, a, b)[0]


def own_operand(subscripts, g, a, b):
    terms, result = subscripts.split("->")
    of_a, of_b = terms.split(",")
    return np.einsum(f"{result},{of_a}->{of_a}", g, a), np.einsum(f"{result},{of_b}->{of_b}", g, b)


Exercise(
    "matrix_products.einsum_pullback", einsum_pullback,
    chapter="matrix-products",
    title="Change places",
    kind="fill in", grade="core", minutes=10,
    tests=[
        at("ij,jk->ik", np.array([[1.0, 0.0, 2.0, 1.0], [0.0, 1.0, 0.0, -1.0]]),
           np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
           np.array([[1.0, 0.0, 2.0, 1.0], [0.0, 1.0, 1.0, 3.0], [2.0, 1.0, 0.0, 1.0]]),
           gives=([[6.0, 5.0, 3.0], [-1.0, -2.0, 0.0]],
                  [[1.0, 4.0, 2.0, -3.0], [2.0, 5.0, 4.0, -3.0], [3.0, 6.0, 6.0, -3.0]])),
        agrees(contracted, measured_einsum, tolerance=1e-6, times=20),
    ],
    wrong=[
        (fixed_letters,
         "That is right for a product of two matrices alone: build the strings from `subscripts`."),
        (as_matrices,
         "GBᵀ and AᵀG are right for a product of two matrices alone: the function has to work for all subscripts."),
        (with_terms("R,B->R", "R,A->R"),
         "The results keep the indices of the upstream: each derivative has the indices of its own operand after the "
         "arrow."),
        (swapped_pair,
         "The pair is swapped: first the derivative by a, then the one by b."),
        (without_upstream,
         "The upstream g is not used, or replaced by ones."),
        (with_terms("B,R->A", "A,R->B"),
         "The terms before the arrow stand in another order than the operands: if the result's indices come second, g "
         "has to come second too."),
        (own_operand,
         "The derivative by a is made of g and of b, the *other* operand, and that by b of g and a."),
        (only_by_a,
         "Only the derivative by a is returned: return a pair."),
        (with_terms("R,B->B", "R,A->A"),
         "After the arrow stand the indices of the other operand: the derivative by a has the indices of a."),
    ],
    hints=[
        "`subscripts.split('->')` gives the terms of the operands, and that of the result. Split the first at its "
        "comma.",
        "By a: the upstream has the indices of the result. Its term takes the place of that of a, which goes behind "
        "the arrow.",
        "`np.einsum(f'{result},{of_b}->{of_a}', g, b)`, and the same with a and b exchanged.",
    ],
    note="For indices that stand in one operand alone and not in the result, as j in 'ij,k->ik', NumPy would "
         "refuse the new string: it has an index after the arrow that no operand has. The package sums over such an "
         "index first.",
)


def right_solve(g, A, X):
    """The derivatives by A and by B, where X A = B and g is the derivative by X."""
    by_B = np.linalg.solve(A, g.T).T
    by_A = -X.T @ by_B
    return by_A, by_B


def system(generator):
    """An upstream, a matrix that is far from singular and not symmetric, and a solution."""
    g, A, X = arrays((2, 3), (3, 3), (2, 3))(generator)
    return g, A + np.diag([5.0, 6.0, 7.0]), X


def measured_right_solve(g, A, X):
    B = X @ A

    def solved(A, B):
        return B @ np.linalg.inv(A)

    return (numerical_pullback(lambda A: solved(A, B), A, g), numerical_pullback(lambda B: solved(A, B), B, g))


def from_left(g, A, X):
    by_B = np.linalg.solve(A.T, g.T).T
    return -X.T @ by_B, by_B


def right_with(by_A, transform=lambda by_A, by_B: (by_A, by_B)):
    """The right by_B, and by_A from by_B, X, A and g."""
    def answer(g, A, X):
        by_B = np.linalg.solve(A, g.T).T
        return transform(by_A(by_B, X, A, g), by_B)
    return answer


Exercise(
    "matrix_products.right_solve", right_solve,
    chapter="matrix-products",
    title="A system from the right",
    kind="derive", grade="stretch", minutes=12,
    tests=[
        at(np.array([[4.0, 2.0]]), np.array([[2.0, 0.0], [1.0, 1.0]]), np.array([[1.0, 3.0]]),
           gives=([[-2.0, 0.0], [-6.0, 0.0]], [[2.0, 0.0]])),
        agrees(system, measured_right_solve, tolerance=1e-6),
    ],
    wrong=[
        (from_left,
         "The system for B has the wrong matrix: Z = G A⁻ᵀ solves Z Aᵀ = G, which transposed is A Zᵀ = Gᵀ."),
        (right_with(lambda Z, X, A, g: X.T @ Z),
         "By A, the sign is reversed: the derivative of the inverse has a minus."),
        (right_with(lambda Z, X, A, g: -Z.T @ X),
         "By A, the result is transposed: −XᵀZ, not −ZᵀX."),
        (right_with(lambda Z, X, A, g: -X.T @ g),
         "By A, the upstream of X is used as it came: it has to go through the transposed system first."),
        (right_with(lambda Z, X, A, g: -(X @ A).T @ Z),
         "By A, you have B in the place of X: Cᵀ Bᵀ is Xᵀ, one of the two inverses is used up by that."),
        (right_with(lambda Z, X, A, g: -X.T @ Z, lambda by_A, by_B: (by_B, by_A)),
         "The pair is swapped: first the derivative by A, then the one by B."),
        (right_with(lambda Z, X, A, g: -X.T @ Z, lambda by_A, by_B: (by_A, by_B.T)),
         "By B, the numbers are right and transposed: B is p × n."),
        (right_with(lambda Z, X, A, g: -Z @ X.T),
         "By A, the product is that of the system from the left, and p × p here: Xᵀ stands on the left."),
        (lambda g, A, X: (-X.T @ g @ A.T, g @ A.T),
         "You multiply by Aᵀ where its inverse belongs: Z solves Z Aᵀ = G."),
        (lambda g, A, X: (-np.linalg.inv(A).T @ g.T @ X, np.linalg.solve(A, g.T).T),
         "By A, the factors stand in the wrong order: −Cᵀ(BᵀG)Cᵀ, and Cᵀ Bᵀ = Xᵀ stands on the left."),
    ],
    hints=[
        "X = BC with C = A⁻¹. Which derivatives does the product give to its factors B and C?",
        "By B: G Cᵀ, call it Z. By C: BᵀG, which goes on through the inverse: −Cᵀ(BᵀG)Cᵀ.",
        "CᵀBᵀ = Xᵀ, so by A it is −XᵀZ. And Z Aᵀ = G means A Zᵀ = Gᵀ: np.linalg.solve(A, g.T).T.",
    ],
    note="The matrix of the system for Z is A and not Aᵀ, because the equation is transposed twice: once for the "
         "adjoint, and once because np.linalg.solve has its matrix on the left.",
)
