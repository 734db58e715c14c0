"""Show how far a reader has come: ``python -m checks exercises``."""

import argparse
import sys

from checks.standing import CELL_LIMIT, NOTEBOOK_LIMIT, Bar, Standing, Trouble


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m checks", description="Run your notebooks, each in a fresh kernel, and show which exercises are "
        "not started, tried or passed. The notebooks themselves are not changed.")
    parser.add_argument("folder", nargs="?", default=".", help="the folder with your notebooks, or one of them")
    parser.add_argument("--jobs", type=int, help="how many run at a time (one for each core, at most 4)")
    parser.add_argument("--cell-limit", type=float, default=CELL_LIMIT, metavar="SECONDS",
                        help="for one cell (%(default)s)")
    parser.add_argument("--notebook-limit", type=float, default=NOTEBOOK_LIMIT, metavar="SECONDS",
                        help="for one notebook (%(default)s)")
    given = parser.parse_args(arguments)
    if given.jobs is not None and given.jobs < 1:
        parser.error("--jobs should be 1 or more")
    shown = sys.stderr.isatty()

    def report(standing):
        if shown:
            print(f"\r{Bar(standing.done)}", end="", file=sys.stderr, flush=True)

    try:
        standing = Standing.read(given.folder)
        standing.run(report, given.jobs, cell_limit=given.cell_limit, notebook_limit=given.notebook_limit)
    except Trouble as trouble:
        return str(trouble)
    except KeyboardInterrupt:
        return "\nInterrupted; your notebooks are as they were."
    if shown:
        print(file=sys.stderr)
    print(standing)
    return 0


if __name__ == "__main__":
    sys.exit(main())
