"""Each chapter as an assignment: its own solutions earn all points, and the handout as it is earns none."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import assignment, notebooks

RUNNER = Path(__file__).with_name("run_assignment.py")
CHAPTERS = [path for path in sorted((notebooks.ROOT / "book").glob("*.ipynb")) if notebooks.is_chapter(path)]

every_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Make an assignment of a chapter, run both of its versions in a fresh process, and return what was found."""
    course = tmp_path_factory.mktemp("course")
    environment = {"MPLBACKEND": "Agg", "MINIGRAD_CHECK_LIMIT": "60", "PYTHONPATH": str(notebooks.ROOT)}

    @functools.cache
    def of(path):
        assert assignment.main([path.stem, path.stem, "--course", str(course)]) == 0
        versions = [course / version / path.stem / path.name for version in ("source", "handout")]
        done = subprocess.run([sys.executable, RUNNER, *versions], capture_output=True, text=True, timeout=300,
                              env=os.environ | environment)
        assert done.returncode == 0, done.stderr[-3000:]
        graded = [cell["metadata"]["nbgrader"]["grade_id"] for cell in notebooks.read(versions[1])["cells"]
                  if cell["metadata"].get("nbgrader", {}).get("grade")]
        return graded, json.loads(done.stdout)

    return of


@every_chapter
def test_the_solutions_earn_all_points(run, path):
    graded, found = run(path)
    assert found["source"] == {"verdicts": {name.replace("-", "."): "passed" for name in graded}, "errors": {}}


@every_chapter
def test_the_handout_as_it_is_earns_nothing_and_runs_to_its_end(run, path):
    graded, found = run(path)
    names = {grade_id: grade_id.replace("-", ".") for grade_id in graded}
    assert found["handout"]["verdicts"] == dict.fromkeys(names.values(), "not started")
    assert found["handout"]["errors"] == {
        grade_id: f"NotPassed: {name}: not started" for grade_id, name in names.items()}
