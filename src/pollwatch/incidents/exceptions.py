"""Exceptions: what an office knows to be harmless, said with a reason and for a time.

An exception hides what it covers: incidents all of whose rules, addresses, accounts and targets are among those that
it names, and which are no graver than it allows. What it hides is marked as a false positive, stays in the case, and
says so in its history. Nothing is thrown away, and an exception that has ended hides nothing more.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from pollwatch.clock import US_PER_S
from pollwatch.errors import UsageError
from pollwatch.events.detection import Actors, Severity
from pollwatch.events.printable import printable
from pollwatch.i18n import _
from pollwatch.incidents.incident import RuleCount

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
DAY_US: Final = 86_400 * US_PER_S
#: Longer than this nobody remembers why; it can be made again.
LONGEST_US: Final = 400 * DAY_US
_MOST_VALUES: Final = 200
_MOST_CHARACTERS: Final = 512


class Coverable(Protocol):
    """What an exception looks at: an incident, or its row in the inbox."""

    @property
    def severity(self) -> Severity:
        """How grave it is."""

    @property
    def rules(self) -> tuple[RuleCount, ...]:
        """Which rules fired."""

    @property
    def actors(self) -> Actors:
        """Who acted."""

    @property
    def targets(self) -> tuple[str, ...]:
        """What was acted upon."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What an exception covers; an empty field does not narrow it. Made by :func:`scope`, which checks it.

    Attributes:
        rules: ids; every rule of an incident must be among them.
        networks: addresses or networks (CIDR); every address must lie in one, and there must be one.
        accounts: every account must be among them, and there must be one.
        targets: every target must be among them, and there must be one.
        most: nothing graver than this is hidden, whatever else fits.
    """

    rules: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    most: Severity = Severity.MEDIUM

    def covers(self, incident: Coverable) -> bool:
        """Whether it would hide an incident."""
        return (
            incident.severity <= self.most
            and _all_among(self.rules, [rule.id for rule in incident.rules])
            and _all_among(self.accounts, incident.actors.user)
            and _all_among(self.targets, incident.targets)
            and (not self.networks or _all_within(_parsed(self.networks), incident.actors.ip))
        )

    @property
    def words(self) -> str:
        """What it covers, for people; attackers' text made inert."""
        parts = [
            (_("rules"), self.rules),
            (_("addresses"), self.networks),
            (_("accounts"), self.accounts),
            (_("targets"), self.targets),
        ]
        return "; ".join(
            f"{name}: {', '.join(printable(each, 80) for each in values)}" for name, values in parts if values
        )


@dataclass(frozen=True, slots=True)
class TuningException:
    """An exception as the case has it.

    Attributes:
        id: its number.
        incident_id: the incident that it was made from; empty = none.
        reason: why it is harmless.
        who: who says so.
        expires_us: from then on it hides nothing.
        ended_us: when somebody ended it before that; None = nobody did.
        hidden: how many incidents it has hidden.
    """

    id: int
    scope: Scope
    incident_id: str
    reason: str
    who: str
    created_us: int
    expires_us: int
    ended_us: int | None
    hidden: int

    def holds(self, now_us: int) -> bool:
        """Whether it hides anything now."""
        return self.ended_us is None and self.created_us <= now_us < self.expires_us


def scope(
    rules: Iterable[str] = (),
    networks: Iterable[str] = (),
    accounts: Iterable[str] = (),
    targets: Iterable[str] = (),
    most: Severity = Severity.MEDIUM,
) -> Scope:
    """A scope that makes sense.

    Raises:
        UsageError: it would cover everything, a network cannot be read, or there is too much of it.
    """
    found = Scope(_values(rules), _networks(networks), _values(accounts), _values(targets), most)
    if not (found.rules or found.networks or found.accounts):
        raise UsageError(_("an exception names at least a rule, an address or an account; without, it would hide all"))
    return found


def _values(values: Iterable[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(each for each in values if each))
    if len(found) > _MOST_VALUES or any(len(each) > _MOST_CHARACTERS for each in found):
        raise UsageError(_("an exception names at most {n} values; make it narrower").format(n=_MOST_VALUES))
    return found


def _networks(values: Iterable[str]) -> tuple[str, ...]:
    found = []
    for value in _values(each.strip() for each in values):
        try:
            found.append(str(ipaddress.ip_network(value)))
        except ValueError:
            raise UsageError(
                _("{value} is no address and no network; write 192.0.2.7 or 192.0.2.0/24").format(
                    value=printable(value, 60)
                )
            ) from None
    return tuple(found)


def _all_among(wanted: tuple[str, ...], values: Iterable[str]) -> bool:
    found = {*values}
    return not wanted or (bool(found) and found <= {*wanted})


@lru_cache(maxsize=512)
def _parsed(networks: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(map(ipaddress.ip_network, networks))


def _all_within(networks: tuple[Network, ...], addresses: tuple[str, ...]) -> bool:
    return bool(addresses) and all(_within(networks, each) for each in addresses)


def _within(networks: tuple[Network, ...], address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
