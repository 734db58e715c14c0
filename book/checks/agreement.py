"""Whether two results agree, up to rounding, and where they first differ.

Results are numbers, strings, tuples, lists, dicts, NumPy arrays and boxes around them (whatever has a ``data``, such
as Value and ForwardValue), in any nesting. NumPy is used only if it has been imported already.
"""

import cmath
import re
import sys
from dataclasses import dataclass
from numbers import Complex, Real

#: Relative error up to which two numbers agree; the absolute error that is allowed near 0 is a hundredth of it.
TOLERANCE = 1e-7


@dataclass(frozen=True)
class Difference:
    """The first place where two results differ, in words."""

    where: str
    expected: str
    given: str

    def __str__(self):
        place = f"at {self.where}: " if self.where else ""
        return f"{place}expected {self.expected}, given {self.given}"


def difference(given, expected, tolerance=TOLERANCE, where=""):
    """The first Difference between what was given and what was expected, or None if they agree.

    A list may stand for a tuple and the other way round. A key whose value is 0 may be missing from a dict: a
    derivative of 0 need not be kept.
    """
    if is_numpy_scalar(given):
        given = given.item()
    for applies, compare in COMPARISONS:
        if applies(expected):
            return compare(given, expected, tolerance, where)
    same = given is expected or (type(given) is type(expected) and (given == expected) is True)
    return None if same else Difference(where, show(expected), show(given))


def compare_numbers(given, expected, tolerance, where):
    if is_array(given) and given.shape == ():
        given = given.item()
    kind = Real if isinstance(expected, Real) else Complex
    if not is_number(given) or not isinstance(given, kind):
        return Difference(where, f"the number {show(expected)}", show(given))
    return None if close(given, expected, tolerance) else Difference(where, *told_apart(expected, given))


def compare_boxes(given, expected, tolerance, where):
    if not is_box(given):
        return Difference(where, f"a {type(expected).__name__}", show(given))
    return difference(given.data, expected.data, tolerance, f"{where}.data")


def compare_strings(given, expected, tolerance, where):
    same = isinstance(given, str) and given.strip() == expected.strip()
    return None if same else Difference(where, show(expected), show(given))


def compare_sequences(given, expected, tolerance, where):
    if is_array(given) and given.shape:
        given = list(given)
    if not isinstance(given, (tuple, list)):
        return Difference(where, f"a {type(expected).__name__} of length {len(expected)}", show(given))
    if len(given) != len(expected):
        return Difference(where, f"length {len(expected)}", f"length {len(given)}")
    places = (difference(g, e, tolerance, f"{where}[{i}]") for i, (g, e) in enumerate(zip(given, expected)))
    return next(filter(None, places), None)


def compare_dicts(given, expected, tolerance, where):
    if not isinstance(given, dict):
        return Difference(where, f"a dict of {len(expected)} entries", show(given))
    for key in [*expected, *(key for key in given if key not in expected)]:
        place = f"{where}[{show(key)}]"
        if key in given and key in expected:
            found = difference(given[key], expected[key], tolerance, place)
        elif is_zero((given if key in given else expected)[key]):
            found = None
        elif key in expected:
            found = Difference(place, show(expected[key]), "no such key")
        else:
            found = Difference(place, "no such key", show(given[key]))
        if found:
            return found
    return None


def compare_arrays(given, expected, tolerance, where):
    np = sys.modules["numpy"]
    if is_box(given) or not isinstance(given, (np.ndarray, tuple, list, Complex)):
        return Difference(where, f"an array of shape {expected.shape}", show(given))
    given = np.asarray(given)
    if given.dtype.kind not in "biufc":
        return Difference(where, "an array of numbers", f"an array of dtype {given.dtype}")
    if given.shape != expected.shape:
        return Difference(where, f"shape {expected.shape}", f"shape {given.shape}")
    wrong = ~np.isclose(given, expected, rtol=tolerance, atol=tolerance / 100, equal_nan=True)
    if not wrong.any():
        return None
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    return Difference(f"{where}[{', '.join(map(str, index))}]", *told_apart(expected[index], given[index]))


def form_of(x):
    """What a result is, without giving it away."""
    if is_number(x):
        return "a number"
    if isinstance(x, str):
        return "a string"
    if isinstance(x, (tuple, list)):
        return f"a {'list' if isinstance(x, list) else 'tuple'} of length {len(x)}"
    if is_array(x):
        return f"an array of shape {x.shape}"
    return "a dict" if isinstance(x, dict) else show(x)


def is_number(x):
    return isinstance(x, Complex) and not isinstance(x, bool)


def is_array(x):
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(x, numpy.ndarray)


def is_numpy_scalar(x):
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(x, numpy.generic)


def is_box(x):
    return not (isinstance(x, (Complex, type)) or is_array(x) or is_numpy_scalar(x)) and hasattr(x, "data")


def is_zero(x):
    return is_number(x) and x == 0


def close(given, expected, tolerance):
    if cmath.isnan(expected):
        return cmath.isnan(given)
    return cmath.isclose(given, expected, rel_tol=tolerance, abs_tol=tolerance / 100)


#: What an expected result is → how it is compared; the first that applies.
COMPARISONS = [
    (is_number, compare_numbers),
    (is_array, compare_arrays),
    (lambda x: isinstance(x, str), compare_strings),
    (lambda x: isinstance(x, (tuple, list)), compare_sequences),
    (lambda x: isinstance(x, dict), compare_dicts),
    (is_box, compare_boxes),
]


def show(x, digits=6):
    """A result as short text, numbers rounded, without anything that changes from run to run."""
    try:
        return shown(x, digits)
    except Exception:  # a __repr__ of the reader's may do anything
        return f"an object of class {type(x).__name__}"


def shown(x, digits):
    if is_number(x):
        return format(x, f".{digits}g") if not isinstance(x, int) else str(int(x))
    if isinstance(x, (tuple, list)):
        inner = ", ".join(some([shown(item, digits) for item in x]))
        return f"[{inner}]" if isinstance(x, list) else f"({inner}{',' * (len(x) == 1)})"
    if isinstance(x, dict):
        return "{" + ", ".join(some([f"{shown(k, digits)}: {shown(v, digits)}" for k, v in x.items()])) + "}"
    if is_array(x):
        return sys.modules["numpy"].array2string(x, precision=digits - 2, suppress_small=True, threshold=24)
    if is_box(x):
        return f"{type(x).__name__}({shown(x.data, digits)})"
    if callable(x) and hasattr(x, "__name__"):
        return f"{'class' if isinstance(x, type) else 'function'} {x.__name__}"
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(x))
    return text if len(text) <= 200 else text[:200] + "…"


def some(items, most=12):
    """The first of many items, and how many were left out."""
    return items if len(items) <= most else [*items[:most], f"… ({len(items) - most} more)"]


def told_apart(expected, given):
    """Two different numbers as text, with as many digits as it takes to see that they differ."""
    for digits in (6, 9, 12, 17):
        texts = show(expected, digits), show(given, digits)
        if texts[0] != texts[1]:
            break
    return texts
