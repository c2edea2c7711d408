"""Who would be hit by an indicator that is wrong: what is shared by many, our own systems, and the other members'.

A hostile member plants indicators of innocent third parties, of the victim's own systems, or of networks so large
that everybody is in them. They are found when an indicator comes, before it is shared, and before it raises an alert;
only a person can override that, by name and with a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from pollwatch.election.assets import Asset, Assets, host_name
from pollwatch.events.observable import Kind, Network, Observable, guessed
from pollwatch.members.member import Member
from pollwatch.sharing.indicators.warninglists import WarningLists

#: A network of a shorter prefix holds thousands of strangers.
_BROAD: Final = {4: 16, 6: 32}


@dataclass(frozen=True, slots=True)
class Innocents:
    """Whom to spare.

    Attributes:
        lists: the warning lists.
        assets: our own systems.
        members: of the joint watch; their gateways' hosts.
    """

    lists: WarningLists
    assets: Assets
    members: tuple[Member, ...]

    def warnings(self, observables: Sequence[Observable]) -> list[tuple[str, ...]]:
        """For each observable, why to think twice: keys of warning lists, ``own:...``, ``member:...``, ``broad``."""
        listed = self.lists.hits(observables)
        gateways = [(f"member:{each.name}", _gateway(each)) for each in self.members]
        return [
            (*self._own(each), *(name for name, host in gateways if _touches(each, host)), *_broad(each), *keys)
            for each, keys in zip(observables, listed, strict=True)
        ]

    def words(self, key: str) -> str:
        """What a warning means, for people; names in it are our own or the charter's."""
        kind, _colon, name = key.partition(":")
        match kind:
            case "own":
                return f"one of our own systems: {name}"
            case "member":
                return f"the gateway of {name}"
            case "broad":
                return "a network of thousands of strangers"
            case _:
                return self.lists.title(key)

    def _own(self, observable: Observable) -> list[str]:
        return [f"own:{asset.name}" for asset in self.assets.entries if _is_of(observable, asset)]


def _is_of(observable: Observable, asset: Asset) -> bool:
    """Whether an indicator would fire on an asset: on its address, its name, or a domain above it."""
    if observable.kind in {Kind.IPV4, Kind.IPV6}:
        return any(_overlap(observable.network, each) for each in asset.networks)
    host = observable.host
    if not host:
        return False
    plain = [each.removeprefix("*.") for each in asset.hosts]
    below = observable.kind is Kind.DOMAIN  # fires on everything below it, too
    return any(
        fnmatchcase(host, each) or host == bare or (below and bare.endswith(f".{host}"))
        for each, bare in zip(asset.hosts, plain, strict=True)
    )


def _overlap(one: Network, other: Network) -> bool:
    return one.version == other.version and one[0] <= other[-1] and other[0] <= one[-1]  # type: ignore[operator]


def _gateway(member: Member) -> Observable | None:
    """The host of a member's gateway, as something that an indicator could name."""
    try:
        return guessed(host_name(member.address.partition("://")[2]))
    except ValueError:
        return None


def _touches(observable: Observable, gateway: Observable | None) -> bool:
    addresses = {Kind.IPV4, Kind.IPV6}
    if gateway is None or (gateway.kind in addresses) != (observable.kind in addresses):
        return False
    if gateway.kind in addresses:
        return _overlap(observable.network, gateway.network)
    host = observable.host
    return bool(host) and (gateway.value == host or gateway.value.endswith(f".{host}"))


def _broad(observable: Observable) -> tuple[str, ...]:
    if observable.kind not in {Kind.IPV4, Kind.IPV6} or "/" not in observable.value:
        return ()
    network = observable.network
    return ("broad",) if network.prefixlen < _BROAD[network.version] else ()


#: Gives the warnings of some observables.
Warn = Callable[[Sequence[Observable]], list[tuple[str, ...]]]
