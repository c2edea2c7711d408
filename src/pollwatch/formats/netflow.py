"""Flow records: tables with a head (``netflow``) and JSON (``netflow-json``).

Tables may be separated by commas, bars, tabs, semicolons or spaces: nfdump's csv, pmacct, rwcut, Argus, Amazon VPC
flow logs (also without their head, in the default order). nfdump's own lines are read too. Head lines are rows of
``netflow/header``; a sum below a table is quarantined.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pollwatch.events.batch import LogSource, Parsed, Quarantined
from pollwatch.events.block import LineBlock
from pollwatch.events.taxonomy import FLOW_COLUMNS
from pollwatch.formats import framing_csv
from pollwatch.formats.framing import EMPTY_LINE, Rows, Shape, Value, iso_us, parsed
from pollwatch.formats.framing_flows import are_flows, port, ranked, read, read_cells
from pollwatch.formats.framing_json import Flattener, flat_name, json_records, read_object
from pollwatch.formats.framing_login import address
from pollwatch.formats.interface import Framing, ParseContext, Parser

_FLOW_SHAPE = Shape(LogSource("firewall", "netflow"), (*FLOW_COLUMNS, "flags"))
_VPC_SHAPE = Shape(LogSource("firewall", "aws", "vpcflow"), (*FLOW_COLUMNS, "flags"))
_HEAD_SHAPE = Shape(LogSource("", "netflow", "header"), ("message",))
_SEPARATORS = (",", "|", "\t", ";", " ")
_VPC_LINE = re.compile(r"[2-9] (?:\d{12}|unknown) eni-\S+ .* (?:OK|NODATA|SKIPDATA)")
_NFDUMP_LINE = re.compile(
    r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) +(?:[\d.]+|\d\d:\d\d:\d\d\.\d{3}) +(\w+) +(\S+) +(?:->|<->) +(\S+) +"
    r"(?:([A-Z.]{6,8}) +\d+ +)?(\d+(?:\.\d)? ?[KMG]?) +(\d+(?:\.\d)? ?[KMG]?) +(\d+)(?: .*)?"
)
_SCALE = {"K": 1_000, "M": 1_000_000, "G": 1_000_000_000}
_LONGEST = 16_384
_TOLD = 0.97  # more than a JSON object in Sigma's or ECS's names, less than a sensor's own record
_NO_HEAD = "no head names the fields, and the line is in no order that is known without one"
_NO_DATA = "the exporter had no data, or left records out"
_NO_FLOW = "names no two addresses"
_NO_RECORD = "JSON, but no flow: no two addresses with how much went between them"


@dataclass(frozen=True, slots=True)
class _Head:
    """What a table's head says."""

    separator: str
    names: tuple[str, ...]
    places: tuple[tuple[int, str], ...] = field(init=False)
    others: tuple[tuple[int, str], ...] = field(init=False)

    def __post_init__(self) -> None:
        """Find which fields fill columns of ours, and which are the exporter's own."""
        places = ranked(self.names)
        ours = {place for place, _ours in places}
        others = ((place, flat_name(name)) for place, name in enumerate(self.names) if place not in ours)
        object.__setattr__(self, "places", places)
        object.__setattr__(self, "others", tuple(others))

    def cells(self, line: str) -> list[str]:
        """A line's fields."""
        return _split(line, self.separator)


_VPC = _Head(
    " ",
    (
        "version",
        "account-id",
        "interface-id",
        "srcaddr",
        "dstaddr",
        "srcport",
        "dstport",
        "protocol",
        "packets",
        "bytes",
        "start",
        "end",
        "action",
        "log-status",
    ),
)


def _split(line: str, separator: str) -> list[str]:
    if separator == " ":
        return line.split()
    if '"' in line and (quoted := framing_csv.cells(line, separator)):
        return [each.strip() for each in quoted]
    bare = [each.strip() for each in line.split(separator)]
    return bare[:-1] if bare and not bare[-1] and separator == "|" else bare


def _head(line: str) -> _Head | None:
    """The head that a line is; None where it is none. Its fields are names, never numbers."""
    if len(line) > _LONGEST or not re.match(r"\W*[A-Za-z]", line):
        return None
    for separator in _SEPARATORS:
        if separator in line:
            names = tuple(_split(line, separator))
            if len(names) > 4 and are_flows(names):
                return _Head(separator, names)
    return None


class NetFlow:
    """The format ``netflow``."""

    name = "netflow"
    framing: Framing = "lines"

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of lines that are a head of flows', stand under one, or are in a known order."""
        head: _Head | None = None
        fit = 0
        for line in sample:
            if (found := _head(line)) is not None:
                head, fit = found, fit + 1
            elif head is not None and len(head.cells(line)) == len(head.names):
                fit += 1
            else:
                fit += _VPC_LINE.fullmatch(line) is not None or _NFDUMP_LINE.fullmatch(line) is not None
        return fit / len(sample) if sample else 0.0

    def parser(self, context: ParseContext) -> Parser:
        """A fresh parser for one input."""
        return NetFlowParser(context.zone)


class NetFlowParser:
    """Reads one input's lines, in order."""

    __slots__ = ("_head", "_zone")

    def __init__(self, zone: dt.tzinfo) -> None:
        """Start before the first line."""
        self._zone = zone
        self._head: _Head | None = None

    def parse(self, block: LineBlock) -> Parsed:
        """Every line becomes one event or one quarantined line."""
        heads, flows, vpc = Rows(_HEAD_SHAPE), Rows(_FLOW_SHAPE), Rows(_VPC_SHAPE)
        quarantined: list[Quarantined] = []
        for number, line in enumerate(block.text, block.first_number):
            if (head := _head(line)) is not None:
                self._head = head
                heads.add(number, None, {"message": line})
                continue
            record = self._record(line)
            if isinstance(record, str):
                quarantined.append(Quarantined(number, record))
                continue
            values, time_us, of_vpc = record
            (vpc if of_vpc else flows).add(number, time_us, values)
        return parsed(block, (heads, flows, vpc), quarantined)

    def _record(self, line: str) -> tuple[dict[str, Value], int | None, bool] | str:
        """A flow, when it began and whether it is of a VPC, or the reason why there is none."""
        if not line or line.isspace():
            return EMPTY_LINE
        found = self._cells(line)
        if found is None:
            own = _nfdump(line, self._zone)
            return _NO_HEAD if own is None else (*own, False)
        head, cells = found
        flow = read_cells(cells, head.places, self._zone)
        if flow is None:
            return _NO_DATA if cells[-1] in ("NODATA", "SKIPDATA") else _NO_FLOW
        values, time_us = flow
        for place, name in head.others:
            if cells[place] not in ("", "-"):
                values.setdefault(name, cells[place])
        return values, time_us, "interface-id" in head.names

    def _cells(self, line: str) -> tuple[_Head, list[str]] | None:
        """Head and fields of a line; None where nothing tells them apart."""
        if self._head is not None and len(cells := self._head.cells(line)) == len(self._head.names):
            return self._head, cells
        if _VPC_LINE.fullmatch(line) and len(cells := line.split()) == len(_VPC.names):
            return _VPC, cells
        return None


def _nfdump(line: str, zone: dt.tzinfo) -> tuple[dict[str, Value], int | None] | None:
    """One of the lines that nfdump prints where no other output is asked for (``line``, ``long``)."""
    found = _NFDUMP_LINE.fullmatch(line)
    if found is None:
        return None
    began, proto, source, target, flags, packets, size, _flows = found.groups()
    (src_ip, src_port), (dest_ip, dest_port) = _end(source), _end(target)
    if src_ip is None or dest_ip is None:
        return None
    values: dict[str, Value] = {
        "src_ip": src_ip,
        "src_port": src_port,
        "dest_ip": dest_ip,
        "dest_port": dest_port,
        "proto": proto.upper(),
        "bytes_out": _scaled(size),
        "packets": _scaled(packets),
        "flags": "".join(letter for letter in "FSRPAU" if letter in flags) or None if flags else None,
    }
    return values, iso_us(began, zone)


def _end(text: str) -> tuple[str | None, int | None]:
    """``192.0.2.1:443``; of IPv6 ``2001:db8::1.443``."""
    host, _, digits = text.rpartition("." if text.count(":") > 1 else ":")
    return address(host), port(digits)


def _scaled(text: str) -> int:
    number, unit = text.strip("KMG "), text[-1]
    return round(float(number) * _SCALE.get(unit, 1))


class NetFlowJson:
    """The format ``netflow-json``."""

    name = "netflow-json"
    framing: Framing = "json"

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of records that are flows; one of a sensor that says more of them is left to its own format."""
        if not sample:
            return 0.0
        flatten = Flattener()
        records = (read_object(each) for each in sample)
        return sum(_TOLD for each in records if isinstance(each, dict) and _is_flow(flatten(each))) / len(sample)

    def parser(self, context: ParseContext) -> Parser:
        """A fresh parser for one input."""
        return NetFlowJsonParser(context.zone)


class NetFlowJsonParser:
    """Reads one input's records, in order."""

    __slots__ = ("_flatten", "_zone")

    def __init__(self, zone: dt.tzinfo) -> None:
        """Start before the first record."""
        self._zone = zone
        self._flatten = Flattener()

    def parse(self, block: LineBlock) -> Parsed:
        """Every record becomes one event or one quarantined record."""
        records, quarantined = json_records(block)
        flows = Rows(_FLOW_SHAPE)
        for number, record in records:
            flat = self._flatten(record)
            found = read(flat, self._zone) if _is_flow(flat) else None
            if found is None:
                quarantined.append(Quarantined(number, _NO_RECORD))
            else:
                values, time_us = found
                flows.add(number, time_us, {**flat, **values})
        return parsed(block, (flows,), quarantined)


def _is_flow(flat: dict[str, Any]) -> bool:
    """Whether a record is a flow and nothing else: an alert or a log-in that names its flow is not."""
    return "signature" not in flat and "message" not in flat and "@timestamp" not in flat and are_flows(flat.keys())
