"""Numerical derivatives: what a nudge of the input does to the output, measured."""

from numbers import Real
from sys import float_info


def numerical_derivative(f, x, h=None):
    """The derivative of `f` at `x`, measured: (f(x + h) − f(x − h)) / 2h.

    Parameters
    ----------
    f : function
        Takes a float and returns a real number.
    x : real number
    h : real number, optional
        The nudge, not 0. By default ε^⅓ max(1, |x|), with ε the spacing of floats at 1:
        there the error of truncation, which grows as h², and that of rounding, which
        grows as 1/h, are about the same for a function of ordinary size.

    Returns
    -------
    float
        Good to about ten digits where `f` is computed to full precision, is not much
        larger than its slope times max(1, |x|), and bends on that scale. Where it bends
        faster, as the logarithm does close to 0, give a smaller `h`.

    Raises
    ------
    TypeError
        If `f` returns something other than one real number.
    ValueError
        If `h` is so small that x + h and x − h are the same float.

    Notes
    -----
    Derived in the chapter "Derivatives, seen as perturbations",
    `eq-central-difference-bound`; W. H. Press et al., "Numerical Recipes", 3rd ed.,
    Cambridge University Press, 2007, section 5.7.

    Examples
    --------
    >>> round(numerical_derivative(lambda x: x**3, 2.0), 6)
    12.0
    """
    x = float(x)  # a nudge of a NumPy float32 would be rounded to the few digits it has
    if h is None:
        h = float_info.epsilon ** (1 / 3) * max(1.0, abs(x))
    above, below = x + h, x - h
    if above == below:
        raise ValueError(f"the nudge h = {h} does not move x = {x}: take a larger h")
    # The nudge that was made, rounding included, not the one that was asked for.
    return float((real(f(above)) - real(f(below))) / (above - below))


def numerical_partials(f, *xs, h=None):
    """The partial derivatives of `f` at `xs`: one argument moves, the others are held.

    Parameters
    ----------
    f : function
        Takes as many floats as there are `xs` and returns a real number.
    *xs : real numbers
    h : real number, optional
        The nudge, as for ``numerical_derivative``.

    Returns
    -------
    tuple of float
        One for each argument.

    Raises
    ------
    TypeError, ValueError
        As ``numerical_derivative`` does.

    Notes
    -----
    Taken up in the chapter "The chain rule", where `eq-two-variable-chain-rule` puts
    partial derivatives together; each is measured as ``numerical_derivative`` does.

    Examples
    --------
    >>> by_x, by_y = numerical_partials(lambda x, y: x * y, 3.0, 2.0)
    >>> round(by_x, 6), round(by_y, 6)
    (2.0, 3.0)
    """
    xs = [float(x) for x in xs]

    def along(i):
        return lambda x: f(*xs[:i], x, *xs[i + 1 :])

    return tuple(numerical_derivative(along(i), x, h) for i, x in enumerate(xs))


def real(y):
    """The output of a function, if it is one real number."""
    if isinstance(y, Real) and not isinstance(y, bool):
        return y
    raise TypeError(f"f must return one real number; got {y!r} ({type(y).__name__})")
