"""What a piece of work costs in processor time, without what its process had to get ready for it."""

from __future__ import annotations

from time import process_time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["least_cost_s"]


def least_cost_s(work: Callable[[str], object]) -> float:
    """The cheaper of two turns in seconds, each given a text of its own, so that no memory of the first helps.

    The first turn of a process may also compile kernels or load what was compiled, for seconds where nothing is kept.
    """
    costs = []
    for mark in ("1", "2"):
        started = process_time()
        work(mark)
        costs.append(process_time() - started)
    return min(costs)
