"""Whatever arrives: nothing is lost, nothing raises, and the size of blocks changes nothing."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.events.batch import NUMBER
from pollwatch.events.block import LineBlock
from pollwatch.formats.framing_auth import decode
from pollwatch.formats.framing_login import peer
from pollwatch.formats.interface import Format, ParseContext
from pollwatch.formats.journald import Journald
from pollwatch.formats.jsonlines import JsonLines
from pollwatch.formats.suricata import Suricata
from pollwatch.formats.syslog import Syslog

ANCHOR_US = 1_795_435_200_000_000
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Foo")
PROGRAMS = ("sshd", "sudo", "su", "login", "dropbear", "dovecot", "kernel", "CRON", "useradd", "pkexec", "app", "")
PHRASES = (
    *("Failed password for ", "invalid user ", "Accepted publickey for ", " from ", " port ", " ssh2", " [preauth]"),
    *("pam_unix(sshd:auth): ", "authentication failure; ", " rhost=", " user=", "message repeated 3 times: [ ", "]"),
    *("last message repeated 3 times", "203.0.113.7", "2001:db8::7", "22", "99999", " : ", " ; ", "TTY=", "COMMAND="),
    *("Disconnecting ", "Connection closed by ", "session opened for user ", " by ", "(uid=0)", "\ufeff", "\x00", "\r"),
    *("user=<", ">, method=", ", rip=", "LOGIN ", "ON ", "FOR ", "[", "(", ")", "'", '"', "-", "<34>1 ", "\u2028", "٣"),
)

plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
message = st.lists(st.one_of(st.sampled_from(PHRASES), plain), max_size=12).map("".join)
number = st.integers(0, 99).map(lambda n: f"{n:02}")
clock = st.tuples(number, number, number).map(":".join)
bsd = st.tuples(st.sampled_from(MONTHS), number, clock).map(" ".join)
iso = st.tuples(st.integers(0, 9999).map("{:04}".format), number, number, clock).map(
    lambda t: f"{t[0]}-{t[1]}-{t[2]}T{t[3]}Z"
)
forgery = st.tuples(
    plain,
    st.sampled_from([" from ", " "]),
    st.ip_addresses().map(str),
    st.sampled_from([" port 22", " port 22 ssh2", ""]),
).map("".join)
header = st.one_of(bsd, iso, iso.map(lambda time: f"<34>1 {time} h app 7 - -"), st.just("<34>1 - - - - - -"), plain)
tag = st.tuples(
    st.sampled_from(["host ", "", "h[1] "]), st.sampled_from(PROGRAMS), st.sampled_from(["[7]: ", ": ", " "])
)
line = st.tuples(header, tag.map("".join), message).map(lambda parts: f"{parts[0]} {parts[1]}{parts[2]}")

scalar = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), plain)
names = st.one_of(
    st.sampled_from(
        [
            *("event_type", "src_ip", "src_port", "alert", "http", "dns", "flow", "queries", "answers", "timestamp"),
            *(
                "@timestamp",
                "event",
                "category",
                "source",
                "ip",
                "url",
                "EventID",
                "Channel",
                "c-ip",
                "process",
                "name",
            ),
            *(
                "__REALTIME_TIMESTAMP",
                "MESSAGE",
                "SYSLOG_IDENTIFIER",
                "PRIORITY",
                "_PID",
                "message",
                "number",
                "time_us",
            ),
        ]
    ),
    plain,
)
value = st.recursive(
    st.one_of(scalar, message, st.sampled_from(["alert", "http", "dns", "flow", "sshd", "authentication", "Security"])),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=5)),
    max_leaves=12,
)
record = st.one_of(
    st.dictionaries(names, value, max_size=8).map(lambda each: json.dumps(each)),  # noqa: TID251, PLW0108 - hostile input
    st.dictionaries(names, value, max_size=3).map(lambda each: json.dumps(each)[:-1]),  # noqa: TID251 - cut off
    plain,
)


def events(each: Format, texts: list[str], block_size: int) -> list[dict[str, object]]:
    """All events, nulls left out, and quarantined lines, in order; a check that each line is exactly one of them."""
    parser = each.parser(ParseContext("p.log", ANCHOR_US))
    found: list[dict[str, object]] = []
    for start in range(0, len(texts), block_size):
        part = texts[start : start + block_size]
        raw = [text.encode("utf-8", "surrogatepass") for text in part]
        parsed = parser.parse(LineBlock("p.log", start + 1, raw, part))
        rows = [
            {name: value for name, value in row.items() if value is not None} | {"logsource": str(batch.logsource)}
            for batch in parsed.batches
            for row in batch.table.to_pylist()
        ]
        rows += [{NUMBER: line.number, "reason": line.reason} for line in parsed.quarantined]
        assert sorted(row[NUMBER] for row in rows) == list(range(start + 1, start + len(part) + 1))
        found += sorted(rows, key=lambda row: row[NUMBER])
    return found


@settings(max_examples=150, deadline=None)
@given(st.lists(line, min_size=1, max_size=12))
def test_syslog_loses_nothing(lines: list[str]) -> None:
    """Any lines, half of them nearly right, are events or quarantined."""
    assert len(events(Syslog(), lines, 5)) == len(lines)
    assert 0.0 <= Syslog().sniff(lines) <= 1.0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(bsd, message), min_size=1, max_size=12))
def test_syslog_blocks_do_not_matter(parts: list[tuple[str, str]]) -> None:
    """Apart from the first year, which the first block settles, every line means the same in any block."""
    lines = ["Nov 23 11:00:00 host app[1]: start"] * 30
    lines += [f"Nov 23 11:00:{i:02} host sshd[7]: {text}" for i, (_, text) in enumerate(parts)]
    assert events(Syslog(), lines, 30) == events(Syslog(), lines, 7) == events(Syslog(), lines, 1)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PROGRAMS), message)
def test_messages_never_raise(program: str, text: str) -> None:
    """Any message of any program has a decoding, and a source port that is one."""
    _, login = decode(program, text)
    assert login is None or login.src_port is None or 0 <= login.src_port <= 99_999


@settings(max_examples=150, deadline=None)
@given(st.one_of(plain, message, forgery), st.ip_addresses().map(str), st.integers(1, 65_535))
def test_no_user_name_can_forge_the_source(name: str, address: str, port: int) -> None:
    """Attack: any account name at all; the source is the address that sshd wrote behind it."""
    for text in (
        f"Failed password for invalid user {name} from {address} port {port} ssh2",
        f"Invalid user {name} from {address} port {port}",
        f"Connection closed by invalid user {name} {address} port {port} [preauth]",
        f"maximum authentication attempts exceeded for invalid user {name} from {address} port {port} ssh2 [preauth]",
    ):
        login = decode("sshd", text)[1]
        assert login is not None
        assert (login.src_ip, login.src_port) == (peer(address)[0], port)


@settings(max_examples=60, deadline=None)
@given(st.lists(record, min_size=1, max_size=8))
def test_json_formats_lose_nothing(records: list[str]) -> None:
    """Any records, some of them nearly right, are events or quarantined; blocks do not matter."""
    for each in (Suricata(), Journald(), JsonLines()):
        assert events(each, records, 3) == events(each, records, 100)
        assert 0.0 <= each.sniff(records) <= 1.0
