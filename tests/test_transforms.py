"""Transformations: what they return, and that they can be nested."""

import itertools
import tracemalloc
from collections import namedtuple

import numpy as np
import pytest

from minigrad import (
    Tensor,
    checkpoint,
    custom_vjp,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    no_grad,
    value_and_grad,
    vjp,
)

X = np.array([0.3, -0.7, 1.1])
A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def is_plain(x):
    return isinstance(x, (np.ndarray, np.floating))


# One by one.


def test_grad():
    g = grad(lambda x: np.sum(x**3))(X)
    assert is_plain(g) and np.allclose(g, 3 * X**2)


def test_grad_of_a_number_is_a_number():
    g = grad(lambda x: x * x)(3)
    assert isinstance(g, np.floating) and g == 6


def test_value_and_grad():
    value, g = value_and_grad(lambda x: x @ x)(X)
    assert is_plain(value) and value == X @ X and np.allclose(g, 2 * X)


def test_argnums():
    def f(x, y, z):
        return np.sum(x * y) * z

    y = np.arange(3.0)
    assert np.allclose(grad(f, argnums=1)(X, y, 2.0), 2 * X)
    assert np.allclose(grad(f, argnums=-1)(X, y, 2.0), X @ y)
    gx, gz = grad(f, argnums=(0, 2))(X, y, 2.0)
    assert np.allclose(gx, 2 * y) and np.allclose(gz, X @ y)
    (only,) = grad(f, argnums=(1,))(X, y, 2.0)
    assert np.allclose(only, 2 * X)


def test_derivatives_come_in_the_order_of_argnums():
    def f(x, y):
        return x * x * y

    assert grad(f, (1, 0))(3.0, 5.0) == (9, 30) and grad(f, (-1, 0))(3.0, 5.0) == (9, 30)
    for jac in jacobian, jacrev, jacfwd:
        assert jac(f, (1, 0))(3.0, 5.0) == (9, 30)
    assert hessian(f, (1, 0))(3.0, 5.0) == ((0, 6), (6, 10))
    assert hvp(f, (1, 0))(3.0, 5.0, (1.0, 0.0)) == (0, 6)


@pytest.mark.parametrize("argnums", [(0, 0), (0, -2), (1, 0, 1)])
def test_an_argument_is_named_once(argnums):
    for transform in grad, value_and_grad, jacobian, jacrev, jacfwd, hessian:
        with pytest.raises(ValueError, match="argnums names an argument twice"):
            transform(lambda x, y: x * y, argnums)(1.0, 2.0)
    with pytest.raises(ValueError, match="argnums names an argument twice"):
        hvp(lambda x, y: x * y, argnums)(1.0, 2.0, (1.0, 1.0))


def test_other_arguments_may_be_anything():
    def f(x, name, flag=None, *, power=2):
        return np.sum(x**power) if name == "sum" else 0.0

    assert np.allclose(grad(f)(X, "sum", object(), power=3), 3 * X**2)
    assert grad(f)(X, "other").tolist() == [0, 0, 0]


def test_gradients_have_the_structure_of_the_arguments():
    Point = namedtuple("Point", "x y")
    parameters = {"w": A, "layers": [np.ones(2), (3.0, X)], "at": Point(1.0, 2)}

    def f(p):
        return np.sum(p["w"]) * p["layers"][1][0] + p["layers"][0] @ p["layers"][0] + p["at"].x * p["at"].y

    g = grad(f)(parameters)
    assert list(g) == ["w", "layers", "at"] and isinstance(g["at"], Point) and isinstance(g["layers"][1], tuple)
    assert np.all(g["w"] == 3) and g["layers"][0].tolist() == [2, 2] and g["layers"][1][0] == 21
    assert g["layers"][1][1].tolist() == [0, 0, 0] and g["at"] == (2, 1)


def test_a_function_may_change_the_list_it_is_given():
    assert grad(lambda xs: xs.pop() * xs.pop() * 3.0)([2.0, 5.0]) == [15, 6]


def test_gradients_of_what_does_not_matter_are_zero():
    g = grad(lambda x, y: np.sum(y), argnums=0)(np.ones((2, 3), np.float32), X)
    assert g.shape == (2, 3) and g.dtype == np.float32 and not g.any()
    assert grad(lambda x: 3.0)(X).tolist() == [0, 0, 0]
    assert grad(lambda x: np.argmax(x))(X).tolist() == [0, 0, 0]
    assert grad(lambda x: np.sum(np.sign(x)))(X).tolist() == [0, 0, 0]


def test_gradients_are_arrays_of_their_own():
    x = np.ones(3)
    gx, gy = grad(lambda x, y: np.sum(x + y), argnums=(0, 1))(x, x)
    gx *= 5
    assert gy.tolist() == x.tolist() == [1, 1, 1]


def test_vjp():
    value, pullback = vjp(lambda x, y: A @ x * y, X, 2.0)
    assert is_plain(value) and np.allclose(value, 2 * A @ X)
    gx, gy = pullback(np.array([1.0, 2.0]))
    assert np.allclose(gx, [18, 24, 30]) and np.isclose(gy, [1, 2] @ A @ X)
    assert np.array_equal(pullback([1, 2])[0], gx), "a pullback can be used again"


def test_the_value_of_vjp_may_be_written_into():
    for f in np.exp, lambda x: x.sigmoid(), lambda x: {"y": np.tanh(x)}["y"]:
        value, pullback = vjp(f, X)
        expected = pullback(np.ones(3))[0]
        value -= 5
        assert np.array_equal(pullback(np.ones(3))[0], expected)


def test_vjp_of_several_results():
    value, pullback = vjp(lambda x: {"a": x * x, "b": [x, 3.0, np.sum(x)], "c": x}, X)
    assert value["b"][1] == 3 and is_plain(value["a"])
    zero = np.zeros(3)
    (g,) = pullback({"a": np.ones(3), "b": [zero, 7.0, 1.0], "c": np.full(3, 10.0)})
    assert np.allclose(g, 2 * X + 1 + 10)
    value, pullback = vjp(lambda x: (x, x), X)
    assert np.allclose(pullback((X, X))[0], 2 * X)


def test_jvp():
    value, tangent = jvp(lambda x, y: A @ x * y, (X, 2.0), (np.ones(3), 1.0))
    assert np.allclose(value, 2 * A @ X) and np.allclose(tangent, 2 * A @ np.ones(3) + A @ X)
    value, tangent = jvp(lambda p: {"s": np.sum(p["x"]), "c": 1.0}, ({"x": X},), ({"x": X},))
    assert tangent == {"s": np.sum(X), "c": 0}


def test_kwargs_are_constants():
    assert np.allclose(vjp(lambda x, p: x**p, X, p=2)[1](np.ones(3))[0], 2 * X)
    assert np.allclose(jvp(lambda x, p: x**p, (X,), (np.ones(3),), p=2)[1], 2 * X)


# Jacobians.


@pytest.mark.parametrize("jac", [jacobian, jacrev, jacfwd])
@pytest.mark.parametrize(
    "f, shape",
    [
        (lambda x: A @ x, (3,)),
        (lambda x: np.outer(x, x), (2,)),
        (lambda x: np.sum(x, axis=0), (2, 3)),
        (lambda x: np.sum(x * x), (2, 3)),
        (lambda x: x * np.ones((2, 2)), ()),
        (lambda x: x[:0], (3,)),
        (lambda x: x, (0,)),
        (lambda x: np.ones(2), (3,)),
    ],
)
def test_jacobians(jac, f, shape):
    x = np.random.default_rng(0).normal(size=shape)
    J, h = jac(f)(x), 1e-6
    assert is_plain(J) and J.shape == np.shape(f(x)) + shape
    for index in np.ndindex(shape):
        e = np.zeros(shape)
        e[index] = h
        assert np.allclose(J[(..., *index)], (f(x + e) - f(x - e)) / (2 * h), atol=1e-8)


@pytest.mark.parametrize("jac", [jacobian, jacrev, jacfwd])
def test_jacobians_of_structures(jac):
    def f(p, y):
        return {"s": p["w"] @ y, "t": (np.sum(y),)}

    p, y = {"w": A, "unused": 1.0}, X
    J = jac(f, argnums=(0, 1))(p, y)
    assert J["s"][0]["w"].shape == (2, 2, 3) and J["s"][0]["unused"].tolist() == [0, 0]
    assert np.allclose(J["s"][1], A) and J["t"][0][1].tolist() == [1, 1, 1] and J["t"][0][0]["w"].shape == (2, 3)
    assert np.allclose(jac(f, argnums=1)(p, y)["s"], A)


@pytest.mark.parametrize("jac", [jacobian, jacrev, jacfwd])
def test_jacobians_by_several_arguments_are_tuples(jac):
    J = jac(lambda x, y: x * y, (0, 1))(X, 2.0)
    assert isinstance(J, tuple) and np.allclose(J[0], 2 * np.eye(3)) and np.allclose(J[1], X)
    assert isinstance(jac(lambda x: {"y": x}, (0,))(2.0)["y"], tuple)


@pytest.mark.parametrize("jac", [jacobian, jacrev, jacfwd])
def test_jacobians_by_integers(jac):
    """An integer to a negative power is an error in NumPy, and 1.0 is not."""
    x = np.array([1, 2])
    assert np.allclose(jac(lambda x: x**-1)(x), [[-1, 0], [0, -0.25]])
    assert jac(lambda x: np.concatenate([x**-1, x]))(x).shape == (4, 2)


def test_jacobian_takes_the_way_with_fewer_sweeps():
    calls = []

    def wide(x):
        calls.append(1)
        return np.outer(np.ones(10), x)

    def narrow(x):
        calls.append(1)
        return np.sum(x)

    jacobian(narrow)(np.ones(50))
    assert len(calls) == 1
    calls.clear()
    jacobian(wide)(np.ones(2))
    assert len(calls) <= 4


def test_hessian():
    def f(x):
        return x[0] ** 2 * x[1] + np.sin(x[2]) * x[0]

    x, y, z = X
    expected = [[2 * y, 2 * x, np.cos(z)], [2 * x, 0, 0], [np.cos(z), 0, -np.sin(z) * x]]
    assert np.allclose(hessian(f)(X), expected)
    assert np.allclose(jacrev(grad(f))(X), expected) and np.allclose(jacfwd(jacfwd(f))(X), expected)
    assert np.allclose(jacrev(jacrev(f))(X), expected) and np.allclose(jacrev(jacfwd(f))(X), expected)
    assert hessian(lambda x: np.sum(x))(A).shape == (2, 3, 2, 3)


def test_hessian_of_several_arguments():
    H = hessian(lambda x, y: np.sum(x) ** 2 * y, argnums=(0, 1))(X, 2.0)
    assert np.all(H[0][0] == 4) and np.allclose(H[0][1], 2 * np.sum(X)) and np.allclose(H[1][0], 2 * np.sum(X))
    assert H[1][1] == 0
    assert isinstance(H, tuple) and isinstance(H[0], tuple)


def test_hvp():
    def f(x, y):
        return np.sum(np.exp(x) * np.sum(x) * y)

    v = np.array([1.0, -2.0, 0.5])
    assert np.allclose(hvp(f)(X, 2.0, v), hessian(f)(X, 2.0) @ v)
    hx, hy = hvp(f, argnums=(0, 1))(X, 2.0, (v, 3.0))
    H = hessian(f, argnums=(0, 1))(X, 2.0)
    assert np.allclose(hx, H[0][0] @ v + 3 * H[0][1]) and np.allclose(hy, H[1][0] @ v + 3 * H[1][1])


def test_hvp_without_a_vector():
    for args in [(), (X,)]:
        with pytest.raises(TypeError, match=rf"arguments of f and then the vector; got {len(args)} in all"):
            hvp(lambda x: x @ x)(*args)


# Nesting.


def by_grad(f):
    return grad(f)


def by_jvp(f):
    return lambda x: jvp(f, (x,), (1.0,))[1]


def by_vjp(f):
    return lambda x: vjp(f, x)[1](1.0)[0]


def by_tensor(f):
    """The way with objects, inside of other transformations."""

    def derivative(x):
        t = Tensor(x)
        f(t).backward()
        return t.grad

    return derivative


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_every_order_of_nesting(depth):
    def f(x):
        return np.sin(x) * x**3 + np.sum(np.stack([x, x * x]) * np.concatenate([np.ravel(x), np.ravel(x)]))

    def exact(x):  # by Leibniz' rule
        binomial = [[1, 1], [1, 2, 1], [1, 3, 3, 1], [1, 4, 6, 4, 1]][depth - 1]
        sine = [np.sin(x), np.cos(x), -np.sin(x), -np.cos(x), np.sin(x)]
        cube = [x**3, 3 * x**2, 6 * x, 6, 0]
        rest = [0, 2 * x + 3 * x**2, 2 + 6 * x, 6, 0][depth]
        return sum(c * sine[i] * cube[depth - i] for i, c in enumerate(binomial)) + rest

    for ways in itertools.product([by_grad, by_jvp, by_vjp], repeat=depth):
        g = f
        for way in ways:
            g = way(g)
        assert np.isclose(g(1.3), exact(1.3), rtol=1e-12), [way.__name__ for way in ways]


# Two sweeps of Tensors made by hand at the same place share their level, and so both add to the outer one's grad.
PAIRS = [(a, b) for a in (by_grad, by_jvp, by_vjp) for b in (by_grad, by_jvp, by_vjp, by_tensor)]


@pytest.mark.parametrize("outer, inner", [*PAIRS, (by_tensor, by_grad), (by_tensor, by_jvp), (by_tensor, by_vjp)])
def test_no_perturbation_confusion(outer, inner):
    assert outer(lambda x: x * inner(lambda y: x + y)(1.0))(1.0) == 1
    assert outer(lambda x: x * inner(lambda y: x * y)(2.0))(3.0) == 6
    assert outer(lambda x: inner(lambda y: x * y * y)(x))(3.0) == 12
    assert outer(lambda x: inner(lambda y: np.sum(np.stack([x, y]) ** 2))(x) * x)(3.0) == 12


def test_tensors_made_by_hand_outside_are_seen_through():
    w = Tensor(2.0)
    g = grad(lambda x: w * x * x)(3.0)
    g.backward()
    assert g.data == 12 and w.grad == 6
    value, pullback = vjp(lambda x: w * x, 3.0)
    pullback(w)[0].backward()
    assert w.grad == 6 + 4


def test_a_tensor_made_inside_is_opened():
    assert grad(lambda x: Tensor(x) * 2.0 * x)(3.0) == 12
    assert jvp(lambda x: Tensor(x) * x, (3.0,), (1.0,)) == (9, 6)


def test_a_pullback_can_be_differentiated_by_its_upstream():
    _, pullback = vjp(lambda x: np.sin(x), X)
    assert np.allclose(jacfwd(lambda u: pullback(u)[0])(np.ones(3)), np.diag(np.cos(X)))
    assert np.allclose(jacrev(lambda u: pullback(u)[0])(np.ones(3)), np.diag(np.cos(X)))


def test_a_box_that_outlives_its_transformation_confuses_nothing():
    kept = []
    jvp(lambda x: kept.append(x) or x, (2.0,), (1.0,))
    tangent = jvp(lambda x: x * kept[0], (3.0,), (1.0,))[1]
    assert tangent.data == 2 and tangent.tangent == 1
    assert grad(lambda x: x * kept[0])(3.0).data == 2


def test_an_error_leaves_no_trace():
    with pytest.raises(ZeroDivisionError):
        grad(lambda x: 1 / 0)(1.0)
    assert Tensor(1.0).level == 1


# Rules of one's own.


@custom_vjp
def cube(x):
    """x³, with a derivative that is ten times as large."""
    return x**3, lambda g: (g * 30 * x**2,)


def test_a_rule_of_ones_own():
    assert cube(2.0) == 8 and cube.__doc__.startswith("x³")
    assert grad(cube)(2.0) == 120
    assert np.allclose(grad(lambda x: np.sum(cube(x)) * 2)(X), 60 * X**2)
    x = Tensor(2.0)
    (cube(x) * cube(x)).backward()
    assert x.grad == 2 * 8 * 120


def test_a_rule_of_ones_own_in_every_mode():
    for way in by_grad, by_jvp, by_vjp, by_tensor:
        assert way(cube)(2.0) == 120
    for ways in itertools.product([by_grad, by_jvp, by_vjp], repeat=2):
        assert np.isclose(ways[0](ways[1](cube))(2.0), 120), "the derivative of 30x² by its own rules is 60x"


def test_a_rule_of_several_arguments():
    @custom_vjp
    def f(p, scale):
        return scale * p["a"] @ p["b"], lambda g: ({"a": g * p["b"], "b": 2 * g * p["a"]}, None)

    a, b = np.ones(3), X
    g, gs = grad(f, argnums=(0, 1))({"a": a, "b": b}, 3.0)
    assert np.allclose(g["a"], b) and np.allclose(g["b"], 2 * a) and gs == 0
    tangent = jvp(f, ({"a": a, "b": b}, 3.0), ({"a": b, "b": a}, 1.0))[1]
    assert np.isclose(tangent, b @ b + 2 * a @ a)
    assert np.allclose(grad(lambda b: f({"a": a, "b": b}, 3.0))(b), 2 * a)


@pytest.mark.parametrize("other", [np.array([True, False, True]), "name", None, len, [1, "two", None]], ids=repr)
def test_a_rule_of_arguments_that_are_no_numbers(other):
    f = custom_vjp(lambda x, other: (2 * x, lambda g: (3 * g, None)))
    assert grad(lambda x: np.sum(f(x, other)))(X).tolist() == [3, 3, 3]
    assert jvp(lambda x: np.sum(f(x, other)), (X,), (X,))[1] == 3 * np.sum(X)
    assert grad(lambda x: grad(lambda x: np.sum(f(x, other) ** 2))(x)[0])(X)[0] == 18, "2f · 3, and again"


def test_a_pullback_may_write_into_what_it_is_given():
    def spoil(g):
        g *= 100
        return (g,)

    x, y = Tensor(np.ones(3)), Tensor(np.ones(3))
    upstream = np.ones(3)
    (custom_vjp(lambda x: (x + 0, spoil))(x) + y).backward(upstream)
    assert x.grad.tolist() == [100] * 3 and y.grad.tolist() == upstream.tolist() == [1] * 3


def test_what_a_pullback_returns_stays_its_own():
    slope = np.ones(3)
    f = custom_vjp(lambda x: (x * 1, lambda g: (slope,)))
    x = Tensor(X)
    f(x).backward(np.ones(3))
    x.grad *= 5
    assert slope.tolist() == [1, 1, 1]


def test_a_rule_that_does_not_fit_is_an_error():
    for wrong in lambda g: g, lambda g: (g, g), lambda g: (np.ones((2, 3)),), lambda g: (g[0],), lambda g: None:
        with pytest.raises(ValueError, match="pullback"):
            vjp(custom_vjp(lambda x, wrong=wrong: (x * 2, wrong)), X)[1](X)
    w = Tensor(2.0)
    with pytest.raises(ValueError, match="not among its arguments"):
        custom_vjp(lambda x: (w * x, lambda g: (g,)))(Tensor(1.0))


# Checkpoints.


def layers(x, w):
    for _ in range(20):
        x = np.tanh(x @ w)
    return x


def test_a_checkpoint_changes_no_derivative():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(4, 3)), rng.normal(size=(3, 3))

    def loss(f):
        return lambda x, w: np.sum(f(f(x, w), w) ** 2)

    plain, saved = loss(layers), loss(checkpoint(layers))
    assert all(np.allclose(a, b) for a, b in zip(grad(plain, (0, 1))(x, w), grad(saved, (0, 1))(x, w)))
    assert np.allclose(jvp(plain, (x, w), (x, w))[1], jvp(saved, (x, w), (x, w))[1])
    assert np.allclose(hvp(plain)(x, w, x), hvp(saved)(x, w, x))
    twice = [grad(lambda x, f=f: np.sum(grad(f)(x, w) ** 2))(x) for f in (plain, saved)]
    assert np.allclose(*twice)


def test_a_checkpoint_finds_tensors_that_are_not_arguments():
    rng = np.random.default_rng(0)
    x, data = rng.normal(size=(4, 3)), rng.normal(size=(3, 3))
    results = []
    for wrap in lambda f: f, checkpoint:
        v = Tensor(data)
        w = np.sin(v)
        f = wrap(lambda x, v=v, w=w: layers(x, w) @ v)
        np.sum(f(f(Tensor(x))) ** 2).backward()
        results.append(v.grad)
    assert np.allclose(*results)
    y = checkpoint(lambda x: x @ w)(x)
    y.backward(np.ones(y.shape))
    assert y.requires_grad


def test_a_checkpoint_saves_memory():
    x, w = np.ones((200, 100)), np.eye(100)
    peaks = []
    for f in layers, checkpoint(layers):
        t = Tensor(x)
        tracemalloc.start()
        y = t
        for _ in range(5):
            y = f(y, w)
        peaks.append(tracemalloc.get_traced_memory()[0] / x.nbytes)
        y.backward(x)
        tracemalloc.stop()
    assert peaks[0] > 90 and peaks[1] < 12


def test_a_checkpoint_of_a_constant():
    f = checkpoint(lambda x: x * 2)
    assert f(3.0) == 6
    with no_grad():
        assert not f(Tensor(3.0)).requires_grad
    assert checkpoint(lambda x: 5.0)(Tensor(3.0)) == 5
    x = Tensor(3.0)
    y = f(x)
    with no_grad():
        y.backward()
    assert x.grad == 2


@pytest.mark.parametrize("pair", [tuple, list, lambda pair: dict(enumerate(pair)), lambda pair: None])
def test_a_checkpoint_of_several_results_is_an_error(pair):
    """Their derivatives would be lost."""
    f = checkpoint(lambda x: pair([x * 2, x * 3]))
    with pytest.raises(TypeError, match=r"checkpoint returns one array; got a \w+: .*np\.stack"):
        f(Tensor(1.0))
    with pytest.raises(TypeError, match="checkpoint returns one array"):
        grad(lambda x: f(x)[0])(1.0)


def test_structures_that_do_not_match_are_errors():
    for upstream in (1.0, [X], {"b": X}, {"a": X, "b": X}):
        with pytest.raises(ValueError, match=r"expected a dict of 1 entries with the keys \['a'\]; got"):
            vjp(lambda x: {"a": x}, X)[1](upstream)
    with pytest.raises(ValueError, match="expected a tuple of 1 entries"):
        jvp(np.sin, (X,), (X, X))
    with pytest.raises(ValueError, match="shape"):
        jvp(np.sin, (X,), (np.ones(2),))
