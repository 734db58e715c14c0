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
    "Tensor": "tensor",
    "grad": "transforms",
    "value_and_grad": "transforms",
    "vjp": "transforms",
    "jvp": "transforms",
    "jacobian": "transforms",
    "jacrev": "transforms",
    "jacfwd": "transforms",
    "hessian": "transforms",
    "hvp": "transforms",
    "checkpoint": "transforms",
    "custom_vjp": "transforms",
    "no_grad": "box",
    "numerical_derivative": "numerical",
    "numerical_partials": "numerical",
    "numerical_jacobian": "numerical_arrays",
    "check_grads": "check",
    "trace": "draw",
    "draw_dot": "draw",
    "play": "player",
}

# Modules that are used under their own names.
MODULES = ("nn", "optim")

__all__ = [*PUBLIC, *MODULES]


def __getattr__(name):
    if name in MODULES:
        return import_module(f"minigrad.{name}")
    if name not in PUBLIC:
        known = ", ".join(__all__)
        raise AttributeError(f"minigrad has no {name!r}; it has {known}")
    value = getattr(import_module(f"minigrad.{PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
