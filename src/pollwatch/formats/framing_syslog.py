"""Syslog lines into header and message, a whole block at a time.

Three headers, with or without ``<PRI>`` and an octet count before it (RFC 6587):

- RFC 3164: ``Mar  7 13:06:56 host program[pid]: message``; host and tag may be missing; a year may stand after the
  day or the time; English months whatever the locale;
- the same with an ISO 8601 time, as rsyslog and Debian 12 write it;
- RFC 5424, structured data kept as it stands, byte-order mark dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from pollwatch.formats.framing_times import US_PER_S, Ints, Years, civil_us, local_to_utc, sane
from pollwatch.formats.interface import ParseContext

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"),
    *("ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"),
)
SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")

_PRI = r"(?s)^(?:\d{1,7} )?(?:<(?P<pri>\d{1,3})>)?"
_CLOCK = r"(?P<hour>\d{2}):(?P<minute>\d{2}):(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,12}))?"
_DATE = r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"
_ZONE = r"(?:(?P<zulu>[Zz])|(?P<sign>[+-])(?P<east_h>\d{2}):?(?P<east_m>\d{2}))"
_BSD = (
    _PRI + r"[*.]?(?P<month>(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)) +(?P<day>\d{1,2}) +"
    r"(?:(?P<year>\d{4}) +)?" + _CLOCK + r"(?: +(?P<late_year>(?:19|20|21)\d{2}))?(?:: | +|$)(?P<rest>.*)$"
)
_ISO = _PRI + _DATE + r"[Tt ]" + _CLOCK + r" ?" + _ZONE + r"?(?: +|$)(?P<rest>.*)$"
_RFC5424 = (
    _PRI
    + r"1 (?:-|"
    + _DATE
    + r"[Tt]"
    + _CLOCK
    + _ZONE
    + r"?) (?P<hostname>\S+) (?P<program>\S+) (?P<pid>\S+) (?P<msgid>\S+) "
    r'(?P<structured_data>-|(?:\[(?:[^\]"\\]|\\.|"(?:[^"\\]|\\.)*")*\])+)(?: ?(?P<message>.*))?$'
)
#: A host holds no brackets and ends in no colon, or "sshd[7]: error: x" would name a host "sshd[7]:".
_REST = (
    r"(?s)^(?:(?P<hostname>[^\s\[\]]{0,254}[^\s\[\]:,]) +)?"
    r"(?P<program>[^\s:\[\]]{1,128})(?:(?:\[(?P<pid>[^\]]{0,64})\])(?:: ?| )|: ?)(?P<message>.*)$"
)
_REST_UNTAGGED = r"(?s)^(?P<hostname>[^\s\[\]]{0,254}[^\s\[\]:,])(?: +(?P<message>.*))?$"


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

    def split(self, text: Sequence[str], first_number: int) -> tuple[Messages, list[int]]:
        """The block's messages, and the numbers of lines that begin with no syslog header."""
        lines = pl.DataFrame(
            {"number": np.arange(first_number, first_number + len(text)), "text": pl.Series(text, dtype=pl.String)}
        )
        parts: list[pl.DataFrame] = []
        for pattern, read in ((_BSD, self._bsd), (_ISO, self._iso), (_RFC5424, self._rfc5424)):
            if lines.is_empty():
                break
            found = lines.select("number", pl.col("text").str.extract_groups(pattern)).unnest("text")
            fits = lines["text"].str.contains(pattern)
            if fits.any():
                parts.append(read(found.filter(fits)).select(_COLUMNS))
                lines = lines.filter(~fits)
        frame = (
            pl.concat(parts).sort("number") if len(parts) > 1 else parts[0] if parts else pl.DataFrame(schema=_SCHEMA)
        )
        return _messages(frame), lines["number"].to_list()

    def _bsd(self, found: pl.DataFrame) -> pl.DataFrame:
        month = found["month"].str.to_titlecase().replace_strict(MONTHS, range(1, 13), return_dtype=pl.Int64)
        found = found.with_columns(month=month, year=pl.coalesce("year", "late_year"))
        clock, possible = _clock(found)
        day = _ints(found["day"])
        written = found["year"].is_not_null().to_numpy()
        inferred = possible & ~written
        year = np.where(written, _ints(found["year"]), 1970)
        months = month.to_numpy()
        year[inferred] = self._years(months[inferred], day[inferred], clock[inferred])
        times = local_to_utc(civil_us(year, months, day, clock), self.context.zone)
        return _tagged(_timed(found, times, possible))

    def _iso(self, found: pl.DataFrame) -> pl.DataFrame:
        return _tagged(self._dated(found))

    def _rfc5424(self, found: pl.DataFrame) -> pl.DataFrame:
        nil = [
            pl.when(pl.col(name) != "-").then(pl.col(name)).alias(name)
            for name in ("hostname", "program", "pid", "msgid", "structured_data")
        ]
        message = pl.col("message").fill_null("").str.strip_prefix("\ufeff")
        return self._dated(found).with_columns(*nil, message=message)

    def _dated(self, found: pl.DataFrame) -> pl.DataFrame:
        """Times of full dates; those without a zone are the context's."""
        clock, possible = _clock(found)
        times = civil_us(_ints(found["year"]), _ints(found["month"]), _ints(found["day"]), clock)
        east = (_ints(found["east_h"]) * 3600 + _ints(found["east_m"]) * 60) * US_PER_S
        east = np.where((found["sign"] == "-").fill_null(value=False).to_numpy(), -east, east)
        zoned = (found["sign"].is_not_null() | found["zulu"].is_not_null()).to_numpy()
        times = np.where(zoned, times - east, times)
        times[~zoned] = local_to_utc(times[~zoned], self.context.zone)
        return _timed(found, times, possible)


_SCHEMA = {
    "number": pl.Int64,
    "time": pl.Int64,
    "pri": pl.String,
    "hostname": pl.String,
    "program": pl.String,
    "pid": pl.String,
    "message": pl.String,
    "msgid": pl.String,
    "structured_data": pl.String,
}
_COLUMNS = [pl.col(name).cast(kind) for name, kind in _SCHEMA.items()]


def _ints(column: pl.Series) -> Ints:
    """Digits as numbers, absent ones as 0."""
    return column.cast(pl.Int64, strict=False).fill_null(0).to_numpy().copy()


def _clock(found: pl.DataFrame) -> tuple[Ints, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Microseconds of the day, and which rows hold a possible date and time."""
    month, day = _ints(found["month"]), _ints(found["day"])
    hour, minute, second = _ints(found["hour"]), _ints(found["minute"]), _ints(found["second"])
    fraction = _ints(found["fraction"].str.pad_end(6, "0").str.slice(0, 6))
    clock = ((hour * 60 + minute) * 60 + second) * US_PER_S + fraction
    return clock, sane(month, day, hour, minute, second)


def _timed(found: pl.DataFrame, times: Ints, possible: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> pl.DataFrame:
    column = pl.Series("time", times, dtype=pl.Int64)
    return found.with_columns(time=pl.select(pl.when(pl.Series(possible)).then(column)).to_series())


def _tagged(found: pl.DataFrame) -> pl.DataFrame:
    """Split what stands behind the time into host, tag and message."""
    rest = pl.col("rest")
    tagged = rest.str.extract_groups(_REST)
    untagged = rest.str.extract_groups(_REST_UNTAGGED)
    has_tag = tagged.struct.field("message").is_not_null()
    return found.with_columns(
        hostname=pl.when(has_tag).then(tagged.struct.field("hostname")).otherwise(untagged.struct.field("hostname")),
        program=tagged.struct.field("program"),
        pid=tagged.struct.field("pid"),
        message=pl.coalesce(tagged.struct.field("message"), untagged.struct.field("message"), rest),
        msgid=None,
        structured_data=None,
    )


def _messages(frame: pl.DataFrame) -> Messages:
    pri = frame["pri"].cast(pl.Int64, strict=False)
    known = pri.is_between(0, len(FACILITIES) * 8 - 1)
    pri = pl.select(pl.when(known).then(pri)).to_series()
    pid = frame["pid"].str.extract(r"^(\d{1,18})$").cast(pl.Int64)
    return Messages(
        frame["number"].to_list(),
        frame["time"].to_list(),
        frame["hostname"].to_list(),
        frame["program"].to_list(),
        pid.to_list(),
        frame["message"].to_list(),
        (pri // 8).replace_strict(range(len(FACILITIES)), FACILITIES, default=None, return_dtype=pl.String).to_list(),
        (pri % 8).replace_strict(range(len(SEVERITIES)), SEVERITIES, default=None, return_dtype=pl.String).to_list(),
        frame["msgid"].to_list(),
        frame["structured_data"].to_list(),
    )
