"""Write an assignment: chapters to be handed in, and the teacher's version with solutions and hidden tests.

    python -m tools.assignment week-3 forward-mode dual-numbers
    python -m tools.assignment week-3 5 6 --course ~/calculus --points core=3,stretch=5
    python -m tools.assignment week-3 forward-mode graphs.totals graphs.softplus

Of a chapter all exercises count; where exercises are named, those of their chapter that are not stay as practice.

They go to `handout/week-3` and `source/week-3` in the course's folder, `course` beside the book unless another one is
named. Both are marked as nbgrader wants it, and `handout` is what `nbgrader generate_assignment` would make of
`source`; nbgrader itself is not needed. Nothing that exists is overwritten, and all is written or nothing.
"""

import argparse
import hashlib
import json
import math
import os
import re
import secrets
import shlex
import shutil
import sys
import tempfile
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from checks.exercise import GRADES, find

from tools import notebooks
from tools.exercises import Refused, data_files, own_folder, reason, unsolved
from tools.sync import PYTHON_BLOCK
from tools.unlocks import ANSWER, statement_of

#: What an exercise is worth by its grade, unless --points says otherwise.
POINTS = dict(zip(GRADES, (1, 2, 3)))

#: nbgrader's rule for names.
NAME = re.compile(r"[A-Za-z0-9_-]+")

SOLUTION = "### BEGIN SOLUTION\n{}\n### END SOLUTION"
HIDDEN_TESTS = """\
### BEGIN HIDDEN TESTS
from checks.grading import require
require("{}", seed={})
### END HIDDEN TESTS"""
#: What nbgrader takes out: of an answer the region, whose line is left, of a check its lines as well.
REGION = re.compile(r"^### BEGIN SOLUTION\n.*?^### END SOLUTION$|\n### BEGIN HIDDEN TESTS\n.*?^### END HIDDEN TESTS$",
                    re.DOTALL | re.MULTILINE)

INSTRUCTIONS = """\
**{}**: {} in this notebook count, {} together; their statements say how many each.

- Run all cells once, from the top: in the menu *Run*, *Run All Cells*.
- Write each answer into the cell above its check, where it says `# your code here`, or repair what stands there. Run
  it, then the check. Cells of your own are welcome; the checks that count are locked.
- Marks come from the same checks, at other inputs, in a run from the top. Before you hand in, choose *Kernel*, *Restart
  Kernel and Run All Cells*, look at your checks once more, and save. Hand in this file."""

CONFIG = """\
# What nbgrader has to know of this course.

c = get_config()

c.CourseDirectory.course_id = {}

# An answer begins with the book's stub, which stands above the solution: nothing is put in the solution's place.
c.ClearSolutions.code_stub = {{"python": ""}}

# Seconds that a cell may take. Some train a network, and an answer that never ends takes its check some seconds.
c.Execute.timeout = 120
"""


# The two versions of a chapter


def teachers(notebook, names, points, seed, assignment):
    """A chapter as its teacher keeps it: each exercise with its solution, its points and its hidden test.

    names : the exercises that count; the others stay as practice.
    points : what an exercise is worth, by its grade.
    seed : what the inputs of the hidden tests start from.
    assignment : its name, which the cell at the top says.
    """
    cells, total = unsolved(notebook), 0
    for number, cell in enumerate(cells):
        if "stub" in notebooks.tags(cell):
            stub = cell
        if "check" in notebooks.tags(cell):
            name, exercise = ANSWER.match(notebooks.source(cell)).groups()
            if exercise not in names:
                continue
            exercise = find(exercise)
            worth, grade_id = points[exercise.grade], exercise.name.replace(".", "-")
            total += worth
            say(cells, number, f"*{points_as_text(worth)}.*")
            append(stub, SOLUTION.format(solution(notebook, exercise, name)))
            mark(stub, grade_id=f"{grade_id}-answer", grade=False, locked=False, solution=True)
            append(cell, HIDDEN_TESTS.format(exercise.name, json.dumps(seed, ensure_ascii=False)))
            mark(cell, grade_id=grade_id, grade=True, locked=True, solution=False, points=worth)
    return notebook | {"cells": [instructions(assignment, len(names), total), *cells],
                       "metadata": notebook["metadata"] | {"minigrad": {"assignment": assignment}}}


def instructions(assignment, count, points):
    """The cell at the top, which tells a student what to do."""
    text = INSTRUCTIONS.format(assignment, f"{count} exercise{'s' * (count != 1)}", points_as_text(points))
    return notebooks.markdown_cell("assignment", text)


def solution(notebook, exercise, name):
    """The code of the folded solution; where it is a value and stands in the text, the assignment of it."""
    opening = f"{{solution}} ex-{plain_name(exercise.name)}\n"
    texts = (notebooks.source(cell) for cell in notebook["cells"] if "solution" in notebooks.tags(cell))
    block = PYTHON_BLOCK.search(next(text for text in texts if opening in text))
    return block["code"].rstrip("\n") if block else f"{name} = {exercise.solution!r}"


def say(cells, check, text):
    """Add a sentence to the statement of the exercise that a check belongs to, after its grade, minutes and kind."""
    if found := statement_of(cells, check):
        place, head, rest = found
        notebooks.set_source(cells[place], f"{head} {text}{rest}")


def append(cell, text):
    """Add lines to the end of a cell."""
    notebooks.set_source(cell, f"{notebooks.source(cell)}\n{text}")


def mark(cell, **facts):
    """Give a cell the metadata by which nbgrader knows it."""
    cell["metadata"] = cell["metadata"] | {"nbgrader": {"schema_version": 3} | facts}


def students(notebook):
    """A chapter as the students receive it: what nbgrader makes of the teacher's, but with its other outputs."""
    cells = [dict(cell) for cell in notebook["cells"]]
    for cell in cells:
        if "nbgrader" in cell["metadata"]:
            notebooks.set_source(cell, REGION.sub("", notebooks.source(cell)))
            lock(cell)
    return notebook | {"cells": cells}


def lock(cell):
    """Protect a cell against deletion, a check against changes as well, and note what it was, as nbgrader does."""
    facts = cell["metadata"]["nbgrader"]
    locks = {"deletable": False} | ({"editable": False} if facts["grade"] else {})
    facts = facts | {"cell_type": cell["cell_type"], "checksum": checksum(cell)}
    cell["metadata"] = cell["metadata"] | locks | {"nbgrader": facts}


def checksum(cell):
    """nbgrader's checksum of a cell, by which it sees that a locked cell was changed, or an answer was not."""
    facts = cell["metadata"]["nbgrader"]
    parts = [notebooks.source(cell), cell["cell_type"], facts["grade"], facts["solution"], facts["locked"],
             facts["grade_id"]]
    parts += [float(facts["points"])] if facts["grade"] else []
    return hashlib.md5("".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()


def points_as_text(points):
    return f"{points:g} point{'s' * (points != 1)}"


# What was asked for


def chosen(names):
    """What is asked for: the path of each chapter, in the order of the book → the names of its exercises that count."""
    chapters = {path: exercises_in(path) for path in notebooks.chapters(notebooks.ROOT)}
    if "all" in names:
        if len(names) > 1:
            raise Refused("all means every chapter. Name no other beside it.")
        return chapters
    places = {plain_name(name): (path, [name]) for path, found in chapters.items() for name in found}
    counting = {}
    for given in names:
        path, found = places.get(plain_name(given)) or (chapter := chapter_of(given, chapters, places),
                                                        chapters[chapter])
        if set(found) & set(counting.get(path, ())):
            what = f"The chapter {path.stem}" if len(found) > 1 else f"The exercise {found[0]}"
            raise Refused(f"{what} is named twice. Name it once.")
        counting.setdefault(path, []).extend(found)
    return {path: [name for name in found if name in counting[path]] for path, found in chapters.items()
            if path in counting}


def exercises_in(path):
    """The names of the exercises of a chapter, in order."""
    return [ANSWER.match(notebooks.source(cell))[2] for cell in notebooks.read(path)["cells"]
            if "check" in notebooks.tags(cell)]


def plain_name(name):
    """The name of an exercise however it is written: chain_rule.push, chain-rule-push, ex-chain-rule-push."""
    return re.sub(r"[._]", "-", name).removeprefix("ex-")


def chapter_of(name, chapters, exercises):
    """The chapter with this number, slug or file name."""
    stem = Path(name).name.removesuffix(".ipynb")
    number = f"{int(stem):02}" if stem.isascii() and stem.isdigit() else None
    for path in chapters:
        if stem in (path.stem, notebooks.slug(path)) or number == path.stem.partition("-")[0]:
            return path
    known = [*(notebooks.slug(path) for path in chapters), *exercises]
    near = get_close_matches(plain_name(notebooks.slug(stem).lower()), known, 1, 0.6)
    raise Refused(f"There is no chapter {name}, and no exercise. " + (
        f"Is it {near[0]}?" if near else f"Name a chapter by its number, 1 to {len(chapters)}, or as its file is "
        "called, an exercise as its check calls it."))


def points_by_grade(text):
    """What an exercise is worth by its grade, from a text such as "core=3,stretch=5"."""
    points = dict(POINTS)
    for part in filter(None, text.split(",")):
        grade, _, number = (piece.strip() for piece in part.partition("="))
        with suppress(ValueError):
            if grade in GRADES and math.isfinite(worth := float(number)) and worth >= 0:
                points[grade] = int(worth) if worth.is_integer() else worth
                continue
        example = ",".join(f"{grade}={worth}" for grade, worth in POINTS.items())
        raise Refused(f"--points: {part.strip()} cannot be read. Give each grade a number, as in {example}.")
    return points


def refuse(name, seed, course):
    """Refuse an assignment whose name or seed does not do, or which is there."""
    if not NAME.fullmatch(name):
        raise Refused(f"{name!r} cannot be the name of an assignment: use the letters a to z, digits, - and _ alone.")
    if not (seed and seed.isprintable()):
        raise Refused("--seed should be a text that can be read, of one character at least. Or leave it out.")
    for place in (f"source/{name}", f"handout/{name}"):
        if os.path.lexists(course.expanduser() / place):
            raise Refused(f"{course / place} is there already, and stays as it is. Choose another name.")


# The folder


def files(name, chapters, course):
    """The files of an assignment: their place in the folder of the course → their content.

    chapters : path → the teacher's version.
    """
    texts = [notebooks.source(cell) for chapter in chapters.values() for cell in notebooks.code_cells(chapter)]
    data, found = data_files(), {}
    if any(Path(file).name in text for file in data for text in texts):
        found = {f"{folder}/{name}/{file}": path.read_bytes()
                 for file, path in data.items() for folder in ("source", "handout")}
    for path, chapter in chapters.items():
        found[f"source/{name}/{path.name}"] = notebooks.as_text(chapter).encode()
        found[f"handout/{name}/{path.name}"] = notebooks.as_text(students(chapter)).encode()
    if not os.path.lexists(course / "nbgrader_config.py"):
        found["nbgrader_config.py"] = CONFIG.format(repr(course.resolve().name or "course")).encode()
    return found


def write(course, name, content):
    """Write the files of an assignment into the folder of the course: all or none, and over nothing that exists."""
    places = [f"source/{name}", f"handout/{name}", *{"nbgrader_config.py"} & set(content)]
    missing = [path for path in (course / "source", course / "handout", course, *course.parents) if not path.exists()]
    unfinished, done = None, []
    try:
        own_folder(course)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=course))
        for file, data in content.items():
            (unfinished / file).parent.mkdir(parents=True, exist_ok=True)
            (unfinished / file).write_bytes(data)
        for place in places:
            (course / place).parent.mkdir(exist_ok=True)
            if os.path.lexists(course / place):
                raise FileExistsError(course / place)
            os.rename(unfinished / place, course / place)
            done.append(course / place)
    except BaseException:
        for path in done:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise
    finally:
        if unfinished:
            shutil.rmtree(unfinished, ignore_errors=True)
        for path in missing:
            with suppress(OSError):  # it is in use
                path.rmdir()


def summary(name, chapters, given):
    """What was written, and what comes next, in lines."""
    rows = []
    for path, chapter in chapters.items():
        facts = [cell["metadata"]["nbgrader"] for cell in chapter["cells"] if "nbgrader" in cell["metadata"]]
        worth = [one["points"] for one in facts if one["grade"]]
        rows.append((path.stem, len(worth), sum(worth)))
    rows.append(("together", sum(row[1] for row in rows), sum(row[2] for row in rows)))
    width = max(len(row[0]) for row in rows)
    where = "" if given == notebooks.ROOT / "course" else f" COURSE={shlex.quote(str(given))}"
    yield f"The assignment {name} is in {given}:"
    yield from (f"  {title:{width}}  {count:3} exercises  {points_as_text(worth):>10}" for title, count, worth in rows)
    yield f"  handout/{name} is for the students."
    yield f"  source/{name} is for you alone: it holds the solutions and the hidden tests."
    yield (f"Next: hand out handout/{name}. Put what comes back into submitted/STUDENT/{name}, then run, in the folder "
           f"of the book, `make grade NAME={name}{where}`.")


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tools.assignment", description=__doc__.splitlines()[0])
    parser.add_argument("name", metavar="NAME", help="of the assignment: letters, digits, - and _")
    parser.add_argument("chapters", metavar="CHAPTER", nargs="+",
                        help="5, forward-mode or 05-forward-mode.ipynb; all for all of them; or the name of an "
                        "exercise, forward.sub")
    parser.add_argument("--course", metavar="FOLDER", type=Path, default=notebooks.ROOT / "course",
                        help="of the course; `course` beside the book if none is named")
    parser.add_argument("--points", metavar="GRADE=NUMBER,…", default="",
                        help="what an exercise is worth by its grade: "
                        + ", ".join(f"{grade} {points}" for grade, points in POINTS.items()))
    parser.add_argument("--seed", metavar="TEXT", default=secrets.token_hex(8),
                        help="what the inputs of the hidden tests start from; a secret if none is given")
    given = parser.parse_args(arguments)
    try:
        refuse(given.name, given.seed, given.course)
        points, course = points_by_grade(given.points), given.course.expanduser()
        chapters = {path: teachers(notebooks.read(path), names, points, given.seed, given.name)
                    for path, names in chosen(given.chapters).items()}
        write(course, given.name, files(given.name, chapters, course))
    except Refused as refused:
        return str(refused)
    except OSError as error:
        return (f"The assignment {given.name} was not written ({reason(error)}). Nothing of yours was touched: remove "
                "the cause, or name another folder, and run the command again.")
    print("\n".join(summary(given.name, chapters, given.course)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
