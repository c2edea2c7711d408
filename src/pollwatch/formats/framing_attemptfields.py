"""Log-ins in records with named fields, whoever wrote them: ``{"msg": "login failed", "ip": "203.0.113.7"}``.

Fields for messages are read as sentences (``framing_attempts``); the others name the peer and the account, or report
a log-in page that answered with a refusal.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence

from pollwatch.formats.framing_attempts import LONGEST, first_address, outcome, read
from pollwatch.formats.framing_login import UNDECODED, Login, Witness, address

#: Fields that say what happened; what a client writes freely (its agent, its request) is not among them.
_SAYING = frozenset(
    {
        "message",
        "msg",
        "event",
        "event_type",
        "eventtype",
        "eventname",
        "action",
        "error",
        "err",
        "reason",
        "type",
        "sender",
        "status",
        "result",
        "outcome",
        "logdesc",
        "description",
        "detail",
        "details",
        "error_message",
        "exception",
        "category",
        "operation",
        "summary",
        "text",
        "log",
        "desc",
    }
)
_PEERS = (
    "remoteip",
    "clientip",
    "sourceip",
    "srcip",
    "peerip",
    "visitorip",
    "userip",
    "realip",
    "ipaddress",
    "ip",
    "remoteaddr",
    "remoteaddress",
    "clientaddr",
    "clientaddress",
    "sourceaddress",
    "sourceipaddress",
    "peeraddr",
    "addr",
    "address",
    "remip",
    "requestip",
    "rhost",
    "remotehost",
    "remote",
    "client",
    "peer",
    "src",
    "source",
    "host",
)
_NAMES = (
    "username",
    "user",
    "uname",
    "login",
    "account",
    "accountname",
    "principalname",
    "principal",
    "email",
    "userid",
    "userlogin",
)
_LONGEST_PEER = 256
_NOBODY = frozenset({"-", "--", "N/A", "null", "unknown"})
_METHODS = ("method", "httpmethod", "requestmethod", "verb")
_PATHS = ("path", "url", "uri", "httppath", "requestpath", "requesturi")
_STATUSES = ("httpstatus", "status", "statuscode", "responsestatus", "code")
_LOGIN_PATH = re.compile(r"(?i)/(?:[^?]*[^a-z?])?(?:log-?in|log-?on|sign_?-?in|auth|token|session|\w*factor)s?\b")
_NOBODY_SUCH = re.compile(r"(?i)\b(?:user|account)(?: was)? not found\b|\bno such (?:user|account)\b")


def of_fields(fields: Mapping[str, object]) -> Login | None:
    """The attempt to log in that a record reports; None where it reports none, or names neither account nor peer.

    Args:
        fields: flat; dotted names of nested fields count by their last part.
    """
    leaves: dict[str, object] = {}
    for name, value in fields.items():
        if value is not None and value != "":
            leaves.setdefault(re.sub(r"[_-]", "", name.rpartition(".")[2]).lower(), value)
    sayings = [text for name, text in fields.items() if _saying(name) and isinstance(text, str)]
    sentence = "; ".join(sayings)
    action = _said(sayings) or _answered(leaves)
    if action is None:
        return None
    spoken = (read(sentence) if sentence else None) or UNDECODED
    where = next((place for name in _PEERS if (place := _peer_of(leaves.get(name)))), (spoken.src_ip, spoken.src_port))
    named = (text for name in _NAMES if isinstance(text := leaves.get(name), str) and text not in _NOBODY)
    user = next(named, spoken.user)
    if where[0] is None and (user is None or action == "success"):
        return None
    witness = Witness.SERVICE if action == "failure" else Witness.NOBODY
    return Login(action, user, None, where[0], None, where[1], witness=witness)


def _saying(name: str) -> bool:
    return name.rpartition(".")[2].lower() in _SAYING


def _said(sayings: Sequence[str]) -> str | None:
    """What the fields say, each by itself and all together; a refusal outweighs."""
    outcomes = {outcome(text) for text in [*sayings, "; ".join(sayings)] if len(text) <= LONGEST}
    return next((each for each in ("failure", "denied", "success") if each in outcomes), None)


def _answered(leaves: Mapping[str, object]) -> str | None:
    """A log-in page that answered with a refusal."""
    method = next((str(leaves[name]).upper() for name in _METHODS if name in leaves), "")
    path = next((str(leaves[name]) for name in _PATHS if name in leaves), "")
    status = next((str(leaves[name]) for name in _STATUSES if name in leaves), "")
    if not method and (asked := re.match(r"(?:HTTP: )?(POST) (\S+)", str(leaves.get("msg", "")))):
        method, path = asked.groups()
    unknown = any(_NOBODY_SUCH.search(str(leaves.get(name, ""))) for name in ("error", "reason", "msg", "message"))
    refused = status in {"401", "403"} or unknown
    return "failure" if method == "POST" and refused and _LOGIN_PATH.search(path) else None


def _peer_of(value: object) -> tuple[str, int | None] | None:
    if not isinstance(value, str) or len(value) > _LONGEST_PEER:
        return None
    hops = value.split(",")  # the last hop that is not our own network's; what stands before it its client wrote
    outer = [hop for hop in hops if (known := address(hop)) and not ipaddress.ip_address(known).is_private]
    return first_address(outer[-1] if len(hops) > 1 and outer else hops[0])
