"""What the libraries call the same things, and how each of them is asked for derivatives.

A program under comparison is written once and takes a `Library`. Operators are the same in all of them; for the rest
each has its own idiom, and the one its users are told to use is taken.
"""

from types import SimpleNamespace

import numpy as np

#: By how much of the gradient a training step changes the parameters.
RATE = 0.01


class Library(SimpleNamespace):
    """A library.

    Attributes
    ----------
    exp, tanh, sum, relu, logsumexp, cross_entropy : function
        `cross_entropy` takes scores and the numbers of the classes, and is the mean over the batch.
    constant : function
        Makes what the library wants in the place of a plain array.
    pullback : function
        Takes a function and arrays by which to differentiate; returns a function from upstream derivatives to the
        derivatives. Everything, forward and backward, is computed when this is called.
    trainer : function
        Takes a loss and parameters; returns a function that makes one step of gradient descent and returns the loss,
        and one that returns the parameters.
    """


def libraries(threads):
    """The libraries that are installed, by name, and the names of the packages that are not."""
    found, absent = {"minigrad": minigrad()}, []
    for package, load in {"autograd": autograd, "mygrad": mygrad, "torch": torch, "jax": jax}.items():
        try:
            library = load(threads)
        except ImportError:
            absent.append(package)
        else:
            found[library.name] = library
    return found, absent


def minigrad():
    from minigrad import Tensor
    from minigrad.nn import cross_entropy, logsumexp

    def pullback(f, arrays):
        def task(upstream):
            inputs = [Tensor(x) for x in arrays]
            f(*inputs).backward(upstream)
            return [x.grad for x in inputs]

        return task

    def trainer(loss, arrays):
        parameters = [Tensor(x) for x in arrays]

        def step():
            for p in parameters:
                p.grad = None
            y = loss(*parameters)
            y.backward()
            for p in parameters:
                p.data = p.data - RATE * p.grad
            return y

        return step, lambda: [p.data for p in parameters]

    return Library(
        name="minigrad", exp=Tensor.exp, tanh=Tensor.tanh, sum=np.sum, relu=Tensor.relu, logsumexp=logsumexp,
        cross_entropy=cross_entropy, constant=lambda x: x, pullback=pullback, trainer=trainer,
    )  # fmt: skip


def autograd(threads):
    import autograd.numpy as anp
    from autograd import value_and_grad
    from autograd.differential_operators import make_vjp
    from autograd.tracer import getval

    def logsumexp(a, axis=None):
        top = np.max(getval(a), axis=axis, keepdims=True)  # a constant, so that autograd need not differentiate it
        y = anp.log(anp.sum(anp.exp(a - top), axis=axis, keepdims=True)) + top
        return anp.squeeze(y, axis=axis)

    def cross_entropy(scores, labels):
        return anp.mean(logsumexp(scores, 1) - scores[np.arange(len(labels)), labels])

    def pullback(f, arrays):
        differentiated = make_vjp(f, tuple(range(len(arrays))))
        return lambda upstream: differentiated(*arrays)[0](upstream)

    def trainer(loss, arrays):
        parameters = [x.copy() for x in arrays]
        differentiated = value_and_grad(loss, tuple(range(len(arrays))))

        def step():
            y, grads = differentiated(*parameters)
            for p, g in zip(parameters, grads):
                p -= RATE * g
            return y

        return step, lambda: parameters

    return Library(
        name="autograd", exp=anp.exp, tanh=anp.tanh, sum=anp.sum, relu=lambda x: anp.maximum(x, 0),
        logsumexp=logsumexp, cross_entropy=cross_entropy, constant=lambda x: x, pullback=pullback, trainer=trainer,
    )  # fmt: skip


def mygrad(threads):
    import mygrad as mg
    from mygrad.nnet import relu, softmax_crossentropy

    def logsumexp(a, axis=None):
        top = np.max(a.data, axis=axis, keepdims=True)
        return mg.squeeze(mg.log(mg.sum(mg.exp(a - top), axis=axis, keepdims=True)) + top, axis=axis)

    def pullback(f, arrays):
        def task(upstream):
            inputs = [mg.tensor(x) for x in arrays]
            f(*inputs).backward(upstream)
            return [x.grad for x in inputs]

        return task

    def trainer(loss, arrays):
        parameters = [mg.tensor(x) for x in arrays]

        def step():
            y = loss(*parameters)
            y.backward()
            for p in parameters:
                p.data -= RATE * p.grad
            return y

        return step, lambda: [p.data for p in parameters]

    return Library(
        name="mygrad", exp=mg.exp, tanh=mg.tanh, sum=mg.sum, relu=relu, logsumexp=logsumexp,
        cross_entropy=softmax_crossentropy, constant=lambda x: x, pullback=pullback, trainer=trainer,
    )  # fmt: skip


def torch(threads):
    import torch

    if threads == "one":
        torch.set_num_threads(1)

    def pullback(f, arrays):
        arrays = [torch.from_numpy(x.copy()) for x in arrays]

        def task(upstream):
            inputs = [x.detach().requires_grad_() for x in arrays]
            f(*inputs).backward(None if upstream.ndim == 0 else torch.from_numpy(upstream))
            return [x.grad for x in inputs]

        return task

    def trainer(loss, arrays):
        parameters = [torch.from_numpy(x.copy()).requires_grad_() for x in arrays]

        def step():
            for p in parameters:
                p.grad = None
            y = loss(*parameters)
            y.backward()
            with torch.no_grad():
                for p in parameters:
                    p.sub_(p.grad, alpha=RATE)
            return y

        return step, lambda: [p.detach() for p in parameters]

    def summed(x, axis=None):
        return x.sum() if axis is None else x.sum(axis)

    def logsumexp(x, axis=None):
        return torch.logsumexp(x, 0 if axis is None else axis)  # all axes are one where it is called so

    return Library(
        name="PyTorch", exp=torch.Tensor.exp, tanh=torch.Tensor.tanh, sum=summed, relu=torch.Tensor.relu,
        logsumexp=logsumexp, cross_entropy=torch.nn.functional.cross_entropy, constant=torch.from_numpy,
        pullback=pullback, trainer=trainer,
    )  # fmt: skip


def jax(threads):
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")

    def cross_entropy(scores, labels):
        return jnp.mean(jax.nn.logsumexp(scores, 1) - scores[jnp.arange(len(labels)), labels])

    def pullback(f, arrays):
        compiled = jax.jit(lambda inputs, upstream: jax.vjp(f, *inputs)[1](upstream))
        arrays = [jnp.asarray(x) for x in arrays]
        return lambda upstream: jax.block_until_ready(compiled(arrays, upstream))

    def trainer(loss, arrays):
        def step(parameters):
            y, grads = jax.value_and_grad(lambda parameters: loss(*parameters))(parameters)
            return y, [p - RATE * g for p, g in zip(parameters, grads)]

        step, state = jax.jit(step), {"parameters": [jnp.asarray(x) for x in arrays]}

        def task():
            y, state["parameters"] = jax.block_until_ready(step(state["parameters"]))
            return y

        return task, lambda: state["parameters"]

    return Library(
        name="JAX, compiled", exp=jnp.exp, tanh=jnp.tanh, sum=jnp.sum, relu=jax.nn.relu,
        logsumexp=jax.nn.logsumexp, cross_entropy=cross_entropy, constant=jnp.asarray, pullback=pullback,
        trainer=trainer,
    )  # fmt: skip
