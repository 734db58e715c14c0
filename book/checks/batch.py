"""Exercises on batches, on what a sweep keeps, and on checkpoints."""

import tracemalloc

import numpy as np

from checks.exercise import Exercise, Failure
from checks.tests import agrees, arrays, at
from minigrad import Tensor, checkpoint
from minigrad.tensor import topological_order


def squared_norms(X, G):
    """For each row i, the sum of squares of the entries of the product x_i g_i."""
    return np.sum(X * X, axis=-1) * np.sum(G * G, axis=-1)


def no_stack_of_gradients(answer):
    """The single gradients are not built: one array of them would be many times what the answer needs."""
    X, G = np.ones((40, 120)), np.ones((40, 100))
    tracemalloc.start()
    try:
        answer(X, G)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    if peak > 40 * 100 * 120 * 8 // 4:
        raise Failure(STACK, f"numbers needed   {X.size + G.size}\nat the peak      {peak // 8}")


STACK = ("The numbers are right, but an array of all N × D × M products is built on the way: sum over j and over k "
         "before the two are multiplied.")

Exercise(
    "batch.squared_norms", squared_norms,
    chapter="batch-to-gpu",
    title="Which example pulls hardest",
    kind="derive", grade="core", minutes=8,
    tests=[
        at(np.array([[1.0, 2.0, 0.0], [3.0, 0.0, -1.0]]), np.array([[2.0, -1.0], [0.5, 1.0]]),
           gives=np.array([25.0, 12.5])),
        agrees(arrays((4, 3), (4, 2))),
        no_stack_of_gradients,
    ],
    wrong=[
        (lambda X, G: np.sqrt(np.sum(X * X, axis=-1) * np.sum(G * G, axis=-1)),
         "That is the length of each gradient: the sum of squares is asked for, without the root."),
        (lambda X, G: np.sum(X * X) * np.sum(G * G),
         "Without `axis`, all examples are summed together: there is one number for each row."),
        (lambda X, G: np.sum((X.T @ G) ** 2),
         "That is the sum of squares of the gradient of the whole batch: examples are added before they are squared."),
        (lambda X, G: np.sum(X * X, axis=-1) + np.sum(G * G, axis=-1),
         "The two sums are added, but the entries are products x_ij g_ik: the sums are multiplied."),
        (lambda X, G: (np.sum(X, axis=-1) * np.sum(G, axis=-1)) ** 2,
         "You have squared the sum of the entries: each entry is squared first."),
        (lambda X, G: np.sum(X, axis=-1) * np.sum(G, axis=-1),
         "That is the sum of the entries: each one is to be squared."),
        (lambda X, G: np.sum(G * G, axis=-1),
         "Only the upstream is there: each entry also has the factor x_ij."),
        (lambda X, G: np.sum(X * X, axis=-1, keepdims=True) * np.sum(G * G, axis=-1, keepdims=True),
         "The numbers are right, but in a column: one number for each example, on one axis."),
        (lambda X, G: np.mean(X * X, axis=-1) * np.mean(G * G, axis=-1),
         "These are means: the squares are to be summed."),
        (lambda X, G: np.sum(X * X, axis=-1)[:, None] * np.sum(G * G, axis=-1),
         "That pairs each example's input with every example's upstream: only pairs of one example belong together."),
        (lambda X, G: np.sum((X[:, :, None] * G[:, None, :]) ** 2, axis=(1, 2)), STACK),
    ],
    hints=[
        "Entry (j, k) of the gradient of example i is x_ij g_ik. Square it, and sum over j and k.",
        "Σ_j Σ_k x_ij² g_ik²: what does not depend on k can be taken out of the inner sum.",
        "The product of two sums: `np.sum(X * X, axis=-1)` and the same with G.",
    ],
    note="One sweep for the whole batch gives X and G of every layer, and so, at hardly any price, the length of every "
         "example's part in the gradient. (G of a mean has the factor 1/N in it, so times N it is the length of the "
         "example's own gradient; a bias adds the sum of g_ik² over k.)",
)


def standardised(x):
    """Each example, along the last axis, minus its mean, over its deviation."""
    mean = np.mean(x, axis=-1, keepdims=True)
    return (x - mean) / np.std(x, axis=-1, keepdims=True)


def over_everything(x):
    """Each example, along the last axis, minus its mean, over its deviation."""
    return (x - np.mean(x)) / np.std(x)


def standardised_by(mean, deviation):
    """An answer that takes these two functions for mean and deviation."""
    return lambda x: (x - mean(x)) / deviation(x)


def along_last(reduction, **options):
    return lambda x: reduction(x, axis=-1, keepdims=True, **options)


Exercise(
    "batch.standardised", standardised,
    chapter="batch-to-gpu",
    title="Standardised, each by itself",
    kind="spot the bug", grade="easy", minutes=5,
    stub=over_everything,
    tests=[
        agrees(arrays((5,))),
        agrees(arrays((4, 3))),
        agrees(arrays((2, 4, 3))),
    ],
    wrong=[
        (over_everything,
         "Mean and deviation are still taken over all examples together."),
        (standardised_by(lambda x: np.mean(x, axis=0), lambda x: np.std(x, axis=0)),
         "Axis 0 is the axis of the examples: for a single example it is the right one by accident. The numbers of an "
         "example lie along the last axis."),
        (lambda x: (x - np.mean(x, axis=-1)) / np.std(x, axis=-1),
         "Without `keepdims=True` the last axis is gone, and NumPy lines up the means with the wrong axis."),
        (standardised_by(along_last(np.mean), np.std),
         "The mean is right. The standard deviation is still that of all examples together."),
        (standardised_by(np.mean, along_last(np.std)),
         "The standard deviation is right. The mean is still that of all examples together."),
        (standardised_by(along_last(np.mean), along_last(np.var)),
         "You divide by the variance: its root is the standard deviation."),
        (standardised_by(along_last(np.mean), along_last(np.std, ddof=1)),
         "With ddof=1 you divide by one less than the number of entries: the function as given divides by their "
         "number."),
        (lambda x: x - np.mean(x, axis=-1, keepdims=True),
         "The mean is 0 now, but nothing divides by the standard deviation."),
        (standardised_by(lambda x: np.mean(x, axis=1, keepdims=True), lambda x: np.std(x, axis=1, keepdims=True)),
         "Axis 1 is the last axis of a matrix, and of nothing else: a single example has no such axis. Count from the "
         "end."),
    ],
    hints=[
        "Two reductions, and both without an `axis`.",
        "The numbers of one example lie along the last axis: `axis=-1`, however many axes come before it.",
        "`keepdims=True` leaves the reduced axis with length 1, so that the subtraction stretches it.",
    ],
    note="Layer normalisation computes this, with a small constant under the root and a learned scale and shift. Batch "
         "normalisation takes mean and deviation over the examples on purpose, and with it a network no longer keeps "
         "them apart.",
)


def combined(gradients, sizes):
    """The gradient of the mean over all examples, from those of the pieces' means."""
    return sum(n * g for n, g in zip(sizes, gradients)) / sum(sizes)


def pieces(generator):
    """Gradients of some pieces, and sizes of which at least two differ."""
    count = generator.choice([2, 3, 4])
    sizes = [generator.randint(1, 5) for _ in range(count - 1)]
    return [arrays((2, 3))(generator)[0] for _ in range(count)], [*sizes, 9]


Exercise(
    "batch.combined", combined,
    chapter="batch-to-gpu",
    title="A batch in pieces",
    kind="derive", grade="easy", minutes=5,
    tests=[
        at([np.array([1.0, -2.0]), np.array([4.0, 1.0])], [2, 1], gives=np.array([2.0, -1.0])),
        agrees(pieces),
    ],
    wrong=[
        (lambda gradients, sizes: sum(gradients) / len(gradients),
         "That is the mean of the means: an example of a small piece counts more than one of a large piece."),
        (lambda gradients, sizes: sum(gradients),
         "Means must not be added up: bring each back to a sum over its examples first, and divide at the end."),
        (lambda gradients, sizes: sum(n * g for n, g in zip(sizes, gradients)),
         "That is the gradient of the sum of all losses: divide it by the number of all examples."),
        (lambda gradients, sizes: sum(n * g for n, g in zip(sizes, gradients)) / len(sizes),
         "You divide by the number of pieces: the sum is over examples, so divide by their number."),
        (lambda gradients, sizes: sum(gradients) / sum(sizes),
         "Each gradient is that of a mean: times the size of its piece it is a sum, and only then divided by all."),
        (lambda gradients, sizes: sum(g / n for n, g in zip(sizes, gradients)),
         "The factor is upside down: a mean times its number of examples is a sum."),
        (lambda gradients, sizes: sum(g / n for n, g in zip(sizes, gradients)) / sum(1 / n for n in sizes),
         "The weights are upside down: a large piece has the larger share in the mean."),
        (lambda gradients, sizes: sum(n * g for n, g in zip(sizes, gradients)) / max(sizes),
         "You divide by the size of the largest piece: divide by the number of all examples."),
        (lambda gradients, sizes: sum(n * g for n, g in zip(sizes, gradients)) / sum(sizes) ** 2,
         "You divide twice by the number of all examples: once is enough."),
    ],
    hints=[
        "The mean loss of a piece is the sum of its losses over its size.",
        "Turn each gradient into that of a sum, add the sums, and divide by the number of all examples.",
        "`sum(n * g for n, g in zip(sizes, gradients)) / sum(sizes)`",
    ],
    note="In practice the pieces' losses are weighted before the sweep, (n / N) · loss, and `.grad` adds the rest.",
)


Exercise(
    "batch.entries_kept", (0, 1000, 2000),
    chapter="batch-to-gpu",
    title="How many numbers are kept?",
    kind="predict", grade="core", minutes=8,
    wrong=[
        ((1, 1000, 2000),
         "The first: the constant 3 is a plain number, and no array."),
        ((2000, 1000, 2000),
         "The first: X was there before, and neither the sum nor the 3 saves an array."),
        ((3000, 4000, 4000),
         "That is how many numbers were computed, if the last sum is left out: most results are saved by no rule."),
        ((3001, 4001, 4001),
         "That is how many numbers were computed: most results are saved by no rule."),
        ((2000, 3000, 4000),
         "You have counted X, which was there before. The question is what comes in addition."),
        ((1000, 1000, 2000),
         "The first: the product with the constant 3 saves the constant, not what it multiplies."),
        ((2000, 2000, 2000),
         "The first: which rule would save a result? Neither a sum nor a product with a constant needs one."),
        ((0, 2000, 2000),
         "The second: `exp` saves Z, and Z * Z saves its operands. These are the same array."),
        ((0, 3000, 4000),
         "You have counted an array once for each node that holds it: it is in memory once."),
        ((0, 1000, 3000),
         "The third: neither `tanh` nor `exp` saves what it was applied to; their results are enough for them."),
        ((0, 2000, 3000),
         "`exp` and `tanh` save their results, not what they were applied to."),
        ((0, 1000, 1000),
         "The third: `tanh` and `exp` save a result each, and these are two different arrays."),
        ((0, 1000, 4000),
         "The third: the product saves its two operands, and they are the results that `tanh` and `exp` have saved."),
        ((0, 1, 2),
         "These are arrays: the question is for the numbers in them, 100 · 10 in each."),
    ],
    hints=[
        "Go through the operations and ask of each what its derivative needs: a sum nothing, a product the other "
        "operand, exp and tanh their result.",
        "An array that two nodes save is in memory once. X, W and b were there before.",
        "The first is linear in W and in b. In the second, everything that is saved is Z.",
    ],
    note="As np.sum(np.exp(2 * (X @ W + b))), the second would hold as many. What is kept depends "
         "on the operations, not on how many lines they are written in.",
)


def chain(steps, x):
    """The steps applied to x, one after another."""
    for step in steps:
        x = step(x)
    return x


def in_segments(steps, k, x):
    """The steps applied to x in order, in k segments with a checkpoint each."""
    length = len(steps) // k
    for start in range(0, len(steps), length):
        x = checkpoint(chain)(steps[start : start + length], x)
    return x


def run_in_segments(answer, slopes, k, x, upstream):
    """The result, the gradient, the checkpoints and how often steps were computed, for steps of these slopes."""
    computed = [0]

    def with_slope(slope):
        def step(x):
            computed[0] += 1
            return np.sin(slope * x)
        return step

    x = Tensor(x)
    y = answer([with_slope(float(slope)) for slope in slopes], k, x)
    if not isinstance(y, Tensor):
        raise Failure(f"The result should be a Tensor, as x is one here; yours is a {type(y).__name__}.")
    order, _ = topological_order([y.node])
    checkpoints = sum(bool(node.edges) and node.primitive is None and node.shape is not None for node in order)
    forward = computed[0]
    y.backward(upstream)
    return y.data, x.grad, {"checkpoints": checkpoints, "forward": forward, "in all": computed[0]}


def segments_at_random(generator):
    k, length = generator.choice([(2, 3), (3, 2), (4, 2), (2, 4)])
    slopes = np.array([generator.uniform(0.5, 1.5) for _ in range(k * length)])
    return slopes, k, *arrays((2, 3), (2, 3), low=0.3, high=1.2)(generator)


def late(steps, k, x):
    length = len(steps) // k
    for start in range(0, len(steps), length):
        x = checkpoint(lambda x: chain(steps[start : start + length], x))(x)  # noqa: B023 - this is the mistake
    return x


def k_steps_each(steps, k, x):
    for start in range(0, len(steps), k):
        x = checkpoint(chain)(steps[start : start + k], x)
    return x


def first_segment_only(steps, k, x):
    length = len(steps) // k
    return chain(steps[length:], checkpoint(chain)(steps[:length], x))


def same_input_each(steps, k, x):
    length = len(steps) // k
    for start in range(0, len(steps), length):
        y = checkpoint(chain)(steps[start : start + length], x)
    return y


def all_but_the_last(steps, k, x):
    length = len(steps) // k
    for start in range(0, len(steps) - length, length):
        x = checkpoint(chain)(steps[start : start + length], x)
    return chain(steps[-length:], x)


def first_again(steps, k, x):
    length = len(steps) // k
    for _ in range(k):
        x = checkpoint(chain)(steps[:length], x)
    return x


def one_each(steps, k, x):
    for step in steps:
        x = checkpoint(step)(x)
    return x


def nested(steps, k, x):
    length = len(steps) // k
    for start in range(0, len(steps), length):
        x = checkpoint(one_each)(steps[start : start + length], 1, x)
    return x


def last_missing(steps, k, x):
    length = len(steps) // k
    for start in range(0, len(steps) - length, length):
        x = checkpoint(chain)(steps[start : start + length], x)
    return x


Exercise(
    "batch.in_segments", in_segments,
    chapter="batch-to-gpu",
    title="A chain in segments",
    kind="fill in", grade="core", minutes=10,
    use=run_in_segments,
    tests=[
        agrees([(np.array([0.5, 1.0, 1.5, 2.0, 0.7, 1.2]), k,
                 np.array([[0.4, 1.1, -0.6]]), np.array([[1.0, -2.0, 3.0]])) for k in (2, 3)]),
        agrees(segments_at_random, times=5),
    ],
    wrong=[
        (lambda steps, k, x: chain(steps, x),
         "Result and derivative are right, but there is no checkpoint: everything is kept."),
        (lambda steps, k, x: checkpoint(chain)(steps, x),
         "There is one checkpoint around all steps: in the sweep everything is kept at once again. k segments are "
         "asked for."),
        (one_each,
         "Every step has a checkpoint of its own, so that every result is kept as an input: a segment is several "
         "steps."),
        (late,
         "The derivative is wrong, and the result is right: your inner function looks up the loop's variables when it "
         "is called. In the sweep it is called again, and the loop has ended. Pass the steps as an argument."),
        (k_steps_each,
         "These are segments of k steps: k segments are asked for, of len(steps) // k steps each."),
        (first_segment_only,
         "Only the first segment has a checkpoint."),
        (all_but_the_last,
         "The last segment has no checkpoint. That is no loss, since it is swept at once; but here all k are asked "
         "for."),
        (same_input_each,
         "Every segment begins with x itself: the result of one is the input of the next."),
        (first_again,
         "The first segment is applied again and again: the slice of the steps has to move along."),
        (lambda steps, k, x: in_segments(steps[::-1], k, x),
         "The steps are applied in the opposite order."),
        (nested,
         "There are checkpoints within the segments too, so that each step is computed a third time."),
        (last_missing,
         "The last segment is missing."),
    ],
    hints=[
        "Segment number i is `steps[i * length : (i + 1) * length]`, with length = len(steps) // k.",
        "`checkpoint(chain)` is a function with the arguments of `chain`: call it as checkpoint(chain)(…), and not as "
        "checkpoint(chain(…)).",
        "In a loop over the starts 0, length, 2·length, …: x = checkpoint(chain)(steps[start : start + length], x)",
    ],
    note="`checkpoint(lambda x: chain(steps[start:start + length], x))` gives the right value and a wrong derivative: "
         "the second run looks up a `start` that has moved on. A function with a checkpoint must be the same function "
         "both times.",
)


def thinned(x, W, rng):
    """tanh(x W), with about half of its entries set to 0, under a checkpoint."""
    mask = rng.random((len(x), W.shape[1])) < 0.5

    def layer(x, W):
        return np.tanh(x @ W) * mask

    return checkpoint(layer)(x, W)


def thinned_twice(x, W, rng):
    """tanh(x W), with about half of its entries set to 0, under a checkpoint."""
    def layer(x, W):
        mask = rng.random((len(x), W.shape[1])) < 0.5
        return np.tanh(x @ W) * mask

    return checkpoint(layer)(x, W)


def run_thinned(answer, x, W, upstream, seed):
    """The result, the gradients, and whether a checkpoint is there."""
    x, W = Tensor(x), Tensor(W)
    y = answer(x, W, np.random.default_rng(seed))
    if not isinstance(y, Tensor) or y.node is None:
        raise Failure("The result should be a Tensor that depends on x and W; yours is not.")
    order, _ = topological_order([y.node])
    checkpoints = sum(bool(node.edges) and node.primitive is None and node.shape is not None for node in order)
    y.backward(upstream)
    return y.data, x.grad, W.grad, {"checkpoints": checkpoints}


def thinned_point(generator):
    x, W, upstream = arrays((2, 3), (3, 4), (2, 4), low=0.2, high=1.0)(generator)
    return x, W, upstream, generator.randint(0, 1000)


def no_checkpoint(x, W, rng):
    mask = rng.random((len(x), W.shape[1])) < 0.5
    return np.tanh(x @ W) * mask


def own_generator(x, W, rng):
    def layer(x, W):
        mask = np.random.default_rng(0).random((len(x), W.shape[1])) < 0.5
        return np.tanh(x @ W) * mask
    return checkpoint(layer)(x, W)


def nothing_dropped(x, W, rng):
    return checkpoint(lambda x, W: np.tanh(x @ W))(x, W)


def other_half(x, W, rng):
    mask = rng.random((len(x), W.shape[1])) >= 0.5
    return checkpoint(lambda x, W: np.tanh(x @ W) * mask)(x, W)


def scaled_up(x, W, rng):
    mask = rng.random((len(x), W.shape[1])) < 0.5
    return checkpoint(lambda x, W: np.tanh(x @ W) * mask * 2)(x, W)


def inputs_thinned(x, W, rng):
    mask = rng.random(x.shape) < 0.5
    return checkpoint(lambda x, W: np.tanh((x * mask) @ W))(x, W)


def weights_captured(x, W, rng):
    mask = rng.random((len(x), W.shape[1])) < 0.5
    return checkpoint(lambda x: np.tanh(x @ W.detach()) * mask)(x)


def one_mask_for_all(x, W, rng):
    mask = rng.random(W.shape[1]) < 0.5
    return checkpoint(lambda x, W: np.tanh(x @ W) * mask)(x, W)


Exercise(
    "batch.thinned", thinned,
    chapter="batch-to-gpu",
    title="Dropout under a checkpoint",
    kind="spot the bug", grade="core", minutes=6,
    stub=thinned_twice,
    use=run_thinned,
    tests=[agrees(thinned_point, times=5)],
    wrong=[
        (thinned_twice,
         "The mask is still drawn inside of what is computed twice: the second run draws another one."),
        (no_checkpoint,
         "Result and derivatives are right, but the checkpoint is gone."),
        (own_generator,
         "Both runs draw the same mask now, but every call of the layer does so too: draw from `rng`."),
        (nothing_dropped,
         "Nothing is set to 0 any more: the mask has to stay, only drawn elsewhere."),
        (other_half,
         "The other half is set to 0: keep the entries where the random number is below 0.5."),
        (inputs_thinned,
         "The inputs are thinned out: the layer sets results to 0."),
        (weights_captured,
         "W has lost its derivative: it may be an argument or be found from outside, but not detached."),
        (one_mask_for_all,
         "All examples share one mask: it has a row for each of them."),
        (scaled_up,
         "What remains is scaled, as dropout often does: here it stays as it is."),
    ],
    hints=[
        "Which lines run twice?",
        "Everything inside of `layer` does. What is random must be drawn before, and may be used inside.",
        "Move the line with `mask = …` in front of `def layer`.",
    ],
    note="PyTorch's checkpoint stores the state of the random number generators and restores it for the second run; "
         "the flag preserve_rng_state turns that off.",
)
