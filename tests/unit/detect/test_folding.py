"""Letters that are none of ASCII's and count as such where case does not: attackers write them to be overlooked."""

import pyarrow as pa
import pytest

from pollwatch.detect.match import Made, Plan, Planned, match
from pollwatch.detect.matcher import Matcher
from pollwatch.detect.rulebook import Rulebook
from pollwatch.detect.sigma.plan import EventRule, Leaf, Node, Regex, RuleInfo, Text, Wild
from pollwatch.events.batch import EventBatch
from pollwatch.events.detection import Severity
from pollwatch.events.taxonomy import WEB

TEXTS = ["WHOAMI", "whoam\u0131", "whoam\u0130", "\u017fkip", "\u212aip", "nothing"]


def fits(condition: Node, *, kernels: bool) -> set[str]:
    """Which of the texts fulfil a condition, by either way of searching."""
    table = pa.table({"f": TEXTS, "time_us": [0] * len(TEXTS), "number": range(len(TEXTS))})
    rule = EventRule(RuleInfo("r", "r", "r", Severity.LOW), WEB, condition)
    matcher = [Matcher([0], Rulebook([condition]))] if kernels else []
    plan = Plan((Planned(rule, condition),), WEB, Made([rule]), _matcher=matcher)
    hits = match(plan, EventBatch(WEB, "log", table)).hits
    return {TEXTS[row] for each in hits for row in each.rows}


@pytest.mark.parametrize("kernels", [False, True])
@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Leaf("f", Regex("(?!x)whoami", "i")), {"WHOAMI", "whoam\u0131", "whoam\u0130"}),
        (Leaf("f", Regex("(?!x)skip", "i")), {"\u017fkip"}),
        (Leaf("f", Regex("(?!x)kip", "i")), {"\u017fkip", "\u212aip"}),
        (Leaf("f", Text((Wild.MANY, "kip", Wild.MANY))), {"\u017fkip", "\u212aip"}),
    ],
)
def test_neither_way_of_searching_overlooks_a_letter(
    condition: Node, expected: set[str], monkeypatch: pytest.MonkeyPatch, *, kernels: bool
) -> None:
    """Dotless i, dotted I, long s, the sign for kelvin: what a test fits is found by the search before it."""
    monkeypatch.setattr("pollwatch.detect.match._WORTH_LOADING", 1 << 40)
    monkeypatch.setattr("pollwatch.detect.match._WORTH_COMPILING", 1 << 40)
    monkeypatch.setattr("pollwatch.detect.match._WORTH_IT", 1 << 40)
    monkeypatch.setattr("pollwatch.detect.match._FEW_BATCHES", 1 << 40)
    assert fits(condition, kernels=kernels) == expected
