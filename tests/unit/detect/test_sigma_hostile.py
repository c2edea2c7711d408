"""Rules that are written to stop the engine end in a clear message, soon."""

from __future__ import annotations

import resource
from collections.abc import Callable

import pytest

from pollwatch.detect.sigma.understand import understood

HEAD = "title: t\nid: 11111111-2222-4333-8444-555555555555\nlogsource: {category: webserver}\n"
CORRELATION = "title: c\ncorrelation:\n  group-by: [x]\n"
#: What the issue allows, of processor time: how busy the machine is says nothing about the rule.
MOST_S = 2.0


def selection(item: str, condition: str = "sel") -> str:
    """A rule with one selection."""
    return f"{HEAD}detection:\n  sel: {item}\n  condition: {condition}\n"


def aliases() -> str:
    """A thousand million values by nine lines of aliases."""
    lines = ["a: &a [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"{chr(98 + at)}: &{chr(98 + at)} [{','.join(['*' + chr(97 + at)] * 10)}]" for at in range(9)]
    return "\n".join(lines) + "\n"


HOSTILE: dict[str, tuple[Callable[[], str], str]] = {
    "list of 100,000": (lambda: selection("\n    f|contains:\n" + "    - v\n" * 100_000), "more than 50000 values"),
    "list of 1,000,000": (lambda: selection("{f: [" + "a," * 1_000_000 + "a]}"), "more than 50000 values"),
    "regular expressions": (lambda: selection("\n    f|re:\n" + "    - a.b\n" * 6_000), "more than 5000 regular"),
    "brackets": (lambda: selection("{f: x}", "(" * 20_000 + "sel" + ")" * 20_000), "nested more than 64 deep"),
    "not not not": (lambda: selection("{f: x}", "not " * 10_000 + "sel"), "nested more than 64 deep"),
    "a long condition": (lambda: selection("{f: x}", "sel or " * 20_000 + "sel"), "longer than 65536"),
    "selections again and again": (
        lambda: selection("\n    f:\n" + "    - v\n" * 9_000, " or ".join(["1 of sel*"] * 300)),
        "more than 50000 tests",
    ),
    "YAML aliases": (aliases, "counting what YAML aliases repeat"),
    "YAML in itself": (lambda: selection("&a\n    f: *a"), "nested more than 32 deep"),
    "YAML merges": (lambda: "a: &a {x: 1}\nb: {<<: [*a, *a]}\n", "not readable as YAML"),
    "lists in lists": (lambda: selection("[" * 90_000 + "]" * 90_000), "nested more than 32 deep"),
    "lists in lists, short": (lambda: selection("[" * 900 + "]" * 900), "nested more than 32 deep"),
    "dashes in a row": (lambda: selection("\n" + "- " * 50_000 + "a"), "not readable as YAML"),
    "windash": (lambda: selection("{f|windash: '" + " -a" * 30 + "'}"), "30 dashes"),
    "windash many times": (
        lambda: selection("\n    f|windash:\n" + "    - ' -a -b -c -d -e'\n" * 100),
        "more than 50000 values once 'windash'",
    ),
    "a repeat in a repeat": (lambda: selection("{f|re: '^(?=x)(a+)+$'}"), "repeats a repeat"),
    "a bounded repeat in another": (lambda: selection("{f|re: '^(?=x)(a{1,900}){1,900}$'}"), "repeats a repeat"),
    "repeats in a row": (lambda: selection("{f|re: '^(?=x).*a.*b.*c.*d$'}"), "more than 2 endless repeats"),
    "a pattern within a pattern": (lambda: selection("{f|re: '" + "(" * 5_000 + "a" + ")" * 5_000 + "'}"), "recursion"),
    "a text without end": (lambda: selection("{f: " + "a" * 300_000 + "}"), "longer than 262144"),
    "a huge time span": (
        lambda: (
            CORRELATION + f"  type: event_count\n  rules: [a]\n  timespan: {'9' * 5_000}d\n  condition: {{gte: 3}}\n"
        ),
        "not understood as Sigma",
    ),
    "a long time span": (
        lambda: CORRELATION + "  type: event_count\n  rules: [a]\n  timespan: 9999999y\n  condition: {gte: 3}\n",
        "ten years",
    ),
    "alternatives": (
        lambda: (
            CORRELATION
            + "  type: temporal\n  timespan: 1d\n  condition: "
            + " and ".join(f"(a{at} or b{at})" for at in range(300))
            + "\n"
        ),
        "more than 64 alternatives",
    ),
    "orders": (
        lambda: (
            CORRELATION
            + f"  type: temporal_ordered\n  timespan: 1d\n  rules: [{', '.join(f'a{at}' for at in range(40))}]\n"
            + "  condition: {gte: 20}\n"
        ),
        "more than 64 alternatives",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_rule_is_refused_soon(name: str) -> None:
    """A rule that would take all time or memory to understand is refused, and the message says what is too much."""
    text, reason = HOSTILE[name][0](), HOSTILE[name][1]
    started_s = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    found = understood(text.encode(), "rule.yml", "rule.yml")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - started_s < MOST_S
    assert (found.rules, found.correlations) == ((), ())
    assert reason in found.refused[0].reason
    assert len(found.refused[0].reason) < 500
