"""Graphs of arrays for pictures: of a function run for the purpose, and of a Tensor."""

import inspect

import numpy as np

from minigrad.box import (
    OPERATORS,
    PAUSED,
    Box,
    array,
    bare,
    transformation,
    unbroadcast,
)
from minigrad.draw import FORGOTTEN, trace
from minigrad.tensor import cast_back, topological_order, upstream_of
from minigrad.transforms import mapped, opened

#: The signs that pictures show for Python's operators, in the order of OPERATORS.
INFIX = ["+", "-", "*", "/", "//", "%", "**", "@"]

#: The name of a function → what pictures show for it, if it is not its name.
SIGNS = {
    "negative": "neg",
    "gather": "[]",
    **{func.__name__: sign for func, sign in zip(OPERATORS.values(), INFIX)},
}

#: The operands, as rules call them.
OPERAND_NAMES = ["a", "b", "c"]


class Entry:
    """A result or an input of a computation with arrays, as pictures show it.

    Attributes
    ----------
    op : str or None
        The sign or name of what was applied; None for an input.
    operands : list
        What it was applied to, in order: entries, plain arrays and numbers, and lists
        of these.
    options : dict
        Those that were given: name → value.
    parents : list of Entry
        The operands by which there is a derivative.
    data, grad : array or None
        None where it is not known.
    edges : list of (operand, pullback, saved)
        For the sweep back, as in a ``Node``; empty in the graph of a Tensor.
    """

    def __init__(self, shape, dtype, op=None):
        self.shape, self.dtype, self.op = shape, dtype, op
        self.operands, self.options, self.parents, self.edges = [], {}, [], []
        self.data = self.grad = None

    def pulled(self, g):
        """What the derivative `g` by this result contributes to each of the parents."""
        terms = []
        for operand, pullback, saved in self.edges:
            term = g if pullback is None else pullback(g, saved)
            if isinstance(operand, list):
                pairs = zip(operand, term.entries)
            else:
                pairs = [(operand, term)]
            for parent, term in pairs:
                if isinstance(parent, Entry):
                    term = unbroadcast(term, parent.shape)
                    terms.append(bare(cast_back(term, parent.dtype)))
        return terms

    @property
    def partials(self):
        """The local derivative by each parent between numbers, None between arrays."""
        if self.edges and self.shape == ():
            terms = self.pulled(np.ones((), self.dtype))
            return [t if t.shape == () else None for t in terms]
        return [None] * len(self.parents)


class Kept(Box):
    """An array in a computation of which everything is kept."""

    __slots__ = ("entry",)

    def __init__(self, data, level, entry):
        self.data, self.level, self.entry = data, level, entry
        entry.data = bare(data)

    @classmethod
    def record(cls, primitive, level, operands, values, options, y):
        """The result `y` of a primitive; a plain array where nothing is recorded."""
        if level <= PAUSED.get():
            return y
        name = primitive.func.__name__
        entry = Entry(y.shape, y.dtype, SIGNS.get(name, name))
        for operand, formula in zip(operands, primitive.pullbacks):
            operand = entry_of(operand, level if formula else None)
            entry.operands.append(operand)
            if parents_in(operand):
                saved = formula.save and formula.save(y, *values, options=options)
                entry.edges.append((operand, formula.apply, saved))
                entry.parents += parents_in(operand)
        if is_own(primitive):
            [entry.operands] = entry.operands
        else:
            entry.options = {
                option: bare(value)
                for option, value in options.items()
                if value is not primitive.options[option]
            }
        return cls(y, level, entry)

    def detach(self):
        """The same array as a constant, in every transformation that is running."""
        return bare(self)


def entry_of(operand, level):
    """The entry of a box of this level; the plain array in anything else."""
    if isinstance(operand, (list, tuple)):
        return [entry_of(x, level) for x in operand]
    if isinstance(operand, Kept) and operand.level == level:
        return operand.entry
    return bare(operand)


def is_own(primitive):
    """Whether a primitive is from ``custom_vjp``.

    It then lists the arguments, and has options that are none of its function's.
    """
    return not primitive.options.keys() <= set(primitive.parameters)


def parents_in(operand):
    """The entries in an operand, which may be a list."""
    operands = operand if isinstance(operand, list) else [operand]
    return [entry for entry in operands if isinstance(entry, Entry)]


def graph_of_function(f, inputs, upstream=None):
    """The entry of the result of ``f(*inputs)``, and the inputs' names → their entries.

    Every entry has its value, and its derivative if the result is a single number or
    there is an upstream derivative.
    """
    named = {}

    def boxed(x):
        x = array(bare(x), "an input of the function")
        entry = Entry(x.shape, x.dtype)
        named[next(names)] = entry
        return Kept(x, level, entry)

    names = input_names(f, inputs)
    with transformation() as level:
        y = f(*(mapped(boxed, x) for x in inputs))
    y = opened(y, level)
    if not isinstance(y, Kept):
        raise ValueError("the result of the function depends on none of its inputs")
    if upstream is not None or y.shape == ():
        upstream = np.ones(()) if upstream is None else bare(upstream)
        sweep(y.entry, upstream_of(y.entry.data, upstream))
    return y.entry, named


def input_names(f, inputs):
    """The name of each array among the inputs: f's parameter, and where in it."""
    try:
        signature = inspect.signature(f)
    except ValueError:  # some functions that are written in C have none
        given = [(f"x{i}", x) for i, x in enumerate(inputs, 1)]
    else:
        given = signature.bind(*inputs).arguments.items()
    for name, x in given:
        yield from paths(name, x)


def paths(name, tree):
    """The name of each leaf of a structure."""
    if isinstance(tree, dict):
        entries = [(f"{name}[{key!r}]", entry) for key, entry in tree.items()]
    elif isinstance(tree, (list, tuple)):
        entries = [(f"{name}[{i}]", entry) for i, entry in enumerate(tree)]
    else:
        yield name
        return
    for name, entry in entries:
        yield from paths(name, entry)


def sweep(root, upstream):
    """Give every entry before `root` the derivative by it."""
    nodes, _ = trace(root)
    root.grad = upstream
    for node in reversed(nodes):
        for parent, term in zip(node.parents, node.pulled(node.grad)):
            parent.grad = term if parent.grad is None else parent.grad + term


def graph_of_tensor(tensor):
    """The entry of a Tensor, with what its graph holds; and node → entry."""
    if tensor.node is None:
        raise ValueError("this Tensor is a constant: it has no graph")
    order, _ = topological_order([tensor.node])
    nodes = [node for node in order if node.shape is not None]  # the others are lists
    entries = {node: Entry(node.shape, node.dtype) for node in nodes}
    for node in nodes:
        if node.edges:
            read(node, entries)
        else:
            entries[node].grad = bare(node.grad)
    entries[tensor.node].data = bare(tensor.data)
    return entries[tensor.node], entries


class Place:
    """What a formula saves, by name: it is asked to save places in place of arrays."""

    shape = None

    def __init__(self, name):
        self.name = name

    def __iter__(self):
        return iter(())


class Places(dict):
    """Options by name, all of them places."""

    def __missing__(self, name):
        return Place(name)


def read(node, entries):
    """Tell the entries of a node and of its operands what its edges hold."""
    entry, primitive = entries[node], node.primitive
    name = primitive.func.__name__ if primitive else "checkpoint"
    entry.op = SIGNS.get(name, name)
    formulas = primitive.pullbacks if primitive else [None]
    entry.operands = [FORGOTTEN] * len(formulas)
    held, position = {}, -1
    for parent, pullback, saved in node.edges:
        position = next(
            i
            for i, formula in enumerate(formulas)
            if i > position
            and (primitive is None or formula and formula.apply is pullback)
        )
        entry.operands[position] = operand_of(parent, entries)
        entry.parents += parents_in(entry.operands[position])
        if saved is not None and formulas[position].save:
            held |= saved_by(formulas[position], saved)
    if primitive is None or is_own(primitive):
        [entry.operands] = entry.operands
        return
    for name, value in held.items():
        if name == "y":
            entry.data = value
        elif name not in OPERAND_NAMES:
            if value is not primitive.options[name]:
                entry.options[name] = value
        elif isinstance(entry.operands[i := OPERAND_NAMES.index(name)], Entry):
            entry.operands[i].data = value
        elif entry.operands[i] is FORGOTTEN:
            entry.operands[i] = value


def saved_by(formula, saved):
    """The name of each thing that a formula saved → the thing."""
    a, b, c, y = map(Place, "abcy")
    places = formula.save(y, a, b, c, options=Places())
    if not isinstance(places, tuple):
        places, saved = (places,), (saved,)
    return {
        place.name: bare(value)
        for place, value in zip(places, saved)
        if isinstance(place, Place)
    }


def operand_of(parent, entries):
    """The entry of an operand's node; for that of a list, the entries of its nodes."""
    if parent.shape is not None:
        return entries[parent]
    operands = [FORGOTTEN] * (1 + max(i for _, _, i in parent.edges))
    for node, _, i in parent.edges:
        operands[i] = entries[node]
    return operands
