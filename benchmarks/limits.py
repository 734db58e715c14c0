"""What no stopwatch beside a peer can say: memory, linear time, and how long the import takes.

Memory and imports are measured in processes of their own, which nothing else has touched.
"""

import gc
import math
import subprocess
import sys
import tracemalloc
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.measure import Figure, interleaved, ratio

NODES = 1_000_000
OPERATIONS, LENGTH = 1000, 1_000_000
DIAMONDS = (1000, 100_000)
STARTS = 11


def suite(rounds, threads):
    """Yield the records of this suite."""
    yield from chain_of_numbers()
    yield from ladders(min(rounds, 5))
    yield from arrays_held()
    yield from imports()


def called(call):
    """Code that prints what a function of this module returns."""
    return f"from benchmarks.limits import *; print(*{call})"


def elsewhere(code):
    """The numbers that code prints in a fresh process."""
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, text=True, check=True)
    return [float(number) for number in done.stdout.split()]


# A chain of a million numbers.


def chain_of_numbers():
    work = f"chain of {NODES:,} numbers"
    growth, taken = elsewhere(called(f"chain({NODES})"))
    yield Figure(work, "growth of peak memory", growth / 1e6, at_most=250, unit="MB").record()
    yield Figure(work, "time", taken, unit="s").record()


def chain(nodes):
    """Bytes by which building and sweeping a chain raises the peak, and seconds that it takes."""
    from minigrad import Value

    before = peak_memory()
    start = perf_counter()
    x = y = Value(1.0)
    for _ in range(nodes // 2):
        y = y * 0.999999 + 1e-6
    y.backward()
    taken = perf_counter() - start
    if not math.isclose(x.grad, 0.999999 ** (nodes // 2), rel_tol=1e-6):
        sys.exit(f"the derivative of the chain came out as {x.grad}")
    return peak_memory() - before, taken


def peak_memory():
    """The most bytes of memory that this process had resident at a time."""
    try:
        # On Linux getrusage counts what the parent had when it started this process.
        status = Path("/proc/self/status").read_text()
        return 1024 * int(status.split("VmHWM:")[1].split()[0])
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


# A ladder of n diamonds has 2ⁿ paths, and should take time in proportion to n. That each diamond takes no more than
# twice as long when there are a hundred times as many leaves room for caches that are too small for a large graph.


def ladders(rounds):
    from minigrad import Tensor, Value

    for Number in Value, Tensor:
        tasks = {str(n): lambda n=n, Number=Number: ladder(Number, n) for n in DIAMONDS}
        if any(not math.isclose(task(), 1.0, rel_tol=1e-9) for task in tasks.values()):
            sys.exit(f"{Number.__name__} finds a wrong derivative on a ladder of diamonds")
        times = interleaved(tasks, rounds)
        work = f"ladder of diamonds, {Number.__name__}"
        yield {"kind": "times", "work": work, "threads": "", "seconds": times}
        small, large = DIAMONDS
        growth = ratio(times, str(large), str(small)) * small / large
        yield Figure(work, f"time of each, {large:,} ÷ {small:,}", growth, at_most=2).record()
        gc.disable()  # it looks at all that is alive, again and again: what is left is minigrad's own
        times = interleaved(tasks, rounds)
        gc.enable()
        growth = ratio(times, str(large), str(small)) * small / large
        yield Figure(work, "the same without Python's collector", growth).record()


def ladder(Number, n):
    x = y = Number(1.0)
    for _ in range(n):
        y = y * 0.5 + y * 0.5
    y.backward()
    return float(x.grad)


# Arrays held by a graph.


def arrays_held():
    work = f"{OPERATIONS:,} operations on {LENGTH:,} doubles"
    before, during = elsewhere(called("held_by_minigrad()"))
    theirs = None
    try:
        import autograd  # noqa: F401 - only to see whether it is there

        theirs = elsewhere(called("held_by_autograd()"))
    except ImportError:
        pass
    for moment, ours, limit in zip(("before", "in"), (before, during), theirs or (None, None)):
        quantity = f"arrays held {moment} the sweep ÷ autograd's"
        yield Figure(work, f"arrays held {moment} the sweep", ours, unit="").record()
        yield Figure(work, quantity, None if theirs is None else ours / limit, at_most=1.01).record()


def chain_of_arrays(sin, x):
    """Of every four operations, one has a rule that needs its operand."""
    for _ in range(OPERATIONS // 4):
        x = sin(-(x + 1.0) * 0.5)
    return x


def held_by_minigrad():
    import numpy as np

    from minigrad import Tensor

    x = Tensor(np.ones(LENGTH))
    tracemalloc.start()
    y = chain_of_arrays(np.sin, x)
    before = arrays_traced()[0]
    tracemalloc.reset_peak()
    y.backward(np.ones(LENGTH))
    return before, arrays_traced()[1]


def held_by_autograd():
    import autograd.numpy as anp
    import numpy as np
    from autograd import make_vjp

    x = np.ones(LENGTH)
    tracemalloc.start()
    pullback, y = make_vjp(lambda x: chain_of_arrays(anp.sin, x))(x)
    before = arrays_traced()[0]
    tracemalloc.reset_peak()
    pullback(np.ones(LENGTH))
    return before, arrays_traced()[1]


def arrays_traced():
    """Memory held now, and at most since the last look, in arrays of LENGTH doubles."""
    return [bytes / (8 * LENGTH) for bytes in tracemalloc.get_traced_memory()]


# The import.


#: Run by a bare interpreter, so that nothing minigrad imports is there already but what NumPy needs.
IMPORT = """
import numpy
from time import perf_counter
start = perf_counter()
import minigrad
alone = perf_counter()
for name, module in minigrad.PUBLIC.items():
    if module not in ("draw", "player"):  # which need more than NumPy
        getattr(minigrad, name)
print(alone - start, perf_counter() - start)
"""


def imports():
    times = {"import minigrad": [], "use of every public name": []}
    for _ in range(STARTS):
        for name, taken in zip(times, elsewhere(IMPORT), strict=True):
            times[name].append(taken)
    yield {"kind": "times", "work": "import", "threads": "", "seconds": times}
    for (name, taken), target in zip(times.items(), (15, None)):
        yield Figure(name, "beyond NumPy's own import", 1000 * median(taken), at_most=target, unit="ms").record()
