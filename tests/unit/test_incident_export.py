from __future__ import annotations

from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from case_scenes import detections, group, scanned
from pollwatch import canonical
from pollwatch.incidents.export import (
    SCAN_SCHEMA,
    SCHEMA_FILES,
    incident_document,
    incidents_document,
    input_document,
    schema,
    show_document,
)
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.workflow import Change

LINES = ["ann", "ann!", "?"]


def _incident() -> Incident:
    (found,) = group(detections("a.log", LINES), {("a.log", 1): "ann"})
    return found


def _valid(name: str, document: object) -> None:
    Draft202012Validator(schema(name), format_checker=Draft202012Validator.FORMAT_CHECKER).validate(document)


@pytest.mark.parametrize("name", SCHEMA_FILES)
def test_the_published_schemas_are_schemas(name: str) -> None:
    """Each is valid in its own draft, has a name of its own, and refuses fields that it does not know."""
    document = schema(name)
    Draft202012Validator.check_schema(document)
    assert document["$id"] == f"urn:pollwatch:schema:{name.removesuffix('.json')}"
    assert document["description"]
    for node in _objects(document):
        assert node["additionalProperties"] is False
        assert set(node["required"]) | {"lines"} >= set(node["properties"])


def _objects(node: object) -> list[dict[str, object]]:
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    found = [each for child in children for each in _objects(child)]
    if isinstance(node, dict) and node.get("type") == "object":
        found.append(node)
    return found


def test_an_incident_has_exactly_the_fields_of_the_contract() -> None:
    """Names and order are those that other tools build on."""
    head = ["id", "title", "severity", "status", "summary", "why", "phases", "techniques", "tactics", "tools"]
    fields = [*head, "actors", "targets", "first", "last", "line_count", "lines", "rules", "advice", "election"]
    assert list(incident_document(_incident(), with_lines=True)) == fields
    assert list(incident_document(_incident())) == [field for field in fields if field != "lines"]


def test_documents_fit_their_schemas() -> None:
    """A scan, a list and a single incident, with and without lines and times, as the schemas say."""
    timeless = replace(_incident(), first_us=None, last_us=None, techniques=())
    for with_lines in (False, True):
        _valid("incidents-1.json", incidents_document([_incident(), timeless], with_lines=with_lines))
        change = Change(0, "eva", "note", "open", "text")
        _valid("incident-1.json", show_document(_incident(), [change], with_lines=with_lines))
    summary = {"detections": 2, "coverage": [], "elapsed_s": 0.5, "lines_per_s": 6}
    inputs = [input_document(scanned("a.log", LINES)), input_document(scanned("b.log", ["?"]))]
    _valid(
        "scan-1.json", {"schema": SCAN_SCHEMA, "inputs": inputs, "incidents": [incident_document(timeless)], **summary}
    )
    stream = [{"record": "input", "schema": SCAN_SCHEMA, **inputs[0]}]
    stream += [{"record": "incident", "schema": SCAN_SCHEMA, **incident_document(_incident(), with_lines=True)}]
    stream += [{"record": "summary", "schema": SCAN_SCHEMA, **summary}]
    for record in stream:
        _valid("scan-lines-1.json", record)


def test_a_document_with_a_wrong_field_is_refused() -> None:
    """The schema has teeth: an unknown field, a wrong time and a wrong count are errors."""
    document = incident_document(_incident())
    for wrong in ({"extra": 1}, {"first": "2026-11-03 20:00:00"}, {"line_count": -1}, {"status": "done"}):
        with pytest.raises(ValidationError):
            _valid("incidents-1.json", {"schema": "pollwatch.incidents/1", "incidents": [document | wrong]})


def test_odd_file_names_are_written_as_valid_utf8() -> None:
    """A file name that is not UTF-8 (os.fsdecode gives lone surrogates) does not break the output."""
    odd = replace(scanned("a.log", LINES), path="caf\udce9.log")
    text = canonical.pretty(input_document(odd))
    assert text.encode("utf-8")
    assert "caf\\\\udce9.log" in text
