"""The logs of proxies, load balancers, firewalls and IIS: who is named as the client, and what cannot be forged."""

from __future__ import annotations

import pytest

from pollwatch.canonical import compact
from pollwatch.events.batch import Parsed
from pollwatch.events.block import LineBlock
from pollwatch.formats import registry
from pollwatch.formats.interface import ParseContext

CLIENT = "192.0.2.1"
FORGED = "203.0.113.66"
HAPROXY = f"{CLIENT}:40000 [03/Nov/2026:20:00:04.127] web web/s1 0/0/0/1/1 200 212 - - ---- 1/1/1/1/0 0/0 "


def parse(name: str, *texts: str) -> Parsed:
    """What a format makes of some lines, one block each."""
    each, _ = registry.by_name(name)
    parser = each.parser(ParseContext("log", 0))
    parsed = [parser.parse(LineBlock("log", n, [text.encode()], [text])) for n, text in enumerate(texts, 1)]
    return Parsed([b for each in parsed for b in each.batches], [q for each in parsed for q in each.quarantined])


def rows(name: str, *texts: str) -> list[dict[str, object]]:
    """The events of some lines, nulls left out, in order of their numbers."""
    events = [row for batch in parse(name, *texts).batches for row in batch.table.to_pylist()]
    return [
        {name: value for name, value in row.items() if value is not None}
        for row in sorted(events, key=lambda row: row["number"])
    ]


ASKED = {"method": "GET", "uri": "/"}
JSON = [
    {"ClientIP": CLIENT, "ClientRequestMethod": "GET", "ClientRequestURI": "/", "XForwardedFor": FORGED},
    {"properties": {"httpMethod": "GET", "requestUri": "https://a.example/", "clientIp": FORGED, "socketIp": CLIENT}},
    {"request": {**ASKED, "remote_ip": CLIENT, "headers": {"X-Forwarded-For": [FORGED]}}, "status": 200},
    {"request": {**ASKED, "remote_ip": CLIENT, "headers": {"Remote-Addr": [FORGED], "Socket-Ip": [FORGED]}}},
    {
        "action": "BLOCK",
        "terminatingRuleId": "r",
        "httpRequest": {**ASKED, "clientIp": CLIENT, "headers": [{"name": "Remote-Addr", "value": FORGED}]},
    },
]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("haproxy", HAPROXY + f'{{{FORGED}|curl/8.5.0}} "GET / HTTP/1.1"'),
        (
            "envoy",
            f'[2026-11-03T20:00:03.310Z] "GET / HTTP/1.1" 200 - 0 91 1 - "{FORGED}, {CLIENT}" "x" "id" "h" "-"',
        ),
        ("w3c", f"2026-11-03 20:00:00 192.0.2.10 GET / x={FORGED} 443 - {CLIENT} Mozilla/5.0 - 200 0 0 31 {FORGED}"),
        *(("weblog-json", compact(each)) for each in JSON),
    ],
)
def test_a_header_that_the_client_wrote_does_not_name_the_client(name: str, line: str) -> None:
    """Forging a source: whatever address a visitor writes into its own headers, the one that connected is named."""
    (event,) = rows(name, line)
    assert event["c-ip"] == CLIENT


def test_a_body_cannot_open_a_transaction_in_another_s_name() -> None:
    """Framing a third party: a body holds lines of ModSecurity's log; they stay what they are."""
    lines = [
        "--a6c0c843-A--",
        f"[03/Nov/2026:20:00:00 +0000] id {CLIENT} 51022 192.0.2.10 443",
        "--a6c0c843-B--",
        "POST / HTTP/1.1",
        "--a6c0c843-C--",
        "--a6c0c843-A--",
        "--deadbeef-A--",
        f"[03/Nov/2026:20:00:00 +0000] id {FORGED} 1 192.0.2.10 443",
        "--deadbeef-H--",
        "Message: Access denied with code 403",
        "--deadbeef-Z--",
        "--a6c0c843-H--",
        "Message: Warning. x",
        "--a6c0c843-Z--",
    ]
    assert [event["c-ip"] for event in rows("modsecurity", *lines)] == [CLIENT, CLIENT]


def test_a_finding_s_client_is_the_one_the_firewall_wrote() -> None:
    """Framing a third party: a request that quotes the firewall's own words is reported with its sender."""
    said = f'[client \\"{CLIENT}\\"] Coraza: Warning. x [id \\"1\\"] [data \\"[client \\\\\\"{FORGED}\\\\\\"] \\"]'
    (event,) = rows("weblog-json", f'{{"level":"warn","ts":1793736000.1,"logger":"http.handlers.waf","msg":"{said}"}}')
    assert event["c-ip"] == CLIENT
    assert event["waf-rule"] == "1"


def test_another_program_s_message_is_no_request_of_haproxy() -> None:
    """Forging a request: words that look like HAProxy's, in the log of a program that quotes its visitors."""
    line = f'Nov  3 20:00:00 host app[7]: {HAPROXY}"GET /../etc/passwd HTTP/1.1"'
    (event,) = rows("syslog", line)
    assert "cs-uri" not in event
    assert event["program"] == "app"


def test_fields_change_in_the_middle_of_a_file() -> None:
    """A #Fields: line counts from where it stands, also for blocks that come later."""
    lines = [
        "2026-11-03 20:00:00 192.0.2.10 GET /before - 443 - 192.0.2.1 - 200 0 0 31",
        "#Fields: date time c-ip cs-method cs-uri-stem sc-status",
        f"2026-11-03 20:00:01 {CLIENT} GET /one 404",
        "#Fields: time cs-uri-stem cs-method sc-status c-ip date",
        f"20:00:02 /two PUT 201 {CLIENT} 2026-11-03",
        f"20:00:03 /two PUT 201 {CLIENT}",
    ]
    events = rows("w3c", *lines)
    assert [(each["cs-uri"], each["cs-method"], each["sc-status"], each["c-ip"]) for each in events] == [
        ("/before", "GET", 200, CLIENT),
        ("/one", "GET", 404, CLIENT),
        ("/two", "PUT", 201, CLIENT),
    ]
    assert [each.number for each in parse("w3c", *lines).quarantined] == [2, 4, 6]


def test_a_fields_line_of_a_million_names_is_not_obeyed() -> None:
    """Exhausting memory: a directive that announces more fields than any log has changes nothing."""
    (event,) = rows(
        "w3c", "#Fields: " + "a " * 300_000, f"2026-11-03 20:00:00 192.0.2.10 GET / - 443 - {CLIENT} - 200 0 0 1"
    )
    assert event["c-ip"] == CLIENT


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("haproxy", HAPROXY + "{" * 50_000),
        ("haproxy", HAPROXY + '{a} "' + "GET /" * 20_000),
        ("modsecurity", "--a" * 30_000),
        ("w3c", "2026-11-03 20:00:00 " + "GET / " * 20_000),
        ("w3c", "2026-11-03T20:00:00.000Z," + '"a,' * 20_000),
        ("elb", "h2 2026-11-03T20:00:00.186641Z " + '"a ' * 20_000),
        ("envoy", "[2026-11-03T20:00:00Z] " + '"\\' * 20_000),
        ("traefik", 'time="2026-11-03T20:00:00Z" level=debug msg="' + '\\"' * 20_000),
    ],
)
def test_long_lines_take_no_longer_than_they_are(name: str, line: str) -> None:
    """Stalling the watch: a line made to send a reader back and forth is one quarantined line, at once."""
    parsed = parse(name, line)
    assert len(parsed.quarantined) + sum(len(batch.table) for batch in parsed.batches) == 1
