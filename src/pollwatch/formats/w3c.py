"""W3C extended logs: IIS, http.sys's rejected requests, CloudFront, Exchange, IIS FTP, the Windows firewall, proxies.

What the fields are decides what a line is: a request, one of our own people to another's site (a proxy's), a log-in
(Exchange's mail protocols, IIS FTP), a packet, or a record that says no more than its fields. Directives are
quarantined with a reason of their own; a ``#Fields:`` counts until the next one, also in the middle of a file. A line
that does not have as many values as were announced, or for which nothing was announced, is read by its shape.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pollwatch.events.batch import Parsed, Quarantined
from pollwatch.events.block import LineBlock
from pollwatch.formats.framing import EMPTY_LINE
from pollwatch.formats.framing_w3c import Header, directive, fields_of, guess, split
from pollwatch.formats.interface import Framing, ParseContext, Parser

if TYPE_CHECKING:
    from pollwatch.formats.framing_w3crows import W3cRows

DIRECTIVE = "a directive of the log, not an event"
UNKNOWN_SHAPE = "other fields than its #Fields: line announces, and no usual shape of IIS, CloudFront or Exchange"
#: What stands before the first ``#Fields:``.
_NOT_ANNOUNCED = Header((), " ")
_MOST_SHAPES = 32


@dataclass(frozen=True, slots=True)
class W3c:
    """The format ``w3c``."""

    name: str = "w3c"
    framing: Framing = "lines"

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of directives, lines with as many values as fields, and lines of a usual shape."""
        header = _NOT_ANNOUNCED
        fits = directives = 0
        for line in sample:
            if (said := directive(line)) is not None:
                header = (fields_of(said[1]) or header) if said[0] == "fields" else header
                directives += 1
            else:
                fits += len(split(line, header.separator)) == len(header.names) or guess(line) is not None
        if not fits and not header.names:
            return 0.0  # directives alone: Zeek and others begin lines so too
        return (fits + directives) / len(sample)

    def parser(self, context: ParseContext) -> Parser:
        """A parser that remembers the directives between blocks."""
        return _W3cParser(context.zone)


@dataclass(slots=True)
class _W3cParser:
    zone: dt.tzinfo
    header: Header = _NOT_ANNOUNCED
    shapes: list[Header] = field(default_factory=list)  # of lines before that stood under no header of theirs

    def parse(self, block: LineBlock) -> Parsed:
        """Every line becomes one event or one quarantined line."""
        from pollwatch.formats.framing_w3crows import W3cRows  # noqa: PLC0415 - heavy: polars

        reasons: dict[int, str] = {}
        rows = W3cRows(self.zone, block)
        for header, places in self._announced(block, reasons).items():
            self._by_shape(rows, rows.add(header, places), header.date, reasons)
        quarantined = [Quarantined(block.first_number + at, reasons[at]) for at in sorted(reasons)]
        return Parsed(rows.batches(), quarantined)

    def _announced(self, block: LineBlock, reasons: dict[int, str]) -> dict[Header, list[int]]:
        """The places of the lines under each header; what is no event has its reason put down."""
        under: dict[Header, list[int]] = {}
        places = under.setdefault(self.header, [])
        for at, text in enumerate(block.text):
            if text[:1] == "#":
                reasons[at] = DIRECTIVE
                self._obey(text)
                places = under.setdefault(self.header, [])
            elif text and not text.isspace():
                places.append(at)
            else:
                reasons[at] = EMPTY_LINE
        return under

    def _by_shape(self, rows: W3cRows, places: Sequence[int], date: str, reasons: dict[int, str]) -> None:
        """Take lines by their shape: that of lines before where it fits, else what one line alone looks like."""
        for shape in self.shapes:
            places = rows.add(replace(shape, date=date), places, doubted=True)
        at = 0
        while at < len(places):
            shape_of_one = guess(rows.block.text[places[at]])
            if shape_of_one is None:
                reasons[places[at]] = UNKNOWN_SHAPE
                at += 1
                continue
            rows.add(replace(shape_of_one, date=date), places[at : at + 1])
            if len(self.shapes) >= _MOST_SHAPES:
                at += 1
                continue
            self.shapes.append(shape_of_one)
            places, at = rows.add(replace(shape_of_one, date=date), places[at + 1 :], doubted=True), 0

    def _obey(self, text: str) -> None:
        match directive(text):
            case ("fields", value):
                self.header = replace(fields_of(value) or self.header, date=self.header.date, local=self.header.local)
            case ("date", value):
                self.header = replace(self.header, date=value[:10])
            case ("time format", value):
                self.header = replace(self.header, local=value.lower() == "local")
            case ("software", _):  # another log begins
                self.header = replace(self.header, date="", local=False)
            case _:
                pass


W3C = W3c()
