"""Syslog lines into header and message.

Four headers, with or without ``<PRI>`` and an octet count before it (RFC 6587):

- RFC 3164: ``Mar  7 13:06:56 host program[pid]: message``; host and tag may be missing; a year may stand after the
  day or the time; English months whatever the locale;
- the same with an ISO 8601 time, as rsyslog and Debian 12 write it;
- the full date with weekday and year, and ``[pid N]``, of vsftpd's own log file;
- RFC 5424, structured data kept as it stands, byte-order mark dropped.

The usual shapes of the first two are one match a line; everything else takes the longer way.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from pollwatch.formats.framing import LOWER_MONTHS, iso_us
from pollwatch.formats.framing_times import US_PER_S, Bools, Ints, Years, civil_us, listed, local_to_utc, sane
from pollwatch.formats.interface import ParseContext

FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"),
    *("ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"),
)
SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_MONTHS = {name: number for number, name in enumerate(LOWER_MONTHS, start=1)}

_FLAGS = re.DOTALL | re.ASCII
_USUAL = r" ([^\s:\[\]]{1,255}) ([^\s:\[\]]{1,128})(?:\[(\d{1,18})\])?: ?(.*)"
_USUAL_BSD = re.compile(r"(?:<(\d{1,3})>)?([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)" + _USUAL, _FLAGS)
_USUAL_ISO = re.compile(r"(?:<(\d{1,3})>)?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*)" + _USUAL, _FLAGS)
_PRI = r"(?:\d{1,7} )?(?:<(\d{1,3})>)?"
_BSD = re.compile(
    _PRI + r"[*.]?((?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec) +\d{1,2} +(?:\d{4} +)?"
    r"\d\d:\d\d:\d\d(?:[.,]\d{1,12})?(?: +(?:19|20|21)\d\d)?)(: | +|$)(.*)",
    _FLAGS,
)
_STAMP = re.compile(r"([A-Za-z]{3}) +(\d\d?) +(?:(\d{4}) +)?(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?: +(\d{4}))?", re.ASCII)
_ISO = re.compile(
    _PRI + r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:[.,]\d{1,12})?(?: ?(?:[Zz]|[+-]\d\d:?\d\d))?)(: | +|$)(.*)", _FLAGS
)
_VSFTPD = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d \d{4}) \[pid (\d{1,10})\] (.*)", _FLAGS)
_RFC5424 = re.compile(
    _PRI + r"1 (-|\d{4}-\d\d-\d\d[Tt]\S{8,}) (\S+) (\S+) (\S+) (\S+) "
    r'(-|(?:\[(?:[^\]"\\]++|\\.|"(?:[^"\\]++|\\.)*+")*+\])++)(?: (.*))?',
    _FLAGS,
)
#: A host holds no brackets and ends in no colon, or "sshd[7]: error: x" would name a host "sshd[7]:".
_TAGGED = re.compile(
    r"(?:([^\s\[\]]{0,254}[^\s\[\]:,]) +)?([^\s:\[\]]{1,128})(?:\[([^\]]{0,64})\](?:: ?| )|: ?)(.*)", _FLAGS
)
_UNTAGGED = re.compile(r"([^\s\[\]]{0,254}[^\s\[\]:,])(?: +(.*))?", _FLAGS)


_NO_STAMP = (-1, 0, 0, 0, 0, 0, 0)

OwnHead: TypeAlias = Callable[[str], "tuple[str | None, ...] | None"]


class Header(NamedTuple):
    """One line's header, as text; ``stamp`` is what stands for the time."""

    number: int
    pri: str | None
    stamp: str
    hostname: str | None
    program: str | None
    pid: str | None
    message: str
    msgid: str | None = None
    structured_data: str | None = None


class Columns(NamedTuple):
    """Headers column by column: as :class:`Header`, of equal length."""

    number: Sequence[int]
    pri: Sequence[str | None]
    stamp: Sequence[str]
    hostname: Sequence[str | None]
    program: Sequence[str | None]
    pid: Sequence[str | None]
    message: Sequence[str]
    msgid: Sequence[str | None]
    structured_data: Sequence[str | None]


@dataclass(frozen=True, slots=True)
class Messages:
    """Syslog messages of one block, columns of equal length; ``None`` where a header does not say it.

    Attributes:
        numbers: record numbers, strictly increasing.
        times: microseconds UTC, or None where the date is absent or impossible.
    """

    numbers: Sequence[int]
    times: Sequence[int | None]
    hostname: Sequence[str | None]
    program: Sequence[str | None]
    pid: Sequence[int | None]
    message: Sequence[str]
    facility: Sequence[str | None]
    severity: Sequence[str | None]
    msgid: Sequence[str | None]
    structured_data: Sequence[str | None]

    def __len__(self) -> int:
        """How many messages."""
        return len(self.numbers)


@dataclass(slots=True)
class Headers:
    """Splits the blocks of one input, in order; remembers the year of year-less dates."""

    context: ParseContext
    _years: Years = field(init=False)

    def __post_init__(self) -> None:
        """Start before the first line."""
        self._years = Years(self.context.anchor_us, self.context.zone)

    def begins(self, line: str) -> bool:
        """Whether a line begins with a syslog header."""
        return bool(_USUAL_BSD.fullmatch(line) or _USUAL_ISO.fullmatch(line) or _unusual(0, line))

    def split(self, text: Sequence[str], first_number: int, own: OwnHead | None = None) -> tuple[Messages, list[int]]:
        """The block's messages, and the numbers of lines that begin with no syslog header.

        Args:
            text: the lines.
            first_number: of the first one.
            own: asked first: ``(stamp, host, program, pid, message)`` of a line with a head of another kind, else None.
        """
        return self.split_numbered(enumerate(text, first_number), own)

    def split_numbered(
        self, lines: Iterable[tuple[int, str]], own: OwnHead | None = None
    ) -> tuple[Messages, list[int]]:
        """:meth:`split` for some of a block's lines, each with its number."""
        columns, foreign = self.cut(lines, own)
        return messages_of(columns, self.times(columns.stamp)), foreign

    def cut(self, lines: Iterable[tuple[int, str]], own: OwnHead | None = None) -> tuple[Columns, list[int]]:
        """The same with times still as they are written."""
        fields: list[Any] = []  # of all headers, one after another: a list of tuples would keep the collector busy
        foreign: list[int] = []
        usual_bsd, usual_iso = _USUAL_BSD.fullmatch, _USUAL_ISO.fullmatch
        for number, line in lines:
            if own is not None and (head := own(line)):
                fields += (number, None, *head, None, None)
                continue
            usual = usual_bsd(line) or usual_iso(line)
            if usual is not None:
                fields += (number, *usual.groups(), None, None)
            elif header := _unusual(number, line):
                fields += header
            else:
                foreign.append(number)
        return Columns(*(fields[i :: len(Header._fields)] for i in range(len(Header._fields)))), foreign

    def times(self, stamps: Sequence[str]) -> list[int | None]:
        """Microseconds UTC of each line's time (``Mar  7 13:06:56`` or ISO 8601; else None), lines in order."""
        return listed(*self.times_of(stamps, np.arange(len(stamps))))

    def times_of(self, stamps: Sequence[str | int], codes: npt.NDArray[np.integer[Any]]) -> tuple[Ints, Bools]:
        """The same of lines that share stamps: each line's time, and whether it has one.

        Args:
            stamps: different ones, or some of them more than once; a number is the moment itself.
            codes: which of them each line has, lines in order.
        """
        zone = self.context.zone
        named = [isinstance(each, str) and each[:1].isalpha() for each in stamps]
        moments = [each if isinstance(each, int) else _iso_us(each, zone) for each in stamps]
        times = np.array([each or 0 for each in moments], np.int64)[codes]
        known = np.array([each is not None for each in moments], bool)[codes]
        lacking = np.flatnonzero(np.array(named, bool)[codes])
        if not lacking.size:
            return times, known
        parts = np.array([_stamp(each) if isinstance(each, str) else _NO_STAMP for each in stamps], np.int64)
        year, month, day, hour, minute, second, fraction = parts[codes[lacking]].T
        clock = ((hour * 60 + minute) * 60 + second) * US_PER_S + fraction
        possible = sane(month, day, hour, minute, second)
        inferred = possible & (year < 0)
        year[inferred] = self._years(month[inferred], day[inferred], clock[inferred])
        times[lacking] = local_to_utc(civil_us(np.where(possible, year, 1970), month, day, clock), zone)
        known[lacking] = possible
        return times, known


def messages_of(columns: Columns, times: Sequence[int | None]) -> Messages:
    """Headers with their times."""
    ranks = [rank(each) for each in columns.pri]
    return Messages(
        columns.number,
        times,
        columns.hostname,
        columns.program,
        [int(each) if each and each.isdecimal() else None for each in columns.pid],
        columns.message,
        [facility for facility, _ in ranks],
        [severity for _, severity in ranks],
        columns.msgid,
        columns.structured_data,
    )


def _unusual(number: int, line: str) -> Header | None:
    """The header of a line that is not in one of the usual shapes; None where it has none."""
    if found := _BSD.fullmatch(line) or _ISO.fullmatch(line):
        pri, stamp, between, rest = found.groups()
        if between == ": " and stamp[:1].isdigit():  # a program's own log: no host, no tag
            return Header(number, pri, stamp, None, None, None, rest)
        return _tagged(number, pri, stamp, rest)
    if found := _VSFTPD.fullmatch(line):
        stamp, pid, message = found.groups()
        return Header(number, None, stamp, None, "vsftpd", pid, message)
    if found := _RFC5424.fullmatch(line):
        pri, stamp, *names, message = found.groups()
        host, program, pid, msgid, data = (None if name == "-" else name for name in names)
        text = (message or "").removeprefix("\ufeff")
        return Header(number, pri, "" if stamp == "-" else stamp, host, program, pid, text, msgid, data)
    return None


def _tagged(number: int, pri: str | None, stamp: str, rest: str) -> Header:
    """What stands behind the time: host, tag and message, or host and message, or only a message."""
    if tagged := _TAGGED.fullmatch(rest):
        return Header(number, pri, stamp, *tagged.groups())
    if untagged := _UNTAGGED.fullmatch(rest):
        return Header(number, pri, stamp, untagged.group(1), None, None, untagged.group(2) or "")
    return Header(number, pri, stamp, None, None, None, rest)


def _iso_us(stamp: str, zone: dt.tzinfo) -> int | None:
    return iso_us(stamp, zone) if stamp[:1].isdigit() else None


@lru_cache(maxsize=1 << 14)
def _stamp(text: str) -> tuple[int, int, int, int, int, int, int]:
    """Year (-1: none), month, day, hour, minute, second, microsecond; month 0 where it is no date."""
    found = _STAMP.fullmatch(text)
    month = _MONTHS.get(found.group(1).lower(), 0) if found else 0
    if found is None or not month:
        return _NO_STAMP
    _, day, year, hour, minute, second, fraction, late_year = found.groups()
    microsecond = int((fraction or "")[:6].ljust(6, "0"))
    return int(year or late_year or -1), month, int(day), int(hour), int(minute), int(second), microsecond


@lru_cache(maxsize=1024)
def rank(pri: str | None) -> tuple[str | None, str | None]:
    """``(facility, severity)`` of a priority value (RFC 5424 section 6.2.1)."""
    code = int(pri) if pri else -1
    if 0 <= code < len(FACILITIES) * len(SEVERITIES):
        return FACILITIES[code // 8], SEVERITIES[code % 8]
    return None, None
