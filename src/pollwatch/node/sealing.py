"""A case's evidence: its keys, its private and its shared log, and what opens them.

::

    CASE/evidence/keys/       signer keys, readable by their owner only
    CASE/evidence/private/    everything that was recorded; nobody else ever sees it
    CASE/evidence/shared/     seals and posted documents; shared/public is what others read
    CASE/evidence/openings.sqlite   seeds, salts and field values (:mod:`pollwatch.node.openings`)

Sealing is idempotent: what was sealed already, byte for byte, keeps its entry.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from pollwatch import canonical
from pollwatch.clock import Clock, monotonic_s
from pollwatch.errors import ProofError, StoreError
from pollwatch.evidence import durable, salted
from pollwatch.evidence.checkpoint import Checkpoint
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.large import fitting
from pollwatch.evidence.linefields import Values
from pollwatch.evidence.log import Log
from pollwatch.evidence.manifest import IncidentEntry, PrivateEntry
from pollwatch.evidence.monitor import ForkProof
from pollwatch.evidence.posted import Posted
from pollwatch.evidence.references import BatchLines, References
from pollwatch.evidence.saltedlines import SaltedLines
from pollwatch.evidence.seal import make_seal
from pollwatch.incidents.export import incident_document
from pollwatch.incidents.incident import Incident
from pollwatch.node import batches, linevalues
from pollwatch.node.batches import NO_FIELDS, TimeSpan
from pollwatch.node.interval import Interval
from pollwatch.node.openings import KeptBatch, KeptIncident, Openings

#: Gives the raw records ``first_number`` to ``first_number + count - 1`` of an input again: (path, first, count).
FetchRaw = Callable[[str, int, int], Sequence[bytes]]

_WAIT_S = 60.0
_WAIT_STEP_S = 0.02

#: So many entries are appended in one durable step; a crash in it is made up for by looking at that many of the last.
_TOGETHER = 256


class CaseEvidence:
    """One case's evidence, open for sealing. Use :meth:`open`, and close it (or use ``with``)."""

    def __init__(self, keys: CaseKeys, private: Log, openings: Openings, folder: Path, clock: Clock) -> None:
        """Take over open parts; :meth:`open` is what callers use."""
        self.private = private
        self.shared_signer = keys.shared
        self.openings = openings
        self.interval = Interval.load(folder)
        self._keys = keys
        self._folder = folder
        self._clock = clock
        self._shared: Log | None = None

    @classmethod
    def open(cls, case_dir: Path, clock: Clock, handle: str = "watch") -> CaseEvidence:
        """Open a case's evidence; the first time, make its keys and logs.

        Args:
            case_dir: the case folder.
            clock: for times in seals and cosignatures.
            handle: what new logs' names begin with; eight random bytes follow, so that they are unique.

        Raises:
            StoreError: another process has it open, or the disk says no.
            SignatureError: a key is missing, damaged, or readable by others.
            ProofError: a log does not carry what it signed.
        """
        folder = case_dir / "evidence"
        keys = CaseKeys.open_or_create(folder, handle)
        private = Log.open(folder / "private", (keys.private,), clock)
        try:
            evidence = cls(keys, private, Openings(folder / "openings.sqlite"), folder, clock)
        except BaseException:
            private.close()
            raise
        try:
            evidence._settle()
            if evidence.interval is None or not (folder / "shared").exists():
                _ = evidence.shared
        except BaseException:
            evidence.close()
            raise
        return evidence

    @property
    def shared(self) -> Log:
        """The shared log. Where a sealer has a schedule to keep, it is opened only when it is asked for."""
        if self._shared is None:
            log = open_shared(self._folder, self._keys, self._clock, wait=self.interval is not None)
            self.openings.settle_rest("seals", partial(last_index, log))
            self._shared = log
        return self._shared

    def close(self) -> None:
        """Let another process work on the case."""
        self.openings.close()
        self.private.close()
        if self._shared is not None:
            self._shared.close()

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
        if not lines:
            raise ProofError(f"{path}: a batch without lines seals nothing")
        digest = batches.digest(path, first_number, lines)
        known = self.openings.batch_entry(digest)
        if known is not None:
            return known
        sealed = batches.salted_lines(path, lines, fields)
        manifest = batches.manifest(sealed, first_number, span or TimeSpan()).to_bytes()
        kept = KeptBatch(-1, path, first_number, len(lines), sealed.seed)
        row = self.openings.keep_batch(digest, kept, linevalues.pack(fields), manifest)
        return self._append("batches", row, manifest)

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
        if fresh:
            appended = self.private.append([manifest for _place, _row, manifest in fresh])
            with self.openings.together():
                for (place, row, _manifest), entry in zip(fresh, appended, strict=True):
                    self.openings.settle("incidents", row, entry)
                    entries[place] = entry
        return [entries[place] for place in range(len(incidents))]

    def publish_seal(self, rivals: Sequence[Checkpoint] = ()) -> int:
        """Seal the private log's present state into the shared log; at a fixed interval, also when nothing happened.

        Args:
            rivals: the latest checkpoint seen of each other member's log.

        Returns:
            The seal's index in the shared log.
        """
        return seal_state(self.private.signed.checkpoint, self.shared, self.openings, rivals, self._clock.now_us())

    def append_private(self, entry: PrivateEntry) -> int:
        """Record something else (a disclosure, an indicator); its salts are the caller's to keep.

        So is an entry of more than 65,535 bytes: the log then holds its digest.
        """
        return self.private.append([fitting(entry.to_bytes())])[0]

    def record(self, entry: PrivateEntry, opening: bytes) -> int:
        """Record something else, and keep with the case what opens it (canonical JSON)."""
        manifest = entry.to_bytes()
        return self._append("others", self.openings.keep_entry(entry.KIND, opening, manifest), manifest)

    def post(self, entry: Posted | ForkProof) -> int:
        """Post a document in the shared log, for everybody to read; gives its index there."""
        return self.shared.append([entry.to_bytes()])[0]

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
            for batch in self.openings.batches_of(path):
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


@dataclass(frozen=True, slots=True)
class CaseKeys:
    """The keys of a case's two logs.

    Attributes:
        shared: signs the shared log (type 01).
        shared_quantum: cosigns it with ML-DSA, under the same name.
        private: signs the private log.
    """

    shared: Signer
    shared_quantum: Signer
    private: Signer

    @classmethod
    def open_or_create(cls, folder: Path, handle: str) -> CaseKeys:
        """Read the keys; make them where there is neither key nor log.

        Raises:
            SignatureError: a key is missing, damaged, or readable by others.
            StoreError: the disk says no.
        """
        keys = folder / "keys"
        try:
            durable.make_folder(folder, mode=0o700)
            durable.make_folder(keys, mode=0o700)
            if not (folder / "shared").exists() and not (folder / "private").exists():
                cls._create_missing(keys, handle)
        except OSError as error:
            raise StoreError(f"{keys} cannot be written: {error}") from error
        return cls.load(folder)

    @classmethod
    def load(cls, folder: Path) -> CaseKeys:
        """Read the keys of a case that has them.

        Raises:
            StoreError: nothing was ever sealed here.
            SignatureError: a key is missing, damaged, or readable by others.
        """
        if not (folder / "keys").is_dir():
            raise StoreError(f"no evidence in {folder}; `pollwatch scan PATH... --case DIR` makes it")
        return cls(*(Signer.load(folder / "keys" / f"{name}.key") for name in ("shared", "shared-mldsa", "private")))

    @classmethod
    def _create_missing(cls, keys: Path, handle: str) -> None:
        """Make what a crash may have left out; the log's name is drawn once, with the first key."""
        first = keys / "shared.key"
        if not first.exists():
            Signer.generate(f"{handle}-{secrets.token_hex(8)}/shared").save(first)
        name = Signer.load(first).name
        if not (keys / "shared-mldsa.key").exists():
            Signer.generate(name, KeyType.MLDSA44).save(keys / "shared-mldsa.key")
        if not (keys / "private.key").exists():
            Signer.generate(name.removesuffix("/shared") + "/private").save(keys / "private.key")


def open_shared(folder: Path, keys: CaseKeys, clock: Clock, *, wait: bool) -> Log:
    """Open the shared log; with ``wait``, another process that has it open for a moment is waited for.

    Raises:
        StoreError: another process has it open and keeps it, or the disk says no.
        ProofError: it does not carry what it signed.
    """
    until_s = monotonic_s() + _WAIT_S
    while True:
        try:
            return Log.open(folder / "shared", (keys.shared, keys.shared_quantum), clock)
        except StoreError:
            if not wait or monotonic_s() > until_s:
                raise
            time.sleep(_WAIT_STEP_S)


def seal_state(private: Checkpoint, shared: Log, openings: Openings, rivals: Sequence[Checkpoint], now_us: int) -> int:
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
