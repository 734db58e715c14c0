"""The assignments: what stands in the teacher's version and in the students', and that nothing is overwritten."""

import errno
import json
import os
import re
from pathlib import Path

import nbformat
import pytest
from checks.exercise import exercises

from tools import assignment, notebooks

BOOK = notebooks.ROOT / "book"
CHAPTERS = [path for path in sorted(BOOK.glob("*.ipynb")) if notebooks.is_chapter(path)]
SEED = "nobody-knows-this"
POINTS = {"easy": 2, "core": 3.5, "stretch": 5}

every_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course with one assignment, named everything, of all chapters."""
    folder = tmp_path_factory.mktemp("assignment") / "calculus"
    arguments = ["everything", "all", "--course", str(folder), "--seed", SEED, "--points", "stretch=5,easy=2,core=3.5"]
    assert assignment.main(arguments) == 0
    return folder


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "calculus"


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def read(course, version, path):
    return notebooks.read(course / version / "everything" / path.name)


def facts(cell):
    return cell["metadata"].get("nbgrader")


def by_id(notebook):
    """The marked cells of a notebook: grade id → cell."""
    return {facts(cell)["grade_id"]: cell for cell in notebook["cells"] if facts(cell)}


def exercises_of(path):
    return [exercise for exercise in exercises() if exercise.chapter == notebooks.slug(path)]


# What the chapters become


def test_the_folders_hold_the_chapters_and_their_data(course):
    names = {path.name for path in CHAPTERS} | {"data/digits.csv.gz", "data/README.md"}
    for version in ("source", "handout"):
        assert set(contents(course / version / "everything")) == names
    assert {path.name for path in course.iterdir()} == {"source", "handout", "nbgrader_config.py"}


@every_chapter
def test_each_exercise_has_an_answer_and_a_check_with_its_points(course, path):
    expected = {}
    for exercise in exercises_of(path):
        grade_id = exercise.name.replace(".", "-")
        expected[grade_id] = {"schema_version": 3, "grade_id": grade_id, "grade": True, "locked": True,
                              "solution": False, "points": POINTS[exercise.grade]}
        expected[f"{grade_id}-answer"] = {"schema_version": 3, "grade_id": f"{grade_id}-answer", "grade": False,
                                          "locked": False, "solution": True}
    found = by_id(read(course, "source", path))
    assert {grade_id: facts(cell) for grade_id, cell in found.items()} == expected
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]+", grade_id) for grade_id in found)


def test_no_two_exercises_share_an_id():
    ids = [exercise.name.replace(".", "-") for exercise in exercises()]
    assert len(set(ids)) == len(ids)


@every_chapter
def test_all_other_cells_are_those_of_the_book_without_its_solutions(course, path):
    book = {cell["id"]: cell for cell in notebooks.read(path)["cells"] if "solution" not in notebooks.tags(cell)}
    for version in ("source", "handout"):
        notebook = read(course, version, path)
        assert notebook["metadata"] == notebooks.read(path)["metadata"] | {"minigrad": {"assignment": "everything"}}
        assert [cell["id"] for cell in notebook["cells"]] == ["assignment", *book]
        for cell in notebook["cells"][1:]:
            if facts(cell):
                assert cell["outputs"] == [] and cell["execution_count"] is None
            elif "{exercise}" not in notebooks.source(cell):
                assert cell == book[cell["id"]]


@every_chapter
def test_a_statement_says_what_the_exercise_is_worth(course, path):
    for version in ("source", "handout"):
        text = "\n".join(notebooks.source(cell) for cell in read(course, version, path)["cells"])
        for exercise in exercises_of(path):
            said = f"*{exercise.grade} · {exercise.minutes} minutes · {exercise.kind}.*"
            worth = f"{POINTS[exercise.grade]:g}"
            assert re.search(rf"exercise\}} {re.escape(exercise.title)}\n.*\n\n{re.escape(said)} \*{worth} points\.\*",
                             text), exercise.name


@every_chapter
def test_the_handout_holds_neither_solutions_nor_the_seed(course, path):
    book = {cell["id"]: cell for cell in notebooks.read(path)["cells"]}
    handout = read(course, "handout", path)
    text = json.dumps(handout, ensure_ascii=False)
    assert SEED not in text and "grading" not in text and "{solution}" not in text
    assert not re.search("BEGIN|END (SOLUTION|HIDDEN)", text)
    assert not any("solution" in notebooks.tags(cell) for cell in handout["cells"])
    for cell in by_id(handout).values():
        untouched = notebooks.source(book[cell["id"]]) + "\n" * facts(cell)["solution"]
        assert notebooks.source(cell) == untouched


@every_chapter
def test_both_versions_are_sound_notebooks(course, path):
    for version in ("source", "handout"):
        nbformat.validate(nbformat.reads((course / version / "everything" / path.name).read_text("utf-8"), 4))


def test_the_handout_says_which_sections_run_on_an_answer(course):
    text = (course / "handout" / "everything" / "05-forward-mode.ipynb").read_text("utf-8")
    assert "*easy · 5 minutes · fill in.* *2 points.* *Unlocks: once it passes, your answer takes the place" in text


def test_a_value_that_stands_in_the_text_of_its_solution_is_assigned(course):
    found = by_id(read(course, "source", BOOK / "04-computational-graphs.ipynb"))
    assert "\n### BEGIN SOLUTION\nloop_graph = (5, 6, 3)\n### END SOLUTION" in notebooks.source(
        found["graphs-loop_graph-answer"])


def test_the_hidden_test_stands_below_the_check(course):
    found = by_id(read(course, "source", BOOK / "05-forward-mode.ipynb"))
    assert notebooks.source(found["forward-sub"]) == (
        'sub = check("forward.sub", sub)\n### BEGIN HIDDEN TESTS\nfrom checks.grading import require\n'
        f'require("forward.sub", seed="{SEED}")\n### END HIDDEN TESTS')


def test_a_seed_is_a_secret_of_its_own_for_each_assignment(folder):
    def seeds(name):
        assert assignment.main([name, "5", "6", "--course", str(folder)]) == 0
        texts = [path.read_text("utf-8") for path in (folder / "source" / name).glob("*.ipynb")]
        return {seed for text in texts for seed in re.findall(r"seed=\\\"(.*?)\\\"", text)}

    [one], [other] = seeds("one"), seeds("other")
    assert one != other and len(one) >= 16
    assert not any(one in content.decode() for content in contents(folder / "handout").values())


@pytest.mark.parametrize("seed", ['"; import os #', "α 😀", "\\"])
def test_a_seed_may_be_any_text(folder, seed):
    assert assignment.main(["week", "5", "--course", str(folder), "--seed", seed]) == 0
    found = by_id(notebooks.read(folder / "source" / "week" / "05-forward-mode.ipynb"))
    line = notebooks.source(found["forward-sub"]).splitlines()[3]
    assert eval(line, {"require": lambda name, seed: (name, seed)}) == ("forward.sub", seed)


def test_data_goes_along_with_a_chapter_that_reads_it(folder):
    assignment.main(["without", "5", "--course", str(folder)])
    assignment.main(["with", "19", "--course", str(folder)])
    assert not list(folder.glob("*/without/data"))
    for name in ("digits.csv.gz", "README.md"):
        for version in ("source", "handout"):
            assert (folder / version / "with" / "data" / name).read_bytes() == (BOOK / "data" / name).read_bytes()


def test_the_configuration_is_python_and_names_the_course(tmp_path):
    for name in ("calculus", 'a "quoted" {folder}', "Größe"):
        assert assignment.main(["week", "5", "--course", str(tmp_path / name)]) == 0
        config = Settings()
        exec((tmp_path / name / "nbgrader_config.py").read_text("utf-8"), {"get_config": lambda config=config: config})
        assert config.CourseDirectory.course_id == name
        assert config.ClearSolutions.code_stub == {"python": ""}


class Settings:
    """Attributes that exist once they are asked for, as traitlets has them."""

    def __getattr__(self, name):
        setattr(self, name, Settings())
        return getattr(self, name)


def test_the_summary_counts_and_says_what_comes_next(folder, capsys):
    assignment.main(["week-3", "dual-numbers", "5", "--course", str(folder)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"The assignment week-3 is in {folder}:"
    assert [line.split() for line in lines[1:4]] == [
        ["05-forward-mode", "5", "exercises", "9", "points"], ["06-dual-numbers", "6", "exercises", "9", "points"],
        ["together", "11", "exercises", "18", "points"]]
    assert lines[-1].endswith(f"in the folder of the book, `make grade NAME=week-3 COURSE={folder}`.")


# What may be asked for


@pytest.mark.parametrize("name", ["5", "05", "forward-mode", "05-forward-mode", "05-forward-mode.ipynb",
                                  "book/05-forward-mode.ipynb"])
def test_a_chapter_is_named_by_number_slug_or_file(folder, name):
    assert assignment.main(["week", name, "--course", str(folder)]) == 0
    assert set(contents(folder / "handout")) == {"week/05-forward-mode.ipynb"}


@pytest.mark.parametrize("name", ["forward.sub", "forward-sub", "ex-forward-sub"])
def test_of_a_chapter_the_exercises_that_are_named_count_alone(folder, name):
    assert assignment.main(["week", "graphs.totals", name, "forward.div", "--course", str(folder)]) == 0
    for version in ("source", "handout"):
        found = {path.name: list(by_id(notebooks.read(path))) for path in sorted((folder / version / "week").glob("*"))}
        assert found == {"04-computational-graphs.ipynb": ["graphs-totals-answer", "graphs-totals"],
                         "05-forward-mode.ipynb": ["forward-sub-answer", "forward-sub", "forward-div-answer",
                                                   "forward-div"]}
    handout = notebooks.read(folder / "handout/week/05-forward-mode.ipynb")["cells"]
    assert notebooks.source(handout[0]).startswith(
        "**week**: 2 exercises in this notebook count, 3 points together; their statements say how many each.\n")
    assert sum("points" in notebooks.source(cell) for cell in handout if "{exercise}" in notebooks.source(cell)) == 1


@pytest.mark.parametrize("arguments, said", [
    (["week", "forward-node"], "There is no chapter forward-node, and no exercise. Is it forward-mode?"),
    (["week", "5", "Dual-Numbers"], "There is no chapter Dual-Numbers, and no exercise. Is it dual-numbers?"),
    (["week", "23"], "There is no chapter 23, and no exercise. Name a chapter by its number, 1 to 22, or as "),
    (["week", "graphs.total"], "There is no chapter graphs.total, and no exercise. Is it graphs-totals?"),
    (["week", "5", "forward.sub"], "The exercise forward.sub is named twice. Name it once."),
    (["week", "0"], "There is no chapter 0, and no exercise. "),
    (["week", "²"], "There is no chapter ², and no exercise. "),
    (["week", ""], "There is no chapter , and no exercise. "),
    (["week", "5", "forward-mode"], "The chapter 05-forward-mode is named twice. Name it once."),
    (["week", "all", "5"], "all means every chapter. Name no other beside it."),
    (["week 3", "5"], "'week 3' cannot be the name of an assignment: use the letters a to z, digits, - and _ alone."),
    (["../week", "5"], "cannot be the name"), (["", "5"], "cannot be the name"), (["wéek", "5"], "cannot be the name"),
    (["week\n", "5"], "cannot be the name"),
    (["week", "5", "--points", "hard=3"], "--points: hard=3 cannot be read. Give each grade a number, as in easy=1,"),
    (["week", "5", "--points", "easy"], "--points: easy cannot be read."),
    (["week", "5", "--points", "easy=-1"], "--points: easy=-1 cannot"), (["week", "5", "--points", "core=x"], "core=x"),
    (["week", "5", "--points", "easy=2,core=nan"], "--points: core=nan cannot"),
    (["week", "5", "--points", "easy=inf"], "--points: easy=inf cannot"),
    (["week", "5", "--seed", ""], "--seed should be a text that can be read"),
    (["week", "5", "--seed", "a\nb"], "--seed should be a text that can be read"),
])
def test_what_cannot_be_done_is_said_in_one_line(folder, arguments, said):
    message = assignment.main([*arguments, "--course", str(folder)])
    assert said in message and "\n" not in message
    assert not folder.exists()


@pytest.mark.parametrize("text, points", [
    ("", {"easy": 1, "core": 2, "stretch": 3}), ("core=3", {"easy": 1, "core": 3, "stretch": 3}),
    (" easy = 0.5, stretch=4.0,", {"easy": 0.5, "core": 2, "stretch": 4}),
    ("easy=0", {"easy": 0, "core": 2, "stretch": 3}),
])
def test_points_that_are_not_given_are_the_usual_ones(text, points):
    assert assignment.points_by_grade(text) == points


# The folder


@pytest.mark.parametrize("place", ["source/week", "handout/week"])
@pytest.mark.parametrize("kind", ["file", "folder", "broken link"])
def test_nothing_that_exists_is_overwritten(folder, place, kind):
    path = folder / place
    path.parent.mkdir(parents=True)
    {"file": lambda: path.write_text("mine"), "folder": path.mkdir,
     "broken link": lambda: path.symlink_to("nowhere")}[kind]()
    before = sorted(folder.rglob("*"))
    assert assignment.main(["week", "5", "--course", str(folder)]) == (
        f"{path} is there already, and stays as it is. Choose another name.")
    assert sorted(folder.rglob("*")) == before


def test_a_second_assignment_leaves_the_first_and_the_configuration_as_they_are(folder):
    assignment.main(["one", "5", "--course", str(folder)])
    (folder / "nbgrader_config.py").write_text("# mine")
    before = contents(folder)
    assert assignment.main(["two", "6", "--course", str(folder)]) == 0
    after = contents(folder)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"source/two/06-dual-numbers.ipynb", "handout/two/06-dual-numbers.ipynb"}


def test_the_book_itself_is_refused():
    before = contents(BOOK)
    for folder in (BOOK, BOOK / "course"):
        assert assignment.main(["week", "5", "--course", str(folder)]) == (
            f"{folder} is the book itself. Name a folder of your own.")
    assert contents(BOOK) == before


def test_a_file_in_the_way_is_reported(folder):
    folder.write_text("mine")
    assert assignment.main(["week", "5", "--course", str(folder)]) == (
        f"{folder} cannot be made a folder (it is a file). Name another one.")
    assert folder.read_text() == "mine"
    folder.unlink()
    folder.mkdir()
    (folder / "handout").write_text("mine")
    assert assignment.main(["week", "5", "--course", str(folder)]) == (
        "The assignment week was not written (a file is in the way). Nothing of yours was touched: remove the cause, "
        "or name another folder, and run the command again.")
    assert contents(folder) == {"handout": b"mine"} and os.listdir(folder) == ["handout"]


@pytest.mark.parametrize("call", range(3))
def test_a_full_disk_leaves_nothing_behind(folder, monkeypatch, call):
    write_bytes, calls = Path.write_bytes, []

    def full(path, content):
        calls.append(path)
        if len(calls) > call:
            write_bytes(path, content[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write_bytes(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    message = assignment.main(["week", "5", "--course", str(folder / "inner")])
    assert message.startswith("The assignment week was not written (No space left on device). Nothing of yours was")
    assert not folder.exists()


@pytest.mark.parametrize("failing", range(3))
def test_what_was_put_in_its_place_is_taken_back_if_the_rest_fails(folder, monkeypatch, failing):
    assignment.main(["first", "6", "--course", str(folder)])
    (folder / "nbgrader_config.py").unlink()
    before, rename, calls = contents(folder), os.rename, []

    def fails(source, target):
        calls.append(target)
        if len(calls) > failing:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        rename(source, target)

    monkeypatch.setattr(os, "rename", fails)
    assert "was not written (Permission denied)" in assignment.main(["week", "5", "--course", str(folder)])
    assert contents(folder) == before
    assert sorted(os.listdir(folder)) == ["handout", "source"]


def test_an_interruption_leaves_nothing_behind(folder, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        assignment.main(["week", "5", "--course", str(folder)])
    assert not folder.exists()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="every folder may be written to by this user")
def test_a_folder_without_permission_is_reported(folder):
    folder.mkdir(mode=0o500)
    message = assignment.main(["week", "5", "--course", str(folder)])
    assert message.startswith("The assignment week was not written (Permission denied).") and "\n" not in message
    assert "cannot be made a folder (Permission denied)" in assignment.main(["w", "5", "--course", str(folder / "in")])
