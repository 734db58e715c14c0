"""What the derivative is where there is none: the sub- or supergradient of least norm, or else the limit."""

import warnings

import numpy as np
import pytest

from minigrad import Tensor, grad, jvp, rules, vjp
from minigrad.rules import logsumexp

INF, NAN = np.inf, np.nan


def partials(f, *xs):
    """The derivatives by all arguments of the sum of f, which both modes agree on."""
    xs = [np.asarray(x, float) for x in xs]
    y, pullback = vjp(f, *xs)
    gradients = pullback(np.ones_like(y))
    for i, x in enumerate(xs):
        for index in np.ndindex(x.shape):
            e = [np.zeros_like(x) for x in xs]
            e[i][index] = 1
            with np.errstate(all="ignore"):
                tangent = np.sum(jvp(f, xs, e)[1])
                assert np.isclose(tangent, gradients[i][index], equal_nan=True) or not np.isfinite(gradients).all()
    return [g.tolist() for g in gradients]


# Kinks, where the derivative is a finite number and no warning is due.


@pytest.fixture(autouse=True)
def warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize(
    "f, xs, expected",
    [
        (np.abs, [0.0], [0]),
        (np.sign, [0.0], [0]),
        (rules.relu, [0.0], [0]),
        (lambda x: np.maximum(x, 0), [0.0], [0.5]),
        (lambda x: np.minimum(x, 0), [0.0], [0.5]),
        (np.maximum, [2.0, 2.0], [0.5, 0.5]),
        (np.minimum, [2.0, 2.0], [0.5, 0.5]),
        (np.maximum, [INF, INF], [0.5, 0.5]),
        (np.maximum, [[1.0, 2.0, 3.0], [2.0, 2.0, 2.0]], [[0, 0.5, 1], [1, 0.5, 0]]),
        (np.max, [[3.0, 1.0, 3.0, 3.0]], [[1 / 3, 0, 1 / 3, 1 / 3]]),
        (np.min, [[1.0, 1.0, 3.0]], [[0.5, 0.5, 0]]),
        (lambda x: np.max(x, axis=0), [[[1.0, 2.0], [1.0, 0.0]]], [[[0.5, 1], [0.5, 0]]]),
        (lambda x: np.clip(x, -1, 1), [[-2.0, -1.0, 0.0, 1.0, 2.0]], [[0, 1, 1, 1, 0]]),
        (np.clip, [0.0, 0.0, 1.0], [1, 0, 0]),
        (np.clip, [5.0, 3.0, 2.0], [0, 0, 1]),
        (np.clip, [-5.0, -1.0, 2.0], [0, 1, 0]),
        (lambda x: x**0, [0.0], [0]),
        (lambda x: x**0.0, [0.0], [0]),
        (lambda x: x ** np.array([0.0, 1.0, 2.0]), [[0.0, 0.0, 0.0]], [[0, 1, 0]]),
        (np.power, [0.0, 2.0], [0, 0]),
        (np.power, [0.0, 1.0], [1, 0]),
        (np.power, [0.0, 0.0], [0, 0]),
        (lambda y: np.power(0.0, y), [1.5], [0]),
        (np.linalg.norm, [[0.0, 0.0]], [[0, 0]]),
        (lambda x: np.linalg.norm(x, axis=1), [[[0.0, 0.0], [3.0, 4.0]]], [[[0, 0], [0.6, 0.8]]]),
        (lambda x: np.linalg.norm(x, ord=3), [[0.0, 0.0]], [[0, 0]]),
        (lambda x: np.linalg.norm(x, ord=1), [[0.0, -2.0]], [[0, -1]]),
        (lambda x: np.linalg.norm(x, ord=np.inf), [[2.0, -2.0, 1.0]], [[0.5, -0.5, 0]]),
        (np.prod, [[2.0, 0.0, 3.0]], [[0, 6, 0]]),
        (np.prod, [[2.0, 0.0, 0.0]], [[0, 0, 0]]),
        (lambda x: np.prod(x, axis=1), [[[0.0, 5.0], [2.0, 3.0]]], [[[5, 0], [3, 2]]]),
        (np.hypot, [0.0, 0.0], [0, 0]),
        (np.arctan2, [0.0, 0.0], [0, 0]),
        (np.std, [[2.0, 2.0, 2.0]], [[0, 0, 0]]),
        (np.var, [[2.0, 2.0, 2.0]], [[0, 0, 0]]),
        (lambda x: x[[0, 0, 1]], [[1.0, 2.0, 3.0]], [[2, 1, 0]]),
        (lambda x: np.take(x, [2, 2, 2]), [[1.0, 2.0, 3.0]], [[0, 0, 3]]),
        (lambda x: np.where(x > 0, x, 0), [[-1.0, 0.0, 1.0]], [[0, 0, 1]]),
        (lambda x: np.floor(x) + x, [[1.0, 1.5]], [[1, 1]]),
        (np.remainder, [5.5, 2.0], [1, -2]),
    ],
)
def test_kinks(f, xs, expected):
    assert partials(f, *xs) == expected


@pytest.mark.parametrize("base", [2.0, np.array([2.0, 3.0])], ids=repr)
def test_the_mixed_derivative_of_a_power_at_exponent_zero(base):
    """∂²aᵇ/∂a∂b = aᵇ⁻¹ (1 + b log a), which is 1/a at b = 0, in either order."""
    zero = np.zeros_like(base)
    mixed = partials(lambda b: vjp(lambda a: np.power(a, b), base)[1](np.ones_like(base))[0], zero)
    other = partials(lambda a: vjp(lambda b: np.power(a, b), zero)[1](np.ones_like(base))[0], base)
    assert np.allclose(mixed, 1 / base) and np.allclose(other, 1 / base)


def test_nothing_overflows_that_need_not():
    big = [1000.0, -1000.0, 0.0]
    assert partials(rules.sigmoid, big) == [[0, 0, 0.25]]
    assert partials(np.tanh, big) == [[0, 0, 1]]
    assert partials(logsumexp, big) == [[1, 0, 0]]
    assert partials(np.logaddexp, [1000.0, 0.0], [0.0, 1000.0]) == [[1, 0], [0, 1]]
    assert np.allclose(partials(np.hypot, 3e200, 4e200), [0.6, 0.8])
    assert np.allclose(partials(np.arctan2, 3e-200, 4e-200), [4e-200 / 5e-200 / 5e-200, -3e-200 / 5e-200 / 5e-200])
    assert np.allclose(partials(np.arcsinh, 1e200), 1e-200, atol=0)
    assert logsumexp(np.array([1000.0, 1000.0])) == 1000 + np.log(2)
    assert logsumexp(np.array([-1000.0, -1000.0])) == -1000 + np.log(2)


def test_a_small_derivative_beside_an_infinite_one_stays():
    assert partials(lambda x: np.where(x > 0, x, 0) * np.array([1.0, 1.0]), [-1.0, 2.0]) == [[0, 1]]
    x = Tensor([1.0, 2.0])
    np.where(np.array([True, False]), x, 0).backward([1.0, np.inf])
    assert x.grad.tolist() == [1, 0]


@pytest.mark.parametrize(
    "matrix",
    [
        [[0.0]],
        [[1.0, 2.0], [2.0, 4.0]],
        [[0.0, 0.0], [0.0, 0.0]],
        [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]],
        [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
    ],
)
def test_the_determinant_of_singular_matrices(matrix):
    a = np.array(matrix)
    n, cofactors = len(a), np.ones_like(a)
    for i in range(n):
        for j in range(n):
            minor = np.delete(np.delete(a, i, 0), j, 1)
            cofactors[i, j] = (-1) ** (i + j) * (np.linalg.det(minor) if minor.size else 1)
    assert np.allclose(grad(np.linalg.det)(a), cofactors)
    h = 1e-4
    for e in np.eye(n * n).reshape(-1, n, n):
        moved = (grad(np.linalg.det)(a + h * e) - grad(np.linalg.det)(a - h * e)) / (2 * h)
        assert np.allclose(jvp(grad(np.linalg.det), (a,), (e,))[1], moved, atol=1e-6)


def test_a_stack_with_a_singular_matrix():
    a = np.array([[[1.0, 2.0], [2.0, 4.0]], [[1.0, 2.0], [3.0, 4.0]]])
    assert np.allclose(grad(lambda a: np.sum(np.linalg.det(a)))(a), [[[4, -2], [-2, 1]], [[4, -3], [-2, 1]]])


def test_the_product_is_exact_to_second_order_with_zeros():
    second = grad(lambda x: grad(np.prod)(x)[0])(np.array([2.0, 0.0, 0.0, 5.0]))
    assert second.tolist() == [0, 0, 0, 0]
    second = grad(lambda x: grad(np.prod)(x)[1])(np.array([2.0, 0.0, 0.0, 5.0]))
    assert second.tolist() == [0, 0, 10, 0]


# Where the limit is infinite, or there is nothing: NumPy's warnings are let through.


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "f, x, expected",
    [
        (np.sqrt, 0.0, INF),
        (np.cbrt, 0.0, INF),
        (lambda x: x**0.5, 0.0, INF),
        (lambda x: x ** np.array(0.5), 0.0, INF),
        (np.log, 0.0, INF),
        (np.arcsin, 1.0, INF),
        (np.arccos, 1.0, -INF),
        (np.arccosh, 1.0, INF),
        (np.arctanh, 1.0, INF),
        (lambda y: np.power(-2.0, y), 2.0, NAN),
        (lambda y: np.power(-2.0, y), 0.5, NAN),
        (np.max, [1.0, NAN], [NAN, NAN]),
    ],
)
def test_limits(f, x, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.array_equal(partials(f, x)[0], expected, equal_nan=True)
