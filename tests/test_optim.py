"""Optimisers: the steps they take, against their formulas; what they leave alone; what they refuse."""

import gc

import numpy as np
import pytest

from minigrad import Tensor, nn
from minigrad.optim import SGD, Adam

GRADIENTS = np.random.default_rng(0).standard_normal((6, 2, 3))


def run(optimiser, p, gradients=GRADIENTS):
    """The parameter after steps with given gradients."""
    for g in gradients:
        p.grad = g
        optimiser.step()
    return p.data


def makers():
    return [lambda ps: SGD(ps, 0.1), lambda ps: SGD(ps, 0.1, 0.9), lambda ps: Adam(ps, 0.1)]


def test_gradient_descent():
    p = Tensor(np.ones((2, 3)))
    np.testing.assert_allclose(run(SGD([p], 0.1), p), 1 - 0.1 * GRADIENTS.sum(0))


def test_momentum():
    p, x, v = Tensor(np.ones((2, 3))), np.ones((2, 3)), 0
    for g in GRADIENTS:
        v = 0.9 * v + g
        x = x - 0.1 * v
    np.testing.assert_allclose(run(SGD([p], 0.1, momentum=0.9), p), x)


@pytest.mark.parametrize("make", makers())
def test_a_gradient_may_be_written_into_after_the_step(make):
    p, q = Tensor(np.ones((2, 3))), Tensor(np.ones((2, 3)))
    ours, theirs = make([p]), make([q])
    for g in GRADIENTS:
        p.grad, q.grad = g.copy(), g.copy()
        ours.step()
        theirs.step()
        p.grad[:] = 0
    np.testing.assert_array_equal(p.data, q.data)


def test_adam_is_algorithm_1_of_its_paper():
    p, x, m, v = Tensor(np.ones((2, 3))), np.ones((2, 3)), 0, 0
    for t, g in enumerate(GRADIENTS, 1):
        m = 0.8 * m + 0.2 * g
        v = 0.99 * v + 0.01 * g**2
        x = x - 0.1 * (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-3)
    np.testing.assert_allclose(run(Adam([p], 0.1, (0.8, 0.99), 1e-3), p), x)


def test_the_first_step_of_adam_is_the_learning_rate_whatever_the_scale():
    p = Tensor(np.zeros(3))
    np.testing.assert_allclose(run(Adam([p], 0.1), p, [np.array([1e-3, -1.0, 1e6])]), [-0.1, 0.1, -0.1], rtol=1e-4)


@pytest.mark.parametrize("make", makers())
@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shape_and_dtype_stay(make, shape, dtype):
    p = Tensor(np.ones(shape, dtype))
    optimiser = make([p])
    optimiser.lr = np.float64(0.01)
    for _ in range(3):
        optimiser.zero_grad()
        np.sum(p * p).backward()
        optimiser.step()
        assert p.data.dtype == dtype and p.data.shape == shape
    p.grad = p.grad.astype(np.float64)
    optimiser.step()
    assert p.data.dtype == dtype


@pytest.mark.parametrize("make", makers())
def test_a_step_writes_into_no_array_that_a_graph_or_a_caller_may_hold(make):
    p = Tensor(np.ones((2, 3)))
    p.data.flags.writeable = False
    before = p.data
    loss = np.sum(p * p * p)
    optimiser = make([p])
    loss.backward()
    gradient, expected = p.grad, p.grad.copy()
    gradient.flags.writeable = False
    for _ in range(3):
        optimiser.step()
    assert p.data is not before and np.all(before == 1)
    optimiser.zero_grad()
    loss.backward()
    np.testing.assert_array_equal(p.grad, expected)
    np.testing.assert_array_equal(gradient, expected)


@pytest.mark.parametrize("make", makers())
def test_a_parameter_without_a_gradient_is_skipped_and_so_is_its_state(make):
    p, alone, still = (Tensor(np.ones((2, 3))) for _ in range(3))
    both, one = make([p, still]), make([alone])
    for i, g in enumerate(GRADIENTS):
        still.grad = g
        p.grad = None if i in (1, 2) else g
        both.step()
        if p.grad is not None:
            alone.grad = g
            one.step()
    np.testing.assert_array_equal(p.data, alone.data)
    assert not np.any(still.data == p.data)


@pytest.mark.parametrize("make", makers())
def test_zero_grad_forgets_all(make):
    p, q = Tensor(np.ones(2)), Tensor(np.ones(2))
    optimiser = make(iter([p, q]))
    np.sum(p * q).backward()
    optimiser.zero_grad()
    assert p.grad is None and q.grad is None


@pytest.mark.parametrize("make", makers())
def test_a_small_problem_is_solved(make):
    rng = np.random.default_rng(1)
    X, w = rng.standard_normal((50, 3)), np.array([1.0, -2.0, 0.5])
    model = nn.Linear(3, 1, rng=0)
    optimiser = make(model.parameters())
    for _ in range(300):
        optimiser.zero_grad()
        loss = nn.mse(model(X), (X @ w + 1)[:, None])
        loss.backward()
        optimiser.step()
    np.testing.assert_allclose(model.W.data[:, 0], w, atol=1e-2)
    np.testing.assert_allclose(model.b.data, 1, atol=1e-2)


def test_training_leaves_no_cycles():
    model = nn.MLP([3, 4, 2], rng=0)
    optimiser = Adam(model.parameters(), 0.01)
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            optimiser.zero_grad()
            nn.cross_entropy(model(np.ones((2, 3))), [0, 1]).backward()
            optimiser.step()
        assert gc.collect() == 0
    finally:
        gc.enable()


P = Tensor(np.ones(2))


@pytest.mark.parametrize("make, error, message", [
    (lambda: SGD([], 0.1), ValueError, "nothing to optimise"),
    (lambda: SGD(P, 0.1), TypeError, "such as model.parameters.*got a Tensor"),
    (lambda: Adam(nn.Linear(2, 2)), TypeError, "such as model.parameters.*got a Linear"),
    (lambda: SGD([P, np.ones(2)], 0.1), TypeError, "parameter 1 must be a Tensor.*got array"),
    (lambda: SGD([P * 2], 0.1), TypeError, "not a result or a constant"),
    (lambda: SGD([Tensor([1.0], requires_grad=False)], 0.1), TypeError, "not a result or a constant"),
    (lambda: SGD([P, P], 0.1), ValueError, "twice"),
    (lambda: SGD([P], 0.0), ValueError, "lr must be greater than 0 .*got 0.0"),
    (lambda: SGD([P], float("nan")), ValueError, "lr must be .*got nan"),
    (lambda: SGD([P], 0.1, 1.0), ValueError, "momentum must be at least 0 and less than 1; got 1.0"),
    (lambda: Adam([P], betas=(0.9, 1.0)), ValueError, "each of betas .*got 1.0"),
    (lambda: Adam([P], eps=0), ValueError, "eps must be greater than 0"),
])
def test_optimisers_refuse(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("make", makers())
def test_a_step_without_any_gradient_is_an_error(make):
    p = Tensor(np.ones(2))
    with pytest.raises(ValueError, match="call loss.backward"):
        make([p]).step()


@pytest.mark.parametrize("make", makers())
def test_a_gradient_of_another_shape_is_an_error(make):
    p = Tensor(np.ones((2, 3)))
    p.grad = np.ones(3)
    with pytest.raises(ValueError, match=r"parameter 0 has the shape \(2, 3\), its gradient \(3,\)"):
        make([p]).step()
    assert np.all(p.data == 1)
