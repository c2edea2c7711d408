"""What can be told beyond one incident: a campaign of several, indicators, and that we saw what others told us of.

Of indicators, only what an analyst released is told (``pollwatch indicators release``); whom it would hit is looked up
once more; what another member told us in confidence is told to nobody else. Then it goes the way of everything that
leaves: :mod:`pollwatch.node.sharing.releasing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pollwatch.clock import Clock, rfc3339
from pollwatch.detect.indicators import RULE_PREFIX
from pollwatch.errors import PolicyError
from pollwatch.incidents.incident import Incident
from pollwatch.members.marking import Tlp, check_release
from pollwatch.members.member import Member
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence import rail
from pollwatch.node.indicators.desk import Desk, seal
from pollwatch.node.sharing import releasing
from pollwatch.node.sharing.releasing import Prepared
from pollwatch.sharing.collection import Collection
from pollwatch.sharing.indicators import scoring
from pollwatch.sharing.indicators.indicator import Indicator, Origin, Report, State
from pollwatch.sharing.indicators.store import Reported
from pollwatch.stix import campaign, constants, objects, watching
from pollwatch.stix import incident as incidents
from pollwatch.stix.constants import StixObject
from pollwatch.stix.objects import Maker
from pollwatch.stix.watching import Seen, Watched

_NAMED = 5


def prepare_campaign(
    membership: Membership, name: str, told: Sequence[Incident], tlp: Tlp | None, clock: Clock
) -> Prepared:
    """Several incidents as one campaign, as they would leave.

    Raises:
        PolicyError: the marking forbids it, or there are not two incidents.
    """
    if len({each.id for each in told}) < 2:
        raise PolicyError("a campaign is made of two incidents or more")
    marking = check_release(membership.charter.tlp_default if tlp is None else tlp, ())
    with rail.opened(membership.folder.case, clock) as evidence:
        leaves = {each.id: rail.incident_leaf(evidence, each.id) for each in told}
    identity = objects.identity(membership.me, membership.charter)

    def build(maker: Maker) -> Iterable[StixObject]:
        made = [
            incidents.to_stix(each, maker, identity, [leaf for leaf in (leaves[each.id],) if leaf]) for each in told
        ]
        return campaign.to_stix(name, "", made, maker, identity)

    return releasing.prepare(membership, f"campaign {name}", marking, build, clock)


def prepare_indicators(desk: Desk, chosen: Sequence[Indicator], receiver: Member | None, tlp: Tlp | None) -> Prepared:
    """Indicators as they would leave, and that we saw those that we did.

    Args:
        desk: of the case.
        chosen: what is told.
        receiver: who is to have this copy; None = the same for all.
        tlp: its marking; None = the charter's.

    Raises:
        PolicyError: one is not released, would hit somebody, or is another's to tell; or the marking forbids it.
    """
    membership = _membership(desk)
    marking = check_release(membership.charter.tlp_default if tlp is None else tlp, ())
    if not chosen:
        raise PolicyError("no indicator is released; see: pollwatch indicators release --help")
    _check_told(desk, chosen, marking)
    identity = objects.identity(membership.me, membership.charter)
    watched = [_watched(each) for each in chosen]

    def build(maker: Maker) -> Iterable[StixObject]:
        return watching.to_stix(watched, maker, identity)

    return releasing.prepare(membership, _subject("indicator", chosen), marking, build, desk.clock, receiver)


def _watched(each: Indicator) -> Watched:
    since_us = min(report.observed_us for report in each.standing_reports)
    seen_us = max((report.observed_us for report in _own_sightings(each)), default=None)
    return Watched(each.id, each.observable, since_us, each.until_us, seen_us)


def prepare_sightings(
    desk: Desk, chosen: Sequence[Indicator], receiver: Member, tlp: Tlp | None, found: Iterable[Incident]
) -> Prepared:
    """That we saw what others told us of, as it would leave for a member; each with the indicator it is of.

    Args:
        desk: of the case.
        chosen: indicators that other members told us of.
        receiver: who is told: who told us, or anybody where the marking of what we were told allows that.
        tlp: marking of what we say; None = the charter's.
        found: the incidents of the case; a hit in one of them is a sighting.

    Raises:
        PolicyError: we did not see it, nobody told us of it, or its marking keeps it from this receiver.
    """
    membership = _membership(desk)
    marking = check_release(membership.charter.tlp_default if tlp is None else tlp, ())
    saw = seen(chosen, found)
    pairs = []
    for each in chosen:
        if each.id not in saw:
            raise PolicyError(f"{each.id} was not seen here; what was not seen is not said to have been")
        pairs.append((_original(membership, each, receiver), saw[each.id]))
    authors = {source["created_by_ref"] for source, _seen in pairs}

    def build(made_by: Maker) -> Iterable[StixObject]:
        yield from _frame(membership, made_by.tlp)
        yield from (constants.marking(tlp) for tlp in dict.fromkeys(map(constants.marking_of, _of(pairs))) if tlp)
        yield from (
            objects.identity(m, membership.charter) for m in membership.charter.members if m.identity in authors
        )
        for source, when in pairs:
            yield source
            yield watching.sighting(source, when, made_by)

    return releasing.prepare(membership, _subject("sighting", chosen), marking, build, desk.clock, receiver)


def note_seen(desk: Desk, chosen: Sequence[Indicator], found: Iterable[Incident]) -> None:
    """Count our own bloc among those that saw it, once a person of ours has said so to others."""
    saw = seen(chosen, found)
    now_us = desk.clock.now_us()
    own = [
        Report(
            each.observable, desk.own, True, f"seen {each.id}", f"{saw[each.id].last_us:020d}",
            f"{each.id} {saw[each.id].first_us} {saw[each.id].last_us} {saw[each.id].count}", Tlp.AMBER_STRICT,
            min(saw[each.id].last_us, now_us), None, now_us, None, "", True,
        )
        for each in chosen
    ]  # fmt: skip
    seal(desk, {"seen": [each.id for each in chosen], "time": rfc3339(now_us)})
    desk.store.add([Reported(each) for each in own])


def seen(chosen: Sequence[Indicator], among: Iterable[Incident]) -> Mapping[str, Seen]:
    """Which indicators we saw, when and how often: by hits in the case's incidents, else by our own word."""
    wanted = {f"{RULE_PREFIX}{each.id}": each.id for each in chosen}
    found: dict[str, Seen] = {}
    for incident in among:
        for rule in incident.rules:
            if rule.id in wanted and incident.first_us is not None and incident.last_us is not None:
                name = wanted[rule.id]
                before = found.get(name, Seen(incident.first_us, incident.last_us, 0))
                first, last = min(before.first_us, incident.first_us), max(before.last_us, incident.last_us)
                found[name] = Seen(first, last, before.count + rule.count)
    for each in chosen:
        if each.id not in found and (own := _own_sightings(each)):
            times = [report.observed_us for report in own]
            found[each.id] = Seen(min(times), max(times), len(own))
    return found


def _check_told(desk: Desk, chosen: Sequence[Indicator], marking: Tlp) -> None:
    warnings = desk.innocents.warnings([each.observable for each in chosen])
    for each, warned in zip(chosen, warnings, strict=True):
        name = f"{each.id} ({each.observable.value[:80]})"
        if each.release is None:
            raise PolicyError(f"{name} was released by nobody; look, then: pollwatch indicators release {each.id}")
        state = scoring.state(each, desk.clock.now_us())
        if state in {State.RETRACTED, State.EXPIRED, State.REJECTED}:
            raise PolicyError(f"{name} is {state}; it is not passed on")
        fresh = [key for key in warned if key not in each.release.warnings]
        if fresh:
            words = ", ".join(desk.innocents.words(key) for key in fresh[:_NAMED])
            raise PolicyError(
                f"{name} would hit others: {words}; release it with --override and a --reason, or leave it"
            )
        if not _own_sightings(each):
            allowed = min((report.tlp for report in each.standing_reports), default=Tlp.RED)
            if marking < allowed:
                raise PolicyError(f"{name} came under {allowed.label} and cannot leave under {marking.label}")


def _original(membership: Membership, each: Indicator, receiver: Member) -> StixObject:
    """The indicator as its author signed it: the receiver's own, else one that its marking lets us pass on."""
    told = [
        r for r in each.standing_reports if r.source.origin is Origin.MEMBER and r.object_id.startswith("indicator-")
    ]
    if not told:
        raise PolicyError(f"{each.id} was told to us by no member; share it as an indicator of ours")
    versions = Collection(membership.folder.record).versions(report.object_id for report in told)
    own = [r for r in told if r.source.name == receiver.name]
    open_ones = [r for r in told if r.tlp <= Tlp.GREEN]
    for report in (*own, *open_ones):
        if report.object_id in versions:
            return versions[report.object_id]
    whose = ", ".join(dict.fromkeys(report.source.name for report in told))
    raise PolicyError(f"{each.id} was told to us by {whose} under a marking that keeps it from {receiver.name}")


def _frame(membership: Membership, tlp: Tlp) -> tuple[StixObject, ...]:
    me = objects.identity(membership.me, membership.charter)
    return (constants.marking(tlp), constants.PROJECT, constants.SIGNATURE_DEFINITION, me)


def _of(pairs: Iterable[tuple[StixObject, Seen]]) -> Iterable[StixObject]:
    return (source for source, _seen in pairs)


def _own_sightings(each: Indicator) -> list[Report]:
    return [report for report in each.standing_reports if report.source.origin is Origin.OWN and report.seen]


def _subject(word: str, chosen: Sequence[Indicator]) -> str:
    names = ", ".join(each.id for each in chosen[:_NAMED])
    more = len(chosen) - _NAMED
    return f"{word} {names}" + (f" and {more} more" if more > 0 else "")


def _membership(desk: Desk) -> Membership:
    if desk.membership is None:
        raise PolicyError(f"no charter is in force in {desk.case_dir}; there is nobody to tell")
    return desk.membership
