"""Transformations: functions of functions, which compute derivatives.

They work on plain arrays, alone or in lists, tuples and dictionaries. What they return
are functions of arrays again, and so they can be applied to each other, in any order
and to any depth.
"""

from contextvars import copy_context
from functools import wraps

import numpy as np

from minigrad.box import (
    Box,
    Formula,
    Primitive,
    Several,
    array,
    outermost,
    parameters,
    peeled,
    together,
    transformation,
)
from minigrad.dual import Dual
from minigrad.tensor import (
    Tensor,
    list_node,
    result,
    sweep,
    topological_order,
    upstream_of,
    variable,
)


def vjp(f, *args, **kwargs):
    """The value of a function, and its vector–Jacobian product.

    Parameters
    ----------
    f : function
        Takes and returns arrays, alone or in lists, tuples and dictionaries.
    *args : arrays, or structures of them
        Where to differentiate. Integers count as float64.
    **kwargs : anything
        Further arguments of `f`: constants.

    Returns
    -------
    value
        ``f(*args, **kwargs)``
    pullback : function
        Takes the upstream derivative, in the structure and the shapes of the value;
        returns a tuple with the derivative by each of `args`, in its structure, shapes
        and dtypes. It may be called as often as you like; until then, nothing must be
        written into `args`, or into constants and indices that `f` uses: they are not
        copied.

    Raises
    ------
    TypeError
        If an argument or the value is something other than real numbers.
    ValueError
        If the upstream derivative is not of the structure and the shapes of the value.

    Notes
    -----
    Derived in the chapter "Never build the Jacobian", `eq-vjp`; A. Griewank and A.
    Walther, "Evaluating Derivatives", 2nd ed., SIAM, 2008, section 3.2.

    Examples
    --------
    >>> A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    >>> value, pullback = vjp(lambda x: A @ x, np.array([1.0, 2.0, 3.0]))
    >>> pullback(np.array([1.0, 2.0]))
    (array([ 9., 12., 15.]),)
    """
    value, back = recorded(f, args, kwargs, range(len(args)))

    def pullback(upstream):
        return back(leaves(mapped(upstream_of, value, upstream)))

    # A copy, which is yours to write into: the pullback may have saved the array.
    return mapped(lambda y: +y, value), pullback


def jvp(f, primals, tangents, **kwargs):
    """The value of a function, and its Jacobian–vector product.

    Parameters
    ----------
    f : function
        Takes and returns arrays, alone or in lists, tuples and dictionaries.
    primals : tuple
        The arguments of `f`. Integers count as float64.
    tangents : tuple
        The direction in which the arguments move, in the structure and the shapes of
        the arguments.
    **kwargs : anything
        Further arguments of `f`: constants.

    Returns
    -------
    value, tangent
        ``f(*primals, **kwargs)``, and the direction in which it moves.

    Raises
    ------
    TypeError
        If an argument or the value is something other than real numbers.
    ValueError
        If the tangents are not of the structure and the shapes of the primals.

    Notes
    -----
    Derived in the chapter "Never build the Jacobian", `eq-jvp`; R. E. Wengert, "A
    simple automatic derivative evaluation program", Comm. ACM 7(8), 1964.

    Examples
    --------
    >>> value, tangent = jvp(np.sin, (0.0,), (2.0,))
    >>> float(value), float(tangent)
    (0.0, 2.0)
    """
    with transformation() as level:
        y = f(
            *mapped(lambda x, t: dual(x, t, level), tuple(primals), tuple(tangents)),
            **kwargs,
        )
    y = mapped(lambda y: opened(y, level), y)
    value = mapped(lambda y: y.data if is_box(y, level) else y, y)
    return value, mapped(
        lambda y: y.tangent if is_box(y, level) else np.zeros_like(y), y
    )


def value_and_grad(f, argnums=0):
    """The function that computes the value of `f` and its gradient, in one go.

    Parameters
    ----------
    f : function
        Returns a single number.
    argnums : int or tuple of int
        By which of its arguments, counted from 0, to differentiate.

    Returns
    -------
    function
        Takes the arguments of `f`; returns the value, and what ``grad(f, argnums)``
        returns.

    Raises
    ------
    TypeError, ValueError
        As ``grad`` does.

    Notes
    -----
    Derived in the chapter "Transformations", `eq-grad-from-vjp`.

    Examples
    --------
    >>> value, gradient = value_and_grad(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    >>> float(value), gradient
    (9.0, array([ 3., 12.]))
    """

    def differentiated(*args, **kwargs):
        value, back = recorded(f, args, kwargs, positions(argnums, args))
        if not hasattr(value, "shape") or value.shape != ():
            given = (
                f"an array of shape {value.shape}"
                if hasattr(value, "shape")
                else type(value).__name__
            )
            raise ValueError(
                f"a gradient is that of a single number; f returned {given}: use vjp "
                "or jacobian"
            )
        return value, one_or_all(back([np.ones_like(value)]), argnums)

    return differentiated


def grad(f, argnums=0):
    """The function that computes the gradient of `f`.

    Parameters
    ----------
    f : function
        Returns a single number.
    argnums : int or tuple of int
        By which of its arguments, counted from 0, to differentiate.

    Returns
    -------
    function
        Takes the arguments of `f`; returns the derivative by the chosen argument, in
        its structure, shapes and dtypes, or a tuple of these for a tuple of arguments.
        It is 0 where `f` does not depend on the argument.

    Raises
    ------
    TypeError
        If a chosen argument is something other than real numbers.
    ValueError
        If `f` returns something other than a single number, or `argnums` is not the
        position of an argument, or names one twice.

    Notes
    -----
    Derived in the chapter "Transformations", `eq-grad-from-vjp`.

    Examples
    --------
    >>> grad(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    array([ 3., 12.])
    >>> float(grad(grad(lambda x: x**3))(2.0))
    12.0
    """
    both = value_and_grad(f, argnums)
    return lambda *args, **kwargs: both(*args, **kwargs)[1]


def jacrev(f, argnums=0):
    """The function that computes the Jacobian of `f` by rows.

    It takes one reverse sweep for each number in the value.

    Parameters
    ----------
    f : function
        Takes and returns arrays, alone or in lists, tuples and dictionaries.
    argnums : int or tuple of int
        By which of its arguments, counted from 0, to differentiate.

    Returns
    -------
    function
        Takes the arguments of `f`; returns the Jacobian, of shape (shape of the value)
        + (shape of the argument), or a tuple of Jacobians for a tuple of arguments.
        Where value or argument are structures of arrays, it is one of Jacobians: the
        value's, of the argument's.

    Raises
    ------
    TypeError, ValueError
        As ``vjp`` does.

    Notes
    -----
    Derived in the chapter "Transformations", `eq-jacobian-rows`.

    Examples
    --------
    >>> jacrev(lambda x: x * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """

    def differentiated(*args, **kwargs):
        chosen = positions(argnums, args)
        value, back = recorded(f, args, kwargs, chosen)
        return rows(value, back, inputs_of(args, chosen), argnums)

    return differentiated


def jacfwd(f, argnums=0):
    """The function that computes the Jacobian of `f` by columns.

    It takes one forward sweep for each number in the argument.

    Parameters
    ----------
    f : function
    argnums : int or tuple of int
        As for ``jacrev``.

    Returns
    -------
    function
        The same as that of ``jacrev``, at another price.

    Raises
    ------
    TypeError, ValueError
        As ``jvp`` does.

    Notes
    -----
    Derived in the chapter "Transformations", `eq-jacobian-columns`.

    Examples
    --------
    >>> jacfwd(lambda x: x * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """

    def differentiated(*args, **kwargs):
        chosen = positions(argnums, args)
        of_chosen = narrowed(f, args, kwargs, chosen)
        return columns(of_chosen, inputs_of(args, chosen), argnums)

    return differentiated


def jacobian(f, argnums=0):
    """The function that computes the Jacobian of `f`, by rows or by columns.

    It takes the way with fewer sweeps.

    Parameters
    ----------
    f : function
    argnums : int or tuple of int
        As for ``jacrev``.

    Returns
    -------
    function
        The same as that of ``jacrev``.

    Raises
    ------
    TypeError, ValueError
        As ``vjp`` does.

    Notes
    -----
    Derived in the chapter "Transformations", `eq-jacobian-rows`.

    Examples
    --------
    >>> A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    >>> jacobian(lambda x: A @ x)(np.ones(3))
    array([[1., 2., 3.],
           [4., 5., 6.]])
    """

    def differentiated(*args, **kwargs):
        chosen = positions(argnums, args)
        inputs = inputs_of(args, chosen)
        value, back = recorded(f, args, kwargs, chosen)
        if sum(np.size(y) for y in leaves(value)) <= sum(
            np.size(x) for x in leaves(inputs)
        ):
            return rows(value, back, inputs, argnums)
        return columns(narrowed(f, args, kwargs, chosen), inputs, argnums)

    return differentiated


def hessian(f, argnums=0):
    """The function that computes the second derivatives of `f`.

    They are the Jacobian of the gradient: forward mode over reverse mode.

    Parameters
    ----------
    f : function
        Returns a single number.
    argnums : int or tuple of int
        By which of its arguments, counted from 0, to differentiate.

    Returns
    -------
    function
        Takes the arguments of `f`; returns an array of shape (shape of the argument)
        twice; for a tuple of arguments a tuple of tuples, and for structures of arrays
        a structure of structures of such arrays.

    Raises
    ------
    TypeError, ValueError
        As ``grad`` does.

    Notes
    -----
    Derived in the chapter "Transformations", `eq-hessian`.

    Examples
    --------
    >>> hessian(lambda x: x[0] * x[0] * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    return jacfwd(grad(f, argnums), argnums)


def hvp(f, argnums=0):
    """The function that computes a product with the Hessian of `f`, never built.

    Parameters
    ----------
    f : function
        Returns a single number.
    argnums : int or tuple of int
        By which of its arguments, counted from 0, to differentiate.

    Returns
    -------
    function
        Takes the arguments of `f` and then the vector, in the structure and the shapes
        of the chosen argument; returns the product, which has them too. The work is a
        small multiple of that of `f`.

    Raises
    ------
    TypeError, ValueError
        As ``grad`` and ``jvp`` do.

    Notes
    -----
    Derived in the chapter "Transformations", `eq-hvp`; B. A. Pearlmutter, "Fast exact
    multiplication by the Hessian", Neural Computation 6(1), 1994.

    Examples
    --------
    >>> hvp(lambda x: np.sum(x**3))(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([ 6., 12.])
    """

    def product(*args, **kwargs):
        if len(args) < 2:
            raise TypeError(
                "a product with a Hessian takes the arguments of f and then the "
                f"vector; got {len(args)} in all"
            )
        *args, v = args
        chosen = positions(argnums, args)
        along = narrowed(grad(f, argnums), args, kwargs, chosen)
        vectors = (v,) if isinstance(argnums, int) else v
        return jvp(along, inputs_of(args, chosen), vectors)[1]

    return product


# Rules of one's own, and memory.


def custom_vjp(f):
    """A function with a derivative of your own: a decorator.

    Parameters
    ----------
    f : function
        Returns its value, an array, and a pullback, as ``vjp`` does: a function from
        the upstream derivative to a tuple with the derivative by each argument, of the
        shapes of the arguments; None for no derivative, as by an argument that is no
        array of real numbers. What the pullback needs it finds in `f`, as any inner
        function does.

    Returns
    -------
    function
        Takes the same arguments, arrays or structures of them, and returns the value
        alone. Every transformation knows its derivative: forward mode from the
        pullback, which is linear, by transposing it. Derivatives of higher order
        differentiate the pullback: it has to consist of functions with rules.

    Raises
    ------
    ValueError
        If the pullback returns something that does not fit the arguments, or the value
        depends on a Tensor that is not an argument.

    Notes
    -----
    Derived in the chapter "Transformations", `eq-custom-rule`.

    Examples
    --------
    >>> @custom_vjp
    ... def half_back(x):
    ...     return x * x, lambda g: (g * x,)
    >>> float(half_back(3.0)), float(grad(half_back)(3.0))
    (9.0, 3.0)
    """
    pushforward = Formula(own_pushforward, parameters(own_pushforward)[1:], 0)
    options = dict.fromkeys(["pullback", "like"])
    primitive = Primitive(
        f, [together(own_pullback)], [pushforward], options, listed=True
    )

    @wraps(f)
    def call(*args):
        box = outermost(leaves(args))
        if box is None:
            return f(*args)[0]
        level = box.level
        inside = mapped(lambda x: peeled(x, level), args)
        y, pullback = f(*inside)
        if outermost(leaves(inside)) is not None:
            y = call(
                *inside
            )  # for the levels below, too, the derivative is the one given here
        if isinstance(y, Box) and y.level >= level:
            raise ValueError(
                f"{f.__name__} depends on a {type(y).__name__} that is not among its "
                "arguments: pass it"
            )
        like = mapped(lambda x: blank(x.data) if is_box(x, level) else None, args)
        options = {"pullback": pullback, "like": like}
        return type(box).record(
            primitive,
            level,
            [leaves(args)],
            [leaves(inside)],
            options,
            array(y, "the value"),
        )

    return call


def own_pullback(g, pullback, like):
    """The derivatives by the arguments' leaves, from a pullback of one's own.

    `like` has zeros in the place of each leaf, and None in that of a constant.
    """
    derivatives = pullback(+g)  # a copy, for others may be handed the same array
    if not isinstance(derivatives, (tuple, list)) or len(derivatives) != len(like):
        raise ValueError(
            f"a pullback returns a tuple of {len(like)}, one for each argument; got "
            f"{derivatives!r}"
        )
    given = (
        x if derivative is None else derivative
        for x, derivative in zip(like, derivatives)
    )
    return leaves(mapped(fitting, like, tuple(given)))


def own_pushforward(t, pullback, like, y):
    """The tangent of the value: a pullback is linear, and this is its transpose."""
    moving = [k for k, x in enumerate(leaves(like)) if x is not None]

    def derivatives(g):
        found = own_pullback(g, pullback, like)
        return [found[k] for k in moving]

    _, transposed = vjp(derivatives, np.zeros_like(y))
    return transposed([t[k] for k in moving])[0]


def blank(x):
    """Zeros of the shape of x, which take up no memory."""
    return np.broadcast_to(np.zeros_like(x, shape=()), np.shape(x))


def fitting(x, derivative):
    """A derivative by x as an array of its own, if it has the shape of x."""
    if x is None:
        return None
    derivative = array(derivative, "what a pullback returns")
    if derivative.shape != x.shape:
        raise ValueError(
            f"a pullback returned the shape {derivative.shape} for an argument of "
            f"shape {x.shape}"
        )
    return +derivative


def checkpoint(f):
    """A function that saves its arguments alone, and is computed again for the sweep.

    Parameters
    ----------
    f : function
        Returns an array, the same one for the same arguments. It may use Tensors that
        are not among its arguments.

    Returns
    -------
    function
        Takes the same arguments, and has the same value and derivatives, for less
        memory and more time.

    Raises
    ------
    TypeError
        If `f` returns a structure of arrays, and Tensors are among its arguments.
    Exception
        What `f` raises, in the first computation or in the second.

    Notes
    -----
    Derived in the chapter "From one example to a batch to a GPU", `eq-checkpoint`; A.
    Griewank and A. Walther, "Algorithm 799: revolve", ACM Trans. Math. Softw. 26(1),
    2000.

    Examples
    --------
    >>> float(grad(checkpoint(lambda x: np.sin(np.sin(x))))(0.0))
    1.0
    """

    @wraps(f)
    def call(*args):
        box = outermost(leaves(args))
        if not isinstance(box, Tensor):
            return f(*args)
        level = box.level
        y, inputs = afresh(f, args, level)
        if not hasattr(y, "shape") and not np.isscalar(y):
            raise TypeError(
                "a function with a checkpoint returns one array; got a "
                f"{type(y).__name__}: put arrays together with np.stack or "
                "np.concatenate, or make a checkpoint for each"
            )
        if not is_box(y, level):
            return f(*args) if isinstance(y, Box) and y.level > level else y
        if y.node is None:
            return y
        order, _ = topological_order([y.node])
        own = {x.node for x in inputs}
        captured = [node for node in order if not node.edges and node not in own]
        # Which transformations are running, and whether recording is paused.
        context = copy_context()

        def pullback(g, saved):
            y, inputs = context.copy().run(afresh, f, args, level)
            found = sweep({y.node: g})
            nodes = [x.node for x in inputs] + captured
            return Several(
                [
                    found[node] if node in found else np.zeros(node.shape, node.dtype)
                    for node in nodes
                ]
            )

        parents = [x.node for x in leaves(args) if has_node(x, level)] + captured
        return result(y.data, level, ((list_node(parents), pullback, None),), None)

    return call


def afresh(f, args, level):
    """The result for new inputs in the place of the arguments; and these inputs."""
    inputs = []

    def renewed(x):
        if not has_node(x, level):
            return x
        inputs.append(variable(x.data, level))
        return inputs[-1]

    return f(*mapped(renewed, args)), inputs


# What transformations are made of.


def recorded(f, args, kwargs, chosen):
    """The value, and the function from derivatives by it to those by arguments."""
    inputs = []
    with transformation() as level:

        def boxed(x):
            inputs.append(variable(x, level))
            return inputs[-1]

        # f may change a list or a dictionary that it is given.
        arrays = inputs_of(args, chosen)
        y = narrowed(f, args, kwargs, chosen)(*mapped(boxed, arrays))
    y = mapped(lambda y: opened(y, level), y)

    def back(upstreams):
        seeds = {}
        for y, g in zip(outputs, upstreams):
            if g is not None and has_node(y, level):
                seeds[y.node] = seeds[y.node] + g if y.node in seeds else g
        found = sweep(seeds)
        derivatives = (
            found[x.node] if x.node in found else np.zeros_like(x.data) for x in inputs
        )
        return filled(arrays, derivatives)

    outputs = leaves(y)
    return mapped(lambda y: y.data if is_box(y, level) else y, y), back


def dual(x, t, level):
    """An argument that moves."""
    x, t = array(x, "a primal"), array(t, "a tangent")
    if x.shape != t.shape:
        raise ValueError(
            f"a tangent has the shape {t.shape}, its primal {x.shape}: they must agree"
        )
    return Dual(x, t.astype(x.dtype), level)


def opened(y, level):
    """A result without the boxes that were made by hand around it."""
    while isinstance(y, Box) and y.level > level:
        y = y.data
    return array(y, "the value of the function")


def is_box(x, level):
    """Whether x is a box of this level."""
    return isinstance(x, Box) and x.level == level


def has_node(x, level):
    """Whether x is a Tensor of this level that is no constant."""
    return is_box(x, level) and x.node is not None


def positions(argnums, args):
    """The positions of the chosen arguments."""
    chosen = argnums if isinstance(argnums, tuple) else (argnums,)
    if not all(isinstance(i, int) and -len(args) <= i < len(args) for i in chosen):
        raise ValueError(
            "argnums must be an int, or a tuple of ints, each the position of one of "
            f"the {len(args)} arguments that were given; got {argnums!r}"
        )
    chosen = [i % len(args) for i in chosen]
    if len(set(chosen)) < len(chosen):
        raise ValueError(f"argnums names an argument twice: {argnums!r}")
    return chosen


def inputs_of(args, chosen):
    """The chosen arguments, as arrays of floating-point numbers."""
    return mapped(
        lambda x: array(x, "an argument by which to differentiate"),
        tuple(args[i] for i in chosen),
    )


def one_or_all(derivatives, argnums):
    """What was asked for: the derivative by one argument, or a tuple of several."""
    return derivatives[0] if isinstance(argnums, int) else derivatives


def narrowed(f, args, kwargs, chosen):
    """The function of the chosen arguments alone."""

    def of_chosen(*inputs):
        places = dict(zip(chosen, inputs))
        return f(*(places.get(i, x) for i, x in enumerate(args)), **kwargs)

    return of_chosen


def rows(value, back, inputs, argnums):
    """A Jacobian from one sweep back for each number in the value."""
    blocks = []
    for k, y in enumerate(leaves(value)):
        sweeps = [leaves(back([None] * k + [e])) for e in basis(y)]
        stacked = [
            block([derivatives[i] for derivatives in sweeps], 0, y, x)
            for i, x in enumerate(leaves(inputs))
        ]
        blocks.append(one_or_all(filled(inputs, stacked), argnums))
    return filled(value, blocks)


def columns(f, inputs, argnums):
    """A Jacobian from one sweep forward for each number in the arguments."""
    by_leaf = []
    for k, x in enumerate(leaves(inputs)):
        still = [blank(other) for other in leaves(inputs)]
        moving = [filled(inputs, [*still[:k], e, *still[k + 1 :]]) for e in basis(x)]
        by_leaf.append([leaves(jvp(f, inputs, tangents)[1]) for tangents in moving])
    value = f(*inputs)
    blocks = []
    for k, y in enumerate(leaves(value)):
        stacked = [
            block([t[k] for t in tangents], -1, y, x)
            for x, tangents in zip(leaves(inputs), by_leaf)
        ]
        blocks.append(one_or_all(filled(inputs, stacked), argnums))
    return filled(value, blocks)


def block(slices, axis, y, x):
    """The Jacobian of the array y by x, of rows (axis 0) or columns (axis −1)."""
    shape = np.shape(y) + np.shape(x)
    return np.stack(slices, axis).reshape(shape) if slices else np.zeros(shape)


def basis(x):
    """The arrays of the shape of x with a single 1."""
    x = array(x)
    for index in np.ndindex(x.shape):
        e = np.zeros_like(x)
        e[index] = 1
        yield e


# Structures: arrays in lists, tuples and dictionaries, in each other. An array by
# itself is one leaf.


def mapped(function, tree, *others):
    """The structure of what a function makes of the leaves in the same places."""
    keys = keys_of(tree)
    if keys is None:
        return function(tree, *others)
    for other in others:
        if keys_of(other) != keys:
            named = f" with the keys {[*keys]}" if isinstance(tree, dict) else ""
            raise ValueError(
                f"expected a {type(tree).__name__} of {len(keys)} entries{named}; "
                f"got {other!r}"
            )
    entries = [mapped(function, tree[k], *(other[k] for other in others)) for k in keys]
    if isinstance(tree, dict):
        return dict(zip(keys, entries))
    return type(tree)(*entries) if hasattr(tree, "_fields") else type(tree)(entries)


def keys_of(tree):
    """What the entries of a structure are found by; None for a leaf."""
    if isinstance(tree, (list, tuple)):
        return range(len(tree))
    return tree.keys() if isinstance(tree, dict) else None


def leaves(tree):
    """The arrays in a structure, in order."""
    found = []
    mapped(found.append, tree)
    return found


def filled(tree, entries):
    """A structure with other leaves."""
    entries = iter(entries)
    return mapped(lambda leaf: next(entries), tree)
