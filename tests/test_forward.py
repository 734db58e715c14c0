"""``ForwardValue``: the derivatives it carries, and that they are those of ``Value`` and of finite differences."""

import math
import sys

import pytest

from minigrad import ForwardValue, Value, numerical_partials


def test_an_input_maps_itself_to_one_without_holding_itself():
    x = ForwardValue(2)
    references = sys.getrefcount(x)
    assert x.grads == {x: 1.0} and x.tangents is None
    assert sys.getrefcount(x) == references


def test_the_mapping_has_an_entry_for_each_input_it_depends_on():
    x, y, z = ForwardValue(2), ForwardValue(3), ForwardValue(4)
    assert (x * y).grads == {x: 3.0, y: 2.0}
    assert (x * y + z).grads == {x: 3.0, y: 2.0, z: 1.0}
    assert z not in (x * y).exp().grads


def test_an_input_that_cancels_keeps_its_entry():
    x = ForwardValue(2)
    assert (x - x).grads == {x: 0.0}


def test_derivatives_are_floats():
    x = ForwardValue(2)
    assert all(type(g) is float for y in (x, x + 1, x.relu(), 2 * x, x**2) for g in y.grads.values())


def test_a_constant_brings_no_entry():
    x = ForwardValue(3)
    for y, derivative in (x + 5, 1), (5 - x, -1), (x * 5, 5), (6 / x, -2 / 3), (x**2, 6), (2**x, 8 * math.log(2)):
        assert y.grads == {x: pytest.approx(derivative)}


def test_a_number_used_again_adds_its_contributions():
    x = ForwardValue(3)
    assert (x * x + x).grads == {x: 7.0}


def test_a_result_is_no_input():
    x = ForwardValue(3)
    y = x * x
    assert (y * y).grads == {x: 108.0}


def test_operands_keep_their_derivatives():
    x, y = ForwardValue(2), ForwardValue(3)
    a, b = x * y, x + y
    before = dict(a.grads), dict(b.grads)
    (a * b).exp().relu() - a  # noqa: B018
    assert (a.grads, b.grads) == before


def test_repr_shows_the_number():
    assert repr(ForwardValue(2) * 3) == "ForwardValue(data=6.0)"


def test_a_long_computation_is_no_difficulty():
    x = y = ForwardValue(1)
    for _ in range(100_000):
        y = y + x
    assert y.grads == {x: 100_001.0}


# The running examples of the book, with derivatives worked by hand.


def logistic_loss(w, x):
    """L = −log σ(w x²)."""
    a = x**2
    b = w * a
    c = b.sigmoid()
    g = c.log()
    return -g


def reused(x):
    """a = x², b = 5a, c = log a, g = bc, L = −g."""
    a = x**2
    b = 5 * a
    c = a.log()
    g = b * c
    return -g


def partial_and_total(a):
    """b = 5a, c = ba."""
    b = 5 * a
    return b * a


def chain_of_reuse(x):
    """a = x², b = 5a, c = ba, L = −c."""
    a = x**2
    b = 5 * a
    return -(b * a)


def two_inputs(x1, x2):
    """f = ln x₁ + x₁x₂ − sin x₂."""
    return x1.log() + x1 * x2 - x2.sin()


def sigmoid(t):
    return 1 / (1 + math.exp(-t))


EXAMPLES = {
    "logistic loss": (logistic_loss, (0.5, 1.5), -math.log(sigmoid(0.5 * 1.5**2)),
                      (-1.5**2 * sigmoid(-0.5 * 1.5**2), -2 * 0.5 * 1.5 * sigmoid(-0.5 * 1.5**2))),
    "reused values": (reused, (3,), -45 * math.log(9), (-30 * math.log(9) - 30,)),
    "partial and total": (partial_and_total, (3,), 45, (30,)),
    "chain of reuse": (chain_of_reuse, (2,), -80, (-160,)),
    "two inputs": (two_inputs, (2, 5), math.log(2) + 10 - math.sin(5), (5.5, 2 - math.cos(5))),
}


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_by_both_classes_and_by_finite_differences(example):
    f, xs, value, derivatives = EXAMPLES[example]

    forward = [ForwardValue(x) for x in xs]
    carried = f(*forward)
    assert carried.data == pytest.approx(value, rel=1e-14)
    assert [carried.grads[x] for x in forward] == pytest.approx(derivatives, rel=1e-14)

    reverse = [Value(x) for x in xs]
    root = f(*reverse)
    root.backward()
    assert root.data == carried.data
    assert [x.grad for x in reverse] == pytest.approx(derivatives, rel=1e-14)

    measured = numerical_partials(lambda *xs: f(*map(Value, xs)).data, *map(float, xs))
    assert measured == pytest.approx(derivatives, rel=1e-8)


def test_the_partial_of_the_last_step_is_not_the_total_derivative():
    a = Value(3)
    c = partial_and_total(a)
    assert c.parents[1] is a and c.partials[1] == 15.0  # 5a
    assert partial_and_total(b := ForwardValue(3)).grads[b] == 30.0  # 10a
