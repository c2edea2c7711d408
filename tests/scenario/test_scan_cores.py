"""``pollwatch scan`` on two cores says what it says on one, byte for byte."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from commands import here
from pollwatch.canonical import compact
from pollwatch.formats import framing_objects
from pollwatch.sources import lines

TOOK = re.compile(rb'"(elapsed_s|lines_per_s)"')
RULE = """title: Odd event
id: 00000000-0000-4000-8000-00000000000e
logsource: {product: windows}
detection:
  sel: [{CommandLine|contains: " -enc "}, {TargetUserName: user3}]
  condition: sel
level: high
---
title: Many odd events
id: 00000000-0000-4000-8000-00000000000f
correlation:
  type: event_count
  rules: [00000000-0000-4000-8000-00000000000e]
  group-by: [Computer]
  timespan: 10m
  condition: {gte: 5}
level: high
"""


def windows_events(count: int) -> str:
    """Process creations, network connections and log-ons of some machines, in turn."""
    rows = []
    for n in range(count):
        time = f"2026-11-03T{20 + n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}Z"
        own = {"@timestamp": time, "Hostname": f"PC-{n % 7}.vote", "Padding": "x" * 300}
        if n % 3 == 0:
            line = f"powershell -enc {n}" if n % 51 == 0 else f"notepad {n}.txt"
            event = {"EventID": 1, "Channel": "Microsoft-Windows-Sysmon/Operational", "CommandLine": line}
        elif n % 3 == 1:
            event = {"EventID": 3, "Channel": "Microsoft-Windows-Sysmon/Operational", "DestinationPort": str(n % 9)}
        else:
            event = {"EventID": 4625, "Channel": "Security", "TargetUserName": f"user{n % 5}", "IpAddress": "10.0.0.9"}
        rows.append(compact(event | own))
    return "\n".join(rows) + "\n"


def requests(count: int) -> str:
    """A visitor whose every request tries SQL injection."""
    line = '::1 - - [03/Nov/2026:21:{m:02}:{s:02} +0100] "GET /?n=1%27%20UNION%20SELECT%20{n} HTTP/1.1" 500 9\n'
    return "".join(line.format(m=n // 60, s=n % 60, n=n) for n in range(count))


def test_two_cores_say_what_one_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several inputs in several blocks, one of them broken off: the same inputs, incidents, lines and order."""
    monkeypatch.setattr(lines, "BLOCK_BYTES", 1 << 20)
    monkeypatch.setattr(framing_objects, "_WORTH_CORES", 0)
    (tmp_path / "rule.yml").write_text(RULE)
    (tmp_path / "windows.json").write_text(windows_events(7_000))
    (tmp_path / "access.log").write_text(requests(200))
    (tmp_path / "cut.log.gz").write_bytes(bytes.fromhex("1f8b0800000000000003"))
    inputs = [str(tmp_path / name) for name in ("windows.json", "cut.log.gz", "access.log")]
    rules = ("--rules", str(tmp_path / "rule.yml"))
    one, two = (here("scan", "--json", "--with-lines", "--jobs", jobs, *rules, *inputs) for jobs in "12")
    said = [[line for line in each.stdout.splitlines() if not TOOK.search(line)] for each in (one, two)]
    assert said[0] == said[1]
    assert two.stderr == one.stderr
    assert two.returncode == one.returncode == 3
    titles = {incident["title"] for incident in json.loads(two.stdout)["incidents"]}
    assert len(titles) > 1
