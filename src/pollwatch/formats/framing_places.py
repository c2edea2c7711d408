"""Which addresses are of one's own network, as far as an address alone tells it."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

#: RFC 1918, 6598, 3927, 4193 and 4291. Documentation's own ranges are not among them, though ``is_private`` says so.
_INSIDE = tuple(
    ipaddress.ip_network(each)
    for each in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8"),
        *("fc00::/7", "fe80::/10", "::1/128"),
    )
)


@lru_cache(maxsize=1 << 15)
def inside(text: str) -> bool:
    """Whether the address can only be one of a network's own; a public one may be anybody's."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return any((mapped or address) in each for each in _INSIDE)
