"""A scan that is kept: into the case, and sealed.

The order is what makes a crash harmless. Raw lines are sealed and events written while they are read; then one
commit makes the scan part of the case; then its incidents are sealed and a seal is published. If we stop before
the commit, the next scan does it all again, and finds its batches sealed already. If we stop after it, the next
scan seals the incidents that are not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from pollwatch.clock import Clock
from pollwatch.errors import SourceError
from pollwatch.incidents.intake import Intake
from pollwatch.incidents.records import Case
from pollwatch.node.scan import Earlier, ScanOptions, ScanReport, scan
from pollwatch.sources.decompress import chunks
from pollwatch.sources.interface import Source


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


def scan_into(
    case_dir: Path,
    sources: Sequence[Source],
    options: ScanOptions,
    clock: Clock,
    *,
    progress: Callable[[Source, int], None] | None = None,
) -> ScanReport:
    """Scan into a case. Content that the case has already is left out.

    Returns:
        All inputs and incidents of the case as they now stand.

    Raises:
        StoreError: the case cannot be read or written; it is then as before.
        EvidenceError: the case's evidence does not check out; nothing is added to it.
    """
    with Case.open(case_dir, clock) as case:
        with case.scanning() as intake:
            admitted = _admit(sources, intake)
            earlier = Earlier(intake.detections(), case.events())
            report = scan(admitted, options, earlier=earlier, recorder=intake, progress=progress)
            intake.commit(report.inputs, report.detections, report.incidents)
        return replace(report, inputs=tuple(case.inputs()), incidents=tuple(case.incidents()))


def _admit(sources: Sequence[Source], intake: Intake) -> list[Source]:
    """The inputs that are new to the case, or that continue one it has."""
    admitted: list[Source] = []
    for source in sources:
        digest = intake.digest()
        try:
            with closing(source.open()) as stored:
                for chunk in chunks(stored, source.path):
                    digest.update(chunk)
        except SourceError:
            # What could be read is what is scanned; the scan meets the same error and reports it.
            pass
        name = intake.admit(source.path, digest)
        if name is not None:
            admitted.append(source if name == source.path else Renamed(source, name))
    return admitted
