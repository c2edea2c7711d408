"""The plain evaluator: one event, one rule, recursion. Slow and obviously right; the engine is tested against it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from pollwatch.detect.sigma.plan import And, Leaf, Node, Not, Or, SameAs, Value
from pollwatch.detect.sigma.route import FIELD_ALIASES
from pollwatch.detect.sigma.values import holds, same_as

Event: TypeAlias = Mapping[str, Value]

#: Columns that pollwatch adds; a keyword is looked for in what was logged, not in them.
DERIVED = "norm."


def matches(node: Node, event: Event) -> bool:
    """Whether the event fulfils the condition."""
    match node:
        case And(children):
            return all(matches(child, event) for child in children)
        case Or(children):
            return any(matches(child, event) for child in children)
        case Not(child):
            return not matches(child, event)
        case Leaf(None, test):
            return any(holds(test, [event[name]])[0] for name in keyword_fields(event))
        case Leaf(str() as field, SameAs() as test):
            return same_as(test, lookup(event, field), lookup(event, test.field))
        case Leaf(field, test):
            return field is not None and holds(test, [lookup(event, field)])[0]


def lookup(event: Event, field: str) -> Value:
    """A field's value, also under its other names; None where the event has no such field."""
    name = resolve(event, field)
    return None if name is None else event[name]


def resolve(fields: Mapping[str, object], field: str) -> str | None:
    """The name under which a field of a rule stands among the given ones: exact, another name, or other case."""
    if field in fields:
        return field
    lower = field.lower()
    alias = FIELD_ALIASES.get(lower)
    if alias in fields:
        return alias
    return next((name for name in fields if name.lower() == lower), None)


def keyword_fields(event: Event) -> list[str]:
    """The fields in which keywords are looked for: the texts that were logged."""
    return [name for name, value in event.items() if isinstance(value, str) and not name.startswith(DERIVED)]
