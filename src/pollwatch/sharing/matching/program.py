"""The program that computes with many points, compiled: its text is written by ``fieldlanes`` and its neighbours.

LLVM compiles it for the processor at hand, in a fifth of a second, once for each process that needs it. Functions run
without the interpreter's lock, and meet in no memory but what they are given.
"""

from __future__ import annotations

import ctypes
import mmap
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from pollwatch.errors import ConfigError
from pollwatch.sharing.matching import curvelanes, curvesums, fieldlanes, multiplying

_ALIGNMENT: Final = 64
_LOCK: Final = threading.Lock()
#: Registers are allotted and instructions ordered; more than that gains nothing here.
_OPTIMISATION: Final = 1
#: What is exported, and of how many pointers and counts it is a function.
_EXPORTED: Final = {
    "decode_all": 3,
    "add_all": 3,
    "map_all": 3,
    "multiply_all": 3,
    "prepare_all": 3,
    "encode_all": 4,
    "spread_all": 3,
    "weighted_sum": 5,
}
#: What functions that can refuse give where they do not.
ACCEPTED: Final = -1


@dataclass(frozen=True, slots=True)
class Program:
    """Machine code.

    Attributes:
        engine: it lives as long as this.
        call: the exported functions by name; what has no result gives a number that means nothing.
    """

    engine: Any
    call: Mapping[str, Callable[..., int]]


class Memory:
    """Zeroed memory as vectors need it; zeroed again at the end of a ``with``: secrets shine through what it held."""

    def __init__(self, size: int) -> None:
        """Take so many bytes."""
        self._size = size + _ALIGNMENT
        self._buffer = ctypes.create_string_buffer(self._size)
        #: Where it begins.
        self.address = -(-ctypes.addressof(self._buffer) // _ALIGNMENT) * _ALIGNMENT

    def __enter__(self) -> int:
        """Where it begins."""
        return self.address

    def __exit__(self, *_error: object) -> None:
        """Forget what it held."""
        ctypes.memset(self._buffer, 0, self._size)


def text() -> str:
    """The whole program, in LLVM's language."""
    return "\n".join(part.text() for part in (fieldlanes, curvelanes, multiplying, curvesums))


def compiled() -> Program:
    """The program, once for each process.

    Raises:
        ConfigError: this process may not make memory executable.
    """
    with _LOCK:
        return _compiled()


def is_ready() -> bool:
    """Whether it was compiled already."""
    return _compiled.cache_info().currsize > 0


@cache
def _compiled() -> Program:
    import llvmlite.binding as llvm  # noqa: PLC0415 - 130 MB, mapped where a match begins

    return built(text(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())


def built(code: str, processor: str, features: str) -> Program:
    """A program for a processor; compiled without optimisations that could change in which order things are done.

    Raises:
        ConfigError: this process may not make memory executable.
    """
    _check_executable()
    import llvmlite.binding as llvm  # noqa: PLC0415 - as above

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()
    module = llvm.parse_assembly(code)
    module.verify()
    target = llvm.Target.from_default_triple()
    machine = target.create_target_machine(cpu=processor, features=features, opt=_OPTIMISATION, jit=True)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    call = {
        name: ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * parameters)(engine.get_function_address(name))
        for name, parameters in _EXPORTED.items()
    }
    return Program(engine, call)


def _check_executable() -> None:
    """LLVM would end the process instead of saying so."""
    with mmap.mmap(-1, mmap.PAGESIZE) as page:
        view = ctypes.c_char.from_buffer(page)
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        refused = protect(ctypes.c_void_p(ctypes.addressof(view)), mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC)
        reason = ctypes.get_errno()
        del view
    if refused:
        raise ConfigError(
            f"what multiplies many points cannot be compiled (memory cannot be made executable, error {reason}); let "
            "this process's systemd unit say MemoryDenyWriteExecute=no"
        )
