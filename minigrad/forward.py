"""``ForwardValue``: a number that carries its derivatives along with it."""

from minigrad.scalar import PLAIN, Scalar, number


class ForwardValue(Scalar):
    """A number that carries its derivatives by the inputs along with it.

    Every operation computes, beside the value, the derivatives of the result from those
    of its operands. A plain number among the operands is a constant.

    Parameters
    ----------
    data : real number
        Kept as a float: ``ForwardValue(2)`` holds 2.0.

    Attributes
    ----------
    data : float
    grads : dict
        input → derivative by that input, a float. An input maps itself to 1.0. An input
        on which the number does not depend has no entry: its derivative is 0.

    Raises
    ------
    TypeError
        If `data` is not one real number. An operation raises what Python's floats and
        `math` raise, such as ZeroDivisionError for ``x / 0`` and ValueError for
        ``ForwardValue(0).log()``.

    Notes
    -----
    Derived in the chapter "Forward mode", `eq-forward-rule`; R. E. Wengert, "A simple
    automatic derivative evaluation program", Comm. ACM 7(8), 1964.

    Examples
    --------
    >>> x, y = ForwardValue(2), ForwardValue(3)
    >>> z = x * y + x
    >>> z.grads[x], z.grads[y]
    (4.0, 2.0)
    """

    # An input holds no mapping: one with the input itself in it would be a cycle.
    __slots__ = ("data", "tangents")

    def __init__(self, data):
        self.data = number(data)
        self.tangents = None

    @property
    def grads(self):
        return {self: 1.0} if self.tangents is None else self.tangents

    @staticmethod
    def unary(name, rule):
        def method(a):
            data, da = rule(a.data)
            return derived(data, scaled(a.grads, da))

        return method

    @staticmethod
    def binary(name, rule):
        def method(a, b):
            if isinstance(b, ForwardValue):
                data, da, db = rule(a.data, b.data)
                return derived(data, added(scaled(a.grads, da), scaled(b.grads, db)))
            if isinstance(b, PLAIN):
                data, da, _ = rule(a.data, float(b))
                return derived(data, scaled(a.grads, da))
            return NotImplemented

        def reflected(b, a):
            if isinstance(a, PLAIN):
                data, _, db = rule(float(a), b.data)
                return derived(data, scaled(b.grads, db))
            return NotImplemented

        return method, reflected

    def __repr__(self):
        return f"ForwardValue(data={self.data})"


def derived(data, grads):
    """The result of an operation: its value together with its derivatives."""
    out = ForwardValue(data)
    out.tangents = grads
    return out


def scaled(grads, partial):
    """Derivatives through one operand: each is multiplied by the partial derivative."""
    return {x: partial * grad for x, grad in grads.items()}


def added(grads, others):
    """Derivatives from two operands: where both depend on an input, the two add up."""
    return {x: grads.get(x, 0.0) + others.get(x, 0.0) for x in (*grads, *others)}
