"""Words of the console that more than one page uses, in the language spoken now."""

from __future__ import annotations

from typing import Final

from pollwatch.console.services import Office
from pollwatch.events.printable import printable
from pollwatch.i18n import _
from pollwatch.incidents.attack import technique
from pollwatch.incidents.inboxrows import InboxRow, Related
from pollwatch.incidents.workflow import Change
from pollwatch.report.words import phase_word, severity_word, status_word

_MOST_COMMON: Final = 3


def facet(name: str, value: str, label: str = "") -> str:
    """What a value of a filter is called."""
    if name == "severity":
        return severity_word(value)
    if name == "status":
        return status_word(value)
    if name == "phase":
        return phase_word(value) or _("none")
    if name == "technique":
        known = technique(value).name
        return f"{value} {known}" if known else value
    if name == "assignee":
        return printable(value, 60) or _("nobody")
    return printable(label or value, 80)


def actors(row: InboxRow, most: int = 2) -> str:
    """Who acted, in a few words, made inert."""
    names = [*row.actors.ip, *row.actors.user, *row.actors.host, *row.actors.domain]
    shown = ", ".join(printable(name, 45) for name in names[:most])
    return shown + (f" +{len(names) - most}" if len(names) > most else "")


def common(related: Related, office: Office, *, names: bool) -> str:
    """What another incident has in common with this one, in a few words; without names for those who see none."""
    hit = dict.fromkeys(map(office.system, related.targets))
    return ", ".join([*(related.actors if names else ()), *hit][:_MOST_COMMON])


def change(change: Change) -> str:
    """What was done to an incident, without who and when."""
    return {
        "status": _("set it to {status}").format(status=status_word(change.status)),
        "note": _("noted"),
        "reopened": _("found more of it: open again"),
        "merged": _("found that another incident is part of it"),
        "joined": _("made another incident part of it"),
        "split": _("split it in two"),
        "assigned": _("gave it to") if change.text else _("gave it to nobody"),
        "excepted": _("hid it by exception"),
        "asked": _("was not sure"),
        "answered": _("answered"),
    }[change.kind]
