"""What happened in real elections, on small made-up logs: one test for each case, named after it.

Two more stand in ``test_indicators.py``: VR Systems 2016 (a mail found by searching the past) and GRIZZLY STEPPE.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tests.benign_days import AGENTS, SITE, Line, bsd, in_order, visits, web
from tests.commands import told

DAY = 86_400.0
BAD = "203.0.113.9"
SQLMAP = "sqlmap/1.0-dev (http://sqlmap.org)"
GRAVE = ("high", "critical")


def _scan(folder: Path, **logs: Sequence[Line]) -> list[dict[str, Any]]:
    """The incidents of some logs, gravest first."""
    for name, lines in logs.items():
        (folder / f"{name}.log").write_text("\n".join(in_order(lines)) + "\n", "utf-8")
    done = told("scan", *(f"{name}.log" for name in logs), "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    incidents: list[dict[str, Any]] = json.loads(done.stdout)["incidents"]
    return incidents


def _of(incidents: Sequence[dict[str, Any]], ip: str) -> list[dict[str, Any]]:
    return [each for each in incidents if ip in each["actors"]["ip"]]


def _crowd(seed: int, days: float, visitors: int) -> list[Line]:
    return visits(np.random.default_rng(seed), 0, days * DAY, visitors)


def test_illinois_2016(tmp_path: Path) -> None:
    """An injection of a few requests a day for three weeks, then hundreds an hour: one incident from the first on."""
    inject = "GET /status?voter=1%27%20UNION%20SELECT%20{n},name,birth%20FROM%20voters--"
    slow = [
        web(day * DAY + 3_600 * k + 60 * day, BAD, inject.format(n=day * 9 + k), 200, 4_400, "-", SQLMAP)
        for day in range(19)
        for k in range(4)
    ]
    loud = [web(19 * DAY + 0.5 * at, BAD, inject.format(n=500 + at), 200, 260_000, "-", SQLMAP) for at in range(400)]
    own = [
        web(
            60 * at,
            f"198.51.100.{at % 200}",
            f"GET /status?voter={at * 7919 % 9_973}",
            200,
            4_300,
            SITE,
            AGENTS[at % 5],
        )
        for at in range(300)
    ]
    (incident,) = _of(_scan(tmp_path, access=[*slow, *loud, *own]), BAD)
    assert incident["first"].startswith("2026-10-05")
    assert incident["severity"] in GRAVE
    assert "sqlmap" in incident["tools"]
    assert "detector.few_a_day" in [rule["id"] for rule in incident["rules"]]


def test_the_slow_part_of_illinois_2016_alone(tmp_path: Path) -> None:
    """Before the database was at 100 % there were only a few requests a day: they are told while it is still time."""
    inject = "GET /status?voter=1%27%20AND%20{n}={n}%20UNION%20SELECT%20name%20FROM%20voters--"
    slow = [
        web(day * DAY + 7_000 * k, BAD, inject.format(n=day * 9 + k), 200, 4_400, "-", AGENTS[0])
        for day in range(6)
        for k in range(2)
    ]
    (incident,) = _of(_scan(tmp_path, access=[*slow, *_crowd(11, 6, 60)]), BAD)
    assert incident["severity"] in ("medium", *GRAVE)
    assert any("on 6 days" in each for each in incident["why"])


def test_state_10_2016(tmp_path: Path) -> None:
    """Loud at the front, in by the back: the source with seven tries on one field belongs to the loud one."""
    fields = ("name", "street", "city", "zip", "birth", "party", "precinct")
    loud = [
        web(2.0 * at, BAD, f"GET /lookup?{fields[at % 7]}=x%27%20OR%20{at}={at}--", 200, 2_000, "-", AGENTS[1])
        for at in range(700)
    ]
    quiet = [
        web(1_000 + 40.0 * at, "203.0.113.77", f"GET /lookup?zip=x%27%20OR%20{at}={at}%20UNION%20SELECT%20{at}--", 200,
            2_000, "-", AGENTS[2])
        for at in range(7)
    ]  # fmt: skip
    own = [
        web(30.0 * at, f"198.51.100.{at % 200}", f"GET /lookup?zip={10_000 + at}", 200, 1_900, SITE, AGENTS[at % 5])
        for at in range(300)
    ]
    incidents = _scan(tmp_path, access=[*loud, *quiet, *own])
    (incident,) = _of(incidents, BAD)
    assert "203.0.113.77" in incident["actors"]["ip"]


def test_ukraine_2014(tmp_path: Path) -> None:
    """A stolen password, right at the first try, then files wiped: told at the log-in, and the wiping is part of it."""
    auth = [
        bsd(day * DAY + 8 * 3_600, f"sshd[{day}]: Accepted password for oleh from 10.20.0.15 port 50{day:02d} ssh2")
        for day in range(12)
    ]
    night = 12 * DAY + 3 * 3_600
    auth += [
        bsd(night, "sshd[99]: Accepted password for oleh from 203.0.113.9 port 5099 ssh2"),
        bsd(night + 60, "sudo[100]:     oleh : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/rm -rf /var/log/nginx"),
        bsd(night + 90, "sudo[101]:     oleh : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/shred /srv/results.db"),
    ]
    (incident, *_rest) = _of(_scan(tmp_path, auth=auth), BAD)
    assert incident["severity"] in ("medium", *GRAVE)
    assert any("came only from inside" in each for each in incident["why"])
    assert "detector.account_from_outside" in [rule["id"] for rule in incident["rules"]]


def test_arizona_2025(tmp_path: Path) -> None:
    """A picture's upload that runs encoded PowerShell: what answers is one grave incident.

    That pictures were swapped on archived pages, too, is in ``test_pages.py``.
    """
    script = "cmd=powershell%20-NoP%20-EncodedCommand%20SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQA"
    attack = [
        web(40_000, BAD, "POST /candidates/photo/upload", 200, 300, "-", AGENTS[0]),
        *(
            web(40_060 + 20 * at, BAD, f"GET /uploads/photos/candidate7.aspx?{script}{at}", 200, 900 + 70 * at,
                "-", AGENTS[0])
            for at in range(8)
        ),
    ]  # fmt: skip
    incidents = _of(_scan(tmp_path, access=[*attack, *_crowd(12, 1, 120)]), BAD)
    assert len(incidents) == 1
    assert incidents[0]["severity"] in GRAVE
    assert {each.partition(".")[0] for each in incidents[0]["techniques"]} & {"T1505", "T1059"}


def _flood(begin: float, sources: int, requests: int) -> list[Line]:
    return [
        web(begin + 0.02 * at, f"{60 + at % sources // 200}.1.{at % 7}.{at % sources % 200}",
            f"GET /results?{at * 7919 % 999_983}", (200, 503)[at % 2], 500, "-", "Mozilla/5.0")
        for at in range(requests)
    ]  # fmt: skip


def test_knox_county_2018(tmp_path: Path) -> None:
    """A flood from many addresses as polls close, and somebody who breaks in meanwhile: two incidents, not one."""
    begin = 20 * 3_600.0
    shell = [
        web(begin + 60 + 9 * at, BAD, f"GET /uploads/help.php?cmd=cat%20/etc/passwd{at}", 200, 1_800 + at, "-",
            AGENTS[3])
        for at in range(9)
    ]  # fmt: skip
    incidents = _scan(tmp_path, access=[*_crowd(13, 1, 260), *_flood(begin, 400, 6_000), *shell])
    (intrusion,) = [each for each in incidents if each["actors"]["ip"] == [BAD]]
    assert intrusion["severity"] in GRAVE
    floods = [each for each in incidents if "detector.crowd_or_flood" in [rule["id"] for rule in each["rules"]]]
    assert floods
    assert all(len(each["actors"]["ip"]) > 100 for each in floods)


def test_georgia_2024_and_moldova_2025(tmp_path: Path) -> None:
    """A flood from many sources is told; honest visitors who come at the same hour are not, alone or beside it."""
    begin = 20 * 3_600.0
    crowd = visits(np.random.default_rng(14), begin, 600, 500, 30_000)
    quiet = _scan(tmp_path, access=[*_crowd(15, 1, 260), *crowd])
    assert [each for each in quiet if each["severity"] in ("medium", *GRAVE)] == []
    incidents = _scan(tmp_path, access=[*_crowd(15, 1, 260), *crowd, *_flood(begin, 700, 8_000)])
    (flood,) = [each for each in incidents if each["severity"] in ("medium", *GRAVE)]
    assert "unlike visitors" in " ".join(flood["why"])


def test_uk_electoral_commission_2021(tmp_path: Path) -> None:
    """ProxyShell, then a web shell that is used once a month for fourteen months: all of it one source's incident."""
    page = "/autodiscover/autodiscover.json"
    proxy = f"POST {page}?@evil.example/mapi/nspi/?&Email={page[1:]}%3F@evil.example"
    steps = [web(40.0 * at, BAD, proxy, 200, 600, "-", AGENTS[0]) for at in range(6)]
    shell = [
        web(month * 12 * DAY + 3_600.0 * k + 900, BAD, f"POST /aspnet_client/system_web/err0r.aspx?cmd=dir+{k}",
            200, 2_000 + 40 * k, "-", AGENTS[0])
        for month in range(6)
        for k in range(2)
    ]  # fmt: skip
    incidents = _of(_scan(tmp_path, access=[*steps, *shell, *_crowd(16, 70, 120)]), BAD)
    assert len(incidents) == 1
    assert incidents[0]["severity"] in GRAVE
    assert incidents[0]["first"] < "2026-10-06"
    assert incidents[0]["last"] > "2026-12-01"


def test_romania_2024(tmp_path: Path) -> None:
    """Thousands of attempts are a few incidents, none of which is a compromise."""
    users = ("root", "admin", "test", "postgres", "oracle")
    guesses = [
        bsd(
            3.0 * at,
            f"sshd[{at}]: Failed password for invalid user {users[at % 5]} from 203.0.113.{at % 30} port 22 ssh2",
        )
        for at in range(2_400)
    ]
    probes = [
        web(20.0 * at, f"198.51.100.{200 + at % 8}", f"GET /?id={at}%27%20OR%20%271%27=%271", 403, 300, "-", AGENTS[0])
        for at in range(800)
    ]
    incidents = _scan(tmp_path, auth=guesses, access=[*probes, *_crowd(17, 1, 150)])
    assert 1 <= len(incidents) <= 40
    assert [each for each in incidents if each["severity"] in GRAVE] == []
    assert sum(each["line_count"] for each in incidents) >= 3_000


def test_macron_2017(tmp_path: Path) -> None:
    """Names that copied the campaign's are found in a list of new certificates, before a mail from them comes."""
    (tmp_path / "own.txt").write_text("en-marche.fr\n", "utf-8")
    new = ["onedrive-en-marche.fr", "mail-en-marche.fr", "boulangerie-martin.fr", "en-avant-guingamp.fr"]
    (tmp_path / "new.txt").write_text("\n".join(new) + "\n", "utf-8")
    done = told("lookalikes", "--own", "own.txt", "new.txt", "--json", cwd=tmp_path)
    found = json.loads(done.stdout)["lookalikes"]
    assert sorted(each["domain"] for each in found) == ["mail-en-marche.fr", "onedrive-en-marche.fr"]
