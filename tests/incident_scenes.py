"""Scenes for tests of incidents: batches and detections as formats and rules would make them, written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from pollwatch.clock import US_PER_S, parse_rfc3339
from pollwatch.election.assets import Assets
from pollwatch.election.calendar import Calendar
from pollwatch.events.batch import EventBatch
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.lines import LineSet
from pollwatch.events.taxonomy import AUTH, WEB
from pollwatch.incidents.grouping import Grouper
from pollwatch.incidents.incident import Incident

NOON = parse_rfc3339("2026-10-20T12:00:00Z")
HOUR = 3600 * US_PER_S
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Firefox/131.0"
SQLMAP = "sqlmap/1.8.9#stable (https://sqlmap.org)"


def at(seconds: float) -> int:
    """So many seconds after noon of the scene's day."""
    return NOON + int(seconds * US_PER_S)


@dataclass(slots=True)
class Scene:
    """A log that is written line by line, and the detections that rules would make of it."""

    path: str = "access.log"
    web: list[dict[str, object]] = field(default_factory=list)
    auth: list[dict[str, object]] = field(default_factory=list)
    detections: list[Detection] = field(default_factory=list)
    number: int = 0

    def request(self, ip: str, second: float, **more: object) -> int:
        """One access-log line; returns its number."""
        self.number += 1
        row: dict[str, object] = {
            "time_us": at(second), "number": self.number, "c-ip": ip, "cs-uri-stem": "/status", "sc-status": 200,
            "sc-bytes": 900, "cs-host": "portal.example", "cs-user-agent": BROWSER, "cs-username": None,
        }  # fmt: skip
        self.web.append(row | {name.replace("_", "-"): value for name, value in more.items()})
        return self.number

    def message(self, action: str, second: float, **more: object) -> int:
        """One log-in message; returns its number."""
        self.number += 1
        row: dict[str, object] = {
            "time_us": at(second), "number": self.number, "hostname": "srv1", "program": "sshd", "pid": None,
            "action": action, "user": None, "ruser": None, "src_ip": None,
        }  # fmt: skip
        self.auth.append(row | more)
        return self.number

    def fire(self, rule: str, numbers: Iterable[int], **more: object) -> Detection:
        """A detection on some lines; times, actors and targets are those of the lines unless given."""
        wanted = set(numbers)
        rows = [row for row in [*self.web, *self.auth] if row["number"] in wanted]
        times = [int(str(row["time_us"])) for row in rows]
        found: dict[str, object] = {
            "rule_id": rule, "title": rule, "severity": Severity.MEDIUM, "techniques": ("T1190",),
            "actors": Actors(ip=_distinct(rows, "c-ip", "src_ip"), user=_distinct(rows, "user")),
            "targets": _distinct(rows, "cs-host", "hostname"), "first_us": min(times), "last_us": max(times),
            "lines": LineSet.of(self.path, wanted), "why": f"{rule} fired on {len(wanted)} lines.",
            "logsource": WEB if self.web else AUTH,
        }  # fmt: skip
        detection = Detection(**(found | more))  # type: ignore[arg-type]
        self.detections.append(detection)
        return detection

    def batches(self) -> list[EventBatch]:
        """The scene's events."""
        return [
            EventBatch(source, self.path, _table(rows)) for source, rows in ((WEB, self.web), (AUTH, self.auth)) if rows
        ]

    def incidents(self, **options: object) -> list[Incident]:
        """What the grouper makes of the scene."""
        return incidents([self], **options)


def incidents(
    scenes: Sequence[Scene],
    detections: Sequence[Detection] | None = None,
    calendar: Calendar | None = None,
    assets: Assets | None = None,
) -> list[Incident]:
    """What the grouper makes of several logs, the detections in a given order."""
    with Grouper(calendar, assets) as grouper:
        for scene in scenes:
            for batch in scene.batches():
                grouper.observe(batch)
        grouper.add(detections if detections is not None else [d for scene in scenes for d in scene.detections])
        return grouper.finish(texts)


def texts(wanted: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], str]:
    """The raw text of lines, for scenes that need none in particular."""
    return {(path, number): f"raw {path} {number}" for path, number in wanted}


def _distinct(rows: Sequence[Mapping[str, object]], *names: str) -> tuple[str, ...]:
    return tuple(sorted({str(row[name]) for row in rows for name in names if row.get(name)}))


def _table(rows: Sequence[Mapping[str, object]]) -> pa.Table:
    numeric = {"time_us", "number", "sc-status", "sc-bytes", "pid"}
    return pa.table(
        {
            name: pa.array([row[name] for row in rows], pa.int64() if name in numeric else pa.string())
            for name in rows[0]
        }
    )
