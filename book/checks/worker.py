"""Running the reader's code: with a time limit, and with nothing of what it prints or warns reaching the notebook.

The task runs in a worker thread. When its time is up, an exception is raised in that thread, again and again, since
a bare ``except`` in the reader's code may catch the first. Code that is inside one long call into C cannot be stopped
from inside the process; its thread is abandoned.
"""

import contextvars
import ctypes
import io
import os
import sys
import threading
import time
import warnings
from contextlib import contextmanager, redirect_stderr, redirect_stdout

#: Seconds that one check may take, unless MINIGRAD_CHECK_LIMIT in the environment says otherwise.
LIMIT = 5.0

#: How often, and for how long, a task whose time is up is told to stop, in seconds.
INTERVAL, PATIENCE = 0.02, 1.0

#: Without threads the clock is read once in so many instructions.
INSTRUCTIONS = 500


class Stop(BaseException):
    """Raised in the reader's code when its time is up; an ``except Exception`` there does not catch it."""


class Insistent(Stop):
    """A Stop that a bare ``except``, or a ``finally`` that continues a loop, does not get rid of.

    It is created in the thread that it stops, where it is caught. From there on every line that the reader's code
    still runs, the handler's first, asks for one more.
    """

    def __init__(self):
        frames = [sys._getframe(1)]
        while frames[-1] and frames[-1].f_code is not Worker.attempt.__code__:
            frames.append(frames[-1].f_back)
        if frames.pop():
            sys.settrace(ask_again)
            for frame in frames:
                frame.f_trace = ask_again


def ask_again(frame, event, argument):
    """A trace function; it asks, since Python drops a trace function that raises."""
    if event == "line" and frame.f_code is not Insistent.__init__.__code__:
        raise_in(threading.get_ident(), Insistent)
    return ask_again


class TimedOut(Exception):
    """The task took longer than its limit and was stopped."""


class Abandoned(Exception):
    """The task took longer than its limit, could not be stopped, and is still running."""


def limit():
    """Seconds that one check may take."""
    return float(os.environ.get("MINIGRAD_CHECK_LIMIT", LIMIT))


def run(task, seconds, output=None):
    """Call ``task()`` within a time limit and return its result.

    Raises TimedOut or Abandoned when the time is up, and whatever the task raises. An interruption by the user stops
    the task and is passed on. What the task prints goes to ``output``, a text stream.
    """
    worker = Worker(task)
    with quiet(output or Printed()):
        try:
            worker.start()
        except RuntimeError:  # there are no threads, as in a browser
            return (run_monitored if hasattr(sys, "monitoring") else run_traced)(task, seconds)
        try:
            worker.wait(seconds)
        finally:
            worker.stop()
    if not worker.done:
        raise Abandoned if worker.is_alive() else TimedOut
    if worker.error is not None:
        raise worker.error
    return worker.result


class Worker(threading.Thread):
    """A thread that runs one task and can be told to stop."""

    def __init__(self, task):
        super().__init__(daemon=True)
        self.task = task
        self.context = contextvars.copy_context()
        self.lock = threading.Lock()
        self.closed = threading.Event()
        self.done = False
        self.result = self.error = None

    def run(self):
        try:
            try:
                self.attempt()
            finally:
                sys.settrace(None)
                self.close()
        except Stop:  # the task's, or one that came while it ended
            sys.settrace(None)
            self.close()

    def attempt(self):
        """Run the task; what it raises is for the caller, in its own thread."""
        try:
            self.result = self.context.run(self.task)
        except Stop:
            raise
        except BaseException as error:
            self.error = error
        self.done = True

    def close(self):
        """Let no Stop be sent any more, and one that is on its way arrive: what follows is not the reader's code.

        Python delivers it at the next call. Taking it back instead would leave CPython 3.11 with a flag that no one
        lowers, and the next trace function would hang.
        """
        with self.lock:
            self.closed.set()
        self.closed.is_set()

    def wait(self, seconds):
        """Wait for the end of the task, or of the time, in steps short enough for an interruption to be noticed.

        Not by ``join``: interrupted, it takes a thread for ended that is not.
        """
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not self.closed.wait(min(left, 0.1)):
            pass

    def stop(self):
        """Stop the task if it still runs."""
        deadline = time.monotonic() + PATIENCE
        while self.is_alive() and not self.closed.is_set() and time.monotonic() < deadline:
            with self.lock:
                if not self.closed.is_set():
                    raise_in(self.ident, Insistent)
            self.closed.wait(INTERVAL)
        if self.closed.is_set():
            self.join()


def raise_in(ident, exception):
    """Raise an exception in a thread as soon as it runs Python code."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(exception))


def run_monitored(task, seconds):
    """Do what ``run`` does in the calling thread, by looking at the clock wherever the task jumps or calls.

    From the deadline on every look raises, so that a bare ``except`` inside an endless loop is left as well.
    """
    deadline = time.monotonic() + seconds
    monitoring, tool = sys.monitoring, sys.monitoring.DEBUGGER_ID
    events = [monitoring.events.JUMP, monitoring.events.PY_START, monitoring.events.PY_RESUME]

    def look(*_):
        if time.monotonic() > deadline:
            raise Stop

    monitoring.use_tool_id(tool, "checks")
    for event in events:
        monitoring.register_callback(tool, event, look)
    try:
        monitoring.set_events(tool, sum(events))
        return task()
    except Stop:
        raise TimedOut from None
    finally:  # calls nothing that is written in Python: that would be looked at too
        monitoring.set_events(tool, 0)
        monitoring.free_tool_id(tool)


def run_traced(task, seconds):
    """Do what ``run_monitored`` does where Python is older than 3.12, many times as slowly.

    Python drops a trace function that has raised, so a bare ``except`` inside an endless loop is not stopped.
    """
    deadline = time.monotonic() + seconds
    instructions = 0

    def trace(frame, event, argument):
        nonlocal instructions
        frame.f_trace_opcodes = True
        instructions += 1
        if instructions % INSTRUCTIONS == 0 and time.monotonic() > deadline:
            raise Stop
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        return task()
    except Stop:
        raise TimedOut from None
    finally:
        sys.settrace(previous)


class Printed(io.TextIOBase):
    """A text stream that keeps the beginning of what is written to it, until it is cleared."""

    SIZE = 300

    def __init__(self):
        self.text = ""

    def write(self, text):
        if len(self.text) < self.SIZE:
            self.text += text[:self.SIZE]
        return len(text)

    def clear(self):
        self.text = ""


@contextmanager
def quiet(output):
    """Keep what is printed and warned away from the notebook: a check calls a function many times."""
    with warnings.catch_warnings(), redirect_stdout(output), redirect_stderr(Printed()):
        warnings.simplefilter("ignore")
        yield
