"""Which notation a message of an appliance is in, and a parser for files of such messages with or without a header."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from pollwatch.events.batch import Parsed, Quarantined
from pollwatch.events.block import LineBlock
from pollwatch.formats import framing_asa, framing_cef, framing_keyvalue, framing_paloalto, framing_queries
from pollwatch.formats.framing import EMPTY_LINE
from pollwatch.formats.framing_reports import Report, Reports
from pollwatch.formats.interface import Framing, ParseContext, Parser

Own: TypeAlias = "Callable[[str, dt.tzinfo], Report | None]"

_LONGEST_HEADER = 300
_PRIORITY = re.compile(r"<\d{1,3}>")
_BARS = ("CEF", "LEEF")
_NAME_SERVERS = frozenset({"named", "unbound", "dnsmasq", "dnsmasq-dhcp", "pihole-FTL"})
_NOTHING_KNOWN = "no message that this format knows, with or without a syslog header before it"


def is_notation(program: str) -> bool:
    """Whether a tag by itself says that its messages are in one of the notations."""
    return program in _BARS or program in _NAME_SERVERS or program.startswith("%")


def decode(  # noqa: PLR0911 - one way per notation
    program: str | None, message: str
) -> Report | None:
    """What an appliance's message reports, by the notation that it is in; None where it is in none of these."""
    if program in _BARS:
        return framing_cef.decode(f"{program}:{message}")
    if program in _NAME_SERVERS:
        return framing_queries.decode(message)
    if program is not None and program.startswith("%"):
        return framing_asa.decode(program, message)
    if "type=" in message:
        return framing_keyvalue.decode(message)
    if "EF:" in message[:200]:
        return framing_cef.decode(message)
    if "%" in message[:8]:
        return framing_asa.decode(program, message)
    return framing_paloalto.decode(message) if message[:5].find(",") >= 0 else None


class Appliance:
    """A format of lines in one notation, each bare, behind a priority alone, or behind a syslog header."""

    framing: Framing = "lines"

    def __init__(self, name: str, begins: str, own: Own) -> None:
        """Describe the notation.

        Args:
            name: what ``--format`` calls it.
            begins: an expression for a message's beginning, searched behind a header of at most 300 characters.
            own: reads one message, and gives a time that names no zone the zone that it is told.
        """
        self.name = name
        self._begins = re.compile(rf"(?:^|(?<=[\s>])){begins}")
        self._own = own

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of lines that are such a message."""
        return sum(map(self._fits, sample)) / len(sample) if sample else 0.0

    def _fits(self, line: str) -> bool:
        begun = self._begins.search(line, 0, _LONGEST_HEADER)
        return begun is not None and self._own(line[begun.start() :], dt.UTC) is not None

    def parser(self, context: ParseContext) -> Parser:
        """A fresh parser for one input."""
        return ReportLines(context, self._own)


def _bare(line: str) -> str:
    found = _PRIORITY.match(line)
    return line[found.end() :] if found else line


class ReportLines:
    """Reads one input's lines, in order."""

    __slots__ = ("_headers", "_own", "_reader", "_zone")

    def __init__(self, context: ParseContext, own: Own) -> None:
        """Start before the first line; ``own`` reads those that carry no header."""
        from pollwatch.formats.framing_messages import MessageReader  # noqa: PLC0415 - loads polars and pyarrow
        from pollwatch.formats.framing_syslog import Headers  # noqa: PLC0415 - loads polars

        self._own, self._zone = own, context.zone
        self._headers = Headers(context)
        self._reader = MessageReader()

    def parse(self, block: LineBlock) -> Parsed:
        """Every line becomes one event or one quarantined line."""
        reports = Reports()
        carried: list[tuple[int, str]] = []
        for number, line in enumerate(block.text, block.first_number):
            report = self._own(_bare(line), self._zone)
            if report is None:
                carried.append((number, line))
            else:
                reports.add(number, None, report, {"message": line})
        messages, foreign = self._headers.split_numbered(carried)
        empty = {number for number, line in carried if not line or line.isspace()}
        quarantined = [Quarantined(each, EMPTY_LINE if each in empty else _NOTHING_KNOWN) for each in foreign]
        return Parsed([*reports.batches(block.path), *self._reader.batches(block.path, messages)], quarantined)
