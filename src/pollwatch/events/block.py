"""Raw records on their way from a source to a format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, overload

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Offsets = npt.NDArray[np.int64]

_DAMAGED: Final = "damaged: "
_LONGEST_NOTE = 500


@dataclass(frozen=True, slots=True)
class LineBlock:
    """Consecutive records of one input.

    Attributes:
        path: the input as its user named it; ``-`` for stdin.
        first_number: 1-based number of the first record: the physical line, or the element of a JSON array.
        raw: each record's bytes, never altered, without its line terminator; :class:`RawLines` where they lie in one
            run of bytes, for readers that look at all of them at once.
        text: each record decoded, same length as ``raw``. No lone surrogates; may hold any control character.
        cut_bytes: 0, or the true length of this block's only record, which was too long to keep whole; it is
            quarantined, not parsed.
    """

    path: str
    first_number: int
    raw: Sequence[bytes]
    text: Sequence[str]
    cut_bytes: int = 0

    def __len__(self) -> int:
        """How many records."""
        return len(self.raw)


@dataclass(frozen=True, slots=True)
class RawLines(Sequence[bytes]):
    """Records that lie in one run of bytes; each becomes an object of its own only when it is asked for.

    Attributes:
        data: all of them, and what stands between.
        starts: where each begins in ``data``.
        ends: behind its last byte, its line terminator left out.
    """

    data: bytes
    starts: Offsets
    ends: Offsets

    def __len__(self) -> int:
        """How many records."""
        return len(self.starts)

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> RawLines: ...
    def __getitem__(self, at: int | slice) -> bytes | RawLines:
        """One record, or some of them on the same bytes."""
        if isinstance(at, slice):
            return RawLines(self.data, self.starts[at], self.ends[at])
        return self.data[self.starts[at] : self.ends[at]]

    def __iter__(self) -> Iterator[bytes]:
        """Every record, in order."""
        data = self.data
        for start, end in zip(self.starts.tolist(), self.ends.tolist(), strict=True):
            yield data[start:end]


@dataclass(frozen=True, slots=True)
class TextLines(Sequence[str]):
    """The records of a :class:`RawLines` as text, decoded when they are asked for."""

    raw: RawLines

    def __len__(self) -> int:
        """How many records."""
        return len(self.raw)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> TextLines: ...
    def __getitem__(self, at: int | slice) -> str | TextLines:
        """One record, or some of them."""
        return TextLines(self.raw[at]) if isinstance(at, slice) else decoded(self.raw[at])

    def __iter__(self) -> Iterator[str]:
        """Every record, in order."""
        return iter(all_decoded(list(self.raw)))


def decoded(record: bytes) -> str:
    """A record as text; one that is not valid UTF-8 is read as Latin-1, which knows every byte."""
    try:
        return record.decode()
    except UnicodeDecodeError:
        return record.decode("latin-1")


def all_decoded(records: Sequence[bytes]) -> list[str]:
    """:func:`decoded` for each record; one call for all of them is four times as fast."""
    try:
        together = b"\n".join(records).decode().split("\n")
    except UnicodeDecodeError:
        together = []
    # A JSON value may hold newlines of its own.
    return together if len(together) == len(records) else [decoded(record) for record in records]


def damaged(why: str) -> bytes:
    """The record that stands for what a binary container holds and nobody can read: text that says where and why."""
    return f"{_DAMAGED}{why[:_LONGEST_NOTE]}".encode("utf-8", "replace")


def is_damaged(text: str) -> bool:
    """Whether a record only says that something could not be read."""
    return text.startswith(_DAMAGED)
