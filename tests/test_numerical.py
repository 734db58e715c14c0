"""Numerical derivatives: the nudge they choose, and what they refuse."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad import ForwardValue, Value, numerical_derivative, numerical_partials


@pytest.mark.parametrize("f, derivative, x", [
    (math.sin, math.cos, 1.0),
    (math.exp, math.exp, 2.0),
    (lambda x: x**3, lambda x: 3 * x**2, 10.0),
    (lambda x: x**3, lambda x: 3 * x**2, 1e8),
    (lambda x: x**3, lambda x: 3 * x**2, -1e8),
    (lambda x: math.exp(2 * x), lambda x: 2 * math.exp(2 * x), 1e-8),
    (math.tanh, lambda x: 1 - math.tanh(x) ** 2, 0.0),
])
def test_nine_digits_are_right(f, derivative, x):
    assert numerical_derivative(f, x) == pytest.approx(derivative(x), rel=1e-9)


@given(x=st.floats(-3, 3))
def test_a_polynomial(x):
    assert numerical_derivative(lambda x: x**3 - 2 * x, x) == pytest.approx(3 * x * x - 2, rel=1e-8, abs=1e-8)


def nudges(x, h=None):
    """How far from x the function is asked, below and above."""
    asked = []
    numerical_derivative(lambda x: asked.append(x) or 0.0, x, h)
    return [round(y - x, 9) for y in sorted(asked)]


def test_the_nudge_is_the_cube_root_of_the_spacing_and_grows_with_x():
    h = np.finfo(float).eps ** (1 / 3)
    assert nudges(0) == nudges(-0.5) == [round(-h, 9), round(h, 9)]
    assert nudges(1000) == pytest.approx([-1000 * h, 1000 * h], abs=1e-9)
    assert nudges(-1000) == pytest.approx([-1000 * h, 1000 * h], abs=1e-9)


def test_a_given_nudge_is_the_one_that_is_made():
    assert nudges(1, h=0.5) == [-0.5, 0.5]
    assert numerical_derivative(lambda x: x**3, 1, h=0.5) == 3.25  # 3x² + h²


def test_the_function_is_asked_twice_for_each_input():
    asked = []
    numerical_partials(lambda x, y, z: asked.append((x, y, z)) or 0.0, 1.0, 2.0, 3.0, h=0.5)
    assert asked == [(1.5, 2, 3), (0.5, 2, 3), (1, 2.5, 3), (1, 1.5, 3), (1, 2, 3.5), (1, 2, 2.5)]


def test_the_nudge_that_was_made_divides_the_difference():
    # At 1e8 a nudge of 1e-8 becomes 1.49e-8, the spacing of floats there.
    assert numerical_derivative(lambda x: 3 * (x - 1e8), 1e8, h=1e-8) == pytest.approx(3, rel=1e-12)


@pytest.mark.parametrize("x, h", [(1e8, 1e-9), (1.0, 1e-17), (0.0, 0)])
def test_a_nudge_that_does_not_move_x_is_refused(x, h):
    with pytest.raises(ValueError, match=rf"the nudge h = {h} does not move x = {x}: take a larger h"):
        numerical_derivative(math.sin, x, h)
    with pytest.raises(ValueError, match="does not move"):
        numerical_partials(lambda x: x, x, h=h)


@pytest.mark.parametrize("output, name", [
    (None, "NoneType"), ("2", "str"), ([1.0], "list"), (np.ones(2), "ndarray"), (1j, "complex"), (Value(1), "Value"),
    (ForwardValue(1), "ForwardValue")])
def test_an_output_that_is_not_one_real_number_is_refused(output, name):
    with pytest.raises(TypeError, match=rf"f must return one real number; got (.|\n)* \({name}\)"):
        numerical_derivative(lambda x: output, 1.0)
    with pytest.raises(TypeError, match=rf"\({name}\)"):
        numerical_partials(lambda x, y: output, 1.0, 2.0)


@pytest.mark.parametrize("kind", [int, Fraction, np.float64, np.float32, np.float16, np.int8])
def test_any_real_number_is_taken_as_a_float(kind):
    slope = numerical_derivative(np.sin, kind(2))
    assert type(slope) is float and slope == pytest.approx(math.cos(2), rel=1e-9)
    assert numerical_partials(lambda x, y: np.sin(x * y), kind(3), kind(2)) == pytest.approx(
        (2 * math.cos(6), 3 * math.cos(6)), rel=1e-8)


@pytest.mark.parametrize("x", [None, 1j, np.ones(2), Value(1), ForwardValue(1)])
def test_an_input_that_is_not_one_real_number_is_refused(x):
    with pytest.raises(TypeError):
        numerical_derivative(lambda x: 0.0, x)


def test_each_partial_moves_one_argument():
    assert numerical_partials(lambda x, y, z: x * y - z, 3.0, 2.0, 1.0) == pytest.approx((2, 3, -1))
    assert numerical_partials(lambda: 1.0) == ()


def test_what_the_function_raises_is_passed_on():
    with pytest.raises(ZeroDivisionError):
        numerical_derivative(lambda x: 1 / 0, 1.0)
