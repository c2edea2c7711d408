"""The sealer as a process: wakes when an interval begins, seals, and sleeps again."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from pollwatch.clock import US_PER_S, Clock
from pollwatch.errors import StoreError
from pollwatch.node.evidence import sealer
from pollwatch.node.evidence.interval import Interval

_RETRY_S = 5.0


def run(
    case_dir: Path,
    every_s: int | None,
    clock: Clock,
    *,
    once: bool,
    tell: Callable[[int], None],
    trouble: Callable[[StoreError], None],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Seal at a fixed interval until stopped.

    Args:
        case_dir: the case folder.
        every_s: the interval; None: as configured before.
        clock: the time.
        once: end after this interval's seal.
        tell: told the index of each seal.
        trouble: told why a seal could not be made yet; it is tried again until it can be.
        sleep: waits so many seconds.

    Raises:
        StoreError: no interval is known, or (with ``once``) the disk says no.
        EvidenceError: the case's evidence does not check out.
    """
    if every_s is not None:
        sealer.configure(case_dir, Interval(every_s), clock)
    while True:
        try:
            index = sealer.seal_if_due(case_dir, clock)
        except StoreError as error:
            # A full disk, or somebody who keeps the log: no reason to seal never again.
            if once or Interval.load(case_dir / "evidence") is None:
                raise
            trouble(error)
            sleep(min(_RETRY_S, until_next_s(case_dir, clock)))
            continue
        if index is not None:
            tell(index)
        sealer.keep_rhythm(case_dir, clock)
        if once:
            return
        sleep(until_next_s(case_dir, clock))


def until_next_s(case_dir: Path, clock: Clock) -> float:
    """How long it is until the next interval begins.

    Raises:
        StoreError: the sealer was turned off meanwhile.
    """
    interval = Interval.load(case_dir / "evidence")
    if interval is None:
        raise StoreError(f"the sealer of {case_dir} was turned off")
    now_us = clock.now_us()
    return max(0.0, (interval.begin_us(interval.slot(now_us) + 1) - now_us) / US_PER_S)
