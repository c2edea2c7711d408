"""How many recordings of Windows attacks raise an incident, and how many name the technique.

The recordings are ``security-datasets`` and ``evtx-to-mitre``, each scanned by itself, archives as they are, with the
shipped rules and SigmaHQ's (``sigma-rules``). An incident counts from low on. A recording's technique counts as named
where an incident carries it, its parent or a sibling under the same parent, all after ATT&CK's ``revoked-by``; a
recording without a technique in its folder's name or its description counts for the first figure alone.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from accuracy_table import DATA, Measured, Row

from pollwatch.clock import SystemClock
from pollwatch.detect.engine import Engine
from pollwatch.events.detection import Severity
from pollwatch.incidents.attack import technique
from pollwatch.incidents.grouping import Grouper
from pollwatch.incidents.incident import Incident
from pollwatch.node.case import inputs, reading

SIGMA = DATA / "sigma-rules"
_TECHNIQUE = re.compile(r"T\d{4}(?:\.\d{3})?")
_ARCHIVES = {".zip", ".gz"}
#: Network captures are no logs, and what is recorded beside Windows is measured by those whose formats they are.
_NOT_HERE = re.compile(r"pcap|zeek|/(?:aws|linux)/|vminsights", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded attack: its file, and the techniques that its makers say it shows."""

    path: Path
    techniques: frozenset[str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a scan made of a recording."""

    recording: Recording
    lines: int
    incidents: Sequence[Incident]
    formats: frozenset[str]

    @property
    def raised(self) -> bool:
        """Whether there is an incident of low or above."""
        return bool(self.incidents)

    @property
    def named(self) -> bool:
        """Whether an incident carries one of the techniques or its parent."""
        return bool(families(self.recording.techniques) & families(self.found))

    @property
    def found(self) -> frozenset[str]:
        """The techniques of all incidents."""
        return frozenset(each for incident in self.incidents for each in incident.techniques)


def families(ids: frozenset[str]) -> set[str]:
    """The techniques that ids mean today, without what comes after the dot."""
    return {technique(each).id.partition(".")[0] for each in ids}


def security_datasets() -> Iterator[Recording]:
    """OTRF's recordings, with the techniques of the metadata that names them."""
    root = DATA / "security-datasets" / "datasets"
    told: dict[str, set[str]] = {}
    for path in sorted(root.glob("*/_metadata/*.yaml")):
        metadata = yaml.safe_load(path.read_text(encoding="utf-8"))
        ids = {
            f"{each['technique']}.{each['sub-technique']}" if each.get("sub-technique") else str(each["technique"])
            for each in metadata.get("attack_mappings") or ()
        }
        for file in metadata.get("files") or ():
            told.setdefault(file["link"].rpartition("/")[2], set()).update(ids)
    for path in sorted(each for each in root.rglob("*") if each.suffix.lower() in _ARCHIVES):
        if not _NOT_HERE.search(str(path.relative_to(root))):
            yield Recording(path, frozenset(told.get(path.name, ())))


def evtx_to_mitre() -> Iterator[Recording]:
    """Logs in folders that are named after techniques."""
    root = DATA / "evtx-to-mitre"
    for path in sorted(root.rglob("*.evtx")):
        yield Recording(path, frozenset(_TECHNIQUE.findall(str(path.relative_to(root).parent))))


def scanned(engine: Engine, recording: Recording) -> Outcome:
    """A recording scanned by itself, as ``pollwatch scan`` does it."""
    options, formats, lines = reading.ReadOptions(), set[str](), 0
    with tempfile.TemporaryDirectory() as spool, Grouper() as grouper:
        sources, failures = inputs.open_sources([str(recording.path)], Path(spool), SystemClock())
        assert not failures, failures
        state = engine.start()
        for source in sources:
            count = reading.InputCount(source.path)
            for _block, parsed in reading.read(source, options, count):
                for batch in parsed.batches:
                    grouper.observe(batch)
                    state, found = engine.step(state, engine.match(batch), None)
                    grouper.add(found)
            formats.add(count.format)
            lines += count.lines
        grouper.add(engine.step(state, None, None, done=True)[1])
        incidents = [each for each in grouper.finish(lambda _wanted: {}) if each.severity >= Severity.LOW]
    return Outcome(recording, lines, incidents, frozenset(formats))


def told(outcome: Outcome) -> str:
    """A miss in a line: what it is, what was expected and what was found."""
    rules = sorted({f"{rule.title} x{rule.count}" for incident in outcome.incidents for rule in incident.rules})
    kind = "unnamed" if outcome.raised else "silent"
    return (
        f"{kind}: {outcome.recording.path.relative_to(DATA)}: {outcome.lines} events "
        f"({', '.join(sorted(outcome.formats))}); expected {', '.join(sorted(outcome.recording.techniques)) or 'any'}, "
        f"found {', '.join(sorted(outcome.found)) or 'nothing'} {rules[:8]}"
    )


def measured(engine: Engine, corpus: str, recordings: Iterable[Recording]) -> Measured:
    """Scan the recordings of a corpus."""
    outcomes = [scanned(engine, each) for each in recordings]
    known = [each for each in outcomes if each.recording.techniques]
    missed = [each for each in outcomes if not each.raised or (each.recording.techniques and not each.named)]
    return Measured(
        corpus,
        "recorded attacks, each scanned by itself with SigmaHQ's rules beside the shipped ones.",
        [
            Row("recordings that raise an incident", sum(each.raised for each in outcomes), len(outcomes), ">= 70"),
            Row("with the technique or its parent", sum(each.named for each in known), len(known), ">= 55"),
        ],
        [told(each) for each in sorted(missed, key=lambda each: each.raised)],
    )


@cache
def with_sigma() -> Engine:
    """The shipped rules and SigmaHQ's."""
    return Engine.load([SIGMA])


def datasets() -> Measured:
    """OTRF's Security Datasets."""
    return measured(with_sigma(), "security-datasets", security_datasets())


def evtx() -> Measured:
    """The samples that EVTX-to-MITRE-Attack collects."""
    return measured(with_sigma(), "evtx-to-mitre", evtx_to_mitre())
