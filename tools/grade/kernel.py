"""The kernel that a submission runs in: limited in memory, with the checks of the teacher's copy already there."""

import json
import os
import sys
import threading
import types

from checks import exercise, grading

#: What the environment of a kernel says: how many bytes it may use, and which exercises it is to check.
MEMORY, EXERCISES = "MINIGRAD_MEMORY", "MINIGRAD_EXERCISES"

#: The largest file that a submission may write, in bytes, and how many processes and threads it may add.
LARGEST_FILE, MOST_THREADS = 100_000_000, 500

#: The module, class or exercise that something belongs to → name → what it was before the submission ran.
sealed = {}


def main():
    limit(int(os.environ[MEMORY]))
    for name in os.environ[EXERCISES].split():
        exercise.find(name)
    seal()
    from ipykernel.kernelapp import IPKernelApp
    IPKernelApp.launch_instance()


def limit(memory):
    """Let this process, and each that it starts, use so many bytes and no more; where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {"RLIMIT_DATA": memory, "RLIMIT_FSIZE": LARGEST_FILE, "RLIMIT_CORE": 0,
              "RLIMIT_NPROC": threads() + MOST_THREADS}
    for name, most in limits.items():
        kind = getattr(resource, name, None)
        if kind is not None:
            soft, hard = resource.getrlimit(kind)
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            try:
                resource.setrlimit(kind, (most, hard))
                if name == "RLIMIT_NPROC" and not can_start_threads():
                    most = soft
                resource.setrlimit(kind, (most, most))
            except (OSError, ValueError):  # macOS knows some of them and keeps none
                pass


def can_start_threads():
    """Whether one more thread can be started: not where many of this user's, outside a container, cannot be seen."""
    try:
        threading.Thread(target=int).start()
    except RuntimeError:
        return False
    return True


def threads():
    """How many threads this user runs, as far as that can be seen: the limit is on all of them together."""
    import psutil

    count = 0
    for process in psutil.process_iter():
        try:
            if process.uids().real == os.getuid():
                count += process.num_threads()
        except psutil.Error:
            pass
    return count


# Whether the checks are still what they were


def parts():
    """Everything that the checks are made of: (module, class or exercise) → name → function, class or anything else."""
    for name, module in list(sys.modules.items()):
        if name == "checks" or name.startswith("checks."):
            yield name, vars(module)
            yield from ((f"{name}.{key}", methods(item)) for key, item in list(vars(module).items())
                        if isinstance(item, type) and item.__module__ == name)
    yield "checks.exercise.registry", exercise.registry
    yield from ((name, vars(item)) for name, item in list(exercise.registry.items()))


def methods(cls):
    """The methods of a class, and whatever else looks after its attributes; a check may count in the others."""
    return {name: item for name, item in vars(cls).items() if hasattr(item, "__get__")}


def fingerprint(item):
    """What tells whether a part is still the same: the object itself, and the code of a function."""
    return id(item), id(item.__code__) if isinstance(item, types.FunctionType) else None


def seal():
    """Remember what the checks are made of."""
    for place, names in parts():
        # The objects are kept, so that no other can come to have the address of one.
        sealed[place] = {key: (fingerprint(item), item) for key, item in names.items()}


def changed():
    """The first part of the checks that is no longer what it was, or None."""
    now = dict(parts())
    for place, names in sealed.items():
        for key, (before, _) in names.items():
            if key not in now.get(place, {}) or fingerprint(now[place][key]) != before:
                return f"{place}.{key}"
    return None


def verdict(name):
    """The verdict that a check cell came to, as JSON; null if it came to none."""
    found = grading.verdicts.pop(name, None)
    return json.dumps({"symbol": found.symbol, "message": found.message, "changed": changed()} if found else None)
