"""Exercises on Tensor."""

from itertools import combinations

import numpy as np

from checks.exercise import Exercise, Failure
from checks.tests import agrees, arrays, at, linear_cost
from minigrad.tensor import Tensor, sweep


def sweep_back(nodes, upstream):
    """The derivatives by the inputs of the last node: name → array."""
    grads, found = {list(nodes)[-1]: upstream}, {}
    for name in reversed(nodes):
        if name not in grads:
            continue  # this node leads nowhere
        g = grads.pop(name)
        if not nodes[name]:
            found[name] = g
        for parent, pullback in nodes[name]:
            term = pullback(g)
            grads[parent] = grads[parent] + term if parent in grads else term
    return found


# Graphs to sweep. Operations are linear, so that a pullback can be written down without the values.


def same(g):
    return g


def times(factor):
    """The pullback of a product with a constant."""
    def pullback(g):
        return g * factor

    pullback.__name__ = "times an array" if isinstance(factor, np.ndarray) else f"times {factor:g}"
    return pullback


def summed(count):
    """The pullback of a sum over rows of so many entries."""
    return lambda g: np.stack(count * [g], axis=-1)


def rows(generator):
    """Row sums of multiples of x, with a diamond through a node that is no input, a second input, and a dead end."""
    x, w, v, u, g = arrays((2, 3), (2, 3), (2, 3), (2, 3), (2,))(generator)
    nodes = {
        "x": [], "z": [],
        "a": [("x", times(w))],
        "b": [("a", times(v))],
        "c": [("a", same), ("b", times(u))],
        "dead": [("x", times(x)), ("c", same)],
        "d": [("c", same), ("z", times(w)), ("x", times(v))],
        "y": [("d", summed(3))],
    }
    return nodes, g


def uses(generator):
    """A sum in which the same node stands several times, as operations hand out one array twice."""
    w, g = arrays((4,), (4,))(generator)
    nodes = {
        "p": [], "unused": [],
        "q": [("p", times(w))],
        "r": [("q", same), ("p", same), ("q", same)],
        "s": [("r", same), ("p", same), ("q", times(3.0))],
    }
    return nodes, g


def ladder(size):
    """So many diamonds, one after the other."""
    nodes = {"v0": []}
    for i in range(size):
        nodes[f"w{i}"] = [(f"v{i}", times(0.5))]
        nodes[f"v{i + 1}"] = [(f"v{i}", times(0.25)), (f"w{i}", times(0.5))]
    return nodes, np.array([1.0, -2.0])


def handing_on(hand):
    """The sweep with another way to give a term to a parent; ``hand`` gets the dictionary, the parent, the term."""
    def answer(nodes, upstream):
        grads, found = {list(nodes)[-1]: upstream}, {}
        for name in reversed(nodes):
            if name not in grads:
                continue
            g = grads.pop(name)
            if not nodes[name]:
                found[name] = g
            for parent, pullback in nodes[name]:
                hand(grads, parent, pullback(g))
        return found
    return answer


def in_place(grads, parent, term):
    if parent in grads:
        grads[parent] += term
    else:
        grads[parent] = term


def everything_returned(nodes, upstream):
    grads = {list(nodes)[-1]: upstream}
    for name in reversed(nodes):
        if name not in grads:
            continue
        for parent, pullback in nodes[name]:
            term = pullback(grads[name])
            grads[parent] = grads[parent] + term if parent in grads else term
    return grads


def dead_ends_stumbled_over(nodes, upstream):
    grads, found = {list(nodes)[-1]: upstream}, {}
    for name in reversed(nodes):
        g = grads.pop(name)
        if not nodes[name]:
            found[name] = g
        for parent, pullback in nodes[name]:
            term = pullback(g)
            grads[parent] = grads[parent] + term if parent in grads else term
    return found


def started_from_ones(nodes, upstream):
    return sweep_back(nodes, np.ones_like(upstream))


def parents_first(nodes, upstream):
    grads, found = {list(nodes)[-1]: upstream}, {}
    for name in nodes:
        if name not in grads:
            continue
        if not nodes[name]:
            found[name] = grads[name]
        for parent, pullback in nodes[name]:
            term = pullback(grads[name])
            grads[parent] = grads[parent] + term if parent in grads else term
    return {name: grads[name] for name in nodes if not nodes[name] and name in grads}


def along_paths(nodes, upstream):
    found = {}

    def go(name, g):
        if not nodes[name]:
            found[name] = found[name] + g if name in found else g
        for parent, pullback in nodes[name]:
            go(parent, pullback(g))

    go(list(nodes)[-1], upstream)
    return found


def breadth_first(nodes, upstream):
    last = list(nodes)[-1]
    grads, found, queue = {last: upstream}, {}, [last]
    for name in queue:
        if not nodes[name]:
            found[name] = grads[name]
        for parent, pullback in nodes[name]:
            if parent not in grads:
                queue.append(parent)
            term = pullback(grads[name])
            grads[parent] = grads[parent] + term if parent in grads else term
    return {name: grads[name] for name in found}


Exercise(
    "tensor.sweep_back", sweep_back,
    chapter="tensor",
    title="The sweep",
    kind="fill in", grade="core", minutes=15,
    tests=[
        at({"x": [], "a": [("x", times(2.0))], "y": [("a", same)]}, np.array([1.0, -3.0]),
           gives={"x": np.array([2.0, -6.0])}),
        at({"x": [], "a": [("x", times(2.0))], "y": [("x", times(3.0)), ("a", times(5.0))]}, np.array([1.0, -3.0]),
           gives={"x": np.array([13.0, -39.0])}),
        agrees(rows),
        agrees(uses),
        linear_cost(ladder),
    ],
    wrong=[
        (handing_on(dict.__setitem__),
         "The contribution of one child replaces that of another: where there is a derivative already, add to it."),
        (handing_on(dict.setdefault),
         "Only the first contribution to a node is kept: where there is a derivative already, add to it."),
        (handing_on(in_place),
         "`+=` writes into an array that somebody else holds: a pullback may hand on the very array it was given. "
         "Make a new one, `grads[parent] + term`."),
        (everything_returned,
         "These are the derivatives by all nodes: return those of the inputs, which have no edges."),
        (dead_ends_stumbled_over,
         "A node that leads nowhere has no derivative to hand on: pass over it."),
        (started_from_ones,
         "The sweep starts from ones: the derivative by the last node is `upstream`."),
        (parents_first,
         "The nodes are taken from the inputs on: a node can hand on its derivative only when all its children have "
         "handed theirs. Go through the order backwards."),
        (along_paths,
         "The numbers are right, and there is one visit for each path: that doubles with every diamond. Let a node "
         "wait until all its children are done, and visit it once."),
        (breadth_first,
         "A node hands on its derivative before all its children have contributed: distance from the result is not "
         "an order in which children come first. The order of `nodes`, backwards, is."),
    ],
    hints=[
        "Keep a dictionary of the derivatives that have arrived so far. At the start it has one entry.",
        "Go through `reversed(nodes)`. A node in the dictionary hands a pullback of its derivative to each parent.",
        "`term = pullback(g)`, then `grads[parent] = grads[parent] + term if parent in grads else term`. A node "
        "without edges is an input: put its derivative into the result.",
    ],
    note="The order makes it right, and the sum makes it complete. `grads.pop(name)` makes it small: a derivative is "
         "forgotten as soon as it is spent.",
)


def bumps_gradient(c, X):
    """The gradient of the sum of exp(−‖x − c‖²) over the rows x of X, by c."""
    d = X - c
    e = np.exp(-np.sum(d * d, axis=1))
    return 2 * e @ d


def bumps(c, X):
    return np.sum(np.exp(-np.sum((X - c) ** 2, axis=1)))


Exercise(
    "tensor.bumps_gradient", bumps_gradient,
    chapter="tensor",
    title="A landscape of bumps",
    kind="derive", grade="core", minutes=10,
    tests=[
        at(np.array([0.0, 0.0]), np.array([[1.0, 0.0]]), gives=np.array([2 / np.e, 0.0])),
        agrees(
            arrays((3,), (5, 3), low=-1.0, high=1.0),
            lambda c, X: np.array([(bumps(c + h, X) - bumps(c - h, X)) / 2e-6 for h in 1e-6 * np.eye(len(c))]),
            tolerance=1e-6),
    ],
    wrong=[
        (lambda c, X: -bumps_gradient(c, X),
         "The sign is reversed: ∂(X_ij − c_j)/∂c_j = −1, which meets the minus in the exponent."),
        (lambda c, X: bumps_gradient(c, X) / 2,
         "A factor 2 is missing: the exponent is a square."),
        (lambda c, X: 2 * np.sum(X - c, axis=0),
         "The exponentials are missing: eˣ has the derivative eˣ, which stands in front of that of the exponent."),
        (lambda c, X: 2 * np.exp(-np.sum((X - c) ** 2, axis=1))[:, None] * (X - c),
         "There is a row for each bump: c takes part in all of them, so add their contributions."),
        (lambda c, X: 2 * np.exp(-np.sum((X - c) ** 2, axis=1)) @ X,
         "The inner derivative is 2(x − c), not 2x."),
        (lambda c, X: 2 * np.sum(np.exp(-np.sum((X - c) ** 2, axis=1))) * np.sum(X - c, axis=0),
         "Two sums are multiplied: each difference belongs to its own exponential. Multiply row by row, then sum."),
        (lambda c, X: 2 * np.sum(np.exp(-((X - c) ** 2)) * (X - c), axis=0),
         "You take the exponential of each coordinate by itself: the exponent is the sum over the coordinates."),
        (lambda c, X: bumps_gradient(c, X) / len(X),
         "That is the mean over the bumps: L is their sum."),
        (lambda c, X: 2 * np.exp(np.sum((X - c) ** 2, axis=1)) @ (X - c),
         "The minus in the exponent is lost: e_i = exp(−Σ(X_ik − c_k)²)."),
    ],
    hints=[
        "Write one bump with scalars: e_i = exp(−Σ_k (X_ik − c_k)²). In how many terms of the exponent does c_j stand?",
        "∂e_i/∂c_j = e_i · 2(X_ij − c_j). L sums over i.",
        "d = X − c, e = exp(−Σ d²) along the rows, and then 2 e @ d.",
    ],
    note="This is the direction of mean-shift clustering: towards the points, weighted by how near they are.",
)


def distances(x, centres):
    """The distances of the point x from the centres, which are rows."""
    return np.sqrt(np.sum((x - centres) ** 2, axis=1))


def distances_filled_in(x, centres):
    """The distances of the point x from the centres, which are rows."""
    found = np.zeros(len(centres))
    for i, centre in enumerate(centres):
        found[i] = np.sqrt(np.sum((x - centre) ** 2))
    return found


def swept(answer, x, centres):
    """The answer for an array, and its derivative by x, for an upstream that tells the centres apart."""
    plain, box = answer(x, centres), answer.own(Tensor)(x)
    if np.shape(plain) != (len(centres),):
        return plain, None
    y = answer(box, centres)
    if not hasattr(y, "backward"):
        raise Failure(f"For a Tensor it gives a {type(y).__name__}, which knows nothing of x: the derivative is lost "
                      "where the numbers are taken out of the box.")
    if not y.requires_grad:
        return plain, np.zeros_like(x)
    y.backward(upstream_for(centres))
    return plain, box.grad


def upstream_for(centres):
    return 1 / np.arange(1.0, len(centres) + 1)


def measured_distances(x, centres):
    d = x - centres
    found = np.sqrt(np.sum(d * d, axis=1))
    return found, (upstream_for(centres) / found) @ d


def taken_out(x, centres):
    found = np.zeros(len(centres))
    for i, centre in enumerate(centres):
        found[i] = np.sqrt(np.sum((x - centre) ** 2)).item()
    return found


def data_taken(x, centres):
    x = getattr(x, "data", x) if not isinstance(x, np.ndarray) else x
    return distances_filled_in(x, centres)


def joined_by_np_array(x, centres):
    return np.array([np.sqrt(np.sum((x - centre) ** 2)) for centre in centres])


def only_a_list(x, centres):
    return [np.sqrt(np.sum((x - centre) ** 2)) for centre in centres]


def detached(x, centres):
    x = x.detach() if hasattr(x, "detach") else x
    return distances(x, centres)


Exercise(
    "tensor.distances", distances,
    chapter="tensor",
    title="A loop that fills an array",
    kind="spot the bug", grade="core", minutes=10,
    stub=distances_filled_in, use=swept,
    tests=[
        agrees([(np.array([1.0, 2.0]), np.array([[4.0, 6.0], [1.0, 4.0], [-5.0, 2.0]]))], measured_distances),
        agrees(arrays((2,), (4, 2)), measured_distances),
    ],
    wrong=[
        (distances_filled_in,
         "`found` is a plain array: an entry of it has no place for a derivative, and the Tensor refuses to become a "
         "number. Collect the distances and join them with np.stack, or do without the loop."),
        (taken_out,
         "`.item()` and `.data` take the numbers out of the box, and what comes of them knows nothing of x: the "
         "derivative is lost. Nothing has to leave the box."),
        (data_taken,
         "`.item()` and `.data` take the numbers out of the box, and what comes of them knows nothing of x: the "
         "derivative is lost. Nothing has to leave the box."),
        (joined_by_np_array,
         "np.array makes a plain array of the distances, and the Tensors refuse that: use np.stack, which is a "
         "function with a rule."),
        (only_a_list,
         "A list is neither an array nor a Tensor: join its entries with np.stack."),
        (detached,
         "detach() makes a constant of x: the values are right, and the derivative by x is gone."),
        (lambda x, centres: np.sqrt(np.sum((x - centres) ** 2, axis=0)),
         "The sum runs over the centres: the coordinates are axis 1."),
        (lambda x, centres: np.sqrt(np.sum((x - centres) ** 2)),
         "That is one number for all centres together: sum over the coordinates alone, axis=1."),
        (lambda x, centres: np.sum((x - centres) ** 2, axis=1),
         "These are the squares of the distances: the root is missing."),
        (lambda x, centres: np.sum(np.abs(x - centres), axis=1),
         "These are sums of absolute values: the numbers have to stay as they were."),
    ],
    hints=[
        "Which line asks a Tensor to become a number?",
        "`centres` has a row for each centre, and broadcasting can take x from all of them at once.",
        "np.sqrt(np.sum((x - centres) ** 2, axis=1)), or np.stack of a list.",
    ],
    note="The fault was to fill a plain array, not to loop: np.stack of a list of Tensors works as well, with several "
         "nodes for each centre.",
)

#: A name that should not be there, or should → why.
SURPLUS = {
    "a": "A sum names nothing: neither `a` nor `b` is needed for a derivative.",
    "b": "A sum names nothing: neither `a` nor `b` is needed for a derivative.",
    "c": "tanh names its result, `lambda y: 1 - y * y`: its operand c can go.",
    "e": "np.sum needs the shape of e, and a shape is no array: e can go.",
    "W": "`W` is needed for the derivative by x alone, and x is a plain array: nobody asks for that.",
}
MISSING = {
    "x": "The derivative by W is xᵀg: the product needs x.",
    "d": "tanh and `d * d` need something as well: 1 − y², and 2d.",
}


def misjudged(names):
    """What is wrong with a set of arrays that are said to be kept: the first of its mistakes."""
    if len(names) == 7:
        return "That is everything, as a graph of Values would keep it: a Tensor's graph keeps what a rule names."
    if names == ("a", "c", "d", "e"):
        return "These are the results. A node does not keep its result, unless its rule, or that of a child, names it."
    if "W" in names and "x" not in names:
        return "The other factor is kept: the derivative by W needs x, and x is a constant, by which there is none."
    surplus = [message for name, message in SURPLUS.items() if name in names]
    return (surplus + [message for name, message in MISSING.items() if name not in names])[0]


SETS = [names for size in range(8) for names in combinations(("x", "W", "b", "a", "c", "d", "e"), size)]


Exercise(
    "tensor.kept_arrays", ("x", "d"),
    chapter="tensor",
    title="Which arrays are kept?",
    kind="predict", grade="core", minutes=6,
    wrong=[
        *((names, misjudged(names)) for names in SETS if names != ("x", "d")),
        (("x", "d", "d"),
         "d is named by two rules, and it is one array: the graph refers to it twice and keeps it once."),
        (("d", "x"),
         "The names are right; write them in the order of the program."),
    ],
    hints=[
        "Ask each operation: which pullbacks does it have to run, and what do they name?",
        "Sums name nothing. A product names each factor for the other's sake. tanh names its result.",
        "x is a constant, so of the product x @ W only the pullback to W runs: it names x.",
    ],
    note="Two arrays of seven. For W and b themselves there is a leaf each, which holds no array but `grad`.",
)

Exercise(
    "tensor.three_sweeps", [5.0, -10.0, 15.0],
    chapter="tensor",
    title="Three sweeps",
    kind="predict", grade="easy", minutes=5,
    wrong=[
        ([2.0, -4.0, 6.0],
         "That is the last sweep alone: `backward` adds to what is there."),
        ([3.0, -6.0, 9.0],
         "You have counted y once. The graph is still there after a sweep, and a second one adds the same again."),
        ([4.0, -8.0, 12.0],
         "z contributes as well: only one of its two factors is a constant."),
        ([6.0, -12.0, 18.0],
         "In z one factor is detached, a constant: it gives x, not 2x."),
        ([1.0, -2.0, 3.0],
         "That is what z gives; y adds its part, twice."),
        ([5.0, 10.0, 15.0],
         "The derivative of x² is 2x, and keeps the sign of x."),
        ([5.0, -7.0, 13.0],
         "The detached factor is a constant, but not 1: it has the values of x."),
        ([5.0, 20.0, 45.0],
         "These are multiples of x², the terms themselves: the derivative of x² is 2x."),
        ([15.0, -30.0, 45.0],
         "That is three times too much: each sweep adds its own contribution once."),
    ],
    hints=[
        "What does each sweep add, by itself?",
        "y gives 2x. z = Σ xᵢcᵢ with constants cᵢ that equal xᵢ.",
        "2x + x + 2x.",
    ],
    note="A sweep does not use up the graph here. PyTorch frees it after the sweep, unless told to retain it.",
)


def push_by_pulls(f, x, t):
    """The Jacobian of f at x times t, by two sweeps back."""
    y = f(Tensor(x))
    g = Tensor(np.zeros(y.shape))
    [pulled] = sweep({y.node: g}).values()
    pulled.backward(t)
    return g.grad


def products(x):
    """Two numbers of three."""
    return np.stack([x[0] * x[1], x[1] + x[2] * x[2]])


def cycle(x):
    """Five numbers of four, each of several of them."""
    return np.concatenate([np.sin(x) * np.roll(x, 1), np.reshape(np.sum(np.exp(x * x)), 1)])


def table(x):
    """A matrix of 2 rows of a matrix of 3."""
    return np.tanh(WEIGHTS @ x) * np.mean(x, axis=0)


WEIGHTS = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])

#: Jacobians times tangents, on paper.
BY_HAND = {
    products: lambda x, t: np.array([t[0] * x[1] + x[0] * t[1], t[1] + 2 * x[2] * t[2]]),
    cycle: lambda x, t: np.append(
        np.cos(x) * t * np.roll(x, 1) + np.sin(x) * np.roll(t, 1), np.sum(2 * x * t * np.exp(x * x))),
    table: lambda x, t: (1 - np.tanh(WEIGHTS @ x) ** 2) * (WEIGHTS @ t) * np.mean(x, axis=0)
    + np.tanh(WEIGHTS @ x) * np.mean(t, axis=0),
}


def pushed_by_hand(f, x, t):
    return BY_HAND[f](x, t)


def functions(generator):
    f, shape = generator.choice([(products, (3,)), (cycle, (4,)), (table, (3, 4))])
    return f, *arrays(shape, shape, low=-1.0, high=1.0)(generator)


def pulled_at_zero(f, x, t):
    y = f(Tensor(x))
    g = Tensor(np.zeros(y.shape))
    [pulled] = sweep({y.node: g}).values()
    return pulled.data


def one_sweep(f, x, t):
    y = f(Tensor(x))
    [pulled] = sweep({y.node: np.ones(y.shape)}).values()
    return pulled * t


def one_sweep_summed(f, x, t):
    return np.sum(one_sweep(f, x, t))


def a_difference(f, x, t):
    return (f(x + 1e-6 * t) - f(x - 1e-6 * t)) / 2e-6


def the_value(f, x, t):
    return f(t)


def upstream_of_t(f, x, t):
    y = f(Tensor(x))
    [pulled] = sweep({y.node: t}).values()
    return pulled


def pulled_back(f, x, t):
    x = Tensor(x)
    f(x).backward(t)
    return x.grad


def grad_of_a_result(f, x, t):
    y = f(Tensor(x))
    [pulled] = sweep({y.node: Tensor(np.zeros(y.shape))}).values()
    pulled.backward(t)
    return pulled.grad


def without_t(f, x, t):
    return push_by_pulls(f, x, np.ones_like(t))


Exercise(
    "tensor.push_by_pulls", push_by_pulls,
    chapter="tensor",
    title="Forwards, by going back twice",
    kind="fill in", grade="stretch", minutes=15,
    tolerance=1e-12,
    tests=[
        at(products, np.array([1.0, 2.0, -1.0]), np.array([0.5, 1.0, 4.0]), gives=np.array([2.0, -7.0])),
        agrees(functions, pushed_by_hand),
    ],
    wrong=[
        (pulled_at_zero,
         "That is Jᵀg for g = 0. It is a function of g: sweep back through that, with t as the upstream."),
        (one_sweep,
         "One sweep with ones adds up the rows of J, and has the shape of x. Jt has the shape of the result."),
        (one_sweep_summed,
         "That is the sum of the entries of Jt: one sweep gives one number for t."),
        (a_difference,
         "That is a difference, and loses digits: sweep back twice, and nothing is lost."),
        (the_value,
         "That is f at t: Jt is linear in t, and J is taken at x."),
        (upstream_of_t,
         "The first sweep starts from t, which has the shape of x: an upstream has the shape of the result. Start it "
         "from a Tensor g, and use t in the second sweep."),
        (pulled_back,
         "That is Jᵀ applied to t, which has the shape of x: an upstream has the shape of the result. Start the first "
         "sweep from a Tensor g, and use t in the second."),
        (grad_of_a_result,
         "Your function returned None: a `return` is missing, or it is the `grad` of a result, which keeps none. By "
         "which input do you want the derivative?"),
        (without_t,
         "The second sweep starts from ones: its upstream is t."),
    ],
    hints=[
        "At a given x, Jᵀg is a linear function of g. What is its Jacobian, and what is its pullback?",
        "Its Jacobian is Jᵀ, so its pullback takes t to Jt. You need the first sweep to record what it does with g.",
        "Compute y = f(Tensor(x)), and make a Tensor g of the shape of y. Sweep from {y.node: g}, call `backward(t)` "
        "on what comes back, and read g.grad.",
    ],
    note="The value of g does not matter, since Jᵀg is linear in it; and of f, only the first derivative is used. "
         "Libraries without pushforwards get Jt in this way; here every rule has one, and the next chapter uses them.",
)
