"""Random graphs over the functions that have rules: both modes agree with finite differences, or an error says why not.

Each step takes any earlier results, so that uneven diamonds come about by themselves, and an axis, an index or a
constant at random. Shapes are whatever they have become; those that do not go together, NumPy refuses in its own
words.
"""

import numpy as np
import pytest

from minigrad import nn
from minigrad.box import RULES, Primitive
from tests.test_rules import CASES, assert_derivatives

GRAPHS = 300
MOST_STEPS = 12

#: Kinks would have to be kept away from: test_conventions.py and test_rules.py are about them.
KINKS = {np.absolute, np.sign, np.maximum, np.minimum, np.where, np.remainder, np.max, np.min, nn.relu.func}


def within(a, f):
    """An array moved into the part of the domain where the test cases of a function lie."""
    low, high = CASES[f][0].range
    return low + (high - low) / (1 + np.exp(-a))


def elementwise(operands):
    """The registered functions that work entry by entry on so many operands."""
    return [f for f, rule in RULES.items()
            if isinstance(rule, Primitive) and rule.pushforwards is rule.pullbacks and not rule.options
            and len(rule.pullbacks) == operands and f not in KINKS and f in CASES]  # fmt: skip


def axis_of(rng, a):
    return int(rng.integers(-a.ndim, a.ndim)) if a.ndim and rng.random() < 0.8 else None


def reduced(rng, a, b):
    f = [np.sum, np.mean, np.prod, np.var, nn.logsumexp][rng.integers(5)]
    return f(a, axis=axis_of(rng, a), keepdims=bool(rng.integers(2)))


def reordered(rng, a, b):
    axis = axis_of(rng, a)
    match rng.integers(5):
        case 0:
            return np.transpose(a, rng.permutation(a.ndim).tolist())
        case 1:
            return np.flip(a, axis)
        case 2:
            return np.roll(a, int(rng.integers(5)), axis)
        case 3:
            return np.cumsum(a, axis)
        case _:
            return np.reshape(a, (-1, a.shape[0]) if a.ndim else (1,))


def indexed(rng, a, b):
    """Rows, some of them twice, or every other entry of the last axis, or one entry with its axis kept."""
    if a.ndim == 0:
        return a[None]
    match rng.integers(3):
        case 0:
            return a[rng.integers(-len(a), len(a), 3)]
        case 1:
            return a[..., ::2]
        case _:
            return np.take(a, [0], axis=-1)


def joined(rng, a, b):
    both = [np.ravel(a), np.ravel(b)]
    return np.concatenate(both)[: max(a.size, 2)]


def multiplied(rng, a, b):
    """A matrix product: with another result where one fits, else with a constant."""
    if a.ndim == 0:
        return np.outer(a, b)
    fits = b.ndim >= 2 and b.shape[-2] == a.shape[-1] or b.ndim == 1 and b.shape == a.shape[-1:]
    constant = rng.uniform(-1, 1, (a.shape[-1], 2))
    return a @ b if fits and a.ndim + b.ndim <= 4 else a @ constant


def applied(rng, a, b):
    f = elementwise(1)[rng.integers(len(elementwise(1)))]
    return f(within(a, f))


def combined(rng, a, b):
    """Shapes that do not go together are mostly avoided, not always."""
    f = elementwise(2)[rng.integers(len(elementwise(2)))]
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        b = np.mean(b) if rng.random() < 0.9 else b
    return f(within(a, f), within(b, f))


STEPS = [applied, applied, combined, combined, combined, reduced, reordered, indexed, joined, multiplied]


def graph(seed):
    """A function of two arrays that draws the same steps whenever it is called."""

    def f(x, y):
        rng = np.random.default_rng(seed)
        results = [x, y]
        for _ in range(rng.integers(3, MOST_STEPS + 1)):
            i, j = rng.integers(len(results), size=2)
            a, b = np.tanh(results[i]), np.tanh(results[j])
            if a.size * b.size > 4000:
                a, b = np.ravel(a)[:3], np.ravel(b)[:3]
            results.append(STEPS[rng.integers(len(STEPS))](rng, a, b))
        return sum(np.mean(np.tanh(z)) for z in results[-3:])

    return f


def test_the_steps_cover_the_functions_of_numbers():
    assert len(elementwise(1)) >= 25 and len(elementwise(2)) >= 6


def test_nine_in_ten_random_graphs_evaluate_and_all_of_these_have_their_derivatives():
    refused = []
    for seed in range(GRAPHS):
        shapes = [(2, 3), (3,), (), (1, 3), (3, 2), (2, 1, 3)]
        rng = np.random.default_rng([seed, 1])
        inputs = [rng.uniform(-1, 1, shapes[rng.integers(len(shapes))]) for _ in range(2)]
        try:
            graph(seed)(*inputs)
        except ValueError as error:
            refused.append(str(error))
            with pytest.raises(ValueError, match="."):  # and with boxes it is refused as well
                assert_derivatives(graph(seed), inputs)
        else:
            assert_derivatives(graph(seed), inputs, 1e-6)
    assert len(refused) <= GRAPHS // 10, refused
    assert all("shape" in message or "dimension" in message or "axis" in message for message in refused), refused
