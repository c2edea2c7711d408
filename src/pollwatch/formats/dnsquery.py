"""Query logs of name servers in files of their own: BIND, unbound. In syslog, ``syslog`` reads them."""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache

from pollwatch.formats.framing import MONTHS, epoch_us, iso_us
from pollwatch.formats.framing_appliance import Appliance
from pollwatch.formats.framing_queries import decode
from pollwatch.formats.framing_reports import Report

_BIND = re.compile(
    r"(?:(\d\d)-([A-Z][a-z]{2})-(\d{4}) (\d\d:\d\d:\d\d(?:\.\d{1,6})?) )"
    r"(?:(?:queries|query-errors|security|xfer-out|update-security|general|default): )?(?:\w+: )?(client .*)",
    re.DOTALL,
)
_BIND_ISO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*) (?:[\w-]+: ){0,2}(client .*)", re.DOTALL)
_UNBOUND = re.compile(r"\[(\d{9,10})\] unbound(\[\d+:\w+\] .*)", re.DOTALL)


def _read(line: str, zone: dt.tzinfo) -> Report | None:
    """One line, with the server's own time."""
    if found := _UNBOUND.fullmatch(line):
        return _at(epoch_us(found[1]), found[2])
    if found := _BIND.fullmatch(line):
        day, month, year, clock, message = found.groups()
        if month in MONTHS:
            return _at(_time_us(f"{year}-{MONTHS.index(month) + 1:02}-{day}T{clock}", zone), message)
    if found := _BIND_ISO.fullmatch(line):
        return _at(iso_us(found[1], zone), found[2])
    return None


@lru_cache(maxsize=1024)
def _time_us(text: str, zone: dt.tzinfo) -> int | None:
    return iso_us(text, zone)


def _at(time_us: int | None, message: str) -> Report | None:
    report = decode(message)
    return None if report is None else report._replace(time_us=time_us)


class DnsQuery(Appliance):
    """The format ``dnsquery``."""


DNS_QUERY = DnsQuery("dnsquery", r"(?:\d\d-[A-Z][a-z]{2}-\d{4} |\d{4}-\d\d-\d\dT|\[\d{9,10}\] unbound\[)", _read)
