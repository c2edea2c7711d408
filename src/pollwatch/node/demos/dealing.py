"""One recorded week, dealt out to several offices: every visitor goes to one of them, an attacker to those it chose.

So each office has logs of its own, in which some attackers are seen by several and some by one alone, and nobody's
logs hold what another's do. The lines are those that were recorded; only who has which is made up.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from zlib import crc32

from pollwatch.clock import US_PER_S
from pollwatch.sources import decompress, files
from pollwatch.sources.files import FileSource

_ADDRESS = re.compile(rb"(?<![0-9.])(?:198\.51\.100|203\.0\.113|192\.0\.2)\.[0-9]{1,3}(?![0-9.])")
_PACKED = (".gz", ".bz2", ".xz", ".zst")


def deal(week: Path, logs: Sequence[str], offices: Sequence[Path], attackers: Mapping[str, Sequence[int]]) -> None:
    """Write each office's part of a recorded week below its folder.

    Args:
        week: folder of the recording.
        logs: folders in it that hold logs; their names stay.
        offices: a folder for each office; made when needed.
        attackers: address to the numbers of the offices that it attacked; every other address visits one office.

    Raises:
        StoreError: a log cannot be unpacked.
    """
    chosen = {address.encode("ascii"): tuple(numbers) for address, numbers in attackers.items()}
    for source in files.expand([str(week / name) for name in logs])[0]:
        if not isinstance(source, files.FileSource):
            continue  # a recording holds no archives
        path = source.file
        name = path.with_suffix("") if path.suffix in _PACKED else path
        written_s = source.anchor_us / US_PER_S  # from that, lines without a year get theirs
        parts: list[list[bytes]] = [[] for _ in offices]
        for line in _lines(source):
            for number in _receivers(line, chosen, len(offices)):
                parts[number].append(line)
        for office, lines in zip(offices, parts, strict=True):
            if lines:
                target = office / name.relative_to(week)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(b"".join(lines))
                os.utime(target, (written_s, written_s))


def _receivers(line: bytes, chosen: Mapping[bytes, Sequence[int]], offices: int) -> Sequence[int]:
    """Who has a line; what names no address is the first office's."""
    address = _ADDRESS.search(line)
    if address is None:
        return (0,)
    return chosen.get(address[0], (crc32(address[0]) % offices,))


def _lines(source: FileSource) -> list[bytes]:
    with source.open() as stored:
        return b"".join(decompress.chunks(stored, source.path)).splitlines(keepends=True)
