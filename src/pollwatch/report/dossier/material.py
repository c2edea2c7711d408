"""What a dossier shows, gathered beforehand, so that making one never reads a log or a key."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pollwatch.attribution.matrix import Matrix
from pollwatch.attribution.record import Record
from pollwatch.clock import US_PER_S, UTC, to_datetime
from pollwatch.election.calendar import Calendar
from pollwatch.evidence.report import Report
from pollwatch.incidents.coverage import CoverageAnswer
from pollwatch.incidents.incident import Incident
from pollwatch.members.charter import Charter
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Member
from pollwatch.members.roll import Roll
from pollwatch.stix.constants import StixObject
from pollwatch.stix.leaf import Leaf

_YEAR_US: Final = 366 * 86_400 * US_PER_S


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in the issuer's shared log.

    Attributes:
        index: the entry.
        leaf: its RFC 6962 leaf hash in hex.
    """

    index: int
    leaf: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of the issuer's shared log under which the dossier was made.

    Attributes:
        log: its origin.
        size: how many entries.
        root: its root hash in hex.
        seen_by: names of the members that cosigned it.
    """

    log: str
    size: int
    root: str
    seen_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Enclosed:
    """A file that belongs to the dossier.

    Attributes:
        name: beside the PDF.
        sha256: of its bytes, in hex.
        command: what checks it.
    """

    name: str
    sha256: str
    command: str


@dataclass(frozen=True, slots=True)
class Received:
    """A delivery by which the issuer was told of the incident, enclosed as it came.

    Attributes:
        name: of the file.
        sender: who brought it.
        sent_us: when, as the sender says.
        received_us: when, by the issuer's clock.
    """

    name: str
    sender: str
    sent_us: int
    received_us: int


@dataclass(frozen=True, slots=True)
class Material:
    """One case at one moment.

    Attributes:
        issuer: the member that made the dossier.
        charter: the one in force.
        roll: everybody who was a member under this one or an earlier one.
        incident: as it was released, signed.
        own: the same as the issuer's case has it; None where another member released it.
        span_us: from when to when the incident lasted.
        others: what else belongs to the case, and has no chapter of its own: measures.
        record: everything that was said.
        matrix: the weighing of hypotheses.
        places: where what was said stands in the issuer's shared log, by STIX id.
        leaves: commitments that came with the incident.
        checkpoint: the log's state.
        proof: what the enclosed evidence proves; None where none could be enclosed.
        unproven: why none could be.
        coverage: what the issuer's logs can and cannot show.
        files: what is enclosed.
        calendar: the elections.
        tlp: marking of the whole.
        as_of_us: when the last of what is shown was said or seen.
        zone: the office's, for times; UTC stands beside it.
        received: what the issuer was told of it, where it has no evidence of its own; oldest first.
    """

    issuer: Member
    charter: Charter
    roll: Roll
    incident: StixObject
    own: Incident | None
    span_us: tuple[int | None, int | None]
    others: Sequence[StixObject]
    record: Record
    matrix: Matrix
    places: Mapping[str, Place]
    leaves: Sequence[Leaf]
    checkpoint: Checkpoint
    proof: Report | None
    unproven: str
    coverage: Sequence[CoverageAnswer]
    files: Sequence[Enclosed]
    calendar: Calendar
    tlp: Tlp
    as_of_us: int
    zone: dt.tzinfo = UTC
    received: Sequence[Received] = ()

    def believable(self, us: int) -> bool:
        """Whether a time that somebody states can be drawn: within a generation, and not long after what is known."""
        return self.as_of_us - 30 * _YEAR_US <= us <= self.as_of_us + _YEAR_US

    def when(self, us: int | None, *, seconds: bool = False) -> str:
        """A moment in the office's zone, and in UTC where that differs; a dash for none."""
        if us is None:
            return "–"
        shape = "%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M"
        utc = to_datetime(us)
        try:
            local = utc.astimezone(self.zone)
        except OverflowError:  # at the end of all years
            local = utc
        if not local.utcoffset():
            return f"{utc.strftime(shape)} UTC"
        same_day = local.date() == utc.date()
        return f"{local.strftime(shape)} ({utc.strftime(shape[9:] if same_day else shape)} UTC)"
