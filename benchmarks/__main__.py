"""Measure minigrad beside its peers, and compare with the targets.

    python -m benchmarks [--rounds N] [--threads one,all] [--suites scalar,arrays,limits] [--output FOLDER]

Prints a table, and writes results.json (with every single time) and results.png into the folder.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HERE = Path(__file__).parent
ROUNDS = 15
PACKAGES = ("numpy", "micrograd", "autograd", "mygrad", "torch", "jax")

#: A suite → the numbers of threads with which it makes sense.
SUITES = {"scalar": ("one",), "arrays": ("one", "all"), "limits": ("one",)}

#: Libraries read these when they are imported, so that a number of threads needs a process.
ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "NPROC": "1",  # JAX
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}

#: The GNU C library hands freed memory at the end of its heap back to the system, and fetches it again in the next
#: step. Whether the arrays of one library or another lie there is chance, and worth up to half of a training step. With
#: these, memory that was fetched once is kept, for all of them alike. (`limits` measures memory, and goes without.)
KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(2**32), "MALLOC_MMAP_THRESHOLD_": str(2**25)}

INSTALL = "python -m pip install -r requirements-bench.txt"
OPTIONAL = {"torch": "python -m pip install torch==2.13.0", "jax": "python -m pip install jax==0.10.2"}


def main():
    options = arguments()
    if options.child:
        return child(options)
    records, load = [], busy()
    if load > 0.5:
        print(f"The machine is busy with other work, for {load:.1f} cores of {os.cpu_count()}: ratios with one thread")
        print("stand that, those with all threads, and times alone, do not.")
    print(f"{'':<40} {'':<46} {'measured':>12} {'target':>9}")
    for suite in options.suites:
        for threads in (t for t in SUITES[suite] if t in options.threads or len(SUITES[suite]) == 1):
            print(heading(suite, threads))
            for record in run(suite, threads, options.rounds):
                records.append(record)
                if record["kind"] == "figure":
                    print(row(record), flush=True)
    for line in absences(records):
        print(line)
    print(summary(records))
    options.output.mkdir(parents=True, exist_ok=True)
    results = {"machine": machine() | {"load": load}, "rounds": options.rounds, "records": records}
    (options.output / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    print(f"written: {options.output / 'results.json'}")
    try:
        from benchmarks.plot import plot
    except ImportError:
        print("matplotlib is missing, so that there is no plot: python -m pip install -r requirements.txt")
    else:
        plot(records, options.output / "results.png")
        print(f"written: {options.output / 'results.png'}")


def arguments():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often everything has its turn ({ROUNDS})")
    parser.add_argument("--threads", type=listed("one", "all"), default=("one", "all"), help="one, all or one,all")
    parser.add_argument("--suites", type=listed(*SUITES), default=tuple(SUITES), help=",".join(SUITES))
    parser.add_argument("--output", type=Path, default=HERE / "results", help="the folder for what is written")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def listed(*allowed):
    """The type of an option that takes some of these, with commas between them."""

    def chosen(text):
        names = tuple(text.split(","))
        if not set(names) <= set(allowed):
            raise argparse.ArgumentTypeError(f"{text!r}: choose from {', '.join(allowed)}")
        return names

    return chosen


def run(suite, threads, rounds):
    """Yield the records of a suite, which has a process of its own."""
    command = [sys.executable, "-m", "benchmarks", "--child", "--suites", suite, "--threads", threads]
    environment = os.environ | (ONE_THREAD if threads == "one" else {}) | (KEEP_MEMORY if suite == "arrays" else {})
    with subprocess.Popen(
        [*command, "--rounds", str(rounds)], cwd=HERE.parent, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        yield from map(json.loads, process.stdout)
    if process.returncode:
        sys.exit(f"the suite {suite!r} stopped: see above")


def child(options):
    """Print the records of a suite, one on each line."""
    (suite,), (threads,) = options.suites, options.threads
    for record in import_module(f"benchmarks.{suite}").suite(options.rounds, threads):
        print(json.dumps(record), flush=True)


# What is printed.


def heading(suite, threads):
    return {"scalar": "Numbers", "arrays": f"Arrays, {threads} thread{'s' * (threads == 'all')}", "limits": "Limits"}[
        suite
    ]


def row(record):
    value, unit = record["value"], record["unit"]
    measured = "not measured" if value is None else f"{value:.2f} {unit}".rstrip()
    low, high = record["at_least"], record["at_most"]
    target = "" if low is None and high is None else f"≤ {high:g}" if low is None else f"≥ {low:g}"
    verdict = {True: "met", False: "MISSED", None: ""}[record["met"]]
    return f"  {record['work']:<38} {record['quantity']:<46} {measured:>12} {target:>9}  {verdict}".rstrip()


def absences(records):
    """One line for each library that is not installed."""
    absent = dict.fromkeys(record["peer"] for record in records if record["kind"] == "absent")
    return [f"{peer} is not installed, and not compared with: {OPTIONAL.get(peer, INSTALL)}" for peer in absent]


def summary(records):
    verdicts = [record["met"] for record in records if record["kind"] == "figure"]
    missed = verdicts.count(False)
    unmeasured = [r for r in records if r["kind"] == "figure" and r["value"] is None]
    return f"{verdicts.count(True)} targets met, {missed} missed, {len(unmeasured)} not measured"


def busy():
    """How many cores other work has kept busy in the last minute; 0 where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def machine():
    """What the figures may depend on."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            pass
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "versions": versions,
    }


if __name__ == "__main__":
    main()
