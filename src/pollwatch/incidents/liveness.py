"""Whether a watch is at work in a case, and whether it hears anything: read from what the watch writes down.

Read-only and by itself, so that it can be asked from any process, also while the watch hangs or is dead.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pollwatch.clock import US_PER_S
from pollwatch.errors import StoreError
from pollwatch.events.printable import printable
from pollwatch.i18n import _, ngettext

#: A watch says every few seconds that it is alive; after this it is not.
DEAD_US: Final = 30 * US_PER_S
_DEAF: Final = ("silent", "failed")
_MOST_NAMED: Final = 3
_LONGEST_NAME: Final = 60


@dataclass(frozen=True, slots=True)
class LiveSource:
    """One source of a watch, as the table ``live_sources`` has it."""

    name: str
    kind: str
    last_record_us: int | None
    last_read_us: int | None
    updated_us: int
    lines: int
    quarantined: int
    dropped: int
    lag_bytes: int
    state: str
    problem: str
    norm_s: int | None

    @property
    def deaf(self) -> bool:
        """Whether nothing is heard of it that should be."""
        return self.state in _DEAF


@dataclass(frozen=True, slots=True)
class Liveness:
    """A watch and its sources.

    Attributes:
        process: its process id.
        started_us: when it began.
        beat_us: when it was at work last.
        stopped_us: when it ended in good order; None while it has not.
        sources: by name.
    """

    process: int
    started_us: int
    beat_us: int
    stopped_us: int | None
    sources: tuple[LiveSource, ...]

    def running(self, now_us: int) -> bool:
        """Whether it is at work."""
        return self.stopped_us is None and now_us - self.beat_us <= DEAD_US

    def blind(self, now_us: int) -> str:
        """Why nobody is watching, in one sentence; empty where somebody is."""
        if self.stopped_us is not None:
            return _("The watch was stopped, so nobody is watching: start it again.")
        if not self.running(now_us):
            return _("The watch does not run any more, so nobody is watching: call whoever runs it.")
        deaf = [each for each in self.sources if each.deaf]
        if not deaf:
            return ""
        names = ", ".join(printable(each.name, _LONGEST_NAME) for each in deaf[:_MOST_NAMED])
        return ngettext(
            "{n} source says nothing any more ({names}), so it cannot be called normal.",
            "{n} sources say nothing any more ({names}), so it cannot be called normal.",
            len(deaf),
        ).format(n=len(deaf), names=names + (", ..." if len(deaf) > _MOST_NAMED else ""))


def read(database: Path) -> Liveness | None:
    """What the watch of a case has written down; None where none ever ran.

    Args:
        database: of the case.

    Raises:
        StoreError: it cannot be read.
    """
    with _reading(database) as connection:
        if not _tables(connection) >= {"live_watch", "live_sources"}:
            return None
        watch = connection.execute("SELECT process, started_us, beat_us, stopped_us FROM live_watch").fetchone()
        if watch is None:
            return None
        columns = ", ".join(LiveSource.__dataclass_fields__)
        rows = connection.execute(f"SELECT {columns} FROM live_sources ORDER BY name").fetchall()  # noqa: S608 - our own names
    sources = tuple(LiveSource(*row) for row in rows)
    process, started_us, beat_us, stopped_us = watch
    return Liveness(process, started_us, beat_us, stopped_us, sources)


def formats(database: Path) -> dict[str, str]:
    """As what each source of a watch is read, by its name.

    Raises:
        StoreError: the database cannot be read.
    """
    with _reading(database) as connection:
        if "live_inputs" not in _tables(connection):
            return {}
        return dict(connection.execute("SELECT source, format FROM live_inputs WHERE format != '' ORDER BY generation"))


@contextmanager
def _reading(database: Path) -> Iterator[sqlite3.Connection]:
    """A connection that can write nothing, whose errors say of which file they are."""
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise StoreError(f"{database}: {error}; is it a case?") from error


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
