"""Messages of PAM modules, whichever program they speak through.

``rhost=`` is what the program told PAM about its peer, ``user=`` and ``ruser=`` what the peer called itself. Some
programs pass the peer's own text on as ``ruser`` (vsftpd), some modules as ``user`` (pam_sss, pam_unix with
``audit``), so either may hold `` rhost=192.0.2.7``: where different ones stand in one message, nobody is named.
"""

from __future__ import annotations

import re

from pollwatch.formats.framing_login import UNDECODED, Login, Witness, only, peer

PREFIX = re.compile(r"\(?(pam_\w+)(?:\(([^:()]*):?([^()]*)\))?[\])]?:? |PAM (\d+) more (?=authentication failure)")
_OPENED = re.compile(r"session opened for user (.*?)(?:\(uid=-?\d+\))? by (.*?)(?:\(uid=-?\d+\))?", re.DOTALL)
_CLOSED = re.compile(r"session closed for user (.*)", re.DOTALL)
_RHOST = re.compile(r" rhost=(\S*)")
_RUSER = re.compile(r" ruser=(.*?) +rhost=", re.DOTALL)
_USER = re.compile(r" +user=(.*)", re.DOTALL)
_CHANGED = re.compile(r"(?:password changed for|(?:expired )?password for user|user) '?([^\s']+)'?.*", re.DOTALL)
_LOCKED = re.compile(
    r"user (\S+) \(\d+\) (?:tally \d+, deny \d+|has time limit)|"
    r"Consecutive login failures for user (\S+) account temporarily locked|"
    r"Refused user (\S+) for service .*|user '(\S+)' denied access.*|"
    r"(?:unknown )?user '?([^\s']+)'? (?:not allowed|is locked|has been locked).*|"
    r"account (\S+) has (?:expired|password).*",
    re.DOTALL,
)
_ACCESS = re.compile(r"access denied for user [`'](.*)' from [`'](\S+)'", re.DOTALL)
_FOLLOW_UPS = (
    "check pass; user unknown",
    "auth could not identify password",
    "conversation failed",
    "received for user ",
    "bad username ",
    "requirement ",
    "error retrieving information about user",
    "could not identify user",
)


def decode(message: str) -> Login | None:
    """What a PAM message says; None where the message is none of PAM's."""
    prefix = PREFIX.match(message)
    if prefix is None:
        return None
    text = message[prefix.end() :].strip()
    _, _, kind, more = prefix.groups()
    if text.startswith("authentication failure"):
        return failure(text, follow_up=more is not None)
    if text.startswith(_FOLLOW_UPS):
        return Login("disconnect")
    return _session(text) or _denied(text) or _changed(text, kind)


def _session(text: str) -> Login | None:
    if found := _OPENED.fullmatch(text):
        return Login("session_opened", found.group(1), found.group(2) or None)
    if found := _CLOSED.fullmatch(text):
        return Login("session_closed", found.group(1))
    return None


def _denied(text: str) -> Login | None:
    """The modules that lock accounts or keep lists of who may come."""
    if found := _ACCESS.fullmatch(text):
        return Login("denied", found.group(1), None, *peer(found.group(2)))
    if found := _LOCKED.fullmatch(text):
        return Login("denied", next(group for group in found.groups() if group))
    return None


def _changed(text: str, kind: str | None) -> Login:
    found = _CHANGED.fullmatch(text) if kind == "chauthtok" else None
    return Login(None, found.group(1)) if found else UNDECODED


def failure(text: str, *, follow_up: bool = False) -> Login:
    """``authentication failure; logname=.. ruser=R rhost=H  user=U`` and its like.

    Args:
        text: the message from "authentication failure" on.
        follow_up: it sums up tries that were reported before.
    """
    sources = _RHOST.findall(text)
    who = peer(only(sources) or "")
    ruser = _RUSER.search(text) if len(sources) < 2 else None
    user = _USER.search(text, text.rfind(" rhost=")) if len(sources) == 1 else None
    names = (user.group(1) if user else None, (ruser.group(1) or None) if ruser else None)
    if follow_up:
        return Login("disconnect", *names, *who)
    return Login("failure", *names, *who, witness=Witness.PAM)
