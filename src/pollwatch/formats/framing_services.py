"""Log-ins to other services that report them through syslog: mail, FTP, administration pages.

Each pattern spans its whole message; fields behind the peer's own text are believed only where they agree.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from pollwatch.formats import framing_attempts, framing_pam, framing_sshd
from pollwatch.formats.framing_login import Login, Witness, only, peer, port

_DOVECOT = re.compile(r"(?:\S+: )*(?:imap|pop3|managesieve|submission|lmtp)-login: (?:Info: )?(.*?user=<.*)", re.DOTALL)
_DOVECOT_USER = re.compile(r"user=<(.*?)>, (?:method|rip)=")
_DOVECOT_METHOD = re.compile(r", method=([A-Za-z0-9-]+)")
_DOVECOT_PEER = re.compile(r", rip=([^,\s]+)")
_DOVECOT_WORKER = re.compile(
    r"(?:\S+: )*auth(?:-worker)?(?:\([^)]*\))?:? (?:Info: |Error: )?(?:conn \S+.*?: )?"
    r"\w[\w-]*\((.*),([^,()<>\s]+?)(?:,<[^<>]*>)?\): "
    r"(?:pam_authenticate\(\) failed|unknown user|[Pp]assword mismatch|invalid credentials|[Aa]uthentication fail).*",
    re.DOTALL,
)
_SASL = re.compile(
    r"(?:warning: )?[^\s\[]+\[([0-9a-fA-F.:]+)\](?::\d+)?: SASL (\S+) authentication failed.*", re.DOTALL
)
_SASL_USER = re.compile(r", sasl_username=(\S*)$")
_SUBMITTED = re.compile(
    r"[0-9A-Za-z]{6,20}: client=[^\s\[\]]*\[([0-9a-fA-F.:]+)\](?::\d+)?, sasl_method=([\w-]+),"
    r" sasl_username=([^\s,]+)(?:, .*)?"
)
_EXIM = re.compile(r"(\S+) authenticator failed for .*", re.DOTALL)
_EXIM_PEER = re.compile(r" \[([0-9a-fA-F.:]+)\](?::(\d{1,5}))?(?: I=\S+)?: 535(?= )")
_EXIM_USER = re.compile(r" \(set_id=([^()]*)\)$")
_PURE_FTPD = re.compile(
    r"\([^@()]*@([^\s()]+)\) \[(?:WARNING|INFO|NOTICE|ERROR)\] "
    r"(?:(Authentication failed for user) \[(.*)\]|(.*) is now logged in)",
    re.DOTALL,
)
_PROFTPD = re.compile(
    r"(?:\S+ )?\(\S*?\[([0-9a-fA-F.:]+)\]\)(?::? - |: )"
    r"(?:USER (.*?)(?: \(Login failed\)(.*)|: (no such user found).*|: (Login successful)\.?)|"
    r"(SECURITY VIOLATION|Maximum login attempts).*)",
    re.DOTALL,
)
_VSFTPD = re.compile(r'(?:\[pid \d+\] )?\[(.*)\] (FAIL|OK) LOGIN: Client "([^"\s]+)"(?:, anon .*)?', re.DOTALL)
_PVE = re.compile(
    r"authentication failure; rhost=(\[[^\s\]]+\](?=:\d{1,5} | )|[^\s\[]\S*)(?::\d{1,5})? user=(.*) msg=.*", re.DOTALL
)
_PVE_SUCCESS = re.compile(r"(?:<[^<>]*> )?successful auth for user '([^']*)'")
_NAMED_LOGIN = re.compile(
    r"(Invalid|Non-existent|Failed|Successful|Unknown|Bad) (?:user )?log[ -]?in (?:attempt )?"
    r"(?:as|for|by|of)(?: user)? "
    r"'?(.*?)'? from (\S+)",
    re.DOTALL,
)
_LIKE_SSHD = re.compile(
    r"(Failed|Accepted) (password|publickey|keyboard-interactive/\S+) for (.*) from (\S+) port (\d{1,5})(?: ssh2)?",
    re.DOTALL,
)
_ARR = re.compile(r"(?:\[\w+\] )?Auth: Auth-(Failure|Success|Unauthorized) ip (\S+) username '(.*)'", re.DOTALL)
_JELLYFIN = re.compile(r"(?:\[[^\]]*\] )*Authentication request for (.*) has been denied \(IP: (\S+)\)\.?", re.DOTALL)
_LEMON = re.compile(
    r"(?:\[\w+\] |Lemonldap::NG : )(?:Bad password for (.*)|(.*) was not found in .*) \((\S+)\)", re.DOTALL
)


def decode(message: str) -> Login | None:
    """What a message of any other program says about a log-in; None where it says nothing."""
    return known(message) or framing_attempts.read(message.strip())


def known(message: str) -> Login | None:
    """The same in the words of known services only: of servers that speak of other servers' refusals too."""
    text = message.strip()
    if _likely(message.lower()):
        decoded = framing_pam.decode(text)
        if decoded is not None:
            return decoded
        for decoder in _DECODERS:
            if decoded := decoder(text):
                return decoded
    return None


def _likely(text: str) -> bool:
    """Whether a message, in lower case, can be about a log-in; most are not, and this is quicker than patterns."""
    return (
        "auth" in text
        or "login" in text
        or "log-in" in text
        or "logged in" in text
        or "password" in text
        or "pam_" in text
        or "no such user" in text
        or "was not found in" in text
    )


def _failure(user: str | None, source: str, method: str | None = None, source_port: str | None = None) -> Login:
    return Login("failure", user, None, *peer(source), port(source_port), method, None, Witness.SERVICE)


def _dovecot(text: str) -> Login | None:
    if found := _DOVECOT_WORKER.fullmatch(text):
        return Login("failure", found.group(1), None, *peer(found.group(2)), witness=Witness.SERVICE_ON_PAM)
    found = _DOVECOT.fullmatch(text)
    if found is None:
        return None
    body = found.group(1)
    user, method = _DOVECOT_USER.search(body), _DOVECOT_METHOD.search(body)
    source = only(_DOVECOT_PEER.findall(body)) or ""
    names = (user.group(1) if user else None, method.group(1) if method else None)
    if body.startswith(("Login: ", "Logged in: ")):
        return Login("success", names[0], None, *peer(source), None, names[1])
    if "auth failed" in body.partition("user=<")[0]:
        return _failure(names[0], source, names[1])
    return Login("disconnect", names[0], None, *peer(source), None, names[1])


def _sasl(text: str) -> Login | None:
    if found := _SASL.fullmatch(text):
        user = _SASL_USER.search(text)
        return _failure(user.group(1) if user else None, found.group(1), found.group(2))
    if found := _SUBMITTED.fullmatch(text):  # each mail that an account hands in is a log-in
        return Login("success", found.group(3), None, *peer(found.group(1)), None, found.group(2))
    return None


def _exim(text: str) -> Login | None:
    if found := _EXIM.fullmatch(text):
        peers, user = _EXIM_PEER.findall(text), _EXIM_USER.search(text)
        return _failure(user.group(1) if user else None, only([each[0] for each in peers]) or "", found.group(1))
    return None


def _pure_ftpd(text: str) -> Login | None:
    if found := _PURE_FTPD.fullmatch(text):
        source, failed, tried, user = found.groups()
        return (
            _failure(tried, source, "password")
            if failed
            else Login("success", user, None, *peer(source), None, "password")
        )
    return None


def _proftpd(text: str) -> Login | None:
    if found := _PROFTPD.fullmatch(text):
        source, user, failed, unknown, successful, _ = found.groups()
        if failed is not None or unknown:
            return _failure(user, source, "password")
        return Login("success" if successful else "disconnect", user, None, *peer(source))
    return None


def _vsftpd(text: str) -> Login | None:
    if found := _VSFTPD.fullmatch(text):
        user, outcome, source = found.groups()
        if outcome == "FAIL":
            return _failure(user, source, "password")
        return Login("success", user, None, *peer(source), None, "password")
    return None


def _proxmox(text: str) -> Login | None:
    if (found := _PVE.fullmatch(text)) and not found.group(1).startswith("user="):
        return _failure(found.group(2), found.group(1))
    if found := _PVE_SUCCESS.fullmatch(text):
        return Login("success", found.group(1))
    if text.startswith("authentication failure;"):
        return framing_pam.failure(text)
    return None


def _named_login(text: str) -> Login | None:
    if found := _NAMED_LOGIN.fullmatch(text):
        word, user, source = found.groups()
        if " from " in user:  # written by the peer, or by the program: not to be told apart
            source = ""
        return Login("success", user, None, *peer(source)) if word == "Successful" else _failure(user, source)
    return None


def _portal(text: str) -> Login | None:
    """Web portals that put the peer before the name, or behind it at the very end."""
    if found := _ARR.fullmatch(text):
        outcome, source, user = found.groups()
        return Login("success", user, None, *peer(source)) if outcome == "Success" else _failure(user, source)
    if found := _JELLYFIN.fullmatch(text):
        return _failure(found.group(1), found.group(2))
    if found := _LEMON.fullmatch(text):
        return _failure(found.group(1) or found.group(2), found.group(3))
    return None


def _like_sshd(text: str) -> Login | None:
    """Programs that borrow sshd's words."""
    return framing_sshd.decode(text) if _LIKE_SSHD.fullmatch(text) else None


_DECODERS: tuple[Callable[[str], Login | None], ...] = (
    _dovecot,
    _sasl,
    _exim,
    _pure_ftpd,
    _proftpd,
    _vsftpd,
    _proxmox,
    _named_login,
    _portal,
    _like_sshd,
)
