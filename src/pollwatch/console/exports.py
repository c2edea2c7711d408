"""Incidents as files to download: for a spreadsheet, for programs, for ATT&CK Navigator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pollwatch import canonical
from pollwatch.console.desks.incidents import File
from pollwatch.console.services import RefusedError
from pollwatch.i18n import _
from pollwatch.incidents.incident import Incident
from pollwatch.report.navigator import incidents_layer
from pollwatch.report.spreadsheet import incidents_csv


def exported(
    kind: str, name: str, title: str, incidents: Sequence[Incident], document: Callable[[], Any], *, exercise: bool
) -> File:
    """One kind of file of incidents.

    Args:
        kind: ``csv``, ``json`` or ``navigator``.
        name: of the file, without what follows from the kind.
        title: of a layer.
        incidents: what is exported.
        document: makes the JSON document.
        exercise: whether a layer says so.

    Raises:
        RefusedError: there is no such kind.
    """
    if kind == "csv":
        return File(f"{name}.csv", "text/csv; charset=utf-8", incidents_csv(incidents).encode())
    if kind == "json":
        return File(f"{name}.json", "application/json", canonical.pretty(document()).encode())
    if kind == "navigator":
        layer = incidents_layer(title, incidents, exercise=exercise)
        return File(f"{name}-navigator.json", "application/json", canonical.pretty(layer).encode())
    raise RefusedError(_("there are csv, json and navigator"))
