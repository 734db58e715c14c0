"""Where a reader stands: each notebook is run in a fresh kernel of its own, and what its checks say is collected.

The notebooks themselves are only read. ``checks.progress`` and ``python -m checks`` are the two ways in.
"""

import asyncio
import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from checks.exercise import find
from checks.message import COLOURS, OPENS, marked

#: How an exercise stands. The last one is that of a check that was not reached.
WORDS = {"✓": "passed", "✗": "tried", "○": "not started", "?": "not reached"}

#: Seconds that a cell and a whole notebook may take.
CELL_LIMIT, NOTEBOOK_LIMIT = 60, 300

#: Seconds that a kernel is given to start, and a cell to end once it is interrupted.
START_LIMIT, PATIENCE = 60, 5

#: How often a kernel is started that ends at once: one beside it may have taken the port that was chosen for it.
STARTS = 3

#: Tells the kernels that run for a reader's progress that they do.
RUNNING = "MINIGRAD_PROGRESS"

CHECK = re.compile(r"""^[ \t]*(?:\w+[ \t]*=[ \t]*)?check\(\s*["']([\w.]+)["']""", re.MULTILINE)
VERDICT = re.compile(r"^([✓✗○]) ([a-z]\w*\.[a-z]\w*): ")
HEADING = re.compile(r"^# +(.+)$", re.MULTILINE)

#: Where a syntax error is, as IPython says it.
PLACE = re.compile(r"\(\d+\.py, line (\d+)\)")


class Trouble(Exception):
    """Why a notebook, or what comes after one of its cells, could not be run: a line for the reader."""


class Unreadable(Trouble):
    """Why a file could not be read, whatever it holds."""


@dataclass
class Chapter:
    """One of the reader's notebooks: its exercises in order, name → symbol, and what there is to say about it."""

    path: Path
    title: str
    cells: list = field(repr=False)
    exercises: dict = field(default_factory=dict)
    remarks: list = field(default_factory=list)
    done: int = 0
    assignment: str = None

    @classmethod
    def read(cls, path):
        """Read a notebook; Trouble if it is none."""
        try:
            notebook = json.loads(path.read_text("utf-8-sig"))
            cells, metadata = notebook["cells"], dict(notebook.get("metadata", {}))
            cells = [{"kind": cell["cell_type"], "source": sendable("".join(cell["source"])), "id": cell.get("id"),
                      "tags": [*cell.get("metadata", {}).get("tags", [])],
                      "nbgrader": dict(cell.get("metadata", {}).get("nbgrader", {}))} for cell in cells]
        except OSError as error:
            raise Unreadable(f"it cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Trouble("this is not a notebook") from None
        headings = [HEADING.search(cell["source"]) for cell in cells if cell["kind"] == "markdown"]
        chapter = cls(path, next((match[1] for match in headings if match), path.stem), cells)
        for cell in chapter.code:
            chapter.exercises |= dict.fromkeys(CHECK.findall(cell["source"]), "?")
        if isinstance(metadata.get("minigrad"), dict):
            chapter.assignment = metadata["minigrad"].get("assignment")
        return chapter

    @property
    def code(self):
        """The cells that are run: those up to the last check."""
        cells = [cell for cell in self.cells if cell["kind"] == "code" and cell["source"].strip()]
        checks = [place for place, cell in enumerate(cells) if "exercise" in cell or CHECK.search(cell["source"])]
        return cells[:checks[-1] + 1] if checks else []

    def note(self, name, symbol):
        """Keep what a check said. Of several checks of an exercise the best counts: a second one sees the book's."""
        if name in self.exercises:
            self.exercises[name] = min(self.exercises[name], symbol, key=list(WORDS).index)

    def count(self, symbol):
        return list(self.exercises.values()).count(symbol)

    @property
    def summary(self):
        counts = [f"{self.count(symbol)} {word}" for symbol, word in WORDS.items() if self.count(symbol)]
        return f"all {counts[0]}" if len(counts) == 1 else ", ".join(counts)


def sendable(text):
    """Text as UTF-8 can hold it: half an emoji, as an editor may leave it behind, becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


# Running a notebook


async def run(chapter, stopped, cell_limit=CELL_LIMIT, notebook_limit=NOTEBOOK_LIMIT):
    """Run the cells of a chapter in a fresh kernel, in its folder, and keep what the checks say.

    stopped : an event; once it is set, the run ends.
    """
    try:
        async with Kernel(chapter.path.parent) as kernel:
            await run_cells(chapter, kernel, stopped, cell_limit, notebook_limit)
    except Trouble as trouble:
        chapter.remarks.append(str(trouble))
    chapter.done = len(chapter.code)


async def run_cells(chapter, kernel, stopped, cell_limit, notebook_limit):
    """Run the cells of a chapter in a kernel. The first failure is reported; others often follow from it."""
    deadline = time.monotonic() + notebook_limit
    answer_failed = False
    for number, cell in enumerate(chapter.code, 1):
        where = f"code cell {number}, `{cell['source'].strip().splitlines()[0][:60]}`"
        left = deadline - time.monotonic()
        if left <= 0:
            raise Trouble(f"{where}: stopped after {notebook_limit:g} s in all; from here on it was not run")
        try:
            failure = await kernel.run(cell["source"], chapter.note, min(cell_limit, left), stopped)
        except Trouble as trouble:
            raise Trouble(f"{where}: {trouble}") from None
        if "raises-exception" in cell["tags"]:
            failure = None
        if failure and not chapter.remarks:
            chapter.remarks.append(f"{where}: {failure}")
        names = CHECK.findall(cell["source"])
        for name in names if failure and answer_failed else ():
            chapter.note(name, "✗")  # there was an answer, and it did not get as far as its check
        answer_failed = bool(failure) and not names
        chapter.done = number


class Kernel:
    """A kernel of this very Python, started in a folder."""

    #: The command that starts it, and what its environment says besides that of this process.
    COMMAND = sys.executable, "-m", "ipykernel_launcher"
    ENVIRONMENT = {RUNNING: "1"}

    def __init__(self, folder):
        self.folder = folder

    async def __aenter__(self):
        try:
            import ipykernel  # noqa: F401
            from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
            from jupyter_client.manager import AsyncKernelManager
        except ImportError as error:
            raise Trouble(f"no kernel can be started: {error.name} is missing. Install it: pip install "
                          "ipykernel") from None
        spec = KernelSpec(argv=[*self.COMMAND, "-f", "{connection_file}", "--HistoryManager.enabled=False"],
                          display_name="Python 3", language="python")
        specs = type("ThisPython", (KernelSpecManager,), {"get_kernel_spec": lambda self, name: spec})()
        for attempt in range(1, STARTS + 1):
            try:
                await self.start(AsyncKernelManager(kernel_spec_manager=specs))
                return self
            except (RuntimeError, OSError) as error:
                died = not await self.manager.is_alive()
                await self.__aexit__()
                if not died or attempt == STARTS:
                    raise Trouble(f"its kernel did not start: {error}") from None

    async def start(self, manager):
        self.manager = manager
        await manager.start_kernel(cwd=str(self.folder.resolve()), env=os.environ | self.ENVIRONMENT,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.client = manager.client()
        self.client.start_channels()
        await self.client.wait_for_ready(timeout=START_LIMIT)

    async def __aexit__(self, *_):
        if hasattr(self, "client"):
            self.client.stop_channels()
        if self.manager.has_kernel:
            await self.manager.shutdown_kernel(now=True)

    async def run(self, source, note, limit, stopped):
        """Run a cell, hand what its checks say to ``note(name, symbol)``, and return what it raised, or None.

        A cell that takes too long is interrupted; Trouble if that does not end it, or if the kernel dies.
        """
        request = self.client.execute(source, store_history=False, allow_stdin=False, stop_on_error=False)
        end, failure, interrupted = time.monotonic() + limit, None, False
        while True:
            if stopped.is_set():
                raise Trouble("interrupted")
            if time.monotonic() > end:
                if interrupted:
                    raise Trouble("it cannot be stopped; what comes after it was not run")
                failure, interrupted = f"stopped after {limit:.3g} s: is there a loop that never ends?", True
                await self.manager.interrupt_kernel()
                end = time.monotonic() + PATIENCE
            try:
                message = await self.client.get_iopub_msg(timeout=0.5)
            except queue.Empty:
                if not await self.manager.is_alive():
                    raise Trouble("its kernel died; what comes after it was not run") from None
                continue
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "display_data" and (match := VERDICT.match(str(content["data"].get("text/plain")))):
                note(match[2], match[1])
            elif kind == "error" and not interrupted:
                said = PLACE.sub(r"(line \1 of the cell)", content["evalue"].strip().partition("\n")[0])
                failure = f"{content['ename']}: {said}".removesuffix(": ")
            elif kind == "status" and content["execution_state"] == "idle":
                return failure


# Running all of them


@dataclass
class Standing:
    """What was found in a folder: chapters with exercises, and a line for what is no notebook."""

    chapters: list
    problems: list

    @classmethod
    def read(cls, folder):
        """Read the notebooks of a folder, or one; Trouble if there are none."""
        folder = Path(folder).expanduser()
        if not folder.exists():
            raise Trouble(f"{folder} is not there. Name the folder with your notebooks; `make exercises` makes one.")
        paths = sorted(folder.glob("*.ipynb")) if folder.is_dir() else [folder]
        chapters, problems = [], []
        for path in paths:
            try:
                chapters.append(Chapter.read(path))
            except Trouble as trouble:
                problems.append(f"{path.name}: {trouble}.")
        chapters = [chapter for chapter in chapters if chapter.exercises]
        if not chapters and not problems:
            raise Trouble(f"{folder} holds no notebook with exercises. Name the folder with your notebooks; "
                          "`make exercises` makes one.")
        return cls(chapters, problems)

    @property
    def done(self):
        """How much of all cells has been run, from 0 to 1."""
        return sum(chapter.done for chapter in self.chapters) / max(1, sum(len(c.code) for c in self.chapters))

    def run(self, report, jobs=None, **limits):
        """Run the chapters, several at a time, and call ``report(self)`` again and again while they run."""
        stopped = threading.Event()

        async def run_all():
            places = asyncio.Semaphore(jobs or min(4, os.cpu_count() or 1))

            async def run_one(chapter):
                async with places:
                    await run(chapter, stopped, **limits)

            await asyncio.gather(*map(run_one, self.chapters))

        def work():
            # Kernels need no other kind of loop, and on Windows the default one cannot wait for their messages.
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(run_all())

        # In a thread, since a notebook has a loop of its own that is running already.
        worker = threading.Thread(target=work)
        worker.start()
        try:
            while worker.is_alive():
                report(self)
                worker.join(0.2)
        finally:
            stopped.set()
            worker.join()
        report(self)

    # What is shown

    def best(self):
        """Exercise → symbol; of the editions of a chapter the better answer counts."""
        best = {}
        for chapter in self.chapters:
            for name, symbol in chapter.exercises.items():
                best[name] = min(best.get(name, "?"), symbol, key=list(WORDS).index)
        return best

    @property
    def headline(self):
        best = self.best()
        symbols = list(best.values())
        minutes = sum(facts(name)[1] for name, symbol in best.items() if symbol != "✓")
        text = (f"{symbols.count('✓')} of {len(symbols)} exercises passed, {symbols.count('✗')} tried, "
                f"{symbols.count('○')} not started")
        if symbols.count("?"):
            text += f", {symbols.count('?')} not reached"
        if not symbols:
            return "No exercise could be read."
        return text + (f". About {minutes} minutes are left." if minutes else ".")

    @property
    def next(self):
        """The first exercise that has not passed, in words."""
        best = self.best()
        left = [(chapter, name) for chapter in self.chapters for name, symbol in chapter.exercises.items()
                if symbol == best[name] != "✓"]
        if left:
            chapter, name = left[0]
            return f"Next: {facts(name)[0]}, in {chapter.path.name}."
        return "All of them pass." if best and not self.problems else ""

    def __repr__(self):
        lines = [self.headline, *filter(None, [self.next]), "The notebooks were run as they were last saved.", ""]
        for chapter in self.chapters:
            lines.append(f"{chapter.title} ({chapter.path.name}): {chapter.summary}")
            if set(chapter.exercises.values()) != {"○"}:
                lines += [f"  {symbol} {facts(name)[0]}" for name, symbol in chapter.exercises.items()]
            lines += [f"  ! {remark}" for remark in chapter.remarks]
        return "\n".join([*lines, *(f"! {problem}" for problem in self.problems)])

    def _repr_html_(self):
        parts = [f"<p><strong>{marked(self.headline)}</strong> {marked(self.next)} The notebooks were run as they were "
                 "last saved.</p>"]
        for chapter in self.chapters:
            rows = [f"<span style='color:{COLOURS.get(symbol, COLOURS['○'])}'>{symbol}</span> {marked(facts(name)[0])} "
                    f"<small>({WORDS[symbol]})</small>" for name, symbol in chapter.exercises.items()]
            rows += [f"! {marked(remark)}" for remark in chapter.remarks]
            items = "".join(f"<li style='list-style:none'>{row}</li>" for row in rows)
            is_open = " open" * bool(chapter.remarks or set(chapter.exercises.values()) != {"○"})
            head = f"{marked(chapter.title)} <small>({marked(chapter.path.name)})</small>: {chapter.summary}"
            parts.append(f"<details{is_open}><summary style='{OPENS}'>{head}</summary>"
                         f"<ul style='margin:.2rem 0 .6rem'>{items}</ul></details>")
        parts += [f"<p>! {marked(problem)}</p>" for problem in self.problems]
        return f"<div role='status'>{''.join(parts)}</div>"


def facts(name):
    """The title of an exercise with its grade and minutes, and its minutes alone."""
    try:
        exercise = find(name)
    except Exception:  # the notebook may be of another edition than the installed checks
        return name, 0
    return f"{exercise.title} ({exercise.grade}, {exercise.minutes} minutes)", exercise.minutes


@dataclass
class Bar:
    """How far the runs have come."""

    part: float

    WIDTH = 40

    def __repr__(self):
        full = round(self.WIDTH * self.part)
        return f"[{'#' * full}{'.' * (self.WIDTH - full)}] {100 * self.part:3.0f} %"

    def _repr_html_(self):
        return (f"<progress value='{self.part:.3f}' aria-label='notebooks run'></progress> "
                f"{100 * self.part:.0f} % of your notebooks run")
