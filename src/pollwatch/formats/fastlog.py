"""Alerts of Suricata and Snort, one per line: ``fast.log``.

Source: Suricata user guide, "Line based alerts log (fast.log)"; Snort manual, "alert_fast". Snort's dates have no year:
the latest one that is not after the file's own time is meant.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pollwatch.clock import to_datetime
from pollwatch.events.batch import Parsed, Quarantined
from pollwatch.events.block import LineBlock
from pollwatch.formats.framing import EMPTY_LINE, IDS_SHAPE, Rows, Value, iso_us, parsed
from pollwatch.formats.framing_login import address, port
from pollwatch.formats.interface import Framing, ParseContext, Parser

_ALERT = re.compile(
    r"(\d\d)/(\d\d)(?:/(\d{2,4}))?-(\d\d:\d\d:\d\d\.\d{1,6}) +(?:\[(Drop|wDrop)\] +)?"
    r"\[\*\*\] \[(\d+):(\d+):(\d+)\] (.*?) \[\*\*\]"
    r"(?: \[Classification: ([^\]]*)\])?(?: \[Priority: (\d+)\])? \{([^}]*)\} (\S+) -> (\S+)"
)
_DAY_US = 86_400_000_000
_NO_ALERT = "no alert of Suricata's or Snort's"


class FastLog:
    """The format ``fastlog``."""

    name = "fastlog"
    framing: Framing = "lines"

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of lines that are alerts."""
        return sum(_ALERT.fullmatch(line) is not None for line in sample) / len(sample) if sample else 0.0

    def parser(self, context: ParseContext) -> Parser:
        """A fresh parser for one input."""
        return FastLogParser(context)


class FastLogParser:
    """Reads one input's lines, in order."""

    __slots__ = ("_anchor_us", "_zone")

    def __init__(self, context: ParseContext) -> None:
        """Start before the first line."""
        self._zone = context.zone
        self._anchor_us = context.anchor_us

    def parse(self, block: LineBlock) -> Parsed:
        """Every line becomes one event or one quarantined line."""
        rows = Rows(IDS_SHAPE)
        quarantined: list[Quarantined] = []
        for number, line in enumerate(block.text, block.first_number):
            if (found := _ALERT.fullmatch(line)) is None:
                empty = not line or line.isspace()
                quarantined.append(Quarantined(number, EMPTY_LINE if empty else _NO_ALERT))
                continue
            month, day, year, clock, dropped, generator, signature, revision, message, *rest = found.groups()
            category, priority, proto, source, target = rest
            (src_ip, src_port), (dest_ip, dest_port) = _end(source), _end(target)
            values: dict[str, Value] = {
                "src_ip": src_ip,
                "src_port": src_port,
                "dest_ip": dest_ip,
                "dest_port": dest_port,
                "proto": proto,
                "signature": message,
                "signature_id": signature,
                "category": category,
                "severity": priority,
                "action": "blocked" if dropped == "Drop" else "allowed",  # "wDrop": it only would have
                "gid": generator,
                "rev": revision,
            }
            rows.add(number, self._time_us(year, f"{month}-{day}T{clock}"), values)
        return parsed(block, (rows,), quarantined)

    def _time_us(self, year: str | None, rest: str) -> int | None:
        if year is not None:
            return iso_us(f"{year if len(year) == 4 else f'20{year}'}-{rest}", self._zone)
        this_year = to_datetime(self._anchor_us).year
        time_us = iso_us(f"{this_year}-{rest}", self._zone)
        if time_us is None or time_us > self._anchor_us + _DAY_US:
            return iso_us(f"{this_year - 1}-{rest}", self._zone)
        return time_us


def _end(text: str) -> tuple[str | None, int | None]:
    """Address and port; of ICMP there is no port, and an IPv6 address stands without brackets."""
    host, _, digits = text.rpartition(":")
    if host and (whole := address(host)) is not None and port(digits) is not None:
        return whole, port(digits)
    return address(text), None
