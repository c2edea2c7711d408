"""Large blocks of Windows events, read in columns, hold what the same events hold when they are read one by one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.detect.sigma.plan import Text, Wild
from pollwatch.detect.sigma.values import holds
from pollwatch.events.asked import Asked
from pollwatch.events.batch import NUMBER, LogSource, Parsed
from pollwatch.events.block import LineBlock
from pollwatch.formats import windows
from pollwatch.formats.framing_winblocks import WindowsBlocks
from pollwatch.formats.framing_wincolumns import Names

ACCOUNTS = st.sampled_from(["anna", "SYSTEM", "PC-1$", "-", "", "VOTE\\bob", "Ünïcode"])
TEXTS = st.sampled_from(["C:\\Windows\\cmd.exe", "", "-", "a\nb", "%%1904", "ключ"]) | st.text(max_size=8)
VALUES = TEXTS | st.none() | st.integers(-5, 2**64) | st.booleans() | st.floats(allow_nan=False) | st.just([1, "x"])
TIMES = st.sampled_from(
    ["2026-11-03T20:00:01.123456Z", "2026-11-03 20:00:01", "2026-11-03T21:00:01+01:00", "", "yesterday", "1793736800"]
)
IDS = st.sampled_from([1, 3, 13, 4624, 4625, 4657, 4688, 5156, "4688", "x", 4104, None])
CHANNELS = st.sampled_from(["Security", "Microsoft-Windows-Sysmon/Operational", "System", "Unheard/Of", 7])
DATA = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("SubjectUserName", "TargetUserName", "User", "SubjectDomainName"), ACCOUNTS),
        **dict.fromkeys(("NewProcessName", "Image", "ProcessName", "CommandLine", "Data", "with space"), VALUES),
        **dict.fromkeys(("ObjectName", "ObjectValueName", "WorkstationName"), TEXTS),
        "EventType": st.sampled_from(["SetValue", "DeleteValue", "%%1906", 3]),
        "IpAddress": st.sampled_from(["10.1.2.3", "::1", "-", "10.1.2.3:80"]),
        "Direction": st.sampled_from(["%%14592", "%%14593", None]),
        "UtcTime": TIMES,
    },
)


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """One event in one of the shapes that programs write."""
    data, event_id, channel, time = draw(DATA), draw(IDS), draw(CHANNELS), draw(TIMES)
    shape = draw(st.sampled_from(["flat", "nested", "shipped", "other"]))
    if shape == "flat":
        return {"EventID": event_id, "Channel": channel, "Hostname": "PC-1.vote", "@timestamp": time} | data
    if shape == "nested":
        created = {"#attributes": {"SystemTime": time}}
        system = {"EventID": event_id, "Channel": channel, "Computer": "PC-1", "TimeCreated": created}
        return {"Event": {"System": system, "EventData": data}}
    if shape == "shipped":
        return {"@timestamp": time, "winlog": {"event_id": event_id, "channel": channel, "event_data": data}}
    return data


def told(parsed: Parsed) -> tuple[dict[int, tuple[str, dict[str, Any]]], dict[int, str]]:
    """Each event's logsource and fields that are not null, by number; and each quarantined record's reason."""
    found: dict[int, tuple[str, dict[str, Any]]] = {}
    for batch in parsed.batches:
        numbers = batch.table[NUMBER].to_pylist()
        assert numbers == sorted(set(numbers))
        for row in batch.table.to_pylist():
            assert row[NUMBER] not in found
            found[row[NUMBER]] = str(batch.logsource), {name: v for name, v in row.items() if v is not None}
    return found, {each.number: each.reason for each in parsed.quarantined}


def both_ways(lines: Sequence[bytes], monkeypatch: pytest.MonkeyPatch) -> int:
    """Read the lines in columns and one by one, and compare; returns how many records columns left aside."""
    block = LineBlock("x", 7, lines, [line.decode() for line in lines])
    one_by_one = told(windows.WindowsParser(dt.UTC).parse(block))
    with monkeypatch.context() as patched:
        patched.setattr(windows, "WORTH_IT", 0)
        blocks = WindowsBlocks(Names(), dt.UTC)
        _, left = blocks.read(block, blocks.found(block))
        assert told(windows.WindowsParser(dt.UTC).parse(block)) == one_by_one
    return len(left)


@settings(max_examples=120, deadline=None)
@given(st.lists(events(), min_size=1, max_size=12))
def test_columns_hold_what_single_events_hold(records: list[dict[str, Any]]) -> None:
    """Any mixture of shapes, fields, values of any type and times in any notation."""
    with pytest.MonkeyPatch.context() as patch:
        both_ways([msgspec.json.encode(record) for record in records], patch)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(events(), min_size=1, max_size=4), min_size=2, max_size=4))
def test_blocks_may_be_begun_before_those_before_them_are_finished(parts: list[list[dict[str, Any]]]) -> None:
    """With two cores one thread finds values in blocks ahead of the one that makes columns: nothing is mixed up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "WORTH_IT", 0)
        blocks, first = [], 1
        for records in parts:
            lines = [msgspec.json.encode(record) for record in records]
            blocks.append(LineBlock("x", first, lines, [line.decode() for line in lines]))
            first += len(lines)
        in_turn, ahead = windows.WindowsParser(dt.UTC), windows.WindowsParser(dt.UTC)
        begun = [ahead.begin(block) for block in blocks]
        assert [told(finish()) for finish in begun] == [told(in_turn.parse(block)) for block in blocks]


class Asks:
    """Looks at the same columns of every logsource."""

    def __init__(self, names: Sequence[str], keywords: Sequence[str]) -> None:
        """Take the names of columns, and keywords that are looked for in all."""
        self._asked = Asked(frozenset(map(str.lower, names)), tuple(keywords))

    def asked(self, _: LogSource) -> Asked:
        """The same of each."""
        return self._asked


def made_for(asks: Asks, lines: Sequence[bytes]) -> dict[int, tuple[str, dict[str, Any]]]:
    """What the events hold where only what is looked at needs to become a column."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "WORTH_IT", 0)
        parser = windows.WindowsParser(dt.UTC, asking=asks)
        return told(parser.parse(LineBlock("x", 7, lines, [line.decode() for line in lines])))[0]


KEYWORDS = ["windows\\cmd", 'a"b"', "1904", "k-key", '1,"x"', "c:\\win", "bob\\"]
HIDDEN = st.sampled_from(
    [
        b"C:\\u005cWindows\\\\CMD.EXE",
        b'x a\\"B\\"',
        "\u212a-KEY".encode(),
        b"%\\u00251904",
        b"BOB\\\\",
        b"a\\/b",
        b"K\\u002dkey",
    ]
)


@settings(max_examples=120, deadline=None)
@given(
    st.lists(events(), min_size=1, max_size=8),
    st.lists(HIDDEN, max_size=3),
    st.lists(st.sampled_from(["image", "commandline", "data", "hidden0"]), max_size=2),
    st.lists(st.sampled_from(KEYWORDS), max_size=3),
)
def test_no_column_is_left_out_that_is_looked_at(
    records: list[dict[str, Any]], hidden: list[bytes], names: list[str], keywords: list[str]
) -> None:
    """However JSON writes a value: one that holds a keyword is there, and so is every column asked for by name."""
    lines = [msgspec.json.encode(record) for record in records]
    pairs = b"".join(b',"hidden%d":"%s"' % (place, text) for place, text in enumerate(hidden))
    lines.append(b'{"EventID":1,"Channel":"System"' + pairs + b"}")
    every = told(windows.WindowsParser(dt.UTC).parse(LineBlock("x", 7, lines, [line.decode() for line in lines])))[0]
    some = made_for(Asks(names, keywords), lines)
    assert some.keys() == every.keys()
    for number, (source, columns) in every.items():
        assert some[number][0] == source
        for name, value in columns.items():
            if name in some[number][1]:
                assert some[number][1][name] == value
                continue
            assert name.lower() not in names
            for keyword in keywords:
                assert not holds(Text((Wild.MANY, keyword, Wild.MANY)), [value])[0]


def test_columns_that_nobody_looks_at_are_not_made() -> None:
    """Of a process creation with six fields one is named, one holds a keyword, and the others stay bytes."""
    fields = {"Image": "C:\\a.exe", "Product": "Mimikatz", "Company": "-", "Hashes": "SHA1=00", "FileVersion": "1"}
    event = {"EventID": 1, "Channel": "Microsoft-Windows-Sysmon/Operational", "Computer": "PC-1", **fields}
    (row,) = made_for(Asks(["image"], ["mimikatz"]), [msgspec.json.encode(event)]).values()
    assert row[1].keys() & fields.keys() == {"Image", "Product"}
    (row,) = made_for(Asks(["image"], []), [msgspec.json.encode(event)]).values()
    assert row[1].keys() & fields.keys() == {"Image"}


def test_a_column_that_some_events_have_and_others_are_told_keeps_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two process creations one names its user itself, and of the other it follows from who asked for it."""
    system = {"EventID": 4688, "Channel": "Security", "Computer": "PC-1"}
    events = [{"User": "SYSTEM"}, {"SubjectUserName": "anna"}, {"User": "bob", "SubjectUserName": "anna"}]
    lines = [msgspec.json.encode({"Event": {"System": system, "EventData": data}}) for data in events]
    assert both_ways(lines, monkeypatch) == 0


def test_usual_events_are_read_in_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the events that a Windows machine logs by the thousand is left to be read by itself."""
    time = "2026-11-03T20:00:01.123456Z"
    process = {"SubjectUserName": "anna", "NewProcessName": "C:\\Windows\\cmd.exe", "CommandLine": 'cmd /c "dir"'}
    system = {
        "EventID": 4688,
        "Channel": "Security",
        "Computer": "PC-1",
        "TimeCreated": {"#attributes": {"SystemTime": time}},
    }
    flat = {"EventID": 1, "Channel": "Microsoft-Windows-Sysmon/Operational", "UtcTime": "2026-11-03 20:00:01.123"}
    lines = [
        msgspec.json.encode(each)
        for _ in range(20)
        for each in ({"Event": {"System": system, "EventData": process}}, flat | process)
    ]
    assert both_ways(lines, monkeypatch) == 0
