"""Indicators from the outside into detection, as a clerk's analyst does it: real cases, on the command line."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pollwatch.cli import main

GRIZZLY = Path(__file__).parents[2].parent / "shared" / "data" / "grizzly-steppe" / "JAR-16-20296A.csv"
Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """``pollwatch WORDS... --case case --json`` in a folder of its own; gives the document."""
    monkeypatch.chdir(tmp_path)

    def command(*words: str, code: int = 0) -> Any:  # noqa: ANN401 - JSON
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main.run([*words, "--case", "case", "--json"])
        told = capsys.readouterr()
        assert int(ended.value.code or 0) == code, told.err
        return json.loads(told.out) if told.out else None

    return command


def benign(path: Path, planted: list[str]) -> None:
    """Two days of ordinary visits to a results page, those of the planted addresses among them."""
    lines = []
    for number in range(6_000):
        seconds = number * 28
        day, rest = 3 + seconds // 86_400, seconds % 86_400
        when = f"{day:02d}/Nov/2026:{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d} +0000"
        client = planted[number // 5 % len(planted)] if number % 5 == 0 else f"198.51.{number % 90}.{number % 250}"
        page = ("", "results", "style.css", "results/ward-7")[number % 4]
        lines.append(
            f'{client} - - [{when}] "GET /{page} HTTP/1.1" 200 {900 + number % 60} "-" "Mozilla/5.0 Firefox/130"'
        )
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.skipif(not GRIZZLY.exists(), reason="no ../shared")
def test_grizzly_steppe_2016(run: Run, tmp_path: Path) -> None:
    """876 addresses, nearly half of them exits and shared hosts: marked weak, and no visit becomes an alarm."""
    first = run("indicators", "import", str(GRIZZLY), "--source", "JAR-16-20296A")["imports"][0]
    assert first["kinds"] == {"ipv4-addr": 876, "file-hash": 24, "domain-name": 10, "url": 1}
    assert not first["refused"]
    assert sum(each["kind"] == "ipv4-addr" for each in first["weak_indicators"]) >= 400
    again = run("indicators", "import", str(GRIZZLY), "--source", "JAR-16-20296A")["imports"][0]
    assert (again["new"], again["unchanged"]) == (0, 911)

    with GRIZZLY.open(encoding="utf-8-sig", newline="") as file:
        planted = [row["INDICATOR_VALUE"] for row in csv.DictReader(file) if row["TYPE"] == "IPV4ADDR"]
    benign(tmp_path / "access.log", planted)
    accepted = run("indicators", "accept", "--all-new", "--by", "Ann")
    assert len(accepted["done"]) + len(accepted["refused"]) == 911
    assert len(accepted["refused"]) >= 400
    run(
        "indicators", "accept", *[each["id"] for each in accepted["refused"][:100]], "--override", "--reason", "a drill"
    )
    found = run("scan", "access.log")["incidents"]
    severities = Counter(each["severity"] for each in found)
    assert severities.keys() <= {"info", "low"}
    assert severities["low"] > 300
    named = {ip for each in found for ip in each["actors"]["ip"]}
    unused = {each["value"] for each in accepted["refused"][100:]}
    assert not named & unused


def test_vr_systems_2016(run: Run, tmp_path: Path) -> None:
    """A fake vendor's mail to a hundred offices is found in the mail log of weeks ago, by itself, on the warning."""
    mail = [
        f"Oct {27 + at // 50:2d} {at % 24:02d}:{at % 60:02d}:07 mail postfix/qmgr[812]: 4X{at:04d}: "
        f"from=<clerk{at}@county.example>, size=2100, nrcpt=1 (queue active)"
        for at in range(200)
    ]
    mail[120] = (
        "Oct 31 10:04:11 mail postfix/qmgr[812]: 4XFAKE: "
        "from=<vr.elections@evil.example>, size=91000, nrcpt=3 (queue active)"
    )
    (tmp_path / "mail.log").write_text("\n".join(mail) + "\n")
    assert run("scan", "mail.log")["incidents"] == []
    (tmp_path / "warning.txt").write_text("vr[.]elections[@]evil[.]example  # fake vendor\n198.51.100.77\n")
    run("indicators", "import", "warning.txt", "--source", "the federal agency")
    assert run("hunt", "--for", "vr.elections@evil.example")["hits"][0]["lines"] == 1
    assert run("incidents", "list")["incidents"] == []  # only looked
    outside = {name: digest_of(tmp_path / "case" / name) for name in ("evidence/shared", "joint/gateway")}
    decided = run("indicators", "accept", "--all-new", "--by", "Ann")
    (hit,) = decided["hunt"]["hits"]
    assert (decided["hunt"]["searched"], hit["lines"]) == (2, 1)
    (incident,) = run("incidents", "list")["incidents"]
    assert hit["incidents"] == [incident["id"]]
    assert incident["severity"] == "low"
    assert "the federal agency (not signed): no member says that it saw it itself" in incident["why"][0]
    again = run("hunt")
    assert (again["new_lines"], again["hits"][0]["incidents"]) == (0, [incident["id"]])
    assert [each["id"] for each in run("incidents", "list")["incidents"]] == [incident["id"]]
    # Attack 26: whoever watches the shared log or the gateway sees no sign of the hunt.
    assert {name: digest_of(tmp_path / "case" / name) for name in outside} == outside


def test_a_hit_joins_the_attack_it_belongs_to(run: Run, tmp_path: Path) -> None:
    """An indicator of an address that attacked becomes part of that incident, which keeps its severity and id."""
    attack = [
        f"45.155.205.7 - - [03/Nov/2026:21:{at // 60:02d}:{at % 60:02d} +0000] "
        f'"GET /?id=1%27%20UNION%20SELECT%20{at},password%20FROM%20users-- HTTP/1.1" 200 900 "-" "Mozilla/5.0"'
        for at in range(40)
    ]
    (tmp_path / "access.log").write_text("\n".join(attack) + "\n")
    (before,) = run("scan", "access.log")["incidents"]
    (tmp_path / "list.txt").write_text("45.155.205.0/24\n")
    run("indicators", "import", "list.txt")
    run("indicators", "accept", "45.155.205.0/24", "--by", "Ann")
    (after,) = run("incidents", "list")["incidents"]
    assert (after["id"], after["severity"]) == (before["id"], before["severity"])
    assert any(each["id"].startswith("indicator.") for each in after["rules"])


def test_an_interrupted_hunt_is_made_up_for(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between accepting and hunting, the next accept or hunt searches for what was left, and finds it once."""
    from pollwatch.node.indicators import hunting

    benign(tmp_path / "access.log", ["45.155.205.7"])
    run("scan", "access.log")
    (tmp_path / "list.txt").write_text("45.155.205.7\nevil.example\n")
    run("indicators", "import", "list.txt")
    with monkeypatch.context() as patch:
        patch.setattr(hunting, "_search", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        run("indicators", "accept", "45.155.205.7", code=130)
    assert run("incidents", "list")["incidents"] == []
    decided = run("indicators", "accept", "evil.example")
    assert (decided["hunt"]["searched"], len(decided["hunt"]["hits"])) == (2, 1)
    assert len(run("incidents", "list")["incidents"]) == 1


def test_what_is_not_decided_is_not_used(run: Run, tmp_path: Path) -> None:
    """New and rejected indicators raise nothing; a weak one needs a reason, and its override is on record."""
    benign(tmp_path / "access.log", ["45.155.205.7", "45.155.205.8", "8.8.8.8"])
    (tmp_path / "list.txt").write_text("45.155.205.7\n45.155.205.8\n8.8.8.8\n")
    run("indicators", "import", "list.txt")
    run("indicators", "reject", "45.155.205.8", "--by", "Ann")
    assert run("scan", "access.log")["incidents"] == []
    refused = run("indicators", "accept", "8.8.8.8", code=6)["refused"]
    assert "public DNS" in refused[0]["reason"]
    run("indicators", "accept", "8.8.8.8", "--override", "--reason", "seen in a dropper", "--by", "Ann")
    told = run("indicators", "show", "8.8.8.8")
    assert told["state"] == "override"
    assert told["decisions"][0] | {"time": "", "private_log_index": 0} == {
        "act": "accept", "who": "Ann", "reason": "seen in a dropper", "time": "",
        "overrides": told["warnings"], "private_log_index": 0,
    }  # fmt: skip
    assert told["decisions"][0]["private_log_index"] is not None


def digest_of(folder: Path) -> dict[str, str]:
    """Every file below a folder, by its content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
