"""What a kernel in the browser needs to know about this book. `python.js` calls ``prepare`` before the first cell."""

import ast
import ctypes
import sys
import types
from importlib.util import find_spec

#: What the core of Pyodide does not hold and the book uses.
LARGE = ("numpy", "matplotlib")

#: How deep C may call itself: as deep as Python. CPython's own limit, 10000, is more than the stack of a browser holds
#: (Chromium's bears 1600): an endless recursion through ``__add__``, or a chain of some thousand nodes that is given
#: up, would end Python without a word.
DEPTH = 1000


def prepare():
    """Start the kernel's IPython and make it leave out, with a line that says so, what it cannot run."""
    limit_depth()
    sys.modules |= without_installer()
    from pyodide_kernel import ipython_shell

    # The kernel asks in a way that IPython 9.18 does not take any more; no cell of the book awaits anything.
    ipython_shell.should_run_async = lambda *_, **__: False
    ipython_shell.Completer.use_jedi = False  # it is not shipped: names are completed from what is defined
    ipython_shell.ast_transformers.append(LeaveOut(ipython_shell.user_ns))
    bundles = ipython_shell.display_formatter.mimebundle_formatter
    bundles.for_type_by_name("minigrad.draw", "Drawing", described)


def limit_depth():
    """Lower what is left of C's recursion; in Python 3.13 it stands behind the limit that Python lets us set."""
    ctypes.pythonapi.PyThreadState_Get.restype = ctypes.c_void_p
    state = ctypes.cast(ctypes.pythonapi.PyThreadState_Get(), ctypes.POINTER(ctypes.c_int))
    usual, unusual = sys.getrecursionlimit(), 997
    sys.setrecursionlimit(unusual)
    places = [place for place in range(32) if state[place] == unusual]
    sys.setrecursionlimit(usual)
    if len(places) == 1 and DEPTH < state[places[0] + 1] <= 10000:
        state[places[0] + 1] = DEPTH


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


def described(drawing, **_):
    """A drawing as the text that describes it, with a line that says why."""
    return {"text/plain": "Not drawn: Graphviz does not run in a browser. The picture stands on the chapter's page; "
                          f"this is its description.\n\n{drawing.source}"}


class LeaveOut(ast.NodeTransformer):
    """Replace a cell that imports what cannot be had, or uses what such a cell defines; the other cells go on."""

    def __init__(self, namespace):
        self.namespace = namespace
        self.undefined = {}  # a name that a cell would have defined → what that cell lacked

    def visit_Module(self, cell):
        lacks = {name for name in imported(cell) & {*LARGE} if find_spec(name) is None}
        used, defined = names(cell)
        for name in (used & self.undefined.keys()) - defined - self.namespace.keys():
            lacks |= self.undefined[name]
        if not lacks:
            return cell
        self.undefined |= dict.fromkeys(defined, lacks)
        return ast.parse(f"import live_notebook; live_notebook.say({sorted(lacks)})")


def names(tree):
    """The names that a piece of code uses, and those that it defines."""
    used, defined = set(), set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                used.add(name)
            case ast.Name(id=name) | ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                defined.add(name)
            case ast.alias(name=name, asname=other):
                defined.add(other or name.partition(".")[0])
    return used, defined


def imported(tree):
    """The names of the packages that a piece of code imports."""
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    modules = [name for node in imports
               for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])]
    return {name.partition(".")[0] for name in modules}


def say(lacks):
    """Say why a cell was left out."""
    from checks.message import Message, show

    show(Message("○", f"Left out: this cell needs {' and '.join(lacks)}.",
                 ("It could not be loaded: the Pyodide of this site does not hold it, or there is no network. What "
                  "the cell shows stands on the chapter's page.",)))
