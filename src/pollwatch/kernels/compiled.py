"""The one way to compile a kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
T = TypeVar("T")


def compiled(function: Callable[P, T]) -> Callable[P, T]:
    """The function as machine code: compiled on its first call, kept on disk, and free of the interpreter's lock."""
    fast: Callable[P, T] = numba.njit(cache=True, nogil=True)(function)
    return fast
