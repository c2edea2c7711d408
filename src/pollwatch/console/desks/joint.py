"""What the pages of the joint watch ask: all of it is read, but for an incident that somebody carries to a member."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pollwatch.attribution.matrix import Matrix
from pollwatch.attribution.record import Record
from pollwatch.attribution.track import Track
from pollwatch.console.desks.incidents import File
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


@dataclass(frozen=True, slots=True)
class Leaving:
    """What of an incident would leave for a member, byte for byte.

    Attributes:
        incident: its id.
        to: the member.
        tlp: the marking, a word of TLP 2.0.
        sha256: of the bytes, in hex.
        body: a STIX 2.1 bundle.
        holds: how many objects of which type it holds.
        basis: the legal basis that the charter is.
        told: the number of the disclosure by which they have it already; None where they have not.
    """

    incident: str
    to: str
    tlp: str
    sha256: str
    body: bytes
    holds: tuple[tuple[str, int], ...]
    basis: str
    told: int | None


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

    def leaving(self, incident: str, to: str, tlp: str) -> Leaving:
        """What of an incident would leave for a member.

        Args:
            incident: its id.
            to: the member's name.
            tlp: a word of TLP 2.0; empty = the charter's.

        Raises:
            NotThereError: no such incident.
            UsageError: no charter is in force, or there is no such member.
            PolicyError: the marking, a retraction or voters' data in it forbids it.
        """
        ...

    def hand_over(self, leaving: Leaving, who: str, basis: str) -> File:
        """Record in the disclosure ledger what :meth:`leaving` showed, and only then give it out.

        Raises:
            UsageError: it has changed since it was looked at.
            PolicyError: this node does not go so far with that member, or the charter asks for two persons.
            StoreError: it cannot be recorded; then nothing is given out.
        """
        ...
