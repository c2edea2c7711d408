"""Messages of the tools on the machine itself: sudo, su, doas, pkexec, login, account tools, systemd-logind.

Their peers are people who already have an account; no addresses but login's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from pollwatch.formats.framing_login import UNDECODED, Login, Witness, peer

_SUDO = re.compile(
    r"(\S+) : (?:(.*?) ; )?(?:HOST=\S+ ; )?TTY=(\S+) ; PWD=(.*?) ; (?:CHROOT=.*? ; )?USER=(\S+) ;"
    r"(?: GROUP=\S+ ;)?(?: TSID=\S+ ;)?(?: ENV=.*? ;)? COMMAND=(.*)",
    re.DOTALL,
)
_SUDO_SHORT = re.compile(r"(\S+) : (.*?) ;.*", re.DOTALL)
_SUDO_DENIED = re.compile(
    r"user NOT in sudoers|(?:user )?NOT authorized|command not allowed|not allowed to run|NOT permitted"
)
_SUDO_FAILED = re.compile(r"\d+ incorrect password attempts?|authentication failure|Maximum number of tries exceeded")
_SU = (
    (re.compile(r"Successful su for (\S+) by (\S+).*", re.DOTALL), "success"),
    (re.compile(r"FAILED su for (\S+) by (\S+).*", re.DOTALL), "failure"),
    (re.compile(r"FAILED SU \(to (\S+)\) (\S+) on \S+.*", re.DOTALL), "failure"),
    (re.compile(r"\(to (\S+)\) (\S+) on \S+", re.DOTALL), "success"),
)
_SU_BSD = re.compile(r"(BAD SU )?(\S+) to (\S+) on \S+")
_SU_MARK = re.compile(r"([+-]) \S+ ([^\s:]+):(\S+)")
_DOAS = re.compile(
    r"(\S+) ran command (.*) as (\S+) from .*|"
    r"(?:failed (?:auth|command|password) for|command not permitted for) (\S+?):?(?: .*)?",
    re.DOTALL,
)
_PKEXEC = re.compile(
    r"(\S+): (Executing command|The value .*|Error executing command as another user: (.*)) "
    r"\[USER=(\S+)\].*?\[COMMAND=(.*)\]",
    re.DOTALL,
)
_POLKIT = re.compile(
    r"Operator of (?:unix-)?(?:session|process)\S* (FAILED|successfully).*authenticat\w* .*"
    r"\(owned by unix-user:(\S+)\).*",
    re.DOTALL,
)
_LOGIN_FAILED = re.compile(
    r"FAILED LOGIN (?:SESSION )?\(?\d*\)? ?(?:on ['`]?\S+?['`]? )?(?:from ['`]?(\S+?)['`]? )?for ['`]?(.*?)['`]?"
    r"(?:, (?:Authentication failure|User not known to the underlying authentication module|.*))?",
    re.IGNORECASE | re.DOTALL,
)
_LOGIN_ON = re.compile(r"(ROOT )?LOGIN +ON ['`]?(\S+?)['`]?(?: BY (\S+))?(?: FROM ['`]?(\S+?)['`]?)?", re.IGNORECASE)
_LOGIN_INVALID = re.compile(r"invalid password for ['`](.*)['`] +on ['`]\S+['`](?: from ['`](\S+)['`])?", re.DOTALL)
_ACCOUNT = re.compile(
    r"(?:new user: name=|new group: name=|delete user |removed group |change user |add |lock user |unlock user |"
    r"password for |changed password expiry for |password changed for |changed user |user |failed adding user |"
    r"failed adding group |remove |delete |new shadow group: name=|group added to \S+: name=)"
    r"['`]?([^\s,'`]+)['`]?.*?(?: by ['`]?([^\s,'`]+)['`]?)?",
    re.DOTALL,
)
_LOGIND_NEW = re.compile(r"New session (?:['`]?\S+['`]?) of user ['`]?(.*?)['`]?(?: with class .*)?\.", re.DOTALL)
_LOGIND_GONE = re.compile(r"(?:Session|Removed session) \S+(?: logged out.*|\.)", re.DOTALL)


def sudo(message: str) -> Login:
    """``RUSER : [what went wrong ; ] TTY=.. ; PWD=.. ; USER=U ; COMMAND=C``."""
    text = message.strip()
    found = _SUDO.fullmatch(text)
    if found is None:
        short = _SUDO_SHORT.fullmatch(text)
        return _sudo_outcome(short.group(2), short.group(1), None, None) if short else UNDECODED
    ruser, trouble, _, _, user, command = found.groups()
    return _sudo_outcome(trouble, ruser, user, command)


def _sudo_outcome(trouble: str | None, ruser: str, user: str | None, command: str | None) -> Login:
    if trouble is None:
        return Login("command", user, ruser, command=command)
    if _SUDO_FAILED.search(trouble):
        return Login("failure", user, ruser, auth_method="password", command=command, witness=Witness.SERVICE)
    return Login("denied" if _SUDO_DENIED.search(trouble) else None, user, ruser, command=command)


def su(message: str) -> Login:
    """Messages of su: of shadow, util-linux and the BSDs."""
    text = message.strip()
    for pattern, action in _SU:
        if found := pattern.fullmatch(text):
            witness = Witness.SERVICE if action == "failure" else Witness.NOBODY
            return Login(action, found.group(1), found.group(2), witness=witness)
    if found := _SU_BSD.fullmatch(text):
        bad, ruser, user = found.groups()
        witness = Witness.SERVICE if bad else Witness.NOBODY
        return Login("failure" if bad else "success", user, ruser, witness=witness)
    if found := _SU_MARK.fullmatch(text):
        mark, ruser, user = found.groups()
        return Login("disconnect" if mark == "-" else None, user, ruser)
    return UNDECODED


def doas(message: str) -> Login:
    """OpenBSD's doas."""
    found = _DOAS.fullmatch(message.strip())
    if found is None:
        return UNDECODED
    ruser, command, user, refused = found.groups()
    if refused is None:
        return Login("command", user, ruser, command=command)
    if message.lstrip().startswith("command not permitted"):
        return Login("denied", None, refused)
    return Login("failure", None, refused, witness=Witness.SERVICE)


def pkexec(message: str) -> Login:
    """Messages of polkit's pkexec."""
    if found := _PKEXEC.fullmatch(message.strip()):
        ruser, what, why, user, command = found.groups()
        return Login(
            "command" if what == "Executing command" else "denied" if why else None, user, ruser, command=command
        )
    return UNDECODED


def polkitd(message: str) -> Login:
    """Verdicts of polkit on people at the machine."""
    if found := _POLKIT.fullmatch(message.strip()):
        outcome, user = found.groups()
        if outcome == "FAILED":
            return Login("failure", user, witness=Witness.SERVICE)
        return Login("success", user)
    return UNDECODED


def login(message: str) -> Login:
    """Messages of login: of util-linux and shadow, on consoles and behind telnet."""
    text = message.strip()
    if found := _LOGIN_FAILED.fullmatch(text):
        source, user = found.groups()
        return Login("failure", user, None, *peer(source or ""), auth_method="password", witness=Witness.SERVICE)
    if found := _LOGIN_INVALID.fullmatch(text):
        user, source = found.groups()
        return Login("failure", user, None, *peer(source or ""), auth_method="password", witness=Witness.SERVICE)
    if found := _LOGIN_ON.fullmatch(text):
        root, _, user, source = found.groups()
        return Login("success", user or ("root" if root else None), None, *peer(source or ""))
    return Login("disconnect") if text.upper().startswith("TOO MANY LOGIN TRIES") else UNDECODED


def account(message: str) -> Login:
    """useradd, usermod, groupadd, passwd, chage and their kin: whose account was changed, and by whom."""
    found = _ACCOUNT.fullmatch(message.strip())
    return Login(None, found.group(1), found.group(2)) if found else UNDECODED


def logind(message: str) -> Login:
    """systemd-logind's sessions."""
    text = message.strip()
    if found := _LOGIND_NEW.fullmatch(text):
        return Login("session_opened", found.group(1))
    return Login("session_closed") if _LOGIND_GONE.fullmatch(text) else UNDECODED


#: Decoders by the name under which the tool logs.
PROGRAMS: dict[str, Callable[[str], Login]] = {
    "sudo": sudo,
    "sudo-rs": sudo,
    "su": su,
    "su-l": su,
    "doas": doas,
    "pkexec": pkexec,
    "polkitd": polkitd,
    "login": login,
    "systemd-logind": logind,
    "elogind": logind,
    "elogind-daemon": logind,
    "elogin": logind,
    **dict.fromkeys(
        (
            *("useradd", "adduser", "userdel", "deluser", "usermod", "newusers", "groupadd", "addgroup", "groupdel"),
            *("groupmod", "gpasswd", "passwd", "chpasswd", "chage", "chfn", "chsh", "vipw", "newgrp", "pwck"),
        ),
        account,
    ),
}
