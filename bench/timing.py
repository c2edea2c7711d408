"""How long people wait for one answer of many: the median and the 95th of a hundred."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from pollwatch.clock import monotonic_s


def timed(name: str, turns: int, ask: Callable[[int], object], *, here: bool = True) -> None:
    """Print in milliseconds how long it took by the clock, and (on a busy machine, what counts) of processor time.

    Args:
        name: what is asked.
        turns: how often.
        ask: asks, given the turn; what it gives is the time in seconds where that is a float.
        here: whether this process does the work; another's processor time is not known.
    """
    took, busy = [], []
    for turn in range(turns):
        begun, begun_cpu = monotonic_s(), time.process_time()
        answer = ask(turn)
        took.append(answer if isinstance(answer, float) else monotonic_s() - begun)
        busy.append(time.process_time() - begun_cpu)
    figures = np.percentile(np.array([took, busy] if here else [took]) * 1000, [50, 95], axis=1).T.ravel()
    print(f"{name:<36}" + "".join(f"{figure:10.1f}" for figure in figures), flush=True)
