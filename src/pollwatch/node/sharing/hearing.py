"""What members tell us of indicators, and what they take back: kept, marked, never believed.

A retraction takes what rested on it out of use at once, and the incidents in which it counted say so; that it came is
posted in our shared log by its digest, so that its author can deny neither it nor its time. This is posted whether or
not we had relied on anything: who watches our log learns nothing of that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pollwatch.clock import Clock
from pollwatch.detect.indicators import RULE_PREFIX
from pollwatch.election.assets import Assets
from pollwatch.events.observable import Observable
from pollwatch.events.printable import printable
from pollwatch.i18n import _
from pollwatch.incidents.records import Case
from pollwatch.members.marking import Tlp
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence import rail
from pollwatch.node.indicators import indicating
from pollwatch.node.indicators.desk import Desk, source_of
from pollwatch.node.indicators.indicating import Sorted, Taken
from pollwatch.sharing.inbox import Mail
from pollwatch.sharing.indicators import stixfile
from pollwatch.sharing.indicators.candidates import Known
from pollwatch.stix.constants import StixObject
from pollwatch.store.folder import CaseFolder

_KINDS = frozenset({"indicator", "sighting"})


@dataclass(frozen=True, slots=True)
class Heard:
    """What a delivery said about indicators.

    Attributes:
        sorted: what it reports and takes back, with what speaks against it.
        taken: what of it is new, and what went out of use.
        noted: ids of the incidents that say now that something they rest on was taken back.
    """

    sorted: Sorted
    taken: Taken
    noted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Word:
    """Whose word it is, as it came.

    Attributes:
        sender: the member that brought it.
        tlp: marking of what carries none.
        sha256: of all that came, in hex.
    """

    sender: str
    tlp: Tlp
    sha256: str


def take(
    membership: Membership, word: Word, received: Sequence[StixObject], assets: Assets, clock: Clock
) -> Heard | None:
    """Take in the indicators, sightings and retractions among what a member brought; None where there are none.

    Raises:
        StoreError: the disk says no; the delivery then still waits.
        ConfigError: the warning lists are not installed.
    """
    told = [each for each in received if each["type"] in _KINDS or each.get("revoked") is True]
    if not told:
        return None
    desk = Desk.open(membership.folder.case, clock, assets)
    read = stixfile.read_objects(told, _known(desk))
    sender = source_of(membership.roll.naming(clock.now_us()).member(word.sender), membership.me)
    terms = indicating.Terms(sender, word.tlp, None, word.sha256)
    found = indicating.sort(desk, read, terms)
    taken = indicating.take(desk, found, terms)
    return Heard(found, taken, _note(desk, taken.retracted, found))


def post_retraction(membership: Membership, mail: Mail, received: Sequence[StixObject], clock: Clock) -> None:
    """Commit our shared log to a delivery that takes something back, by its digest."""
    if any(each.get("revoked") is True for each in received):
        with rail.opened(membership.folder.case, clock) as evidence:
            rail.post_digest(evidence, "retraction", mail.sha256, mail.body)


def _known(desk: Desk) -> Known:
    """Finds what an object that came earlier is about."""

    def observables(identifier: str) -> tuple[Observable, ...]:
        named = desk.store.named(identifier)
        return tuple(each.observable for each in desk.store.of(named))

    return observables


def _note(desk: Desk, ids: Iterable[str], found: Sorted) -> tuple[str, ...]:
    """Write into each incident in which such an indicator counted that its source took it back."""
    gone = {f"{RULE_PREFIX}{each.id}": each for each in desk.store.of(tuple(ids))}
    if not gone or not CaseFolder(desk.case_dir).database.exists():
        return ()
    reasons = {(source.name, back.object_id): back.reason for back, source in found.taken_back}
    noted = []
    with Case.open(desk.case_dir, desk.clock) as case:
        for incident in case.incidents():
            for rule in incident.rules:
                if rule.id not in gone:
                    continue
                reports = [each for each in gone[rule.id].reports if not each.stands]
                who = ", ".join(dict.fromkeys(each.source.name for each in reports))
                why = next(
                    (reasons[key] for each in reports if (key := (each.source.name, each.object_id)) in reasons), ""
                )
                text = _("{who} took back what it said about {value}: {why}").format(
                    who=printable(who), value=printable(gone[rule.id].observable.value), why=printable(why) or "-"
                )
                case.add_note(incident.id, "pollwatch", text)
                noted.append(incident.id)
    return tuple(noted)
