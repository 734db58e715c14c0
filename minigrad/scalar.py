"""Elementary functions of numbers: the one table that every class of boxes draws on.

A row of the table states an operation by its mathematics alone: a function that returns
the value and then one partial derivative for each operand. ``Value`` and
``ForwardValue`` each say once what they make of a row.
"""

import math
from numbers import Real

#: The table: the name of an operation → its rule.
TABLE = {}

#: Plain numbers, for isinstance. The common types stand first because asking the
#: abstract class Real is slow.
PLAIN = (float, int, Real)

#: Python's names for the operators; every other row becomes a method of its own name.
OPERATORS = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "/": "truediv",
    "**": "pow",
    "neg": "neg",
}


class Scalar:
    """A box around one number, ``data``, on which arithmetic works.

    A subclass defines two static methods: ``unary(name, rule)`` returns a method of one
    operand, and ``binary(name, rule)`` a method of two operands together with its
    reflection, which Python calls for ``2 - x``. It then has every operation of the
    table, those that are entered later as well.
    """

    __slots__ = ()

    def __init_subclass__(cls):
        for name, rule in TABLE.items():
            equip(cls, name, rule)

    # Comparisons look at the number, as a program with an `if` in it expects. A box is
    # hashed by its identity all the same: two inputs that happen to be equal are still
    # two inputs.
    __hash__ = object.__hash__

    def __eq__(self, other):
        return self.data == unboxed(other)

    def __lt__(self, other):
        return self.data < unboxed(other)

    def __le__(self, other):
        return self.data <= unboxed(other)

    def __gt__(self, other):
        return self.data > unboxed(other)

    def __ge__(self, other):
        return self.data >= unboxed(other)

    def __bool__(self):
        return self.data != 0

    def __float__(self):
        raise TypeError(
            f"float() of a {type(self).__name__} would lose its derivative: "
            "use .data for the plain number, and x.exp() instead of math.exp(x)"
        )


def equip(cls, name, rule):
    """Give a class of boxes its method for one row of the table."""
    special = f"__{OPERATORS[name]}__" if name in OPERATORS else name
    if rule.__code__.co_argcount == 1:
        methods = {special: cls.unary(name, rule)}
    else:
        method, reflected = cls.binary(name, rule)
        methods = {special: method, f"__r{OPERATORS[name]}__": reflected}
    for attribute, method in methods.items():
        method.__name__ = attribute
        method.__qualname__ = f"{cls.__qualname__}.{attribute}"
        method.__doc__ = f'The operation "{name}" of minigrad.scalar.TABLE.'
        setattr(cls, attribute, method)


def operation(name, rule):
    """Enter an operation into the table, and give every class of boxes its method.

    Parameters
    ----------
    name : str
        One of the operators in ``OPERATORS``, or the name of the method, such as
        ``"exp"``.
    rule : function
        Takes one or two floats; returns the value and one partial derivative for each
        of them, as floats. It fails where the function has no value that is a float,
        and nowhere else: a derivative beyond the range of floats is inf or -inf. Only
        operators have two operands.

    Notes
    -----
    Derived in the chapter "Computational graphs", `eq-local-partials`. An early library
    of this kind: R. E. Wengert, "A simple automatic derivative evaluation program",
    Comm. ACM 7(8), 1964.

    Examples
    --------
    >>> TABLE["*"](3.0, 2.0)
    (6.0, 2.0, 3.0)
    """
    TABLE[name] = rule
    for cls in Scalar.__subclasses__():
        equip(cls, name, rule)


def number(data):
    """The float that a box is to hold.

    Raises
    ------
    TypeError
        If `data` is not a real number: a bool, a string, a complex number, an array or
        another box.
    """
    if isinstance(data, PLAIN) and not isinstance(data, bool):
        return float(data)
    kind = type(data).__name__
    raise TypeError(
        f"data must be one real number, like 2 or 2.5; got {data!r} ({kind})"
    )


def unboxed(operand):
    """The plain number behind an operand of a comparison."""
    return operand.data if isinstance(operand, Scalar) else operand


def power(a, b):
    """The rule of a ** b: its partial derivatives are b aᵇ⁻¹ and aᵇ log a."""
    y = a**b
    if isinstance(y, complex):
        raise ValueError(
            f"{a} ** {b} is not a real number: a negative base takes a whole exponent"
        )
    if b == 0:
        by_base = 0.0  # x⁰ is the constant 1, at x = 0 as well
    elif a == 0 and b < 1:
        by_base = math.inf  # the limit of b aᵇ⁻¹, as for the square root
    else:
        try:
            by_base = b * a ** (b - 1)
        except OverflowError:  # the power may be a float where its slope is none
            by_base = b * y / a
    if a == 0:
        by_exponent = 0.0
    else:
        by_exponent = math.nan if a < 0 else y * math.log(a)
    return y, by_base, by_exponent


def sigmoid(a):
    """The rule of σ(a) = 1 / (1 + e⁻ᵃ), in a form that never overflows."""
    e = math.exp(-abs(a))
    y = 1 / (1 + e) if a >= 0 else e / (1 + e)
    return y, e / (1 + e) ** 2


def square_root(a):
    """The rule of √a; its slope at 0 is the limit of the slopes beside it."""
    y = math.sqrt(a)
    return y, (0.5 / y if y else math.inf)


operation("+", lambda a, b: (a + b, 1.0, 1.0))
operation("*", lambda a, b: (a * b, b, a))
operation("neg", lambda a: (-a, -1.0))
operation("**", power)
operation("log", lambda a: (math.log(a), 1 / a))
operation("sigmoid", sigmoid)

operation("-", lambda a, b: (a - b, 1.0, -1.0))
operation("/", lambda a, b: (a / b, 1 / b, -a / b / b))
operation("exp", lambda a: (y := math.exp(a), y))
operation("sin", lambda a: (math.sin(a), math.cos(a)))
operation("cos", lambda a: (math.cos(a), -math.sin(a)))

operation("tanh", lambda a: (y := math.tanh(a), 1 - y * y))
operation("sqrt", square_root)
operation("relu", lambda a: (0.0, 0.0) if a <= 0 else (a, 1.0))
