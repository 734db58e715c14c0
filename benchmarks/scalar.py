"""``Value`` beside micrograd's: a random graph of 100 000 operations, and one training step of a small network.

A time covers building the graph, sweeping it and letting it go.
"""

import math
import random
import sys
from collections import deque

from benchmarks.measure import Figure, agree, interleaved, ratio
from minigrad import Value

OPERATIONS = 100_000
INPUTS = 100
POINTS = 100


def suite(rounds, threads):
    """Yield the records of this suite."""
    program, network = random_program(random.Random(0)), random_network(random.Random(0))
    works = {
        f"scalar graph, {OPERATIONS:,} operations": (4, lambda Number: run_program(Number, *program)),
        f"scalar network 2-16-16-1, {POINTS} points": (5.5, lambda Number: training_step(Number, *network)),
    }
    libraries = {"minigrad": Value}
    try:
        libraries["micrograd"] = micrograd()
    except ImportError:
        yield {"kind": "absent", "peer": "micrograd"}
    # micrograd walks a graph recursively, and the path to the farthest input is longer than Python's limit.
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10 * OPERATIONS)
    for work, (target, run) in works.items():
        tasks = {name: lambda run=run, Number=Number: run(Number) for name, Number in libraries.items()}
        grads = {name: [[number.grad for number in task()]] for name, task in tasks.items()}
        agree(work, grads["minigrad"], grads, 1e-9)
        times = interleaved(tasks, rounds)
        yield {"kind": "times", "work": work, "threads": "", "seconds": times}
        yield Figure(work, "faster than micrograd", ratio(times, "micrograd", "minigrad"), at_least=target).record()
    sys.setrecursionlimit(limit)


def micrograd():
    """micrograd's class, with the two operations that it lacks written as it writes its own."""
    from micrograd.engine import Value as Micrograd

    def tanh(self):
        t = math.tanh(self.data)
        out = Micrograd(t, (self,), "tanh")

        def _backward():
            self.grad += (1 - t**2) * out.grad

        out._backward = _backward
        return out

    def exp(self):
        out = Micrograd(math.exp(self.data), (self,), "exp")

        def _backward():
            self.grad += out.data * out.grad

        out._backward = _backward
        return out

    Micrograd.tanh, Micrograd.exp = tanh, exp
    return Micrograd


# A random graph.

RULES = {
    "+": lambda a, b: a + b,
    "*": lambda a, b: a * b,
    "tanh": lambda a, b: math.tanh(a),
    "exp": lambda a, b: math.exp(a),
    "relu": lambda a, b: max(a, 0.0),
}


def random_program(rng):
    """Inputs, steps (operation, first operand, second operand) and the numbers of the results left to be summed.

    The first operand is the number that has waited longest, so that every number is used and reaches the root. Where
    a result would be larger than 2, tanh takes its place: nothing overflows, however long the program.
    """
    numbers = [rng.uniform(-1, 1) for _ in range(INPUTS)]
    inputs, steps, waiting = tuple(numbers), [], deque(range(INPUTS))
    while len(steps) < OPERATIONS:
        a, b, name = waiting.popleft(), rng.choice(waiting), rng.choice(list(RULES))
        if abs(RULES[name](numbers[a], numbers[b])) > 2:
            name = "tanh"
        steps.append((name, a, b))
        waiting.append(len(numbers))
        numbers.append(RULES[name](numbers[a], numbers[b]))
    return inputs, steps, list(waiting)


def run_program(Number, inputs, steps, last):
    """The inputs, with the derivatives of the sum of the last results."""
    numbers = [Number(x) for x in inputs]
    append = numbers.append
    for name, a, b in steps:
        operand = numbers[a]
        if name == "tanh":
            append(operand.tanh())
        elif name == "+":
            append(operand + numbers[b])
        elif name == "*":
            append(operand * numbers[b])
        elif name == "relu":
            append(operand.relu())
        else:
            append(operand.exp())
    sum((numbers[i] for i in last[1:]), numbers[last[0]]).backward()
    return numbers[: len(inputs)]


# A network.


def random_network(rng, sizes=(2, 16, 16, 1)):
    """Weights, layer by layer and neuron by neuron with the bias last, and points with labels 1 and −1."""
    layers = [[[rng.uniform(-1, 1) for _ in range(m + 1)] for _ in range(n)] for m, n in zip(sizes, sizes[1:])]
    points = [(rng.uniform(-1, 1), rng.uniform(-1, 1)) for _ in range(POINTS)]
    return layers, [(point, 1 if point[0] * point[1] > 0 else -1) for point in points]


def training_step(Number, layers, data):
    """The parameters after the sweep of one step: hinge loss and a penalty on the squares of the weights."""
    layers = [[[Number(w) for w in neuron] for neuron in layer] for layer in layers]
    parameters = [w for layer in layers for neuron in layer for w in neuron]
    losses = [(1 - label * score(layers, point)).relu() for point, label in data]
    loss = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(w * w for w in parameters)
    loss.backward()
    for w in parameters:
        w.data -= 0.1 * w.grad
    return parameters


def score(layers, x):
    """The output of the network for one point."""
    for layer in layers:
        sums = [sum((w * xi for w, xi in zip(weights, x)), bias) for *weights, bias in layer]
        x = sums if layer is layers[-1] else [s.relu() for s in sums]
    return x[0]
