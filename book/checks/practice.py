"""Exercises on backpropagation in practice."""

import numpy as np

from checks.exercise import Exercise
from checks.tests import agrees, arrays, at, numerical_pullback, pullback_of
from minigrad import Tensor
from minigrad.nn import Linear, cross_entropy

Exercise(
    "practice.first_steps", ((0.8, -160.0), (0.9, -199.9)),
    chapter="backpropagation-in-practice",
    title="Two first steps",
    kind="predict", grade="easy", minutes=5,
    tolerance=1e-4,
    wrong=[
        (((0.9, -199.9), (0.8, -160.0)),
         "The pairs are swapped: first gradient descent, then Adam."),
        (((0.9, -180.0), (0.9, -199.9)),
         "For gradient descent, the factor 2 is missing: the derivative of p² is 2p."),
        (((1.2, -240.0), (0.9, -199.9)),
         "For gradient descent, both go uphill: the step is against the gradient."),
        (((1.2, -240.0), (1.1, -200.1)),
         "Both go uphill: a step is against the gradient."),
        (((0.8, -240.0), (0.9, -199.9)),
         "For gradient descent, q goes uphill: its derivative is −400, and minus 0.1 times that is +40."),
        (((0.8, -160.0), (0.8, -160.0)),
         "For Adam you take the step of gradient descent: Adam divides by the size of the gradient."),
        (((0.8, -160.0), (0.9, -200.1)),
         "For Adam, q goes uphill: its derivative is negative, so q has to grow."),
        (((0.8, -160.0), (0.98, -196.0)),
         "For Adam you have m without its correction and no division: after one step m̂ is the gradient itself."),
        (((0.8, -160.0), (0.683772, -199.683772)),
         "For Adam, the two averages are not corrected: m is a tenth of the gradient, √v about 0.03 of it."),
        (((0.8, -160.0), (0.99, -199.99)),
         "For Adam, only v is corrected: m, too, is divided by what it lacks, 1 − 0.9."),
        (((0.8, -160.0), (0.95, -199.99975)),
         "For Adam, you divide by v̂ and not by its square root."),
        (((0.8, -160.0), (0.0, -199.0)),
         "For Adam, the learning rate is missing: the quotient m̂ / √v̂ is multiplied by it."),
    ],
    hints=[
        "The gradient at (1, −200) is (2, −400).",
        "After the first step the corrected averages are m̂ = g and v̂ = g², for each entry by itself.",
        "So m̂ / √v̂ is the sign of the derivative, whatever its size.",
    ],
    note="Gradient descent takes a fifth off both numbers, Adam moves both by 0.1: what it does not "
         "depend on is the scale of the gradient.",
)


def two_layer(X, W1, b1, W2, b2, T):
    """The derivatives of mse(relu(X W1 + b1) W2 + b2, T) by W1, b1, W2 and b2."""
    Z = X @ W1 + b1
    H = np.maximum(Z, 0)
    G = 2 * (H @ W2 + b2 - T) / T.size
    D = (G @ W2.T) * (Z > 0)
    return X.T @ D, D.sum(axis=0), H.T @ G, G.sum(axis=0)


def network_loss(X, W1, b1, W2, b2, T):
    return np.mean((np.maximum(X @ W1 + b1, 0) @ W2 + b2 - T) ** 2)


def measured_two_layer(X, *rest):
    *parameters, T = rest

    def by(i):
        def along(p):
            return network_loss(X, *parameters[:i], p, *parameters[i + 1:], T)
        return numerical_pullback(along, parameters[i], 1.0)

    return tuple(by(i) for i in range(4))


def two_layer_with(upstream=lambda R: 2 * R / R.size, mask=lambda D, Z: D * (Z > 0), total=np.sum, products=None):
    """The answer with another upstream, another way through the ReLU, or other products at the end."""
    def answer(X, W1, b1, W2, b2, T):
        Z = X @ W1 + b1
        H = np.maximum(Z, 0)
        G = upstream(H @ W2 + b2 - T)
        D = mask(G @ W2.T, Z)
        if products:
            return products(X, Z, H, D, G)
        return X.T @ D, total(D, axis=0), H.T @ G, total(G, axis=0)
    return answer


Exercise(
    "practice.two_layer", two_layer,
    chapter="backpropagation-in-practice",
    title="A sweep by hand",
    kind="fill in", grade="core", minutes=12,
    tests=[
        at(np.array([[1.0, 2.0, -1.0], [0.0, 1.0, 3.0]]), np.array([[1.0, -1.0], [0.0, 1.0], [2.0, 0.0]]),
           np.array([0.0, 1.0]), np.array([[1.0], [-2.0]]), np.array([3.0]), np.array([[1.0], [1.0]]),
           gives=(np.array([[0.0, 4.0], [4.0, 0.0], [12.0, -28.0]]), np.array([4.0, -4.0]),
                  np.array([[24.0], [4.0]]), np.array([2.0]))),
        agrees(arrays((5, 3), (3, 4), (4,), (4, 2), (2,), (5, 2)), measured_two_layer, tolerance=1e-6),
    ],
    wrong=[
        (two_layer_with(lambda R: R / R.size),
         "All four are half of what they should be: the derivative of r² is 2r."),
        (two_layer_with(lambda R: 2 * R),
         "The loss is a mean: the number of entries is missing from the upstream."),
        (two_layer_with(lambda R: 2 * R / len(R)),
         "You divide by the number of rows: the mean is over all entries of the difference."),
        (two_layer_with(lambda R: -2 * R / R.size),
         "All signs are reversed: the difference is prediction minus target."),
        (two_layer_with(mask=lambda D, Z: D),
         "The ReLU is missing on the way back: where Z is not positive, nothing passes to W1 and b1."),
        (two_layer_with(mask=lambda D, Z: np.maximum(D, 0)),
         "On the way back you apply the ReLU to the derivative: what counts is the sign of Z, not that of what comes "
         "back."),
        (two_layer_with(mask=lambda D, Z: D * np.maximum(Z, 0)),
         "On the way back you multiply by relu(Z): its derivative is 1 or 0."),
        (two_layer_with(mask=lambda D, Z: D * (Z < 0)),
         "The mask is the wrong way round: the ReLU passes on where Z is positive."),
        (two_layer_with(products=lambda X, Z, H, D, G: (X.T @ D, D.sum(axis=0), Z.T @ G, G.sum(axis=0))),
         "By W2, the layer's input is H, after the ReLU, and not Z."),
        (two_layer_with(total=np.mean),
         "The biases are averaged over the examples: each example uses the same b, and contributions add."),
        (two_layer_with(products=lambda X, Z, H, D, G: (X.T @ D, D, H.T @ G, G)),
         "The derivatives by the biases have a row for each example: b was broadcast over the rows, so sum over them."),
        (two_layer_with(products=lambda X, Z, H, D, G: (X.T @ D, D.sum(axis=1), H.T @ G, G.sum(axis=1))),
         "For the biases you sum along the rows: sum over the examples, axis 0."),
        (two_layer_with(products=lambda X, Z, H, D, G: ((X.T @ D).T, D.sum(axis=0), (H.T @ G).T, G.sum(axis=0))),
         "The derivatives by the matrices are transposed: they have the shapes of W1 and W2."),
        (two_layer_with(products=lambda X, Z, H, D, G: (X.T @ D, H.T @ G, D.sum(axis=0), G.sum(axis=0))),
         "The order is W1, b1, W2, b2."),
        (two_layer_with(products=lambda X, Z, H, D, G: (H.T @ G, G.sum(axis=0), X.T @ D, D.sum(axis=0))),
         "The layers are swapped: first W1 and b1, then W2 and b2."),
    ],
    hints=[
        "Start at the end: by the prediction, the derivative of the mean of r² is 2r over the number of entries. Call "
        "it G.",
        "By W2 it is HᵀG and by b2 the sum of the rows of G. Back to H goes G W2ᵀ.",
        "Through the ReLU: D = (G W2ᵀ) * (Z > 0). The first layer is then like the second, with X and D.",
    ],
    note="What has to be kept from the way forwards: X, H, the sign of Z and the difference Ŷ − T; and "
         "W2 as it was. That is what the graph of a Tensor holds.",
)


def any_targets(z, t):
    """The derivative of −Σ t log softmax(z) by the logits z, for one example."""
    e = np.exp(z - z.max())
    return e / e.sum() * t.sum() - t


def surprise_of(z, t):
    z = z - z.max()
    return -np.sum(t * (z - np.log(np.sum(np.exp(z)))))


def measured_any_targets(z, t):
    return numerical_pullback(lambda z: surprise_of(z, t), z, 1.0)


def with_probabilities(formula):
    """The answer that is computed from p = softmax(z) and t."""
    def answer(z, t):
        e = np.exp(z - z.max())
        with np.errstate(divide="ignore"):
            return formula(e / e.sum(), t)
    return answer


def overflowing(z, t):
    with np.errstate(over="ignore", invalid="ignore"):
        return np.exp(z) / np.exp(z).sum() * t.sum() - t


def by_last_term(z, t):
    return with_probabilities(lambda p, t: p * t[-1] - t)(z, t)


Exercise(
    "practice.any_targets", any_targets,
    chapter="backpropagation-in-practice",
    title="Targets that do not sum to 1",
    kind="derive", grade="core", minutes=8,
    tests=[
        at(np.log(np.array([1.0, 2.0, 5.0])), np.array([1.0, 0.0, 3.0]), gives=np.array([-0.5, 1.0, -0.5])),
        agrees(lambda generator: (arrays((4,))(generator)[0], np.array([generator.uniform(0, 2) for _ in range(4)])),
               measured_any_targets, tolerance=1e-6),
        at(np.array([1000.0, 0.0, 1000.0]), np.array([1.0, 1.0, 0.0]), gives=np.array([0.0, -1.0, 1.0])),
    ],
    wrong=[
        (with_probabilities(lambda p, t: p - t),
         "p − t is right where the targets sum to 1. Look for the step of the derivation that uses the sum."),
        (with_probabilities(lambda p, t: t - p * t.sum()),
         "The sign is reversed: there is a minus in front of the sum."),
        (with_probabilities(lambda p, t: t - p),
         "The sign is reversed, and p − t is right only where the targets sum to 1."),
        (with_probabilities(lambda p, t: p - t / t.sum()),
         "That is the derivative for targets that were divided by their sum: these are used as they are."),
        (with_probabilities(lambda p, t: t * (p - 1)),
         "You have only the term c = j: zⱼ is in every term, through the sum in its denominator."),
        (with_probabilities(lambda p, t: -t / p),
         "That is the derivative by the probabilities p: go on to the logits."),
        (with_probabilities(lambda p, t: -t * (1 - p) * p),
         "You treat softmax as elementwise, and the logarithm is missing."),
        (with_probabilities(lambda p, t: p * t.mean() - t),
         "You take the mean of the targets: their sum belongs here."),
        (by_last_term,
         "Only one target is counted with p: the sum over c runs over all."),
        (overflowing,
         "Right for small logits. At 1000, exp overflows and gives nan: subtract the largest logit first."),
    ],
    hints=[
        "log p_c = z_c − logsumexp(z). Its derivative by zⱼ is 1(c = j) − pⱼ.",
        "Put it into the sum over c: −Σ t_c (1(c = j) − pⱼ). Which terms are left of the first part, and what of the "
        "second?",
        "−tⱼ + pⱼ Σ t_c.",
    ],
    note="Such targets are common: t times a weight for its class, or a sum over several right answers. The entries of "
         "the derivative sum to 0 all the same: adding the same to all logits changes no probability.",
)


def accumulated(model, X, classes, size):
    """The loss over all examples; its gradient is added up, `size` rows at a time."""
    total = 0.0
    for start in range(0, len(X), size):
        part = slice(start, start + size)
        loss = cross_entropy(model(X[part]), classes[part])
        loss = loss * (len(X[part]) / len(X))
        loss.backward()
        total += float(loss.data)
    return total


def accumulated_means(model, X, classes, size):
    """The loss over all examples; its gradient is added up, `size` rows at a time."""
    total = 0.0
    for start in range(0, len(X), size):
        part = slice(start, start + size)
        loss = cross_entropy(model(X[part]), classes[part])
        loss.backward()
        total += float(loss.data)
    return total


def in_parts(weigh, weigh_total=None, parts=lambda n, size: range(0, n, size), clear=False):
    """The answer with other weights: functions of the length of a part, of all, and of the size of the parts."""
    def answer(model, X, classes, size):
        total = 0.0
        for start in parts(len(X), size):
            part = slice(start, start + size)
            if clear:
                model.W.grad = model.b.grad = None
            loss = cross_entropy(model(X[part]), classes[part])
            n = len(X[part])
            (loss * weigh(n, len(X), size)).backward()
            total += float(loss.data) * (weigh_total or weigh)(n, len(X), size)
        return total
    return answer


def number_of_parts(n, size):
    return -(-n // size)


def right_weight(n, of, size):
    return n / of


def loss_and_gradients(answer, W, b, X, classes, size):
    """What the answer returns, and the gradients that it leaves at the parameters."""
    model = Linear(*W.shape, rng=0)
    model.W, model.b = Tensor(W), Tensor(b)
    total = answer(model, X, classes, size)
    return total, model.W.grad, model.b.grad


def examples(generator):
    """Parameters, examples, their classes and the size of the parts, which seldom divides the number."""
    W, b, X = arrays((4, 3), (3,), (7, 4))(generator)
    return W, b, X, np.array([generator.randrange(3) for _ in range(7)]), generator.choice([2, 3, 4, 5])


Exercise(
    "practice.accumulated", accumulated,
    chapter="backpropagation-in-practice",
    title="A batch in parts",
    kind="spot the bug", grade="core", minutes=8,
    stub=accumulated_means,
    use=loss_and_gradients,
    tests=[
        at(np.zeros((2, 3)), np.zeros(3), np.array([[1.0, 0.0], [0.0, 3.0], [3.0, 1.0]]), np.array([0, 1, 1]), 2,
           gives=(np.log(3.0), np.array([[1.0, -5.0, 4.0], [4.0, -8.0, 4.0]]) / 9, np.array([0.0, -1.0, 1.0]) / 3)),
        agrees(examples),
    ],
    wrong=[
        (accumulated_means,
         "The means of the parts are added up: loss and gradient are too large, about as many times as there are "
         "parts."),
        (in_parts(lambda n, of, size: 1 / number_of_parts(of, size)),
         "A mean of means: the last part may be smaller, and its examples then weigh too much."),
        (in_parts(right_weight, lambda n, of, size: 1),
         "The gradient is right now. The loss that is returned is still the sum of the means."),
        (in_parts(lambda n, of, size: 1, right_weight),
         "The loss that is returned is right now. The gradient is not: weigh the loss before `backward`."),
        (in_parts(lambda n, of, size: 1, lambda n, of, size: 1 / number_of_parts(of, size)),
         "Only the loss that is returned has changed, and it is a mean of means. Weigh each part's loss, before "
         "`backward`."),
        (in_parts(lambda n, of, size: 1 / of),
         "You divide by the number of all examples. The loss of a part is a mean already: multiply it by the number of "
         "its examples too."),
        (in_parts(lambda n, of, size: n / size),
         "You compare each part with a full one, and so full parts still count 1 each: compare with all examples."),
        (in_parts(lambda n, of, size: size / of),
         "Every part is weighed as if it were full: the last one may have fewer rows than `size`."),
        (in_parts(lambda n, of, size: n),
         "That is the sum over all examples: the loss is their mean."),
        (in_parts(right_weight, clear=True),
         "The gradient is cleared for every part, so that the last one's is left: it has to be added up."),
        (in_parts(right_weight, parts=lambda n, size: range(0, n - n % size, size)),
         "The examples that do not fill a part are left out."),
    ],
    hints=[
        "Try three examples in parts of two: what weight has each example in the sum of the means?",
        "cross_entropy is a mean over the rows it is given. What has it to be multiplied by to become its share in the "
        "mean over all rows?",
        "Multiply the loss by len(X[part]) / len(X), before `backward`.",
    ],
    note="This is how a batch is used that does not fit into memory: `backward` adds to the gradients, and if it is "
         "called for each part, the graph of a part is freed when the next loss is bound: never more than two are "
         "held. A single `backward` of the sum gives the same numbers, but holds the graphs of all parts until then. "
         "Dividing by the number of parts is a frequent fault; it shows only where the parts differ in size.",
)


def layer_norm_pullback(g, X):
    """The derivative by X of a loss, where g is that by (X − mean) / std, by rows."""
    s = X.std(axis=-1, keepdims=True)
    Y = (X - X.mean(axis=-1, keepdims=True)) / s
    along = (g * Y).mean(axis=-1, keepdims=True)
    return (g - g.mean(axis=-1, keepdims=True) - Y * along) / s


def layer_norm(X):
    return (X - X.mean(axis=-1, keepdims=True)) / X.std(axis=-1, keepdims=True)


def layer_norm_with(formula, axis=-1, ddof=0):
    """The answer that computes its result from g, X, Y, s and the mean along an axis."""
    def answer(g, X):
        def mean(A):
            return A.mean(axis=axis, keepdims=True)
        s = X.std(axis=axis, keepdims=True, ddof=ddof)
        with np.errstate(divide="ignore", invalid="ignore"):
            return formula(g, X, (X - mean(X)) / s, s, mean)
    return answer


Exercise(
    "practice.layer_norm_pullback", layer_norm_pullback,
    chapter="backpropagation-in-practice",
    title="A normalised layer",
    kind="derive", grade="stretch", minutes=15,
    tests=[
        at(np.array([[6.0, 0.0, 0.0, 0.0]]), np.array([[0.0, 0.0, 4.0, 4.0]]),
           gives=np.array([[1.5, -1.5, 0.0, 0.0]])),
        pullback_of(layer_norm, arrays((3, 5))),
    ],
    wrong=[
        (layer_norm_with(lambda g, X, Y, s, mean: g / s),
         "You hold the mean and the standard deviation fixed: every entry of the row moves both."),
        (layer_norm_with(lambda g, X, Y, s, mean: (g - mean(g)) / s),
         "The mean is there, the standard deviation is held fixed: it moves too, by yⱼ / n for each unit of xⱼ."),
        (layer_norm_with(lambda g, X, Y, s, mean: (g - Y * mean(g * Y)) / s),
         "The standard deviation is there, the mean is held fixed: it moves by 1 / n."),
        (layer_norm_with(lambda g, X, Y, s, mean: g - mean(g) - Y * mean(g * Y)),
         "All is there but the last division: y is divided by the standard deviation, so its derivative is too."),
        (layer_norm_with(lambda g, X, Y, s, mean: (g - mean(g) - X * mean(g * X)) / s),
         "In the last term you have X in the place of Y."),
        (layer_norm_with(lambda g, X, Y, s, mean: (g - mean(g) - mean(g * Y)) / s),
         "In the last term the factor yⱼ is missing: the standard deviation moves by yⱼ / n."),
        (layer_norm_with(lambda g, X, Y, s, mean: (g - mean(g) + Y * mean(g * Y)) / s),
         "The sign of the last term is reversed: a larger standard deviation makes |y| smaller."),
        (layer_norm_with(lambda g, X, Y, s, mean: (g + mean(g) - Y * mean(g * Y)) / s),
         "The sign of the second term is reversed: the mean is subtracted."),
        (layer_norm_with(lambda g, X, Y, s, mean: (g - X.shape[-1] * (mean(g) + Y * mean(g * Y))) / s),
         "You have sums in the place of means: each entry has a share of 1 / n in the mean, and in the variance."),
        (layer_norm_with(lambda g, X, Y, s, mean: (g - mean(g) - X.shape[-1] * Y * mean(g * Y)) / s),
         "In the last term you have the sum of g·y in the place of its mean: 1 / n is missing."),
        (layer_norm_with(lambda g, X, Y, s, mean: (g - X.shape[-1] * mean(g) - Y * mean(g * Y)) / s),
         "In the second term you have the sum of g in the place of its mean: 1 / n is missing."),
        (layer_norm_with(lambda g, X, Y, s, mean: (g - mean(g) - Y * mean(g * Y)) * s),
         "You multiply by the standard deviation in the end: divide."),
        (layer_norm_with(lambda g, X, Y, s, mean: (g - mean(g) - Y * mean(g * Y)) / s**2),
         "You divide by the variance: divide by the standard deviation, its root."),
        (layer_norm_with(lambda g, X, Y, s, mean: (g - mean(g) - Y * mean(g * Y)) / s, axis=0),
         "You go down the columns: each row is normalised by itself, along the last axis."),
        (layer_norm_with(lambda g, X, Y, s, mean: (g - mean(g) - Y * mean(g * Y)) / s, ddof=1),
         "This standard deviation divides by n − 1: take np.std as it is."),
        (layer_norm_with(lambda g, X, Y, s, mean: (1 - 1 / X.shape[-1] - Y**2 / X.shape[-1]) * g / s),
         "That is the diagonal of the Jacobian alone: every output depends on every input of its row."),
        (layer_norm_with(lambda g, X, Y, s, mean: (1 - Y**2 / X.shape[-1]) * g / s),
         "That is the diagonal of the Jacobian alone, without the mean: every output depends on every input of its "
         "row, and the mean moves by 1 / n."),
        (layer_norm_with(lambda g, X, Y, s, mean: (1 - Y**2) * g / s),
         "You treat y as elementwise, and a factor 1 / n is missing: every output depends on every input of its row, "
         "by yᵢ yⱼ / n."),
    ],
    hints=[
        "One row, yᵢ = (xᵢ − m) / s. Nudge xⱼ: m moves by 1/n of the nudge. For s differentiate s² = mean((x − m)²): "
        "it moves by yⱼ/n of the nudge.",
        "By the quotient rule ∂yᵢ/∂xⱼ = (1(i = j) − 1/n)/s − yᵢ yⱼ/(n s). Multiply by gᵢ and add over i.",
        "(gⱼ − mean(g) − yⱼ mean(g y)) / s, row by row.",
    ],
    note="The result is at right angles to a row of ones and to y: shifting or stretching a row does not change y, so "
         "no derivative can point that way. Libraries add a small number to the variance, so that s is never 0.",
)
