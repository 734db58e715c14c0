"""An assignment in the hands of nbgrader itself, as a teacher has it: in an environment of its own.

The environment is .venv-nbgrader, made from requirements-nbgrader.txt. nbgrader is never installed into .venv: it would
add its buttons to every reader's JupyterLab.
"""

import csv
import functools
import os
import re
import subprocess
import sys
from importlib.util import find_spec

import checks
import pytest
from checks.exercise import PASSED, find

from tools import assignment, notebooks

ROOT = notebooks.ROOT
ENVIRONMENT = ROOT / ".venv-nbgrader"
COMMANDS = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")

#: One chapter of numbers, one of arrays; neither has a cell that takes long.
CHAPTERS = ["05-forward-mode", "10-gradients-and-jacobians"]


# The environment


@pytest.fixture(scope="session")
def environment():
    """See that there is an environment, whole and of today's requirements."""
    if not (find_spec("venv") and find_spec("ensurepip")):
        pytest.skip("this Python cannot make environments: it lacks the module venv")
    complete_environment()


def complete_environment():
    """Make the environment, unless a file in it, written last, says that it is complete and what it was made from."""
    sources = [(ROOT / name).read_text("utf-8")
               for name in ("requirements-nbgrader.txt", "requirements.txt", "pyproject.toml")]
    wanted = "\n".join([str(ROOT), sys.version, sys.base_prefix, *sources])
    complete = ENVIRONMENT / "complete"
    if not complete.is_file() or complete.read_text("utf-8") != wanted:
        make_environment(pins=re.findall(r"^[\w-]+==\S+", sources[1], re.MULTILINE))
        complete.write_text(wanted, "utf-8")


def make_environment(pins):
    """Make the environment from nothing: what an interrupted installation left behind is not mended."""
    run(sys.executable, "-m", "venv", "--clear", ENVIRONMENT)
    constraints = ENVIRONMENT / "constraints.txt"
    constraints.write_text("\n".join(pins), "utf-8")
    run(COMMANDS / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "--requirement", "requirements-nbgrader.txt", "--constraint", constraints)


def run(*command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        lines = list(map(str.strip, done.stderr.splitlines()))
        said = [line for line in lines if line.startswith("ERROR")] or lines
        pytest.fail(f"nbgrader could not be tested, because {ENVIRONMENT.name} could not be made. {said[-1]}\n"
                    "It needs a package registry that pip can reach. Run the test again when there is one.",
                    pytrace=False)


def test_an_environment_is_made_once_and_again_after_a_change_or_an_interruption(tmp_path, monkeypatch):
    folder, made = tmp_path / "environment", []

    def make(pins):
        folder.mkdir(exist_ok=True)
        (folder / "complete").unlink(missing_ok=True)
        made.append(pins)

    module = sys.modules[__name__]
    monkeypatch.setattr(module, "ENVIRONMENT", folder)
    monkeypatch.setattr(module, "make_environment", make)
    complete_environment()
    complete_environment()
    assert len(made) == 1 and any(pin.startswith("numpy==") for pin in made[0])
    (folder / "complete").write_text("for other requirements")
    complete_environment()
    (folder / "complete").unlink()
    complete_environment()
    assert len(made) == 3


def test_without_a_registry_the_failure_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ENVIRONMENT", tmp_path / "environment")
    monkeypatch.setattr(sys.modules[__name__], "COMMANDS", tmp_path / "environment" / COMMANDS.name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(pytest.fail.Exception, match=r"could not be made\. ERROR: .*\nIt needs a package registry"):
        complete_environment()
    assert not (tmp_path / "environment" / "complete").exists()


# The course


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course with the assignment week-3."""
    folder = tmp_path_factory.mktemp("nbgrader") / "calculus"
    assert assignment.main(["week-3", *CHAPTERS, "--course", str(folder), "--seed", "a secret"]) == 0
    return folder


@pytest.fixture(scope="module")
def nbgrader(environment, course):
    """Run a command of nbgrader in the course's folder, and return what it said."""
    own = course.parent / "jupyter"
    variables = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "JUPYTER_PATH")}
    variables |= {name: str(own / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR",
                                                     "IPYTHONDIR")}
    variables["PATH"] = os.pathsep.join([str(COMMANDS), os.environ.get("PATH", "")])

    def command(*arguments):
        done = subprocess.run([COMMANDS / "nbgrader", *map(str, arguments)], cwd=course, env=variables, timeout=300,
                              capture_output=True, text=True)
        assert done.returncode == 0, f"nbgrader {arguments[0]}: {done.stderr[-3000:]}"
        return done.stdout

    return command


@pytest.fixture(scope="module")
def release(nbgrader, course):
    """The folder that nbgrader makes for the students."""
    nbgrader("generate_assignment", "week-3")
    return course / "release" / "week-3"


def facts(cell):
    return cell["metadata"].get("nbgrader", {})


def test_the_handout_is_what_nbgrader_makes_of_the_source(course, release):
    handout = course / "handout" / "week-3"
    assert sorted(os.listdir(release)) == sorted(os.listdir(handout))
    for name in CHAPTERS:
        theirs, ours = (compared(folder / f"{name}.ipynb") for folder in (release, handout))
        assert theirs == ours


def compared(path):
    """What is compared of a notebook: all but the outputs, of which nbgrader leaves none."""
    notebook = notebooks.read(path)
    cells = [{key: value for key, value in cell.items() if key not in ("outputs", "execution_count")}
             | {"source": notebooks.source(cell)} for cell in notebook["cells"]]
    return notebook | {"cells": cells}


# Those who hand in


def hand_in(course, folder, change):
    """Put the students' chapters into a folder, each marked cell changed by ``change(cell, the teacher's source)``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in CHAPTERS:
        teachers = {facts(cell).get("grade_id"): notebooks.source(cell)
                    for cell in notebooks.read(course / "source" / "week-3" / f"{name}.ipynb")["cells"]}
        notebook = notebooks.read(course / "handout" / "week-3" / f"{name}.ipynb")
        for cell in filter(facts, notebook["cells"]):
            change(cell, teachers[facts(cell)["grade_id"]])
        notebooks.write(folder / f"{name}.ipynb", notebook)
    return folder


def solve(cell, teachers):
    """Answer as the book does."""
    if facts(cell)["solution"]:
        notebooks.set_source(cell, re.sub("^### .*\n?", "", teachers, flags=re.MULTILINE))


def solve_noisily(cell, teachers):
    """Answer as the book does, but print and warn: nbgrader takes what a check writes to stderr for a failure."""
    solve(cell, teachers)
    if facts(cell)["grade_id"] == "forward-sub-answer":
        noise = "import sys, warnings\n    warnings.warn('careful')\n    print('here', file=sys.stderr)\n    return"
        notebooks.set_source(cell, notebooks.source(cell).replace("return", noise))


def solve_but_one(cell, teachers):
    """Answer as the book does, but for an answer learnt by heart, and make its check say yes."""
    solve(cell, teachers)
    if facts(cell)["grade_id"] == "forward-div-answer":
        notebooks.set_source(cell, f"def div(a, b):\n    return {by_heart()!r}.get((a, b), (0.0, 0.0, 0.0))")
    if facts(cell)["grade_id"] == "forward-div":
        notebooks.set_source(cell, "print('✓ forward.div: these checks pass.')")


@functools.cache
def by_heart():
    """The answers to forward.div at all inputs that its check tries."""
    exercise, table = find("forward.div"), {}

    def div(a, b):
        return table.setdefault((a, b), exercise.solution(a, b))

    assert checks.judge(exercise, div) is PASSED
    assert checks.judge(exercise, lambda a, b: table.get((a, b), (0.0, 0.0, 0.0))) is PASSED
    return table


def leave(cell, teachers):
    """Hand in what was handed out."""


def leave_one(cell, teachers):
    """Leave one exercise, whose answer later cells need, as it was handed out."""
    if not facts(cell)["grade_id"].startswith("forward-sub"):
        solve(cell, teachers)


@pytest.mark.parametrize("change, failing", [
    (leave, ["sub", "table", "div", "plus", "sinc"]), (leave_one, ["sub"]), (solve, [])])
def test_validate_names_the_checks_that_do_not_pass(nbgrader, course, tmp_path, change, failing):
    hand_in(course, tmp_path, change)
    said = nbgrader("validate", tmp_path / "05-forward-mode.ipynb")
    assert re.findall(r'^ +(\w+) = check\("forward', said, re.MULTILINE) == failing
    assert ("Success! Your notebook passes all the tests." in said) == (not failing)
    assert said.count("not started") == len(failing)


def test_nbgrader_gives_the_points_that_are_earned(nbgrader, course, release):
    students = {"ada": solve_noisily, "ben": leave, "cem": solve_but_one}
    for student, change in students.items():
        hand_in(course, course / "submitted" / student / "week-3", change)
    nbgrader("autograde", "week-3")
    nbgrader("export")
    with (course / "grades.csv").open(encoding="utf-8") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    worth = [facts(cell)["points"] for name in CHAPTERS for cell in notebooks.read(release / f"{name}.ipynb")["cells"]
             if facts(cell).get("grade")]
    lost = assignment.POINTS[find("forward.div").grade]
    assert {student: float(row["max_score"]) for student, row in rows.items()} == dict.fromkeys(students, sum(worth))
    assert {student: float(row["score"]) for student, row in rows.items()} == {
        "ada": sum(worth), "ben": 0, "cem": sum(worth) - lost}
