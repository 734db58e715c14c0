"""How things are timed and compared."""

import gc
import sys
from dataclasses import asdict, dataclass
from statistics import median
from time import perf_counter, sleep

#: With several threads, those of one library go on waiting for work for a while and would hinder the next one.
PAUSE = 0.1

#: A sample repeats its task until it lasts about this many seconds.
SAMPLE = 0.01


@dataclass
class Figure:
    """One line of the table.

    Attributes
    ----------
    work : str
        What was run.
    quantity : str
        What the number says.
    value : float or None
        None where it was not measured, because a peer is not installed.
    at_most, at_least : float or None
        The target, if there is one.
    unit : str
    threads : str
        "one" or "all"; empty where only one thread is ever used.
    """

    work: str
    quantity: str
    value: float | None
    at_most: float | None = None
    at_least: float | None = None
    unit: str = "×"
    threads: str = ""

    @property
    def met(self):
        """Whether the target is met; None where there is nothing to be met or nothing was measured."""
        if self.value is None or (self.at_most is None and self.at_least is None):
            return None
        return self.value <= self.at_most if self.at_least is None else self.value >= self.at_least

    def record(self):
        return {"kind": "figure", **asdict(self), "met": self.met}


def interleaved(tasks, rounds, threads="one"):
    """Seconds that each task takes, in each round.

    In every round each task has its turn, so that all meet the same load; who begins changes from round to round.
    Python's garbage collector stays on, as it is for a user: what it costs is part of the design being measured. Only
    what imports left behind is taken out of its sight, for a library should not pay for the modules of its peers.

    Parameters
    ----------
    tasks : dict
        name → function without arguments.
    rounds : int
    threads : str
        "one" or "all".

    Returns
    -------
    dict
        name → list of seconds.
    """
    gc.collect()
    gc.freeze()
    repeats = {name: repetitions(task) for name, task in tasks.items()}
    times = {name: [] for name in tasks}
    names = list(tasks)
    for _ in range(rounds):
        for name in names:
            if threads == "all":
                sleep(PAUSE)
                tasks[name]()
            times[name].append(seconds(tasks[name], repeats[name]))
        names.append(names.pop(0))
    return times


def repetitions(task):
    """How often a task must be repeated for a sample; the first call, which may compile something, does not count."""
    task()
    number = 1
    while (taken := seconds(task, number) * number) < SAMPLE / 2:
        number *= 2
    return max(1, round(number * SAMPLE / taken))


def seconds(task, number=1):
    """Seconds for one call of a task, on average."""
    gc.collect()
    start = perf_counter()
    for _ in range(number):
        task()
    return (perf_counter() - start) / number


def ratio(times, a, b):
    """How many times as long `a` takes as `b`: the median over the rounds; None if one of them was not there."""
    if a not in times or b not in times:
        return None
    return median(x / y for x, y in zip(times[a], times[b]))


def agree(what, expected, found, tolerance):
    """Stop unless all libraries find the same numbers: the speed of a wrong result is of no interest.

    Parameters
    ----------
    what : str
    expected : list of arrays or numbers
    found : dict
        library → list like `expected`.
    tolerance : float
        The largest difference allowed, as a part of the largest number expected.
    """
    import numpy as np

    for library, numbers in found.items():
        for i, (a, b) in enumerate(zip(expected, numbers, strict=True)):
            a, b = np.asarray(a), np.asarray(b)
            scale = np.max(np.abs(a))
            if a.shape != b.shape or not 0 < scale < np.inf or not np.max(np.abs(a - b)) <= tolerance * scale:
                sys.exit(f"{what}: {library} and the reference disagree on result number {i}")
