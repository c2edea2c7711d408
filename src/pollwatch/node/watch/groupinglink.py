"""What a watch and the process that groups for it say to one another."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

import pyarrow as pa

from pollwatch.events.batch import EventBatch, LogSource
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.livefolding import Changes
from pollwatch.incidents.livegrouping import Setting
from pollwatch.incidents.spool import columns_of
from pollwatch.node.watch.recent import Texts


@dataclass(frozen=True, slots=True)
class Packed:
    """A batch of events on its way to another process: as much of it as grouping remembers."""

    logsource: LogSource
    path: str
    parts: tuple[tuple[str, int], ...]
    table: bytes

    @classmethod
    def of(cls, batch: EventBatch) -> Packed:
        """Pack a batch; what its columns are slices of stays here."""
        wanted = columns_of(batch.logsource)
        table = batch.table.select([name for name in batch.table.column_names if name in wanted])
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return cls(batch.logsource, batch.path, batch.parts, sink.getvalue().to_pybytes())

    def batch(self) -> EventBatch:
        """The batch."""
        with pa.ipc.open_stream(self.table) as reader:
            return EventBatch(self.logsource, self.path, reader.read_all(), self.parts)


@dataclass(frozen=True, slots=True)
class Committed:
    """What a step brought to the case.

    Attributes:
        seq: the step's number.
        lines: what was read, as text.
        events: its events, those of several inputs as one batch.
        changes: of the detections.
        count: how many events.
    """

    seq: int
    lines: tuple[Texts, ...]
    events: tuple[Packed, ...]
    changes: Changes
    count: int


class Order(Enum):
    """What the watch asks for."""

    AGAIN = auto()
    """Somebody else changed the case: begin again with what it has."""
    DRAIN = auto()
    """Group what was handed over, and end."""


Wanted: TypeAlias = Committed | Setting | Order


@dataclass(frozen=True, slots=True)
class Taken:
    """So many events were taken in."""

    count: int


@dataclass(frozen=True, slots=True)
class Told:
    """Incidents were written.

    Attributes:
        new: ids that the case did not have before.
        merged: ids that are now part of another incident.
    """

    new: tuple[str, ...]
    merged: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sealable:
    """Incidents that are to be sealed as they are now."""

    incidents: tuple[Incident, ...]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why incidents could not be written; it is tried again."""

    why: str


@dataclass(frozen=True, slots=True)
class Done:
    """Everything that was handed over is in the incidents."""


Answer: TypeAlias = Taken | Told | Sealable | Trouble | Done
