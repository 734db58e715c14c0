"""The built site: it builds without a warning, and it works from a file system in a real browser, without a network."""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, urlparse
from urllib.request import url2pathname

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe

from tools.build import ROOT
from tools.live import PYODIDE_URL

HTML = ROOT / "_build" / "html"
WIDTHS = {"wide": 1280, "narrow": 360}


def pages():
    """Return the names of all pages in the order of the table of contents."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]


def is_notebook(page):
    """Tell a notebook from a Markdown page."""
    return (ROOT / f"{page}.ipynb").exists()


def run_build(folder):
    """Run the command that `make book` runs, for the book in `folder`."""
    command = [sys.executable, "-m", "tools.build", str(folder)]
    environment = {**os.environ, "PYODIDE": ""}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, encoding="utf-8")


@pytest.fixture(scope="module")
def built():
    """Build the site, as `make book` does, and return what happened."""
    return run_build(ROOT)


@pytest.fixture(scope="module")
def site(built):
    """Return the folder of the site."""
    if built.returncode != 0:
        pytest.fail("there is no site to look at: see test_the_book_builds_without_a_warning", pytrace=False)
    return HTML


class Visit:
    """A page opened from the file system in a new window, with all that went wrong on the way."""

    def __init__(self, browser, file):
        self.context = browser.new_context(viewport={"width": WIDTHS["wide"], "height": 900}, reduced_motion="reduce")
        self.page = self.context.new_page()
        self.troubles, self.requested = [], set()
        self.page.on("console", lambda message: self.note(message.type == "error", f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.note(True, f"script: {error}"))
        self.page.on("requestfailed", lambda request: self.note(missed(request), f"failed request: {request.url}"))
        self.page.on("request", lambda request: self.note(leaves(request.url), f"outgoing request: {request.url}"))
        self.page.on("request", lambda request: self.requested.add(request.url.partition("?")[0]))
        self.open(file.as_uri())

    def open(self, address):
        """Open an address and wait until the formulas are typeset and the fonts are there."""
        self.page.goto(address)
        self.look("window.MathJax ? MathJax.startup.promise.then(() => true) : true")
        self.look("document.fonts.ready.then(() => true)")

    def look(self, script):
        """Return what a piece of JavaScript finds in the page."""
        return self.page.evaluate(script)

    def note(self, wrong, what):
        """Remember `what` if it is `wrong`."""
        if wrong:
            self.troubles.append(what)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.context.close()


def missed(request):
    """Say whether a request failed by itself: one that is under way when the window goes to another page is aborted."""
    return request.failure != "net::ERR_ABORTED"


def leaves(url):
    """Say whether a request for `url` would leave the site."""
    return urlparse(url).scheme not in ("file", "data", "blob")


def transferred(file):
    """How many bytes a server sends for a file, compressed if it is text."""
    data = file.read_bytes() if file.is_file() else b""
    return len(gzip.compress(data) if file.suffix in (".html", ".css", ".js", ".json", ".svg") else data)


@cache
def places(page):
    """The places in a page that a link can name."""
    return set(re.findall(r'\bid="([^"]+)"', page.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def visit(request, site, browser):
    """Open the page that the test names; tests of one page share it."""
    with Visit(browser, site / f"{request.param}.html") as visit:
        yield visit


def each_page(chosen=lambda page: True):
    """Run a test once for each page of the book, or for each one that is `chosen`."""
    return pytest.mark.parametrize("visit", [*filter(chosen, pages())], indirect=True)


UNTYPESET = r"""() => {
    const walker = document.createTreeWalker(document.querySelector('article'), NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
        const node = walker.currentNode;
        if (node.parentElement.closest('pre, code, script, mjx-container, .highlight')) continue;
        if (/\\\(|\\\[|\\begin\{|\$\$/.test(node.data)) found.push(node.data.trim().slice(0, 80));
    }
    return found;
}"""
IMAGES = """() => [...document.querySelectorAll('article img')].map(
    image => ({source: image.src, alt: image.alt.trim(), width: image.naturalWidth}))"""
CONTRAST = """() => {
    // The contrast of the page's text, as the accessibility guidelines define it: 1 is none, 21 is black on white.
    const luminance = colour => {
        const linear = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
        const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(Number).map(linear);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const text = luminance(getComputedStyle(document.querySelector('article')).color);
    const ground = luminance(getComputedStyle(document.body).backgroundColor);
    return (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
}"""
OUT_OF_REACH = """() => [...document.querySelectorAll('article *')].filter(box => {
    const may = ['auto', 'scroll'].includes(getComputedStyle(box).overflowX);
    const scrolls = may && box.clientWidth && box.scrollWidth > box.clientWidth + 1;
    return scrolls && box.tabIndex < 0 && !box.querySelector('a, button, [tabindex]');
}).map(box => `${box.tagName.toLowerCase()}.${box.className}`)"""
WIDER_THAN_THE_WINDOW = """() => {
    const limit = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= limit) return [];
    const wide = [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > limit + 1);
    return wide.slice(0, 5).map(e => `${e.tagName.toLowerCase()}.${e.className}`).concat('wider than the page');
}"""


def test_the_book_builds_without_a_warning(built):
    assert built.returncode == 0, built.stdout + built.stderr


@each_page()
def test_every_formula_is_typeset(visit):
    formulas = "[...document.querySelectorAll('article .math')]"
    assert visit.look(f"{formulas}.filter(formula => !formula.querySelector('mjx-container')).length") == 0
    assert visit.look("[...document.querySelectorAll('mjx-merror')].map(e => e.textContent)") == []
    assert visit.look(UNTYPESET) == []
    assert visit.look("[...document.fonts].filter(font => font.status === 'error').map(font => font.family)") == []


@each_page()
def test_every_picture_is_shown_and_has_alternative_text(visit):
    for image in visit.look(IMAGES):
        assert image["width"] > 0, f"not loaded: {image['source']}"
        assert image["alt"], f"no alternative text: {image['source']}"
        assert not re.search(r"\.(png|svg|jpe?g|gif)$", image["alt"]), f"no text but a file name: {image['alt']}"


@each_page()
def test_a_page_has_title_language_one_heading_and_the_footer(visit):
    assert visit.look("document.documentElement.lang") == "en"
    assert visit.look("document.querySelectorAll('article h1').length") == 1
    assert re.fullmatch(r"\S.* — minigrad", visit.page.title())
    links = visit.look("[...document.querySelectorAll('footer a')].map(link => link.href)")
    assert [link.endswith("/book/changelog.html#report-an-error") for link in links].count(True) == 1


@each_page()
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_fits_the_window_and_follows_the_colour_scheme(visit, width, scheme):
    visit.page.emulate_media(color_scheme=scheme)
    visit.page.set_viewport_size({"width": WIDTHS[width], "height": 900})
    assert visit.look(WIDER_THAN_THE_WINDOW) == []
    visit.page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'", timeout=5000)
    assert visit.look(CONTRAST) >= 7, "the text is hard to read on its ground"


@each_page()
def test_a_page_asks_the_network_for_nothing_and_reports_no_error(visit):
    visit.look("window.scrollTo(0, document.body.scrollHeight)")
    visit.page.wait_for_load_state("networkidle")
    assert visit.troubles == []


@each_page()
@pytest.mark.parametrize("width, scheme", [("wide", "light"), ("narrow", "dark")])
def test_a_page_shuts_nobody_out(visit, width, scheme):
    visit.page.emulate_media(color_scheme=scheme)
    visit.page.set_viewport_size({"width": WIDTHS[width], "height": 900})
    visit.page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'", timeout=5000)
    # The window tells the page of its new size before it draws the next picture.
    visit.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    found = Axe().run(visit.page).response["violations"]
    serious = [f"{rule['id']}: {rule['help']}\n  {rule['nodes'][0]['html']}"
               for rule in found if rule["impact"] in ("serious", "critical")]
    assert not serious, "\n".join(serious)


@each_page()
def test_what_scrolls_in_its_own_box_can_be_reached_with_the_keys(visit):
    visit.page.set_viewport_size({"width": WIDTHS["narrow"], "height": 900})
    visit.page.wait_for_timeout(100)
    assert visit.look(OUT_OF_REACH) == []


@each_page()
def test_a_page_is_light(visit):
    weight = sum(transferred(Path(url2pathname(urlparse(url).path))) for url in visit.requested)
    assert weight < 1.5e6, f"{weight / 1e6:.2f} MB as a server would send them, compressed"


@each_page()
def test_every_link_within_the_site_leads_somewhere(visit):
    here = visit.page.url.partition("#")[0]
    for link in sorted(set(visit.look("[...document.querySelectorAll('a[href]')].map(link => link.href)"))):
        address, _, place = link.partition("#")
        if urlparse(address).scheme == "file" and not address.endswith(".ipynb"):
            target = Path(url2pathname(urlparse(address).path))
            assert target.is_file(), f"{here} links to {link}"
            assert not place or place in places(target), f"{here} links to {link}: no such place"


@pytest.mark.parametrize("page", [page for page in pages() if re.match(r"\d+-", Path(page).name)])
def test_the_number_of_a_chapter_on_the_site_is_that_of_its_file(site, page):
    html = (site / f"{page}.html").read_text(encoding="utf-8")
    shown = re.search(r'<h1><span class="section-number">(\d+)\. </span>', html)
    assert shown, "the chapter has no number"
    assert int(shown[1]) == int(Path(page).name.split("-")[0])


@each_page(is_notebook)
def test_the_notebook_of_a_page_can_be_downloaded(visit):
    button = visit.page.query_selector("a.btn-download-source-button")
    assert button, "no download button"
    target = Path(url2pathname(urlparse(button.evaluate("link => link.href")).path))
    assert HTML in target.parents
    page = visit.page.url.rpartition("/")[2].removesuffix(".html")
    assert target.read_bytes() == (ROOT / "book" / f"{page}.ipynb").read_bytes()


@each_page(is_notebook)
def test_a_notebook_has_a_button_that_opens_it_live(visit):
    button = visit.page.query_selector("article .live-launch a")
    target = urlparse(button.evaluate("link => link.href"))
    chapter = parse_qs(target.query)["chapter"][0]
    live = Path(url2pathname(target.path)).parent
    assert live == HTML / "live"
    assert chapter == visit.page.url.rpartition("/")[2].removesuffix(".html")
    assert chapter in json.loads((live / "settings.json").read_text(encoding="utf-8"))["chapters"]
    assert (live / "jupyterlite" / "files" / f"{chapter}.ipynb").exists()


@each_page(is_notebook)
def test_on_a_page_from_a_file_the_button_says_how_to_serve_it(visit):
    address = visit.page.url
    visit.page.click("article .live-launch a")
    assert visit.page.url == address
    line = visit.page.inner_text("article .live-launch [role=status]")
    assert "make serve" in line and "python -m http.server" in line


def test_the_live_part_takes_pyodide_from_its_usual_place(site):
    settings = json.loads((site / "live" / "settings.json").read_text(encoding="utf-8"))
    assert settings["pyodide"] == PYODIDE_URL
    assert not (site / "live" / "pyodide").exists()


def test_the_first_page_leads_into_the_book(site, browser):
    with Visit(browser, site / "search.html") as visit:
        visit.page.goto((site / "index.html").as_uri())
        visit.page.wait_for_url(f"**/{pages()[0]}.html")
        assert visit.troubles == []


def test_search_finds_a_word_without_a_server(site, browser):
    with Visit(browser, site / "search.html") as visit:
        visit.open((site / "search.html").as_uri() + "?q=derivative")
        visit.page.wait_for_selector("#search-results ul.search li a")
        found = visit.page.eval_on_selector_all("#search-results ul.search li a", "links => links.map(a => a.href)")
        assert any("glossary.html" in link for link in found)
        assert visit.troubles == []


def test_a_closed_solution_opens_on_a_click(site, browser):
    page = next(page for page in pages() if 'class="solution dropdown' in (site / f"{page}.html").read_text("utf-8"))
    with Visit(browser, site / f"{page}.html") as visit:
        solution = visit.page.query_selector(".solution.dropdown")
        body = solution.query_selector("section")
        assert not body.is_visible()
        solution.query_selector("button, summary").click()
        assert body.is_visible()


def test_the_site_holds_one_copy_of_mathjax_and_names_no_other_server_for_scripts(site):
    for page in pages():
        html = (site / f"{page}.html").read_text(encoding="utf-8")
        scripts = re.findall(r'<script[^>]*\bsrc="([^"]*)"', html)
        assert not [source for source in scripts if "//" in source]
        assert sum("mathjax" in source for source in scripts) <= 1
        assert "unpkg" not in html and "jsdelivr" not in html


def test_a_second_build_changes_nothing(site):
    before = {file: file.stat().st_mtime_ns for file in site.rglob("*")}
    again = run_build(ROOT)
    assert again.returncode == 0 and "up to date" in again.stdout
    assert {file: file.stat().st_mtime_ns for file in site.rglob("*")} == before


FAULTS = {
    "an unknown label": ("{ref}`nowhere`", "nowhere"),
    "an unknown equation": ("{eq}`eq-nowhere`", "eq-nowhere"),
    "an unknown term": ("{term}`unheard-of`", "unheard-of"),
    "an unknown work": ("{cite}`nobody1900`", "nobody1900"),
    "a link to a missing page": ("[a page](missing.md)", "missing.md"),
    "a missing picture": ("![a picture](missing.png)", "missing.png"),
    "an unknown directive": ("```{exercice}\n:label: ex\n```", "exercice"),
    "a solution without its exercise": ("```{solution} ex-nowhere\nText.\n```", "ex-nowhere"),
}


@pytest.fixture(scope="module")
def faulty_build(tmp_path_factory):
    """Build a book with one page that holds every fault, twice; return what was said each time."""
    folder = tmp_path_factory.mktemp("faulty book")
    shutil.copytree(ROOT / "book" / "assets", folder / "book" / "assets")
    for name in ("_config.yml", "requirements.txt", "book/references.bib", "book/changelog.md"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "tools", folder / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    toc = "format: jb-book\nroot: book/page\nchapters:\n  - file: book/changelog\n"
    (folder / "_toc.yml").write_text(toc, encoding="utf-8")
    text = "\n\n".join(["# A page", *(markup for markup, _ in FAULTS.values())])
    (folder / "book" / "page.md").write_text(text, encoding="utf-8")
    return run_build(folder), run_build(folder)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_a_page_fails_the_build(faulty_build, fault):
    for built in faulty_build:  # the second time too: a failed build must not be taken for a finished one
        assert built.returncode != 0
        warnings = [line for line in built.stdout.splitlines() if "WARNING" in line or "ERROR" in line]
        assert any(FAULTS[fault][1] in line for line in warnings), built.stdout
