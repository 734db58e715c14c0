"""The chapters live: every notebook of the site, to be run in the reader's browser without installing anything.

`python -m tools.build` calls ``build`` once the pages are there. It makes the folder ``live`` of the site:

- ``index.html``, which opens a chapter, with its script and style, from ``book/assets/live``;
- ``jupyterlite``, what it opens the chapter in: JupyterLab without a server, and the chapters without outputs;
- ``python.js``, which starts Pyodide, Python for browsers, and ``python.zip`` with what Pyodide's core does not hold:
  minigrad, the checks, the parts that a kernel is made of, and the data of the book;
- ``settings.json``, which says where Pyodide is; and ``pyodide`` itself, if a folder with it is given.

As a Sphinx extension this module puts the button into the page of each notebook.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from html import escape
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

from tools import notebooks

#: The Pyodide that the kernel in requirements.txt is made for, and where it is unless PYODIDE names a folder.
PYODIDE_VERSION = "0.29.3"
PYODIDE_URL = f"https://cdn.jsdelivr.net/pyodide/v{PYODIDE_VERSION}/full/"

#: What the core of Pyodide consists of; a folder with more of Pyodide's packages has NumPy and matplotlib as well.
PYODIDE_CORE = ("pyodide.js", "pyodide.asm.js", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")

#: Pure Python from the environment that goes into python.zip, with what it requires in a browser.
DISTRIBUTIONS = ("ipython", "comm", "graphviz")
BROWSER = {"sys_platform": "emscripten", "python_version": "3.13", "extra": ""}

#: Left out of it: jedi completes names before they are defined, and is larger than all the rest.
LEFT_OUT = {"jedi"}

#: What JupyterLite is told. All addresses are relative, since nobody knows where the site will stand. Without its
#: service worker it behaves alike in every window, private ones included, and shows no page of an earlier edition.
CONFIG = {
    "jupyter-lite-schema-version": 0,
    "jupyter-config-data": {
        "appName": "minigrad",
        "exposeAppInBrowser": True,
        "disabledExtensions": ["@jupyterlite/application-extension:service-worker-manager"],
        "litePluginSettings": {
            "@jupyterlite/pyodide-kernel-extension:kernel": {
                "pyodideUrl": "./../python.js",
                # "Loaded already": python.zip holds those that are needed, and nothing is asked of a package index.
                "loadPyodideOptions": {"packages": ["micropip", "piplite", "sqlite3", "ipykernel", "comm",
                                                    "pyodide_kernel", "jedi", "ipython"]},
                "disablePyPIFallback": True,
            }
        },
    },
}
OVERRIDES = {
    "@jupyterlab/apputils-extension:themes": {"adaptive-theme": True},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},  # live.js saves, a moment after each change
    "@jupyterlab/notebook-extension:tracker": {"autoStartDefaultKernel": True},
}

#: What the kernel says of itself. A notebook that says the same is not changed, and so not stored, by being opened.
METADATA = {
    "kernelspec": {"display_name": "Python (Pyodide)", "language": "python", "name": "python"},
    "language_info": {
        "codemirror_mode": {"name": "python", "version": 3}, "file_extension": ".py", "mimetype": "text/x-python",
        "name": "python", "nbconvert_exporter": "python", "pygments_lexer": "ipython3", "version": "3.8",
    },
}


class Refused(Exception):
    """The live part cannot be built, for the reason that the text gives."""


def chapters(root):
    """Return name → title of the notebooks of the book, in its order."""
    files = notebooks.in_reading_order(root)
    return {file.stem: notebooks.title(notebooks.read(file)).replace("`", "") for file in files}


def pyodide_folder():
    """Return the folder that PYODIDE in the environment names, None if it names none."""
    given = os.environ.get("PYODIDE")
    if not given:
        return None
    folder = Path(given).expanduser().resolve()
    missing = [name for name in PYODIDE_CORE if not (folder / name).is_file()]
    if missing:
        raise Refused(f"PYODIDE={given} holds no {', '.join(missing)}: name the folder of an unpacked Pyodide "
                      f"{PYODIDE_VERSION}.")
    if PYODIDE_VERSION not in (folder / "pyodide.js").read_text(encoding="utf-8"):
        raise Refused(f"PYODIDE={given} holds another version: the kernel needs Pyodide {PYODIDE_VERSION}.")
    return folder


def build(root, html):
    """Add the folder ``live`` to the site in the folder `html` of the book in the folder `root`."""
    pyodide, live = pyodide_folder(), html / "live"
    shutil.copytree(root / "book" / "assets" / "live", live, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    build_jupyterlite(root, live / "jupyterlite")
    kernel = live / "jupyterlite" / "extensions" / "@jupyterlite" / "pyodide-kernel-extension" / "static" / "pypi"
    write_zip(live / "python.zip", {**packages(), **wheels(kernel), **own(root)})
    if pyodide:
        shutil.copytree(pyodide, live / "pyodide")
    settings = {"pyodide": "pyodide/" if pyodide else PYODIDE_URL, "chapters": chapters(root)}
    (live / "settings.json").write_text(json.dumps(settings, indent=1, ensure_ascii=False), encoding="utf-8")


def build_jupyterlite(root, target):
    """Build JupyterLite with the chapters."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        contents = folder / "contents"
        contents.mkdir()
        for file in notebooks.in_reading_order(root):
            (contents / file.name).write_text(without_outputs(notebooks.read(file)), encoding="utf-8")
        (folder / "jupyter-lite.json").write_text(json.dumps(CONFIG))
        (folder / "overrides.json").write_text(json.dumps(OVERRIDES))
        options = ["--lite-dir", ".", "--contents", contents.name, "--output-dir", str(target), "--apps", "notebooks",
                   "--no-sourcemaps", "--no-unused-shared-packages", "--no-libarchive"]
        done = subprocess.run([sys.executable, "-m", "jupyterlite_core", "build", *options], cwd=folder,
                              env={**os.environ, "PYTHONUTF8": "1"}, capture_output=True, encoding="utf-8")
    if done.returncode:
        raise Refused(f"JupyterLite was not built:\n{done.stdout}{done.stderr}")


def without_outputs(notebook):
    """Return a notebook, as text, as the reader begins it: nothing has been run, and JupyterLite's kernel runs it."""
    for cell in notebooks.code_cells(notebook):
        notebooks.clear(cell)
    notebook["metadata"] |= METADATA
    return json.dumps(notebook, ensure_ascii=False, separators=(",", ":"))


def packages():
    """Return path → bytes of the files of the distributions."""
    files = [file for name in required(DISTRIBUTIONS) for file in distribution(name).files]
    return {file.as_posix(): file.read_binary() for file in files if wanted(file.parts)}


def required(names):
    """Return the names of distributions and of all that they require in a browser."""
    found = set()
    while names := {*names} - found - LEFT_OUT:
        found |= names
        requirements = [Requirement(text) for name in names for text in distribution(name).requires or ()]
        names = {r.name for r in requirements if r.marker is None or r.marker.evaluate(BROWSER)}
    return sorted(found)


def wanted(parts):
    """Say whether a file is needed: no commands, metadata or tests, and no lexers but Python's."""
    lexers = {"__init__.py", "_mapping.py", "python.py"}
    return (parts[-1].endswith((".py", ".json")) and not parts[0].endswith((".dist-info", ".."))
            and "tests" not in parts and (parts[:2] != ("pygments", "lexers") or parts[2] in lexers))


def wheels(folder):
    """Return path → bytes of the kernel's Python, which JupyterLite carries as wheels."""
    found = {}
    for name in ("pyodide_kernel", "ipykernel"):
        [wheel] = folder.glob(f"{name}-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            found |= {path: archive.read(path) for path in archive.namelist() if path.endswith(".py")}
    return found


def own(root):
    """Return path → bytes of what is this book's: the library, the checks, the data, and what prepares the kernel."""
    book = root / "book"
    folders = {"minigrad": root / "minigrad", "checks": book / "checks", "data": book / "data"}
    found = {"live_notebook.py": (book / "assets" / "live" / "live_notebook.py").read_bytes()}
    for name, folder in folders.items():
        found |= {f"{name}/{file.name}": file.read_bytes() for file in sorted(folder.glob("*.*")) if file.is_file()}
    return found


def write_zip(target, files):
    """Write an archive that is the same whenever it is made from the same files."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            archive.writestr(zipfile.ZipInfo(path), files[path], zipfile.ZIP_DEFLATED)


def add_button(app, pagename, templatename, context, doctree):
    """Put the button below the title of a notebook's page."""
    folder, _, chapter = pagename.rpartition("/")
    if folder != "book" or not (Path(app.srcdir) / f"{pagename}.ipynb").exists() or "</h1>" not in context["body"]:
        return
    button = (f'<p class="live-launch"><a href="../live/index.html?chapter={escape(chapter)}">Run this chapter in your '
              'browser</a> <span role="status"></span></p>')
    context["body"] = context["body"].replace("</h1>", f"</h1>\n{button}", 1)


def setup(app):
    app.connect("html-page-context", add_button)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
