"""The commands of the Makefile: what they do on a fresh clone, with the Pythons that readers have or lack.

The Pythons are stand-ins: scripts that answer what `tools/environment.sh` asks and note what they are called with.
"""

import os
import shutil
import subprocess

import pytest

from tools.build import ROOT

#: All that the commands may find on the path besides Python.
TOOLS = ("sh", "make", "cat", "rm", "mkdir", "sed", "awk")

STAND_IN = r"""#!/bin/sh
# A Python of version {version} that can (or cannot) make environments.
echo "$0 $*" >>"{log}"
case "$*" in
    *"sys.exit(sys.version_info"*) exit {too_old} ;;
    *"print("*) echo {version} ;;
    *"import ensurepip"*) exit {lacks_venv} ;;
    *"-m venv"*) rm -rf .venv; mkdir -p .venv/bin; cat "$0" >.venv/bin/python; {chmod} 755 .venv/bin/python ;;
    *"pip --version"*) exit 0 ;;
    *"pip install"*) echo "Collecting numpy"; echo "Installing collected packages: numpy"; exit {pip_fails} ;;
esac
"""

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, TOOLS)), reason=f"the commands need {', '.join(TOOLS)}, as on Linux and macOS"
)


class Clone:
    """A fresh clone in a folder whose path has a space in it, on a machine of which we choose the Pythons."""

    def __init__(self, folder):
        self.folder = folder / "my books" / "minigrad"
        self.commands = folder / "bin"
        self.log = folder / "calls.txt"
        self.commands.mkdir()
        for tool in TOOLS:
            (self.commands / tool).symlink_to(shutil.which(tool))
        (self.folder / "tools").mkdir(parents=True)
        for name in ("Makefile", "requirements.txt", "pyproject.toml", "tools/environment.sh"):
            shutil.copy(ROOT / name, self.folder / name)

    def python(self, name, version="3.11", *, venv=True, pip=True):
        """Put a stand-in for Python on the path."""
        script = STAND_IN.format(
            version=version,
            log=self.log,
            chmod=shutil.which("chmod"),
            too_old=int(tuple(map(int, version.split("."))) < (3, 11)),
            lacks_venv=int(not venv),
            pip_fails=int(not pip),
        )
        (self.commands / name).write_text(script)
        (self.commands / name).chmod(0o755)

    def make(self, *arguments, **environment):
        """Run make and return what happened, with the calls that the Pythons received."""
        self.log.write_text("")
        # As in a reader's shell, also when these tests are themselves run by make.
        shell = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        environment = {**shell, "PYTHON": "", "PATH": str(self.commands), **environment}
        done = subprocess.run(["make", *arguments], cwd=self.folder, env=environment, capture_output=True, text=True)
        done.calls = self.log.read_text()
        return done

    @property
    def is_complete(self):
        """Whether the environment counts as done."""
        return (self.folder / ".venv" / "complete").exists()


@pytest.fixture
def clone(tmp_path):
    """Return a fresh clone on a machine without Python."""
    return Clone(tmp_path)


def complaint(done):
    """Return the one line in which a command says why it stopped."""
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_without_a_target_make_lists_its_commands(clone):
    done = clone.make()
    assert done.returncode == 0
    assert all(
        f"make {command} " in done.stdout
        for command in ("book", "test", "serve", "lab", "sync", "execute", "lint", "clean")
    )
    assert done.calls == ""


def test_a_missing_python_is_said_in_one_line(clone):
    line = complaint(clone.make("book"))
    assert "Python is missing" in line and "3.11 or newer" in line


def test_an_old_python_is_said_in_one_line(clone):
    clone.python("python3", "3.9")
    line = complaint(clone.make("book"))
    assert "Python 3.9 is too old" in line and "3.11 or newer" in line
    assert not (clone.folder / ".venv").exists()


def test_a_newer_python_beside_an_old_one_is_found(clone):
    clone.python("python3", "3.9")
    clone.python("python3.12", "3.12")
    done = clone.make("book")
    assert done.returncode == 0, done.stderr
    assert "python3.12 -m venv" in done.calls


def test_a_missing_venv_module_is_said_in_one_line(clone):
    clone.python("python3", "3.11", venv=False)
    line = complaint(clone.make("test"))
    assert "cannot make environments" in line and "apt install python3.11-venv" in line


@pytest.mark.parametrize(("asked", "said"), [("python4", "is not a command here"), ("python3.9", "is Python 3.9")])
def test_a_python_that_was_asked_for_and_does_not_do_is_said_in_one_line(clone, asked, said):
    clone.python("python3", "3.11")
    clone.python("python3.9", "3.9")
    assert said in complaint(clone.make("book", PYTHON=asked))


def test_the_python_that_is_asked_for_makes_the_environment(clone):
    clone.python("python3", "3.11")
    clone.python("python3.12", "3.12")
    assert "bin/python3 -m venv" in clone.make("book").calls
    assert "bin/python3.12 -m venv" in clone.make("book", PYTHON="python3.12").calls
    assert "-m venv" not in clone.make("book").calls, "without a wish the environment stays as it is"


def test_book_makes_the_environment_compares_the_cells_and_builds(clone):
    clone.python("python3")
    done = clone.make("book")
    assert done.returncode == 0, done.stderr
    order = [done.calls.index(call) for call in ("-m venv", "pip install", "tools.sync --check", "tools.build")]
    assert order == sorted(order)
    assert "1 packages collected" in done.stdout


def test_serve_builds_the_site_and_serves_it_to_this_machine_alone(clone):
    clone.python("python3")
    done = clone.make("serve", "PORT=8765")
    assert done.calls.index("tools.build") < done.calls.index("-m http.server --bind 127.0.0.1")
    assert "_build/html 8765" in done.calls and "http://localhost:8765" in done.stdout


@pytest.mark.parametrize("given", [[], ["NAME=week-3"], ["CHAPTERS=forward-mode"]])
def test_assignment_asks_for_a_name_and_chapters_before_anything_else(clone, given):
    clone.python("python3")
    line = complaint(clone.make("assignment", *given))
    assert line.startswith("Name the assignment and its chapters: make assignment NAME=week-3 CHAPTERS=")
    assert not (clone.folder / ".venv").exists()


def test_assignment_writes_the_chapters_into_the_course(clone):
    clone.python("python3")
    calls = clone.make("assignment", "NAME=week-3", "CHAPTERS=forward-mode 6", "COURSE=my course").calls
    assert calls.endswith(".venv/bin/python -m tools.assignment week-3 forward-mode 6 --course my course\n")


def test_test_makes_the_environment_and_runs_the_whole_suite(clone):
    clone.python("python3")
    assert clone.make("test").calls.endswith(".venv/bin/python -m pytest\n")


def test_a_second_run_installs_nothing(clone):
    clone.python("python3")
    clone.make("book")
    again = clone.make("book")
    assert again.returncode == 0 and again.stdout == ""
    assert "pip" not in again.calls and "-m venv" not in again.calls


@pytest.mark.parametrize("name", ["requirements.txt", "pyproject.toml"])
def test_changed_requirements_update_the_environment(clone, name):
    clone.python("python3")
    clone.make("book")
    with (clone.folder / name).open("a") as file:
        file.write("# changed\n")
    calls = clone.make("book").calls
    assert "pip install" in calls and "-m venv" not in calls


def test_a_failed_installation_does_not_count_as_done(clone):
    clone.python("python3", pip=False)
    assert "pip failed" in complaint(clone.make("book"))
    assert not clone.is_complete
    clone.python("python3")
    done = clone.make("book")
    assert done.returncode == 0 and "-m venv" in done.calls and clone.is_complete


def test_an_interrupted_installation_is_begun_again(clone):
    clone.python("python3")
    clone.make("book")
    (clone.folder / ".venv" / "complete").unlink()
    (clone.folder / ".venv" / "unfinished").touch()
    assert "-m venv" in clone.make("book").calls
    assert clone.is_complete and not (clone.folder / ".venv" / "unfinished").exists()


def test_a_moved_folder_gets_its_own_paths(clone, tmp_path):
    clone.python("python3")
    clone.make("book")
    clone.folder = clone.folder.rename(tmp_path / "moved")
    assert "pip install" in clone.make("book").calls
