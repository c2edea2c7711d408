"""The sentence that says why: a rule's template, filled in with numbers and what the attacker wrote, made inert."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from string import Formatter

from pollwatch.clock import US_PER_S, rfc3339
from pollwatch.errors import RuleError
from pollwatch.events.printable import printable
from pollwatch.i18n import _, ngettext

#: What a template may name.
FIELDS = ("count", "distinct", "ip", "user", "target", "example", "span", "first", "last")
_NAMED = 3
_EXAMPLE_CHARACTERS = 120
_PLURAL = re.compile(r"\{(count|distinct)\} (address(?=es\b)|[a-z]+(?=s\b))(?:es|s)\b")


@dataclass(frozen=True, slots=True)
class Facts:
    """The numbers and names that a sentence is made of.

    Attributes:
        count: lines that made the rule fire.
        distinct: distinct values, where the rule counts those; else 0.
        example: what one of the lines said: a request, a message. Attacker-written.
    """

    count: int
    distinct: int
    ip: Sequence[str]
    user: Sequence[str]
    target: Sequence[str]
    example: str
    first_us: int | None
    last_us: int | None


def check_template(template: str) -> None:
    """Refuse a template that names what does not exist, or reaches into objects.

    Raises:
        RuleError: see above.
    """
    try:
        pieces = list(Formatter().parse(template))
    except ValueError as error:
        raise RuleError(f"field 'pollwatch.why' is not understood: {error}") from error
    for _literal, name, spec, conversion in pieces:
        if name is not None and (name not in FIELDS or spec or conversion):
            raise RuleError(f"field 'pollwatch.why' names {{{name}}}; it may name {', '.join(FIELDS)}")


def sentence(template: str, title: str, facts: Facts) -> str:
    """The template filled in, or a plain sentence where a rule has none."""
    words = _(_one_of_each(template, facts)) if template else _("{title}: {lines}.")
    return words.format(
        title=printable(title),
        lines=ngettext("{n} line", "{n} lines", facts.count).format(n=facts.count),
        count=facts.count,
        distinct=facts.distinct,
        ip=_names(facts.ip),
        user=_names(facts.user),
        target=_names(facts.target),
        example=printable(facts.example, _EXAMPLE_CHARACTERS),
        span=span(facts.first_us, facts.last_us),
        first=rfc3339(facts.first_us) or _("an unknown time"),
        last=rfc3339(facts.last_us) or _("an unknown time"),
    )


def _one_of_each(template: str, facts: Facts) -> str:
    """The template for a single thing: rules are written for many, ``in {count} requests``."""
    ones = {name for name, number in (("count", facts.count), ("distinct", facts.distinct)) if number == 1}
    return _PLURAL.sub(lambda found: f"{{{found[1]}}} {found[2]}" if found[1] in ones else found[0], template)


def span(first_us: int | None, last_us: int | None) -> str:
    """A duration in words: ``under a second``, ``40 seconds``, ``3 hours``."""
    if first_us is None or last_us is None:
        return _("an unknown time")
    seconds = (last_us - first_us) // US_PER_S
    if seconds < 1:
        return _("under a second")
    if seconds < 120:
        return ngettext("{n} second", "{n} seconds", seconds).format(n=seconds)
    if seconds < 7_200:
        return ngettext("{n} minute", "{n} minutes", seconds // 60).format(n=seconds // 60)
    if seconds < 172_800:
        return ngettext("{n} hour", "{n} hours", seconds // 3_600).format(n=seconds // 3_600)
    return ngettext("{n} day", "{n} days", seconds // 86_400).format(n=seconds // 86_400)


def _names(values: Sequence[str]) -> str:
    if not values:
        return _("an unknown source")
    shown = ", ".join(printable(value, 60) for value in values[:_NAMED])
    more = len(values) - _NAMED
    return shown if more <= 0 else _("{names} and {n} more").format(names=shown, n=more)
