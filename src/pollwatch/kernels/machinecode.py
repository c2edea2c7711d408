"""Machine code of numba's: made, written down, and put in place again without numba.

What numba makes of a function for some kinds of arguments is an object file with a function of Python's calling
convention in it, which takes arguments apart, lets go of the interpreter's lock, and makes Python's values of what
comes back. To call it takes the addresses of helpers that three of numba's extension modules hold, and a list of types
(the *environment*). The modules are loaded by themselves, since ``import numba`` is what takes the time; one helper
would import it to learn that an array is ``numpy.ndarray``, and says just that here.

All this is numba's inside, as pinned. Where anything is not as expected, :func:`loaded` says None and
:func:`compiled` keeps nothing: then numba compiles, as it always does.
"""

from __future__ import annotations

import builtins
import ctypes
import importlib.util
import io
import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, cast

import numpy as np

#: numba's modules that hold helpers, and what the helpers' names begin with in machine code.
_HELPERS = (("_dynfunc", "numba_"), ("_helperlib", "numba_"), ("core.runtime._nrt_python", "NRT_"))
_MAGIC = b"pollwatch kernel 2\n"


class _OfArrays(pickle.Unpickler):
    """Reads the name of the class of arrays, and of nothing else."""

    def find_class(self, module: str, name: str) -> type:
        """The class."""
        if (module, name) != ("numpy", "ndarray"):
            raise pickle.UnpicklingError(name)
        return np.ndarray


def _unpickle(at: int, length: int, _digest: int) -> object:
    return _named(ctypes.string_at(at, length))


@cache
def _named(data: bytes) -> object:
    """What was pickled; asked for with each array that comes back."""
    return _OfArrays(io.BytesIO(data)).load()


#: Takes a place, a length and a digest. Machine code calls it for as long as the process lives.
_UNPICKLE = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(_unpickle)


class _UnexpectedError(Exception):
    """numba is not as it is known here."""


def in_place() -> bool:
    """Whether machine code can be put in place, or made, without loading anything first."""
    return "numba" in sys.modules or _engines.cache_info().currsize > 0


@cache
def made_by() -> str:
    """Names the versions and the processor that machine code is for."""
    import llvmlite.binding as llvm  # noqa: PLC0415 - only for who runs kernels

    return f"{versions()} {llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"


@cache
def versions() -> str:
    """Names the versions that machine code is for: of a package that is its files, since to ask it takes longer."""
    found = importlib.util.find_spec("llvmlite")
    paths = [Path(found.origin)] if found is not None and found.origin is not None else []
    stats = [path.stat() for path in (*paths, *(_extension_path(name) for name, _ in _HELPERS))]
    files = [(each.st_size, each.st_mtime_ns) for each in stats]
    return f"{sys.version} numpy {np.__version__} {files}"


def compiled(function: Any, arguments: tuple[object, ...]) -> tuple[Callable[..., Any], bytes | None]:  # noqa: ANN401 - numba's own kinds
    """A function as machine code for arguments like these, and what to keep of it; None where it cannot be kept.

    Args:
        function: as ``numba.njit`` gives it.
        arguments: of a call.
    """
    import numba  # noqa: PLC0415 - takes seconds, for the first call on a machine only

    signature = tuple(map(numba.typeof, arguments))
    function.compile(signature)
    result = function.overloads[signature]
    code = None
    with suppress(AttributeError, _UnexpectedError):
        environment = [_written(each) for each in result.environment.consts]
        library = result.library
        machine = library.codegen._tm.emit_object(library._final_module)  # noqa: SLF001 - see the module
        names = result.fndesc.llvm_cpython_wrapper_name, result.fndesc.env_name, ",".join(environment)
        code = _MAGIC + "\n".join(names).encode("ascii") + b"\n" + machine
    return result.entry_point, code


def loaded(code: bytes, function: FunctionType) -> Callable[..., Any] | None:
    """What was kept of a function, to be called; None where it cannot be.

    Args:
        code: from :func:`compiled`, by the same versions on a processor of the same kind (:func:`made_by`).
        function: whose it is.
    """
    if not code.startswith(_MAGIC):
        return None
    try:
        return _loaded(code, function)
    except (AttributeError, ImportError, OSError, RuntimeError, _UnexpectedError):
        return None


def _loaded(code: bytes, function: FunctionType) -> Callable[..., Any]:
    wrapper, environment_name, environment, machine = code[len(_MAGIC) :].split(b"\n", 3)
    llvm, target, helpers = _engines()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target)
    engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(machine))
    engine.finalize_object()
    address = engine.get_function_address(wrapper.decode())
    holder = engine.get_global_value_address(environment_name.decode())
    if not address or not holder:
        raise _UnexpectedError
    types = helpers.Environment({})
    types.consts.extend(np.dtype(name) for name in environment.decode().split(",") if name)
    ctypes.c_void_p.from_address(holder).value = id(types)
    module = sys.modules[function.__module__]
    made = helpers.make_function(module, function.__name__, function.__doc__ or "", address, types, (engine, types))
    return cast("Callable[..., Any]", made)


def _written(constant: object) -> str:
    if not isinstance(constant, np.dtype):
        raise _UnexpectedError
    return constant.str


@cache
def _engines() -> tuple[Any, Any, Any]:
    """What puts machine code in place: llvmlite, the machine that it is for, and numba's module of functions."""
    import llvmlite.binding as llvm  # noqa: PLC0415 - only for who runs kernels

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.add_symbol("_Py_NoneStruct", id(None))
    for error in vars(builtins).values():
        if isinstance(error, type) and issubclass(error, BaseException):
            llvm.add_symbol(f"PyExc_{error.__name__}", id(error))
    modules = [_extension(name) for name, _ in _HELPERS]
    for module, (_, prefix) in zip(modules, _HELPERS, strict=True):
        for name, address in module.c_helpers.items():
            llvm.add_symbol(name if name.startswith("_nrt") else prefix + name, address)
    if "numba" not in sys.modules:  # which sets its own when it is imported
        llvm.add_symbol("numba_unpickle", ctypes.cast(_UNPICKLE, ctypes.c_void_p).value)
    target = llvm.Target.from_default_triple().create_target_machine(opt=3, jit=True)
    return llvm, target, modules[0]


def _extension(name: str) -> ModuleType:
    """One of numba's extension modules, without the package around it."""
    full = f"numba.{name}"
    if full in sys.modules:
        return sys.modules[full]
    path = _extension_path(name)
    specification = importlib.util.spec_from_file_location(full, path, loader=ExtensionFileLoader(full, str(path)))
    if specification is None or specification.loader is None:
        raise _UnexpectedError
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def _extension_path(name: str) -> Path:
    found = importlib.util.find_spec("numba")
    if found is None or found.origin is None:
        raise _UnexpectedError
    base = Path(found.origin).parent.joinpath(*name.split("."))
    for suffix in EXTENSION_SUFFIXES:
        if (path := base.with_name(base.name + suffix)).exists():
            return path
    raise _UnexpectedError
