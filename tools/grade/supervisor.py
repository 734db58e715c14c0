"""Runs one submission: its notebooks in kernels of their own, with limits. ``tools.grade.job`` starts it."""

import ast
import asyncio
import ctypes
import json
import os
import queue
import shutil
import sys
import threading
import time
from pathlib import Path

import psutil
from checks.standing import Chapter, Kernel, Trouble, run_cells

from tools.grade.job import TOKEN, descendants, end_all, new_folder
from tools.grade.kernel import EXERCISES, MEMORY

#: Seconds between two looks at what a submission uses, and how many processes, bytes on disk and files it may have.
INTERVAL, MOST_PROCESSES, MOST_BYTES, MOST_FILES = 0.2, 64, 500_000_000, 10_000

#: Seconds that one check may take.
CHECK_LIMIT = 20

#: Seconds for the kernel to say what a check came to, and characters of a message that are kept.
PATIENCE, LONGEST = 20, 300


def main():
    parent = psutil.Process().parent()
    job = json.load(sys.stdin)
    adopt_orphans()
    threading.Thread(target=end_with, args=(parent, job["folder"]), daemon=True).start()
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        found = runner.run(run(job))
    json.dump(found | {"nonce": job["nonce"]}, sys.stdout)


def adopt_orphans():
    """Become the parent of descendants whose own parent ends, so that none is lost sight of; on Linux alone."""
    if sys.platform == "linux":
        PR_SET_CHILD_SUBREAPER = 36
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_with(parent, folder):
    """End all that was started and remove its folder, once the process that would have done so has ended."""
    me = psutil.Process()
    while me.parent() == parent:
        time.sleep(INTERVAL)
    end_all(me, os.environ[TOKEN])
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


async def run(job):
    """Run the notebooks of a job; returns what ``tools.grade.job.grade`` does."""
    best = dict.fromkeys(job["exercises"], ("·", ""))
    remarks, failure = [], None
    for name, title, cells in job["notebooks"]:
        try:
            with new_folder() as folder:
                chapter, messages = await run_notebook(Path(folder), title, cells, job)
        except (Trouble, OSError) as error:
            failure = f"{name}: {error.strerror or error if isinstance(error, OSError) else error}"
            break
        remarks += [shortened(f"{name}: {remark}") for remark in chapter.remarks]
        for exercise, symbol in chapter.exercises.items():
            best[exercise] = min(best[exercise], (symbol, shortened(messages.get(exercise, ""))),
                                 key=lambda found: "✓✗○?!·".index(found[0]))
    return {"exercises": best, "remarks": remarks, "failure": failure}


async def run_notebook(folder, title, cells, job):
    """Run one notebook in a folder of its own; Trouble or OSError if that cannot begin."""
    for name, content in job["files"].items():
        file = folder / "work" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes.fromhex(content))
    (folder / "work").mkdir(exist_ok=True)
    (folder / "runtime").mkdir(mode=0o700)
    exercises = [cell["exercise"] for cell in cells if "exercise" in cell]
    chapter = Chapter(folder / "work" / title, title, cells, dict.fromkeys(exercises, "?"))
    watch = Watch(folder, job["memory"])
    try:
        async with GradedKernel(folder, cells, job["memory"]) as kernel:
            watch.start()
            try:
                await run_cells(chapter, kernel, threading.Event(), job["cell_limit"], job["notebook_limit"])
            except Trouble as trouble:
                chapter.remarks.append(str(trouble))
            left = len(running(watch.me)) - 1  # besides the kernel
            if left > 0 and not watch.reason:
                chapter.remarks.append(f"{left} process{'es' * (left > 1)} of its own still ran when its last cell had "
                                       "ended; stopped")
    finally:
        watch.end()
        end_all(watch.me, os.environ[TOKEN])
    if watch.reason:
        chapter.remarks.append(watch.reason)
    if kernel.changed:
        chapter.remarks.append(f"it has changed the code of the checks ({kernel.changed}); nothing of it counts")
        chapter.exercises = dict.fromkeys(exercises, "!")
        kernel.messages.clear()
    return chapter, kernel.messages


class GradedKernel(Kernel):
    """A kernel with limits that tells what the checks came to: by asking it, not by what it shows."""

    COMMAND = sys.executable, "-c", "from tools.grade.kernel import main; main()"

    def __init__(self, folder, cells, memory):
        super().__init__(folder / "work")
        self.checks = {cell["source"]: cell["exercise"] for cell in cells if "exercise" in cell}
        self.messages, self.changed, self.failed = {}, None, None
        runtime = str(folder / "runtime")
        self.ENVIRONMENT = super().ENVIRONMENT | dict.fromkeys(("TMPDIR", "TEMP", "TMP", "IPYTHONDIR"), runtime) | {
            MEMORY: str(memory), EXERCISES: " ".join(self.checks.values()),
            # The machine is busier than a student's own.
            "MINIGRAD_CHECK_LIMIT": str(CHECK_LIMIT),
            # One core for each submission: others run beside it.
            "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

    async def run(self, source, note, limit, stopped):
        name = self.checks.get(source)
        if name:
            await self.verdict(name)  # one that is there before the check has run is not the check's
        failure = await super().run(source, lambda *_: None, limit, stopped)
        if name is None:
            self.failed = self.failed or failure
            return failure
        failed, self.failed = self.failed, None
        verdict = await self.verdict(name)
        if verdict is None:
            # There is no answer, or it stopped the check itself: what was raised, here or above, says which.
            note(name, "✗" if failure else "?")
            self.messages.setdefault(name, f"a cell before its check failed: {failed}" if failed else failure or "")
            return failure
        self.changed = self.changed or verdict["changed"]
        note(name, verdict["symbol"])
        if verdict["symbol"] == "✗":
            self.messages[name] = verdict["message"]
        return None

    async def verdict(self, name):
        """What the check of an exercise came to, or None."""
        ask = f"__import__('tools.grade.kernel', fromlist=['verdict']).verdict({name!r})"
        request = self.client.execute("", silent=True, store_history=False, user_expressions={"verdict": ask})
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                reply = await self.client.get_shell_msg(timeout=0.5)
            except queue.Empty:
                if not await self.manager.is_alive():
                    break
                continue
            if reply["parent_header"].get("msg_id") == request:
                try:
                    return json.loads(ast.literal_eval(
                        reply["content"]["user_expressions"]["verdict"]["data"]["text/plain"]))
                except (KeyError, ValueError, SyntaxError, TypeError):
                    return None
        raise Trouble("its kernel no longer answers; what comes after it was not run")


class Watch(threading.Thread):
    """Looks at what a submission uses, and ends it where that is too much."""

    def __init__(self, folder, memory):
        super().__init__(daemon=True)
        self.folder, self.memory = folder, memory
        self.me = psutil.Process()
        self.ended = threading.Event()
        self.reason = None

    def run(self):
        while not self.ended.wait(INTERVAL):
            self.reason = self.too_much()
            if self.reason:
                end_all(self.me, os.environ[TOKEN])
                return

    def end(self):
        self.ended.set()
        if self.is_alive():
            self.join()

    def too_much(self):
        """What the submission has too much of, in words, or None."""
        processes = [self.me, *running(self.me)]
        if len(processes) > MOST_PROCESSES:
            return f"it started more than {MOST_PROCESSES} processes; stopped"
        if used(processes, "rss") > self.memory and used(processes, "pss") > self.memory:
            return f"it used more than {self.memory / 1e9:g} GB of memory; stopped"
        if not fits(self.folder, MOST_BYTES):
            return f"it wrote more than {MOST_BYTES // 1_000_000} MB of files, or {MOST_FILES} of them; stopped"
        return None


def running(process):
    """The processes that a process has started, without those that have ended and wait to be noticed."""
    found = []
    for child in descendants(process):
        try:
            found += [child] * (child.status() != psutil.STATUS_ZOMBIE)
        except psutil.Error:
            pass
    return found


def used(processes, kind):
    """Bytes of memory that processes use: all (rss), or with what they share counted once (pss, where it is known)."""
    total = 0
    for process in processes:
        try:
            info = process.memory_info() if kind == "rss" else process.memory_full_info()
            total += getattr(info, kind, info.rss)
        except psutil.Error:
            pass
    return total


def fits(folder, most):
    """Whether a folder holds at most so many bytes, in a number of files and folders that can be looked at."""
    count = size = 0
    for place, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            count += 1
            try:
                size += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                pass
        if size > most or count > MOST_FILES:
            return False
    return True


def shortened(text):
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


if __name__ == "__main__":
    main()
