"""Windows' binary event logs (.evtx) as records: each event as the JSON text that ``evtx`` (pyevtx-rs) makes of it.

A log is a header and chunks of 64 KiB, each of which can be read alone: memory stays at one chunk, a file cut short is
read as far as it goes, and damage in one chunk costs nothing in the next. An event's bytes mean nothing without its
chunk's templates, so its text is what is numbered, sealed and shown; the library's version is pinned, since another
one may write it otherwise. The file's own bytes are vouched for by the input's digest, as always.

What cannot be read is a record too, which says where and why (:func:`pollwatch.events.block.damaged`).
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator

from pollwatch.events.block import damaged

MAGIC = b"ElfFile\x00"
_HEADER_BYTES = 4096
_CHUNK_BYTES = 1 << 16
_HEADER = MAGIC.ljust(_HEADER_BYTES, b"\x00")  # the file's own tells nothing that matters, and may be damaged
_CODEC = "windows-1252"  # of the rare texts that are not UTF-16


def texts(data: Iterable[bytes]) -> Iterator[list[bytes]]:
    """The events of a log, chunk by chunk, in the order of the file; each as UTF-8 JSON, or a note of what is damaged.

    Args:
        data: the file's bytes, in pieces of any size.
    """
    pieces = iter(data)
    header, rest = _take(pieces, b"", _HEADER_BYTES)  # all that counts in it is how long it is
    if len(header) < _HEADER_BYTES:
        yield [damaged(f"the file ends inside its header, after {len(header)} of {_HEADER_BYTES} bytes")]
        return
    number = 0
    while True:
        chunk, rest = _take(pieces, rest, _CHUNK_BYTES)
        if not chunk:
            return
        where = f"chunk {number} at byte {_HEADER_BYTES + number * _CHUNK_BYTES}"
        found = _events(chunk, where)
        if found:
            yield found
        number += 1


def _take(pieces: Iterator[bytes], held: bytes, size: int) -> tuple[bytes, bytes]:
    """Up to ``size`` bytes, fewer at the end of the data; and what was read beyond them."""
    gathered = [held]
    have = len(held)
    while have < size and (piece := next(pieces, None)) is not None:
        gathered.append(piece)
        have += len(piece)
    together = b"".join(gathered)
    return together[:size], together[size:]


def _events(chunk: bytes, where: str) -> list[bytes]:
    """The events of one chunk; space that Windows has not written to yet holds none."""
    cut = len(chunk) < _CHUNK_BYTES
    if not any(chunk):
        return []
    found: list[bytes] = []
    with warnings.catch_warnings(record=True) as skipped:
        warnings.simplefilter("always")
        for record in _records(chunk.ljust(_CHUNK_BYTES, b"\x00")):
            found += _notes(skipped, where) if not cut else []
            found.append(record)
    if not cut:
        found += _notes(skipped, where)
    else:
        found.append(damaged(f"the file ends inside {where}, after {len(chunk)} of {_CHUNK_BYTES} bytes"))
    return found


def _records(chunk: bytes) -> Iterator[bytes]:
    from evtx import PyEvtxParser  # noqa: PLC0415 - who scans no such log need not load it

    parser = PyEvtxParser(io.BytesIO(_HEADER + chunk), 1, _CODEC, indent=False, skip_errors=True)
    for record in parser.records_json():
        if record is not None:  # as its types have it
            yield record["data"].encode()


def _notes(skipped: list[warnings.WarningMessage], where: str) -> list[bytes]:
    """What the reader had to leave out since it was last asked."""
    notes = []
    while skipped:
        why = str(skipped.pop(0).message).removeprefix("Skipping EVTX data: RuntimeError: ")
        notes.append(damaged(f"{where}: {why}"))
    return notes
