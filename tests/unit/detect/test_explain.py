"""Why a rule fits an event, and where."""

from __future__ import annotations

import pytest

from pollwatch.detect.explain import explained
from pollwatch.detect.match import Planned
from pollwatch.detect.sigma.plan import EventRule, Leaf, Not, Regex, RuleInfo, Text, Wild
from pollwatch.events.detection import Severity
from pollwatch.events.taxonomy import WEB

MANY = Wild.MANY


@pytest.mark.parametrize(
    ("leaf", "said"),
    [
        (Leaf("a", Text((MANY, "passwd", MANY))), "a contains 'passwd' (at character 9)"),
        (Leaf("a", Regex("P.s")), "a matches /P.s/ (at character 9)"),
        (Leaf(None, Text((MANY, "curl", MANY))), "any text contains 'curl' (in b, at character 1)"),
        (Leaf("b", Text(("curl", MANY))), "b begins with 'curl'"),
    ],
)
def test_says_where(leaf: Leaf, said: str) -> None:
    """A literal or a pattern that was found is told with its field and place, counted in characters."""
    rule = EventRule(RuleInfo("1", "", "", Severity.LOW), WEB, leaf)
    event = {"a": "/é/x/../Passwd", "b": "curl/8"}
    assert explained(Planned(rule, leaf), event).parts == (said,)
    assert explained(Planned(rule, Not(leaf)), event).parts == (f"not ({said})",)
