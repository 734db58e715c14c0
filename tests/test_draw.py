"""Pictures of graphs: what they say, that any name can be in them, and that they are the same everywhere."""

import html
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import graphviz
import pygraphviz
import pytest

from minigrad import ForwardValue, Value, draw, draw_dot, trace

ROOT = Path(__file__).resolve().parent.parent


def texts(svg):
    """The texts in a picture, as a reader sees them: Graphviz keeps spaces by making them unbreakable."""
    elements = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(element.itertext()).replace("\N{NO-BREAK SPACE}", " ") for element in elements]


def boxes(dot):
    """The lines of each box in DOT source, in order."""
    return [html.unescape(text).split("\n") for text in re.findall(r'^\tn\d+ \[label="([^"]*)"', dot.source, re.M)]


@pytest.fixture
def graph():
    """x, and y = x² · x + 1."""
    x = Value(2)
    return x, x**2 * x + 1


# trace


def test_trace_finds_each_node_once_and_after_its_parents():
    x = Value(2)
    a = x * x
    b = a.exp() * a
    nodes, edges = trace(b)
    assert [id(node) for node in nodes] == [id(node) for node in (x, a, b.parents[0], b)]
    assert [(nodes.index(p), nodes.index(c)) for p, c in edges] == [(0, 1), (0, 1), (1, 2), (2, 3), (1, 3)]


def test_trace_of_an_input():
    x = Value(2)
    nodes, edges = trace(x)
    assert len(nodes) == 1 and nodes[0] is x and edges == []


def test_trace_of_a_long_chain():
    y = Value(0)
    for _ in range(5000):
        y = y.sin()
    nodes, edges = trace(y)
    assert (len(nodes), len(edges)) == (5001, 5000)


@pytest.mark.parametrize("root", [2.0, None, "x", ForwardValue(2), [Value(2)]])
@pytest.mark.parametrize("function", [trace, draw_dot])
def test_only_a_graph_can_be_drawn(function, root):
    with pytest.raises(TypeError, match=rf"a graph starts from a Value; got .*\({type(root).__name__}\)"):
        function(root)


# What the picture says.


def test_the_picture_in_words(graph):
    x, y = graph
    dot = draw_dot(y, names={"x": x, "y": y})
    assert boxes(dot) == [
        ["x", "value 2"], ["v1 = x ** 2", "value 4"], ["v2 = v1 * x", "value 8"], ["y = v2 + 1", "value 9"]]
    assert re.findall(r"n(\d) -> n(\d) \[label=\" (\S+) \"\]", dot.source) == [
        ("1", "2", "4"), ("2", "3", "2"), ("1", "3", "4"), ("3", "4", "1")]


def test_derivatives_are_shown_after_the_sweep(graph):
    x, y = graph
    y.backward()
    assert [box[2:] for box in boxes(draw_dot(y))] == [["grad 12"], ["grad 2"], ["grad 1"], ["grad 1"]]


def test_the_source_is_the_same_each_time():
    def source():
        x, w = Value(1.5), Value(0.5)
        loss = -(w * x**2).sigmoid().log()
        loss.backward()
        return draw_dot(loss, names={"w": w}).source

    first = source()
    kept = [Value(i) for i in range(100)]  # other addresses for what follows
    assert source() == first
    assert len(kept) == 100 and not re.search("0x|[0-9]{9}", first)


def test_nodes_without_a_name_are_numbered_around_the_given_names():
    a, b, c = Value(1), Value(2), Value(3)
    d = a + b
    assert [box[0] for box in boxes(draw_dot(-(d * c), names={"x2": b, "v1": d}))] == [
        "x1", "x2", "v1 = x1 + x2", "x3", "v2 = v1 * x3", "v3 = -v2"]


@pytest.mark.parametrize("compute, title", [
    (lambda x: x.exp(), "v1 = exp(x1)"), (lambda x: -x, "v1 = -x1"), (lambda x: 1 / x, "v1 = 1 / x1"),
    (lambda x: x - 0.1234567, "v1 = x1 - 0.123457"), (lambda x: x * -0.0, "v1 = x1 * 0")])
def test_the_title_of_a_result(compute, title):
    assert boxes(draw_dot(compute(Value(2))))[1][0] == title


def test_inputs_and_root_look_different(graph):
    x, y = graph
    first, *between, last = re.findall(r"^\tn\d+ \[[^]]*\]", draw_dot(y).source, re.M)
    assert draw.INPUT["fillcolor"] in first and "peripheries=2" in last
    assert not any("fillcolor" in node or "peripheries" in node for node in between)


@pytest.mark.parametrize("rankdir", ["LR", "TB", "RL", "BT"])
def test_direction(graph, rankdir):
    dot = draw_dot(graph[1], rankdir=rankdir)
    assert f"rankdir={rankdir}" in dot.source
    picture = ElementTree.fromstring(dot.pipe("svg"))
    width, height = (float(picture.get(side).removesuffix("pt")) for side in ("width", "height"))
    assert (width > height) == (rankdir in ("LR", "RL"))


def test_an_unknown_direction_is_refused(graph):
    with pytest.raises(ValueError, match="rankdir must be LR, TB, RL or BT; got 'left'"):
        draw_dot(graph[1], rankdir="left")


def test_an_unknown_format_is_refused(graph):
    with pytest.raises(ValueError, match="gif89b"):
        draw_dot(graph[1], format="gif89b")


def test_a_graph_too_large_to_read_is_refused():
    y = Value(0)
    for _ in range(draw.MOST_NODES - 1):
        y = y.sin()
    assert len(boxes(draw_dot(y))) == 500
    with pytest.raises(ValueError, match="the graph has 501 nodes, a picture at most 500: draw a smaller one"):
        draw_dot(y.sin())


# Any name.

NAMES = [
    *('"', '"quoted"', "'", "\\", "back\\slash", "\\N", "\\l", "end\\"),
    *("&", "&lt;", "&#65;", "&amp;amp;", "<b>", "<b>x</b>", "<>", "<unclosed"),
    *("{", "}", "{a|b}", "|", "a]b[", "a;b", "->", "n1", "//", "#", "%s", "$x$"),
    *("", " ", "two  spaces", "é", "λ₁", "日本", "😀", "x" * 200),
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_stands_in_the_picture(name):
    x = Value(2)
    shown = texts(draw_dot(x * 3, names={name: x}).pipe("svg"))
    assert shown == [*([name] if name else []), "value 2", f"v1 = {name} * 3", "value 6", " 3 "]


def test_a_line_break_in_a_name():
    x = Value(2)
    shown = texts(draw_dot(x * 3, names={"two\nlines": x}).pipe("svg"))
    assert shown == ["two", "lines", "value 2", "v1 = two", "lines * 3", "value 6", " 3 "]


@pytest.mark.parametrize(
    "character", ["\0", "\x01", "\r", "\t", "\x1b", "\x7f", "\ud800", "\ufffe", "\u2028", "\u202e"], ids=ascii)
def test_a_character_without_a_shape_is_replaced(character, capfd):
    x = Value(2)
    shown = texts(draw_dot(x * 3, names={f"a{character}b": x}).pipe("svg"))
    assert shown[0] == "a\N{REPLACEMENT CHARACTER}b"
    assert capfd.readouterr() == ("", "")


# What displays it.


def test_pipe_gives_bytes_or_text(graph):
    dot = draw_dot(graph[1])
    assert dot.pipe("svg").decode() == dot.pipe("svg", encoding="utf-8") == dot.pipe(encoding="utf-8")
    assert draw_dot(graph[1], format="png").pipe().startswith(b"\x89PNG")


def test_shown_as_svg_with_the_source_as_text(graph):
    dot = draw_dot(graph[1])
    bundle = dot._repr_mimebundle_()
    assert bundle == {"text/plain": dot.source, "image/svg+xml": dot.pipe(encoding="utf-8")}
    assert isinstance(dot, graphviz.Digraph)


@pytest.fixture
def without_pygraphviz(monkeypatch):
    """An installation without pygraphviz, and a PATH with nothing on it."""
    monkeypatch.setattr(draw, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for dot is a shell script")
def test_shown_by_dot_where_pygraphviz_is_missing(graph, without_pygraphviz, tmp_path, monkeypatch):
    stand_in = tmp_path / "dot"
    stand_in.write_text('#!/bin/sh\necho "<svg>$*"\n/bin/cat\n')
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    dot = draw_dot(graph[1])
    picture = dot._repr_mimebundle_()["image/svg+xml"]
    assert picture.startswith("<svg>-Kdot -Tsvg") and dot.source in picture


def test_shown_as_source_where_nothing_can_render(graph, without_pygraphviz):
    dot = draw_dot(graph[1])
    assert dot._repr_mimebundle_() == {"text/plain": dot.source}
    with pytest.raises(graphviz.ExecutableNotFound):
        dot.pipe("svg")


# The same everywhere.

RENDER = """
import sys
from minigrad import Value, draw_dot

x = Value(2)
y = (x * x + 1).exp()
y.backward()
sys.stdout.write(draw_dot(y, names={"width of the box": x}).pipe("svg", encoding="utf-8"))
"""

# A family that stands before all others, and an element that fontconfig does not know: it would warn about it.
ODD_FONTS = """<?xml version="1.0"?>
<fontconfig>
  <dir>/usr/share/fonts</dir>
  <include>{folder}/conf.avail</include>
  <unheard-of/>
  <match target="pattern"><edit name="family" mode="prepend" binding="strong"><string>Courier</string></edit></match>
</fontconfig>
"""


def rendered(**environment):
    """The picture made by a fresh Python, which writes nothing else: not even past Python, to the file descriptor."""
    done = subprocess.run([sys.executable, "-c", RENDER], env=os.environ | environment, capture_output=True, text=True,
                          encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_picture_does_not_depend_on_the_fonts_of_the_machine(tmp_path):
    available = tmp_path / "conf.avail"
    available.mkdir()
    (available / "10-odd.conf").write_text("<fontconfig><reset-dirs/><unheard-of/></fontconfig>")
    (tmp_path / "none.conf").write_text("<fontconfig></fontconfig>")
    (tmp_path / "odd.conf").write_text(ODD_FONTS.format(folder=tmp_path))
    picture = rendered()
    assert "width of the box" in texts(picture)
    assert rendered(FONTCONFIG_FILE=str(tmp_path / "none.conf")) == picture
    assert rendered(FONTCONFIG_FILE=str(tmp_path / "odd.conf")) == picture


def test_the_environment_is_left_as_it_was(graph, monkeypatch):
    monkeypatch.setenv("FONTCONFIG_FILE", "mine.conf")
    monkeypatch.delenv("FONTCONFIG_SYSROOT", raising=False)
    before = dict(os.environ)
    draw_dot(graph[1]).pipe("svg")
    assert dict(os.environ) == before


def test_the_environment_is_left_as_it_was_when_rendering_fails():
    before = dict(os.environ)
    with pytest.raises(pygraphviz.DotError):
        draw.laid_out("this is not DOT", "svg")
    assert dict(os.environ) == before


def test_the_picture_on_the_first_page_is_what_the_library_draws():
    x = Value(2)
    a = x**2
    b = 5 * a
    c = b * a
    L = -c
    L.backward()
    picture = draw_dot(L, names={"x": x, "a": a, "b": b, "c": c, "L": L}).pipe("svg")
    assert texts((ROOT / "book" / "assets" / "graph.svg").read_bytes()) == texts(picture)
