"""What can be told beyond one incident: a campaign of several, and the indicators that an analyst released."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pollwatch.clock import Clock
from pollwatch.errors import PolicyError
from pollwatch.incidents.incident import Incident
from pollwatch.members.marking import Tlp, check_release
from pollwatch.node import rail, releasing
from pollwatch.node.jointfolder import Membership
from pollwatch.node.releasing import Prepared
from pollwatch.sharing.indicators.indicator import Indicator, Origin
from pollwatch.sharing.indicators.store import IndicatorStore
from pollwatch.stix import campaign, objects, watching
from pollwatch.stix import incident as incidents
from pollwatch.stix.constants import StixObject
from pollwatch.stix.objects import Maker
from pollwatch.stix.watching import Watched


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


def prepare_indicators(membership: Membership, tlp: Tlp | None, clock: Clock) -> Prepared:
    """All indicators that an analyst released and that have not ended, as they would leave.

    Raises:
        PolicyError: there are none, or the marking forbids it: what a source told under a stricter one stays here.
    """
    released = IndicatorStore(membership.folder.indicators).released(clock.now_us())
    if not released:
        raise PolicyError("no indicator is released; see: pollwatch indicators release --help")
    marking = membership.charter.tlp_default if tlp is None else tlp
    check_release(marking, ((each.id, _marking(each)) for each in released))
    identity = objects.identity(membership.me, membership.charter)
    watched = [_watched(each) for each in released]
    return releasing.prepare(
        membership,
        f"{len(watched)} indicators",
        marking,
        lambda maker: watching.to_stix(watched, maker, identity),
        clock,
    )


def _marking(indicator: Indicator) -> Tlp:
    """The mildest marking under which somebody who still reports it told us, or we noted it ourselves."""
    return min(each.tlp for each in indicator.standing_reports)


def _watched(indicator: Indicator) -> Watched:
    own = [each.observed_us for each in indicator.standing_reports if each.source.origin is Origin.OWN]
    return Watched(indicator.id, indicator.observable, indicator.first_us, indicator.until_us, max(own, default=None))
