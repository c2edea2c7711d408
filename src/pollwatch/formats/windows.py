"""Windows event logs: the events of ``.evtx`` files, and JSON or XML that programs make of them.

XML is read in ``framing_winxml``. What shapes the JSON may have stands in ``framing_winevent``, which logsource an
event is of in ``framing_windows``.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from pollwatch.events.asked import Asking
from pollwatch.events.batch import Parsed, Quarantined
from pollwatch.events.block import LineBlock, is_damaged
from pollwatch.formats.framing_json import read_object
from pollwatch.formats.framing_wincolumns import Gatherer, Names
from pollwatch.formats.framing_winevent import read
from pollwatch.formats.framing_wintable import of_object
from pollwatch.formats.framing_winxml import read_xml
from pollwatch.formats.interface import Framing, ParseContext, Parser

if TYPE_CHECKING:  # numba is heavy
    from pollwatch.formats.framing_objects import Cells
    from pollwatch.formats.framing_winblocks import WindowsBlocks

NOT_AN_EVENT = "JSON or XML, but no Windows event: it has no event id"
#: Smaller blocks are not worth the import of what reads them in columns.
WORTH_IT = 2_000
_MIXED = 0.8  # on the registry's scale: where other records stand among them, a format that reads both comes first


class Windows:
    """The format ``windows``."""

    name = "windows"
    framing: Framing = "json"

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of the records that are Windows events; less where other objects stand among them."""
        fitting = others = 0
        for text in sample:
            record = _record(text)
            event = is_damaged(text) or (isinstance(record, dict) and read(record) is not None)
            fitting += event
            others += not event and isinstance(record, dict)
        return fitting / max(1, len(sample)) * (_MIXED if others else 1.0)

    def parser(self, context: ParseContext) -> Parser:
        """A fresh parser for one input."""
        return WindowsParser(context.zone, context.jobs, context.asking)


class WindowsParser:
    """Reads one input's events, in order."""

    __slots__ = ("_asking", "_blocks", "_jobs", "_names", "_zone")

    def __init__(self, zone: dt.tzinfo, jobs: int = 1, asking: Asking | None = None) -> None:
        """Start before the first event.

        Args:
            zone: of times that name none.
            jobs: how many cores may be used.
            asking: says which columns are looked at.
        """
        self._asking = asking
        self._zone = zone
        self._jobs = jobs
        self._names = Names()
        self._blocks: WindowsBlocks | None = None

    def parse(self, block: LineBlock) -> Parsed:
        """Every record becomes one event or one quarantined record."""
        return self.begin(block)()

    def begin(self, block: LineBlock) -> Callable[[], Parsed]:
        """Find where values lie, where that is worth it; what is returned makes events of them."""
        blocks = self._in_columns(block)
        cells = None if blocks is None else blocks.found(block)
        return partial(self._finish, block, blocks, cells)

    def _finish(self, block: LineBlock, blocks: WindowsBlocks | None, cells: Cells | None) -> Parsed:
        batches, left = ([], range(len(block))) if blocks is None else blocks.read(block, cells)
        gathered = Gatherer(self._names, self._zone)
        quarantined: list[Quarantined] = []
        for row in left:
            number, text = block.first_number + row, block.text[row]
            record = _record(text)
            if isinstance(record, str):
                quarantined.append(Quarantined(number, text if is_damaged(text) else record))
            elif (event := read(record)) is None:
                quarantined.append(Quarantined(number, NOT_AN_EVENT))
            else:
                gathered.add(number, event)
        return Parsed([*batches, *gathered.batches(block.path)], quarantined)

    def _in_columns(self, block: LineBlock) -> WindowsBlocks | None:
        """What reads a block at once; None where that is not worth it."""
        if (
            len(block) < WORTH_IT
            or sys.byteorder != "little"
            or _is_xml(block.text[0])
            or (self._blocks is not None and not self._blocks.worth_it)
        ):
            return None
        if self._blocks is None:
            from pollwatch.formats.framing_winblocks import WindowsBlocks  # noqa: PLC0415 - heavy: numba

            self._blocks = WindowsBlocks(self._names, self._zone, self._jobs, self._asking)
        return self._blocks


def _is_xml(text: str) -> bool:
    return text.lstrip().startswith("<")


def _record(text: str) -> dict[str, Any] | str:
    """A record's fields, whatever they were written in; or why there are none."""
    if _is_xml(text):
        return read_xml(text)
    record = read_object(text)
    return of_object(record) if isinstance(record, dict) else record
