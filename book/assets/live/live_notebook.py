"""What a kernel in the browser needs to know about this book. `python.js` calls ``prepare`` before the first cell."""

import ast
import sys
import types
from importlib.util import find_spec

#: What the core of Pyodide does not hold and the book uses.
LARGE = ("numpy", "matplotlib")


def prepare():
    """Start the kernel's IPython and make it leave out, with a line that says so, what it cannot run."""
    sys.modules |= without_installer()
    from pyodide_kernel import ipython_shell

    # The kernel asks in a way that IPython 9.18 does not take any more; no cell of the book awaits anything.
    ipython_shell.should_run_async = lambda *_, **__: False
    ipython_shell.Completer.use_jedi = False  # it is not shipped: names are completed from what is defined
    ipython_shell.ast_transformers.append(LeaveOut())


def without_installer():
    """The modules that a kernel expects for ``%pip``, of which it uses nothing else."""

    async def refuse(*_, **__):
        raise RuntimeError("a live notebook installs nothing: what the book uses is there")

    top = types.ModuleType("piplite")
    top.install = refuse
    for name in "piplite", "cli":
        setattr(top, name, types.ModuleType(f"piplite.{name}"))
    top.cli.get_transformed_code = refuse
    return {"piplite": top, "piplite.piplite": top.piplite, "piplite.cli": top.cli}


class LeaveOut(ast.NodeTransformer):
    """Replace a cell that imports what this Pyodide does not hold: such a cell draws, and the others go on."""

    def visit_Module(self, cell):
        absent = sorted(name for name in imported(cell) & {*LARGE} if find_spec(name) is None)
        return ast.parse(f"import live_notebook; live_notebook.say({absent})") if absent else cell


def imported(tree):
    """The names of the packages that a piece of code imports."""
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = [name for node in imports
             for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])]
    return {name.partition(".")[0] for name in names}


def say(absent):
    """Say why a cell was left out."""
    from checks.message import Message, show

    show(Message("○", f"Left out: this cell needs {' and '.join(absent)}.",
                 ("The Pyodide of this site does not hold that. What the cell shows stands on the chapter's page.",)))
