"""The ``scan --json`` document and the ``--jsonl`` stream: the contract that other tools build on."""

from __future__ import annotations

from collections.abc import Iterator

from pollwatch.canonical import Json
from pollwatch.events.detection import Severity
from pollwatch.incidents.export import SCAN_SCHEMA, incident_document, input_document
from pollwatch.node.case.scan import ScanReport


def scan_document(report: ScanReport, *, minimum: Severity, with_lines: bool) -> dict[str, Json]:
    """The whole scan as one JSON object; its schema ships as ``incidents/schema/scan-1.json``."""
    return {
        "schema": SCAN_SCHEMA,
        "inputs": [input_document(each) for each in (*report.inputs, *report.passed_over)],
        "incidents": [
            incident_document(incident, with_lines=with_lines)
            for incident in report.incidents
            if incident.severity >= minimum
        ],
        **_summary(report),
    }


def scan_records(report: ScanReport, *, minimum: Severity, with_lines: bool) -> Iterator[dict[str, Json]]:
    """The same as a stream: a record for each input and incident, then a summary."""
    for each in (*report.inputs, *report.passed_over):
        yield {"record": "input", "schema": SCAN_SCHEMA, **input_document(each)}
    for incident in report.incidents:
        if incident.severity >= minimum:
            yield {"record": "incident", "schema": SCAN_SCHEMA, **incident_document(incident, with_lines=with_lines)}
    yield {"record": "summary", "schema": SCAN_SCHEMA, **_summary(report)}


def _summary(report: ScanReport) -> dict[str, Json]:
    return {
        "detections": len(report.detections),
        "coverage": [
            {"question": each.question, "answer": each.answer, "missing": each.missing} for each in report.coverage
        ],
        "elapsed_s": round(report.elapsed_s, 3),
        "lines_per_s": round(report.lines_per_s, 1),
    }
