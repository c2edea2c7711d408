"""Pure-FTPd: log-ins, transfers and deletions, as it writes them to syslog."""

from __future__ import annotations

import re

from pollwatch.formats.framing_servicelog import ServiceLog

PURE_FTPD = ServiceLog("pure-ftpd", "pure-ftpd", re.compile(r"pure-ftpd"), lambda _line: None)
