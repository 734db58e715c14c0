"""Bad input never gives a wrong number in silence: what each error says."""

import math

import numpy as np
import pytest

from minigrad import Tensor, grad, hessian, jacobian, jvp, rules, value_and_grad, vjp
from minigrad.box import RULES, elementwise, linear

x3 = np.array([1.0, 2.0, 3.0])


def t3():
    return Tensor(x3)


# What cannot be differentiated by.

BAD = {
    "bool": True,
    "booleans": np.array([True, False]),
    "complex": 1j,
    "complex array": np.array([1 + 0j]),
    "string": "1.0",
    "strings": np.array(["a"]),
    "object": np.array([1.0, None]),
    "None": None,
    "date": np.datetime64("2020-01-01"),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_only_real_numbers_have_derivatives(data):
    for f in [
        Tensor,
        grad(lambda x: x),
        lambda x: vjp(lambda x: x, x),
        lambda x: jvp(lambda x: x, (x,), (x,)),
        lambda x: vjp(lambda x: x, 1.0)[1](x),
    ]:
        with pytest.raises(TypeError, match="real numbers"):
            f(data)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_arrays_with_operators_of_their_own():
    for data in np.ma.masked_array(x3, [True, False, False]), np.matrix(x3):
        for f in Tensor, grad(np.sum), lambda x: jvp(np.sum, (x,), (x,)):
            with pytest.raises(TypeError, match=rf"got a {type(data).__name__}: use np\.asarray.*np\.where"):
                f(data)


def test_masks_and_integers_are_constants_like_others():
    x = t3()
    (x * np.array([True, False, True]) * np.array([1, 2, 3])).backward(np.ones(3))
    assert x.grad.tolist() == [1, 0, 3]
    x.grad = None
    (True * x).backward(np.ones(3))
    assert x.grad.tolist() == [1, 1, 1]


@pytest.mark.parametrize("constant", [1j, np.array([1j, 1, 1]), np.array([1, 1, 1], object)], ids=repr)
def test_complex_numbers_do_not_get_in_by_the_side(constant):
    for f in lambda x: x * constant, lambda x: constant * x, lambda x: np.multiply(x, constant):
        with pytest.raises(TypeError, match="real"):
            x = t3()
            f(x).backward(np.ones(3))
        with pytest.raises(TypeError, match="real"):
            jvp(f, (x3,), (x3,))
        with pytest.raises(TypeError, match="real"):
            vjp(f, x3)


def test_a_tensor_of_a_tensor():
    with pytest.raises(TypeError, match="in a Tensor already"):
        Tensor(t3())


# Ways to lose a graph.


@pytest.mark.parametrize(
    "lose",
    [
        lambda t: np.asarray(t),
        lambda t: np.array(t),
        lambda t: np.array([t[0], t[1]]),
        lambda t: np.array([t, t]),
        lambda t: np.asarray([1.0, t[0]]),
        lambda t: np.sum([t[0], t[1]]),
        lambda t: t * [t[0], 1.0, 2.0],
        lambda t: np.maximum([t[0], t[1], t[2]], 0),
        lambda t: x3 @ [t[0], t[1], t[2]],
        lambda t: np.full(3, t[0]),
        lambda t: x3.copy().__setitem__(slice(None), t),
        lambda t: x3[t],
        lambda t: np.linspace(0, 1, 3)[t.astype(float)],
        lambda t: np.stack([[t[0], t[1]], [t[2], 1.0]]),
        lambda t: np.concatenate([t, [t[0], 2.0]]),
    ],
)
def test_turning_a_tensor_into_an_array_is_an_error(lose):
    with pytest.raises(TypeError, match=r"np\.stack|no derivative rule"):
        lose(t3())


def test_an_array_takes_no_tensor_as_an_entry():
    a = x3.copy()
    with pytest.raises(ValueError):
        a[0] = t3()[0]
    assert np.array_equal(a, x3)


def test_the_message_names_what_to_do():
    with pytest.raises(TypeError, match=r"Tensor would lose their derivatives: .*np\.stack.*\.data"):
        np.asarray(t3())


def test_the_message_says_how_deep_the_plain_array_is():
    with pytest.raises(TypeError, match=r"use \.data for the plain array"):
        grad(np.asarray)(x3)
    with pytest.raises(TypeError, match=r"use \.data\.data for the plain array"):
        jvp(grad(np.asarray), (x3,), (x3,))
    with pytest.raises(TypeError, match=r"the plain array, \.data\.data, where"):
        grad(grad(np.median))(x3)


@pytest.mark.parametrize("f", [float, int, complex, math.exp, lambda x: [1, 2, 3][x]])
def test_turning_a_tensor_into_a_number_is_an_error(f):
    with pytest.raises(TypeError, match=r"\.item\(\)"):
        f(Tensor(1.0))


@pytest.mark.parametrize(
    "call",
    [
        lambda t: np.multiply(t, 2, where=np.array([True, False, True])),
        lambda t: np.add(t, 1, out=np.empty(3)),
        lambda t: np.exp(t, np.empty(3)),
        lambda t: np.exp(t, dtype=np.float32),
        lambda t: np.sum(t, where=[True, False, True]),
        lambda t: np.sum(t, initial=5.0),
        lambda t: np.sum(t, 0, np.float32),
        lambda t: np.sum(t, dtype=np.float32),
        lambda t: np.mean(t, out=np.empty(())),
        lambda t: np.max(t, initial=9.0),
        lambda t: np.clip(t, 0, 1, out=np.empty(3)),
        lambda t: np.concatenate([t, t], out=np.empty(6)),
        lambda t: np.concatenate([t, t], dtype=np.float32),
        lambda t: np.take(t, [0], mode="clip"),
        lambda t: np.take(t, [0], out=np.empty(1)),
        lambda t: np.reshape(t, (3, 1), order="F"),
        lambda t: np.var(t, mean=0.0),
        lambda t: np.matmul(t, t, axis=0),
        lambda t: np.dot(t, t, out=np.empty(())),
        lambda t: np.einsum("i,i", t, t, dtype=np.float32),
        lambda t: t.sum(0, None, None, False, 0, True, "too many"),
    ],
)
def test_an_option_that_no_rule_knows_is_an_error(call):
    with pytest.raises(TypeError, match="takes"):
        call(t3())


def test_a_method_with_too_many_operands_is_named():
    with pytest.raises(TypeError, match=r"np\.exp\(\) takes 1 positional argument but 2 were given"):
        t3().exp(2)


@pytest.mark.parametrize("dtype", [complex, object, str])
def test_a_dtype_that_has_no_derivatives(dtype):
    with pytest.raises(TypeError, match="only floating-point ones"):
        t3().astype(dtype)


def test_a_result_of_integers():
    with pytest.raises(TypeError, match=r"np\.where gave int64 numbers, and only floating-point ones"):
        np.where(t3(), 1, 0)


def test_adding_to_an_array_in_place_is_an_error():
    a = np.ones(3)
    with pytest.raises(TypeError, match="out"):
        a += t3()
    assert a.tolist() == [1, 1, 1]


def test_item_assignment_is_an_error():
    for t in t3(), t3() * 2:
        with pytest.raises(TypeError, match=r"cannot be changed in place.*np\.where"):
            t[0] = 1.0


@pytest.mark.parametrize("call", [np.add.reduce, np.add.accumulate, lambda t: np.multiply.outer(t, t)])
def test_methods_of_ufuncs_have_no_rules(call):
    with pytest.raises(TypeError, match=r"np\.(add|multiply)\.\w+ has no derivative rule"):
        call(t3())
    with pytest.raises(TypeError, match=r"np\.add\.at has no derivative rule"):
        np.add.at(np.ones(3), [0], Tensor([1.0]))


@pytest.mark.parametrize(
    "f, name",
    [
        (lambda t: np.linalg.svd(t[None]), r"np\.linalg\.svd"),
        (lambda t: np.linalg.cond(t * np.eye(3)), r"np\.linalg\.cond"),
        (np.median, r"np\.median"),
        (np.sort, r"np\.sort"),
        (np.fft.fft, r"np\.fft\.fft"),
        (np.sinc, r"np\.sinc"),
        (np.fmod, r"np\.fmod"),
        (lambda t: np.copyto(np.empty(3), t), r"np\.copyto"),
    ],
)
def test_a_function_without_a_rule_is_named(f, name):
    def first(t):
        return f(t, 2.0) if f is np.fmod else f(t)

    for way in first, grad(first), lambda x: jvp(first, (x3,), (x3,)):
        with pytest.raises(TypeError, match=rf"{name} has no derivative rule: .*custom_vjp.*\.data"):
            way(t3() if way is first else x3)


# Sweeps.


def test_a_result_that_is_not_a_number_needs_an_upstream():
    with pytest.raises(ValueError, match=r"shape \(3,\).*np\.sum.*upstream"):
        (t3() * 2).backward()
    with pytest.raises(ValueError, match=r"single number; f returned an array of shape \(3,\): use vjp or jacobian"):
        grad(lambda x: x * 2)(x3)
    for f in (lambda x: [x @ x], lambda x: {"a": x @ x}):
        with pytest.raises(ValueError, match="single number; f returned"):
            value_and_grad(f)(x3)
    with pytest.raises(ValueError, match="single number"):
        hessian(lambda x: x)(x3)


@pytest.mark.parametrize("upstream", [1.0, [1.0, 2.0], np.ones((3, 1)), np.ones((1, 3))], ids=repr)
def test_an_upstream_of_the_wrong_shape(upstream):
    for call in (t3() * 2).backward, vjp(lambda x: x * 2, x3)[1]:
        with pytest.raises(ValueError, match="upstream derivative has the shape"):
            call(upstream)


def test_an_upstream_that_is_a_tensor():
    with pytest.raises(TypeError, match=r"plain array.*\.data"):
        (t3() * 2).backward(t3())


def test_a_gradient_asked_of_a_constant():
    for y in Tensor(1.0, requires_grad=False), Tensor(1.0).detach(), Tensor(1.0, requires_grad=False) * 2:
        with pytest.raises(ValueError, match="constant"):
            y.backward()


def test_functions_that_return_no_numbers():
    for f in lambda x: None, lambda x: "a", lambda x: x > 0:
        for way in grad(f), lambda x, f=f: vjp(f, x), lambda x, f=f: jvp(f, (x,), (x,)), jacobian(f):
            with pytest.raises((TypeError, ValueError), match="real numbers|single number"):
                way(1.0)


@pytest.mark.parametrize("argnums", [1, -2, (0, 1), "x", None, 0.0, (0.0,), [0]])
def test_positions_that_are_none(argnums):
    for transform in grad, jacobian, hessian:
        with pytest.raises((ValueError, TypeError), match="argnums must be an int, or a tuple of ints"):
            transform(lambda x: x @ x, argnums)(x3)


def test_a_list_of_numbers_is_a_structure():
    with pytest.raises(TypeError, match=r"np\.stack"):
        grad(lambda x: np.sum(x))([1.0, 2.0])
    assert grad(lambda x: x[0] * x[1])([2.0, 3.0]) == [3, 2]


# Shapes.


@pytest.mark.parametrize(
    "f",
    [
        lambda t: t + np.ones(2),
        lambda t: t @ np.ones(2),
        lambda t: np.reshape(t, (2, 2)),
        lambda t: np.concatenate([t, np.ones((1, 3))]),
        lambda t: np.stack([t, np.ones(2)]),
        lambda t: np.tensordot(t, np.ones((2, 3)), 1),
        lambda t: np.tensordot(np.ones((2, 3)), t.reshape(3, 1) * np.ones(2), ([0, 1], [0, 1])),
        lambda t: np.einsum("ij->i", t),
        lambda t: np.einsum("i,i", t),
        lambda t: np.einsum("i->j", t),
        lambda t: np.einsum("ii", t * np.ones((2, 1))),
        lambda t: np.einsum("...i->i", t * np.ones((2, 1))),
        lambda t: np.einsum("i,i", t, np.ones(2)),
        lambda t: np.einsum("1,1->", t, t),
        lambda t: np.einsum("?->?", t),
        lambda t: np.diag(t.reshape(3, 1, 1)),
        lambda t: np.linalg.norm(t, ord=0),
        lambda t: np.linalg.norm(t * np.ones((2, 1)), ord="nuc"),
        lambda t: np.linalg.solve(np.eye(2), t),
        lambda t: np.broadcast_to(t, (2, 2)),
    ],
)
def test_shapes_that_do_not_fit(f):
    with pytest.raises(ValueError):
        f(t3())


def test_an_index_outside():
    with pytest.raises(IndexError):
        t3()[3]
    with pytest.raises(TypeError):
        len(Tensor(1.0))


@pytest.mark.parametrize(
    "f",
    [
        lambda m: np.linalg.norm(m, axis=2),
        lambda m: np.linalg.norm(m, axis=(0, -3)),
        lambda m: np.take(m, [0], axis=2),
        lambda m: np.tensordot(m, m, ([3], [0])),
        lambda m: np.tensordot(m, m, 3),
        lambda m: np.repeat(m, 2, axis=2),
        lambda m: np.sum(m, axis=2),
    ],
)
def test_an_axis_outside(f):
    for m in np.eye(3), Tensor(np.eye(3)):
        with pytest.raises((ValueError, IndexError)):
            f(m)


def test_axes_are_a_tuple():
    for m in np.eye(3), Tensor(np.eye(3)):
        with pytest.raises(TypeError, match="integer"):
            np.linalg.norm(m, axis=[0])


def test_take_takes_integers():
    assert np.take(t3(), np.array([1], np.uint64)).data == [2]
    with pytest.raises(TypeError, match="Cannot cast array data"):
        np.take(t3(), [0.5])


def test_einsum_takes_its_subscripts_as_a_string():
    with pytest.raises(TypeError, match="string"):
        np.einsum(t3(), [0], t3(), [0])


# Rules.


def test_a_rule_that_returns_the_wrong_shape_is_caught():
    def double(a):
        return a * 2

    wrong = linear(double, lambda g: np.concatenate([g, g]))
    try:
        with pytest.raises(ValueError, match=r"derivative of shape \(6,\) for an operand of shape \(3,\)"):
            wrong(t3()).backward(x3)
    finally:
        del RULES[double]


def test_a_rule_of_a_new_function():
    def softplus(a):
        return np.log1p(np.exp(a))

    own = elementwise(softplus, lambda a: rules.sigmoid(a))
    try:
        assert np.allclose(own(x3), softplus(x3))
        assert np.allclose(grad(lambda x: np.sum(own(x)))(x3), rules.sigmoid(x3))
        curvature = np.exp(-x3) / (1 + np.exp(-x3)) ** 2
        assert np.allclose(jvp(grad(lambda x: np.sum(own(x))), (x3,), (x3,))[1], x3 * curvature)
    finally:
        del RULES[softplus]


def test_a_partial_derivative_that_is_a_ufunc():
    with pytest.raises(TypeError, match=r"names of its parameters.*lambda a: np\.cos\(a\).*got np\.cosh"):
        elementwise(np.sinh, np.cosh)


def test_an_option_without_a_default_is_missed():
    with pytest.raises(TypeError, match="takes"):
        rules.gather(t3())
