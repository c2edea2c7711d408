"""Standard input and named pipes: kept in a temporary file, since evidence is looked at a second time."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pollwatch.sources.interface import CHUNK_BYTES


@dataclass(frozen=True, slots=True)
class StdinSource:
    """What came down the pipe, all of it; the caller removes ``spool`` when done."""

    spool: Path
    size_bytes: int
    anchor_us: int
    path: str

    def open(self) -> BinaryIO:
        """The bytes as they came."""
        return self.spool.open("rb")


def spool_stream(stream: BinaryIO, path: str, folder: Path, now_us: int) -> StdinSource:
    """Copy a stream to a private file in the folder and make it a source.

    Args:
        stream: read to its end.
        path: what its user called it; ``-`` for stdin.
        folder: where the copy lies.
        now_us: the stream's anchor: it was written by now.
    """
    with tempfile.NamedTemporaryFile(dir=folder, prefix="stdin-", delete=False) as spool:
        shutil.copyfileobj(stream, spool, CHUNK_BYTES)
        return StdinSource(Path(spool.name), spool.tell(), now_us, path)
