"""A small world to fill cases with: logs whose lines name actors, and the plainest detection and grouping of them.

A line ``ann`` is ann doing something, ``ann!`` is ann getting in, ``ann+bob`` shows that the two are one campaign,
and ``?`` is a line that nobody understands. Incidents are what is connected by actors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from pollwatch.clock import ManualClock
from pollwatch.events.batch import EventBatch, LogSource
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.lines import LineSet
from pollwatch.incidents.incident import ElectionContext, Incident, Phase, RawLine, RuleCount
from pollwatch.incidents.intake import Intake
from pollwatch.incidents.records import Case
from pollwatch.incidents.regroup import Regrouped
from pollwatch.incidents.scanned import ScannedInput

LOG = LogSource("application")
START_US = 1_793_700_000_000_000


def clock() -> ManualClock:
    """A clock on election day."""
    return ManualClock(START_US)


def open_case(root: Path) -> Case:
    """A case with that clock."""
    return Case.open(root, clock())


def scan(case: Case, logs: Mapping[str, Sequence[str]]) -> Regrouped:
    """Scan logs into a case as the node does: admit, look back, read, group, commit."""
    with case.scanning() as intake:
        digests = {path: intake.digest() for path in logs}
        for path, digest in digests.items():
            digest.update(content(logs[path]))
        names = intake.admit_all(digests)
        admitted = {name: logs[path] for path, name in names.items() if name is not None}
        found = [each for name, lines in admitted.items() for each in detections(name, lines)]
        for name, lines in admitted.items():
            read(intake, name, lines)
        texts = {(name, at): line for name, lines in admitted.items() for at, line in enumerate(lines, 1)}
        return intake.commit(
            [scanned(name, lines) for name, lines in admitted.items()],
            found,
            group([*intake.detections(), *found], texts),
        )


def content(lines: Sequence[str]) -> bytes:
    """The bytes of a log."""
    return b"".join(line.encode() + b"\n" for line in lines)


def scanned(path: str, lines: Sequence[str]) -> ScannedInput:
    """What a scan says about a log."""
    data = content(lines)
    bad = lines.count("?")
    times = (START_US, START_US) if len(lines) > bad else (None, None)
    return ScannedInput(
        path, hashlib.sha256(data).hexdigest(), len(data), "world", len(lines), len(lines) - bad, bad, *times
    )


def read(intake: Intake, path: str, lines: Sequence[str]) -> None:
    """Hand the events and the lines in quarantine over."""
    intake.add_events(events(path, lines))
    for number, line in enumerate(lines, 1):
        if line == "?":
            intake.add_quarantined(path, number, "no actor", line.encode())


def events(path: str, lines: Sequence[str]) -> EventBatch:
    """An event for each line that is understood."""
    rows = [(number, line) for number, line in enumerate(lines, 1) if line != "?"]
    table = {
        "time_us": pa.array([START_US] * len(rows), pa.int64()),
        "number": pa.array([number for number, _ in rows], pa.int64()),
        "who": pa.array([line for _, line in rows], pa.string()),
    }
    return EventBatch(LOG, path, pa.table(table))


def detections(path: str, lines: Sequence[str]) -> list[Detection]:
    """One for each actor (or pair) of a log, with all of its lines."""
    numbers: dict[str, list[int]] = {}
    for number, line in enumerate(lines, 1):
        if line != "?":
            numbers.setdefault(line, []).append(number)
    return [_detection(path, line, found) for line, found in numbers.items()]


def _detection(path: str, line: str, numbers: list[int]) -> Detection:
    won = line.endswith("!")
    names = tuple(line.rstrip("!").split("+"))
    return Detection(
        rule_id="won" if won else "seen",
        title="somebody was here",
        severity=Severity.HIGH if won else Severity.MEDIUM,
        techniques=("T1110",),
        actors=Actors(user=names),
        targets=("portal",),
        first_us=START_US,
        last_us=START_US,
        lines=LineSet.of(path, numbers),
        why=f"{line} on {len(numbers)} lines",
        logsource=LOG,
        succeeded=won,
    )


def group(found: Iterable[Detection], texts: Mapping[tuple[str, int], str]) -> list[Incident]:
    """What is connected by actors is one incident; lines that can still be read are shown."""
    groups: list[tuple[set[str], list[Detection]]] = []
    for detection in sorted(found, key=lambda each: (each.actors, each.rule_id, sorted(each.lines.by_path))):
        names, members = set(detection.actors.user), [detection]
        for other in [each for each in groups if each[0] & names]:
            groups.remove(other)
            names |= other[0]
            members = [*other[1], *members]
        groups.append((names, members))
    return [incident(tuple(sorted(names)), members, texts) for names, members in groups]


def incident(names: tuple[str, ...], found: Sequence[Detection], texts: Mapping[tuple[str, int], str]) -> Incident:
    """The incident of some actors."""
    lines = LineSet.union(each.lines for each in found)
    picked = list(lines)[:3]
    severity = max(each.severity for each in found)
    return Incident(
        id="PW-" + hashlib.sha256(names[0].encode()).hexdigest()[:10],
        title="Somebody was here",
        severity=severity,
        status="open",
        summary=f"{len(lines)} lines",
        why=tuple(each.why for each in found),
        phases=(Phase("Guessing", "T1110", "credential-access", START_US, START_US, len(lines)),),
        techniques=("T1110",),
        tactics=("credential-access",),
        tools=(),
        actors=Actors(user=names),
        targets=("portal",),
        first_us=START_US,
        last_us=START_US,
        lines=lines,
        samples=tuple(RawLine(path, number, texts[path, number]) for path, number in picked if (path, number) in texts),
        rules=(RuleCount("seen", "somebody was here", len(lines)),),
        advice=("Look.",),
        election=ElectionContext("", "", 5),
    )
