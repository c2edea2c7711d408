"""Sigma's correlations from YAML: every type, condition, alias and chain, and what is refused with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import indent

import pyarrow as pa
import pytest

from pollwatch.detect import state as memory
from pollwatch.detect.engine import Engine
from pollwatch.errors import StoreError
from pollwatch.events.batch import EventBatch
from pollwatch.events.detection import Detection
from pollwatch.events.taxonomy import WEB

MINUTE = 60_000_000
#: Minute, kind of event, user, host, bytes.
Row = tuple[float, str, str, str, int | None]


def bases(names: str) -> str:
    """One rule per letter, for events of that kind."""
    return "---\n".join(
        f"title: {name}\nname: {name}\nid: 00000000-0000-4000-8000-0000000000a{at}\n"
        f"logsource: {{category: webserver}}\ndetection: {{sel: {{kind: {name}}}, condition: sel}}\n"
        for at, name in enumerate(names)
    )


def correlation(name: str, text: str, number: int = 1) -> str:
    """One correlation."""
    head = f"---\ntitle: {name}\nname: {name}\nid: 00000000-0000-4000-8000-0000000000b{number}\ncorrelation:\n"
    return head + indent(text, "  ") + "\n"


def engine(folder: Path, text: str) -> Engine:
    """An engine with these rules and no others."""
    (folder / "rules.yml").write_text(text, encoding="utf-8")
    return Engine.load([folder], shipped=False)


def batch(rows: Sequence[Row], first: int = 1) -> EventBatch:
    """Events as a batch."""
    columns = {
        "time_us": pa.array([int(row[0] * MINUTE) for row in rows], pa.int64()),
        "number": pa.array(range(first, first + len(rows)), pa.int64()),
        "kind": pa.array([row[1] for row in rows], pa.string()),
        "user": pa.array([row[2] for row in rows], pa.string()),
        "host": pa.array([row[3] for row in rows], pa.string()),
        "bytes": pa.array([row[4] for row in rows], pa.int64()),
    }
    return EventBatch(WEB, "a.log", pa.table(columns))


def fired(made: Engine, rows: Sequence[Row], title: str = "c", end_minute: float | None = None) -> list[list[int]]:
    """The lines of each run of a rule, once nothing more is to come; time goes on to a minute, if one is given."""
    assert [str(each.error) for each in made.report.refused] == []
    state, found = made.step(made.start(), made.match(batch(rows)), None)
    if end_minute is not None:
        state, some = made.step(state, None, int(end_minute * MINUTE))
        found += some
    found += made.step(state, None, None, done=True)[1]
    return lines(found, title)


def lines(found: Sequence[Detection], title: str) -> list[list[int]]:
    """The lines of each run, as it was told last."""
    runs: dict[int | None, list[int]] = {}
    for each in found:
        if each.title == title:
            runs[each.first_us] = [number for _, number in each.lines]
    return list(runs.values())


def every(minutes: Sequence[float], kind: str = "a", user: str = "u", amount: int | None = 1) -> list[Row]:
    """One event at each of these minutes."""
    return [(minute, kind, user, "h", amount) for minute in minutes]


CONDITION = "type: {type}\nrules: [a]\ngroup-by: [user]\ntimespan: 10m\ncondition: {{{condition}}}"


@pytest.mark.parametrize(
    ("kind", "condition", "rows", "expected"),
    [
        ("event_count", "gte: 3", every([0, 1, 2]), [[1, 2, 3]]),
        ("event_count", "gt: 3", every([0, 1, 2]), []),
        ("event_count", "gte: 2.5", every([0, 1, 2]), [[1, 2, 3]]),
        ("event_count", "eq: 3", every([0, 1, 2]), [[1, 2, 3]]),
        ("event_count", "eq: 3", every([0, 1, 2, 3]), []),
        ("event_count", "neq: 3", every([0, 1, 2]), []),
        ("event_count", "neq: 3", every([0, 1]), [[1, 2]]),
        ("event_count", "lt: 3", every([0, 1]), [[1, 2]]),
        ("event_count", "lt: 3", every([0, 1, 2]), []),
        ("event_count", "lte: 3", every([0, 1, 2]), [[1, 2, 3]]),
        ("event_count", "gt: 2, lte: 4", every([0, 1, 2, 3]), [[1, 2, 3, 4]]),
        ("event_count", "gt: 2, lte: 4", every([0, 1, 2, 3, 4]), []),
        ("event_count", "gte: 2, lte: 4, neq: 3", every([0, 1, 2]), []),
        ("value_count", "gte: 2, field: bytes", [*every([0]), *every([1], amount=2)], [[1, 2]]),
        ("value_count", "gte: 2, field: bytes", every([0, 1]), []),
        ("value_count", "gte: 2, field: [bytes, kind]", [*every([0]), *every([1], amount=2)], [[1, 2]]),
        ("value_count", "lt: 2, field: bytes", every([0, 1]), [[1, 2]]),
        ("value_sum", "gte: 100, field: bytes", every([0, 1], amount=50), [[1, 2]]),
        ("value_sum", "gt: 100, field: bytes", every([0, 1], amount=50), []),
        ("value_sum", "gte: 100, field: bytes", every([0, 11], amount=50), []),
        ("value_sum", "lt: 100, field: bytes", every([0, 1], amount=40), [[1, 2]]),
        ("value_sum", "gt: 0.5, field: bytes", every([0]), [[1]]),
        ("value_avg", "gt: 2, field: bytes", [*every([0], amount=9), *every([1, 2, 3], amount=0)], [[1, 2, 3, 4]]),
        ("value_avg", "gt: 3, field: bytes", [*every([0], amount=9), *every([1, 2, 3], amount=0)], []),
        ("value_avg", "gte: 9, field: bytes", [*every([0], amount=9), *every([1], amount=None)], [[1]]),
        ("value_median", "eq: 2, field: bytes", [*every([0, 1]), *every([2, 3], amount=3)], [[1, 2, 3, 4]]),
        ("value_percentile", "gte: 9, field: bytes, percentile: 90", every([0, 1, 2], amount=9), [[1, 2, 3]]),
        ("value_percentile", "gte: 9, field: bytes, percentile: 10", [*every([0]), *every([1], amount=9)], []),
    ],
)
def test_conditions_of_every_type(
    tmp_path: Path, kind: str, condition: str, rows: list[Row], expected: list[list[int]]
) -> None:
    """What a window of ten minutes comes to, by each type, against each comparison; judged after half an hour."""
    made = engine(tmp_path, bases("a") + correlation("c", CONDITION.format(type=kind, condition=condition)))
    assert fired(made, rows, end_minute=30) == expected


@pytest.mark.parametrize(
    ("kind", "condition", "kinds", "expected"),
    [
        ("temporal", "", "cab", True),
        ("temporal", "", "aab", False),
        ("temporal", "{gte: 2}", "aab", True),
        ("temporal", "{eq: 1}", "aaa", True),
        ("temporal", "{eq: 1}", "aab", False),
        ("temporal", "{lt: 3}", "cab", False),
        ("temporal_ordered", "", "abc", True),
        ("temporal_ordered", "", "acb", False),
        ("temporal_ordered", "", "bacabc", True),
        ("temporal_ordered", "{gte: 2}", "cba", False),
        ("temporal_ordered", "{gte: 2}", "cac", True),
        ("temporal_ordered", "{lt: 2}", "cba", True),
        ("temporal_ordered", "{lt: 2}", "cbc", False),
        ("temporal", "a and b and c", "cba", True),
        ("temporal", "a and (b or c)", "ca", True),
        ("temporal", "a and (b or c)", "bc", False),
        ("temporal", "a and not (b or c)", "aa", True),
        ("temporal", "a and not (b or c)", "ab", False),
        ("temporal", "not a or b and c", "bb", True),
        ("temporal", "not a or b and c", "abc", True),
        ("temporal", "not a or b and c", "ab", False),
        ("temporal_ordered", "a and (b or c)", "ac", True),
        ("temporal_ordered", "a and (b or c)", "ca", False),
        ("temporal_ordered", "(a and b) and not c", "ab", True),
        ("temporal_ordered", "(a and b) and not c", "acb", False),
        ("temporal_ordered", "(a and b) and not c", "ba", False),
    ],
)
def test_temporal_conditions(tmp_path: Path, kind: str, condition: str, kinds: str, expected: bool) -> None:  # noqa: FBT001
    """Which rules matched within ten minutes, in which order, and which did not."""
    text = f"type: {kind}\nrules: [a, b, c]\ngroup-by: [user]\ntimespan: 10m\n"
    made = engine(tmp_path, bases("abc") + correlation("c", text + (f"condition: {condition}" if condition else "")))
    rows = [row for at, each in enumerate(kinds) for row in every([at], each)]
    assert bool(fired(made, rows, end_minute=30)) is expected


def test_absence_is_judged_when_the_window_has_closed(tmp_path: Path) -> None:
    """Fewer than three in ten minutes: not at the first event, and not for a log that ends before the window does."""
    made = engine(tmp_path, bases("a") + correlation("c", CONDITION.format(type="event_count", condition="lt: 3")))
    state, found = made.step(made.start(), made.match(batch(every([0, 1]))), 10 * MINUTE)
    assert found == []
    assert lines(made.step(state, None, 10 * MINUTE + 1)[1] + made.step(state, None, None, done=True)[1], "c") == [
        [1, 2]
    ]
    assert fired(made, every([0, 1])) == []
    assert fired(made, every([0, 1, 2, 12, 13, 40])) == [[4, 5]]


def test_range_does_not_fire_on_the_way_to_more(tmp_path: Path) -> None:
    """Between three and four is not what an attack of nine passes through, at its start or at its end."""
    made = engine(
        tmp_path, bases("a") + correlation("c", CONDITION.format(type="event_count", condition="gte: 3, lte: 4"))
    )
    assert fired(made, every([0, 1, 2, 3, 4, 5, 6, 7, 8])) == []
    assert fired(made, every([0, 1, 2])) == [[1, 2, 3]]


def test_what_comes_after_its_window_was_judged_is_counted(tmp_path: Path) -> None:
    """A line that is later than the watermark said is left out of a judged window, and the state says so."""
    made = engine(tmp_path, bases("a") + correlation("c", CONDITION.format(type="event_count", condition="lt: 3")))
    state, _ = made.step(made.start(), made.match(batch(every([0, 40]))), 40 * MINUTE)
    state, _ = made.step(state, made.match(batch(every([5]), 3)), 41 * MINUTE)
    assert state.late == 1


def test_aliases_group_by_other_fields(tmp_path: Path) -> None:
    """The host that one rule's events name is the user that the other's do."""
    text = "type: temporal\nrules: [a, b]\ngroup-by: [who]\ntimespan: 10m\naliases: {who: {a: user, b: host}}"
    made = engine(tmp_path, bases("ab") + correlation("c", text))
    assert fired(made, [(0, "a", "x", "-", None), (1, "b", "-", "x", None), (2, "b", "x", "-", None)]) == [[1, 2]]


def test_chain_of_three(tmp_path: Path) -> None:
    """Bursts of failures at three hosts, then a success: a correlation over one over one, with all lines."""
    text = bases("ab")
    text += correlation(
        "burst", "type: event_count\nrules: [a]\ngroup-by: [user, host]\ntimespan: 1m\ncondition: {gte: 2}", 1
    )
    text += correlation(
        "spread",
        "type: value_count\nrules: [burst]\ngroup-by: [user]\ntimespan: 1h\ncondition: {gte: 3, field: host}",
        2,
    )
    text += correlation("c", "type: temporal_ordered\nrules: [spread, b]\ngroup-by: [user]\ntimespan: 1h", 3)
    rows: list[Row] = [(at + part / 10, "a", "u", f"h{at}", None) for at in range(3) for part in range(2)]
    made = engine(tmp_path, text)
    assert fired(made, [*rows, (9, "b", "u", "-", None)]) == [[1, 2, 3, 4, 5, 6, 7]]
    assert fired(made, [*rows[:5], (9, "b", "u", "-", None)]) == []
    assert fired(made, [*rows, (9, "b", "v", "-", None)]) == []


def test_correlation_groups_by_what_the_one_below_does_not(tmp_path: Path) -> None:
    """Many failures at a host, then a success of any of the users who failed there: the specification's own note."""
    text = bases("ab")
    text += correlation("many", "type: event_count\nrules: [a]\ngroup-by: [host]\ntimespan: 5m\ncondition: {gte: 3}", 1)
    text += correlation("c", "type: temporal_ordered\nrules: [many, b]\ngroup-by: [user]\ntimespan: 1h", 2)
    made = engine(tmp_path, text)
    failures: list[Row] = [(at, "a", user, "h", None) for at, user in enumerate("xyz")]
    for user, expected in (("x", True), ("z", True), ("w", False)):
        assert bool(fired(made, [*failures, (4, "b", user, "other", None)])) is expected
    before: list[Row] = [(1.5, "b", "x", "other", None)]
    assert fired(made, [*failures, *before]) == []  # the third failure was yet to come


def test_closed_windows_feed_what_slides(tmp_path: Path) -> None:
    """A quiet hour (fewer than two signs of life), then an action: the absence is known later than the action."""
    text = bases("ab")
    text += correlation("quiet", "type: event_count\nrules: [a]\ngroup-by: [host]\ntimespan: 1h\ncondition: {lt: 2}", 1)
    text += correlation("c", "type: temporal_ordered\nrules: [quiet, b]\ngroup-by: [host]\ntimespan: 30m", 2)
    made = engine(tmp_path, text)
    rows = [*every([0]), *every([10], "b")]
    state, found = made.step(made.start(), made.match(batch(rows)), 20 * MINUTE)
    for minute in (40, 61, 90, 120):
        state, some = made.step(state, None, minute * MINUTE)
        found += some
    found += made.step(state, None, None, done=True)[1]
    assert lines(found, "c") == [[1, 2]]


@pytest.mark.parametrize(("generate", "expected"), [("true", {"a", "c"}), ("false", {"c"})])
def test_generate_lets_rules_speak_for_themselves(tmp_path: Path, generate: str, expected: set[str]) -> None:
    """What a correlation refers to is silent unless it says otherwise."""
    made = engine(
        tmp_path,
        bases("a")
        + correlation("c", CONDITION.format(type="event_count", condition="gte: 2") + f"\ngenerate: {generate}"),
    )
    state, found = made.step(made.start(), made.match(batch(every([0, 1]))), None)
    assert {each.title for each in found + made.step(state, None, None, done=True)[1]} == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (CONDITION.format(type="value_max", condition="gte: 1"), "no valid Sigma correlation type"),
        (CONDITION.format(type="event_count", condition="gte: 0"), "always true"),
        (CONDITION.format(type="event_count", condition="gte: x"), "no number"),
        (CONDITION.format(type="event_count", condition="gte: true"), "no number"),
        (CONDITION.format(type="event_count", condition="gte: .inf"), "too large"),
        (CONDITION.format(type="event_count", condition="gt: 5, lt: 3"), "at once"),
        (CONDITION.format(type="event_count", condition="many: 5"), "it may hold"),
        (CONDITION.format(type="event_count", condition="field: x"), "compares nothing"),
        (CONDITION.format(type="value_count", condition="gte: 5"), "field"),
        (CONDITION.format(type="value_sum", condition="gte: 5, field: [a, b]"), "one field"),
        (CONDITION.format(type="value_percentile", condition="gte: 5, field: x"), "which one"),
        (CONDITION.format(type="value_percentile", condition="gte: 5, field: x, percentile: 101"), "between 0 and 100"),
        (CONDITION.format(type="temporal", condition="gte: 2"), "asks for 2 rules"),
        (CONDITION.format(type="event_count", condition="gte: 2").replace("10m", "99999999999d"), "ten years"),
        (CONDITION.format(type="event_count", condition="gte: 2").replace("10m", "10 minutes"), "invalid"),
        ("type: temporal\nrules: [a, a]\ngroup-by: [user]\ntimespan: 1m", "same rule twice"),
        ("type: temporal\nrules: []\ngroup-by: [user]\ntimespan: 1m", "refers to no rule"),
        ("type: temporal\nrules: [a, c]\ngroup-by: [user]\ntimespan: 1m", "refers back to it"),
        ("type: temporal\ngroup-by: [user]\ntimespan: 1m\ncondition: a and not a", "never hold"),
        ("type: temporal\ngroup-by: [user]\ntimespan: 1m\ncondition: a and", "parse"),
        ("type: temporal\nrules: [a, d]\ngroup-by: [user]\ntimespan: 1m\ncondition: a", "must name all rules"),
        ("type: event_count\nrules: [a]\ngroup-by: [user]\ntimespan: 1m", "needs a condition"),
        ("type: event_count\nrules: [a]\ngroup-by: [user]\ntimespan: 1m\ncondition: a and b", "needs a condition"),
        ("type: event_count\nrules: [a]\ngroup-by: [user]\ntimespan: 1m\ncondition: [1]", "needs a condition"),
        ("type: value_sum\nrules: [d]\ngroup-by: [user]\ntimespan: 1m\ncondition: {gte: 1, field: x}", "over another"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    """A condition that cannot be meant is named as such, instead of being taken for something else."""
    below = correlation("d", CONDITION.format(type="event_count", condition="gte: 2"), 7)
    made = engine(tmp_path, bases("a") + below + correlation("c", text))
    assert [each.info.title for each in made.rules] == ["a", "d"]
    (refused,) = made.report.refused
    assert reason in str(refused.error)


def test_state_of_a_changed_rule_is_not_taken_over(tmp_path: Path) -> None:
    """What was counted for another condition counts for nothing; the state says which rule begins anew."""
    text = bases("a") + correlation("c", CONDITION.format(type="event_count", condition="gte: 3"))
    made = engine(tmp_path, text)
    state, _ = made.step(made.start(), made.match(batch(every([0, 1]))), None)
    data = made.save(state)
    assert made.restore(data).forgotten == ()
    changed = engine(tmp_path, text.replace("gte: 3", "gte: 2"))
    assert changed.restore(data).forgotten == ("00000000-0000-4000-8000-0000000000b1",)


def test_damaged_state_is_refused(tmp_path: Path) -> None:
    """A bit that a disk lost is noticed, as is another program's file, and the message says what to do."""
    made = engine(tmp_path, bases("a") + correlation("c", CONDITION.format(type="event_count", condition="gte: 3")))
    data = made.save(made.step(made.start(), made.match(batch(every([0, 1]))), None)[0])
    for at in (0, 40, len(data) // 2, len(data) - 1):
        broken = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(StoreError, match="start without it"):
            made.restore(broken)
    with pytest.raises(StoreError, match="start without it"):
        made.restore(data[:-7])


def test_memory_has_one_bound_and_what_is_dropped_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More observations than may be held: the oldest go and are counted, and what is recent is still detected."""
    monkeypatch.setattr(memory, "_MANY_NAMES", 20)
    text = correlation("c", CONDITION.format(type="value_count", condition="gte: 20, field: bytes"), 1)
    text += correlation("d", CONDITION.format(type="event_count", condition="gte: 9"), 2)
    made = engine(tmp_path, bases("a") + text)
    state, found = made.start(), list[Detection]()
    state.most = 50
    for at in range(40):
        rows = [*every([at / 100] * 4, user=f"u{at}"), *every([at / 100], user="slow", amount=at)]
        state, some = made.step(state, made.match(batch(rows, 1 + 5 * at)), None)
        found += some
        assert sum(map(len, state.tables.values())) <= 50
        assert len(state.names.texts) < 150
    assert state.dropped > 0
    rows = [row for at in range(20) for row in every([1], user="fast", amount=at)]
    state, some = made.step(state, made.match(batch(rows, 1_000)), None)
    assert lines(some, "c") == [list(range(1_000, 1_020))]


def test_a_flood_of_second_steps_pushes_out_no_first_one(tmp_path: Path) -> None:
    """Thousands log in; the one log-in that follows guesses of long ago is still found, in as little memory."""
    text = "type: temporal_ordered\nrules: [a, b]\ngroup-by: [user]\ntimespan: 1d"
    made = engine(tmp_path, bases("ab") + correlation("c", text))
    state = made.start()
    state.most = 60
    state, _ = made.step(state, made.match(batch([(0, "a", "slow", "h", 1)])), None)
    for at in range(40):
        rows = [(1 + at + part / 100, "b", f"u{at}-{part}", "h", 1) for part in range(20)]
        state, found = made.step(state, made.match(batch(rows, 2 + 20 * at)), None)
        assert not found
        assert sum(map(len, state.tables.values())) <= 60
    state, found = made.step(state, made.match(batch([(50, "b", "slow", "h", 1)], 1_000)), None)
    assert lines(found, "c") == [[1, 1_000]]
    assert state.dropped == 0


def test_ever_new_attackers_cost_bounded_memory_and_every_line_is_told(tmp_path: Path) -> None:
    """Of runs that are told and quiet the lines go; what one does later is told, and counts what went before."""
    made = engine(tmp_path, bases("a") + correlation("c", CONDITION.format(type="event_count", condition="gte: 3")))
    state, found = made.start(), list[Detection]()
    state.most = 60
    late: list[int] = []
    for at in range(100):
        rows = [*every([at / 100] * 3, user=f"u{at}"), *every([at / 100], user="slow")]
        late += [4 * at + 4]
        state, some = made.step(state, made.match(batch(rows, 1 + 4 * at)), None)
        found += some
        if at % 10 == 5:
            state = made.restore(made.save(state))
            state.most = 60
        (table,) = state.tables.values()
        assert len(table.runs) == at + (1 if at < 2 else 2)
        assert table.lines.live <= 60 + 4
        assert table.lines.size < 2_000
    found += made.step(state, None, None, done=True)[1]
    told = [each for each in found if {number for _, number in each.lines} <= set(late)]
    assert sorted({number for each in told for _, number in each.lines}) == late
    assert "100" in told[-1].why
    assert {number for each in found for _, number in each.lines} == set(range(1, 401))


def test_counting_needs_no_more_memory_than_it_must(tmp_path: Path) -> None:
    """Of a flood that goes on for a week only so much is held as the next line needs to be counted."""
    text = CONDITION.format(type="event_count", condition="gte: 5").replace("10m", "7d")
    made = engine(tmp_path, bases("a") + correlation("c", text))
    state = made.start()
    for at in range(60):
        rows = every([at + part / 100 for part in range(100)])
        state, _ = made.step(state, made.match(batch(rows, 1 + 100 * at)), at * MINUTE)
    assert sum(map(len, state.tables.values())) < 400
    assert state.dropped == 0
