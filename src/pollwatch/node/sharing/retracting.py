"""Taking back what was told: the last version of each object, revoked and signed, to everybody who was given it.

The ledger knows who that is. Order: the retraction is prepared; as it is recorded, the shared log commits to it, so
that nobody can say later that it was never made, or made earlier; it leaves for everybody, and follows the objects into
the collections where they lie. Where two persons release, all of that is asked for, and happens when the second one
agrees. Stop anywhere: doing it again tells those who were not told. A receiver that cannot be reached, or that we have
severed, is owed it: that stands in the ledger, and it is told before anything else when we next talk
(:func:`pollwatch.node.sharing.releasing.remind`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pollwatch.clock import Clock
from pollwatch.errors import FormatError, PolicyError, SharingError
from pollwatch.events.observable import Observable
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.gateway import pushing
from pollwatch.node.indicators import deciding
from pollwatch.node.indicators.desk import Desk
from pollwatch.node.sharing import agreeing, collecting, releasing
from pollwatch.node.sharing.releasing import RETRACTION, Decision, Prepared, Sent
from pollwatch.sharing.collection import Collection
from pollwatch.sharing.indicators.indicator import Act, Indicator, Origin
from pollwatch.sharing.indicators.store import Retraction
from pollwatch.sharing.ledger import Ledger
from pollwatch.stix import bundle, constants, objects
from pollwatch.stix.constants import StixObject
from pollwatch.stix.objects import Maker
from pollwatch.stix.pattern import observables

#: What a release makes for one purpose. A technique's object serves many, and nobody is wrong about a technique; a
#: relationship says nothing any more when what it relates is revoked.
_OWN: Final = frozenset({"incident", "threat-actor", "indicator", "sighting", "observed-data", "report"})


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A retraction that was made.

    Attributes:
        objects: ids of the objects that were taken back.
        sent: what came of telling each member that had been given one of them.
        unsent: those that had been given one and cannot be told, each with why: they are members no longer, or act
            under another charter. Doing it again when they do not tells them.
        asked: requests to which a second person has to agree, where the charter says so; then nobody was told yet.
    """

    objects: tuple[str, ...]
    sent: tuple[Sent, ...]
    unsent: tuple[tuple[str, str], ...] = ()
    asked: tuple[int, ...] = ()


def retract_incident(
    membership: Membership, incident_id: str, reason: str, decision: Decision, clock: Clock
) -> TakenBack:
    """Take back an incident with everything that was told of it.

    Raises:
        PolicyError: it was never told to anybody, or no reason is given.
    """
    subject = f"incident {incident_id}"

    def about(told: Sequence[StixObject], told_of: str) -> set[str]:
        return {each["id"] for each in told if each["type"] in _OWN} if told_of == subject else set()

    return _retract(membership, subject, about, reason, decision, clock)


def retract_indicator(desk: Desk, found: Indicator, reason: str, decision: Decision) -> TakenBack:
    """Take back what we told of an indicator: itself, in whatever release it was, and that we saw it.

    Raises:
        PolicyError: it was never told to anybody, or no reason is given.
    """
    membership = desk.membership
    if membership is None:
        raise PolicyError(f"no charter is in force in {desk.case_dir}; nothing was told to anybody")
    theirs = {report.object_id for report in found.reports}

    def about(told: Sequence[StixObject], _told_of: str) -> set[str]:
        named = {each["id"] for each in told if each["type"] == "indicator" and _names(each, found.observable)}
        return named | {
            each["id"] for each in told if each["type"] == "sighting" and each["sighting_of_ref"] in named | theirs
        }

    taken = _retract(membership, f"indicator {found.id}", about, reason, decision, desk.clock)
    own = [report for report in found.standing_reports if report.source.origin is Origin.OWN]
    for name in {report.object_id for report in own}:
        desk.store.retract(Retraction(desk.own.name, name, desk.clock.now_us(), "", reason))
    if found.release is not None:
        deciding.decide(desk, [found], deciding.Ruling(Act.WITHDRAW, decision.released_by, reason))
    return taken


_About = Callable[[Sequence[StixObject], str], set[str]]


def _retract(
    membership: Membership, subject: str, about: _About, reason: str, decision: Decision, clock: Clock
) -> TakenBack:
    if not reason.strip():
        raise PolicyError("what was told is taken back for a reason; give it with --reason")
    given, told_so = _given(membership, about)
    if not given:
        raise PolicyError(f"{subject} was never told to anybody; see: pollwatch disclosures")
    members = {each.name: each for each in membership.peers}
    unsent = [(name, "no longer a member") for name in sorted(given.keys() - members)]
    papers: dict[frozenset[str], Prepared] = {}
    owed = {name: frozenset(ids - told_so.get(name, set())) for name, ids in given.items() if name in members}
    for ids in filter(None, dict.fromkeys(owed.values())):
        papers[ids] = _prepared(membership, subject, sorted(ids), reason, clock)
    everything = tuple(sorted(set().union(*given.values())))
    shelves = _follow(membership, subject, everything, reason, clock)
    if membership.charter.releasers > 1:
        asked = [
            agreeing.ask(
                membership, paper, [members[name] for name in sorted(owed) if owed[name] == ids], decision, clock
            )
            for ids, paper in papers.items()
        ]
        untold = ((at, paper) for at, paper in shelves if not collecting.was_told(membership, at, paper, clock))
        asked += [collecting.ask(membership, at, paper, decision, clock) for at, paper in untold]
        return TakenBack(everything, (), tuple(unsent), tuple(each.number for each in asked))
    sent: list[Sent] = []
    for name, ids in sorted(owed.items()):
        try:
            if ids:
                sent.append(releasing.release(membership, papers[ids], members[name], decision, clock))
            else:  # it was recorded before: what has no receipt yet is sent again
                sent += releasing.remind(membership, members[name], clock)
        except SharingError as error:  # under another charter: that must not keep it from the others
            unsent.append((name, str(error)))
    for at, paper in shelves:
        collecting.publish(membership, at, paper, decision, clock)
    return TakenBack(everything, tuple(sent), tuple(unsent))


def _given(membership: Membership, about: _About) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """By member: the objects that it was given, and those of them that it was told are taken back."""
    given: dict[str, set[str]] = {}
    told_so: dict[str, set[str]] = {}
    for each in Ledger(membership.folder.record).all():
        left = each.release
        told = [o for o in bundle.read(left.body) if o.get("created_by_ref") == membership.me.identity]
        if left.subject.startswith(RETRACTION):
            told_so.setdefault(left.receiver, set()).update(o["id"] for o in told if o.get("revoked") is True)
        elif names := about(told, left.subject):
            given.setdefault(left.receiver, set()).update(names)
    return given, told_so


def _prepared(membership: Membership, subject: str, names: Sequence[str], reason: str, clock: Clock) -> Prepared:
    """The last versions of some objects, as they leave for everybody who was given exactly these."""
    latest = Collection(membership.folder.record).versions(names)
    standing = [latest[name] for name in names]
    tlp = max(found for found in map(constants.marking_of, standing) if found is not None)

    def build(made_by: Maker) -> Iterable[StixObject]:
        yield from (constants.marking(each) for each in dict.fromkeys(map(constants.marking_of, standing)) if each)
        yield from (constants.PROJECT, constants.SIGNATURE_DEFINITION)
        yield objects.identity(membership.me, membership.charter)
        yield from (made_by.revoke(each, reason) for each in standing)

    return releasing.prepare(membership, RETRACTION + subject, tlp, build, clock)


def _follow(
    membership: Membership, subject: str, names: Iterable[str], reason: str, clock: Clock
) -> Iterator[tuple[str, Prepared]]:
    """The last versions for every collection that holds one of the objects, for those who fetch them there."""
    if not pushing.address(membership.folder) and not membership.folder.taxii.exists():
        return
    with collecting.store(membership, clock) as opened:
        held = {each.id: sorted(name for name in names if opened.holds(each, name)) for each in opened.collections()}
    for shelf, ids in held.items():
        if ids:
            yield shelf, _prepared(membership, subject, ids, reason, clock)


def _names(each: StixObject, observable: Observable) -> bool:
    try:
        return observable in observables(each["pattern"])
    except FormatError:
        return False
