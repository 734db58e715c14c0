"""The bug museum: planted faults. Each exhibit stands here repaired, and as it was found: ``…_as_found``."""

# ruff: noqa: B006 - one of the faults is a mutable default argument

import numpy as np

from checks.exercise import Exercise
from checks.tests import agrees, arrays, at, numerical_pullback
from minigrad.value import Value, topological_order

# A value that is used twice.


def tied_pullback(g, W, x):
    """The derivative of the loss by W, where y = W.T @ (W @ x)."""
    code = W @ x
    by_W = np.outer(code, g)
    by_code = W @ g
    by_W += np.outer(by_code, x)
    return by_W


def tied_pullback_as_found(g, W, x):
    """The derivative of the loss by W, where y = W.T @ (W @ x)."""
    code = W @ x
    by_W = np.outer(code, g)
    by_code = W @ g
    by_W = np.outer(by_code, x)
    return by_W


def measured_tied(g, W, x):
    return numerical_pullback(lambda W: W.T @ (W @ x), W, g)


Exercise(
    "museum.tied_pullback", tied_pullback,
    chapter="checking-gradients",
    title="Tied weights",
    kind="spot the bug", grade="easy", minutes=3,
    stub=tied_pullback_as_found,
    tests=[
        at(np.array([1.0, -1.0, 2.0]), np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 1.0]]), np.array([2.0, 1.0, 0.0]),
           gives=np.array([[12.0, 3.0, 4.0], [1.0, -4.0, 6.0]])),
        agrees(arrays((3,), (2, 3), (3,)), measured_tied, tolerance=1e-6),
    ],
    wrong=[
        (tied_pullback_as_found, "Only one of the two uses of W counts: the second assignment overwrites the first."),
        (lambda g, W, x: np.outer(W @ x, g),
         "Only the use of W in `W.T @ code` counts: the use in `W @ x` is missing."),
        (lambda g, W, x: (np.outer(W @ x, g) + np.outer(W @ g, x)) / 2,
         "The two contributions are averaged: they add."),
        (lambda g, W, x: (np.outer(W @ x, g) + np.outer(W @ g, x)).T,
         "The numbers are right, but this is transposed: the derivative has the shape of W."),
        (lambda g, W, x: 2 * np.outer(W @ g, x),
         "One contribution is counted twice. The two uses of W contribute two different outer products."),
        (lambda g, W, x: np.outer(W @ x, g) * np.outer(W @ g, x),
         "The contributions are multiplied: those of two uses of one value add."),
        (lambda g, W, x: np.outer(W @ x, g) - np.outer(W @ g, x), "The second contribution has the wrong sign."),
    ],
    hints=["W stands in the formula twice. Which of the two uses contributes to what is returned?",
           "Print `by_W` after its first assignment, and again at the end.",
           "The contributions of two uses add: `by_W += np.outer(by_code, x)`."],
    note="Found by a measured derivative, at the first point tried. Whenever a name is used twice, its derivative "
         "needs `+=`, or a sum.",
)


# Tuples that grow.


def total_gradients(pairs):
    """The sums over all examples of the derivatives by W and by b, from their pairs."""
    total_W, total_b = pairs[0]
    for by_W, by_b in pairs[1:]:
        total_W = total_W + by_W
        total_b = total_b + by_b
    return total_W, total_b


def total_gradients_as_found(pairs):
    """The sums over all examples of the derivatives by W and by b, from their pairs."""
    total = pairs[0]
    for pair in pairs[1:]:
        total += pair
    return total[0], total[1]


def gradient_pairs(generator):
    """A batch of one to four pairs of the shapes (2, 3) and (2,)."""
    return [arrays((2, 3), (2,))(generator) for _ in range(generator.randrange(1, 5))]


def in_place(pairs):
    total_W, total_b = pairs[0]
    for by_W, by_b in pairs[1:]:
        total_W += by_W
        total_b += by_b
    return total_W, total_b


def mean_of_pairs(pairs):
    return tuple(total / len(pairs) for total in total_gradients(pairs))


def swapped_sums(pairs):
    return total_gradients(pairs)[::-1]


def all_in_one(pairs):
    total_W, total_b = total_gradients(pairs)
    return total_W.sum(), total_b.sum()


def without_the_first(pairs):
    return total_gradients([tuple(np.zeros_like(x) for x in pairs[0]), *pairs[1:]])


Exercise(
    "museum.total_gradients", total_gradients,
    chapter="checking-gradients",
    title="A batch of one",
    kind="spot the bug", grade="core", minutes=5,
    stub=total_gradients_as_found,
    tests=[
        at([(np.array([[1.0, 2.0, 3.0]]), np.array([4.0])), (np.array([[10.0, 20.0, 30.0]]), np.array([40.0])),
            (np.array([[0.0, 1.0, 0.0]]), np.array([2.0]))],
           gives=(np.array([[11.0, 23.0, 33.0]]), np.array([46.0]))),
        agrees(gradient_pairs),
    ],
    wrong=[
        (total_gradients_as_found,
         "Only the first example counts: `+=` on tuples appends, and `total` grows to (W, b, W, b, …)."),
        (lambda pairs: pairs[-1], "Only the last example counts."),
        (in_place,
         "The sums are right, but `+=` on an array writes into it, and these arrays belong to the first example: make "
         "a new array for each sum, as `total = total + next_one` does."),
        (mean_of_pairs, "These are means. The derivative of a sum over examples is the sum."),
        (swapped_sums, "The pair is swapped: first the derivative by W, then the one by b."),
        (all_in_one, "You have also added up the entries: each sum has the shape of its parameter."),
        (without_the_first, "The first example is missing from the sums."),
    ],
    hints=["Call it with one pair, then with two. Print `total` after the loop.",
           "What is (1, 2) + (3, 4) in Python?",
           "Take the pairs apart: one running sum for W, one for b."],
    note="Found by random inputs over sizes: a batch of one is right, the first batch of two is not. Arrays in tuples "
         "are not vectors; Python adds tuples by putting them in a row.",
)


# A reduced axis that is not restored.


def centre_pullback(g, axis):
    """The derivative of the loss by x, where y is x minus its mean along the axis."""
    return g - g.mean(axis=axis, keepdims=True)


def centre_pullback_as_found(g, axis):
    """The derivative of the loss by x, where y is x minus its mean along the axis."""
    return g - g.mean(axis=axis)


def upstream_and_axis(generator):
    """An array of one to three axes, of different lengths, and one of its axes, counted from either end."""
    shape = generator.choice([(4,), (2, 3), (4, 3), (2, 3, 4)])
    return *arrays(shape)(generator), generator.randrange(-len(shape), len(shape))


def measured_centre(g, axis):
    return numerical_pullback(lambda x: x - x.mean(axis=axis, keepdims=True), np.zeros(g.shape), g)


Exercise(
    "museum.centre_pullback", centre_pullback,
    chapter="checking-gradients",
    title="Centred data",
    kind="spot the bug", grade="easy", minutes=3,
    stub=centre_pullback_as_found,
    tests=[
        at(np.array([[1.0, 3.0], [5.0, 5.0], [0.0, 4.0]]), 0, gives=np.array([[-1.0, -1.0], [3.0, 1.0], [-2.0, 0.0]])),
        at(np.array([[1.0, 3.0], [5.0, 7.0], [0.0, 4.0]]), 1, gives=np.array([[-1.0, 1.0], [-1.0, 1.0], [-2.0, 2.0]])),
        at(np.array([[1.0, 3.0], [5.0, 9.0]]), 1, gives=np.array([[-1.0, 1.0], [-2.0, 2.0]])),
        agrees(upstream_and_axis, measured_centre, tolerance=1e-6),
    ],
    wrong=[
        (centre_pullback_as_found,
         "Along axis 0 that is right. Along another the mean has lost its axis, and NumPy lines it up with the last "
         "one: put it back."),
        (lambda g, axis: g, "x acts through its mean too: that contribution is missing."),
        (lambda g, axis: g - g.sum(axis=axis, keepdims=True),
         "A mean divides by the number of entries, and so does its adjoint: taking the mean and stretching it back is "
         "its own adjoint."),
        (lambda g, axis: g - g.mean(), "The mean is over all entries: only the one axis is meant."),
        (lambda g, axis: g - g.mean(axis=axis)[..., None],
         "The lost axis comes back as the last one, whichever it was: right for `axis=-1` alone."),
        (lambda g, axis: g + g.mean(axis=axis, keepdims=True), "The mean is subtracted from x: its contribution too."),
        (lambda g, axis: g - g.mean(axis=0, keepdims=True), "`axis` is not used."),
    ],
    hints=["Try shape (3, 2) with axis 0 and with axis 1; then shape (2, 2) with axis 1.",
           "Print the shape of the mean. Where should it have an axis of length 1?",
           "`keepdims=True`."],
    note="Found by random inputs over shapes and axes. On a square matrix it raises no error and is wrong: a shape "
         "with different lengths turns the silent fault into a loud one.",
)


# Unbroadcasting forgotten.


def layer_pullback(g, X, W):
    """The derivatives of the loss by X, W and b, where Y = X @ W + b."""
    return g @ W.T, X.T @ g, g.sum(axis=0)


def layer_pullback_as_found(g, X, W):
    """The derivatives of the loss by X, W and b, where Y = X @ W + b."""
    return g @ W.T, X.T @ g, g


def measured_layer(g, X, W):
    b = np.zeros(W.shape[1])
    return (numerical_pullback(lambda X: X @ W + b, X, g), numerical_pullback(lambda W: X @ W + b, W, g),
            numerical_pullback(lambda b: X @ W + b, b, g))


def by_b_alone(reduce):
    """The answer with another derivative by b."""
    return lambda g, X, W: (g @ W.T, X.T @ g, reduce(g))


Exercise(
    "museum.layer_pullback", layer_pullback,
    chapter="checking-gradients",
    title="A linear layer",
    kind="spot the bug", grade="easy", minutes=3,
    stub=layer_pullback_as_found,
    tests=[
        at(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]]), np.array([[1.0], [0.0], [2.0]]), np.array([[3.0, -1.0]]),
           gives=(np.array([[1.0], [5.0], [8.0]]), np.array([[11.0, 16.0]]), np.array([9.0, 13.0]))),
        agrees(arrays((3, 2), (3, 4), (4, 2)), measured_layer, tolerance=1e-6),
    ],
    wrong=[
        (layer_pullback_as_found,
         "The derivative by b has the shape of Y. b was stretched over all rows of Y: undo that by a sum."),
        (by_b_alone(lambda g: g.mean(axis=0)), "By b, that is a mean: every row uses b, and contributions add."),
        (by_b_alone(lambda g: g.sum(axis=1)), "By b, the sum runs along the wrong axis: b has an entry per column."),
        (by_b_alone(lambda g: g.sum(axis=0, keepdims=True)),
         "By b, the numbers are right and the shape is 1 × M: b has one axis."),
        (by_b_alone(lambda g: g.sum()), "By b, all of g is added up: b has an entry for each column."),
        (by_b_alone(lambda g: g[0]), "By b, only the first example counts."),
        (lambda g, X, W: (g @ W.T, g.T @ X, g.sum(axis=0)),
         "By b it is right now. By W it is transposed, and that was right before."),
    ],
    hints=["Which shape does each of the three have to have?",
           "The rule for b has to undo what broadcasting did to b.",
           "Sum over the axis that b did not have: axis 0."],
    note="Found by the property that a derivative has the shape of its argument. Training raises no error as long "
         "as all batches have one size: `b - rate * by_b` broadcasts, and b becomes a matrix, a row for each example.",
)


# A power by way of the logarithm.


def power_pullback(g, a, n):
    """The derivative of the loss by a, where y = a**n with a whole number n > 0."""
    return g * n * a ** (n - 1)


def power_pullback_as_found(g, a, n):
    """The derivative of the loss by a, where y = a**n with a whole number n > 0."""
    with np.errstate(all="ignore"):
        return g * n * np.exp((n - 1) * np.log(a))


def powers(generator):
    """An upstream, a base with entries of both signs, and a whole number."""
    return *arrays((2, 3), (2, 3))(generator), generator.randrange(1, 6)


def measured_power(g, a, n):
    return numerical_pullback(lambda a: a**n, a, g)


def quietly(function):
    """The function, without NumPy's warnings."""
    def quiet(*args):
        with np.errstate(all="ignore"):
            return function(*args)
    return quiet


Exercise(
    "museum.power_pullback", power_pullback,
    chapter="checking-gradients",
    title="Positive so far",
    kind="spot the bug", grade="core", minutes=4,
    stub=power_pullback_as_found,
    tests=[
        at(np.array([1.0, 1.0, 2.0]), np.array([2.0, 0.5, 1.0]), 3, gives=np.array([12.0, 0.75, 6.0])),
        at(np.array([1.0, 10.0, 1.0]), np.array([-2.0, 0.0, 3.0]), 2, gives=np.array([-4.0, 0.0, 6.0])),
        at(np.array([[1.0, 10.0, 5.0]]), np.array([[-2.0, 0.0, 3.0]]), 1, gives=np.array([[1.0, 10.0, 5.0]])),
        agrees(powers, measured_power, tolerance=1e-6),
    ],
    wrong=[
        (power_pullback_as_found,
         "For a negative base that is nan: there is no real logarithm. The power itself needs none."),
        (quietly(lambda g, a, n: g * n * np.exp((n - 1) * np.log(np.abs(a)))),
         "The sign of the base is lost: (−2)¹ is −2, and its absolute value is 2."),
        (quietly(lambda g, a, n: g * n * np.exp((n - 1) * np.log(np.abs(a))) * np.sign(a) ** (n - 1)),
         "For negative bases that is right. At 0, with n = 1, it is nan: 0 times the logarithm of 0. NumPy's power "
         "needs no logarithm."),
        (quietly(lambda g, a, n: np.nan_to_num(g * n * np.exp((n - 1) * np.log(a)))),
         "The nan has become 0: now the derivative is wrong in silence."),
        (quietly(lambda g, a, n: g * n * a**n / a),
         "For negative bases that is right. At 0 it is 0/0: write the power with the exponent n − 1."),
        (lambda g, a, n: g * n * a**n, "The exponent goes down by one."),
        (lambda g, a, n: n * a ** (n - 1), "The upstream g is not used."),
        (lambda g, a, n: g * a ** (n - 1), "The factor n is missing."),
    ],
    hints=["Try a base below 0.",
           "`np.errstate` switches NumPy's warnings off. What would they have said?",
           "NumPy's `**` takes negative bases to whole numbers."],
    note="Found by random inputs of both signs. A check that asks `gap > tolerance` does not find it: with a nan that "
         "is false.",
)


# An array comparison as a truth value.


def relu_pullback(g, a):
    """The derivative of the loss by a, where y = relu(a), whose slope at 0 is 0."""
    return np.where(a > 0, g, 0)


def relu_pullback_as_found(g, a):
    """The derivative of the loss by a, where y = relu(a), whose slope at 0 is 0."""
    if (a > 0).any():
        return g
    return np.zeros_like(g)


def upstream_and_operand(generator):
    """Two arrays of one shape, which may be that of a single number."""
    shape = generator.choice([(1,), (4,), (2, 3), (2, 1, 3)])
    return arrays(shape, shape)(generator)


def if_positive(g, a):
    return g if a > 0 else np.zeros_like(g)


Exercise(
    "museum.relu_pullback", relu_pullback,
    chapter="checking-gradients",
    title="NumPy asked for any or all",
    kind="spot the bug", grade="easy", minutes=3,
    stub=relu_pullback_as_found,
    tests=[
        at(np.array([3.0]), np.array([2.0]), gives=np.array([3.0])),
        at(np.array([4.0, -1.0, 5.0, 9.0]), np.array([1.0, -2.0, 3.0, -1.0]), gives=np.array([4.0, 0.0, 5.0, 0.0])),
        at(np.array([[2.0, 7.0, 1.0]]), np.array([[1.0, 0.0, -1.0]]), gives=np.array([[2.0, 0.0, 0.0]])),
        agrees(upstream_and_operand),
    ],
    wrong=[
        (relu_pullback_as_found,
         "One positive entry opens the gate for all of them. Each entry has a gate of its own."),
        (lambda g, a: g if (a > 0).all() else np.zeros_like(g),
         "One entry that is not positive closes the gate for all of them. Each entry has a gate of its own."),
        (if_positive,
         "That was the first version, and NumPy refused: `if` needs one truth value, and `a > 0` has one per entry."),
        (lambda g, a: np.where(a > 0, 1.0, 0.0), "The upstream g is not used."),
        (lambda g, a: np.maximum(g, 0), "The gate depends on the operand a, not on the sign of g."),
        (lambda g, a: g * a * (a > 0), "The derivative where a > 0 is 1, not a."),
        (lambda g, a: np.where(a >= 0, g, 0), "At a = 0 the book's convention for relu is 0."),
        (lambda g, a: g * ((a > 0) + 0.5 * (a == 0)),
         "At a = 0 that is ½, the convention of np.maximum at a tie: for relu it is 0."),
        (lambda g, a: g[a > 0],
         "The entries where a > 0 are picked out: the derivative has the shape of a, with zeros for the others."),
        (lambda g, a: np.where(a > 0, 0, g), "The gate is the wrong way round."),
    ],
    hints=["Try an array with one entry, then one with entries of both signs.",
           "`any` and `all` make one truth value of many. How many decisions are there?",
           "np.where decides entry by entry."],
    note="Found by random inputs over shapes: arrays of one entry pass. The error message about the truth value of an "
         "array recommends `a.any()` and `a.all()`; for a derivative neither is meant.",
)


# A mutable default argument.


def derivatives(result, inputs, grads={}):
    """The derivatives of the result by the inputs, Values that it was computed from."""
    grads = dict(grads)
    grads[result] = 1.0
    for node in reversed(topological_order(result)):
        for parent, slope in zip(node.parents, node.partials):
            grads[parent] = grads.get(parent, 0.0) + grads[node] * slope
    return [grads[x] for x in inputs]


def derivatives_as_found(result, inputs, grads={}):
    """The derivatives of the result by the inputs, Values that it was computed from."""
    grads[result] = 1.0
    for node in reversed(topological_order(result)):
        for parent, slope in zip(node.parents, node.partials):
            grads[parent] = grads.get(parent, 0.0) + grads[node] * slope
    return [grads[x] for x in inputs]


def three_calls(answer, x, y):
    """What three calls give: two for the result x*y*x + x*y, then one for y*y*x."""
    box = answer.own(Value)
    x, y = box(x), box(y)
    a = x * y
    first, second = a * x + a, y * y * x
    calls = {"first call": first, "the same again": first, "another result": second}
    return {name: list(answer(result, [x, y])) for name, result in calls.items()}


def sweep_with(contribution, start=1.0):
    """A sweep with a dictionary of its own, and another line in the middle."""
    def derivatives(result, inputs, grads={}):
        grads = {result: start}
        for node in reversed(topological_order(result)):
            for parent, slope in zip(node.parents, node.partials):
                grads[parent] = contribution(grads.get(parent, 0.0), grads[node], slope)
        return [grads[x] for x in inputs]
    return derivatives


def emptied_afterwards(result, inputs, grads={}):
    found = derivatives_as_found(result, inputs, grads)
    grads.clear()
    return found[::-1]


def inputs_cleared(result, inputs, grads={}):
    for x in inputs:
        grads.pop(x, None)
    return derivatives_as_found(result, inputs, grads)


def any_numbers(generator):
    return generator.uniform(0.5, 2.0), generator.uniform(-2.0, -0.5)


Exercise(
    "museum.derivatives", derivatives,
    chapter="checking-gradients",
    title="It worked the first time",
    kind="spot the bug", grade="core", minutes=6,
    stub=derivatives_as_found, use=three_calls,
    tests=[
        at(2.0, 3.0, gives={"first call": [15.0, 6.0], "the same again": [15.0, 6.0], "another result": [9.0, 12.0]}),
        agrees(any_numbers),
    ],
    wrong=[
        (derivatives_as_found,
         "The first call is right, a second one adds to what the first has left. The default is made once, when the "
         "function is defined: all calls share this one dictionary."),
        (sweep_with(lambda total, upstream, slope: upstream * slope),
         "The calls are independent now. But `=` keeps the last use of a value alone: contributions add."),
        (sweep_with(lambda total, upstream, slope: total + upstream),
         "The calls are independent now. But the local partial derivatives are not used."),
        (sweep_with(lambda total, upstream, slope: total + slope),
         "The calls are independent now. But the derivative by the node itself is not used: upstream times local."),
        (sweep_with(lambda total, upstream, slope: total + upstream * slope, start=0.0),
         "The derivative of the result by itself is 1, not 0."),
        (inputs_cleared,
         "Only the inputs start afresh: the values between them and the result keep what an earlier call has left."),
        (emptied_afterwards, "The derivatives are in the wrong order: that of the inputs was asked for."),
    ],
    hints=["Call it twice with one result.",
           "When is the `{}` in the first line evaluated, and how often?",
           "Work on a copy, `grads = dict(grads)`; or take None for the default, and make the dictionary inside."],
    note="Found by calling twice with the same inputs: what is computed from the same must be the same. Linters know "
         "this fault by its looks.",
)


# A step that rounding swallows.


def measured_slope(f, x, v):
    """The derivative of f at x in the direction v, by a central difference."""
    x, v = x.astype(np.float64), v.astype(np.float64)
    h = 1e-5
    return (f(x + h * v) - f(x - h * v)) / (2 * h)


def measured_slope_as_found(f, x, v):
    """The derivative of f at x in the direction v, by a central difference."""
    h = 1e-5
    return (f(x + h * v) - f(x - h * v)) / (2 * h)


def sum_of_squares(x):
    return np.sum(x * x)


def sum_of_sines(x):
    return np.sum(np.sin(x))


def single(*numbers):
    return np.array(numbers, dtype=np.float32)


def exact_slope(f, x, v):
    """The derivative of the two functions above, in double precision."""
    x, v = x.astype(np.float64), v.astype(np.float64)
    return float(np.sum((2 * x if f is sum_of_squares else np.cos(x)) * v))


def slope_with(h, dtype=np.float64):
    """A central difference with another step, and the arrays in a dtype."""
    def slope(f, x, v):
        x, v = x.astype(dtype), v.astype(dtype)
        return (f(x + h * v) - f(x - h * v)) / (2 * h)
    return slope


def slope_for_dtype(f, x, v):
    h = np.finfo(x.dtype).eps ** (1 / 3)
    return (f(x + h * v) - f(x - h * v)) / (2 * h)


def forward_slope(f, x, v):
    x, v = x.astype(np.float64), v.astype(np.float64)
    return (f(x + 1e-5 * v) - f(x)) / 1e-5


def one_sided_denominator(f, x, v):
    return 2 * measured_slope(f, x, v)


Exercise(
    "museum.measured_slope", measured_slope,
    chapter="checking-gradients",
    title="A step on a coarse grid",
    kind="spot the bug", grade="core", minutes=5,
    stub=measured_slope_as_found,
    tolerance=1e-6,
    tests=[
        agrees([(sum_of_squares, np.array([1.0, 2.0, 3.0]), np.array([1.0, -1.0, 0.5]))], exact_slope),
        agrees([(sum_of_squares, single(1, 2, 3), single(1, -1, 0.5)),
                (sum_of_squares, single(300, 200), single(1, 2)),
                (sum_of_sines, single(0.3, 1.2, 2.5), single(1, 0.5, 1.5))], exact_slope),
    ],
    wrong=[
        (measured_slope_as_found,
         "In double precision that is right. float32 has 7 digits, and of a step of 1e-5 often none of them is left: "
         "convert x and v first. (To convert the outputs is too late.)"),
        (slope_with(1e-2, np.float32),
         "A larger step is better in float32, and not good: 7 digits leave 3 or 4 for a difference. Convert x and v."),
        (slope_for_dtype,
         "Better: that is what float32 can do, 4 digits or so. For 9, compute in float64."),
        (slope_with(1e-12),
         "Now the numbers are float64, and the step is too small for these as well: rounding leaves 2 to 4 digits."),
        (slope_with(1e-12, np.float32), "A smaller step is lost altogether: x + h v is x."),
        (forward_slope,
         "A forward difference errs in proportion to the step: with 1e-5 4 or 5 digits are good. Take both sides."),
        (one_sided_denominator, "The two points are 2h apart."),
    ],
    hints=["Try the same numbers as float64 and as float32.",
           "How far apart are the numbers that float32 has near 2? np.spacing(np.float32(2)) says it.",
           "`x.astype(np.float64)`, and v in the same way, before the step is added."],
    note="Found by comparing with a derivative that is known, here that of a square. The function itself is computed "
         "in float64 then; what is checked is its formula.",
)


# A check without an absolute value.


def verdict(found, expected, tolerance):
    """'right' if the arrays agree, relative to the larger one, else 'wrong'."""
    gap = np.max(np.abs(found - expected))
    size = max(np.max(np.abs(found)), np.max(np.abs(expected)))
    return "right" if gap <= tolerance * size < np.inf else "wrong"


def verdict_as_found(found, expected, tolerance):
    """'right' if the arrays agree, relative to the larger one, else 'wrong'."""
    gap = np.max(found - expected)
    size = max(np.max(np.abs(found)), np.max(np.abs(expected)))
    return "wrong" if gap > tolerance * size else "right"


def judged_by(gap, relative=True, fails_on_nan=False):
    """The verdict with another measure of the gap, and inf not thought of."""
    def verdict(found, expected, tolerance):
        size = max(np.max(np.abs(found)), np.max(np.abs(expected))) if relative else 1.0
        distance = gap(found - expected)
        passes = distance <= tolerance * size if fails_on_nan else not distance > tolerance * size
        return "right" if passes else "wrong"
    return verdict


def strictly_below(found, expected, tolerance):
    size = max(np.max(np.abs(found)), np.max(np.abs(expected)))
    return "right" if np.max(np.abs(found - expected)) < tolerance * size else "wrong"


def entry_by_entry(found, expected, tolerance):
    allowed = tolerance * np.maximum(np.abs(found), np.abs(expected))
    return "right" if np.all(np.abs(found - expected) <= allowed) else "wrong"


def all_close(found, expected, tolerance):
    return "right" if np.allclose(found, expected, rtol=tolerance) else "wrong"


RIGHT_GRADIENT = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]])
TOO_SMALL = RIGHT_GRADIENT - np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
NOT_A_NUMBER = np.array([[1.0, np.nan, 3.0], [0.5, 4.0, -1.0]])
OVERFLOWN = np.array([[1.0, np.inf, 3.0], [0.5, 4.0, -1.0]])
MIXED = RIGHT_GRADIENT + np.array([[0.5, 0.0, 0.0], [0.0, 0.0, -0.5]])

Exercise(
    "museum.verdict", verdict,
    chapter="checking-gradients",
    title="A check that is content",
    kind="spot the bug", grade="core", minutes=5,
    stub=verdict_as_found,
    tests=[
        at(RIGHT_GRADIENT * (1 + 1e-9), RIGHT_GRADIENT, 1e-6, gives="right"),
        at(RIGHT_GRADIENT + 1.0, RIGHT_GRADIENT, 1e-6, gives="wrong"),
        at(TOO_SMALL, RIGHT_GRADIENT, 1e-6, gives="wrong"),
        at(RIGHT_GRADIENT - 1.0, RIGHT_GRADIENT, 1e-6, gives="wrong"),
        at(MIXED, RIGHT_GRADIENT, 1e-6, gives="wrong"),
        at(np.array([1.0, 3e-11]), np.array([1.0, 0.0]), 1e-6, gives="right"),
        at(np.zeros((2, 3)), np.zeros((2, 3)), 1e-6, gives="right"),
        at(NOT_A_NUMBER, RIGHT_GRADIENT, 1e-6, gives="wrong"),
        at(OVERFLOWN, RIGHT_GRADIENT, 1e-6, gives="wrong"),
        at(RIGHT_GRADIENT, OVERFLOWN, 1e-6, gives="wrong"),
        at(1e6 * RIGHT_GRADIENT + 1e-2, 1e6 * RIGHT_GRADIENT, 1e-6, gives="right"),
        at(2e-9 * RIGHT_GRADIENT, 1e-9 * RIGHT_GRADIENT, 1e-6, gives="wrong"),
    ],
    wrong=[
        (verdict_as_found,
         "A derivative that is too small passes: the difference is negative, and below every tolerance."),
        (judged_by(lambda d: np.max(np.abs(d))),
         "Too small is found now. But nan passes: it is neither larger nor smaller than anything. Ask whether the gap "
         "is within what is allowed."),
        (judged_by(lambda d: np.max(np.abs(d)), fails_on_nan=True),
         "Two faults are gone, and inf still passes: a size of inf allows a gap of inf. What is allowed has to be "
         "finite."),
        (strictly_below, "Two arrays of zeros agree: a gap of 0 is within 0, so ask `<=`."),
        (entry_by_entry,
         "Entry by entry, a 0 that was measured as 3e-11 fails, whatever its neighbours are: see *relative to what?* "
         "The size is that of the whole array."),
        (all_close,
         "np.allclose has an absolute tolerance too, 1e-8 unless told: smaller gradients pass, right or wrong."),
        (judged_by(lambda d: np.abs(np.max(d))),
         "The absolute value comes too late: the maximum has hidden the negative differences by then."),
        (judged_by(lambda d: np.abs(np.sum(d))), "Differences of opposite sign cancel in a sum."),
        (judged_by(lambda d: np.max(np.abs(d)), relative=False),
         "The tolerance has to be relative: 1e-6 is far too strict for gradients of 1e6, and lets any gradient of 1e-8 "
         "pass."),
        (lambda found, expected, tolerance: "wrong", "That calls everything wrong."),
        (lambda found, expected, tolerance: "right", "That calls everything right."),
        (lambda found, expected, tolerance: "right" if np.array_equal(found, expected) else "wrong",
         "No tolerance is left: rounding alone makes the last digits differ."),
    ],
    hints=["Check the check: give it a gradient that is too large, one that is too small, one with a nan, one with "
           "an inf.",
           "np.max(found - expected) of a gradient that is too small is 0 or less.",
           "np.abs before np.max; and `gap <= tolerance * size < np.inf` for right: with a nan `<=` is false."],
    note="Found by giving the check derivatives that are known to be wrong. There were three faults: the missing "
         "absolute value, a question that nan answers with no, and a tolerance that inf makes infinite.",
)


# A tie.


def maximum_pullback(g, a, b):
    """The derivatives of the loss by a and by b, where y = max(a, b) entry by entry."""
    share = (a > b) + 0.5 * (a == b)
    return g * share, g * (1 - share)


def maximum_pullback_as_found(g, a, b):
    """The derivatives of the loss by a and by b, where y = max(a, b) entry by entry."""
    share = a >= b
    return g * share, g * ~share


def with_ties(generator):
    """An upstream, and two arrays of whole numbers of which some are the same."""
    def whole(n):
        return np.array([float(generator.randrange(3)) for _ in range(n)])
    g, = arrays((6,))(generator)
    return g, whole(6), whole(6)


Exercise(
    "museum.maximum_pullback", maximum_pullback,
    chapter="checking-gradients",
    title="The winner takes it all",
    kind="spot the bug", grade="easy", minutes=4,
    stub=maximum_pullback_as_found,
    tests=[
        at(np.array([1.0, 2.0, 3.0]), np.array([5.0, 0.0, -1.0]), np.array([4.0, 1.0, 2.0]),
           gives=(np.array([1.0, 0.0, 0.0]), np.array([0.0, 2.0, 3.0]))),
        at(np.array([1.0, 2.0, 4.0]), np.array([5.0, 0.0, 2.0]), np.array([4.0, 1.0, 2.0]),
           gives=(np.array([1.0, 0.0, 2.0]), np.array([0.0, 2.0, 2.0]))),
        agrees(with_ties),
    ],
    wrong=[
        (maximum_pullback_as_found,
         "A tie goes to a alone, and max(a, b) and max(b, a) have different derivatives. The convention of the book "
         "shares it, ½ to each."),
        (lambda g, a, b: (g * (a > b), g * (b >= a)), "Now a tie goes to b alone. Share it, ½ to each."),
        (lambda g, a, b: (g * (a >= b), g * (b >= a)),
         "At a tie both get all of it: moved together, a and b would move the maximum twice as far as they do."),
        (lambda g, a, b: (g * (a > b), g * (b > a)),
         "At a tie both get nothing: moved together, they do move the maximum."),
        (lambda g, a, b: maximum_pullback(g, a, b)[::-1], "The pair is swapped: first the derivative by a."),
        (lambda g, a, b: maximum_pullback(np.ones_like(g), a, b), "The upstream g is not used."),
        (lambda g, a, b: (0.5 * g, 0.5 * g), "Away from a tie the larger operand gets all of it."),
    ],
    hints=["Let two entries be the same. What does a central difference measure there?",
           "Nudged by h, max(a, a) moves by h upwards and by nothing downwards: ½ on average.",
           "`(a > b) + 0.5 * (a == b)` is 1, ½ or 0."],
    note="Found by random *whole* numbers: of random floats hardly ever are two the same. At such a tie a central "
         "difference measures the mean of the two slopes, ½, as the convention has it.",
)
