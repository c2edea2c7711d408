"""How each source is doing: counted as it is read, and written down for whoever shows or tells it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as upsert

from pollwatch.clock import US_PER_S, Clock
from pollwatch.incidents.livetables import LIVE_SOURCES, LIVE_WATCH
from pollwatch.node.watch.hearing import Hearing, Verdict
from pollwatch.node.watch.reading import Understood
from pollwatch.store.database import Database

#: Rows are written at least so often, so that whoever reads them sees that the watch is at work.
EVERY_US: Final = 2 * US_PER_S
_BEHIND_BYTES: Final = 8 << 20


@dataclass(slots=True)
class SourceCount:
    """What became of one source's records.

    Attributes:
        kind: ``files``, or how a receiver gets it.
        lines: records, all that were ever read.
        quarantined: those that were not understood.
        last_record_us: latest time in them.
        last_read_us: when one came last.
        problem: what is wrong; empty where nothing is.
    """

    kind: str = "files"
    lines: int = 0
    quarantined: int = 0
    last_record_us: int | None = None
    last_read_us: int | None = None
    problem: str = ""


@dataclass(slots=True)
class SourceCounts:
    """All sources of a watch."""

    database: Database
    clock: Clock
    hearing: Hearing | None = None
    counts: dict[str, SourceCount] = field(default_factory=dict)
    _written_us: int = 0

    def begin(self, sources: Mapping[str, str]) -> None:
        """Take over what is known of these sources (their kinds by name); others' rows go."""
        table = LIVE_SOURCES
        with self.database.writing() as connection:
            known = {row.name: row for row in connection.execute(sa.select(table))}
            connection.execute(sa.delete(table).where(table.c.name.not_in(list(sources))))
        for name, kind in sources.items():
            row = known.get(name)
            count = self.counts.get(name) or SourceCount()
            if row is not None and name not in self.counts:
                count = SourceCount(kind, row.lines, row.quarantined, row.last_record_us, row.last_read_us)
            count.kind = kind
            self.counts[name] = count
        self.counts = {name: self.counts[name] for name in sources}
        self._written_us = 0

    def add(self, read: Iterable[Understood]) -> None:
        """Count what a step brought."""
        now_us = self.clock.now_us()
        if self.hearing is not None:
            self.hearing.came({each.chunk.source for each in read if each.lines})
        for each in read:
            count = self.counts.setdefault(each.chunk.source, SourceCount())
            count.lines += each.lines
            count.quarantined += len(each.quarantined)
            count.last_read_us = now_us
            count.problem = ""  # it is heard again
            if each.last_us is not None:
                count.last_record_us = max(each.last_us, count.last_record_us or each.last_us)

    def due(self) -> bool:
        """Whether it is time to write the rows although nothing came."""
        return not 0 <= self.clock.now_us() - self._written_us < EVERY_US

    def write(self, connection: sa.Connection, lag_bytes: Mapping[str, int]) -> None:
        """Write down how the sources are doing."""
        now_us = self._written_us = self.clock.now_us()
        if self.hearing is not None:
            self.hearing.look()
        for name, count in self.counts.items():
            lag = lag_bytes.get(name, 0)
            verdict = self.hearing.judge(name) if self.hearing is not None else Verdict()
            values = {
                "kind": count.kind,
                "last_record_us": count.last_record_us,
                "last_read_us": count.last_read_us,
                "updated_us": now_us,
                "lines": count.lines,
                "quarantined": count.quarantined,
                "dropped": verdict.lost,
                "lag_bytes": lag,
                "state": _state(count, lag, verdict),
                "problem": count.problem or verdict.problem,
                "norm_s": verdict.norm_s,
            }
            row = upsert(LIVE_SOURCES).values(name=name, **values)
            connection.execute(row.on_conflict_do_update(index_elements=["name"], set_=values))
        connection.execute(sa.update(LIVE_WATCH).values(beat_us=now_us))


def _state(count: SourceCount, lag: int, verdict: Verdict) -> str:
    if count.problem or verdict.problem:
        return "failed"
    if verdict.silent:
        return "silent"
    if lag > _BEHIND_BYTES:
        return "behind"
    return "ok" if count.last_read_us is not None else "waiting"
