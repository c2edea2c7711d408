"""What a log's owner and a mirror send each other."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pollwatch.errors import PollwatchError
from pollwatch.evidence.mirrorrequest import Header, MirrorInfo, read_header, read_packages


def read(data: bytes) -> None:
    """What parses is written again as the same bytes."""
    with suppress(PollwatchError):
        assert MirrorInfo.parse(data).to_bytes() == data
    header, place = read_header(data)
    written = _header(header)
    assert data[:place] == written
    for package in read_packages(data, header, place):
        entries = b"".join(len(each).to_bytes(2, "big") + each for each in package.entries)
        written += entries + bytes([len(package.proof)]) + b"".join(package.proof)
        assert data.startswith(written)
    assert written == data


def _header(header: Header) -> bytes:
    origin = header.origin.encode("utf-8")
    bounds = header.start.to_bytes(8, "big") + header.end.to_bytes(8, "big")
    sizes = len(origin).to_bytes(2, "big"), len(header.ticket).to_bytes(2, "big")
    return sizes[0] + origin + bounds + sizes[1] + header.ticket


def seeds(folder: Path) -> list[bytes]:
    """States and uploads of a few entries."""
    del folder  # nothing needs the disk
    upload = _header(Header("m.example/shared", 254, 258, b"ticket"))
    packages = b"\0\1a\0\1b\1" + bytes(32) + b"\0\1c\0\0\2" + bytes(64)
    return [MirrorInfo(300, 256, b"ticket").to_bytes(), MirrorInfo(0, 0, b"").to_bytes(), upload, upload + packages]
