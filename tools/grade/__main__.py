"""Grade the submissions of an assignment, and write what came of it as a table and as a page.

    python -m tools.grade week-3                           those in course/submitted, as nbgrader collects them
    python -m tools.grade week-3 --submissions ~/Downloads/week-3
    python -m tools.grade week-3 --dask                    by a Dask cluster on this machine
    python -m tools.grade week-3 --dask tcp://10.0.0.1:8786

A submission is a folder with a student's notebooks, or a notebook alone. Nothing of it is changed, and no result is
ever overwritten: a second run writes week-3-2.csv. Limits are not a sandbox: grade where nothing is at risk.
"""

import argparse
import math
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from checks.standing import CELL_LIMIT, NOTEBOOK_LIMIT, Bar, Trouble

from tools import notebooks
from tools.grade import report
from tools.grade.job import grade, not_graded, stopping
from tools.grade.submissions import Assignment, submissions

#: GB of memory that a submission may use, and seconds that a Dask scheduler is given to answer.
MEMORY, PATIENCE = 2.0, 10


def job_of(submission, assignment, given):
    """What ``tools.grade.job.grade`` is to do, in a form that can be sent to another machine."""
    return {"notebooks": submission.notebooks, "exercises": list(assignment.points),
            "files": assignment.files, "cell_limit": given.cell_limit, "notebook_limit": given.notebook_limit,
            "memory": int(given.memory * 1e9)}


def grade_all(found, assignment, given, executor, show=lambda part: None):
    """Grade submissions with an executor; returns a Result for each, in their order.

    executor : any ``concurrent.futures.Executor``.
    show : called with how much is done, from 0 to 1.
    """
    jobs = {submission.place: job_of(submission, assignment, given) for submission in found}
    results, futures = {}, {}
    try:
        for submission in found:
            job = jobs[submission.place]
            if submission.failure or not submission.notebooks:
                results[submission.place] = not_graded(job, submission.failure)
            else:
                futures[executor.submit(grade, job)] = submission.place
        for done, future in enumerate(as_completed(futures), 1):
            place = futures[future]
            try:
                results[place] = future.result()
            except Exception as error:  # the worker it ran on is lost
                said = str(error) or type(error).__name__
                results[place] = not_graded(jobs[place], f"the worker that graded it failed: {said}")
            show(done / len(futures))
    except KeyboardInterrupt:
        stopping.set()
        for future in futures:
            future.cancel()
        results = {place: not_graded(job, "interrupted") for place, job in jobs.items()} | results
    return [report.Result(submission, assignment, **results[submission.place]) for submission in found]


@contextmanager
def executor_of(given):
    """The executor that is asked for: threads, each of which looks after one process, or a Dask cluster."""
    if given.dask is None:
        with ThreadPoolExecutor(given.jobs or os.cpu_count()) as executor:
            yield executor
        return
    try:
        from distributed import Client
    except ImportError:
        raise Trouble("Dask is not installed here: `pip install distributed`, or leave --dask out.") from None
    where = {"address": given.dask} if given.dask else {
        "n_workers": given.jobs or os.cpu_count(), "threads_per_worker": 1, "dashboard_address": None}
    try:
        client = Client(**where, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise Trouble(f"no Dask scheduler answers at {given.dask}: {error}. Start one: `python -m "
                      "distributed.cli.dask_scheduler`.") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except OSError:
            raise Trouble(f"no worker has joined the Dask scheduler at {given.dask}. Start one, in the folder of the "
                          f"book: `python -m distributed.cli.dask_worker {given.dask}`.") from None
        executor = client.get_executor(pure=False, retries=0)
        try:
            yield executor
        finally:
            executor.shutdown(wait=False)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m tools.grade", description=f"{__doc__.splitlines()[0]} Limits are not a sandbox: a submission "
        "can do whatever you can do.")
    parser.add_argument("name", help="the assignment, as `python -m tools.assignment` has named it")
    parser.add_argument("--course", type=Path, default=notebooks.ROOT / "course", metavar="FOLDER",
                        help="the course that it belongs to; `course` beside the book if none is named")
    parser.add_argument("--submissions", type=Path, metavar="FOLDER",
                        help="where they are, a folder or a notebook for each student (`submitted` in the course)")
    parser.add_argument("--jobs", type=int, help="how many are graded at a time (one for each core)")
    parser.add_argument("--cell-limit", type=float, default=CELL_LIMIT, metavar="SECONDS",
                        help="for one cell (%(default)s)")
    parser.add_argument("--notebook-limit", type=float, default=NOTEBOOK_LIMIT, metavar="SECONDS",
                        help="for one notebook (%(default)s)")
    parser.add_argument("--memory", type=float, default=MEMORY, metavar="GB", help="for one submission (%(default)s)")
    parser.add_argument("--dask", nargs="?", const="", metavar="ADDRESS",
                        help="grade on a Dask cluster: on the one at this address, or on one made on this machine")
    given = parser.parse_args(arguments)
    for option in ("jobs", "cell_limit", "notebook_limit", "memory"):
        if getattr(given, option) is not None and not 0 < getattr(given, option) < math.inf:
            parser.error(f"--{option.replace('_', '-')} should be a number, more than 0")
    try:
        return run(given)
    except Trouble as trouble:
        return str(trouble)
    except KeyboardInterrupt:
        return "Interrupted."


def run(given):
    """Grade as the arguments say; returns what ``sys.exit`` takes."""
    course = given.course.expanduser()
    assignment = Assignment.read(course / "source" / given.name)
    folder = (given.submissions or course / "submitted").expanduser()
    found = submissions(folder, assignment)
    targets = report.reserve(course / "grades", assignment.name)
    shown = sys.stderr.isatty()

    def show(part):
        if shown:
            print(f"\r{Bar(part)}", end="", file=sys.stderr, flush=True)

    show(0.0)
    try:
        with executor_of(given) as executor:
            results = grade_all(found, assignment, given, executor, show)
    except BaseException:
        report.release(targets)
        raise
    written, failures = report.write(targets, results, assignment)
    if shown:
        print(file=sys.stderr)
    print("\n".join([report.summary(results, assignment), *written]))
    if stopping.is_set():
        failures.append("Interrupted; the results hold what was graded until then.")
    return "\n".join(failures) or 0


if __name__ == "__main__":
    if sys.stdout:
        sys.stdout.reconfigure(errors="backslashreplace")  # a name may hold what the terminal cannot show
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) is signal.SIG_DFL:
            signal.signal(getattr(signal, name), signal.default_int_handler)
    sys.exit(main())
