"""Canaries: whoever touches one is told, whatever the log, and nobody else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.commands import told
from tests.contract.detect.test_detectors import parsed

from pollwatch.detect.canary import CanaryDetector
from pollwatch.detect.interface import Seen
from pollwatch.election.canaries import Canary, parse_canaries
from pollwatch.errors import ConfigError
from pollwatch.events.detection import Detection

CANARIES = (
    Canary("account in the old handbook", ("svc_reports",)),
    Canary("made-up voter", ("/internal/voters-2019.bak", "9001337")),
)
SSH = "Nov  3 20:00:0{n} vote1 sshd[4711]: {message}"
WEB = '203.0.113.9 - - [03/Nov/2026:20:00:00 +0000] "GET {uri} HTTP/1.1" 200 5 "-" "curl/8"'


def _sung(lines: list[str]) -> list[Detection]:
    detector = CanaryDetector(CANARIES)
    return [each for batch in parsed(lines) for each in detector.step({}, Seen(batch), None, done=False)[1]]


def test_an_account_that_nobody_owns() -> None:
    """A stolen word list, tried: even a refused log-in says that somebody has read what they were not meant to."""
    lines = [
        SSH.format(n=1, message="Failed password for invalid user svc_reports from 203.0.113.9 port 22 ssh2"),
        SSH.format(n=2, message="Failed password for clerk from 10.0.0.4 port 22 ssh2"),
    ]
    (found,) = _sung(lines)
    assert found.actors.ip == ("203.0.113.9",)
    assert found.succeeded
    assert list(found.lines) == [("sample", 1)]
    assert "account in the old handbook" in found.why


@pytest.mark.parametrize("uri", ["/internal/voters-2019.bak", "/INTERNAL/voters-2019.BAK?x=1", "/voter?id=9001337"])
def test_a_file_and_a_record_that_nobody_links(uri: str) -> None:
    """A canary is found anywhere in a request, in any case."""
    (found,) = _sung([WEB.format(uri=uri)])
    assert "made-up voter" in found.why


@pytest.mark.parametrize("others", [0, 20])
@pytest.mark.parametrize("first", [0, 2])
def test_one_among_few_or_many_and_in_part_of_a_batch(others: int, first: int) -> None:
    """However many canaries there are, and whatever stands before the lines that are looked at."""
    canaries = [*CANARIES, *(Canary(f"file {n}", (f"/nobody/links-this-{n}",)) for n in range(others))]
    lines = [WEB.format(uri=uri) for uri in ("/", "/Internal/Voters-2019.bak", "/a", "/internal/voters-2019.bak")]
    (batch,) = parsed(lines)
    part = replace(batch, table=batch.table.slice(first))
    (found,) = CanaryDetector(canaries).step({}, Seen(part), None, done=False)[1]
    assert [number for _path, number in found.lines] == [2, 4][first // 2 :]


@pytest.mark.parametrize("uri", ["/voter?id=90013371", "/svc_reports_archive", "/internal/voters-2019.bak.html"])
def test_part_of_a_longer_name_is_none(uri: str) -> None:
    """What merely begins alike does not count."""
    assert _sung([WEB.format(uri=uri)]) == []


def test_a_scan_sets_them_up_from_the_configuration(tmp_path: Path) -> None:
    """``[[canary]]`` in the configuration, a log, and the incident is high."""
    (tmp_path / "pollwatch.toml").write_text('[[canary]]\nname = "decoy"\nappears_as = ["svc_reports"]\n', "utf-8")
    line = SSH.format(n=1, message="Failed password for invalid user svc_reports from 203.0.113.9 port 22 ssh2")
    (tmp_path / "auth.log").write_text(line + "\n", "utf-8")
    done = told("scan", "auth.log", "--json", "--fail-on", "high", cwd=tmp_path)
    assert done.returncode == 1
    assert "Somebody touched a canary: vote1, by 203.0.113.9" in done.stdout
    assert "decoy was touched: svc_reports" in done.stdout


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"name": "x"}, "appears_as is missing"),
        ({"name": "x", "appears_as": ["abc"]}, "by chance"),
        ({"name": "x", "appears_as": ["abcdef"], "zone": "x"}, "zone"),
    ],
)
def test_what_would_sing_by_chance_is_refused(table: dict[str, object], said: str) -> None:
    """A marker that is too short, missing or misspelt is an error that names it."""
    with pytest.raises(ConfigError, match=said):
        parse_canaries([table])
