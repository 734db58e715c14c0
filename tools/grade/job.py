"""One submission as a job: graded in a process of its own, which is ended with all that it has started.

``grade`` is what an executor is given. It starts ``python -m tools.grade.supervisor``, which reads the job and writes
what it found, both as JSON; whatever happens to that process costs this submission alone.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress

import psutil

from tools.notebooks import ROOT

#: Tells the processes of a submission, wherever they have moved to.
TOKEN = "MINIGRAD_SUBMISSION"

#: Seconds that are given for what is not the submission's own code: starting and ending the kernel of a notebook.
OVERHEAD = 120

#: Set to end all jobs that run in threads of this process.
stopping = threading.Event()


def grade(job):
    """Grade one submission and return what was found; never raises for what the submission does.

    job : {"notebooks": [(name, title, cells)], "exercises": names, "files": name → bytes as hexadecimal,
        "cell_limit": s, "notebook_limit": s, "memory": bytes}
    Returns {"exercises": name → [symbol, message], "remarks": lines, "failure": None or why it was not graded}.
    """
    nonce = secrets.token_hex(8)
    try:
        with new_folder() as folder:
            written = supervised(job | {"nonce": nonce, "folder": folder})
    except OSError as error:
        return not_graded(job, f"no process could be started: {error.strerror}")
    try:
        found = json.loads(written or b"null")
        if found.pop("nonce") == nonce:
            return found
    except (ValueError, TypeError, AttributeError, KeyError):  # not what the supervisor writes
        pass
    if stopping.is_set():
        return not_graded(job, "interrupted")
    return {"exercises": {name: ["?", ""] for name in job["exercises"]}, "failure": None, "remarks": [
        "the process that ran this submission was ended from outside, perhaps by the submission itself; nothing of it "
        "counts"]}


def supervised(job):
    """Run a job in a process of its own, and end all that this process has started; what it wrote, or None."""
    token = secrets.token_hex(8)
    environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), job["folder"]) | {
        TOKEN: token, "PYTHONPATH": os.pathsep.join(filter(None, [
            str(ROOT), str(ROOT / "book"), os.environ.get("PYTHONPATH")]))}
    seconds = len(job["notebooks"]) * (job["notebook_limit"] + OVERHEAD)
    with subprocess.Popen(
            [sys.executable, "-m", "tools.grade.supervisor"], cwd=ROOT, env=environment, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        root = psutil.Process(process.pid)
        try:
            return ended(process, json.dumps(job).encode(), seconds)
        finally:
            end_all(root, token)


@contextmanager
def new_folder():
    """A folder for a time, which is removed whatever a submission has made of it."""
    folder = tempfile.TemporaryDirectory(prefix="minigrad-", ignore_cleanup_errors=True)
    try:
        yield folder.name
    finally:
        with suppress(RecursionError):  # it is too deep for Python
            folder.cleanup()
        if os.path.exists(folder.name):
            with suppress(OSError):
                subprocess.run(["rm", "-rf", folder.name])


def not_graded(job, reason):
    """What is found in a submission that is not run, for a reason that is not its own, or because nothing is in it."""
    return {"exercises": {name: ["·", ""] for name in job["exercises"]}, "remarks": [], "failure": reason}


def ended(process, given, seconds):
    """Wait for a process to end, or for the time to be over, or for everything to stop; what it wrote, or None."""
    deadline = time.monotonic() + seconds
    while not stopping.is_set() and time.monotonic() < deadline:
        try:
            return process.communicate(given, timeout=0.5)[0]
        except subprocess.TimeoutExpired:
            given = None
    return None


def end_all(root, token):
    """End all that a process has started and all that carries a token, but this process, until nothing is left."""
    for _ in range(20):
        found = {process.pid: process for process in [*descendants(root), *carriers(token)]}
        found.pop(os.getpid(), None)
        for process in found.values():
            try:
                process.kill()
            except psutil.Error:
                pass
        if not psutil.wait_procs(list(found.values()), timeout=1)[1]:
            return


def descendants(process):
    """The processes that a process has started, and those that they have; none if it has ended."""
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def carriers(token):
    """The processes whose environment carries a token."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(TOKEN) == token:
                yield process
        except (psutil.Error, OSError):  # another user's, or ended by now
            pass
