"""Whether anybody is watching: what the watch writes down about its sources, and how old it is.

Where no watch ever ran, a case is what scans brought; then it is the last scan's age that counts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from pollwatch.clock import US_PER_S
from pollwatch.console.desks.clerk import Watching
from pollwatch.errors import StoreError
from pollwatch.events.printable import printable
from pollwatch.i18n import _, ngettext
from pollwatch.incidents.scanned import ScannedInput

#: A watch writes that it is alive every second; after this it is not.
_DEAD_US: Final = 30 * US_PER_S
_MOST_NAMED: Final = 3


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
    try:
        uri = f"{database.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if {"live_watch", "live_sources"} <= names:
                beat = connection.execute("SELECT beat_us, stopped_us FROM live_watch").fetchone()
                if beat is not None:
                    sources = connection.execute(
                        "SELECT name, state, problem, last_read_us FROM live_sources ORDER BY name"
                    ).fetchall()
                    return _live(beat, sources, now_us)
    except sqlite3.Error as error:
        raise StoreError(f"{database}: {error}; is it a case?") from error
    return _scanned(inputs, now_us, stale_us)


def _live(beat: sqlite3.Row, sources: Sequence[sqlite3.Row], now_us: int) -> Watching:
    troubles = []
    if beat["stopped_us"] is not None:
        troubles.append(_("The watch was stopped: nobody is watching. Start it again (pollwatch watch)."))
    elif now_us - beat["beat_us"] > _DEAD_US:
        troubles.append(_("The watch does not run any more: nobody is watching. Call whoever runs it."))
    deaf = [row for row in sources if row["state"] in {"silent", "failed"}]
    if deaf:
        named = ", ".join(printable(row["name"], 60) for row in deaf[:_MOST_NAMED])
        troubles.append(
            ngettext(
                "{n} source says nothing any more ({named}), so it cannot be called normal.",
                "{n} sources say nothing any more ({named} ...), so it cannot be called normal.",
                len(deaf),
            ).format(n=len(deaf), named=named)
        )
    if not sources and not troubles:
        troubles.append(_("The watch has no sources, so it sees nothing: name logs in [watch] of pollwatch.toml."))
    looked = [row["last_read_us"] for row in sources if row["last_read_us"] is not None]
    return Watching(live=True, looked_us=max(looked, default=None), troubles=tuple(troubles))


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
