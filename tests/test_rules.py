"""Every rule of the registry, against finite differences and against its own transpose.

A function that is registered has inputs in CASES, or in CONSTANTS if it has no derivative; the first test sees to it.
"""

import itertools
import math
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad import Tensor, jvp, nn, rules, vjp
from minigrad.box import RULES

# Inputs.


class Case:
    """A function of arrays, and the shapes and the range of the arrays it is tested with."""

    def __init__(self, label, f, *shapes, low=-2.0, high=2.0, layout=np.array):
        self.label, self.f, self.shapes, self.range, self.layout = label, f, shapes, (low, high), layout

    def inputs(self, dtype=np.float64):
        """Arrays whose entries are all different, and no two of which are close to each other."""
        rng = np.random.default_rng(zlib.crc32(self.label.encode()))
        sizes = [math.prod(shape) for shape in self.shapes]
        low, high = self.range
        steps = np.linspace(low, high, sum(sizes) + 2)[1:-1]
        numbers = rng.permutation(steps + rng.uniform(-0.2, 0.2, sum(sizes)) * (high - low) / (sum(sizes) + 1))
        parts = np.split(numbers, np.cumsum(sizes)[:-1])
        return [self.layout(part.reshape(shape)).astype(dtype) for part, shape in zip(parts, self.shapes)]

    def __repr__(self):
        return self.label


def transposed(x):
    """The same array, stored by columns."""
    return np.asfortranarray(x)


def backwards(x):
    """The same array with negative strides."""
    return x[(slice(None, None, -1),) * x.ndim].copy()[(slice(None, None, -1),) * x.ndim]


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def unary(f, low=-2.0, high=2.0):
    name = getattr(f, "__name__", "f")
    cases = [Case(f"{name} {shape}", f, shape, low=low, high=high) for shape in [(), (0,), (1, 3), (3, 1), (2, 3)]]
    for layout in transposed, backwards, read_only:
        cases.append(Case(f"{name} {layout.__name__}", f, (2, 3), low=low, high=high, layout=layout))
    return cases


def binary(f, low=-2.0, high=2.0):
    name = getattr(f, "__name__", "f")
    pairs = [((), ()), ((), (3,)), ((0,), (1,)), ((2, 3), (2, 3)), ((1, 3), (2, 1)), ((3,), (2, 1, 3)), ((2, 1), (3,))]
    cases = [Case(f"{name} {pair}", f, *pair, low=low, high=high) for pair in pairs]
    for layout in transposed, backwards, read_only:
        cases.append(Case(f"{name} {layout.__name__}", f, (2, 3), (3,), low=low, high=high, layout=layout))
    return cases


def reducing(f, low=-2.0, high=2.0, empty=False, label=""):
    name = f"{f.__name__}{label}"
    ways = {
        "": {},
        "axis=0": {"axis": 0},
        "axis=-1, keepdims": {"axis": -1, "keepdims": True},
        "axis=(0, 2)": {"axis": (0, 2)},
        "axis=(-1, 0), keepdims": {"axis": (-1, 0), "keepdims": True},
        "keepdims": {"keepdims": True},
    }
    cases = [
        Case(f"{name} {way}", lambda x, o=options: f(x, **o), (2, 3, 2), low=low, high=high)
        for way, options in ways.items()
    ]
    cases += [Case(f"{name} {shape}", f, shape, low=low, high=high) for shape in [(), (1, 3), (3, 1), (2, 3)]]
    cases += [
        Case(f"{name} {layout.__name__}", lambda x: f(x, axis=0), (2, 3), low=low, high=high, layout=layout)
        for layout in (transposed, backwards, read_only)
    ]
    return cases + [Case(f"{name} (0, 3)", lambda x: f(x, axis=0 if empty else 1), (0, 3), low=low, high=high)]


def several(*cases):
    """Cases written as (label, function, shape, shape, …)."""
    return [Case(*case) for case in cases]


def shapes_of(f, shapes, *options):
    """A function of one array with some options, for some shapes."""
    return [
        Case(f"{f.__name__} {shape} {option}", lambda x, o=option: f(x, *o), shape)
        for shape in shapes
        for option in options
    ]


def regular(f):
    """A function of a matrix, applied far away from singular ones."""
    return lambda x, *others: f(x + 4 * np.eye(x.shape[-1]), *others)


MASK = np.array([[True, False, True], [False, False, True]])
INDEX = np.array([[0, 2, 0], [1, 1, 1]])

CASES = {
    np.add: binary(np.add),
    np.subtract: binary(np.subtract),
    np.multiply: binary(np.multiply),
    np.divide: binary(np.divide, 0.5, 3.0),
    np.negative: unary(np.negative),
    np.positive: unary(np.positive),
    np.reciprocal: unary(np.reciprocal, 0.5, 2.0),
    np.remainder: binary(np.remainder, 0.5, 3.0),
    np.square: unary(np.square),
    np.sqrt: unary(np.sqrt, 0.3, 2.0),
    np.cbrt: unary(np.cbrt, 0.3, 2.0),
    np.power: binary(np.power, 0.4, 2.5)
    + [
        Case(f"x ** {n!r}", lambda x, n=n: x**n, (2, 3), low=low, high=2.0)
        for n, low in [(2, -2), (3, -2), (0, -2), (1, -2), (-2, 0.4), (0.5, 0.4), (2.0, -2), (np.arange(3.0), -2)]
    ]
    + [Case("2 ** x", lambda x: 2**x, (2, 3)), Case("power(x, 2)", lambda x: np.power(x, 2), (2, 3))],
    rules.sigmoid.func: unary(rules.sigmoid),
    np.exp: unary(np.exp),
    np.exp2: unary(np.exp2),
    np.expm1: unary(np.expm1),
    np.log: unary(np.log, 0.3, 2.0),
    np.log2: unary(np.log2, 0.3, 2.0),
    np.log10: unary(np.log10, 0.3, 2.0),
    np.log1p: unary(np.log1p, -0.5, 2.0),
    np.logaddexp: binary(np.logaddexp),
    np.sin: unary(np.sin),
    np.cos: unary(np.cos),
    np.tan: unary(np.tan, -1.0, 1.0),
    np.arcsin: unary(np.arcsin, -0.8, 0.8),
    np.arccos: unary(np.arccos, -0.8, 0.8),
    np.arctan: unary(np.arctan),
    np.sinh: unary(np.sinh),
    np.cosh: unary(np.cosh),
    np.tanh: unary(np.tanh),
    np.arcsinh: unary(np.arcsinh),
    np.arccosh: unary(np.arccosh, 1.3, 3.0),
    np.arctanh: unary(np.arctanh, -0.8, 0.8),
    np.hypot: binary(np.hypot, 0.3, 2.0),
    np.arctan2: binary(np.arctan2, 0.3, 2.0) + binary(lambda a, b: np.arctan2(-a, -b), 0.3, 2.0),
    rules.relu.func: unary(rules.relu),

    np.absolute: unary(np.absolute),
    np.sign: unary(np.sign),
    np.maximum: binary(np.maximum),
    np.minimum: binary(np.minimum),
    np.where: several(
        ("where", lambda a, b: np.where(MASK, a, b), (2, 3), (2, 3)),
        ("where broadcast", lambda a, b: np.where(MASK, a, b), (3,), (2, 1)),
        ("where scalar", lambda a: np.where(MASK, a, 1.5), ()),
        ("where outside", lambda a: np.where(MASK[0, :, None], 0.5, a), (2, 3, 1)),
        ("where of itself", lambda a, b: np.where(a > b, a * b, b), (2, 3), (3,)),
    ),
    np.clip: several(
        ("clip", lambda a: np.clip(a, -1, 1), (2, 3)),
        ("clip below", lambda a: np.clip(a, -0.5, None), (2, 3)),
        ("clip above", lambda a: np.clip(a, None, 0.5), (2, 3)),
        ("clip bounds", lambda a, b, c: np.clip(a, b, c), (2, 3), (3,), (2, 1)),
        ("clip by name", lambda a, b: np.clip(a, min=b, max=1.0), (2, 3), ()),
        ("clip as a method", lambda a: (a + 0.0).clip(-0.7, 0.7), (2, 3)),
        ("clip plain", lambda b: np.clip(np.arange(-2.0, 3.0), b, 1.2), ()),
        ("clip empty", lambda a: np.clip(a, 0, 1), (0, 2)),
    ),
    np.sum: reducing(np.sum, empty=True),
    np.mean: reducing(np.mean),
    np.cumsum: shapes_of(np.cumsum, [(), (4,), (0,), (2, 3)], ()) + shapes_of(np.cumsum, [(2, 3)], (0,), (1,), (-1,)),
    np.prod: reducing(np.prod, empty=True),
    np.max: reducing(np.max),
    np.min: reducing(np.min),
    np.amax: several(("amax", lambda x: np.amax(x, axis=0), (2, 3))),
    np.amin: several(("amin", lambda x: np.amin(x, axis=0), (2, 3))),
    np.var: reducing(np.var) + [Case("var ddof", lambda x: np.var(x, axis=1, ddof=1), (2, 3))],
    np.std: [c for c in reducing(np.std) if c.label not in ("std ()", "std (1, 3)", "std (3, 1)")]
    + [Case("std ddof", lambda x: np.std(x, axis=0, ddof=1, keepdims=True), (3, 2))],
    rules.logsumexp.func: reducing(rules.logsumexp),
    nn.softmax.func: [case for case in unary(nn.softmax) if case.shapes[0] not in [(), (0,)]]
    + several(
        ("softmax along the first", lambda x: nn.softmax(x, axis=0), (2, 3)),
        ("softmax of all", lambda x: nn.softmax(x, axis=(0, 1)), (2, 3)),
        ("softmax of no example", nn.softmax, (0, 3)),
    ),
    np.reshape: shapes_of(np.reshape, [(2, 3)], (6,), ((3, 2),), ((1, -1, 2),), ((6, 1),))
    + [Case("reshape method", lambda x: (x + 0.0).reshape(3, 2) * (x + 0.0).reshape((3, -1)), (2, 3))]
    + shapes_of(np.reshape, [(0, 3)], ((3, 0),)),
    np.ravel: shapes_of(np.ravel, [(), (2, 3), (0, 2)], ()),
    np.expand_dims: shapes_of(np.expand_dims, [(2, 3)], (0,), (-1,), ((0, 2),)),
    np.squeeze: shapes_of(np.squeeze, [(1, 3, 1)], (), (0,), (-1,), ((0, 2),)),
    np.transpose: shapes_of(np.transpose, [(2, 3, 4)], (), ((1, 2, 0),), ((-1, 0, 1),), (np.array([2, 0, 1]),))
    + unary(np.transpose),
    np.swapaxes: shapes_of(np.swapaxes, [(2, 3, 4)], (0, 2), (-1, 1)),
    np.moveaxis: shapes_of(np.moveaxis, [(2, 3, 4)], (0, -1), ((0, 1), (-1, 0))),
    np.flip: shapes_of(np.flip, [(2, 3)], (), (0,), ((0, 1),)),
    np.roll: shapes_of(np.roll, [(2, 3)], (1,), (2, 1), ((1, -1), (0, 1))),
    np.triu: shapes_of(np.triu, [(2, 3), (3,), (2, 3, 3)], (), (1,), (-1,)),
    np.tril: shapes_of(np.tril, [(2, 3), (3,), (2, 3, 3)], (), (1,), (-1,)),
    np.copy: unary(np.copy),
    np.astype: [Case("astype", lambda x: (x + 0.0).astype(np.float64), (2, 3))],

    np.broadcast_to: shapes_of(np.broadcast_to, [(), (3,), (2, 1), (1, 3)], ((2, 3),), ((4, 2, 3),)),
    np.full_like: several(
        ("full_like", lambda x: np.full_like(x, x[0]) * x, (3,)),
        ("full_like row", lambda a: np.full_like(a, a[0]) * a, (2, 3)),
        ("full_like other shape", lambda x: np.full_like(x, x[1], shape=(2, 2)), (3,)),
    ),
    np.stack: several(
        ("stack", lambda a, b: np.stack([a, b]), (2, 3), (2, 3)),
        ("stack last", lambda a, b: np.stack([a, b, a], axis=-1), (2, 3), (2, 3)),
        ("stack constant", lambda a: np.stack([np.ones(3), a], axis=1), (3,)),
        ("stack numbers", lambda a, b: np.stack([a, 2.0, b]), (), ()),
        ("stack one", lambda a: np.stack((a,)), (0,)),
        ("stack rows", lambda a: np.stack(a, axis=1), (2, 3)),
    ),
    np.concatenate: several(
        ("concatenate", lambda a, b: np.concatenate([a, b]), (2, 3), (1, 3)),
        ("concatenate axis", lambda a, b: np.concatenate((a, b, a), axis=-1), (2, 3), (2, 1)),
        ("concatenate flat", lambda a, b: np.concatenate([a, b], axis=None), (2, 3), ()),
        ("concatenate constant", lambda a: np.concatenate([np.ones((2, 2)), a], 1), (2, 3)),
        ("concatenate empty", lambda a, b: np.concatenate([a, b]), (0,), (2,)),
        ("concatenate rows", np.concatenate, (2, 3)),
    ),
    np.vstack: [Case("vstack", lambda a, b: np.vstack([a, b]), (3,), (2, 3))],
    np.hstack: several(
        ("hstack", lambda a, b: np.hstack([a, b]), (3,), (2,)),
        ("hstack columns", lambda a, b: np.hstack([a, b]), (2, 3), (2, 1)),
        ("hstack numbers", lambda a, b: np.hstack([a, b]), (), ()),
    ),
    np.tile: shapes_of(np.tile, [(), (3,), (2, 3)], (2,), ((2, 1),), ((2, 1, 3),), ((0,),)),
    np.repeat: shapes_of(np.repeat, [(2, 3)], (2,), (2, 0), ([1, 0, 2], 1), ([1, 0, 2], -1))
    + shapes_of(np.repeat, [()], (3,)),
    np.take: shapes_of(np.take, [(2, 3)], ([0, 5, 0],), ([1, 1, 0], 0), (INDEX, 1), (-1, -1), (2,))
    + shapes_of(np.take, [(3,)], ([True, False, True],), (np.array([True, False]), 0)),
    rules.gather.func: [
        Case(f"index {label}", lambda x, i=index: x[i], (3, 4, 2))
        for label, index in {
            "number": 1,
            "negative": -1,
            "numbers": (1, -2),
            "slice": slice(1, None, 2),
            "slices": (slice(None, None, -1), slice(1, 3)),
            "dots": (..., 0),
            "new axis": (None, slice(None), None, 1),
            "list": [0, 2, 0],
            "list with slice": (slice(None), [0, 3, 3]),
            "two lists": ([0, 2, 0], [1, 1, 1]),
            "outer lists": ([[0], [2]], [1, 1, 3]),
            "apart": ([0, 2, 0], slice(None), [1, 1, 1]),
            "mask": np.arange(24).reshape(3, 4, 2) % 3 == 0,
            "row mask": np.array([True, False, True]),
            "mask and slice": (slice(None), np.array([True, False, True, False])),
            "no entries": [],
            "NumPy's number": np.int64(2),
            "true": True,
            "everything": ...,
            "empty tuple": (),
        }.items()
    ],
    rules.scatter.func: [
        Case("scatter", lambda x: rules.scatter(x, index=(INDEX, INDEX), shape=(3, 4)), (2, 3)),
        Case("scatter slice", lambda x: rules.scatter(x, index=slice(1, 3), shape=(4, 3)), (2, 3)),
    ],
    np.diagonal: shapes_of(np.diagonal, [(3, 4), (4, 3), (2, 2, 2)], (), (1,), (-1,))
    + shapes_of(np.diagonal, [(2, 3, 4)], (0, 1, 2), (1, -1, 0)),
    np.diag: shapes_of(np.diag, [(3,), (3, 4), (4, 3), (0,)], (), (1,), (-2,)),
    np.trace: shapes_of(np.trace, [(3, 4), (2, 2, 3)], (), (1,), (0, 1, 0)),
    np.matmul: [
        Case(f"matmul {a} {b} {layout.__name__}", np.matmul, a, b, layout=layout)
        for a, b in [
            ((3,), (3,)),
            ((2, 3), (3,)),
            ((3,), (3, 2)),
            ((2, 3), (3, 4)),
            ((2, 3), (4, 3, 2)),
            ((4, 2, 3), (3, 2)),
            ((4, 2, 3), (3,)),
            ((3,), (4, 3, 2)),
            ((4, 2, 3), (4, 3, 2)),
            ((2, 1, 2, 3), (4, 3, 2)),
            ((1, 2, 3), (2, 3, 1)),
            ((0, 3), (3, 2)),
            ((2, 0), (0, 3)),
            ((0, 2, 3), (3,)),
        ]
        for layout in ([np.array, transposed, backwards, read_only] if a == (2, 3) and b == (3, 4) else [np.array])
    ]
    + [Case("@ list", lambda x: [1, 0] @ x, (2, 3)), Case("list @", lambda x: x @ [1.0, 0.0, 2.0], (2, 3))],
    np.dot: [
        Case(f"dot {a} {b}", np.dot, a, b)
        for a, b in [((), (3,)), ((2, 3), ()), ((3,), (3,)), ((2, 3), (3,)), ((2, 3), (3, 4)), ((4, 2, 3), (3,)),
                     ((2, 3), (2, 3, 4)), ((3,), (2, 3, 4)), ((4, 2, 3), (2, 3, 2)), ((3,), (3, 2))]
    ],
    np.inner: [
        Case(f"inner {a} {b}", np.inner, a, b)
        for a, b in [((), (3,)), ((3,), (3,)), ((2, 3), (3,)), ((2, 3), (4, 3)), ((2, 2, 3), (4, 3))]
    ],
    np.outer: [Case(f"outer {a} {b}", np.outer, a, b) for a, b in [((3,), (2,)), ((2, 2), (3,)), ((), (2,))]],
    np.tensordot: several(
        ("tensordot", np.tensordot, (2, 3, 4), (3, 4, 2)),
        ("tensordot 1", lambda a, b: np.tensordot(a, b, 1), (2, 3), (3, 4)),
        ("tensordot 0", lambda a, b: np.tensordot(a, b, axes=0), (2,), (3, 1)),
        ("tensordot axes", lambda a, b: np.tensordot(a, b, ([0, -1], [1, 0])), (2, 3, 4), (4, 2)),
        ("tensordot one axis", lambda a, b: np.tensordot(a, b, (0, -1)), (2, 3), (4, 2)),
        ("tensordot NumPy's number", lambda a, b: np.tensordot(a, b, np.int64(1)), (2, 3), (3, 2)),
    ),
    np.einsum: [
        Case(f"einsum {subscripts}", lambda *x, s=subscripts: np.einsum(s, *x), *shapes)
        for subscripts, *shapes in [
            ("ij,jk->ik", (2, 3), (3, 4)),
            ("ij,jk", (2, 3), (3, 4)),
            ("ij->ji", (2, 3)),
            ("ji", (2, 3)),
            ("ii", (3, 3)),
            ("ii->i", (3, 3)),
            ("iij->j", (2, 2, 3)),
            ("ij->", (2, 3)),
            ("i,i->", (3,), (3,)),
            ("i,j->ij", (3,), (2,)),
            ("ij,k->i", (2, 3), (4,)),
            ("ij,ij->", (2, 3), (2, 3)),
            ("bij,bjk->bik", (2, 3, 4), (2, 4, 2)),
            ("...ij,...jk->...ik", (2, 1, 2, 3), (4, 3, 2)),
            ("...i->...", (2, 3)),
            ("i...,i->...", (3, 2), (3,)),
            ("ij,jk,kl->il", (2, 3), (3, 2), (2, 4)),
            ("i,i,i->i", (3,), (3,), (3,)),
            ("i,ij,j", (2,), (2, 3), (3,)),
            (" i j , j -> i ", (2, 3), (3,)),
            ("ij,ij->ij", (1, 3), (2, 3)),
            ("i,i->", (3,), (1,)),
            ("ijk->k", (2, 3, 0)),
        ]
    ],

    np.linalg.inv: several(
        ("inv", regular(np.linalg.inv), (3, 3)),
        ("inv stack", regular(np.linalg.inv), (2, 2, 2)),
        ("inv 1", regular(np.linalg.inv), (1, 1)),
    ),
    np.linalg.solve: several(
        ("solve vector", regular(np.linalg.solve), (3, 3), (3,)),
        ("solve matrix", regular(np.linalg.solve), (3, 3), (3, 2)),
        ("solve stack", regular(np.linalg.solve), (2, 3, 3), (3, 2)),
        ("solve stacks", regular(np.linalg.solve), (3, 3), (2, 3, 1)),
        ("solve stacked vector", regular(np.linalg.solve), (2, 3, 3), (3,)),
        ("solve by a constant", lambda b: np.linalg.solve(np.eye(3) + 1, b), (3,)),
        ("solve for a constant", regular(lambda a: np.linalg.solve(a, np.arange(3.0))), (3, 3)),
    ),

    np.linalg.det: several(
        ("det", np.linalg.det, (3, 3)), ("det stack", np.linalg.det, (2, 2, 2)), ("det 1", np.linalg.det, (1, 1))
    ),
    np.linalg.slogdet: several(
        ("slogdet", lambda x: np.linalg.slogdet(x + np.eye(3)).logabsdet, (3, 3)),
        ("slogdet stack", regular(lambda x: np.linalg.slogdet(x)[1]), (2, 2, 2)),
        ("slogdet and sign", lambda x: math.prod(np.linalg.slogdet(x)), (3, 3)),
    ),

    np.linalg.norm: [
        Case(f"norm {shape} {options}", lambda x, o=options: np.linalg.norm(x, **o), shape, low=0.3)
        for shape, options in [
            ((3,), {}),
            ((2, 3), {}),
            ((2, 3, 2), {}),
            ((3,), {"ord": 2}),
            ((2, 3), {"ord": 2, "axis": 1}),
            ((2, 3), {"ord": "fro"}),
            ((2, 3), {"axis": 0, "keepdims": True}),
            ((2, 3, 2), {"axis": (0, 2)}),
            ((4,), {"ord": 1}),
            ((4,), {"ord": 3}),
            ((4,), {"ord": 2.5, "keepdims": True}),
            ((4,), {"ord": np.inf}),
            ((4,), {"ord": -np.inf}),
            ((2, 3), {"ord": 1}),
            ((2, 3), {"ord": -1}),
            ((2, 3), {"ord": np.inf}),
            ((2, 3, 2), {"ord": -np.inf, "axis": (2, 0), "keepdims": True}),
            ((2, 3), {"ord": 1, "axis": -1}),
            ((4,), {"ord": np.int64(3)}),
            ((4,), {"ord": np.float32(np.inf)}),
        ]
    ],


}

# Functions that others are composed of, and that are tested with these.
INSIDE = {
    rules.clipped.func: np.clip,
    rules.cast.func: np.astype,
    rules.contraction.func: np.einsum,
    rules.solution.func: np.linalg.solve,
    rules.log_abs_det.func: np.linalg.slogdet,
    rules.euclidean.func: np.linalg.norm,
    rules.p_norm.func: np.linalg.norm,
}

CONSTANTS = {
    **dict.fromkeys([np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal], 2),
    **dict.fromkeys([np.logical_and, np.logical_or, np.logical_xor, np.isclose, np.allclose, np.array_equal], 2),
    **dict.fromkeys([np.logical_not, np.all, np.any, np.count_nonzero, np.isnan, np.isinf, np.isfinite], 1),
    **dict.fromkeys([np.floor, np.ceil, np.trunc, np.rint, np.round, np.signbit, np.argmax, np.argmin], 1),
    **dict.fromkeys([np.argsort, np.nonzero, np.shape, np.ndim, np.size, np.zeros_like, np.ones_like], 1),
    **dict.fromkeys([np.floor_divide, np.result_type], 2),
    np.argpartition: lambda x: np.argpartition(x, 1),
    np.searchsorted: lambda x: np.searchsorted(x, 0.5),
    np.empty_like: lambda x: np.empty_like(x).shape,
    np.around: 1,
}


def test_every_registered_function_has_inputs():
    without = [f for f in RULES if f not in CASES.keys() | INSIDE.keys() | CONSTANTS.keys()]
    assert not without, f"no inputs in CASES, INSIDE or CONSTANTS for {without}"
    assert all(CASES[INSIDE.get(f, f)] for f in CASES.keys() | INSIDE.keys())
    assert CASES.keys() | INSIDE.keys() | CONSTANTS.keys() <= RULES.keys()


ALL = [case for cases in CASES.values() for case in cases]
each_case = pytest.mark.parametrize("case", ALL, ids=repr)


# The checks.


def directions(xs, seed):
    """Random arrays of the shapes and dtypes of xs."""
    rng = np.random.default_rng(seed)
    return tuple(rng.uniform(0.5, 1.5, np.shape(x)).astype(np.asarray(x).dtype) for x in xs)


def moved(f, xs, vs):
    """How f moves when xs move along vs, by finite differences of fourth order."""
    h = 1e-3

    def at(step):
        return f(*(x + step * h * v for x, v in zip(xs, vs)))

    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)


def close(one, other, tolerance=2e-8):
    """Whether two arrays agree, relative to their size and to 1."""
    one, other = np.asarray(one), np.asarray(other)
    assert one.shape == other.shape
    return np.all(np.abs(one - other) <= tolerance * (1 + np.abs(other)))


def assert_derivatives(f, xs, tolerance=2e-8):
    """Both modes agree with finite differences and with each other, and shapes and dtypes are those of the inputs."""
    expected = f(*xs)
    value, pullback = vjp(f, *xs)
    assert type(value) is type(expected) or np.ndim(value) == 0
    assert value.dtype == expected.dtype
    assert close(value, expected, 1e-13)
    (u,), vs = directions([expected], 1), directions(xs, 2)
    same_value, tangent = jvp(f, xs, vs)
    assert np.array_equal(same_value, value)
    assert tangent.shape == expected.shape and tangent.dtype == expected.dtype
    assert close(tangent, moved(f, xs, vs), tolerance)
    gradients = pullback(u)
    assert [(g.shape, g.dtype) for g in gradients] == [(x.shape, x.dtype) for x in xs]
    assert close(sum(np.sum(g * v) for g, v in zip(gradients, vs)), np.sum(u * tangent), 1e-11)


def test_results_have_the_dtype_that_numpy_gives():
    x, small = np.array([1.0, 2.0]), np.array([1.0, 2.0], np.float32)
    whole = np.full_like(Tensor(x), 2.7, dtype=int)
    assert whole.dtype == int and whole.tolist() == [2, 2]
    assert np.full_like(Tensor(small), np.float64(2.7)).dtype == np.float32
    assert np.full_like(Tensor(small), Tensor(2.7)).dtype == np.float32
    assert np.full_like(Tensor(x), Tensor(2.7), dtype=int, shape=3).tolist() == [2, 2, 2]


@pytest.mark.parametrize("f, n", [(np.mean, 1), (lambda x: np.mean(x, axis=0), 3)])
def test_the_mean_of_more_numbers_than_the_dtype_has(f, n):
    """The number of entries, 70000, is infinite in float16."""
    x = np.ones((70000, n), np.float16)
    assert np.allclose(vjp(f, x)[1](np.ones_like(f(x)))[0], 1 / 70000, rtol=1e-2, atol=0)


def test_the_variance_of_more_numbers_than_the_dtype_has():
    x = np.tile(np.array([-0.5, 0.5], np.float16), 35000)
    assert np.allclose(vjp(np.var, x)[1](1.0)[0], np.sign(x, dtype=float) / 70000, rtol=1e-2, atol=0)


def joined(arrays):
    """Several arrays as one with a single axis, so that a function with several results has one."""
    return np.concatenate([np.ravel(a) for a in arrays])


# The tests.


@each_case
def test_first_derivatives(case):
    xs = case.inputs()
    before = [x.copy() for x in xs]
    assert_derivatives(case.f, xs)
    assert all(np.array_equal(x, b) for x, b in zip(xs, before)), "an input was written into"


@pytest.mark.parametrize("case", [case for case in ALL if len(case.shapes) > 1], ids=repr)
def test_each_argument_alone(case):
    xs = case.inputs()
    for i, x in enumerate(xs):
        assert_derivatives(lambda x, i=i: case.f(*xs[:i], x, *xs[i + 1 :]), [x])


@each_case
def test_second_derivatives(case):
    xs = case.inputs()
    (u,), vs = directions([case.f(*xs)], 3), directions(xs, 4)
    assert_derivatives(lambda *xs: joined(vjp(case.f, *xs)[1](u)), xs, 2e-7)
    assert_derivatives(lambda *xs: np.ravel(jvp(case.f, xs, vs)[1]), xs, 2e-7)


@each_case
def test_third_derivatives_agree_in_all_orders(case):
    """Where modes are nested in different orders, the result is the same."""
    xs = case.inputs()
    (u,), vs = directions([case.f(*xs)], 3), directions(xs, 4)

    def by_columns(f):
        return lambda *xs: jvp(f, xs, vs)[1]

    def by_rows(f):
        def along(*xs):
            value, pullback = vjp(f, *xs)
            return sum(np.sum(g * v) for g, v in zip(pullback(np.ones_like(value)), vs))

        return along

    def scalar(*xs):
        return np.sum(u * case.f(*xs))

    orders = itertools.product([by_columns, by_rows], repeat=3)
    results = [a(b(c(scalar)))(*xs) for a, b, c in orders]
    assert all(close(result, results[0], 1e-9) for result in results)


@each_case
def test_float32_is_the_same_rule(case):
    xs, small = case.inputs(), case.inputs(np.float32)
    value, pullback = vjp(case.f, *small)
    expected, exact = vjp(case.f, *(x.astype(np.float64) for x in small))
    (u,), vs = directions([expected], 5), directions(xs, 6)
    gradients = pullback(u)
    assert all(g.dtype == np.float32 for g in gradients)
    assert all(close(g, e, 2e-4) for g, e in zip(gradients, exact(u)))
    tangent = jvp(case.f, small, [v.astype(np.float32) for v in vs])[1]
    assert tangent.dtype == value.dtype
    assert close(tangent, jvp(case.f, xs, vs)[1], 2e-4)


@each_case
def test_upstreams_are_not_written_into_and_results_are_not_shared(case):
    xs = case.inputs()
    tensors = [Tensor(x) for x in xs]
    y = case.f(*tensors)
    (u,) = directions([y.data], 7)
    u.flags.writeable = False
    y.backward(u)
    first = [t.grad for t in tensors]
    kept = [np.copy(g) for g in first]
    assert not any(np.shares_memory(g, other) for g in first for other in [u, *xs])
    assert all(not np.shares_memory(a, b) for i, a in enumerate(first) for b in first[:i])
    y.backward(u)
    assert all(close(t.grad, 2 * g, 1e-12) for t, g in zip(tensors, kept))
    assert all(np.array_equal(a, b) for a, b in zip(first, kept)), "a derivative that was handed out has changed"


ANALYTIC = [
    np.negative, np.positive, np.reciprocal, np.square, np.sqrt, np.exp, np.exp2, np.expm1, np.log, np.log2, np.log10,
    np.log1p, np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.sinh, np.cosh, np.tanh, np.arcsinh,
    np.arccosh, np.arctanh,
]


@pytest.mark.parametrize("f", ANALYTIC, ids=lambda f: f.__name__)
def test_complex_step(f):
    (x,) = CASES[f][4].inputs()
    expected = f(x + 1e-20j).imag / 1e-20
    gradient = vjp(f, x)[1](np.ones_like(x))[0]
    assert close(gradient, expected, 4e-15)


@pytest.mark.parametrize("f", CONSTANTS, ids=lambda f: f.__name__)
def test_constants_are_plain(f):
    given = CONSTANTS[f]
    call, count = (given, 1) if callable(given) else (f, given)
    xs = np.split(np.array([[1.5, 0.25, 2.5], [0.5, 3.5, 0.75]]), 2)[:count]
    xs = [x[0] if f is not np.linalg.cond else np.diag(x[0]) for x in xs]
    expected = call(*xs)
    seen = []
    vjp(lambda *ts: seen.append(call(*ts)) or 0.0, *xs)
    jvp(lambda *ts: seen.append(call(*ts)) or 0.0, xs, xs)
    seen.append(call(*(Tensor(x) for x in xs)))
    seen.append(vjp(lambda *ts: seen.append(call(*(Tensor(t) for t in ts))) or 0.0, *xs) and seen[-1])
    for result in seen:
        assert type(result) is type(expected)
        assert np.array_equal(result, expected)


# Properties.


@st.composite
def shapes_that_broadcast(draw):
    shape = draw(st.lists(st.integers(0, 3), max_size=3))
    cut = [draw(st.lists(st.booleans(), min_size=len(shape), max_size=len(shape))) for _ in range(2)]
    shapes = [tuple(1 if one else n for n, one in zip(shape, ones)) for ones in cut]
    return [s[draw(st.integers(0, len(s))) :] if i else s for i, s in enumerate(shapes)]


@settings(deadline=None, max_examples=60)
@given(shapes_that_broadcast(), st.sampled_from([np.add, np.multiply, np.divide, np.maximum, np.hypot]))
def test_broadcasting(shapes, f):
    a, b = Case(str(shapes), f, *shapes, low=0.5, high=2.0).inputs()
    assert_derivatives(f, [a, b])


STEPS = [
    lambda a, b: a + b,
    lambda a, b: a * b,
    lambda a, b: a - 0.5 * b,
    lambda a, b: a / (1.5 + np.cos(b)),
    lambda a, b: np.sin(a),
    lambda a, b: np.tanh(a) @ np.swapaxes(b, 0, 1) @ a if a.ndim == b.ndim == 2 else a * b,
    lambda a, b: np.sum(a, axis=0) * b if a.ndim else a,
    lambda a, b: np.concatenate([np.ravel(a), np.ravel(b)])[: a.size].reshape(a.shape),
    lambda a, b: np.exp(-a * a),
    lambda a, b: np.transpose(np.transpose(a)) * a[:1] if a.ndim else a,
    lambda a, b: np.logaddexp(a, b),
    lambda a, b: np.mean(b) + a,
]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(range(len(STEPS))), st.integers(0, 99), st.integers(0, 99)), max_size=12))
def test_random_graphs(steps):
    """Every result may be used again and again, at different depths: uneven diamonds come about by themselves."""

    def f(x, y):
        made = [x, y]
        for step, i, j in steps:
            made.append(STEPS[step](made[i % len(made)], made[j % len(made)]))
        return sum(np.sum(np.tanh(z)) for z in made[-3:])

    rng = np.random.default_rng(0)
    assert_derivatives(f, [rng.uniform(-1, 1, (2, 3)), rng.uniform(-1, 1, (2, 3))], 1e-6)
