"""Canonical JSON, on which all that is signed rests."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pollwatch import canonical
from pollwatch.errors import PollwatchError


def read(data: bytes) -> None:
    """What is read strictly is written as the same bytes; what is read leniently is refused or has one strict form."""
    with suppress(PollwatchError):
        assert canonical.dumps(canonical.loads(data)) == data
    written = canonical.dumps(canonical.loads_lenient(data))
    assert canonical.dumps(canonical.loads(written)) == written


def seeds(folder: Path) -> list[bytes]:
    """Every kind of value, in the strict form and in others."""
    del folder  # nothing needs the disk
    value = {"a": [1, -1, 0.5, 1e21, 1e-7, True, False, None], "é": '\u2028\x00"\\', "z": {"": [[], {}]}}
    odd = rb'{"b": 1.0, "a": "\u00e9\ud83d\ude00", "c": [1E2, -0, 0.10]}'
    return [canonical.dumps(value), canonical.pretty(value).encode(), odd, b'"\\u0041"', b"-0", b"9007199254740991"]
