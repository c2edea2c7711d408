"""Which batches a spool has taken, by the ids that their senders chose: noted before the lines are written.

A line of the file says ``ID DIGEST LENGTH DONE SEGMENT START``: of a batch of LENGTH bytes, DONE had been written, and
the rest was about to be written into SEGMENT from START on. How much of it was, the segment's size tells.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pollwatch.errors import FormatError
from pollwatch.store.disk import publish

KEPT: Final = 10_000
LONGEST_ID: Final = 128
_ID: Final = re.compile(r"[!-~]{1,128}")
_LINE: Final = re.compile(rb"([!-~]{1,128}) ([0-9a-f]{64}) (\d{1,12}) (\d{1,12}) (\d{1,12}) (\d{1,15})")
_SETTLED: Final = 0
"""No segment has this number: nothing beyond DONE was about to be written."""
_REWRITTEN_AFTER: Final = 4 * KEPT


class BatchConflictError(FormatError):
    """A batch came with the id of another one that says something else."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What its sender calls a batch, and what it holds.

    Attributes:
        id: printable ASCII without spaces, at most 128 letters.
        digest: SHA-256 of its lines as hex.
        length: of its lines in bytes.
    """

    id: str
    digest: str
    length: int

    @classmethod
    def of(cls, name: str, lines: bytes) -> Batch:
        """A batch of these lines.

        Raises:
            FormatError: the id cannot be one.
        """
        if not _ID.fullmatch(name):
            raise FormatError(f"a batch id is of 1 to {LONGEST_ID} printable ASCII letters without spaces")
        return cls(name, hashlib.sha256(lines).hexdigest(), len(lines))


class Batches:
    """The last 10,000 batches of a spool, and how much of each was written."""

    def __init__(self, path: Path, sizes: Mapping[int, int]) -> None:
        """Read what was noted, settle it by what the segments hold, and write that anew.

        Args:
            path: of the file.
            sizes: of the segments that are there; others were read to their end, so they had been written whole.
        """
        self._path = path
        self._done: OrderedDict[str, tuple[Batch, int]] = OrderedDict()
        for line in path.read_bytes().split(b"\n")[:-1] if path.exists() else []:
            found = _LINE.fullmatch(line)
            if found is None:
                continue
            batch = Batch(found[1].decode(), found[2].decode(), int(found[3]))
            done, number, start = int(found[4]), int(found[5]), int(found[6])
            rest = batch.length - done
            written = 0
            if number != _SETTLED:
                written = max(0, min(rest, sizes[number] - start)) if number in sizes else rest
            self._keep(batch, done + written)
        self._descriptor = -1
        self._lines = 0
        self._rewrite()

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def done(self, batch: Batch) -> int:
        """How many bytes of a batch were written before.

        Raises:
            BatchConflictError: another batch has this id.
        """
        known = self._done.get(batch.id)
        if known is None:
            return 0
        if known[0] != batch:
            raise BatchConflictError("another batch came with this id before; give each batch an id of its own")
        return known[1]

    def note(self, coming: Sequence[tuple[Batch, int, int, int]]) -> None:
        """Note, durably, what is about to be written: batch, bytes done before, segment, start.

        Raises:
            OSError: the disk is full.
        """
        if not coming:
            return
        if self._lines + len(coming) > _REWRITTEN_AFTER:
            self._rewrite()
        text = "".join(
            f"{batch.id} {batch.digest} {batch.length} {done} {number} {start}\n"
            for batch, done, number, start in coming
        )
        os.write(self._descriptor, text.encode())
        os.fdatasync(self._descriptor)
        self._lines += len(coming)

    def written(self, batch: Batch) -> None:
        """A batch is whole now."""
        self._keep(batch, batch.length)

    def _keep(self, batch: Batch, done: int) -> None:
        self._done[batch.id] = (batch, done)
        self._done.move_to_end(batch.id)
        while len(self._done) > KEPT:
            self._done.popitem(last=False)

    def _rewrite(self) -> None:
        """Write what is settled, aside and in one step."""
        aside = self._path.with_name(self._path.name + ".new")
        text = "".join(
            f"{batch.id} {batch.digest} {batch.length} {done} {_SETTLED} 0\n" for batch, done in self._done.values()
        )
        aside.write_bytes(text.encode())
        publish(aside, self._path)
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self._lines = len(self._done)
