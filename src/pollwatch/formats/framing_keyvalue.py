r"""``key=value`` messages as FortiGate writes them, read into events.

Values may be quoted, with ``\\"`` inside; pairs are separated by spaces or, as FortiAnalyzer exports them, commas. Of a
field that stands twice, the first is the device's own.

Source: "FortiOS Log Message Reference": log schema, types traffic, event and utm.
"""

from __future__ import annotations

import datetime as dt
import re

from pollwatch.events.batch import LogSource
from pollwatch.formats.framing import Value, epoch_us, iso_us
from pollwatch.formats.framing_reports import LONGEST, Report, ip, verdict

_PRODUCT = "fortigate"
_PAIR = re.compile(r'"?([A-Za-z_][\w.-]{0,63})=("(?:[^"\\]|\\.)*"|[^\s,"]*)"?')
_MARKS = re.compile(r"(?=.*\btype=)(?=.*\bsubtype=).*\b(?:logid|log_id|devname|devid|vd|eventtime)=", re.DOTALL)
_UI_ADDRESS = re.compile(r"\(([0-9A-Fa-f.:]+)\)")
_SEVERITY = {"critical": 1, "high": 1, "medium": 2, "low": 3, "info": 3}
_PROTOCOLS = {"1": "ICMP", "6": "TCP", "17": "UDP", "58": "ICMP6"}
_FAILED = re.compile(r"fail|invalid|denied|unknown|no_matching|timeout|error", re.IGNORECASE)
#: What happens at a VPN's door or the administrators' when somebody comes or goes.
_CAME = frozenset({"tunnel-up", "ssl-tunnel-up", "ssl-web-pass", "auth-logon", "authentication", "login", "ssl-login"})
_LEFT = frozenset({"tunnel-down", "ssl-tunnel-down", "auth-logout", "logout", "ssl-exit"})


def is_fortigate(message: str) -> bool:
    """Whether a message has the fields that each of FortiGate's has."""
    return "type=" in message and len(message) <= LONGEST and _MARKS.match(message) is not None


def decode(message: str, zone: dt.tzinfo | None = None) -> Report | None:
    """What a message of FortiGate's reports; None where it is none.

    Args:
        message: behind any header.
        zone: of a date that names none; None = an envelope says the time.
    """
    if not is_fortigate(message):
        return None
    fields: dict[str, Value] = {}
    for name, value in _PAIR.findall(message):
        text = value[1:-1].replace('\\"', '"') if value[:1] == '"' else value
        fields.setdefault(name, text)
    kind, subtype = _text(fields, "type"), _text(fields, "subtype")
    common: dict[str, Value] = {
        "src_ip": ip(_text(fields, "srcip", "remip")),
        "src_port": _text(fields, "srcport"),
        "dest_ip": ip(_text(fields, "dstip", "locip")),
        "dest_port": _text(fields, "dstport"),
        "user": _named(_text(fields, "user", "xauthuser")),
        "hostname": _text(fields, "devname", "devid") or None,
    }
    if kind == "traffic":
        logsource, ours = LogSource("firewall", _PRODUCT, kind), _traffic(fields)
    elif kind == "utm" and subtype in ("ips", "virus", "anomaly"):
        logsource, ours = LogSource("ids", _PRODUCT, kind), _alert(fields)
    elif kind == "event" and (login := _login(fields)):
        logsource, ours = LogSource("authentication", _PRODUCT, kind), login
    else:
        logsource, ours = LogSource("", _PRODUCT, kind or "event"), {}
    time_us = _time_us(fields, zone)
    fields["device_time"] = " ".join(str(fields.pop(name)) for name in ("date", "time", "tz") if name in fields)
    return Report(logsource, fields | common | ours, time_us)


def _text(fields: dict[str, Value], *names: str) -> str:
    return next((value for name in names if isinstance(value := fields.get(name), str) and value != "N/A"), "")


def _named(user: str) -> str | None:
    return user or None


def _traffic(fields: dict[str, Value]) -> dict[str, Value]:
    sent, received = _text(fields, "sentpkt"), _text(fields, "rcvdpkt")
    counts = [int(each) for each in (sent, received) if each.isdecimal() and len(each) < 16]
    return {
        "proto": _PROTOCOLS.get(_text(fields, "proto"), _text(fields, "proto")),
        "app_proto": _text(fields, "service") or None,
        "bytes_out": _text(fields, "sentbyte") or None,
        "bytes_in": _text(fields, "rcvdbyte") or None,
        "packets": sum(counts) if counts else None,
        "action": verdict(_text(fields, "action")),
    }


def _alert(fields: dict[str, Value]) -> dict[str, Value]:
    return {
        "signature": _text(fields, "attack", "virus", "msg") or None,
        "signature_id": _text(fields, "attackid", "virusid", "logid") or None,
        "category": _text(fields, "subtype"),
        "severity": _SEVERITY.get(_text(fields, "severity", "crlevel").lower(), 2),
        "action": verdict(_text(fields, "action")),
        "proto": _PROTOCOLS.get(_text(fields, "proto"), _text(fields, "proto")),
        "app_proto": _text(fields, "service") or None,
        "cs-host": _text(fields, "hostname") or None,
        "cs-uri": _text(fields, "url") or None,
    }


def _login(fields: dict[str, Value]) -> dict[str, Value] | None:
    """An administrator or a VPN's user coming in, failing to, or leaving; None where the event is something else."""
    action, status = _text(fields, "action").lower(), _text(fields, "status", "result").lower()
    said = f"{_text(fields, 'logdesc')} {_text(fields, 'reason')} {status}"
    came = action in _CAME
    if action.endswith(("-fail", "_fail", "login-fail")) or (came and _FAILED.search(said)):
        outcome = "failure"
    elif came:
        outcome = "success"
    elif action in _LEFT:
        outcome = "session_closed"
    else:
        return None
    seen = _UI_ADDRESS.search(_text(fields, "ui"))
    return {
        "action": outcome,
        "program": f"{_PRODUCT} {_text(fields, 'subtype')}".strip(),
        "src_ip": ip(_text(fields, "srcip", "remip")) or (ip(seen[1]) if seen else None),
        "auth_method": _text(fields, "authproto", "method", "tunneltype") or None,
        "message": _text(fields, "msg", "logdesc") or None,
        "device_action": action,
    }


def _time_us(fields: dict[str, Value], zone: dt.tzinfo | None) -> int | None:
    """The device says its date with its zone, or counts since 1970; a date alone is of the given zone."""
    day, clock, offset = (_text(fields, name) for name in ("date", "time", "tz"))
    if offset and (written := iso_us(f"{day}T{clock}{offset}")) is not None:
        return written
    counted = epoch_us(fields.get("eventtime"))
    return iso_us(f"{day}T{clock}", zone) if counted is None and zone is not None else counted
