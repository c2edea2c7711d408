"""Questions that name servers log: BIND, unbound, dnsmasq.

The name asked for is the client's own text: patterns end in fields that the server writes.

Source: BIND 9 Administrator Reference Manual, "Query Logging" and category ``security``; unbound.conf ``log-queries``
and ``log-replies``; dnsmasq ``--log-queries``.
"""

from __future__ import annotations

import re

from pollwatch.events.taxonomy import DNS
from pollwatch.formats.framing import Value
from pollwatch.formats.framing_reports import Report, ip

_LONGEST = 2_048
_ADDRESS = r"([0-9A-Fa-f.:]{2,45})"
_BIND = re.compile(
    rf"(?:queries: )?(?:info: )?client (?:@0x[0-9a-f]+ )?{_ADDRESS}#(\d{{1,5}})(?: \(.*?\))?: (?:view [^:]{{1,64}}: )?"
    rf"query: (\S+) (\S{{1,16}}) (\S{{1,16}}) (\S{{1,16}}) \(([0-9A-Fa-f.:]+)\)(?: .*)?",
    re.DOTALL,
)
_BIND_DENIED = re.compile(
    rf"(?:security: |xfer-out: |update-security: )?(?:info: |error: )?client (?:@0x[0-9a-f]+ )?{_ADDRESS}#(\d{{1,5}})"
    r"(?: \(.*?\))?: (?:view [^:]{1,64}: )?(?:bad )?"
    r"(zone transfer|update|query(?: \(cache\))?) '([^']*)' (?:denied|failed).*",
    re.DOTALL,
)
_BIND_TRANSFER = re.compile(
    rf"(?:xfer-out: )?(?:info: )?client (?:@0x[0-9a-f]+ )?{_ADDRESS}#(\d{{1,5}})(?: \(.*?\))?: (?:view [^:]{{1,64}}: )?"
    r"transfer of '([^']*)/(\w+)': (AXFR|IXFR) started.*",
    re.DOTALL,
)
_UNBOUND = re.compile(
    rf"(?:\[\d+:\w+\] )?(?:info|reply|query): {_ADDRESS} (\S+) ([A-Z][A-Z0-9]{{0,15}}) (IN|CH|HS|ANY)"
    r"(?: ([A-Z]{2,16}) [\d.]+ \d+ \d+.*)?",
    re.DOTALL,
)
_DNSMASQ = re.compile(
    rf"(?:\d{{1,20}} [0-9A-Fa-f.:]+/\d{{1,5}} )?query\[([A-Za-z0-9=]{{1,16}})\] (\S+) from {_ADDRESS}"
)


def decode(message: str) -> Report | None:
    """The question that a name server's message is about; None where it is about none."""
    if len(message) > _LONGEST:
        return None
    if "query[" in message:
        found = _DNSMASQ.fullmatch(message)
        return _question(found[3], found[2], found[1], "dnsmasq") if found else None
    if "client " in message:
        return _bind(message)
    if " IN" in message and (found := _UNBOUND.fullmatch(message)):
        client, name, kind, _class, rcode = found.groups()
        return _question(client, name, kind, "unbound", rcode=rcode)
    return None


def _bind(message: str) -> Report | None:
    if found := _BIND.fullmatch(message):
        client, port, name, _class, kind, flags, server = found.groups()
        return _question(client, name, kind, "bind", src_port=port, dest_ip=ip(server), flags=flags)
    if found := _BIND_TRANSFER.fullmatch(message):
        client, port, zone, _class, kind = found.groups()
        return _question(client, zone, kind, "bind", src_port=port, action="allowed")
    if found := _BIND_DENIED.fullmatch(message):
        client, port, what, about = found.groups()
        kinds = {"zone transfer": "AXFR", "update": "UPDATE"}  # "name/type/class", of an update "zone/class"
        name, *kind = about.rsplit("/", 1 if what == "update" else 2)
        asked = kinds.get(what) or (kind[0] if kind else "")
        return _question(client, name, asked, "bind", src_port=port, rcode="REFUSED", action="blocked")
    return None


def _question(client: str, name: str, kind: str, server: str, **more: Value) -> Report | None:
    source = ip(client)
    if source is None:
        return None
    asked = name if name == "." else name.removesuffix(".")
    return Report(DNS, {"src_ip": source, "query": asked, "record_type": kind.upper(), "program": server} | more)
