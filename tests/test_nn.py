"""Networks: which parameters a module has, what layers and losses compute, and what they refuse."""

import numpy as np
import pytest

from minigrad import Tensor, grad, hessian, jvp, nn, vjp
from minigrad.nn import MLP, Linear, Module, cross_entropy, hinge, log_softmax, logsumexp, mse, softmax

RNG = np.random.default_rng(3)
LOGITS = RNG.standard_normal((4, 3))
CLASSES = np.array([0, 2, 1, 2])
PROBABILITIES = RNG.dirichlet(np.ones(3), 4)


def slope(f, x, direction, h=1e-6):
    """The derivative along a direction, by a central difference."""
    return (f(x + h * direction) - f(x - h * direction)) / (2 * h)


def written_out(logits, probabilities):
    """Cross-entropy as its definition has it."""
    return -np.mean(np.sum(probabilities * (logits - np.log(np.sum(np.exp(logits), -1, keepdims=True))), -1))


# Modules.


class Block(Module):
    def __init__(self):
        self.second = Tensor(np.ones(2))
        self.first = Linear(2, 3, rng=0)
        self.rest = {"list": [Linear(3, 1, rng=1), (Tensor(1.0),)], "size": 3, "text": "W", "f": np.tanh}
        self.constant = Tensor(np.ones(2), requires_grad=False)
        self.array = np.ones(2)
        self.result = self.second * 2


NAMES = ["second", "first.W", "first.b", "rest.list.0.W", "rest.list.0.b", "rest.list.1.0"]


def test_parameters_are_the_input_tensors_in_the_order_of_the_attributes():
    block = Block()
    assert [name for name, _ in block.named_parameters()] == NAMES
    assert all(p is q for p, q in zip(block.parameters(), [p for _, p in block.named_parameters()], strict=True))
    assert block.parameters()[0] is block.second
    assert block.parameters()[3] is block.rest["list"][0].W


def test_a_module_without_parameters_has_none():
    assert Module().parameters() == []


def test_a_shared_parameter_is_found_once():
    model = MLP([3, 3, 3], rng=0)
    model.layers[1].W = model.layers[0].W
    model.again = model.layers
    assert [name for name, _ in model.named_parameters()] == ["layers.0.W", "layers.0.b", "layers.1.b"]


def test_modules_that_refer_to_each_other_end():
    parent, child = Block(), Block()
    parent.child, child.parent = child, parent
    assert len(parent.parameters()) == 2 * len(NAMES)


def test_linear_computes_xw_plus_b():
    layer = Linear(3, 2, rng=0)
    layer.b.data = np.array([1.0, -1.0])
    X = RNG.standard_normal((5, 3))
    for x in X, X[0], X.reshape(5, 1, 3):
        np.testing.assert_allclose(layer(x).data, x @ layer.W.data + layer.b.data)
    np.sum(layer(X)).backward()
    np.testing.assert_allclose(layer.W.grad, np.repeat(X.sum(0)[:, None], 2, 1))
    np.testing.assert_array_equal(layer.b.grad, [5, 5])


def test_initialisation_keeps_the_scale_of_what_passes_through():
    model = MLP([200, 400, 400, 400], rng=0)
    assert all(np.all(layer.b.data == 0) for layer in model.layers)
    for layer in model.layers:
        np.testing.assert_allclose(np.var(layer.W.data), 2 / layer.W.shape[0], rtol=0.02)
        np.testing.assert_allclose(np.mean(layer.W.data), 0, atol=0.001)
    X = RNG.standard_normal((500, 200))
    np.testing.assert_allclose(np.mean(np.square(model(X).data)), 2, rtol=0.1)


def test_seeds_repeat_and_generators_go_on():
    a, b, c = MLP([3, 3, 3], rng=1), MLP([3, 3, 3], rng=1), MLP([3, 3, 3], rng=2)
    assert np.all(a.layers[1].W.data == b.layers[1].W.data)
    assert not np.any(a.layers[0].W.data == a.layers[1].W.data)
    assert not np.any(a.layers[0].W.data == c.layers[0].W.data)
    assert not np.any(Linear(3, 3).W.data == Linear(3, 3).W.data)


def test_mlp_has_activations_between_layers_only():
    model = MLP([3, 4, 2], activation=np.tanh, rng=0)
    X = RNG.standard_normal((5, 3))
    first, second = model.layers
    hidden = np.tanh(X @ first.W.data + first.b.data)
    np.testing.assert_allclose(model(X).data, hidden @ second.W.data + second.b.data)
    assert np.any(MLP([3, 2], rng=0)(X).data < 0)


def test_float32_stays_float32():
    model = MLP([3, 4, 2], rng=0, dtype=np.float32)
    X = RNG.standard_normal((5, 3)).astype(np.float32)
    for loss in cross_entropy(model(X), [0, 1, 0, 1, 0]), mse(model(X), np.ones((5, 2), np.float32)):
        assert model(X).dtype == loss.dtype == np.float32
        loss.backward()
    assert all(p.dtype == p.grad.dtype == np.float32 for p in model.parameters())


@pytest.mark.parametrize("make, message", [
    (lambda: Linear(0, 2), "sizes must be positive integers; got 0 and 2"),
    (lambda: Linear(2, 2.5), "positive integers; got 2 and 2.5"),
    (lambda: Linear(3, 2)(np.ones((3, 2))), r"last axis has length 3; got the shape \(3, 2\)"),
    (lambda: Linear(1, 2)(5.0), r"length 1; got the shape \(\)"),
    (lambda: MLP([3]), r"two numbers or more; got \[3\]"),
    (lambda: MLP(3), "two numbers or more; got 3"),
])
def test_layers_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# Probabilities.


@pytest.mark.parametrize("axis", [-1, 0, (0, 1)])
def test_softmax_sums_to_one_and_is_the_exponential_of_log_softmax(axis):
    p = softmax(LOGITS, axis)
    np.testing.assert_allclose(np.sum(p, axis), 1)
    np.testing.assert_allclose(np.log(p), log_softmax(LOGITS, axis))
    np.testing.assert_allclose(p, np.exp(LOGITS) / np.sum(np.exp(LOGITS), axis, keepdims=True))


def test_softmax_does_not_overflow_and_takes_lists():
    np.testing.assert_array_equal(softmax([1000.0, -1000.0]), [1, 0])
    np.testing.assert_array_equal(log_softmax([1000.0, -1000.0]), [0, -2000])
    np.testing.assert_array_equal(softmax([0.0, -np.inf]), [1, 0])
    assert logsumexp is nn.logsumexp


@pytest.mark.parametrize("f", [softmax, log_softmax])
def test_derivatives_of_softmax_in_both_modes(f):
    G, T = RNG.standard_normal((2, 4, 3))
    expected = np.sum(G * slope(f, LOGITS, T))
    value, pullback = vjp(f, LOGITS)
    np.testing.assert_allclose(np.sum(pullback(G)[0] * T), expected, rtol=1e-7)
    np.testing.assert_allclose(np.sum(jvp(f, (LOGITS,), (T,))[1] * G), expected, rtol=1e-7)
    np.testing.assert_array_equal(value, f(LOGITS))


# Losses.


def test_cross_entropy_is_its_definition():
    np.testing.assert_allclose(cross_entropy(LOGITS, PROBABILITIES), written_out(LOGITS, PROBABILITIES))
    np.testing.assert_allclose(cross_entropy(LOGITS, CLASSES), written_out(LOGITS, np.eye(3)[CLASSES]))
    np.testing.assert_allclose(cross_entropy(LOGITS[0], 2), written_out(LOGITS[:1], np.eye(3)[[2]]))
    np.testing.assert_allclose(
        cross_entropy(LOGITS.reshape(2, 2, 3), CLASSES.reshape(2, 2)), cross_entropy(LOGITS, CLASSES)
    )
    np.testing.assert_allclose(cross_entropy(np.zeros((5, 7)), np.arange(5)), np.log(7))


@pytest.mark.parametrize("targets", [CLASSES, PROBABILITIES, CLASSES.astype(np.uint8), CLASSES.tolist()])
def test_derivatives_of_cross_entropy_to_second_order_in_both_modes(targets):
    def loss(a):
        return cross_entropy(a, targets)

    T, S = RNG.standard_normal((2, 4, 3))
    gradient = grad(loss)(LOGITS)
    b = targets if targets is PROBABILITIES else np.eye(3)[np.asarray(targets)]
    np.testing.assert_allclose(gradient, (softmax(LOGITS) - b) / 4)
    np.testing.assert_allclose(np.sum(gradient * T), slope(loss, LOGITS, T), rtol=1e-7)
    np.testing.assert_allclose(jvp(loss, (LOGITS,), (T,))[1], slope(loss, LOGITS, T), rtol=1e-7)
    second = np.sum(S * slope(grad(loss), LOGITS, T))
    along = np.einsum("ij,ijkl,kl", S, hessian(loss)(LOGITS), T)
    np.testing.assert_allclose(along, second, rtol=1e-6)
    forward_twice = jvp(lambda a: jvp(loss, (a,), (S,))[1], (LOGITS,), (T,))[1]
    np.testing.assert_allclose(forward_twice, second, rtol=1e-6)
    back_over_forward = np.sum(S * grad(lambda a: jvp(loss, (a,), (T,))[1])(LOGITS))
    np.testing.assert_allclose(back_over_forward, second, rtol=1e-6)
    back_twice = grad(lambda a: np.sum(grad(loss)(a) * T))(LOGITS)
    np.testing.assert_allclose(np.sum(back_twice * S), second, rtol=1e-6)


def test_the_fused_rule_agrees_with_the_composition():
    def composed(a):
        return -np.mean(log_softmax(a)[np.arange(4), CLASSES])

    np.testing.assert_allclose(cross_entropy(LOGITS, CLASSES), composed(LOGITS))
    upstream = 3.0
    for loss in composed, lambda a: cross_entropy(a, CLASSES):
        np.testing.assert_allclose(
            vjp(loss, LOGITS)[1](upstream)[0], 3 * (softmax(LOGITS) - np.eye(3)[CLASSES]) / 4, atol=1e-15
        )


def test_cross_entropy_does_not_overflow():
    logits = Tensor([[1e4, 0.0, -1e4], [0.0, -np.inf, 0.0]])
    loss = cross_entropy(logits, [1, 0])
    loss.backward()
    np.testing.assert_allclose(loss.data, (1e4 + np.log(2)) / 2)
    np.testing.assert_allclose(logits.grad, [[0.5, -0.5, 0], [-0.25, 0, 0.25]])


def test_cross_entropy_in_float32():
    a = Tensor(LOGITS.astype(np.float32))
    for targets in CLASSES, PROBABILITIES:
        loss = cross_entropy(a, targets)
        a.grad = None
        loss.backward()
        assert a.grad.dtype == np.float32
        np.testing.assert_allclose(a.grad, grad(cross_entropy)(LOGITS, targets), atol=1e-7)


def test_cross_entropy_changes_nothing_it_is_given():
    logits, classes, probabilities = LOGITS.copy(), CLASSES.copy(), PROBABILITIES.copy()
    for x in logits, classes, probabilities:
        x.flags.writeable = False
    for targets in classes, probabilities:
        a = Tensor(logits)
        loss = cross_entropy(a, targets)
        loss.backward()
        first = a.grad.copy()
        loss.backward()
        np.testing.assert_array_equal(a.grad, 2 * first)


@pytest.mark.parametrize("logits, targets, error, message", [
    (LOGITS, [0, 1, 2, 3], ValueError, r"from 0 to 2; got \[0 1 2 3\]"),
    (LOGITS, [0, 1, 2, -1], ValueError, r"from 0 to 2; got"),
    (LOGITS, [0, 1, 2], ValueError, r"without the last axis, \(4,\); got \(3,\)"),
    (LOGITS, [[0], [1], [2], [0]], ValueError, r"\(4,\); got \(4, 1\)"),
    (LOGITS, np.eye(4, 3, dtype=int), ValueError, "Probabilities must be floating-point numbers"),
    (LOGITS, [0.0, 1.0, 2.0, 1.0], ValueError, r"\(4, 3\); got \(4,\). If these are classes, they must be integers"),
    (LOGITS, np.ones((4, 3)), ValueError, r"sum to 1; they sum to \[3. 3. 3. 3.\]"),
    (LOGITS, np.array([[-1.0, 1.0, 1.0]] * 4), ValueError, "at least 0"),
    (LOGITS, np.full((4, 3), np.nan), ValueError, "sum to nan|sum to .nan"),
    (LOGITS, np.eye(4, 3) > 0, TypeError, "classes or probabilities; got bool"),
    (LOGITS, ["a"] * 4, TypeError, "classes or probabilities; got <U1"),
    (LOGITS, Tensor(PROBABILITIES), TypeError, "targets are constants; got a Tensor: use its .data"),
    (np.ones((0, 3)), np.zeros(0, int), ValueError, r"at least one; got \(0, 3\)"),
    (np.float64(1), 0, ValueError, r"shape \(..., k\)"),
])
def test_cross_entropy_refuses(logits, targets, error, message):
    with pytest.raises(error, match=message):
        cross_entropy(logits, targets)


def test_mse():
    x = Tensor([[1.0, 2.0], [3.0, 5.0]])
    loss = mse(x, [[1, 2], [3, 4]])
    loss.backward()
    assert loss.item() == 0.25
    np.testing.assert_array_equal(x.grad, [[0, 0], [0, 0.5]])
    assert mse([1.0, 2.0], [2.0, 4.0]) == 2.5


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_differences_of_small_integers_do_not_wrap_round(dtype):
    assert mse(np.array([1, 100], dtype), np.array([2, 0], dtype)) == 10001 / 2
    assert mse(np.array([1], dtype), Tensor([3.0])).item() == 4


def test_hinge_and_its_kink():
    x = Tensor([2.0, 0.5, 1.0, -3.0])
    loss = hinge(x, [1, 1, 1, -1])
    loss.backward()
    assert loss.item() == 0.125
    np.testing.assert_array_equal(x.grad, [0, -0.25, 0, 0])
    assert hinge([0.5], [-1]) == 1.5


@pytest.mark.parametrize("loss", [mse, hinge])
@pytest.mark.parametrize("shapes", [((3, 1), (3,)), ((3,), ()), ((0,), (0,))])
def test_losses_do_not_broadcast(loss, shapes):
    with pytest.raises(ValueError, match="same shape, and at least one"):
        loss(*(np.ones(shape) for shape in shapes))


def test_hinge_refuses_other_classes():
    with pytest.raises(ValueError, match=r"1 and -1; got \[0 1\]"):
        hinge(np.ones(2), [0, 1])


def test_the_gradient_of_a_network_is_that_of_finite_differences():
    model = MLP([3, 5, 4, 3], activation=np.tanh, rng=0)
    X = RNG.standard_normal((4, 3))

    def loss():
        return cross_entropy(model(X), CLASSES)

    loss().backward()
    for name, p in model.named_parameters():
        at, direction = p.data, RNG.standard_normal(p.shape)
        ends = []
        for sign in 1, -1:
            p.data = at + sign * 1e-6 * direction
            ends.append(loss().item())
        p.data = at
        np.testing.assert_allclose(
            np.sum(p.grad * direction), (ends[0] - ends[1]) / 2e-6, rtol=1e-6, atol=1e-9, err_msg=name
        )
