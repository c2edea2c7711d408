"""Packets that firewalls report through syslog: Linux netfilter, pf (filterlog and tcpdump), MikroTik.

A line is about one packet, most often the first of a connection that was not let through. What is here is written by
the firewall, but its label (``--log-prefix``) is the owner's own text, and only tells what became of the packet.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from pollwatch.formats.framing_login import address, port

_PROGRAMS = frozenset({None, "kernel", "ulogd", "ulogd2", "filterlog", "pf", "firewall"})
_NETFILTER = re.compile(
    r"(.*?)(?:IN=\S* )(?:OUT=\S* )?(?:\S+=\S* )*?SRC=(\S+) DST=(\S+) (?:LEN=(\d{1,9}) )?(.*)", re.DOTALL
)
_PORTS = re.compile(r"PROTO=(\w+)(?: SPT=(\d{1,5}) DPT=(\d{1,5}))?")
_MIKROTIK = re.compile(
    r"(?:firewall,\w+ )?(.*?)(?:: |,) ?in:.*?proto (\w+)(?: \([^)]*\))?, "
    r"(\S+?)(?::(\d{1,5}))?->(\S+?)(?::(\d{1,5}))?,.* len (\d{1,9})",
    re.DOTALL,
)
_PF = re.compile(
    r"(?:rule )?[\w./]*\(match\)(?: \[[^\]]*\])?:? (block|pass|match) (?:in|out) on \w+: "
    r"(?:\([^()]*(?:\([^()]*\)[^()]*)*\) )?(?:IP6? )?([0-9A-Fa-f.:]+) > ([0-9A-Fa-f.:]+): ?(.*)",
    re.DOTALL,
)
#: Where protocol, length, source and target stand in filterlog's fields; ports follow the target.
_FILTERLOG = {"4": (16, 17, 18, 19), "6": (12, 14, 15, 16)}
_BLOCKED = re.compile(r"drop|block|den[iy]|reject|refus|bad|invalid", re.IGNORECASE)
_ALLOWED = re.compile(r"accept|allow|pass|permit", re.IGNORECASE)
_LONGEST = 4_096


class Packet(NamedTuple):
    """One packet, in the terms of ``taxonomy.FLOW_COLUMNS``."""

    src_ip: str
    src_port: int | None
    dest_ip: str | None
    dest_port: int | None
    proto: str
    bytes_out: int | None
    action: str | None

    @property
    def packets(self) -> int | None:
        """One; of a connection that was let in, this is only the first, and how many followed is not known."""
        return None if self.action == "allowed" else 1


def decode(  # noqa: PLR0911 - one way per notation
    program: str | None, message: str
) -> Packet | None:
    """The packet that a firewall's message is about; None where it is about something else."""
    if len(message) > _LONGEST:
        return None
    if program == "filterlog":
        return _filterlog(message.split(","))
    if program in _PROGRAMS and " SRC=" in message:
        return _netfilter(message)
    if program is not None and program.endswith("(match)"):  # tcpdump's "rule 5/0(match): ", taken for host and tag
        return _pf(f"{program}: {message}")
    if "(match)" in message:
        return _pf(message)
    if program is None and "->" in message and "proto " in message:
        return _mikrotik(message)
    return None


def packet(
    ends: tuple[str, str | None, str, str | None], proto: str, length: str | None, action: str | None
) -> Packet | None:
    """A packet between ``(address, port, address, port)``; None where the first is no address."""
    source = address(ends[0])
    if source is None:
        return None
    size = int(length) if length and length.isdecimal() and len(length) < 10 else None
    return Packet(source, port(ends[1]), address(ends[2]), port(ends[3]), proto.upper(), size, action)


def _verdict(label: str) -> str | None:
    if _BLOCKED.search(label):
        return "blocked"
    return "allowed" if _ALLOWED.search(label) else None


def _netfilter(message: str) -> Packet | None:
    found = _NETFILTER.fullmatch(message)
    if found is None:
        return None
    label, source, target, length, rest = found.groups()
    ports = _PORTS.search(rest)
    proto, source_port, target_port = ports.groups() if ports else ("", None, None)
    return packet((source, source_port, target, target_port), proto, length, _verdict(label))


def _mikrotik(message: str) -> Packet | None:
    if found := _MIKROTIK.fullmatch(message.strip()):
        label, proto, source, source_port, target, target_port, length = found.groups()
        return packet((source, source_port, target, target_port), proto, length, _verdict(label))
    return None


def _pf(message: str) -> Packet | None:
    """Packets as tcpdump shows them from pflog: a port behind a dot, behind each address."""
    if (found := _PF.search(message)) is None:
        return None
    word, source, target, rest = found.groups()
    proto = "TCP" if "Flags [" in rest or " win " in rest else rest.partition(" ")[0].strip(",:").upper()
    if rest[:1] in "SRFP." and " win " in rest:
        proto = "TCP"
    size = re.search(r"length (\d{1,9})", rest)
    ends = (*_dotted(source), *_dotted(target))
    action = {"block": "blocked", "pass": "allowed"}.get(word)
    return packet(ends, proto if proto.isalnum() and len(proto) < 10 else "", size[1] if size else None, action)


def _dotted(text: str) -> tuple[str, str | None]:
    """``(address, port)`` of ``192.0.2.1.443`` and ``2001:db8::1.443``."""
    dots = text.count(".")
    if dots == 4 or (":" in text and dots == 1):
        host, _, digits = text.rpartition(".")
        return host, digits
    return text, None


def _filterlog(fields: list[str]) -> Packet | None:
    """Filter log of pf as pfSense and OPNsense write it: comma-separated, places by IP version."""
    places = _FILTERLOG.get(fields[8] if len(fields) > 8 else "")
    if places is None or len(fields) <= places[3]:
        return None
    proto, length, source, target = (fields[place] for place in places)
    ports: list[str | None] = [*fields[places[3] + 1 : places[3] + 3], None, None]
    if proto.lower() not in {"tcp", "udp"}:
        ports = [None, None]
    return packet((source, ports[0], target, ports[1]), proto, length, _verdict(fields[6]))
