"""Windows events in tables (CSV): Event Viewer in any language, Get-WinEvent, EvtxECmd, and a column per field.

Which tables are known stands in ``framing_wintable``, how dates are told in ``framing_windates``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pollwatch.events.batch import Parsed, Quarantined
from pollwatch.events.block import LineBlock
from pollwatch.formats.framing_wincolumns import Gatherer, Names
from pollwatch.formats.framing_windates import Dates
from pollwatch.formats.framing_winevent import WindowsEvent, read
from pollwatch.formats.framing_wintable import Header, header_of, record_of, viewer_header
from pollwatch.formats.interface import Framing, ParseContext, Parser

NAMES = "the names of the columns"
NO_EVENT = "no Windows event: the row does not have the columns of its table, or no event id"
_TYPE = "#TYPE "


class WindowsTable:
    """The format ``windows-csv``."""

    name = "windows-csv"
    framing: Framing = "lines"

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of the rows that are events, the one with the names left out."""
        rows = [row for row in sample if not row.startswith(_TYPE)]
        header = _header(rows[0]) if rows else None
        if header is None:
            return 0.0
        named = record_of(header, rows[0]) is None
        events = sum(record_of(header, row) is not None for row in rows[named:])
        # A table that holds nothing but its header is told by the names in it.
        return events / len(rows[named:]) if rows[named:] else float(bool(header.columns))

    def parser(self, context: ParseContext) -> Parser:
        """A fresh parser for one input."""
        return WindowsTableParser(context)


class WindowsTableParser:
    """Reads one input's rows, in order."""

    __slots__ = ("_context", "_dates", "_header", "_names")

    def __init__(self, context: ParseContext) -> None:
        """Start before the first row."""
        self._context = context
        self._names = Names()
        self._dates = Dates(context.anchor_us, context.zone)
        self._header: Header | None = None

    def parse(self, block: LineBlock) -> Parsed:
        """Every row becomes one event or one quarantined row."""
        quarantined: list[Quarantined] = []
        events: list[tuple[int, WindowsEvent]] = []
        for row, text in enumerate(block.text):
            event = self._event(text)
            if isinstance(event, str):
                quarantined.append(Quarantined(block.first_number + row, event))
            else:
                events.append((block.first_number + row, event))
        gathered = Gatherer(self._names, self._context.zone)
        times = self._dates([str(event.time or "") for _, event in events])
        for (number, event), time_us in zip(events, times, strict=True):
            gathered.add(number, replace(event, time=time_us))
        return Parsed(gathered.batches(block.path), quarantined)

    def _event(self, text: str) -> WindowsEvent | str:
        """A row's event, or why it is none."""
        if text.startswith(_TYPE):
            return NAMES
        record = record_of(self._header, text) if self._header is not None else None
        if record is None:
            header = _header(text) if self._header is None or not text[:1].isdigit() else None
            if header is None or (self._header is not None and not header.columns):
                return NO_EVENT
            self._header = header
            record = record_of(header, text)
            if record is None:
                return NAMES
        return read(record) or NO_EVENT


def _header(row: str) -> Header | None:
    return header_of(row) or viewer_header(row)
