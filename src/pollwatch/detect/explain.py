"""Why a rule fits an event, or which parts of its condition do not."""

from __future__ import annotations

from dataclasses import dataclass

from pollwatch.detect.match import Planned
from pollwatch.detect.sigma import regex
from pollwatch.detect.sigma.plain import Event, keyword_fields, lookup, matches
from pollwatch.detect.sigma.plan import (
    And,
    Cidr,
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
    SameAs,
    Test,
    Text,
    Wild,
)
from pollwatch.detect.sigma.values import as_text, holds
from pollwatch.events import meaning
from pollwatch.events.printable import printable

_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Explanation:
    """One rule and one event.

    Attributes:
        fits: the rule's condition holds.
        parts: what made it fit; or what of it does not hold, so that it does not fit. For people.
    """

    rule: EventRule
    fits: bool
    parts: tuple[str, ...]


def explained(planned: Planned, event: Event) -> Explanation:
    """Evaluate a rule on one event and say why."""
    fits = matches(planned.condition, event)
    return Explanation(planned.rule, fits, tuple(_reasons(planned.condition, event, fits)))


def _reasons(node: Node, event: Event, holds: bool) -> list[str]:  # noqa: FBT001 - the verdict to give reasons for
    """The parts that decide: of a condition that holds those that make it so, else those that break it."""
    match node:
        case Leaf():
            return [describe(node) + (_place(node, event) if holds else "")]
        case Not(child):
            return [f"not ({'; '.join(_reasons(child, event, not holds))})"]
        case And(children) if holds:
            return [reason for child in children for reason in _reasons(child, event, holds=True)]
        case And(children):
            broken = [child for child in children if not matches(child, event)]
            return [reason for child in broken for reason in _reasons(child, event, holds=False)]
        case Or(children) if holds:
            first = next(child for child in children if matches(child, event))
            return _reasons(first, event, holds=True)
        case Or(children):
            return [_none_of(children)]


def _place(leaf: Leaf, event: Event) -> str:
    """Where in which field a test that holds was fulfilled; empty where its words say so already."""
    if leaf.field in meaning.FINDINGS:
        return _spoken(leaf, event)
    if leaf.field is not None:
        at = _at(leaf.test, as_text(lookup(event, leaf.field)))
        return "" if at is None else f" (at character {at + 1})"
    for name in keyword_fields(event):
        text = as_text(event[name])
        at = _at(leaf.test, text)
        if at is not None and holds(leaf.test, [text])[0]:
            return f" (in {name}, at character {at + 1})"
    return ""


def _spoken(leaf: Leaf, event: Event) -> str:
    """Where in a request a grammar found what a test asks for, and in which words."""
    column, judged = meaning.FINDINGS[str(leaf.field)]
    for each in judged(as_text(lookup(event, column))):
        if holds(leaf.test, [each.kind])[0]:
            place = f"{each.place}: " if each.place else ""
            return f" ({printable(place + each.text)})"
    return ""


def _at(test: Test, text: str) -> int | None:
    """How many characters stand before a test's first literal or match."""
    match test:
        case Text((Wild.MANY, str() as literal, *_), cased):
            lower = text if cased else text.lower()
            at = lower.find(literal if cased else literal.lower()) if len(lower) == len(text) else -1
            return at if at >= 0 else None
        case Regex():
            return regex.place(test, text)
        case _:
            return None


def _none_of(children: tuple[Node, ...]) -> str:
    shown = [describe(child) for child in children[:_SHOWN]]
    more = len(children) - len(shown)
    return "none of: " + "; ".join(shown) + (f"; and {more} more" if more else "")


def describe(node: Node) -> str:
    """A condition in words."""
    match node:
        case Leaf(field, test):
            return f"{field or 'any text'} {_test(test)}"
        case Not(child):
            return f"not ({describe(child)})"
        case And(children):
            return "(" + " and ".join(map(describe, children[:_SHOWN])) + ")"
        case Or(children):
            return "(" + " or ".join(map(describe, children[:_SHOWN])) + ")"


def _test(test: Test) -> str:  # noqa: PLR0911 - one line per kind of test
    match test:
        case Text(parts, cased):
            return _text(parts) + (" (case counts)" if cased else "")
        case Regex(pattern, flags):
            return f"matches /{pattern}/{flags}"
        case Number(op, number):
            return f"{op.value} {number:g}"
        case Cidr(network):
            return f"is in {network}"
        case Null():
            return "is absent"
        case Exists(wanted):
            return "is there" if wanted else "is not there"
        case SameAs(field, starts, ends):
            verb = "contains" if starts and ends else "begins with" if starts else "ends with" if ends else "equals"
            return f"{verb} the field {field}"
        case PartOfTime(part, number, op):
            return f"has {part.value} {op.value} {number}"


def _text(parts: tuple[str | Wild, ...]) -> str:
    match parts:
        case (Wild.MANY, str() as literal, Wild.MANY):
            return f"contains {literal!r}"
        case (str() as literal, Wild.MANY):
            return f"begins with {literal!r}"
        case (Wild.MANY, str() as literal):
            return f"ends with {literal!r}"
        case (str() as literal,):
            return f"is {literal!r}"
        case ():
            return "is empty"
        case _:
            return "fits " + repr("".join(part.sign if isinstance(part, Wild) else part for part in parts))
