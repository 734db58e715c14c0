"""``Tensor``: an array that remembers how it was computed, for a sweep back."""

import operator

import numpy as np

from minigrad import rules  # noqa: F401 - a Tensor without rules has no operations
from minigrad.box import (
    METHODS,
    PAUSED,
    PAUSES,
    REFLECTED,
    RUNNING,
    Box,
    array,
    bare,
    title,
    unbroadcast,
)

# Results and nodes are made without a call of __init__, which makes every operation
# measurably faster.
new = object.__new__

#: What the fast way of recording takes for a constant without looking further.
PLAIN = frozenset({float, int, np.ndarray, np.float64, np.float32})

#: A function → the fast way of recording it.
FAST = {}

#: NumPy's functions behind Python's operators, which are quicker on arrays: x**2 is a
#: product, np.power(x, 2) is not.
INFIX = {
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.divide: operator.truediv,
    np.power: operator.pow,
    np.matmul: operator.matmul,
}


class Node:
    """What the graph keeps of a result: not its array, only what rules asked for.

    Attributes
    ----------
    edges : tuple of (parent, pullback, saved)
        One for each operand by which there is a derivative: its node, the function that
        takes the derivative by this node to the one by the operand, or None for the
        identity, and what that function needs besides.
    shape, dtype
        Those of the result, and so of the derivative by it.
    primitive : Primitive or None
        What was applied.
    """

    __slots__ = ("edges", "shape", "dtype", "primitive")


class Leaf(Node):
    """The node of an input, where derivatives are added up."""

    __slots__ = ("grad",)

    def __init__(self, shape, dtype):
        self.edges, self.shape, self.dtype = (), shape, dtype
        self.primitive = self.grad = None


def plain(primitive):
    """The fastest function that computes a primitive of arrays or boxes."""
    func = primitive.func
    return INFIX.get(func, func) if isinstance(func, np.ufunc) else primitive.compute


class Tensor(Box):
    """An array that remembers how it was computed.

    NumPy's functions and Python's operators take Tensors, alone and together with plain
    arrays and numbers, which are constants; the result is a Tensor that knows the
    operation and its operands.

    Parameters
    ----------
    data : array_like of real numbers
        Integers become float64. An array is kept as it is, and so is anything else that
        speaks NumPy's protocols.
    requires_grad : bool
        False for a constant; but constants may as well stay plain arrays.

    Attributes
    ----------
    data : array
        Never written into, by operations or by you: a graph may have saved it, and
        saves no copy, neither of it nor of constants and indices, which must stay as
        they are until the sweep. An optimiser binds it to a new array, of the same
        shape and dtype.
    grad : array or None
        For an input, the derivatives that calls of ``backward`` have added up, with the
        shape and dtype of the data; None for results.

    Raises
    ------
    TypeError
        If the data are not real numbers, or in a Tensor already.

    Notes
    -----
    Make parameters outside of functions that are differentiated: a Tensor belongs to
    the transformation that it is made in, and means nothing when that has ended.

    Derived in the chapter "Tensor", `eq-reverse-sweep`; A. Griewank and A. Walther,
    "Evaluating Derivatives", 2nd ed., SIAM, 2008, chapters 3 and 4.

    Examples
    --------
    >>> import numpy as np
    >>> x = Tensor([1.0, 2.0])
    >>> y = np.sum(x * np.exp(-x))
    >>> y.backward()
    >>> x.grad.round(6)
    array([ 0.      , -0.135335])
    """

    __slots__ = ("node",)

    def __init__(self, data, requires_grad=True):
        self.level = 2 * RUNNING.get() + 1
        if isinstance(data, Box) and data.level >= self.level:
            raise TypeError(
                f"the data are in a {type(data).__name__} already: use it as it is, "
                "or its .data"
            )
        self.data = array(data)
        self.node = Leaf(self.data.shape, self.data.dtype) if requires_grad else None

    # Recording.

    @classmethod
    def record(cls, primitive, level, operands, values, options, y):
        """The result of a primitive, with an edge to each operand that varies."""
        edges = []
        if level > PAUSED.get():
            for formula, operand in zip(primitive.pullbacks, operands):
                parent = node_of(operand, level)
                if formula is not None and parent is not None:
                    saved = formula.save and formula.save(y, *values, options=options)
                    edges.append((parent, formula.apply, saved))
        return result(y, level, tuple(edges), primitive)

    @classmethod
    def equip(cls, primitive):
        """Record a primitive of one or two operands and no options in a faster way."""
        simple = not (
            primitive.options
            or primitive.listed
            or primitive.keeps
            or None in primitive.pullbacks
        )
        if not simple or len(primitive.pullbacks) > 2:
            return
        FAST[primitive.func] = call = (
            cls.unary if len(primitive.pullbacks) == 1 else cls.binary
        )(primitive)
        call.__qualname__ = title(primitive.func)  # for the message of t.exp(2)
        for name, func in METHODS.items():
            if func is primitive.func:
                setattr(cls, name, call)
        for name, func in REFLECTED.items():
            if func is primitive.func:
                setattr(cls, name, lambda self, other: call(other, self))

    @staticmethod
    def unary(primitive):
        compute, (formula,) = plain(primitive), primitive.pullbacks
        pullback, save = formula.apply, formula.save

        def call(box):
            a, level, parent = box.data, box.level, box.node
            y = compute(a)
            out = new(Tensor)
            out.data, out.level, out.node = y, level, None
            if parent is None or PAUSES and level <= PAUSED.get():
                return out
            out.node = node = new(Node)
            node.edges = ((parent, pullback, save and save(y, a)),)
            node.shape, node.dtype = y.shape, y.dtype
            node.primitive = primitive
            return out

        return call

    @staticmethod
    def binary(primitive):
        compute, (of_a, of_b) = plain(primitive), primitive.pullbacks
        pullback_a, save_a = of_a.apply, of_a.save
        pullback_b, save_b = of_b.apply, of_b.save

        def call(left, right):
            if type(left) is type(right):
                level = left.level
                if level != right.level:
                    return primitive(left, right)
                a, parent_a = left.data, left.node
                b, parent_b = right.data, right.node
            elif type(right) in PLAIN:
                level, a, parent_a = left.level, left.data, left.node
                b, parent_b = right, None
            elif type(left) in PLAIN:
                level, b, parent_b = right.level, right.data, right.node
                a, parent_a = left, None
            else:
                return primitive(left, right)
            y = compute(a, b)
            out = new(Tensor)
            out.data, out.level, out.node = y, level, None
            if PAUSES and level <= PAUSED.get():
                return out
            if parent_b is None:
                if parent_a is None:
                    return out
                edges = ((parent_a, pullback_a, save_a and save_a(y, a, b)),)
            elif parent_a is None:
                edges = ((parent_b, pullback_b, save_b and save_b(y, a, b)),)
            else:
                edge_a = parent_a, pullback_a, save_a and save_a(y, a, b)
                edges = edge_a, (parent_b, pullback_b, save_b and save_b(y, a, b))
            out.node = node = new(Node)
            node.edges = edges
            node.shape, node.dtype = y.shape, y.dtype
            node.primitive = primitive
            return out

        return call

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if ufunc in FAST and method == "__call__" and not kwargs:
            return FAST[ufunc](*inputs)
        return Box.__array_ufunc__(self, ufunc, method, *inputs, **kwargs)

    # Sweeping.

    def backward(self, grad=None):
        """Add the derivatives by all inputs of this result to the inputs' ``grad``.

        Called again, it adds the same again; set ``x.grad = None`` to start afresh.

        Parameters
        ----------
        grad : array_like, optional
            The upstream derivative, by this array, of whatever is to be differentiated:
            of the same shape. It may be left out for a single number, whose derivative
            by itself is 1.

        Raises
        ------
        TypeError
            If the upstream is in a Tensor, or something other than real numbers.
        ValueError
            If this is a constant, if the upstream is of another shape, or if it is left
            out for an array.

        Notes
        -----
        Derived in the chapter "Tensor", `eq-reverse-sweep`; S. Linnainmaa, "Taylor
        expansion of the accumulated rounding error", BIT 16, 1976.
        """
        if self.node is None:
            raise ValueError(
                "this Tensor is a constant, with nothing to differentiate by: it was "
                "computed from no input that requires a derivative, or under "
                "no_grad(), or it was detached"
            )
        if grad is None:
            if self.shape != ():
                raise ValueError(
                    f"this Tensor has the shape {self.shape}: reduce it to a single "
                    "number, with np.sum for instance, or pass the upstream "
                    "derivative, an array of that shape"
                )
            grad = np.ones_like(self.data)
        if isinstance(grad, Box) and grad.level >= self.level:
            raise TypeError(
                "the upstream derivative must be a plain array; got a "
                f"{type(grad).__name__}: use .data"
            )
        upstream = upstream_of(self.data, grad)
        for leaf, derivative in sweep({self.node: upstream}).items():
            leaf.grad = derivative if leaf.grad is None else leaf.grad + derivative

    @property
    def grad(self):
        return self.node.grad if isinstance(self.node, Leaf) else None

    @grad.setter
    def grad(self, value):
        if not isinstance(self.node, Leaf):
            raise AttributeError(
                "only an input has a .grad to set; this Tensor is a result or a "
                "constant"
            )
        self.node.grad = value

    @property
    def requires_grad(self):
        """Whether there is anything to differentiate by."""
        return self.node is not None

    def detach(self):
        """The same array as a constant, in every transformation that is running."""
        return result(bare(self.data), self.level, (), None)


def variable(data, level):
    """A Tensor by which to differentiate, on a level."""
    out = result(data, level, (), None)
    out.node = Leaf(data.shape, data.dtype)
    return out


def result(data, level, edges, primitive):
    """The Tensor of a result: a constant if there are no edges."""
    out = new(Tensor)
    out.data, out.level, out.node = data, level, None
    if edges:
        out.node = joint(edges, data.shape, data.dtype, primitive)
    return out


def joint(edges, shape, dtype, primitive):
    """A node with these edges."""
    node = new(Node)
    node.edges, node.shape, node.dtype, node.primitive = edges, shape, dtype, primitive
    return node


def node_of(operand, level):
    """The node of an operand, or of a list of operands; None for a constant."""
    if isinstance(operand, Box) and operand.level == level:
        return operand.node
    if isinstance(operand, (list, tuple)):
        return list_node([node_of(entry, level) for entry in operand])
    return None


def list_node(parents):
    """The node of a list, to which a `Several` comes back, and is handed out."""
    edges = tuple(
        (parent, entry, i) for i, parent in enumerate(parents) if parent is not None
    )
    return joint(edges, None, None, None) if edges else None


def entry(g, i):
    """The pullback from a list to one entry."""
    return g.entries[i]


def upstream_of(y, g):
    """The derivative with which a sweep starts, in the result's shape and dtype."""
    g = array(g, "the upstream derivative")
    if g.shape != y.shape:
        raise ValueError(
            f"the upstream derivative has the shape {g.shape}, the result {y.shape}: "
            "they must agree"
        )
    return g.astype(y.dtype)


def sweep(upstreams):
    """The derivatives by all inputs.

    Parameters
    ----------
    upstreams : dict
        node → the upstream derivative by it, of the node's shape and dtype.

    Returns
    -------
    dict
        leaf → the sum of what comes back along all ways that lead to it: an
        array of its own.
    """
    order, grads = topological_order(upstreams)
    grads |= upstreams
    found, taken = {}, set()
    for node in reversed(order):
        g = grads.pop(node)
        if not node.edges:
            # Two operands of a sum are handed the same array, and a view shares that of
            # another.
            found[node] = (
                +g if id(g) in taken or getattr(g, "base", None) is not None else g
            )
            taken.add(id(g))
            continue
        for parent, pullback, saved in node.edges:
            term = g if pullback is None else pullback(g, saved)
            if term.shape != parent.shape:
                term = unbroadcast(term, parent.shape)
            if term.dtype is not parent.dtype:
                term = cast_back(term, parent.dtype)
            total = grads[parent]
            grads[parent] = term if total is None else total + term
    return found


def topological_order(roots):
    """All nodes that the roots were computed from, parents first; and node → None.

    Depth first. The stack is a list of our own because a long chain would exceed
    Python's recursion limit; a None on it says that all parents of the node below are
    in the order.
    """
    order, visited, stack = [], {}, list(roots)
    while stack:
        node = stack.pop()
        if node is None:
            order.append(stack.pop())
        elif node not in visited:
            visited[node] = None
            stack.append(node)
            stack.append(None)
            for parent, _, _ in node.edges:
                if parent not in visited:
                    stack.append(parent)
    return order, visited


def cast_back(term, dtype):
    """A derivative in the dtype of what it is the derivative by."""
    if term.dtype.kind != "f":
        raise TypeError(
            f"a derivative came back as {term.dtype} numbers: operands must be real "
            "numbers"
        )
    return term.astype(dtype)
