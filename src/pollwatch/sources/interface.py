"""What a source is: something that can be opened as bytes, more than once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Protocol

MAX_RECORD_BYTES = 8 << 20
"""A longer record is cut, counted and quarantined: no input may decide how much memory we use."""

BLOCK_RECORDS = 60_000
BLOCK_BYTES = 16 << 20
"""Blocks are large, so that what is done once per block costs nothing per record."""

CHUNK_BYTES = 1 << 20


class Source(Protocol):
    """One input. Opening it twice gives the same bytes: evidence is looked at a second time."""

    @property
    def path(self) -> str:
        """The input as its user named it; ``-`` for stdin."""

    @property
    def size_bytes(self) -> int:
        """How many bytes there are to read, before decompression; for progress."""

    @property
    def anchor_us(self) -> int:
        """A moment not long after the last record was written; settles the year of dates that lack one."""

    def open(self) -> BinaryIO:
        """The bytes as stored.

        Raises:
            SourceError: it cannot be opened.
        """


@dataclass(frozen=True, slots=True)
class Failure:
    """An input that could not be read, or not to its end."""

    path: str
    message: str
