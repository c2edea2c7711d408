"""Packets in files of their own, without syslog: pf as tcpdump prints it, netfilter as Proxmox or dmesg has it."""

from __future__ import annotations

import datetime as dt
import re

from pollwatch.events.taxonomy import FLOW
from pollwatch.formats import framing_firewall
from pollwatch.formats.framing import MONTHS, iso_us
from pollwatch.formats.framing_appliance import Appliance
from pollwatch.formats.framing_reports import Report

_PF = re.compile(r"(?:(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,9})?) |[\d:.]{8,24} )?rule .*", re.DOTALL)
_PROXMOX = re.compile(
    r"\d+ \d+ \S+ (\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d{4}) (?:policy )?(.* SRC=.*)", re.DOTALL
)
_DMESG = re.compile(r"\[ *\d+\.\d+\] .*SRC=.*", re.DOTALL)


def _read(line: str, zone: dt.tzinfo) -> Report | None:
    """One packet, with its time where the line has one."""
    if found := _PROXMOX.fullmatch(line):
        day, month, year, clock, offset, message = found.groups()
        written = f"{year}-{MONTHS.index(month) + 1:02}-{day}T{clock}{offset}" if month in MONTHS else ""
        return _packet(message, iso_us(written, zone))
    if found := _PF.fullmatch(line):
        return _packet(line, iso_us(found[1] or "", zone))
    return _packet(line, None) if _DMESG.fullmatch(line) else None


def _packet(message: str, time_us: int | None) -> Report | None:
    packet = framing_firewall.decode("kernel" if "SRC=" in message else "pf", message)
    if packet is None:
        return None
    return Report(FLOW, {**packet._asdict(), "packets": packet.packets}, time_us)


class PacketLog(Appliance):
    """The format ``packetlog``."""


PACKET_LOG = PacketLog(
    "packetlog", r"(?:\d{1,10} \d+ \S+ \d\d/[A-Z]|[\d:. T-]{8,32} rule |rule |\[ *\d+\.\d+\] )", _read
)
