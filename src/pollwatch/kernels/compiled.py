"""The one way to compile a kernel: on its first call on a machine by numba, and from then on from what was kept.

To import numba and make it ready takes two seconds, more than most scans; machine code that was kept is put in place
without it (``machinecode``). What is kept is named by all that it was made of: the kernel's own code, that of every
kernel it calls and every constant they name, the kinds of its arguments, this processor and these versions. So an
edited kernel is compiled anew, whichever module it is in. Where nothing can be kept (a hardened service), every run
compiles anew.
"""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Callable
from hashlib import sha256
from types import CodeType, FunctionType, ModuleType
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar, cast

import numpy as np

from pollwatch import cache
from pollwatch.kernels import machinecode

P = ParamSpec("P")
T = TypeVar("T")

#: Of an array's flags those that machine code depends on: in order either way, aligned, writeable.
_FLAGS = 0x503
#: Names the entry that says that there is machine code of these versions.
_ANY = "machine code"
_PART = "machine-code"
#: What only other kernels call needs no entry for anybody else (a fifth of the time that compiling takes), and becomes
#: a part of its caller: a call with some arrays has thirty arguments.
_INNER = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "forceinline": True}
#: Who holds an array is counted with every call, by two additions that other processors must see. Where no array is
#: made or given back there is nothing to count; counting took four fifths of the time.
_UNCOUNTED = {**_INNER, "_nrt": False}
#: What a function gives back, by its annotation, when it is no array.
_SCALARS = {"int", "bool", "float", "None", "tuple", "np.int64", "np.uint8", "np.uint32", "np.uint64"}
#: What makes an array, of all that kernels use; numba refuses to compile what makes one and does not count.
_MAKES = {"empty", "zeros", "ones", "full", "copy", "concatenate"}
_LOCK = threading.RLock()


class Kernel(Generic[P, T]):
    """A function as machine code, free of the interpreter's lock while it runs."""

    def __init__(self, function: Callable[P, T]) -> None:
        """Take plain Python; nothing is compiled yet."""
        self.function = cast("FunctionType", function)
        self._native: dict[tuple[object, ...], Callable[..., T]] = {}
        functools.update_wrapper(self, function)

    def __call__(self, *arguments: P.args, **_nothing: P.kwargs) -> T:
        """Call it; arguments by their places only."""
        kinds = tuple(map(kind, arguments))
        native = self._native.get(kinds)
        if native is None:
            native = self._made(kinds, arguments)
        return native(*arguments)

    def _made(self, kinds: tuple[object, ...], arguments: tuple[object, ...]) -> Callable[..., T]:
        with _LOCK:
            if kinds not in self._native:
                self._native[kinds] = self._found(kinds, arguments)
        return self._native[kinds]

    def _found(self, kinds: tuple[object, ...], arguments: tuple[object, ...]) -> Callable[..., T]:
        kept = cache.of_user(_PART)
        name = f"machine code of {self.function.__module__}.{self.function.__qualname__} for {kinds!r}"
        key = f"{machinecode.made_by()} {made_of(self.function)}"
        native = self._loaded(kept, name, key)
        if native is None:
            with kept.alone(name):  # a watch, its console and a scan may begin at once on a machine that is new to all
                native = self._loaded(kept, name, key)
                if native is None:
                    native, code = machinecode.compiled(_prepared(self.function, {}), arguments)
                    if code is not None:
                        kept.keep(name, key, code)
                        kept.keep(_ANY, machinecode.versions(), b"kept")
        return native

    def _loaded(self, kept: cache.Cache, name: str, key: str) -> Callable[..., T] | None:
        code = kept.kept(name, key)
        return None if code is None else machinecode.loaded(code, self.function)


class Intrinsic(NamedTuple):
    """Machine code that numba makes as ``define`` says; called by kernels only."""

    define: Callable[..., Any]


def compiled(function: Callable[P, T]) -> Callable[P, T]:
    """The function as machine code, free of the interpreter's lock.

    It may name numbers, texts, arrays of its modules, other kernels, and plain functions, which are compiled with it.
    """
    return Kernel(function)


def ready() -> bool:
    """Whether machine code is in use already, so that its next use costs little."""
    return machinecode.in_place()


@functools.cache
def within_reach() -> bool:
    """Whether machine code of an earlier run was kept, so that its first use costs a quarter of a second, not many."""
    return ready() or cache.of_user(_PART).kept(_ANY, machinecode.versions()) is not None


def threshold(loading: int, compiling: int) -> int:
    """From how much work on kernels pay that are not in use yet: where they are only loaded, or are compiled."""
    return loading if within_reach() else compiling


def kind(value: object) -> object:
    """What machine code depends on of an argument."""
    if type(value) is np.ndarray:
        return value.dtype.str, value.ndim, value.flags.num & _FLAGS
    if isinstance(value, tuple):
        return (type(value).__qualname__, *map(kind, value))
    if isinstance(value, np.generic):
        return value.dtype.str
    return type(value).__name__


def _prepared(function: FunctionType, known: dict[FunctionType, Any], **options: bool) -> Any:  # noqa: ANN401 - numba's own kinds
    """The function with all that it calls in the form that numba takes."""
    import numba  # noqa: PLC0415 - takes seconds, for the first call on a machine only
    from numba.extending import intrinsic  # noqa: PLC0415 - the same

    if function not in known:
        names = dict(function.__globals__)
        for name, value in _named(function):
            if isinstance(value, Intrinsic):
                names[name] = intrinsic(value.define)
            elif isinstance(value, Kernel | FunctionType):
                inner = _plain(value)
                names[name] = _prepared(inner, known, **(_INNER if makes_arrays(inner) else _UNCOUNTED))
        copy = FunctionType(function.__code__, names, function.__name__, function.__defaults__)
        copy.__qualname__, copy.__module__ = function.__qualname__, function.__module__
        known[function] = cast("Any", numba.njit)(nogil=True, **options)(copy)
    return known[function]


def makes_arrays(function: FunctionType) -> bool:
    """Whether a function, or one that it calls, makes an array or gives one back."""
    given = re.findall(r"[\w.]+", str(function.__annotations__.get("return", "unknown")))
    made = any(name in _MAKES for code in _codes(function.__code__) for name in code.co_names)
    called = (_plain(value) for _name, value in _named(function) if isinstance(value, Kernel | FunctionType))
    return made or not _SCALARS.issuperset(given) or any(map(makes_arrays, called))


def _plain(value: Kernel[..., Any] | FunctionType) -> FunctionType:
    return value.function if isinstance(value, Kernel) else value


def _named(function: FunctionType) -> list[tuple[str, object]]:
    """What a function names of its module."""
    names = dict.fromkeys(name for code in _codes(function.__code__) for name in code.co_names)
    return [(name, function.__globals__[name]) for name in names if name in function.__globals__]


def _codes(code: CodeType) -> list[CodeType]:
    inner = [each for constant in code.co_consts if isinstance(constant, CodeType) for each in _codes(constant)]
    return [code, *inner]


def made_of(function: FunctionType) -> str:
    """A digest of all that makes a function what it does."""
    seen: dict[FunctionType, int] = {}
    digest = sha256()

    def add(value: object) -> None:
        if isinstance(value, Kernel | FunctionType):
            plain = _plain(value)
            place = seen.setdefault(plain, len(seen))
            digest.update(f"function {place};".encode())
            if place == len(seen) - 1:
                add_function(plain)
        elif isinstance(value, Intrinsic):
            add(cast("FunctionType", value.define))
        elif isinstance(value, np.ndarray):
            digest.update(f"{value.dtype.str}{value.shape}".encode() + value.tobytes())
        elif isinstance(value, ModuleType):
            digest.update(value.__name__.encode())
        elif isinstance(value, tuple):
            digest.update(f"tuple {len(value)};".encode())
            for each in value:
                add(each)
        else:
            digest.update(f"{type(value).__qualname__} {value!r};".encode())

    def add_function(plain: FunctionType) -> None:
        for code in _codes(plain.__code__):
            constants = tuple(each for each in code.co_consts if not isinstance(each, CodeType))
            add((code.co_code, code.co_names, code.co_varnames, code.co_freevars, constants, code.co_exceptiontable))
        for name, value in _named(plain):
            add((name, value))

    add(function)
    return digest.hexdigest()
