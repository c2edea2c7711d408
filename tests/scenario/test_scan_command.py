"""``pollwatch scan`` from its arguments to its output and exit code; where pipes matter, as a process."""

import bz2
import gzip
import json
import lzma
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import zstandard
from referencing import Registry, Resource

from commands import here, process
from pollwatch.detect import state
from pollwatch.incidents.export import SCHEMA_FILES, schema

ATTACKER = "198.51.100.7"


def line(
    n: int, ip: str, request: str, status: int, agent: str = "Mozilla/5.0 (X11; Linux x86_64) Firefox/126.0"
) -> str:
    """One combined access-log line, a second after the one before."""
    when = f"03/Nov/2026:21:{n // 60:02}:{n % 60:02} +0100"
    return f'{ip} - - [{when}] "{request} HTTP/1.1" {status} {900 + n} "-" "{agent}"\n'


def week() -> str:
    """Visitors, and one who tries SQL injection with a tool that names itself."""
    rows = [line(n, f"203.0.113.{n % 40}", f"GET /status?number={n}", 200) for n in range(200)]
    rows += [
        line(
            200 + n,
            ATTACKER,
            f"GET /status?number=1%27%20UNION%20SELECT%20{n},password%20FROM%20voters--",
            500,
            "sqlmap/1.8",
        )
        for n in range(60)
    ]
    return "".join(rows)


def scan(*arguments: str) -> dict[str, Any]:
    """Scan with --json and check the document against its published schema."""
    return checked(here("scan", "--json", *arguments))


def checked(done: subprocess.CompletedProcess[bytes]) -> dict[str, Any]:
    """The document that a scan wrote."""
    assert done.returncode == 0, done.stderr.decode()
    document: dict[str, Any] = json.loads(done.stdout)
    check(document, "scan-1.json")
    return document


def check(document: object, name: str) -> None:
    """Validate against a published schema, which may refer to the others."""
    contents: list[Any] = [schema(each) for each in SCHEMA_FILES]
    registry: Registry[Any] = Registry().with_resources(
        [(each["$id"], Resource.from_contents(each)) for each in contents]
    )
    jsonschema.Draft202012Validator(schema(name), registry=registry).validate(document)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """An access log with one attack."""
    path = tmp_path / "access.log"
    path.write_text(week())
    return path


def test_json_document(log: Path) -> None:
    """The contract: inputs add up, the attack is one incident that names its source, tool, technique and lines."""
    document = checked(process("scan", "--json", str(log), "--with-lines"))
    (counted,) = document["inputs"]
    assert (counted["lines"], counted["parsed"], counted["quarantined"]) == (260, 260, 0)
    assert counted["first"] == "2026-11-03T20:00:00Z"
    (incident,) = document["incidents"]
    assert incident["actors"]["ip"] == [ATTACKER]
    assert "sqlmap" in incident["tools"]
    assert "T1190" in incident["techniques"]
    assert {each["number"] for each in incident["lines"]} == set(range(201, 261))
    assert incident["line_count"] == 60


def test_jsonl_stream(log: Path) -> None:
    """One record a line: the input, the incident, the summary."""
    done = here("scan", "--jsonl", str(log))
    records = [json.loads(each) for each in done.stdout.splitlines()]
    assert [each["record"] for each in records] == ["input", "incident", "summary"]
    for each in records:
        check(each, "scan-lines-1.json")


@pytest.mark.parametrize(
    ("ending", "compress"),
    [
        ("gz", gzip.compress),
        ("bz2", bz2.compress),
        ("xz", lzma.compress),
        ("zst", zstandard.ZstdCompressor().compress),
        ("utf16", lambda data: data.decode().encode("utf-16")),
        ("bom", lambda data: data.decode().encode("utf-8-sig")),
    ],
)
def test_every_wrapping_gives_the_same(log: Path, ending: str, compress: Callable[[bytes], bytes]) -> None:
    """Compression and encoding change nothing about what is found."""
    wrapped = log.with_name(f"access.log.{ending}")
    wrapped.write_bytes(compress(log.read_bytes()))
    plain, other = scan(str(log)), scan(str(wrapped))
    for document in (plain, other):
        for incident in document["incidents"]:
            del incident["id"], incident["title"], incident["summary"], incident["why"], incident["advice"]
    assert other["incidents"] == plain["incidents"]


def test_stdin(log: Path) -> None:
    """A pipe works, and its path is ``-``."""
    document = checked(process("scan", "--json", "-", stdin=log.read_bytes()))
    assert document["inputs"][0]["path"] == "-"
    assert len(document["incidents"]) == 1


def test_since_and_until(log: Path) -> None:
    """Events outside of the span raise nothing; lines are still counted."""
    assert not scan(str(log), "--until", "2026-11-03T20:03:00Z")["incidents"]
    assert scan(str(log), "--since", "2026-11-03T21:03:00+01:00")["incidents"]


def test_exit_codes(log: Path, tmp_path: Path) -> None:
    """Each kind of trouble has its code, and a sentence that names what to do."""
    assert here("scan", str(log)).returncode == 0
    assert process("scan", str(log), "--fail-on", "medium").returncode == 1
    assert here("scan", str(log), "--fail-on", "critical").returncode == 0
    assert here("scan").returncode == 2
    assert here("scan", str(log), "--json", "--jsonl").returncode == 2
    assert process("scan", str(tmp_path / "none.log")).returncode == 3
    assert b"none.log" in here("scan", str(tmp_path / "none.log")).stderr
    assert here("scan", str(log), "--format", "webblog").returncode == 3
    assert b"weblog" in here("scan", str(log), "--format", "webblog").stderr
    (tmp_path / "pollwatch.toml").write_text("[node]\nnmae = 'x'\n")
    done = here("scan", str(log), cwd=tmp_path)
    assert done.returncode == 6
    assert b"nmae" in done.stderr


def test_damaged_and_unknown_inputs(log: Path, tmp_path: Path) -> None:
    """A truncated archive is read as far as it goes, an unknown file is counted; the code says that it was not all."""
    damaged = tmp_path / "damaged.log.gz"
    damaged.write_bytes(gzip.compress(log.read_bytes() * 50)[:-200])
    unknown = tmp_path / "poem.txt"
    unknown.write_text("Roses are red\nviolets are blue\n")
    done = here("scan", "--json", str(damaged), str(unknown))
    assert done.returncode == 3
    first, second = json.loads(done.stdout)["inputs"]
    assert first["lines"] > 1000
    assert (second["format"], second["lines"], second["quarantined"]) == ("unknown", 2, 2)
    assert b"damaged.log.gz" in done.stderr
    assert b"poem.txt" in done.stderr


def test_what_correlations_had_to_forget_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood that fills the memory of correlations hides slow attacks from them, but not that it does."""
    path = tmp_path / "access.log"
    path.write_text("".join(line(n % 3600, f"203.0.113.{n % 200}", f"GET /{n}", 404) for n in range(3_000)))
    assert b"forgotten" not in here("scan", str(path)).stderr
    monkeypatch.setattr(state, "MOST", 100)
    assert b"forgotten for want of memory" in here("scan", str(path)).stderr


def test_own_rules_are_added(log: Path, tmp_path: Path) -> None:
    """--rules adds to the shipped pack; a rule that does not load is named with its reason, and the rest runs."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "own.yml").write_text(
        "title: Number 7 was looked up\nid: 5f0bd5a4-6c0b-4c39-9b0e-0d6a3a3c9a11\nstatus: test\nlevel: high\n"
        "logsource: {category: webserver}\ndetection:\n  s: {cs-uri-query: 'number=7'}\n  condition: s\n"
    )
    (folder / "broken.yml").write_text("title: x\ndetection: {condition: nowhere}\n")
    done = here("scan", "--json", str(log), "--rules", str(folder))
    assert done.returncode == 0
    titles = {rule["title"] for incident in json.loads(done.stdout)["incidents"] for rule in incident["rules"]}
    assert "Number 7 was looked up" in titles
    assert len(titles) > 1
    assert b"broken.yml" in done.stderr


def test_closed_pipe_is_quiet(log: Path) -> None:
    """``pollwatch scan | head -1`` ends without a traceback."""
    done = subprocess.run(  # noqa: S602 - the pipe is the point
        f"'{sys.executable}' -m pollwatch scan --json --with-lines '{log}' | head -1",
        shell=True,
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == b"{\n"
    assert b"Traceback" not in done.stderr


def test_case_is_idempotent(log: Path, tmp_path: Path) -> None:
    """Scanning the same input again adds nothing twice, whatever the file is called then."""
    case = str(tmp_path / "case")
    first = scan(str(log), "--case", case)
    again = scan(str(log), "--case", case)
    log.rename(log.with_name("access.log.1"))
    renamed = scan(str(log.with_name("access.log.1")), "--case", case)
    assert [i["id"] for i in first["incidents"]] == [i["id"] for i in again["incidents"]]
    assert again["inputs"] == first["inputs"] == renamed["inputs"]
    assert again["incidents"] == renamed["incidents"]


def test_explain_shows_the_decision() -> None:
    """One line: how formats scored, its fields, and which rules fit and why."""
    done = here("explain", line(1, ATTACKER, "GET /?id=1%27%20or%201=1--", 200).strip(), "--json")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert document["format"] == "weblog"
    assert document["fields"]["c-ip"] == ATTACKER
    assert any(rule["fits"] for rule in document["rules"])
    assert any(not rule["fits"] and rule["parts"] for rule in document["rules"])
    assert here("explain", "Roses are red").returncode == 3


def test_quarantine_shows_what_was_not_understood(log: Path) -> None:
    """Each line that was not understood, with its number and the reason."""
    log.write_text(log.read_text() + "garbage here\n\n")
    done = here("sources", "quarantine", str(log), "--json")
    rows = [json.loads(each) for each in done.stdout.splitlines()]
    assert [row["number"] for row in rows] == [261, 262]
    assert all(row["reason"] for row in rows)
