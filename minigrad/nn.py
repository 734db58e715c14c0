"""Networks: modules that hold parameters, layers, and losses."""

from itertools import pairwise

import numpy as np

from minigrad.box import Box, Primitive, formulas, rule, with_rule
from minigrad.rules import as_array, largest, logsumexp, relu, sigmoid
from minigrad.tensor import Leaf, Tensor

__all__ = [
    "Module",
    "Linear",
    "MLP",
    "mse",
    "cross_entropy",
    "hinge",
    "logsumexp",
    "softmax",
    "log_softmax",
    "relu",
    "sigmoid",
]

# Modules.


class Module:
    """Something with parameters: a layer, or a network of layers.

    A subclass sets its parameters and the modules it is made of as attributes, and
    defines ``__call__``. Its parameters are all input Tensors among its attributes
    and those of its modules, and in lists, tuples and dictionaries of these.

    Notes
    -----
    Introduced in the chapter "Backpropagation in practice".

    Examples
    --------
    >>> class Scale(Module):
    ...     def __init__(self):
    ...         self.factor = Tensor(2.0)
    ...     def __call__(self, x):
    ...         return self.factor * x
    >>> model = Scale()
    >>> model.named_parameters() == [("factor", model.factor)]
    True
    """

    def parameters(self):
        """The parameters: a list of Tensors, in the order of `named_parameters`."""
        return [parameter for _, parameter in self.named_parameters()]

    def named_parameters(self):
        """Each parameter with its name, such as ``layers.0.W``: a list of pairs.

        In the order in which the attributes were set. A parameter that is in several
        places has the name of the first.
        """
        return list(parameters_in(self, "", set()))


def parameters_in(value, name, seen):
    """The parameters in an attribute's value, each with its name.

    What is in `seen` is passed over; it holds the id of all that has been looked at.
    """
    if id(value) in seen or not isinstance(value, (Tensor, Module, list, tuple, dict)):
        return
    seen.add(id(value))
    if isinstance(value, Tensor):
        if isinstance(value.node, Leaf):
            yield name, value
        return
    entries = vars(value) if isinstance(value, Module) else value
    pairs = entries.items() if isinstance(entries, dict) else enumerate(entries)
    for key, entry in pairs:
        yield from parameters_in(entry, f"{name}.{key}" if name else str(key), seen)


class Linear(Module):
    """A linear layer: Y = X W + b.

    The entries of W are drawn from the normal distribution of variance 2 / n_in, which
    keeps the scale of what passes through layers with a ReLU after each; b is 0.

    Parameters
    ----------
    n_in, n_out : int
        How many numbers go in and come out for each example.
    rng : int, numpy.random.Generator or None
        A seed, or what to draw from. None draws other numbers each time.
    dtype : dtype
        That of the parameters, float64 or float32.

    Attributes
    ----------
    W : Tensor of shape (n_in, n_out)
    b : Tensor of shape (n_out,)

    Raises
    ------
    ValueError
        If a size is not a positive integer, or the layer is called with an array whose
        last axis is not of length n_in.

    Notes
    -----
    Derived in the chapter "Matrix products", `eq-linear-layer`; K. He, X. Zhang,
    S. Ren and J. Sun, "Delving deep into rectifiers", ICCV 2015, section 2.2.

    Examples
    --------
    >>> layer = Linear(3, 2, rng=0)
    >>> layer(np.ones((5, 3))).shape
    (5, 2)
    """

    def __init__(self, n_in, n_out, rng=None, dtype=np.float64):
        if not all(isinstance(n, (int, np.integer)) and n > 0 for n in (n_in, n_out)):
            raise ValueError(f"sizes must be positive integers; got {n_in} and {n_out}")
        weights = np.random.default_rng(rng).standard_normal((n_in, n_out))
        self.W = Tensor((weights * np.sqrt(2 / n_in)).astype(dtype))
        self.b = Tensor(np.zeros(n_out, dtype))

    def __call__(self, X):
        if np.ndim(X) == 0 or np.shape(X)[-1] != self.W.shape[0]:
            raise ValueError(
                f"the layer takes arrays whose last axis has length {self.W.shape[0]}; "
                f"got the shape {np.shape(X)}"
            )
        return X @ self.W + self.b


class MLP(Module):
    """A multilayer perceptron: linear layers with an activation between them.

    Parameters
    ----------
    sizes : sequence of int
        How many numbers go in, come out of each hidden layer, and come out at the end.
    activation : function
        Applied to what each layer gives, except the last.
    rng, dtype
        As for `Linear`.

    Attributes
    ----------
    layers : list of Linear
    activation : function

    Raises
    ------
    ValueError
        If there are fewer than two sizes; else as `Linear` does.

    Notes
    -----
    Derived in the chapter "Backpropagation in practice", `eq-mlp`; D. E. Rumelhart,
    G. E. Hinton and R. J. Williams, "Learning representations by back-propagating
    errors", Nature 323, 1986.

    Examples
    --------
    >>> model = MLP([64, 32, 10], rng=0)
    >>> [name for name, _ in model.named_parameters()]
    ['layers.0.W', 'layers.0.b', 'layers.1.W', 'layers.1.b']
    >>> model(np.ones((5, 64))).shape
    (5, 10)
    """

    def __init__(self, sizes, activation=relu, rng=None, dtype=np.float64):
        if np.ndim(sizes) != 1 or len(sizes) < 2:
            raise ValueError(f"sizes must be two numbers or more; got {sizes!r}")
        rng = np.random.default_rng(rng)
        self.layers = [Linear(*pair, rng, dtype) for pair in pairwise(sizes)]
        self.activation = activation

    def __call__(self, X):
        *hidden, last = self.layers
        for layer in hidden:
            X = self.activation(layer(X))
        return last(X)


# Probabilities.


def log_softmax(a, axis=-1):
    """log softmax(a) = a − log Σ eᵃ along the axis, without overflow.

    Parameters
    ----------
    a : array_like
        Of any shape.
    axis : int or tuple of int
        The axes along which the probabilities sum to 1.

    Returns
    -------
    array
        Of the shape and dtype of a.

    Notes
    -----
    Derived in the chapter "Reductions, shapes and kinks", `eq-softmax`; P. Blanchard,
    D. J. Higham and N. J. Higham, "Accurately computing the log-sum-exp and softmax
    functions", IMA J. Numer. Anal. 41(4), 2021.

    Examples
    --------
    >>> log_softmax(np.array([0.0, 1000.0]))
    array([-1000.,     0.])
    """
    return as_array(a) - logsumexp(a, axis=axis, keepdims=True)


def softmax_product(v, y, axis):
    """The product with the Jacobian, diag(y) − y yᵀ: symmetric, so for both modes."""
    return y * (v - np.sum(v * y, axis=axis, keepdims=True))


@with_rule(rule, [softmax_product], [softmax_product], axis=-1)
def softmax(a, axis=-1):
    """eᵃ / Σ eᵃ along the axis, without overflow.

    Parameters, result and source are those of `log_softmax`.

    Notes
    -----
    Derived in the chapter "Reductions, shapes and kinks", `eq-softmax`.

    Examples
    --------
    >>> softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    e = np.exp(a - largest(a, axis))
    return e / np.sum(e, axis=axis, keepdims=True)


# Losses.


def mse(predictions, targets):
    """The mean of the squared differences.

    Parameters
    ----------
    predictions, targets : array_like
        Of the same shape: otherwise they would be broadcast, and give a number that
        means something else.

    Returns
    -------
    array of shape ()

    Raises
    ------
    ValueError
        If the shapes differ, or there is nothing to average.

    Notes
    -----
    Derived in the chapter "The chain rule for vectors", `eq-least-squares`.

    Examples
    --------
    >>> float(mse(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """
    predictions, targets = alike(predictions, targets)
    difference = predictions - targets
    return np.mean(difference * difference)


def hinge(scores, targets):
    """The mean of max(0, 1 − target · score): 0 once each score is beyond ±1.

    Parameters
    ----------
    scores : array_like
        Positive for one class, negative for the other.
    targets : array_like of 1 and −1
        Of the same shape.

    Returns
    -------
    array of shape ()

    Raises
    ------
    ValueError
        If the shapes differ, a target is neither 1 nor −1, or there is nothing to
        average.

    Notes
    -----
    Derived in the chapter "A neural network of numbers", `eq-hinge`; C. Cortes and
    V. Vapnik, "Support-vector networks", Machine Learning 20, 1995.

    Examples
    --------
    >>> float(hinge(np.array([2.0, 0.5]), np.array([1, -1])))
    0.75
    """
    scores, targets = alike(scores, targets)
    if not np.all(np.abs(targets) == 1):
        raise ValueError(f"the targets of hinge are 1 and -1; got {targets}")
    return np.mean(relu(1 - targets * scores))


def alike(predictions, targets):
    """Both as arrays, if they have one shape, and something in it."""
    predictions, targets = as_array(predictions), as_array(targets)
    if predictions.dtype.kind in "iu":  # differences of unsigned integers wrap round
        predictions = predictions.astype(np.float64)
    if predictions.shape != targets.shape or predictions.size == 0:
        raise ValueError(
            "a loss needs predictions and targets of the same shape, and at least one; "
            f"got the shapes {predictions.shape} and {targets.shape}"
        )
    return predictions, targets


def cross_entropy(logits, targets):
    """The mean, over all examples, of −log softmax(logits) at the target.

    Parameters
    ----------
    logits : array_like of shape (..., k)
        One score for each of k classes.
    targets : array_like
        Of shape (...): integers, the number of the class, from 0. Or of shape (..., k):
        floating-point numbers, the probability of each class.

    Returns
    -------
    array of shape ()

    Raises
    ------
    TypeError
        If the targets are neither integers nor floating-point numbers, or in a Tensor:
        they are constants.
    ValueError
        If the shapes do not fit, a class is not among the k, probabilities do not sum
        to 1, or there is no example.

    Notes
    -----
    Derived in the chapter "Backpropagation in practice", `eq-cross-entropy`: by the
    logits, the derivative of one example's loss is softmax(logits) − target. One rule
    for both functions together saves a part of each training step. C. M. Bishop,
    "Pattern Recognition and Machine Learning", Springer, 2006, section 4.3.4.

    Examples
    --------
    >>> logits = np.log(np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]]))
    >>> float(cross_entropy(logits, [0, 2]).round(6))  # the mean of log 2 and log 4
    1.039721
    """
    logits = as_array(logits)
    if isinstance(targets, Box):
        raise TypeError(
            f"targets are constants; got a {type(targets).__name__}: use its .data, "
            "or -np.mean(np.sum(targets * log_softmax(logits), axis=-1)), which has "
            "derivatives by both"
        )
    if logits.ndim == 0 or logits.size == 0:
        raise ValueError(
            f"logits must be of shape (..., k), and at least one; got {logits.shape}"
        )
    return mean_surprise(logits, probabilities(np.asarray(targets), logits))


def probabilities(targets, logits):
    """The targets of `cross_entropy` as probabilities, in the shape of the logits."""
    if targets.dtype.kind in "iu":
        return one_hot(targets, logits)
    if targets.dtype.kind != "f":
        raise TypeError(
            f"targets must be classes or probabilities; got {targets.dtype}"
        )
    if targets.shape != logits.shape:
        raise ValueError(
            f"probabilities must have the shape of the logits, {logits.shape}; got "
            f"{targets.shape}. If these are classes, they must be integers"
        )
    totals = np.sum(targets, axis=-1)
    if np.any(targets < 0) or not np.allclose(totals, 1, atol=1e-5):
        raise ValueError(
            "the probabilities of each example must be at least 0 and sum to 1; "
            f"they sum to {totals}"
        )
    return targets


def one_hot(classes, logits):
    """Probabilities that are 1 for the class and 0 for all others."""
    if classes.shape != logits.shape[:-1]:
        raise ValueError(
            "classes must have the shape of the logits without the last axis, "
            f"{logits.shape[:-1]}; got {classes.shape}. Probabilities must be "
            "floating-point numbers"
        )
    k = logits.shape[-1]
    chosen = classes[..., None] == np.arange(k)
    if np.count_nonzero(chosen) < classes.size:
        raise ValueError(f"classes must be from 0 to {k - 1}; got {classes}")
    return chosen.astype(logits.dtype)


def surprise(a, b):
    """The mean of −Σ b log softmax(a) over all axes but the last; and softmax(a)."""
    z = a - a.max(axis=-1, keepdims=True)  # the same softmax, and no overflow
    e = np.exp(z)
    total = e.sum(axis=-1, keepdims=True)
    expected = b * np.where(b, z, 0)  # z may be infinite where b is 0
    return (np.log(total).sum() - expected.sum()) / total.size, e / total


def by_logits(p, b, scale):
    """The derivative of the mean surprise by a: softmax(a) − b, over the number."""
    return (p - b) * (scale / (p.size // p.shape[-1]))


mean_surprise = Primitive(
    surprise,
    formulas([lambda g, b, p: by_logits(p, b, g), None]),
    formulas([lambda t, b, p: np.sum(t * by_logits(p, b, 1)), None]),
    keeps="p",
)
