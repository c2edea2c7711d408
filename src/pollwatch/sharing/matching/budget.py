"""What matching costs, counted from the logs: nobody has to be asked, and nobody can claim a refund.

Every run stands in its member's shared log as a commitment before it begins. What a member has spent with another in an
epoch is the sum of these; it counts whether the run was answered, refused or broken off, and however often a process
was killed in between.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pollwatch.clock import US_PER_S
from pollwatch.errors import PolicyError
from pollwatch.members.rules import MatchingRules
from pollwatch.sharing.matching.papers import Commitment, Reason

#: For so long after an epoch's end a run that was begun in it may still be answered.
GRACE_S = 3_600


class BudgetError(PolicyError):
    """A run that the charter's budget does not allow."""

    def __init__(self, reason: Reason, message: str) -> None:
        """Say why, for the log and for people."""
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Spending:
    """What a member spent with one other in one epoch.

    Attributes:
        items: elements entered, filling included: nobody else can tell items and filling apart.
        runs: runs begun.
    """

    items: int = 0
    runs: int = 0


def epoch_of(rules: MatchingRules, at_us: int) -> int:
    """The number of the epoch that a time lies in."""
    return at_us // (rules.epoch_s * US_PER_S)


def epoch_end_us(rules: MatchingRules, epoch: int) -> int:
    """When an epoch ends."""
    return (epoch + 1) * rules.epoch_s * US_PER_S


def spent(commitments: Iterable[Commitment], other: str, epoch: int) -> Spending:
    """What a member spent with another.

    Args:
        commitments: all in the member's log; one that stands there twice counts once, two of one run count twice.
        other: the other member's name.
        epoch: which epoch.
    """
    counted = {each for each in commitments if each.epoch == epoch and other in each.others}
    return Spending(sum(each.size for each in counted), len(counted))


def check(rules: MatchingRules, spending: Spending, size: int, who: str) -> None:
    """Accept one more run.

    Args:
        rules: the charter's.
        spending: what was spent before it.
        size: of the set that would enter.
        who: whose budget, for the message.

    Raises:
        BudgetError: the budget does not allow it.
    """
    if spending.runs + 1 > rules.runs:
        raise BudgetError(
            Reason.RUNS, f"{who} has begun {spending.runs} of {rules.runs} runs of this epoch; wait for the next"
        )
    if spending.items + size > rules.items:
        raise BudgetError(
            Reason.ITEMS,
            f"{who} has entered {spending.items} of {rules.items} items of this epoch; {size} more are too many",
        )


def check_epoch(rules: MatchingRules, commitment: Commitment, now_us: int) -> None:
    """Accept a commitment as one of the present epoch, or of the last one shortly after its end.

    Raises:
        BudgetError: it is of another: its budget was or will be counted elsewhere.
    """
    if not all(_lies_in(rules, commitment.epoch, each) for each in (now_us, commitment.at_us)):
        now = epoch_of(rules, now_us)
        raise BudgetError(Reason.EPOCH, f"the run is of epoch {commitment.epoch}, and this is epoch {now}")


def is_over(rules: MatchingRules, epoch: int, now_us: int) -> bool:
    """Whether nothing of an epoch can be answered any more."""
    return now_us >= epoch_end_us(rules, epoch) + GRACE_S * US_PER_S


def _lies_in(rules: MatchingRules, epoch: int, at_us: int) -> bool:
    return epoch <= epoch_of(rules, at_us) and not is_over(rules, epoch, at_us)
