"""Run notebooks in place and store their outputs.

    python -m tools.execute                           every notebook of the book
    python -m tools.execute book/03-chain-rule.ipynb  this one

Each notebook runs in a fresh kernel of this environment, started in the folder of the notebook. Nothing that depends on
the machine or the moment is stored. A notebook that fails is left as it was.
"""

import argparse
import re
import sys
from pathlib import Path

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager

from tools import notebooks

SECONDS_PER_CELL = 120
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}

#: What editors leave in a cell's metadata and no reader needs.
EDITOR_METADATA = ("collapsed", "execution", "ExecuteTime", "jp-MarkdownHeadingCollapsed", "jupyter", "scrolled",
                   "trusted", "vscode")


ANSI_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class NotebookFailed(Exception):
    """A cell raised, or took too long. The message names the notebook and the cell."""


def execute(path):
    """Run one notebook and store its outputs; returns whether the file changed."""
    before = Path(path).read_text("utf-8")
    notebook = nbformat.reads(before, as_version=4)
    run(notebook, path)
    clean(notebook)
    text = nbformat.writes(notebook) + "\n"
    if text == before:
        return False
    notebooks.write_text(path, text)
    return True


def run(notebook, path):
    """Run the cells of a notebook from the top, in the kernel that the test suite uses too."""
    # nbval's kernel is this very interpreter, whatever kernels are installed under the name in the notebook.
    manager = AsyncKernelManager(kernel_name=CURRENT_ENV_KERNEL_NAME, kernel_spec_manager=NbvalKernelspecManager())
    client = NotebookClient(
        notebook, km=manager, timeout=SECONDS_PER_CELL, shutdown_kernel="immediate", record_timing=False,
        coalesce_streams=True, resources={"metadata": {"path": str(Path(path).resolve().parent)}})
    reached = 0

    def note_cell(cell, cell_index):
        nonlocal reached
        reached = cell_index + 1

    client.on_cell_start = note_cell
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    try:
        client.execute(cleanup_kc=True)
    except CellExecutionError as error:
        message = f"{error.ename}: {error.evalue}"
    except CellTimeoutError:
        message = f"not finished after {SECONDS_PER_CELL} seconds"
    except DeadKernelError:
        message = "the kernel died"
    else:
        return
    first_lines = "\n".join(f"    {line}" for line in notebook.cells[reached - 1].source.splitlines()[:8])
    raise NotebookFailed(f"{path}, cell {reached}: {ANSI_COLOURS.sub('', message)}\n{first_lines}")


def clean(notebook):
    """Take out what depends on the machine, the moment or the editor."""
    notebook.metadata["kernelspec"] = KERNEL
    notebook.metadata.get("language_info", {}).pop("version", None)
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        for key in EDITOR_METADATA:
            cell.metadata.pop(key, None)


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tools.execute", description=__doc__.splitlines()[0])
    parser.add_argument("notebook", nargs="*", type=Path, help="a notebook; all of the book if none is named")
    paths = parser.parse_args(arguments).notebook or sorted((notebooks.ROOT / "book").glob("*.ipynb"))
    failures = []
    for number, path in enumerate(paths, 1):
        print(f"[{number}/{len(paths)}] {path.name} … ", end="", flush=True)
        try:
            print("updated" if execute(path) else "unchanged")
        except FileNotFoundError:
            print("missing")
            failures.append(f"{path}: there is no such notebook. Name one, or none for all.")
        except nbformat.reader.NotJSONError:
            print("unreadable")
            failures.append(f"{path}: not a notebook. Restore it from the last commit.")
        except NotebookFailed as failure:
            print("failed; the file is as it was")
            failures.append(str(failure))
    return "\n".join(failures) or 0


if __name__ == "__main__":
    sys.exit(main())
