"""The units of a package: the pieces of source that the book's cells show.

A unit is one top-level statement of a module, or one statement of a class body, with its decorators and the comments
above it. It is named ``module:target``:

- ``scalar:TABLE``, ``value:Value.parents``: an assignment or a definition, by what it defines;
- ``rules:np.exp``, ``scalar:+``: a call that stands alone, by its first argument, without quotes;
- ``value:imports``: a module's docstring and the imports at its top, together;
- ``value:Value``: the head of a class, which is its first line and its docstring;
- ``tensor:if sys.flags.optimize``: any other statement, by its first line.

Where a call shares its name with another statement of the module, the function is named too:
``scalar:operation(relu)``.
"""

import ast
import difflib
import itertools
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "minigrad"

#: This module is whole in every assembled package: the names of the package.
ALWAYS_WHOLE = "__init__"


class UnitError(Exception):
    """A module or a cell cannot be read as units. The message says where, and what to do."""


@dataclass(frozen=True)
class Unit:
    """One piece of a module's source, verbatim, and how many blank lines stand above and below it."""

    name: str
    source: str
    above: int
    below: int
    owner: str | None = None  # the unit of the class whose body it belongs to
    is_class: bool = False


# Reading


def package_units(folder, prefix=""):
    """The units of every module in a folder: a dictionary from name to unit, in the order of the source."""
    units = {}
    for path in sorted(Path(folder).glob("*.py")):
        units |= module_units(path.read_text("utf-8"), prefix + path.stem)
    return units


def module_units(source, module):
    """The units of one module: a dictionary from name to unit, in the order of the source."""
    lines = source.splitlines()
    statements = ast.parse(source, f"{module}.py").body
    imports = list(itertools.takewhile(_is_docstring_or_import, statements))
    units, end = [], 0
    if imports:
        end = imports[-1].end_lineno
        units.append(Unit(f"{module}:imports", "\n".join(lines[:end]), 0, _blank_lines(lines, end) or 2))
    units += _units_of(statements[len(imports):], source, end, module)
    rest = len(lines) - _blank_lines(lines[::-1], 0)
    if statements and rest > statements[-1].end_lineno:
        raise UnitError(f"{module}.py, line {rest}: a comment below the last statement belongs to no unit. "
                        "Move it above a statement.")
    for name, count in Counter(unit.name for unit in units).items():
        if count > 1:
            raise UnitError(f"{module}.py: {count} statements are called {name!r}. Rename or merge them, "
                            "so that a cell can say which one it shows.")
    return {unit.name: unit for unit in units}


def _units_of(statements, source, position, module, owner=None):
    """Yield the units of a module's statements, or of a class's; comments belong to the statement below them."""
    lines = source.splitlines()
    for statement, target in zip(statements, _targets(statements, source), strict=True):
        start = position + _blank_lines(lines, position)
        if start >= statement.lineno:
            raise UnitError(f"{module}.py, line {start}: two statements on one line. Give each a line of its own.")
        name = f"{owner}.{target}" if owner else f"{module}:{target}"
        split = isinstance(statement, ast.ClassDef) and not owner
        end = _end_of_head(statement, lines) if split else statement.end_lineno
        below = _blank_lines(lines, end) if end < len(lines) else 2
        yield Unit(name, "\n".join(lines[start:end]), start - position, min(below, 1) if owner else below, owner, split)
        if split:
            body = [inner for inner in statement.body if inner.lineno > end]
            yield from _units_of(body, source, end, module, name)
        position = statement.end_lineno


def _end_of_head(statement, lines):
    """The last line of a class's head: its first line, which may be broken, and its docstring."""
    if ast.get_docstring(statement) is not None:
        return statement.body[0].end_lineno
    end = max([statement.lineno, *(node.end_lineno for node in [*statement.bases, *statement.keywords])])
    while not lines[end - 1].partition("#")[0].rstrip().endswith(":") and end < statement.body[0].lineno:
        end += 1
    return end


def _is_docstring_or_import(statement):
    docstring = (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
                 and isinstance(statement.value.value, str))
    return docstring or isinstance(statement, (ast.Import, ast.ImportFrom))


def _blank_lines(lines, position):
    return len(list(itertools.takewhile(lambda line: not line.strip(), lines[position:])))


def _targets(statements, source):
    """What each statement is called, unique where a call can be told apart by its function."""
    short = [_target(statement, source) for statement in statements]
    count = Counter(short)
    return [f"{ast.unparse(statement.value.func)}({target})" if count[target] > 1 and _is_call(statement) else target
            for statement, target in zip(statements, short, strict=True)]


def _target(statement, source):
    def written(node):
        return " ".join(ast.get_source_segment(source, node).split())

    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return statement.name + _accessor(statement)
        case ast.Assign():
            return written(statement.targets[0])
        case ast.AnnAssign():
            return written(statement.target)
        case ast.Expr(value=ast.Call(args=[ast.Constant(value=str(text)), *_])):
            return text
        case ast.Expr(value=ast.Call(args=[first, *_])):
            return written(first)
    return ast.get_source_segment(source, statement).splitlines()[0].rstrip(":")


def _accessor(definition):
    """``.setter`` for the setter of a property, which has the name of the property itself."""
    attributes = [d.attr for d in definition.decorator_list if isinstance(d, ast.Attribute)]
    return next((f".{attr}" for attr in attributes if attr in ("setter", "deleter")), "")


def _is_call(statement):
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) and bool(statement.value.args)


def find(units, name, where):
    """The unit of that name; ``where`` names the cell, for the message if there is none."""
    if name not in units:
        near = difflib.get_close_matches(name, units, n=1, cutoff=0.5)
        raise UnitError(f"{where} names the unit {name!r}, which does not exist."
                        + (f" Did you mean {near[0]!r}?" if near else " `python -m tools.sync --list` lists all."))
    return units[name]


# Showing


def shown(units, where):
    """The source of a cell that shows these units, in this order; ``where`` names the cell in messages."""
    blocks = []
    for owner, members in itertools.groupby(units, key=lambda unit: unit.name if unit.is_class else unit.owner):
        members = list(members)
        blocks.append(_class(members, owner, where) if owner else _joined(members))
    return "\n\n\n".join(blocks)


def _joined(units):
    """Sources below each other, with the blank lines that they have in the module."""
    text = _source(units[0])
    for previous, unit in itertools.pairwise(units):
        text += "\n" * (1 + max(previous.below, unit.above)) + _source(unit)
    return text


def _source(unit):
    return _with_package_imports_commented(unit.source) if unit.name.endswith(":imports") else unit.source


def _class(members, owner, where):
    """A class: its head and the statements listed with it, or an extension of a class shown before."""
    name = owner.partition(":")[2]
    if any(unit.is_class for unit in members[1:]):
        raise UnitError(f"{where} lists statements of {owner!r} before its head. List the head first.")
    if not members[0].is_class:
        for unit in members:
            _refuse_bare_super(unit, where)
        return f"@extend({name})\nclass {name}:\n{_joined(members)}"
    if len(members) == 1 and ast.get_docstring(ast.parse(members[0].source + "\n    ...").body[0]) is None:
        raise UnitError(f"{where} shows the head of {owner!r}, which has no docstring, and nothing of its body. "
                        "List at least one statement of the body with it.")
    return _joined(members)


def _refuse_bare_super(unit, where):
    text = "class _:\n" + unit.source
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and ast.unparse(node) == "super()":
            raise UnitError(f"{where} extends a class by {unit.name!r}, which calls super() without arguments; in an "
                            "extension that is the wrong class. Name the class: super(Value, self).")


def _with_package_imports_commented(source):
    """A module's imports as a notebook shows them: what comes from the package is defined in the book already."""
    lines = source.splitlines()
    for statement in ast.parse(source).body:
        if _imports_package(statement):
            for line in range(statement.lineno - 1, statement.end_lineno):
                lines[line] = "# " + lines[line]
    return "\n".join(lines)


def _imports_package(statement):
    match statement:
        case ast.ImportFrom(module=module, level=level):
            return level > 0 or module.partition(".")[0] == PACKAGE
        case ast.Import(names=names):
            return any(alias.name.partition(".")[0] == PACKAGE for alias in names)
    return False


# Assembling


def assemble(units, names, target):
    """Write a package of the named units into a folder, each module in the order of its source.

    Modules of which nothing is named are left out; the names of the package are always there. What a module imports
    from the package is left out as long as it is not there: a book may show the head of a module before it has shown
    all that the module needs in the end.
    """
    folder = Path(target) / PACKAGE
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()  # even an empty one makes it a package that hides any other of its name
    kept = {name: unit for name, unit in units.items() if name in names or name.partition(":")[0] == ALWAYS_WHOLE}
    for module, members in itertools.groupby(kept.values(), key=lambda unit: unit.name.partition(":")[0]):
        (folder / f"{module}.py").write_text(_module(list(members), kept), "utf-8")


def _module(units, kept):
    names = {unit.name for unit in units}
    for unit in units:
        if unit.owner and unit.owner not in names:
            raise UnitError(f"{unit.name!r} is shown before the head of its class, {unit.owner!r}.")
    sources = [_imports_of(unit.source, kept) if unit.name.endswith(":imports") else unit.source for unit in units]
    return "\n\n".join(sources) + "\n"


def _imports_of(source, kept):
    """The head of a module, without those names of its own package that are not among the units kept."""
    shortened = source
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.ImportFrom) and _imports_package(statement):
            module = (statement.module or "").partition(".")[2]
            there = [alias for alias in statement.names if _is_there(alias.name, module, kept)]
            if len(there) < len(statement.names):
                whole, statement.names = ast.get_source_segment(source, statement), there
                shortened = shortened.replace(whole, ast.unparse(statement) if there else "pass", 1)
    return shortened


def _is_there(name, module, kept):
    """Whether a name that is imported from a module of the package, or a module of it, is among the units kept."""
    if not module:
        return any(unit.partition(":")[0] == name for unit in kept)
    return module == ALWAYS_WHOLE or f"{module}:{name}" in kept or not any(
        unit.partition(":")[0] == module for unit in kept)  # a module that is missing is an error, and says so
