"""The live chapters, in a real browser on a server of this machine, with the core of Pyodide and no other server.

The core comes from the npm registry, once: pytest's cache keeps it. In the environment, PYODIDE names a folder instead.
"""

import base64
import hashlib
import io
import json
import os
import re
import tarfile
import threading
import urllib.request
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tools import live, notebooks
from tools.build import ROOT

CORE_URL = f"https://registry.npmjs.org/pyodide/-/pyodide-{live.PYODIDE_VERSION}.tgz"
CORE_SHA512 = "22UBuhOJawj7vKUnS7/F3xK+515LJdjiMAHoCfuS6/PbHiOrSQVnYwDe+2sbVwiOZ3sMMexdXICew6NqOMQGgA=="

#: The chapters that need neither NumPy nor matplotlib, but for plots, which the core leaves out.
SCALAR = ("computational-graphs", "forward-mode", "reverse-mode", "complete-value")

#: Seconds that Pyodide, or a chapter, may take on a small machine that does other things as well.
PATIENCE = 180


@pytest.fixture(scope="module")
def core(request):
    """Return the folder with the core of Pyodide."""
    if os.environ.get("PYODIDE"):
        return Path(os.environ["PYODIDE"]).expanduser().resolve()
    folder = Path(request.config.cache.mkdir(f"pyodide-{live.PYODIDE_VERSION}"))
    if not all((folder / name).is_file() for name in live.PYODIDE_CORE):
        try:
            with urllib.request.urlopen(CORE_URL, timeout=60) as answer:
                data = answer.read()
        except OSError as error:
            pytest.skip(f"the core of Pyodide cannot be fetched ({error}), and PYODIDE names no folder that holds it")
        assert base64.b64encode(hashlib.sha512(data).digest()).decode() == CORE_SHA512
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for name in live.PYODIDE_CORE:
                (folder / name).write_bytes(archive.extractfile(f"package/{name}").read())
    return folder


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that says nothing."""

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site(core, tmp_path_factory):
    """Build the live part as for a school that hosts everything itself; return its address."""
    html = tmp_path_factory.mktemp("live") / "html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYODIDE", str(core))
        live.build(ROOT, html)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(html))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.fixture
def window(browser, site):
    """Return a new window without anything stored; a request that leaves the site fails."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.route(lambda url: not url.startswith(site), lambda route: route.abort())
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    page.outgoing = []
    page.on("request", lambda r: r.url.startswith((site, "data:", "blob:")) or page.outgoing.append(r.url))
    yield page
    context.close()


def file_of(slug):
    """Return the notebook of a chapter."""
    [file] = (ROOT / "book").glob(f"[0-9][0-9]-{slug}.ipynb")
    return file


class Chapter:
    """A live chapter in a window, with its cells counted as in the book."""

    def __init__(self, window, site, slug):
        self.window, self.file = window, file_of(slug)
        self.cells = notebooks.read(self.file)["cells"]
        window.goto(f"{site}live/index.html?chapter={self.file.stem}")
        self.wait()

    def reload(self):
        self.window.reload()
        self.wait()

    def wait(self):
        """Wait until the chapter is open and Python there."""
        self.window.wait_for_function("document.getElementById('status').textContent.includes('ready') && "
                                      "!document.getElementById('reset').disabled")
        self.frame = next(frame for frame in self.window.frames if "jupyterlite" in frame.url)

    def tagged(self, tag):
        """Return the numbers of the cells with a tag."""
        return [i for i, cell in enumerate(self.cells) if tag in cell["metadata"].get("tags", ())]

    def source(self, number):
        return self.frame.evaluate(f"{CELLS}[{number}].sharedModel.getSource()")

    def run_all(self):
        """Run all cells; return the errors among their outputs."""
        self.frame.evaluate("void jupyterapp.commands.execute('notebook:run-all-cells')")
        self.frame.wait_for_function(
            f"{CELLS}.every(cell => cell.type !== 'code' || cell.executionCount !== null) || {ERRORS}.length")
        return self.frame.evaluate(ERRORS)

    def type(self, number, text):
        """Type into a cell, in the place of what stands there."""
        self.frame.evaluate(f"""() => {{
            const {{content}} = jupyterapp.shell.currentWidget;
            content.activeCellIndex = {number};
            return content.scrollToItem({number}, 'center');
        }}""")
        editor = self.frame.locator(".jp-Cell.jp-mod-active .cm-content")
        editor.click()
        self.window.keyboard.press("Control+a")
        self.window.keyboard.insert_text(text)

    def run(self, *numbers):
        """Run cells, one after the other, by the keyboard; return what the last one shows."""
        for number in numbers:
            self.frame.evaluate(f"jupyterapp.shell.currentWidget.content.activeCellIndex = {number}")
            before = self.frame.evaluate(f"{CELLS}[{number}].executionCount")
            self.frame.locator(".jp-Cell.jp-mod-active .cm-content").focus()
            self.window.keyboard.press("Control+Enter")
            self.frame.wait_for_function(f"""() => {{
                const count = {CELLS}[{number}].executionCount;
                return count !== null && count !== {json.dumps(before)};
            }}""")
        return self.frame.evaluate(f"""{CELLS}[{number}].outputs.toJSON()
            .map(output => output.text ?? output.evalue ?? output.data['text/plain']).join('')""")

    def stored(self):
        """Wait until what was typed is stored."""
        self.frame.wait_for_function("!jupyterapp.shell.currentWidget.context.model.dirty")


CELLS = "[...jupyterapp.shell.currentWidget.content.model.cells]"
ERRORS = (f"{CELLS}.filter(cell => cell.type === 'code').flatMap(cell => cell.outputs.toJSON())"
          ".filter(output => output.output_type === 'error').map(output => output.evalue)")


@pytest.mark.parametrize("slug", SCALAR)
def test_a_scalar_chapter_runs_to_its_end_on_the_core_and_an_exercise_is_solved(window, site, slug):
    chapter = Chapter(window, site, slug)
    assert window.inner_text("#warning") == ""
    assert chapter.run_all() == []
    stub, check = chapter.tagged("stub")[0], chapter.tagged("check")[0]
    solution = "".join(chapter.cells[chapter.tagged("solution")[0]]["source"])
    chapter.type(stub, re.search(r"```python\n(.*?)```", solution, re.DOTALL)[1])
    assert chapter.run(stub, check).startswith("✓")
    assert window.outgoing == []


ENDLESS = """def sub(da, db):
    while True:
        try:
            pass
        except:
            pass
"""


def test_a_check_stops_a_loop_that_never_ends_and_the_cells_below_go_on(window, site):
    chapter = Chapter(window, site, "forward-mode")
    check = next(i for i in chapter.tagged("check") if "forward.sub" in chapter.source(i))
    stub = max(i for i in chapter.tagged("stub") if i < check)
    assert chapter.run_all() == []
    chapter.type(stub, ENDLESS)
    assert "is there a loop that never ends?" in chapter.run(stub, check)
    chapter.type(stub, "print(1 + 1)")
    assert chapter.run(stub).strip() == "2"


def test_what_recurses_without_end_is_an_error_and_python_goes_on(window, site):
    chapter = Chapter(window, site, "forward-mode")
    stub = chapter.tagged("stub")[0]
    chapter.type(stub, "class A:\n    def __add__(self, other):\n        return self + other\nA() + 1")
    assert "recursion" in chapter.run(stub)
    chapter.type(stub, "from minigrad import Value\nv = Value(1)\nfor _ in range(100_000):\n    v = v + 1\n"
                       "v.backward()\ndel v\nprint('freed')")
    assert chapter.run(stub).strip() == "freed"


def test_edits_survive_a_reload_and_a_reset_asks_first(window, site):
    chapter = Chapter(window, site, "forward-mode")
    stub = chapter.tagged("stub")[0]
    as_it_was = chapter.source(stub)
    chapter.type(stub, "mine = 1")
    chapter.stored()
    chapter.reload()
    assert chapter.source(stub) == "mine = 1"

    asked = []
    window.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    window.click("#reset")
    assert len(asked) == 1 and "Reset this chapter?" in asked[0]
    assert chapter.source(stub) == "mine = 1"

    window.once("dialog", lambda dialog: dialog.accept())
    with window.expect_navigation():
        window.click("#reset")
    chapter.wait()
    assert chapter.source(stub) == as_it_was


def test_without_a_change_a_new_edition_is_shown(window, site):
    """Opening, and running, store a copy only once something in it is the reader's."""
    chapter = Chapter(window, site, "forward-mode")
    assert not chapter.frame.evaluate("jupyterapp.shell.currentWidget.context.model.dirty")


def test_a_full_storage_is_one_line_and_nothing_is_lost(window, site):
    window.add_init_script("""
        const put = IDBObjectStore.prototype.put;
        IDBObjectStore.prototype.put = function (...values) {
            if (top.full) throw new DOMException("no room", "QuotaExceededError");
            return put.apply(this, values);
        };""")
    chapter = Chapter(window, site, "forward-mode")
    stub = chapter.tagged("stub")[0]
    window.evaluate("window.full = true")
    chapter.type(stub, "mine = 2")
    window.wait_for_function("document.getElementById('warning').textContent.includes('could not be stored')")
    assert chapter.source(stub) == "mine = 2"
    chapter.frame.locator(".jp-Dialog button").first.click()

    window.evaluate("window.full = false")
    chapter.frame.evaluate("jupyterapp.commands.execute('docmanager:save')")
    window.wait_for_function("document.getElementById('warning').textContent === ''")
    chapter.reload()
    assert chapter.source(stub) == "mine = 2"


def warned(window, site, chapter):
    """Open a chapter that does not run; return the line that says why."""
    window.goto(f"{site}live/index.html?chapter={chapter}")
    return window.wait_for_function("document.getElementById('warning').textContent").json_value()


def test_a_source_of_pyodide_that_does_not_answer_is_one_line(window, site):
    settings = {"pyodide": live.PYODIDE_URL, "chapters": live.chapters(ROOT)}
    window.context.route("**/settings.json", lambda route: route.fulfill(json=settings))
    line = warned(window, site, file_of("forward-mode").stem)
    assert "cdn.jsdelivr.net did not answer" in line and "Nothing you wrote is lost" in line
    assert window.get_attribute("#text", "href") == f"../book/{file_of('forward-mode').stem}.html"


def test_a_refused_storage_is_one_line(window, site):
    window.add_init_script("""
        IDBFactory.prototype.open = () => { throw new DOMException("not here", "SecurityError"); };
        Object.defineProperty(window, "localStorage", {get() { throw new DOMException("nor here", "SecurityError"); }});
        """)
    assert warned(window, site, file_of("forward-mode").stem).startswith("This browser stores nothing for this site")


def test_a_browser_without_webassembly_is_told_so_in_one_line(window, site):
    window.add_init_script("delete window.WebAssembly")
    assert warned(window, site, file_of("forward-mode").stem).startswith("This browser lacks WebAssembly")


def test_a_chapter_that_is_not_there_is_one_line(window, site):
    assert "There is no chapter" in warned(window, site, "../settings")


def test_a_page_opened_from_a_file_says_how_to_serve_it(browser):
    context = browser.new_context()
    page = context.new_page()
    page.goto((ROOT / "book" / "assets" / "live" / "index.html").as_uri())
    page.wait_for_function("document.getElementById('warning').textContent.includes('make serve')")
    context.close()


@pytest.mark.parametrize(("files", "said"), [({}, "holds no pyodide.js"),
                                             (dict.fromkeys(live.PYODIDE_CORE, "0.1"), "another version")])
def test_a_folder_without_the_right_pyodide_is_refused(tmp_path, monkeypatch, files, said):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("PYODIDE", str(tmp_path))
    with pytest.raises(live.Refused, match=said):
        live.build(ROOT, tmp_path / "html")
    assert not (tmp_path / "html").exists()
