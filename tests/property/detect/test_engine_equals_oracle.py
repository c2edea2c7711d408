"""A hundred thousand pairs of a random rule and a random event: the engine and an evaluator of its own agree on each.

The oracle below shares nothing with the engine but the trees: one event, one rule, recursion, and each test in the
most obvious words that Python has for it. POLLWATCH_PAIRS=1000000 compares ten times as many.
"""

from __future__ import annotations

import datetime as dt
import operator
import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path

import numpy as np
import pyarrow as pa
import yaml

from pollwatch.detect.engine import Engine
from pollwatch.detect.sigma.load import LoadReport
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
    PartOfTime,
    Regex,
    RuleInfo,
    SameAs,
    Test,
    Text,
    TimePart,
    Value,
    Wild,
)
from pollwatch.events.batch import EventBatch, LogSource
from pollwatch.events.detection import Severity

RULES, EVENTS = 2_000, 50
SOURCE = LogSource(category="random")
TEXT_FIELDS, FIELDS = ("a", "b", "Image"), ("a", "b", "Image", "n", "ip", "when", "none", "IMAGE")
WORDS = (
    "cmd.exe",
    "whoami",
    " /c ",
    "evil",
    "Temp",
    "K",
    "s",
    "\u017fS",
    "\u212a",
    "\u00e9",
    "C:\\Users",
    "a\nb",
    "*",
    "?",
)
PATTERNS = (
    r"cmd\.exe",
    "^C:",
    r"[a-c]{2}",
    "(?:evil|temp)",
    r"wh.*mi",
    r"\d+",
    "b$",
    "x|",
    "(?=e)ev?il",
    r"(.)\1",
    "^$",
)
OPERATORS: dict[Compare, Callable[[float, float], bool]] = {
    Compare.LT: operator.lt,
    Compare.LTE: operator.le,
    Compare.GT: operator.gt,
    Compare.GTE: operator.ge,
    Compare.EQ: operator.eq,
    Compare.NEQ: operator.ne,
}
Event = Mapping[str, Value]


def fits(node: Node, event: Event) -> bool:
    """Whether an event fulfils a condition."""
    match node:
        case And(children):
            return all(fits(child, event) for child in children)
        case Or(children):
            return any(fits(child, event) for child in children)
        case Not(child):
            return not fits(child, event)
        case Leaf(None, test):
            return any(isinstance(value, str) and passes(test, value, event) for value in event.values())
        case Leaf(field, test):
            return passes(test, look_up(event, str(field)), event)


def look_up(event: Event, field: str) -> Value:
    """A field's value; other case will do where the very name is missing."""
    if field in event:
        return event[field]
    return next((value for name, value in event.items() if name.lower() == field.lower()), None)


def passes(test: Test, value: Value, event: Event) -> bool:  # noqa: PLR0911 - one line per kind of test
    """Whether a value passes a test."""
    if isinstance(test, Null):
        return value is None
    if isinstance(test, Exists):
        return (value is not None) is test.wanted
    if value is None:
        return False
    match test:
        case Text(parts, cased):
            return compiled(parts, cased).fullmatch(low(str(value), cased)) is not None
        case Regex(pattern, flags):
            return re.search(f"(?{flags}){pattern}" if flags else pattern, str(value)) is not None
        case Number(op, number):
            mine = number_of(value)
            return mine is not None and OPERATORS[op](mine, number)
        case Cidr():
            return in_network(str(value), test.text)
        case SameAs(field, starts, ends):
            other = look_up(event, field)
            this, that = str(value).lower(), str(other).lower()
            ways = {(0, 0): this == that, (1, 0): this.startswith(that), (0, 1): this.endswith(that)}
            return other is not None and ways.get((starts, ends), that in this)
        case PartOfTime(part, wanted, op):
            found = part_of(value, part)
            return found is not None and OPERATORS[op](found, wanted)
    raise AssertionError(test)


@cache
def compiled(parts: tuple[str | Wild, ...], cased: bool) -> re.Pattern[str]:  # noqa: FBT001 - as the tree has it
    """A text pattern as a regular expression."""
    signs = {Wild.MANY: ".*", Wild.ONE: "."}
    return re.compile(
        "".join(signs[each] if isinstance(each, Wild) else re.escape(low(each, cased)) for each in parts), re.DOTALL
    )


def low(text: str, cased: bool) -> str:  # noqa: FBT001 - as the tree has it
    """A text as it is compared."""
    return text if cased else text.lower()


def number_of(value: Value) -> float | None:
    """A value as a number."""
    try:
        return float(value)  # type: ignore[arg-type]  # None is a TypeError
    except (TypeError, ValueError):
        return None


def in_network(text: str, network: str) -> bool:
    """Whether a text is an address of a network; one of IPv4 may be written as IPv6."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address in ip_network(network) or (mapped is not None and mapped in ip_network(network))


def part_of(value: Value, part: TimePart) -> int | None:
    """The minute, hour, ... of a time: a text, or microseconds since 1970."""
    if isinstance(value, int):
        moment = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=value)  # noqa: DTZ001 - UTC, as all here
    else:
        try:
            moment = dt.datetime.fromisoformat(str(value))
        except ValueError:
            return None
    return moment.isocalendar().week if part is TimePart.WEEK else int(getattr(moment, part.value))


class Maker:
    """Random rules and events in which things meet."""

    def __init__(self, seed: int) -> None:
        """Start from a seed, so that a failure comes again."""
        self.rng = np.random.default_rng(seed)

    def one(self, choices: Sequence[object]) -> object:
        """One of several."""
        return choices[int(self.rng.integers(len(choices)))]

    def text(self, most: int = 3) -> str:
        """Some words in a row."""
        return "".join(str(self.one(WORDS)) for _ in range(int(self.rng.integers(0, most + 1))))

    def event(self) -> dict[str, Value]:
        """One event; now and then a field is missing."""
        event: dict[str, Value] = {name: None if self.rng.random() < 0.15 else self.text() for name in TEXT_FIELDS}
        event["n"] = None if self.rng.random() < 0.2 else int(self.rng.integers(-2, 4))
        event["ip"] = str(self.one(["192.0.2.7", "198.51.100.1", "::ffff:192.0.2.9", "2001:db8::1", "nowhere"]))
        event["when"] = str(self.one(["2026-11-03T20:15:00", "2026-01-01T03:00:00", "long ago"]))
        return event

    def parts(self) -> tuple[str | Wild, ...]:
        """A text pattern."""
        parts: list[str | Wild] = []
        for _ in range(int(self.rng.integers(0, 4))):
            part = self.one(list(Wild)) if self.rng.random() < 0.5 else self.one(WORDS)
            if parts and isinstance(parts[-1], str) and isinstance(part, str):
                parts[-1] += part
            elif isinstance(part, str | Wild):
                parts.append(part)
        return tuple(parts)

    def test(self) -> Test:
        """A test of any kind."""
        op, number = list(Compare)[int(self.rng.integers(6))], int(self.rng.integers(-2, 22))
        tests: list[Callable[[], Test]] = [
            lambda: Text(self.parts(), bool(self.rng.random() < 0.3)),
            lambda: Text((Wild.MANY, str(self.one(WORDS)), Wild.MANY)),
            lambda: Text((str(self.one(WORDS)),)),
            lambda: Regex(str(self.one(PATTERNS)), str(self.one(["", "i", "s", "im"]))),
            lambda: Number(op, number % 4),
            Null,
            lambda: Exists(bool(self.rng.random() < 0.5)),
            lambda: Cidr(str(self.one(["192.0.2.0/24", "2001:db8::/32"]))),
            lambda: SameAs(str(self.one(FIELDS)), bool(self.rng.random() < 0.5), bool(self.rng.random() < 0.5)),
            lambda: PartOfTime(list(TimePart)[int(self.rng.integers(6))], number, op),
        ]
        return tests[int(self.rng.integers(len(tests)))]()

    def condition(self, depth: int = 0) -> Node:
        """A tree of tests."""
        kind = self.rng.random()
        if depth > 2 or kind < 0.35:
            if self.rng.random() < 0.15:
                return Leaf(None, Text((Wild.MANY, str(self.one(WORDS)), Wild.MANY)))
            return Leaf(str(self.one(FIELDS)), self.test())
        children = tuple(self.condition(depth + 1) for _ in range(int(self.rng.integers(1, 4))))
        return Not(children[0]) if kind < 0.5 else And(children) if kind < 0.75 else Or(children)

    def written(self, at: int) -> dict[str, object]:
        """A rule as people write it."""
        names = [f"sel_{number}" for number in range(int(self.rng.integers(1, 4)))]
        detection: dict[str, object] = {name: self.selection() for name in names}
        ways = ["1 of sel_*", "all of them", "not 1 of sel_*", " or ".join(names), " and not ".join(names)]
        detection["condition"] = self.one(ways)
        rule_id = f"00000000-0000-4000-8000-{at:012}"
        return {"title": "random", "id": rule_id, "logsource": {"category": "random"}, "detection": detection}

    def selection(self) -> object:
        """A map, or a list of maps or keywords."""
        if self.rng.random() < 0.15:
            return [str(self.one(WORDS)) for _ in range(2)]
        maps = [dict(self.item() for _ in range(2)) for _ in range(int(self.rng.integers(1, 3)))]
        return maps if len(maps) > 1 else maps[0]

    def item(self) -> tuple[str, object]:
        """A field with a modifier and values."""
        texts = [str(self.one(WORDS)) for _ in range(int(self.rng.integers(1, 4)))]
        field = str(self.one(TEXT_FIELDS))
        items: list[tuple[str, object]] = [
            (field, texts),
            (f"{field}|contains", texts),
            (f"{field}|startswith", texts[0]),
            (f"{field}|endswith|cased", texts),
            (f"{field}|contains|all", [*texts, "e"]),
            (f"{field}|re|i", str(self.one(PATTERNS[:6]))),
            (f"{field}|windash|contains", " /c "),
            (f"{field}|neq", texts[0]),
            (field, None),
            ("n|gte", int(self.rng.integers(-2, 4))),
            ("n", [1, 2]),
            ("ip|cidr", "192.0.2.0/24"),
            ("when|hour|lt", 6),
            (f"{field}|fieldref|contains", str(self.one(TEXT_FIELDS))),
        ]
        return items[int(self.rng.integers(len(items)))]


def batch(events: Sequence[Event]) -> EventBatch:
    """The events as the engine takes them."""
    kinds = {name: pa.int64() if name == "n" else pa.string() for name in events[0]}
    columns = {name: pa.array([event[name] for event in events], kind) for name, kind in kinds.items()}
    columns["b"] = columns["b"].dictionary_encode()
    numbers = pa.array(range(1, len(events) + 1), pa.int64())
    times = pa.array(range(len(events)), pa.int64())
    return EventBatch(SOURCE, "x", pa.table({"time_us": times, "number": numbers, **columns}))


def compare(seed: int, folder: Path) -> int:
    """Rules and events of one seed; returns how many pairs fitted."""
    maker = Maker(seed)
    trees = [
        EventRule(RuleInfo(f"tree {at}", "", "", Severity.LOW), SOURCE, maker.condition()) for at in range(RULES // 2)
    ]
    folder.mkdir()
    for low_at in range(0, RULES // 2, 250):
        documents = [maker.written(at) for at in range(low_at, low_at + 250)]
        (folder / f"{low_at}.yml").write_text(yaml.dump_all(documents, Dumper=yaml.CSafeDumper), encoding="utf-8")
    written = Engine.load([folder], shipped=False)
    assert [str(each.error) for each in written.report.refused] == []
    rules = [*trees, *(rule for rule in written.rules if isinstance(rule, EventRule))]
    assert len(rules) == RULES
    events = [maker.event() for _ in range(EVENTS)]
    matched = Engine(rules, LoadReport(0, RULES, ())).match(batch(events))
    found = {hit.rule_id: hit.rows.tolist() for hit in matched.hits}
    full: list[Event] = [{"time_us": at, "number": at + 1, **event} for at, event in enumerate(events)]
    fitted = 0
    for rule in rules:
        expected = [at for at, event in enumerate(full) if fits(rule.condition, event)]
        assert found.get(rule.info.id, []) == expected, (seed, rule.condition)
        fitted += len(expected)
    return fitted


def test_engine_agrees_with_an_independent_evaluator(tmp_path: Path) -> None:
    """Neither witnesses, columns, candidates nor the order of evaluation change any verdict."""
    rounds = max(1, int(os.environ.get("POLLWATCH_PAIRS", "0")) // (RULES * EVENTS))
    for seed in range(rounds):
        fitted = compare(seed, tmp_path / str(seed))
        assert RULES * EVENTS * 0.1 < fitted < RULES * EVENTS * 0.9  # rules that always or never fit would show little
