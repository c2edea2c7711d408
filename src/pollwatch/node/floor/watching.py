"""Whether anybody is watching: what the watch writes down about itself and its sources.

Where no watch ever ran, a case is what scans brought; then it is the last line's age that counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pollwatch.clock import US_PER_S
from pollwatch.console.desks.clerk import Watching
from pollwatch.i18n import _, ngettext
from pollwatch.incidents import liveness
from pollwatch.incidents.scanned import ScannedInput


def watching(database: Path, inputs: Sequence[ScannedInput], now_us: int, stale_us: int) -> Watching:
    """Whether anybody is watching.

    Args:
        database: of the case.
        inputs: what was read.
        now_us: the time.
        stale_us: how old the last line of a scan may be.

    Raises:
        StoreError: the database cannot be read.
    """
    watch = liveness.read(database)
    if watch is None:
        return _scanned(inputs, now_us, stale_us)
    trouble = watch.blind(now_us)
    if not trouble and not watch.sources:
        trouble = _("The watch has no sources, so it sees nothing: name logs in [watch] of pollwatch.toml.")
    looked = [each.last_read_us for each in watch.sources if each.last_read_us is not None]
    return Watching(live=True, looked_us=max(looked, default=None), troubles=(trouble,) if trouble else ())


def _scanned(inputs: Sequence[ScannedInput], now_us: int, stale_us: int) -> Watching:
    last_us = max((each.last_us for each in inputs if each.last_us is not None), default=None)
    troubles = []
    if last_us is not None and now_us - last_us > stale_us:
        days = (now_us - last_us) // (86_400 * US_PER_S)
        troubles.append(
            ngettext(
                "The latest line that was read is {n} day old: nobody is watching now.",
                "The latest line that was read is {n} days old: nobody is watching now.",
                days,
            ).format(n=days)
        )
    return Watching(live=False, looked_us=last_us, troubles=tuple(troubles))
