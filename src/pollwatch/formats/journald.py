"""The systemd journal as ``journalctl -o json`` writes it; log-in messages decoded as in syslog.

A message that is no UTF-8 stands there as an array of byte values; one that was too large stands there as null. A
field that an entry holds twice stands there as an array of its values: the first one is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pollwatch.events.batch import Parsed
from pollwatch.events.block import LineBlock
from pollwatch.formats.framing import as_int64
from pollwatch.formats.framing_json import as_column, json_records
from pollwatch.formats.interface import Framing, ParseContext, Parser

_MARK = '"__REALTIME_TIMESTAMP"'


class Journald:
    """The format ``journald``."""

    name = "journald"
    framing: Framing = "json"

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of records that hold the journal's own time."""
        return sum(_MARK in record for record in sample) / len(sample) if sample else 0.0

    def parser(self, context: ParseContext) -> Parser:
        """A fresh parser for one input; the journal's times need no context."""
        del context
        return JournaldParser()


class JournaldParser:
    """Reads one input's entries, in order."""

    __slots__ = ("_reader",)

    def __init__(self) -> None:
        """Start before the first entry."""
        from pollwatch.formats.framing_messages import MessageReader  # noqa: PLC0415 - loads polars and pyarrow

        self._reader = MessageReader()

    def parse(self, block: LineBlock) -> Parsed:
        """Every entry becomes one event or one quarantined record."""
        from pollwatch.formats.framing_syslog import FACILITIES, SEVERITIES, Messages  # noqa: PLC0415 - loads polars

        entries, quarantined = json_records(block)
        entry = [record for _, record in entries]
        messages = Messages(
            numbers=[number for number, _ in entries],
            times=[as_int64(_first(each, "__REALTIME_TIMESTAMP", "_SOURCE_REALTIME_TIMESTAMP")) for each in entry],
            hostname=[_text(each, "_HOSTNAME") for each in entry],
            program=[_text(each, "SYSLOG_IDENTIFIER", "_COMM") for each in entry],
            pid=[as_int64(_first(each, "_PID", "SYSLOG_PID")) for each in entry],
            message=[_text(each, "MESSAGE") or "" for each in entry],
            facility=[_name(FACILITIES, each, "SYSLOG_FACILITY") for each in entry],
            severity=[_name(SEVERITIES, each, "PRIORITY") for each in entry],
            msgid=[_text(each, "MESSAGE_ID") for each in entry],
            structured_data=[None] * len(entry),
        )
        return Parsed(self._reader.batches(block.path, messages), quarantined)


def _first(entry: dict[str, Any], *names: str) -> object:
    """The value of the first field that the entry has; the first of several values."""
    for name in names:
        value = entry.get(name)
        if isinstance(value, list) and not _is_bytes(value):
            value = value[0] if value else None
        if value is not None:
            return value
    return None


def _text(entry: dict[str, Any], *names: str) -> str | None:
    """A field's text; bytes that are no UTF-8 show as U+FFFD."""
    value = _first(entry, *names)
    if isinstance(value, list) and _is_bytes(value):
        return bytes(value).decode("utf-8", "replace")
    column = as_column(value)
    return column if column is None or isinstance(column, str) else str(column)


def _is_bytes(value: list[Any]) -> bool:
    return bool(value) and all(type(each) is int and 0 <= each <= 255 for each in value)


def _name(names: tuple[str, ...], entry: dict[str, Any], field: str) -> str | None:
    code = as_int64(_first(entry, field))
    return names[code] if code is not None and 0 <= code < len(names) else None
