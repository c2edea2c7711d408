"""A case's evidence: its keys, its private and its shared log, and what opens them.

::

    CASE/evidence/keys/       signer keys, readable by their owner only
    CASE/evidence/private/    everything that was recorded; nobody else ever sees it
    CASE/evidence/shared/     seals and posted documents; shared/public is what others read
    CASE/evidence/openings.sqlite   seeds, salts and field values (:mod:`pollwatch.node.evidence.openings`)

Sealing is idempotent: what was sealed already, byte for byte, keeps its entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from pollwatch import canonical
from pollwatch.clock import Clock
from pollwatch.errors import ProofError
from pollwatch.evidence import salted
from pollwatch.evidence.checkpoint import Checkpoint, SignedCheckpoint
from pollwatch.evidence.keys import Signer
from pollwatch.evidence.large import fitting
from pollwatch.evidence.linefields import Values
from pollwatch.evidence.log import Log
from pollwatch.evidence.manifest import IncidentEntry, PrivateEntry
from pollwatch.evidence.misuse import KeyMisuse
from pollwatch.evidence.monitor import ForkProof
from pollwatch.evidence.posted import Posted
from pollwatch.evidence.references import BatchLines, References
from pollwatch.evidence.saltedlines import SaltedLines
from pollwatch.evidence.seal import make_seal
from pollwatch.incidents.export import incident_document
from pollwatch.incidents.incident import Incident
from pollwatch.node.evidence import batches, casekeys, linevalues
from pollwatch.node.evidence.batches import NO_FIELDS, TimeSpan
from pollwatch.node.evidence.casekeys import CaseKeys
from pollwatch.node.evidence.interval import Interval
from pollwatch.node.evidence.openings import KeptBatch, KeptIncident, Openings
from pollwatch.node.gateway import pushing

#: Gives the raw records ``first_number`` to ``first_number + count - 1`` of an input again: (path, first, count).
FetchRaw = Callable[[str, int, int], Sequence[bytes]]


#: So many entries are appended in one durable step; a crash in it is made up for by looking at that many of the last.
_TOGETHER = 256


@dataclass(frozen=True, slots=True)
class Unsealed:
    """Consecutive records of an input that are to be sealed; see :meth:`CaseEvidence.seal_batch`."""

    path: str
    first_number: int
    lines: Sequence[bytes]
    span: TimeSpan = field(default_factory=TimeSpan)
    fields: Mapping[str, Values] = field(default_factory=lambda: NO_FIELDS)


class CaseEvidence:
    """One case's evidence, open for sealing. Use :meth:`open`, and close it (or use ``with``)."""

    def __init__(self, private: Log, openings: Openings, folder: Path, clock: Clock) -> None:
        """Take over open parts; :meth:`open` is what callers use."""
        self.private = private
        self.openings = openings
        self.interval = Interval.load(folder)
        self._folder = folder
        self._clock = clock
        self._shared: Log | None = None

    @classmethod
    def open(
        cls, case_dir: Path, clock: Clock, handle: str = "watch", *, wait: bool = False, shared: bool = True
    ) -> CaseEvidence:
        """Open a case's evidence; the first time, make its keys and logs.

        Args:
            case_dir: the case folder.
            clock: for times in seals and cosignatures.
            handle: what new logs' names begin with; eight random bytes follow, so that they are unique.
            wait: for another process that has it open for a moment; always so where a watch is at work in the case.
            shared: with the shared log; else that is opened when it is asked for.

        Raises:
            StoreError: another process has it open, or the disk says no.
            SignatureError: a key is missing, damaged, or readable by others.
            ProofError: a log does not carry what it signed.
        """
        folder = case_dir / "evidence"
        CaseKeys.create_missing(folder, handle)
        private = casekeys.open_log(folder, "private", clock, wait=wait or (case_dir / "live").exists())
        try:
            evidence = cls(private, Openings(folder / "openings.sqlite"), folder, clock)
        except BaseException:
            private.close()
            raise
        try:
            evidence._settle()
            if (shared and evidence.interval is None) or not (folder / "shared").exists():
                _ = evidence.shared
        except BaseException:
            evidence.close()
            raise
        return evidence

    @property
    def shared(self) -> Log:
        """The shared log; where a sealer has a schedule to keep, as it was when it was asked for, and to read only."""
        if self._shared is None:
            self._shared = self._open_shared()
            if self.interval is not None:
                self._shared.let_go()
        return self._shared

    @contextmanager
    def writing_shared(self) -> Iterator[Log]:
        """The shared log, to append to; where a sealer has a schedule to keep, others wait only that long for it.

        Raises:
            StoreError: another process keeps it open, or the disk says no.
        """
        if self.interval is None:
            yield self.shared
            return
        if self._shared is not None:
            self._shared.close()
            self._shared = None
        with self._open_shared() as log:
            yield log

    def _open_shared(self) -> Log:
        log = casekeys.open_log(self._folder, "shared", self._clock, wait=self.interval is not None)
        try:
            self.openings.settle_rest("seals", partial(last_index, log))
        except BaseException:
            log.close()
            raise
        return log

    @property
    def shared_signer(self) -> Signer:
        """The key that signs the shared log now."""
        return self.shared.signer

    def close(self) -> None:
        """Let another process work on the case."""
        self.openings.close()
        self.private.close()
        if self._shared is not None:
            self._shared.close()
            pushing.after_change(self._folder.parent, self._clock)

    def __enter__(self) -> Self:
        """The evidence itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def seal_batch(
        self,
        path: str,
        first_number: int,
        lines: Sequence[bytes],
        span: TimeSpan | None = None,
        fields: Mapping[str, Values] = NO_FIELDS,
    ) -> int:
        """Seal consecutive records of an input.

        Args:
            path: the input, as the case names it.
            first_number: 1-based number of the first record.
            lines: their raw bytes; at least one.
            span: earliest and latest time in them.
            fields: what of each line can be shown without the rest of it: by name, a value or None for each line.

        Returns:
            The batch's index in the private log; the same as before where the same records were sealed before, with
            the fields that they were sealed with then.

        Raises:
            ProofError: no lines, or fields that cannot be sealed together.
            StoreError: the disk says no.
        """
        return self.seal_batches((Unsealed(path, first_number, lines, span or TimeSpan(), fields),))[0]

    def seal_batches(self, found: Sequence[Unsealed]) -> list[int]:
        """Seal several batches in one durable step; as :meth:`seal_batch` does each.

        Raises:
            ProofError: a batch without lines, or with fields that cannot be sealed together.
            StoreError: the disk says no.
        """
        entries: list[int] = []
        for at in range(0, len(found), _TOGETHER):
            entries += self._seal_some_batches(found[at : at + _TOGETHER])
        return entries

    def _seal_some_batches(self, found: Sequence[Unsealed]) -> list[int]:
        entries: dict[int, int] = {}
        fresh: list[tuple[int, int, bytes]] = []
        with self.openings.together():
            for place, each in enumerate(found):
                if not each.lines:
                    raise ProofError(f"{each.path}: a batch without lines seals nothing")
                digest = batches.digest(each.path, each.first_number, each.lines)
                known = self.openings.batch_entry(digest)
                if known is None:
                    sealed = batches.salted_lines(each.path, each.lines, each.fields)
                    manifest = batches.manifest(sealed, each.first_number, each.span).to_bytes()
                    kept = KeptBatch(-1, each.path, each.first_number, len(each.lines), sealed.seed)
                    row = self.openings.keep_batch(digest, kept, linevalues.pack(each.fields), manifest)
                    fresh.append((place, row, manifest))
                else:
                    entries[place] = known
        self._append_all("batches", fresh, entries)
        return [entries[place] for place in range(len(found))]

    def _append_all(self, table: str, fresh: Sequence[tuple[int, int, bytes]], entries: dict[int, int]) -> None:
        """Append what was kept, as (place, row, manifest), and note the index of each in ``entries`` by its place."""
        if not fresh:
            return
        appended = self.private.append([manifest for _place, _row, manifest in fresh])
        with self.openings.together():
            for (place, row, _manifest), entry in zip(fresh, appended, strict=True):
                self.openings.settle(table, row, entry)
                entries[place] = entry

    def salted_lines(self, batch: KeptBatch, lines: Sequence[bytes]) -> SaltedLines:
        """A sealed batch that was not erased, with its lines as they were read again."""
        fields = linevalues.unpack(self.openings.fields_of(batch.entry))
        return batches.salted_lines(batch.path, lines, fields, batch.seed)

    def seal_incident(self, incident: Incident) -> int:
        """Seal one incident; see :meth:`seal_incidents`."""
        return self.seal_incidents((incident,))[0]

    def seal_incidents(self, incidents: Sequence[Incident]) -> list[int]:
        """Seal incidents as they are now understood; their lines must have been sealed.

        Returns:
            The index of each in the private log; the same as before where nothing about it changed.

        Raises:
            ProofError: some line is in no sealed batch.
        """
        entries: list[int] = []
        for at in range(0, len(incidents), _TOGETHER):
            entries += self._seal_some(incidents[at : at + _TOGETHER])
        return entries

    def _seal_some(self, incidents: Sequence[Incident]) -> list[int]:
        entries: dict[int, int] = {}
        fresh: list[tuple[int, int, bytes]] = []
        with self.openings.together():
            for place, incident in enumerate(incidents):
                content, references = _content(incident), self._references(incident)
                digest = sha256(len(content).to_bytes(8, "big") + content + references.to_bytes()).digest()
                known = self.openings.incident_entry(incident.id, digest)
                if known is None:
                    kept = KeptIncident(-1, content, salted.new_salt(), references.to_bytes(), salted.new_salt())
                    manifest = _incident_manifest(incident, references, kept)
                    fresh.append((place, self.openings.keep_incident(incident.id, digest, kept, manifest), manifest))
                else:
                    entries[place] = known
        self._append_all("incidents", fresh, entries)
        return [entries[place] for place in range(len(incidents))]

    def publish_seal(self, rivals: Sequence[SignedCheckpoint] = ()) -> int:
        """Seal the private log's present state into the shared log; at a fixed interval, also when nothing happened.

        Args:
            rivals: the latest checkpoint seen of each other member's log.

        Returns:
            The seal's index in the shared log.
        """
        with self.writing_shared() as shared:
            return seal_state(self.private.signed.checkpoint, shared, self.openings, rivals, self._clock.now_us())

    def append_private(self, entry: PrivateEntry) -> int:
        """Record something else (a disclosure, an indicator); its salts are the caller's to keep.

        So is an entry of more than 65,535 bytes: the log then holds its digest.
        """
        return self.private.append([fitting(entry.to_bytes())])[0]

    def record(self, entry: PrivateEntry, opening: bytes) -> int:
        """Record something else, and keep with the case what opens it (canonical JSON)."""
        manifest = entry.to_bytes()
        return self._append("others", self.openings.keep_entry(entry.KIND, opening, manifest), manifest)

    def post(self, entry: Posted | ForkProof | KeyMisuse) -> int:
        """Post a document in the shared log, for everybody to read; gives its index there."""
        with self.writing_shared() as shared:
            return shared.append([entry.to_bytes()])[0]

    def latest_entry(self, incident_id: str) -> int | None:
        """The private log's index of the latest understanding of an incident; None if it was never sealed."""
        return self.openings.latest_incident(incident_id)

    def _append(self, table: str, row: int, manifest: bytes) -> int:
        entry = self.private.append([manifest])[0]
        self.openings.settle(table, row, entry)
        return entry

    def _settle(self) -> None:
        """Make up for a crash between keeping an opening and noting its entry: the entry can only be at the end."""
        for table in ("batches", "incidents", "others"):
            self.openings.settle_rest(table, partial(last_index, self.private))

    def _references(self, incident: Incident) -> References:
        by_entry: dict[int, list[int]] = {}
        for path, numbers in incident.lines.by_path.items():
            taken = np.zeros(numbers.size, dtype=bool)
            for batch in self.openings.batches_about(path, int(numbers[0]), int(numbers[-1])):
                ends = (batch.first_number, batch.first_number + batch.lines)
                start, stop = np.searchsorted(numbers, ends).tolist()
                fresh = ~taken[start:stop]
                if fresh.any():
                    by_entry[batch.entry] = numbers[start:stop][fresh].tolist()
                    taken[start:stop] = True
            if not taken.all():
                missing = int(numbers[int(np.argmin(taken))])
                raise ProofError(f"incident {incident.id}: line {missing} of {path} was never sealed")
        return References(tuple(BatchLines.of(entry, by_entry[entry]) for entry in sorted(by_entry)))


def _incident_manifest(incident: Incident, references: References, kept: KeptIncident) -> bytes:
    return IncidentEntry(
        incident.id,
        incident.severity.word,
        incident.first_us,
        incident.last_us,
        references.lines,
        salted.commitment(kept.content_salt, kept.content),
        salted.commitment(kept.references_salt, kept.references),
    ).to_bytes()


def seal_state(
    private: Checkpoint, shared: Log, openings: Openings, rivals: Sequence[SignedCheckpoint], now_us: int
) -> int:
    """Seal a state of the private log into the shared log; gives the seal's index.

    The opening is kept before the seal is appended: a seal whose opening is lost proves nothing any more.
    """
    seal, opening = make_seal(private, rivals, now_us)
    row = openings.keep_seal(seal, opening)
    entry = shared.append([seal.to_bytes()])[0]
    openings.settle("seals", row, entry)
    return entry


def last_index(log: Log, manifest: bytes) -> int | None:
    """Where an entry stands among the last of a log."""
    for index in range(log.size - 1, max(-1, log.size - 1 - _TOGETHER), -1):
        if log.entry(index) == manifest:
            return index
    return None


def _content(incident: Incident) -> bytes:
    """What is sealed about an incident: all but its work-flow status, which changes without the incident changing."""
    document = incident_document(incident)
    document.pop("status", None)
    return canonical.dumps(document)
