"""Files in which a log host keeps several programs together."""

import datetime as dt

import pytest

from pollwatch.events.batch import EventBatch
from pollwatch.events.block import LineBlock
from pollwatch.formats import registry
from pollwatch.formats.framing_web import carries_web
from pollwatch.formats.interface import ParseContext

ASKED = '192.0.2.30 - - [03/Nov/2026:20:02:00 +0000] "GET /?q=1 HTTP/1.1" 200 5 "-" "x"'
FAILED = (
    "2026/11/03 20:02:06 [error] 31#31: *7 access forbidden by rule, client: 192.0.2.30, server: votes.example, "
    'request: "GET /x HTTP/1.1", host: "votes.example"'
)
HEADERS = {
    "RFC 3164": "Nov  3 20:02:00 web1 {program}[812]: ",
    "priority": "<190>Nov  3 20:02:00 web1 {program}: ",
    "RFC 5424": "<190>1 2026-11-03T20:02:00Z web1 {program} 812 - - ",
    "ISO": "2026-11-03T20:02:00.123+00:00 web1 {program}[812]: ",
}


def read(lines: list[str]) -> dict[str, EventBatch]:
    """What the detected format makes of some lines, by logsource; nothing may be quarantined."""
    verdict = registry.detect(lines, "lines")
    assert verdict.format is not None
    context = ParseContext("mixed.log", 1_793_836_800_000_000, dt.UTC)
    parsed = verdict.format.parser(context).parse(LineBlock("mixed.log", 1, [each.encode() for each in lines], lines))
    assert (parsed.quarantined, sum(map(len, parsed.batches))) == ([], len(lines))
    return {str(batch.logsource): batch for batch in parsed.batches}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
@pytest.mark.parametrize("web_lines", [1, 5, 50])
def test_neither_side_of_a_mixed_file_is_lost(header: str, web_lines: int) -> None:
    """An attack on the web server and one on sshd, in one file of a log host, are both seen whatever prevails."""
    sshd = header.format(program="sshd") + "Failed password for root from 203.0.113.9 port 22 ssh2"
    web = [header.format(program="nginx") + ASKED, header.format(program="nginx") + FAILED]
    found = read([*web * web_lines, sshd])
    assert found["*/linux/auth"].table["src_ip"].to_pylist() == ["203.0.113.9"]
    requests = next(batch for name, batch in found.items() if name.startswith("webserver"))
    assert requests.table["c-ip"].to_pylist() == ["192.0.2.30"] * web_lines


def test_what_comes_after_the_sample_is_read_too() -> None:
    """A file that begins with nothing but requests may go on with other programs."""
    web = HEADERS["RFC 3164"].format(program="nginx") + ASKED
    verdict = registry.detect([web] * 200, "lines")
    assert verdict.format is not None
    assert verdict.format.name == "syslog"


def test_only_web_servers_are_believed() -> None:
    """A user name at sshd that looks like a request does not become one."""
    forged = HEADERS["RFC 3164"].format(program="sshd") + "Invalid user x nginx: " + ASKED + " from 203.0.113.9 port 22"
    assert not carries_web(forged)
    assert set(read([forged, forged])) == {"*/linux/auth"}
