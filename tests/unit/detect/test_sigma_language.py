"""Sigma's language, from YAML through pySigma to verdicts on single events."""

from __future__ import annotations

import base64
from pathlib import Path
from textwrap import indent

import pytest

from pollwatch.detect.sigma.load import LoadReport, load
from pollwatch.detect.sigma.plain import matches
from pollwatch.detect.sigma.plan import EventRule, Rule

HEADER = """title: A test
id: 11111111-2222-4333-8444-555555555555
logsource:
  category: webserver
detection:
"""


def load_text(folder: Path, text: str) -> tuple[tuple[Rule, ...], LoadReport]:
    """Load rules from one file with this text."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rule.yml").write_text(text, encoding="utf-8")
    return load([folder])


def holds(folder: Path, detection: str, event: dict[str, object]) -> bool:
    """Whether a rule with this detection fits an event."""
    rules, report = load_text(folder, HEADER + indent(detection, "  "))
    assert [str(each.error) for each in report.refused] == []
    (rule,) = rules
    assert isinstance(rule, EventRule)
    return matches(rule.condition, event)  # type: ignore[arg-type]  # object stands for any value


WIDE = base64.b64encode("/c ping".encode("utf-16-le")).decode()
MARKED = base64.b64encode("abcd".encode("utf-16")).decode()


@pytest.mark.parametrize(
    ("selection", "event", "expected"),
    [
        ("f: Value", {"f": "vALUE"}, True),
        ("f: Value", {"f": "Value2"}, False),
        ("f|cased: Value", {"f": "value"}, False),
        ("f: a*c", {"f": "abbc"}, True),
        ("f: a?c", {"f": "abc"}, True),
        ("f: a?c", {"f": "ac"}, False),
        (r"f: a\*c", {"f": "a*c"}, True),
        (r"f: a\*c", {"f": "abc"}, False),
        (r"f: a\\*", {"f": "a\\b"}, True),
        (r"f: a\\\*c", {"f": "a\\*c"}, True),
        (r"f: C:\Windows\x", {"f": "c:\\windows\\X"}, True),
        ("f|contains: bc", {"f": "abCd"}, True),
        ("f|startswith: ab", {"f": "ABc"}, True),
        ("f|endswith: bc", {"f": "abc"}, True),
        ("f|endswith: bc", {"f": "abcd"}, False),
        ("f|contains|all: [a, b]", {"f": "xaxbx"}, True),
        ("f|contains|all: [a, b]", {"f": "xaxx"}, False),
        ("f: [one, two]", {"f": "two"}, True),
        ("f|re: ^a.c$", {"f": "abc"}, True),
        ("f|re: ^a.c$", {"f": "ABC"}, False),
        ("f|re|i: ^a.c$", {"f": "ABC"}, True),
        ("f|re|s: a.c", {"f": "a\nc"}, True),
        ("f|re: a.c", {"f": "a\nc"}, False),
        ("f|re|m: ^c", {"f": "a\nc"}, True),
        ("f|re: a(?!b)c?", {"f": "xac"}, True),
        ("f: null", {"f": None}, True),
        ("f: null", {"other": 1}, True),
        ("f: null", {"f": ""}, False),
        ("f: ''", {"f": ""}, True),
        ("f: ''", {"f": None}, False),
        ("f|exists: true", {"f": ""}, True),
        ("f|exists: false", {"f": ""}, False),
        ("f|exists: false", {}, True),
        ("f: 404", {"f": 404}, True),
        ("f: 404", {"f": "404"}, True),
        ("f: '40*'", {"f": 404}, True),
        ("f|lt: 5", {"f": 4}, True),
        ("f|lte: 5", {"f": 5}, True),
        ("f|gt: 5", {"f": 5}, False),
        ("f|gte: 5", {"f": "7"}, True),
        ("f|gte: 5", {"f": "x"}, False),
        ("f|gte: 5", {"f": None}, False),
        ("f|neq: a", {"f": "b"}, True),
        ("f|neq: a", {"f": "A"}, False),
        ("f|cidr: 192.0.2.0/24", {"f": "192.0.2.77"}, True),
        ("f|cidr: 192.0.2.0/24", {"f": "::ffff:192.0.2.77"}, True),
        ("f|cidr: 2001:db8::/32", {"f": "2001:db8::1"}, True),
        ("f|cidr: 192.0.2.0/24", {"f": "no address"}, False),
        ("f|fieldref: g", {"f": "Same", "g": "same"}, True),
        ("f|fieldref: g", {"f": "x"}, False),
        ("f|fieldref|endswith: g", {"f": "abc", "g": "bc"}, True),
        ("f|base64: hello", {"f": base64.b64encode(b"hello").decode()}, True),
        ("f|base64offset|contains: hello", {"f": base64.b64encode(b"x hello y").decode()}, True),
        ("f|base64offset|contains: hello", {"f": base64.b64encode(b"xx hello y").decode()}, True),
        ("f|wide|base64offset|contains: /c ping", {"f": "xx" + WIDE}, True),
        ("f|utf16|base64: abcd", {"f": MARKED}, True),
        ("f|windash|contains: ' -exec'", {"f": "run /exec"}, True),
        ("f|windash|contains: ' -exec'", {"f": "run +exec"}, False),
        ("f|hour: 20", {"f": "2026-11-03T20:15:00Z"}, True),
        ("f|year: 2026", {"f": 1_793_736_000_000_000}, True),
        ("f|minute: 20", {"f": "2026-11-03T20:15:00Z"}, False),
        ("f: true", {"f": "True"}, True),
        ("C-Uri: /x", {"cs-uri": "/x"}, True),
    ],
)
def test_selections(tmp_path: Path, selection: str, event: dict[str, object], expected: bool) -> None:  # noqa: FBT001
    """Values and modifiers, one per line."""
    assert holds(tmp_path, f"sel:\n  {selection}\ncondition: sel\n", event) is expected


@pytest.mark.parametrize(
    ("condition", "event", "expected"),
    [
        ("a1 and a2", {"x": "1", "y": "2"}, True),
        ("a1 and not a2", {"x": "1", "y": "2"}, False),
        ("a1 or a2 and b", {"x": "1"}, True),
        ("(a1 or a2) and b", {"x": "1"}, False),
        ("not a1 and a2", {"y": "2"}, True),
        ("1 of a*", {"y": "2"}, True),
        ("all of a*", {"y": "2"}, False),
        ("1 of them", {"z": "3"}, True),
        ("all of them", {"x": "1", "y": "2", "z": "3"}, True),
        ("not 1 of a*", {"z": "3"}, True),
    ],
)
def test_conditions(tmp_path: Path, condition: str, event: dict[str, object], expected: bool) -> None:  # noqa: FBT001
    """Precedence, selectors, and identifiers with an underscore left out of "them"."""
    text = "a1:\n  x: 1\na2:\n  y: 2\nb:\n  z: 3\n_hidden:\n  w: 4\n"
    assert holds(tmp_path, f"{text}condition: {condition}\n", event) is expected


def test_keywords_search_every_text_that_was_logged(tmp_path: Path) -> None:
    """Keywords look into all text fields, but not into columns that pollwatch added."""
    detection = "words:\n  - Needle\n  - 'x*y'\ncondition: words\n"
    assert holds(tmp_path, detection, {"a": "in a needlestack", "n": 1})
    assert holds(tmp_path, detection, {"a": "..x12y.."})
    assert not holds(tmp_path, detection, {"norm.a": "needle"})


def test_list_of_maps_is_a_choice(tmp_path: Path) -> None:
    """A list of maps fits when one of them fits."""
    detection = "sel:\n  - a: 1\n    b: 2\n  - c: 3\ncondition: sel\n"
    assert holds(tmp_path, detection, {"c": "3"})
    assert not holds(tmp_path, detection, {"a": "1"})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (HEADER + "  sel:\n    f|expand: '%admins%'\n  condition: sel\n", "placeholder %admins%"),
        (HEADER + "  sel:\n    f|nonsense: x\n  condition: sel\n", "nonsense"),
        (HEADER + "  sel:\n    f: x\n  condition: 1 of other*\n", "names no selection"),
        (HEADER + "  sel:\n    f|re: '('\n  condition: sel\n", "Regular expression '(' is invalid"),
        (HEADER + "  sel:\n    f|re: '^(?=x)(a+)+$'\n  condition: sel\n", "repeats a repeat"),
        (HEADER + "  sel:\n    f: x\n  condition: missing\n", "missing"),
        ("title: [\n", "not readable as YAML"),
        ("- a\n- b\n", "no mapping"),
        ("title: no detection\nlogsource:\n  category: webserver\n", "detection"),
        (HEADER + "  sel:\n    f: x\n  condition: sel\npollwatch:\n  why: '{f.__class__}'\n", "pollwatch.why"),
        (HEADER + "  sel:\n    f: x\n  condition: sel\ntags: [pollwatch.nonsense]\n", "pollwatch.nonsense"),
    ],
)
def test_what_is_not_understood_is_listed(tmp_path: Path, text: str, reason: str) -> None:
    """A rule that cannot be loaded is named with its file and reason, and stops nothing else."""
    (tmp_path / "good.yml").write_text(HEADER + "  sel:\n    f: x\n  condition: sel\n", encoding="utf-8")
    rules, report = load_text(tmp_path / "bad", text.replace("11111111", "22222222"))
    assert rules == ()
    (refused,) = report.refused
    assert reason in str(refused.error)
    assert "rule.yml" in str(refused.error)
    assert len(load([tmp_path])[0]) == 1


def test_same_id_twice_is_refused(tmp_path: Path) -> None:
    """The second rule with an id does not silently replace the first."""
    for name in ("a.yml", "b.yml"):
        (tmp_path / name).write_text(HEADER + "  sel:\n    f: x\n  condition: sel\n", encoding="utf-8")
    rules, report = load([tmp_path])
    assert len(rules) == 1
    assert "already loaded" in str(report.refused[0].error)


def test_correlation_without_its_rule_is_refused(tmp_path: Path) -> None:
    """A correlation over a rule that was refused is refused with it."""
    text = """title: c
id: 33333333-2222-4333-8444-555555555555
correlation:
  type: event_count
  rules: nowhere
  group-by: [c-ip]
  timespan: 1m
  condition: {gte: 3}
"""
    _, report = load_text(tmp_path, text)
    assert "refers to nowhere" in str(report.refused[0].error)
