"""Numerical derivatives of arrays: a Jacobian that is measured."""

import warnings
from sys import float_info

import numpy as np


def numerical_jacobian(f, x, h=None, batched=False):
    """The Jacobian of `f` at `x`, measured: one entry of `x` after the other is nudged.

    Each column is a central difference, as in ``numerical_derivative``. For an analytic
    `f` there is something better, the complex step: Im f(x + ih) / h is no difference
    in which digits could be lost, so that h can be as small as one likes. Whether `f`
    is analytic is found out by trying. It may refuse complex numbers; and it may take
    them without being analytic, as np.abs does. So a number comes from the complex step
    only where this differs from the central difference by no more than the latter's own
    error, which another one, with half the nudge, shows.

    Parameters
    ----------
    f : function
        Takes an array of the shape of `x`, and returns an array or a number. What it
        is given, float64 or complex128, is its own to write into.
    x : array_like of real numbers
        Of any shape.
    h : float or array_like, optional
        The nudge, not 0, for all entries of `x` or for each. By default, for each,
        ε^⅓ max(1, |x|).
    batched : bool
        Whether `f` takes many inputs at once, along a first axis that is added to those
        of `x`, and returns as many outputs. Then one call computes all columns.

    Returns
    -------
    array of float64
        Of shape (shape of the output) + (shape of `x`). From the complex step, good to
        about fifteen digits; otherwise as ``numerical_derivative`` is. Closer to a kink
        than the nudge is long, the slopes on both sides are mixed.

    Raises
    ------
    TypeError
        If `x` or the output is something other than real numbers.
    ValueError
        If `h` is so small that x + h and x − h are the same somewhere, or if the output
        is not always of the same shape.

    Notes
    -----
    Derived in the chapters "Gradients and Jacobians", `eq-numerical-jacobian` and
    `eq-complex-or-central`, and "Why automatic differentiation", `eq-complex-step`;
    W. Squire and G. Trapp, "Using complex variables to estimate derivatives of real
    functions", SIAM Review 40(1), 1998; J. R. R. A. Martins, P. Sturdza and
    J. J. Alonso, "The complex-step derivative approximation", ACM Trans. Math. Softw.
    29(3), 2003.

    Examples
    --------
    >>> import numpy as np
    >>> numerical_jacobian(lambda x: x * x, np.array([1.0, 2.0])).round(9)
    array([[2., 0.],
           [0., 4.]])
    """
    x = real_array(x, "x")
    y = real_array(f(x.copy()[None])[0] if batched else f(x.copy()), "the output of f")
    h = float_info.epsilon ** (1 / 3) * np.maximum(1, abs(x)) if h is None else h
    h = np.broadcast_to(real_array(h, "the nudge h"), x.shape)
    if np.any(x + h == x - h):
        raise ValueError(f"the nudge h = {h} does not move x = {x}: take a larger h")

    def outputs(z):
        """f of x with one entry after another taken from z: on the last axes."""
        points = [replaced(x, index, z[index]) for index in np.ndindex(x.shape)]
        many = f(np.reshape(points, (x.size, *x.shape))) if batched else map(f, points)
        many = np.array([*many], z.dtype)
        if points and many.shape != (len(points), *y.shape):
            raise ValueError(
                f"the output of f must always be of one shape; at x it has {y.shape}, "
                f"and a nudge away {many.shape[1:]}"
            )
        return np.moveaxis(many, 0, -1).reshape(y.shape + x.shape)

    def central(h):
        above, below = x + h, x - h
        # The nudge that was made, rounding included, not the one that was asked for.
        return (outputs(above) - outputs(below)) / (above - below)

    slopes = central(h)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            exact = outputs(x + 1e-20j * h).imag / (1e-20 * h)
            truncation = 2 * abs(slopes - central(h / 2))
    except Exception:  # f is not for complex numbers, and says so in its own way
        return np.asarray(slopes)
    rounding = 4 * float_info.epsilon * abs(np.divide.outer(y, h))
    return np.where(abs(exact - slopes) <= truncation + rounding, exact, slopes)


def real_array(x, name):
    """A float64 copy of an array of real numbers."""
    x = np.asarray(x)
    if x.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be real numbers; got {x.dtype} ({x!r})")
    return x.astype(np.float64)


def replaced(x, index, entry):
    """A copy of an array with another entry at an index."""
    x = x.astype(entry.dtype)
    x[index] = entry
    return x
