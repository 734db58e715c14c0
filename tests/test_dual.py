"""``Dual``: tangents that are carried along."""

import operator

import numpy as np
import pytest

from minigrad import Tensor, grad, jvp, no_grad, vjp
from minigrad.box import RULES, Primitive, transformation
from minigrad.dual import Dual


def dual(data, tangent):
    with transformation() as level:
        return Dual(np.asarray(data, float), np.asarray(tangent, float), level)


def test_a_dual_number():
    with transformation() as level:
        a, b = Dual(np.float64(3), np.float64(1), level), Dual(np.float64(4), np.float64(2), level)
    y = a * b
    assert (y.data, y.tangent) == (12, 10)
    assert ((a / b).data, (a / b).tangent) == (0.75, (4 - 3 * 2) / 16)


@pytest.mark.parametrize("op", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow], ids=str)
def test_operators_with_constants(op):
    h = 1e-6
    for f in lambda x: op(x, 2.5), lambda x: op(2.5, x), lambda x: op(np.array([1.0, 2.0]), x):
        y = f(dual([1.5, 0.5], [1.0, -2.0]))
        x, t = np.array([1.5, 0.5]), np.array([1.0, -2.0])
        assert isinstance(y, Dual)
        assert np.allclose(y.tangent, (f(x + h * t) - f(x - h * t)) / (2 * h))


def test_a_tangent_has_the_shape_and_the_dtype_of_its_value():
    x = np.ones((3, 1), np.float32)
    for f in [
        lambda x: x + np.ones((1, 4), np.float32),
        lambda x: x * np.ones(4),
        lambda x: np.where(np.ones((2, 1, 1), bool), x, 0),
        lambda x: np.maximum(x, np.zeros((1, 4), np.float32)),
        lambda x: np.stack([x, np.zeros((3, 1))]),
        lambda x: np.mean(x),
        lambda x: x.sigmoid() * 2.0,
    ]:
        value, tangent = jvp(f, (x,), (np.ones((3, 1)),))
        assert tangent.shape == value.shape and tangent.dtype == value.dtype


def test_it_has_the_methods_of_a_tensor():
    x = dual([[1.0, -2.0]], [[1.0, 1.0]])
    assert x.relu().tangent.tolist() == [[1, 0]]
    assert x.sum().tangent == 2 and x.T.shape == (2, 1) and x.reshape(2).tangent.tolist() == [1, 1]
    assert (x > 0).tolist() == [[True, False]]
    assert repr(dual(2, 1)) == "Dual(2.0)"


def test_no_grad_stops_tangents_too():
    def f(x):
        with no_grad():
            c = x * x
        return c * x

    assert jvp(f, (3.0,), (1.0,)) == (27, 9)


def test_what_is_detached_has_no_tangent_of_any_order():
    def f(x):
        return x.detach() * x

    assert jvp(f, (3.0,), (1.0,)) == (9, 3)
    assert jvp(lambda x: jvp(f, (x,), (1.0,))[1], (3.0,), (1.0,)) == (3, 0)
    assert isinstance(dual(2, 1).detach(), Dual) and dual(2, 1).detach().tangent == 0


def test_both_modes_are_adjoint_through_a_long_program():
    rng = np.random.default_rng(0)

    def f(x, w):
        for _ in range(5):
            x = np.tanh(x @ w) + x[::-1]
            w = w - 0.1 * np.outer(x[0], x[1])
        return np.concatenate([x, w])

    xs = [rng.normal(size=(4, 3)), rng.normal(size=(3, 3))]
    vs = [rng.normal(size=x.shape) for x in xs]
    value, pullback = vjp(f, *xs)
    u = rng.normal(size=value.shape)
    _, tangent = jvp(f, xs, vs)
    assert np.isclose(np.sum(u * tangent), sum(np.sum(g * v) for g, v in zip(pullback(u), vs)), rtol=1e-13)


def test_a_dual_of_a_tensor_and_a_tensor_of_a_dual():
    """∂/∂x of the derivative of x²y along x, either way round."""
    x = Tensor(3.0)
    _, tangent = jvp(lambda t: t * t * x, (x,), (1.0,))
    tangent.backward()
    assert tangent.data == 18 and x.grad == 12
    value, tangent = jvp(grad(lambda t: t**4), (2.0,), (1.0,))
    assert (value, tangent) == (32, 48)


def test_every_linear_function_is_its_own_pushforward():
    linear = [p for p in RULES.values() if isinstance(p, Primitive) and p.pushforwards is None]
    assert len(linear) > 15
