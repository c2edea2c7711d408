"""gz, zst, bz2 and xz, told by their first bytes (never by the name), as one stream of plain bytes."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast
from zipfile import BadZipFile

import zstandard

from pollwatch.errors import SourceError
from pollwatch.sources.interface import CHUNK_BYTES

_MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_ZSTD_WINDOW_BYTES = 1 << 27  # 128 MiB, what `zstd --long` uses at most by default; a file may not ask for more


def compression(head: bytes) -> str:
    """``gzip``, ``bzip2``, ``xz``, ``zstd``, or empty for plain bytes."""
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), "")


def chunks(stored: BinaryIO, path: str) -> Iterator[bytes]:
    """Plain bytes, in chunks of about a mebibyte.

    What could be decompressed is yielded before the error, so that a file cut short is read as far as it goes.

    Raises:
        SourceError: the compressed data is damaged or ends early; names the file.
    """
    kind, stream = "", None
    while True:
        try:
            if stream is None:  # a member of an archive may be damaged in its first bytes
                kind = compression(stored.read(6))
                stored.seek(0)
                stream = _open(stored, kind)
            # `read1` hands out what is there: `read` would drop a good part of a truncated stream with the error.
            chunk = stream.read1(CHUNK_BYTES) if hasattr(stream, "read1") else stream.read(CHUNK_BYTES)
        except (EOFError, OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError, BadZipFile) as error:
            raise SourceError(
                f"{path}: {kind or 'the file'} cannot be read to its end ({error}); what came before was read"
            ) from error
        if not chunk:
            return
        yield chunk


def _open(stored: BinaryIO, kind: str) -> BinaryIO:
    match kind:
        case "gzip":
            return cast("BinaryIO", gzip.GzipFile(fileobj=stored))
        case "bzip2":
            return cast("BinaryIO", bz2.BZ2File(stored))
        case "xz":
            return cast("BinaryIO", lzma.LZMAFile(stored))
        case "zstd":
            reader = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
            return cast("BinaryIO", reader.stream_reader(stored, read_across_frames=True))
        case _:
            return stored
