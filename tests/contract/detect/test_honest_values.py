"""Several hundred honest values, of many kinds and languages, mean nothing to any grammar and accuse nobody."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from tests.contract.detect.test_quiet import BROWSERS, ENGINE, detections, web
from tests.contract.detect.test_rules import parsed

from pollwatch.events.grammar import judge

#: What people type, paste and share: names, addresses, measures, formulas, programs, Markdown, filters, sentences.
VALUES = [
    line
    for line in Path(__file__).with_name("honest_values.txt").read_text(encoding="utf-8").splitlines()
    if line.strip()
]


def test_there_are_several_hundred() -> None:
    """The sample is not worn down."""
    assert len(VALUES) >= 600
    assert len(set(VALUES)) == len(VALUES)


@pytest.mark.parametrize("place", ["/search?q={plus}&page=1", "/news/{path}/x", "/x?{plus}=1"])
def test_honest_values_speak_no_language_of_machines(place: str) -> None:
    """As a parameter's value, in a path and as a parameter's name, an honest text is no code."""
    said = {
        value: [each.kind for each in found]
        for value in VALUES
        if (found := judge.of_uri(place.format(plus=quote_plus(value), path=quote(value, safe=""))))
    }
    assert said == {}


def test_honest_values_accuse_nobody() -> None:
    """The whole pack stays silent on all of them, in a request and in what a visitor says to come from."""
    lines = []
    for at, value in enumerate(VALUES):
        query, ip = quote_plus(value), f"198.51.{at >> 8}.{at & 255}"
        lines += [
            web(40 * at, ip, f"GET /search?q={query}&page=1", 200, BROWSERS[at % 4]),
            web(40 * at + 9, ip, "GET /results", 200, BROWSERS[at % 4], f"https://www.google.com/search?q={query}"),
        ]
    said = {(each.title, each.why) for each in detections(lines)}
    assert said == set()


def test_an_explanation_quotes_what_the_grammar_read() -> None:
    """Why a rule fits names the parameter and its value, decoded, and not only the kind that was found."""
    line = web(0, "203.0.113.9", "GET /status?a=1&id=7%27%20union%20select%201,2--%20")
    parts = {each.rule.info.name: each.parts for each in ENGINE.explain(next(iter(parsed([line])))) if each.fits}
    assert parts["sqli_union"] == ("norm.cs-uri-grammar contains 'sql.union' (parameter id: 7' union select 1,2-- )",)
