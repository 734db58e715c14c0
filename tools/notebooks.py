"""Reading and writing notebooks as plain JSON, and where the book's pages are.

A notebook is handled as the dictionary its file holds, so that what a tool does not touch is written back as it was.
"""

import json
import os
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
TITLE = re.compile(r"^# (.+)$", re.MULTILINE)


def read(path):
    """The notebook in a file, as a dictionary."""
    try:
        return json.loads(Path(path).read_text("utf-8"))
    except json.JSONDecodeError as error:
        raise SystemExit(f"{path} is not a notebook: {error}. Restore it from the last commit.") from None


def write(path, notebook):
    """Write a notebook in the format that Jupyter itself writes."""
    write_text(path, as_text(notebook))


def as_text(notebook):
    """A notebook as the text that Jupyter itself writes."""
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def write_text(path, text):
    """Replace a file in one step, so that nobody ever reads half of it."""
    path = Path(path)
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_text(text, "utf-8", newline="\n")
    os.replace(unfinished, path)


def joined(text):
    """A text field of a notebook, which may be stored as one string or as a list of lines."""
    return text if isinstance(text, str) else "".join(text)


def source(cell):
    """The source of a cell as one string."""
    return joined(cell["source"])


def set_source(cell, text):
    """Replace the source of a cell, stored as a list of lines."""
    cell["source"] = text.splitlines(keepends=True)


def tags(cell):
    """The tags of a cell."""
    return cell["metadata"].get("tags", [])


def title(notebook):
    """The first heading of a notebook, as it is written."""
    texts = (source(cell) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    return next(match[1] for text in texts if (match := TITLE.search(text)))


def clear(cell):
    """Take a code cell back to before it was run."""
    cell |= {"outputs": [], "execution_count": None}


def markdown_cell(identity, text):
    """A Markdown cell with an id and a text."""
    return {"cell_type": "markdown", "id": identity, "metadata": {}, "source": text.splitlines(keepends=True)}


def code_cells(notebook):
    """The code cells of a notebook, in order."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def slug(path):
    """The name of a chapter without its number: ``chain-rule`` for ``03-chain-rule.ipynb``."""
    number, _, rest = Path(path).stem.partition("-")
    return rest if number.isdigit() else Path(path).stem


def is_chapter(path):
    """Whether a page is a numbered chapter, as opposed to front or back matter."""
    return Path(path).stem.partition("-")[0].isdigit()


def pages(root):
    """The pages that ``_toc.yml`` names, in reading order, as paths without their ending."""
    toc = yaml.safe_load((root / "_toc.yml").read_text("utf-8"))
    entries = [{"file": toc["root"]}]
    for part in toc.get("parts", [toc]):
        entries += part.get("chapters", [])
    return [root / file for entry in entries for file in _files(entry)]


def _files(entry):
    yield from [entry["file"]] if "file" in entry else []
    for section in entry.get("sections", []):
        yield from _files(section)


def in_reading_order(root):
    """The notebooks of the book that exist, in the order in which they are read."""
    notebooks = [page.with_name(page.name + ".ipynb") for page in pages(root)]
    return [notebook for notebook in notebooks if notebook.exists()]


def chapters(root):
    """The numbered chapters of the book, in the order in which they are read."""
    return [page for page in in_reading_order(root) if is_chapter(page)]
