"""Event batches: what a format makes of lines.

A batch is an Arrow table of one Sigma logsource. Its columns carry the names of that logsource's Sigma
taxonomy (``taxonomy.py``), each ``string`` or ``int64`` and nullable, plus two that every batch has:

- ``time_us`` int64, nullable: microseconds since 1970-01-01 UTC; null where the line has no usable time.
- ``number`` int64, not null: the record's 1-based number in its input, strictly increasing in the batch.

Null means "absent"; an empty string means "present and empty": Sigma tells them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

TIME = "time_us"
NUMBER = "number"


@dataclass(frozen=True, slots=True, order=True)
class LogSource:
    """Sigma's way to say what kind of log this is; empty string = not said."""

    category: str = ""
    product: str = ""
    service: str = ""

    def covers(self, other: LogSource) -> bool:
        """Whether a rule for this logsource applies to events of the other: each named part must be equal."""
        return all(
            not mine or mine == theirs
            for mine, theirs in (
                (self.category, other.category),
                (self.product, other.product),
                (self.service, other.service),
            )
        )

    def __str__(self) -> str:
        """``category/product/service`` with ``*`` for what is not said."""
        return "/".join(part or "*" for part in (self.category, self.product, self.service))


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Events of one logsource from one input, in the order of their lines."""

    logsource: LogSource
    path: str
    table: pa.Table

    def __len__(self) -> int:
        """How many events."""
        return int(self.table.num_rows)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A line that was not understood: kept, counted, and shown by ``sources quarantine``."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a parser made of one block: ``sum(len(b) for b in batches) + len(quarantined) == len(block)``."""

    batches: Sequence[EventBatch]
    quarantined: Sequence[Quarantined]
