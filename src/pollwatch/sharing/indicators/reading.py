"""Reads indicators from a file or folder: STIX 2.1, MISP, CSV, one value a line. Which it is shows in the content."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pollwatch.errors import FormatError, SourceError
from pollwatch.sharing.indicators import csvfile, mispfile, stixfile
from pollwatch.sharing.indicators.candidates import Read

MAX_BYTES: Final = mispfile.MAX_FILE_BYTES
FORMATS: Final = ("stix", "misp", "csv")


def read_path(path: Path, format_name: str = "") -> tuple[Read, bytes]:
    """The indicators of a file, or of a MISP feed in a folder.

    Args:
        path: the file or folder.
        format_name: one of :data:`FORMATS`; empty = find out.

    Returns:
        What it holds, and the bytes that name the whole (a feed's are those of its manifest).

    Raises:
        SourceError: it cannot be read.
        FormatError: it holds nothing of the kind.
    """
    try:
        if path.is_dir():
            return mispfile.read_feed(path), (path / "manifest.json").read_bytes()
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from error
    return read_bytes(data, format_name), data


def read_bytes(data: bytes, format_name: str = "") -> Read:
    """The indicators of a file's content.

    Raises:
        FormatError: it holds nothing of the kind, or is too large.
    """
    if len(data) > MAX_BYTES:
        raise FormatError(f"over {MAX_BYTES} bytes; split it, or serve it as a feed")
    match format_name or _told(data):
        case "stix":
            return stixfile.read(data.removeprefix(b"\xef\xbb\xbf"), MAX_BYTES)
        case "misp":
            return mispfile.read(data.removeprefix(b"\xef\xbb\xbf"))
        case _:
            return csvfile.read(data)


def _told(data: bytes) -> str:
    head = data[: 1 << 16].removeprefix(b"\xef\xbb\xbf").lstrip()
    if head[:1] not in {b"{", b"["}:
        return "csv"
    if head[:1] == b"[" and head[1:].lstrip()[:1] not in {b"{", b"]"}:
        return "csv"  # "[2001:db8::1]", one a line
    return "misp" if b'"Event"' in head and b'"spec_version"' not in head else "stix"
