"""Tables of cloud audit logs: what consoles of AWS, Azure, Entra, Microsoft 365, Okta and Google export as CSV.

The head names the columns and tells whose table it is; each line then becomes the record that the service's own
interface would have given, and is read as that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pollwatch.events.batch import Parsed, Quarantined
from pollwatch.events.block import LineBlock
from pollwatch.formats import (
    framing_aws,
    framing_azure,
    framing_azuretables,
    framing_google,
    framing_googletable,
    framing_identity,
    framing_m365,
    framing_oktatable,
)
from pollwatch.formats.framing import EMPTY_LINE
from pollwatch.formats.framing_cloud import CloudRows, Fields, Reader, Record, unwrapped
from pollwatch.formats.framing_csv import cells
from pollwatch.formats.interface import Framing, ParseContext, Parser

HEAD = "the head of the table: it names the columns and is no event"
_TYPE = "#TYPE "
_WIDTH = "a line of the table with {found} cells, where its head names {expected}"
_FOREIGN = "a line of the table that tells of no event"
_BEFORE = "no head of the table before this line"
#: A head is looked for in this many of the first lines.
_EARLY = 3

#: A line as a record of one service, and what reads that.
_TABLES: tuple[tuple[Callable[[dict[str, str]], Record | None], Reader], ...] = (
    (framing_aws.of_row, framing_aws.read),
    (framing_azuretables.of_row, framing_azure.read),
    (framing_m365.of_row, framing_m365.read),
    (framing_oktatable.of_row, framing_identity.okta),
    (framing_googletable.of_row, framing_google.read),
)


@dataclass(frozen=True, slots=True)
class CloudTable:
    """The format ``cloud-csv``."""

    name: str = "cloud-csv"
    framing: Framing = "lines"

    def sniff(self, sample: Sequence[str]) -> float:
        """How sure the head is; without one there is no table."""
        return 1.0 if any(_head(line) for line in sample[:_EARLY]) else 0.0

    def parser(self, context: ParseContext) -> Parser:
        """A fresh parser for one input."""
        return _TableParser(context)


class _TableParser:
    """Reads one table, from its head on."""

    def __init__(self, context: ParseContext) -> None:
        self._zone = context.zone
        self._fields = Fields()
        self._names: list[str] = []

    def parse(self, block: LineBlock) -> Parsed:
        """Every line is an event, the head, or quarantined."""
        rows = CloudRows(self._zone)
        quarantined: list[Quarantined] = []
        for number, line in enumerate(block.text, block.first_number):
            reason = self._line(number, line, rows)
            if reason:
                quarantined.append(Quarantined(number, reason))
        return rows.parsed(block, quarantined)

    def _line(self, number: int, line: str, rows: CloudRows) -> str:
        """Take one line; the reason why it is no event, or nothing."""
        if not line or line.isspace():
            return EMPTY_LINE
        if line.startswith(_TYPE) or (head := _head(line)):
            self._names = self._names if line.startswith(_TYPE) else head
            return HEAD
        if not self._names:
            return _BEFORE
        found = _cells(line)
        if len(found) != len(self._names):
            return _WIDTH.format(found=len(found), expected=len(self._names))
        row = dict(zip(self._names, found, strict=True))
        for turned, reader in _TABLES:
            if (record := turned(row)) is not None and (event := reader(unwrapped(record), self._fields)) is not None:
                rows.add(number, event)
                return ""
        return _FOREIGN


def _cells(line: str) -> list[str]:
    """The cells of a line; none where it is no line of a table."""
    return cells(line, ";" if line.count(";") > line.count(",") else ",", strict=True)


def _head(line: str) -> list[str]:
    """The names of the columns, in lower case, where the line is the head of a table that is known here."""
    names = [_SPACES.sub(" ", cell.strip().lstrip("\ufeff").lower()) for cell in _cells(line)]
    if len(names) < 4 or len(set(names)) < 4:
        return []
    row = dict.fromkeys(names, "")
    return names if any(turned(row) is not None for turned, _reader in _TABLES) else []


_SPACES = re.compile(r"\s+")
