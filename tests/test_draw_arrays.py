"""Pictures of computations with arrays: of a function that is run for them, and of what a Tensor's graph holds."""

import html
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from minigrad import Tensor, Value, checkpoint, custom_vjp, draw, draw_dot, grad, jvp, no_grad, trace
from minigrad.box import OPERATORS, RULES, Primitive
from minigrad.kept import INFIX, graph_of_function, graph_of_tensor, is_own

MATRIX = np.array([[1.0, 2.0], [2.0, -1.0]])


def boxes(dot):
    """The lines of each box in DOT source, in order."""
    return [html.unescape(text).split("\n") for text in re.findall(r'^\tn\d+ \[label="([^"]*)"', dot.source, re.M)]


def arrows(dot):
    """The arrows in DOT source: from, to and label."""
    return re.findall(r'n(\d+) -> n(\d+)(?: \[label=" (\S+) "\])?$', dot.source, re.M)


def clipped_sum(x):
    return np.maximum(2 * x - 1, 0).sum(-1)


def gaussian(x, b):
    return (x @ b) * np.exp(-x @ x)


X, B = np.array([1.0, 2.0]), np.array([1.0, 0.0])


# Of a function.


def test_the_picture_of_a_function_before_and_after_the_sweep():
    before = [
        ["x", "value [[1, 2], [2, -1]]"], ["v1 = 2 * x", "value [[2, 4], [4, -2]]"],
        ["v2 = v1 - 1", "value [[1, 3], [3, -3]]"], ["v3 = maximum(v2, 0)", "value [[1, 3], [3, 0]]"],
        ["v4 = sum(v3, axis=-1)", "value [4, 3]"]]
    grads = ["[[2, 2], [2, 0]]", "[[1, 1], [1, 0]]", "[[1, 1], [1, 0]]", "[[1, 1], [1, 1]]", "[1, 1]"]
    assert boxes(draw_dot(clipped_sum, MATRIX)) == before
    after = draw_dot(clipped_sum, MATRIX, upstream=[1, 1])
    assert boxes(after) == [[*lines, f"grad {g}"] for lines, g in zip(before, grads)]
    assert arrows(after) == [(str(i), str(i + 1), "") for i in range(1, 5)]


def test_the_derivative_of_a_number_needs_no_upstream():
    first, second, *_, last = boxes(draw_dot(gaussian, X, B))
    assert first == ["x", "value [1, 2]", "grad [-0.00673795, -0.0269518]"]
    assert second[0] == "b" and last == ["v5 = v1 * v4", "value 0.00673795", "grad 1"]


def test_a_function_of_numbers_has_the_picture_of_the_same_values():
    def f(x):
        return np.exp(x * x) * x

    value = f_of_value = Value(0.5)
    f_of_value = (value * value).exp() * value
    f_of_value.backward()
    of_values = draw_dot(f_of_value, names={"x": value})
    assert draw_dot(f, 0.5).source == of_values.source
    assert "" not in [label for *_, label in arrows(of_values)]


@pytest.mark.parametrize("f, inputs", [
    (gaussian, (X, B)), (lambda x: np.stack([x[0], x[1] * 3, x.mean()]).sum(), (X,)),
    (lambda x, w: np.sum(np.tanh(w @ x) / x.sum()), (X, np.arange(6.0).reshape(3, 2))),
    (lambda x: np.concatenate([x, x * x, x]).var(), (X,)),
    (lambda x: (lambda a: a * a.exp() + a)(x * x).sum(), (X,)),
    (lambda x: np.linalg.norm(np.einsum("i,j->ij", x, x)), (X,)),
    (lambda x: x.astype(np.float32).sum() * x[::-1].max(), (X,)),
    (checkpoint(lambda x: np.sin(x).sum()), (X,)),
    (lambda x: grad(lambda z: np.sum(z**3 * x))(x).sum(), (X,)),
    (lambda x: jvp(lambda z: np.sum(z**3 * x), (x,), (x,))[1], (X,)),
    (lambda x: (Tensor(2.0) * x).sum(), (X,)),
])
def test_the_derivatives_in_a_picture_are_those_of_grad(f, inputs):
    positions = tuple(range(len(inputs)))
    _, named = graph_of_function(f, inputs)
    for entry, expected in zip(named.values(), grad(f, positions)(*inputs), strict=True):
        np.testing.assert_allclose(entry.grad, getattr(expected, "data", expected), rtol=1e-12)
        assert entry.grad.dtype == expected.dtype and entry.grad.shape == expected.shape


def test_every_node_has_its_value_and_its_derivative():
    root, _ = graph_of_function(gaussian, (X, B))
    nodes, edges = trace(root)
    assert len(nodes) == 7 and len(edges) == 8
    for node in nodes:
        assert np.shape(node.data) == node.shape == np.shape(node.grad)


def test_a_rule_of_ones_own_is_one_node():
    @custom_vjp
    def double(x):
        return 2 * x, lambda g: (5 * g,)

    first, second = boxes(draw_dot(lambda x: double(x), 3.0))
    assert first == ["x", "value 3", "grad 5"] and second == ["v1 = double(x)", "value 6", "grad 1"]
    assert boxes(draw_dot(double(Tensor(3.0)))) == [["x1", "shape ()"], ["v1 = double(x1)", "value 6"]]
    beside = draw_dot(lambda x: np.concatenate([x, x], axis=1), np.ones((1, 2)))
    assert boxes(beside)[1][0] == "v1 = concatenate([x, x], axis=1)"


PRIMITIVES = [entry for entry in RULES.values() if isinstance(entry, Primitive)]


@pytest.mark.parametrize("primitive", PRIMITIVES, ids=lambda primitive: primitive.func.__name__)
def test_no_rule_of_numpys_is_taken_for_ones_own(primitive):
    assert not is_own(primitive)


def test_each_operator_has_its_sign():
    for func, sign in zip(OPERATORS.values(), INFIX, strict=True):
        assert func(7.0, 2.0) == eval(f"7.0 {sign} 2.0") if sign != "@" else func is np.matmul


def test_what_is_not_recorded_is_a_constant():
    def f(x):
        with no_grad():
            half = x / 2
        return half * x + x.detach()

    assert [lines[0] for lines in boxes(draw_dot(f, 3.0))] == ["x", "v1 = 1.5 * x", "v2 = v1 + 3"]


def test_inputs_are_left_as_they_are():
    x, g = MATRIX.copy(), np.ones(2)
    x.flags.writeable = g.flags.writeable = False
    draw_dot(clipped_sum, x, upstream=g)
    assert (x == MATRIX).all() and (g == 1).all()


def test_the_inputs_have_the_names_of_the_parameters_and_of_their_place_in_them():
    def f(p, *rest):
        return p["w"] * rest[0] + p["list"][1] * rest[1] + p["list"][0]

    picture = draw_dot(f, {"w": 1.0, "list": (2.0, 3.0)}, 4.0, 5.0)
    assert [lines[0] for lines in boxes(picture)] == [
        "p['w']", "rest[0]", "v1 = p['w'] * rest[0]", "p['list'][1]", "rest[1]",
        "v2 = p['list'][1] * rest[1]", "v3 = v1 + v2", "p['list'][0]", "v4 = v3 + p['list'][0]"]


@pytest.mark.parametrize("x, text", [
    (np.arange(3.0), "[0, 1, 2]"), (np.array([1 / 3]), "[0.333333]"),
    (np.array([1 / 3] * 4), "[0.3333, 0.3333, 0.3333, 0.3333]"),
    (np.arange(8.0), "[0, 1, 2, 3, 4, 5, 6, 7]"), (np.arange(10.0), "[0, 1, 2, … 9] (10,)"),
    (np.ones((3, 4)), "array (3, 4)"), (np.zeros((0, 3)), "[]"), (-np.zeros(2), "[0, 0]"),
    (np.ones((1, 1, 2)), "[[[1, 1]]]"), (np.array([np.nan, np.inf], np.float32), "[nan, inf]"),
    (np.array(0.1, np.float32), "0.1"), (np.array([True, False]), "[1, 0]"),
])
def test_arrays_are_shown_in_short(x, text):
    assert draw.shown(x) == text


@pytest.mark.parametrize("compute, title", [
    (lambda x: x[1:], "x[1:]"), (lambda x: x[::2], "x[::2]"), (lambda x: x[..., None], "x[..., None]"),
    (lambda x: x[np.array([0, 2])], "x[[0, 2]]"), (lambda x: x[(1,)], "x[1,]"), (lambda x: x[1:, None], "x[1:, None]"),
    (lambda x: x.reshape(3, 1), "reshape(x, shape=(3, 1))"), (lambda x: x / np.ones(9)[:, None], "x / array (9, 1)"),
    (lambda x: 2**x, "2 ** x"), (lambda x: -x, "-x"), (lambda x: np.stack([x, np.ones(3)]), "stack([x, [1, 1, 1]])"),
    (lambda x: np.where(x > 1, x, 0), "where([0, 0, 1], x, 0)"),
])
def test_the_title_of_a_result(compute, title):
    assert boxes(draw_dot(compute, np.arange(3.0)))[-1][0] == f"v1 = {title}"


# Of a Tensor.


def test_the_picture_of_a_tensor_shows_what_is_held():
    x = Tensor(X)
    y = gaussian(x, B)
    y.backward()
    assert boxes(draw_dot(y, names={"x": x, "y": y})) == [
        ["x", "value [1, 2]", "grad [-0.00673795, -0.0269518]"], ["v1 = x @ [1, 0]", "value 1"],
        ["v2 = -x", "value [-1, -2]"], ["v3 = v2 @ x", "shape ()"], ["v4 = exp(v3)", "value 0.00673795"],
        ["y = v1 * v4", "value 0.00673795"]]


def test_what_a_graph_does_not_hold_is_not_made_up():
    x = Tensor(X)
    y = np.stack([x[0] + 7, x[1] * 3, 3 / x[1], x.sum()]).sum()
    lines = boxes(draw_dot(y))
    assert [first for first, *_ in lines] == [
        "x1", "v1 = x1[0]", "v2 = v1 + …", "v3 = x1[1]", "v4 = v3 * 3", "v5 = x1[1]", "v6 = … / v5", "v7 = sum(x1)",
        "v8 = stack([v2, v4, v6, v7])", "v9 = sum(v8)"]
    assert [second for _, second, *_ in lines] == [
        "shape (2,)", "shape ()", "shape ()", "shape ()", "shape ()", "value 2", "value 1.5", "shape ()", "shape (4,)",
        "value 18.5"]


@pytest.mark.parametrize("f", [
    lambda x: x * x, lambda x: (x - 2 * x) / x, lambda x: np.maximum(x, 0) ** 2 + np.hypot(x, 3),
    lambda x: x.sum() * x.max(), lambda x: np.concatenate([x, np.ones(2), x * 2]).std(),
    lambda x: np.where(x > 1, x, x * x), lambda x: np.clip(x, 1, 1.5),
    lambda x: np.linalg.solve(np.eye(2) * x[0], x), lambda x: np.einsum("i,j->ij", x, x) @ x,
])
def test_every_value_that_is_shown_for_a_tensor_is_the_one_it_had(f):
    root, _ = graph_of_function(f, (X,))
    held, _ = graph_of_tensor(f(Tensor(X)))
    true, shown = trace(root)[0], trace(held)[0]
    assert [node.op for node in true] == [node.op for node in shown]
    assert shown[-1].data is not None
    for with_all, with_some in zip(true, shown):
        if with_some.data is not None:
            np.testing.assert_array_equal(with_all.data, with_some.data)


def test_a_checkpoint_is_one_node_in_the_graph_of_a_tensor():
    x = Tensor(X)
    y = checkpoint(lambda x: np.sin(x) * x)(x)
    assert [lines[0] for lines in boxes(draw_dot(y))] == ["x1", "v1 = checkpoint(x1)"]


def test_drawing_a_tensor_leaves_its_graph_as_it_is():
    x = Tensor(X)
    y = gaussian(x, B)
    draw_dot(y)
    y.backward()
    once = x.grad
    draw_dot(y)
    y.backward()
    np.testing.assert_array_equal(x.grad, 2 * once)


def test_trace_of_a_tensor():
    x = Tensor(X)
    nodes, edges = trace(np.sum(x * x))
    assert [node.op for node in nodes] == [None, "*", "sum"] and len(edges) == 3


def test_an_input_by_itself():
    assert boxes(draw_dot(Tensor(X))) == [["x1", "value [1, 2]"]]
    assert boxes(draw_dot(lambda x: x, 2.0)) == [["x", "value 2", "grad 1"]]


# What is refused.


@pytest.mark.parametrize("call, error, message", [
    (lambda: draw_dot(Value(1), 2.0), TypeError, "go with a function; got a Value"),
    (lambda: draw_dot(Tensor(1.0), upstream=1.0), TypeError, "go with a function; got a Tensor"),
    (lambda: draw_dot(gaussian, X, B, names={"x": X}), TypeError, "names of its parameters"),
    (lambda: draw_dot(clipped_sum, MATRIX, upstream=[1, 1, 1]), ValueError, r"shape \(3,\), the result \(2,\)"),
    (lambda: draw_dot(lambda x: 3.0, X), ValueError, "depends on none of its inputs"),
    (lambda: draw_dot(Tensor(1.0, requires_grad=False)), ValueError, "is a constant: it has no graph"),
    (lambda: draw_dot(np.sin, "x"), TypeError, "must be real numbers"),
    (lambda: draw_dot(np.sin, Value(2)), TypeError, "must be real numbers"),
    (lambda: draw_dot(lambda x: sum(x * i for i in range(300)), 1.0), ValueError, "a picture at most 500"),
])
def test_what_cannot_be_drawn(call, error, message):
    with pytest.raises(error, match=message):
        call()


# The same everywhere.


def test_the_source_is_the_same_each_time():
    code = """
import numpy as np
from minigrad import Tensor, draw_dot

def f(x):
    return np.sum(np.exp(x) * x)

x = np.arange(9.0)
print(draw_dot(f(Tensor(x))).source, draw_dot(f, x).source)
"""
    runs = set()
    for seed in "01":
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONUTF8": "1"}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True,
                              check=True, encoding="utf-8")
        runs.add(done.stdout)
    assert len(runs) == 1 and "0x" not in runs.pop()


def test_numbers_are_drawn_without_the_array_half():
    code = "import sys; from minigrad import Value, draw_dot; draw_dot(Value(2) * 3); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "minigrad.kept", "minigrad.box"} & set(done.stdout.split())
