"""The rules beside those of JAX and PyTorch, where these are installed; `requirements-bench.txt` says how.

JAX has NumPy's functions under NumPy's names, so that the very functions of test_rules.py are run on its arrays.
PyTorch has names of its own; what is compared with it are kinks and ties, where a derivative is a convention.
"""

import types

import numpy as np
import pytest

from minigrad import Tensor, nn, vjp
from minigrad.nn import cross_entropy, logsumexp, softmax
from tests.test_rules import CASES, INSIDE, close, directions

# JAX.

#: Where JAX follows another convention, has no such function, or does not take these arguments.
OTHERWISE = {
    np.astype: "takes no box of minigrad's kind",
    np.linalg.slogdet: "returns a pair of another class",
}


def in_jax(f, jnp):
    """A function of the test cases, with jax.numpy for numpy, in itself and in what it closes over."""
    if isinstance(f, np.ufunc) or getattr(f, "__module__", "").startswith("numpy"):
        home = jnp.linalg if "linalg" in getattr(f, "__module__", "") else jnp
        return getattr(home, f.__name__)
    if not isinstance(f, types.FunctionType) or not f.__module__.endswith("test_rules"):
        raise LookupError(f"no counterpart of {f}")
    closure = f.__closure__ and tuple(
        types.CellType(in_jax(cell.cell_contents, jnp) if callable(cell.cell_contents) else cell.cell_contents)
        for cell in f.__closure__)  # fmt: skip
    known = {name: in_jax(value, jnp) if isinstance(value, types.FunctionType) and value.__module__ == f.__module__
             and value is not f else value for name, value in f.__globals__.items() if name in f.__code__.co_names}
    defaults = f.__defaults__ and tuple(in_jax(d, jnp) if callable(d) else d for d in f.__defaults__)
    return types.FunctionType(f.__code__, {**known, "np": jnp}, f.__name__, defaults, closure)


@pytest.fixture(scope="module")
def jax():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    return jax


@pytest.mark.parametrize("function", [f for f in CASES if f not in INSIDE], ids=lambda f: f.__name__)
def test_pullbacks_are_those_of_jax(function, jax):
    if function in OTHERWISE:
        pytest.skip(f"JAX {OTHERWISE[function]}")
    compared = 0
    for case in CASES[function]:
        try:
            there = in_jax(case.f, jax.numpy)
            value, pullback = jax.vjp(there, *map(jax.numpy.asarray, case.inputs()))
        except (LookupError, AttributeError, TypeError, NotImplementedError, ValueError):
            continue
        ours, back = vjp(case.f, *case.inputs())
        assert close(ours, value, 1e-12), case
        (upstream,) = directions([ours], 3)
        for found, expected in zip(back(upstream), pullback(jax.numpy.asarray(upstream)), strict=True):
            assert close(found, expected, 1e-9), case
        compared += 1
    if not compared:
        pytest.skip("JAX has no counterpart of it")


# PyTorch.


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


#: What is computed, here and there, at points where the derivative is a convention.
KINKS = {
    "abs": (np.abs, "abs", [[-1.0, 0.0, 2.0]]),
    "relu": (nn.relu, "relu", [[-1.0, 0.0, 2.0]]),
    "maximum": (np.maximum, "maximum", [[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]]),
    "minimum": (np.minimum, "minimum", [[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]]),
    "max": (np.max, "amax", [[1.0, 3.0, 3.0]]),
    "min": (np.min, "amin", [[1.0, 1.0, 3.0]]),
    "clip": (lambda x: np.clip(x, -1, 1), lambda x: x.clamp(-1, 1), [[-2.0, -1.0, 0.5, 1.0, 2.0]]),
    "sqrt": (np.sqrt, "sqrt", [[0.0, 4.0]]),
    "norm": (np.linalg.norm, "norm", [[0.0, 0.0]]),
    "prod": (np.prod, "prod", [[2.0, 0.0, 3.0]]),
    "two zeros": (np.prod, "prod", [[2.0, 0.0, 0.0]]),
    "power": (lambda x: x**0, lambda x: x**0, [[0.0, 2.0]]),
    "exponent": (lambda y: np.power(0.0, y), lambda y: 0.0**y, [[1.0, 2.0]]),
    "repeated indices": (lambda x: x[[0, 0, 1]] * [1.0, 2.0, 3.0],
                         lambda x: x[[0, 0, 1]] * x.new_tensor([1.0, 2.0, 3.0]), [[1.0, 2.0]]),
}  # fmt: skip


@pytest.mark.parametrize("name", KINKS)
def test_conventions_are_those_of_pytorch(name, torch):
    ours, theirs, arrays = KINKS[name]
    boxes = [Tensor(x) for x in arrays]
    there = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in arrays]
    y = ours(*boxes)
    z = getattr(torch, theirs)(*there) if isinstance(theirs, str) else theirs(*there)
    upstream = np.linspace(1.0, 2.0, y.size).reshape(y.shape)
    y.backward(upstream)
    z.backward(torch.tensor(upstream))
    for box, tensor in zip(boxes, there):
        assert np.array_equal(box.grad, tensor.grad.numpy(), equal_nan=True)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_network_has_the_gradients_of_pytorch(dtype, torch):
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(6, 5)).astype(dtype), rng.integers(0, 3, 6)
    weights = [rng.normal(size=shape).astype(dtype) for shape in [(5, 4), (4,), (4, 3), (3,)]]
    boxes = [Tensor(w) for w in weights]
    there = [torch.tensor(w, requires_grad=True) for w in weights]
    W1, b1, W2, b2 = boxes
    loss = cross_entropy(nn.relu(x @ W1 + b1) @ W2 + b2, labels)
    loss.backward()
    W1, b1, W2, b2 = there
    logits = (torch.tensor(x) @ W1 + b1).relu() @ W2 + b2
    torch.nn.functional.cross_entropy(logits, torch.tensor(labels)).backward()
    for box, tensor in zip(boxes, there):
        assert box.grad.dtype == dtype
        assert close(box.grad, tensor.grad.numpy(), 1e-12 if dtype == "float64" else 1e-5)


@pytest.mark.parametrize("name", ["softmax", "logsumexp"])
def test_stable_functions_are_those_of_pytorch(name, torch):
    ours, theirs = {"softmax": (softmax, torch.softmax), "logsumexp": (logsumexp, torch.logsumexp)}[name]
    data = np.array([[1000.0, 1001.0, 999.0], [-1000.0, 0.0, 1.0]])
    box, tensor = Tensor(data), torch.tensor(data, requires_grad=True)
    y, z = ours(box, axis=1), theirs(tensor, 1)
    upstream = np.random.default_rng(0).normal(size=y.shape)
    y.backward(upstream)
    z.backward(torch.tensor(upstream))
    assert close(y.data, z.detach().numpy(), 1e-14)
    assert close(box.grad, tensor.grad.numpy(), 1e-14)
