"""``scan``: inputs to incidents, in one streaming pass with bounded memory, then a second look at sample lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import Protocol

import pyarrow.compute as pc

from pollwatch.clock import US_PER_S, monotonic_s
from pollwatch.detect import indicators
from pollwatch.detect.canary import CanaryDetector
from pollwatch.detect.engine import Engine
from pollwatch.detect.indicators import Watchlist
from pollwatch.election.announced import Announced
from pollwatch.election.assets import Assets
from pollwatch.election.calendar import Calendar
from pollwatch.election.canaries import Canary
from pollwatch.errors import RuleError
from pollwatch.events.batch import TIME, EventBatch, Parsed
from pollwatch.events.block import LineBlock
from pollwatch.events.detection import Detection
from pollwatch.incidents.coverage import CoverageAnswer, coverage
from pollwatch.incidents.grouping import Grouper
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.scanned import ScannedInput
from pollwatch.node.case import reading
from pollwatch.node.case.pieces import Reading, pieces
from pollwatch.node.case.progress import Progress
from pollwatch.sources.interface import Failure, Source

_LATE_US = 3_600 * US_PER_S
"""Logs step back in time: clocks are set, writers are buffered. Within an hour nothing is missed by it."""


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """What to scan with.

    Attributes:
        read: format and zone, and how many cores may be used.
        rule_dirs: Sigma rules added to the shipped pack.
        since_us: leave earlier events out of detection; events without a time stay in.
        until_us: leave this moment and later ones out.
        calendar: the elections watched.
        assets: what is watched.
        announced: tests that somebody was asked to make.
        canaries: names that nobody should ever use.
        watchlist: indicators to look for.
    """

    read: reading.ReadOptions = field(default_factory=reading.ReadOptions)
    rule_dirs: tuple[Path, ...] = ()
    since_us: int | None = None
    until_us: int | None = None
    calendar: Calendar = field(default_factory=Calendar)
    assets: Assets = field(default_factory=Assets)
    announced: tuple[Announced, ...] = ()
    canaries: tuple[Canary, ...] = ()
    watchlist: Watchlist = field(default_factory=lambda: Watchlist(()))


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a scan found.

    Attributes:
        inputs: what was read; for a case, all that it has.
        reasons: why lines were quarantined, and how many for each reason.
        failures: inputs that could not be read, or not to their end; the others were scanned all the same.
        refused: rules that did not load, each with its reason.
        lines_read: by this scan.
        passed_over: files of no known format that were met in a folder beside logs; not among ``inputs``.
        dropped: observations that correlations forgot for want of memory; then slow attacks may go unseen.
        remarks: what made this scan slower than it need be, in sentences.
    """

    inputs: tuple[ScannedInput, ...]
    reasons: Mapping[str, int]
    incidents: tuple[Incident, ...]
    detections: tuple[Detection, ...]
    coverage: tuple[CoverageAnswer, ...]
    failures: tuple[Failure, ...]
    refused: tuple[RuleError, ...]
    lines_read: int
    elapsed_s: float
    passed_over: tuple[ScannedInput, ...] = ()
    dropped: int = 0
    remarks: tuple[str, ...] = ()

    @property
    def lines_per_s(self) -> float:
        """Lines read per second of the whole scan."""
        return self.lines_read / max(self.elapsed_s, 1e-9)


@dataclass(frozen=True, slots=True)
class Earlier:
    """What earlier scans of the same case left: grouped together with what this one finds."""

    detections: Sequence[Detection] = ()
    events: Iterable[EventBatch] = ()


class Recorder(Protocol):
    """Told of everything that a scan reads, before detection: a case keeps it."""

    def block(self, source: Source, block: LineBlock, parsed: Parsed) -> None:
        """One block of an input and what became of it."""


def scan(
    sources: Sequence[Source],
    options: ScanOptions,
    *,
    earlier: Earlier | None = None,
    recorder: Recorder | None = None,
    progress: Progress | None = None,
) -> ScanReport:
    """Read, detect and group.

    Args:
        sources: the inputs; read in order of time, so that rotated logs and several hosts' logs fit together.
        options: what to scan with.
        earlier: what the case has already.
        recorder: keeps what is read.
        progress: told how far it is.
    """
    started_s = monotonic_s()
    canaries = [CanaryDetector(options.canaries)] if options.canaries else []
    engine = Engine.load(
        options.rule_dirs, detectors=canaries, progress=None if progress is None else progress.compiling
    )
    by_path = {source.path: source for source in sources}
    counts = {source.path: reading.InputCount(source.path) for source in sources}
    failures: list[Failure] = []
    detections: list[Detection] = []
    with Grouper(options.calendar, options.assets, options.announced) as grouper:
        if earlier is not None:
            grouper.add(earlier.detections)
            for batch in earlier.events:
                grouper.observe(batch)
        state = engine.start()
        ordered = _in_order_of_time(sources, options.read)
        kept = recorder is not None
        watched = kept or options.canaries or options.watchlist.watched  # these look at every column
        read = options.read if watched else replace(options.read, asking=engine)
        what = Reading(ordered, counts, read, options.since_us, options.until_us, kept, progress)
        with closing(pieces(what, engine)) as all_pieces:
            for piece in all_pieces:
                if piece.failure:
                    failures.append(Failure(piece.source.path, piece.failure))
                if recorder is not None and piece.lines is not None:
                    recorder.block(piece.source, *piece.lines)
                for matches in piece.matches:
                    grouper.observe(matches.batch)
                    state, found = engine.step(state, matches, _watermark(matches.batch, piece.next_us))
                    found += indicators.match(options.watchlist, matches.batch)
                    detections += found
                    grouper.add(found)
        state, found = engine.step(state, None, None, done=True)
        detections += found
        grouper.add(found)
        incidents = grouper.finish(lambda wanted: reading.fetch(by_path, wanted))
    return ScanReport(
        tuple(counts[source.path].scanned() for source in sources),
        sum((count.reasons for count in counts.values()), Counter()),
        tuple(incidents),
        tuple(detections),
        tuple(coverage(grouper.telemetry.events, grouper.telemetry)),
        tuple(failures),
        tuple(each.error for each in engine.report.refused),
        sum(count.lines for count in counts.values()),
        monotonic_s() - started_s,
        remarks=engine.report.remarks,
        dropped=state.dropped,
    )


def _in_order_of_time(sources: Sequence[Source], options: reading.ReadOptions) -> list[tuple[Source, int | None]]:
    """The inputs by their first event, those without one last; beside each, when the earliest of the others begins."""
    begins = {source.path: reading.first_time(source, options) for source in sources}
    ordered = sorted(sources, key=lambda source: (begins[source.path] is None, begins[source.path] or 0))
    starts = [begins[source.path] for source in ordered]
    return list(zip_longest(ordered, starts[1:]))


def _watermark(batch: EventBatch, next_us: int | None) -> int | None:
    """Nothing older is still to come: of this input but for a few late lines, nor of the inputs after it."""
    latest: int | None = pc.max(batch.table[TIME]).as_py()
    if latest is None:
        return None
    return min(latest - _LATE_US, next_us) if next_us is not None else latest - _LATE_US
