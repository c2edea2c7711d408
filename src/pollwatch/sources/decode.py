"""Bytes to text, without ever losing or inventing a record."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from typing import Literal

from pollwatch.events.block import all_decoded

Encoding = Literal["utf-8", "utf-16-le", "utf-16-be"]

_BOMS: tuple[tuple[bytes, Encoding], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SURROGATE = re.compile("[\ud800-\udfff]")


def encoding_of(head: bytes) -> tuple[Encoding, int]:
    """The encoding that the first bytes show, and how many of them are a byte order mark.

    UTF-16 without a mark is told by its zero bytes: text is mostly ASCII, so every other byte is zero.
    Everything else is taken as UTF-8, with Latin-1 for the lines that are not.
    """
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return encoding, len(bom)
    sample = head[:4096]
    if len(sample) >= 8:
        even, odd = sample[0::2].count(0), sample[1::2].count(0)
        half = len(sample) // 2
        if odd > half * 0.7 and even < half * 0.3:
            return "utf-16-le", 0
        if even > half * 0.7 and odd < half * 0.3:
            return "utf-16-be", 0
    return "utf-8", 0


def decode(records: Sequence[bytes], encoding: Encoding) -> list[str]:
    """Each record as text. A record that is not valid UTF-8 is read as Latin-1, which knows every byte."""
    if encoding != "utf-8":
        return [
            scrub(record.decode(encoding, "surrogatepass" if not len(record) % 2 else "replace")) for record in records
        ]
    return all_decoded(records)


def scrub(text: str) -> str:
    """The text with lone surrogates (which are not text) replaced by U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)
