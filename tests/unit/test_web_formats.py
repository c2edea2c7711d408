"""The web log formats' own pieces: definitions, registry, error lines, and the logs of a public test collection."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from pollwatch.errors import FormatError
from pollwatch.events.batch import NUMBER, Parsed
from pollwatch.events.block import LineBlock
from pollwatch.events.taxonomy import WEB, WEB_COLUMNS, WEB_ERROR, WEB_ERROR_COLUMNS
from pollwatch.formats import registry
from pollwatch.formats.errorline import read_error
from pollwatch.formats.framing_web import WebMessages
from pollwatch.formats.interface import ParseContext
from pollwatch.formats.logformat import compile_layout
from pollwatch.formats.transport import carried
from pollwatch.formats.webtext import Request, client_address, host_name, split_request, unescape

HUB = Path(__file__).parents[2].parent / "shared" / "data" / "crowdsecurity-hub" / ".tests"
LINE = '192.0.2.1 - - [03/Nov/2026:20:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "x"'
CLIENT = "192.0.2.1"
FORGED = "203.0.113.66"


def parse(spec: str, *texts: str) -> Parsed:
    """What the format that a ``--format`` value names makes of some lines."""
    each, definition = registry.by_name(spec)
    block = LineBlock("log", 1, [text.encode() for text in texts], texts)
    return each.parser(ParseContext("log", 0, definition=definition)).parse(block)


def row(spec: str, text: str) -> dict[str, object]:
    """The one event of one line, nulls left out."""
    (batch,) = parse(spec, text).batches
    return {name: value for name, value in batch.table.to_pylist()[0].items() if value is not None}


def test_unknown_format_names_the_nearest_and_all() -> None:
    """A misspelt --format is answered with what was probably meant, and with everything there is."""
    with pytest.raises(FormatError, match=r"'ngnix'.*mean 'nginx'.*weblog.*weberror"):
        registry.by_name("ngnix:$remote_addr")


@pytest.mark.parametrize("name", registry.ALSO_CALLED)
def test_also_called(name: str) -> None:
    """Every other name leads to a format that exists."""
    each, _ = registry.by_name(name)
    assert each in registry.ALL


def test_a_definition_may_hold_colons() -> None:
    """Only the first colon ends the name."""
    each, definition = registry.by_name("Apache:%h [%{%H:%M}t]")
    assert (each.name, definition) == ("apache", "%h [%{%H:%M}t]")


@pytest.mark.parametrize("records", [[], ["", "  "], ["just text", "more of it"], ["\x00\x01", "%PDF-1.7"]])
def test_what_is_no_log_is_not_believed(records: list[str]) -> None:
    """Empty samples and text of no format get no format, and the scores say so."""
    verdict = registry.detect(records, "lines")
    assert verdict.format is None
    assert all(score < registry.BELIEVABLE for _, score in verdict.scores)


def test_detection_needs_one_line_and_stands_rubbish() -> None:
    """One line is enough; one line in five is enough too; the scores come best first."""
    assert registry.detect([LINE], "lines").format is registry.by_name("weblog")[0]
    verdict = registry.detect([LINE, "?", "\x16\x03", "}{", "x" * 1000], "lines")
    assert verdict.format is registry.by_name("weblog")[0]
    assert [score for _, score in verdict.scores] == sorted((score for _, score in verdict.scores), reverse=True)


def test_every_column_of_the_taxonomy_is_there() -> None:
    """Rules may rely on the columns of the logsource, in a batch of one line too."""
    (batch,) = parse("weblog", LINE).batches
    assert batch.logsource == WEB
    assert tuple(batch.table.column_names[: len(WEB_COLUMNS)]) == WEB_COLUMNS
    (batch,) = parse("weberror", "2026/11/03 20:00:00 [notice] 1#1: start").batches
    assert batch.logsource == WEB_ERROR
    assert tuple(batch.table.column_names[: len(WEB_ERROR_COLUMNS)]) == WEB_ERROR_COLUMNS


@pytest.mark.parametrize(
    ("definition", "dialect"),
    [
        ('%h %l %u %t "%r" %>s %b', "apache"),
        ('LogFormat "%h %l %u %t \\"%r\\" %>s %b" common', "apache"),
        ('"%h %l %u %t \\"%r\\" %>s %b"', "apache"),
        ("common", "apache"),
        ('$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent', "nginx"),
        (
            ("log_format short '$remote_addr - ${remote_user} [$time_local] '\n"
            "  '\"$request\" $status $body_bytes_sent';"),
            "nginx",
        ),
    ],
)  # fmt: skip
def test_definitions_as_people_paste_them(definition: str, dialect: str) -> None:
    """Bare, quoted, as a directive, in pieces, by nickname: the same line means the same."""
    line = LINE.removesuffix(' "-" "x"')
    assert row(f"{dialect}:{definition}", line) == row("weblog", line)
    if dialect == "nginx" or "%" in definition:
        assert row(f"weblog:{definition}", line) == row("weblog", line)


@pytest.mark.parametrize("definition", ["no field at all", "%Z %h", "apache2", "%%", ""])
def test_wrong_definitions_are_refused(definition: str) -> None:
    """A definition that names nothing, or a directive Apache does not have, is an error and not a silent quarantine."""
    with pytest.raises(FormatError):
        compile_layout(definition, "apache")


def test_definition_with_every_kind_of_field() -> None:
    """Parts of the target, times counted since 1970, times taken, headers and cookies."""
    found = row(
        'apache:%v %a %u [%{sec}t] %m %U%q %H %>s %O %D %{ms}T "%{Cookie}i" "%{X-Request-ID}o" %%',
        'votes.example 192.0.2.1 - [1793736000] GET /a?b=1 HTTP/2.0 200 12 2500 2 "a=b" "r-1" %',
    )
    assert found["cs-uri"] == "/a?b=1"
    assert (found["cs-host"], found["c-ip"], found["time-taken-us"]) == ("votes.example", CLIENT, 2500)
    assert (found["cs-cookie"], found["x-request-id"], found["time_us"]) == ("a=b", "r-1", 1793736000000000)


@pytest.mark.parametrize(("target", "query"), [("/a?b=1", "b=1"), ("/a", None), ("/a b?c", "c")])
def test_nginx_target_in_parts(target: str, query: str | None) -> None:
    """Path and arguments logged side by side make one target again."""
    found = row("nginx:$remote_addr|$uri$is_args$args|$status", f"{CLIENT}|{target}|200")
    assert (found["cs-uri"], found.get("cs-uri-query")) == (target, query)


def test_the_client_never_comes_from_a_header_where_the_peer_is_known() -> None:
    """Attack: a forged X-Forwarded-For must not put the blame on somebody else."""
    found = row("nginx:$http_x_forwarded_for|$remote_addr|$request|$status", f"{FORGED}|{CLIENT}|GET / HTTP/1.1|200")
    assert found["c-ip"] == CLIENT
    assert found["x-forwarded-for"] == FORGED


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("127.0.0.1", f"{FORGED}, {CLIENT}", CLIENT),
        ("::1", CLIENT, CLIENT),
        ("unix:", CLIENT, CLIENT),
        ("127.0.0.1", "' OR 1=1", "127.0.0.1"),
        ("127.0.0.1", "-", "127.0.0.1"),
        ("10.0.0.7", CLIENT, "10.0.0.7"),
    ],
)
def test_a_proxy_on_this_machine_is_seen_through(peer: str, forwarded: str, client: str) -> None:
    """Behind a proxy on the same machine the client is whom that proxy saw; a peer elsewhere may be lying."""
    assert row("weblog", LINE.replace(CLIENT, peer) + f' "{forwarded}"')["c-ip"] == client


def test_without_a_peer_the_nearest_proxy_vouches() -> None:
    """Attack: the client prepends addresses to X-Forwarded-For; the last one was written by our own proxy."""
    found = row('apache:%{X-Forwarded-For}i "%r" %>s', f'{FORGED}, {CLIENT} "GET / HTTP/1.1" 200')
    assert found["c-ip"] == CLIENT


def test_a_user_agent_cannot_pose_as_a_request() -> None:
    """Attack: a user agent that holds a whole log line in escaped quotes."""
    forged = f'{FORGED} - - [03/Nov/2026:20:00:00 +0000] \\"GET /admin HTTP/1.1\\" 200 5'
    found = row("weblog", LINE.replace('"x"', f'"{forged}"'))
    assert (found["c-ip"], found["cs-uri"]) == (CLIENT, "/")


def test_another_programs_message_cannot_pose_as_a_request() -> None:
    """Attack: an account name that is a log line. sshd's message stays what it is: no request."""
    line = f"Nov  3 20:00:00 gw sshd[7]: Failed password for invalid user x {LINE.replace(CLIENT, FORGED)} port 1 ssh2"
    (quarantined,) = parse("weblog", line).quarantined
    assert quarantined.number == 1


def test_a_file_name_cannot_pose_as_the_client() -> None:
    """Attack: a path that holds nginx's own words for the client. Which one is real cannot be told: none is named."""
    path = f'/x, client: {FORGED}, server: a, request: "GET / HTTP/1.1", host: "b'
    line = (
        f'2026/11/03 20:00:00 [error] 1#1: *1 open() "{path}" failed (2: No such file or directory), '
        f'client: {CLIENT}, server: a, request: "GET /y HTTP/1.1", host: "b"'
    )
    error = read_error(line, dt.UTC)
    assert error is not None
    assert error.values.get("c-ip") is None


def test_apache_names_the_client_before_what_the_client_wrote() -> None:
    """Attack: a second [client ...] in the message. The first one is Apache's."""
    line = f"[Tue Nov 03 20:00:00 2026] [error] [client {CLIENT}] not found: /[client {FORGED}] x"
    error = read_error(line, dt.UTC)
    assert error is not None
    assert error.values["c-ip"] == CLIENT


def test_error_times_are_in_the_zone_that_is_said() -> None:
    """Error logs name no zone: 20:00 in Amsterdam's winter is 19:00 UTC."""
    zone = dt.timezone(dt.timedelta(hours=1))
    winter, utc = (read_error("2026/11/03 20:00:00 [notice] 1#1: x", each) for each in (zone, dt.UTC))
    assert winter is not None
    assert utc is not None
    assert (utc.time_us or 0) - (winter.time_us or 0) == 3_600_000_000


def test_a_stack_trace_keeps_its_moment_over_blocks() -> None:
    """The lines of a trace take the time of the message before them, also when a block ends between them."""
    each, _ = registry.by_name("weberror")
    parser = each.parser(ParseContext("log", 0))
    first = parser.parse(LineBlock("log", 1, [b""], ["[Tue Nov 03 20:00:00 2026] [error] PHP Fatal error"]))
    second = parser.parse(LineBlock("log", 2, [b""], ["  thrown in /srv/a.php on line 3"]))
    assert second.batches[0].table["time_us"] == first.batches[0].table["time_us"]
    assert second.batches[0].table[NUMBER].to_pylist() == [2]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("GET / HTTP/1.1", Request("GET", "/", "HTTP/1.1")),
        ("GET /a b HTTP/1.0", Request("GET", "/a b", "HTTP/1.0")),
        ("GET  HTTP/1.1", Request("GET", "", "HTTP/1.1")),
        ("GET /old", Request("GET", "/old", None)),
        ("/ HTTP/1.1", Request(None, "/", "HTTP/1.1")),
        (r"\x16\x03\x01", Request(None, r"\x16\x03\x01", None)),
        ("HELP", Request(None, "HELP", None)),
        ("-", Request(None, None, None)),
        ("", Request(None, None, None)),
    ],
)
def test_request_lines(line: str, expected: Request) -> None:
    """However broken a request is, what it had is kept and what it had not is null."""
    assert split_request(line) == expected


def test_unescape_leaves_what_is_no_text() -> None:
    """Control characters and bytes that are no UTF-8 stay as logged: inert and searchable."""
    assert unescape(r"caf\xC3\xA9 \x22 \\x22 \x16\x03 \xFF \n") == 'café " \\x22 \\x16\\x03 \\xff \\n'


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1:80", CLIENT), ("[2001:db8::1]:443", "2001:db8::1"), ("2001:db8::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", CLIENT), ("203.0.113.9, 192.0.2.1", CLIENT), ("-", None), ("unix:", None), ("", None),
        (None, None), ("gateway.example", "gateway.example"),
    ],
)  # fmt: skip
def test_client_addresses(text: str | None, address: str | None) -> None:
    """Ports, brackets, mapped addresses and lists come off; names stay."""
    assert client_address(text) == address


def test_host_names() -> None:
    """A virtual host has no port, and nginx's catch-all is none."""
    assert [host_name(text) for text in ("votes.example:443", "_", "-", "", None)] == ["votes.example", *[None] * 4]


@pytest.mark.parametrize(
    "header",
    [
        "Nov  3 20:00:00 web1 nginx[812]: ", "<190>Nov  3 20:00:00 web1 apache: ", "Nov 13 20:00:00 nginx: ",
        "<190>1 2026-11-03T20:00:00.1Z web1 nginx 812 - - ", '<190>1 2026-11-03T20:00:00Z web1 nginx - - [a b="c"] ',
        "2026-11-03T20:00:00.123456+01:00 web1 nginx[1]: ", "2026-11-03T20:00:00.123456789Z stdout F ", "web-1  | ",
        "<190>nginx: ",
    ],
)  # fmt: skip
def test_transports(header: str) -> None:
    """What carries a line comes off, and the line behind it is read as if it stood alone."""
    assert carried(header + LINE) == LINE
    assert row("weblog", header + LINE) == row("weblog", LINE)


@pytest.mark.parametrize(
    "program", ["nginx", "apache2", "httpd", "nginx_access", "portal-nginx", "docker/nginx", "Caddy"]
)
def test_web_servers_in_syslog(program: str) -> None:
    """A web server's message is the request or the error message that it reports, under its envelope's time."""
    web = WebMessages()
    assert web.take(program, LINE, 1, 7)
    assert web.take(program, f"2026/11/03 20:00:00 [error] 1#1: *1 x, client: {CLIENT}, server: a", 2_000_000, 8)
    assert not web.take(program, "signal process started", 3, 9)
    request, error = web.batches("log")
    assert (request.logsource, request.table[NUMBER].to_pylist()) == (WEB, [7])
    assert (error.logsource, error.table["time_us"].to_pylist()) == (WEB_ERROR, [2_000_000])


@pytest.mark.parametrize("program", [None, "sshd", "sudo", "notnginxatall", "x" * 200])
def test_other_programs_are_not_believed(program: str | None) -> None:
    """Attack: a log line in an account name or a command. Only a web server's own messages are requests."""
    web = WebMessages()
    assert not web.take(program, LINE, 1, 7)
    assert web.batches("log") == []


def test_a_line_alone_has_no_header() -> None:
    """An access line is not taken for something that carries another."""
    assert carried(LINE) is None


WEB_TESTS = (
    sorted(
        path
        for pattern in (
            "nginx*", "apache2*", "apache_log4j2*", "http-*", "modsecurity*", "npmplus*", "bunkerweb*", "CVE-2022-*",
        )
        for path in HUB.glob(f"{pattern}/*.log")
    )
    if HUB.is_dir()
    else []
)  # fmt: skip


@pytest.mark.skipif(not WEB_TESTS, reason="the open data in ../shared is not here")
@pytest.mark.parametrize("path", WEB_TESTS, ids=lambda path: path.parent.name)
def test_public_web_logs_are_read_in_full(path: Path) -> None:
    """Each web log of a public collection is recognised, and nothing but its blank lines is quarantined."""
    texts = path.read_text(errors="replace").splitlines()
    verdict = registry.detect(texts[:200], "lines")
    assert verdict.format is not None
    assert verdict.format.name in {"weblog", "weberror", "syslog"}
    parsed = parse(verdict.format.name, *texts)
    assert {line.reason for line in parsed.quarantined} <= {"empty line"}
    assert sum(map(len, parsed.batches)) == sum(bool(text.strip()) for text in texts)
