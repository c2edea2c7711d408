"""Raw records on their way from a source to a format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_DAMAGED: Final = "damaged: "
_LONGEST_NOTE = 500


@dataclass(frozen=True, slots=True)
class LineBlock:
    """Consecutive records of one input.

    Attributes:
        path: the input as its user named it; ``-`` for stdin.
        first_number: 1-based number of the first record: the physical line, or the element of a JSON array.
        raw: each record's bytes, never altered, without its line terminator.
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


def damaged(why: str) -> bytes:
    """The record that stands for what a binary container holds and nobody can read: text that says where and why."""
    return f"{_DAMAGED}{why[:_LONGEST_NOTE]}".encode("utf-8", "replace")


def is_damaged(text: str) -> bool:
    """Whether a record only says that something could not be read."""
    return text.startswith(_DAMAGED)
