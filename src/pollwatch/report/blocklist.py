"""Block lists for what offices have: nftables, pf, and CSV for everything else. Nothing blocks by itself.

Each is whole by itself, replaces the one before it, and ends: what is blocked for ever is forgotten and hits whoever
has the address next. Words by people go into comments only, on one line, with everything but printable ASCII escaped.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pollwatch.clock import US_PER_S, rfc3339
from pollwatch.errors import PolicyError
from pollwatch.events.observable import Kind, Network, Observable
from pollwatch.report import spreadsheet

_ADDRESSES: Final = (Kind.IPV4, Kind.IPV6)


@dataclass(frozen=True, slots=True)
class BlockList:
    """What is to be blocked.

    Attributes:
        incident: id of the incident.
        blocked: addresses, networks or domains.
        decided_by: the person.
        reason: why.
        from_us: since when.
        until_us: until when.
    """

    incident: str
    blocked: tuple[Observable, ...]
    decided_by: str
    reason: str
    from_us: int
    until_us: int


def nftables(blocks: BlockList) -> str:
    """A table that ``nft -f`` loads; its elements go by themselves when their time is over.

    Raises:
        PolicyError: there is no address in it: nftables knows no names.
    """
    seconds = max(1, (blocks.until_us - blocks.from_us) // US_PER_S)
    sets, rules = [], []
    for name, kind, word in (("blocked4", Kind.IPV4, "ip"), ("blocked6", Kind.IPV6, "ip6")):
        values = _addresses(blocks, kind)
        elements = ",\n".join(f"      {each} timeout {seconds}s" for each in values)
        body = f"    elements = {{\n{elements}\n    }}\n" if values else ""
        sets.append(
            f"  set {name} {{\n    type {kind.value.replace('-', '_')}\n    flags interval, timeout\n{body}  }}\n"
        )
        rules.append(f"    {word} saddr @{name} counter drop\n")
    _check(blocks)
    head = "table inet pollwatch\ndelete table inet pollwatch\n"  # makes it exist, so that deleting it cannot fail
    chain = "  chain input {\n    type filter hook input priority -10; policy accept;\n" + "".join(rules) + "  }\n"
    return (
        _comment(blocks, "load it: nft -f FILE; look first: nft -c -f FILE")
        + head
        + ("table inet pollwatch {\n" + "".join(sets) + chain + "}\n")
    )


def pf(blocks: BlockList) -> str:
    """An anchor that ``pfctl -a pollwatch -f`` loads. pf does not end it by itself; the comment says until when.

    Raises:
        PolicyError: there is no address in it.
    """
    _check(blocks)
    values = ", ".join([*_addresses(blocks, Kind.IPV4), *_addresses(blocks, Kind.IPV6)])
    how = "load it: pfctl -a pollwatch -f FILE; end it: pfctl -a pollwatch -F all"
    return _comment(blocks, how) + f"table <pollwatch> persist {{ {values} }}\nblock in quick from <pollwatch> to any\n"


def as_csv(blocks: BlockList) -> str:
    """A table for everything else, domains too; no cell is a formula to a spreadsheet."""
    times = rfc3339(blocks.from_us), rfc3339(blocks.until_us)
    said = (*times, blocks.incident, blocks.decided_by, blocks.reason)
    rows = ((each.kind.value, each.value, *said) for each in blocks.blocked)
    head = ("kind", "value", "from", "until", "incident", "decided_by", "reason")
    cells = ([spreadsheet.as_text(" ".join(str(cell).split())) for cell in row] for row in rows)
    return spreadsheet.as_csv(head, cells)


#: By the word of the command line.
FORMATS: Final[dict[str, Callable[[BlockList], str]]] = {"nftables": nftables, "pf": pf, "csv": as_csv}


def _check(blocks: BlockList) -> None:
    if not any(each.kind in _ADDRESSES for each in blocks.blocked):
        raise PolicyError("a firewall blocks addresses, and there is none; for domains take --format csv or stix")


def _addresses(blocks: BlockList, kind: Kind) -> Sequence[str]:
    """Addresses and networks of one kind; what lies within another is not said twice, which nftables would refuse."""
    values = [each.value for each in blocks.blocked if each.kind is kind]
    merged: Iterable[Network] = (
        ipaddress.collapse_addresses(map(ipaddress.IPv4Network, values))
        if kind is Kind.IPV4
        else ipaddress.collapse_addresses(map(ipaddress.IPv6Network, values))
    )
    return [str(each.network_address) if each.num_addresses == 1 else str(each) for each in merged]


def _comment(blocks: BlockList, how: str) -> str:
    lines = (
        f"pollwatch: what {blocks.incident} came from; {how}",
        f"decided by {blocks.decided_by}, from {rfc3339(blocks.from_us)} until {rfc3339(blocks.until_us)}",
        f"reason: {blocks.reason}",
    )
    return "".join(f"# {_inert(each)}\n" for each in lines)


def _inert(text: str) -> str:
    """One line of printable ASCII; a backslash at its end would go on in the next line."""
    plain = text.encode("ascii", "backslashreplace").decode("ascii")
    return "".join(each if " " <= each <= "~" else f"\\x{ord(each):02x}" for each in plain).rstrip("\\")
