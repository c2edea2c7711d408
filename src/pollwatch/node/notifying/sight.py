"""Whether anybody is watching, as the case says it: the watch's last sign of life, and how its sources are doing."""

from __future__ import annotations

from typing import Final

from pollwatch.clock import US_PER_S, Clock, rfc3339
from pollwatch.i18n import _
from pollwatch.incidents import liveness
from pollwatch.store.database import Database

#: A watch that begins again within this time (an upgrade, a reload) alarms nobody.
GRACE_US: Final = 120 * US_PER_S


def why_blind(database: Database, clock: Clock) -> tuple[str, ...] | None:
    """Why nobody is watching, a sentence each; empty where somebody is; None where no watch was ever begun.

    Raises:
        StoreError: the case cannot be read.
    """
    watch = liveness.read(database.path)
    if watch is None:
        return None
    if clock.now_us() - watch.beat_us > GRACE_US:
        since = rfc3339(watch.beat_us // US_PER_S * US_PER_S)
        return (_("The watch has not been at work since {when}.").format(when=since),)
    silent, failed = _("Nothing has come from {name} for longer than is usual."), _("{name} cannot be read: {problem}")
    return tuple(
        (silent if each.state == "silent" else failed).format(name=each.name, problem=each.problem)
        for each in watch.sources
        if each.deaf
    )
