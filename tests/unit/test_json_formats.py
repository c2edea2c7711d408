from __future__ import annotations

from pathlib import Path

import pytest

from pollwatch.clock import parse_rfc3339, rfc3339
from pollwatch.events.batch import NUMBER, TIME, LogSource
from pollwatch.events.block import LineBlock
from pollwatch.events.taxonomy import AUTH, DNS, GENERIC, IDS, SYSLOG, WEB
from pollwatch.formats import registry
from pollwatch.formats.framing_json import MAX_COLUMNS, MAX_DEPTH, REST, Flattener, depth, read_object
from pollwatch.formats.interface import Format, ParseContext
from pollwatch.formats.journald import Journald
from pollwatch.formats.jsonlines import JsonLines
from pollwatch.formats.suricata import Suricata

SURICATA = Path(__file__).parents[2].parent / "shared" / "data" / "suricata-sample" / "samples"
Row = dict[str, object]


def parse(each: Format, *records: str) -> list[tuple[LogSource | str, Row]]:
    """What a format makes of some records, in order: logsource and columns, or the reason for the quarantine."""
    parser = each.parser(ParseContext("test.json", parse_rfc3339("2026-11-23T12:00:00Z")))
    parsed = parser.parse(LineBlock("test.json", 1, [record.encode() for record in records], records))
    found: list[tuple[int, LogSource | str, Row]] = [
        (row[NUMBER], batch.logsource, {name: value for name, value in row.items() if value is not None})
        for batch in parsed.batches
        for row in batch.table.to_pylist()
    ]
    found += [(line.number, line.reason, {}) for line in parsed.quarantined]
    assert sorted(number for number, _, _ in found) == list(range(1, len(records) + 1))
    return [(what, row) for _, what, row in sorted(found, key=lambda each: each[0])]


@pytest.mark.parametrize(
    ("record", "best"),
    [
        ('{"timestamp":"2026-11-03T20:00:00+0000","event_type":"alert","src_ip":"203.0.113.7","alert":{}}', "suricata"),
        ('{"timestamp": "x", "event_type": "stats", "stats": {}}', "suricata"),
        ('{"__REALTIME_TIMESTAMP":"1","MESSAGE":"x"}', "journald"),
        ('{"@timestamp":"2026-11-03T20:00:00Z","event":{"category":"web"},"source":{"ip":"203.0.113.7"}}', "jsonlines"),
        ('{"EventID":1,"Channel":"Security"}', "windows"),
        ('{"hello":"world"}', "jsonlines"),
        ('{"message":"an event_type in a text","event":1}', "jsonlines"),
    ],
)
def test_most_specific_format_wins(record: str, best: str) -> None:
    """A record that several formats could read is read by the one that understands most of it."""
    verdict = registry.detect([record], "json")
    assert verdict.format is not None
    assert verdict.format.name == best


@pytest.mark.parametrize("each", [Suricata(), Journald(), JsonLines()], ids=lambda each: each.name)
def test_hostile_records(each: Format) -> None:
    """Attack: records that are deep, broken, huge or of another shape; each is kept or quarantined with a reason."""
    deep = '{"a":' * 1_000 + "1" + "}" * 1_000
    found = parse(
        each, deep, "[" * 100_000, "", "null", '{"a":1e999}', '{"a":' + "9" * 5_000 + "}", '{"\\ud800":1}', "\x00"
    )
    assert found[0][0] == f"JSON nested more than {MAX_DEPTH} levels deep"
    assert found[1][0] == f"JSON nested more than {MAX_DEPTH} levels deep"


def test_brackets_in_text_are_not_depth() -> None:
    """A text full of brackets is flat."""
    assert depth('{"a":"' + '[{\\"' * 500 + '"}') == 1
    assert isinstance(read_object('{"a":"' + "[" * 500 + '"}'), dict)


def test_half_surrogate_does_not_hide_a_request() -> None:
    """Attack: a user agent with half a surrogate pair, which strict JSON readers refuse, to vanish from the view."""
    record = '{"event_type":"http","src_ip":"203.0.113.7","http":{"url":"/x","http_user_agent":"evil \\ud800"}}'
    ((logsource, row),) = parse(Suricata(), record)
    assert (logsource, row["cs-user-agent"]) == (WEB, "evil \ufffd")


def test_too_many_names() -> None:
    """Attack: ever new field names, to make columns without end; what is beyond the bound is kept together."""
    flatten = Flattener()
    first = flatten({f"n{i}": i for i in range(5_000)})
    second = flatten({"n1": 1, "other": 2, "x" * 10_000: 3})
    assert len(first) == MAX_COLUMNS + 1
    assert second["n1"] == 1
    assert set(second) == {"n1", REST}


def test_flattening() -> None:
    """Nested objects become dotted names, arrays stay JSON, null stays null, our own names are not taken."""
    flat = Flattener()({"a": {"b": {"c": 1}, "e": {}}, "l": [1, {"z": 1}], "n": None, "t": True, "f": 1.5, "number": 7})
    assert flat == {"a.b.c": 1, "a.e": "{}", "l": '[1,{"z":1}]', "n": None, "t": "true", "f": "1.5", "_number": 7}


def test_a_column_that_changes_its_type() -> None:
    """A field that is a number, then a text, then an object, is text throughout; no record fails."""
    found = parse(JsonLines(), '{"v":1}', '{"v":"a"}', '{"v":{"w":2}}', '{"v":[1]}', '{"v":1e400}', '{"v":-0.5}')
    assert [row.get("v") for _, row in found] == ["1", "a", None, "[1]", "inf", "-0.5"]


def test_eve_answers_are_the_clients() -> None:
    """A DNS answer that is logged from the server's side still names the client as the one who asked."""
    record = (
        '{"event_type":"dns","src_ip":"198.51.100.53","src_port":53,"dest_ip":"198.51.100.9","dest_port":4000,'
        '"dns":{"type":"answer","rrname":"a.example","rrtype":"A","rdata":"198.51.100.5"}}'
    )
    ((logsource, row),) = parse(Suricata(), record)
    assert (logsource, row["src_ip"], row["answer"]) == (DNS, "198.51.100.9", "198.51.100.5")


def test_eve_event_types_are_bounded() -> None:
    """Attack: ever new event types, to make logsources without end, or one with a name that is markup."""
    records = [f'{{"event_type":"t{i}"}}' for i in range(200)] + ['{"event_type":"<script>"}', '{"event_type":7}']
    found = parse(Suricata(), *records)
    assert len({what for what, _ in found}) <= 66
    assert found[-2][0] == LogSource(product="suricata", service="other")
    assert found[-1][0] == "JSON, but no EVE record: it has no event_type"


def test_shapes_that_eve_never_has() -> None:
    """Parts that should be objects and are not do not stop the reader."""
    for part in ("alert", "http", "dns", "flow", "netflow", "drop", "tls"):
        for value in ("null", "7", '"x"', "[]", '[{"a":1}]', "{}", '{"queries":7,"answers":[7],"grouped":{"A":7}}'):
            ((logsource, _),) = parse(Suricata(), f'{{"event_type":"{part}","{part}":{value},"src_port":"x"}}')
            assert isinstance(logsource, LogSource)


@pytest.mark.skipif(not SURICATA.exists(), reason="needs ../shared")
def test_real_alerts() -> None:
    """Every alert of four real captures, one JSON value a record and pretty, becomes an alert with its signature."""
    import json

    for path in SURICATA.glob("*/alerts-only.json"):
        signatures = path.with_name("ids-list.txt").read_text().split()
        records = [json.dumps(each, indent=2) for each in json.loads(path.read_text())]  # noqa: TID251 - a test's input
        found = parse(Suricata(), *records)
        assert {what for what, _ in found} == {IDS}
        assert {str(row["signature_id"]) for _, row in found} <= set(signatures)
        assert all(row.get(TIME) and row.get("src_ip") and row.get("signature") for _, row in found)


def test_journal_messages() -> None:
    """Messages as bytes, absent, or twice; the journal's microseconds; a forged time of another shape."""
    found = parse(
        Journald(),
        '{"__REALTIME_TIMESTAMP":"1795435200000001","SYSLOG_IDENTIFIER":"sshd","_HOSTNAME":"h",'
        '"MESSAGE":[70,97,105,108,101,100,32,112,97,115,115,119,111,114,100,32,102,111,114,32,255,32,102,114,111,109,32,'
        "50,48,51,46,48,46,49,49,51,46,55,32,112,111,114,116,32,52,32,115,115,104,50]}",
        '{"__REALTIME_TIMESTAMP":["1795435200000002","3"],"MESSAGE":["one","two"],"PRIORITY":9}',
        '{"__REALTIME_TIMESTAMP":{"x":1},"MESSAGE":[["x"],300]}',
    )
    assert [what for what, _ in found] == [AUTH, SYSLOG, SYSLOG]
    assert found[0][1]["action"] == "failure"
    assert found[0][1]["src_ip"] == "203.0.113.7"
    assert rfc3339(found[0][1][TIME]) == "2026-11-23T12:00:00.000001Z"
    assert (found[1][1]["message"], found[1][1][TIME]) == ("one", 1795435200000002)
    assert TIME not in found[2][1]


@pytest.mark.parametrize(
    ("fields", "time"),
    [
        ('"time":1795435200', "2026-11-23T12:00:00Z"),
        ('"ts":1795435200.5', "2026-11-23T12:00:00.500000Z"),
        ('"timestamp":"1795435200123"', "2026-11-23T12:00:00.123000Z"),
        ('"date":"2026-11-23","time":"12:00:00"', "2026-11-23T12:00:00Z"),
        ('"@timestamp":"2026-11-23T14:00:00+02:00","time":"yesterday"', "2026-11-23T12:00:00Z"),
        ('"time":"yesterday"', None),
        ('"time":9e300', None),
        ('"time":{"a":1}', None),
    ],
)
def test_times(fields: str, time: str | None) -> None:
    """Times in the names and units that programs use; what is no time is none."""
    ((_, row),) = parse(JsonLines(), f"{{{fields}}}")
    assert rfc3339(row.get(TIME)) == time


@pytest.mark.parametrize(
    ("event", "action"),
    [
        ('{"category":["authentication"],"outcome":"failure"}', "failure"),
        ('{"category":"authentication","outcome":"success"}', "success"),
        ('{"category":["authentication"],"outcome":"unknown"}', None),
        ('{"category":["authentication"],"action":"login_failed"}', "failure"),
        ('{"category":["authentication"],"action":"logged-in"}', "success"),
        ('{"category":["authentication"],"action":"logged-out","outcome":"success"}', "session_closed"),
        ('{"category":["session"],"type":["start"],"outcome":"success"}', "session_opened"),
        ('{"category":["session"],"type":["end"],"outcome":"success"}', "session_closed"),
        ('{"category":["authentication"],"type":["denied"],"outcome":"failure"}', "denied"),
    ],
)
def test_ecs_outcomes(event: str, action: str | None) -> None:
    """What ECS says of a log-in, in our words."""
    ((logsource, row),) = parse(JsonLines(), f'{{"event":{event},"source":{{"ip":"::ffff:203.0.113.7"}}}}')
    assert (logsource, row.get("action"), row["src_ip"]) == (AUTH, action, "203.0.113.7")


def test_ecs_absolute_address() -> None:
    """A proxy's absolute address is cut to what the server was asked for."""
    ((logsource, row),) = parse(JsonLines(), '{"@timestamp":"x","url.original":"http://portal.example.org/a?b=c?d"}')
    assert (logsource, row["cs-uri-stem"], row["cs-uri-query"]) == (WEB, "/a", "b=c?d")


def test_generic_actors() -> None:
    """Who acts on what is found under its usual names; text that is no address is no source."""
    ((logsource, row),) = parse(
        JsonLines(), '{"remote_ip":"not an address","client_ip":"203.0.113.7","username":"press"}'
    )
    assert (logsource, row["src_ip"], row["user"]) == (GENERIC, "203.0.113.7", "press")
