"""The face of the package: its names, its imports, its documentation, its version."""

import doctest
import inspect
import re
import subprocess
import sys
import tomllib
from importlib import import_module, metadata
from pathlib import Path

import pytest

import minigrad

ROOT = Path(__file__).resolve().parent.parent


def modules_after(code):
    """The top-level modules that are loaded in a fresh Python once it has run the code."""
    done = subprocess.run([sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
                          capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_numbers_are_differentiated_without_numpy():
    loaded = modules_after("""
import minigrad
x = minigrad.Value(2)
(x.exp() * x).backward()
minigrad.ForwardValue(2).tanh().grads
minigrad.numerical_derivative(float, 2)
""")
    assert "minigrad" in loaded
    assert not loaded & {"numpy", "graphviz", "pygraphviz", "matplotlib"}


def test_a_module_is_imported_when_one_of_its_names_is_used():
    code = "import sys, minigrad\nassert 'minigrad.draw' not in sys.modules\nminigrad.draw_dot"
    assert "graphviz" in modules_after(code)


@pytest.mark.parametrize("name", minigrad.PUBLIC)
def test_a_public_name_is_what_its_module_defines(name):
    thing = getattr(minigrad, name)
    assert thing is getattr(import_module(f"minigrad.{minigrad.PUBLIC[name]}"), name)
    assert (thing.__module__, thing.__name__) == (f"minigrad.{minigrad.PUBLIC[name]}", name)


def test_the_list_of_names():
    done = subprocess.run([sys.executable, "-c", "import minigrad\nminigrad.Value\nprint(*dir(minigrad))"],
                          capture_output=True, text=True, check=True)
    names = done.stdout.split()
    assert names == sorted(set(names)) and set(minigrad.PUBLIC) < set(names)
    assert minigrad.__all__ == [*minigrad.PUBLIC, *minigrad.MODULES]
    everything = {}
    exec("from minigrad import *", everything)
    assert everything.keys() - {"__builtins__"} == set(minigrad.__all__)


def test_an_unknown_name_is_an_error_that_lists_the_known_ones():
    with pytest.raises(AttributeError, match="minigrad has no 'Valve'; it has Value, ForwardValue, .*draw_dot"):
        minigrad.Valve  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'Valve'"):
        from minigrad import Valve  # noqa: F401
    assert not hasattr(minigrad, "Valve")


def sections(thing):
    """The headings of a NumPy-style docstring."""
    return re.findall(r"^(\w[\w ]*)\n-+$", inspect.getdoc(thing), re.M)


@pytest.mark.parametrize("name", minigrad.PUBLIC)
def test_a_public_name_is_documented_with_an_example_that_runs(name):
    thing = getattr(minigrad, name)
    summary, empty, *_ = inspect.getdoc(thing).split("\n")
    assert summary.endswith(".") and empty == ""
    headings = sections(thing)
    takes_something = inspect.signature(thing).parameters
    assert {"Examples", *(["Parameters", "Raises"] if takes_something else [])} <= set(headings)
    order = ["Parameters", "Attributes", "Returns", "Raises", "Notes", "Examples"]
    assert headings == [heading for heading in order if heading in headings]

    tests = doctest.DocTestFinder(recurse=False).find(thing, name)
    assert sum(len(test.examples) for test in tests) > 0
    said = []
    failed = sum(doctest.DocTestRunner(verbose=False).run(test, out=said.append).failed for test in tests)
    assert not failed, "".join(said)


@pytest.mark.parametrize("name", minigrad.PUBLIC)
def test_every_parameter_is_documented(name):
    thing = getattr(minigrad, name)
    documented = re.search(r"^Parameters\n-+\n(.*?)(\n\n[A-Z]\w+\n-+|\Z)", inspect.getdoc(thing), re.M | re.S)
    for parameter in inspect.signature(thing).parameters:
        said = re.search(rf"^\*{{0,2}}{parameter} : ", documented[1], re.M)
        assert said, f"{name} does not say what {parameter} is"


@pytest.mark.parametrize("module", sorted(path.stem for path in (ROOT / "minigrad").glob("*.py")))
def test_a_module_says_what_it_is_for(module):
    summary, *rest = import_module(f"minigrad.{module}".removesuffix(".__init__")).__doc__.split("\n")
    assert summary.endswith(".") and (not rest or not rest[0])


def test_one_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert metadata.version("minigrad") == version
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
