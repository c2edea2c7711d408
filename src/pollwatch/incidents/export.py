"""Incidents as JSON for other tools: the one place that says what ``scan --json`` calls things.

The shapes are a contract (``schema/scan-1.json``): a field is never renamed, retyped or left out within version 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from typing import Final

from pollwatch import canonical
from pollwatch.canonical import Json
from pollwatch.clock import rfc3339
from pollwatch.events.detection import Actors
from pollwatch.incidents.incident import ElectionContext, Incident, Phase, RuleCount
from pollwatch.incidents.scanned import ScannedInput
from pollwatch.incidents.workflow import Change

SCAN_SCHEMA: Final = "pollwatch.scan/1"
INCIDENT_SCHEMA: Final = "pollwatch.incident/1"
INCIDENTS_SCHEMA: Final = "pollwatch.incidents/1"
#: The published JSON Schemas (draft 2020-12), shipped in ``incidents/schema``.
SCHEMA_FILES: Final = ("scan-1.json", "scan-lines-1.json", "incidents-1.json", "incident-1.json")


def incident_document(incident: Incident, *, with_lines: bool = False) -> dict[str, Json]:
    """One incident as in ``scan --json``.

    Args:
        incident: what to write.
        with_lines: also name each line (``--with-lines``); they can be millions.

    Returns:
        Keys in the contract's order. Times are RFC 3339 UTC or null. Text is as the attacker wrote it, made
        encodable as UTF-8: whoever shows it must make it inert.
    """
    document: dict[str, Json] = {
        "id": incident.id,
        "title": encodable(incident.title),
        "severity": incident.severity.word,
        "status": incident.status,
        "summary": encodable(incident.summary),
        "why": _texts(incident.why),
        "phases": [_phase(phase) for phase in incident.phases],
        "techniques": _texts(incident.techniques),
        "tactics": _texts(incident.tactics),
        "tools": _texts(incident.tools),
        "actors": _actors(incident.actors),
        "targets": _texts(incident.targets),
        "first": rfc3339(incident.first_us),
        "last": rfc3339(incident.last_us),
        "line_count": len(incident.lines),
    }
    if with_lines:
        document["lines"] = [{"path": encodable(path), "number": number} for path, number in incident.lines]
    document["rules"] = [_rule(rule) for rule in incident.rules]
    document["advice"] = _texts(incident.advice)
    document["election"] = _election(incident.election)
    return document


def incidents_document(incidents: Iterable[Incident], *, with_lines: bool = False) -> dict[str, Json]:
    """What ``incidents list --json`` writes."""
    return {
        "schema": INCIDENTS_SCHEMA,
        "incidents": [incident_document(incident, with_lines=with_lines) for incident in incidents],
    }


def show_document(incident: Incident, history: Iterable[Change], *, with_lines: bool = False) -> dict[str, Json]:
    """What ``incidents show --json`` writes: the incident, the lines that show it, and what people did with it."""
    return {
        "schema": INCIDENT_SCHEMA,
        "incident": incident_document(incident, with_lines=with_lines),
        "samples": [
            {"path": encodable(line.path), "number": line.number, "text": encodable(line.text)}
            for line in incident.samples
        ],
        "history": [
            {
                "at": rfc3339(change.at_us),
                "who": encodable(change.who),
                "kind": change.kind,
                "status": change.status,
                "text": encodable(change.text),
            }
            for change in history
        ],
    }


def input_document(scanned: ScannedInput) -> dict[str, Json]:
    """One input as in ``scan --json``."""
    return {
        "path": encodable(scanned.path),
        "format": scanned.format,
        "lines": scanned.lines,
        "parsed": scanned.parsed,
        "quarantined": scanned.quarantined,
        "first": rfc3339(scanned.first_us),
        "last": rfc3339(scanned.last_us),
    }


def schema(name: str) -> dict[str, Json]:
    """A published JSON Schema, by its file name (one of :data:`SCHEMA_FILES`)."""
    data = resources.files("pollwatch.incidents").joinpath("schema", name).read_bytes()
    document: dict[str, Json] = canonical.loads_lenient(data)
    return document


def encodable(text: str) -> str:
    r"""The text with what UTF-8 cannot carry (lone surrogates of odd file names) written as ``\udc80``."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _texts(texts: Iterable[str]) -> list[Json]:
    return [encodable(text) for text in texts]


def _phase(phase: Phase) -> dict[str, Json]:
    return {
        "name": phase.name,
        "technique": phase.technique,
        "first": rfc3339(phase.first_us),
        "last": rfc3339(phase.last_us),
        "lines": phase.lines,
    }


def _actors(actors: Actors) -> dict[str, Json]:
    return {
        "ip": _texts(actors.ip),
        "user": _texts(actors.user),
        "domain": _texts(actors.domain),
        "host": _texts(actors.host),
    }


def _rule(rule: RuleCount) -> dict[str, Json]:
    return {"id": rule.id, "title": encodable(rule.title), "count": rule.count}


def _election(context: ElectionContext) -> dict[str, Json]:
    return {"phase": context.phase, "priority": context.priority}
