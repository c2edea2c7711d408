r"""Zeek's logs, as tables of tab-separated fields (``zeek``) and as JSON (``zeek-json``).

A table says in its own header lines what separates fields, what they are called and which log it is; a new header may
stand anywhere, as in files that were put together after rotation. Header lines are rows of ``zeek/header``. Where the
header was cut away, the usual logs are told by the shape of their lines. Bytes that Zeek writes as ``\xHH`` are read
back. In both ways of writing, a set or vector is text with commas, and truth is ``true`` or ``false``.

Source: the Zeek manual, "Zeek Log Formats".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pollwatch.events.batch import EventBatch, LogSource, Parsed, Quarantined
from pollwatch.events.block import LineBlock
from pollwatch.formats.framing import EMPTY_LINE, Rows, Shape, Value, epoch_us, iso_us
from pollwatch.formats.framing_json import LONGEST_NAME, MAX_COLUMNS, Flattener, flat_name, json_records, read_object
from pollwatch.formats.framing_zeek import TRUTHS, UNKNOWN, service_by_fields, service_by_shape, service_name
from pollwatch.formats.interface import Framing, ParseContext, Parser

if TYPE_CHECKING:
    import datetime as dt

_HEADER_SHAPE = Shape(LogSource(product="zeek", service="header"), ("message",))
_SHAPED = 0.9  # on the registry's scale: without a header, the fields behind the usual ones are not known
_DIRECTIVE = re.compile(r"#(separator|set_separator|empty_field|unset_field|path|open|close|fields|types)(?:\W|$)")
_CUT = re.compile(r"\d{9,10}\.\d{6}\t[^\t]")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|(\\))")
_ESCAPES = re.compile(r"(?:\\x[0-9a-fA-F]{2}|\\\\)+")
_FIRST_TIME = "ts"
_NO_HEADER = "no header says what the fields are, and their shape does not tell either"
_OTHER_COUNT = "has {have} fields, and the header names {want}"
_NO_RECORD = "JSON, but no record of a Zeek log: nothing says which log it is of"


class Zeek:
    """The format ``zeek``: tables."""

    name = "zeek"
    framing: Framing = "lines"

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of lines that are header lines of Zeek's, or fit the header, or the shape of a usual log."""
        head = _Head()
        fit = 0.0
        for line in sample:
            if head.read(line) or (head.fields and line.count(head.separator) + 1 == len(head.fields)):
                fit += 1.0
            elif not head.fields and _CUT.match(line) and service_by_shape(line.split("\t")):
                fit += _SHAPED
        return fit / len(sample) if sample else 0.0

    def parser(self, context: ParseContext) -> Parser:
        """A fresh parser for one input; Zeek's times need no context."""
        del context
        return ZeekParser()


@dataclass(slots=True)
class _Head:
    """What the header lines so far say."""

    separator: str = "\t"
    set_separator: str = ","
    empty: str = "(empty)"
    unset: str = "-"
    service: str = ""
    fields: tuple[str, ...] = ()
    truths: tuple[int, ...] = ()
    lists: tuple[int, ...] = ()

    def read(self, line: str) -> bool:
        """Whether the line is a header line; what it says holds from here on."""
        if not line.startswith("#") or (directive := _DIRECTIVE.match(line)) is None:
            return False
        name = directive[1]
        if name == "separator":
            self.separator = _plain(line[len("#separator ") :]) or "\t"
            self.fields = self.truths = self.lists = ()
            return True
        said = line.split(self.separator)[1:]
        match name:
            case "set_separator":
                self.set_separator = _plain(said[0]) if said else ","
            case "empty_field":
                self.empty = said[0] if said else ""
            case "unset_field":
                self.unset = said[0] if said else ""
            case "path":
                self.service = service_name(said[0]) if said else UNKNOWN
            case "fields":
                self.fields = tuple(flat_name(each[:LONGEST_NAME]) for each in said[:MAX_COLUMNS])
                self.truths = self.lists = ()
            case "types":
                self.truths = tuple(at for at, kind in enumerate(said) if kind == "bool")
                self.lists = tuple(at for at, kind in enumerate(said) if kind.startswith(("set[", "vector[")))
            case _:
                pass  # when the log was opened and closed, in the sensor's own zone
        return True


@dataclass(slots=True)
class _Table:
    """Lines under one header."""

    service: str
    fields: tuple[str, ...]
    numbers: list[int] = field(default_factory=list)
    cells: list[list[Value]] = field(default_factory=list)

    def batches(self, path: str) -> list[EventBatch]:
        from pollwatch.formats.framing_zeekcolumns import batches  # noqa: PLC0415 - loads pyarrow

        columns = dict(zip(self.fields, map(list, zip(*self.cells, strict=True)), strict=True))
        times = [epoch_us(value) for value in columns.get(_FIRST_TIME, [None] * len(self.numbers))]
        return batches(self.service, path, columns, times, self.numbers)


class ZeekParser:
    """Reads one input's lines, in order."""

    __slots__ = ("_head",)

    def __init__(self) -> None:
        """Start before the first line."""
        self._head = _Head()

    def parse(self, block: LineBlock) -> Parsed:
        """Every line becomes one event or one quarantined line."""
        headers = Rows(_HEADER_SHAPE)
        tables: dict[tuple[str, tuple[str, ...]], _Table] = {}
        quarantined: list[Quarantined] = []
        for number, line in enumerate(block.text, block.first_number):
            if self._head.read(line):
                headers.add(number, None, {"message": line})
                continue
            read = self._record(line)
            if isinstance(read, str):
                quarantined.append(Quarantined(number, read))
                continue
            service, fields, cells = read
            table = tables.setdefault((service, fields), _Table(service, fields))
            table.numbers.append(number)
            table.cells.append(cells)
        batches = headers.batches(block.path)
        for each in tables.values():
            batches += each.batches(block.path)
        return Parsed(batches, quarantined)

    def _record(self, line: str) -> tuple[str, tuple[str, ...], list[Value]] | str:
        """Log, fields and values of a line, or the reason why there are none."""
        head = self._head
        if not line or line.isspace():
            return EMPTY_LINE
        raw = line.split(head.separator)
        if not head.fields:
            shape = service_by_shape(raw) if _CUT.match(line) else None
            if shape is None:
                return _NO_HEADER
            service, names = shape
            more = tuple(f"field_{at + 1}" for at in range(len(names), len(raw)))
            fields = (*names, *more)[: len(raw)]
            return service, fields, [_guessed(name, each) for name, each in zip(fields, raw, strict=True)]
        if len(raw) != len(head.fields):
            return _OTHER_COUNT.format(have=len(raw), want=len(head.fields))
        cells: list[Value] = [None if each == head.unset else _plain(each) for each in raw]
        for at in head.truths:
            cells[at] = {"T": "true", "F": "false"}.get(raw[at], cells[at])
        for at in head.lists:
            if raw[at] == head.empty:
                cells[at] = ""
            elif head.set_separator != "," and raw[at] != head.unset:
                cells[at] = _plain(raw[at].replace(head.set_separator, ","))
        return head.service or service_by_fields(head.fields) or UNKNOWN, head.fields, cells


def _guessed(name: str, text: str) -> Value:
    """A value as a header with Zeek's own defaults would have it read."""
    if text in ("-", "(empty)"):
        return None if text == "-" else ""
    return {"T": "true", "F": "false"}.get(text, text) if name in TRUTHS else _plain(text)


def _plain(text: str) -> str:
    r"""Text without Zeek's escapes: ``\xHH`` is a byte, a doubled backslash one."""
    return _ESCAPES.sub(_unescaped, text) if "\\" in text else text


def _unescaped(match: re.Match[str]) -> str:
    data = b"".join(b"\\" if slash else bytes.fromhex(byte) for byte, slash in _ESCAPE.findall(match[0]))
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


class ZeekJson:
    """The format ``zeek-json``."""

    name = "zeek-json"
    framing: Framing = "json"

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of records that are told to be of one of Zeek's logs."""
        if not sample:
            return 0.0
        records = (read_object(each) for each in sample)
        return sum(isinstance(each, dict) and _json_service(each) is not None for each in records) / len(sample)

    def parser(self, context: ParseContext) -> Parser:
        """A fresh parser for one input."""
        return ZeekJsonParser(context)


class ZeekJsonParser:
    """Reads one input's records, in order."""

    __slots__ = ("_flatten", "_zone")

    def __init__(self, context: ParseContext) -> None:
        """Start before the first record."""
        self._zone: dt.tzinfo = context.zone
        self._flatten = Flattener()

    def parse(self, block: LineBlock) -> Parsed:
        """Every record becomes one event or one quarantined record."""
        from pollwatch.formats.framing_zeekcolumns import batches  # noqa: PLC0415 - loads pyarrow

        records, quarantined = json_records(block)
        found: dict[str, tuple[list[int], list[dict[str, Value]]]] = {}
        for number, record in records:
            service = _json_service(record)
            if service is None:
                quarantined.append(Quarantined(number, _NO_RECORD))
                continue
            numbers, rows = found.setdefault(service, ([], []))
            numbers.append(number)
            rows.append(dict(self._flatten({name: _joined(value) for name, value in record.items()})))
        done: list[EventBatch] = []
        for service, (numbers, rows) in found.items():
            names = dict.fromkeys(name for row in rows for name in row)
            columns = {name: [row.get(name) for row in rows] for name in names}
            times = [self._time_us(value) for value in columns.get(_FIRST_TIME, [None] * len(rows))]
            done += batches(service, block.path, columns, times, numbers)
        return Parsed(done, sorted(quarantined, key=lambda each: each.number))

    def _time_us(self, value: Value) -> int | None:
        """Seconds or milliseconds since 1970, or ISO 8601, as ``LogAscii::json_timestamps`` has it."""
        told = iso_us(value, self._zone) if isinstance(value, str) else None
        return epoch_us(value) if told is None else told


def _json_service(record: dict[str, Any]) -> str | None:
    """The log that a record is of: as it says itself, or as its fields tell; None where it is none of Zeek's."""
    if "ts" not in record:
        return None
    path = record.get("_path")
    if isinstance(path, str):
        return service_name(path)
    nested = record.get("id")
    names = record.keys() | {f"id.{each}" for each in nested} if isinstance(nested, dict) else record.keys()
    return service_by_fields(names)


def _joined(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """A set or vector as a table has it."""
    if isinstance(value, list) and not any(isinstance(each, (list, dict)) for each in value):
        return ",".join("" if each is None else each if isinstance(each, str) else f"{each}" for each in value)
    return value
