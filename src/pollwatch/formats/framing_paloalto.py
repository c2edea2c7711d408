"""Palo Alto Networks firewalls: comma-separated fields whose places the type of the log decides.

Source: "PAN-OS Administrator's Guide", Syslog Field Descriptions: traffic, threat, system, config, globalprotect,
authentication. The export of the web interface has the same order under a header line.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence

from pollwatch.events.batch import LogSource
from pollwatch.formats import framing_csv
from pollwatch.formats.framing import Value, iso_us
from pollwatch.formats.framing_login import only
from pollwatch.formats.framing_reports import LONGEST, Report, ip, verdict

_PRODUCT = "paloalto"
_TYPES = "TRAFFIC|THREAT|SYSTEM|CONFIG|GLOBALPROTECT|AUTHENTICATION|URL|DATA|WILDFIRE|USERID|HIPMATCH|DECRYPTION|TUNNEL"
_START = re.compile(rf"(?:\d{{0,3}},)(\d{{4}}/\d\d/\d\d \d\d:\d\d:\d\d),[^,]{{0,40}},({_TYPES}|[a-z]+),")
_HEADER = re.compile(r"\"?(?:Domain|FUTURE_USE)\"?,\"?Receive Time\"?,", re.IGNORECASE)
_ENDS = {
    "src": 7,
    "dst": 8,
    "rule": 11,
    "srcuser": 12,
    "dstuser": 13,
    "app": 14,
    "from_zone": 16,
    "to_zone": 17,
    "sport": 24,
    "dport": 25,
    "proto": 29,
    "action": 30,
}
_SEVERITY = {"critical": 1, "high": 1, "medium": 2, "low": 3, "informational": 3}
_FROM = re.compile(r"[Ff]rom:? ([0-9A-Fa-f.:]+?)(?=[.,;\s]*(?:$|\s|using))")
_USER = re.compile(r"(?:[Uu]ser|for user|User name:?) '?([^'\s,]+)'?")
_FAILED = re.compile(r"fail|invalid|den[iy]", re.IGNORECASE)
_PASSED = re.compile(r"auth-success|succe|logged in|log(?:in|on)|authenticated", re.IGNORECASE)
_LOGINS = re.compile(r"auth|log(?:ged)? ?(?:in|on|out|off)|globalprotect", re.IGNORECASE)


def is_paloalto(message: str) -> bool:
    """Whether a message begins as each of these does."""
    return len(message) <= LONGEST and _START.match(message) is not None


def is_header(line: str) -> bool:
    """Whether a line is the header of an export."""
    return _HEADER.match(line) is not None


def decode(message: str, zone: dt.tzinfo | None = None) -> Report | None:
    """What a message reports; None where it is none of these.

    Args:
        message: behind any header.
        zone: of the device's clock; None = an envelope says the time.
    """
    if not is_paloalto(message):
        return None
    cells = framing_csv.cells(message) or message.split(",")
    if len(cells) < len(("", "received", "serial", "type", "subtype")):
        return None
    kind = cells[3].upper()
    reader = _READERS.get(kind)
    category, values = reader(cells) if reader else ("", {})
    said: dict[str, Value] = {"type": kind, "subtype": cells[4], "serial": cells[2]}
    written = (_cell(cells, 6) or cells[1]).replace("/", "-")
    time_us = None if zone is None else iso_us(written, zone)
    return Report(LogSource(category, _PRODUCT, kind.lower()), said | values, time_us)


def _cell(cells: Sequence[str], place: int) -> str | None:
    return cells[place] or None if place < len(cells) else None


def _ends(cells: Sequence[str]) -> dict[str, Value]:
    own: dict[str, Value] = {name: _cell(cells, place) for name, place in _ENDS.items()}
    return own | {
        "src_ip": ip(_cell(cells, 7)),
        "src_port": own["sport"],
        "dest_ip": ip(_cell(cells, 8)),
        "dest_port": own["dport"],
        "proto": (_cell(cells, 29) or "").upper() or None,
        "app_proto": own["app"],
        "user": own["srcuser"],
        "device_action": own["action"],
        "action": verdict(_cell(cells, 30)),
    }


def _traffic(cells: Sequence[str]) -> tuple[str, dict[str, Value]]:
    """The end of a session; its beginning and a denied packet have the same places."""
    return "firewall", _ends(cells) | {
        "bytes_out": _cell(cells, 32),
        "bytes_in": _cell(cells, 33),
        "packets": _cell(cells, 34),
    }


def _threat(cells: Sequence[str]) -> tuple[str, dict[str, Value]]:
    subtype, name = _cell(cells, 4) or "", _cell(cells, 32) or ""
    values = _ends(cells) | {"misc": _cell(cells, 31), "threat": name or None, "direction": _cell(cells, 35)}
    if subtype in ("url", "file", "data", "wildfire"):  # what was asked for, not what was recognised as an attack
        return "", values | {"cs-uri": values["misc"], "category": _cell(cells, 33)}
    number = re.search(r"\((\d{1,12})\)\s*$", name)
    return "ids", values | {
        "signature": name or None,
        "signature_id": number[1] if number else None,
        "category": subtype,
        "severity": _SEVERITY.get((_cell(cells, 34) or "").lower(), 2),
        "cs-uri": values["misc"],
    }


def _login(event: str, said: str) -> dict[str, Value] | None:
    """A log-in in the words of an event; None where it is about something else."""
    if not _LOGINS.search(f"{event} {said}"):
        return None
    source, user = only(_FROM.findall(said)), _USER.search(said)
    if re.search(r"log(?:ged)? ?(?:out|off)|logout", f"{event} {said}", re.IGNORECASE):
        outcome = "session_closed"
    elif _FAILED.search(f"{event} {said}"):
        outcome = "failure"
    elif _PASSED.search(f"{event} {said}"):
        outcome = "success"
    else:
        return None
    return {"action": outcome, "user": user[1] if user else None, "src_ip": ip(source)}


def _system(cells: Sequence[str]) -> tuple[str, dict[str, Value]]:
    event, said = _cell(cells, 8) or "", _cell(cells, 14) or ""
    values: dict[str, Value] = {"eventid": event, "module": _cell(cells, 12), "message": said}
    login = _login(event, said)
    if login is None:
        return "", values | {"device_severity": _cell(cells, 13)}
    return "authentication", values | login | {"program": f"{_PRODUCT} {_cell(cells, 4) or ''}".strip()}


def _config(cells: Sequence[str]) -> tuple[str, dict[str, Value]]:
    return "", {
        "src_ip": ip(_cell(cells, 7)),
        "cmd": _cell(cells, 9),
        "user": _cell(cells, 10),
        "client": _cell(cells, 11),
        "result": _cell(cells, 12),
        "path": _cell(cells, 13),
        "action": "config",
    }


def _globalprotect(cells: Sequence[str]) -> tuple[str, dict[str, Value]]:
    event, status = _cell(cells, 8) or "", (_cell(cells, 28) or "").lower()
    values: dict[str, Value] = {
        "eventid": event,
        "stage": _cell(cells, 9),
        "auth_method": _cell(cells, 10),
        "user": _cell(cells, 12),
        "src_ip": ip(_cell(cells, 15)) or ip(_cell(cells, 16)),
        "machine": _cell(cells, 14),
        "error": _cell(cells, 26),
        "message": _cell(cells, 27),
        "status": status or None,
        "program": f"{_PRODUCT} globalprotect",
    }
    if "logout" in event:
        return "authentication", values | {"action": "session_closed"}
    if "auth" in event or "login" in event:
        return "authentication", values | {"action": {"success": "success", "failure": "failure"}.get(status)}
    return "", values


def _authentication(cells: Sequence[str]) -> tuple[str, dict[str, Value]]:
    """An authentication policy's log: ``vsys, source, user, normalised user, object, policy, repeat, ...``."""
    said = ",".join(cells[7:])
    return "authentication", {
        "src_ip": ip(_cell(cells, 8)),
        "user": _cell(cells, 9),
        "action": "failure" if _FAILED.search(said) else "success" if _PASSED.search(said) else None,
        "message": said[:1_000],
        "program": f"{_PRODUCT} authentication",
    }


_READERS: dict[str, Callable[[Sequence[str]], tuple[str, dict[str, Value]]]] = {
    "TRAFFIC": _traffic,
    "THREAT": _threat,
    "SYSTEM": _system,
    "CONFIG": _config,
    "GLOBALPROTECT": _globalprotect,
    "AUTHENTICATION": _authentication,
}
