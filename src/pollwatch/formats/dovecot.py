"""Dovecot: log-ins to IMAP, POP3, ManageSieve and submission, and what mail filters do, in syslog or a file of its own.

Its own file (``log_path``, ``info_log_path``) begins with syslog's date and no host; versions 2.2 to 2.4 word the
reasons of a refused log-in differently.
"""

from __future__ import annotations

import re

from pollwatch.formats.framing_servicelog import ServiceLog, stamped

_OWN = re.compile(
    r"(?P<stamp>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?) "
    r"(?P<message>(?:(?:imap|pop3|managesieve|submission)-login|auth(?:-worker)?|master|anvil|stats|config|log"
    r"|indexer(?:-worker)?"
    r"|(?:imap|pop3|lmtp|lda|managesieve|submission|doveadm)(?:\([^()]*\))?(?:<[^<>]*>)*)(?:\(\d+\))?: "
    r"(?:Debug|Info|Warning|Error|Fatal|Panic): .*)",
    re.DOTALL,
)

DOVECOT = ServiceLog("dovecot", "dovecot", re.compile(r"dovecot(?:-\w+)?"), stamped(_OWN))
