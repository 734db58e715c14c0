"""Numerical Jacobians, and what `check_grads` finds and lets pass."""

import math
import subprocess
import sys
import warnings
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad import Tensor, custom_vjp, grad, hessian
from minigrad.box import Primitive, formulas
from minigrad.check import GradientError, check_grads
from minigrad.numerical_arrays import numerical_jacobian


def numbers(*shape, low=-2.0, high=2.0, seed=1):
    return np.random.default_rng(seed).uniform(low, high, shape)


# Jacobians.


W = numbers(4, 2)


def diagonal(derivative):
    """The Jacobian of a function that works entry by entry."""
    return lambda x: np.diag(np.ravel(derivative(x))).reshape(x.shape + x.shape)


ANALYTIC = {
    "sine": (np.sin, diagonal(np.cos)),
    "quotient": (lambda x: 1 / (5 + x), diagonal(lambda x: -1 / (5 + x) ** 2)),
    "power": (lambda x: (3 + x) ** 2.5, diagonal(lambda x: 2.5 * (3 + x) ** 1.5)),
    "root of a square": (lambda x: np.sqrt(x * x), diagonal(np.sign)),
    "sum of squares": (lambda x: np.sum(x * x), lambda x: 2 * x),
    "all squares in one": (lambda x: np.exp(np.sum(x)), lambda x: np.full(x.shape, np.exp(np.sum(x)))),
    "mask": (lambda x: np.where(x.real > 0, x * x, 0), diagonal(lambda x: np.where(x > 0, 2 * x, 0))),
    "positive part": (lambda x: np.maximum(x, 0), diagonal(lambda x: 1.0 * (x > 0))),
}

NOT_ANALYTIC = {
    "absolute value": (np.abs, diagonal(np.sign)),
    "norm": (lambda x: np.linalg.norm(x), lambda x: x / np.linalg.norm(x)),
    "conjugate": (lambda x: (x * np.conj(x)).real, diagonal(lambda x: 2 * x)),
    "real part": (lambda x: np.real(x) ** 3, diagonal(lambda x: 3 * x * x)),
    "weight decay": (
        lambda x: np.sum(np.exp(x)) + 1e-6 * np.sum(np.abs(x)), lambda x: np.exp(x) + 1e-6 * np.sign(x)),
    "some entries": (lambda x: np.where(x.real > 0, x, np.abs(x)), diagonal(np.sign)),
}

REFUSING = {
    "no such ufunc": (np.cbrt, diagonal(lambda x: 1 / (3 * np.cbrt(x) ** 2))),
    "float64 only": (lambda x: np.sin(x.view(np.float64).reshape(x.shape)), diagonal(np.cos)),
}

SHAPES = [(), (1,), (3,), (2, 3), (2, 1, 3)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ANALYTIC)
def test_the_complex_step_is_exact(name, shape):
    f, jacobian = ANALYTIC[name]
    x = numbers(*shape)
    np.testing.assert_allclose(numerical_jacobian(f, x), jacobian(np.asarray(x)), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", NOT_ANALYTIC | REFUSING)
def test_where_the_complex_step_is_wrong_or_impossible_the_central_difference_holds(name, shape):
    f, jacobian = (NOT_ANALYTIC | REFUSING)[name]
    x = numbers(*shape)
    np.testing.assert_allclose(numerical_jacobian(f, x), jacobian(np.asarray(x)), rtol=1e-8, atol=1e-9)


def test_each_number_of_the_output_has_the_better_of_the_two_ways():
    found = numerical_jacobian(lambda x: np.stack([np.sin(x), np.abs(x)]), 1.0)
    assert found[0] == np.cos(1.0) and found[1] == pytest.approx(1, rel=1e-9)


def test_rows_are_of_the_output_and_columns_of_the_input():
    x = numbers(2, 3)
    found = numerical_jacobian(lambda x: W @ x, x)
    assert found.shape == (4, 3, 2, 3) and found.dtype == np.float64
    np.testing.assert_allclose(found, np.einsum("ij,kl->ikjl", W, np.eye(3)), atol=1e-15)
    found = numerical_jacobian(lambda W: W @ x, W)
    np.testing.assert_allclose(found, np.einsum("ij,kl->iljk", np.eye(4), x), atol=1e-15)


@pytest.mark.parametrize("f, shape, expected", [
    (np.sin, (0,), (0, 0)),
    (np.sum, (0, 3), (0, 3)),
    (lambda x: np.zeros((3, 0)), (2,), (3, 0, 2)),
    (lambda x: 1.0, (2, 3), (2, 3)),
    (lambda x: [x[0], x[1], 3.0], (2,), (3, 2)),
    (float, (), ()),
    (lambda x: np.array(x), (), ()),
])
def test_shapes(f, shape, expected):
    found = numerical_jacobian(f, np.ones(shape))
    assert found.shape == expected and found.dtype == np.float64 and isinstance(found, np.ndarray)


@pytest.mark.parametrize("x", [
    np.asfortranarray(numbers(2, 3)),
    numbers(2, 3)[::-1, ::-1],
    np.broadcast_to(numbers(3), (2, 3)),
    numbers(2, 6)[:, ::2],
], ids=["columns", "backwards", "broadcast", "every other"])
def test_the_layout_in_memory_does_not_matter(x):
    weights = numbers(2, 3, seed=2)
    np.testing.assert_allclose(numerical_jacobian(lambda x: np.sum(weights * x * x), x), 2 * weights * x, rtol=1e-14)


def test_the_input_is_not_changed_even_if_the_function_writes_into_its_own():
    def f(x):
        x *= x
        return x

    x = numbers(2)
    x.flags.writeable = False
    kept = x.copy()
    for batched in False, True:
        np.testing.assert_allclose(numerical_jacobian(f, x, batched=batched), np.diag(2 * x), rtol=1e-9)
        assert np.array_equal(x, kept)


@pytest.mark.parametrize("x", [2, np.int8(2), np.float32(2), np.float16(2)])
def test_any_real_numbers_are_taken_as_float64(x):
    seen = []
    found = numerical_jacobian(lambda x: seen.append(x.dtype) or np.sin(x), x)
    assert found == np.cos(2.0) and {*seen} == {np.dtype(np.float64), np.dtype(np.complex128)}


def test_outputs_of_little_precision_are_subtracted_as_float64():
    found = numerical_jacobian(lambda x: np.float32(x.real) * np.float32(3), 2.0, h=2.0**-5)
    assert found == pytest.approx(3, rel=1e-6)


def test_the_nudge_grows_with_the_entry_and_can_be_given():
    seen = []

    def f(x):
        seen.append(x)
        return np.abs(x).sum()

    def nudges(x, h=None):
        seen.clear()
        numerical_jacobian(f, x, h)
        return [max(abs(z[i] - x[i]) for z in seen if z.dtype == np.float64) for i in range(2)]

    h = np.finfo(float).eps ** (1 / 3)
    assert nudges([0.5, -1000]) == pytest.approx([h, 1000 * h], rel=1e-6)
    assert nudges([0.5, -1000], 0.25) == [0.25, 0.25]
    assert nudges([0.5, -1000], [0.25, 2]) == [0.25, 2]


def test_a_smaller_nudge_where_the_function_bends():
    with np.errstate(invalid="ignore"):
        assert np.isnan(numerical_jacobian(np.log, 1e-8))
    assert numerical_jacobian(np.log, 1e-8, h=5e-9) == pytest.approx(1e8, rel=1e-14)
    assert numerical_jacobian(np.log, 1e-5) == pytest.approx(1e5, rel=1e-14)


def test_the_nudge_that_was_made_divides_the_difference():
    found = numerical_jacobian(lambda x: np.abs(3 * (x - 1e8)), np.array([1e8 + 1]), h=1e-8)
    assert found == pytest.approx(3, rel=1e-12)


@pytest.mark.parametrize("h", [1e-9, 0, [1e-3, 1e-9]], ids=str)
def test_a_nudge_that_does_not_move_every_entry_is_refused(h):
    with pytest.raises(ValueError, match=r"the nudge h = .* does not move x = .*: take a larger h"):
        numerical_jacobian(np.sin, [1.0, 1e8], h)


def test_nothing_that_the_complex_step_runs_into_is_seen():
    def buffered(x):
        out = np.zeros(2)
        out[0] = x[0]  # NumPy warns that it discards an imaginary part
        out[1] = np.log(x[1]) * x[0]
        return out

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = numerical_jacobian(buffered, [2.0, 3.0])
    np.testing.assert_allclose(found, [[1, 0], [math.log(3), 2 / 3]], rtol=1e-9)


def test_many_inputs_in_one_call():
    calls = []

    def f(x):
        calls.append(x.shape)
        return np.sum(np.sin(x), axis=-1) * x[..., 0]

    x = numbers(2, 3)
    found = numerical_jacobian(f, x, batched=True)
    assert np.array_equal(found, numerical_jacobian(f, x)) and found.shape == (2, 2, 3)
    assert calls[:6] == [(1, 2, 3)] + 5 * [(6, 2, 3)] and calls[6] == (2, 3)
    assert numerical_jacobian(f, np.ones((2, 0, 3)), batched=True).shape == (2, 0, 2, 0, 3)
    assert numerical_jacobian(np.sin, 0.0, batched=True) == 1


def test_the_jacobian_of_a_gradient_is_the_hessian():
    def f(x):
        return np.sum(np.sin(x) * x[0])

    x = numbers(3)
    np.testing.assert_allclose(numerical_jacobian(grad(f), x), hessian(f)(x), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("x", [True, [1j], "2", None, [[1], [2, 3]], Tensor([1.0])], ids=repr)
def test_an_input_that_is_not_of_real_numbers_is_refused(x):
    with pytest.raises((TypeError, ValueError)):
        numerical_jacobian(np.sin, x)


@pytest.mark.parametrize("output", [None, "2", 1j, True, np.ones(2) > 0])
def test_an_output_that_is_not_of_real_numbers_is_refused(output):
    with pytest.raises(TypeError, match="the output of f must be real numbers; got"):
        numerical_jacobian(lambda x: output, 1.0)


def test_a_tensor_as_output_is_refused():
    with pytest.raises(TypeError, match=r"\.data"):
        numerical_jacobian(lambda x: Tensor(x) * 2, 1.0)


def test_an_output_that_changes_its_shape_is_refused():
    with pytest.raises(ValueError):
        numerical_jacobian(lambda x: x[x.real > 1], np.array([1.0, 2.0]))


@pytest.mark.parametrize("batched", [False, True])
def test_an_output_that_changes_its_shape_and_not_its_size_is_refused(batched):
    calls = []

    def f(x):
        calls.append(x)
        shape = (2, 3) if len(calls) == 1 else (3, 2)
        return np.ones((len(x), *shape) if batched else shape)

    with pytest.raises(ValueError, match=r"always be of one shape; at x it has \(2, 3\), and a nudge away \(3, 2\)"):
        numerical_jacobian(f, np.ones(4), batched=batched)


def test_numbers_do_not_wait_for_numpy():
    code = "import sys, minigrad.numerical as n\nn.numerical_derivative(float, 2)\nassert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# Right derivatives.


Pair = namedtuple("Pair", "first second")


@custom_vjp
def own_softmax(x):
    e = np.exp(x - np.max(x))
    y = e / np.sum(e)
    return y, lambda g: (y * (g - np.sum(g * y)),)


@custom_vjp
def own_product(x, w):
    return x @ w, lambda g: (np.outer(g, w) if np.ndim(w) == 1 else g @ np.transpose(w), np.transpose(x) @ g)


RIGHT = {
    "a number": (lambda x: x**3, 2.0),
    "an integer": (lambda x: x**3, 2),
    "integers": (lambda x: np.sum(x * x), np.array([1, 2, 3])),
    "float32": (np.tanh, np.float32([0.5, 1.5])),
    "arrays": (lambda x, y: np.sin(x) * y, numbers(2, 3), numbers(3)),
    "read-only": (np.exp, np.broadcast_to(numbers(3), (2, 3))),
    "no numbers": (lambda x: x * x, np.ones((0, 3))),
    "no numbers beside some": (lambda x, y: np.sum(x) * y, np.ones(0), 3.0),
    "an argument of no effect": (lambda x, y: x * x, 3.0, numbers(2)),
    "a constant": (lambda x: 5, 3.0),
    "constants beside others": (lambda x: {"a": np.ones(2), "b": x * x}, 3.0),
    "a dictionary": (lambda p: np.tanh(p["w"] @ p["x"]) + p["b"], {"w": W, "x": numbers(2), "b": 0.5}),
    "lists and tuples": (lambda a, b: [a[0] * b[1], (a[1][0], b[0] * b[0])], [1.5, (numbers(2),)], (2.0, numbers(3))),
    "named tuples": (lambda p: Pair(p.first * p.second, np.sin(p.first)), Pair(1.5, numbers(2))),
    "linear": (lambda x: np.sum(x, axis=0), numbers(2, 3)),
    "by cancellation nothing": (lambda x: np.sum(np.exp(x) / np.sum(np.exp(x))), numbers(4)),
    "off the kinks": (lambda x: np.maximum(np.abs(x), 0.3), numbers(7)),
    "matrices": (lambda a, b: np.linalg.solve(a @ a.T + np.eye(3), b), numbers(3, 2), numbers(3)),
    "great numbers": (lambda x: x * x, np.array([1e9, -3e11])),
    "great values": (lambda x: 1e12 * np.sin(x), numbers(3)),
    "small values": (lambda x: 1e-12 * np.sin(x), numbers(3)),
    "both": (lambda x: np.stack([1e9 * x, 1e-9 * x * x]), 1.5),
    "a rule of one's own": (own_product, numbers(2, 3), numbers(3, 4)),
    "a derivative as the function": (grad(lambda x: np.sum(np.sin(x) * x)), numbers(3)),
}


@pytest.mark.parametrize("modes", [("fwd",), ("rev",), ("fwd", "rev"), ["rev", "fwd"], {"rev"}], ids=str)
@pytest.mark.parametrize("name", RIGHT)
def test_right_derivatives_pass(name, modes):
    f, *args = RIGHT[name]
    assert check_grads(f, *args, modes=modes) is None


def test_to_higher_orders():
    check_grads(lambda x, y: np.sum(np.exp(x) * np.sin(y)), numbers(2), numbers(2, seed=2), order=3)
    check_grads(own_softmax, numbers(3), order=3)


@pytest.mark.parametrize("seed", range(20))
def test_right_derivatives_pass_whatever_is_drawn(seed):
    f, *args = RIGHT["a dictionary"]
    check_grads(f, *args, seed=seed)


def test_the_nudge_can_be_smaller():
    with pytest.raises(GradientError):
        check_grads(np.log, 1e-5)
    check_grads(np.log, 1e-5, h=1e-9, tolerance=1e-4, order=1)


def test_the_arguments_are_not_changed_and_the_work_does_not_grow_with_them():
    def calls(n):
        count, x = [], numbers(n)
        kept = x.copy()
        check_grads(lambda x: count.append(0) or np.sum(x * np.sin(x)), x)
        assert np.array_equal(x, kept)
        return len(count)

    assert calls(2) == calls(2000) < 50


def test_a_function_that_writes_into_its_argument_does_not_spoil_the_check():
    seen, x = [], numbers(3)

    def f(x):
        if isinstance(x, np.ndarray):
            x *= 2
            return x * x
        seen.append(x.data)
        return 4 * x * x

    check_grads(f, x, order=1)
    assert seen and all(np.array_equal(z, x) for z in seen)


# Wrong ones.


def planted(value, pullback):
    """A function with the derivative that it is given."""
    return custom_vjp(lambda *args: (value(*args), lambda g: pullback(g, *args)))


def softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def one_wrong(x):
    """1 everywhere, but at one place 1 + 10⁻³."""
    factor = np.ones(np.shape(x))
    factor[3, 1] += 1e-3
    return factor


X, Y, SQUARE = numbers(2, 3), numbers(3, 4), numbers(3, 3)

#: A function with a wrong rule, where it is looked at, and which argument is at fault.
WRONG = {
    "sign": (planted(np.cos, lambda g, x: (g * np.sin(x),)), [X], 0),
    "sign of the second": (planted(np.subtract, lambda g, x, y: (g, g)), [X, 2 * X], 1),
    "zero": (planted(np.sin, lambda g, x: (0 * x,)), [X], 0),
    "missing": (planted(np.multiply, lambda g, x, y: (g * y, None)), [X, 2 * X], 1),
    "transposed": (planted(lambda x: x @ SQUARE, lambda g, x: (g @ SQUARE,)), [X], 0),
    "the result transposed": (planted(lambda x: SQUARE @ x, lambda g, x: ((SQUARE.T @ g).T,)), [SQUARE.T], 0),
    "factors exchanged": (planted(np.multiply, lambda g, x, y: (g * x, g * y)), [X, 2 * X], 0),
    "a little too long": (planted(np.exp, lambda g, x: (g * np.exp(x) * (1 + 1e-3),)), [X], 0),
    "one number a little too long": (planted(np.sin, lambda g, x: (g * np.cos(x) * one_wrong(x),)), [numbers(8, 5)], 0),
    "softmax with nothing": (planted(softmax, lambda g, x: (np.zeros_like(x),)), [numbers(3)], 0),
    "softmax without its second term": (planted(softmax, lambda g, x: (g * softmax(x),)), [numbers(3)], 0),
    "for a uniform upstream": (planted(lambda x: x @ Y, lambda g, x: (np.mean(g) * np.ones(4) @ Y.T + 0 * x,)), [X], 0),
    "for an upstream of ones": (planted(np.sin, lambda g, x: (np.cos(x) + 0 * g,)), [X], 0),
    "for one upstream at a time": (planted(np.sin, lambda g, x: (np.sum(g) * np.cos(x),)), [X], 0),
    "not linear in the upstream": (planted(np.sin, lambda g, x: (g * np.abs(g) * np.cos(x),)), [X], 0),
    "an upstream without its sign": (planted(np.sin, lambda g, x: (np.abs(g) * np.cos(x),)), [X], 0),
    "broadcasting undone by a mean": (
        planted(np.multiply, lambda g, x, y: (g * y, np.mean(g * x, axis=0))), [X, numbers(3)], 1),
    "overwritten where it should add up": (planted(lambda x: x * x, lambda g, x: (g * x,)), [X], 0),
    "divided by the length": (planted(np.sum, lambda g, x: (g * np.ones_like(x) / np.size(x),)), [X], 0),
    "not divided by the length": (planted(np.mean, lambda g, x: (g * np.ones_like(x),)), [X], 0),
    "reversed": (planted(np.cumsum, lambda g, x: (np.cumsum(g),)), [numbers(5)], 0),
    "the tie's share": (planted(lambda x: np.max(x), lambda g, x: (g * np.ones_like(x),)), [numbers(5)], 0),
    "a wrong constant beside a right argument": (
        planted(lambda x, y: 1e6 * x + y, lambda g, x, y: (1e6 * g, 2 * g)), [X, X], 1),
    "small values": (planted(lambda x: 1e-12 * np.sin(x), lambda g, x: (-1e-12 * g * np.cos(x),)), [X], 0),
    "great values": (planted(lambda x: 1e12 * np.sin(x), lambda g, x: (1.001e12 * g * np.cos(x),)), [X], 0),
    "no number": (planted(np.sin, lambda g, x: (g * np.nan * x,)), [X], 0),
    "infinite": (planted(np.sin, lambda g, x: (g * np.inf,)), [X], 0),
}


@pytest.mark.parametrize("modes", [("fwd",), ("rev",), ("fwd", "rev")], ids=str)
@pytest.mark.parametrize("name", WRONG)
def test_wrong_derivatives_are_found_and_located(name, modes):
    f, args, i = WRONG[name]
    with np.errstate(all="ignore"), pytest.raises(GradientError) as caught:
        check_grads(f, *args, order=1, modes=modes)
    error = caught.value
    assert error.argument[0] == f"args[{i}]"
    assert error.mode in modes and error.against == "finite differences"
    assert not error.found == pytest.approx(error.expected, rel=1e-5), "the entries shown are wrong ones"
    if name == "one number a little too long":
        assert error.argument[1] == error.output[1] == (3, 1)
        assert error.found / error.expected == pytest.approx(1 + 1e-3, rel=1e-6)

    def only(x):  # the plain function
        with np.errstate(all="ignore"):
            return f(*args[:i], x, *args[i + 1 :])

    jacobian = numerical_jacobian(only, args[i])
    assert error.expected == pytest.approx(jacobian[error.output[1] + error.argument[1]], rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("name", ["one number a little too long", "softmax with nothing", "a little too long"])
def test_wrong_derivatives_are_found_whatever_is_drawn(name, seed):
    f, args, _ = WRONG[name]
    with pytest.raises(GradientError):
        check_grads(f, *args, order=1, seed=seed, modes=["rev"])


def test_the_entry_is_that_with_the_greatest_difference():
    wrong = np.array([[1.0, 1.1, 1.0], [1.0, 1.0, 0.7]])
    f = planted(lambda x: 2 * x, lambda g, x: (2 * g * wrong,))
    with pytest.raises(GradientError) as caught:
        check_grads(f, X)
    assert caught.value.output == ("output", (1, 2)) and caught.value.argument == ("args[0]", (1, 2))
    assert (caught.value.found, caught.value.expected) == pytest.approx((1.4, 2))


def test_what_is_no_number_differs_most():
    wrong = np.array([[1.0, 5.0, 1.0], [1.0, 1.0, np.nan]])
    f = planted(lambda x: 2 * x, lambda g, x: (2 * g * wrong,))
    with pytest.raises(GradientError) as caught:
        check_grads(f, X, modes=["rev"])
    assert caught.value.argument == ("args[0]", (1, 2)) and np.isnan(caught.value.found)
    g = planted(lambda x, y: x + y, lambda g, x, y: (5 * g, g * wrong))
    with pytest.raises(GradientError) as caught:
        check_grads(g, X, X, modes=["rev"])
    assert caught.value.argument == ("args[1]", (1, 2))


def test_the_argument_is_found_in_a_structure_and_so_is_the_output():
    bad = planted(np.sin, lambda g, x: (-g * np.cos(x),))

    def f(p, q):
        return {"sum": p["w"][0] + q, "other": [p["b"] * q, bad(p["w"][1])]}

    with pytest.raises(GradientError) as caught:
        check_grads(f, {"b": 1.5, "w": [2.0, np.array([0.5, 3.0])]}, 0.7)
    assert caught.value.argument == ("args[0]['w'][1]", (1,))
    assert caught.value.output == ("output['other'][1]", (1,))


def test_the_message():
    f = planted(np.multiply, lambda g, x, y: (g * y, -g * x))
    with pytest.raises(GradientError) as caught:
        check_grads(f, np.array([[1.0, 3.0]]), np.array([[2.0, 4.0]]))
    assert str(caught.value) == """\
fwd gives a wrong derivative of output[0, 1] by args[1][0, 1]
  found      -3
  expected   3, from finite differences
  difference -6.0e+00
wrong as well: rev by args[1]"""
    assert isinstance(caught.value, AssertionError)


def test_the_message_for_a_second_derivative():
    cosine = planted(np.cos, lambda g, x: (2 * g * np.sin(x),))
    sine = planted(np.sin, lambda g, x: (g * cosine(x),))
    check_grads(sine, 2.0, order=1)
    with pytest.raises(GradientError) as caught:
        check_grads(sine, np.pi / 2, modes=["rev"])
    lines = str(caught.value).splitlines()
    assert lines[0] == "rev over rev gives a wrong derivative of output[0] by args[0]"
    assert lines[-1] == "where the output is that of rev of f"


def test_the_same_is_found_each_time():
    f, args, _ = WRONG["softmax without its second term"]
    messages = set()
    for _ in range(3):
        with pytest.raises(GradientError) as caught:
            check_grads(f, *args)
        messages.add(str(caught.value))
    assert len(messages) == 1


@pytest.mark.parametrize("modes", [("fwd",), ("rev",), ("fwd", "rev")], ids=str)
def test_a_pullback_that_is_right_at_first_order_only(modes):
    # What it multiplies by does not take part in the recording, so that second derivatives lack a term.
    f = planted(np.exp, lambda g, x: (g * np.exp(unboxed(x)),))
    with pytest.raises(GradientError) as caught:
        check_grads(f, 0.5, modes=modes)
    assert " over " in caught.value.mode


def unboxed(x):
    while hasattr(x, "data") and not isinstance(x, (np.ndarray, np.generic)):
        x = x.data
    return x


def by_hand(pullback, pushforward):
    """The sine, with a rule for each mode; it is entered into no registry."""
    return Primitive(lambda x: np.sin(x), formulas([pullback]), formulas([pushforward]))


def test_each_mode_is_named_by_itself():
    def right(g, a):
        return g * np.cos(a)

    def wrong(g, a):
        return g * np.sin(a)

    for f, mode, other in [(by_hand(wrong, right), "rev", "fwd"), (by_hand(right, wrong), "fwd", "rev")]:
        with pytest.raises(GradientError) as caught:
            check_grads(f, X)
        assert (caught.value.mode, caught.value.against) == (mode, "finite differences")
        check_grads(f, X, order=1, modes=[other])
        with pytest.raises(GradientError) as caught:
            check_grads(f, X, modes=[mode])
        assert f"\nwrong as well: {other}" not in str(caught.value)


def test_the_dot_product_test_sees_what_finite_differences_cannot():
    f = by_hand(lambda g, a: g * np.cos(a) * (1 + 1e-8), lambda t, a: t * np.cos(a))
    for mode in "fwd", "rev":
        check_grads(f, X, modes=[mode])
    with pytest.raises(GradientError) as caught:
        check_grads(f, X, order=1)
    assert (caught.value.mode, caught.value.against) == ("rev", "fwd")
    assert caught.value.found / caught.value.expected == pytest.approx(1 + 1e-8, abs=1e-12)
    assert caught.value.argument[1] == caught.value.output[1]


def test_a_mode_that_does_not_carry_a_direction_linearly():
    f = by_hand(lambda g, a: g * np.cos(a), lambda t, a: t * np.abs(t) * np.cos(a))
    with pytest.raises(GradientError) as caught:
        check_grads(f, X)
    assert caught.value.mode == "fwd" and caught.value.found != pytest.approx(caught.value.expected)


def test_a_tolerance_decides():
    f = planted(np.sin, lambda g, x: (g * np.cos(x) * (1 + 1e-3),))
    check_grads(f, X, order=1, tolerance=1e-2)
    with pytest.raises(GradientError):
        check_grads(f, X, order=1, tolerance=1e-4)


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(["sign", "zero", "long"]),
    st.lists(st.integers(1, 3), max_size=3),
    st.integers(0, 2**32 - 1),
)
def test_a_single_wrong_entry_is_found_wherever_it_is(kind, shape, seed):
    rng = np.random.default_rng(seed)
    at = tuple(int(rng.integers(n)) for n in shape)
    factor = np.ones(shape)
    factor[at] = {"sign": -1, "zero": 0, "long": 1 + 1e-3}[kind]
    f = planted(lambda x, y: x * np.exp(y), lambda g, x, y: (g * np.exp(y), g * x * np.exp(y) * factor))
    with pytest.raises(GradientError) as caught:
        check_grads(f, rng.uniform(0.5, 1.5, shape), rng.uniform(-1, 1, shape), order=1)
    assert caught.value.argument == ("args[1]", at) and caught.value.output == ("output", at)


# What is refused, and what is passed on.


@pytest.mark.parametrize("args, name", [
    ([True], "args[0]"),
    ([1.0, np.array([True])], "args[1]"),
    ([{"a": [1.0, 2j]}], "args[0]['a'][1]"),
    ([1.0, "2"], "args[1]"),
    ([None], "args[0]"),
    ([np.array([None])], "args[0]"),
], ids=repr)
def test_an_argument_that_is_not_of_real_numbers_is_refused_by_name(args, name):
    with pytest.raises(TypeError) as caught:
        check_grads(lambda *args: 0.0, *args)
    assert str(caught.value).startswith(f"{name} must be real numbers; got ")


@pytest.mark.parametrize("args", [[], [[]], [{}, ()]], ids=repr)
def test_there_must_be_something_to_differentiate_by(args):
    with pytest.raises(ValueError, match="expected arguments of f by which to differentiate; got none"):
        check_grads(lambda *args: 0.0, *args)


@pytest.mark.parametrize("options", [
    {"order": 0}, {"order": -1}, {"modes": ()}, {"modes": ["forward"]}, {"modes": "rev"}], ids=repr)
def test_options_that_would_check_nothing_are_refused(options):
    with pytest.raises(ValueError, match=r'expected an order of at least 1, and modes out of \("fwd", "rev"\); got'):
        check_grads(np.sin, 1.0, **options)


@pytest.mark.parametrize("f, x", [
    (np.sqrt, -1.0),
    (np.log, 0.0),
    (lambda x: x * np.inf, 1.0),
    (lambda x: np.where(x > 0, x, 0.0), 0.0),
], ids=["outside", "at the border", "infinite", "at a kink"])
def test_where_there_is_no_derivative_to_measure_nothing_passes(f, x):
    with np.errstate(all="ignore"), pytest.raises(GradientError):
        check_grads(f, x, order=1)


def test_a_derivative_of_the_wrong_shape_is_the_engines_error():
    f = planted(lambda x: SQUARE @ x, lambda g, x: ((SQUARE.T @ g).T,))
    with pytest.raises(ValueError, match=r"a pullback returned the shape \(2, 3\) for an argument of shape \(3, 2\)"):
        check_grads(f, numbers(3, 2))


def test_what_the_function_raises_is_passed_on():
    with pytest.raises(ZeroDivisionError):
        check_grads(lambda x: 1 / 0, 1.0)
    with pytest.raises(TypeError, match="no derivative rule"):
        check_grads(lambda x: np.sinc(x), 1.0)
