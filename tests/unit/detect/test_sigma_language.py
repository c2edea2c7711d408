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


def wide(text: str, encoding: str = "utf-16-le") -> str:
    """A text in base64 of an encoding."""
    return base64.b64encode(text.encode(encoding)).decode()


#: The specification, section by section: the selection's line, an event, and whether it fits.
VALUES: dict[str, list[tuple[str, dict[str, object], bool]]] = {
    "general": [
        ("f: Value", {"f": "vALUE"}, True),
        ("f: Value", {"f": "Value2"}, False),
        ("f: [one, two]", {"f": "two"}, True),
        ("f: [one, two]", {"f": "three"}, False),
        ("f: [one, null]", {}, True),
        ("f: 404", {"f": 404}, True),
        ("f: 404", {"f": "404"}, True),
        ("f: '40*'", {"f": 404}, True),
        ("f: true", {"f": "True"}, True),
        ("C-Uri: /x", {"cs-uri": "/x"}, True),
        ("f: '%admins%'", {"f": "%admins%"}, True),
    ],
    "string wildcard": [
        ("f: a*c", {"f": "abbc"}, True),
        ("f: a*c", {"f": "ac"}, True),
        ("f: a?c", {"f": "abc"}, True),
        ("f: a?c", {"f": "ac"}, False),
        ("f: a??c", {"f": "abbc"}, True),
        ("f: '*'", {"f": ""}, True),
        ("f: '*'", {}, False),
        ("f: '?*'", {"f": ""}, False),
    ],
    "escaping": [
        (r"f: a\*c", {"f": "a*c"}, True),
        (r"f: a\*c", {"f": "abc"}, False),
        (r"f: a\?c", {"f": "a?c"}, True),
        (r"f: a\?c", {"f": "abc"}, False),
        (r"f: a\\*", {"f": "a\\b"}, True),
        (r"f: a\\\*c", {"f": "a\\*c"}, True),
        (r"f: a\\\*c", {"f": "a\\bc"}, False),
        (r"f: C:\Windows\x", {"f": "c:\\windows\\X"}, True),
        (r"f: C:\\Windows", {"f": "c:\\windows"}, True),
        (r"f: \\\\host", {"f": "\\\\host"}, True),
    ],
    "special field values": [
        ("f: null", {"f": None}, True),
        ("f: null", {"other": 1}, True),
        ("f: null", {"f": ""}, False),
        ("f: []", {}, True),
        ("f: ''", {"f": ""}, True),
        ("f: ''", {"f": None}, False),
        ("f: ''", {}, False),
    ],
    "all, startswith, endswith, contains": [
        ("f|contains: bc", {"f": "abCd"}, True),
        ("f|contains: 'b*d'", {"f": "xxbcdxx"}, True),
        ("f|contains: '4'", {"f": "x4x"}, True),
        ("f|startswith: ab", {"f": "ABc"}, True),
        ("f|startswith: ab", {"f": "xab"}, False),
        ("f|endswith: bc", {"f": "abc"}, True),
        ("f|endswith: bc", {"f": "abcd"}, False),
        ("f|contains|all: [a, b]", {"f": "xaxbx"}, True),
        ("f|contains|all: [a, b]", {"f": "xaxx"}, False),
    ],
    "exists": [
        ("f|exists: true", {"f": ""}, True),
        ("f|exists: true", {}, False),
        ("f|exists: false", {"f": ""}, False),
        ("f|exists: false", {}, True),
    ],
    "cased": [
        ("f|cased: Value", {"f": "Value"}, True),
        ("f|cased: Value", {"f": "value"}, False),
        ("f|contains|cased: Val", {"f": "xValx"}, True),
        ("f|contains|cased: Val", {"f": "xvalx"}, False),
    ],
    "neq": [
        ("f|neq: a", {"f": "b"}, True),
        ("f|neq: a", {"f": "A"}, False),
        ("f|neq: 5", {"f": 6}, True),
        ("f|neq: 5", {"f": 5}, False),
        ("f|neq: [a, b]", {"f": "b"}, False),
        ("f|neq: [a, b]", {"f": "c"}, True),
        ("f|fieldref|neq: g", {"f": "a", "g": "b"}, True),
        ("f|fieldref|neq: g", {"f": "a", "g": "a"}, False),
    ],
    "windash": [
        ("f|windash|contains: ' -exec'", {"f": "run -exec"}, True),
        ("f|windash|contains: ' -exec'", {"f": "run /exec"}, True),
        ("f|windash|contains: ' -exec'", {"f": "run \u2013exec"}, True),
        ("f|windash|contains: ' -exec'", {"f": "run \u2014exec"}, True),
        ("f|windash|contains: ' -exec'", {"f": "run \u2015exec"}, True),
        ("f|windash|contains: ' -exec'", {"f": "run +exec"}, False),
        ("f|windash|contains: ' -a -b'", {"f": "x /a -b"}, True),
        ("f|windash|contains|all: [' -a', ' -b']", {"f": "x /a /b"}, True),
        ("f|windash|contains|all: [' -a', ' -b']", {"f": "x /a"}, False),
    ],
    "regular expression": [
        ("f|re: ^a.c$", {"f": "abc"}, True),
        ("f|re: ^a.c$", {"f": "ABC"}, False),
        ("f|re: b", {"f": "abc"}, True),
        ("f|re: a{2,3}[x-z]", {"f": "aay"}, True),
        ("f|re: (ab|cd)+", {"f": "xcdx"}, True),
        ("f|re|i: ^a.c$", {"f": "ABC"}, True),
        ("f|re|s: a.c", {"f": "a\nc"}, True),
        ("f|re: a.c", {"f": "a\nc"}, False),
        ("f|re|m: ^c", {"f": "a\nc"}, True),
        ("f|re: ^c", {"f": "a\nc"}, False),
        ("f|re|i|m|s: ^C.D", {"f": "a\nc\nd"}, True),
        ("f|re: a(?!b)c?", {"f": "xac"}, True),
        ("f|re: (.)\\1", {"f": "abba"}, True),
        ("f|re|neq: ^a", {"f": "b"}, True),
        ("f|re: [a, b]", {"f": "xb"}, True),
    ],
    "encoding": [
        ("f|base64: hello", {"f": base64.b64encode(b"hello").decode()}, True),
        ("f|base64|contains: hello", {"f": "x" + base64.b64encode(b"hello").decode()}, True),
        ("f|base64offset|contains: hello", {"f": base64.b64encode(b"x hello y").decode()}, True),
        ("f|base64offset|contains: hello", {"f": base64.b64encode(b"xx hello y").decode()}, True),
        ("f|base64offset|contains: hello", {"f": base64.b64encode(b"xxx hello y").decode()}, True),
        ("f|base64offset|contains: hello", {"f": base64.b64encode(b"xxx hallo y").decode()}, False),
        ("f|base64offset|contains: 'h\u00e9'", {"f": base64.b64encode("h\u00e9".encode()).decode()}, True),
        ("f|wide|base64offset|contains: /c ping", {"f": "xx" + wide("/c ping")}, True),
        ("f|utf16le|base64offset|contains: /c ping", {"f": "xx" + wide("/c ping")}, True),
        ("f|utf16be|base64: abcd", {"f": wide("abcd", "utf-16-be")}, True),
        ("f|utf16|base64: abcd", {"f": wide("abcd", "utf-16")}, True),
        ("f|wide: ab", {"f": "a\0b\0"}, True),
        ("f|utf16be: ab", {"f": "\0a\0b"}, True),
    ],
    "numeric": [
        ("f|lt: 5", {"f": 4}, True),
        ("f|lt: 5", {"f": 5}, False),
        ("f|lte: 5", {"f": 5}, True),
        ("f|gt: 5", {"f": 5}, False),
        ("f|gte: 5", {"f": "7"}, True),
        ("f|gte: 0.5", {"f": 0.75}, True),
        ("f|gte: 5", {"f": "x"}, False),
        ("f|gte: 5", {"f": None}, False),
        ("f|lt: [3, 5]", {"f": 4}, True),
    ],
    "time": [
        ("f|minute: 15", {"f": "2026-11-03T20:15:00Z"}, True),
        ("f|minute: 20", {"f": "2026-11-03T20:15:00Z"}, False),
        ("f|hour: 20", {"f": "2026-11-03T20:15:00Z"}, True),
        ("f|hour|gte: 20", {"f": "2026-11-03T20:15:00Z"}, True),
        ("f|hour|gt: 20", {"f": "2026-11-03T20:15:00Z"}, False),
        ("f|hour|lt: 6", {"f": "2026-11-03T05:59:59Z"}, True),
        ("f|hour|lte: 5", {"f": "2026-11-03T06:00:00Z"}, False),
        ("f|hour|neq: 20", {"f": "2026-11-03T20:15:00Z"}, False),
        ("f|hour: [20, 21]", {"f": "2026-11-03T21:15:00Z"}, True),
        ("f|hour|lt: 6", {"f": "no time"}, False),
        ("f|hour|lt: 6", {}, False),
        ("f|day: 3", {"f": "2026-11-03T20:15:00Z"}, True),
        ("f|week: 45", {"f": "2026-11-03T20:15:00Z"}, True),
        ("f|month|gte: 11", {"f": "2026-11-03T20:15:00Z"}, True),
        ("f|year: 2026", {"f": 1_793_736_000_000_000}, True),
    ],
    "cidr": [
        ("f|cidr: 192.0.2.0/24", {"f": "192.0.2.77"}, True),
        ("f|cidr: 192.0.2.0/24", {"f": "192.0.3.77"}, False),
        ("f|cidr: 192.0.2.0/24", {"f": "::ffff:192.0.2.77"}, True),
        ("f|cidr: 2001:db8::/32", {"f": "2001:db8::1"}, True),
        ("f|cidr: [198.51.100.0/24, 2001:db8::/32]", {"f": "198.51.100.9"}, True),
        ("f|cidr: 192.0.2.0/24", {"f": "no address"}, False),
    ],
    "fieldref": [
        ("f|fieldref: g", {"f": "Same", "g": "same"}, True),
        ("f|fieldref: g", {"f": "x"}, False),
        ("f|fieldref|startswith: g", {"f": "abc", "g": "ab"}, True),
        ("f|fieldref|endswith: g", {"f": "abc", "g": "bc"}, True),
        ("f|fieldref|contains: g", {"f": "abc", "g": "b"}, True),
        ("f|fieldref|contains: g", {"f": "abc", "g": "d"}, False),
    ],
}


@pytest.mark.parametrize("section", VALUES)
def test_values_and_modifiers(tmp_path: Path, section: str) -> None:
    """Every value and modifier of Sigma 2.1, on events that fit and events that do not."""
    for at, (selection, event, expected) in enumerate(VALUES[section]):
        folder = tmp_path / str(at)
        assert holds(folder, f"sel:\n  {selection}\ncondition: sel\n", event) is expected, (selection, event)


@pytest.mark.parametrize(
    ("condition", "event", "expected"),
    [
        ("a1 and a2", {"x": "1", "y": "2"}, True),
        ("a1 and not a2", {"x": "1", "y": "2"}, False),
        ("a1 or a2 and b", {"x": "1"}, True),
        ("(a1 or a2) and b", {"x": "1"}, False),
        ("not a1 and a2", {"y": "2"}, True),
        ("not (a1 or a2)", {"y": "2"}, False),
        ("not not a1", {"x": "1"}, True),
        ("1 of a*", {"y": "2"}, True),
        ("any of a*", {"y": "2"}, True),
        ("all of a*", {"y": "2"}, False),
        ("all of *1 and not 1 of *2", {"x": "1"}, True),
        ("1 of _*", {"w": "4"}, True),
        ("1 of them", {"z": "3"}, True),
        ("1 of them", {"w": "4"}, False),
        ("all of them", {"x": "1", "y": "2", "z": "3"}, True),
        ("not 1 of a*", {"z": "3"}, True),
        ("1 of a* and b or _hidden", {"w": "4"}, True),
        ("a1 AND NOT a2", {"x": "1"}, True),
        ("notable", {"v": "5"}, True),
        ("1 of with-dash*", {"u": "6"}, True),
        ("[a1, a2]", {"y": "2"}, True),
        ("['a1 and a2', b]", {"x": "1"}, False),
    ],
)
def test_conditions(tmp_path: Path, condition: str, event: dict[str, object], expected: bool) -> None:  # noqa: FBT001
    """Precedence, selectors, several conditions, and identifiers with an underscore left out of "them"."""
    text = "a1:\n  x: 1\na2:\n  y: 2\nb:\n  z: 3\n_hidden:\n  w: 4\n"
    if condition in ("notable", "1 of with-dash*"):  # a name that begins like a word of the language
        text += "notable:\n  v: 5\nable:\n  u: 0\nwith-dash-1:\n  u: 6\n"
    assert holds(tmp_path, f"{text}condition: {condition}\n", event) is expected


def test_keywords_search_every_text_that_was_logged(tmp_path: Path) -> None:
    """Keywords look into all text fields, but not into columns that pollwatch added."""
    detection = "words:\n  - Needle\n  - 'x*y'\ncondition: words\n"
    assert holds(tmp_path, detection, {"a": "in a needlestack", "n": 1})
    assert holds(tmp_path, detection, {"a": "..x12y.."})
    assert not holds(tmp_path, detection, {"norm.a": "needle"})
    every = "words:\n  '|all':\n    - one\n    - two\ncondition: words\n"
    assert holds(tmp_path, every, {"a": "..one..", "b": "..two.."})
    assert not holds(tmp_path, every, {"a": "..one..", "b": ""})
    pattern = "words:\n  '|re':\n    - 'o.e$'\ncondition: words\n"
    assert holds(tmp_path, pattern, {"a": "..one"})


def test_list_of_maps_is_a_choice(tmp_path: Path) -> None:
    """A list of maps fits when one of them fits."""
    detection = "sel:\n  - a: 1\n    b: 2\n  - c: 3\ncondition: sel\n"
    assert holds(tmp_path, detection, {"c": "3"})
    assert not holds(tmp_path, detection, {"a": "1"})


FILTER = """---
title: Not our own scanner
logsource: {category: webserver}
filter:
  rules: RULES
  ours:
    f|endswith: ours
  condition: not ours
"""


@pytest.mark.parametrize(
    ("named", "applies"),
    [("any", True), ("[11111111-2222-4333-8444-555555555555]", True), ("[plain]", True), ("[another]", False)],
)
def test_global_filters(tmp_path: Path, named: str, applies: bool) -> None:  # noqa: FBT001
    """A filter narrows the rules that it names, by id or name, or all of its logsource; and no others."""
    rule = "name: plain\n" + HEADER + "  sel:\n    f|startswith: x\n  condition: sel\n"
    rules, report = load_text(tmp_path, rule + FILTER.replace("RULES", named))
    assert report.refused == ()
    (loaded,) = rules
    assert isinstance(loaded, EventRule)
    assert matches(loaded.condition, {"f": "x"})
    assert matches(loaded.condition, {"f": "x, ours"}) is not applies


def test_old_files_with_actions(tmp_path: Path) -> None:
    """What several documents of a file have in common stands once, under ``action: global``."""
    text = "action: global\ntitle: Both\nlogsource: {category: webserver}\ndetection: {condition: sel}\n"
    for at in (1, 2):
        text += f"---\nid: 11111111-2222-4333-8444-55555555555{at}\ndetection: {{sel: {{f: {at}}}}}\n"
    rules, report = load_text(tmp_path, text)
    assert report.refused == ()
    assert [rule.info.title for rule in rules] == ["Both", "Both"]


def test_placeholders_take_their_values_from_a_file(tmp_path: Path) -> None:
    """The values of ``placeholders.yml`` stand for placeholders, wildcards and all; a change of it is noticed."""
    rule = (
        HEADER
        + "  sel:\n    f|expand|contains: ['%servers%', 'a\\%b']\n    g|re|expand: '^%dots%$'\n  condition: sel\n"
    )
    (tmp_path / "placeholders.yml").write_text("servers: [srv*1, web]\ndots: a.b\n", encoding="utf-8")
    rules, report = load_text(tmp_path, rule)
    assert report.refused == ()
    (loaded,) = rules
    assert isinstance(loaded, EventRule)
    for text, expected in (("xsrv-01x", True), ("xwebx", True), ("xa%bx", True), ("mail", False)):
        assert matches(loaded.condition, {"f": text, "g": "a.b"}) is expected
    assert not matches(loaded.condition, {"f": "web", "g": "axb"})
    (tmp_path / "placeholders.yml").write_text("servers: mail\ndots: a.b\n", encoding="utf-8")
    (changed,) = load_text(tmp_path, rule)[0]
    assert isinstance(changed, EventRule)
    assert matches(changed.condition, {"f": "mail", "g": "a.b"})
    (tmp_path / "placeholders.yml").write_text("[", encoding="utf-8")
    refused = load_text(tmp_path, rule)[1].refused
    assert {Path(each.path).name for each in refused} == {"placeholders.yml", "rule.yml"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (HEADER + "  sel:\n    f|expand: '%admins%'\n  condition: sel\n", "placeholder %admins%"),
        (HEADER + "  sel:\n    f|nonsense: x\n  condition: sel\n", "nonsense"),
        (HEADER + "  sel:\n    f: x\n  condition: 1 of other*\n", "names no selection"),
        (HEADER + "  sel:\n    f: x\n  condition: sel | count() > 5\n", "write a correlation"),
        (HEADER + "  sel:\n    f: x\n  condition: sel and\n", "breaks off"),
        (HEADER + "  sel:\n    f: x\n  condition: (sel\n", "does not close"),
        (HEADER + "  sel:\n    f: x\n  condition: sel sel\n", "where it should end"),
        (HEADER + "  sel:\n    f: x\n  condition: 1 of\n", "without saying of what"),
        (HEADER + "  sel:\n    f: x\n  condition: sel and $x\n", "means nothing there"),
        (HEADER + "  words: [null]\n  condition: words\n", "keyword"),
        (HEADER + "  sel:\n    f|re: '('\n  condition: sel\n", "Regular expression '(' is invalid"),
        (HEADER + "  sel:\n    f|re: '^(?=x)(a+)+$'\n  condition: sel\n", "repeats a repeat"),
        (HEADER + "  sel:\n    f: x\n  condition: missing\n", "missing"),
        ("title: [\n", "not readable as YAML"),
        ("- a\n- b\n", "no mapping"),
        ("title: no detection\nlogsource:\n  category: webserver\n", "detection"),
        (HEADER + "  sel:\n    f: x\n  condition: sel\npollwatch:\n  why: '{f.__class__}'\n", "pollwatch.why"),
        (HEADER + "  sel:\n    f: x\n  condition: sel\npollwatch:\n  steps: Call somebody.\n", "pollwatch.steps"),
        (HEADER + "  sel:\n    f: x\n  condition: sel\npollwatch:\n  meaning: [1]\n", "pollwatch.meaning"),
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
