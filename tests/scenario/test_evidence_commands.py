"""``pollwatch seal``, ``verify`` and ``evidence`` as their users give them: arguments, files and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from commands import told as run
from pollwatch.evidence import checkpoint, monitor
from pollwatch.evidence.checkpoint import Checkpoint
from pollwatch.evidence.keys import Signer

LINES = [
    f'198.51.100.7 - - [03/Nov/2026:20:00:{n:02} +0000] "GET /status?n=1%27%20UNION%20SELECT%20{n},pw%20FROM%20v-- '
    f'HTTP/1.1" 500 {900 + n} "-" "sqlmap/1.8"\n'
    for n in range(40)
]


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """A folder with a scanned log and its case; scanning twice seals nothing twice."""
    (tmp_path / "access.log").write_text("".join(LINES))
    for _ in range(2):
        assert run("scan", "access.log", "--case", "case", cwd=tmp_path).returncode == 0
    return tmp_path


def test_an_office_proves_an_incident_to_a_stranger(case: Path) -> None:
    """Scan, export, verify with and without policy; a flipped byte, another log's policy and a lost original fail."""
    incident = json.loads(run("incidents", "list", "--case", "case", "--json", cwd=case).stdout)["incidents"][0]
    (case / "claim.json").write_text("{}")
    export = ("seal", "export", incident["id"], "--case", "case", "-o", "bundle.zip", "--attach", "claim.json")
    done = run(*export, cwd=case)
    assert (done.returncode, done.stdout) == (0, "")
    assert f"{incident['line_count']} log lines" in done.stderr

    policy = run("evidence", "policy", "--case", "case", cwd=case)
    (case / "policy").write_text(policy.stdout)
    report = json.loads(run("verify", "bundle.zip", "--policy", "policy", "--json", cwd=case).stdout)
    assert (report["kind"], report["grade"]) == ("bundle", "asserted")
    shown = run("verify", "bundle.zip", cwd=case)
    assert shown.returncode == 0
    assert incident["id"] in shown.stdout

    data = (case / "bundle.zip").read_bytes()
    place = data.index(b"lines/00000000.json{") + 100
    (case / "flipped.zip").write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    done = run("verify", "flipped.zip", cwd=case)
    assert (done.returncode, done.stdout) == (4, "")
    assert "lines/00000000.json" in done.stderr

    (case / "other").write_text(f"log {Signer.generate('other').verifier.vkey}\nquorum none\n")
    done = run("verify", "bundle.zip", "--policy", "other", cwd=case)
    assert done.returncode == 4
    assert "not in the policy" in done.stderr

    (case / "access.log").write_text("".join(LINES).replace("sqlmap", "curl"))
    done = run(*export, cwd=case)
    assert done.returncode == 4
    assert "no longer what was sealed" in done.stderr
    (case / "access.log").unlink()
    assert run(*export, cwd=case).returncode == 3
    assert run(*export, "--without-lines", cwd=case).returncode == 0
    assert run("verify", "bundle.zip", cwd=case).returncode == 0


def test_an_office_shows_an_address_without_the_user(tmp_path: Path) -> None:
    """Scan, show one field of a line to a rival, who reads it with either verifier and sees nothing else of it."""
    line = "Nov  3 20:00:07 gate sshd[7]: Failed password for a.visser from 203.0.113.9 port 4711 ssh2\n"
    (tmp_path / "auth.log").write_text(line * 3)
    assert run("scan", "auth.log", "--case", "case", cwd=tmp_path).returncode == 0
    export = ("seal", "export", "--case", "case", "-o", "f.zip")
    done = run(*export, "--line", "auth.log:2", "--field", "ip", "--field", "time", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "fields of 1 log line" in done.stderr
    told = "Field ip of line 2 of auth.log was sealed with the value 203.0.113.9; the rest of the line is not shown."
    shown = run("verify", "f.zip", cwd=tmp_path)
    assert told in shown.stdout
    assert "11-03T20:00:07Z" in shown.stdout
    command = [sys.executable, "-m", "pollwatch.evidence.verify", "f.zip"]
    alone = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (alone.returncode, alone.stdout) == (0, shown.stdout)
    report = json.loads(run("verify", "f.zip", "--json", cwd=tmp_path).stdout)
    assert {"input": "auth.log", "line": 2, "name": "ip", "value": "203.0.113.9"} in report["fields"]
    for secret in (b"a.visser", b"port 4711", b"Failed"):
        assert secret not in (tmp_path / "f.zip").read_bytes()
    for wrong, code in (
        (("--field", "ip"), 2),
        (("--line", "auth.log:2", "--field", "color"), 4),
        (("--line", "auth.log:9", "--field", "ip"), 4),
    ):
        assert run(*export, *wrong, cwd=tmp_path).returncode == code


def test_an_operator_looks_after_the_logs(case: Path) -> None:
    """Seal by hand, show the checkpoint, check everything; a damaged tile is named, and a folder without case said."""
    before = run("evidence", "checkpoint", "--case", "case", cwd=case).stdout
    assert run("seal", "now", "--case", "case", cwd=case).returncode == 0
    after = run("evidence", "checkpoint", "--case", "case", cwd=case).stdout
    assert int(after.split("\n")[1]) == int(before.split("\n")[1]) + 1
    done = run("evidence", "fsck", "--case", "case", cwd=case)
    assert done.returncode == 0
    assert "/private: 3 entries" in done.stderr  # a batch, its sequence entry, an incident
    tiles = sorted((case / "case" / "evidence" / "private" / "public" / "tile" / "entries").rglob("[0-9]"))
    tiles[-1].write_bytes(tiles[-1].read_bytes().replace(b'"lines":40', b'"lines":41'))
    done = run("evidence", "fsck", "--case", "case", cwd=case)
    assert done.returncode == 4
    assert "tile/entries/000" in done.stderr
    assert run("evidence", "fsck", "--case", "nowhere", cwd=case).returncode == 3
    assert run("verify", "nowhere.zip", cwd=case).returncode == 3


def test_a_forked_log_is_shown_to_anybody(tmp_path: Path) -> None:
    """The proof against a member that rewrote its log verifies; an invented one is refused."""
    log = Signer.generate("b.example/shared")
    first, second = (checkpoint.signed(Checkpoint(log.name, 3, bytes([n]) * 32), [log]) for n in (1, 2))
    proof = monitor.find_fork(log.verifier, first, second)
    assert proof is not None
    (tmp_path / "fork.json").write_bytes(proof.to_bytes())
    done = run("verify", "fork.json", cwd=tmp_path)
    assert done.returncode == 0
    assert "b.example/shared" in done.stdout
    invented = monitor.ForkProof(log.verifier, first, first, ())
    (tmp_path / "invented.json").write_bytes(invented.to_bytes())
    done = run("verify", "invented.json", cwd=tmp_path)
    assert done.returncode == 4
    assert "no fork is shown" in done.stderr
