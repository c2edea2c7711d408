"""What an indicator weighs: distinct blocs that saw it, times how fresh that is, times what each bloc's word is worth.

::

    score = sum over blocs that saw it of  decay(kind, age of the bloc's latest sighting) x standing(bloc)
            + what everybody else says, together worth at most one newcomer's word
    decay(kind, age) = max(0, 1 - (age / lifetime) ^ (1 / speed))         (MISP's decaying model; Mokaddem et al. 2018)

Members of one bloc say together what one of them could say alone, so a bloc counts once: at its latest report, with
the standing of the bloc as a whole. To pass something on is not to have seen it: feeds, and members who repeat what
they heard, add one voice together, which corroborates nothing, because anybody can make a feed and then quote it. What
a source says about its own confidence is no part of the formula.
The reasons stand in ``docs/explanation/indicators.md``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pollwatch.events.detection import Severity
from pollwatch.events.observable import Kind
from pollwatch.sharing.indicators.indicator import OUTSIDE, Indicator, State
from pollwatch.sharing.indicators.standing import NEWCOMER

DAY_US: Final = 86_400_000_000
#: How many blocs must have seen a thing before it may look like more than one party's word.
CORROBORATED: Final = 2
#: The score from which two blocs' word makes a hit medium: two blocs of unknown standing, within a month.
ENOUGH: Final = 0.5
#: Stands in a weight for everybody who did not see it.
HEARSAY: Final = ""


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a kind of indicator means anything, and how fast it loses weight at first."""

    days: int
    speed: float


#: Addresses change hands within months, a phishing page is gone in days, a file's digest stays what it is.
LIFETIMES: Final = {
    Kind.IPV4: Lifetime(120, 2.0),
    Kind.IPV6: Lifetime(120, 2.0),
    Kind.URL: Lifetime(90, 2.0),
    Kind.DOMAIN: Lifetime(365, 1.5),
    Kind.EMAIL: Lifetime(365, 1.5),
    Kind.USER_AGENT: Lifetime(365, 1.5),
    Kind.HASH: Lifetime(1825, 0.5),
}


@dataclass(frozen=True, slots=True)
class Weight:
    """What one bloc adds to a score; or, as :data:`HEARSAY`, all who only pass on what they heard."""

    bloc: str
    decay: float
    standing: float


@dataclass(frozen=True, slots=True)
class Score:
    """What an indicator weighs, and why."""

    weights: tuple[Weight, ...]

    @property
    def value(self) -> float:
        """The score."""
        return sum(each.decay * each.standing for each in self.weights)

    @property
    def blocs(self) -> int:
        """How many distinct blocs saw it themselves and still say so."""
        return sum(each.bloc != HEARSAY for each in self.weights)

    @property
    def decay(self) -> float:
        """How much of its weight the freshest word has left."""
        return max((each.decay for each in self.weights), default=0.0)

    @property
    def corroborated(self) -> bool:
        """Whether it is more than one bloc's word, and weighs enough."""
        return self.blocs >= CORROBORATED and self.value >= ENOUGH


def decay(kind: Kind, age_us: int) -> float:
    """How much of its weight a report of this age has left: 1 when it is made, 0 when its lifetime is over."""
    lifetime = LIFETIMES[kind]
    share = max(0, age_us) / (lifetime.days * DAY_US)
    return max(0.0, 1.0 - math.pow(share, 1.0 / lifetime.speed))


def ends_us(indicator: Indicator) -> int:
    """When its lifetime since it was last seen is over."""
    return indicator.observed_us + LIFETIMES[indicator.observable.kind].days * DAY_US


def state(indicator: Indicator, now_us: int) -> State:
    """Where an indicator stands."""
    return indicator.state(now_us, ends_us(indicator))


def score(indicator: Indicator, standing: Callable[[str], float], now_us: int) -> Score:
    """What an indicator weighs now.

    Args:
        indicator: with its reports.
        standing: what a bloc's word is worth, 0 to 1 (:mod:`pollwatch.sharing.indicators.standing`).
        now_us: the time.
    """
    kind = indicator.observable.kind
    seen: dict[str, Weight] = {}
    heard: dict[str, list[Weight]] = {}
    for each in indicator.standing_reports:
        if each.until_us is not None and each.until_us <= now_us:
            continue
        fresh, bloc = decay(kind, now_us - each.observed_us), each.source.bloc
        if each.seen and bloc != OUTSIDE:
            seen[bloc] = max(Weight(bloc, fresh, standing(bloc)), seen.get(bloc, Weight(bloc, 0.0, 0.0)), key=_worth)
        else:
            heard.setdefault(bloc, []).append(Weight(HEARSAY, fresh, min(standing(bloc), NEWCOMER)))
    others = [weight for bloc, weights in heard.items() if bloc not in seen for weight in weights]
    weights = [*(seen[bloc] for bloc in sorted(seen)), *([max(others, key=_worth)] if others else [])]
    return Score(tuple(each for each in weights if each.decay > 0))


def _worth(weight: Weight) -> float:
    return weight.decay * weight.standing


def severity(found: Score, *, warned: bool, overridden: bool) -> Severity:
    """How grave a hit looks by itself: never high, medium only on several blocs' word and where no list warns.

    Args:
        found: what the indicator weighs.
        warned: whether a warning list names it.
        overridden: whether somebody accepted it all the same, by name and with a reason.
    """
    if warned and not overridden:
        return Severity.INFO
    return Severity.MEDIUM if found.corroborated and not warned else Severity.LOW
