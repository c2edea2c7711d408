"""Exim: its main, reject and panic logs, in files of its own or in syslog.

Exim writes of a log-in only where it failed; the first mail that an account hands in from an address within an hour
stands for the others. Headers that the reject log quotes are events of their own, with the time of the line before.
"""

from __future__ import annotations

import re

from pollwatch.formats.framing_servicelog import ServiceLog, stamped

_OWN = re.compile(
    r"(?P<stamp>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{3})?(?: [+-]\d{4})?) (?:\[(?P<pid>\d+)\] )?"
    r"(?P<message>(?:[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4} (?:<=|=>|->|>>|\*>|\*\*|==|Completed|.*?: )"
    r"|\S+ authenticator failed for |(?:.*? )?H=.*\[[0-9A-Fa-f.:]+\]|SMTP |exim |Start queue run|End queue run"
    r"|no (?:host name|IP address) found for|TLS |unexpected disconnection|daemon: |(?:.*? )?rejected |socket bind)"
    r".*)",
    re.DOTALL,
)

EXIM = ServiceLog("exim", "exim", re.compile(r"exim4?"), stamped(_OWN))
