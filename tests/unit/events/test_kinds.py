"""What a product's events also are, beside the product's own."""

from __future__ import annotations

import pytest

from pollwatch.detect.engine import Engine
from pollwatch.events.batch import LogSource
from pollwatch.events.taxonomy import AUTH, DNS, FLOW, WEB, actor_columns, kind


@pytest.mark.parametrize(
    ("category", "ours"), [("firewall", FLOW), ("dns", DNS), ("webserver", WEB), ("authentication", AUTH)]
)
def test_a_products_events_are_also_of_our_logsource(category: str, ours: LogSource) -> None:
    """Zeek's connections are flows like any firewall's, with the same actors."""
    theirs = LogSource(category, "zeek", "any")
    assert kind(theirs) == ours
    assert actor_columns(theirs) == actor_columns(ours)


def test_windows_logsources_stay_what_they_are() -> None:
    """Windows has categories of its own with columns of its own: none of them is taken for ours."""
    theirs = LogSource("dns", "windows", "dns-server")
    assert kind(theirs) == theirs
    assert actor_columns(theirs).ip == "norm.ip"


def test_others_servers_are_not_ours() -> None:
    """What one's own people ask of others' web servers is no attack on one's own: no web rule of ours applies."""
    rules = {each.rule.info.name for each in Engine.load().plan(LogSource("webserver", "zeek", "http")).rules}
    outward = {each.rule.info.name for each in Engine.load().plan(LogSource("proxy", "zeek", "http")).rules}
    assert "sqli_union" in rules
    assert "sqli_union" not in outward
    assert actor_columns(LogSource("proxy", "zeek", "http")).ip == "c-ip"
