"""Whether an answer is still the stub that the book shows."""

import bisect
import dis
import types

#: The instructions of a function whose body is a docstring, ``...``, ``pass`` or ``return None``.
IDLE = {"RESUME", "NOP", "POP_TOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "COPY_FREE_VARS"}


def is_untouched(answer, stub=None):
    """Whether an answer is the stub, or does nothing at all.

    A value is untouched while it is None (or ``...``, or a tuple of these); a class, while all of its methods are.
    """
    if stub is not None and isinstance(answer, types.FunctionType) and fingerprint(answer) == fingerprint(stub):
        return True
    if isinstance(answer, types.FunctionType):
        return is_idle(answer.__code__)
    if isinstance(answer, type):
        methods = [item for item in vars(answer).values() if isinstance(item, types.FunctionType)]
        return bool(methods) and all(is_idle(method.__code__) for method in methods)
    if type(answer) in (tuple, list):
        return bool(answer) and all(is_untouched(item) for item in answer)
    return answer is None or answer is ...


def is_idle(code):
    """Whether code does nothing but return None."""
    instructions = list(dis.get_instructions(code))
    return (all(i.opname in IDLE for i in instructions)
            and all(i.argval is None or i.argval is ... for i in instructions if i.opname.endswith("_CONST")))


def fingerprint(function):
    """What a function does, as far as it can be compared: neither docstrings nor places in a file count."""
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    # A mutable default may have changed since the function was defined.
    return code_fingerprint(function.__code__, function.__doc__), [
        type(value) if isinstance(value, (list, dict, set)) else (type(value), repr(value)) for value in defaults]


def code_fingerprint(code, doc=None):
    constants = [code_fingerprint(constant) if isinstance(constant, types.CodeType)
                 else (type(constant), repr(constant)) for constant in code.co_consts]
    if doc is not None:
        constants[0] = type(None), "None"  # the docstring, in whose place there is None where there is none
    return steps(code), constants, code.co_names, code.co_varnames, code.co_argcount, code.co_kwonlyargcount


def steps(code):
    """The instructions, the same whether or not ``np.sum(x)`` stands in the file that imports np.

    CPython calls the function of a module that it knows to be one in another way than a method: by other instructions,
    and another number of them.
    """
    instructions = [i for i in dis.get_instructions(code) if i.opname not in ("PUSH_NULL", "CACHE")]
    places = [i.offset for i in instructions]

    def operand(i):
        if i.opcode in dis.hasjrel or i.opcode in dis.hasjabs:
            return bisect.bisect_left(places, i.argval)
        return i.argval if i.opcode in dis.hasname else i.arg

    return [(i.opname.replace("LOAD_METHOD", "LOAD_ATTR"), operand(i)) for i in instructions]
