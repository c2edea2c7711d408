"""A scan that is kept: into the case, and sealed.

The order is what makes a crash harmless. Raw lines are sealed and events written while they are read; then one
commit makes the scan part of the case; then its incidents are sealed and a seal is published (by the sealer at its own
time, where one is configured: a seal at the moment of a scan would tell others when one looked). If we stop before
the commit, the next scan does it all again, and finds its batches sealed already. If we stop after it, the next
scan seals the incidents that are not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from pollwatch.clock import Clock
from pollwatch.config import FIELDS
from pollwatch.errors import SourceError
from pollwatch.events.batch import NUMBER, Parsed
from pollwatch.events.block import LineBlock
from pollwatch.i18n import _
from pollwatch.incidents.intake import Intake
from pollwatch.incidents.records import Case
from pollwatch.node.case.progress import Progress
from pollwatch.node.case.reading import span_of
from pollwatch.node.case.scan import Earlier, ScanOptions, ScanReport, scan
from pollwatch.node.evidence import linevalues, rhythm
from pollwatch.node.evidence.batches import TimeSpan
from pollwatch.node.evidence.sealing import CaseEvidence
from pollwatch.sources.decompress import chunks
from pollwatch.sources.files import FileSource
from pollwatch.sources.interface import Source
from pollwatch.sources.position import Position


@dataclass(frozen=True, slots=True)
class Renamed:
    """An input under the name that the case gives it."""

    source: Source
    path: str

    @property
    def size_bytes(self) -> int:
        """As the source says."""
        return self.source.size_bytes

    @property
    def anchor_us(self) -> int:
        """As the source says."""
        return self.source.anchor_us

    def open(self) -> BinaryIO:
        """The source's bytes."""
        return self.source.open()


#: Lines are sealed, and erased, in batches of at most so many: what must be erased takes few neighbours along.
SEALED_RECORDS = 20_000


@dataclass(frozen=True, slots=True)
class _Kept:
    """Seals raw lines and hands events on, block by block."""

    intake: Intake
    evidence: CaseEvidence
    fields: Sequence[str]

    def block(self, source: Source, block: LineBlock, parsed: Parsed) -> None:
        for at in range(0, len(block), SEALED_RECORDS):
            part = slice(at, at + SEALED_RECORDS)
            lines = replace(block, first_number=block.first_number + at, raw=block.raw[part], text=block.text[part])
            events = events_of(lines, parsed)
            fields = linevalues.values(lines, events, self.fields)
            self.evidence.seal_batch(source.path, lines.first_number, lines.raw, TimeSpan(*span_of(events)), fields)
        self.intake.block(source, block, parsed)


def events_of(lines: LineBlock, parsed: Parsed) -> Parsed:
    """The events of some consecutive lines of a block."""
    batches = []
    for batch in parsed.batches:
        low, high = batch.table[NUMBER].to_numpy().searchsorted((lines.first_number, lines.first_number + len(lines)))
        if low < high:
            batches.append(replace(batch, table=batch.table.slice(low, high - low)))
    return Parsed(batches, ())


def scan_into(
    case_dir: Path,
    sources: Sequence[Source],
    options: ScanOptions,
    clock: Clock,
    *,
    fields: Sequence[str] = FIELDS,
    progress: Progress | None = None,
) -> ScanReport:
    """Scan into a case. Content that the case has already is left out.

    Args:
        case_dir: the case folder.
        sources: the inputs.
        options: what to scan with.
        clock: for times in seals.
        fields: what of each line is sealed so that it can be shown without the rest of it.
        progress: told how far it is.

    Returns:
        All inputs and incidents of the case as they now stand.

    Raises:
        StoreError: the case cannot be read or written; it is then as before.
        EvidenceError: the case's evidence does not check out; nothing is added to it.
    """
    with Case.open(case_dir, clock) as case, CaseEvidence.open(case_dir, clock, wait=True) as evidence:
        with case.scanning() as intake:
            free, remarks = _without_followed(sources, case.followed())
            admitted = _admit(free, intake)
            earlier = Earlier(intake.detections(), intake.events())
            recorder = _Kept(intake, evidence, fields)
            report = scan(admitted, options, earlier=earlier, recorder=recorder, progress=progress)
            intake.commit(report.inputs, report.detections, report.incidents)
        evidence.seal_incidents(case.incidents())
        rhythm.append_sequence(evidence)
        if evidence.interval is None:
            evidence.publish_seal()
        remarks = (*report.remarks, *remarks)
        return replace(report, inputs=tuple(case.inputs()), incidents=tuple(case.incidents()), remarks=remarks)


def _without_followed(sources: Sequence[Source], positions: Sequence[bytes]) -> tuple[list[Source], tuple[str, ...]]:
    """The inputs that no watch of the case reads already, and a sentence about those that one does."""
    read = {(each.device, each.inode) for each in map(Position.loads, positions) if each.generation}
    free: list[Source] = []
    followed: list[str] = []
    for source in sources:
        found = source.file.stat() if isinstance(source, FileSource) and source.file.exists() else None
        mine = found is not None and (found.st_dev, found.st_ino) in read
        (followed.append(source.path) if mine else free.append(source))
    if not followed:
        return free, ()
    words = _("left out, since the watch of this case reads it already: {paths}")
    return free, (words.format(paths=", ".join(followed)),)


def _admit(sources: Sequence[Source], intake: Intake) -> list[Source]:
    """The inputs that are new to the case, or that continue one it has, under the names that the case gives them."""
    digests = {}
    for source in sources:
        digests[source.path] = intake.digest()
        # What could be read is what is scanned; the scan meets the same error and reports it.
        with contextlib.suppress(SourceError), closing(source.open()) as stored:
            for chunk in chunks(stored, source.path):
                digests[source.path].update(chunk)
    names = intake.admit_all(digests)
    return [
        source if name == source.path else Renamed(source, name)
        for source in sources
        if (name := names[source.path]) is not None
    ]
