"""SQL over the events, for the console."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow.parquet as pq

from pollwatch.incidents.eventsql import EventSql
from pollwatch.store.query import Answer, EventTable, Limits

#: What a page shows; more is what the command line is for.
_LIMITS: Final = Limits(seconds=30.0, rows=1_000, bytes=8 << 20)


@dataclass(frozen=True, slots=True)
class FloorSql:
    """The events of one case."""

    events: EventSql

    def tables(self) -> Sequence[EventTable]:
        """What can be asked, by name."""
        return self.events.tables()

    def columns(self, table: EventTable) -> Sequence[str]:
        """The columns of a table: those of its latest file, and what every table has."""
        latest = list(table.files)[-1:]
        return [*(name for file in latest for name in pq.read_schema(file).names), "time", "input"]

    def ask(self, sql: str) -> Answer:
        """Ask, and wait for the answer.

        Raises:
            UsageError: it is no single SELECT, is not understood, or took too much; the message says which.
        """
        return self.events.ask(sql, _LIMITS)
