"""Grading: the verdict on an answer at inputs that no copy of the book shows.

The check cells of an assignment (``python -m tools.assignment``) hold one hidden line, ``require("forward.sub",
seed="…")``. It stands in the teacher's copy alone.
"""

import sys
from contextlib import contextmanager
from dataclasses import dataclass

import checks
from checks.exercise import NOT_STARTED, PASSED, find
from checks.tests import seed as seed_of_tests

#: Exercise name → its Verdict.
verdicts = {}


@dataclass(frozen=True)
class Verdict:
    """What was found: ✓, ✗ or ○, and for a ✗ the sentence that names the mistake."""

    symbol: str
    message: str = ""

    def __str__(self):
        return {"✓": "passed", "○": "not started"}.get(self.symbol) or f"not passed: {self.message}"


class NotPassed(AssertionError):
    """The answer has not earned its points."""


def require(name, seed):
    """Judge the answer that was last handed to a check, and raise unless it passes.

    Parameters
    ----------
    name : str
        The exercise, ``"topic.name"``.
    seed : str
        What the random inputs of its tests start from, besides the name.

    Raises
    ------
    NotPassed
        With the verdict in one line. It is kept in ``verdicts`` in any case.
    """
    verdict = verdicts[name] = judge(name, seed)
    if verdict.symbol != "✓":
        raise NotPassed(f"{name}: {verdict}")


def judge(name, seed):
    """The Verdict on the answer that was last handed to a check."""
    exercise = find(name)
    answer = checks.given.get(name)
    if checks.is_lent(exercise, answer):
        return Verdict("○")  # the book's own answer
    token = seed_of_tests.set(seed)
    try:
        with under_its_name(name, answer):
            found = checks.judge(exercise, answer)
    finally:
        seed_of_tests.reset(token)
    if found in (PASSED, NOT_STARTED):
        return Verdict("✓" if found is PASSED else "○")
    return Verdict("✗", found.message)


@contextmanager
def under_its_name(name, answer):
    """The reader's answer where the check has put the book's: one that calls itself is to call no other."""
    names = vars(sys.modules["__main__"])
    lent = {key: item for key, item in names.items() if item is checks.lent.get(name, checks.NOBODY)}
    names.update(dict.fromkeys(lent, answer))
    try:
        yield
    finally:
        names.update(lent)
