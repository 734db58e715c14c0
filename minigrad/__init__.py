"""minigrad: a small automatic differentiation library, built in the book of its name.

>>> from minigrad import Value
>>> x = Value(3)
>>> (x**2).backward()
>>> x.grad
6.0
"""

from importlib import import_module

# Where each public name is defined. A module is imported when one of its names is first
# used, so that a program that differentiates numbers does not wait for what draws, or
# for NumPy.
PUBLIC = {
    "Value": "value",
    "ForwardValue": "forward",
    "numerical_derivative": "numerical",
    "numerical_partials": "numerical",
    "trace": "draw",
    "draw_dot": "draw",
}

__all__ = list(PUBLIC)


def __getattr__(name):
    if name not in PUBLIC:
        raise AttributeError(f"minigrad has no {name!r}; it has {', '.join(PUBLIC)}")
    value = globals()[name] = getattr(import_module(f"minigrad.{PUBLIC[name]}"), name)
    return value


def __dir__():
    return sorted({*globals(), *PUBLIC})
