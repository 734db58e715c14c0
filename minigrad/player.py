"""The player: the sweep forward and the sweep back through a graph, step by step."""

import json
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from itertools import count
from string import Template

from minigrad.draw import (
    STYLE,
    Drawing,
    arrow,
    can_render,
    escaped,
    graph,
    printable,
    shown,
    title,
)

#: A graph with more nodes has more steps than anybody follows.
MOST_NODES = 40

#: The page that is filled in: structure, look and behaviour.
PAGE = files("minigrad") / "player.html"

#: From the middle of one line in a box to that of the next.
LINE = 15


@dataclass
class Step:
    """What one step of the sweeps changes. Nodes are meant by their number.

    Attributes
    ----------
    sweep : str
        "start", "forward" or "backward".
    node : int or None
        The node that is looked at.
    says : str
        What happens.
    values : dict of int → number or array
        The values that are computed.
    grads : dict of int → number or array
        What the derivatives that change have added up to so far.
    waits : dict of int → tuple of int
        For each node of which this changes: the children whose contributions to its
        derivative are still to come.
    edges : tuple of int
        The edges along which something goes.
    """

    sweep: str
    node: int | None
    says: str
    values: dict = field(default_factory=dict)
    grads: dict = field(default_factory=dict)
    waits: dict = field(default_factory=dict)
    edges: tuple = ()


def play(root, *inputs, rankdir="LR", names=None, upstream=None):
    """The two sweeps through a graph, to be followed step by step.

    Forward, every node gets its value; backward, every node gets its derivative, once
    all of its children have contributed to it. The player is shown in a notebook and on
    a page, where it works without Python; there are buttons, a slider, and keys: left
    and right, Home, End, and the space bar to play and to pause.

    Parameters
    ----------
    root : Value or function
        A function is called for the player, with `inputs`.
    *inputs : array or number, or lists, tuples and dictionaries of them
    rankdir : {"LR", "TB", "RL", "BT"}
    names : dict of str → Value, optional
    upstream : array_like, optional
        As for ``draw_dot``. A Value needs no ``backward`` before, and its derivatives
        are left as they are.

    Returns
    -------
    Player
        Its attribute ``steps`` has the steps as data, ``names`` the names of the nodes
        in order; as text it is the table of the steps.

    Raises
    ------
    TypeError, ValueError
        As ``draw_dot`` does; also for a Tensor, which does not keep its values, for an
        array as the result of a function without an upstream derivative, and for more
        than 40 nodes.

    Notes
    -----
    Derived in the chapter "Reverse mode", `eq-adjoint-sum`; A. Griewank and A. Walther,
    "Evaluating Derivatives", 2nd ed., SIAM, 2008, section 3.2.

    Examples
    --------
    >>> from minigrad import Value
    >>> x = Value(3)
    >>> play(-x, names={"x": x})
    step  sweep     what happens
       0  start     No value is known yet.
       1  forward   x is an input. Its value is 3.
       2  forward   v1 = -x has the value -3.
       3  backward  Back: the derivative of v1 by itself is 1.
       4  backward  v1 has its derivative, 1. To x it gives 1 × -1 = -1: x is complete.
    """
    if rankdir not in ("LR", "TB", "RL", "BT"):
        raise ValueError(f"rankdir must be LR, TB, RL or BT; got {rankdir!r}")
    if hasattr(root, "node"):
        raise TypeError(
            f"a {type(root).__name__} does not keep the values on the way to it: "
            "pass the function and its inputs, play(f, *inputs)"
        )
    nodes, named = graph(root, inputs, names, upstream, MOST_NODES)
    if nodes[-1].grad is None:
        raise ValueError(
            f"the result has the shape {nodes[-1].shape}: make it a single number, or "
            "pass the derivative by it, upstream=, an array of that shape"
        )
    return Player(nodes, named, rankdir)


def contributions(node, grad):
    """What each parent's derivative gets from a node; of numbers also as a product."""
    if hasattr(node, "pulled"):
        terms = node.pulled(grad)
    else:
        terms = [grad * partial for partial in node.partials]
    for term, partial in zip(terms, node.partials):
        product = f"{shown(grad)} × {shown(partial)} = " if partial is not None else ""
        yield term, product


def steps_of(nodes, named):
    """The steps of the two sweeps through nodes that come after their parents."""
    upstream = nodes[-1].grad if hasattr(nodes[-1], "pulled") else 1.0
    yield Step("start", None, "No value is known yet.")
    yield from forward(nodes, named)
    yield from backward(nodes, named, upstream)


def forward(nodes, named):
    """The steps that fill in the values."""
    incoming = arriving(nodes)
    for i, node in enumerate(nodes):
        if node.parents:
            says = f"{title(node, named)} has the value {shown(node.data)}."
        else:
            says = f"{named[node]} is an input. Its value is {shown(node.data)}."
        yield Step("forward", i, says, values={i: node.data}, edges=incoming[i])


def backward(nodes, named, upstream):
    """The steps that fill in the derivatives.

    A node whose own is complete gives each parent what it contributes to the parent's.
    """
    numbers = {node: i for i, node in enumerate(nodes)}
    names, incoming = [named[node] for node in nodes], arriving(nodes)
    waits = {i: [] for i in range(len(nodes))}
    for i, node in enumerate(nodes):
        for parent in dict.fromkeys(node.parents):
            waits[numbers[parent]].append(i)
    last = len(nodes) - 1
    grads = {last: upstream}
    yield Step(
        "backward",
        last,
        f"{seed_of(nodes[-1], names[-1])} is {shown(upstream)}.",
        grads={last: upstream},
        waits={i: tuple(children) for i, children in waits.items()},
    )
    for i in range(last, -1, -1):
        parents = [numbers[parent] for parent in nodes[i].parents]
        if not parents:
            continue
        says = f"{names[i]} has its derivative, {shown(grads[i])}."
        for k, (term, product) in enumerate(contributions(nodes[i], grads[i])):
            parent = parents[k]
            says += f" To {names[parent]} it gives {product}{shown(term)}"
            if parent in grads:
                grads[parent] = grads[parent] + term
                says += f", together {shown(grads[parent])}"
            else:
                grads[parent] = term
            if parent not in parents[k + 1 :]:
                waits[parent].remove(i)
                says += f": {names[parent]} {state(waits[parent], names)}"
            says += "."
        yield Step(
            "backward",
            i,
            says,
            grads={parent: grads[parent] for parent in parents},
            waits={parent: tuple(waits[parent]) for parent in parents},
            edges=incoming[i],
        )


def seed_of(node, name):
    """What the sweep back starts from, in words."""
    if getattr(node, "shape", ()) == ():
        return f"Back: the derivative of {name} by itself"
    return f"Back: the upstream derivative, by {name},"


def state(children, names):
    """What is still to come for a node."""
    if not children:
        return "is complete"
    return f"still waits for {' and '.join(names[i] for i in children)}"


def arriving(nodes):
    """For each node the numbers of the edges that arrive at it."""
    number, arriving = count(), []
    for node in nodes:
        arriving.append(tuple(next(number) for _ in node.parents))
    return arriving


class Player:
    """What ``play`` returns: the steps, as data, as a page and as text.

    Attributes
    ----------
    names : list of str
        Of the nodes, in the order of the sweep forward.
    steps : list of Step
    """

    def __init__(self, nodes, named, rankdir):
        named = {node: line(name) for node, name in named.items()}
        self.names = [named[node] for node in nodes]
        self.steps = list(steps_of(nodes, named))
        self._nodes, self._titles = nodes, [title(node, named) for node in nodes]
        self._rankdir = rankdir

    def __repr__(self):
        rows = [(str(i), step.sweep, step.says) for i, step in enumerate(self.steps)]
        rows = [("step", "sweep", "what happens"), *rows]
        return "\n".join(f"{i:>4}  {sweep:<8}  {says}" for i, sweep, says in rows)

    def _repr_html_(self):
        changes = [self._changes(step) for step in self.steps]
        steps = json.dumps(changes, separators=(",", ":"), ensure_ascii=False)
        return Template(PAGE.read_text(encoding="utf-8")).substitute(
            # Its many double quotes stand as they are, between single ones.
            steps=escape(steps, quote=False).replace("'", "&#39;"),
            graph=self._picture() if can_render() else "",
            nodes="".join(map(row, self._table())),
            rows="".join(row((i, s.sweep, s.says)) for i, s in enumerate(self.steps)),
            last=len(self.steps) - 1,
        )

    def _changes(self, step):
        """A step, as the page's script reads it."""
        waits = {
            i: ", ".join(self.names[child] for child in children)
            for i, children in step.waits.items()
        }
        return {
            "node": step.node,
            "value": {i: shown(value) for i, value in step.values.items()},
            "grad": {i: shown(grad) for i, grad in step.grads.items()},
            "waits": waits,
            "edges": step.edges,
        }

    def _grads(self):
        """For each node the texts of its derivative on the way; the last is the sum."""
        texts = [[] for _ in self.names]
        for step in self.steps:
            for i, grad in step.grads.items():
                texts[i].append(shown(grad))
        return texts

    def _table(self):
        """A row for each node: as it is when all is done."""
        for node, written, grads in zip(self._nodes, self._titles, self._grads()):
            yield written, shown(node.data), grads[-1], ""

    def _picture(self):
        """The graph as SVG, which has no ids that another one on the page might have.

        Graphviz says where everything is; the look is left to the page.
        """
        layout = self._layout()
        _, _, width, height = coordinates(layout["bb"])
        edges = sorted(layout.get("edges", []), key=lambda edge: int(edge["id"]))
        boxes = sorted(layout["objects"], key=lambda placed: int(placed["name"]))
        shapes = [curve(edge, height) for edge in edges]
        for placed, cells, node in zip(boxes, self._table(), self._nodes):
            kind = "result" if node.parents else "input"
            lines = [cells[0], f"value {cells[1]}", f"grad {cells[2]}"]
            shapes.append(box(placed, lines, height, kind))
        return (
            f'<svg viewBox="-3 -3 {width + 6:.0f} {height + 6:.0f}" role="img" '
            f'width="{width + 6:.0f}" height="{height + 6:.0f}" '
            f'aria-label="The graph. The tables say what it shows.">{"".join(shapes)}'
            "</svg>"
        )

    def _layout(self):
        """Where Graphviz puts the nodes and the edges, which it knows by number."""
        dot = Drawing(**STYLE)
        dot.attr(rankdir=self._rankdir)
        numbers = {node: i for i, node in enumerate(self._nodes)}
        incoming, grads = arriving(self._nodes), self._grads()
        for i, node in enumerate(self._nodes):
            # Room for the sign that says that a sum is not complete.
            widest = f"grad {max(grads[i], key=len)} + …"
            lines = [self._titles[i], f"value {shown(node.data)}", widest]
            dot.node(str(i), "\n".join(map(escaped, lines)))
            for parent, partial, k in zip(node.parents, node.partials, incoming[i]):
                dot.edge(str(numbers[parent]), str(i), id=str(k), **arrow(partial))
        return json.loads(dot.pipe("json0", encoding="utf-8"))


def line(text):
    """Text on one line."""
    return " ".join(printable(text).split("\n"))


def row(cells):
    """A row of a table."""
    return f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in cells)}</tr>\n"


def box(node, lines, height, kind):
    """A node where Graphviz has put it. SVG counts from the top."""
    x, y = coordinates(node["pos"])
    w, h = 72 * float(node["width"]), 72 * float(node["height"])
    texts = [
        f'<text x="{x:.0f}" y="{height - y + LINE * k:.0f}">{escape(text)}</text>'
        for k, text in enumerate(lines, -1)
    ]
    return (
        f'<g class="{kind}"><rect x="{x - w / 2:.0f}" y="{height - y - h / 2:.0f}" '
        f'width="{w:.0f}" height="{h:.0f}"/>{"".join(texts)}</g>\n'
    )


def curve(edge, height):
    """An edge where Graphviz has put it: Bézier curves, the arrow's head, the label."""
    end, *points = [
        (x, height - y)
        for x, y in map(coordinates, edge["pos"].removeprefix("e,").split())
    ]
    (x, y), (tx, ty) = points[-1], end
    # The head is as wide as it is long, less a little.
    dx, dy = 0.4 * (tx - x), 0.4 * (ty - y)
    head = [end, (x - dy, y + dx), (x + dy, y - dx)]
    first, *rest = (f"{x:.0f},{y:.0f}" for x, y in points)
    label = ""
    if "lp" in edge:
        x, y = coordinates(edge["lp"])
        text = escape(edge["label"].strip())
        label = f'<text x="{x:.0f}" y="{height - y - 4:.0f}">{text}</text>'
    corners = " ".join(f"{x:.0f},{y:.0f}" for x, y in head)
    return (
        f'<g class="edge"><path d="M{first}C{" ".join(rest)}"/>'
        f'<polygon points="{corners}"/>{label}</g>\n'
    )


def coordinates(text):
    """The numbers in what Graphviz says about a place."""
    return [float(number) for number in text.split(",")]
