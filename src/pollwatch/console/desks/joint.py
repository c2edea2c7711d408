"""What the pages of the joint watch ask. All of it is read: nothing leaves the node from these pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pollwatch.attribution.matrix import Matrix
from pollwatch.attribution.record import Record
from pollwatch.attribution.track import Track
from pollwatch.sharing.ledger import Disclosure


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One member as this node knows it.

    Attributes:
        stage: how far this node goes with it; empty for itself.
        since_us: when that was decided; None where it came with the charter.
        by: who decided.
        reason: why.
        log_size: entries of its shared log when it was last read; None where it never was.
        other_charter: the file with how its charter differs from ours; empty where it does not.
        track: what became of its word; None while nothing was said.
        standing: of its bloc, from 0 to 1.
    """

    name: str
    bloc: str
    role: str
    address: str
    fingerprint: str
    stage: str
    since_us: int | None
    by: str
    reason: str
    log_size: int | None
    other_charter: str
    track: Track | None
    standing: float


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run of private matching.

    Attributes:
        mode: ``pair`` or ``group``.
        peer: with whom; of a group, who began it.
        state: a word of its state.
        size: elements that entered, padding included.
        common: what was found in common, each with the members that have it too.
    """

    run: str
    mode: str
    peer: str
    epoch: int
    at_us: int
    state: str
    size: int
    common: tuple[tuple[str, str, tuple[str, ...]], ...]
    problem: str


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """What one member has spent with another in this epoch."""

    member: str
    other: str
    items: int
    runs: int


@dataclass(frozen=True, slots=True)
class Matching:
    """Private matching as it stands.

    Attributes:
        epoch: the present one.
        end_us: when it ends.
        items: that a member may enter with each other one in an epoch.
        runs: that it may begin.
    """

    epoch: int
    end_us: int
    items: int
    runs: int
    spent: tuple[BudgetRow, ...]
    done: tuple[RunRow, ...]


@dataclass(frozen=True, slots=True)
class Watch:
    """The joint watch: its charter and its members, this node first."""

    charter: str
    digest: str
    members: tuple[MemberRow, ...]


class JointDesk(Protocol):
    """The joint watch as this node knows it."""

    def watch(self) -> Watch | None:
        """Charter and members; None where no charter is in force."""
        ...

    def disclosures(self, to: str, containing: str) -> Sequence[Disclosure]:
        """What left for other members, the newest first; empty words do not narrow."""
        ...

    def disclosed(self, number: int) -> bytes:
        """The very bytes of a disclosure.

        Raises:
            NotThereError: no such disclosure.
        """
        ...

    def matching(self) -> Matching | None:
        """Private matching; None where no charter is in force."""
        ...

    def record(self) -> tuple[Record, tuple[Matrix, ...]] | None:
        """Everything that was said about who did it, with the matrix of each incident; None without a charter."""
        ...
