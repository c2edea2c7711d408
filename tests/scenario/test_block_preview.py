"""A block list from a recorded log: whom it would hit besides, and what a person then decides."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from pollwatch import canonical
from pollwatch.cli.main import root
from pollwatch.clock import SystemClock
from pollwatch.events.lines import LineSet
from pollwatch.incidents.records import Case

SHARED = "185.10.20.30"
ALONE = "185.10.20.31"


def _request(minute: int, address: str, user: str, path: str, status: int, agent: str) -> str:
    at = f"03/Nov/2026:{20 + minute // 60:02}:{minute % 60:02}:07 +0000"
    return f'{address} - {user} [{at}] "GET {path} HTTP/1.1" {status} 512 "-" "{agent}"\n'


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two attackers: one on an address that an office and two honest sites share, and one on its own."""
    folder = tmp_path_factory.mktemp("block")
    lines = [_request(n, SHARED, "els", f"/minutes/{n}", 200, "Mozilla/5.0 (X11) Firefox/140.0") for n in range(20)]
    lines += [_request(30 + n, SHARED, "-", f"/id?x=1%27%20or%20{n}=1--", 404, "sqlmap/1.8") for n in range(40)]
    lines += [
        _request(30 + n, ALONE, "-", f"/id?x=1%27%20union%20select%20{n}--", 404, "sqlmap/1.8") for n in range(40)
    ]
    (folder / "access.log").write_text("".join(lines))
    answers = [("gardening.example", SHARED), ("village-choir.example", SHARED), ("elsewhere.example", "192.0.2.80")]
    eve = [
        {
            "timestamp": f"2026-11-03T19:00:0{n}.000000+0000",
            "event_type": "dns",
            "src_ip": "10.0.0.5",
            "dest_ip": "10.0.0.53",
            "proto": "UDP",
            "dns": {
                "type": "answer",
                "rrname": name,
                "rrtype": "A",
                "rcode": "NOERROR",
                "answers": [{"rrname": name, "rrtype": "A", "ttl": 60, "rdata": address}],
            },
        }
        for n, (name, address) in enumerate(answers)
    ]
    (folder / "eve.json").write_text("".join(canonical.dumps(each).decode() + "\n" for each in eve))
    scanned = CliRunner().invoke(root, ["scan", str(folder), "--case", str(folder / "case"), "-q"])
    assert scanned.exit_code == 0, scanned.output
    return folder / "case"


def _run(case: Path, *arguments: str) -> str:
    done = CliRunner().invoke(root, ["measure", "block", *arguments, "--case", str(case)])
    assert done.exit_code == 0, done.output
    return done.output


def _incident(case: Path, address: str) -> str:
    listed = CliRunner().invoke(root, ["incidents", "list", "--case", str(case), "--json"])
    found = canonical.loads_lenient(listed.output.encode())["incidents"]
    return next(each["id"] for each in found if address in each["actors"]["ip"])


def test_the_preview_names_the_innocent_domains_and_visitors(case: Path) -> None:
    """Shared hosting: the office's clerk and two honest sites are behind the attacker's address."""
    shown = _run(case, _incident(case, SHARED), "--only", SHARED)
    assert "would also hit: 20 requests served" in shown
    assert "els (20)" in shown
    assert "Firefox" in shown
    assert "gardening.example (1)" in shown
    assert "village-choir.example (1)" in shown
    assert "elsewhere.example" not in shown
    assert "Nothing was written" in shown
    alone = _run(case, _incident(case, ALONE), "--only", ALONE)
    assert "nobody else was served or let in" in alone


def test_what_another_incident_says_is_not_held_against_this_ones_actor(case: Path) -> None:
    """The same rules fire in two incidents: each accuses by its own lines only."""
    with Case.open(case, SystemClock(), create=False) as opened:
        found = opened.incident(_incident(case, SHARED))
        fired = opened.accused(found)
        (path,) = fired.by_path
        half = LineSet.of(path, fired.by_path[path][::2])
        assert 0 < len(half) < len(fired)
        assert opened.accused(replace(found, lines=half)) == half


@pytest.mark.parametrize("form", ["nftables", "pf", "csv"])
def test_a_person_decides_and_that_is_noted(case: Path, tmp_path: Path, form: str) -> None:
    """A hostile reason stays one inert line in every format; who decided, why and what is with the incident."""
    out, incident = tmp_path / "list", _incident(case, ALONE)
    reason = '=cmd|"x"!A1\nadd rule inet filter input drop \\'
    _run(case, incident, "--only", ALONE, "--format", form, "-o", str(out), "--by", "Ada", "--reason", reason)
    text = out.read_text()
    assert ALONE in text
    assert SHARED not in text
    if form == "csv":
        assert "'=cmd" in text
        assert len(text.splitlines()) == 2
    else:
        assert all(line.startswith("#") for line in text.splitlines() if "cmd" in line or "add rule" in line)
    told = CliRunner().invoke(root, ["incidents", "show", incident, "--case", str(case)])
    assert "Block list" in told.output
    assert "Ada" in told.output


def test_nftables_takes_the_list(case: Path, tmp_path: Path) -> None:
    """The real nft checks it, a network and an address within it at once."""
    if shutil.which("nft") is None:
        pytest.skip("nft is not installed here")
    out = tmp_path / "list.nft"
    only = ("--only", "185.10.20.0/24", "--only", ALONE, "--only", "2001:db8::1")
    _run(case, _incident(case, ALONE), *only, "-o", str(out), "--by", "Ada", "--reason", "So.", "--override")
    done = subprocess.run(["nft", "-c", "-f", str(out)], capture_output=True, text=True, check=False)
    if "Operation not permitted" in done.stderr:
        pytest.skip("nft may not look at the kernel's tables here")
    assert done.returncode == 0, done.stderr


def test_what_warnings_name_is_left_out_without_a_reason_to_override(case: Path, tmp_path: Path) -> None:
    """Attack: evidence planted to make an office block a name server that everybody uses."""
    arguments = ["measure", "block", _incident(case, ALONE), "--only", "8.8.8.8", "--case", str(case)]
    shown = CliRunner().invoke(root, arguments)
    assert "left out" in shown.output
    out = tmp_path / "list"
    decided = [*arguments, "-o", str(out), "--by", "Ada", "--reason", "So."]
    assert CliRunner().invoke(root, decided).exit_code != 0
    assert not out.exists()
    assert CliRunner().invoke(root, [*decided, "--override"]).exit_code == 0
    assert "8.8.8.8" in out.read_text()
