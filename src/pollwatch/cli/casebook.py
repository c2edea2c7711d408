"""Incidents of a case on a terminal, and as tab-separated rows for a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.text import Text

from pollwatch.cli import present
from pollwatch.clock import rfc3339
from pollwatch.events.printable import printable
from pollwatch.i18n import _
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.workflow import Change
from pollwatch.report.case import actor_names
from pollwatch.report.words import lines_words, phase_word, severity_word, status_word, thousands


def table(incidents: Sequence[Incident]) -> None:
    """One row an incident: for people on a terminal, else id, severity, state, priority, times, lines, who, what."""
    if not _is_terminal():
        present.plain([_row(incident) for incident in incidents])
        return
    if not incidents:
        present.console(stderr=True).print(Text(_("No incidents."), style="green"))
        return
    from rich.table import Table

    rows = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    rows.add_column(_("id"), no_wrap=True)
    rows.add_column(_("prio"), justify="right")
    rows.add_column(_("severity"), no_wrap=True)
    rows.add_column(_("state"), no_wrap=True)
    rows.add_column(_("what"), ratio=3)
    rows.add_column(_("who"), ratio=2)
    rows.add_column(_("last (UTC)"), no_wrap=True)
    rows.add_column(_("lines"), justify="right", no_wrap=True)
    for incident in incidents:
        done = incident.status in ("closed", "false-positive")
        rows.add_row(
            Text(incident.id),
            str(incident.election.priority),
            Text(severity_word(incident.severity.word), style="dim" if done else present.STYLE[incident.severity]),
            Text(status_word(incident.status), style="dim" if done else ""),
            Text(printable(incident.title, 120), style="dim" if done else ""),
            Text(", ".join(actor_names(incident, 3))),
            present.moment(incident.last_us),
            thousands(len(incident.lines)),
        )
    present.console().print(rows)


def page(incident: Incident, history: Sequence[Change]) -> None:
    """Everything about one incident."""
    out = present.console()
    out.print(present.story(incident))
    rows = [
        (_("state"), status_word(incident.status)),
        (_("severity"), severity_word(incident.severity.word)),
        (_("election"), phase_word(incident.election.phase)),
        (_("priority"), str(incident.election.priority)),
        (_("who"), ", ".join(actor_names(incident, 12))),
        (_("targets"), ", ".join(incident.targets[:12])),
        (_("tools"), ", ".join(incident.tools)),
        (_("ATT&CK"), ", ".join(incident.techniques)),
        (_("lines"), lines_words(len(incident.lines))),
    ]
    out.print()
    width = max(len(name) for name, _value in rows) + 2
    for name, value in rows:
        if value:
            out.print(Text.assemble((f"{name:<{width}}", "dim"), printable(value, 1000)))
    _section(_("Why we say so"), [printable(reason, 1000) for reason in incident.why])
    _section(_("Rules"), [f"{rule.count:>7}  {printable(rule.title, 200)}" for rule in incident.rules])
    _section(
        _("Lines"),
        [f"{printable(raw.path, 120)}:{raw.number}  {printable(raw.text, 1000)}" for raw in incident.samples],
    )
    _section(_("What was done"), [_done(change) for change in history])


def _section(title: str, rows: Sequence[str]) -> None:
    if rows:
        out = present.console()
        out.print(Text("\n" + title, style="bold"))
        for row in rows:
            out.print(Text("  " + row))


def _done(change: Change) -> str:
    words = {
        "status": _("{who} set it to {status}"),
        "note": _("{who} noted"),
        "reopened": _("{who} found more: {status} again"),
        "merged": _("{who} found that this is part of it"),
        "joined": _("{who} made this part of it"),
        "split": _("{who} split it; the other half"),
        "assigned": _("{who} gave it to") if change.text else _("{who} gave it to nobody"),
        "excepted": _("{who}: hidden by exception"),
        "asked": _("{who} was not sure"),
        "answered": _("{who} answered"),
    }[change.kind].format(who=printable(change.who, 80), status=status_word(change.status))
    told = f": {printable(change.text, 2000)}" if change.text else ""
    return f"{present.moment(change.at_us)}  {words}{told}"


def _is_terminal() -> bool:
    return sys.stdout.isatty()


def _row(incident: Incident) -> tuple[str, ...]:
    return (
        incident.id,
        incident.severity.word,
        incident.status,
        str(incident.election.priority),
        rfc3339(incident.first_us) or "",
        rfc3339(incident.last_us) or "",
        str(len(incident.lines)),
        ", ".join(actor_names(incident, 100)),
        incident.title,
    )
