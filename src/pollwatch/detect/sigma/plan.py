"""What a Sigma rule becomes once it is understood: a small tree, free of pySigma.

A rule is either a tree of tests on one event (:class:`EventRule`) or a correlation over the matches of other
rules (:class:`CorrelationRule`). The plain evaluator walks the tree event by event, the engine column by
column; both ask the same tests, so they can only differ in how they walk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Network, IPv6Network
from typing import TypeAlias

from pollwatch.events.batch import LogSource
from pollwatch.events.detection import Severity

Value: TypeAlias = "str | int | float | None"
"""One cell of an event: None = absent, ``""`` = present and empty."""


class Wild(Enum):
    """Sigma's wildcards inside a text pattern."""

    MANY = "*"
    ONE = "?"


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


@dataclass(frozen=True, slots=True)
class Text:
    """The whole value fits a pattern of literals and wildcards. Ignores case unless ``cased``."""

    parts: tuple[str | Wild, ...]
    cased: bool = False


@dataclass(frozen=True, slots=True)
class Regex:
    """The pattern is found somewhere in the value. ``flags`` is a subset of ``ims``."""

    pattern: str
    flags: str = ""


@dataclass(frozen=True, slots=True)
class Number:
    """The value, as a number, compares so."""

    op: Compare
    number: float


@dataclass(frozen=True, slots=True)
class Cidr:
    """The value is an address inside the network."""

    network: IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Null:
    """The field is absent or null; an empty string is neither."""


@dataclass(frozen=True, slots=True)
class Exists:
    """The field is there (or is not)."""

    wanted: bool


@dataclass(frozen=True, slots=True)
class SameAs:
    """The value equals, begins with, ends with or contains another field's value of the same event."""

    field: str
    starts: bool = False
    ends: bool = False


@dataclass(frozen=True, slots=True)
class PartOfTime:
    """A part of the time in the value (microseconds or RFC 3339) equals a number."""

    part: TimePart
    number: int


Test: TypeAlias = "Text | Regex | Number | Cidr | Null | Exists | SameAs | PartOfTime"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One test of one field; without a field it is a keyword: some text column contains it."""

    field: str | None
    test: Test


@dataclass(frozen=True, slots=True)
class And:
    """Every child holds."""

    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one child holds."""

    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The child does not hold."""

    child: Node


Node: TypeAlias = "Leaf | And | Or | Not"


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
    path: str = ""
    output: bool = True


@dataclass(frozen=True, slots=True)
class EventRule:
    """A rule about single events of one logsource."""

    info: RuleInfo
    logsource: LogSource
    condition: Node


class CorrelationType(Enum):
    """Sigma's correlation types that are understood."""

    EVENT_COUNT = "event_count"
    VALUE_COUNT = "value_count"
    TEMPORAL = "temporal"
    TEMPORAL_ORDERED = "temporal_ordered"


@dataclass(frozen=True, slots=True)
class CorrelationRule:
    """A rule about several events: matches of the referenced rules, grouped, within a time span.

    Attributes:
        rules: ids of the referenced rules, in order.
        group_by: field names, or aliases.
        aliases: alias -> (rule id -> field name).
        span_us: length of the window.
        op: how the count compares; EQ and NEQ are not understood in windows that slide.
        count: events (event_count), distinct values (value_count) or rules (temporal).
        value_fields: what value_count counts.
        wanted: for temporal types with a boolean condition: sets of rule ids, one of which must be present.
    """

    info: RuleInfo
    type: CorrelationType
    rules: tuple[str, ...]
    group_by: tuple[str, ...]
    span_us: int
    op: Compare
    count: int
    value_fields: tuple[str, ...] = ()
    aliases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    wanted: tuple[frozenset[str], ...] = ()


Rule: TypeAlias = "EventRule | CorrelationRule"
