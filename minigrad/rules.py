"""The derivative rules of NumPy's functions: one derived equation, one line.

How to read them: ``y`` is the result; ``a``, ``b`` and ``c`` are the operands in order,
whatever NumPy calls them; ``g`` is the derivative that comes in; ``shape`` is the shape
of the operand that the rule is for; other names are options. Undoing broadcasting,
keeping the dtype and adding up is done for all of them by those who apply the rules.
"""

import math
from itertools import accumulate
from string import ascii_letters

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.box import (
    REQUIRED,
    RULES,
    bare,
    constant,
    derived,
    elementwise,
    kept,
    linear,
    offer,
    reduced,
    reduction,
    rule,
    unboxed,
    with_rule,
)

# Arithmetic.

elementwise(np.add, 1, 1)
elementwise(np.subtract, 1, -1)
elementwise(np.multiply, lambda b: b, lambda a: a)
elementwise(np.divide, lambda g, b: g / b, lambda g, y, b: -g * y / b)
elementwise(np.negative, -1)
elementwise(np.positive, 1)
elementwise(np.reciprocal, lambda y: -y * y)
elementwise(np.remainder, 1, lambda a, b: -np.floor_divide(a, b))
elementwise(np.square, lambda a: 2 * a)
elementwise(np.sqrt, lambda y: 0.5 / y)
elementwise(np.cbrt, lambda y: 1 / (3 * y * y))


def power_by_base(a, b):
    """b aᵇ⁻¹, which is 0 for b = 0, at a = 0 as well."""
    if isinstance(b, (int, float)):  # a number, which makes squares much faster
        return 2 * a if b == 2 else b * a ** (b - 1) if b else np.zeros_like(a)
    return b * a ** np.where((a == 0) & (b == 0), 1, b - 1)


def power_by_exponent(a, y):
    """aᵇ log a, which is 0 for a = 0 and b ≥ 0."""
    return y * np.log(np.where(a == 0, 1, a))


elementwise(np.power, power_by_base, power_by_exponent)

# Exponentials and logarithms.


@with_rule(elementwise, lambda y: y * (1 - y))
def sigmoid(a):
    """1 / (1 + e⁻ᵃ), written so that the exponential never overflows."""
    e = np.exp(-np.abs(a))
    return np.where(a >= 0, 1, e) / (1 + e)


elementwise(np.exp, lambda y: y)
elementwise(np.exp2, lambda y: y * math.log(2))
elementwise(np.expm1, lambda y: y + 1)
elementwise(np.log, lambda a: 1 / a)
elementwise(np.log2, lambda a: 1 / (a * math.log(2)))
elementwise(np.log10, lambda a: 1 / (a * math.log(10)))
elementwise(np.log1p, lambda a: 1 / (1 + a))
elementwise(np.logaddexp, lambda a, b: sigmoid(a - b), lambda a, b: sigmoid(b - a))

# Trigonometry.

elementwise(np.sin, lambda a: np.cos(a))
elementwise(np.cos, lambda a: -np.sin(a))
elementwise(np.tan, lambda y: 1 + y * y)
elementwise(np.arcsin, lambda a: 1 / np.sqrt((1 - a) * (1 + a)))
elementwise(np.arccos, lambda a: -1 / np.sqrt((1 - a) * (1 + a)))
elementwise(np.arctan, lambda a: 1 / (1 + a * a))
elementwise(np.sinh, lambda a: np.cosh(a))
elementwise(np.cosh, lambda a: np.sinh(a))
elementwise(np.tanh, lambda y: 1 - y * y)
elementwise(np.arcsinh, lambda a: 1 / np.hypot(1, a))
elementwise(np.arccosh, lambda a: 1 / (np.sqrt(a - 1) * np.sqrt(a + 1)))
elementwise(np.arctanh, lambda a: 1 / ((1 - a) * (1 + a)))


def nonzero(y):
    """y, and 1 where it is 0: a divisor where the quotient is to be 0."""
    return y + (y == 0)


def over_square(a, r):
    """a / r², and 0 where both are 0; in two steps, since r² may be out of range."""
    return a / nonzero(r) / nonzero(r)


elementwise(np.hypot, lambda a, y: a / nonzero(y), lambda b, y: b / nonzero(y))
elementwise(
    np.arctan2,
    lambda a, b: over_square(b, np.hypot(a, b)),
    lambda a, b: -over_square(a, np.hypot(a, b)),
)

# Functions with kinks.


@with_rule(elementwise, lambda g, y: g * (y > 0).astype(g.dtype))
def relu(a):
    """The positive part of a."""
    return np.maximum(a, 0)


@with_rule(
    elementwise,
    lambda a, b, c: (b <= a) & (a <= c),
    lambda a, b, c: (a < b) & (b <= c),
    lambda a, b, c: (a > c) | (b > c),
)
def clipped(a, b, c):
    """a, but at least b and at most c."""
    return np.minimum(np.maximum(a, b), c)


def won(a, b):
    """1 where a is greater than b, ½ where they are equal."""
    return (a > b) + 0.5 * (a == b)


elementwise(np.absolute, lambda a: np.sign(a))
elementwise(np.sign, 0)
elementwise(np.maximum, lambda a, b: won(a, b), lambda a, b: won(b, a))
elementwise(np.minimum, lambda a, b: won(b, a), lambda a, b: won(a, b))
elementwise(
    np.where, None, lambda g, a: np.where(a, g, 0), lambda g, a: np.where(a, 0, g)
)

# Sums and other reductions.


def spread(g, shape, axis):
    """The adjoint of a sum: each entry gets the derivative of the sum it is in."""
    return np.broadcast_to(kept(g, shape, axis), shape)


def number(shape, axis):
    """How many entries are reduced to one."""
    return math.prod(shape[i] for i in reduced(axis, len(shape)))


def share(n):
    """1 / n: unlike n, within the range of float16."""
    return 1 / n if n else math.inf


def sums_from_here(g, shape, axis):
    """The adjoint of the sums up to each entry: the sums from each entry on."""
    return np.flip(np.cumsum(np.flip(g, axis), axis), axis).reshape(shape)


def shared(ties, axis):
    """1 in all, shared evenly among the entries that tie."""
    return ties / np.sum(ties, axis=axis, keepdims=True)


def deviation(a, axis, ddof):
    """The distance from the mean, over the number that a variance divides by."""
    mean = np.mean(a, axis=axis, keepdims=True)
    return (a - mean) * share(number(a.shape, axis) - ddof)


def product_of_others(a, axis):
    """For each entry the product of all others, without a division, zeros or not."""
    axes = reduced(axis, a.ndim)
    last = range(-len(axes), 0)
    moved = np.moveaxis(a, axes, last)
    flat = moved.reshape((*moved.shape[: a.ndim - len(axes)], number(a.shape, axis)))
    products = product_before(flat) * np.flip(product_before(np.flip(flat, -1)), -1)
    return np.moveaxis(products.reshape(moved.shape), last, axes)


def product_before(a):
    """For each entry the product of those before it: of 1, 2, 4 … at a time."""
    products, step = delayed(a, 1), 1
    while step < a.shape[-1]:
        products, step = products * delayed(products, step), 2 * step
    return products


def delayed(a, step):
    """The entries moved along the last axis by some steps, with ones before them."""
    return np.concatenate([np.ones_like(a[..., :step]), a[..., :-step]], -1)


def largest(a, axis):
    """The maximum, whose subtraction keeps exponentials in range; 0 where infinite."""
    top = np.max(a, axis=axis, keepdims=True)
    return np.where(np.isfinite(top), top, 0)


@with_rule(reduction, lambda a, y: np.exp(a - y))
def logsumexp(a, axis=None, keepdims=False):
    """log Σ eᵃ along the axis, without overflow.

    Parameters
    ----------
    a : array_like
    axis : int, tuple of int or None
        All axes for None.
    keepdims : bool
        Whether the reduced axes stay, with length 1.

    Notes
    -----
    Derived in the chapter "Reductions, shapes and kinks", `eq-logsumexp`; P. Blanchard,
    D. J. Higham and N. J. Higham, "Accurately computing the log-sum-exp and softmax
    functions", IMA J. Numer. Anal. 41(4), 2021.

    Examples
    --------
    >>> float(logsumexp(np.array([1000.0, 1000.0])).round(4))
    1000.6931
    """
    top = largest(a, axis)
    y = np.log(np.sum(np.exp(a - top), axis=axis, keepdims=True)) + top
    return y if keepdims else np.squeeze(y, axis=axis)


linear(np.sum, spread, axis=None, keepdims=False)
linear(
    np.mean,
    lambda g, shape, axis: spread(g * share(number(shape, axis)), shape, axis),
    axis=None,
    keepdims=False,
)
linear(np.cumsum, sums_from_here, axis=None)
reduction(np.prod, product_of_others)
reduction(np.max, lambda a, y, axis: shared(a == y, axis))
reduction(np.min, lambda a, y, axis: shared(a == y, axis))
reduction(np.var, lambda a, axis, ddof: 2 * deviation(a, axis, ddof), ddof=0)
reduction(
    np.std, lambda a, y, axis, ddof: deviation(a, axis, ddof) / nonzero(y), ddof=0
)

# Shapes. What moves entries about is undone by moving them back.


def inverse(axes):
    """The order of axes that undoes another one."""
    if axes is None:
        return None
    return [int(i) for i in np.argsort([axis % len(axes) for axis in axes])]


def parts(g, shapes, axis):
    """What concatenation put together, apart again."""
    lengths = [math.prod(shape) if axis is None else shape[axis] for shape in shapes]
    before = (slice(None),) * (0 if axis is None else axis % g.ndim)
    return [
        g[(*before, slice(end - length, end))].reshape(shape)
        for shape, length, end in zip(shapes, lengths, accumulate(lengths))
    ]


linear(np.reshape, lambda g, shape: g.reshape(shape), shape=REQUIRED)
linear(np.ravel, lambda g, shape: g.reshape(shape))
linear(np.expand_dims, lambda g, shape: g.reshape(shape), axis=REQUIRED)
linear(np.squeeze, lambda g, shape: g.reshape(shape), axis=None)
linear(np.transpose, lambda g, axes: np.transpose(g, inverse(axes)), axes=None)
linear(
    np.swapaxes,
    lambda g, axis1, axis2: np.swapaxes(g, axis1, axis2),
    axis1=REQUIRED,
    axis2=REQUIRED,
)
linear(
    np.moveaxis,
    lambda g, source, destination: np.moveaxis(g, destination, source),
    source=REQUIRED,
    destination=REQUIRED,
)
linear(np.flip, lambda g, axis: np.flip(g, axis), axis=None)
linear(
    np.roll,
    lambda g, shift, axis: np.roll(g, np.negative(shift), axis),
    shift=REQUIRED,
    axis=None,
)
linear(np.triu, lambda g, k: np.triu(g, k), k=0)
linear(np.tril, lambda g, k: np.tril(g, k), k=0)
linear(np.copy, lambda g: g)
linear(np.broadcast_to, lambda g: g, shape=REQUIRED)  # the sweep undoes broadcasting
linear(np.stack, lambda g, axis: np.moveaxis(g, axis, 0), listed=True, axis=0)
linear(np.concatenate, parts, listed=True, axis=0)


@with_rule(linear, lambda g: g, dtype=REQUIRED)
def cast(a, dtype):
    """The array in another floating-point dtype."""
    return a.astype(dtype)


@derived(np.astype)
def astype(x, dtype):
    """The array in another dtype; a constant in one of integers or booleans."""
    dtype = np.dtype(dtype)
    return unboxed(cast.func)(x, dtype) if dtype.kind in "biu" else cast(x, dtype=dtype)


# Indexing.


@with_rule(linear, lambda g, index, shape: scatter(g, index, shape), index=REQUIRED)
def gather(a, index):
    """The entries at an index of any kind."""
    return a[index]


@with_rule(linear, lambda g, index: gather(g, index), index=REQUIRED, shape=REQUIRED)
def scatter(a, index, shape):
    """Zeros, to which entries are added at an index: all of them if it repeats."""
    out = np.zeros_like(a, shape=shape)
    if all(map(names_no_entry_twice, index if isinstance(index, tuple) else (index,))):
        out[index] = a
    else:
        np.add.at(out, index, a)
    return out


def names_no_entry_twice(i):
    """Whether this part of an index is a number, a slice, None or an ellipsis."""
    once = (int, np.integer, slice, type(None), type(Ellipsis))
    return isinstance(i, once) and not isinstance(i, bool)


@derived(np.take)
def take(a, indices, axis=None):
    """Entries along an axis."""
    a, axis = (np.ravel(a), 0) if axis is None else (a, axis)
    # Booleans count as 0 and 1: this is no mask.
    indices = np.asarray(indices).astype(np.intp, casting="same_kind")
    return a[(slice(None),) * normalize_axis_index(axis, a.ndim) + (indices,)]


@derived(np.repeat)
def repeat(a, repeats, axis=None):
    """Each entry several times."""
    a, axis = (np.ravel(a), 0) if axis is None else (a, axis)
    return np.take(a, np.repeat(np.arange(a.shape[axis]), repeats), axis)


@derived(np.tile)
def tile(A, reps):
    """Copies of an array side by side."""
    reps = (reps,) if np.ndim(reps) == 0 else tuple(reps)
    ndim = max(A.ndim, len(reps))
    lengths, reps = (1,) * (ndim - A.ndim) + A.shape, (1,) * (ndim - len(reps)) + reps
    copies = np.broadcast_to(
        np.reshape(A, [i for n in lengths for i in (1, n)]),
        [i for r, n in zip(reps, lengths) for i in (r, n)],
    )
    return np.reshape(copies, [r * n for r, n in zip(reps, lengths)])


@derived(np.diagonal)
def diagonal(a, offset=0, axis1=0, axis2=1):
    """The entries of two axes where the second index is the first plus the offset."""
    matrices = np.moveaxis(a, (axis1, axis2), (-2, -1))
    rows, columns = matrices.shape[-2:]
    down, right = max(-offset, 0), max(offset, 0)
    i = np.arange(max(0, min(rows - down, columns - right)))
    return matrices[..., i + down, i + right]


@derived(np.diag)
def diag(v, k=0):
    """The diagonal of a matrix, or the matrix with this diagonal."""
    if v.ndim == 2:
        return np.diagonal(v, k)
    if v.ndim != 1:
        raise ValueError(f"np.diag takes one or two axes; got the shape {v.shape}")
    i = np.arange(v.size)
    n = v.size + abs(k)
    return scatter(v, index=(i + max(-k, 0), i + max(k, 0)), shape=(n, n))


@derived(np.trace)
def trace(a, offset=0, axis1=0, axis2=1):
    """The sum of a diagonal."""
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1)


@derived(np.full_like)
def full_like(a, fill_value, dtype=None, shape=None):
    """An array like another with one value in all places."""
    like = np.empty_like(a, dtype=dtype, shape=shape)
    return np.astype(np.broadcast_to(fill_value, like.shape), like.dtype)


@derived(np.vstack)
def vstack(tup):
    """Rows on top of each other."""
    rows = [x if np.ndim(x) > 1 else np.reshape(x, (1, -1)) for x in tup]
    return np.concatenate(rows)


@derived(np.hstack)
def hstack(tup):
    """Arrays side by side."""
    arrays = [x if np.ndim(x) > 0 else np.reshape(x, 1) for x in tup]
    return np.concatenate(arrays, axis=0 if np.ndim(arrays[0]) == 1 else 1)


@derived(np.clip)
def clip(a, a_min=None, a_max=None, *, min=None, max=None):
    """The entries, moved to the nearest bound where they are outside."""
    low, high = (min if a_min is None else a_min), (max if a_max is None else a_max)
    low, high = -math.inf if low is None else low, math.inf if high is None else high
    return clipped(a, low, high)


# Products of matrices. An operand of one axis is a row in the first place, and a column
# in the second.


def product_by_a(g, b, shape):
    """G Bᵀ."""
    columns = b if b.ndim > 1 else b[:, None]
    return as_matrices(g, len(shape), b.ndim) @ columns.swapaxes(-1, -2)


def product_by_b(g, a, shape):
    """Aᵀ G."""
    rows = a if a.ndim > 1 else a[None, :]
    by_columns = rows.swapaxes(-1, -2) @ as_matrices(g, a.ndim, len(shape))
    return by_columns if len(shape) > 1 else by_columns[..., 0]


def as_matrices(g, ndim_a, ndim_b):
    """The derivative by a product, with the axes lost to operands of one axis."""
    g = g if ndim_b > 1 else g[..., None]
    return g if ndim_a > 1 else g[..., None, :]


linear(np.matmul, product_by_a, product_by_b)


@derived(np.dot)
def dot(a, b):
    """The sum of products over the last axis of a and the last but one of b."""
    a, b = as_array(a), as_array(b)
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    return np.matmul(a, b) if b.ndim <= 2 else np.tensordot(a, b, (-1, -2))


@derived(np.inner)
def inner(a, b):
    """The sum of products over the last axes."""
    a, b = as_array(a), as_array(b)
    return a * b if a.ndim == 0 or b.ndim == 0 else np.tensordot(a, b, (-1, -1))


@derived(np.outer)
def outer(a, b):
    """All products of an entry of a and one of b."""
    return as_array(a).reshape(-1, 1) * as_array(b).reshape(1, -1)


@derived(np.tensordot)
def tensordot(a, b, axes=2):
    """The sum of products over some axes: a matrix product of combined axes."""
    a, b = as_array(a), as_array(b)
    if isinstance(axes, (int, np.integer)):
        axes = range(a.ndim - axes, a.ndim), range(axes)
    over_a = reduced(tuple(np.ravel(axes[0])), a.ndim)
    over_b = reduced(tuple(np.ravel(axes[1])), b.ndim)
    if [a.shape[i] for i in over_a] != [b.shape[i] for i in over_b]:
        raise ValueError(
            f"np.tensordot: the axes {over_a} of {a.shape} and {over_b} of {b.shape} "
            "do not match"
        )
    rows = [i for i in range(a.ndim) if i not in over_a]
    columns = [i for i in range(b.ndim) if i not in over_b]
    shape = [*(a.shape[i] for i in rows), *(b.shape[i] for i in columns)]
    product = np.matmul(combined(a, rows, over_a), combined(b, over_b, columns))
    return product.reshape(shape)


def combined(a, rows, columns):
    """A matrix: some axes taken together as rows, the others as columns."""
    n, m = (math.prod(a.shape[i] for i in axes) for axes in (rows, columns))
    return np.transpose(a, (*rows, *columns)).reshape((n, m))


def as_array(a):
    """An operand that may be a number or a list."""
    return a if hasattr(a, "__array_function__") else np.asarray(a)


# Einstein sums: one operand alone, then two at a time.


@with_rule(
    linear,
    lambda g, b, shape, subscripts: contraction_by(0, g, b, shape, subscripts),
    lambda g, a, shape, subscripts: contraction_by(1, g, a, shape, subscripts),
    subscripts=REQUIRED,
)
def contraction(a, b, subscripts):
    """The Einstein sum of two operands; an index that only one has is in the result."""
    return np.einsum(subscripts, a, b)


def contraction_by(i, g, other, shape, subscripts):
    """The adjoint: in the subscripts, the result changes places with operand `i`.

    Where the other operand had one entry for all, the derivative is that for all.
    """
    terms, result = subscripts.split("->")
    terms = terms.split(",")
    by_operand = f"{result},{terms[1 - i]}->{terms[i]}"
    product = contraction(g, other, subscripts=by_operand)
    return np.broadcast_to(product, np.broadcast_shapes(product.shape, shape))


@derived(np.einsum)
def einsum(subscripts, *operands, optimize=False):
    """An Einstein sum."""
    operands = [as_array(x) for x in operands]
    terms, result = spelled_out(subscripts, operands)
    pairs = []
    for i, (term, x) in enumerate(zip(terms, operands)):
        elsewhere = result + "".join(terms[:i] + terms[i + 1 :])
        pairs.append(alone(term, x, elsewhere))
    while len(pairs) > 1:
        (left, a), (right, b), *pairs = pairs
        needed = result + "".join(term for term, _ in pairs)
        both = "".join(i for i in dict.fromkeys(left + right) if i in needed)
        product = contraction(a, b, subscripts=f"{left},{right}->{both}")
        pairs = [(both, product), *pairs]
    ((term, total),) = pairs
    return np.transpose(total, [term.index(i) for i in result])


def alone(term, x, elsewhere):
    """An operand with each index once, and summed over those that are nowhere else."""
    while len(set(term)) < len(term):
        i = next(i for i in term if term.count(i) > 1)
        first, second = term.index(i), term.rindex(i)
        if x.shape[first] != x.shape[second]:
            lengths = f"{x.shape[first]} and {x.shape[second]}"
            raise ValueError(f"np.einsum: the index {i} has the lengths {lengths}")
        x = np.diagonal(x, 0, first, second)
        term = term[:first] + term[first + 1 : second] + term[second + 1 :] + i
    summed = tuple(k for k, i in enumerate(term) if i not in elsewhere)
    total = np.sum(x, axis=summed) if summed else x
    return "".join(i for i in term if i in elsewhere), total


def spelled_out(subscripts, operands):
    """The indices of each operand and of the result, with letters for the dots."""
    if not isinstance(subscripts, str):
        kind = type(subscripts).__name__
        raise TypeError(f"np.einsum of a box takes a string of subscripts; got {kind}")
    inputs, arrow, result = subscripts.replace(" ", "").partition("->")
    inputs = inputs.split(",")
    shapes = [x.shape for x in operands]
    wrong = ValueError(f"np.einsum: {subscripts!r} does not fit the shapes {shapes}")
    if len(inputs) != len(operands):
        raise wrong
    dotted = [
        len(shape) - len(term) + 3 if "..." in term else 0
        for term, shape in zip(inputs, shapes)
    ]
    dots = "".join(i for i in ascii_letters if i not in subscripts)[: max(dotted)]
    terms = [
        term.replace("...", dots[len(dots) - n :]) for term, n in zip(inputs, dotted)
    ]
    letters = "".join(terms)
    if not arrow:
        once = (i for i in set(letters) if letters.count(i) == 1 and i not in dots)
        result = "..." + "".join(sorted(once))
    if dots and "..." not in result:
        raise wrong
    result = result.replace("...", dots)
    fits = [len(term) for term in terms] == [len(shape) for shape in shapes]
    known = set(result) <= set(letters) <= set(ascii_letters)
    if not fits or not known or len(set(result)) < len(result):
        raise wrong
    return terms, result


# Linear algebra.


def transposed(a):
    """Matrices with rows and columns exchanged."""
    return a.swapaxes(-1, -2)


@with_rule(
    rule,
    [
        lambda g, a, y: -solution(transposed(a), g) @ transposed(y),
        lambda g, a: solution(transposed(a), g),
    ],
    [lambda t, a, y: -solution(a, t @ y), lambda t, a: solution(a, t)],
)
def solution(a, b):
    """x of a x = b, for matrices."""
    return np.linalg.solve(a, b)


rule(
    np.linalg.inv,
    [lambda g, y: -transposed(y) @ g @ transposed(y)],
    [lambda t, y: -y @ t @ y],
)
rule(
    np.linalg.det,
    [lambda g, a, y: g[..., None, None] * cofactors(a, y)],
    [lambda t, a, y: np.sum(t * cofactors(a, y), axis=(-2, -1))],
)


@with_rule(
    rule,
    [lambda g, a: g[..., None, None] * transposed(np.linalg.inv(a))],
    [lambda t, a: np.sum(t * transposed(np.linalg.inv(a)), axis=(-2, -1))],
)
def log_abs_det(a):
    """The logarithm of the absolute value of the determinant."""
    return np.linalg.slogdet(a)[1]


def cofactors(a, det):
    """The derivative of the determinant by each entry: the signed minors.

    Regular matrices have a shorter way to it, by the inverse.
    """
    if a.size and np.all(np.linalg.cond(bare(a)) < np.finfo(a.dtype).eps ** -0.5):
        return det[..., None, None] * transposed(np.linalg.inv(a))
    i = np.arange(a.shape[-1])
    others = np.array([i[i != k] for k in i], dtype=int)
    others = others.reshape(len(i), max(len(i) - 1, 0))
    minors = a[..., others[:, None, :, None], others[None, :, None, :]]
    return (-1.0) ** (i[:, None] + i) * np.linalg.det(minors)


@derived(np.linalg.solve)
def solve(a, b):
    """x of a x = b, where b is a vector if it has one axis, and matrices otherwise."""
    a, b = as_array(a), as_array(b)
    return solution(a, b[:, None])[..., 0] if b.ndim == 1 else solution(a, b)


@derived(np.linalg.slogdet)
def slogdet(a):
    """The sign, a constant, and the logarithm of the absolute value."""
    return SLOGDET(unboxed(sign_of_det)(a), log_abs_det(a))


def sign_of_det(a):
    """The sign of the determinant."""
    return np.linalg.slogdet(a)[0]


SLOGDET = type(np.linalg.slogdet(np.eye(1)))


@with_rule(reduction, lambda a, y: a / nonzero(y))
def euclidean(a, axis=None, keepdims=False):
    """The root of the sum of squares."""
    return np.sqrt(np.sum(a * a, axis=axis, keepdims=keepdims))


@with_rule(
    reduction,
    lambda a, y, p: np.sign(a) * (np.abs(a) / nonzero(y)) ** (p - 1),
    p=REQUIRED,
)
def p_norm(a, p, axis=None, keepdims=False):
    """The p-th root of the sum of p-th powers."""
    return np.sum(np.abs(a) ** p, axis=axis, keepdims=keepdims) ** (1 / p)


@derived(np.linalg.norm)
def norm(x, ord=None, axis=None, keepdims=False):
    """The norm of vectors or matrices, or of all entries together."""
    axes = tuple(reduced(axis, x.ndim))
    ord = ord.item() if isinstance(ord, np.generic) else ord
    extreme = np.max if ord in (1, math.inf) else np.min
    match len(axes), ord:
        case (_, None) | (1, 2) | (2, "fro"):
            return euclidean(x, axis=axes, keepdims=keepdims)
        case 1, float() if abs(ord) == math.inf:
            return extreme(np.abs(x), axis=axes, keepdims=keepdims)
        case 1, int() | float() if ord != 0:
            return p_norm(x, p=ord, axis=axes, keepdims=keepdims)
        case 2, int() | float() if abs(ord) in (1, math.inf):
            inside, outside = axes if abs(ord) == 1 else axes[::-1]
            sums = np.sum(np.abs(x), axis=inside, keepdims=True)
            largest = extreme(sums, axis=outside, keepdims=True)
            return largest if keepdims else np.squeeze(largest, axis=axes)
    raise ValueError(
        f"np.linalg.norm of a box has no rule for ord={ord!r} on {len(axes)} axes"
    )


# What has no derivative.

constant(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)
constant(np.logical_and, np.logical_or, np.logical_not, np.logical_xor)
constant(np.all, np.any, np.count_nonzero, np.nonzero, np.signbit)
constant(np.isnan, np.isinf, np.isfinite, np.isclose, np.allclose, np.array_equal)
constant(np.floor, np.ceil, np.trunc, np.rint, np.round, np.floor_divide)
constant(np.argmax, np.argmin, np.argsort, np.argpartition, np.searchsorted)
constant(np.shape, np.ndim, np.size, np.result_type)
constant(np.zeros_like, np.ones_like, np.empty_like)

# Other names of the same functions.

for func, name in (np.max, np.amax), (np.min, np.amin), (np.round, np.around):
    RULES[name] = RULES[func]

# Methods of boxes that NumPy has no function for.

offer("astype", np.astype)
offer("relu", relu.func)
offer("sigmoid", sigmoid.func)
offer("__getitem__", gather.func)
