"""Grading: what each submission earns, and that what one does costs nobody else, on any executor."""

import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import checks
import psutil
import pytest
from checks import grading
from checks.exercise import exercises, find
from checks.standing import CHECK, Trouble

from tools.grade import __main__ as command
from tools.grade import job, kernel, report
from tools.grade.submissions import Assignment, submissions
from tools.notebooks import ROOT

STUBS = {"sub": 'def sub(grads, others):\n    """Subtract."""\n    # your code here',
         "div": 'def div(a, b):\n    """Divide."""\n    # your code here'}
RIGHT = {"sub": "def sub(grads, others):\n"
                "    return {x: grads.get(x, 0.0) - others.get(x, 0.0) for x in grads | others}",
         "div": "def div(a, b):\n    return a / b, 1 / b, -a / b**2"}
WRONG = {"sub": RIGHT["sub"].replace(" - ", " + "), "div": RIGHT["div"].replace("-a", "a")}
CHECKS = {name: f'{name} = check("forward.{name}", {name})' for name in STUBS}
HIDDEN = ('\n### BEGIN HIDDEN TESTS\nfrom checks.grading import require\nrequire("forward.{}", seed="secret")\n'
          "### END HIDDEN TESTS")
POINTS = {"forward.sub": 1, "forward.div": 2}


def cell(source, **metadata):
    identity = metadata.pop("id", None) or f"cell-{abs(hash(source))}"
    return {"cell_type": "code", "id": identity, "source": source, "metadata": metadata, "outputs": [],
            "execution_count": None}


def answer(name, source):
    return cell(source, id=f"{name}-stub", tags=["stub"], nbgrader={"grade_id": f"forward-{name}-answer"})


def check(name, hidden=False, source=None):
    source = (source or CHECKS[name]) + HIDDEN.format(name) * hidden
    return cell(source, id=f"{name}-check", tags=["check"],
                nbgrader={"grade_id": f"forward-{name}", "points": POINTS[f"forward.{name}"]})


IMPORT = cell("from checks import check", id="import")


def write(path, cells):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), "utf-8")


def handed_in(sub="right", div="right", before=(), between=()):
    """The cells of a submission, with an answer of each kind and cells of the student's own."""
    kinds = {"right": RIGHT, "wrong": WRONG, "stub": STUBS}
    texts = {name: kinds.get(kind, {name: kind})[name] for name, kind in (("sub", sub), ("div", div))}
    return [IMPORT, *before, answer("sub", texts["sub"]), check("sub"), *between, answer("div", texts["div"]),
            check("div")]


class Course:
    """A course with one assignment of two exercises, in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.source = folder / "source/week-1"
        write(self.source / "05-forward.ipynb", [IMPORT, *(
            cell for name in STUBS for cell in (answer(name, RIGHT[name]), check(name, hidden=True)))])
        (self.source / "data").mkdir()
        (self.source / "data/table.csv").write_text("1,2\n")

    def hand_in(self, student, cells, name="week-1/05-forward.ipynb"):
        write(self.folder / "submitted" / student / name, cells)

    def grade(self, executor=None, **limits):
        """Grade what was handed in; returns student's place → Result."""
        assignment = Assignment.read(self.source)
        given = SimpleNamespace(**{"cell_limit": 20, "notebook_limit": 60, "memory": 2.0} | limits)
        with executor or ThreadPoolExecutor(2) as executor:
            results = command.grade_all(submissions(self.folder / "submitted", assignment), assignment, given, executor)
        return {result.place: result for result in results}


@pytest.fixture
def course(tmp_path):
    return Course(tmp_path)


def symbols(result):
    return "".join(symbol for symbol, _ in result.exercises.values())


# What is earned


def test_points_for_what_passes_and_the_mistake_for_what_does_not(course):
    course.hand_in("ada", handed_in())
    course.hand_in("bob", handed_in(sub="wrong"))
    course.hand_in("eve", handed_in(sub="stub", div="stub"))
    results = course.grade()
    assert {place: (symbols(r), r.points, r.lines) for place, r in results.items()} == {
        "ada": ("✓✓", 3, []), "bob": ("✗✓", 2, []), "eve": ("○○", 0, [])}
    assert results["bob"].mistakes == {"forward.sub": find("forward.sub").wrong[0][1]}


def test_the_seed_is_the_assignments_own(course):
    """An answer that knows the public inputs by heart passes the check that students have, and earns nothing."""
    public = find("forward.div").tests[1].points(find("forward.div"))
    known = {(6.0, 2.0): (3.0, 0.5, -1.5)} | {(a, b): (a / b, 1 / b, -a / b**2) for a, b in public}
    memorised = f"KNOWN = {known!r}\ndef div(a, b):\n    return KNOWN.get((a, b)) or (a / b, 1 / b, 0.0)"
    course.hand_in("ada", handed_in(div=memorised + "\nassert check('forward.div', div) is div"))
    assert symbols(course.grade()["ada"]) == "✓✗"


def test_files_that_notebooks_read_are_there_and_what_a_notebook_writes_is_gone(course):
    read = cell("assert open('data/table.csv').read() == '1,2\\n'\nopen('note.txt', 'w').write('a')")
    course.hand_in("ada", handed_in(before=[read]))
    result = course.grade()["ada"]
    assert symbols(result) == "✓✓" and not result.lines
    assert {path.name for path in course.folder.rglob("*.*")} == {"05-forward.ipynb", "table.csv"}


def test_a_notebook_for_another_kernel_and_without_ids_is_graded(course):
    cells = [{key: value for key, value in cell.items() if key != "id"} | {"metadata": {}} for cell in handed_in()]
    path = course.folder / "submitted/ada.ipynb"
    write(path, cells)
    path.write_text(path.read_text().replace('"metadata": {}, "nbformat"',
                                             '"metadata": {"kernelspec": {"name": "gone"}}, "nbformat"'))
    assert symbols(course.grade()["ada.ipynb"]) == "✓✓"


def test_of_two_copies_the_better_answer_counts(course):
    course.hand_in("ada", handed_in(sub="wrong"))
    course.hand_in("ada", handed_in(div="wrong"), "week-1/05-forward (1).ipynb")
    result = course.grade()["ada"]
    assert symbols(result) == "✓✓"
    assert result.lines == ["week-1/05-forward (1).ipynb and week-1/05-forward.ipynb both hold 05-forward.ipynb; of "
                            "each exercise the better answer counts"]


def test_the_books_answer_earns_nothing(course):
    own = "from checks.exercise import find\nsub = find('forward.sub').solution"
    course.hand_in("ada", handed_in(sub=own, div="div = check('forward.div', None)"))
    assert symbols(course.grade()["ada"]) == "○○"


#: What is written into an answer or above it, in place of an answer.
CHEATS = {
    "one that asks the book's": ("def div(a, b):\n    return div(a, b)", "calls itself without end"),
    "a verdict of its own": (
        "from checks import grading\ngrading.verdicts['forward.div'] = grading.Verdict('✓')", "NameError"),
    "an exercise without tests": (
        "from checks.exercise import find\nfind('forward.div').__dict__['tests'] = ()\n" + WRONG["div"],
        "it has changed the code of the checks (forward.div.tests)")}


def test_plain_cheats_earn_nothing_and_are_said(course):
    for kind, (source, _) in CHEATS.items():
        course.hand_in(kind, handed_in(div=source))
    results = course.grade()
    for kind, (_, said) in CHEATS.items():
        assert symbols(results[kind])[1] in "✗!", kind
        assert said in " | ".join([*results[kind].lines, *results[kind].mistakes.values()])


def test_judging_leaves_the_code_of_the_checks_as_it_was(monkeypatch):
    """Else who answers that exercise is told to have changed it, and earns nothing."""
    every = exercises()
    monkeypatch.setattr(kernel, "sealed", {})
    kernel.seal()
    for exercise in every:
        checks.judge(exercise, exercise.solution)
        assert kernel.changed() is None, exercise.name


# What is missing or changed


def test_an_edited_check_is_replaced_and_said(course):
    cells = handed_in(sub="wrong")
    cells[2] = check("sub", source='print("✓ forward.sub: these checks pass.")')
    course.hand_in("ada", cells)
    result = course.grade()["ada"]
    assert symbols(result) == "✗✓"
    assert result.lines == ["week-1/05-forward.ipynb: changed check of forward.sub: the assignment's own was run in "
                            "its place"]


def test_an_answer_in_the_cell_of_a_check_is_run(course):
    """Cells that were merged, or an answer that was written above the check: neither is locked everywhere."""
    both = [CHECKS["sub"], CHECKS["div"]]
    merged = [IMPORT, answer("sub", RIGHT["sub"]), answer("div", RIGHT["div"]), check("sub", source="\n".join(both))]
    course.hand_in("merged", merged)
    course.hand_in("above", handed_in(sub="stub"))
    path = course.folder / "submitted/above/week-1/05-forward.ipynb"
    cells = json.loads(path.read_text("utf-8"))["cells"]
    cells[2]["source"] = f"{RIGHT['sub']}\n{CHECKS['sub']}  # mine"
    write(path, cells)
    results = course.grade()
    assert {place: (symbols(result), len(result.lines)) for place, result in results.items()} == {
        "merged": ("✓✓", 1), "above": ("✓✓", 1)}


def test_a_check_that_was_deleted_is_run_after_the_answer(course):
    cells = handed_in()
    del cells[2]
    course.hand_in("ada", cells)
    result = course.grade()["ada"]
    assert symbols(result) == "✓✓" and "missing check of forward.sub: the assignment's own" in result.lines[0]


def test_an_exercise_that_is_gone_earns_nothing(course):
    course.hand_in("ada", handed_in()[:3])
    result = course.grade()["ada"]
    assert symbols(result) == "✓·" and result.lines == [
        "week-1/05-forward.ipynb: missing forward.div: neither the answer's cell nor its check is there"]


def test_an_answer_that_does_not_run_is_tried(course):
    course.hand_in("ada", handed_in(sub="def sub(grads, others)\n    return {}"))
    result = course.grade()["ada"]
    assert symbols(result) == "✗✓"
    said = "SyntaxError: expected ':' (line 1 of the cell)"
    assert result.lines[0].endswith(said)
    assert result.mistakes == {"forward.sub": f"a cell before its check failed: {said}"}


def test_a_second_check_after_a_better_answer_counts(course):
    cells = handed_in(sub="wrong")
    cells[3:3] = [cell(RIGHT["sub"]), cell(CHECKS["sub"])]
    course.hand_in("ada", cells)
    assert symbols(course.grade()["ada"]) == "✓✓"


# Bad input


def test_what_is_no_notebook_costs_its_own_marks(course):
    course.hand_in("ada", handed_in())
    for number, content in enumerate((
            b"no notebook", b"\xff\xfe", b"[1]", b"{}", b'{"cells": 3}', b"", b"[" * 100_000,
            b'{"cells": [{"cell_type": "code", "source": "", "metadata": {"nbgrader": 3}}]}')):
        course.hand_in(f"bob {number}", [])
        (course.folder / f"submitted/bob {number}/week-1/05-forward.ipynb").write_bytes(content)
    results = course.grade()
    assert symbols(results.pop("ada")) == "✓✓" and len(results) == 8
    for result in results.values():
        assert (symbols(result), result.lines) == ("··", ["week-1/05-forward.ipynb: this is not a notebook"])


def test_what_editors_leave_in_a_notebook_does_no_harm(course):
    """A mark of the order of bytes at its beginning, half an emoji, a file of the system's own beside it."""
    course.hand_in("ada", handed_in(before=[cell('"half of one: \ud83d"')]))
    path = course.folder / "submitted/ada/week-1/05-forward.ipynb"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    path.with_name("._05-forward.ipynb").write_bytes(b"\0\5\x16\7")
    result = course.grade()["ada"]
    assert symbols(result) == "✓✓" and not result.lines


def test_a_cell_of_many_lines_is_read_in_time():
    started = time.monotonic()
    assert CHECK.findall("\n" * 300_000 + CHECKS["sub"]) == ["forward.sub"]
    assert time.monotonic() - started < 30


def test_of_many_copies_only_the_first_are_run(course):
    for number in range(7):
        course.hand_in("ada", handed_in(), f"{number}.ipynb")
    [ada] = submissions(course.folder / "submitted", Assignment.read(course.source))
    assert [name for name, *_ in ada.notebooks] == [f"{number}.ipynb" for number in range(5)]
    assert ada.remarks == ["7 of its notebooks hold 05-forward.ipynb; only 5 were run, 0.ipynb to 4.ipynb"]


def test_nothing_handed_in_and_other_notebooks(course, tmp_path):
    (tmp_path / "submitted/ada").mkdir(parents=True)
    course.hand_in("bob", [IMPORT], "other.ipynb")
    results = course.grade()
    assert results["ada"].lines == ["no notebook was handed in"]
    assert results["bob"].lines == ["other.ipynb: it holds no exercise of this assignment"]


def test_what_was_handed_out_for_another_assignment_does_not_count(course, tmp_path):
    (course.folder / "source/week-2").mkdir()
    course.hand_in("ada", handed_in(), "week-2/05-forward.ipynb")
    course.hand_in("bob", handed_in(), "05-forward.ipynb")
    path = course.folder / "submitted/bob/05-forward.ipynb"
    path.write_text(path.read_text().replace('"metadata": {}, "nbformat"',
                                             '"metadata": {"minigrad": {"assignment": "week-2"}}, "nbformat"'))
    results = course.grade()
    assert {place: (symbols(r), r.status, r.lines) for place, r in results.items()} == {
        "ada": ("··", "nothing handed in", ["no notebook was handed in"]),
        "bob": ("··", "nothing handed in", [
            "05-forward.ipynb: it was handed out for week-2, and does not count here"])}


def test_an_archive_is_not_graded_and_said(course):
    course.hand_in("ada", handed_in())
    (course.folder / "submitted/bob").mkdir()
    for name in ("bob/work.zip", "eve.7z"):
        (course.folder / "submitted" / name).write_bytes(b"PK")
    results = course.grade()
    assert symbols(results["ada"]) == "✓✓"
    assert [(results[place].status, results[place].lines[0]) for place in ("bob", "eve.7z")] == [
        ("not graded", "not graded: work.zip is an archive: unpack it, and grade again"),
        ("not graded", "not graded: eve.7z is an archive: unpack it, and grade again")]


def test_two_students_with_one_name(course):
    course.hand_in("Ada", handed_in(), "05-forward.ipynb")
    write(course.folder / "submitted/ada.ipynb", handed_in(sub="wrong"))
    results = course.grade()
    assert {place: result.points for place, result in results.items()} == {"Ada": 3, "ada.ipynb": 2}
    assert all("more than one submission has this name: Ada and ada.ipynb" in r.lines[0] for r in results.values())


def test_what_leads_nowhere_or_is_no_file(course):
    course.hand_in("ada", handed_in())
    folder = course.folder / "submitted/bob"
    folder.mkdir()
    (folder / "05.ipynb").symlink_to(folder / "gone")
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "06.ipynb")
    results = course.grade()
    assert symbols(results["ada"]) == "✓✓"
    assert results["bob"].failure and "leads nowhere" in results["bob"].lines[0]


def test_one_file_that_cannot_be_read_is_a_reason_for_all_of_a_submission(course, monkeypatch):
    course.hand_in("Bob", [IMPORT])
    course.hand_in("bob", handed_in())
    course.hand_in("bob", handed_in(), "week-1/06.ipynb")
    is_file = Path.is_file

    def denied(path):
        if path.name == "06.ipynb":
            raise PermissionError(13, "Permission denied")
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", denied)
    result = course.grade()["bob"]
    assert result.failure == "week-1/06.ipynb: it cannot be read: Permission denied"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to this user")
def test_a_folder_without_permission_is_not_graded_and_said(course):
    course.hand_in("ada", handed_in())
    course.hand_in("bob", handed_in())
    (course.folder / "submitted/bob").chmod(0)
    try:
        results = course.grade()
    finally:
        (course.folder / "submitted/bob").chmod(0o700)
    assert symbols(results["ada"]) == "✓✓"
    assert results["bob"].lines == ["not graded: it cannot be read: Permission denied"]


def test_a_folder_that_cannot_be_read_is_not_graded_and_said(course, monkeypatch):
    course.hand_in("ada", handed_in())
    course.hand_in("bob", handed_in())
    walk = os.walk

    def denied(path, onerror):
        if path.parent.name == "bob":
            onerror(PermissionError(13, "Permission denied"))
        return walk(path)

    monkeypatch.setattr(os, "walk", denied)
    results = course.grade()
    assert symbols(results["ada"]) == "✓✓"
    assert results["bob"].lines == ["not graded: it cannot be read: Permission denied"]


def test_a_missing_kernel_is_a_reason_not_a_mark(course, monkeypatch, tmp_path):
    """A machine without ipykernel: its submissions are not graded, which is not the same as no points."""
    (tmp_path / "without").mkdir()
    (tmp_path / "without/ipykernel.py").write_text("raise ModuleNotFoundError('No module', name='ipykernel')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "without"))
    course.hand_in("ada", handed_in())
    [line] = course.grade()["ada"].lines
    assert line.startswith("not graded: ") and "ipykernel is missing. Install it: pip install ipykernel" in line


def test_a_full_disk_where_kernels_start_is_a_reason_not_a_mark(course, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "gone"))
    (tmp_path / "sitecustomize.py").write_text(
        "import tempfile\n"
        "def full(*_, **__):\n    raise OSError(28, 'No space left on device')\n"
        "tempfile.mkdtemp = full\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    course.hand_in("ada", handed_in())
    assert course.grade()["ada"].lines == ["not graded: week-1/05-forward.ipynb: No space left on device"]


# Hostile submissions


#: Long, and of these tests alone: others may run beside them.
SLEEP = f"time.sleep({600 + os.getpid() / 1e7})"

STRAY = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; {SLEEP}']{{}})"

#: What a submission runs between two right answers → its verdicts, and what is said about it.
HOSTILE = {
    "an endless loop": ("while True: pass", "✓✓", "is there a loop that never ends?"),
    "a loop that cannot be stopped": (
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass", "✓?", "cannot be stopped"),
    "memory": ("x = []\nwhile True: x.append(bytearray(10**7))", "✓✓", "MemoryError"),
    "memory of its children": (
        "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n        x = bytearray(10**8)\n"
        "        for i in range(0, 10**8, 4096): x[i] = 1\n        time.sleep(600)\ntime.sleep(600)",
        "✓?", "it used more than 0.5 GB of memory; stopped"),
    "children": (STRAY.format(""), "✓✓", "1 process of its own still ran"),
    "children that hide": (STRAY.format(", env={}, start_new_session=True"), "✓✓", "1 process of its own still ran"),
    "an army of children": (
        "import os, time\nfor _ in range(100):\n    if os.fork() == 0:\n        time.sleep(600)\ntime.sleep(600)",
        "✓?", "it started more than 64 processes; stopped"),
    "endless output": ("while True: print('x' * 1000)", "✓✓", "is there a loop that never ends?"),
    "endless files": ("n = 0\nwhile True:\n    n += 1\n    open(f'file{n}', 'wb').write(bytes(5 * 10**7))",
                      "✓?", "it wrote more than 500 MB of files, or"),
    "folders without end": (
        "import os\nfor _ in range(2000):\n    os.mkdir('f')\n    os.chdir('f')", "✓✓", ""),
    "many folders": (f"import os, time\nfor i in range(11_000): os.mkdir(str(i))\n{SLEEP}",
                     "✓?", "or 10000 of them; stopped"),
    "one large file": ("with open('f', 'wb') as f:\n    while True: f.write(bytes(10**7))", "✓✓", "OSError"),
    "a crash": ("import os\nos._exit(1)", "✓?", "its kernel died"),
    "a crash of the supervisor": ("import os\nos.kill(os.getppid(), 9)", "??",
                                  "ended from outside, perhaps by the submission itself"),
    "a message of no text": ("display({'text/plain': 5}, raw=True)", "✓✓", ""),
    "a forged message": ("print('✓ forward.div: these checks pass.')", "✓✓", ""),
    "a judge of its own": ("from checks import grading\ngrading.judge = lambda name, seed: grading.Verdict('✓')",
                           "!!", "it has changed the code of the checks (checks.grading.judge)"),
    "checks of its own": ("import checks.exercise\nchecks.exercise.Trial.verdict = lambda self: 'passed'",
                          "!!", "(checks.exercise.Trial.verdict)"),
    "input": ("input()", "✓✓", "StdinNotImplementedError"),
    "exit": ("exit()", "✓✓", ""),
}


def left_over(words):
    """The processes that still run with these words in their command."""
    found = []
    for process in psutil.process_iter():
        try:
            found += [process] * (words in " ".join(process.cmdline()))
        except psutil.Error:  # ended, and perhaps not noticed by its parent
            pass
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="processes are limited as on Unix")
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_submission_costs_its_own_marks_alone(course, kind, monkeypatch):
    folder = course.folder / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    code, expected, remark = HOSTILE[kind]
    course.hand_in("ada", handed_in())
    course.hand_in("eve", handed_in(between=[cell(code)]))
    course.hand_in("zoe", handed_in(sub="wrong"))
    # What is to be stopped for its size gets the time to reach it, whatever else the machine has to do.
    results = course.grade(cell_limit=4 if "never ends" in remark or "cannot" in remark else 30, memory=0.5)
    eve = results.pop("eve")
    assert (symbols(eve), eve.failure) == (expected, None), eve.lines
    assert remark in " | ".join(eve.lines) and all(eve.mistakes.values())
    assert {place: (symbols(r), r.lines) for place, r in results.items()} == {"ada": ("✓✓", []), "zoe": ("✗✓", [])}
    assert not left_over(SLEEP) and not left_over(str(folder))
    assert not list(folder.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="processes are limited as on Unix")
def test_where_the_users_threads_cannot_be_seen_their_number_is_not_limited():
    """A limit below the number of those that run would let no kernel start."""
    code = ("import resource\nfrom tools.grade import kernel\nkernel.can_start_threads = lambda: False\n"
            "before = resource.getrlimit(resource.RLIMIT_NPROC)[0]\nkernel.limit(10**9)\n"
            "assert resource.getrlimit(resource.RLIMIT_NPROC)[0] == before\n"
            "assert resource.getrlimit(resource.RLIMIT_DATA) == (10**9, 10**9)")
    subprocess.run([sys.executable, "-c", code], check=True, env=environment())


# Executors


def test_processes_and_a_dask_cluster_grade_as_threads_do(course):
    course.hand_in("ada", handed_in())
    course.hand_in("bob", handed_in(sub="wrong", between=[cell("import os\nos._exit(1)")]))
    given = SimpleNamespace(dask="", jobs=2)
    expected = {"ada": ("✓✓", []), "bob": ("✗?", [
        "week-1/05-forward.ipynb: code cell 4, `import os`: its kernel died; what comes after it was not run"])}
    for executor in (ProcessPoolExecutor(2), command.executor_of(given)):
        results = course.grade(executor)
        assert {place: (symbols(r), r.lines) for place, r in results.items()} == expected


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nowhere", "http://127.0.0.1:9"])
def test_a_dask_scheduler_that_does_not_answer(address, monkeypatch):
    monkeypatch.setattr(command, "PATIENCE", 1)
    with pytest.raises(Trouble, match=f"no Dask scheduler answers at {address}: "):
        with command.executor_of(SimpleNamespace(dask=address, jobs=1)):
            pass


def test_a_worker_that_is_lost_is_a_reason_not_a_mark(course):
    class Broken(ThreadPoolExecutor):
        def submit(self, function, *arguments):
            return super().submit(lambda: 1 / 0)

    course.hand_in("ada", handed_in())
    assert course.grade(Broken(1))["ada"].lines == ["not graded: the worker that graded it failed: division by zero"]


def test_an_interruption_keeps_what_is_done_whatever_the_executor(course):
    class Slow(Executor):
        """It ends the first job at once and no other; as that of Dask, it cannot be told to cancel what waits."""

        def submit(self, function, job):
            future = Future()
            if not futures:
                future.set_result(job_result)
            futures.append(future)
            return future

        def shutdown(self, wait=True):
            pass

    def interrupted(part):
        raise KeyboardInterrupt

    course.hand_in("ada", handed_in())
    course.hand_in("bob", handed_in())
    futures, job_result = [], {"exercises": dict.fromkeys(POINTS, ["✓", ""]), "remarks": [], "failure": None}
    assignment = Assignment.read(course.source)
    given = SimpleNamespace(cell_limit=20, notebook_limit=60, memory=2.0)
    try:
        ada, bob = command.grade_all(submissions(course.folder / "submitted", assignment), assignment, given, Slow(),
                                     interrupted)
    finally:
        job.stopping.clear()
    assert (ada.points, bob.failure) == (3, "interrupted") and futures[1].cancelled()


def test_what_is_stopped_is_not_graded_and_leaves_nothing(course, monkeypatch):
    course.hand_in("ada", handed_in(before=[cell("import time; time.sleep(600)")]))
    timer = __import__("threading").Timer(4, job.stopping.set)
    timer.start()
    started = time.monotonic()
    try:
        assert course.grade()["ada"].lines == ["not graded: interrupted"]
    finally:
        job.stopping.clear()
    assert time.monotonic() - started < 20


# The command


def test_what_was_graded_until_an_interruption_is_written_and_the_command_fails(course, monkeypatch):
    course.hand_in("ada", handed_in())
    job.stopping.set()
    try:
        assert run(course) == "Interrupted; the results hold what was graded until then."
    finally:
        job.stopping.clear()
    assert "ada,ada,not graded," in (course.folder / "grades/week-1.csv").read_text("utf-8")


def run(course, *arguments):
    return command.main(["week-1", "--course", str(course.folder), *arguments])


def test_the_command_writes_a_table_and_a_page_and_never_over_another(course, capsys):
    course.hand_in("ada", handed_in())
    course.hand_in("=HYPERLINK(1)", handed_in(sub="wrong"))
    course.hand_in("<script>", [])
    assert run(course, "--jobs", "2") == 0
    out = capsys.readouterr().out
    assert "3 submissions: 2 graded, 1 nothing handed in. On average those graded have 2.5 of 3 points." in out
    assert "! <script>: week-1/05-forward.ipynb: it holds no exercise of this assignment" in out
    grades = course.folder / "grades"
    with open(grades / "week-1.csv", encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["student"], row["points"], row["out of"], row["forward.sub"], row["forward.div"]) for row in rows] == [
        ("<script>", "0", "3", "0", "0"), ("'=HYPERLINK(1)", "2", "3", "0", "2"), ("ada", "3", "3", "1", "2")]
    page = (grades / "week-1.html").read_text("utf-8")
    assert "&lt;script&gt;" in page and "<script>" not in page
    assert find("forward.sub").wrong[0][1].partition(":")[0] in page
    first = (grades / "week-1.csv").read_bytes()
    assert run(course) == 0
    assert sorted(path.name for path in grades.iterdir()) == ["week-1-2.csv", "week-1-2.html", "week-1.csv",
                                                              "week-1.html"]
    assert (grades / "week-1.csv").read_bytes() == first == (grades / "week-1-2.csv").read_bytes()


def environment():
    """The environment of a command that is run from the book's folder."""
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "book")])}


def test_what_the_terminal_cannot_show_is_written_all_the_same(course):
    (course.folder / "submitted/Zoë").mkdir(parents=True)
    done = subprocess.run([sys.executable, "-m", "tools.grade", "week-1/", "--course", course.folder], cwd=ROOT,
                          env=environment() | {"PYTHONIOENCODING": "ascii"}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "! Zo\\xeb: no notebook was handed in" in done.stdout
    assert "Zoë" in (course.folder / "grades/week-1.csv").read_text("utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as on Unix")
@pytest.mark.parametrize("kind", ["SIGTERM", "SIGKILL"])
def test_a_grading_that_is_ended_leaves_nothing_running(course, kind):
    started, folder = course.folder / "started", course.folder / "tmp"
    folder.mkdir()
    course.hand_in("ada", handed_in(before=[cell(f"import time\nopen({str(started)!r}, 'w').close()\n{SLEEP}")]))
    grading = subprocess.Popen([sys.executable, "-m", "tools.grade", "week-1", "--course", course.folder], cwd=ROOT,
                               env=environment() | {"TMPDIR": str(folder)}, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not started.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    grading.send_signal(getattr(signal, kind))
    out, _ = grading.communicate(timeout=60)
    assert ("! ada: not graded: interrupted" in out) == (kind == "SIGTERM")
    while (left_over(str(folder)) or list(folder.iterdir())) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert started.exists() and not left_over(str(folder)) and not list(folder.iterdir())


def test_two_gradings_at_once_write_into_files_of_their_own(tmp_path, monkeypatch):
    first = report.reserve(tmp_path, "week-1")
    monkeypatch.setattr(report.os.path, "lexists", lambda path: False)  # not there when it was looked for
    assert [path.name for path in report.reserve(tmp_path, "week-1")] == ["week-1-2.csv", "week-1-2.html"]
    assert all(path.exists() for path in first)


def test_parts_of_points_are_not_rounded():
    assert [report.number(x) for x in (0, 2.0, 0.25, 3 * 0.1, 120)] == ["0", "2", "0.25", "0.3", "120"]


def test_what_the_page_asks_for_again_and_again_is_worked_out_once(course):
    result = report.Result(None, None, {"forward.sub": ["✗", "wrong"]}, [], None)
    assert result.mistakes is result.mistakes


def test_a_name_is_one_line_with_all_its_letters():
    assert report.plain(" Zoë\n\x1b[31m\u202eB ") == "Zoë �[31m�B"
    assert report.plain("علی\u200cرضا 👩\u200d🎓") == "علی\u200cرضا 👩\u200d🎓"


@pytest.mark.parametrize("option", ["--memory=nan", "--memory=inf", "--jobs=0", "--cell-limit=-1"])
def test_limits_that_are_none_are_refused(course, option, capsys):
    with pytest.raises(SystemExit):
        run(course, option)
    assert f"{option.partition('=')[0]} should be a number, more than 0" in capsys.readouterr().err


def test_results_that_cannot_be_written_are_printed(course, capsys, monkeypatch):
    course.hand_in("ada", handed_in())

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report.os, "replace", full)
    said = run(course)
    assert "week-1.csv could not be written: No space left on device." in said
    assert "ada,ada,graded,3,3,1,2," in capsys.readouterr().out
    assert not list((course.folder / "grades").iterdir())


def edit(path, old, new):
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")


@pytest.mark.parametrize("spoil, said", [
    (lambda course: course.source.rename(course.folder / "gone"), "is not there. `make assignment` makes an"),
    (lambda course: (course.source / "notes.ipynb").write_text("mine"),
     "notes.ipynb cannot be graded by: this is not a notebook"),
    (lambda course: edit(course.source / "05-forward.ipynb", "forward.sub", "forward.subs"),
     "05-forward.ipynb cannot be graded by: There is no exercise 'forward.subs'. Is it forward.sub"),
    (lambda course: edit(course.source / "05-forward.ipynb", '"points": 2', '"points": "two"'),
     "05-forward.ipynb cannot be graded by: could not convert string to float: 'two'"),
    (lambda course: (course.source / "05-forward.ipynb").unlink(), "holds no notebook with checks that count points"),
    (lambda course: (course.folder / "submitted").mkdir(), "is empty. Put a folder for each student there"),
    (lambda course: None, "is not a folder. Name the one in which there is a folder for each student"),
    (lambda course: (course.hand_in("ada", handed_in()), (course.folder / "grades").write_text("")),
     "cannot hold the results: File exists. Nothing was graded"),
])
def test_what_cannot_begin_is_said_in_a_line(course, spoil, said):
    spoil(course)
    line = run(course)
    assert said in line and "\n" not in line
    assert not list(course.folder.rglob("*.csv"))[1:]


def test_an_assignment_that_cannot_be_read_is_said_in_a_line(course, monkeypatch):
    def denied(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", denied)
    assert run(course) == f"{course.source / 'data/table.csv'} cannot be read: Permission denied."


def test_a_page_is_the_same_for_the_same_results(course):
    course.hand_in("ada", handed_in())
    assignment = Assignment.read(course.source)
    pages = {report.page(list(course.grade().values()), assignment) for _ in range(2)}
    assert len(pages) == 1


def test_a_verdict_is_kept_and_a_failure_raised():
    import checks

    checks.given["forward.sub"] = lambda grads, others: {}
    with pytest.raises(grading.NotPassed, match="forward.sub: not passed: "):
        grading.require("forward.sub", seed="a")
    assert grading.verdicts.pop("forward.sub").symbol == "✗"
    del checks.given["forward.sub"]
