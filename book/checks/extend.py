"""Classes that grow over several cells."""

import types
import weakref
from dataclasses import dataclass, field

from checks.message import Message, show

#: What Python itself puts into every class body, and what stays with the class that is extended.
OWN = {"__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__annotations__", "__annotate__",
       "__annotate_func__", "__annotations_cache__", "__firstlineno__", "__static_attributes__",
       "__classdictcell__"}


@dataclass
class Growth:
    """A class and the groups of names that have been added to it, one group per cell."""

    cls: weakref.ref
    groups: list = field(default_factory=list)


#: (module, name of a class) → its Growth.
growths = {}


def extend(cls):
    """Add the attributes of a class body to a class that exists: a class shown in parts.

    The name is bound to the class itself, now larger. When the first cell of a class is run again, it makes a new
    class without the parts that were added; the next ``extend`` of it says which cells have to be run again.

    Examples
    --------
    >>> class Point:
    ...     def __init__(self, x, y):
    ...         self.x, self.y = x, y
    >>> p = Point(3.0, 4.0)
    >>> @extend(Point)
    ... class Point:
    ...     @property
    ...     def norm(self):
    ...         return (self.x**2 + self.y**2) ** 0.5
    >>> p.norm
    5.0
    """
    if not isinstance(cls, type):
        raise TypeError(f"extend expects a class that exists, @extend(Value) for instance; given: {cls!r}")

    def move(body):
        attributes = attributes_of(body, cls)
        for name, attribute in attributes.items():
            setattr(cls, name, attribute)
            if hasattr(type(attribute), "__set_name__"):
                attribute.__set_name__(cls, name)
        remember(cls, list(attributes))
        return cls

    return move


def attributes_of(body, cls):
    """The attributes that a class body adds, after a look at whether they can be added."""
    if not isinstance(body, type) or body.__name__ != cls.__name__ or body.__bases__ != (object,):
        raise TypeError(f"@extend({cls.__name__}) stands over a body that begins `class {cls.__name__}:`, "
                        f"with the same name and without bases; given: {getattr(body, '__name__', body)!r}")
    attributes = {name: attribute for name, attribute in vars(body).items() if name not in OWN}
    if "__slots__" in attributes:
        raise TypeError(f"a class that exists takes no more slots: put __slots__ into the first cell of {cls.__name__}")
    # Python adds __hash__ = None to a body that defines __eq__ alone; the class may have its own already.
    if attributes.get("__hash__", body) is None and vars(cls).get("__hash__") is not None:
        del attributes["__hash__"]
    for name, attribute in attributes.items():
        if any("__class__" in function.__code__.co_freevars for function in functions_in(attribute)):
            raise TypeError(f"{name} uses super() without arguments, which would look for the class of this cell: "
                            f"write super({cls.__name__}, self)")
    return attributes


def functions_in(attribute):
    """The functions that an attribute is made of."""
    parts = [attribute, *(getattr(attribute, name, None) for name in ("fget", "fset", "fdel", "__func__", "func"))]
    return [part for part in parts if isinstance(part, types.FunctionType)]


def remember(cls, names):
    """Note what was added; if the class is new under an old name, say what it has lost."""
    key = cls.__module__, cls.__qualname__
    growth = growths.get(key)
    if growth is None or growth.cls() is not cls:
        lost = [group for group in growth.groups if group != names] if growth else []
        growth = growths[key] = Growth(weakref.ref(cls))
        if lost:
            show(Message("○", f"{cls.__name__} was defined anew, without what later cells had added to it.",
                         ("Run the cells again that add:",), "\n".join(", ".join(group) for group in lost)))
    if names not in growth.groups:
        growth.groups.append(names)
