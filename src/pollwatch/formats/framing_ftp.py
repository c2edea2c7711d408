"""What FTP servers say of commands and transfers: vsftpd, ProFTPD, Pure-FTPd, and the ``xferlog`` that all can write.

Log-ins are :mod:`pollwatch.formats.framing_services`' matter.

Sources: ``vsftpd.conf(5)`` (``log_ftp_protocol``, ``xferlog_std_format``), ``xferlog(5)``, ProFTPD's ``mod_log``
(LogFormat, ExtendedLog), Pure-FTPd's ``README``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pollwatch.events.taxonomy import FTP, FTP_COLUMNS
from pollwatch.formats.framing import Shape, Value, remember
from pollwatch.formats.framing_login import Login, Witness, peer

FTP_SHAPE = Shape(FTP, FTP_COLUMNS)
_MAX_REMEMBERED = 20_000
#: Longer lines are no server's, and no pattern is let loose on them.
LONGEST = 2_048

_VSFTPD = re.compile(
    r"(?:\[pid \d+\] )?(?:\[(?P<user>.*?)\] )?(?P<result>OK|FAIL)? ?(?P<what>CONNECT|UPLOAD|DOWNLOAD|DELETE|MKDIR"
    r"|RMDIR|RENAME|CHMOD"
    r'|FTP command|FTP response): Client "(?P<ip>[^"\s]+)"(?:, "(?P<path>.*?)")?(?:, (?P<bytes>\d+) bytes)?'
    r"(?:, [\d.]+Kbyte/sec)?",
    re.DOTALL,
)
_PURE = re.compile(
    r"\((?P<user>[^@()]*)@(?P<ip>[^\s()]+)\) \[(?:NOTICE|INFO|WARNING|ERROR)\] (?:(?P<path>/.*?) (?P<done>uploaded"
    r"|downloaded) "
    r" ?\((?P<bytes>\d+) bytes.*|(?P<what>Deleted|New connection|Timeout|Renamed|Logout)\b ?(?P<of>.*))",
    re.DOTALL,
)
_COMMANDS = {
    verb: action
    for action, verbs in {
        "upload": ("STOR", "APPE", "STOU", "PUT"),
        "download": ("RETR", "GET"),
        "delete": ("DELE",),
        "mkdir": ("MKD", "XMKD"),
        "rmdir": ("RMD", "XRMD"),
        "rename": ("RNFR", "RNTO"),
        "list": ("LIST", "NLST", "MLSD", "MLST"),
    }.items()
    for verb in verbs
}
#: ProFTPD's default and "auth" ExtendedLog formats: the access log's shape, with FTP commands where requests stand.
EXTENDED = re.compile(
    r"(?P<peer>\S+) (?:\[\d+\] )?(?:\S+ )?(?:(?P<user>\S+) )?\[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d"
    r" [+-]\d{4})\] "
    r'"(?P<verb>USER|PASS|ACCT|AUTH|CWD|XCWD|PWD|XPWD|CDUP|QUIT|SYST|FEAT|OPTS|TYPE|STOR|STOU|APPE|RETR|DELE|MKD|XMKD'
    r"|RMD|XRMD|RNFR|RNTO|LIST"
    r"|NLST|MLSD|MLST|SITE|PASV|EPSV|PORT|EPRT|PBSZ|PROT|SIZE|MDTM|MFMT|NOOP|REST|ABOR|HOST"
    r'|CLNT)(?: (?P<argument>.*))?" '
    r"(?P<code>\d{3}|-)(?: (?P<bytes>\d+|-))?(?: .*)?",
    re.DOTALL,
)
XFERLOG = re.compile(
    r"(?P<time>[A-Z][a-z]{2} [A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d \d{4}) (?P<seconds>\d+) (?P<peer>\S+)"
    r" (?P<bytes>\d+) (?P<path>.+)"
    r" [ab] (?:[CUT]+|_) (?P<way>[iod]) [agr] (?P<user>.+) (?P<service>\S+) [01] \S+ (?P<status>[ci])",
    re.DOTALL,
)
_WAYS = {"i": "upload", "o": "download", "d": "delete"}


@dataclass(slots=True)
class FtpReader:
    """Reads one input's messages, in order."""

    _asked: dict[str, str] = field(default_factory=dict)

    def read(self, message: str) -> dict[str, Value] | Login | None:
        """The columns that a message fills, or the log-in that it is; None where it is neither."""
        if len(message) > LONGEST:
            return None
        if found := _VSFTPD.fullmatch(message):
            return _vsftpd(found)
        if found := _PURE.fullmatch(message):
            return _pure(found)
        if found := XFERLOG.fullmatch(message):
            return transfer(found)
        if found := EXTENDED.fullmatch(message):
            if found["verb"] == "USER" and found["argument"]:
                remember(self._asked, found["peer"], found["argument"], _MAX_REMEMBERED)
            return command(found, self._asked.get(found["peer"]))
        return None


def _pure(found: re.Match[str]) -> dict[str, Value]:
    action = {"uploaded": "upload", "downloaded": "download"}.get(found["done"] or "") or _pure_action(found["what"])
    values: dict[str, Value] = {
        "action": action,
        "outcome": "ok",
        "user": found["user"] if found["user"] not in {"?", ""} else None,
        **_peer(found["ip"]),
        "path": found["path"] or found["of"] or None,
    }
    return values | _size(action, found["bytes"])


def _pure_action(word: str | None) -> str:
    return {"Deleted": "delete", "Renamed": "rename", "New connection": "connect"}.get(word or "", "command")


def _vsftpd(found: re.Match[str]) -> dict[str, Value]:
    what = found["what"].lower()
    outcome = {"OK": "ok", "FAIL": "failed"}.get(found["result"] or "")
    action = "command" if what.startswith("ftp ") else what
    values: dict[str, Value] = {
        "action": action,
        "outcome": outcome,
        "user": found["user"],
        **_peer(found["ip"]),
        "path": found["path"],
    }
    return values | _size(action, found["bytes"] if outcome == "ok" else None)


def _peer(text: str) -> dict[str, Value]:
    address, name = peer(text)
    return {"src_ip": address, "src_host": name}


def _size(action: str, digits: str | None) -> dict[str, Value]:
    if digits is None or not digits.isdecimal() or len(digits) > 18:
        return {}
    return {"bytes_in" if action == "upload" else "bytes_out": int(digits)} if action in {"upload", "download"} else {}


def transfer(found: re.Match[str]) -> dict[str, Value]:
    """The columns of a line of ``xferlog``."""
    action = _WAYS[found["way"]]
    outcome = "ok" if found["status"] == "c" else "failed"
    values: dict[str, Value] = {
        "action": action,
        "outcome": outcome,
        "user": found["user"],
        **_peer(found["peer"]),
        "path": found["path"],
    }
    return values | _size(action, found["bytes"])


def command(found: re.Match[str], asked_as: str | None) -> dict[str, Value] | Login:
    """The columns of a line of an ExtendedLog, or the log-in that it is.

    Args:
        found: a match of :data:`EXTENDED`.
        asked_as: the account that the same peer named before, for a password's line does not.
    """
    verb, code = found["verb"], found["code"]
    user = found["user"] if found["user"] not in {"-", "UNKNOWN", None} else None
    address, name = peer(found["peer"])
    if verb == "PASS" and code in {"230", "232", "530", "430", "532"}:
        action = "success" if code.startswith("23") else "failure"
        witness = Witness.NOBODY if action == "success" else Witness.SERVICE
        return Login(action, user or asked_as, None, address, name, None, "password", None, witness)
    action = _COMMANDS.get(verb, "command")
    outcome = None if code == "-" else "ok" if code < "400" else "failed"
    values: dict[str, Value] = {
        "action": action,
        "outcome": outcome,
        "user": user or (asked_as if verb != "USER" else found["argument"]),
    }
    return values | {"src_ip": address, "src_host": name, "path": found["argument"]} | _size(action, found["bytes"])
