"""Packets that firewalls report through syslog: Linux netfilter, pf's filterlog, MikroTik, Cisco ASA.

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
_ASA = re.compile(
    r"(?:%(?:ASA|FTD|PIX)-\d-\d{6}: )?(Deny|Built|Denied) (?:inbound |outbound )?(\w+) (?:connection \d+ )?"
    r"(?:src|for|from) (?:[^\s:]+:)?([0-9A-Fa-f.:]+)/(\d{1,5}) .*?(?:dst |to )"
    r"(?:[^\s:]+:)?([0-9A-Fa-f.:]+)/(\d{1,5}).*",
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


def decode(program: str | None, message: str) -> Packet | None:
    """The packet that a firewall's message is about; None where it is about something else."""
    if len(message) > _LONGEST:
        return None
    if program == "filterlog":
        return _filterlog(message.split(","))
    if program in _PROGRAMS and " SRC=" in message:
        return _netfilter(message)
    if program is None and "->" in message:
        return _mikrotik(message)
    if program is not None and program.startswith(("%ASA", "%FTD", "%PIX", "asa", "ASA")):
        return _asa(message)
    return None


def _packet(
    ends: tuple[str, str | None, str, str | None], proto: str, length: str | None, action: str | None
) -> Packet | None:
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
    return _packet((source, source_port, target, target_port), proto, length, _verdict(label))


def _mikrotik(message: str) -> Packet | None:
    if found := _MIKROTIK.fullmatch(message.strip()):
        label, proto, source, source_port, target, target_port, length = found.groups()
        return _packet((source, source_port, target, target_port), proto, length, _verdict(label))
    return None


def _asa(message: str) -> Packet | None:
    if found := _ASA.fullmatch(message.strip()):
        word, proto, source, source_port, target, target_port = found.groups()
        action = "allowed" if word == "Built" else "blocked"
        return _packet((source, source_port, target, target_port), proto, None, action)
    return None


def _filterlog(fields: list[str]) -> Packet | None:
    """Filter log of pf as pfSense and OPNsense write it: comma-separated, places by IP version."""
    places = _FILTERLOG.get(fields[8] if len(fields) > 8 else "")
    if places is None or len(fields) <= places[3]:
        return None
    proto, length, source, target = (fields[place] for place in places)
    ports: list[str | None] = [*fields[places[3] + 1 : places[3] + 3], None, None]
    if proto.lower() not in {"tcp", "udp"}:
        ports = [None, None]
    return _packet((source, ports[0], target, ports[1]), proto, length, _verdict(fields[6]))
