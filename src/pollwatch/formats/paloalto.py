"""Palo Alto Networks' comma-separated messages, from syslog or exported."""

from __future__ import annotations

import datetime as dt

from pollwatch.events.batch import LogSource
from pollwatch.formats.framing_appliance import Appliance
from pollwatch.formats.framing_paloalto import decode, is_header
from pollwatch.formats.framing_reports import Report


def _read(line: str, zone: dt.tzinfo) -> Report | None:
    """A message, or the header line of an export."""
    if is_header(line):
        return Report(LogSource("", "paloalto", "header"), {"message": line})
    return decode(line, zone)


class PaloAlto(Appliance):
    """The format ``paloalto``."""


PALO_ALTO = PaloAlto("paloalto", r"(?:\d{0,3},\d{4}/|\"?Domain\"?,)", _read)
