"""What boxes around arrays share: rules, levels, NumPy's protocols and operators.

A box holds an array, ``data``, and takes part in NumPy's protocols, so that
``np.exp(box)`` is a box again. What a function does to a box stands in ``RULES``, where
`elementwise`, `linear`, `reduction`, `rule`, `constant` and `derived` enter it. A box
may hold another box: that is all there is to derivatives of derivatives.
"""

import inspect
import operator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import update_wrapper
from itertools import count
from math import prod

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

#: A function → what is called in its place when there is a box among its arguments.
RULES = {}

#: The number of the innermost transformation that is running; numbers only ever grow.
RUNNING = ContextVar("running", default=0)
NUMBERS = count(1)

#: Boxes of this level and below are constants for now, see `no_grad`. Until the first
#: one there is nothing to look up, and an empty list is the quickest sign of that. The
#: sign stays, since a copy of the context may take the pause to wherever it runs.
PAUSED = ContextVar("paused", default=-1)
PAUSES = []

#: Stands for the default of an option that has none.
REQUIRED = inspect.Parameter.empty


class Primitive:
    """A function of arrays whose derivative is stated.

    Parameters
    ----------
    func : function
        Takes the operands in order, and options by keyword.
    pullbacks : list of Formula or None
        One for each operand; None where there is no derivative.
    pushforwards : list of Formula or None, optional
        The same for forward mode. Left out, the function is linear in each operand, and
        is its own pushforward in each.
    options : dict, optional
        name → default.
    listed : bool
        Whether the one operand is a list of arrays.
    keeps : str, optional
        The name of what `func` returns besides its result, for its rules to use: an
        array that it has computed anyway. It computes with functions that have rules
        themselves.
    """

    def __init__(
        self, func, pullbacks, pushforwards=None, options=None, listed=False, keeps=None
    ):
        update_wrapper(self, func)
        self.func, self.pullbacks, self.pushforwards = func, pullbacks, pushforwards
        self.options, self.listed, self.keeps = options or {}, listed, keeps
        self.required = {
            name for name, default in self.options.items() if default is REQUIRED
        }
        self.parameters = tuple(inspect.signature(func).parameters)

    def __call__(self, *args, **kwargs):
        operands, options = self.bound(args, kwargs)
        box = outermost(operands)
        if box is None:
            y = self.func(*operands, **options)
            return y[0] if self.keeps else y
        level = box.level
        values = [peeled(operand, level) for operand in operands]
        if self.keeps:
            y, extra = self.func(*values, **options)
            options = options | {self.keeps: extra}
        else:
            y = self.compute(*values, **options)
        if y.dtype.kind != "f":
            raise TypeError(
                f"{title(self.func)} gave {y.dtype} numbers, and only floating-point "
                "ones, of real numbers, have derivatives here"
            )
        return type(box).record(self, level, operands, values, options, y)

    def __repr__(self):
        return f"Primitive({title(self.func)})"

    def compute(self, *values, **options):
        """The function of what was in boxes, where there may be boxes again."""
        compute = self.func if outermost(values) is None else self
        return compute(*values, **options)

    def bound(self, args, kwargs):
        """The operands of a call, and its options with their defaults."""
        count = len(self.pullbacks)
        if len(args) > count:
            kwargs = dict(zip(self.parameters[count:], args[count:])) | kwargs
        for name in self.parameters[len(args) : count]:
            args += (kwargs.pop(name),) if name in kwargs else ()
        if (
            not count <= len(args) <= len(self.parameters)
            or not self.required <= kwargs.keys() <= self.options.keys()
        ):
            operands, options = self.parameters[:count], self.options
            raise TypeError(
                f"{title(self.func)} of boxes takes ({', '.join(operands)}) and the "
                f"options ({', '.join(options)}); got {len(args)} of the former, and "
                f"({', '.join(kwargs)})"
            )
        # A box in the place of a list stands for its rows, as an array does.
        operands = args[0] if self.listed else args[:count]
        operands = [
            np.asarray(x) if isinstance(x, (list, tuple)) else x for x in operands
        ]
        options = self.options | kwargs if kwargs else self.options
        return [operands] if self.listed else operands, options


class Formula:
    """One rule of a primitive: for one operand, in one mode.

    Parameters
    ----------
    function : function or None
        Takes the derivative that comes in and then what `names` name. None is the
        identity.
    names : sequence of str
        ``a``, ``b``, ``c`` an operand, ``y`` the result, ``shape`` the shape of the
        operand that the rule is for, ``shapes`` those of a list's entries; any other
        name is an option.
    position : int
        Which operand the rule is for.

    Attributes
    ----------
    apply : function or None
        Takes the derivative that comes in, and what was saved.
    save : function or None
        Takes the result, the operands and the options, and returns what is to be saved;
        None for nothing.
    """

    __slots__ = ("apply", "save")

    def __init__(self, function, names, position):
        own = "abc"[position]
        sources = {"y": "y", "a": "a", "b": "b", "c": "c", "shape": f"{own}.shape"}
        sources["shapes"] = f"[np.shape(entry) for entry in {own}]"
        saved = ", ".join(sources.get(name, f"options[{name!r}]") for name in names)
        # Every operation saves: this is written out as code once, and does no more than
        # it must.
        self.save = (
            eval(f"lambda y, a, b=None, c=None, options=None: ({saved})", {"np": np})
            if names
            else None
        )
        if function is None or len(names) == 1:
            self.apply = function
        elif names:
            self.apply = lambda incoming, saved: function(incoming, *saved)
        else:
            self.apply = lambda incoming, saved: function(incoming)


class Several:
    """The derivatives by the entries of a list, on their way to its node as one."""

    __slots__ = ("entries",)
    shape = dtype = None

    def __init__(self, entries):
        self.entries = entries


# Declaring rules.


def register(primitive):
    """Enter a primitive into RULES, and let every class of boxes prepare for it."""
    RULES[primitive.func] = primitive
    for cls in Box.__subclasses__():
        cls.equip(primitive)
    return primitive


def rule(func, pullbacks, pushforwards, keeps=None, **options):
    """Declare a function by a pullback and a pushforward for each operand.

    Parameters
    ----------
    func : function
    pullbacks, pushforwards : sequence of function or None
        Their first parameter is the incoming derivative, the others are named as in
        `Formula`.
    keeps : str, optional
        As for `Primitive`.
    **options
        The options that the function takes, with their defaults.

    Returns
    -------
    Primitive
        To be called in place of `func` where that is not one of NumPy's functions.
    """
    both = formulas(pullbacks), formulas(pushforwards)
    return register(Primitive(func, *both, options, keeps=keeps))


def linear(func, *adjoints, listed=False, **options):
    """Declare a function that is linear in each operand, by an adjoint for each.

    With ``listed``, the function is linear in a list of arrays, and its adjoint returns
    a list.

    Notes
    -----
    A linear function is its own pushforward: the chapter "Never build the Jacobian",
    `eq-adjoint`.
    """
    pullbacks = [together(*adjoints)] if listed else formulas(adjoints)
    return register(Primitive(func, pullbacks, None, options, listed))


def elementwise(func, *partials, **options):
    """Declare a function that works entry by entry, by its partial derivatives.

    Each is a number, or a function of what it needs, such as ``lambda y: 1 - y * y``. A
    function whose first parameter is ``g`` gives the product with g itself, where there
    is a better way to it than multiplying.

    Notes
    -----
    The Jacobian is diagonal and so its own transpose: one product serves both modes.
    The chapter "Never build the Jacobian", `eq-elementwise-vjp`.
    """
    products = [
        None if D is None else Formula(*product(D), i) for i, D in enumerate(partials)
    ]
    return register(Primitive(func, products, products, options))


def reduction(func, weights, **options):
    """Declare a function that reduces `axis`, by its derivative by each entry.

    `weights` has the operand's shape, and ``y`` in it the result with the reduced axes
    kept.

    Notes
    -----
    The chapter "Reductions, shapes and kinks", `eq-reduction-vjp`.
    """
    names = parameters(weights)

    def weighted(incoming, shape, axis, saved):
        return incoming * weights(
            *(kept(x, shape, axis) if n == "y" else x for n, x in zip(names, saved))
        )

    def pullback(g, shape, axis, *saved):
        return weighted(kept(g, shape, axis), shape, axis, saved)

    def pushforward(t, shape, axis, keepdims, *saved):
        return np.sum(weighted(t, shape, axis, saved), axis=axis, keepdims=keepdims)

    options = {"axis": None, "keepdims": False} | options
    back = Formula(pullback, ["shape", "axis", *names], 0)
    forward = Formula(pushforward, ["shape", "axis", "keepdims", *names], 0)
    return register(Primitive(func, [back], [forward], options))


def constant(*functions):
    """Declare functions that have no derivative: their results are plain arrays."""
    for func in functions:
        RULES[func] = unboxed(func)


def derived(func):
    """Declare, as a decorator, a function by others, which have rules."""

    def declare(composition):
        signature = inspect.signature(composition)

        def call(*args, **kwargs):
            try:
                return composition(*args, **kwargs)
            except TypeError:
                try:
                    signature.bind(*args, **kwargs)
                except TypeError as error:
                    message = f"{title(func)} of a box takes {signature}: {error}"
                    raise TypeError(message) from None
                raise

        RULES[func] = call
        return call

    return declare


def with_rule(registrar, *rules, **options):
    """Declare, as a decorator, a function of our own: it becomes its primitive."""
    return lambda func: registrar(func, *rules, **options)


def formulas(functions):
    """The rules that functions state by the names of their parameters."""
    return [f and Formula(f, parameters(f)[1:], i) for i, f in enumerate(functions)]


def together(function):
    """The rule of a function that returns the derivatives by a list's entries."""
    return Formula(
        lambda g, *saved: Several(function(g, *saved)), parameters(function)[1:], 0
    )


def product(D):
    """The product with a partial derivative, and the names of what that needs."""
    if not callable(D):
        return {1: None, -1: operator.neg, 0: np.zeros_like}.get(D, lambda g: g * D), ()
    names = parameters(D)
    if names[0] == "g":
        return D, names[1:]
    if D.__code__.co_code == SAVED.__code__.co_code:
        return operator.mul, names  # a call less, in multiplication for instance
    if len(names) == 1:
        return lambda g, saved: g * D(saved), names
    return lambda g, *saved: g * D(*saved), names


def SAVED(saved):
    return saved


def parameters(function):
    """The names of a function's parameters."""
    if isinstance(function, np.ufunc):
        raise TypeError(
            "a rule says by the names of its parameters what it needs, as "
            f"lambda a: np.cos(a) does; got {title(function)} itself"
        )
    return list(inspect.signature(function).parameters)


def unboxed(func):
    """A function that takes the boxes among its arguments for the arrays in them."""
    return lambda *args, **kwargs: func(
        *map(bare, args), **{name: bare(arg) for name, arg in kwargs.items()}
    )


def bare(x):
    """The array in a box, in however many others; in a list, that of each entry."""
    while isinstance(x, Box):
        x = x.data
    if isinstance(x, (list, tuple)) and outermost(x) is not None:
        return [bare(entry) for entry in x]
    return x


def title(func):
    """The name under which a function is known."""
    module = getattr(func, "__module__", None) or "numpy"
    return f"{module}.{func.__name__}".replace("numpy", "np", 1)


# Shapes.


def kept(x, shape, axis):
    """The result of a reduction, with the axes that it lost as axes of length 1."""
    axes = reduced(axis, len(shape))
    return x.reshape([1 if i in axes else n for i, n in enumerate(shape)])


def reduced(axis, ndim):
    """The axes that ``axis=`` names, each counted from 0."""
    axes = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return [normalize_axis_index(i, ndim) for i in axes]


def unbroadcast(g, shape):
    """The adjoint of broadcasting: sums over the axes that were added or stretched.

    Raises
    ------
    ValueError
        If an array of this shape cannot be broadcast to that of `g`.

    Notes
    -----
    Derived in the chapter "Broadcasting", `eq-unbroadcast`.
    """
    added = g.ndim - len(shape)
    total = g.sum(axis=tuple(range(added))) if added > 0 else g
    if added >= 0 and 1 in shape:
        total = total.sum(
            axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True
        )
    if total.shape != shape:
        raise ValueError(
            f"a rule gave a derivative of shape {g.shape} for an operand of shape "
            f"{shape}"
        )
    return total


# Levels.


def outermost(operands):
    """The box of the highest level among operands and in lists of them, or None."""
    top = None
    for operand in operands:
        if isinstance(operand, (list, tuple)):
            operand = outermost(operand)
        if isinstance(operand, Box) and (top is None or operand.level > top.level):
            top = operand
    return top


def depth(x):
    """How many boxes an array is in."""
    return 1 + depth(x.data) if isinstance(x, Box) else 0


def peeled(operand, level):
    """What is in a box of this level; anything else as it is."""
    if isinstance(operand, Box):
        return operand.data if operand.level == level else operand
    if isinstance(operand, (list, tuple)) and outermost(operand) is not None:
        return [peeled(entry, level) for entry in operand]
    return operand


@contextmanager
def transformation():
    """A block with a level of its own, higher than all that are in use."""
    token = RUNNING.set(next(NUMBERS))
    try:
        yield 2 * RUNNING.get()
    finally:
        RUNNING.reset(token)


@contextmanager
def no_grad():
    """Record nothing: what is computed from boxes meanwhile is a constant.

    A context manager, and a decorator. A transformation such as ``grad`` that starts
    inside records its own work.

    Examples
    --------
    >>> from minigrad import Tensor, no_grad
    >>> x = Tensor(3.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.requires_grad
    False
    """
    PAUSES[:] = [True]
    token = PAUSED.set(2 * RUNNING.get() + 1)
    try:
        yield
    finally:
        PAUSED.reset(token)


def array(data, name="data"):
    """Data as an array of floating-point numbers; integers become float64.

    Raises
    ------
    TypeError
        If the numbers are of another kind: booleans, strings, objects, complex numbers.
        If the array has operators of its own, as an np.matrix or a masked array has:
        rules are about those of arrays.
    """
    if not hasattr(data, "__array_function__"):
        data = np.asarray(data)
    if isinstance(data, np.ndarray) and type(data).__mul__ is not np.ndarray.__mul__:
        raise TypeError(
            f"{name} must have the operators of an array; got a {type(data).__name__}: "
            "use np.asarray(x), or x.filled(0) if it has a mask, and np.where in the "
            "function for entries that are not to count"
        )
    if data.dtype.kind in "iu":
        data = data.astype(np.float64)
    if not data.dtype.isnative:
        data = data.astype(data.dtype.newbyteorder("="))
    if data.dtype.kind != "f":
        raise TypeError(
            f"{name} must be real numbers, to have derivatives; got {data.dtype} "
            f"({data!r})"
        )
    return data


class Box:
    """An array in a box.

    A subclass defines the class method ``record``, which makes the box of a primitive's
    result, and may define ``equip``, which is called with each primitive beforehand.

    Attributes
    ----------
    data : array or Box
        The array, or a box of a lower level.
    level : int
        A function that is applied to boxes opens those of the highest level; all others
        are constants to it. The boxes of transformation number n have the level 2n,
        those that are made by hand while it runs share 2n + 1.
    """

    __slots__ = ("data", "level")

    def __init_subclass__(cls):
        for primitive in RULES.values():
            if isinstance(primitive, Primitive):
                cls.equip(primitive)

    @classmethod
    def equip(cls, primitive):
        """Prepare for a primitive."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if method != "__call__":
            raise TypeError(
                f"np.{ufunc.__name__}.{method} has no derivative rule: use np.sum, "
                "np.cumsum and the like"
            )
        return self.__array_function__(ufunc, (), inputs, kwargs)

    def __array_function__(self, func, types, args, kwargs):
        if func not in RULES:
            raise TypeError(
                f"{title(func)} has no derivative rule: write it with functions that "
                "have one, give it one with custom_vjp, or pass the plain array, "
                f"{'.data' * depth(self)}, where no derivative is wanted"
            )
        return RULES[func](*args, **kwargs)

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            f"an array of the numbers in a {type(self).__name__} would lose their "
            "derivatives: put several together with np.stack or np.concatenate, or use "
            f"{'.data' * depth(self)} for the plain array"
        )

    def __float__(self):
        raise TypeError(
            f"a plain number would lose the derivatives of the {type(self).__name__}: "
            "use .item() for the number, and np.exp(x) instead of math.exp(x)"
        )

    __int__ = __index__ = __complex__ = __float__

    def __setitem__(self, index, value):
        raise TypeError(
            f"a {type(self).__name__} cannot be changed in place, because derivatives "
            "may need the old entries: build a new one with np.where, np.concatenate "
            "or np.stack"
        )

    def __bool__(self):
        return bool(self.data)

    def __len__(self):
        return len(self.data)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __repr__(self):
        text = repr(
            self.data if self.ndim or isinstance(self.data, Box) else self.data[()]
        )
        for wrapper in "array(", "np.float64(":
            if text.startswith(wrapper):
                text = text[len(wrapper) : -1].replace(
                    "\n" + " " * 6, "\n" + " " * (len(type(self).__name__) + 1)
                )
        return f"{type(self).__name__}({text})"

    def __format__(self, spec):
        return format(self.data, spec)

    @property
    def shape(self):
        return self.data.shape

    @property
    def ndim(self):
        return self.data.ndim

    @property
    def size(self):
        return prod(self.shape)

    @property
    def dtype(self):
        return self.data.dtype

    @property
    def T(self):
        return np.transpose(self)

    def item(self):
        """The one number in the box, as a Python float."""
        return self.data.item()

    def reshape(self, *shape):
        return np.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes):
        return np.transpose(self, axes[0] if len(axes) == 1 else axes or None)

    def flatten(self):
        return np.ravel(self)


# Operators and methods.

#: Python's operators, by NumPy's functions for them.
OPERATORS = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "pow": np.power,
    "matmul": np.matmul,
}

SINGLE = {"neg": np.negative, "pos": np.positive, "abs": np.absolute}

COMPARISONS = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}

#: The name of a method → the function that it is; REFLECTED: with operands exchanged.
METHODS = {}
REFLECTED = {}


def offer(name, func, reflected=False):
    """Make a function a method of all boxes, with operands exchanged if reflected."""
    (REFLECTED if reflected else METHODS)[name] = func
    if reflected:
        setattr(Box, name, lambda self, other: RULES[func](other, self))
    else:
        setattr(
            Box, name, lambda self, *args, **kwargs: RULES[func](self, *args, **kwargs)
        )


for name, func in OPERATORS.items():
    offer(f"__{name}__", func)
    offer(f"__r{name}__", func, reflected=True)
for name, func in SINGLE.items():
    offer(f"__{name}__", func)
for name, func in COMPARISONS.items():
    offer(f"__{name}__", func)
# What NumPy's arrays have as methods, and functions that are often written in a row.
for name in """
    all any argmax argmin argsort clip cumsum diagonal dot max mean min nonzero prod
    ravel repeat round searchsorted squeeze std sum swapaxes take trace var
    exp log tanh sqrt maximum minimum
""".split():
    offer(name, getattr(np, name))
