"""Action cards: what somebody without a security team does, by kind of event; the words are those of the advice."""

from __future__ import annotations

from dataclasses import dataclass

from pollwatch.i18n import _
from pollwatch.incidents.advice import general
from pollwatch.incidents.kinds import Kind


@dataclass(frozen=True, slots=True)
class Card:
    """One card.

    Attributes:
        key: for its place in the page.
        title: what happened, as whoever calls would say it.
        worked: what to do where it worked.
        tried: what to do where it was only tried; empty where that makes no difference.
    """

    key: str
    title: str
    worked: tuple[str, ...]
    tried: tuple[str, ...]


def cards() -> list[Card]:
    """All cards, in the order in which they matter, in the language spoken now."""
    place, actor = _("the system that was hit"), _("the source")
    titles = {
        Kind.ALTERATION: _("A page or the results look wrong"),
        Kind.SHELL: _("Somebody has a way into the server"),
        Kind.THEFT: _("Data may have been taken"),
        Kind.ACCESS: _("Somebody else may have used an account"),
        Kind.PASSWORD: _("Somebody guesses passwords"),
        Kind.PRIVILEGE: _("Somebody used administrator rights"),
        Kind.EXPLOIT: _("Somebody attacks a page"),
        Kind.FLOOD: _("A site is slow or cannot be reached"),
        Kind.LOOKALIKE: _("A false site or a false mail in our name"),
        Kind.PROBE: _("Somebody looks for weaknesses"),
    }

    def filled(steps: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(step.format(place=place, actor=actor) for step in steps)

    found = []
    for kind, title in titles.items():
        worked, tried = filled(general(kind, worked=True)), filled(general(kind, worked=False))
        only_one = kind in {Kind.FLOOD, Kind.LOOKALIKE, Kind.PROBE}
        found.append(Card(kind.value, title, tried if only_one else worked, () if only_one else tried))
    return found
