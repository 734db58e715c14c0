"""The words of the project are spelled as British English spells them, or stand in the list in pyproject.toml."""

import subprocess
import sysconfig
from pathlib import Path

from tools.notebooks import ROOT

TYPOS = Path(sysconfig.get_path("scripts")) / "typos"


def spelled(folder, *arguments):
    return subprocess.run([TYPOS, "--format", "brief", *arguments], cwd=folder, capture_output=True, text=True)


def test_every_word_is_spelled_right():
    done = spelled(ROOT)
    assert done.returncode == 0, f"{done.stdout}\nCorrect these, or enter a name in pyproject.toml, [tool.typos]."


def test_a_wrong_word_is_found(tmp_path):
    (tmp_path / "page.md").write_text("The derivitive of a colour, and of a neighbor.\n")
    done = spelled(tmp_path, "--config", str(ROOT / "pyproject.toml"))
    assert "derivitive" in done.stdout and "neighbor" in done.stdout and "colour" not in done.stdout
