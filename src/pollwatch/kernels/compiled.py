"""The one way to compile a kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
T = TypeVar("T")


def compiled(function: Callable[P, T]) -> Callable[P, T]:
    """The function as machine code: compiled on its first call, and free of the interpreter's lock.

    The code is kept on disk, beside the module or in the user's cache; where neither can be written (a hardened
    service), every run compiles anew.
    """
    try:
        fast: Callable[P, T] = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # numba's word for: no place to keep it
        fast = numba.njit(nogil=True)(function)
    return fast
