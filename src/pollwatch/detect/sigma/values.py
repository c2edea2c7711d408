"""The tests of a rule's leaves on single values. Obviously right first; the engine asks once per distinct value."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import TypeAlias

from pollwatch.clock import to_datetime
from pollwatch.detect.sigma import regex
from pollwatch.detect.sigma.plan import (
    Cidr,
    Compare,
    Exists,
    Null,
    Number,
    PartOfTime,
    Regex,
    SameAs,
    Test,
    Text,
    TimePart,
    Value,
    Wild,
)

#: Texts longer than this are matched on their beginning only: a 10 MB line must not stop the engine.
LONGEST = 65_536

Predicate: TypeAlias = Callable[[str], bool]


def holds(test: Test, values: Sequence[Value]) -> list[bool]:  # noqa: PLR0911 - one line per kind of test
    """For each value, whether the test holds. :class:`SameAs` needs the event and is not asked here.

    Raises:
        TypeError: the test needs more than a value.
    """
    match test:
        case Null():
            return [value is None for value in values]
        case Exists(wanted):
            return [(value is not None) == wanted for value in values]
        case Text():
            predicate = text_predicate(test)
            return [value is not None and predicate(as_text(value)) for value in values]
        case Regex():
            result = regex.found(test, ["" if value is None else as_text(value) for value in values])
            return [hit and value is not None for hit, value in zip(result, values, strict=True)]
        case Number(op, number):
            return [_compares(op, as_number(value), number) for value in values]
        case Cidr():
            return [_inside(test, value) for value in values]
        case PartOfTime(part, number, op):
            return [_compares(op, _part_of(part, value), number) for value in values]
        case SameAs():
            raise TypeError("a field reference needs the whole event")


def same_as(test: SameAs, value: Value, other: Value) -> bool:
    """Whether a value equals (or begins with, ends with, contains) another field's, ignoring case."""
    if value is None or other is None:
        return False
    mine, theirs = as_text(value).lower(), as_text(other).lower()
    if test.starts and test.ends:
        return theirs in mine
    if test.starts:
        return mine.startswith(theirs)
    if test.ends:
        return mine.endswith(theirs)
    return mine == theirs


def as_text(value: Value) -> str:
    """How a value reads as text."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST else value[:LONGEST]
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def as_number(value: Value) -> float | None:
    """A value as a number, or None where it is none."""
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return None
        return number if math.isfinite(number) else None
    return value


def _compares(op: Compare, value: float | None, number: float) -> bool:  # noqa: PLR0911 - one line per operator
    if value is None:
        return False
    match op:
        case Compare.LT:
            return value < number
        case Compare.LTE:
            return value <= number
        case Compare.GT:
            return value > number
        case Compare.GTE:
            return value >= number
        case Compare.EQ:
            return value == number
        case Compare.NEQ:
            return value != number


def _inside(test: Cidr, value: Value) -> bool:
    if not isinstance(value, str):
        return False
    try:
        address = ip_address(value)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address) in test.network or address in test.network


def _part_of(part: TimePart, value: Value) -> int | None:  # noqa: PLR0911 - one line per part
    moment = _moment(value)
    if moment is None:
        return None
    match part:
        case TimePart.MINUTE:
            return moment.minute
        case TimePart.HOUR:
            return moment.hour
        case TimePart.DAY:
            return moment.day
        case TimePart.WEEK:
            return moment.isocalendar().week
        case TimePart.MONTH:
            return moment.month
        case TimePart.YEAR:
            return moment.year


def _moment(value: Value) -> dt.datetime | None:
    try:
        if isinstance(value, int):
            return to_datetime(value)
        if isinstance(value, str):
            moment = dt.datetime.fromisoformat(value)
            return moment.astimezone(dt.UTC) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        return None
    return None


@lru_cache(maxsize=65_536)
def text_predicate(test: Text) -> Predicate:
    """The test of a text pattern as a function of the value's text."""
    parts = test.parts if test.cased else tuple(p if isinstance(p, Wild) else p.lower() for p in test.parts)
    inner = _pattern(parts)
    return inner if test.cased else lambda text: inner(text.lower())


def _pattern(parts: tuple[str | Wild, ...]) -> Predicate:  # noqa: PLR0911 - one line per shape
    match parts:
        case ():
            return lambda text: not text
        case (str() as literal,):
            return lambda text: text == literal
        case (Wild.MANY,):
            return lambda _: True
        case (Wild.MANY, str() as literal, Wild.MANY):
            return lambda text: literal in text
        case (Wild.MANY, str() as literal):
            return lambda text: text.endswith(literal)
        case (str() as literal, Wild.MANY):
            return lambda text: text.startswith(literal)
        case _:
            return lambda text: _wild(parts, text)


def _wild(parts: tuple[str | Wild, ...], text: str) -> bool:
    """Glob matching in O(pattern x text): on a mismatch, only the last ``*`` is extended."""
    pattern: list[str | Wild] = []
    for part in parts:
        pattern.extend([part] if isinstance(part, Wild) else list(part))
    at = star = mark = 0
    seen_star = False
    position = 0
    while position < len(text):
        if at < len(pattern) and pattern[at] is Wild.MANY:
            seen_star, star, mark = True, at, position
            at += 1
        elif at < len(pattern) and (pattern[at] is Wild.ONE or pattern[at] == text[position]):
            at += 1
            position += 1
        elif seen_star:
            mark += 1
            at, position = star + 1, mark
        else:
            return False
    return all(piece is Wild.MANY for piece in pattern[at:])
