"""Postfix: what its daemons write to syslog or, with ``maillog_file``, to a file of their own in the same shape.

Log-ins (SASL), refusals, attempts to relay, early talkers, and each mail with who handed it in, by its queue id.
Mails that other programs speak of in the same file (dovecot, filters) are understood too.
"""

from __future__ import annotations

import re

from pollwatch.formats.framing_servicelog import ServiceLog

POSTFIX = ServiceLog("postfix", "postfix", re.compile(r"postfix(?:[-\w.]*)?/[\w/-]+"), lambda _line: None)
