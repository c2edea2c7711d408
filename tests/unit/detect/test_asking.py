"""Which columns rules look at, so that others need not be made."""

from __future__ import annotations

from pathlib import Path

import pytest

from pollwatch.detect.engine import Engine
from pollwatch.detect.sigma.plan import DetectorRule
from pollwatch.events.asked import Asked
from pollwatch.events.batch import LogSource

SYSMON = LogSource("process_creation", "windows", "sysmon")
RULE = """title: Rule
id: 00000000-0000-4000-8000-000000000001
name: one
logsource: {{category: process_creation, product: windows}}
detection:
  {}
  condition: 1 of them
level: low
"""
CORRELATION = """---
title: Many
id: 00000000-0000-4000-8000-000000000002
correlation: {type: value_count, rules: [one], group-by: [who], timespan: 5m, aliases: {who: {one: LogonId}},
  condition: {gte: 3, field: Hashes}}
"""


def asked(folder: Path, detection: str, more: str = "") -> Asked | None:
    """What rules with this detection look at of Sysmon's process creations."""
    (folder / "rule.yml").write_text(RULE.format(detection) + more)
    return Engine.load([folder], shipped=False).asked(SYSMON)


def test_names_in_any_words_and_what_correlations_count(tmp_path: Path) -> None:
    """A field, one that it is compared with, what another name stands for, a group's and a count's."""
    found = asked(tmp_path, "a: {Image|fieldref: ParentImage, dst_ip: 192.0.2.1}", CORRELATION)
    assert found is not None
    assert {"image", "parentimage", "dst_ip", "dest_ip", "logonid", "hashes"} <= found.names
    assert "CommandLine" in found.exact, "detections quote it"
    assert "message" not in found.names, "which is quoted, does not make Windows' Message one that is"
    assert "company" not in found.names
    assert found.keywords == ()


@pytest.mark.parametrize(
    ("detection", "keywords"),
    [
        ("a: ['Mimikatz', 'priv*debug?x']", {"mimikatz", "debug"}),
        ("a: ['dpapi\u017fmasterkey']", {"masterkey"}),
        ("a: {'|re': 'sekurlsa(::|__)x'}", {"sekurlsa"}),
    ],
)
def test_of_a_keyword_what_stands_wherever_it_does(tmp_path: Path, detection: str, keywords: set[str]) -> None:
    """The longest plain run of a text, or what a regular expression needs."""
    found = asked(tmp_path, detection)
    assert found is not None
    assert set(found.keywords) == keywords


@pytest.mark.parametrize("detection", ["a: ['abc']", "a: ['\u043a\u043b\u044e\u0447']", "a: {'|re': '[a-z]+'}"])
def test_a_keyword_that_may_stand_anywhere_asks_for_every_column(tmp_path: Path, detection: str) -> None:
    """Three letters, letters beyond ASCII, an expression that anything fits."""
    assert asked(tmp_path, detection) is None


def test_detectors_look_at_every_column_of_theirs(tmp_path: Path) -> None:
    """What a detector looks at is its own affair: its logsources keep all columns."""
    (tmp_path / "rule.yml").write_text(RULE.format("a: {Image: x}"))
    engine = Engine.load([tmp_path], shipped=False)

    class Looks:
        rule = DetectorRule(engine.rules[0].info, (LogSource(product="windows"),), (), ())

    engine.detectors = (Looks(),)  # type: ignore[assignment]
    assert engine.asked(SYSMON) is None
    assert engine.asked(LogSource(category="webserver")) is not None
