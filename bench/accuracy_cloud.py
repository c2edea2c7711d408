"""Recorded attacks on cloud accounts: OTRF's recordings of AWS and Azure, and the hub's tests of CloudTrail.

The recordings are scanned as those of Windows are (``accuracy_windows``), with SigmaHQ's rules for cloud services
beside the shipped ones. The hub names the acting account, not its address: an incident of low or above must name
it.
"""

from __future__ import annotations

from collections.abc import Iterator

import yaml
from accuracy_hub import cases, incidents
from accuracy_table import DATA, Measured, Row
from accuracy_windows import SIGMA, Outcome, Recording, scanned, told

from pollwatch.detect.engine import Engine

_RULES = ("cloud", "identity", "application")
_HUB = ("aws", "azure", "entra", "m365", "office365", "okta", "gcp", "google", "github", "duo")


def recordings() -> Iterator[Recording]:
    """The archives that OTRF's metadata calls cloud logs, where they are among those at hand."""
    root = DATA / "security-datasets" / "datasets"
    held = {path.name.lower(): path for path in root.rglob("*") if path.suffix.lower() in {".zip", ".gz"}}
    for path in sorted(root.glob("*/_metadata/*.yaml")):
        metadata = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
        ids = {
            f"{each['technique']}.{each['sub-technique']}" if each.get("sub-technique") else str(each["technique"])
            for each in metadata.get("attack_mappings") or ()
        }
        for file in metadata.get("files") or ():
            archive = held.get(file["link"].rpartition("/")[2].lower())
            if archive is not None and str(file.get("type")).lower() == "cloud":
                yield Recording(archive, frozenset(ids))


def cloud() -> Measured:
    """How many recordings raise an incident and name the technique, and how many of the hub's tests name who acted."""
    engine = Engine.load([SIGMA / "rules" / each for each in _RULES])
    outcomes: list[Outcome] = [scanned(engine, each) for each in recordings()]
    misses = [told(each) for each in outcomes if not each.named]
    hub = [case for case in cases() if case.name.startswith(_HUB) and case.sources]
    named = 0
    for case in hub:
        found = {name for each in incidents(case.log) for name in (*each.actors.ip, *each.actors.user)}
        named += case.sources <= found
        misses += [] if case.sources <= found else [f"{case.name}: {sorted(case.sources - found)} {case.scenarios}"]
    return Measured(
        "cloud",
        "recorded attacks on cloud accounts, each scanned by itself; tests of the hub that name who acted.",
        [
            Row("recordings that raise an incident", sum(each.raised for each in outcomes), len(outcomes), ">= 70"),
            Row("with the technique or its parent", sum(each.named for each in outcomes), len(outcomes), ">= 55"),
            Row("hub tests: an incident names who acted", named, len(hub), ">= 90"),
        ],
        misses,
    )
