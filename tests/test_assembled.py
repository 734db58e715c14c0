"""Whoever types the book's package cells into files has the library.

The package is put together from what the cells of the notebooks show, every line of it; only the order of the
statements in a module, which the book shows by subject, is looked up. The library's own tests then run against it.
"""

import os
import re
import shutil
import subprocess
import sys
from itertools import groupby

import pytest

from tools import notebooks, units

#: The tests of the library: those of its modules, and of what all of them promise.
LIBRARY = ("scalar value forward numerical rules tensor dual transforms check_grads nn optim draw draw_arrays player "
           "conventions errors random_graphs").split()
#: What is no Python, and so in no cell.
ASSETS = ("player.html",)

COMMENTED_IMPORT = re.compile(r"^# (?:from|import) minigrad\b[^(\n]*(?:\(\n(?:# .*\n)*?# \))?", re.MULTILINE)
CALL = re.compile(r"^[\w.]+\((.*)\)$")


def with_package_imports(source):
    """The source of a cell with the imports that a notebook shows as comments."""
    return COMMENTED_IMPORT.sub(lambda match: re.sub(r"^# ", "", match[0], flags=re.MULTILINE), source)


def shown_units(root):
    """What the cells show, in reading order: the name of each unit and its source."""
    for path in notebooks.in_reading_order(root):
        for cell in notebooks.code_cells(notebooks.read(path)):
            names = {name.partition(":")[2]: name for name in cell["metadata"].get("units", [])}
            if names:
                # A call is named with its function only where its module has another statement of the name.
                names |= {CALL.sub(r"\1", target): name for target, name in names.items() if CALL.match(target)}
                for unit in units.module_units(with_package_imports(notebooks.source(cell)), "cell").values():
                    name = unit.name.partition(":")[2]
                    if name in names:  # the head of a class that is extended is no unit
                        yield names[name], unit


def type_package(root, folder):
    """Write the package that the cells show, and what is no Python beside it."""
    order = list(units.package_units(root / units.PACKAGE))
    shown = sorted(shown_units(root), key=lambda pair: order.index(pair[0]))
    folder.mkdir()
    for module, members in groupby(shown, key=lambda pair: pair[0].partition(":")[0]):
        (folder / f"{module}.py").write_text("\n\n\n".join(unit.source for _, unit in members) + "\n", "utf-8")
    for name in ASSETS:
        shutil.copy(root / units.PACKAGE / name, folder)


@pytest.fixture(scope="module")
def typed(tmp_path_factory):
    """A folder with the package as the notebooks show it, and the library's tests."""
    root = tmp_path_factory.mktemp("typed")
    type_package(notebooks.ROOT, root / units.PACKAGE)
    shutil.copytree(notebooks.ROOT / "tests", root / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "tools", "book"):
        (root / name).symlink_to(notebooks.ROOT / name)
    return root


def run(typed, *arguments):
    environment = os.environ | {"PYTHONPATH": str(typed), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([sys.executable, *arguments], cwd=typed, env=environment, capture_output=True, text=True)


def test_the_typed_package_has_every_unit_of_the_package(typed):
    ours, theirs = units.package_units(typed / units.PACKAGE), units.package_units(notebooks.ROOT / units.PACKAGE)
    assert ours.keys() == theirs.keys()
    assert {name: unit.source for name, unit in ours.items()} == {name: unit.source for name, unit in theirs.items()}


def test_the_typed_package_is_the_one_that_is_tested(typed):
    done = run(typed, "-c", "import minigrad; print(minigrad.__file__)")
    assert done.stdout.strip() == str(typed / units.PACKAGE / "__init__.py"), done.stderr


@pytest.mark.parametrize("module", LIBRARY)
def test_the_library_s_tests_pass_on_the_typed_package(typed, module):
    done = run(typed, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", f"tests/test_{module}.py")
    assert done.returncode == 0, done.stdout[-3000:]
