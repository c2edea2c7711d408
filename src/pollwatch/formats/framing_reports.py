"""Reports of appliances: firewalls, sensors and name servers, in the notation of each, with or without a header.

A report is one message, however it travels: behind a syslog header, behind a priority alone, or bare in a file. What
it says is put into the product's logsource, with our columns beside the product's own (``taxonomy.kind``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from pollwatch.events.batch import EventBatch, LogSource
from pollwatch.events.taxonomy import AUTH_COLUMNS, DNS_COLUMNS, FLOW_COLUMNS, IDS_COLUMNS, WEB_COLUMNS
from pollwatch.formats.framing import Rows, Shape, Value
from pollwatch.formats.framing_login import address

_COLUMNS = {
    "firewall": FLOW_COLUMNS,
    "authentication": AUTH_COLUMNS,
    "ids": IDS_COLUMNS,
    "dns": DNS_COLUMNS,
    "webserver": WEB_COLUMNS,
}
_NAME = re.compile(r"[^a-z0-9]+")
_MOST_KINDS = 64
_NETWORK = ("src_ip", "dest_ip", "user", "action", "message")
#: Longer ones are cut by what carries them.
LONGEST = 16_384

_BLOCKED = re.compile(
    r"drop|block|den[iy]|reject|refus|reset|prevent|quarantin|discard|detach|-rst|sinkhole", re.IGNORECASE
)
_ALLOWED = re.compile(r"accept|allow|pass|permit|forward|built|close|alert|detect|ip-conn|timeout|start", re.IGNORECASE)


class Report(NamedTuple):
    """What one message reports.

    Attributes:
        logsource: of the product; its category says which columns of ours are filled.
        values: the product's own fields and ours.
        time_us: where the message itself says it; None = the envelope's time counts.
    """

    logsource: LogSource
    values: Mapping[str, Value]
    time_us: int | None = None


Decoder = Callable[[str], "Report | None"]


class Reports:
    """The reports of one block, gathered one by one in the order of their numbers."""

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        """Start with none."""
        self._rows: dict[LogSource, Rows] = {}

    def add(self, number: int, time_us: int | None, report: Report, said: Mapping[str, Value]) -> None:
        """One more report.

        Args:
            number: of the line.
            time_us: the envelope's time.
            report: what the message says.
            said: the envelope's host and program, and the message; what the report says itself is better.
        """
        logsource = report.logsource
        rows = self._rows.get(logsource)
        if rows is None:
            if len(self._rows) >= _MOST_KINDS:  # vendors may be written by whoever sends to the log host
                logsource = LogSource(logsource.category, "appliance", "")
            columns = _COLUMNS.get(logsource.category, _NETWORK)
            rows = self._rows.setdefault(logsource, Rows(Shape(logsource, columns)))
        told = {name: value for name, value in report.values.items() if value is not None}
        rows.add(number, time_us if report.time_us is None else report.time_us, {**said, **told})

    def batches(self, path: str) -> list[EventBatch]:
        """One batch per logsource."""
        return [batch for rows in self._rows.values() for batch in rows.batches(path)]


def word(text: str) -> str:
    """A vendor's or product's name as a logsource has it: lower case, words joined by underscores."""
    return _NAME.sub("_", text.lower()).strip("_")[:32]


def verdict(text: str | None) -> str | None:
    """What became of traffic, in our words: blocked or allowed; another word stays as it is."""
    if not text:
        return None
    return "blocked" if _BLOCKED.search(text) else "allowed" if _ALLOWED.search(text) else text


def ip(text: str | None) -> str | None:
    """An address in its shortest form; None where it is none."""
    return address(text) if text else None
