"""Which addresses are of one's own network, as far as an address alone tells it.

RFC 1918, 6598, 3927, 4193 and 4291. Documentation's own ranges are not among them, though ``ipaddress`` calls them
private: a public address may be anybody's.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final

_INSIDE: Final = tuple(
    ipaddress.ip_network(each)
    for each in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8"),
        *("fc00::/7", "fe80::/10", "::1/128"),
    )
)
#: The same for whole columns of addresses in their shortest form, in what Rust's and Python's dialect share.
INSIDE: Final = (
    r"^(?:10\.|192\.168\.|172\.(?:1[6-9]|2[0-9]|3[01])\.|100\.(?:6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\.|169\.254\.|127\.|"
    r"f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:|::1$)"
)
#: Addresses that are no single machine's: broadcast, multicast, none.
NOBODYS: Final = r"^(?:0\.|22[4-9]\.|23[0-9]\.|255\.|ff[0-9a-f]{2}:|::$)|\.255$"


@lru_cache(maxsize=1 << 15)
def inside(text: str) -> bool:
    """Whether the address can only be one of a network's own."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return any((mapped or address) in each for each in _INSIDE)
