"""Optimisers: gradient descent with momentum, and Adam."""

import math

import numpy as np

from minigrad.tensor import Leaf, Tensor


class Optimiser:
    """What optimisers share: the parameters, and the order of a step.

    A subclass defines ``update(i, g)``: what is to be subtracted from parameter
    number `i`, whose gradient is `g`.

    Attributes
    ----------
    parameters : list of Tensor
    lr : float
        The learning rate. It may be changed between steps.
    """

    def __init__(self, parameters, lr):
        if not hasattr(parameters, "__iter__") or isinstance(parameters, Tensor):
            raise TypeError(
                "parameters must be a list of Tensors, such as model.parameters(); "
                f"got a {type(parameters).__name__}"
            )
        self.parameters, self.lr = list(parameters), lr
        if not self.parameters:
            raise ValueError("there is nothing to optimise: the list is empty")
        for i, p in enumerate(self.parameters):
            if not isinstance(p, Tensor) or not isinstance(p.node, Leaf):
                raise TypeError(
                    f"parameter {i} must be a Tensor that was made with a "
                    f"gradient in view, not a result or a constant; got {p!r}"
                )
        if len({p.node for p in self.parameters}) < len(self.parameters):
            raise ValueError("a parameter is in the list twice: it would move twice")
        within("lr", lr, 0, math.inf)

    def zero_grad(self):
        """Forget all gradients. Do so before each ``backward``, which adds to them."""
        for p in self.parameters:
            p.grad = None

    def step(self):
        """Move each parameter against its gradient.

        A parameter without a gradient (``grad`` is None) stays as it is, and so does
        what the optimiser remembers about it. The parameter's ``data`` is bound to a
        new array, because a graph may still need the old one.

        Raises
        ------
        ValueError
            If no parameter has a gradient, or one has a gradient of another shape.
        """
        if all(p.grad is None for p in self.parameters):
            raise ValueError("no parameter has a gradient: call loss.backward() first")
        for i, p in enumerate(self.parameters):
            g = p.grad
            if g is None:
                continue
            if g.shape != p.shape:
                raise ValueError(
                    f"parameter {i} has the shape {p.shape}, its gradient {g.shape}: "
                    "they must agree"
                )
            p.data = (p.data - self.update(i, g)).astype(p.dtype, copy=False)


class SGD(Optimiser):
    """Gradient descent, with momentum if you like.

    p ← p − lr · v, where v ← momentum · v + g, and g is the gradient.

    Parameters
    ----------
    parameters : iterable of Tensor
        Of any shapes and floating-point dtypes, which stay what they are.
    lr : float
        The learning rate, greater than 0.
    momentum : float
        How much of the last step's v goes on: at least 0, less than 1.

    Raises
    ------
    TypeError
        If the parameters are something else than input Tensors.
    ValueError
        If there are none, one is there twice, or a number is out of range.

    Notes
    -----
    Derived in the chapter "Backpropagation in practice", `eq-momentum`; B. T. Polyak,
    "Some methods of speeding up the convergence of iteration methods", USSR
    Comp. Math. Math. Phys. 4(5), 1964.

    Examples
    --------
    >>> x = Tensor([1.0, 2.0])
    >>> optimiser = SGD([x], lr=0.25)
    >>> optimiser.zero_grad()
    >>> np.sum(x * x).backward()
    >>> optimiser.step()
    >>> x.data
    array([0.5, 1. ])
    """

    def __init__(self, parameters, lr, momentum=0.0):
        super().__init__(parameters, lr)
        within("momentum", momentum, 0, 1, low_included=True)
        self.momentum = momentum
        self.velocities = [0.0] * len(self.parameters)

    def update(self, i, g):
        if self.momentum:
            self.velocities[i] = g = self.momentum * self.velocities[i] + g
        return float(self.lr) * g


class Adam(Optimiser):
    """Adam: steps of about the learning rate, whatever the scale of the gradient.

    m and v are moving averages of the gradient and of its square. They start at 0,
    which makes them too small by 1 − βᵗ after t steps; divided by that, they give
    p ← p − lr · m̂ / (√v̂ + eps).

    Parameters
    ----------
    parameters : iterable of Tensor
        Of any shapes and floating-point dtypes, which stay what they are.
    lr : float
        The learning rate, greater than 0.
    betas : pair of float
        How much of each average is kept in a step: at least 0, less than 1.
    eps : float
        Keeps the divisor from 0: greater than 0.

    Raises
    ------
    TypeError
        If the parameters are something else than input Tensors.
    ValueError
        If there are none, one is there twice, or a number is out of range.

    Notes
    -----
    Derived in the chapter "Backpropagation in practice", `eq-adam`; D. P. Kingma and
    J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.

    Examples
    --------
    >>> x = Tensor([1.0, -2000.0])
    >>> optimiser = Adam([x], lr=0.5)
    >>> np.sum(x * x).backward()
    >>> optimiser.step()
    >>> x.data.round(6)
    array([ 5.0000e-01, -1.9995e+03])
    """

    def __init__(self, parameters, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(parameters, lr)
        for beta in betas:
            within("each of betas", beta, 0, 1, low_included=True)
        within("eps", eps, 0, math.inf)
        self.betas, self.eps = betas, eps
        # For each parameter: how many steps it took, m and v.
        self.moments = [(0, 0.0, 0.0)] * len(self.parameters)

    def update(self, i, g):
        (beta_m, beta_v), (t, m, v) = self.betas, self.moments[i]
        t += 1
        m = beta_m * m + (1 - beta_m) * g
        v = beta_v * v + (1 - beta_v) * g * g
        self.moments[i] = t, m, v
        root = np.sqrt(v / (1 - beta_v**t))
        return float(self.lr) / (1 - beta_m**t) * m / (root + self.eps)


def within(name, number, low, high, low_included=False):
    """Raise an error unless a number is between two others."""
    if not (low < number < high or low_included and number == low):
        least = "at least" if low_included else "greater than"
        raise ValueError(
            f"{name} must be {least} {low} and less than {high}; got {number}"
        )
