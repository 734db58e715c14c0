"""``Dual``: an array that carries its derivative along, the twin of ``Tensor``."""

import numpy as np

from minigrad import rules  # noqa: F401 - a Dual without rules has no operations
from minigrad.box import PAUSED, Box, bare


class Dual(Box):
    """An array with its tangent: its derivative in the direction of the inputs'.

    Made by ``jvp``, and by every operation on Duals.

    Attributes
    ----------
    data, tangent : array
        Of the same shape and dtype.

    Notes
    -----
    Derived in the chapters "Dual numbers, directional derivatives and the cost of
    forward mode", `eq-dual-product`, and "Transformations"; A. Griewank and A. Walther,
    "Evaluating Derivatives", 2nd ed., SIAM, 2008, section 3.1.

    Examples
    --------
    >>> from minigrad import jvp
    >>> value, tangent = jvp(lambda x: x * x, (3.0,), (1.0,))
    >>> float(value), float(tangent)
    (9.0, 6.0)
    """

    __slots__ = ("tangent",)

    def __init__(self, data, tangent, level):
        self.data, self.tangent, self.level = data, tangent, level

    @classmethod
    def record(cls, primitive, level, operands, values, options, y):
        """The result of a primitive, with the sum of its operands' contributions."""
        tangent = None
        if level > PAUSED.get():
            for i, operand in enumerate(operands):
                t = tangent_of(operand, values[i], level)
                term = (
                    None if t is None else pushed(primitive, i, t, values, options, y)
                )
                if term is not None:
                    tangent = term if tangent is None else tangent + term
        return cls(y, np.zeros_like(y) if tangent is None else tangent, level)

    def detach(self):
        """The same array as a constant, in every transformation that is running."""
        data = bare(self.data)
        return Dual(data, np.zeros_like(data), self.level)


def tangent_of(operand, value, level):
    """The tangent of an operand, or those of a list's entries; None for a constant."""
    if isinstance(operand, Box) and operand.level == level:
        return operand.tangent
    if isinstance(operand, (list, tuple)):
        tangents = [
            tangent_of(entry, inside, level) for entry, inside in zip(operand, value)
        ]
        if any(t is not None for t in tangents):
            return [
                np.zeros_like(inside) if t is None else t
                for t, inside in zip(tangents, value)
            ]
    return None


def pushed(primitive, i, t, values, options, y):
    """What the tangent of operand `i` contributes to that of the result."""
    if primitive.pushforwards is None:
        term = primitive.compute(*values[:i], t, *values[i + 1 :], **options)
    elif primitive.pushforwards[i] is None:
        return None
    else:
        formula = primitive.pushforwards[i]
        saved = formula.save and formula.save(y, *values, options=options)
        term = t if formula.apply is None else formula.apply(t, saved)
    if term.shape != y.shape:
        term = np.broadcast_to(term, y.shape)
    return term if term.dtype is y.dtype else term.astype(y.dtype)
