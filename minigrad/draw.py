"""Pictures of computational graphs."""

import atexit
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
    root : Value

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


def draw_dot(root, format="svg", rankdir="LR", names=None):
    """A picture of how `root` was computed.

    One box for each number: its name and operation, its value and, once ``backward``
    has been called, its derivative. One arrow for each operand, labelled with the local
    partial derivative.

    Parameters
    ----------
    root : Value
    format : str
        What ``pipe`` of the result gives: "svg", "png", "pdf" …
    rankdir : {"LR", "TB", "RL", "BT"}
        Where the arrows point: left to right, top to bottom …
    names : dict of str → Value, optional
        Names to show. Other inputs are called x1, x2 …, other results v1, v2 …

    Returns
    -------
    graphviz.Digraph
        Shown as SVG in a notebook where Graphviz is there, as its DOT source elsewhere;
        ``source`` is that text.

    Raises
    ------
    TypeError
        If `root` does not remember how it was computed.
    ValueError
        If `rankdir` is not one of the four, or the graph has more than 500 nodes.

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
    """
    if rankdir not in ("LR", "TB", "RL", "BT"):
        raise ValueError(f"rankdir must be LR, TB, RL or BT; got {rankdir!r}")
    nodes, _ = trace(root)
    if len(nodes) > MOST_NODES:
        raise ValueError(
            f"the graph has {len(nodes)} nodes, a picture at most {MOST_NODES}: "
            "draw a smaller one"
        )
    named = named_nodes(nodes, names or {})
    swept = root.grad != 0
    dot = Drawing(format=format, **STYLE)
    dot.attr(rankdir=rankdir)
    ids = {node: f"n{i}" for i, node in enumerate(nodes, 1)}
    for node in nodes:
        look = (ROOT if node is root else {}) | ({} if node.parents else INPUT)
        dot.node(ids[node], label=label(node, named, swept), **look)
        for parent, partial in zip(node.parents, node.partials):
            # Spaces keep the number, and its minus, off the arrow.
            dot.edge(ids[parent], ids[node], label=f" {shown(partial)} ")
    return dot


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
    operands = [
        named[operand] if operand in named else shown(operand)
        for operand in node.operands
    ]
    match node.op, operands:
        case None, _:
            title = named[node]
        case "neg", [a]:
            title = f"{named[node]} = -{a}"
        case op, [a, b]:
            title = f"{named[node]} = {a} {op} {b}"
        case op, [a]:
            title = f"{named[node]} = {op}({a})"
    lines = [title, f"value {shown(node.data)}"]
    if swept:
        lines.append(f"grad {shown(node.grad)}")
    return "\n".join(escaped(line) for line in lines)


def shown(number):
    """A number as the picture shows it: six digits, and no minus before a zero."""
    return f"{number + 0.0:.6g}"


def escaped(text):
    """Text that DOT shows as it is: without entities, escapes and unprintable signs."""
    shapeless = "\N{REPLACEMENT CHARACTER}"
    text = "".join(c if c.isprintable() or c == "\n" else shapeless for c in str(text))
    return graphviz.escape(text.replace("&", "&amp;"))


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
        if find_spec("pygraphviz") or shutil.which("dot"):
            bundle["image/svg+xml"] = self.pipe(format="svg", encoding="utf-8")
        return bundle


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
