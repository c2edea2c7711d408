"""What a Sigma rule becomes once it is understood: a small tree, free of pySigma.

A rule is either a tree of tests on one event (:class:`EventRule`) or a correlation over the matches of other
rules (:class:`CorrelationRule`). The plain evaluator walks the tree event by event, the engine column by
column; both ask the same tests, so they can only differ in how they walk.

What can stand in another's place (the tests, the nodes) is a tagged msgspec struct: compiled rules are kept on disk
(``compiled``) and read back, typed, in a few hundredths of a second. Their fields hold what msgspec can tell apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeAlias

import msgspec

from pollwatch.events.batch import LogSource
from pollwatch.events.detection import Severity

Value: TypeAlias = "str | int | float | None"
"""One cell of an event: None = absent, ``""`` = present and empty."""


class Wild(Enum):
    """Sigma's wildcards inside a text pattern. Numbers, so that they are no texts where both are kept."""

    MANY = 1
    ONE = 2

    @property
    def sign(self) -> str:
        """As rules write it."""
        return "*" if self is Wild.MANY else "?"


class Compare(Enum):
    """Numeric comparison."""

    LT = "<"
    LTE = "<="
    GT = ">"
    GTE = ">="
    NEQ = "!="
    EQ = "="


class TimePart(Enum):
    """The part of a time that a timestamp modifier looks at (UTC)."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class Text(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The whole value fits a pattern of literals and wildcards. Ignores case unless ``cased``."""

    parts: tuple[str | Wild, ...]
    cased: bool = False


class Regex(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The pattern is found somewhere in the value. ``flags`` is a subset of ``ims``."""

    pattern: str
    flags: str = ""


class Number(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The value, as a number, compares so."""

    op: Compare
    number: int | float


class Cidr(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The value is an address inside the network, which is written as ``ipaddress`` writes it."""

    text: str

    @property
    def network(self) -> IPv4Network | IPv6Network:
        """The network."""
        return _network(self.text)


@lru_cache(maxsize=8_192)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text)


class Null(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The field is absent or null; an empty string is neither."""


class Exists(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The field is there (or is not)."""

    wanted: bool


class SameAs(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The value equals, begins with, ends with or contains another field's value of the same event."""

    field: str
    starts: bool = False
    ends: bool = False


class PartOfTime(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """A part of the time in the value (microseconds or RFC 3339) compares so with a number."""

    part: TimePart
    number: int
    op: Compare = Compare.EQ


Test: TypeAlias = Text | Regex | Number | Cidr | Null | Exists | SameAs | PartOfTime


class Leaf(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """One test of one field; without a field it is a keyword: some text column contains it."""

    field: str | None
    test: Test


class And(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Every child holds."""

    children: tuple[Node, ...]


class Or(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """At least one child holds."""

    children: tuple[Node, ...]


class Not(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The child does not hold."""

    child: Node


Node: TypeAlias = Leaf | And | Or | Not


def leaves(node: Node) -> list[Leaf]:
    """The tests of a condition, in order."""
    match node:
        case Leaf():
            return [node]
        case Not(child):
            return leaves(child)
        case And(children) | Or(children):
            return [leaf for child in children for leaf in leaves(child)]


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """What is said about a rule, whatever its kind.

    Attributes:
        id: its UUID, or its name where it has none.
        name: Sigma's ``name``, by which correlations refer to it; may be empty.
        techniques: ATT&CK technique ids, sub-techniques first.
        tactics: ATT&CK tactics' short names.
        tool: from the tag ``pollwatch.tool.NAME``.
        success: tagged ``pollwatch.success``: what it sees worked.
        why: a sentence with ``{count}``, ``{ip}``, ... to fill in; see ``detect.why``.
        meaning: what it means for an office, in plain language; empty where the description says it.
        steps: what somebody without a security team does first; empty where the kind of attack says it.
        path: the file it came from.
        output: False for a rule that only feeds correlations.
    """

    id: str
    name: str
    title: str
    severity: Severity
    description: str = ""
    techniques: tuple[str, ...] = ()
    tactics: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    falsepositives: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    author: str = ""
    status: str = ""
    tool: str = ""
    success: bool = False
    why: str = ""
    meaning: str = ""
    steps: tuple[str, ...] = ()
    path: str = ""
    output: bool = True


@dataclass(frozen=True, slots=True)
class EventRule:
    """A rule about single events of one logsource."""

    info: RuleInfo
    logsource: LogSource
    condition: Node


class CorrelationType(Enum):
    """Sigma's correlation types."""

    EVENT_COUNT = "event_count"
    VALUE_COUNT = "value_count"
    TEMPORAL = "temporal"
    TEMPORAL_ORDERED = "temporal_ordered"
    VALUE_SUM = "value_sum"
    VALUE_AVG = "value_avg"
    VALUE_PERCENTILE = "value_percentile"
    VALUE_MEDIAN = "value_median"


#: Types that look at which of the rules matched, not at how much.
TEMPORAL_TYPES = frozenset({CorrelationType.TEMPORAL, CorrelationType.TEMPORAL_ORDERED})
#: Types whose figure cannot be spoilt by what comes later in the window (a sum: as long as nothing is negative).
_GROWING_TYPES = TEMPORAL_TYPES | {CorrelationType.EVENT_COUNT, CorrelationType.VALUE_COUNT, CorrelationType.VALUE_SUM}


@dataclass(frozen=True, slots=True)
class Bound:
    """One comparison of a correlation's condition; a range is two."""

    op: Compare
    number: float


@dataclass(frozen=True, slots=True)
class Alternative:
    """Rules that must match, and rules that must not, within one window: ids, the first in order of the rule."""

    present: tuple[str, ...]
    absent: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CorrelationRule:
    """A rule about several events: matches of the referenced rules, grouped, within a time span.

    Attributes:
        rules: ids of the referenced rules, in order.
        group_by: field names, or aliases.
        span_us: length of the window.
        bounds: what must hold of the window's figure, all of it: events (event_count), distinct values (value_count),
            rules that matched (temporal), or what the values come to.
        value_fields: the field whose values are counted or added up; value_count takes several.
        aliases: alias -> (rule id -> field name).
        wanted: instead of bounds, for temporal types with a boolean condition: one of these must be.
        percentile: which one, for value_percentile: 0 to 100.
        generate: the rules it refers to speak for themselves as well.
    """

    info: RuleInfo
    type: CorrelationType
    rules: tuple[str, ...]
    group_by: tuple[str, ...]
    span_us: int
    bounds: tuple[Bound, ...]
    value_fields: tuple[str, ...] = ()
    aliases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    wanted: tuple[Alternative, ...] = ()
    percentile: float = 50.0
    generate: bool = False

    @property
    def slides(self) -> bool:
        """Whether what comes later cannot undo it: told with the event that fulfils it, in a window that ends with it.

        Anything else (fewer than, exactly, a range, an average, "and not") is judged when its window has closed.
        """
        rising = all(bound.op in (Compare.GT, Compare.GTE) for bound in self.bounds)
        return self.type in _GROWING_TYPES and rising and not any(each.absent for each in self.wanted)

    @property
    def asks_for_presence(self) -> bool:
        """Whether something must be there for it to hold; a quiet window alone does not do."""
        if self.wanted:
            return all(each.present for each in self.wanted)
        return any(bound.op in (Compare.GT, Compare.GTE, Compare.EQ) for bound in self.bounds)

    def field_of(self, name: str, rule_id: str) -> str:
        """Under which name matches of a rule hold a field of ``group_by``, which may be an alias."""
        return self.aliases.get(name, {}).get(rule_id, name)


@dataclass(frozen=True, slots=True)
class FilterRule:
    """Sigma's global filter: what must hold besides for events to fit the rules that it names.

    Attributes:
        rules: their ids or names; empty for every rule whose logsource it covers.
    """

    rules: tuple[str, ...]
    logsource: LogSource
    condition: Node

    def concerns(self, rule: EventRule) -> bool:
        """Whether the filter is about a rule."""
        named = not self.rules or rule.info.id in self.rules or (bool(rule.info.name) and rule.info.name in self.rules)
        return named and self.logsource.covers(rule.logsource)


@dataclass(frozen=True, slots=True)
class DetectorRule:
    """What a detector says of itself: a rule that is code (``detect.interface``).

    Attributes:
        logsources: of the events that it looks at.
        columns: that it cannot do without: it is not asked about batches that lack one.
        fires_when: a sentence for each thing that it asks, as ``rules show`` tells it.
    """

    info: RuleInfo
    logsources: tuple[LogSource, ...]
    columns: tuple[str, ...]
    fires_when: tuple[str, ...]


Rule: TypeAlias = "EventRule | CorrelationRule | DetectorRule"
