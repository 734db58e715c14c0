"""The cells that show the package are the package: each unit verbatim, in one cell."""

import shutil

import pytest

from tools import notebooks, sync, units
from tools.sync import Book
from tools.units import UnitError, module_units

SHAPES = '''\
"""Shapes of the plane."""

import math
from abc import (
    ABC,
)

from minigrad.length import (
    METRES,
    metres,
)

# How close is close enough. The blank line below belongs to the source.

#: A comment directly above.
TOLERANCE = 1e-9
TABLE = {}


# A comment that belongs to the class.
@frozen
class Shape(
    ABC,
):
    """A shape."""

    __slots__ = ("a", "b")  # two sides

    def __init__(self, a, b):
        self.a, self.b = a, b

    @property
    def area(self):
        return self.a * self.b

    @area.setter
    def area(self, area):
        self.b = area / self.a

    # One operation under two names.
    __add__ = __radd__ = join

    @staticmethod
    def unit():
        return Shape(1, 1)

    async def walk(self):
        pass


class Empty(Exception): pass


def square(a): return Shape(a, a)


operation("*", square)
operation("square", square)
register(math.hypot,
         lambda a, b: 0)
TABLE["square"] = square
if math.pi > 3:
    ROUND = True
'''


@pytest.fixture
def shapes():
    return module_units(SHAPES, "shapes")


@pytest.fixture
def copy_of_book(tmp_path, make_notebook):
    """Two modules of the package, and a book that shows ``scalar`` and ``value`` in two notebooks, in step."""
    for folder in ("book/checks", "minigrad"):
        (tmp_path / folder).mkdir(parents=True)
    for module in ("scalar", "value"):
        shutil.copy(notebooks.ROOT / "minigrad" / f"{module}.py", tmp_path / "minigrad")
    package = units.package_units(tmp_path / "minigrad")
    of_module = {module: [name for name in package if name.startswith(f"{module}:")] for module in ("scalar", "value")}
    for number, names in enumerate(of_module.values(), 1):
        make_notebook(tmp_path / "book" / f"0{number}-chapter.ipynb", {"source": "# prose", "markdown": True},
                      {"units": names, "source": "out of date"})
    (tmp_path / "_toc.yml").write_text("root: book/intro\n")
    sync.copy(Book(tmp_path))
    return tmp_path


def edit_cell(path, edit, cell=1):
    notebook = notebooks.read(path)
    notebooks.set_source(notebook["cells"][cell], edit(notebooks.source(notebook["cells"][cell])))
    notebooks.write(path, notebook)


# The book itself


def test_cells_and_package_agree():
    found = sync.problems(Book(notebooks.ROOT))
    assert not found, "\n".join(found)


# Units


def test_a_module_is_cut_into_units_by_name(shapes):
    assert list(shapes) == [f"shapes:{name}" for name in (
        "imports", "TOLERANCE", "TABLE", "Shape", "Shape.__slots__", "Shape.__init__", "Shape.area",
        "Shape.area.setter", "Shape.__add__", "Shape.unit", "Shape.walk", "Empty", "square", "*", "operation(square)",
        "math.hypot", 'TABLE["square"]', "if math.pi > 3")]


def test_units_together_are_the_whole_module():
    for path in sorted((notebooks.ROOT / "minigrad").glob("*.py")):
        source = path.read_text("utf-8")
        kept = [line for unit in module_units(source, path.stem).values() for line in unit.source.splitlines()]
        assert [line for line in kept if line] == [line for line in source.splitlines() if line], path.name


@pytest.mark.parametrize("name, source", {
    "Shape": '# A comment that belongs to the class.\n@frozen\nclass Shape(\n    ABC,\n):\n    """A shape."""',
    "Shape.__slots__": '    __slots__ = ("a", "b")  # two sides',
    "Shape.__add__": "    # One operation under two names.\n    __add__ = __radd__ = join",
    "Shape.unit": "    @staticmethod\n    def unit():\n        return Shape(1, 1)",
    "Shape.area.setter": "    @area.setter\n    def area(self, area):\n        self.b = area / self.a",
    "Empty": "class Empty(Exception): pass",
    "math.hypot": "register(math.hypot,\n         lambda a, b: 0)",
    "TOLERANCE": "# How close is close enough. The blank line below belongs to the source.\n\n"
                 "#: A comment directly above.\nTOLERANCE = 1e-9",
}.items())
def test_a_unit_is_verbatim_with_decorators_and_comments(shapes, name, source):
    assert shapes[f"shapes:{name}"].source == source


@pytest.mark.parametrize("source, message", [
    ("a = 1\na = 2\n", "2 statements are called 'm:a'"),
    ("a = 1; b = 2\n", "two statements on one line"),
    ("a = 1\n\n# the end\n", "line 3: a comment below the last statement"),
])
def test_what_cannot_be_named_is_refused(source, message):
    with pytest.raises(UnitError, match=message):
        module_units(source, "m")


# Cells


def shown(shapes, *names):
    return units.shown([shapes[f"shapes:{name}"] for name in names], "cell 7")


def test_imports_from_the_package_are_shown_as_comments(shapes):
    cell = shown(shapes, "imports")
    assert "\nfrom abc import (\n    ABC,\n)\n" in cell
    assert cell.endswith("\n# from minigrad.length import (\n#     METRES,\n#     metres,\n# )")


def test_a_class_grows_over_cells(shapes):
    assert shown(shapes, "Shape", "Shape.__slots__", "Shape.area") == (
        '# A comment that belongs to the class.\n@frozen\nclass Shape(\n    ABC,\n):\n    """A shape."""\n\n'
        '    __slots__ = ("a", "b")  # two sides\n\n    @property\n    def area(self):\n        return self.a * self.b')
    assert shown(shapes, "TABLE", "Shape.unit", "Shape.__add__", "square") == (
        "TABLE = {}\n\n\n"
        "@extend(Shape)\nclass Shape:\n    @staticmethod\n    def unit():\n        return Shape(1, 1)\n\n"
        "    # One operation under two names.\n    __add__ = __radd__ = join\n\n\ndef square(a): return Shape(a, a)")


def test_lines_that_stand_together_in_the_module_stand_together_in_the_cell(shapes):
    assert shown(shapes, "*", "operation(square)") == 'operation("*", square)\noperation("square", square)'


@pytest.mark.parametrize("source, names, message", [
    ("class A:\n    b = 1\n", ["A.b", "A"], "List the head first"),
    ("class A:\n    b = 1\n", ["A"], "List at least one statement"),
    ("class A:\n    def f(self):\n        super().f()\n", ["A.f"], "super"),
])
def test_a_class_that_cannot_be_shown_is_refused(source, names, message):
    cut = module_units(source, "m")
    with pytest.raises(UnitError, match=message):
        units.shown([cut[f"m:{name}"] for name in names], "cell 7")


def test_an_assembled_module_has_its_imports_back(shapes, tmp_path):
    units.assemble(shapes, {"shapes:imports", "shapes:TABLE"}, tmp_path)
    text = (tmp_path / "minigrad" / "shapes.py").read_text()
    assert "\nfrom minigrad.length import (\n    METRES," in text and "TABLE = {}" in text
    assert "class Shape" not in text


def test_a_class_whose_head_comes_later_cannot_be_assembled(shapes, tmp_path):
    with pytest.raises(UnitError, match="before the head of its class"):
        units.assemble(shapes, {"shapes:Shape.unit"}, tmp_path)


# Copying


def test_after_a_copy_everything_agrees(copy_of_book):
    assert sync.problems(Book(copy_of_book)) == []


def test_an_assembled_package_of_all_units_is_the_package(copy_of_book, tmp_path):
    package = Book(copy_of_book).package
    units.assemble(package, package, tmp_path / "assembled")
    assert units.package_units(tmp_path / "assembled" / "minigrad").keys() == package.keys()


@pytest.mark.parametrize("module", ["scalar", "value"])
def test_a_line_removed_from_the_package_is_found_wherever_it_stood(copy_of_book, module):
    path = copy_of_book / "minigrad" / f"{module}.py"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    for number, line in enumerate(lines):
        if line.strip():
            path.write_text("".join(lines[:number] + lines[number + 1:]), "utf-8")
            assert sync_fails(copy_of_book), f"{module}.py without line {number + 1} agrees: {line!r}"


@pytest.mark.parametrize("chapter", [0, 1])
def test_a_line_removed_from_a_cell_is_found_wherever_it_stood(copy_of_book, chapter):
    book = Book(copy_of_book)
    cell = book.cells()[chapter].content
    lines = notebooks.source(cell).splitlines(keepends=True)
    for number, line in enumerate(lines):
        notebooks.set_source(cell, "".join(lines[:number] + lines[number + 1:]))
        assert sync.problems(book), f"line {number + 1} can go missing: {line!r}"


def sync_fails(root):
    try:
        return bool(sync.problems(Book(root)))
    except (UnitError, SyntaxError):
        return True


def test_a_difference_is_shown_with_both_lines(copy_of_book):
    edit_cell(copy_of_book / "book" / "01-chapter.ipynb", lambda text: text.replace("TABLE = {}", "TABLE = []"))
    [message] = sync.problems(Book(copy_of_book))
    assert message.startswith("01-chapter.ipynb, cell 2 differs from the package in line ")
    assert "cell:    TABLE = []\n    package: TABLE = {}" in message


def test_copying_changes_nothing_else(copy_of_book):
    path = copy_of_book / "book" / "01-chapter.ipynb"
    before = path.read_bytes()
    edit_cell(path, lambda text: "something else")
    assert sync.copy(Book(copy_of_book)) == [path]
    assert path.read_bytes() == before


def test_copying_twice_writes_once(copy_of_book):
    edit_cell(copy_of_book / "book" / "02-chapter.ipynb", lambda text: "something else")
    assert len(sync.copy(Book(copy_of_book))) == 1
    assert sync.copy(Book(copy_of_book)) == []


# Each unit in one place


def test_an_unknown_unit_is_reported_with_the_nearest_name(copy_of_book, make_notebook):
    make_notebook(copy_of_book / "book" / "03-more.ipynb", {"units": ["value:Value.backwards"], "source": "..."})
    [message] = sync.problems(Book(copy_of_book))
    assert message == ("03-more.ipynb, cell 1 names the unit 'value:Value.backwards', which does not exist. "
                       "Did you mean 'value:Value.backward'?")


def test_a_unit_in_two_cells_is_reported(copy_of_book, make_notebook):
    make_notebook(copy_of_book / "book" / "03-more.ipynb", {"units": ["scalar:TABLE"], "source": "..."})
    sync.copy(Book(copy_of_book))
    [message] = sync.problems(Book(copy_of_book))
    assert message == "'scalar:TABLE' is shown 2 times: 01-chapter.ipynb, cell 2; 03-more.ipynb, cell 1. Keep one."


def test_a_unit_in_no_cell_is_reported(copy_of_book):
    with open(copy_of_book / "minigrad" / "scalar.py", "a", encoding="utf-8") as file:
        file.write("\n\nNEW = 1\n")
    [message] = sync.problems(Book(copy_of_book))
    assert message.startswith("'scalar:NEW' is in no cell.")


# Solutions of exercises

SOLUTION = """\
````{solution} ex-forward-sub
:class: dropdown

Why it works.

```python
out of date
```
The end.
````"""


@pytest.fixture
def book_with_solution(copy_of_book, make_notebook):
    (copy_of_book / "book" / "checks" / "forward.py").write_text("def sub(a, b):\n    return a - b\n")
    make_notebook(copy_of_book / "book" / "03-more.ipynb",
                  {"markdown": True, "source": SOLUTION, "tags": ["solution"], "units": ["checks.forward:sub"]})
    return copy_of_book


def test_a_solution_is_copied_into_its_block(book_with_solution):
    sync.copy(Book(book_with_solution))
    cell = notebooks.read(book_with_solution / "book" / "03-more.ipynb")["cells"][0]
    assert notebooks.source(cell) == SOLUTION.replace("out of date", "def sub(a, b):\n    return a - b")
    assert sync.problems(Book(book_with_solution)) == []


def test_a_changed_solution_is_found(book_with_solution):
    sync.copy(Book(book_with_solution))
    (book_with_solution / "book" / "checks" / "forward.py").write_text("def sub(a, b):\n    return b - a\n")
    [message] = sync.problems(Book(book_with_solution))
    assert "package:     return b - a" in message


@pytest.mark.parametrize("cell, message", [
    ({"markdown": True, "source": "no block", "units": ["checks.forward:sub"]}, "holds 0 blocks of Python"),
    ({"source": "...", "units": ["checks.forward:sub"]}, "solutions of exercises"),
    ({"markdown": True, "source": SOLUTION, "units": ["scalar:number"]}, "Code cells show"),
])
def test_units_in_the_wrong_kind_of_cell_are_reported(book_with_solution, make_notebook, cell, message):
    make_notebook(book_with_solution / "book" / "03-more.ipynb", cell)
    assert any(message in problem for problem in sync.problems(Book(book_with_solution)))


# The command


def test_the_command_copies_and_then_agrees(copy_of_book, monkeypatch, capsys):
    monkeypatch.setattr(notebooks, "ROOT", copy_of_book)
    edit_cell(copy_of_book / "book" / "01-chapter.ipynb", lambda text: "something else")
    assert "01-chapter.ipynb, cell 2 differs" in sync.main(["--check"])
    assert sync.main([]) == 0
    assert "updated book/01-chapter.ipynb" in capsys.readouterr().out
    assert sync.main(["--check"]) == 0
    assert sync.main(["--list"]) == 0
    assert "scalar:TABLE" in capsys.readouterr().out
