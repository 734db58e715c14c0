"""What holds for the whole suite: how notebooks are compared, and that property-based tests are repeatable.

It stands at the root because it serves the notebooks under ``book`` as well as ``tests``.
"""

import os

import hypothesis
import pytest
from _pytest.doctest import DoctestModule
from nbval.plugin import IPyNbFile

# The suite runs on all cores already: products of matrices that take all of them as well would wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# A drawing is compared by its text form; its SVG depends on the fonts of the machine. nbval leaves out PNG by itself.
NOT_COMPARED = ("image/svg+xml",)

hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    collectors = yield
    if file_path.name.startswith("test_"):  # tests hold no examples: collect them once
        collectors = [collector for collector in collectors if not isinstance(collector, DoctestModule)]
    for collector in collectors:
        if isinstance(collector, IPyNbFile):
            collector.skip_compare += NOT_COMPARED
    return collectors
