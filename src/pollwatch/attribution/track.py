"""Each member's record: what became of its claims, of what it said of others' claims, and of claims about it.

Counted from what stands in the record of all that was said, so that anybody who holds it counts the same. It says how
somebody's word has turned out; it weighs nothing by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pollwatch.attribution.closing import Outcome
from pollwatch.attribution.opinion import Opinion
from pollwatch.attribution.record import Judged
from pollwatch.attribution.scale import Stance
from pollwatch.members.member import Member

OPEN: Final = "open"
#: How a claim can have ended, in the order in which it is told.
OUTCOMES: Final = (*(each.value for each in Outcome), "retracted", OPEN)
#: What stands against a respondent; everything else regains its standing.
AGAINST: Final = frozenset({OPEN, Outcome.UPHELD.value})
_AGREES: Final = frozenset({Stance.AGREE, Stance.STRONGLY_AGREE})
_DISAGREES: Final = frozenset({Stance.DISAGREE, Stance.STRONGLY_DISAGREE})
_TRUE: Final = frozenset({Outcome.UPHELD.value, Outcome.SETTLED.value})
_FALSE: Final = frozenset({Outcome.REFUTED.value, "retracted"})


@dataclass(frozen=True, slots=True)
class Track:
    """One member's record.

    Attributes:
        member: whose.
        claims: its claims, by how they ended.
        named: claims that name it as respondent, by how they ended.
        right: how often its opinion of another's claim went with how that ended.
        wrong: how often against.
    """

    member: Member
    claims: Counter[str]
    named: Counter[str]
    right: int
    wrong: int

    @property
    def against(self) -> int:
        """How many claims stand against it: upheld and not settled, or open."""
        return sum(self.named[each] for each in AGAINST)


def tracks(judged: Sequence[Judged], members: Iterable[Member]) -> tuple[Track, ...]:
    """Everybody's record, in the order of the members."""
    return tuple(_track(each, judged) for each in members)


def _track(member: Member, judged: Sequence[Judged]) -> Track:
    claims = Counter(each.outcome for each in judged if each.claim.claimant == member)
    named = Counter(each.outcome for each in judged if each.claim.assertion.respondent == member)
    fits = [fit for each in judged for fit in (_fit(member, each),) if fit is not None]
    return Track(member, claims, named, sum(fits), len(fits) - sum(fits))


def _fit(member: Member, judged: Judged) -> bool | None:
    """Whether a member's last opinion went with how a claim ended; None where it gave none, or nothing ended.

    A respondent's denial is no opinion in this sense: who is named denies, rightly or wrongly.
    """
    said = [each for each in judged.opinions if each.author == member and not each.denial]
    if not said or judged.outcome not in _TRUE | _FALSE:
        return None
    stance = _last(said).stance
    if stance not in _AGREES | _DISAGREES:
        return None
    return (stance in _AGREES) == (judged.outcome in _TRUE)


def _last(said: Iterable[Opinion]) -> Opinion:
    return max(said, key=lambda each: (each.created, each.id))
