"""An ATT&CK Navigator layer of a case (layer format 4.5): which techniques were seen, how badly, how often."""

from __future__ import annotations

from pollwatch.canonical import Json
from pollwatch.events.printable import printable
from pollwatch.i18n import _
from pollwatch.incidents.incident import Incident
from pollwatch.report.case import CaseReport
from pollwatch.report.words import exercise_words


def navigator_layer(case: CaseReport) -> dict[str, Json]:
    """The layer; a technique's score is the worst severity seen, from 1 (info) to 5 (critical)."""
    seen: dict[str, list[Incident]] = {}
    for incident in case.incidents:
        for technique in incident.techniques:
            seen.setdefault(technique, []).append(incident)
    return {
        "name": exercise_words(case.exercise) + printable(case.title, 120),
        "versions": {"layer": "4.5", "navigator": "5.1.0"},
        "domain": "enterprise-attack",
        "description": _("Techniques that pollwatch saw in this case; the score is the worst severity, 1 to 5."),
        "sorting": 3,
        "hideDisabled": False,
        "gradient": {"colors": ["#ffe9c9", "#e0552d", "#8b0f33"], "minValue": 1, "maxValue": 5},
        "techniques": [_technique(technique, incidents) for technique, incidents in sorted(seen.items())],
    }


def _technique(technique: str, incidents: list[Incident]) -> dict[str, Json]:
    return {
        "techniqueID": technique,
        "score": max(int(incident.severity) for incident in incidents) + 1,
        "comment": "; ".join(f"{incident.id} {printable(incident.title, 80)}" for incident in incidents[:20]),
        "enabled": True,
        "showSubtechniques": True,
    }
