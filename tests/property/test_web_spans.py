"""Access lines read by compiled code say what the readers that need none say, whatever stands in them."""

from __future__ import annotations

import datetime as dt
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contract.test_formats import CASES, GOLDEN, listed

from pollwatch.events.batch import Parsed, is_text, plain
from pollwatch.events.block import LineBlock, RawLines
from pollwatch.formats import framing_spans
from pollwatch.formats.weblines import LAYOUTS, WebLines
from pollwatch.sources import records

pytestmark = pytest.mark.skipif(sys.byteorder != "little", reason="compiled for little-endian machines")

CLIENTS = [
    "198.51.100.7",
    "2001:db8::7",
    "-",
    "127.0.0.1",
    "::1",
    "host.example",
    "::ffff:1.2.3.4",
    "1.2.3.4:55",
    "a,b",
]
HOSTS = ["", "", "vote.example:443 ", "- ", "_ ", "a,b ", "x<y "]
USERS = ["-", "bob", '""', "b\\x20b", "[x]", "Zoë"]
TIMES = [
    "03/Nov/2026:21:04:11 +0100",
    "03/Nov/2026:21:04:12 +0100",
    "-",
    "2026-11-03T21:04:11Z",
    "99/Zzz/9999:99:99:99 +0000",
    "",
]
REQUESTS = [
    "GET / HTTP/1.1", "GET /a?b=1 HTTP/2", "GET /a? HTTP/1.0", "GET /%2e%2e/x?a=/../ HTTP/1.1", "-", "", "\\x16\\x03",
    "GET http://h.example/a?b HTTP/1.1", "get /a HTTP/1.1", "GET /a b HTTP/1.1", "GET /\\x22x HTTP/1.1", "GET /a",
    'GET /a\\" HTTP/1.1', "OPTIONS * HTTP/1.1", "GET /ü HTTP/1.1", "CONNECT h:443 HTTP/1.1", "GET /a HTTP/11",
]  # fmt: skip
RESULTS = ["200 5", "404 -", "- -", "200 99999999999999999999", "20 5", "2000 5", "304 0", "200 ", "200 5x", "000 00"]
REFERERS = ["-", "", "https://a.example/?q=1", "\\x27", "a\\\\", "ä", "x" * 40]
MORE = [
    "",
    " ",
    ' "-"',
    ' "203.0.113.9"',
    ' "10.0.0.1, 203.0.113.9"',
    " 0.123",
    ' "sid=1"',
    " vote.example",
    "x",
    ' 5 "a b" rt=0.5',
]


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """An access line, perhaps with something odd at one place."""
    pick = lambda some: draw(st.sampled_from(some))  # noqa: E731 - shorter than the word
    end = (
        f' "{pick(REFERERS)}" "{pick(REFERERS)}"{pick(MORE)}'
        if draw(st.integers(0, 3))
        else pick(["", " x y", ' "', " "])
    )
    who = f"{pick(HOSTS)}{pick(CLIENTS)} {pick(['-', 'id', 'i.d'])} {pick(USERS)}"
    line = f'{who} [{pick(TIMES)}] "{pick(REQUESTS)}" {pick(RESULTS)}{end}'
    raw = line.encode()
    match draw(st.integers(0, 9)):
        case 0:
            at = draw(st.integers(0, len(raw)))
            return raw[:at] + draw(st.sampled_from([b"\xff", b'"', b"\\", b" ", b"[", b"\x00", b"\r", b"-"])) + raw[at:]
        case 1:
            return raw[: draw(st.integers(0, len(raw)))]
        case 2:
            return b"Nov  3 21:04:11 web nginx[1]: " + raw
        case _:
            return raw


def both(data: bytes) -> tuple[Parsed, Parsed]:
    """What the reader makes of lines, with compiled code and without."""
    (block,) = records.blocks([data], "log", records.Shape("lines", by_value=False, encoding="utf-8", bom_bytes=0))
    assert isinstance(block.raw, RawLines)
    parsed = []
    for raw, text in ((block.raw, block.text), (list(block.raw), list(block.text))):
        reader = WebLines(dt.UTC, LAYOUTS, loose=True, otherwise=lambda _text: "no")
        parsed.append(reader.parse(LineBlock("log", 7, raw, text)))
    return parsed[0], parsed[1]


def assert_same(fast: Parsed, slow: Parsed) -> None:
    """The same events in the same columns of the same kinds, and the same lines quarantined."""
    assert fast.quarantined == slow.quarantined
    assert [(batch.logsource, len(batch)) for batch in fast.batches] == [
        (batch.logsource, len(batch)) for batch in slow.batches
    ]
    for one, other in zip(fast.batches, slow.batches, strict=True):
        assert set(one.table.column_names) >= set(other.table.column_names)
        for name in one.table.column_names:
            if name not in other.table.column_names:
                assert one.table[name].null_count == len(one)
                continue
            assert is_text(one.table[name].type) == is_text(other.table[name].type), name
            assert plain(one.table[name]).to_pylist() == plain(other.table[name]).to_pylist(), name


@pytest.fixture(autouse=True)
def _always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing_spans, "ready", lambda: True)
    monkeypatch.setattr(framing_spans, "_WORTH_BLOCK", 0)


@settings(max_examples=50, deadline=None)
@given(st.lists(lines(), min_size=1, max_size=40))
def test_the_same_table(some: list[bytes]) -> None:
    """Random and hostile lines: escapes, cuts, odd bytes, transports, proxies, hosts; each event is the same."""
    assert_same(*both(b"\n".join(some) + b"\n"))


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith(("weblog/", "weberror/", "syslog/"))])
def test_golden_inputs_too(case: str) -> None:
    """Every golden input of text lines gives the same table."""
    fast, slow = both((GOLDEN / f"{case}.in.log").read_bytes())
    assert_same(fast, slow)
    assert listed(fast) == listed(slow)


def test_equal_texts_have_one_code() -> None:
    """Few addresses on many lines make few values, and hashes that collide cost codes, never a wrong text."""
    line = '10.0.0.{} - - [03/Nov/2026:21:04:11 +0100] "GET /p/{} HTTP/1.1" 200 5 "-" "curl/8"\n'
    data = "".join(line.format(n % 50, n) for n in range(5000)).encode()
    fast, slow = both(data)
    assert_same(fast, slow)
    column = fast.batches[0].table["c-ip"].combine_chunks()
    assert len(column.dictionary) == 50
    assert len(fast.batches[0].table["cs-uri"].combine_chunks().dictionary) == 5000
    assert np.array_equal(fast.batches[0].table["number"].to_numpy(), np.arange(7, 5007))


def test_a_block_leaves_the_one_before_as_it_was() -> None:
    """Memory is used again from block to block, and no event of an earlier block changes by that."""
    line = '10.0.{}.{} - - [03/Nov/2026:21:04:11 +0100] "GET /p/{} HTTP/1.1" 20{} {} "-" "a{}"\n'
    reader = WebLines(dt.UTC, LAYOUTS, loose=True, otherwise=lambda _text: "no")
    shape = records.Shape("lines", by_value=False, encoding="utf-8", bom_bytes=0)
    tables, before = [], []
    for part in range(3):
        data = "".join(line.format(part, n % 7, n * part, part, n + part, n % 3) for n in range(300)).encode()
        (block,) = records.blocks([data], "log", shape)
        tables.append(reader.parse(block).batches[0].table)
        before.append(tables[-1].to_pylist())
    assert [table.to_pylist() for table in tables] == before
