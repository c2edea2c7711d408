"""Lines of UTF-8 (and of whatever else has one byte per newline), left where they lie.

A block is one run of bytes and where its lines begin and end in it: nothing is made per line. How bytes become text
is settled line by line, when somebody asks. Newlines are looked for by numpy, which lets go of the interpreter's lock
as ``bytes.count`` does not: another thread parses meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from pollwatch.events.block import LineBlock, RawLines, TextLines
from pollwatch.sources.interface import BLOCK_BYTES, MAX_RECORD_BYTES

Longs = npt.NDArray[np.int64]

_NEWLINE, _CARRIAGE = 0x0A, 0x0D


def line_blocks(chunks: Iterable[bytes], path: str, most: int, most_bytes: int = BLOCK_BYTES) -> Iterator[LineBlock]:
    """Lines in blocks of at most ``most``, and about so many bytes.

    A longer line than any may be is a block of its own, its end cut off.
    """
    return _numbered(_runs(chunks, most, most_bytes), path)


def _numbered(runs: Iterable[tuple[RawLines, int]], path: str) -> Iterator[LineBlock]:
    number = 1
    for lines, cut_bytes in runs:
        yield LineBlock(path, number, lines, TextLines(lines), cut_bytes)
        number += len(lines)


def _runs(chunks: Iterable[bytes], most: int, most_bytes: int) -> Iterator[tuple[RawLines, int]]:
    """Runs of lines, each with the true length of its only line where that was cut, else 0."""
    held: list[bytes] = []
    newlines: list[Longs] = []  # where they stand in what is held
    size = count = 0
    endless = b""  # the head of a line beyond any limit whose end was not met yet
    dropped = 0
    for chunk in chunks:
        behind = chunk
        if endless:
            line_end = chunk.find(b"\n")
            if line_end < 0:
                dropped += len(chunk)
                continue
            yield _one(endless), len(endless) + dropped + line_end
            endless, behind = b"", chunk[line_end + 1 :]
        held.append(behind)
        newlines.append(np.flatnonzero(np.frombuffer(behind, np.uint8) == _NEWLINE) + size)
        size += len(behind)
        count += len(newlines[-1])
        if count < most and size < most_bytes:
            continue
        data, ends = b"".join(held), np.concatenate(newlines)
        full = count if size >= most_bytes else count - count % most
        yield from _blocks(_split(data, ends[:full]), most)
        done = int(ends[full - 1]) + 1 if full else 0
        rest, behind_them = data[done:], ends[full:] - done
        if len(rest) > MAX_RECORD_BYTES and not len(behind_them):
            endless, dropped, rest = rest[:MAX_RECORD_BYTES], len(rest) - MAX_RECORD_BYTES, b""
        held, newlines, size, count = [rest], [behind_them], len(rest), len(behind_them)
    if endless:
        yield _one(endless), len(endless) + dropped
        return
    data, ends = b"".join(held), np.concatenate([np.empty(0, np.int64), *newlines])
    yield from _blocks(_split(data, ends), most)
    if rest := data[int(ends[-1]) + 1 if count else 0 :]:  # no newline ends it
        yield from _blocks(_one(rest), most)


def _one(line: bytes) -> RawLines:
    return RawLines(line, np.zeros(1, dtype=np.int64), np.full(1, len(line), dtype=np.int64))


def _split(data: bytes, ends: Longs) -> RawLines:
    """The lines that newlines at these places end."""
    chars = np.frombuffer(data, dtype=np.uint8)
    starts = np.empty_like(ends)
    starts[:1] = 0
    starts[1:] = ends[:-1] + 1
    carriages = (ends > starts) & (chars[ends - 1] == _CARRIAGE)
    return RawLines(data, starts, ends - carriages)


def _blocks(lines: RawLines, most: int) -> Iterator[tuple[RawLines, int]]:
    """Lines in runs of at most ``most``, with those that are too long alone and cut."""
    lengths = lines.ends - lines.starts
    at = 0
    for long in (*np.flatnonzero(lengths > MAX_RECORD_BYTES).tolist(), len(lines)):
        for start in range(at, long, most):
            yield lines[start : min(start + most, long)], 0
        if long < len(lines):
            yield _one(lines[long][:MAX_RECORD_BYTES]), int(lengths[long])
        at = long + 1
