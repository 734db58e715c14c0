"""The rules that every page of the book keeps, each a function that yields what is wrong with a page."""

import json
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import nbformat

from tools import notebooks
from tools.execute import KERNEL

CELL_METADATA = {"tags", "units", "name", "mystnb", "not_compared"}
TAGS = {"stub", "check", "solution", "nbval-ignore-output", "raises-exception", "hide-input", "hide-output",
        "hide-cell"}

#: The widest line of code that shows on the page without scrolling.
PAGE_WIDTH = 88

NO_STORED_OUTPUT_HOLDS = {
    "an address": r"\b0x[0-9a-fA-F]{5,}",
    "a path": r"(?<![\w/])/(home|Users|root|tmp|usr|opt|var|private|work|mnt)/\w|\b[A-Z]:\\|site-packages",
    "the name of a temporary file": r"ipykernel_\d|<ipython-input",
    "a date": r"\b(19|20)\d\d-[01]\d-[0-3]\d\b",
    "a time of day": r"\b[0-2]\d:[0-5]\d:[0-5]\d\b",
    "a traceback": r"Traceback \(most recent call last\)",
}

WORDS_THAT_BELITTLE = re.compile(r"\b(simply|just|obviously)\b", re.IGNORECASE)
LABEL = r"[A-Za-z0-9_.-]+"


@dataclass
class Page:
    """A page of the book: a notebook, or a Markdown file as one markdown cell."""

    path: Path
    notebook: dict

    @classmethod
    def read(cls, path):
        if path.suffix == ".ipynb":
            return cls(path, notebooks.read(path))
        cell = {"cell_type": "markdown", "metadata": {}, "source": path.read_text("utf-8")}
        return cls(path, {"cells": [cell]})

    def cells(self, kind):
        """The cells of one kind, each with the place where it stands."""
        return [(f"{self.path.name}, cell {number}", cell)
                for number, cell in enumerate(self.notebook["cells"], 1) if cell["cell_type"] == kind]

    def markdown(self):
        return "\n\n".join(notebooks.source(cell) for _, cell in self.cells("markdown"))


# What was run, and what came out


def every_code_cell_was_run_in_order(page):
    for expected, (place, cell) in enumerate(page.cells("code"), 1):
        if not notebooks.source(cell).strip():
            yield f"{place} is empty. Delete it."
        if cell["execution_count"] != expected:
            yield f"{place} has the execution count {cell['execution_count']}, not {expected}. Run `make execute`."


def no_cell_ends_in_an_error(page):
    for place, cell in page.cells("code"):
        for output in cell["outputs"]:
            if output["output_type"] == "error" and "raises-exception" not in notebooks.tags(cell):
                yield f"{place} stores {output['ename']}: {output['evalue']}. Catch it and print its message."


def no_cell_prints_a_warning(page):
    for place, cell in page.cells("code"):
        for output in cell["outputs"]:
            if output.get("name") == "stderr":
                yield f"{place} wrote to stderr: {notebooks.joined(output['text']).strip()[:200]!r}. Remove the cause."


def no_semicolon_silences_a_cell(page):
    for place, cell in page.cells("code"):
        if notebooks.source(cell).rstrip().endswith(";"):
            yield f"{place} ends with a semicolon. End with an assignment or plt.show(): the suite compares outputs."


def code_fits_the_page(page):
    for place, cell in page.cells("code"):
        for line in notebooks.source(cell).splitlines():
            if len(line) > PAGE_WIDTH:
                yield (f"{place} has a line of {len(line)} characters, {line[:50]!r} …; the page shows {PAGE_WIDTH}. "
                       "Break it; in a cell that shows the package, break it there.")


def outputs_say_nothing_about_the_machine(page):
    for place, cell in page.cells("code"):
        for text in output_texts(cell):
            for what, pattern in NO_STORED_OUTPUT_HOLDS.items():
                if found := re.search(pattern, text):
                    yield f"{place} stores {what}: {found[0]!r}. Print something that is the same everywhere."


def output_texts(cell):
    """All that a cell printed or showed as text, SVG included."""
    for output in cell["outputs"]:
        yield notebooks.joined(output.get("text", ""))
        for kind, content in output.get("data", {}).items():
            if kind not in ("image/png", "image/jpeg"):
                yield content if isinstance(content, str) else _text_of(content)


def _text_of(content):
    return notebooks.joined(content) if isinstance(content, list) else json.dumps(content, ensure_ascii=False)


def what_is_not_compared_says_why(page):
    for place, cell in page.cells("code"):
        reason, ignored = cell["metadata"].get("not_compared", ""), "nbval-ignore-output" in notebooks.tags(cell)
        if ignored and not reason.strip():
            yield f'{place} is not compared. Say why in its metadata: "not_compared": "…".'
        if reason and not ignored:
            yield f"{place} says why it is not compared, but it is. Tag it nbval-ignore-output or drop the reason."
        if marker := re.search(r"#\s*(NBVAL_\w+|PYTEST_VALIDATE_IGNORE_OUTPUT)", notebooks.source(cell)):
            yield f"{place} holds the comment {marker[1]}. Use a tag, and give the reason in the metadata."


# The file


def metadata_is_known(page):
    for place, cell in [*page.cells("code"), *page.cells("markdown")]:
        for key in cell["metadata"].keys() - CELL_METADATA:
            yield f"{place} has the metadata {key!r}; known are {', '.join(sorted(CELL_METADATA))}."
        for tag in set(notebooks.tags(cell)) - TAGS:
            yield f"{place} has the tag {tag!r}; known are {', '.join(sorted(TAGS))}."


def file_is_as_jupyter_writes_it(page):
    text = page.path.read_text("utf-8")
    notebook = nbformat.reads(text, as_version=4)
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        yield f"{page.path.name} is not a valid notebook: {error.message}"
    if "version" in notebook.metadata.get("language_info", {}):
        yield f"{page.path.name} stores the version of Python that ran it. Run `make execute`."
    if notebook.metadata.get("kernelspec") != KERNEL:
        yield f"{page.path.name} names the kernel {notebook.metadata.get('kernelspec')}. Run `make execute`."
    if text != nbformat.writes(notebook) + "\n":
        yield f"{page.path.name} is not laid out as Jupyter does it. Run `make execute`."


# Pictures


def every_picture_has_alternative_text(page):
    for place, cell in page.cells("code"):
        shown = sum(any(kind.startswith("image/") for kind in output.get("data", {})) for output in cell["outputs"])
        if shown > 1:
            yield f"{place} shows {shown} pictures, which would share one text. Show one in each cell."
        if shown and not cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "").strip():
            yield f'{place} shows a picture. Describe it in its metadata: "mystnb": {{"image": {{"alt": "…"}}}}.'
    for place, cell in page.cells("markdown"):
        text = notebooks.source(cell)
        for picture in re.findall(r"!\[\s*\]\([^)]*\)", text):
            yield f"{place} shows {picture} without alternative text. Write it between the brackets."
        for picture in re.findall(r"<img\b(?![^>]*\balt=[\"'][^\"'])[^>]*>", text):
            yield f"{place} shows {picture} without alternative text. Add alt=\"…\"."
        for target, options in re.findall(r"\{(?:figure|image)\}[ ]*(.*)\n((?:[ ]*:.*\n|[ ]+.*\n)*)", text):
            if not re.search(r"^\s*:alt:\s*\S", options, re.MULTILINE):
                yield f"{place} shows {target} without alternative text. Add the line `:alt: …`."


# Prose


def chapter_opens_with_aim_minutes_and_needs(page):
    cells = page.cells("markdown")[:2]
    opening = "\n\n".join(notebooks.source(cell) for _, cell in cells)
    slug = notebooks.slug(page.path)
    wanted = {
        f"the label ({slug})= on its first line, so that other pages can name it": rf"\A\({re.escape(slug)}\)=\n",
        "a title right below its label": r"\A\(.*\)=\n# \S",
        "what the reader will be able to do (“you will be able to …”)": r"\byou (will be able to|can)\b",
        "how many minutes it takes (“about 50 minutes”)": r"\d[\s*]*minutes",
        "what it needs (“Needs: …”)": r"\b[Nn]eeds?\b",
    }
    for what, pattern in wanted.items():
        if not re.search(pattern, opening):
            yield f"{page.path.name} does not open with {what}."


def chapter_closes_with_a_summary(page):
    text = prose(page.markdown())
    headings = re.findall(r"^## +(.*?) *$", text, re.MULTILINE)
    if "Summary" not in headings:
        yield f"{page.path.name} has no section `## Summary`."
        return
    for heading in headings[headings.index("Summary") + 1:]:
        if heading not in ("Exercises", "What comes next", "Further reading"):
            yield f"{page.path.name}: the section {heading!r} comes after the summary. Move it before."
    if not re.search(r"\bnext\b", text[text.index("## Summary"):], re.IGNORECASE):
        yield f"{page.path.name} does not say after its summary what comes next."


def prose_does_not_belittle(page):
    for place, cell in page.cells("markdown"):
        for found in WORDS_THAT_BELITTLE.finditer(prose(notebooks.source(cell))):
            yield f"{place} says {found[0]!r}. Leave the word out."


def prose(markdown):
    """Markdown without code and formulas; the content of boxes and figures stays."""
    kept, open_fences = [], []
    for line in markdown.splitlines():
        fence = re.match(r"\s*(`{3,}|~{3,}|:{3,})\s*(\S*)", line)
        if fence and open_fences and not fence[2] and fence[1] == open_fences[-1][0]:
            open_fences.pop()
        elif fence and not any(is_code for _, is_code in open_fences):
            is_code = not re.match(r"\{(?!code|math|mermaid)", fence[2])
            open_fences.append((fence[1], is_code))
        elif not any(is_code for _, is_code in open_fences):
            kept.append(line)
    text = re.sub(r"\$\$.*?\$\$", " ", "\n".join(kept), flags=re.DOTALL)
    text = re.sub(r"(`+).+?\1", " ", text, flags=re.DOTALL)
    return re.sub(r"\$[^$]+\$", " ", text)


def citations_are_in_the_bibliography(page, bibliography=notebooks.ROOT / "book" / "references.bib"):
    known = set(re.findall(r"^@\w+\{\s*([^,\s]+)", bibliography.read_text("utf-8"), re.MULTILINE))
    for group in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", page.markdown()):
        for key in group.split(","):
            if key.strip() not in known:
                yield f"{page.path.name} cites {key.strip()!r}, which is not in {bibliography.name}."


# Exercises


def exercises_come_with_stub_check_and_solution(page):
    """The cells of exercises, in order, must be: statement, stub, check, solution, and again."""
    expected = None  # the label of the exercise that is open, and what must come next
    for place, cell in [(f"{page.path.name}, cell {number}", cell)
                        for number, cell in enumerate(page.notebook["cells"], 1)]:
        for part, label in _exercise_parts(cell):
            wanted = expected or ("exercise", None)
            if part != wanted[0]:
                yield f"{place} is a {part} ({label or 'no label'}); expected is the {wanted[0]} of {wanted[1]}."
                return
            if label and wanted[1] and label != wanted[1]:
                yield f"{place} is the {part} of {label}; expected is that of {wanted[1]}."
            after = {"exercise": "stub", "stub": "check", "check": "solution", "solution": None}[part]
            expected = after and (after, wanted[1] or label)
        yield from _malformed(place, cell)
    if expected:
        yield f"{page.path.name} ends before the {expected[0]} of {expected[1]}."


def _exercise_parts(cell):
    text = notebooks.source(cell)
    if cell["cell_type"] == "code":
        for tag in ("stub", "check"):
            if tag in notebooks.tags(cell):
                call = re.search(r"check\(\s*[\"']([\w.]+)[\"']", text) if tag == "check" else None
                yield tag, call and "ex-" + re.sub(r"[._]", "-", call[1])
        return
    for found in re.finditer(rf"\{{exercise(?:-start)?\}}.*\n(?:\s*:.*\n)*?\s*:label:\s*({LABEL})", text):
        yield "exercise", found[1]
    for found in re.finditer(rf"\{{solution(?:-start)?\}}\s+({LABEL})", text):
        yield "solution", found[1]


def _malformed(place, cell):
    text, tags = notebooks.source(cell), notebooks.tags(cell)
    if "check" in tags and not re.fullmatch(rf"(\w+) = check\(\"{LABEL}\", \1\)", text.strip()):
        yield f'{place} is tagged check and must be one line: name = check("topic.exercise", name).'
    if cell["cell_type"] == "code" and "check" not in tags and re.search(r"^\w+ = check\(", text, re.MULTILINE):
        yield f"{place} calls check. Tag it check."
    if cell["cell_type"] == "markdown" and ("{solution" in text) != ("solution" in tags):
        yield f"{place}: the tag solution and the directive {{solution}} go together."
    if "solution" in tags and ":class: dropdown" not in text:
        yield f"{place} shows its solution at once. Add `:class: dropdown`."
    if re.search(r"\{exercise(-start)?\}", text) and not re.search(r":label:\s*ex-[a-z0-9-]+\s*$", text, re.MULTILINE):
        yield f"{place} holds an exercise without a label. Add `:label: ex-topic-name`."


# The whole book


def pages_and_table_of_contents_agree(root):
    listed = {page.relative_to(root).as_posix() for page in notebooks.pages(root)}
    present = {path.relative_to(root).with_suffix("").as_posix()
               for ending in ("ipynb", "md") for path in (root / "book").glob(f"*.{ending}")}
    for name in sorted(listed - present):
        yield f"_toc.yml lists {name}, but neither {name}.ipynb nor {name}.md exists."
    for name in sorted(present - listed):
        yield f"{name} is not listed in _toc.yml, so that nobody finds it."


def equations_are_unique_and_exist(pages):
    labels = Counter(label for page in pages for label in equation_labels(page))
    for label, count in labels.items():
        if count > 1:
            yield f"The equation label {label} is given {count} times."
        if not re.fullmatch(r"eq(-[a-z0-9]+)+", label):
            yield f"The equation label {label} is not of the form eq-some-words."
    for page in pages:
        for label in re.findall(r"\{eq\}`([^`]+)`", page.markdown()):
            if label not in labels:
                yield f"{page.path.name} refers to the equation {label}, which no page states."


def equation_labels(page):
    """The labels of the equations of a page."""
    text = page.markdown()
    return (re.findall(r"\$\$[ \t]*\(([^)\s]+)\)", text)
            + re.findall(rf"\{{math\}}.*\n(?:\s*:.*\n)*?\s*:label:\s*({LABEL})", text))


def cell_names_are_unique(pages):
    names = Counter(name for page in pages for name in cell_names(page))
    for name, count in names.items():
        if count > 1:
            yield f"{count} cells are called {name!r}. Give each a name of its own."


def cell_names(page):
    """The names of the code cells of a page that have one."""
    return [cell["metadata"]["name"] for _, cell in page.cells("code") if "name" in cell["metadata"]]


def syllabus_is_kept(page, contract):
    """Whether a chapter holds the labels, the named cells and the numbers of its part of the syllabus."""
    for label, statement in contract.get("equations", {}).items():
        if label not in equation_labels(page):
            yield f"{page.path.name} has no equation labelled {label}: {statement}."
    for name, statement in contract.get("cells", {}).items():
        if name not in cell_names(page):
            yield f"{page.path.name} has no code cell named {name!r} in its metadata: {statement}."
    text = _everything_on(page)
    for number in contract.get("numbers", []):
        if not re.search(rf"(?<![\d.]){re.escape(number)}(?![\d]|\.\d)", text):
            yield f"{page.path.name} does not hold the number {number}."


def _everything_on(page):
    """The text, code and outputs of a page, with every minus sign as in code."""
    texts = [notebooks.source(cell) for cell in page.notebook["cells"]]
    texts += [text for _, cell in page.cells("code") for text in output_texts(cell)]
    return "\n".join(texts).replace("\N{MINUS SIGN}", "-").replace("\N{EN DASH}", "-")


def labels_named_in_code(source):
    """The equation labels that the docstrings and comments of a module name."""
    return set(re.findall(r"\beq-[a-z0-9]+(?:-[a-z0-9]+)*", source))


def environment(**more):
    """The environment for a run of pytest inside a test: without what the outer run has put there."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | more
