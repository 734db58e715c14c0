"""Run the code cells of one notebook against an assembled package, as a reader at that point of the book would.

    python run_chapter.py FOLDER NOTEBOOK

FOLDER holds the assembled package. The exercise checks and the code that only draws are the finished ones and keep the
finished package: they and all that they use are imported first. The first cell that fails is printed, and ends the run.
"""

import importlib
import os
import pkgutil
import sys
from pathlib import Path

#: The modules that only draw, which the book shows at its end.
DRAWING = ("draw", "kept", "player")


def import_checks():
    """Import the checks with every module and every lazy name of the finished package they may use later."""
    package, checks = importlib.import_module("minigrad"), importlib.import_module("checks")
    for name in getattr(package, "__all__", []):
        setattr(package, name, getattr(package, name))
    for module in pkgutil.walk_packages(checks.__path__, "checks."):
        importlib.import_module(module.name)


def forget_package():
    """Let the next import of the package find another copy of it, but for the code that only draws."""
    folder = Path(sys.modules["minigrad"].__file__).parent
    drawing = {f"minigrad.{name}" for name in DRAWING if (folder / f"{name}.py").exists()}
    for name in drawing:
        importlib.import_module(name)
    for name in [name for name in sys.modules if name.partition(".")[0] == "minigrad"]:
        if name not in drawing:
            del sys.modules[name]
    importlib.invalidate_caches()


def run(notebook):
    """Run the code cells in order; returns a message about the first that fails, or None."""
    from IPython.core.interactiveshell import InteractiveShell

    from tools import notebooks

    shell = InteractiveShell.instance(colors="NoColor")
    for number, cell in enumerate(notebooks.read(notebook)["cells"], 1):
        if cell["cell_type"] != "code":
            continue
        result = shell.run_cell(notebooks.source(cell), store_history=True)
        error = result.error_before_exec or result.error_in_exec
        if error and "raises-exception" not in notebooks.tags(cell):
            return f"{Path(notebook).name}, cell {number}: {type(error).__name__}: {error}"
    return None


def main(folder, notebook):
    import_checks()
    forget_package()
    sys.path.insert(0, folder)
    os.chdir(Path(notebook).parent)
    return run(notebook)


if __name__ == "__main__":
    os.environ["MPLBACKEND"] = "Agg"
    sys.exit(main(*sys.argv[1:]))
