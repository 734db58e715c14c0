"""A check of derivatives: both modes against finite differences, and each other."""

from collections import namedtuple
from functools import partial
from math import inf, isfinite

import numpy as np

from minigrad import transforms
from minigrad.numerical import numerical_derivative
from minigrad.numerical_arrays import real_array


class GradientError(AssertionError):
    """A derivative that ``check_grads`` found to be wrong.

    Attributes
    ----------
    mode : str
        How it was computed: "fwd", "rev", or for second derivatives "fwd over rev" and
        so on.
    against : str
        What it was compared with: "finite differences", or another mode.
    output, argument : tuple of (str, tuple of int)
        Of which number it is the derivative, and by which: the array, "output" or
        "args[0]" or, in a structure, "args[0]['weights']"; and the entry of the array.
    found, expected : float
        The derivative of the one by the other.
    """

    def __init__(self, message, **attributes):
        super().__init__(message)
        self.__dict__.update(attributes)


def check_grads(
    f, *args, order=2, modes=("fwd", "rev"), tolerance=1e-6, h=None, seed=0
):
    """Check the derivatives of `f` at `args`: return if they are right, raise if not.

    For each array in `args` a direction v is drawn at random, and a weight u for each
    number in the output. Then ⟨u, Jv⟩ is one number that can be had in three ways: as
    the slope of ⟨u, f⟩ along v, by finite differences; from ``jvp``, which gives Jv;
    and from ``vjp``, which gives Jᵀu, as ⟨Jᵀu, v⟩. Derivatives of higher order are
    checked as derivatives of Jv and of Jᵀu, which are functions of `args` as well.

    Parameters
    ----------
    f : function
        Takes and returns arrays, alone or in lists, tuples and dictionaries.
    *args : arrays, or structures of them
        Where to check: off kinks, and more than a nudge away from where `f` ends.
        Arrays, or structures of arrays; all numbers are taken as float64.
    order : int
        Up to which order.
    modes : sequence of str
        "fwd", "rev" or both. For higher orders, all sequences of them.
    tolerance : float
        How far each mode may be from finite differences, relative to ⟨u, Jv⟩, or to a
        thousandth of what goes into ⟨u, f⟩ where that is more. The modes may be a
        thousandth as far from each other.
    h : float, optional
        The nudge along v, which is about as long, in each entry x, as max(1, |x|). By
        default as for ``numerical_derivative``.
    seed : int
        Of the random numbers.

    Raises
    ------
    GradientError
        An ``AssertionError``, if a derivative is wrong. It says in which mode, by which
        entry of which argument and of which entry of the output, what was found, and
        what was expected. To find the entries that are wrong most, all of the argument
        are tried, and then all of the output.
    TypeError
        If an argument is something other than real numbers.
    ValueError
        If there are no arguments, or `order` or `modes` is not as above.

    Notes
    -----
    Derived in the chapter "Checking gradients", `eq-dot-product-test`; J. F. Claerbout,
    "Earth Soundings Analysis: Processing versus Inversion", Blackwell, 1992.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import custom_vjp
    >>> check_grads(lambda x, y: x * np.sin(y), np.array([0.5, 2.0]), 1.0)
    >>> wrong = custom_vjp(lambda x: (x * x, lambda g: (g * x,)))
    >>> try:
    ...     check_grads(wrong, 3.0)
    ... except GradientError as error:
    ...     print(error.mode, error.argument, round(error.found, 6))
    fwd ('args[0]', ()) 3.0
    """
    if not order >= 1 or not modes or not {*modes} <= {"fwd", "rev"}:
        raise ValueError(
            'expected an order of at least 1, and modes out of ("fwd", "rev"); got '
            f"order={order!r} and modes={modes!r}"
        )
    named = places(args, "args")
    if not named:
        raise ValueError("expected arguments of f by which to differentiate; got none")
    mapped = transforms.mapped
    args = transforms.filled(args, [real_array(x, name) for name, x in named])
    rng, size, functions = np.random.default_rng(seed), 0.0, {(): f}
    for _ in range(order):
        derivatives = {}
        for over, g in functions.items():
            y = g(*mapped(np.copy, args))
            u = mapped(lambda y: drawn(rng, y), y)
            v = mapped(lambda x: drawn(rng, x) * np.maximum(1, abs(x)), args)
            size = max(size, dot(mapped(np.abs, u), mapped(np.abs, y)))
            measure = partial(slopes, g, args, modes, h)
            wrong = [
                (excess, i, mode, against)
                for i in range(len(named))
                for excess, mode, against in disagreements(
                    measure(u, alone(v, i)), tolerance, size / 1000
                )
            ]
            if wrong:
                raise error_of(wrong, measure, u, v, over)
            derivatives |= {(m, *over): derivative(m, g, u, v) for m in modes}
        functions = derivatives


def slopes(f, args, modes, h, u, v):
    """⟨u, Jv⟩: measured, and from each mode."""

    def moved(s):
        return dot(u, f(*transforms.mapped(lambda x, v: x + s * v, args, v)))

    found = {MEASURED: numerical_derivative(moved, 0.0, h)}
    for mode in modes:
        product = derivative(mode, f, u, v)(*args)
        found[mode] = dot(u, product) if mode == "fwd" else dot(v, product)
    return found


#: What the modes are compared with.
MEASURED = "finite differences"


def derivative(mode, f, u, v):
    """What a mode gives, as a function of the arguments again: Jv, or Jᵀu."""
    if mode == "fwd":
        return lambda *args: transforms.jvp(f, args, v)[1]
    return lambda *args: transforms.vjp(f, *args)[1](u)


def disagreements(slopes, tolerance, floor):
    """The slopes that differ by more than they may: by which factor, and from which."""
    pairs = [(mode, MEASURED, tolerance) for mode in slopes if mode != MEASURED]
    if {"fwd", "rev"} <= slopes.keys():
        pairs.append(("rev", "fwd", tolerance / 1000))  # the dot-product test
    for mode, against, relative in pairs:
        found, expected = slopes[mode], slopes[against]
        allowed = relative * max(abs(found), abs(expected), floor)
        if not gap(found, expected) <= allowed < inf:
            excess = gap(found, expected) / allowed if allowed < inf else inf
            yield roughly(excess), mode, against


def gap(found, expected):
    """How far apart two numbers are: infinitely, if one of them is no number."""
    return abs(found - expected) if isfinite(found - expected) else inf


def roughly(x):
    """Two digits of a number, for comparisons that noise is not to decide."""
    return float(f"{x:.2g}")


def error_of(wrong, measure, u, v, over):
    """The error that names the two entries whose derivative is wrong most."""
    # A measurement tells which of two modes is wrong; the dot-product test comes last.
    _, i, mode, against = max(wrong, key=lambda row: (row[3] == MEASURED, row[0]))
    names = [name for name, _ in places(v, "args")]

    def pair(u, v, size):
        slopes = measure(u, v)
        return slopes[mode] / size, slopes[against] / size

    def by(step):
        return pair(u, step.alone, step.number)

    def of(weight):
        return pair(weight.alone, step.alone, weight.number * step.number)

    steps = [step for step in entries(v, "args") if step.array == names[i]]
    step = max(steps, key=lambda step: roughly(gap(*by(step))))
    weight = max(entries(u, "output"), key=lambda weight: roughly(gap(*of(weight))))
    found, expected = (float(slope) + 0.0 for slope in of(weight))  # no −0

    def full(mode):
        return mode if mode == MEASURED else " over ".join([mode, *over])

    also = [f"{full(m)} by {names[j]}" for _, j, m, _ in wrong if (j, m) != (i, mode)]
    return GradientError(
        f"{full(mode)} gives a wrong derivative of {weight} by {step}\n"
        f"  found      {found:.6g}\n"
        f"  expected   {expected:.6g}, from {full(against)}\n"
        f"  difference {found - expected:.1e}"
        + (f"\nwhere the output is that of {' of '.join([*over, 'f'])}" if over else "")
        + (f"\nwrong as well: {', '.join(dict.fromkeys(also))}" if also else ""),
        mode=full(mode),
        against=full(against),
        output=(weight.array, weight.index),
        argument=(step.array, step.index),
        found=found,
        expected=expected,
    )


def drawn(rng, x):
    """A number for each entry of x: half are negative, none is close to 0."""
    signs = rng.permutation(2 * (np.arange(np.size(x)) % 2) - 1)
    return (rng.uniform(0.5, 1.5, np.size(x)) * signs).reshape(np.shape(x))


def dot(weights, tree):
    """The weighted sum of the numbers in a structure of arrays, without those of 0."""
    total = 0.0
    for w, x in zip(transforms.leaves(weights), transforms.leaves(tree)):
        counts = np.not_equal(w, 0)  # 0 times what is no number is no number
        total += np.dot(np.asarray(w)[counts], np.asarray(x)[counts])
    return total


def alone(tree, i, index=...):
    """The i-th array of a structure, or one number in it, and zeros for all others."""
    parts = [np.zeros_like(x) for x in transforms.leaves(tree)]
    parts[i][index] = transforms.leaves(tree)[i][index]
    return transforms.filled(tree, parts)


class Entry(namedtuple("Entry", "array index number alone")):
    """A number in a structure of arrays: where it is, and the structure of it alone."""

    def __str__(self):
        return f"{self.array}{list(self.index) or ''}"


def entries(tree, name):
    """The numbers in a structure of arrays."""
    for i, (array, x) in enumerate(places(tree, name)):
        for index in np.ndindex(x.shape):
            yield Entry(array, index, x[index], alone(tree, i, index))


def places(tree, name):
    """The arrays in a structure, each with what leads to it."""
    if not isinstance(tree, (list, tuple, dict)):
        return [(name, tree)]
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
    return [place for key, x in pairs for place in places(x, f"{name}[{key!r}]")]
