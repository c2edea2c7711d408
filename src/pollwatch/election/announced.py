"""Announced tests: somebody who was asked to attack, from where, and when."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pollwatch.clock import from_datetime
from pollwatch.election.assets import Network
from pollwatch.election.settings import end_of, start_of
from pollwatch.election.tables import Table, numbered


@dataclass(frozen=True, slots=True)
class Announced:
    """One test.

    Attributes:
        name: for people: ``yearly test by Example Security``.
        networks: where it comes from.
        first_us: when it begins.
        last_us: when it is over.
    """

    name: str
    networks: tuple[Network, ...]
    first_us: int
    last_us: int

    def covers(self, addresses: Collection[str], first_us: int | None, last_us: int | None) -> bool:
        """Whether all of some addresses are its own, and a time lies within it."""
        inside = first_us is not None and last_us is not None and self.first_us <= first_us <= last_us <= self.last_us
        return inside and bool(addresses) and all(map(self._holds, addresses))

    def _holds(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self.networks)


def parse_announced(tables: Sequence[Mapping[str, object]], where: str = "pollwatch.toml") -> tuple[Announced, ...]:
    """The tests that the ``[[announced]]`` tables describe.

    Raises:
        ConfigError: naming the table and the key.
    """
    return tuple(map(_announced, numbered(tables, f"{where}: [[announced]]")))


def _announced(table: Table) -> Announced:
    name, written, zone = table.text("name"), table.texts("addresses"), table.zone("zone")
    start, end = table.point("start"), table.point("end")
    table.done()
    if not written:
        raise table.fail("addresses", "is missing: where the test comes from")
    if start is None or end is None:
        raise table.fail("start" if start is None else "end", "is missing: a test is announced for a time")
    first, last = start_of(start, zone), end_of(end, zone)
    if last <= first:
        raise table.fail("end", "lies before start")
    return Announced(name, tuple(_network(table, each) for each in written), from_datetime(first), from_datetime(last))


def _network(table: Table, text: str) -> Network:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise table.fail("addresses", f"{text!r} is no address or network") from None
    if network.prefixlen < (16 if network.version == 4 else 32):
        raise table.fail("addresses", f"{text!r} is too wide: it would excuse strangers")
    return network
