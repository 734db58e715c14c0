"""Build the site into _build/html: `python -m tools.build`.

Every warning is an error. Nothing happens when the site is complete and nothing it depends on has changed; otherwise it
is built from scratch. Building on top of an earlier state would be faster, but a warning is given only when the page it
concerns is read: a second, incremental run would pass where the first had failed, and pages taken out of the book would
stay in the site.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools import live

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("_config.yml", "_toc.yml", "requirements.txt", "book", "minigrad", "tools")
NOT_SOURCES = {"__pycache__", ".ipynb_checkpoints", ".DS_Store"}
JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"  # its console script would bind us to one folder


def source_files(root):
    """Yield the files the site depends on, in a fixed order."""
    for name in SOURCES:
        path = root / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and not NOT_SOURCES.intersection(file.relative_to(root).parts):
                yield file


def fingerprint(root):
    """Return a digest of the names and contents of everything the site depends on, and of the Pyodide it is to use."""
    digest = hashlib.sha256(os.environ.get("PYODIDE", "").encode())
    for file in source_files(root):
        for part in (file.relative_to(root).as_posix().encode(), file.read_bytes()):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def build(root=ROOT):
    """Build the book in the folder `root`; return the exit status, 0 if the site is complete and without a warning."""
    folder, index = root / "_build", root / "_build" / "html" / "index.html"
    seal, wanted = folder / "complete", fingerprint(root)
    if index.exists() and seal.exists() and seal.read_text() == wanted:
        print("The site is up to date. Open _build/html/index.html")
        return 0
    print("Building the site (under a minute) ...", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    # Quiet: of the progress of each page only the warnings are of use. UTF-8: Windows would read pages in its own code.
    options = [".", "--quiet", "--warningiserror", "--nitpick", "--keep-going"]
    done = subprocess.run(
        [sys.executable, "-c", JUPYTER_BOOK, "build", *options],
        cwd=root,
        env={**os.environ, "PYTHONUTF8": "1", "PYTHONPATH": str(ROOT)},  # where Sphinx finds its extensions
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    if done.returncode:
        print(re.sub(r"\x1b\[[0-9;]*m", "", done.stdout))  # jupyter-book colours its warnings even in a file
        print("The site was not built: see the warnings above. Each of them is an error here.", file=sys.stderr)
        return 1
    try:
        live.build(root, folder / "html")
    except live.Refused as refused:
        print(f"The live chapters were not built. {refused}", file=sys.stderr)
        return 1
    seal.write_text(wanted)
    print("The site is built. Open _build/html/index.html")
    return 0


def main():
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.build", description="Build the site into _build/html.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT, help="the folder of the book (default: this one)")
    sys.exit(build(parser.parse_args().folder.resolve()))


if __name__ == "__main__":
    main()
