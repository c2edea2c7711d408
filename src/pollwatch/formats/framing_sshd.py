"""Messages of OpenSSH's sshd (all ages, ``sshd-session`` too) and of dropbear.

Names of accounts that exist hold no spaces, so where sshd vouches for the account ("for root from") the line is read
from the left; a name after "invalid user" is the outsider's own text, so it is read from the right.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from pollwatch.formats.framing_login import UNDECODED, Login, Witness, only, peer, port

_TAIL = r"(?: ssh\d?)?(?: \[preauth\])?"
_SEVERITY = re.compile(r"(?:(?:error|fatal|warning|info|debug\d?): )+")
_KNOWN = re.compile(rf"(\S+) (\S+) for (\S+) from (\S+) port (\d{{1,5}}){_TAIL}(?:: .*)?", re.DOTALL)
_ANY = re.compile(rf"(\S+) (\S+) for (?:(?:invalid|illegal) user )?(.*) from (\S+) port (\d{{1,5}}){_TAIL}", re.DOTALL)
_WITH_KEY = re.compile(r" from (\S+) port (\d{1,5}) ssh\d?: [A-Za-z0-9@.-]+(?= )")
_INVALID = re.compile(r"(?:Invalid|Illegal) user (.*) from (\S+)(?: port (\d{1,5}))?", re.DOTALL)
_PREAUTH_USER = re.compile(r"input_userauth_request: (?:invalid|illegal) user (.*?)(?: \[preauth\])?", re.DOTALL)
_ENDED = re.compile(
    r"(?:Connection (?:closed|reset|timed out)(?: by| with)?|Disconnected from|Timeout before authentication for) "
    r"(?:(?:authenticating|invalid) user (.*) (\S+) port (\d{1,5})|"
    r"(?:user (\S+) |connection from )?(\S+)(?: port (\d{1,5})|:(\d{1,5}))?)"
    r"(?: to \S+)?(?:, pid = \d+)?\.?(?: \[preauth\])?",
    re.DOTALL,
)
_BEFORE_PEER = re.compile(
    r"(?:Disconnecting|ssh_dispatch_run_fatal: Connection (?:from|to))(?: (?:authenticating|invalid) user (.*?))?"
    r" \S+ port \d{1,5}: ",
    re.DOTALL,
)
_PEER_BEFORE_REASON = re.compile(r" (\S+) port (\d{1,5}):(?= )")  # looks ahead: two readings may share a space
_RECEIVED = re.compile(r"Received disconnect from (\S+?)(?: port (\d{1,5}))?: ?(?:\d+:|\d+: )?.*", re.DOTALL)
_MAXIMUM = re.compile(
    r"maximum authentication attempts exceeded for (?:(?:invalid|illegal) user )?(.*)"
    rf" from (\S+) port (\d{{1,5}}){_TAIL}",
    re.DOTALL,
)
_LEFT_PEER = re.compile(
    r"(?:Did not receive identification string from|Unable to negotiate with|banner exchange: Connection from|"
    r"Connection from|drop connection #\d+ from|refused connect from(?: \S+)?) "
    r"[\[(]?((?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*[0-9A-Fa-f])(?:%\w+)?[\])]?"
    r"(?: port (\d{1,5})|:(\d{1,5}))?(?=[ :,.]|$)"
)
_BAD_PROTOCOL = re.compile(r"Bad protocol version identification .* from (\S+?)(?: port (\d{1,5}))?", re.DOTALL)
_NOT_ALLOWED = re.compile(r"User (.+) from (\S+) not allowed because .*", re.DOTALL)
_ROOT_REFUSED = re.compile(r"ROOT LOGIN REFUSED FROM (\S+)(?: port (\d{1,5}))?.*", re.DOTALL)
_ON_PAM = re.compile(
    r"PAM: (.*?) for (?:(?:invalid|illegal) user )?(.*) from (\S+?)(?: via \S+)?(?: port (\d{1,5}))?", re.DOTALL
)
_REVERSE = re.compile(
    r"reverse mapping checking getaddrinfo for .* \[([^\]\s]+)\] failed.*|Address (\S+) maps to .*", re.DOTALL
)
_SESSION = re.compile(r"(Starting|Close) session: (?:.*? for |user )(\S+) from (\S+) port (\d{1,5}) id \d+", re.DOTALL)
_NOBODY, _SERVICE = Witness.NOBODY, Witness.SERVICE  # looked up once: an enum's attributes are slow
_ACTIONS = {"Failed": "failure", "Accepted": "success"}


def decode(message: str) -> Login:
    """What a message of sshd says; :data:`UNDECODED` where it says nothing about a log-in."""
    text = message.strip()
    decoder = _DECODERS.get(text.partition(" ")[0])
    if decoder is None and (severity := _SEVERITY.match(text)):
        text = text[severity.end() :]
        decoder = _DECODERS.get(text.partition(" ")[0])
    return decoder(text) if decoder else UNDECODED


def _try(text: str) -> Login:
    """``Failed METHOD for [invalid user] X from A port P ssh2[: KEY]`` and its Accepted, Postponed, Partial kin."""
    known = " for invalid user " not in text
    found = (known and _KNOWN.fullmatch(text)) or _ANY.fullmatch(text)
    if found is None:
        return _try_with_key(text)
    word, method, user, source, source_port = found.groups()
    return _outcome(word, method, user, source, source_port)


def _try_with_key(text: str) -> Login:
    """An unknown account's key: its name, and a certificate's own id behind it, are both the outsider's text."""
    word, _, rest = text.partition(" ")
    method = rest.partition(" ")[0]
    found = list(_WITH_KEY.finditer(text))
    if not found:
        return UNDECODED
    source = only([each.group(1) for each in found])
    source_port = found[0].group(2) if len(found) == 1 else None
    user = re.sub(r"^.*? for (?:(?:invalid|illegal) user )?", "", text[: found[0].start()], count=1, flags=re.DOTALL)
    return _outcome(word, method, user, source or "", source_port)


def _outcome(word: str, method: str, user: str, source: str, source_port: str | None) -> Login:
    witness = _NOBODY
    if word == "Failed":
        witness = Witness.PROBE if method == "none" else _SERVICE
    return Login(_ACTIONS.get(word), user, None, *peer(source), port(source_port), method, None, witness)


def _invalid(text: str) -> Login:
    if found := _INVALID.fullmatch(text):
        user, source, source_port = found.groups()
        return Login("invalid_user", user, None, *peer(source), port(source_port))
    return UNDECODED


def _preauth_user(text: str) -> Login:
    found = _PREAUTH_USER.fullmatch(text)
    return Login("disconnect", found.group(1)) if found else UNDECODED


def _ended(text: str) -> Login:
    """The connection's end; after "invalid user" the address is the last thing said."""
    if found := _ENDED.fullmatch(text):
        invalid, its_source, its_port, known, source, source_port, old_port = found.groups()
        who = peer(its_source or source)
        if who[0]:
            user = known if invalid is None else invalid
            return Login("disconnect", user, None, *who, port(its_port or source_port or old_port))
    return _connection(text)


def _disconnecting(text: str) -> Login:
    """``Disconnecting [invalid user X] A port P: REASON``: name and reason are both the outsider's text."""
    found = _BEFORE_PEER.match(text)
    if found is None:
        return Login("disconnect")
    peers = _PEER_BEFORE_REASON.findall(text)
    if len(peers) > 1:
        return Login("disconnect", None, None, *peer(only([each[0] for each in peers]) or ""))
    return Login("disconnect", found.group(1), None, *peer(peers[0][0]), port(peers[0][1]))


def _received(text: str) -> Login:
    if found := _RECEIVED.fullmatch(text):
        return Login("disconnect", None, None, *peer(found.group(1)), port(found.group(2)))
    return UNDECODED


def _maximum(text: str) -> Login:
    if found := _MAXIMUM.fullmatch(text):
        user, source, source_port = found.groups()
        return Login("disconnect", user, None, *peer(source), port(source_port))
    return UNDECODED


def _left_peer(text: str) -> Login:
    """The address stands before anything that the outsider wrote."""
    if found := _LEFT_PEER.match(text):
        who = peer(found.group(1))
        if who[0]:
            return Login("disconnect", None, None, *who, port(found.group(2) or found.group(3)))
    return UNDECODED


def _connection(text: str) -> Login:
    """``Connection from A port P on B port Q``: somebody came; nothing was tried yet."""
    decoded = _left_peer(text)
    return decoded._replace(action=None) if text.startswith("Connection from") else decoded


def _bad_protocol(text: str) -> Login:
    if found := _BAD_PROTOCOL.fullmatch(text):
        return Login("disconnect", None, None, *peer(found.group(1)), port(found.group(2)))
    return UNDECODED


def _user(text: str) -> Login:
    if found := _NOT_ALLOWED.fullmatch(text):
        return Login("denied", found.group(1), None, *peer(found.group(2)))
    return UNDECODED


def _root_refused(text: str) -> Login:
    if found := _ROOT_REFUSED.fullmatch(text):
        return Login("denied", "root", None, *peer(found.group(1)), port(found.group(2)))
    return UNDECODED


def _on_pam(text: str) -> Login:
    if found := _ON_PAM.fullmatch(text):
        why, user, source, source_port = found.groups()
        failed = "expired" not in why and "Permission denied" not in why
        witness = Witness.SERVICE_ON_PAM if failed else Witness.NOBODY
        return Login(
            "failure" if failed else "denied", user, None, *peer(source), port(source_port), None, None, witness
        )
    return Login("disconnect") if text.startswith("PAM service(") else UNDECODED


def _reverse(text: str) -> Login:
    if found := _REVERSE.fullmatch(text):
        return Login(None, None, None, *peer(found.group(1) or found.group(2)))
    return UNDECODED


def _session(text: str) -> Login:
    if found := _SESSION.fullmatch(text):
        word, user, source, source_port = found.groups()
        return Login(
            "session_opened" if word == "Starting" else "session_closed", user, None, *peer(source), port(source_port)
        )
    return UNDECODED


_DECODERS: dict[str, Callable[[str], Login]] = {
    "Failed": _try,
    "Accepted": _try,
    "Postponed": _try,
    "Partial": _try,
    "Invalid": _invalid,
    "Illegal": _invalid,
    "input_userauth_request:": _preauth_user,
    "Connection": _ended,
    "Disconnected": _ended,
    "Timeout": _ended,
    "Disconnecting": _disconnecting,
    "Disconnecting:": _disconnecting,
    "Received": _received,
    "maximum": _maximum,
    "Did": _left_peer,
    "Unable": _left_peer,
    "banner": _left_peer,
    "ssh_dispatch_run_fatal:": _disconnecting,
    "drop": _left_peer,
    "refused": _left_peer,
    "Bad": _bad_protocol,
    "User": _user,
    "ROOT": _root_refused,
    "PAM:": _on_pam,
    "PAM": _on_pam,
    "reverse": _reverse,
    "Address": _reverse,
    "Starting": _session,
    "Close": _session,
}
