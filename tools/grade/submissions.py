"""What was asked, what was handed in, and how the two are put together.

The checks that count are those of the teacher's copy: wherever a submission has the check cell of an exercise, the
assignment's own takes its place.
"""

import os
import re
import shutil
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from checks.exercise import find
from checks.standing import CHECK, Chapter, Trouble, Unreadable

#: The hidden line of a check cell, and the region that it stands in; ``tools.assignment`` writes them.
REQUIRED = re.compile(r'^require\("([\w.]+)", seed=', re.MULTILINE)
HIDDEN = re.compile(r"^### BEGIN HIDDEN TESTS\n.*?^### END HIDDEN TESTS\n?", re.MULTILINE | re.DOTALL)

#: The most that the file of a notebook may hold, in bytes, and how many copies of one are run.
LARGEST, MOST_COPIES = 50_000_000, 5


@dataclass(frozen=True)
class Asked:
    """An exercise of an assignment: its check cell as the teacher has it, and the ids of its two cells."""

    name: str
    points: float
    source: str
    check: tuple
    answer: tuple

    @property
    def visible(self):
        """The check cell as students have it."""
        return HIDDEN.sub("", self.source).strip()


@dataclass(frozen=True)
class Assignment:
    """An assignment: notebook → its exercises, name → Asked; the files that notebooks read, as hexadecimal.

    others : the names of the course's other assignments.
    """

    name: str
    notebooks: dict
    files: dict = field(repr=False)
    others: frozenset = frozenset()

    @classmethod
    def read(cls, folder):
        """Read the teacher's version of an assignment; Trouble if there is none."""
        try:
            return cls.found_in(folder)
        except OSError as error:
            raise Trouble(f"{error.filename} cannot be read: {error.strerror}.") from None

    @classmethod
    def found_in(cls, folder):
        if not folder.is_dir():
            raise Trouble(f"{folder} is not there. `make assignment` makes an assignment; name it, and its course.")
        notebooks = {path.name: asked_in(path) for path in sorted(folder.glob("*.ipynb"))}
        if not any(notebooks.values()):
            raise Trouble(f"{folder} holds no notebook with checks that count points. Is it the folder that `make "
                          "assignment` has written?")
        files = {path.relative_to(folder).as_posix(): path.read_bytes().hex() for path in sorted(folder.rglob("*"))
                 if path.is_file() and path.suffix != ".ipynb" and ".ipynb_checkpoints" not in path.parts}
        others = frozenset(path.name for path in folder.parent.iterdir()) - {folder.name}
        return cls(folder.name, notebooks, files, others)

    @property
    def points(self):
        """Exercise → its points, in the order of the assignment."""
        return {asked.name: asked.points for exercises in self.notebooks.values() for asked in exercises.values()}

    def notebook_of(self, chapter):
        """The notebook of the assignment that a submitted one answers, by its exercises; None if it is none of them."""
        known = [known for cell in chapter.cells for known in (*CHECK.findall(cell["source"]), *ids(cell))]
        shared = Counter({notebook: sum(name in known or exercise.check[0] in known or exercise.check[1] in known
                                        for name, exercise in exercises.items())
                          for notebook, exercises in self.notebooks.items()})
        [(notebook, count)] = shared.most_common(1)
        return notebook if count else None


def asked_in(path):
    """The exercises that a notebook of an assignment asks for."""
    exercises, answer = {}, ()
    try:
        for cell in Chapter.read(path).cells:
            if "stub" in cell["tags"]:
                answer = ids(cell)
            elif match := REQUIRED.search(cell["source"]):
                name, points = find(match[1]).name, float(cell["nbgrader"].get("points", 0))
                exercises[name] = Asked(name, points, cell["source"], ids(cell), answer)
                answer = ()
    except (Trouble, LookupError, ValueError, TypeError) as error:
        raise Trouble(f"{path} cannot be graded by: {error}") from None
    return exercises


def ids(cell):
    """What a cell can be known by: its id for nbgrader, and the notebook's own."""
    return cell["nbgrader"].get("grade_id"), cell["id"]


def put_together(asked, submitted):
    """The cells to run for a notebook: the submitted ones, with the assignment's own checks; and what is to be said.

    asked : exercise → Asked.
    submitted : the cells that were handed in.
    """
    checked = {}  # place → the exercises that are checked there
    changed, unchecked, missing = [], [], []
    for name, exercise in asked.items():
        checks = [place for place, cell in enumerate(submitted) if is_cell(cell, exercise.check)
                  or cell["source"].strip() == exercise.visible]
        checks = checks or [place for place, cell in enumerate(submitted)
                            if cell["kind"] == "code" and name in CHECK.findall(cell["source"])]
        answers = [place for place, cell in enumerate(submitted) if is_cell(cell, exercise.answer)]
        if any(submitted[place]["source"].strip() != exercise.visible for place in checks):
            changed.append(name)
        if not checks:
            (unchecked if answers else missing).append(name)
        for place in checks or answers[-1:]:
            checked.setdefault(place, []).append(exercise)
    remarks = [f"{what} {', '.join(names)}: {then}" for what, names, then in (
        ("changed check of", changed, "the assignment's own was run in its place"),
        ("missing check of", unchecked, "the assignment's own was run after the answer"),
        ("missing", missing, "neither the answer's cell nor its check is there")) if names]
    cells = []
    for place, cell in enumerate(submitted):
        exercises = checked.get(place, ())
        cells += [cell | {"source": without_checks(cell["source"], exercises)}, *map(checking, exercises)]
    return cells, remarks


def is_cell(cell, known):
    """Whether a submitted cell has one of the ids of a cell of the assignment."""
    return any(one is not None and one == other for one, other in zip(ids(cell), known))


def without_checks(source, exercises):
    """What a cell holds besides the checks of exercises: an answer may have been written above one."""
    for exercise in exercises:
        source = re.sub(rf"^{re.escape(exercise.visible)}.*$", "", source, flags=re.MULTILINE)
    return source


def checking(exercise):
    """The cell that checks an exercise."""
    return {"kind": "code", "source": exercise.source, "tags": [], "exercise": exercise.name}


# The folder


@dataclass
class Submission:
    """What one student has handed in: where it lies, the student's name, the notebooks, what is to be said about it.

    notebooks : of each its name, that of the assignment's, and the cells to run.
    failure : why it cannot be read, if it cannot.
    """

    place: str
    student: str
    notebooks: list = field(default_factory=list)
    remarks: list = field(default_factory=list)
    failure: str = None


def submissions(folder, assignment):
    """The submissions in a folder, one for each student; Trouble if there are none.

    A student is a folder, with the notebooks in it or, as nbgrader keeps them, in a folder of the assignment's name
    inside; or a notebook alone. What cannot be read becomes a remark.
    """
    if not folder.is_dir():
        raise Trouble(f"{folder} is not a folder. Name the one in which there is a folder for each student.")
    try:
        entries = sorted((path for path in folder.iterdir() if not path.name.startswith(".")),
                         key=lambda path: (path.name.casefold(), path.name))
    except OSError as error:
        raise Trouble(f"{folder} cannot be read: {error.strerror}.") from None
    if not entries:
        raise Trouble(f"{folder} is empty. Put a folder for each student there, with the notebooks that were handed "
                      "in.")
    found = [read_submission(path, assignment) for path in entries]
    by_name = {}
    for submission in found:
        by_name.setdefault(unicodedata.normalize("NFC", submission.student).casefold(), []).append(submission)
    for namesakes in by_name.values():
        places = " and ".join(submission.place for submission in namesakes)
        for submission in namesakes[1:] and namesakes:
            submission.remarks.append(f"more than one submission has this name: {places}; each is graded by itself")
    return found


def read_submission(path, assignment):
    """What lies at a path, as the submission of one student."""
    submission = Submission(path.name, path.stem if path.suffix == ".ipynb" else path.name)
    try:
        files = files_of(path, assignment)
    except OSError as error:
        submission.failure = f"it cannot be read: {error.strerror}"
        return submission
    for file in files:
        name = file.relative_to(path).as_posix() if file != path else file.name
        try:
            read_notebook(file, name, assignment, submission)
        except Unreadable as trouble:
            submission.failure = f"{name}: {trouble}"
        except Trouble as trouble:
            submission.remarks.append(f"{name}: {trouble}")
    if not files:
        submission.remarks.append("no notebook was handed in")
    if not submission.notebooks and (packed := archives(path)):
        submission.failure = f"{packed[0]} is an archive: unpack it, and grade again"
    for notebook, exercises in assignment.notebooks.items():
        copies = [name for name, of, *_ in submission.notebooks if of == notebook]
        if exercises and not copies and submission.notebooks:
            submission.remarks.append(f"{notebook} was not handed in")
        if len(copies) > MOST_COPIES:
            submission.notebooks = [one for one in submission.notebooks if one[0] not in copies[MOST_COPIES:]]
            submission.remarks.append(f"{len(copies)} of its notebooks hold {notebook}; only {MOST_COPIES} were run, "
                                      f"{copies[0]} to {copies[MOST_COPIES - 1]}")
        elif len(copies) > 1:
            every = "both" if len(copies) == 2 else "all"
            submission.remarks.append(f"{' and '.join(copies)} {every} hold {notebook}; of each exercise the better "
                                      "answer counts")
    return submission


def files_of(path, assignment):
    """The notebooks of a student. OSError if a folder among them cannot be read."""
    if not path.is_dir():
        return [path]
    if (path / assignment.name).is_dir():
        path = path / assignment.name

    def fail(error):
        raise error

    found = []
    for folder, folders, names in os.walk(path, onerror=fail):
        folders[:] = [name for name in folders if name != ".ipynb_checkpoints" and name not in assignment.others]
        found += [Path(folder) / name for name in names if name.endswith(".ipynb") and name[0] != "."]
    return sorted(found)


def archives(path):
    """The names of the archives that lie at a path."""
    packed = {ending for _, endings, _ in shutil.get_unpack_formats() for ending in endings} | {".7z", ".rar"}
    files = path.rglob("*") if path.is_dir() else [path]
    return sorted(file.name for file in files if file.suffix in packed)


def read_notebook(file, name, assignment, submission):
    """Read one notebook into a submission; Trouble if it cannot be one."""
    try:
        size = file.stat().st_size if file.is_file() else None
    except OSError as error:
        raise Unreadable(f"it cannot be read: {error.strerror}") from None
    if size is None:
        raise Unreadable("it cannot be read: it is not a file, or leads nowhere")
    if size > LARGEST:
        raise Trouble(f"it is larger than {LARGEST // 1_000_000} MB. Its outputs can be cleared, and it be handed in "
                      "again")
    chapter = Chapter.read(file)
    notebook = assignment.notebook_of(chapter)
    if chapter.assignment in assignment.others:
        raise Trouble(f"it was handed out for {chapter.assignment}, and does not count here")
    if notebook is None:
        raise Trouble("it holds no exercise of this assignment")
    cells, remarks = put_together(assignment.notebooks[notebook], chapter.cells)
    submission.notebooks.append((name, notebook, cells))
    submission.remarks += [f"{name}: {remark}" for remark in remarks]
