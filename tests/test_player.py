"""The player: its steps as data, the page that it is, and what that page does in a real browser."""

import json
import re
from html.parser import HTMLParser
from urllib.parse import urlparse

import numpy as np
import pytest

from minigrad import Tensor, Value, draw, grad, player
from minigrad.player import play

NAMES = [
    *("<b>&amp;\"'</b>", "</script><script>alert(1)</script>", "]]>", "-->", "$steps", "${x}", "{x}", "%s", "'"),
    *("\\", "\\n", "", " ", "two\nlines", "é λ₁ 日本 😀", "x" * 200),
    *("\0", "\x1b", "\ud800", "\u202e"),
]


def example():
    """x = 2, a = x², b = 5a, c = ba, L = −c."""
    x = Value(2)
    a = x**2
    b = 5 * a
    c = b * a
    L = -c
    return L, {"x": x, "a": a, "b": b, "c": c, "L": L}


def clipped_sum(x):
    return np.maximum(2 * x - 1, 0).sum(-1)


MATRIX, ONES = np.array([[1.0, 2.0], [2.0, -1.0]]), np.ones(2)


def final(player, attribute):
    """What the last steps say about each node."""
    known = {}
    for step in player.steps:
        known |= getattr(step, attribute)
    return known


# The steps as data.


def test_the_derivatives_are_those_of_backward_to_the_last_bit():
    x, y = Value(0.3), Value(-1.7)
    a = x * y + x.sin()
    b = (a * a).exp() / (y - a)
    result = b * a + b.tanh() * x**3 + a
    shown = play(result, names={"x": x})
    assert (x.grad, y.grad, result.grad) == (0, 0, 0)
    result.backward()
    nodes, _ = draw.trace(result)
    assert final(shown, "grads") == {i: node.grad for i, node in enumerate(nodes)}
    assert final(shown, "values") == {i: node.data for i, node in enumerate(nodes)}


@pytest.mark.parametrize("f", [
    lambda x: (x * x + np.exp(x)).sum(), lambda x: np.stack([x.sum(), x.max(), x[0] * x[1]]).prod(),
    lambda x: (lambda a: (a @ a) * a.mean())(np.tanh(x))])
def test_the_derivatives_of_arrays_are_those_of_grad(f):
    x = np.array([0.3, 1.2, -0.7])
    shown = play(f, x)
    np.testing.assert_allclose(final(shown, "grads")[shown.names.index("x")], grad(f)(x), rtol=1e-12)


def test_the_worked_example_in_words():
    L, names = example()
    assert str(play(L, names=names)).split("\n") == [
        "step  sweep     what happens",
        "   0  start     No value is known yet.",
        "   1  forward   x is an input. Its value is 2.",
        "   2  forward   a = x ** 2 has the value 4.",
        "   3  forward   b = 5 * a has the value 20.",
        "   4  forward   c = b * a has the value 80.",
        "   5  forward   L = -c has the value -80.",
        "   6  backward  Back: the derivative of L by itself is 1.",
        "   7  backward  L has its derivative, 1. To c it gives 1 × -1 = -1: c is complete.",
        "   8  backward  c has its derivative, -1. To b it gives -1 × 4 = -4: b is complete. "
        "To a it gives -1 × 20 = -20: a still waits for b.",
        "   9  backward  b has its derivative, -4. To a it gives -4 × 5 = -20, together -40: a is complete.",
        "  10  backward  a has its derivative, -40. To x it gives -40 × 4 = -160: x is complete."]


def test_a_node_waits_for_all_its_children_in_an_uneven_diamond():
    x = Value(1)
    a = x * 2
    long = a.sin().exp().tanh()
    L = long * a + a
    shown = play(L, names={"x": x, "a": a, "L": L})
    at = {name: i for i, name in enumerate(shown.names)}
    seed = next(i for i, step in enumerate(shown.steps) if step.sweep == "backward")
    waits = [{shown.names[i] for i in step.waits[at["a"]]} for step in shown.steps if at["a"] in step.waits]
    product, sine = L.parents[0], long.parents[0].parents[0]
    nodes, _ = draw.trace(L)
    names = dict(zip(nodes, shown.names))
    assert waits == [{names[sine], names[product], "L"}, {names[sine], names[product]}, {names[sine]}, set()]
    assert shown.steps[seed].waits[at["L"]] == ()
    # No node hands anything on while it waits.
    waiting = {}
    for step in shown.steps[seed:]:
        if step.node is not None:
            assert not waiting.get(step.node)
        waiting |= step.waits
    assert not any(waiting.values()) and set(waiting) == set(range(len(shown.names)))


def test_a_child_that_uses_a_node_twice_is_waited_for_once():
    x = Value(3)
    shown = play(x * x, names={"x": x})
    assert [step.waits.get(0) for step in shown.steps[-2:]] == [(1,), ()]
    assert shown.steps[-1].says == "v1 has its derivative, 1. To x it gives 1 × 3 = 3. To x it gives 1 × 3 = 3, " \
                                   "together 6: x is complete."
    assert shown.steps[-1].edges == (0, 1)


def test_numbers_in_arrays_have_the_steps_of_values():
    def f(x):
        return np.exp(x * x) * x

    x = Value(0.5)
    assert str(play(f, 0.5)) == str(play((x * x).exp() * x, names={"x": x}))


def test_an_input_by_itself():
    assert [step.sweep for step in play(Value(2)).steps] == ["start", "forward", "backward"]


def test_an_upstream_derivative():
    shown = play(clipped_sum, MATRIX, upstream=ONES)
    np.testing.assert_array_equal(final(shown, "grads")[0], [[2, 2], [2, 0]])
    assert shown.steps[6].says == "Back: the upstream derivative, by v4, is [1, 1]."


@pytest.mark.parametrize("call, error, message", [
    (lambda: play(Tensor(2.0) * 3), TypeError, r"a Tensor does not keep the values .* play\(f, \*inputs\)"),
    (lambda: play(clipped_sum, MATRIX), ValueError, r"the result has the shape \(2,\): .* upstream="),
    (lambda: play(2.0), TypeError, "a graph starts from a Value; got 2.0"),
    (lambda: play(Value(2), 3.0), TypeError, "go with a function"),
    (lambda: play(Value(2), rankdir="left"), ValueError, "rankdir must be LR, TB, RL or BT; got 'left'"),
    (lambda: play(lambda x: sum(x * i for i in range(30)), 1.0), ValueError, "a picture at most 40"),
])
def test_what_cannot_be_played(call, error, message):
    with pytest.raises(error, match=message):
        call()


# The page.


class Page(HTMLParser):
    """The elements of a page: tag and attributes; and the rows of its tables."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.rows = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in ("input", "br", "link", "meta"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data

    def count(self, tag):
        return sum(tag == name for name, _ in self.elements)


def test_the_structure_of_the_page():
    L, names = example()
    shown = play(L, names=names)
    page = Page(shown._repr_html_())
    assert page.elements[0][0] == "div" and page.elements[0][1]["class"] == "minigrad-player"
    counts = {"svg": 1, "rect": 5, "path": 5, "button": 5, "input": 1, "script": 1, "details": 1}
    assert {tag: page.count(tag) for tag in counts} == counts
    named = [attributes for tag, attributes in page.elements if tag in ("svg", "button", "input", "table")]
    assert all("aria-label" in attributes for attributes in named)
    assert [attributes["aria-live"] for _, attributes in page.elements if "aria-live" in attributes] == ["polite"]
    assert not [attributes for _, attributes in page.elements if {"id", "src", "href", "style"} & attributes.keys()]
    assert "url(" not in shown._repr_html_() and "http" not in shown._repr_html_()


def test_the_page_says_the_same_as_the_text():
    L, names = example()
    shown = play(L, names=names)
    rows = Page(shown._repr_html_()).rows
    assert rows[1:6] == [["x", "2", "-160", ""], ["a = x ** 2", "4", "-40", ""], ["b = 5 * a", "20", "-4", ""],
                         ["c = b * a", "80", "-1", ""], ["L = -c", "-80", "1", ""]]
    steps = [f"{i:>4}  {sweep:<8}  {says}" for i, sweep, says in rows[7:]]
    assert steps == str(shown).split("\n")[1:]


def test_the_steps_are_in_the_page_as_data():
    page = Page(play(clipped_sum, MATRIX, upstream=ONES)._repr_html_())
    steps = json.loads(page.elements[0][1]["data-steps"])
    assert len(steps) == 11
    assert steps[0] == {"node": None, "value": {}, "grad": {}, "waits": {}, "edges": []}
    assert steps[-1] == {"node": 1, "value": {}, "grad": {"0": "[[2, 2], [2, 0]]"}, "waits": {"0": ""}, "edges": [0]}


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name_can_stand_in_the_page(name):
    x = Value(2)
    y = x * 3
    text = play(-y, names={name: x, name + "'": y})._repr_html_()
    page = Page(text)
    expected = re.sub("[\0\x1b\ud800\u202e]", "\N{REPLACEMENT CHARACTER}", name.replace("\n", " "))
    assert [row[0] for row in page.rows[1:4]] == [expected, f"{expected}' = {expected} * 3", f"v1 = -{expected}'"]
    assert page.count("script") == 1 and page.count("b") == 0
    assert json.loads(page.elements[0][1]["data-steps"])[4]["waits"] == {"0": f"{expected}'", "1": "v1", "2": ""}
    text.encode("utf-8")


def test_each_edge_leads_from_its_parent_to_its_child():
    L, names = example()
    nodes, edges = draw.trace(L)
    elements = Page(play(L, names=names)._repr_html_()).elements
    boxes = [[float(a[key]) for key in ("x", "y", "width", "height")] for tag, a in elements if tag == "rect"]
    starts = [re.match("M(.*?)C", a["d"])[1] for tag, a in elements if tag == "path"]
    ends = [a["points"].split()[0] for tag, a in elements if tag == "polygon"]
    for start, end, edge in zip(starts, ends, edges, strict=True):
        for point, node in zip((start, end), edge):
            left, top, width, height = boxes[[id(n) for n in nodes].index(id(node))]
            x, y = map(float, point.split(","))
            assert left - 3 <= x <= left + width + 3 and top - 3 <= y <= top + height + 3


def test_the_page_is_the_same_each_time():
    def page():
        L, names = example()
        return play(L, names=names)._repr_html_()

    first = page()
    kept = [Value(i) for i in range(100)]  # other addresses for what follows
    assert page() == first and len(kept) == 100


def test_the_largest_page_is_small():
    x = y = Value(-1.234567e-5)
    while len(draw.trace(y)[0]) < player.MOST_NODES:
        y = (y.sin() if len(draw.trace(y)[0]) % 2 else y * x)
    assert len(play(y)._repr_html_().encode()) < 60_000


def test_without_graphviz_there_are_the_tables_alone(monkeypatch):
    L, names = example()
    with_graph = Page(play(L, names=names)._repr_html_())
    monkeypatch.setattr(draw, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    without = Page(play(L, names=names)._repr_html_())
    assert without.count("svg") == 0 and without.rows == with_graph.rows


@pytest.mark.parametrize("rankdir, wide", [("LR", True), ("TB", False)])
def test_direction(rankdir, wide):
    L, names = example()
    svg = next(a for tag, a in Page(play(L, names=names, rankdir=rankdir)._repr_html_()).elements if tag == "svg")
    assert (int(svg["width"]) > int(svg["height"])) == wide


# In a browser.


@pytest.fixture
def visit(browser, tmp_path):
    """A function that opens a page with these players from the file system; nothing may go wrong there."""
    troubles, contexts = [], []

    def opened(*players, theme=None, **options):
        attribute = f' data-theme="{theme}"' if theme else ""
        body = "<hr>".join(player._repr_html_() for player in players)
        file = tmp_path / "page.html"
        head = f'<!doctype html><html lang="en"{attribute}><meta charset="utf-8"><title>Players</title>'
        file.write_text(f"{head}{body}</html>", encoding="utf-8")
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda r: troubles.append(r.url) if urlparse(r.url).path != file.as_uri()[7:] else None)
        page.goto(file.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.fixture
def shown():
    L, names = example()
    return play(L, names=names)


def at(page, number=0):
    """The step that a player is at, by everything that says so."""
    root = page.locator(".minigrad-player").nth(number)
    step = int(root.locator("input").input_value())
    assert root.locator(".mg-count").inner_text() == f"{step} / {root.locator('input').get_attribute('max')}"
    marked = root.locator(".mg-steps tr.mg-now td")
    assert [marked.nth(i).text_content() for i in (0, 2)] == [str(step), root.locator(".mg-says").text_content()]
    return step


def test_keys(visit, shown):
    page = visit(shown)
    page.locator(".minigrad-player").focus()
    for key, expected in [("ArrowLeft", 0), ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 10),
                          ("ArrowRight", 10), ("Home", 0)]:
        page.keyboard.press(key)
        assert at(page) == expected
    page.keyboard.press("Alt+ArrowRight")
    assert at(page) == 0


@pytest.mark.parametrize("focused", ["input", "button[data-go=forward]", "summary"])
def test_keys_count_once_whatever_has_the_focus(visit, shown, focused):
    page = visit(shown)
    page.locator(focused).focus()
    page.keyboard.press("ArrowRight")
    assert at(page) == 1
    page.keyboard.press("End")
    assert at(page) == 10


def test_the_space_bar_plays_and_pauses(visit, shown):
    page = visit(shown)
    page.clock.install()
    page.reload()
    page.locator(".minigrad-player").focus()
    page.keyboard.press("Space")
    assert page.locator("[data-go=play]").get_attribute("aria-label") == "Pause"
    page.clock.run_for(3500)
    assert at(page) == 2
    page.keyboard.press("Space")
    page.clock.run_for(9000)
    assert at(page) == 2
    page.locator("[data-go=play]").click()
    page.clock.run_for(60_000)
    assert at(page) == 10 and page.locator("[data-go=play]").get_attribute("aria-label") == "Play"
    page.locator("[data-go=play]").focus()
    page.keyboard.press("Space")  # on a button it is the browser that acts: once
    assert at(page) == 0 and page.locator("[data-go=play]").get_attribute("aria-label") == "Pause"


def test_the_space_bar_on_a_button_presses_it_and_nothing_else(visit, shown):
    page = visit(shown)
    page.locator("[data-go=forward]").focus()
    page.keyboard.press("Space")
    assert at(page) == 1 and page.locator("[data-go=play]").get_attribute("aria-label") == "Play"


def test_buttons(visit, shown):
    page = visit(shown)
    button = {go: page.locator(f"[data-go={go}]") for go in ("first", "back", "forward", "last")}
    assert button["first"].is_disabled() and button["back"].is_disabled()
    for go, expected in [("forward", 1), ("forward", 2), ("back", 1), ("last", 10), ("back", 9), ("first", 0)]:
        button[go].click()
        assert at(page) == expected
    button["last"].click()
    assert button["last"].is_disabled() and button["forward"].is_disabled()


def test_the_slider(visit, shown):
    page = visit(shown)
    slider = page.get_by_role("slider", name="Step")
    slider.fill("8")
    assert at(page) == 8 and slider.get_attribute("aria-valuetext") == "step 8 of 10"


def test_each_step_shows_what_the_data_say(visit, shown):
    page = visit(shown)
    values, grads, waits = {}, {}, {}
    for number, step in enumerate(shown.steps):
        assert at(page) == number
        values |= step.values
        grads |= step.grads
        waits |= step.waits
        for i, row in enumerate(page.locator(".mg-nodes tbody tr").all()):
            open_ = " + …" if waits.get(i) and i in grads else ""
            grad_text = draw.shown(grads[i]) + open_ if i in grads else ""
            value_text = draw.shown(values[i]) if i in values else ""
            cells = row.locator("td").all_text_contents()
            assert cells[1:] == [value_text, grad_text, ", ".join(shown.names[k] for k in waits.get(i, ()))]
            box = page.locator("svg .input, svg .result").nth(i)
            visible = [t.text_content() for t in box.locator("text").all()
                       if t.evaluate("t => getComputedStyle(t).visibility") == "visible" and t.text_content()]
            expected = [("value", value_text), ("grad", grad_text)]
            assert visible[1:] == [f"{kind} {text}" for kind, text in expected if text]
            assert ("mg-now" in box.get_attribute("class")) == (i == step.node)
        edges = enumerate(page.locator("svg .edge").all())
        assert [k for k, edge in edges if "mg-now" in edge.get_attribute("class")] == list(step.edges)
        if number < 10:
            page.locator("[data-go=forward]").click()


def test_every_text_stays_in_its_box(visit, shown):
    page = visit(shown)
    for _ in range(10):
        page.locator("[data-go=forward]").click()
        assert page.evaluate("""Array.from(document.querySelectorAll("svg .input, svg .result")).every(g => {
            const r = g.querySelector("rect").getBBox();
            return Array.from(g.querySelectorAll("text")).every(t => { const b = t.getBBox();
                return b.width === 0 || (b.x >= r.x && b.x + b.width <= r.x + r.width); }); })""")


CONTRAST = """() => {
    const light = c => { const [r, g, b] = c.match(/[0-9.]+/g).map(v => (v /= 255) <= 0.04045 ? v / 12.92
        : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
        return (x + 0.05) / (y + 0.05); };
    const root = document.querySelector(".minigrad-player"), s = e => getComputedStyle(e);
    const ratios = [ratio(s(root).color, s(root).backgroundColor)];
    for (const g of root.querySelectorAll("svg .input, svg .result"))
        ratios.push(ratio(s(g.querySelector("text")).fill, s(g.querySelector("rect")).fill));
    for (const t of root.querySelectorAll(".edge text")) ratios.push(ratio(s(t).fill, s(root).backgroundColor));
    for (const b of root.querySelectorAll("button:not(:disabled)"))
        ratios.push(ratio(s(b).color, s(b).backgroundColor));
    return { dark: light(s(root).backgroundColor) < 0.2, least: Math.min(...ratios) };
}"""


@pytest.mark.parametrize("system, theme, dark", [
    ("light", None, False), ("dark", None, True), ("light", "dark", True), ("dark", "light", False)])
def test_both_themes_are_legible_and_the_pages_own_counts(visit, shown, system, theme, dark):
    page = visit(shown, theme=theme, color_scheme=system, reduced_motion="reduce")
    for _ in range(10):
        page.locator("[data-go=forward]").click()
        found = page.evaluate(CONTRAST)
        assert found["dark"] == dark and found["least"] >= 4.5


def test_the_theme_can_change_while_the_page_is_open(visit, shown):
    page = visit(shown, color_scheme="light", reduced_motion="reduce")
    assert not page.evaluate(CONTRAST)["dark"]
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert page.evaluate(CONTRAST)["dark"]


@pytest.mark.parametrize("motion, duration", [("reduce", "0s"), ("no-preference", "0.25s, 0.25s")])
def test_reduced_motion(visit, shown, motion, duration):
    page = visit(shown, reduced_motion=motion)
    durations = page.evaluate("getComputedStyle(document.querySelector('.minigrad-player rect')).transitionDuration")
    assert durations.split(", ")[0] == duration.split(", ")[0]


def test_two_players_on_a_page_do_not_touch_each_other(visit, shown):
    page = visit(shown, play(clipped_sum, MATRIX, upstream=ONES), shown)
    assert page.evaluate("document.querySelectorAll('.minigrad-player [id]').length") == 0
    page.locator("[data-go=forward]").nth(1).click()
    assert [at(page, i) for i in range(3)] == [0, 1, 0]
    page.locator(".minigrad-player").nth(2).focus()
    page.keyboard.press("End")
    assert [at(page, i) for i in range(3)] == [0, 1, 10]


def test_the_table_alone_steps_where_there_is_no_graph(visit, shown, monkeypatch):
    monkeypatch.setattr(player, "can_render", lambda: False)
    page = visit(shown)
    page.locator("[data-go=last]").click()
    assert at(page) == 10 and page.locator("svg").count() == 0
    assert page.locator(".mg-nodes tbody tr td:nth-child(3)").all_text_contents() == ["-160", "-40", "-4", "-1", "1"]


def test_without_scripts_everything_is_there_to_be_read(visit, shown):
    page = visit(shown, java_script_enabled=False)
    assert page.locator(".mg-steps tbody tr").last.is_visible() and not page.locator("button").first.is_visible()
    assert page.locator("svg text", has_text="grad -160").is_visible()


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name_in_a_browser(visit, name):
    x = Value(2)
    shown = play(x * 3, names={name: x})
    page = visit(shown)
    page.locator("[data-go=last]").click()
    assert at(page) == 4
    assert page.locator("svg .input text").first.text_content() == shown.names[0]
    assert page.locator(".mg-nodes tbody td").first.text_content() == shown.names[0]


def test_on_a_narrow_screen_nothing_sticks_out(visit, shown):
    page = visit(shown, viewport={"width": 320, "height": 640})
    page.locator("[data-go=last]").click()
    assert page.evaluate("document.documentElement.scrollWidth <= 320")
