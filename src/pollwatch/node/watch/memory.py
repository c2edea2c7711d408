"""Memory of a process that goes on for months: what is loaded is left alone, and what is free is given back."""

from __future__ import annotations

import ctypes
import gc
from typing import Final

import pyarrow as pa

#: What lives long is looked through after so many rounds over what is young: it is memory of what was seen, without
#: cycles, and looking through it took a tenth of a second.
_SELDOM: Final = 200
#: glibc's names in ``mallopt`` (``malloc.h``), and what they are set to: buffers of so many bytes are mapped each by
#: itself, and threads share so many regions for what is smaller.
_MMAP_THRESHOLD, _LARGE_BYTES = -3, 128 << 10
_ARENA_MAX, _REGIONS = -8, 2


def part_with_buffers() -> None:
    """Call first of all: a large buffer goes back to the system as soon as nobody uses it.

    By itself the C library puts buffers of up to 32 MiB among what is small once some were freed, where what stays
    between them keeps them: a watch of 20,000 lines/s grew by a quarter within two minutes. Only glibc can do it.
    """
    chosen = getattr(ctypes.CDLL(None), "mallopt", None)
    if chosen is not None:
        chosen(_MMAP_THRESHOLD, _LARGE_BYTES)
        chosen(_ARENA_MAX, _REGIONS)


def settle() -> None:
    """Call once when all is loaded: nobody looks through it for garbage again.

    The collector of cycles went through all rules again and again: 0.15 to 0.35 s in which every thread stood still.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*gc.get_threshold()[:2], _SELDOM)


def give_back() -> None:
    """Give free memory back to the system.

    Each thread has the C library allocate in regions of its own, of which much is free between two steps, and more as
    time passes: after 100 s of 20,000 lines/s 120 MiB of 650. Costs 10 to 25 ms; only glibc can do it.
    """
    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
