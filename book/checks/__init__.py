"""The checks of the book's exercises: ``from checks import check``.

One module per topic declares the exercises of that topic (``checks.forward`` declares ``forward.sub``); the other
modules are what every exercise shares. CONTRIBUTING says how an exercise is written.
"""

import copy
import os
import sys

from checks.exercise import NOT_STARTED, PASSED, VALUES, Failure, find
from checks.extend import extend
from checks.message import Message, show
from checks.worker import Abandoned, TimedOut, limit, run

__all__ = ["check", "extend", "progress"]

#: Exercise name → the book's answer, as it was handed to the reader.
lent = {}

#: What no answer is.
NOBODY = object()

#: Exercise name → the answer that was last handed to its check.
given = {}

#: Exercise name → how often its check has failed; the text form of a message shows one more hint each time.
failures = {}


def check(name, answer):
    """Check the reader's answer to an exercise, say what was found, and hand back an answer that works.

    Parameters
    ----------
    name : str
        The exercise, ``"topic.name"``.
    answer
        The reader's answer: mostly a function, in some exercises a value. Whatever it is, the check raises nothing.
        While nbgrader validates a notebook, what does not pass is said on stderr as well: by that its Validate button
        knows a cell that fails, and the cells below still run on the book's answer.

    Returns
    -------
    The reader's answer if it passed, the book's if not, so that a chapter runs to its end either way; the argument
    itself if there is no such exercise.

    Examples
    --------
    >>> def sub(grads, others):
    ...     return {x: grads.get(x, 0.0) - others.get(x, 0.0) for x in grads | others}
    >>> sub = check("forward.sub", sub)  # doctest: +ELLIPSIS
    ✓ forward.sub: these checks pass.
    ...
    """
    try:
        exercise = find(name)
    except Exception as error:  # no such exercise, or a module of checks that is broken
        say(Message("✗", f"{name}: there is nothing to check.", (str(error),)))
        return answer
    given[name] = answer
    if is_lent(exercise, answer):
        say(Message("○", f"{name}: this is the book's answer, not yours.", (
            "An earlier run of this check put it under your name. Run the cell with your own answer again, "
            "then this one. If that cell raises an error, mend it first.",)))
        return answer
    verdict = judge(exercise, answer)
    say(message(exercise, verdict))
    return answer if verdict is PASSED else lend(exercise)


def say(message):
    """Show what a check found; to nbgrader, while it validates, in its own way too."""
    show(message)
    if message.symbol != "✓" and os.environ.get("NBGRADER_EXECUTION") == "validate":
        print(message, file=sys.stderr)


def judge(exercise, answer):
    """The verdict on an answer, reached within the time limit: NOT_STARTED, PASSED or a Failure."""
    trial = exercise.trial(answer)
    try:
        return run(trial.verdict, limit(), trial.printed)
    except TimedOut:
        return trial.failure(f"Stopped after {limit():g} s: is there a loop that never ends?")
    except Abandoned:
        return trial.failure(f"It did not end within {limit():g} s and cannot be stopped from here. Restart the "
                             "kernel, then look for the loop or the call that never ends.")
    except Exception as error:
        return Failure(f"The check could not deal with this answer ({type(error).__name__}). Is it what the exercise "
                       "asks for?")


def message(exercise, verdict):
    """What the reader is told about a verdict."""
    name = exercise.name
    if verdict is PASSED:
        failures.pop(name, None)
        return Message("✓", f"{name}: these checks pass.", tuple(filter(None, [exercise.note])))
    onwards = "Until it passes, cells below that need an answer use the book's."
    if verdict is NOT_STARTED:
        return Message("○", f"{name}: not started.", (onwards,))
    failures[name] = failures.get(name, 0) + 1
    return Message("✗", f"{name}: not yet.", (verdict.message,), verdict.details, exercise.hints, failures[name],
                   closing=onwards)


def lend(exercise):
    """The book's answer, as an object that the next check recognises.

    A function is recognised as it stands. A number is not (the reader's own 2 is the same object as the book's), so
    the reader receives an instance of a subclass, equal to the value in every respect.
    """
    solution, kind = exercise.solution, type(exercise.solution)
    if exercise.name not in lent:
        if kind in VALUES:
            solution = type(kind.__name__, (kind,), {"__slots__": ()})(solution)
        elif not callable(solution):
            solution = copy.copy(solution)
        lent[exercise.name] = solution
    return lent[exercise.name]


def is_lent(exercise, answer):
    """Whether an answer is the book's own, not one like it."""
    return answer is lent.get(exercise.name, NOBODY) or (callable(answer) and answer is exercise.solution)


def progress(folder="."):
    """Show which exercises of the notebooks in a folder are not started, tried or passed.

    Each notebook is run as it is stored, in a fresh kernel: save it first. None of them is changed.

    Parameters
    ----------
    folder : str or Path
        The folder with the notebooks, or one of them; by default, the folder of the notebook that asks.
    """
    from checks.standing import RUNNING, Bar, Standing, Trouble

    if os.environ.get(RUNNING):  # a notebook that shows the progress, run for it
        return
    try:
        standing = Standing.read(folder)
        bar = show_bar(Bar(0.0))
        standing.run(lambda standing: bar(Bar(standing.done)))
    except Trouble as trouble:
        show(Message("✗", str(trouble)))
    except RuntimeError:  # there are no threads, as in a browser
        show(Message("✗", "This Python can start no kernels: use a copy of the book on your machine."))
    else:
        show(standing)


def show_bar(bar):
    """Show a bar where IPython runs the code; returns a function that shows another in its place."""
    ipython = sys.modules.get("IPython")
    handle = ipython.display.display(bar, display_id=True) if ipython and ipython.get_ipython() else None
    return handle.update if handle else lambda bar: None
