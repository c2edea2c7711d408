"""Which columns rules look at: those that they name, and those in which one of their keywords may stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from pollwatch.detect.observations import EXAMPLE_COLUMNS
from pollwatch.detect.sigma import regex
from pollwatch.detect.sigma.plan import CorrelationRule, Leaf, Regex, Rule, SameAs, Text
from pollwatch.detect.sigma.route import FIELD_ALIASES
from pollwatch.events.asked import Asked
from pollwatch.events.text import HEADER_COLUMNS, URI_COLUMNS

#: What is looked at whatever rules say: what normal forms are made of, and what detections quote and count.
_ALWAYS = frozenset([*URI_COLUMNS, *HEADER_COLUMNS, *EXAMPLE_COLUMNS, "repeat"])
#: A keyword of fewer bytes stands nearly everywhere.
_SHORTEST = 4


def asked(fields: Iterable[str], others: Iterable[Leaf], counted: Iterable[str]) -> Asked | None:
    """What rules of one logsource look at.

    Args:
        fields: that they name.
        others: their keywords, and what compares a field with another.
        counted: from :func:`counted`.

    Returns:
        None where a keyword of theirs may stand in any column.
    """
    names = {*fields, *counted}
    keywords: dict[str, None] = {}
    for leaf in others:
        if isinstance(leaf.test, SameAs):
            names.add(leaf.test.field)
        if leaf.field is not None:
            names.add(leaf.field)
            continue
        found = _keywords(leaf)
        if not found:
            return None
        keywords.update(dict.fromkeys(found))
    lower = {name.lower() for name in names}
    other_names = {FIELD_ALIASES[name].lower() for name in lower & FIELD_ALIASES.keys()}
    return Asked(frozenset(lower | other_names), tuple(keywords), _ALWAYS)


def counted(rules: Iterable[Rule]) -> frozenset[str]:
    """The columns that correlations group by and count."""
    found: set[str] = set()
    for rule in rules:
        if isinstance(rule, CorrelationRule):
            found.update(rule.group_by, rule.value_fields, *(fields.values() for fields in rule.aliases.values()))
    return frozenset(found)


@lru_cache(maxsize=4_096)
def _keywords(leaf: Leaf) -> Sequence[str]:
    """Texts, one of which stands in every text that a keyword fits; none where that is not known."""
    match leaf.test:
        case Text(parts):
            runs = [run for part in parts if isinstance(part, str) for run in _plain(part.lower())]
            found = [max(runs, key=len)] if runs else []
        case Regex():
            known = [sorted(each) for each in regex.alternatives(leaf.test)]
            found = next((each for each in known if all(_plain(text) == [text] for text in each)), [])
        case _:
            found = []
    return found if all(len(text) >= _SHORTEST for text in found) else []


def _plain(text: str) -> list[str]:
    """The runs of a text that are plain ASCII."""
    return [run for run in "".join(char if " " <= char <= "~" else "\n" for char in text).split("\n") if run]
