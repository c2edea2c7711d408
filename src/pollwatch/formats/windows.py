"""Windows event logs: the events of ``.evtx`` files, and JSON that programs make of them.

What shapes the JSON may have stands in ``framing_winevent``, which logsource an event is of in ``framing_windows``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pollwatch.events.batch import Parsed, Quarantined
from pollwatch.events.block import LineBlock, is_damaged
from pollwatch.formats.framing_json import read_object
from pollwatch.formats.framing_wincolumns import Gatherer, Names
from pollwatch.formats.framing_winevent import read
from pollwatch.formats.interface import Framing, ParseContext, Parser

NOT_AN_EVENT = "JSON, but no Windows event: it has no event id"
_MIXED = 0.8  # on the registry's scale: where other records stand among them, a format that reads both comes first


class Windows:
    """The format ``windows``."""

    name = "windows"
    framing: Framing = "json"

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of the records that are Windows events; less where other objects stand among them."""
        fitting = others = 0
        for text in sample:
            record = read_object(text)
            event = is_damaged(text) or (isinstance(record, dict) and read(record) is not None)
            fitting += event
            others += not event and isinstance(record, dict)
        return fitting / max(1, len(sample)) * (_MIXED if others else 1.0)

    def parser(self, context: ParseContext) -> Parser:
        """A fresh parser for one input."""
        return WindowsParser(context.zone)


class WindowsParser:
    """Reads one input's events, in order."""

    __slots__ = ("_names", "_zone")

    def __init__(self, zone: dt.tzinfo) -> None:
        """Start before the first event; the zone is that of times that name none."""
        self._zone = zone
        self._names = Names()

    def parse(self, block: LineBlock) -> Parsed:
        """Every record becomes one event or one quarantined record."""
        gathered = Gatherer(self._names, self._zone)
        quarantined: list[Quarantined] = []
        for number, text in enumerate(block.text, block.first_number):
            record = read_object(text)
            if isinstance(record, str):
                quarantined.append(Quarantined(number, text if is_damaged(text) else record))
            elif (event := read(record)) is None:
                quarantined.append(Quarantined(number, NOT_AN_EVENT))
            else:
                gathered.add(number, event)
        return Parsed(gathered.batches(block.path), quarantined)
