"""ATT&CK Navigator layers (format 4.5): which techniques a case shows, and which the rules could show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pollwatch.canonical import Json
from pollwatch.events.detection import Severity
from pollwatch.events.printable import printable
from pollwatch.i18n import _, ngettext
from pollwatch.incidents.incident import Incident
from pollwatch.report.case import CaseReport
from pollwatch.report.words import exercise_words


def navigator_layer(case: CaseReport) -> dict[str, Json]:
    """The layer of a case."""
    return incidents_layer(case.title, case.incidents, exercise=case.exercise)


def incidents_layer(title: str, incidents: Sequence[Incident], *, exercise: bool = False) -> dict[str, Json]:
    """The layer of some incidents; a technique's score is the worst severity seen, from 1 (info) to 5 (critical)."""
    seen: dict[str, list[Incident]] = {}
    for incident in incidents:
        for technique in incident.techniques:
            seen.setdefault(technique, []).append(incident)
    return _layer(
        exercise_words(exercise) + printable(title, 120),
        _("Techniques that pollwatch saw in this case; the score is the worst severity, 1 to 5."),
        5,
        [_technique(technique, having) for technique, having in sorted(seen.items())],
    )


def seen_layer(title: str, seen: Mapping[str, tuple[int, Severity]]) -> dict[str, Json]:
    """A layer of what was seen in a case, however large it is.

    Args:
        title: of the case.
        seen: by technique: in how many incidents, and the worst severity.
    """
    return _layer(
        printable(title, 120),
        _("Techniques that pollwatch saw in this case; the score is the worst severity, 1 to 5."),
        5,
        [
            _entry(each, int(worst) + 1, ngettext("{n} incident", "{n} incidents", count).format(n=count))
            for each, (count, worst) in sorted(seen.items())
        ],
    )


def coverage_layer(rules: Mapping[str, int], comments: Mapping[str, str]) -> dict[str, Json]:
    """A layer of what rules are about.

    Args:
        rules: by technique: how many rules could fire.
        comments: by technique: in which logs. For people.
    """
    return _layer(
        _("pollwatch: what the rules can show"),
        _("Techniques with rules; the score is how many rules there are, or how many the logs at hand can make fire."),
        max(rules.values(), default=1),
        [_entry(technique, count, comments.get(technique, "")) for technique, count in sorted(rules.items())],
    )


def _layer(name: str, description: str, most: int, techniques: Sequence[Json]) -> dict[str, Json]:
    return {
        "name": name,
        "versions": {"layer": "4.5", "navigator": "5.1.0"},
        "domain": "enterprise-attack",
        "description": description,
        "sorting": 3,
        "hideDisabled": False,
        "gradient": {"colors": ["#ffe9c9", "#e0552d", "#8b0f33"], "minValue": 1, "maxValue": most},
        "techniques": list(techniques),
    }


def _technique(technique: str, incidents: list[Incident]) -> dict[str, Json]:
    comment = "; ".join(f"{incident.id} {printable(incident.title, 80)}" for incident in incidents[:20])
    return _entry(technique, max(int(incident.severity) for incident in incidents) + 1, comment)


def _entry(technique: str, score: int, comment: str) -> dict[str, Json]:
    return {
        "techniqueID": technique,
        "score": score,
        "comment": comment,
        "enabled": True,
        "showSubtechniques": True,
    }
