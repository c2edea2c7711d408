"""The engine and the plain evaluator agree on every rule and event."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.cache import Cache
from pollwatch.detect.columns import Columns
from pollwatch.detect.kept import Kept
from pollwatch.detect.match import match, plan
from pollwatch.detect.matcher import Matcher
from pollwatch.detect.rulebook import Rulebook
from pollwatch.detect.rulewriting import flatten
from pollwatch.detect.sigma import regex
from pollwatch.detect.sigma.plain import matches
from pollwatch.detect.sigma.plan import (
    And,
    Cidr,
    Compare,
    EventRule,
    Exists,
    Leaf,
    Node,
    Not,
    Null,
    Number,
    Or,
    Regex,
    RuleInfo,
    SameAs,
    Text,
    Wild,
)
from pollwatch.events.batch import EventBatch
from pollwatch.events.detection import Severity
from pollwatch.events.taxonomy import WEB
from pollwatch.kernels.choosing import chosen

# Few letters, so that things meet; odd ones, whose case or width is not simple.
LETTERS = "abUSi'(<;$ .\n\\s\x00\u017f\u212a\u0130\u0131\u00df\u03a3\u03c2\U0001f600k0"
texts = st.text(LETTERS, max_size=8)
patterns = st.sampled_from(
    [
        "a",
        "^ab",
        "us",
        "[ab]'",
        "(?:us|k)",
        r"\bs\b",
        "s+$",
        "a.b",
        "(?:a|b){2}",
        r"\$\w",
        "(?i)us",
        "ß",
        "x*",
        "a|",
        "(?=s)u?s",
        r"[a\s]b",
        "['(]us",
        "[U-Z]s$",
        "(?:us){2,}",
        "s{2,}",
        r"a\b[ .]",
        "[^a]k",
        r"(?=\s)[\sa]+s?",
        r"(?i)[ks]\s",
    ]
)
parts = st.lists(st.one_of(st.sampled_from(list(Wild)), st.text(LETTERS, min_size=1, max_size=3)), max_size=5)
tests = st.one_of(
    st.builds(Text, parts.map(tuple), st.booleans()),
    st.builds(Regex, patterns, st.sampled_from(["", "i", "s", "im"])),
    st.builds(Number, st.sampled_from(list(Compare)), st.integers(-2, 3).map(float)),
    st.just(Null()),
    st.builds(Exists, st.booleans()),
    st.just(Cidr("192.0.2.0/24")),
    st.builds(SameAs, st.sampled_from(["a", "b", "n", "none"]), st.booleans(), st.booleans()),
)
leaves = st.builds(Leaf, st.sampled_from(["a", "b", "n", "ip", "none", "B"]), tests)
keywords = st.builds(
    Leaf, st.none(), st.one_of(st.builds(Regex, patterns), parts.map(lambda p: Text((Wild.MANY, *p, Wild.MANY))))
)


def groups(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    """And, Or and Not over the given conditions."""
    some = st.lists(children, min_size=1, max_size=3).map(tuple)
    return st.one_of(st.builds(And, some), st.builds(Or, some), st.builds(Not, children))


conditions: st.SearchStrategy[Node] = st.recursive(st.one_of(leaves, keywords), groups, max_leaves=6)
events = st.fixed_dictionaries(
    {
        "a": st.one_of(st.none(), texts),
        "b": st.one_of(st.none(), texts),
        "n": st.one_of(st.none(), st.integers(-2, 3)),
        "ip": st.sampled_from([None, "192.0.2.7", "198.51.100.1", "::ffff:192.0.2.9", "no address"]),
        "norm.a": st.one_of(st.none(), texts),
    }
)


def table(rows: list[dict[str, object]]) -> pa.Table:
    """The events as a batch's table."""
    schema = {"a": pa.string(), "b": pa.string(), "n": pa.int64(), "ip": pa.string(), "norm.a": pa.string()}
    columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in schema.items()}
    numbers = pa.array(range(1, len(rows) + 1), pa.int64())
    return pa.table({"time_us": pa.nulls(len(rows), pa.int64()), "number": numbers, **columns})


@settings(max_examples=400, deadline=None)
@given(st.lists(conditions, min_size=1, max_size=4), st.lists(events, min_size=1, max_size=8))
def test_engine_equals_plain(rules: list[Node], rows: list[dict[str, object]]) -> None:
    """Neither the prefilter nor the columns change any verdict."""
    made = [EventRule(RuleInfo(str(at), "", "", Severity.LOW), WEB, each) for at, each in enumerate(rules)]
    batch = EventBatch(WEB, "x", table(rows))
    found = {hit.rule_id: hit.rows.tolist() for hit in match(plan(made, WEB), batch).hits}
    full = [{"time_us": None, "number": at + 1, **row} for at, row in enumerate(rows)]
    for rule in made:
        expected = [at for at, row in enumerate(full) if matches(rule.condition, row)]
        assert found.get(rule.info.id, []) == expected


def coded(values: list[str | None], unused: list[str]) -> pa.Array:
    """A text column as codes of a dictionary that also holds values of no event, and some twice."""
    known = [*unused, *(value for value in values if value is not None)]
    codes = [None if value is None else len(known) - 1 - known[::-1].index(value) for value in values]
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(known, pa.string()))


class Room(Cache):
    """A cache in memory."""

    def __init__(self) -> None:
        """Start empty."""
        super().__init__(None)
        self.entries: dict[tuple[str, str], bytes] = {}

    def kept(self, name: str, key: str) -> bytes | None:
        """What was kept."""
        return self.entries.get((name, key))

    def keep(self, name: str, key: str, data: bytes) -> None:
        """Keep it."""
        self.entries[name, key] = data


@settings(max_examples=400, deadline=None)
@given(
    st.lists(conditions, min_size=1, max_size=12),
    st.lists(events, min_size=1, max_size=40),
    st.lists(events, max_size=3),
    st.lists(texts, max_size=3),
    st.booleans(),
)
def test_kernels_equal_plain(
    rules: list[Node],
    rows: list[dict[str, object]],
    sample: list[dict[str, object]],
    unused: list[str],
    kept: bool,  # noqa: FBT001 - hypothesis gives it by its place
) -> None:
    """What was learned from other data, perhaps in another run, changes no verdict, nor do odd dictionaries."""
    written = Rulebook(rules[::-1])
    own = range(len(rules))[::-1]
    matcher = Matcher(own, written)
    Matcher(own[::2], written)  # of another logsource
    if sample:
        matcher.match(Columns(EventBatch(WEB, "x", table(sample))))
    if kept:
        room = Room()
        kept_ = Kept(room, "rules", b"")
        kept_.keep_written(written.written, written.fields)
        lesson = matcher.lesson()
        kept_.keep_lessons({} if lesson is None else {WEB: lesson})
        again = Kept(room, "rules", b"")
        matcher = Matcher(own, Rulebook(rules[::-1], again.written(len(rules))), again.lesson(WEB))
    plain = table(rows)
    for name in ("a", "b"):
        at = plain.column_names.index(name)
        plain = plain.set_column(at, name, coded([row[name] for row in rows], unused))  # type: ignore[misc]
    found = matcher.match(Columns(EventBatch(WEB, "x", plain)))
    full = [{"time_us": None, "number": at + 1, **row} for at, row in enumerate(rows)]
    for at, rule in enumerate(rules):
        expected = [row for row, event in enumerate(full) if matches(rule, event)]
        assert found.get(at, np.empty(0)).tolist() == expected


needed = st.recursive(
    st.integers(0, 5), lambda inner: st.lists(st.lists(inner, min_size=1, max_size=3), min_size=1, max_size=3)
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(needed.filter(lambda need: not isinstance(need, int)), max_size=4),
    st.lists(st.floats(0, 1), min_size=6, max_size=6),
)
def test_the_cheapest_need_is_chosen(trees: list[Any], costs: list[float]) -> None:
    """Of each rule's options the cheapest: every entry of it, and nothing where even that is too dear."""

    def cost_of(need: Any) -> float:  # noqa: ANN401 - an entry, or options of entries and needs
        return costs[need] if isinstance(need, int) else min(sum(map(cost_of, option)) for option in need)

    def is_met(need: Any, entries: set[int]) -> bool:  # noqa: ANN401 - the same
        return (
            need in entries
            if isinstance(need, int)
            else any(all(is_met(each, entries) for each in option) for option in need)
        )

    nodes: list[tuple[int, int]] = []
    starts = [0]
    for tree in trees:
        flatten(tree, nodes)
        starts.append(len(nodes))
    cost, everywhere, bounds, entries = chosen(
        np.array(nodes, np.int32).reshape(-1, 2), np.array(starts, np.int32), np.array(costs), 0.7
    )
    for at, tree in enumerate(trees):
        mine = entries[bounds[at] : bounds[at + 1]].tolist()
        assert cost[at] == pytest.approx(cost_of(tree))
        assert bool(everywhere[at]) == (cost[at] >= 0.7)
        assert not mine if everywhere[at] else is_met(tree, set(mine))
        assert everywhere[at] or sum(costs[each] for each in mine) == pytest.approx(cost[at])


@settings(max_examples=200, deadline=None)
@given(
    st.from_regex(r"[ab'(]{1,3}(\?|\*|\+)?(\|[ab;<]{1,2})?([ab]|\[ab'\]|\(a\|';\)){0,2}", fullmatch=True),
    st.lists(st.text("ab'(;<AB", max_size=8), min_size=1, max_size=5),
)
def test_witnesses_are_necessary(pattern: str, values: list[str]) -> None:
    """Where a pattern is found, one of its witnesses stands in the lower-cased text."""
    test = Regex(pattern)
    try:
        regex.check(test)
    except Exception:  # noqa: BLE001 - what is no pattern has no witness
        return
    needed = regex.necessary(test)
    for value, hit in zip(values, regex.found(test, values), strict=True):
        if hit and needed is not None:
            assert any(literal in value.lower() for literal in needed)
