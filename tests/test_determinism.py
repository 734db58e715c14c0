"""Stored outputs hold on other machines: each notebook once more as if on an older processor.

NumPy and OpenBLAS choose their code by the processor, and the last digits of a sum depend on that choice. Here
OpenBLAS is told to take the kernels of an old processor and NumPy to use no more than its baseline; the outputs must be
the same.
"""

import os
import platform
import subprocess
import sys

import numpy as np
import pytest
import structure
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

from tools import notebooks

#: Every processor that can run NumPy's wheels for x86-64 can run the OpenBLAS kernels made for this one.
OLD_CORE = "Nehalem"
OLD_FEATURES = [feature for feature in __cpu_dispatch__ if __cpu_features__.get(feature)]
OLD_MACHINE = {"OPENBLAS_CORETYPE": OLD_CORE, "NPY_DISABLE_CPU_FEATURES": " ".join(OLD_FEATURES)}

WHAT_NUMPY_USES = """
import numpy as np
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
print(sorted(feature for feature in __cpu_dispatch__ if __cpu_features__[feature]))
"""


def reason_to_skip():
    """Why this machine cannot pose as an older one, or None."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return f"the processor is {platform.machine()}, not x86-64"
    if "openblas" not in np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"].lower():
        return "NumPy is not built on OpenBLAS here"
    if not OLD_FEATURES:
        return "this processor has nothing that NumPy could leave unused"
    return None


pytestmark = pytest.mark.skipif(reason_to_skip() is not None, reason=str(reason_to_skip()))


def run(*command):
    return subprocess.run([sys.executable, *command], cwd=notebooks.ROOT, env=structure.environment(**OLD_MACHINE),
                          capture_output=True, text=True, timeout=600)


def test_the_machine_poses_as_an_older_one(monkeypatch):
    monkeypatch.setenv("OPENBLAS_VERBOSE", "2")  # OpenBLAS then says which kernels it has chosen
    done = run("-W", "error", "-c", WHAT_NUMPY_USES)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n"
    assert f"Core: {OLD_CORE}" in done.stderr


@pytest.mark.parametrize("path", sorted((notebooks.ROOT / "book").glob("*.ipynb")), ids=lambda path: path.stem)
def test_outputs_are_the_same_on_an_older_machine(path):
    done = run("-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", os.fspath(path))
    assert done.returncode == 0, done.stdout + done.stderr
