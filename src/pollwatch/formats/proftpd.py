"""ProFTPD: its system log, its ExtendedLog in the default and in the "auth" layout, and syslog.

An ExtendedLog looks like an access log with FTP commands for requests. The account of a refused password stands in
the line before, by the same peer.
"""

from __future__ import annotations

import re

from pollwatch.formats import framing_ftp, framing_stamps
from pollwatch.formats.framing_servicelog import Head, ServiceLog

_OWN = re.compile(
    r"(?P<stamp>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:,\d{3})?|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) (?P<host>\S+) "
    r"proftpd\[(?P<pid>\d+)\]:? (?P<message>.*)",
    re.DOTALL,
)


def _own(line: str) -> Head | None:
    if found := _OWN.fullmatch(line):
        return Head(found["stamp"], found["message"], found["pid"], None, found["host"])
    if len(line) > framing_ftp.LONGEST or framing_ftp.EXTENDED.fullmatch(line) is None:
        return None
    stamp = framing_stamps.find(line)
    return Head(stamp.text, line) if stamp else None


PROFTPD = ServiceLog("proftpd", "proftpd", re.compile(r"proftpd"), _own)
