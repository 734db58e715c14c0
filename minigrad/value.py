"""``Value``: a number that remembers how it was computed, and can sweep back."""

from minigrad.scalar import PLAIN, Scalar, number

# Results are made without a call of __init__: every operation is measurably faster.
new = object.__new__


class Value(Scalar):
    """A number that remembers how it was computed.

    Every operation on Values gives a Value that knows its operands `a` and `b`, the
    partial derivatives `da` and `db` with respect to them, and the operation's name
    `op`. A plain number among the operands is a constant.

    Parameters
    ----------
    data : real number
        Kept as a float: ``Value(2)`` holds 2.0.

    Attributes
    ----------
    data : float
    grad : float
        The derivative, by this number, of the one on which ``backward`` was called; 0.0
        before. Inputs accumulate it over calls, results in between hold that of the
        last call.

    Raises
    ------
    TypeError
        If `data` is not one real number. An operation raises what Python's floats and
        `math` raise, such as ZeroDivisionError for ``x / 0`` and ValueError for
        ``Value(0).log()``.

    Notes
    -----
    Derived in the chapters "Computational graphs", `eq-path-sum`, and "Reverse mode";
    A. Griewank and A. Walther, "Evaluating Derivatives", 2nd ed., SIAM, 2008, chapters
    2 and 3.

    Examples
    --------
    >>> x = Value(2)
    >>> b = 5 * x**2
    >>> L = -(b * x**2)
    >>> L.data
    -80.0
    >>> L.backward()
    >>> x.grad
    -160.0
    """

    __slots__ = ("data", "grad", "op", "a", "b", "da", "db")

    def __init__(self, data):
        self.data = number(data)
        self.grad = 0.0
        self.op = self.a = self.b = None

    @staticmethod
    def unary(name, rule):
        def method(a):
            out = new(Value)
            out.data, out.da = rule(a.data)
            out.op, out.a, out.b = name, a, None
            out.grad = 0.0
            return out

        return method

    @staticmethod
    def binary(name, rule):
        def method(a, b):
            if isinstance(b, Value):
                number_b = b.data
            elif isinstance(b, PLAIN):
                b = number_b = float(b)
            else:
                return NotImplemented
            out = new(Value)
            out.data, out.da, out.db = rule(a.data, number_b)
            out.op, out.a, out.b = name, a, b
            out.grad = 0.0
            return out

        def reflected(b, a):
            if not isinstance(a, PLAIN):
                return NotImplemented
            a = float(a)
            out = new(Value)
            out.data, out.da, out.db = rule(a, b.data)
            out.op, out.a, out.b = name, a, b
            out.grad = 0.0
            return out

        return method, reflected

    @property
    def operands(self):
        """What the operation was applied to, constants included; () for an input."""
        return tuple(operand for operand in (self.a, self.b) if operand is not None)

    @property
    def parents(self):
        """The operands that are Values, in order: from each, an edge leads here."""
        return tuple(
            operand for operand in (self.a, self.b) if isinstance(operand, Value)
        )

    @property
    def partials(self):
        """The local partial derivatives, one for each of the parents."""
        partials = []
        if isinstance(self.a, Value):
            partials.append(self.da)
        if isinstance(self.b, Value):
            partials.append(self.db)
        return tuple(partials)

    def __repr__(self):
        return f"Value(data={self.data}, grad={self.grad})"

    def backward(self):
        """Add to each input's ``grad`` the derivative of this number by that input.

        Called again it adds the same amount again; set ``x.grad = 0.0`` to start
        afresh. The work is one visit per node and one multiplication and addition per
        edge, and a chain of a million nodes is no difficulty.

        Notes
        -----
        Derived in the chapter "Reverse mode", `eq-adjoint-sum`; S. Linnainmaa, "Taylor
        expansion of the accumulated rounding error", BIT 16, 1976.
        """
        order = topological_order(self)
        for node in order:
            if node.op is not None:
                node.grad = 0.0
        self.grad += 1.0
        for node in reversed(order):
            grad, a, b = node.grad, node.a, node.b
            if isinstance(a, Value):
                a.grad += grad * node.da
            if isinstance(b, Value):
                b.grad += grad * node.db


def topological_order(root):
    """Every node that `root` was computed from, once, after its parents; `root` last.

    Depth first. The stack holds the path from `root` to the node being looked at, and
    is a list of our own because a long chain of operations would exceed Python's
    recursion limit.
    """
    order, visited, path = [], {root}, [root]
    while path:
        node = path[-1]
        a, b = node.a, node.b
        if isinstance(a, Value) and a not in visited:
            visited.add(a)
            path.append(a)
            continue
        if isinstance(b, Value) and b not in visited:
            visited.add(b)
            path.append(b)
            continue
        order.append(path.pop())  # all parents are in the order already
    return order
