"""Nothing is used before it is shown.

For each notebook, a package is put together from the cells of the notebooks before it, and the notebook is run
against that; the checks and the code that only draws keep the finished package. The cells are those of the package,
which test_sync.py proves.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import notebooks, units
from tools.sync import Book

RUNNER = Path(__file__).with_name("run_chapter.py")


def units_shown_before(notebook, book, order):
    """The units that the notebooks before this one show."""
    earlier = order[:order.index(notebook)]
    return {name for cell in book.cells() if cell.path in earlier for name in cell.names}


def run_against_earlier_chapters(notebook, root, folder):
    """Run a notebook of the book in ``root`` against what the chapters before it have shown."""
    book = Book(root)
    units.assemble(book.package, units_shown_before(notebook, book, notebooks.in_reading_order(root)), folder)
    paths = [str(root), str(root / "book"), str(notebooks.ROOT)]
    return subprocess.run(
        [sys.executable, RUNNER, folder, notebook], env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("notebook", notebooks.in_reading_order(notebooks.ROOT), ids=lambda path: path.stem)
def test_notebook_uses_only_what_earlier_notebooks_show(notebook, tmp_path):
    done = run_against_earlier_chapters(notebook, notebooks.ROOT, tmp_path)
    assert done.returncode == 0, f"{done.stderr}\nShow a unit in an earlier chapter, or do without it here."


# The proof that the test above can fail, on a small book of its own.

LENGTH = "METRES = 1000\n\n\ndef metres(kilometres):\n    return METRES * kilometres\n"
AREA = "from minigrad.length import metres\n\n\ndef square(kilometres):\n    return metres(kilometres) ** 2\n"


@pytest.fixture
def small_book(tmp_path, make_notebook):
    """A book whose first chapter shows the module ``length`` and whose second uses it."""
    root = tmp_path / "root"
    for folder in ("minigrad", "book/checks"):
        (root / folder).mkdir(parents=True)
    (root / "minigrad" / "__init__.py").write_text("")
    (root / "minigrad" / "length.py").write_text(LENGTH)
    (root / "minigrad" / "area.py").write_text(AREA)
    (root / "book" / "checks" / "__init__.py").write_text("from minigrad import area\nsquare = area.square\n")
    (root / "_toc.yml").write_text(
        "root: book/intro\nparts:\n- chapters:\n  - file: book/01-length\n  - file: book/02-area\n")
    make_notebook(root / "book" / "01-length.ipynb",
                  {"units": ["length:METRES", "length:metres"], "source": LENGTH.rstrip()})
    return root


def second_chapter(root, make_notebook, source):
    return make_notebook(root / "book" / "02-area.ipynb", {"source": source})


def test_what_an_earlier_chapter_shows_can_be_used(small_book, make_notebook, tmp_path):
    chapter = second_chapter(small_book, make_notebook, "from minigrad.length import metres\nassert metres(2) == 2000")
    done = run_against_earlier_chapters(chapter, small_book, tmp_path / "assembled")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("source", ["from minigrad.area import square", "import minigrad.area"])
def test_a_module_that_no_earlier_chapter_shows_is_missing(small_book, make_notebook, tmp_path, source):
    done = run_against_earlier_chapters(
        second_chapter(small_book, make_notebook, source), small_book, tmp_path / "assembled")
    assert done.returncode == 1
    assert "02-area.ipynb, cell 1: ModuleNotFoundError: No module named 'minigrad.area'" in done.stderr


def test_a_unit_that_no_earlier_chapter_shows_is_missing(small_book, make_notebook, tmp_path):
    make_notebook(small_book / "book" / "01-length.ipynb", {"units": ["length:metres"], "source": "..."})
    chapter = second_chapter(small_book, make_notebook, "from minigrad.length import metres\nmetres(2)")
    done = run_against_earlier_chapters(chapter, small_book, tmp_path / "assembled")
    assert "02-area.ipynb, cell 1: NameError: name 'METRES' is not defined" in done.stderr


def test_a_module_can_be_used_before_all_that_its_head_imports_is_shown(small_book, make_notebook, tmp_path):
    imports, _, square = AREA.replace("import metres", "import METRES, metres").partition("\n\n\n")
    area = f"{imports}\n\n\ndef half():\n    return METRES / 2\n\n\n{square}"
    (small_book / "minigrad" / "area.py").write_text(area)
    make_notebook(small_book / "book" / "01-length.ipynb", {
        "units": ["length:METRES", "area:imports", "area:half", "area:square"], "source": "..."})
    source = "from minigrad.area import half, square\nassert half() == 500\nsquare(2)"
    chapter = second_chapter(small_book, make_notebook, source)
    done = run_against_earlier_chapters(chapter, small_book, tmp_path / "assembled")
    assert "02-area.ipynb, cell 1: NameError: name 'metres' is not defined" in done.stderr


def test_a_chapter_cannot_import_what_it_shows_itself(small_book, tmp_path):
    chapter = small_book / "book" / "01-length.ipynb"
    done = run_against_earlier_chapters(chapter, small_book, tmp_path / "assembled")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "assembled" / "minigrad" / "length.py").exists()


def test_the_checks_keep_the_finished_package(small_book, make_notebook, tmp_path):
    chapter = second_chapter(small_book, make_notebook, "from checks import square\nassert square(1) == 1_000_000")
    done = run_against_earlier_chapters(chapter, small_book, tmp_path / "assembled")
    assert done.returncode == 0, done.stderr


def test_drawing_code_and_package_names_are_always_there(small_book, make_notebook, tmp_path):
    (small_book / "minigrad" / "draw.py").write_text(f"{AREA}\n\ndef draw():\n    return square(1)\n")
    (small_book / "minigrad" / "__init__.py").write_text("NAMES = ['draw']\n")
    source = "import minigrad\nfrom minigrad.draw import draw\nassert minigrad.NAMES and draw() == 1_000_000"
    chapter = second_chapter(small_book, make_notebook, source)
    done = run_against_earlier_chapters(chapter, small_book, tmp_path / "assembled")
    assert done.returncode == 0, done.stderr
