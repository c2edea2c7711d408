"""Messages of dropbear, the small ssh server of routers and rescue systems; peers stand as ``ADDRESS:PORT``."""

from __future__ import annotations

import re

from pollwatch.formats.framing_login import UNDECODED, Login, Witness, peer, port

_PEER = r"<?(\S+):(\d{1,5})>?"
_FAILED = re.compile(rf"(?:bad|Bad) (?:PAM )?password attempt for '(.*)' from {_PEER}", re.DOTALL)
_UNKNOWN = re.compile(
    rf"[Ll]ogin attempt (?:for|with) (?:nonexistent|bad|invalid) user(?: '?(.*?)'?)? from {_PEER}", re.DOTALL
)
_ACCEPTED = re.compile(
    rf"(?:PAM )?([Pp]assword|[Pp]ubkey) auth succeeded for '([^']*)'"
    rf"(?: with .*)? from {_PEER}",
    re.DOTALL,
)
_EXIT = re.compile(rf"Exit (?:before auth|\([^)]*\)) from {_PEER}: ?.*", re.DOTALL)
_CHILD = re.compile(rf"Child connection from {_PEER}")


def decode(message: str) -> Login:
    """What a message of dropbear says about a log-in."""
    text = message.strip()
    if found := _FAILED.fullmatch(text):
        user, source, source_port = found.groups()
        return Login("failure", user, None, *peer(source), port(source_port), "password", None, Witness.SERVICE)
    if found := _UNKNOWN.fullmatch(text):
        user, source, source_port = found.groups()
        return Login("invalid_user", user, None, *peer(source), port(source_port))
    if found := _ACCEPTED.fullmatch(text):
        method, user, source, source_port = found.groups()
        name = "password" if method.lower() == "password" else "publickey"
        return Login("success", user, None, *peer(source), port(source_port), name)
    if found := _EXIT.fullmatch(text):
        return Login("disconnect", None, None, *peer(found.group(1)), port(found.group(2)))
    if found := _CHILD.fullmatch(text):
        return Login(None, None, None, *peer(found.group(1)), port(found.group(2)))
    return Login("disconnect") if text.startswith("Exit") else UNDECODED
