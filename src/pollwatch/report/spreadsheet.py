"""Incidents as a table for a spreadsheet, in which nothing that an attacker wrote is a formula.

Spreadsheets take a cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a return for a formula, also in CSV and
also behind blanks: such a cell gets an apostrophe in front, which spreadsheets read as "this is text".
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from pollwatch.clock import rfc3339
from pollwatch.events.printable import printable
from pollwatch.incidents.incident import Incident

COLUMNS = (
    "id", "severity", "status", "priority", "title", "first", "last", "lines", "actors", "accounts", "targets",
    "techniques", "tools", "rules", "election", "phase", "summary",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MOST = 2_000


def incidents_csv(incidents: Iterable[Incident]) -> str:
    """One row an incident."""
    return as_csv(COLUMNS, ([harmless(cell) for cell in _row(each)] for each in incidents))


def as_csv(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table with a head line, CRLF as RFC 4180 has it; its cells were made harmless before."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(head)
    writer.writerows(rows)
    return out.getvalue()


def harmless(cell: str) -> str:
    """A cell that no spreadsheet computes; control characters are shown, not sent."""
    return as_text(printable(cell, _MOST))


def as_text(cell: str) -> str:
    """The same for text whose control characters are dealt with."""
    return f"'{cell}" if cell.lstrip(" \u00a0").startswith(_FORMULA) else cell


def _row(incident: Incident) -> tuple[str, ...]:
    actors = incident.actors
    return (
        incident.id,
        incident.severity.word,
        incident.status,
        str(incident.election.priority),
        incident.title,
        rfc3339(incident.first_us) or "",
        rfc3339(incident.last_us) or "",
        str(len(incident.lines)),
        " ".join((*actors.ip, *actors.host, *actors.domain)),
        " ".join(actors.user),
        " ".join(incident.targets),
        " ".join(incident.techniques),
        " ".join(incident.tools),
        "; ".join(rule.title for rule in incident.rules),
        incident.election.election,
        incident.election.phase,
        incident.summary,
    )
