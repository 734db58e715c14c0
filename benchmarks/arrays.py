"""``Tensor`` beside NumPy code with derivatives written out by hand, and beside other libraries.

What is written by hand is what someone who knows NumPy well would write: shared subexpressions are computed once, what
is no longer needed is overwritten, and nothing is kept that the way back does not need.
"""

import numpy as np

from benchmarks.measure import Figure, agree, interleaved, ratio
from benchmarks.peers import RATE, libraries


def suite(rounds, threads):
    """Yield the records of this suite."""
    found, absent = libraries(threads)
    yield from ({"kind": "absent", "peer": package} for package in absent)
    yield from small_operations(found, rounds, threads)
    for dtype in np.float64, np.float32:
        for batch, target in (64, 1.35), (256, 1.2), (1024, 1.1):
            yield from training_steps(found, np.dtype(dtype), batch, target, rounds, threads)
    yield from mixture(found, rounds, threads)


def targets(one_thread, **limits):
    """The targets are stated for one thread."""
    return limits if one_thread else {}


# Small operations: what remains is the cost of recording and sweeping.

TURNS = 20  # of ten operations each


def program(lib, x, w):
    """200 operations, written with operators and what the library has for exp and tanh."""
    y = x
    for _ in range(TURNS):
        v = lib.tanh(y * w + x)
        e = lib.exp(-v)
        y = x / (e * w + 1.5) - 0.5 * v
    return y


def program_of_calls(x, w):
    """The same operations, as calls of NumPy's functions."""
    y = x
    for _ in range(TURNS):
        v = np.tanh(np.add(np.multiply(y, w), x))
        e = np.exp(np.negative(v))
        y = np.subtract(np.divide(x, np.add(np.multiply(e, w), 1.5)), np.multiply(0.5, v))
    return y


def program_by_hand(x, w, g, shared=True):
    """The derivatives of the same by x and w, for the upstream derivative g.

    Without `shared`, the way back takes one operation after the other, as a library does.
    """
    y, saved = x, []
    for _ in range(TURNS):
        v = np.tanh(y * w + x)
        e = np.exp(-v)
        d = e * w + 1.5
        q = x / d
        saved.append((y, v, e, d, q))
        y = q - 0.5 * v
    gx, gw = np.zeros_like(x), np.zeros_like(w)
    for y, v, e, d, q in reversed(saved):
        if not shared:
            gv = -g * 0.5
            gx = gx + g / d
            gd = -g * q / d
            gw = gw + gd * e
            gu = (gv - gd * w * e) * (1 - v * v)
            gx = gx + gu
            gw = gw + gu * y
            g = gu * w
            continue
        gq = g / d
        gx += gq
        ge = gq * q * e  # the derivatives by e and by v, but for their signs, are this times w
        gw -= ge
        gu = (ge * w - 0.5 * g) * (1 - v * v)
        gx += gu
        gw += gu * y
        g = gu * w
    return [gx + g, gw]


def small_operations(found, rounds, threads):
    rng = np.random.default_rng(0)
    x, w, g = (rng.uniform(0.5, 1, 10) for _ in range(3))
    tasks = {
        "NumPy by hand": lambda: program_by_hand(x, w, g),
        "NumPy, nothing shared": lambda: program_by_hand(x, w, g, shared=False),
    }
    for name, lib in found.items():
        # The library and its task are bound here: a loop's names would have moved on.
        pullback = lib.pullback(lambda x, w, lib=lib: program(lib, x, w), [x, w])
        tasks[name] = lambda pullback=pullback: pullback(g)
    calls = found["minigrad"].pullback(program_of_calls, [x, w])
    tasks["minigrad, np.* calls"] = lambda: calls(g)
    work = "200 small operations, shape (10,)"
    agree(work, tasks["NumPy by hand"](), {name: task() for name, task in tasks.items()}, 1e-9)
    times = interleaved(tasks, rounds, threads)
    yield {"kind": "times", "work": work, "threads": threads, "seconds": times}
    one = threads == "one"
    yield from against(work, threads, times, "NumPy by hand", "minigrad", "operators ÷ NumPy by hand",
                       **targets(one, at_most=2.4))  # fmt: skip
    yield from against(work, threads, times, "NumPy by hand", "minigrad, np.* calls", "np.* calls ÷ NumPy by hand",
                       **targets(one, at_most=4.2))  # fmt: skip
    yield from against(work, threads, times, "NumPy, nothing shared", "minigrad", "operators ÷ NumPy, nothing shared")
    yield from beside(work, threads, times, targets(one, PyTorch=2, autograd=5))


def against(work, threads, times, base, name, quantity, **limits):
    yield Figure(work, quantity, ratio(times, name, base), threads=threads, **limits).record()


def beside(work, threads, times, limits):
    """How many times as fast as its peers minigrad is; `limits` has the targets for some of them."""
    for peer in ("autograd", "mygrad", "PyTorch", "JAX, compiled"):
        if peer in times or peer in limits:
            faster = ratio(times, peer, "minigrad")
            yield Figure(work, f"faster than {peer}", faster, at_least=limits.get(peer), threads=threads).record()


# A training step: matrix products, and what lies between them.

SIZES = (64, 128, 64, 10)


def training_steps(found, dtype, batch, target, rounds, threads):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, SIZES[0])).astype(dtype)
    labels = rng.integers(0, SIZES[-1], batch)
    parameters = []
    for m, n in zip(SIZES, SIZES[1:]):
        parameters += [rng.normal(size=(m, n)).astype(dtype) * dtype.type(m**-0.5), np.zeros(n, dtype)]
    steps = {
        "NumPy by hand": trainer_by_hand(x, labels, parameters),
        "NumPy, nothing overwritten": trainer_by_hand(x, labels, parameters, fresh=True),
    }
    for name, lib in found.items():
        steps[name] = lib.trainer(loss_of(lib, lib.constant(x), lib.constant(labels)), parameters)
    work = f"training step, {dtype}, batch {batch}"
    results = {name: [np.asarray(p) for p in (step(), current())[1]] for name, (step, current) in steps.items()}
    # What changed, not what it became: the step is small beside the parameters.
    changes = {name: [p - q for p, q in zip(after, parameters)] for name, after in results.items()}
    agree(work, changes["NumPy by hand"], changes, 1e-9 if dtype == np.float64 else 1e-2)
    times = interleaved({name: step for name, (step, _) in steps.items()}, rounds, threads)
    yield {"kind": "times", "work": work, "threads": threads, "seconds": times}
    one = threads == "one"
    yield from against(work, threads, times, "NumPy by hand", "minigrad", "÷ NumPy by hand",
                       **targets(one, at_most=target))  # fmt: skip
    yield from against(work, threads, times, "NumPy, nothing overwritten", "minigrad", "÷ NumPy, nothing overwritten")
    yield from beside(work, threads, times, targets(one, PyTorch=1, autograd=1.5))
    if "PyTorch" in times:  # how much of the difference lies in the matrix products, which are not minigrad's
        faster = ratio(times, "PyTorch", "NumPy by hand")
        yield Figure(work, "NumPy by hand faster than PyTorch", faster, threads=threads).record()


def loss_of(lib, x, labels):
    def loss(W1, b1, W2, b2, W3, b3):
        h = lib.relu(x @ W1 + b1)
        h = lib.relu(h @ W2 + b2)
        return lib.cross_entropy(h @ W3 + b3, labels)

    return loss


def trainer_by_hand(x, labels, parameters, fresh=False):
    """As ``Library.trainer``, with everything written out.

    With `fresh`, every result is a new array, as it is in a library that can never know who else holds an array.
    """
    parameters = W1, b1, W2, b2, W3, b3 = [p.copy() for p in parameters]
    n = len(x)
    rows = np.arange(n)

    def step():
        h1 = x @ W1
        h1 += b1
        np.maximum(h1, 0, out=h1)
        h2 = h1 @ W2
        h2 += b2
        np.maximum(h2, 0, out=h2)
        z = h2 @ W3
        z += b3
        z -= z.max(axis=1, keepdims=True)
        p = np.exp(z)
        totals = p.sum(axis=1, keepdims=True)
        loss = np.mean(np.log(totals[:, 0]) - z[rows, labels])
        totals *= n
        p /= totals
        p[rows, labels] -= 1 / n
        g2 = p @ W3.T
        g2 *= h2 > 0
        g1 = g2 @ W2.T
        g1 *= h1 > 0
        grads = x.T @ g1, g1.sum(axis=0), h1.T @ g2, g2.sum(axis=0), h2.T @ p, p.sum(axis=0)
        for parameter, grad in zip(parameters, grads):
            grad *= RATE
            parameter -= grad
        return loss

    def step_of_fresh_arrays():
        h1 = np.maximum(x @ W1 + b1, 0)
        h2 = np.maximum(h1 @ W2 + b2, 0)
        z = h2 @ W3 + b3
        z = z - z.max(axis=1, keepdims=True)
        p = np.exp(z)
        totals = p.sum(axis=1, keepdims=True)
        loss = np.mean(np.log(totals[:, 0]) - z[rows, labels])
        p = p / (totals * n)
        p[rows, labels] -= 1 / n
        g2 = (p @ W3.T) * (h2 > 0)
        g1 = (g2 @ W2.T) * (h1 > 0)
        grads = x.T @ g1, g1.sum(axis=0), h1.T @ g2, g2.sum(axis=0), h2.T @ p, p.sum(axis=0)
        for parameter, grad in zip(parameters, grads):
            parameter -= RATE * grad
        return loss

    return step_of_fresh_arrays if fresh else step, lambda: parameters


# The likelihood of a mixture: a value that is dear, and a gradient that should not be much dearer.

DIMENSIONS, COMPONENTS, POINTS = 10, 25, 1000


def log_likelihood(lib, points, eye, below):
    """The log-likelihood of Gaussians whose inverse covariances are QᵀQ, with a prior for Q, up to constants.

    The objective of F. Srajer, Z. Kukelova and A. Fitzgibbon, "A benchmark of selected algorithmic differentiation
    tools on some problems in computer vision and machine learning", Optim. Methods Softw. 33, 2018.
    """

    def value(weights, means, logs, lower):
        Q = lib.exp(logs)[:, :, None] * eye + lower * below
        z = (points - means[:, None, :]) @ Q.swapaxes(1, 2)
        exponents = (weights + lib.sum(logs, 1))[:, None] - 0.5 * lib.sum(z**2, 2)
        fit = lib.sum(lib.logsumexp(exponents, 0)) - len(points) * lib.logsumexp(weights)
        return fit - 0.5 * (lib.sum(lib.exp(2 * logs)) + lib.sum((lower * below) ** 2))

    return value


def mixture(found, rounds, threads):
    rng = np.random.default_rng(0)
    d, k = DIMENSIONS, COMPONENTS
    points = rng.normal(size=(POINTS, d))
    inputs = [rng.normal(size=shape) for shape in [(k,), (k, d), (k, d), (k, d, d)]]
    constants = points, np.eye(d), np.tril(np.ones((d, d)), -1)
    one = np.ones(())
    plain = log_likelihood(plain_numpy(), *constants)
    tasks = {"value": lambda: plain(*inputs)}
    for name, lib in found.items():
        pullback = lib.pullback(log_likelihood(lib, *map(lib.constant, constants)), inputs)
        tasks[name] = lambda pullback=pullback: pullback(one)
    work = f"mixture of {k} Gaussians, {POINTS} points"
    grads = {name: task() for name, task in tasks.items() if name != "value"}
    agree(work, grads["minigrad"], grads, 1e-9)
    agree_with_differences(work, plain, inputs, grads["minigrad"])
    times = interleaved(tasks, rounds, threads)
    yield {"kind": "times", "work": work, "threads": threads, "seconds": times}
    yield from against(work, threads, times, "value", "minigrad", "gradient ÷ value in NumPy",
                       **targets(threads == "one", at_most=2.5))  # fmt: skip
    yield from beside(work, threads, times, {})


def plain_numpy():
    """NumPy alone, under the names of a `Library`."""
    from types import SimpleNamespace

    def logsumexp(a, axis=None):
        top = np.max(a, axis=axis, keepdims=True)
        return np.squeeze(np.log(np.sum(np.exp(a - top), axis=axis, keepdims=True)) + top, axis=axis)

    return SimpleNamespace(exp=np.exp, sum=np.sum, logsumexp=logsumexp)


def agree_with_differences(work, f, inputs, grads, h=1e-5):
    """Compare a gradient with central differences in a random direction."""
    rng = np.random.default_rng(1)
    along = [rng.normal(size=x.shape) for x in inputs]
    ahead, behind = (f(*(x + s * v for x, v in zip(inputs, along))) for s in (h, -h))
    agree(work, [(ahead - behind) / (2 * h)], {"minigrad": [sum(np.sum(g * v) for g, v in zip(grads, along))]}, 1e-6)
