"""What carries a web server's line when it does not stand alone: a syslog header, a container runtime's prefix.

Only the way is known here, not what syslog means: the line behind the header is what counts.

Sources: RFC 3164 section 4.1, RFC 5424 section 6, the CRI log format of Kubernetes, ``docker compose logs``.
"""

from __future__ import annotations

import re

_STAMP = (
    r"(?:[A-Z][a-z]{2} [ 0-9]?[0-9] [0-9:]{8}"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:]{8}(?:[.,][0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)"
)

_PROGRAM = r"[A-Za-z0-9_./@-]+(?:\[[0-9]+\])?:"

#: One expression per transport, in what Rust's and Python's dialect share; group 1 is the line that was carried.
CARRIED = (
    rf"(?s)^(?:<[0-9]+>)?{_STAMP} [^ ]+ {_PROGRAM} ?(.*)$",  # RFC 3164
    r"(?s)^<[0-9]+>1 [^ ]+ [^ ]+ [^ ]+ [^ ]+ [^ ]+ (?:-|\[[^\]]*\]) ?(.*)$",  # RFC 5424
    rf"(?s)^{_STAMP} std(?:out|err) [FP] (.*)$",  # Kubernetes
    r"(?s)^[A-Za-z0-9][A-Za-z0-9_.-]* *\| ?(.*)$",  # docker compose
    rf"(?s)^(?:<[0-9]+>)?{_STAMP} {_PROGRAM} ?(.*)$",  # RFC 3164 without the host
    rf"(?s)^<[0-9]+>{_PROGRAM} ?(.*)$",  # a priority alone
)
_CARRIED = tuple(re.compile(pattern) for pattern in CARRIED)
_BYTE_ORDER_MARK = "\ufeff"


def carried(text: str) -> str | None:
    """The line behind a transport's header, or None where there is no header."""
    for pattern in _CARRIED:
        if match := pattern.match(text):
            return match[1].removeprefix(_BYTE_ORDER_MARK)
    return None
