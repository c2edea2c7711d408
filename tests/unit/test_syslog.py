from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pollwatch.clock import parse_rfc3339, rfc3339
from pollwatch.events.batch import NUMBER, TIME, Parsed
from pollwatch.events.block import LineBlock
from pollwatch.formats.interface import ParseContext
from pollwatch.formats.syslog import Syslog

ELASTIC = Path(__file__).parents[2].parent / "shared" / "data" / "elastic-auth" / "auth.log"
Row = dict[str, object]


def parse(
    lines: list[str], *, anchor: str = "2026-11-23T12:00:00Z", zone: dt.tzinfo = dt.UTC, block_size: int = 10_000
) -> list[Row]:
    """All events of some lines, in order, and a check that no line is lost."""
    parser = Syslog().parser(ParseContext("test.log", parse_rfc3339(anchor), zone))
    rows: list[Row] = []
    for start in range(0, len(lines), block_size):
        text = lines[start : start + block_size]
        parsed = parser.parse(LineBlock("test.log", start + 1, [each.encode() for each in text], text))
        assert sum(map(len, parsed.batches)) + len(parsed.quarantined) == len(text)
        rows += rows_of(parsed)
    return sorted(rows, key=lambda row: row[NUMBER])


def rows_of(parsed: Parsed) -> list[Row]:
    """Events as plain objects."""
    return [row for batch in parsed.batches for row in batch.table.to_pylist()]


def times(lines: list[str], **context: object) -> list[str | None]:
    """The times of some lines."""
    return [rfc3339(row[TIME]) for row in parse(lines, **context)]


def at(*stamps: str) -> list[str]:
    """One line for each time."""
    return [f"{stamp} host app[1]: x" for stamp in stamps]


def test_new_year_counts_up() -> None:
    """December is of the year before the anchor's, January after it is of the next."""
    found = times(at("Dec 31 23:59:59", "Jan  1 00:00:01", "Jan  2 00:00:00"), anchor="2027-01-02T08:00:00Z")
    assert found == ["2026-12-31T23:59:59Z", "2027-01-01T00:00:01Z", "2027-01-02T00:00:00Z"]


def test_december_read_in_january_is_last_year() -> None:
    """A file that ends before the anchor's New Year is not put eleven months into the future."""
    assert times(at("Dec 20 10:00:00"), anchor="2027-01-02T08:00:00Z") == ["2026-12-20T10:00:00Z"]


def test_step_back_is_no_new_year() -> None:
    """A clock that steps back by minutes, hours or months does not make a year pass."""
    found = times(at("Nov  3 20:00:00", "Nov  3 19:58:00", "Nov  3 08:00:00", "Aug  1 08:00:00", "Nov  3 20:01:00"))
    assert [each[:4] for each in found if each] == ["2026"] * 5


def test_late_line_after_new_year() -> None:
    """A line of the old year that comes late is of the old year; those after it are of the new one."""
    found = times(
        at("Dec 31 23:59:58", "Jan  1 00:00:01", "Dec 31 23:59:59", "Jan  1 00:00:02"), anchor="2026-02-01T00:00:00Z"
    )
    assert [each[:10] for each in found if each] == ["2025-12-31", "2026-01-01", "2025-12-31", "2026-01-01"]


def test_several_new_years_in_one_block() -> None:
    """The last lines are not after the anchor, however many years the file spans."""
    stamps = [f"{month} 15 12:00:00" for _ in range(2) for month in ("Jan", "Apr", "Jul", "Oct")]
    assert [each[:4] for each in times(at(*stamps)) if each] == ["2025"] * 4 + ["2026"] * 4


def test_one_wrong_clock_does_not_decide_the_year() -> None:
    """A single last line from the future leaves the others in the anchor's year."""
    stamps = ["Nov 20 10:00:00"] * 10 + ["Dec 25 10:00:00"]
    assert times(at(*stamps))[0] == "2026-11-20T10:00:00Z"


def test_leap_day_needs_a_leap_year() -> None:
    """29 February tells a year that has one."""
    found = times(at("Feb 28 10:00:00", "Feb 29 10:00:00", "Mar  1 10:00:00"), anchor="2026-11-23T12:00:00Z")
    assert found == ["2024-02-28T10:00:00Z", "2024-02-29T10:00:00Z", "2024-03-01T10:00:00Z"]


def test_zone_of_times_that_lack_one() -> None:
    """Wall-clock times are the context's zone; summer time is reckoned with, written zones win."""
    kyiv = ZoneInfo("Europe/Kyiv")
    lines = [*at("Jan 15 12:00:00", "Jul 15 12:00:00"), "2026-07-15T12:00:00+00:00 host app[1]: x"]
    assert times(lines, zone=kyiv) == ["2026-01-15T10:00:00Z", "2026-07-15T09:00:00Z", "2026-07-15T12:00:00Z"]


def test_hour_that_summer_time_leaves_out() -> None:
    """A wall-clock time that does not exist still makes an event with a time."""
    assert times(at("Mar 29 03:30:00"), zone=ZoneInfo("Europe/Kyiv"))[0] is not None


@pytest.mark.parametrize(
    "stamp",
    ["Feb 30 10:00:00", "Feb 31 10:00:00", "Jan 32 10:00:00", "Jan  0 10:00:00", "Jan  1 25:00:00", "Jan  1 10:61:00"],
)
def test_impossible_dates(stamp: str) -> None:
    """A date that cannot be makes an event without a time, and does not disturb its neighbours."""
    lines = at("Nov  3 20:00:00", stamp, "Nov  3 20:00:01")
    assert times(lines) == ["2026-11-03T20:00:00Z", None, "2026-11-03T20:00:01Z"]


@pytest.mark.parametrize("month", ["nov", "NOV", "Nov"])
def test_months_in_any_case(month: str) -> None:
    """English months are read whatever their case and the machine's locale."""
    assert times(at(f"{month}  3 20:00:00")) == ["2026-11-03T20:00:00Z"]


def test_year_in_the_date() -> None:
    """A year that stands in the line is taken, before or behind the time."""
    found = times(at("Nov  3 2024 20:00:00", "Nov  3 20:00:00 2023"))
    assert found == ["2024-11-03T20:00:00Z", "2023-11-03T20:00:00Z"]


def test_fractions_and_leap_seconds() -> None:
    """Fractions are kept to the microsecond; second 60 is read."""
    found = times([*at("Nov  3 20:00:00.1234567"), "2026-11-03T20:00:00.5+01:00 h a[1]: x", *at("Nov  3 20:59:60")])
    assert found == ["2026-11-03T20:00:00.123456Z", "2026-11-03T19:00:00.500000Z", "2026-11-03T21:00:00Z"]


def test_host_and_tag_may_be_missing() -> None:
    """A program's tag is not taken for a host, nor a message for a tag."""
    rows = parse(
        [
            "Nov  3 20:00:00 sshd[7]: error: something",
            "Nov  3 20:00:00 fe80::1 app: text",
            "Nov  3 20:00:00 host -- MARK --",
            "Nov  3 20:00:00 host postfix/submission/smtpd[3]: text",
            "Nov  3 20:00:00",
        ]
    )
    assert [(row["hostname"], row["program"], row["pid"]) for row in rows] == [
        (None, "sshd", 7),
        ("fe80::1", "app", None),
        ("host", None, None),
        ("host", "postfix/submission/smtpd", 3),
        (None, None, None),
    ]


def test_byte_order_mark_of_rfc5424_is_dropped() -> None:
    """The mark that says UTF-8 is no part of the message."""
    row = parse(["<34>1 2026-11-03T20:00:00Z h app - - - \ufeffgrüße"])[0]
    assert (row["message"], row["facility"], row["severity"]) == ("grüße", "auth", "crit")


def test_repeats() -> None:
    """Both ways to say that a message came again carry what it said, and how often."""
    rows = parse(
        [
            "Nov  3 20:00:00 h sshd[7]: Failed password for root from 203.0.113.7 port 4 ssh2",
            "Nov  3 20:00:00 other app[1]: in between",
            "Nov  3 20:00:09 h last message repeated 5 times",
            f"Nov  3 20:00:10 h sshd[7]: message repeated 2 times: [ {OWN.partition(': ')[2]}]",
        ]
    )
    told = [(row["action"], row["src_ip"], row["repeat"]) for row in rows if row["program"] == "sshd"]
    assert told == [("failure", "203.0.113.7", None), ("failure", "203.0.113.7", 5), ("failure", "203.0.113.7", 2)]


def failures(lines: list[str]) -> int:
    """How many failed tries some sshd messages count as."""
    return sum(row["action"] == "failure" for row in parse([f"Nov  3 20:00:00 h {line}" for line in lines]))


PAM = "sshd[7]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.7"
ON_PAM = "sshd[7]: error: PAM: Authentication failure for root from 203.0.113.7"
OWN = "sshd[7]: Failed password for root from 203.0.113.7 port 4 ssh2"
INTERACTIVE = "sshd[7]: Failed keyboard-interactive/pam for root from 203.0.113.7 port 4 ssh2"
PROBE = "sshd[7]: Failed none for invalid user x from 203.0.113.7 port 4 ssh2"


@pytest.mark.parametrize(
    ("lines", "tries"),
    [
        ([PAM], 1),
        ([OWN], 1),
        ([PAM, OWN], 1),
        ([PAM, OWN, OWN, OWN], 3),
        ([ON_PAM, ON_PAM], 2),
        ([ON_PAM, INTERACTIVE, ON_PAM, INTERACTIVE], 2),
        ([PAM, ON_PAM, INTERACTIVE], 1),
        ([PROBE, OWN, OWN], 2),
        ([PROBE], 1),
        ([OWN, PAM.replace("[7]", "[8]"), OWN.replace("[7]", "[8]")], 2),
        ([OWN, ON_PAM.replace("[7]", "[8]")], 2),
        ([PAM, PAM.replace("[7]", "[8]")], 2),
    ],
)
def test_one_try_counts_once(lines: list[str], tries: int) -> None:
    """Whoever reports a failed try, and however many do, it is one."""
    assert failures(lines) == tries


def test_unknown_account_is_named_where_pam_does_not() -> None:
    """The counted report of a try carries the account that the process named before."""
    rows = parse(
        [
            "Nov  3 20:00:00 h sshd[7]: Invalid user press from 203.0.113.7 port 4",
            f"Nov  3 20:00:00 h {PAM}",
            "Nov  3 20:00:02 h sshd[7]: Failed password for invalid user press from 203.0.113.7 port 4 ssh2",
        ]
    )
    assert [row["user"] for row in rows if row["action"] == "failure"] == ["press"]


def test_blocks_do_not_matter() -> None:
    """What one line means does not depend on how many lines arrive with it."""
    lines = [f"Nov  3 20:00:{i:02} h {line}" for i, line in enumerate([PAM, OWN, ON_PAM, INTERACTIVE, OWN, PROBE, OWN])]
    assert parse(lines, block_size=1) == parse(lines)


def test_memory_is_bounded() -> None:
    """Attack: a hundred thousand processes on as many hosts, to fill the memory."""
    lines = [
        f"Nov  3 20:00:00 h{i} sshd[{i}]: Failed password for root from 203.0.113.7 port 4 ssh2" for i in range(25_000)
    ]
    parser = Syslog().parser(ParseContext("test.log", parse_rfc3339("2026-11-23T12:00:00Z")))
    parser.parse(LineBlock("test.log", 1, [b""] * len(lines), lines))
    reader = parser._reader  # noqa: SLF001 - what is remembered is the point  # type: ignore[attr-defined]
    assert max(len(reader._processes), len(reader._reporters), len(reader._last)) <= 20_000  # noqa: SLF001 - the same


@pytest.mark.skipif(not ELASTIC.exists(), reason="needs ../shared")
def test_real_attack() -> None:
    """A real log: the attacker's 157 failures and the log-ins after them are found, each try once."""
    rows = parse(ELASTIC.read_text("utf-8", "replace").splitlines())
    attacker = [row["action"] for row in rows if row["src_ip"] == "24.151.103.17"]
    assert attacker.count("failure") == 157
    assert "success" in attacker[attacker.index("failure") :]
    assert sum(row["repeat"] or 1 for row in rows if row["action"] == "failure") == 1042
