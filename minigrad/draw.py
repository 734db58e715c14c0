"""Pictures of computational graphs."""

import atexit
import math
import os
import shutil
import tempfile
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from xml.sax.saxutils import escape

import graphviz

# Beyond this many nodes a picture cannot be read, and its layout takes minutes.
MOST_NODES = 500

# Stands for an operand, or an option, that a graph does not hold.
FORGOTTEN = "…"

# Arrays of more numbers than this are shown by four of them, or by their shape.
MOST_NUMBERS = 8

# Measured in the first, which matplotlib carries; a browser without it shows the next,
# which is no wider.
FONT = "DejaVu Sans,Verdana,sans-serif"

# A light box with dark text, and grey arrows, can be read on a light page and on a dark
# one.
STYLE = {
    "graph_attr": {"bgcolor": "transparent", "nodesep": "0.3", "ranksep": "0.5"},
    "node_attr": {
        "shape": "box",
        "style": "filled",
        "fillcolor": "#fbfbfb",
        "color": "#5c6370",
        "fontcolor": "#15181d",
        "fontname": FONT,
        "fontsize": "12",
    },
    "edge_attr": {
        "color": "#7a7f87",
        "fontcolor": "#767b83",
        "fontname": FONT,
        "fontsize": "11",
    },
}
INPUT = {"style": "filled,rounded", "fillcolor": "#dbe9f9"}
ROOT = {"peripheries": "2"}


def trace(root):
    """Every node that `root` was computed from, and every edge between them.

    Parameters
    ----------
    root : Value or Tensor
        The nodes of a Tensor's graph are no Tensors themselves: they are what the graph
        holds, with the attributes ``op``, ``operands``, ``parents``, ``shape``,
        ``data`` and ``grad``, where None stands for what it does not hold.

    Returns
    -------
    nodes : list
        Each once and after its parents; `root` comes last.
    edges : list of (parent, child)
        One for each operand that is a node: two for ``a * a``.

    Raises
    ------
    TypeError
        If `root` does not remember how it was computed.

    Examples
    --------
    >>> from minigrad import Value
    >>> a = Value(3)
    >>> nodes, edges = trace(a * a)
    >>> [node.data for node in nodes], len(edges)
    ([3.0, 9.0], 2)
    """
    if hasattr(root, "node"):
        root, _ = arrays().graph_of_tensor(root)
    if not hasattr(root, "parents"):
        raise TypeError(
            f"a graph starts from a Value; got {root!r} ({type(root).__name__})"
        )
    nodes, visited, path = [], {root}, [root]
    while path:
        for parent in path[-1].parents:
            if parent not in visited:
                visited.add(parent)
                path.append(parent)
                break
        else:
            nodes.append(path.pop())
    return nodes, [(parent, node) for node in nodes for parent in node.parents]


def draw_dot(root, *inputs, format="svg", rankdir="LR", names=None, upstream=None):
    """A picture of how a result is computed.

    One box for each number or array: its name and operation, its value and, after a
    sweep back, its derivative. One arrow for each operand, labelled with the local
    partial derivative where both are numbers. Of a large array there is the shape.

    Parameters
    ----------
    root : Value, Tensor or function
        A Value: ``backward`` may have been called before. A Tensor: its graph does not
        hold everything, and what it does not hold is not shown. A function: it is
        called for the picture, which shows every value and derivative.
    *inputs : array or number, or lists, tuples and dictionaries of them
        What the function is called with; they have the names of its parameters.
    format : str
        What ``pipe`` of the result gives: "svg", "png", "pdf" …
    rankdir : {"LR", "TB", "RL", "BT"}
        Where the arrows point: left to right, top to bottom …
    names : dict of str → Value or Tensor, optional
        Names to show. Other inputs are called x1, x2 …, other results v1, v2 …
    upstream : array_like, optional
        For a function: the derivative by its result with which the sweep back starts,
        of the result's shape. It may be left out for a single number, whose derivative
        by itself is 1; without it, an array's picture shows no derivatives.

    Returns
    -------
    graphviz.Digraph
        Shown as SVG in a notebook where Graphviz is there, as its DOT source elsewhere;
        ``source`` is that text.

    Raises
    ------
    TypeError
        If `root` does not remember how it was computed and is no function, if an input
        is something other than real numbers, or if there are inputs, names or an
        upstream derivative where they have no meaning.
    ValueError
        If `rankdir` is not one of the four, the graph has more than 500 nodes, the
        result depends on no input, or the upstream derivative is of another shape.

    Notes
    -----
    Derived in the chapters "Computational graphs", `eq-path-sum`, and "Tensor",
    `eq-reverse-sweep`.

    Examples
    --------
    >>> from minigrad import Value
    >>> x = Value(2)
    >>> picture = draw_dot(x * x, names={"x": x})
    >>> print(picture.source)  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    digraph {
        ...
        n1 -> n2 [label=" 2 "]
        n1 -> n2 [label=" 2 "]
    }
    >>> import numpy as np
    >>> picture = draw_dot(lambda x: np.sum(x * x), np.array([1.0, 2.0]))
    >>> "value [1, 2]\\ngrad [2, 4]" in picture.source
    True
    """
    if rankdir not in ("LR", "TB", "RL", "BT"):
        raise ValueError(f"rankdir must be LR, TB, RL or BT; got {rankdir!r}")
    nodes, named = graph(root, inputs, names, upstream, MOST_NODES)
    root = nodes[-1]
    swept = not isinstance(root.grad, float) or root.grad != 0
    dot = Drawing(format=format, **STYLE)
    dot.attr(rankdir=rankdir)
    ids = {node: f"n{i}" for i, node in enumerate(nodes, 1)}
    for node in nodes:
        look = (ROOT if node is root else {}) | ({} if node.parents else INPUT)
        dot.node(ids[node], label=label(node, named, swept), **look)
        for parent, partial in zip(node.parents, node.partials):
            dot.edge(ids[parent], ids[node], **arrow(partial))
    return dot


def graph(root, inputs, names, upstream, most):
    """The nodes before `root`, or of a run of it, and the name of each node."""
    if hasattr(root, "parents") or hasattr(root, "node"):
        if inputs or upstream is not None:
            raise TypeError(
                "inputs and an upstream derivative go with a function; got a "
                f"{type(root).__name__}, which has been computed already"
            )
        names = names or {}
        if hasattr(root, "node"):
            root, entries = arrays().graph_of_tensor(root)
            names = {
                name: entries[x.node]
                for name, x in names.items()
                if getattr(x, "node", None) in entries
            }
    elif callable(root):
        if names is not None:
            raise TypeError("a function's inputs have the names of its parameters")
        root, names = arrays().graph_of_function(root, inputs, upstream)
    nodes, _ = trace(root)
    if len(nodes) > most:
        raise ValueError(
            f"the graph has {len(nodes)} nodes, a picture at most {most}: "
            "draw a smaller one"
        )
    return nodes, named_nodes(nodes, names)


def arrays():
    """What knows the graphs of arrays: pictures of numbers do not wait for NumPy."""
    from minigrad import kept

    return kept


def arrow(partial):
    """The attributes of an arrow."""
    # Spaces keep the number, and its minus, off the arrow.
    return {} if partial is None else {"label": f" {shown(partial)} "}


def named_nodes(nodes, names):
    """The name of every node: those given, then x1 … for inputs, v1 … for results."""
    named = {node: name for name, node in names.items()}
    inputs = [node for node in nodes if not node.parents]
    results = [node for node in nodes if node.parents]
    for letter, rest in ("x", inputs), ("v", results):
        free = (name for i in count(1) if (name := f"{letter}{i}") not in names)
        named |= zip([n for n in rest if n not in named], free)
    return named


def label(node, named, swept):
    """The lines of a node's box."""
    value = f"shape {node.shape}" if node.data is None else f"value {shown(node.data)}"
    lines = [title(node, named), value]
    if swept and node.grad is not None:
        lines.append(f"grad {shown(node.grad)}")
    return "\n".join(escaped(line) for line in lines)


def title(node, named):
    """The name of a node, and what it was computed from."""
    operands = [written(operand, named) for operand in node.operands]
    options = getattr(node, "options", {})
    match node.op, operands:
        case None, _:
            return named[node]
        case "neg", [a]:
            formula = f"-{a}"
        case "[]", [a]:
            formula = f"{a}[{index(options.get('index', FORGOTTEN))}]"
        case op, [a, b] if not op.isidentifier():
            formula = f"{a} {op} {b}"
        case op, _:
            given = [f"{name}={option(value)}" for name, value in options.items()]
            formula = f"{op}({', '.join(operands + given)})"
    return f"{named[node]} = {formula}"


def written(operand, named):
    """An operand as it stands in a formula."""
    if isinstance(operand, list):
        return f"[{', '.join(written(entry, named) for entry in operand)}]"
    known = type(operand).__hash__ is not None and operand in named
    return named[operand] if known else shown(operand)


def shown(x, digits=6):
    """A number with six digits, and no minus before a zero; an array in short."""
    if isinstance(x, str):
        return x
    shape = getattr(x, "shape", ())
    if shape == ():
        return f"{x + 0.0:.{digits}g}"
    if math.prod(shape) <= MOST_NUMBERS:
        return nested(x.tolist(), 6 if math.prod(shape) <= 3 else 4)
    if len(shape) > 1:
        return f"array {shape}"
    first, last = nested(x[:3].tolist(), 4), nested(x[-1:].tolist(), 4)
    return f"{first[:-1]}, … {last[1:]} {shape}"


def nested(numbers, digits):
    """Numbers in lists in each other."""
    if isinstance(numbers, list):
        return f"[{', '.join(nested(entry, digits) for entry in numbers)}]"
    return shown(numbers, digits)


def option(x):
    """An option of a function."""
    return f"({index(x)})" if isinstance(x, tuple) else index(x)


def index(x):
    """What stands in the brackets of an index."""
    match x:
        case slice():
            bounds = ["" if i is None else str(i) for i in (x.start, x.stop)]
            return ":".join(bounds + ([] if x.step is None else [str(x.step)]))
        case tuple():
            return ", ".join(map(index, x)) + ("," if len(x) == 1 else "")
        case _ if x is ...:
            return "..."
        case _ if hasattr(x, "tolist"):
            return shown(x)
        case _:
            return str(x)


def escaped(text):
    """Text that DOT shows as it is: without entities, escapes and unprintable signs."""
    return graphviz.escape(printable(text).replace("&", "&amp;"))


def printable(text):
    """Text with a sign for each character that has no shape."""
    shapeless = "\N{REPLACEMENT CHARACTER}"
    return "".join(c if c.isprintable() or c == "\n" else shapeless for c in str(text))


class Drawing(graphviz.Digraph):
    """A graph rendered by pygraphviz, whose wheel carries Graphviz, or by ``dot``."""

    def pipe(self, format=None, **options):
        """The rendered picture, as bytes (as text with ``encoding="utf-8"``).

        Raises
        ------
        graphviz.ExecutableNotFound
            If neither pygraphviz nor ``dot`` is installed.
        ValueError
            If `format` is none that Graphviz knows.
        """
        if find_spec("pygraphviz") is None:
            return super().pipe(format=format, **options)
        format = format or self.format
        if format not in graphviz.FORMATS:
            known = ", ".join(sorted(graphviz.FORMATS))
            raise ValueError(f"format must be one of {known}; got {format!r}")
        picture = laid_out(self.source, format)
        encoding = options.get("encoding")
        return picture.decode(encoding) if encoding else picture

    def _repr_mimebundle_(self, include=None, exclude=None, **_):
        bundle = {"text/plain": self.source}
        if can_render():
            bundle["image/svg+xml"] = self.pipe(format="svg", encoding="utf-8")
        return bundle


def can_render():
    """Whether there is a Graphviz to lay out a graph."""
    return bool(find_spec("pygraphviz") or shutil.which("dot"))


def laid_out(source, format):
    """The picture by pygraphviz with matplotlib's font: the same on every machine."""
    import pygraphviz

    previous = {name: os.environ.get(name) for name in font_environment()}
    os.environ.update(font_environment())
    try:
        return pygraphviz.AGraph(string=source).draw(format=format, prog="dot")
    finally:
        for name, value in previous.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@cache
def font_environment():
    """Variables under which fontconfig knows one font, and nothing of the system's.

    They make an almost empty folder the root of fontconfig's file system. Everything it
    may read must therefore stand in there too, under its full path. The folder stays
    until Python ends: each rendering looks at it again.
    """
    matplotlib = find_spec("matplotlib")
    if matplotlib is None:
        return {}
    root = Path(tempfile.mkdtemp(prefix="minigrad-")).resolve()
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    data = Path(matplotlib.origin).resolve().parent / "mpl-data"
    font = data / "fonts" / "ttf" / "DejaVuSans.ttf"
    settings = root / "fonts.conf"
    folder = escape(str(font.parent))
    content = f"<dir>{folder}</dir><cachedir>/cache</cachedir>"
    settings.write_text(f"<fontconfig>{content}</fontconfig>\n", encoding="utf-8")
    for file in font, settings:
        inside = root / file.relative_to(file.anchor)
        inside.parent.mkdir(parents=True)
        shutil.copy(file, inside)
    return {"FONTCONFIG_SYSROOT": str(root), "FONTCONFIG_FILE": str(settings)}
