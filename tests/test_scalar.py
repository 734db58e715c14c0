"""The table of elementary functions: every row, in both classes that are made from it."""

import cmath
import math
import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad import ForwardValue, Value
from minigrad.scalar import OPERATORS, TABLE, Scalar, operation

ANY = st.floats(-20, 20)
POSITIVE = st.floats(0.01, 20)
NOT_ZERO = POSITIVE | POSITIVE.map(operator.neg)

# What each row should compute, as a function of complex numbers, and where. A row that is not here fails the suite.
ROWS = {
    "+": (lambda a, b: a + b, ANY, ANY),
    "-": (lambda a, b: a - b, ANY, ANY),
    "*": (lambda a, b: a * b, ANY, ANY),
    "/": (lambda a, b: a / b, ANY, NOT_ZERO),
    "**": (lambda a, b: a**b, POSITIVE, st.floats(-5, 5)),
    "neg": (lambda a: -a, ANY),
    "exp": (cmath.exp, ANY),
    "log": (cmath.log, POSITIVE),
    "sqrt": (cmath.sqrt, POSITIVE),
    "sin": (cmath.sin, ANY),
    "cos": (cmath.cos, ANY),
    "tanh": (cmath.tanh, ANY),
    "sigmoid": (lambda a: 1 / (1 + cmath.exp(-a)), ANY),
    "relu": (lambda a: a if a.real > 0 else 0 * a, NOT_ZERO),
}
BINARY = [name for name, (_, *operands) in ROWS.items() if len(operands) == 2]


def by_value(f, *xs):
    """The value of f and its derivative by each input, from ``Value``."""
    inputs = [Value(x) for x in xs]
    y = f(*inputs)
    y.backward()
    return y.data, [x.grad for x in inputs]


def by_forward_value(f, *xs):
    """The value of f and its derivative by each input, from ``ForwardValue``."""
    inputs = [ForwardValue(x) for x in xs]
    y = f(*inputs)
    return y.data, [y.grads.get(x, 0.0) for x in inputs]


both_classes = pytest.mark.parametrize("differentiate", [by_value, by_forward_value])


def row(name):
    """The function that a user's program calls for a row of the table."""
    return getattr(operator, OPERATORS[name]) if name in OPERATORS else operator.methodcaller(name)


def complex_step(f, *xs):
    """The derivatives of an analytic function, to full precision: no difference is taken that could lose digits."""
    h = 1e-100
    return [f(*(complex(x, h * (i == j)) for j, x in enumerate(xs))).imag / h for i in range(len(xs))]


def close(numbers):
    return pytest.approx(numbers, rel=1e-9, abs=1e-12)


def test_every_row_has_inputs_here():
    assert ROWS.keys() == TABLE.keys()


@both_classes
@pytest.mark.parametrize("name", ROWS)
@given(data=st.data())
def test_value_and_derivatives_of_a_row(name, differentiate, data):
    reference, *operands = ROWS[name]
    xs = [data.draw(operand) for operand in operands]
    value, derivatives = differentiate(row(name), *xs)
    assert value == close(reference(*map(complex, xs)).real)
    assert derivatives == close(complex_step(reference, *xs))


@both_classes
@pytest.mark.parametrize("name", BINARY)
@given(data=st.data())
def test_a_plain_number_on_either_side_is_a_constant(name, differentiate, data):
    a, b = (data.draw(operand) for operand in ROWS[name][1:])
    value, (by_a, by_b) = differentiate(row(name), a, b)
    assert differentiate(lambda x: row(name)(x, b), a) == (value, [by_a])
    assert differentiate(lambda x: row(name)(a, x), b) == (value, [by_b])


@both_classes
@given(base=NOT_ZERO, exponent=st.integers(-4, 4))
def test_a_negative_base_takes_whole_exponents(differentiate, base, exponent):
    value, (derivative,) = differentiate(lambda x: x**exponent, base)
    assert value == base**exponent
    assert derivative == close(0.0 if exponent == 0 else exponent * base ** (exponent - 1))


CONVENTIONS = {
    "x**0 at 0": (lambda x: x**0, [0], 1, [0]),
    "x**y at 0, 0": (lambda x, y: x**y, [0, 0], 1, [0, 0]),
    "x**1 at 0": (lambda x: x**1, [0], 0, [1]),
    "x**2 at 0": (lambda x: x**2, [0], 0, [0]),
    "x**y at 0, by the exponent": (lambda x, y: x**y, [0, 2], 0, [0, 0]),
    "x**y of a negative base, by the exponent": (lambda x, y: x**y, [-2, 3], -8, [12, math.nan]),
    "x**0.5 at 0": (lambda x: x**0.5, [0], 0, [math.inf]),
    "sqrt at 0": (lambda x: x.sqrt(), [0], 0, [math.inf]),
    "relu at 0": (lambda x: x.relu(), [0], 0, [0]),
    "relu at -0.0": (lambda x: x.relu(), [-0.0], 0, [0]),
    "relu of nan": (lambda x: x.relu(), [math.nan], math.nan, [1]),
    "slope of a power beyond the floats": (lambda x: x**-1.5, [1e-200], 1e300, [-math.inf]),
    "slope of a power nearly beyond": (lambda x: x**-1e-10, [1e-309], 1.00000007114988, [-1.00000007114988e299]),
    "slope of a quotient beyond the floats": (lambda x: 1 / x, [1e-300], 1e300, [-math.inf]),
    "slope of log beyond the floats": (lambda x: x.log(), [5e-324], math.log(5e-324), [math.inf]),
    "tanh far out": (lambda x: x.tanh(), [1000], 1, [0]),
    "tanh far out, negative": (lambda x: x.tanh(), [-1000], -1, [0]),
    "sigmoid far out": (lambda x: x.sigmoid(), [1000], 1, [0]),
    "sigmoid far out, negative": (lambda x: x.sigmoid(), [-1000], 0, [0]),
    "sigmoid where it is nearly 1": (lambda x: x.sigmoid(), [40], 1, [math.exp(-40)]),
    "sigmoid where it is nearly 0": (lambda x: x.sigmoid(), [-700], math.exp(-700), [math.exp(-700)]),
}


@both_classes
@pytest.mark.parametrize("case", CONVENTIONS)
def test_convention(case, differentiate):
    f, xs, value, derivatives = CONVENTIONS[case]
    found, slopes = differentiate(f, *xs)
    assert [found, *slopes] == pytest.approx([value, *derivatives], rel=1e-12, abs=0, nan_ok=True)


# Where the number itself fails: what a user writes, and the same with plain floats.
FAILURES = {
    "log of 0": (lambda x: x.log(), math.log, 0),
    "log of a negative number": (lambda x: x.log(), math.log, -1),
    "sqrt of a negative number": (lambda x: x.sqrt(), math.sqrt, -1),
    "division by 0": (lambda x: 1 / x, lambda x: 1 / x, 0.0),
    "division by the number 0": (lambda x: x / 0, lambda x: x / 0, 1.0),
    "a negative power of 0": (lambda x: x**-1, lambda x: x**-1, 0.0),
    "exp that overflows": (lambda x: x.exp(), math.exp, 1000),
    "a power that overflows": (lambda x: x**400, lambda x: x**400, 10.0),
    "sin of infinity": (lambda x: x.sin(), math.sin, math.inf),
    "an int too large for a float": (lambda x: x, float, 10**400),
}


@pytest.mark.parametrize("cls", [Value, ForwardValue])
@pytest.mark.parametrize("case", FAILURES)
def test_errors_are_those_of_floats_and_math(case, cls):
    ours, theirs, x = FAILURES[case]
    with pytest.raises((ValueError, ArithmeticError)) as expected:
        theirs(x)
    with pytest.raises(expected.type):
        ours(cls(x))


@pytest.mark.parametrize("cls", [Value, ForwardValue])
def test_a_power_is_never_complex(cls):
    for power in (lambda: cls(-8) ** 0.5, lambda: (-8) ** cls(0.5), lambda: cls(-8) ** cls(0.5)):
        with pytest.raises(ValueError, match=r"-8\.0 \*\* 0\.5 is not a real number: .* takes a whole exponent"):
            power()


@pytest.fixture
def cube():
    """A row that is entered into the table after the classes are there, and taken out again."""
    operation("cube", lambda a: (a**3, 3 * a**2))
    yield
    del TABLE["cube"], Value.cube, ForwardValue.cube


@both_classes
def test_a_new_row_reaches_the_classes_that_are_there(cube, differentiate):
    assert differentiate(lambda x: x.cube(), 2) == (8, [12])


def test_a_new_class_has_every_row():
    class Plain(Scalar):
        """A number and nothing else."""

        def __init__(self, data):
            self.data = data

        @staticmethod
        def unary(name, rule):
            return lambda a: Plain(rule(a.data)[0])

        @staticmethod
        def binary(name, rule):
            return lambda a, b: Plain(rule(a.data, b)[0]), lambda b, a: Plain(rule(a, b.data)[0])

    assert (Plain(3.0) ** 2).data == 9
    assert (1 - Plain(3.0).tanh()).data == 1 - math.tanh(3)
    assert all(hasattr(Plain, name) for name in TABLE if name not in OPERATORS)


@pytest.mark.parametrize("cls", [Value, ForwardValue])
@pytest.mark.parametrize("method", ["exp", "__add__", "__radd__", "__neg__"])
def test_methods_carry_their_names(method, cls):
    function = getattr(cls, method)
    assert (function.__name__, function.__qualname__) == (method, f"{cls.__name__}.{method}")
    assert "minigrad.scalar.TABLE" in function.__doc__
