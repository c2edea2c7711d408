"""Whatever a log holds, every line ends as one event or one quarantined line, and what is read is what was logged."""

from __future__ import annotations

import datetime as dt
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costs import least_cost_s
from pollwatch.clock import from_datetime
from pollwatch.events.batch import NUMBER, TIME, Parsed
from pollwatch.events.block import LineBlock
from pollwatch.formats import registry
from pollwatch.formats.framing import epoch_us, iso_us, json_object, split_host_port
from pollwatch.formats.interface import Format, ParseContext
from pollwatch.formats.webtext import any_time_us, split_request, unescape

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the oracle's own imports are not ours to mend
    import apachelogs

QUICK = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
CONTEXT = ParseContext("log", from_datetime(dt.datetime(2026, 11, 4, tzinfo=dt.UTC)))

#: Pieces that formats look for, so that arbitrary text comes close to being a line of theirs.
PIECES = (
    '192.0.2.1 - - [03/Nov/2026:20:00:00 +0100] "GET / HTTP/1.1" 200 5 "-" "x"',
    '" 200 5 "-" "', "2001:db8::1",
    "[03/Nov/2026:20:00:00 +0100]", '"GET /', ' HTTP/1.1"', "\\x16", '\\"', "\\", '"', "[", "]", "{", "}", " - ", "-",
    "Nov  3 20:00:00 web1 nginx[1]: ", "<34>1 2026-11-03T20:00:00Z h a 1 - - ", "sshd[12]: Failed password for ",
    '{"event_type":"alert","src_ip":', '{"remote_addr":"192.0.2.1","request":"GET / HTTP/1.1","status":200}',
    ": ", ", ",
    "2026/11/03 20:00:00 [error] 1#1: *1 ", ', client: 192.0.2.1, server: a, request: "', "[client 192.0.2.1:80] ",
    "[Tue Nov 03 20:00:00.1 2026] [core:error] [pid 1:tid 2] ", "\x00", "\x1b[31m", "\u202e",
    "\r", "\ufeff", "é", "9" * 400,
)  # fmt: skip
TEXT = (
    st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=8)
    .map("".join)
    .map(lambda text: text.encode("utf-8", "replace").decode())
)


def block_of(texts: list[str], first_number: int = 1) -> LineBlock:
    """A block as a source would make it."""
    return LineBlock("log", first_number, [text.encode() for text in texts], texts)


def numbers_of(parsed: Parsed) -> list[int]:
    """All numbers that came out, sorted; each batch's own order is checked on the way."""
    numbers = [line.number for line in parsed.quarantined]
    for batch in parsed.batches:
        column = batch.table[NUMBER].to_pylist()
        assert column == sorted(set(column))
        assert set(map(str, batch.table.schema.types)) <= {"string", "int64"}
        numbers += column
    return sorted(numbers)


@pytest.mark.parametrize("each", registry.ALL, ids=lambda each: each.name)
@QUICK
@given(texts=st.lists(TEXT, max_size=12), first=st.integers(1, 1 << 40))
def test_nothing_is_lost_and_nothing_raises(each: Format, texts: list[str], first: int) -> None:
    """Attack: a log made to crash or silence the reader. Every line is still counted, once, under its number."""
    assert 0.0 <= each.sniff(texts or [""]) <= 1.0
    parsed = each.parser(CONTEXT).parse(block_of(texts, first))
    assert numbers_of(parsed) == list(range(first, first + len(texts)))
    assert all(line.reason for line in parsed.quarantined)


@pytest.mark.parametrize("each", registry.ALL, ids=lambda each: each.name)
@pytest.mark.parametrize(
    "line",
    [
        "A" * 1_000_000,
        " " * 1_000_000,
        '"' * 1_000_000,
        "\\" * 1_000_000,
        "[" * 1_000_000,
        '{"a":' * 200_000,
        "1" * 1_000_000,
        "192.0.2.1 - - [" + "x" * 1_000_000,
        '192.0.2.1 - - [03/Nov/2026:20:00:00 +0100] "' + '\\"' * 500_000,
        '192.0.2.1 - - [03/Nov/2026:20:00:00 +0100] "' + '" 2' * 333_000,
        '192.0.2.1 - - [03/Nov/2026:20:00:00 +0100] "GET / HTTP/1.1" 200 5 ' + '"- " ' * 200_000,
        '192.0.2.1 - - [03/Nov/2026:20:00:00 +0100] "GET / HTTP/1.1" 200 5 "-" "x"' + " 1.2" * 250_000,
        '{"remote_addr":"192.0.2.1","status":' + "9" * 5_000 + ',"request":"GET / HTTP/1.1"}',
        "2026/11/03 20:00:00 [error] 1#1: *1 x" + ', client: 192.0.2.1, server: a, request: "' * 20_000,
        "[Tue Nov 03 20:00:00.1 2026] [core:error] [pid 1] [client 192.0.2.1:1] " + "[client 1] user " * 60_000,
        "Nov  3 20:00:00 " + "a: " * 300_000,
    ],
    ids=lambda line: line[:24],
)
def test_a_megabyte_is_read_in_no_time(each: Format, line: str) -> None:
    """Attack: a line on which a regular expression would think for hours. All of them stay linear."""

    def two_lines(mark: str) -> None:
        parsed = each.parser(CONTEXT).parse(block_of([line + mark, line + mark]))
        each.sniff([line + mark])
        assert numbers_of(parsed) == [1, 2]

    assert least_cost_s(two_lines) < 5  # processor time: the machine may be busy with other things


WORD = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"\\[]'), min_size=1, max_size=20
)
SENT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)
MOMENT = st.datetimes(
    dt.datetime(1990, 1, 1),  # noqa: DTZ001 - hypothesis adds the zones
    dt.datetime(2100, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.integers(-14, 14).map(lambda h: dt.timezone(dt.timedelta(hours=h))),
)
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def escaped(text: str) -> str:
    """As Apache writes it between quotes."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def clf(moment: dt.datetime) -> str:
    """The time as the common log format has it, whatever this machine's language."""
    return f"{moment.day:02}/{MONTHS[moment.month - 1]}/{moment.year:04}:{moment:%H:%M:%S %z}"


@QUICK
@given(
    st.ip_addresses(), WORD, MOMENT, st.sampled_from(["GET", "POST", "PROPFIND"]), SENT, st.integers(100, 599),
    st.integers(0, 2**40), SENT, SENT,
)  # fmt: skip
def test_agrees_with_apachelogs(  # noqa: PLR0917 - a line has that many fields
    address: object, user: str, moment: dt.datetime, method: str, target: str, status: int, size: int, referer: str,
    agent: str,
) -> None:  # fmt: skip
    """Combined lines mean to us what they mean to an independent reader of Apache's logs."""
    line = (
        f'{address} - {user} [{clf(moment)}] "{method} /{escaped(target)} HTTP/1.1" {status} {size} '
        f'"{escaped(referer)}" "{escaped(agent)}"'
    )
    theirs = apachelogs.LogParser(apachelogs.COMBINED).parse(line)
    ours = registry.by_name("weblog")[0].parser(CONTEXT).parse(block_of([line])).batches[0].table.to_pylist()[0]
    assert (ours["c-ip"], ours["cs-username"], ours["sc-status"]) == (
        theirs.remote_host, theirs.remote_user, theirs.final_status
    )  # fmt: skip
    assert ours["sc-bytes"] == theirs.bytes_sent
    assert f"{ours['cs-method']} {ours['cs-uri']} {ours['cs-version']}" == theirs.request_line
    assert ours["cs-referer"] == theirs.headers_in["Referer"]
    assert ours["cs-user-agent"] == theirs.headers_in["User-Agent"]
    assert ours[TIME] == from_datetime(theirs.request_time)


@QUICK
@given(
    st.lists(
        st.tuples(st.ip_addresses(), SENT, SENT, SENT, st.sampled_from(["", ' "-"', " 0.125", ' "a b"', " x.example"]))
    )
)
def test_in_columns_as_one_by_one(rows: list[tuple[object, str, str, str, str]]) -> None:
    """The fast path over whole columns and the patient look at one line give the same events."""
    lines = [
        f'{address} - - [03/Nov/2026:20:00:00 +0100] "{escaped(request)}" 200 5 '
        f'"{escaped(referer)}" "{escaped(agent)}"{extra}'
        for address, request, referer, agent, extra in rows
    ]
    weblog = registry.by_name("weblog")[0]
    fast = weblog.parser(CONTEXT).parse(block_of(lines))
    # An id between ident and user is beyond the layouts: these lines are read one by one.
    slow = weblog.parser(CONTEXT).parse(block_of([line.replace(" - - ", " - id - ", 1) for line in lines]))
    assert numbers_of(fast) == numbers_of(slow)
    for left, right in zip(fast.batches, slow.batches, strict=True):
        assert _without_nulls(left.table.to_pylist()) == _without_nulls(right.table.to_pylist())


def _without_nulls(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


@QUICK
@given(SENT)
def test_unescape_undoes_apache_and_nginx(text: str) -> None:
    """What either server escaped comes back as it was sent."""
    assert unescape(escaped(text)) == text
    assert unescape("".join(f"\\x{ord(c):02X}" if c in '"\\' else c for c in text)) == text


@QUICK
@given(TEXT)
def test_small_readers_take_any_text(text: str) -> None:
    """Times, addresses, request lines and JSON: no text makes them raise."""
    split_request(text)
    split_host_port(text)
    any_time_us(text)
    iso_us(text)
    epoch_us(text)
    json_object(text)
    unescape(text)


@QUICK
@given(MOMENT)
def test_times_in_every_notation(moment: dt.datetime) -> None:
    """A moment is the same one in the common log format, in ISO 8601 and counted since 1970."""
    us = from_datetime(moment.replace(microsecond=0))
    assert any_time_us(clf(moment)) == us
    assert any_time_us(moment.replace(microsecond=0).isoformat()) == us
    if moment.year > 1975:
        assert any_time_us(str(us // 1_000_000)) == us
