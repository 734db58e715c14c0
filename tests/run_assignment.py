"""Run the notebooks of an assignment and print, as JSON, what each of their hidden tests found.

    python run_assignment.py SOURCE HANDOUT

SOURCE is run as it is. HANDOUT is run as nbgrader runs what a student hands in: with the source of the graded cells
put back. For each of the two: the verdicts by exercise, and the errors by the grade id of their cell.
"""

import contextlib
import json
import os
import sys
from importlib import import_module
from pathlib import Path

import checks
from checks import grading

from tools import notebooks


def grade_id(cell):
    """The id of a graded cell; None for any other."""
    facts = cell["metadata"].get("nbgrader", {})
    return facts["grade_id"] if facts.get("grade") else None


def run(shell, cells):
    """The verdicts and the errors of a run in a namespace of its own."""
    shell.reset(new_session=True)
    growths = import_module("checks.extend").growths
    for memory in (checks.lent, checks.given, checks.failures, grading.verdicts, growths):
        memory.clear()
    errors = {}
    for number, cell in enumerate(cells, 1):
        if cell["cell_type"] != "code":
            continue
        result = shell.run_cell(notebooks.source(cell))
        error = result.error_before_exec or result.error_in_exec
        if error and "raises-exception" not in notebooks.tags(cell):
            errors[grade_id(cell) or f"cell {number}"] = f"{type(error).__name__}: {error}"
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
    return {"verdicts": {name: str(verdict) for name, verdict in grading.verdicts.items()}, "errors": errors}


def run_both(source, handout):
    from IPython.core.interactiveshell import InteractiveShell

    os.chdir(Path(source).parent)
    shell = InteractiveShell.instance(colors="NoColor")
    teachers, students = (notebooks.read(path)["cells"] for path in (source, handout))
    graded = {grade_id(cell): cell for cell in teachers}
    handed_in = [graded[grade_id(cell)] if grade_id(cell) else cell for cell in students]
    return {"source": run(shell, teachers), "handout": run(shell, handed_in)}


if __name__ == "__main__":
    output = sys.stdout
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        report = run_both(*sys.argv[1:])
    print(json.dumps(report), file=output)
