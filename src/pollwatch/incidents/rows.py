"""Detections and incidents as rows, and back: nothing is lost on the way, whatever an attacker wrote into a log."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

import msgspec
import sqlalchemy as sa

from pollwatch import canonical
from pollwatch.errors import FormatError, StoreError
from pollwatch.events.batch import LogSource
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.lines import LineSet, Numbers
from pollwatch.incidents import tables
from pollwatch.incidents.export import encodable
from pollwatch.incidents.incident import ElectionContext, Incident, Phase, RawLine, RuleCount, Status
from pollwatch.incidents.packing import unpack

_MAX_BODY_BYTES = 1 << 30
_AT_ONCE = 500
_B = TypeVar("_B")


class _DetectionBody(msgspec.Struct, frozen=True):
    rule_id: str
    title: str
    techniques: tuple[str, ...]
    actors: Actors
    targets: tuple[str, ...]
    why: str
    logsource: LogSource
    tool: str
    succeeded: bool
    meaning: str = ""
    steps: tuple[str, ...] = ()


class IncidentBody(msgspec.Struct, frozen=True):
    """What of an incident is never searched for, and stands in its row as JSON text."""

    title: str
    summary: str
    why: tuple[str, ...]
    phases: tuple[Phase, ...]
    techniques: tuple[str, ...]
    tactics: tuple[str, ...]
    tools: tuple[str, ...]
    actors: Actors
    targets: tuple[str, ...]
    rules: tuple[RuleCount, ...]
    advice: tuple[str, ...]
    election: ElectionContext


def detection_id(detection: Detection, digests: Mapping[str, str]) -> str:
    """What makes two detections the same one: rule, actors, targets and lines.

    Args:
        detection: with line sets by path.
        digests: the content digest of each path, so that the same content under another name is the same.
    """
    lines = sorted(
        (digests[path], hashlib.sha256(numbers.astype("<i8").tobytes()).hexdigest())
        for path, numbers in detection.lines.by_path.items()
    )
    named = (detection.rule_id, detection.logsource, detection.actors, detection.targets, detection.tool, lines)
    return hashlib.sha256(_text(named).encode()).hexdigest()


def detection_row(detection: Detection, row_id: str) -> dict[str, object]:
    """The row of ``detections``; lines go into a table of their own."""
    body = _DetectionBody(
        detection.rule_id,
        detection.title,
        detection.techniques,
        detection.actors,
        detection.targets,
        detection.why,
        detection.logsource,
        detection.tool,
        detection.succeeded,
        detection.meaning,
        detection.steps,
    )
    return {
        "id": row_id,
        "severity": int(detection.severity),
        "first_us": detection.first_us,
        "last_us": detection.last_us,
        "body": _text(body),
    }


def read_detections(
    connection: sa.Connection, paths: Mapping[int, str], *, without: Iterable[int] = ()
) -> list[Detection]:
    """All detections, in order of time.

    Args:
        connection: to the case.
        paths: how each input is called.
        without: leave out detections all of whose lines are in these inputs.
    """
    dropped = frozenset(without)
    lines = _lines(connection, tables.DETECTION_LINES, "detection_id")
    table = tables.DETECTIONS
    found = connection.execute(sa.select(table).order_by(table.c.first_us.is_(None), table.c.first_us, table.c.id))
    detections = []
    for row in found:
        by_input = lines.get(row.id, {})
        if dropped and by_input.keys() <= dropped:
            continue
        detections.append(_detection(row, _line_set(by_input, paths)))
    return detections


def read_detections_since(
    connection: sa.Connection, paths: Mapping[int, str], since_us: int, most: int = -1, until_us: int | None = None
) -> list[tuple[str, Detection]]:
    """Detections whose last line is no older, with their ids, oldest first; the latest so many of them (-1: all).

    With ``until_us`` only those whose first line is no later.
    """
    table, lines = tables.DETECTIONS, tables.DETECTION_LINES
    wanted = sa.or_(table.c.last_us >= since_us, table.c.last_us.is_(None))
    if until_us is not None:
        wanted &= sa.or_(table.c.first_us <= until_us, table.c.first_us.is_(None))
    latest = sa.select(table).where(wanted).order_by(table.c.last_us.desc(), table.c.id).limit(most)
    found = connection.execute(latest).all()
    by_id: dict[str, dict[int, Numbers]] = {}
    ids = [row.id for row in found]
    for at in range(0, len(ids), _AT_ONCE):
        query = sa.select(lines).where(lines.c.detection_id.in_(ids[at : at + _AT_ONCE]))
        for row in connection.execute(query):
            by_id.setdefault(row.detection_id, {})[row.input_id] = unpack(row.numbers)
    return [(row.id, _detection(row, _line_set(by_id.get(row.id, {}), paths))) for row in reversed(found)]


def _detection(row: sa.Row[tuple[object, ...]], lines: LineSet) -> Detection:
    body = read_body(row.body, _DetectionBody)
    return Detection(
        rule_id=body.rule_id,
        title=body.title,
        severity=Severity(row.severity),
        techniques=body.techniques,
        actors=body.actors,
        targets=body.targets,
        first_us=row.first_us,
        last_us=row.last_us,
        lines=lines,
        why=body.why,
        logsource=body.logsource,
        tool=body.tool,
        succeeded=body.succeeded,
        meaning=body.meaning,
        steps=body.steps,
    )


def incident_row(incident: Incident) -> dict[str, object]:
    """What grouping decides about an incident: not its id, work-flow, lines or samples."""
    body = IncidentBody(
        incident.title,
        incident.summary,
        incident.why,
        incident.phases,
        incident.techniques,
        incident.tactics,
        incident.tools,
        incident.actors,
        incident.targets,
        incident.rules,
        incident.advice,
        incident.election,
    )
    return {
        "severity": int(incident.severity),
        "first_us": incident.first_us,
        "last_us": incident.last_us,
        "line_count": len(incident.lines),
        "body": _text(body),
    }


def read_incidents(
    connection: sa.Connection, paths: Mapping[int, str], only: str | Collection[str] | None = None
) -> dict[str, Incident]:
    """Incidents by id, in the order that people should look at them: priority, severity, time.

    Args:
        connection: to the case.
        paths: how each input is called.
        only: the id of one, or of some; None = all.
    """
    found = _read(connection, paths, only)
    found.sort(key=lambda i: (i.election.priority, -i.severity, i.first_us or 0, i.id))
    return {incident.id: incident for incident in found}


def read_incident(connection: sa.Connection, incident_id: str) -> Incident:
    """One incident that is there, without reading any other."""
    table = tables.INCIDENT_LINES
    inputs = sa.select(tables.INPUTS.c.id, tables.INPUTS.c.path).join(table, table.c.input_id == tables.INPUTS.c.id)
    paths = {row.id: row.path for row in connection.execute(inputs.where(table.c.incident_id == incident_id))}
    return _read(connection, paths, incident_id)[0]


def _read(connection: sa.Connection, paths: Mapping[int, str], only: str | Collection[str] | None) -> list[Incident]:
    lines = _lines(connection, tables.INCIDENT_LINES, "incident_id", only)
    samples = _samples(connection, paths, only)
    query = sa.select(tables.INCIDENTS)
    if only is not None:
        query = query.where(_among(tables.INCIDENTS.c.id, only))
    return [
        _incident(row, _line_set(lines.get(row.id, {}), paths), samples.get(row.id, ()))
        for row in connection.execute(query)
    ]


def incident_lines(
    connection: sa.Connection, paths: Mapping[int, str], only: Collection[str] | None = None
) -> dict[str, LineSet]:
    """The lines of each incident (or of some, by id), by its id."""
    found = _lines(connection, tables.INCIDENT_LINES, "incident_id", only)
    ids = only if only is not None else connection.execute(sa.select(tables.INCIDENTS.c.id)).scalars()
    return {name: _line_set(found.get(name, {}), paths) for name in ids}


def incident_body(text: str) -> IncidentBody:
    """The body of an incident's row.

    Raises:
        StoreError: it is damaged.
    """
    return read_body(text, IncidentBody)


def _incident(row: sa.Row[tuple[object, ...]], lines: LineSet, samples: Iterable[RawLine]) -> Incident:
    body = read_body(row.body, IncidentBody)
    status: Status = row.status
    return Incident(
        id=row.id,
        title=body.title,
        severity=Severity(row.severity),
        status=status,
        summary=body.summary,
        why=body.why,
        phases=body.phases,
        techniques=body.techniques,
        tactics=body.tactics,
        tools=body.tools,
        actors=body.actors,
        targets=body.targets,
        first_us=row.first_us,
        last_us=row.last_us,
        lines=lines,
        samples=tuple(samples),
        rules=body.rules,
        advice=body.advice,
        election=body.election,
    )


def _lines(
    connection: sa.Connection, table: sa.Table, owner: str, only: str | Collection[str] | None = None
) -> dict[str, dict[int, Numbers]]:
    query = sa.select(table.c[owner], table.c.input_id, table.c.numbers)
    if only is not None:
        query = query.where(_among(table.c[owner], only))
    found: dict[str, dict[int, Numbers]] = {}
    for name, input_id, blob in connection.execute(query):
        found.setdefault(name, {})[input_id] = unpack(blob)
    return found


def _among(column: sa.Column[str], only: str | Collection[str]) -> sa.ColumnElement[bool]:
    """Whether a column holds one of some ids; many at a time, so they are handed over as JSON."""
    if isinstance(only, str):
        return column == only
    return column.in_(sa.select(sa.func.json_each(canonical.compact(sorted(only))).table_valued("value").c.value))


def _samples(
    connection: sa.Connection, paths: Mapping[int, str], only: str | Collection[str] | None
) -> dict[str, list[RawLine]]:
    table = tables.INCIDENT_SAMPLES
    query = sa.select(table).order_by(table.c.incident_id, table.c.position)
    if only is not None:
        query = query.where(_among(table.c.incident_id, only))
    found: dict[str, list[RawLine]] = {}
    for row in connection.execute(query):
        found.setdefault(row.incident_id, []).append(RawLine(paths[row.input_id], row.number, row.text))
    return found


def _line_set(by_input: Mapping[int, Numbers], paths: Mapping[int, str]) -> LineSet:
    return LineSet({paths[input_id]: numbers for input_id, numbers in by_input.items()})


def _text(value: object) -> str:
    # Lone surrogates cannot be stored as text; as JSON escapes they can, and come back as they were.
    return encodable(canonical.compact(msgspec.to_builtins(value)))


def read_body(text: str, kind: type[_B]) -> _B:
    """What a ``body`` says.

    Raises:
        StoreError: it is damaged.
    """
    try:
        return msgspec.convert(canonical.loads_lenient(text.encode(), max_bytes=_MAX_BODY_BYTES), kind)
    except (FormatError, msgspec.ValidationError) as error:
        raise StoreError(f"a record of the case is damaged ({error}); restore case.sqlite from a copy") from error
