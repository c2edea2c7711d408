"""The demo: a recorded election week on one node, then the two rivals' story; everything is left in one folder."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pollwatch.clock import Clock
from pollwatch.errors import StoreError, UsageError
from pollwatch.node.case.reporting import case_report
from pollwatch.node.case.scan import ScanReport
from pollwatch.node.case.scanning import Request, run
from pollwatch.node.demos.story import Stage
from pollwatch.report.html import html_report

MARK: Final = ".pollwatch-demo"
EXAMPLE: Final = Path("examples") / "election-week"
LOGS: Final = ("web", "office")


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the demo leaves things.

    Attributes:
        root: all of it.
        alder: the first member's case.
        birch: the second member's case.
        evidence: what third parties get.
        report: the HTML report of the first case.
    """

    root: Path
    alder: Path
    birch: Path
    evidence: Path
    report: Path


def recorded_week() -> Path:
    """The recorded week: of this checkout, else the one that came with the package.

    Raises:
        StoreError: neither is there.
    """
    package = Path(__file__).parents[2]
    for place in (Path.cwd() / EXAMPLE, package.parents[1] / EXAMPLE, package / EXAMPLE):
        if (place / "pollwatch.toml").exists():
            return Path(os.path.relpath(place)) if place.is_relative_to(Path.cwd()) else place
    raise StoreError(
        f"the recorded election week ({EXAMPLE}) is missing; reinstall pollwatch, or run from its checkout"
    )


def prepare(root: Path) -> Folders:
    """An empty folder for the demo; one that an earlier demo left is emptied, anything else is left alone.

    Raises:
        UsageError: the folder holds something that no demo made.
    """
    if root.exists() and any(root.iterdir()):
        if not (root / MARK).exists():
            raise UsageError(f"{root} holds other things; choose an empty or a new folder with --out")
        shutil.rmtree(root)
    root.mkdir(parents=True, exist_ok=True)
    (root / MARK).touch()
    return Folders(root, root / "alder", root / "birch", root / "evidence", root / "report.html")


def scan_week(week: Path, folders: Folders, clock: Clock, *, show_progress: bool) -> ScanReport:
    """Scan the recorded week into the first member's case."""
    paths = tuple(str(week / name) for name in LOGS)
    request = Request(paths, case_dir=folders.alder, config_file=week / "pollwatch.toml")
    return run(request, clock, show_progress=show_progress)


def stage(report: ScanReport, folders: Folders, clock: Clock) -> Stage:
    """The joint story's stage: what is released is the gravest incident."""
    gravest = max(report.incidents, key=lambda incident: (incident.severity, -incident.election.priority))
    return Stage(folders.alder, folders.birch, folders.evidence, gravest, clock)


def write_report(week: Path, folders: Folders, clock: Clock) -> Path:
    """The first member's report."""
    folders.report.write_text(html_report(case_report(folders.alder, clock, week / "pollwatch.toml")), "utf-8")
    return folders.report
