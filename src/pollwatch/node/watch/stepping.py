"""One step of a watch: records to detections, and all of it into the case at one moment (``incidents.live``).

A step is made in two halves, so that one core may detect while another one writes: :meth:`Stepper.detect` matches and
moves the detection state on, :meth:`Stepper.keep` seals the lines, writes the events and commits. The second half can
be repeated as often as it must be: a full disk holds the watch up, and loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import sqlalchemy as sa

from pollwatch.clock import Clock
from pollwatch.events.batch import EventBatch, Parsed
from pollwatch.events.block import LineBlock
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.live import LiveCase
from pollwatch.incidents.livefolding import Changes, OpenDetections
from pollwatch.incidents.livestep import LiveInput, Observed, Part, Step
from pollwatch.incidents.quarantine import QuarantineTally
from pollwatch.node.case.casework import SEALED_RECORDS, events_of
from pollwatch.node.case.reading import span_of
from pollwatch.node.evidence import linevalues
from pollwatch.node.evidence.batches import TimeSpan
from pollwatch.node.evidence.sealing import CaseEvidence, Unsealed
from pollwatch.node.watch import heartbeat
from pollwatch.node.watch.detecting import Detecting, seen_together
from pollwatch.node.watch.reading import Key, Understood
from pollwatch.store.events import EventFile
from pollwatch.store.parts import write_part

Positions = tuple[tuple[Key, bytes], ...]


@dataclass(frozen=True, slots=True)
class Detected:
    """A step before it is written.

    Attributes:
        seq: its number.
        read: what was read, in order.
        inputs: of each of these, the input.
        batches: the events, in the order in which detection saw them, each with the watermark that went with it.
        changes: of the detections.
        positions: how far every file was read.
        together: the same events, small batches of several inputs as one.
        heard: sources in which a heartbeat was heard.
        looked: it has no events, but detectors saw those of earlier steps in it.
    """

    seq: int
    read: tuple[Understood, ...]
    inputs: tuple[LiveInput, ...]
    batches: tuple[tuple[EventBatch, int | None], ...]
    changes: Changes
    positions: Positions
    together: tuple[EventBatch, ...] = ()
    heard: frozenset[str] = frozenset()
    looked: bool = False


class Stepper:
    """See the module."""

    def __init__(
        self, live: LiveCase, detecting: Detecting, open_: OpenDetections, fields: Sequence[str], clock: Clock
    ) -> None:
        """Take a case, the detection state, and the detections that may still grow.

        Args:
            live: the case.
            detecting: the engine and its state.
            open_: detections that may still grow.
            fields: what of each line is sealed so that it can be shown without the rest of it.
            clock: for times in seals.
        """
        self.fields = fields
        self._live = live
        self._detecting = detecting
        self._open = open_
        self._clock = clock
        self._cuts: dict[str, list[int]] = {}
        self._met: set[str] = set()
        self._sources: dict[str, str] = {}

    def detect(
        self,
        seq: int,
        read: Sequence[Understood],
        inputs: Sequence[LiveInput],
        positions: Positions,
        before_us: int | None,
        watermark_us: int | None,
    ) -> Detected:
        """Find what is to be found in some records; the detection state moves on.

        Args:
            seq: the number of the step.
            read: in the order in which they are to be looked at.
            inputs: of each, the input.
            positions: how far every file will have been read behind this step.
            before_us: the watermark before them.
            watermark_us: the watermark behind them.
        """
        batches = [batch for each in read for batch in each.batches]
        marks = [*([before_us] * (len(batches) - 1)), watermark_us]
        seen = seen_together(batches)
        looked = self._detecting.behind
        found, heard = heartbeat.parted(self._detecting.observe(seen, before_us, watermark_us))
        self._sources |= {each.name: each.source for each in inputs}
        sources = frozenset(self._sources[name] for name in heard)
        if not self._detecting.behind:
            self._sources.clear()
        return Detected(
            seq,
            tuple(read),
            tuple(inputs),
            tuple(zip(batches, marks, strict=False)),
            self._open.add(found),
            positions,
            tuple(seen),
            sources,
            looked and not read,
        )

    def finish(self) -> Changes:
        """What is to be told if nothing more comes."""
        return self._open.add(self._detecting.finish())

    def keep(self, detected: Detected, incidents: Sequence[Incident], also: Callable[[sa.Connection], None]) -> None:
        """Seal the lines, write the events, commit; the caller holds the case's lock.

        Args:
            detected: the step.
            incidents: of earlier steps, to be sealed along.
            also: writes what else is to be there at the same moment.

        Raises:
            StoreError: it could not be written; keeping it again does the whole of it.
            EvidenceError: the case's evidence does not check out.
        """
        root: Path = self._live.folder.root
        with ThreadPoolExecutor(1, "writing") as beside:  # it waits for the disk while lines are sealed
            writing = beside.submit(self._write, detected)
            if detected.read or incidents:
                with CaseEvidence.open(root, self._clock, wait=True, shared=False) as evidence:
                    self._look(evidence, detected)
                    evidence.seal_batches(list(self._unsealed(detected)))
                    evidence.seal_incidents(incidents)
        observed, files = writing.result()
        parts = tuple(_part(live, read, files[live.name]) for live, read in _by_input(detected))
        self._live.commit(
            Step(detected.seq, parts, detected.positions, observed, detected.changes, detected.looked), also
        )

    def _write(self, detected: Detected) -> tuple[tuple[Observed, ...], dict[str, list[EventFile]]]:
        """The events as files; what detection saw, and the files of each input."""
        observed: list[Observed] = []
        ids = {each.name: each.id for each in detected.inputs}
        files: dict[str, list[EventFile]] = {name: [] for name in ids}
        for batch, mark in detected.batches:
            file = write_part(self._live.folder.events, ids[batch.path], batch.logsource, batch.table)
            files[batch.path].append(file)
            source = batch.logsource
            observed.append(Observed(file.name, ids[batch.path], source.category, source.product, source.service, mark))
        return tuple(observed), files

    def _look(self, evidence: CaseEvidence, detected: Detected) -> None:
        """Where the batches of a step end that was sealed and never committed: sealed alike, it is not sealed twice."""
        for read in detected.read:
            name = _name(read)
            if name and name not in self._met:
                self._met.add(name)
                first = read.blocks[0].first_number
                known = evidence.openings.batches_about(name, first, 1 << 62)
                self._cuts[name] = sorted({end for b in known for end in (b.first_number, b.first_number + b.lines)})

    def _unsealed(self, detected: Detected) -> Iterator[Unsealed]:
        for read in detected.read:
            parsed = Parsed(read.batches, ())
            cuts = self._cuts.get(_name(read), [])
            for block in read.blocks:
                for part in _cut(block, cuts):
                    events = events_of(part, parsed)
                    fields = linevalues.values(part, events, self.fields)
                    span = TimeSpan(*span_of(events))
                    yield Unsealed(part.path, part.first_number, list(part.raw), span, fields)


def _name(read: Understood) -> str:
    return read.blocks[0].path if read.blocks else ""


def _cut(block: LineBlock, cuts: Sequence[int]) -> Iterator[LineBlock]:
    """A block in batches as they are sealed: of a bounded size, and ending where earlier ones of these lines ended."""
    first, end = block.first_number, block.first_number + len(block)
    at = first
    while at < end:
        upto = min([at + SEALED_RECORDS, end, *(cut for cut in cuts if at < cut < end)])
        part = slice(at - first, upto - first)
        yield replace(block, first_number=at, raw=block.raw[part], text=block.text[part])
        at = upto


def _part(live: LiveInput, read: Sequence[Understood], files: Sequence[EventFile]) -> Part:
    """What a step brings of one input, which is noted there as well."""
    tally = QuarantineTally()
    for each in read:
        _count(tally, each)
    lines = sum(each.lines for each in read)
    live.format, live.context = read[-1].format, read[-1].context.to_bytes()
    return Part(
        live,
        sum(each.chunk.after.offset - each.chunk.before.offset for each in read),
        lines,
        lines - sum(len(each.quarantined) for each in read),
        min((each.first_us for each in read if each.first_us is not None), default=None),
        max((each.last_us for each in read if each.last_us is not None), default=None),
        tuple(files),
        tally,
    )


def _by_input(detected: Detected) -> Iterator[tuple[LiveInput, list[Understood]]]:
    grouped: dict[int, tuple[LiveInput, list[Understood]]] = {}
    for live, read in zip(detected.inputs, detected.read, strict=True):
        grouped.setdefault(live.id, (live, []))[1].append(read)
    yield from grouped.values()


def _count(tally: QuarantineTally, read: Understood) -> None:
    blocks = iter(read.blocks)
    block = next(blocks, None)
    for each in sorted(read.quarantined, key=lambda each: each.number):
        while block is not None and each.number >= block.first_number + len(block):
            block = next(blocks, None)
        if block is not None:
            tally.add(each.number, each.reason, block.raw[each.number - block.first_number])
