"""Syslog's log-ins read by compiled code say what the readers that need none say, whatever stands in them."""

from __future__ import annotations

import datetime as dt
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contract.test_formats import CASES, GOLDEN

from pollwatch.events.batch import Parsed
from pollwatch.formats import framing_logins, framing_spans
from pollwatch.formats.interface import ParseContext
from pollwatch.formats.syslog import SyslogParser
from pollwatch.sources import records

pytestmark = pytest.mark.skipif(sys.byteorder != "little", reason="compiled for little-endian machines")

ANCHOR_US = 1_795_435_200_000_000
ZONE = dt.timezone(dt.timedelta(hours=1))
PRIORITIES = ["", "", "", "<38>", "<0>", "<191>", "<192>", "<999>", "<1000>", "<>", "7 <38>"]
TIMES = [
    "Nov  3 20:00:00", "Nov  3 20:00:00", "Nov  3 20:00:30", "Nov  3 20:05:00", "Jan  1 00:00:00", "Dec 31 23:59:59",
    "Feb 29 01:02:03", "Feb 31 00:00:00", "Nov 03 99:00:00", "Foo  1 00:00:00", "nov  3 20:00:00", "Nov 3 20:00:00",
    "2026-11-03T20:00:01Z", "2026-11-03T20:00:01.123456+01:00", "2026-11-03T20:00:01", "2026-02-31T20:00:01Z",
    "1970-01-01T00:00:00Z", "2026-11-03T20:00:60Z", "2026-11-03T20:00:01,5Z", "2026-11-03T20:00:01.1234567-0130",
    "Nov  3 2026 20:00:02", "2026-11-03 20:00:01",
]  # fmt: skip
HOSTS = ["vote1", "vote1", "vote2", "10.0.0.1", "2001:db8::1", "h[1]", ""]
TAGS = [
    "sshd[7]: ", "sshd[7]: ", "sshd[8]: ", "sshd: ", "sshd-session[7]: ", "/usr/sbin/sshd[7]: ", "sshd(pam_unix)[7]: ",
    "sshd[7]:", "sshd[x]: ", "sshd[7] ", "CRON[9]: ", "su: ", "sudo[1]: ", "systemd-logind[2]: ", "login[3]: ",
    "vsftpd[7]: ", "postfix/smtpd[7]: ", "CEF: ", "named[1]: ", "%ASA-6-1: ", "app[7]: ", "dropbear[7]: ", "",
]  # fmt: skip
NAMES = [
    "root", "bob", "admin", "", "x y", "a.b@c", "DOM\\bob", "Zoë", "from", "invalid", "user", "repeated", "a=b", "b%41",
    "type=x", "EF:", "x from 192.0.2.7 port 22 ssh2", "bob(uid=0)", "bob\x1f", "bob\t",
]  # fmt: skip
PLACES = [
    "203.0.113.9", "203.0.113.9", "198.51.100.1", "2001:db8::7", "::ffff:192.0.2.1", "host.example", "1.2.3", "UNKNOWN",
    "1.2.3.4:55", "fe80::1%eth0", "FE80::EF:1", "port", "",
]  # fmt: skip
ENDS = [
    "",
    "",
    "",
    " ssh2",
    " ssh2",
    " ssh",
    " [preauth]",
    " ssh2 [preauth]",
    " ssh22",
    " ",
    ".",
    ": x",
    " in the last 3 sec",
]
KEYS = [
    "",
    "",
    ": RSA SHA256:abc+/D",
    ": ED25519 SHA256:x ID EF: CA",
    ": RSA EF:x",
    ": a for invalid user b",
    ": k",
    ": k ",
]
REASONS = [
    "11: Bye Bye [preauth]",
    "11:",
    "",
    " 14: No supported methods",
    "3: com.x: Auth fail",
    "1: type=x",
    "1: EF:0|",
]
SESSIONS = [
    "(uid=0) by (uid=0)",
    " by (uid=0)",
    "(uid=1000) by bob(uid=0)",
    " by root",
    " by ",
    "",
    "(uid=-1) by (uid=0)",
]
OTHERS = [
    "last message repeated 3 times",
    "message repeated 2 times: [ Failed password for bob from 203.0.113.9 port 5 ssh2]",
    "error: PAM: Authentication failure for root from 203.0.113.9",
    "PAM 2 more authentication failures; logname= uid=0",
    "Server listening on 0.0.0.0 port 22.", "Started Session 5 of user bob.", "(root) CMD (run)", "", " ", "\x00",
    "User bob from 203.0.113.9 not allowed because not listed in AllowUsers",
    "type=x src=1.2.3.4 msg=hello", "IN=eth0 OUT= SRC=1.2.3.4 DST=5.6.7.8 PROTO=TCP SPT=1 DPT=2",
]  # fmt: skip


@st.composite
def messages(draw: st.DrawFn) -> str:
    """What sshd or PAM says, in most of their words, with names and places that are usual or not."""
    pick = lambda some: draw(st.sampled_from(some))  # noqa: E731 - shorter than the word
    name, place = pick(NAMES), pick(PLACES)
    port = f" port {pick(['22', '40000', '99999', '123456', '', 'x'])}"
    module = f"pam_{pick(['unix', 'sss', ''])}({pick(['sshd:auth', 'sshd:session', 'cron:session', 'EF:x', 'sshd'])}): "
    match draw(st.integers(0, 8)):
        case 0 | 1:
            method = pick(["password", "none", "publickey", "a/b"])
            known = pick(["", "invalid user ", "illegal user "])
            word = pick(["Failed", "Failed", "Accepted", "Postponed"])
            said = f"{word} {method} for {known}{name} from {place}{port}{pick(ENDS)}{pick(KEYS)}"
        case 2:
            said = f"Invalid user {name} from {place}{pick(['', port])}{pick(ENDS)}"
        case 3:
            who = pick(["", "authenticating user ", "invalid user ", "user "])
            end = pick(["Connection closed by ", "Connection reset by ", "Disconnected from ", "Connection closed by"])
            said = f"{end}{who}{name if who else ''}{' ' if who else ''}{place}{port}{pick(ENDS)}"
        case 4:
            said = f"Received disconnect from {place}{port}:{pick(REASONS)}"
        case 5:
            said = f"{module}session {pick(['opened', 'closed'])} for user {name}{pick(SESSIONS)}"
        case 6 | 7:
            ids = f"logname={pick(['', 'bob'])} uid=0 euid=0 tty={pick(['ssh', '', '/dev/pts/0', 'EF:'])}"
            user = pick(["", " ", f"  user={name}", f" user={name}", "  "])
            said = f"{module}authentication failure; {ids} ruser={pick(['', name])} rhost={pick(['', place])}{user}"
        case _:
            said = pick([*OTHERS, f"{module}check pass; user unknown"])
    return said


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """A line of syslog, perhaps with something odd at one place."""
    pick = lambda some: draw(st.sampled_from(some))  # noqa: E731 - shorter than the word
    raw = f"{pick(PRIORITIES)}{pick(TIMES)} {pick(HOSTS)} {pick(TAGS)}{draw(messages())}".encode()
    if draw(st.integers(0, 9)):
        return raw
    at = draw(st.integers(0, len(raw)))
    odd = draw(st.sampled_from([b"\xff", b" ", b"[", b"\x00", b"\r", b":", b"\xc2\xa0", b"\x7f", b"EF:", b"="]))
    return raw[: draw(st.sampled_from([at, len(raw)]))] + odd + raw[at:]


def read(data: bytes, most: int) -> list[Parsed]:
    """The blocks of some lines, read by one parser."""
    parser = SyslogParser(ParseContext("-", ANCHOR_US, ZONE))
    shape = records.Shape("lines", by_value=False, encoding="utf-8", bom_bytes=0)
    return [parser.parse(block) for block in records.blocks([data], "-", shape, most)]


def said(blocks: list[Parsed]) -> list[object]:
    """All events and quarantined lines, batch by batch."""
    return [
        ([(str(each.logsource), each.table.to_pylist()) for each in block.batches], list(block.quarantined))
        for block in blocks
    ]


def compared(data: bytes, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where both ways do not say the same, columns in their order included."""
    monkeypatch.setattr(framing_spans, "worth", lambda *_: False)
    plainly = read(data, most)
    monkeypatch.setattr(framing_spans, "worth", lambda *_: True)
    fast = read(data, most)
    assert said(fast) == said(plainly)
    for ours, theirs in zip(fast, plainly, strict=True):
        assert [each.table.column_names for each in ours.batches] == [
            each.table.column_names for each in theirs.batches
        ]


@settings(max_examples=60, deadline=None)
@given(st.lists(lines(), max_size=30), st.sampled_from([3, 1000]))
def test_same_events(some: list[bytes], most: int) -> None:
    """Any lines: the same events, follow-ups and quarantined lines, whatever the size of blocks."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        compared(b"\n".join(some), most, monkeypatch)


def test_shipped_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sample of the format."""
    for case in CASES:
        if case.startswith("syslog/"):
            compared((GOLDEN / f"{case}.in.log").read_bytes(), 1000, monkeypatch)


def test_usual_lines_are_read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual lines of an office under attack do not come to the slow readers at all."""
    usual = (
        "Failed password for root from 203.0.113.9 port 40000 ssh2",
        "Failed password for invalid user admin from 203.0.113.9 port 40000 ssh2",
        "Accepted publickey for bob from 2001:db8::7 port 5 ssh2: ED25519 SHA256:abc+/D",
        "Invalid user admin from 203.0.113.9 port 40000",
        "Connection closed by invalid user admin 203.0.113.9 port 40000 [preauth]",
        "Received disconnect from 203.0.113.9 port 40000:11: Bye Bye [preauth]",
        "Disconnected from user bob 203.0.113.9 port 40000",
        "pam_unix(sshd:session): session opened for user bob(uid=1000) by (uid=0)",
        "pam_unix(sshd:session): session closed for user bob",
        "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.9  user=bob",
        "pam_unix(sshd:auth): check pass; user unknown",
    )
    times = ("Nov  3 20:00:00", "<38>2026-11-03T20:00:01.123456+01:00")
    data = "".join(f"{time} vote1 sshd[{at}]: {each}\n" for time in times for at, each in enumerate(usual)).encode()
    monkeypatch.setattr(framing_spans, "worth", lambda *_: True)
    left: list[int] = []
    split = framing_logins.split

    def watched(*arguments: object) -> object:
        found = split(*arguments)  # type: ignore[arg-type]
        left.append(len(found[1]))
        return found

    monkeypatch.setattr(framing_logins, "split", watched)
    read(data, 1000)
    assert left == [0]
    compared(data, 1000, monkeypatch)
