"""A case for the console to show: a voter portal on an election's last days, written by hand and quick to make."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from incident_scenes import SQLMAP, Scene, incidents
from pollwatch.clock import SystemClock, to_datetime
from pollwatch.election.assets import Asset, Assets
from pollwatch.events.detection import Severity
from pollwatch.incidents.records import Case
from pollwatch.incidents.scanned import ScannedInput

ASSETS = Assets((Asset("Voter portal", "Alderland election office", "registration", hosts=("portal.example",)),))

SETTINGS = """
[[election]]
name = "Alderland municipal election"
zone = "Europe/Amsterdam"
day = 2026-10-21

[[asset]]
name = "Voter portal"
owner = "Alderland election office"
kind = "registration"
appears_as = ["portal.example"]

[[notify.person]]
name = "Lea"
role = "duty officer"
telephone = "+31 70 555 0100"
"""
#: A log line that would be a script, a formula and a terminal's colour, if anybody let it.
HOSTILE = "=cmd|'/C calc'!A0<script>document.title='owned'</script>\x1b[31m\u202e"


class Office:
    """A case that grows scan by scan."""

    def __init__(self, root: Path) -> None:
        """Nothing yet."""
        self.root = root
        self.scenes: list[Scene] = []

    def scan(self, *scenes: Scene) -> None:
        """Scan logs into the case: all that was found so far is grouped again."""
        self.scenes += scenes
        found = incidents(self.scenes, assets=ASSETS)
        texts = {}
        for each in found:
            texts |= {(line.path, line.number): line for line in each.samples}
        shown = [
            replace(each, samples=tuple(replace(line, text=_raw(line.path, line.number)) for line in each.samples))
            for each in found
        ]
        with Case.open(self.root, SystemClock()) as case:
            case.add_scan(
                [_scanned(each) for each in scenes],
                [detection for each in scenes for detection in each.detections],
                shown,
                [batch for each in scenes for batch in each.batches()],
            )


def attack(path: str, ip: str, rule: str = "SQL injection", lines: int = 6, **more: object) -> Scene:
    """Somebody at one address tries something on the portal."""
    scene = Scene(path)
    numbers = [
        scene.request(ip, second, cs_uri_stem="/status", cs_user_agent=SQLMAP, sc_status=200) for second in range(lines)
    ]
    options: dict[str, object] = {"severity": Severity.HIGH, "title": f"{rule}: a condition in a request"}
    scene.fire(rule.lower().replace(" ", "-"), numbers, **(options | more))
    return scene


def begin(root: Path) -> Office:
    """Five incidents by five addresses."""
    office = Office(root)
    office.scan(
        attack("a.log", "203.0.113.7", succeeded=True, techniques=("T1190",)),
        attack("b.log", "203.0.113.8"),
        attack("c.log", "198.51.100.9", "Path traversal", severity=Severity.MEDIUM, techniques=("T1083",)),
        attack("d.log", "198.51.100.10", "Path traversal", severity=Severity.MEDIUM, techniques=("T1083",)),
        attack("e.log", "192.0.2.66", "Altered page", succeeded=True, techniques=("T1491.002",)),
    )
    return office


def _raw(path: str, number: int) -> str:
    return f'{path} {number} "GET /status?id=1 HTTP/1.1" 200 "{HOSTILE}"'


def _scanned(scene: Scene) -> ScannedInput:
    data = f"{scene.path} {scene.number} {to_datetime(0)}".encode()
    times = [int(str(row["time_us"])) for row in scene.web]
    return ScannedInput(
        scene.path,
        hashlib.sha256(data).hexdigest(),
        len(data),
        "weblog",
        scene.number,
        scene.number,
        0,
        min(times),
        max(times),
    )
