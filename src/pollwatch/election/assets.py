"""What is watched: the systems of an election, who owns them, and how they appear in logs."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

from pollwatch.election.vocabulary import CRITICAL_PHASES

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Asset:
    """One system.

    Attributes:
        name: for people: ``Voter portal``.
        owner: who is called when it is hit.
        kind: a word of ``KINDS``.
        hosts: host names as logs write them, lower case; ``*.county.example`` stands for all below.
        networks: its addresses.
        paths: globs of the log files that speak of it; matched against the whole path or its end.
        critical_phases: phases in which its failure cannot be made good; the kind's own unless configured.
        jurisdiction: whose calendar counts; empty = any.
    """

    name: str
    owner: str
    kind: str
    hosts: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    paths: tuple[str, ...] = ()
    critical_phases: frozenset[str] = frozenset()
    jurisdiction: str = ""

    @property
    def critical(self) -> frozenset[str]:
        """The phases that are critical for it."""
        return self.critical_phases or CRITICAL_PHASES[self.kind]


@dataclass(frozen=True, slots=True)
class Assets:
    """All systems that are watched; may be empty."""

    entries: tuple[Asset, ...] = ()

    def of_target(self, target: str) -> Asset | None:
        """The asset that a host name, virtual host or address belongs to: the most exact entry wins."""
        name = host_name(target)
        address = _address(name)
        scored = ((_target_score(asset, name, address), asset) for asset in self.entries)
        score, best = max(scored, key=lambda pair: pair[0], default=(0, None))
        return best if score else None

    def of_path(self, path: str) -> Asset | None:
        """The asset whose logs lie at a path: the longest glob wins."""
        scored = (
            (max((len(g) for g in asset.paths if _path_fits(path, g)), default=0), asset) for asset in self.entries
        )
        score, best = max(scored, key=lambda pair: pair[0], default=(0, None))
        return best if score else None

    def resolve(self, targets: Iterable[str], paths: Iterable[str] = ()) -> tuple[Asset, ...]:
        """All assets that any of the targets or, where no target names one, any of the log paths belongs to."""
        found = [asset for target in targets if (asset := self.of_target(target))]
        found = found or [asset for path in paths if (asset := self.of_path(path))]
        return tuple(asset for asset in self.entries if asset in found)


@lru_cache(maxsize=4096)
def host_name(target: str) -> str:
    """A target without port, brackets, trailing dot and capitals: ``Portal.Example.:443`` is ``portal.example``."""
    name = target.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    if name.count(":") == 1:
        name = name.partition(":")[0]
    return name.rstrip(".")


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _target_score(asset: Asset, name: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> int:
    """0 = is not it; an exact name beats any wildcard, a longer wildcard or prefix beats a shorter one."""
    if address is not None:
        fits = [n.prefixlen + 1 for n in asset.networks if n.version == address.version and address in n]
        return max(fits, default=0)
    exact = 10_000 if name and name in asset.hosts else 0
    return max([exact, *(len(host) for host in asset.hosts if "*" in host and fnmatchcase(name, host))])


def _path_fits(path: str, glob: str) -> bool:
    return fnmatchcase(path, glob) or fnmatchcase(path, f"*/{glob}")
