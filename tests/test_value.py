"""``Value``: the graph it records, and the sweep back through it."""

import copy
import gc
import math
import operator
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad import ForwardValue, Value, numerical_partials
from minigrad.scalar import TABLE
from minigrad.value import topological_order


def gradients(f, *xs):
    """The derivatives of f at xs, from one sweep."""
    inputs = [Value(x) for x in xs]
    f(*inputs).backward()
    return [x.grad for x in inputs]


# The graph.


def test_an_input_has_no_history():
    x = Value(2)
    assert (x.data, x.grad, x.op) == (2.0, 0.0, None)
    assert x.operands == x.parents == x.partials == ()
    assert isinstance(x.data, float)


@pytest.mark.parametrize("name, operate", [
    ("+", operator.add), ("-", operator.sub), ("*", operator.mul), ("/", operator.truediv), ("**", operator.pow)])
def test_parents_and_partials_stand_in_the_order_of_the_operands(name, operate):
    a, b = Value(3), Value(2)
    c = operate(a, b)
    value, *partials = TABLE[name](3.0, 2.0)
    assert (c.op, c.data) == (name, value)
    assert c.parents == c.operands and [id(p) for p in c.parents] == [id(a), id(b)]
    assert c.partials == tuple(partials)


def test_a_constant_is_an_operand_and_no_parent():
    x = Value(3)
    y, z = x / 2, 2 / x
    assert y.operands[1] == z.operands[0] == 2.0
    assert y.parents[0] is y.operands[0] is x is z.parents[0] is z.operands[1]
    assert (len(y.parents), y.partials, z.partials) == (1, (0.5,), (-2 / 9,))


def test_an_operand_used_twice_is_a_parent_twice():
    a = Value(3)
    b = a * a
    assert len(b.parents) == 2 and b.parents[0] is b.parents[1] is a
    assert b.partials == (3.0, 3.0)


def test_an_operation_of_one_operand():
    x = Value(0)
    y = x.exp()
    assert (y.op, y.operands, y.parents, y.partials) == ("exp", (x,), (x,), (1.0,))


def test_repr_shows_the_number_and_its_derivative():
    x = Value(3)
    (2 * x).backward()
    assert repr(x) == "Value(data=3.0, grad=2.0)"


# The sweep.


def test_a_partial_is_not_a_total_derivative():
    a = Value(3)
    b = 5 * a
    c = b * a
    c.backward()
    assert c.partials == (3.0, 15.0)  # ∂c/∂b = a and ∂c/∂a = b = 5a
    assert a.grad == 30.0  # dc/da = 10a


def test_every_node_holds_its_derivative_after_the_sweep():
    a = Value(2)
    b = a * a
    c = 5 * b
    d = c * b
    d.backward()
    assert (d.grad, c.grad, b.grad, a.grad) == (1.0, 4.0, 40.0, 160.0)


def test_an_input_is_swept_on_its_own():
    x = Value(3)
    x.backward()
    x.backward()
    assert x.grad == 2.0


def test_inputs_accumulate_over_calls_and_results_between_hold_the_last():
    x = Value(3)
    y = x * x
    z = 2 * y
    z.backward()
    z.backward()
    assert (x.grad, y.grad, z.grad) == (24.0, 2.0, 1.0)


def test_two_results_add_up_in_a_shared_input():
    x = Value(3)
    y = x * x
    (2 * y).backward()
    y.exp().backward()
    assert x.grad == pytest.approx(12 + 6 * math.exp(9))
    assert y.grad == math.exp(9)


def test_a_derivative_set_to_zero_starts_afresh():
    x = Value(3)
    y = x * x
    y.backward()
    x.grad = 0.0
    y.backward()
    assert x.grad == 6.0


def test_what_the_root_does_not_depend_on_is_left_alone():
    x, other = Value(3), Value(4)
    other.grad = 7.0
    later = x * other
    (x * x).backward()
    assert (other.grad, later.grad) == (7.0, 0.0)


def test_an_input_changed_after_the_computation_does_not_change_its_derivative():
    x = Value(3)
    y = x * x
    x.data = 100.0
    y.backward()
    assert x.grad == 6.0


# Diamonds whose arms have different lengths and meet in a result, not in an input. A sweep that visits a node before
# everything that uses it, or one path at a time with `=`, gets these wrong.
UNEVEN = {
    "short arm first": lambda m: m + (m.sin() * 2).exp(),
    "long arm first": lambda m: (m.sin() * 2).exp() + m,
    "three arms": lambda m: m * m.tanh() + (m * m).cos().exp(),
    "diamond within a diamond": lambda m: (m + m * m) * (m + m * m).tanh() + m,
    "skipping arms": lambda m: ((m + 1).exp() + m).sin() * (m + 1).exp(),
}


@pytest.mark.parametrize("shape", UNEVEN)
def test_uneven_diamond_through_a_result(shape):
    def f(x, y):
        return UNEVEN[shape](x * y)

    measured = numerical_partials(lambda x, y: f(Value(x), Value(y)).data, 0.7, -0.4)
    assert gradients(f, 0.7, -0.4) == pytest.approx(measured, abs=1e-8)


# Steps that keep numbers between −1 and 1 there, so that a random program stays where differences are accurate.
STEPS = [
    lambda a, b: (a + b) / 2,
    lambda a, b: (a - b) * 0.5,
    lambda a, b: -a * b,
    lambda a, b: a / (2 - b),
    lambda a, b: (2 + a) ** (b - 1),
    lambda a, b: a.tanh() * b.sigmoid(),
    lambda a, b: (a * b).sin(),
    lambda a, b: (b - 1).exp(),
    lambda a, b: (a + 2).log() - (b / 4 + 0.5).sqrt() / 2,
    lambda a, b: (1 - a).cos(),
]


@st.composite
def programs(draw):
    """A function of three numbers, of random steps; each step takes up to two of the numbers before it."""
    steps = [(draw(st.sampled_from(STEPS)), draw(st.integers(0, i)), draw(st.integers(0, i)))
             for i in range(2, draw(st.integers(3, 14)))]

    def f(*inputs):
        numbers = list(inputs)
        for step, i, j in steps:
            numbers.append(step(numbers[i], numbers[j]))
        return numbers[-1] * numbers[-2] + numbers[len(numbers) // 2]

    return f


@given(f=programs(), xs=st.tuples(*3 * [st.floats(-0.9, 0.9)]))
def test_random_graph(f, xs):
    found = gradients(f, *xs)
    assert found == pytest.approx(numerical_partials(lambda *xs: f(*map(Value, xs)).data, *xs), rel=1e-5, abs=1e-6)
    inputs = [ForwardValue(x) for x in xs]
    carried = f(*inputs).grads
    assert found == pytest.approx([carried.get(x, 0.0) for x in inputs], rel=1e-9, abs=1e-12)


# The expressions of micrograd's own tests, with the results it publishes.


def test_micrograds_sanity_check():
    x = Value(-4.0)
    u = 2 * x + 2 + x
    v = u.relu() + u * x
    result = (u * u).relu() + v + v * x
    result.backward()
    assert (result.data, x.grad) == (-20.0, 46.0)


def test_micrograds_more_operations():
    a, b = Value(-4.0), Value(2.0)
    u = a + b
    u += u + 1
    u += 1 + u + (-a)
    v = a * b + b**3
    v += v * 2 + (b + a).relu()
    v += 3 * v + (b - a).relu()
    square = (u - v) ** 2
    result = square / 2.0
    result += 10.0 / square
    result.backward()
    assert [round(x, 4) for x in (result.data, a.grad, b.grad)] == [24.7041, 138.8338, 645.5773]


# What is refused, and what is taken.


@pytest.mark.parametrize("cls", [Value, ForwardValue])
@pytest.mark.parametrize("data, name", [
    (True, "bool"), (np.True_, "bool"), ("2", "str"), (1j, "complex"), (None, "NoneType"), ([2], "list"),
    (np.array([1.0, 2.0]), "ndarray"), (np.array(1.0), "ndarray"), (np.complex128(1), "complex128"),
    (Value(2), "Value"), (ForwardValue(2), "ForwardValue"),
])
def test_what_is_not_one_real_number_is_refused_by_name(data, name, cls):
    with pytest.raises(TypeError, match=rf"data must be one real number, .*; got .* \({name}_?\)"):
        cls(data)


@pytest.mark.parametrize("cls", [Value, ForwardValue])
@pytest.mark.parametrize("operand", ["2", 1j, None, [2]])
def test_an_operand_that_is_no_real_number_is_refused(operand, cls):
    for operation in (lambda: cls(3) + operand, lambda: operand - cls(3), lambda: cls(3) ** operand):
        with pytest.raises(TypeError, match=cls.__name__):
            operation()


def test_the_two_classes_do_not_mix():
    for operation in (lambda: Value(3) * ForwardValue(2), lambda: ForwardValue(3) ** Value(2)):
        with pytest.raises(TypeError, match="'Value'"):
            operation()


NUMPY_NUMBERS = [np.float64(2), np.float32(2), np.float16(2), np.longdouble(2), np.int64(2), np.uint8(2)]


@pytest.mark.parametrize("two", NUMPY_NUMBERS, ids=lambda two: type(two).__name__)
def test_numpy_numbers_are_constants_on_either_side(two):
    for left, right, derivative in [
        (lambda x: two + x, lambda x: x + two, 1.0),
        (lambda x: two * x, lambda x: x * two, 2.0),
        (lambda x: two - x, lambda x: -(x - two), -1.0),
        (lambda x: two / x, lambda x: (x / two) ** -1, -2 / 9),
        (lambda x: two**x, lambda x: (x * math.log(2)).exp(), 8 * math.log(2)),
    ]:
        for f in (left, right):
            assert type(f(Value(3))) is Value and type(f(ForwardValue(3))) is ForwardValue
            assert gradients(f, 3) == pytest.approx([derivative])


def test_a_numpy_number_becomes_a_float():
    assert type(Value(np.float32(2)).data) is float
    assert type((Value(3) * np.float64(2)).data) is float
    assert type((np.float64(2) * Value(3)).operands[0]) is float


def test_arrays_of_values():
    w = np.array([Value(2), Value(3)])
    loss = np.exp(w @ np.array([0.5, -1.0])) + (w * np.array([1.0, 2.0])).sum() + np.sum(np.tanh(w))
    loss.backward()
    e = math.exp(-2)
    assert loss.data == pytest.approx(e + 8 + math.tanh(2) + math.tanh(3))
    assert [x.grad for x in w] == pytest.approx([0.5 * e + 2 - math.tanh(2) ** 2, -e + 3 - math.tanh(3) ** 2])


@pytest.mark.parametrize("cls", [Value, ForwardValue])
def test_comparisons_look_at_the_number(cls):
    two, three = cls(2), cls(3)
    assert two < three and two <= 2 and three > 2.5 and 3 >= three and 1 < two and np.float64(2.5) < three
    assert two == cls(2) and two == 2.0 and two != three and two != "2" and two is not None
    assert not two > three and not three <= two
    with pytest.raises(TypeError, match="'<' not supported"):
        two < "3"  # noqa: B015


@pytest.mark.parametrize("cls", [Value, ForwardValue])
def test_equal_numbers_are_different_inputs(cls):
    x, y = cls(2), cls(2)
    assert x == y and len({x, y}) == 2 and {x: "x", y: "y"}[y] == "y"
    assert hash(x) != hash(y)


@pytest.mark.parametrize("cls", [Value, ForwardValue])
def test_truth_is_that_of_the_number(cls):
    assert cls(-0.5) and not cls(0) and not cls(-0.0)


@pytest.mark.parametrize("cls", [Value, ForwardValue])
def test_a_derivative_is_not_lost_by_conversion(cls):
    for conversion in (float, math.exp, math.sqrt):
        with pytest.raises(TypeError, match=rf"float\(\) of a {cls.__name__} would lose its derivative: use \.data"):
            conversion(cls(2))
    with pytest.raises(TypeError):
        int(cls(2))


# Size, cost and life.

CHAIN = """
import gc, resource, sys
from minigrad import Value

def peak():
    # Linux counts in KiB, macOS in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)

before = peak()
x = y = Value(0.5)
for _ in range(1_000_000):
    y = y.tanh()
y.backward()
grown = peak() - before
assert 0 < x.grad < 1 and y.grad == 1.0
del y
assert sum(type(thing) is Value for thing in gc.get_objects()) == 1, "the graph outlives its result"
assert sys.getrecursionlimit() == 1000
print(grown)
"""


def test_a_chain_of_a_million_nodes_is_built_swept_and_freed_in_250_megabytes():
    pytest.importorskip("resource")  # not on Windows
    done = subprocess.run([sys.executable, "-c", CHAIN], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) <= 250


class Counted(float):
    """A partial derivative that counts how often it is multiplied."""

    products = 0

    def __rmul__(self, other):
        Counted.products += 1
        return float(other) * float(self)


def test_each_edge_of_a_ladder_of_diamonds_is_visited_once(monkeypatch):
    monkeypatch.setattr(Counted, "products", 0)
    x = y = Value(1)
    for _ in range(1000):
        y = y + y
        y.da, y.db = Counted(1), Counted(1)
    y.backward()
    assert x.grad == 2.0**1000  # so many paths
    assert Counted.products == 2000  # so many edges


def test_the_order_has_each_node_once_and_after_its_parents():
    x, y = Value(2), Value(3)
    a = x * y
    b = (a + x).exp() * a - y
    order = topological_order(b)
    place = {node: i for i, node in enumerate(order)}
    assert len(place) == len(order) == 7 and order[-1] is b
    assert all(place[parent] < place[node] for node in order for parent in node.parents)


@pytest.mark.parametrize("cls", [Value, ForwardValue])
def test_a_dropped_result_leaves_nothing_to_collect(cls):
    def compute():
        x, y = cls(2), cls(3)
        z = ((x * y).exp() + x / y) ** 2 - 1
        if cls is Value:
            z.backward()
            z.backward()
        else:
            assert z.grads[x]

    compute()
    gc.collect()
    gc.disable()
    try:
        compute()
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda graph: pickle.loads(pickle.dumps(graph))])
def test_a_duplicate_has_a_graph_of_its_own(duplicate):
    x = Value(3)
    y = x * x + x
    x_, y_ = duplicate((x, y))
    y_.backward()
    assert (x_.grad, y_.grad, x.grad, y.grad) == (7.0, 1.0, 0.0, 0.0)
    a, b = duplicate((forward := ForwardValue(3), forward**2))
    assert b.grads == {a: 6.0} and forward not in b.grads


def test_a_shallow_copy_shares_its_operands():
    x = Value(3)
    copy.copy(x * x).backward()
    assert x.grad == 6.0
