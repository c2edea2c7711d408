"""MySQL and MariaDB: error log of all versions, general log, slow log, MariaDB's audit plugin; also syslog.

A statement over several lines is several events with the time of the first; each holds the statement up to its own
line. The three lines at the head of a general or slow log are events without a time.
"""

from __future__ import annotations

import re

from pollwatch.formats import framing_stamps
from pollwatch.formats.framing_mysql import OWN
from pollwatch.formats.framing_servicelog import Head, ServiceLog

_AUDIT_STAMP = re.compile(r"(\d{4})(\d\d)(\d\d) (\d\d:\d\d:\d\d),")


def _own(line: str) -> Head | None:
    if not any(pattern.match(line) for pattern in OWN):
        return None
    if audited := _AUDIT_STAMP.match(line):
        return Head("{}-{}-{}T{}".format(*audited.groups()), line)
    stamp = framing_stamps.find(line)
    return Head(stamp.text if stamp else "", line)


MYSQL = ServiceLog("mysql", "mysqld", re.compile(r"mysqld(?:_safe)?|mariadbd|mysql(?:-server_auditing)?|mariadb"), _own)
