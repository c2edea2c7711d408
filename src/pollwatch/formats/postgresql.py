"""PostgreSQL: its log on stderr with any usual ``log_line_prefix``, its CSV log, pgAudit within both; also syslog.

A statement or message over several lines is several events with the time of the first; each holds the statement up
to its own line, so that nothing hides behind a line break.
"""

from __future__ import annotations

import re

from pollwatch.formats import framing_stamps
from pollwatch.formats.framing_postgres import CSV, prefix_end
from pollwatch.formats.framing_servicelog import Head, ServiceLog
from pollwatch.formats.framing_stamps import epoch

_CARRIED = re.compile(r"(?:<\d{1,3}>)?[A-Z0-9]\S+ .{0,100}?\bpostgres(?:ql)?\[\d{1,10}\]: ")
_EPOCH = re.compile(r"\d{10}(?:\.\d{1,6})?(?=\s)")


def _own(line: str) -> Head | None:
    if CSV.match(line):
        stamp = framing_stamps.find(line)
        return Head(stamp.text, line) if stamp else None
    found = prefix_end(line)
    # A tab: PostgreSQL itself marks what continues a line. What syslog carries has another head.
    if found is None or line.startswith("\t") or _CARRIED.match(line):
        return None
    if counted := _EPOCH.match(line):
        return Head(epoch(counted[0]), line)
    stamp = framing_stamps.find(line[: found.start()])
    return Head(stamp.text, line) if stamp else None


POSTGRESQL = ServiceLog("postgresql", "postgres", re.compile(r"postgres(?:ql)?"), _own)
