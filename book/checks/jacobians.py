"""Exercises on gradients and Jacobians."""

import numpy as np

from checks.exercise import Exercise
from checks.tests import agrees, arrays, at

Exercise(
    "jacobians.moves", (0.01, 0.08),
    chapter="gradients-and-jacobians",
    title="Two moves at once",
    kind="predict", grade="easy", minutes=4,
    tolerance=1e-3,
    wrong=[
        ((0.01, 0.1), "In the second output you let x₁ move alone. x₂ moves too, and its partial derivative is 2."),
        ((0.01, -0.02), "In the second output you let x₂ move alone. x₁ moves too, and its partial derivative is 5."),
        ((0.01, 0.12), "The sign: x₂ moves down, by −0.01."),
        ((0.01, -0.01), "Rows and nudge crossed: in the second output the 5 belongs to x₁ and the 2 to x₂."),
        ((0.02, 0.08), "The slope of log x₁ at x₁ = 2 is ½."),
        ((0.01, -0.0002), "You multiplied the two nudges. Each is multiplied by its own partial derivative, and the "
                          "products are added."),
        ((0.00995, 0.0798), "Those are the moves themselves, residual included. Predict them by the Jacobian."),
        ((0.00995, 0.08), "The first is the move itself, residual included: the Jacobian predicts slope times nudge."),
        ((0.01, 0.0798), "The second is the move itself, residual included: in the prediction the two nudges are not "
                         "multiplied by each other."),
        ((0.5, 7.0), "Those are the sums of the rows: the moves for a nudge of (1, 1). The nudge is (0.02, −0.01)."),
        ((0.703147, 10.08), "That is about where the outputs arrive. How far is that from where they were?"),
    ],
    hints=[
        "The move of an output is its row of the Jacobian times the nudge.",
        "At (2, 5) the first two rows are (½, 0) and (5, 2).",
        "½ · 0.02 + 0 · (−0.01), and 5 · 0.02 + 2 · (−0.01).",
    ],
    note="The moves themselves are 0.009950 and 0.0798. The second residual is exactly the product of the two nudges, "
         "−0.0002: small beside both.",
)


def by_columns(f, x, h=1e-5):
    """The Jacobian of f at x, measured: one column for each entry of x."""
    columns = []
    for e in np.eye(x.size):
        columns.append((f(x + h * e) - f(x - h * e)) / (2 * h))
    return np.stack(columns, axis=1)


def quadratic(x):
    """From three numbers to two; a central difference is exact for it, whatever the step."""
    return np.array([x[0] ** 2 + x[1] * x[2], 3 * x[1] - x[2] ** 2])


def waves(x):
    """From two numbers to four."""
    return np.array([np.sin(x[0]), x[0] * x[1], np.exp(x[1] / 2), x[0] - 3 * x[1]])


def sparse(x):
    """From four numbers to three."""
    return np.array([x[0] * x[3], x[1] ** 2 + x[2], 5.0 * x[2] - x[0]])


def functions(generator):
    """A function, a point and a step."""
    f, n = generator.choice([(quadratic, 3), (waves, 2), (sparse, 4)])
    return f, np.array([generator.uniform(-2, 2) for _ in range(n)]), generator.choice([1e-3, 1e-4, 1e-5])


def columns_as_rows(f, x, h=1e-5):
    return by_columns(f, x, h).T


def columns_flat(f, x, h=1e-5):
    return by_columns(f, x, h).T.ravel()


def columns_twice(f, x, h=1e-5):
    return 2 * by_columns(f, x, h)


def columns_times_h(f, x, h=1e-5):
    return 2 * h * by_columns(f, x, h)


def columns_without_brackets(f, x, h=1e-5):
    return h * h * by_columns(f, x, h)


def columns_forward(f, x, h=1e-5):
    return np.stack([(f(x + h * e) - f(x)) / h for e in np.eye(x.size)], axis=1)


def columns_forward_halved(f, x, h=1e-5):
    return columns_forward(f, x, h) / 2


def columns_backward(f, x, h=1e-5):
    return columns_forward(f, x, -h)


def columns_together(f, x, h=1e-5):
    return (f(x + h) - f(x - h)) / (2 * h)


def columns_reversed(f, x, h=1e-5):
    return -by_columns(f, x, h)


def columns_accumulating(f, x, h=1e-5):
    above, below, columns = x.copy(), x.copy(), []
    for j in range(x.size):
        above[j] += h
        below[j] -= h
        columns.append((f(above) - f(below)) / (2 * h))
    return np.stack(columns, axis=1)


def columns_of_outputs(f, x, h=1e-5):
    eye = np.eye(x.size)
    return np.stack([(f(x + h * eye[j]) - f(x - h * eye[j])) / (2 * h) for j in range(f(x).size)], axis=1)


def columns_in_place(f, x, h=1e-5):
    columns = []
    for j in range(x.size):
        x[j] += h
        above = f(x)
        x[j] -= 2 * h
        columns.append((above - f(x)) / (2 * h))
    return np.stack(columns, axis=1)


def columns_last(f, x, h=1e-5):
    return by_columns(f, x, h)[:, -1:]


def columns_first(f, x, h=1e-5):
    return by_columns(f, x, h)[:, :1]


Exercise(
    "jacobians.by_columns", by_columns,
    chapter="gradients-and-jacobians",
    title="A Jacobian, column by column",
    kind="fill in", grade="core", minutes=10,
    tolerance=1e-6,
    tests=[
        at(quadratic, np.array([1.0, 2.0, 3.0]), 0.5, gives=np.array([[2.0, 3.0, 2.0], [0.0, 3.0, -6.0]])),
        agrees(functions),
    ],
    wrong=[
        (columns_as_rows, "Rows and columns have changed places. What one input does to all outputs is a column: stack "
                          "along axis 1, or transpose."),
        (columns_flat, "The right numbers in one long row. Put the columns beside each other: `np.stack(…, axis=1)`."),
        (columns_twice, "Twice too much: the two points are 2h apart, not h."),
        (columns_times_h, "Those are the moves. Divide them by the distance of the two points, 2h."),
        (columns_without_brackets, "Brackets: `/ 2 * h` divides by 2 and multiplies by h. Write `/ (2 * h)`."),
        (columns_forward, "That is a forward difference, with an error proportional to h. Nudge to both sides."),
        (columns_forward_halved, "Divided by 2h, though your two points are only h apart. Nudge to both sides."),
        (columns_backward, "That is a difference to one side, with an error proportional to h. Nudge to both sides."),
        (columns_together, "You nudge all entries at once, which gives the sum of the columns. Nudge one at a time: "
                           "add h times a row of `np.eye(x.size)`."),
        (columns_reversed, "The sign: x + h first, x − h is subtracted."),
        (columns_accumulating, "The nudges of earlier columns are still in your points. Every column starts from x."),
        (columns_of_outputs, "Your loop goes over the outputs. There is one column for each input."),
        (columns_in_place, "You nudge x itself, so that every column starts where the one before has left x. "
                           "Make a new array: `x + h * e`."),
        (columns_last, "Only the last column comes back: collect all of them, and stack them after the loop."),
        (columns_first, "Only the first column comes back: the `return` stands inside the loop."),
    ],
    hints=[
        "The rows of `np.eye(x.size)` are the vectors e_j. A loop over the array goes through them.",
        "Column j is `(f(x + h * e) - f(x - h * e)) / (2 * h)`, an array with one entry for each output.",
        "Collect the columns in a list, and put them beside each other with `np.stack(columns, axis=1)`.",
    ],
    note="`x + h * e` makes a new array. `x[j] += h` would write into the caller's x, and taking the h away again does "
         "not always give back the same float.",
)


def after_squares(W, x):
    """The Jacobian of W @ x**2 by x."""
    return 2 * W * x


Exercise(
    "jacobians.after_squares", after_squares,
    chapter="gradients-and-jacobians",
    title="A layer after squares",
    kind="derive", grade="core", minutes=8,
    tests=[
        at(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), np.array([1.0, -2.0, 0.5]),
           gives=np.array([[2.0, -8.0, 3.0], [8.0, -20.0, 6.0]])),
        agrees(arrays((2, 3), (3,))),
        agrees(arrays((5, 4), (4,))),
    ],
    wrong=[
        (lambda W, x: W, "That is the Jacobian of Wx. Here the entries are squared first: ∂(x_k²)/∂x_j is missing."),
        (lambda W, x: 2 * W, "The slope of x_j² is 2x_j: the x_j is missing."),
        (lambda W, x: W * x, "The slope of x_j² is 2x_j: the 2 is missing."),
        (lambda W, x: W * x**2, "You scaled by the squares. The slope of x_j² is 2x_j."),
        (lambda W, x: 2 * W * x**2, "The power goes down by one: the slope of x_j² is 2x_j."),
        (lambda W, x: 2 * W @ x, "That sums over j. y_i and x_j have an index each, so there are m · n derivatives: do "
                                 "not add them up."),
        (lambda W, x: W @ x**2, "That is y itself."),
        (lambda W, x: (2 * W * x).T, "Rows and columns have changed places: one row for each output, m × n."),
        (lambda W, x: np.diag(2 * x), "That is the Jacobian of the squares. The linear map W comes after it."),
        (lambda W, x: 2 * (W @ x)[:, None] * W, "That is the Jacobian of (Wx)²: there the squares come last, here they "
                                                "come first."),
        (lambda W, x: 2 * W * np.abs(x), "The slope of x_j² is 2x_j, with its sign."),
    ],
    hints=[
        "Write y_i as a sum over k. Which terms contain x_j?",
        "Only the term w_ij x_j² does. Its derivative by x_j is w_ij · 2x_j.",
        "Column j of W, times 2x_j: `W * x` multiplies each column of W by its entry of x.",
    ],
    note="As a product of matrices this is W diag(2x): the Jacobian of the linear map times that of the squares. The "
         "next chapter shows that this is no accident. `W @ np.diag(2 * x)` gives the same, with n² numbers of which "
         "n are needed.",
)


def neighbours(x):
    """The Jacobian of x[:-1] * x[1:] by x."""
    n = x.size
    jacobian = np.zeros((n - 1, n))
    for i in range(n - 1):
        jacobian[i, i] = x[i + 1]
        jacobian[i, i + 1] = x[i]
    return jacobian


def neighbours_exchanged(x):
    n = x.size
    jacobian = np.zeros((n - 1, n))
    for i in range(n - 1):
        jacobian[i, i] = x[i]
        jacobian[i, i + 1] = x[i + 1]
    return jacobian


def neighbours_left(x):
    return np.eye(x.size)[:-1] * x[1:, None]


def neighbours_right(x):
    return np.eye(x.size)[1:] * x[:-1, None]


def neighbours_square(x):
    return np.vstack([neighbours(x), np.zeros(x.size)])


def neighbours_from_one(x):
    jacobian = neighbours(x)
    jacobian[0] = 0
    return jacobian


def neighbours_too_far(x):
    n = x.size
    jacobian = np.zeros((n - 1, n))
    for i in range(n):
        jacobian[i, i] = x[i + 1]
        jacobian[i, i + 1] = x[i]
    return jacobian


def neighbours_around(x):
    n = x.size
    return np.diag(np.roll(x, -1)) + np.roll(np.eye(n), 1, axis=1) * x[:, None]


Exercise(
    "jacobians.neighbours", neighbours,
    chapter="gradients-and-jacobians",
    title="Neighbours",
    kind="derive", grade="core", minutes=10,
    tests=[
        at(np.array([2.0, 3.0, 5.0]), gives=np.array([[3.0, 2.0, 0.0], [0.0, 5.0, 3.0]])),
        agrees(arrays((4,))),
        agrees(arrays((6,))),
    ],
    wrong=[
        (neighbours_exchanged, "The two entries of each row are exchanged: the derivative of x_i x_{i+1} by x_i is the "
                               "other factor, x_{i+1}."),
        (neighbours_left, "y_i sees two inputs. The derivative by x_{i+1} is missing."),
        (neighbours_right, "y_i sees two inputs. The derivative by x_i is missing."),
        (lambda x: neighbours(x).T, "Rows and columns have changed places: one row for each of the n − 1 outputs."),
        (neighbours_around, "The last entry has no neighbour to its right: there are n − 1 outputs, hence n − 1 rows."),
        (neighbours_square, "The last row is empty: there are n − 1 outputs, so n − 1 rows."),
        (neighbours_from_one, "NumPy counts from 0: your loop leaves out row 0."),
        (neighbours_too_far, "The loop runs one step too far. Counted from 0, the n − 1 rows are 0 to n − 2: "
                             "`range(n - 1)`."),
        (lambda x: neighbours_left(x) - neighbours_right(x), "The signs: in the product rule the two terms are added."),
        (lambda x: np.sign(np.abs(neighbours(x))), "The places are right. The entries are the other factors, x_{i+1} "
                                                   "and x_i, and not 1."),
        (lambda x: x[:-1] * x[1:], "That is y itself."),
        (lambda x: np.diag(x[1:]), "y_i sees two inputs, and the last input is seen too: n − 1 rows, n columns."),
        (lambda x: neighbours(x).sum(axis=0), "You added up the rows: that is the gradient of the sum of the y_i. Keep "
                                              "one row for each output."),
        (lambda x: neighbours(x).sum(axis=1), "You added up the columns. Keep one column for each input."),
    ],
    hints=[
        "y_i = x_i x_{i+1} contains two of the n inputs. All other entries of row i are 0.",
        "By x_i the derivative is x_{i+1}, by x_{i+1} it is x_i.",
        "Start from `np.zeros((n - 1, n))` and fill `[i, i]` and `[i, i + 1]` in a loop.",
    ],
    note="2(n − 1) of n(n − 1) entries can differ from 0. Most Jacobians of a program's steps are like this: nearly "
         "empty, with a pattern that the formula knows.",
)


def step(A, x, rate):
    """x, a column, after one step against the gradient of ‖Ax‖²."""
    y = A @ x
    gradient = 2 * A.T @ y
    return x - rate * gradient


def step_stub(A, x, rate):
    """x, a column, after one step against the gradient of ‖Ax‖²."""
    y = A @ x
    derivative = 2 * y.T @ A
    return x - rate * derivative


def with_columns(generator):
    """A matrix that is not square, a column and a rate."""
    A, x = arrays((2, 3), (3, 1))(generator)
    return A, x, generator.uniform(0.01, 0.5)


Exercise(
    "jacobians.step", step,
    chapter="gradients-and-jacobians",
    title="A step in the wrong shape",
    kind="spot the bug", grade="core", minutes=8,
    stub=step_stub,
    tests=[
        at(np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 1.0]]), np.array([[1.0], [2.0], [-1.0]]), 0.1,
           gives=np.array([[1.2], [-1.0], [-1.6]])),
        agrees(with_columns),
    ],
    wrong=[
        (step_stub, "The result is n × n: the column minus the row is still broadcast. The derivative has to become a "
                    "column before it is subtracted."),
        (lambda A, x, rate: step(A, x, rate).T, "The right numbers, lying down. x is a column, and what comes back "
                                                "should be one too: transpose the derivative, not x."),
        (lambda A, x, rate: step(A, x, rate).ravel(), "The right numbers, of shape (n,). The gradient has the shape of "
                                                      "the thing, (n, 1)."),
        (lambda A, x, rate: step_stub(A, x, rate).sum(axis=1, keepdims=True),
         "Summing the n × n array gives the shape of x and wrong numbers: each entry is mixed with all slopes."),
        (lambda A, x, rate: step_stub(A, x, rate).mean(axis=1, keepdims=True),
         "Averaging the n × n array gives the shape of x and wrong numbers: every entry moves by the mean slope."),
        (lambda A, x, rate: x - rate * A.T @ A @ x, "The shape is right; the factor 2 of the square got lost."),
        (lambda A, x, rate: x + rate * 2 * A.T @ A @ x, "The shape is right; the step goes up. Against the gradient: "
                                                        "subtract."),
        (lambda A, x, rate: 2 * A.T @ A @ x, "That is the gradient. Take the step: x minus rate times it."),
        (lambda A, x, rate: x - 2 * A.T @ A @ x, "The rate got lost."),
    ],
    hints=[
        "Print `derivative.shape` and `x.shape` for a 2 × 3 matrix A.",
        "The Jacobian of a number by a column is a row. The gradient has the shape of x.",
        "Transpose: `x - rate * derivative.T`, or compute 2Aᵀy at once.",
    ],
    note="NumPy raised nothing, because (3, 1) and (1, 3) broadcast to (3, 3). The line "
         "`assert gradient.shape == x.shape` costs nothing and catches it.",
)
