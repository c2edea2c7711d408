"""Cisco ASA and Firepower: connections, who logs in to the firewall or its VPN, and what administrators change.

Source: "Cisco Secure Firewall ASA Series Syslog Messages", by number.
"""

from __future__ import annotations

import re

from pollwatch.events.batch import LogSource
from pollwatch.formats.framing import Value
from pollwatch.formats.framing_firewall import Packet, packet
from pollwatch.formats.framing_login import only
from pollwatch.formats.framing_reports import Report, ip

_PRODUCT = "cisco"
_SERVICE = "asa"
_END = r"(?:[^\s:/]{1,64}[:/])?([0-9A-Fa-f.:]+)[/(](\d{1,5})\)?(?:\s?\([^)]*\))?"
#: Connections built: ``for`` stands before the far end, which opened an inbound one, and was opened by an outbound one.
_ASA_BUILT = re.compile(rf"Built (inbound |outbound )?(\w+) connection \d+ for {_END} to {_END}.*", re.DOTALL)
_ASA_TORN = re.compile(
    rf"Teardown (\w+) connection \d+ for {_END} to {_END} duration [\d:]+ bytes (\d{{1,15}})(?: .*)?", re.DOTALL
)
_ASA_DENIED = re.compile(
    rf"(?:Inbound |access-list \S+ )?(?:(Deny|denied|permitted|est-allowed) )?(?:inbound )?(\w+)"
    rf"(?: connection denied| access denied by ACL| access permitted)?"
    rf"(?: \(no connection\))? (?:(?:src|from) )?{_END}(?:\([^)]*\))? (?:(?:dst|to|->) )?{_END}.*",
    re.DOTALL,
)
_TAG = re.compile(r"(?::? ?)?%(?:ASA|FTD|PIX)-(?:\w+-)?(\d)-(\d{6}):? ?")
_USER = re.compile(r"(?:for user|[Uu]sername =|[Uu]ser =|[Uu]ser (?=['<])|[Uu]name:)\s*['\"<]?([^'\">,:\s]+)")
_ADDRESS = re.compile(
    r"(?:user IP =|from IP|IP =|IP <|IP:|from|Remote IP|remote host)\s*<?(?:[\w-]+:)?"
    r"([0-9A-Fa-f.:]+?)(?=[/>,;\s'\"]|$)",
    re.IGNORECASE,
)
_COMMAND = re.compile(r"executed (?:the )?'(.*)'(?: command\.?)?$|executed cmd: (.*)$", re.DOTALL)
#: Message numbers, and what they say about somebody's coming or going.
_LOGINS = {
    **dict.fromkeys(("605004", "113005", "113006", "113015", "113021", "716039", "611102", "109006"), "failure"),
    **dict.fromkeys(("605005", "113004", "113012", "716038", "611101", "109005", "722051"), "success"),
    **dict.fromkeys(("113019", "716002", "611103", "315011"), "session_closed"),
}
#: Log-ins with numbers that begin so are to the firewall itself; others may be to what lies behind it.
_ADMINISTRATION = "6"
_VPN = f"{_PRODUCT} {_SERVICE} vpn"
_COMMANDS = frozenset({"111008", "111009", "111010"})


def decode(program: str | None, message: str) -> Report | None:
    """What a message of the firewall's reports; None where it is none of its."""
    text = f"{program}: {message}" if program is not None and program.startswith("%") else message
    if (tag := _TAG.match(text)) is None:
        return None
    severity, number = tag.groups()
    said = text[tag.end() :]
    if (seen := _packet(said)) is not None:
        known: dict[str, Value] = {"message_number": number, "device_severity": severity}
        return Report(LogSource("firewall", _PRODUCT, _SERVICE), known | seen._asdict() | {"packets": seen.packets})
    about = said.partition(" executed ")[0]
    user, command = _USER.search(about), _COMMAND.search(said)
    source = only(_ADDRESS.findall(about))  # an account may be named like an address; then nobody is
    values: dict[str, Value] = {
        "message_number": number,
        "device_severity": severity,
        "message": said,
        "program": _VPN if number in _LOGINS and number[0] != _ADMINISTRATION else f"{_PRODUCT} {_SERVICE}",
        "user": user[1] if user else None,
        "src_ip": ip(source),
    }
    if number in _LOGINS:
        return Report(LogSource("authentication", _PRODUCT, _SERVICE), values | {"action": _LOGINS[number]})
    if number in _COMMANDS and command:
        values |= {"command": command[1] or command[2], "action": "command"}
    return Report(LogSource("", _PRODUCT, _SERVICE), values)


def _packet(message: str) -> Packet | None:
    """Connections and refused packets; numbers 302013 to 302021, 106001 to 106023, 106100, 710003."""
    text = message.strip()
    if found := _ASA_BUILT.fullmatch(text):
        way, proto, far, far_port, near, near_port = found.groups()
        ends = (near, near_port, far, far_port) if way == "outbound " else (far, far_port, near, near_port)
        return packet(ends, proto, None, "allowed")
    if found := _ASA_TORN.fullmatch(text):
        proto, far, far_port, near, near_port, size = found.groups()
        # Who opened it, the message does not say: the lower port is the service's.
        swapped = int(far_port) < int(near_port)
        ends = (near, near_port, far, far_port) if swapped else (far, far_port, near, near_port)
        return packet(ends, proto, size, "allowed")
    if found := _ASA_DENIED.fullmatch(text):
        word, proto, source, source_port, target, target_port = found.groups()
        allowed = word in ("permitted", "est-allowed") or " permitted " in text
        return packet((source, source_port, target, target_port), proto, None, "allowed" if allowed else "blocked")
    return None
