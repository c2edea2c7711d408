"""vsftpd: its own log (also with ``log_ftp_protocol``) and ``xferlog``, in files or in syslog.

``xferlog`` is a format that several FTP servers can write: one line per transfer.
"""

from __future__ import annotations

import re

from pollwatch.formats import framing_ftp
from pollwatch.formats.framing_servicelog import Head, ServiceLog

_OWN = re.compile(
    r"[A-Z][a-z]{2} (?P<stamp>[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d \d{4}) \[pid (?P<pid>\d{1,10})\] (?P<message>.*)",
    re.DOTALL,
)


def _own(line: str) -> Head | None:
    if found := _OWN.fullmatch(line):
        return Head(found["stamp"], found["message"], found["pid"])
    if len(line) <= framing_ftp.LONGEST and (found := framing_ftp.XFERLOG.fullmatch(line)):
        return Head(found["time"][4:], line)
    return None


VSFTPD = ServiceLog("vsftpd", "vsftpd", re.compile(r"vsftpd"), _own)
