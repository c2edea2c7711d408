"""What mail servers say of mails and of their peers: postfix, exim, and the filters beside them.

Log-ins are :mod:`pollwatch.formats.framing_services`' matter. A mail's lines share its queue id; what the first of
them says (who handed it in, from where) is told with the later ones too, or nobody could see whose account it was
that wrote to a thousand people.

Sources: postfix' ``postscreen(8)``, ``smtpd(8)`` and ``qmgr(8)``; the Exim specification, chapter "Log files";
OpenDKIM's and OpenDMARC's ``README``; dovecot's Pigeonhole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from pollwatch.events.taxonomy import MAIL, MAIL_COLUMNS
from pollwatch.formats.framing import Shape, Value, remember
from pollwatch.formats.framing_login import peer

MAIL_SHAPE = Shape(MAIL, MAIL_COLUMNS)
_MAX_REMEMBERED = 20_000
_LONGEST = 2_048

_POSTFIX = re.compile(r"postfix(?:[-\w.]*)?/(?:[\w-]+/)*([a-z]+)")
_QUEUE_ID = re.compile(r"([0-9A-F]{6,14}|[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,20}): ")
_PEER = r"(?P<host>[^\s\[\]]*)\[(?P<ip>[0-9A-Fa-f.:]+|unknown)\](?::\d+)?"
_REFUSED = re.compile(
    rf"(?:NOQUEUE|[0-9A-Za-z]{{6,20}}): (?:milter-)?(?:reject|hold|discard|filter|redirect|warn|reject_warning): "
    rf"(?P<stage>\S+) from {_PEER}: (?P<rest>.*)",
    re.DOTALL,
)
_CODE = re.compile(r"(\d{3})(?: \d\.\d{1,3}\.\d{1,3})? ?")
_FROM, _TO, _HELO = (re.compile(rf"[; ]{name}=<([^<>]*)>") for name in ("from", "to", "helo"))
_CLIENT = re.compile(rf"client={_PEER}")
_SASL_USER = re.compile(r", sasl_username=([^\s,]+)")
_QUEUED = re.compile(r"from=<([^<>]*)>, size=(\d+), nrcpt=(\d+)")
_DELIVERY = re.compile(
    r"to=<([^<>]*)>,(?: orig_to=<[^<>]*>,)? relay=([^\s,]+),.*?\bdsn=([\d.]+), status=(sent|deferred|bounced|expired"
    r"|deliverable)"
    r"(?: \((.*)\))?",
    re.DOTALL,
)
_EARLY = re.compile(r"PREGREET \d+ after [\d.]+ from \[(?P<ip>[0-9A-Fa-f.:]+)\]:\d+: (?P<rest>.*)", re.DOTALL)
_SCREENED = re.compile(
    r"(CONNECT|HANGUP|DNSBL|COMMAND \S+ \S+|BARE NEWLINE|NON-SMTP COMMAND).*? from \[([0-9A-Fa-f.:]+)\]:\d+"
)
_ODD = re.compile(
    rf"(?:warning: )?(?P<what>non-SMTP command|improper command pipelining after \S+|lost connection after \S+"
    rf"|timeout after \S+"
    rf"|too many errors after \S+|(?:Connection|Message delivery request|Recipient address|SSL session|New TLS"
    rf"|AUTH command)"
    rf"[^:]* limit exceeded: \S+|SSL_accept error) from {_PEER}(?P<rest>.*)",
    re.DOTALL,
)
_CONNECTION = re.compile(rf"(connect|disconnect) from {_PEER}.*", re.DOTALL)

_EXIM_ID = re.compile(r"([0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4}) ")
_EXIM_HOST = re.compile(r" ?\bH=(?:([^\s()\[\]]+) )?(?:\(([^()\s]*)\) )?\[([0-9A-Fa-f.:]+)\]")
_EXIM_REFUSED = re.compile(
    r".*? (?:(?:temporarily )?rejected|refused|dropped|discarded)"
    r"(?: (?P<stage>RCPT|MAIL|VRFY|EXPN|ETRN|EHLO or HELO|AUTH|STARTTLS|DATA|after DATA|connection))?"
    r"(?: <?(?P<to>[^\s<>@]{1,256}@[^\s<>:@]{1,256})>?)?(?: [\w(): ,!.-]{0,80}?)?: (?P<rest>.*)",
    re.DOTALL,
)
_EXIM_FROM = re.compile(r" F=<([^<>]*)>")
_EXIM_AUTH = re.compile(r" A=[^\s:]+:(\S+)")
_EXIM_SIZE = re.compile(r" S=(\d+)")
_EXIM_FOR = re.compile(r" for ((?:[^\s@]+@[^\s@]+ )*+[^\s@]+@[^\s@]+)$")
_EXIM_FLAGS = {
    "<=": "received",
    "=>": "sent",
    "->": "sent",
    ">>": "sent",
    "*>": "sent",
    "**": "bounced",
    "==": "deferred",
}
_EXIM_ODD = re.compile(
    r"(?:SMTP (?:protocol|syntax|call|command)|no MAIL in SMTP|unexpected disconnection|too many"
    r"|H=.*?incomplete transaction"
    r"|TLS error|.* closed connection|SMTP connection)"
)
_ADDRESS = re.compile(r"\[([0-9A-Fa-f.:]{3,45})\]")

_SIEVE = re.compile(
    r"(?:\w+\((?P<user>[^()]*)\)(?:<[^<>]*>)*: )?(?:.*?: )?sieve: (?:msgid=<?[^<>\s]*>?: )?"
    r"(?P<what>forwarded to|discarded message|stored mail into mailbox|script"
    r"|rejected message)(?: <?(?P<to>[^\s<>]+)>?)?.*",
    re.DOTALL,
)
_SIEVE_STORED = re.compile(
    r"(?:managesieve(?:\((?P<a>[^()]*)\))?(?:<[^<>]*>)*: )(?:.*)(?:PUTSCRIPT|SETACTIVE|script (?:saved|activated"
    r"|stored)).*",
    re.DOTALL,
)
_FAILED_CHECK = re.compile(
    r"(?:[0-9A-Za-z-]{6,25}: )?(?:.*?\b(?P<domain>[\w.-]+\.[A-Za-z]{2,}) fail\b.*|.*\bSPF fail\b.*"
    r"|.*bad signature data.*"
    r"|.*verification error: .*|.*Received-SPF: (?:soft)?fail.*|.*policyd-spf.*\bFail\b.*)",
    re.IGNORECASE | re.DOTALL,
)

#: Words of a refusal -> what it is about, first match wins.
_CAUSES = tuple(
    (re.compile("|".join(words), re.IGNORECASE), cause)
    for cause, words in {
        "relay": (
            r"relay(?:ing)? (?:access )?(?:denied|not permitted|not allowed)",
            r"authentication is required|not permitted to relay|open relay",
        ),
        "recipient": (
            r"user unknown|unknown (?:user|recipient|local)|no such (?:user|recipient|mailbox)|unrouteable address",
            r"mailbox unavailable|recipient address rejected: (?:undeliverable|unverified)|does not exist",
            r"invalid recipient",
        ),
        "helo": (r"helo|ehlo",),
        "sender": (r"sender (?:address )?(?:verify|rejected)|domain not found|not owned by user",),
        "spam": (r"\brbl\b|blocked using|spam|blacklist|blocklist|listed|virus|malware|client host|banned",),
        "check": (r"\bspf\b|\bdkim\b|dmarc",),
        "limit": (r"rate limit|too many|limit exceeded",),
        "auth": (r"authentication",),
    }.items()
)


class _Handed(NamedTuple):
    """Who handed a mail in."""

    user: str | None
    ip: str | None
    host: str | None
    sender: str | None


_NOBODY = _Handed(None, None, None, None)


@lru_cache(maxsize=1024)
def speaks(program: str | None) -> str | None:
    """``postfix``, ``exim``, ``dovecot`` or ``filter`` for a program that speaks of mails; else None."""
    if program is None:
        return None
    name = program.rpartition("/")[2] if program.startswith("/") else program
    if _POSTFIX.fullmatch(name):
        return "postfix"
    if name in {"exim", "exim4"}:
        return "exim"
    if name in {"dovecot", "managesieve", "lmtp", "lda", "imap", "pop3"} or name.startswith(
        ("lmtp(", "lda(", "managesieve(")
    ):
        return "dovecot"
    return "filter" if name in {"opendkim", "opendmarc", "policyd-spf", "spfd", "amavis", "rspamd"} else None


@dataclass(slots=True)
class MailReader:
    """Reads the messages of one input about mails, in order."""

    _handed: dict[tuple[str | None, str], _Handed] = field(default_factory=dict)

    def read(self, host: str | None, program: str | None, message: str) -> dict[str, Value] | None:
        """The columns that a message fills; None where it says nothing of a mail or its peer."""
        if len(message) > _LONGEST:  # what a mail server says of one mail is shorter, and patterns take their time
            message = message[:_LONGEST]
        kind = speaks(program)
        if kind == "postfix":
            found = _POSTFIX.fullmatch(program or "")
            return self._postfix(host, found[1] if found else "", message)
        if kind == "exim":
            return self._exim(host, message)
        if kind == "dovecot":
            return _dovecot(message)
        return _checked(message) if kind == "filter" else None

    def note(self, host: str | None, program: str | None, message: str) -> None:
        """Remember who handed a mail in, from a line that is told as a log-in."""
        if speaks(program) == "postfix" and (queue := _QUEUE_ID.match(message)):
            self._remember_client(host, queue[1], message)

    def _remember_client(self, host: str | None, queue: str, message: str) -> _Handed:
        client, user = _CLIENT.search(message), _SASL_USER.search(message)
        ip, name = peer(client["ip"]) if client else (None, None)
        handed = _Handed(user[1] if user else None, ip, _host(client["host"]) if client else name, None)
        self._keep(host, queue, handed)
        return handed

    def _keep(self, host: str | None, queue: str, handed: _Handed) -> None:
        remember(self._handed, (host, queue), handed, _MAX_REMEMBERED)

    def _postfix(self, host: str | None, daemon: str, message: str) -> dict[str, Value] | None:
        if daemon in {"smtpd", "postscreen"} and (peer_said := _peer_of_postfix(message)):
            return peer_said
        queue = _QUEUE_ID.match(message)
        if queue is None:
            return _checked(message) if daemon == "policy" else None
        values: dict[str, Value] = {"queue_id": queue[1]}
        handed = self._handed.get((host, queue[1]), _NOBODY)
        if "client=" in message and daemon == "smtpd":
            handed = self._remember_client(host, queue[1], message)
            values["action"] = "received"
        elif found := _QUEUED.search(message):
            handed = handed._replace(sender=found[1])
            self._keep(host, queue[1], handed)
            values |= {"action": "queued", "bytes_in": int(found[2]), "recipients": int(found[3])}
        elif found := _DELIVERY.search(message):
            to, relay, code, status, reason = found.groups()
            values |= {"action": "bounced" if status == "expired" else status, "recipient": to, "relay": relay}
            values |= {"code": code, "reason": reason}
        elif message.endswith(": removed"):
            self._handed.pop((host, queue[1]), None)
        return values | _of(handed)

    def _exim(self, host: str | None, message: str) -> dict[str, Value] | None:
        queue = _EXIM_ID.match(message)
        text = message[queue.end() :] if queue else message
        flag = text[:2]
        if queue is None or flag not in _EXIM_FLAGS:
            return _refused_by_exim(text) or ({"queue_id": queue[1]} if queue else None)
        return self._exim_mail(host, queue[1], _EXIM_FLAGS[flag], text[3:])

    def _exim_mail(self, host: str | None, queue: str, action: str, text: str) -> dict[str, Value]:
        values: dict[str, Value] = {"queue_id": queue, "action": action}
        address, _, rest = text.partition(" ")
        if action == "received":
            user, size, to = _EXIM_AUTH.search(text), _EXIM_SIZE.search(text), _EXIM_FOR.search(text)
            came = _exim_peer(text)
            handed = _Handed(user[1] if user else None, came["src_ip"], came["src_host"], address)
            self._keep(host, queue, handed)
            values |= {"bytes_in": int(size[1]) if size else None, "helo": came["helo"]}
            if to:
                recipients = to[1].split()
                values |= {"recipients": len(recipients), "recipient": recipients[0]}
            return values | _of(handed)
        relay = _EXIM_HOST.search(text)
        values |= {"recipient": address, "relay": f"{relay[1] or ''}[{relay[3]}]" if relay else None}
        if action in {"bounced", "deferred"}:
            values["reason"] = rest
        return values | _of(self._handed.get((host, queue), _NOBODY))


def _of(handed: _Handed) -> dict[str, Value]:
    return {"user": handed.user, "src_ip": handed.ip, "src_host": handed.host, "sender": handed.sender}


def _host(name: str) -> str | None:
    return None if name in {"", "unknown"} else name


def _peer_of_postfix(message: str) -> dict[str, Value] | None:
    if found := _REFUSED.match(message):
        rest = found["rest"]
        code = _CODE.match(rest)
        sender, recipient, helo = (pattern.search(rest) for pattern in (_FROM, _TO, _HELO))
        reason = rest.partition("; from=")[0]
        return {
            "action": "rejected",
            **_who(found),
            "code": code[1] if code else None,
            "reason": reason,
            "cause": cause_of(reason),
            "sender": sender[1] if sender else None,
            "recipient": recipient[1] if recipient else None,
            "helo": helo[1] if helo else None,
        }
    if found := _EARLY.match(message):
        return {"action": "early_talker", "src_ip": peer(found["ip"])[0], "reason": found["rest"]}
    if found := _SCREENED.match(message):
        what = "connect" if found[1] == "CONNECT" else "lost" if found[1] == "HANGUP" else "early_talker"
        return {"action": what, "src_ip": peer(found[2])[0], "reason": found[1]}
    if found := _ODD.match(message):
        what = found["what"]
        action = (
            "bad_command"
            if what.startswith(("non", "improper", "too many"))
            else "lost"
            if " after " in what
            else "rejected"
        )
        return {"action": action, **_who(found), "reason": what + found["rest"], "cause": cause_of(what)}
    if found := _CONNECTION.match(message):
        return {"action": found[1], **_who(found)}
    return None


def _who(found: re.Match[str]) -> dict[str, Value]:
    return {"src_ip": peer(found["ip"])[0], "src_host": _host(found["host"])}


@lru_cache(maxsize=4096)
def cause_of(reason: str) -> str | None:
    """What a refusal is about."""
    return next((cause for words, cause in _CAUSES if words.search(reason)), None)


def _exim_peer(text: str) -> dict[str, str | None]:
    found = _EXIM_HOST.search(text)
    if found is None:
        return {"src_ip": None, "src_host": None, "helo": None}
    return {"src_ip": peer(found[3])[0], "src_host": found[1], "helo": found[2]}


def _refused_by_exim(text: str) -> dict[str, Value] | None:
    if _EXIM_ODD.match(text) and (found := _ADDRESS.search(text)):
        action = "lost" if "disconnect" in text or "closed" in text else "bad_command"
        return {"action": action, "src_ip": peer(found[1])[0], "reason": text}
    if (found := _EXIM_REFUSED.match(text)) and "[" in text:
        sender = _EXIM_FROM.search(text)
        reason = found["rest"]
        return {
            "action": "rejected",
            **_exim_peer(text),
            "sender": sender[1] if sender else None,
            "recipient": found["to"],
            "reason": reason,
            "cause": cause_of(f"{found['stage'] or ''} {reason}"),
        }
    return None


def _dovecot(message: str) -> dict[str, Value] | None:
    if found := _SIEVE.match(message):
        what = found["what"]
        action = {"forwarded to": "forwarded", "discarded message": "filtered", "rejected message": "filtered"}.get(
            what
        )
        return {"action": action, "user": found["user"], "recipient": found["to"] if action == "forwarded" else None}
    if found := _SIEVE_STORED.match(message):
        return {"action": "filter_changed", "user": found["a"]}
    return None


def _checked(message: str) -> dict[str, Value] | None:
    found = _FAILED_CHECK.match(message)
    if found is None:
        return None
    return {"action": "failed_check", "sender": found["domain"], "reason": message, "cause": "check"}
