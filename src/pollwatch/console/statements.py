"""Templates of statements for the press and for voters: what is known, what is not, when there will be more.

They say only what the office knows. What a person must fill in stands in square brackets; nothing names an actor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pollwatch.events.printable import printable
from pollwatch.i18n import _
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.kinds import Kind, kind_of


@dataclass(frozen=True, slots=True)
class Facts:
    """What an incident gives to a statement; where there is none, what to fill in.

    Attributes:
        system: what was hit.
        day: when it began, in the office's zone.
        time: at what time.
        office: whose election it is.
    """

    system: str
    day: str
    time: str
    office: str


@dataclass(frozen=True, slots=True)
class Template:
    """One template; ``press`` and ``voters`` give paragraphs."""

    key: str
    title: Callable[[], str]
    press: Callable[[Facts], list[str]]
    voters: Callable[[Facts], list[str]]


def facts(incident: Incident | None, office: str, when: Callable[[int | None], str], system: str = "") -> Facts:
    """The facts of an incident, made inert.

    Args:
        incident: None = nothing is known yet.
        office: the election's name.
        when: a moment as text in the office's zone, ``2026-11-03 21:04``.
        system: what it is called in the configuration; empty = its first target.
    """
    if incident is None:
        return Facts(_("[which system]"), _("[day]"), _("[time]"), printable(office, 80))
    day, _space, time = when(incident.first_us).partition(" ")
    target = system or (incident.targets[0] if incident.targets else "")
    return Facts(
        printable(target, 80) or _("[which system]"), day or _("[day]"), time or _("[time]"), printable(office, 80)
    )


def _more() -> str:
    return _("We will say more at [time] on [address of our page]. What is not said there is not from us.")


def _evidence() -> str:
    return _("The logs are sealed: whoever examines this later can tell whether they were changed since.")


def _defaced_press(f: Facts) -> list[str]:
    return [
        _(
            "On {day} at {time}, a page of {system} showed content that is not ours. It was taken offline at [time]."
        ).format(day=f.day, time=f.time, system=f.system),
        _(
            "The page only shows results; it does not count them. The count is made from [paper ballots and signed "
            "protocols], which the page cannot reach. No result was altered."
        ),
        _evidence(),
        _more(),
    ]


def _defaced_voters(f: Facts) -> list[str]:
    return [
        _("A page of {system} showed something false on {day}. The results were not altered.").format(
            system=f.system, day=f.day
        ),
        _("You need to do nothing. The right figures are on [address] and at every town hall."),
        _more(),
    ]


def _altered_press(f: Facts) -> list[str]:
    return [
        _("On {day} we found that figures in {system} differ from the signed protocols.").format(
            day=f.day, system=f.system
        ),
        _(
            "We have stopped publishing from it. The signed protocols are complete and in our hands; the result is "
            "established from them, in public, at [place and time]."
        ),
        _("How the difference came about is being examined. We name no cause and nobody before that is done."),
        _evidence(),
        _more(),
    ]


def _altered_voters(f: Facts) -> list[str]:
    return [
        _("Figures that {system} showed on {day} were wrong. Your vote is counted from the signed protocols.").format(
            system=f.system, day=f.day
        ),
        _("Anybody may watch that at [place and time]."),
        _more(),
    ]


def _down_press(f: Facts) -> list[str]:
    return [
        _("Since {time} on {day}, {system} has been slow or out of reach because of very many requests.").format(
            time=f.time, day=f.day, system=f.system
        ),
        _("Voting and counting do not depend on it and go on. The same information is on [other address]."),
        _more(),
    ]


def _down_voters(f: Facts) -> list[str]:
    return [
        _(
            "{system} is hard to reach at the moment. You can vote as usual; polling places are open as announced."
        ).format(system=f.system),
        _("Where you vote stands on your card, and on [other address]; by telephone: [number]."),
    ]


def _taken_press(f: Facts) -> list[str]:
    return [
        _("On {day} we found that somebody read data through {system} without permission.").format(
            day=f.day, system=f.system
        ),
        _("It concerns [which data, of about how many people]. We closed the way at [time] and told [authority]."),
        _("Votes are not among it: nobody stores in such a system who voted for whom."),
        _evidence(),
        _more(),
    ]


def _taken_voters(f: Facts) -> list[str]:
    return [
        _("Some data that {system} holds about voters may have been read by strangers: [which].").format(
            system=f.system
        ),
        _("Your vote is secret and not among it. We never ask for passwords or money; do not answer such calls."),
        _("Whether you are concerned you learn by letter, or from [number]."),
    ]


def _nothing_press(f: Facts) -> list[str]:
    return [
        _("There were attempts to get into {system} on {day}. As far as the logs show, none worked.").format(
            system=f.system, day=f.day
        ),
        _("Such attempts happen to every public system. We keep looking, and say so if that changes."),
        _evidence(),
    ]


def _nothing_voters(f: Facts) -> list[str]:
    return [
        _(
            "You may have heard of an attack on {system}. Nothing was changed and nothing was taken, as far as we know."
        ).format(system=f.system),
        _("You need to do nothing."),
    ]


TEMPLATES: Final = (
    Template("page", lambda: _("A page was defaced; the results were not"), _defaced_press, _defaced_voters),
    Template("results", lambda: _("Results that were shown were altered"), _altered_press, _altered_voters),
    Template("down", lambda: _("A site cannot be reached"), _down_press, _down_voters),
    Template("taken", lambda: _("Data may have been taken"), _taken_press, _taken_voters),
    Template("tried", lambda: _("It was tried, and did not work"), _nothing_press, _nothing_voters),
)


def fitting(incident: Incident | None) -> str:
    """The template to begin with for an incident; never that the results were altered: people find that out."""
    if incident is None:
        return TEMPLATES[0].key
    kinds = {kind_of(each) for each in incident.techniques}
    if Kind.ALTERATION in kinds:
        return "page"
    if Kind.THEFT in kinds and incident.severity.word in {"high", "critical"}:
        return "taken"
    return "down" if Kind.FLOOD in kinds else "tried"
