"""The numbers that a charter agrees on: how many must agree, who may change it, and what private matching may cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pollwatch.errors import FormatError
from pollwatch.members import document

_MAX_ITEMS = 1 << 20
_MAX_S = 366 * 86_400


@dataclass(frozen=True, slots=True)
class Quorum:
    """How many must agree.

    Attributes:
        statements: how many members sign a statement.
        blocs: from how many blocs they come at least.
        cosigners: how many other members' cosignatures raise a checkpoint above "asserted".
    """

    statements: int
    blocs: int
    cosigners: int

    @staticmethod
    def usual_cosigners(blocs: Sequence[str]) -> int:
        """How many other members' cosignatures make a quorum, where the charter's authors do not say.

        With n members of whom a whole bloc of f may lie, n - f signers of which the owner is one leave an honest one
        in common between any two quorums, and need none of the liars; that takes n >= 3f + 1 and at least four
        members. Where blocs are too large for that, one cosigner is the quorum, and the grade says whose bloc it was.

        Args:
            blocs: the bloc of each member.
        """
        largest = max(Counter(blocs).values())
        if len(blocs) >= max(4, 3 * largest + 1):
            return len(blocs) - largest - 1
        return min(1, len(blocs) - 1)

    def record(self) -> dict[str, Any]:
        """The quorum as JSON."""
        return asdict(self)

    @classmethod
    def from_record(cls, value: object) -> Quorum:
        """Read a quorum, refusing anything unknown.

        Raises:
            FormatError: fields missing, unknown or mistyped.
        """
        names = ("statements", "blocs", "cosigners")
        return cls(**document.fields(value, "the charter's quorum", dict.fromkeys(names, int)))


@dataclass(frozen=True, slots=True)
class Amendment:
    """Who has to sign a change of the charter, counted over its voting members as they are before the change.

    More than half have to, so that two changes that exclude each other always have a signer in common, who is thereby
    convicted; and they come from two blocs at least where there are two, so that no bloc changes the rules alone.

    Attributes:
        members: how many voting members; 0 = all of them, however many there are.
        blocs: from how many blocs they come at least.
    """

    members: int = 0
    blocs: int = 1

    def needed(self, voters: int) -> int:
        """How many of so many voting members."""
        return self.members or voters

    def check(self, voters: int, blocs: int) -> None:
        """Accept a rule for so many voting members of so many blocs.

        Raises:
            FormatError: it cannot be met, or lets a minority or one bloc change the charter.
        """
        needed = self.needed(voters)
        if not voters < 2 * needed <= 2 * voters or not 1 <= self.blocs <= blocs:
            raise FormatError(
                f"a change signed by {needed} members from {self.blocs} blocs does not fit {voters} voting members "
                f"from {blocs} blocs: more than half have to sign, and no more than there are"
            )
        if self.members and self.blocs < min(2, blocs):
            raise FormatError("a change needs members of two blocs at least, or one bloc could make it alone")

    def record(self) -> dict[str, Any]:
        """The rule as JSON."""
        return asdict(self)

    @classmethod
    def from_record(cls, value: object) -> Amendment:
        """Read a rule, refusing anything unknown.

        Raises:
            FormatError: fields missing, unknown or mistyped.
        """
        return cls(**document.fields(value, "the charter's rule of amendment", {"members": int, "blocs": int}))

    @classmethod
    def usual(cls, voters: int, blocs: int) -> Amendment:
        """Two thirds from two blocs; of two members, both."""
        if voters <= 2:
            return cls()
        return cls(max(voters // 2 + 1, -(-2 * voters // 3)), min(2, blocs))


@dataclass(frozen=True, slots=True)
class MatchingRules:
    """What private matching may cost a member, counted by all.

    Attributes:
        epoch_s: length of an epoch in seconds; budgets are counted anew in each.
        items: how many items a member may enter against one other, in one epoch.
        runs: how many runs a member may begin with one other, in one epoch.
        threshold: how many members hold an item before group matching shows it to them.
        blocs: from how many blocs they come at least.
        min_age_s: how long an analyst's release of an item lies back before it may enter, in seconds.
        audit_permille: share of the items entered, in thousandths, that a beacon opens to the auditor.
        auditor: name of the member that audits; empty = none was agreed.
    """

    epoch_s: int = 7 * 86_400
    items: int = 10_000
    runs: int = 2
    threshold: int = 3
    blocs: int = 2
    min_age_s: int = 86_400
    audit_permille: int = 10
    auditor: str = ""

    def __post_init__(self) -> None:
        """Check what can be.

        Raises:
            FormatError: a number that would let matching cost anything, or nothing happen.
        """
        bounds = {
            "epoch_s": (60, _MAX_S),
            "items": (1, _MAX_ITEMS),
            "runs": (1, 1000),
            "threshold": (2, 100),
            "blocs": (1, self.threshold),
            "min_age_s": (0, _MAX_S),
            "audit_permille": (0, 1000),
        }
        for name, (least, most) in bounds.items():
            if not least <= getattr(self, name) <= most:
                raise FormatError(f"the charter's matching rule {name} is {least} to {most}, not {getattr(self, name)}")

    def record(self) -> dict[str, Any]:
        """The rules as JSON."""
        return asdict(self)

    @classmethod
    def from_record(cls, value: object) -> MatchingRules:
        """Read the rules, refusing anything unknown.

        Raises:
            FormatError: fields missing, unknown, mistyped or out of bounds.
        """
        shape: dict[str, type] = {name: type(default) for name, default in cls().record().items()}
        return cls(**document.fields(value, "the charter's matching rules", shape))
