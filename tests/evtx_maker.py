"""Makes Windows event logs, as far as tests need them: no templates, one text per element, any number of chunks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

HEADER_BYTES, CHUNK_BYTES, FIRST_RECORD = 4096, 1 << 16, 512
_MAGIC = b"\x2a\x2a\x00\x00"
_FILETIME = 133_749_504_000_000_000  # 2024-11-01, in 100 ns since 1601; readers take the time from the XML


def u(value: int, size: int) -> bytes:
    """An unsigned number as these files have it."""
    return value.to_bytes(size, "little")


def event(channel: str, event_id: int, second: int, data: Mapping[str, str]) -> list[tuple[str, object]]:
    """An event's elements, for :func:`log`."""
    named = [("Data", name, value) for name, value in data.items()]
    system = [
        ("EventID", "", str(event_id)),
        ("Channel", "", channel),
        ("Computer", "", "tally1"),
        ("TimeCreated", f"SystemTime=2026-11-03T20:00:{second:02}.5Z", ""),
    ]
    return [("System", system), ("EventData", named)]


def log(chunks: Sequence[Sequence[list[tuple[str, object]]]]) -> bytes:
    """A log of chunks of events."""
    number = 0
    made = []
    for events in chunks:
        made.append(_chunk(events, number + 1))
        number += len(events)
    return b"ElfFile\x00".ljust(HEADER_BYTES, b"\x00") + b"".join(made)


def _chunk(events: Sequence[list[tuple[str, object]]], first: int) -> bytes:
    body = bytearray(FIRST_RECORD)
    last = FIRST_RECORD
    for number, each in enumerate(events, first):
        last = len(body)
        record = bytearray(_MAGIC + u(0, 4) + u(number, 8) + u(_FILETIME, 8) + b"\x0f\x01\x01\x00")
        _element(record, last, "Event", "", each)
        record += b"\x00"
        size = len(record) + 4
        record[4:8] = u(size, 4)
        body += record + u(size, 4)
    end = first + len(events) - 1
    head = (
        b"ElfChnk\x00" + b"".join(u(n, 8) for n in (first, end, first, end)) + u(128, 4) + u(last, 4) + u(len(body), 4)
    )
    body[: len(head)] = head
    return bytes(body).ljust(CHUNK_BYTES, b"\x00")


def _element(record: bytearray, start: int, name: str, attribute: str, content: object) -> None:
    """Append an element; ``content`` is its text, or elements as ``(name, [attribute,] content)``."""
    key, _, value = attribute.partition("=") if "=" in attribute else ("Name", "", attribute)
    record += (b"\x41" if attribute else b"\x01") + u(0, 4)
    _name(record, start, name)
    if attribute:
        record += u(0, 4) + b"\x06"
        _name(record, start, key)
        record += _text(value)
    record += b"\x02"
    if isinstance(content, str):
        record += _text(content) if content else b""
    else:
        assert isinstance(content, list)
        for child in content:
            _element(record, start, child[0], child[1] if len(child) > 2 else "", child[-1])
    record += b"\x04"


def _name(record: bytearray, start: int, name: str) -> None:
    record += u(start + len(record) + 4, 4)
    record += u(0, 4) + u(0, 2) + u(len(name), 2) + name.encode("utf-16-le") + b"\x00\x00"


def _text(text: str) -> bytes:
    return b"\x05\x01" + u(len(text), 2) + text.encode("utf-16-le")
