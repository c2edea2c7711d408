"""Lines and an incident of them, for tests of evidence."""

from __future__ import annotations

from pollwatch.events.detection import Actors, Severity
from pollwatch.events.lines import LineSet
from pollwatch.incidents.incident import ElectionContext, Incident

LINES = [f"192.0.2.7 - - [03/Nov/2026:20:00:{number:02d} +0000] GET /{number}".encode() for number in range(60)]


def an_incident(numbers: range | list[int], path: str = "access.log") -> Incident:
    """An incident of these lines."""
    return Incident(
        id="inc-1",
        title="Password guessing",
        severity=Severity.HIGH,
        status="open",
        summary="Somebody guessed.",
        why=("40 failures",),
        phases=(),
        techniques=("T1110.001",),
        tactics=("credential-access",),
        tools=(),
        actors=Actors(ip=("192.0.2.7",)),
        targets=("portal",),
        first_us=1_793_736_000_000_000,
        last_us=None,
        lines=LineSet.of(path, numbers),
        samples=(),
        rules=(),
        advice=(),
        election=ElectionContext("", "", 3),
    )


def fetch(_path: str, first: int, count: int) -> list[bytes]:
    """The originals again."""
    return LINES[first - 1 : first - 1 + count]
