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

#: In what Rust's and Python's dialect share. Group 1 is the line that was carried.
CARRIED = (
    r"(?s)^(?:"
    r"<[0-9]{1,3}>1 [^ ]{1,64} [^ ]{1,255} [^ ]{1,48} [^ ]{1,128} [^ ]{1,32} (?:-|\[[^\]]{0,1024}\])"  # RFC 5424
    rf"|(?:<[0-9]{{1,3}}>)?{_STAMP} [^ ]{{1,255}} [A-Za-z0-9_./@-]{{1,64}}(?:\[[0-9]{{1,10}}\])?:"  # RFC 3164
    rf"|(?:<[0-9]{{1,3}}>)?{_STAMP} [A-Za-z][A-Za-z0-9_./@-]{{1,64}}(?:\[[0-9]{{1,10}}\])?:"  # without a host
    rf"|{_STAMP} std(?:out|err) [FP]"  # Kubernetes
    r"|[A-Za-z0-9][A-Za-z0-9_.-]{0,64} *\|"  # docker compose
    r"|<[0-9]{1,3}>[A-Za-z0-9_./-]{1,64}(?:\[[0-9]{1,10}\])?:"  # a priority alone
    r")\x{feff}? ?(.*)$"
)
_CARRIED = re.compile(CARRIED.replace(r"\x{feff}", "\ufeff"))


def carried(text: str) -> str | None:
    """The line behind a transport's header, or None where there is no header."""
    match = _CARRIED.match(text)
    return match[1] if match else None
