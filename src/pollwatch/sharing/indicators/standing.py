"""What a member's word is worth: its audited record, and nothing that it says about itself.

::

    standing = (1 + confirmed) / (2 + confirmed + 4 x (refuted + retracted late))

Outcomes are found by people of ours who looked: an indicator was right, or it named somebody innocent. A newcomer has
1/2. One refutation costs what four confirmations earn: trust is slow to win and quick to lose, because a single
planted indicator can take a county's site off the net. Taking something back *before* anybody here relied on it costs
nothing, so that mistakes are corrected; taking it back afterwards counts as a refutation, or the guilty would always
retract in time to look clean.

Standing belongs to the bloc: its members' outcomes are pooled, an outcome several of them share counts once, and a
fresh member of a discredited bloc starts where its bloc stands. The record is kept for each member.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from pollwatch.sharing.indicators.indicator import OUTSIDE, Act, Indicator, Report

REFUTED_COSTS: Final = 4
NEWCOMER: Final = 0.5


class Outcome(Enum):
    """How an indicator turned out for those who reported it."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    RETRACTED = "retracted"
    RETRACTED_LATE = "retracted late"


@dataclass(frozen=True, slots=True)
class Record:
    """What became of what somebody reported.

    Attributes:
        reported: how many indicators.
        confirmed: found to be right.
        refuted: found to be wrong.
        retracted: taken back before anybody here relied on them.
        retracted_late: taken back afterwards.
    """

    reported: int = 0
    confirmed: int = 0
    refuted: int = 0
    retracted: int = 0
    retracted_late: int = 0

    @property
    def standing(self) -> float:
        """What its word is worth, above 0 and below 1."""
        wrong = self.refuted + self.retracted_late
        return (1 + self.confirmed) / (2 + self.confirmed + REFUTED_COSTS * wrong)


@dataclass(frozen=True, slots=True)
class Records:
    """Everybody's record: by source (name), and by bloc."""

    sources: dict[str, Record]
    blocs: dict[str, Record]

    def standing(self, bloc: str) -> float:
        """What a bloc's word is worth. Sources outside the joint watch stay newcomers: nobody answers for them."""
        return NEWCOMER if bloc == OUTSIDE else self.blocs.get(bloc, Record()).standing


def records(indicators: Iterable[Indicator]) -> Records:
    """Everybody's record, from all indicators."""
    sources: dict[str, list[Outcome | None]] = {}
    blocs: dict[str, list[Outcome | None]] = {}
    for indicator in indicators:
        for kept, named in ((sources, _source_of), (blocs, _bloc_of)):
            by_name: dict[str, list[Report]] = {}
            for report in indicator.reports:
                by_name.setdefault(named(report), []).append(report)
            for name, reports in by_name.items():
                kept.setdefault(name, []).append(_outcome(indicator, reports))
    return Records({name: _record(each) for name, each in sources.items()}, {b: _record(o) for b, o in blocs.items()})


def _source_of(report: Report) -> str:
    return report.source.name


def _bloc_of(report: Report) -> str:
    return report.source.bloc


def _outcome(indicator: Indicator, reports: Sequence[Report]) -> Outcome | None:
    """How one source's or bloc's reports turned out; an audit counts for those who had spoken by then."""
    audit = indicator.outcome
    spoke = audit is not None and any(each.received_us <= audit.at_us for each in reports)
    if audit is not None and audit.act is Act.REFUTE and spoke:
        return Outcome.REFUTED
    gone = [each.gone_us for each in reports if each.gone_us is not None]
    if len(gone) == len(reports):  # changing an object to name something else takes back what it said before
        return Outcome.RETRACTED_LATE if any(map(indicator.relied_on, gone)) else Outcome.RETRACTED
    return Outcome.CONFIRMED if audit is not None and audit.act is Act.CONFIRM and spoke else None


def _record(outcomes: list[Outcome | None]) -> Record:
    return Record(
        len(outcomes),
        outcomes.count(Outcome.CONFIRMED),
        outcomes.count(Outcome.REFUTED),
        outcomes.count(Outcome.RETRACTED),
        outcomes.count(Outcome.RETRACTED_LATE),
    )


#: Gives what a bloc's word is worth.
Standing = Callable[[str], float]
