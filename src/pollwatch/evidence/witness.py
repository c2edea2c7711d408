"""C2SP tlog-witness, without sockets: cosign a log's checkpoint when, and only when, the log has merely grown.

States of one log at one witness: never seen (size 0), then the last checkpoint cosigned. It moves forward by
compare-and-swap in SQLite, on disk before the answer leaves, so that neither a crash nor two requests at once can
make the witness cosign two histories. What contradicts the last cosigned checkpoint although the log signed it is
kept: it is evidence against the log (:mod:`pollwatch.evidence.monitor` makes the proof). So is what a retired key of
the log signed. Transport, rate limits and TLS are left to the caller.

tlog-witness knows one key per log. A log of ours whose key was changed first leaves its key links (``add-keys``); they
are followed from the key that the witness was given, only ever grow, and never fork either.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from pollwatch.clock import US_PER_S, Clock
from pollwatch.errors import EvidenceError, ProofError, RetiredKeyError, SignatureError, StoreError
from pollwatch.evidence import checkpoint as checkpoints
from pollwatch.evidence import held, keptkeys, keychain, merkle
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.keptkeys import KeptKeys
from pollwatch.evidence.keychain import KeyChain, KnownLog, Link
from pollwatch.evidence.keys import Signer, Verifier
from pollwatch.evidence.request import AddCheckpoint, parse_add_checkpoint
from pollwatch.evidence.witnessanswer import JSON, SIZE, TEXT, Response

_KEPT_CONTRADICTIONS = 64


class Witness:
    """One witness for any number of logs. Safe to call from several threads."""

    def __init__(
        self,
        path: Path,
        signers: Sequence[Signer],
        clock: Clock,
        logs: Iterable[Verifier | KnownLog] = (),
        *,
        silent: bool = False,
    ) -> None:
        """Open (or begin) a witness.

        Args:
            path: its state, an SQLite file. NEVER restore it from a backup: the witness would cosign a fork.
            signers: cosignature keys (types 04, 06).
            clock: for the cosignature times.
            logs: the type 01 keys of the logs to witness, as their owners gave them; more through :meth:`watch`.
            silent: follow the logs by the same rules but sign nothing; a mirror follows what it has yet to copy so.

        Raises:
            StoreError: the state cannot be opened, or was restored from a backup.
            SignatureError: no keys, or keys that cannot cosign.
        """
        if not silent:
            held.check(path.parent)
        if bool(signers) is silent or not all(signer.type.has_time for signer in signers):
            raise SignatureError("a witness needs cosignature keys (types 04, 06)")
        self._signers = tuple(signers)
        self._clock = clock
        self._logs: dict[str, KnownLog] = {}
        self._lock = threading.Lock()
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            # One flush per request instead of four; what an unfinished process left is moved into the main file first.
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA + keptkeys.SCHEMA)
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            raise StoreError(f"witness state {path} cannot be opened: {error}") from error
        self._keys = KeptKeys(self._db)
        for log in logs:
            self.watch(log)

    @property
    def verifiers(self) -> tuple[Verifier, ...]:
        """The keys that its cosignatures are checked with."""
        return tuple(signer.verifier for signer in self._signers)

    def watch(self, log: Verifier | KnownLog) -> None:
        """Witness a log from now on; its key's name is its origin.

        Raises:
            SignatureError: the key cannot sign checkpoints.
        """
        known = log if isinstance(log, KnownLog) else KnownLog(log)
        if known.verifier.type.has_time:
            raise SignatureError(f"{known.verifier.name}: a log is witnessed under its type 01 key")
        self._logs[known.verifier.name] = known

    def close(self) -> None:
        """Close the state file."""
        self._db.close()

    def add_checkpoint(self, body: bytes) -> Response:
        """Answer one POST to ``add-checkpoint``.

        Returns:
            200 and cosignature lines; or 400 malformed, 403 not signed by the log, 404 unknown log, 409 another old
            size (with the right one), 422 not a mere growth of what was cosigned. Never raises on content.

        Raises:
            StoreError: the state could not be written; nothing was cosigned.
        """
        try:
            request = parse_add_checkpoint(body)
        except EvidenceError as error:
            return _text(400, str(error))
        origin = request.signed.checkpoint.origin
        if origin not in self._logs:
            return _text(404, "this witness does not know the log")
        log = self.chain(origin)
        try:
            log.check(request.signed)
        except SignatureError as error:
            if isinstance(error, RetiredKeyError):
                self._keep("retired", origin, request.signed)
            return _text(403, str(error))
        if request.old > request.signed.checkpoint.size:
            return _text(400, "old size is larger than the checkpoint's")
        with self._lock:
            try:
                return self._advance(request, log)
            except sqlite3.Error as error:
                raise StoreError(f"witness state cannot be written: {error}") from error

    def add_keys(self, body: bytes) -> Response:
        """Answer one POST to ``add-keys``: a log's key links, as it publishes them.

        Returns:
            200 when they are known from now on, or were; 400 malformed, 404 unknown log, 403 not the log's keys, 422
            links that contradict those that are known (both are kept). Never raises on content.

        Raises:
            StoreError: the state could not be written; nothing was noted.
        """
        try:
            links = keychain.from_file(body)
            origin = Link.of(links[0]).verifier.name if links else ""
        except EvidenceError as error:
            return _text(400, str(error))
        if origin not in self._logs:
            return _text(404, "this witness does not know the log")
        try:
            chain = self._logs[origin].follow(links)
        except EvidenceError as error:
            return _text(403, str(error))
        with self._lock:
            try:
                with self._db:
                    self._db.execute("BEGIN IMMEDIATE")
                    known = self._keys.learn(self._logs[origin], chain)
            except sqlite3.Error as error:
                raise StoreError(f"witness state cannot be written: {error}") from error
        if known is None:
            return _text(422, "these keys contradict those that are known of the log; its owner signed both")
        return Response(200, TEXT, b"")

    def chain(self, origin: str) -> KeyChain:
        """The keys of a log, as far as they are known here.

        Raises:
            StoreError: the state cannot be read.
        """
        try:
            return self._keys.chain(self._logs[origin])
        except sqlite3.Error as error:
            raise StoreError(f"witness state cannot be read: {error}") from error

    def keys(self, origin: str) -> Response:
        """Answer GET of a log's key links, as its owner left them here."""
        links = self.chain(origin).notes if origin in self._logs else ()
        return (
            Response(200, JSON, keychain.to_file(links)) if links else _text(404, "no key links of this log are known")
        )

    def other_keys(self, origin: str) -> tuple[KeyChain, ...]:
        """Chains of keys that contradict the known one, each signed by the log's own keys (at most 64)."""
        return self._keys.contradictions(self._logs[origin])

    def misused(self, origin: str) -> tuple[SignedCheckpoint, ...]:
        """Checkpoints that only a key signed which does not sign their size, oldest first (at most 64)."""
        rows = self._db.execute("SELECT note FROM retired WHERE origin = ? ORDER BY rowid", (origin,)).fetchall()
        return tuple(SignedCheckpoint.parse(row[0]) for row in rows)

    def latest(self, origin: str) -> SignedCheckpoint | None:
        """The last cosigned checkpoint of a log, with the log's signature and ours; None if never."""
        row = self._db.execute("SELECT note FROM cosigned WHERE origin = ?", (origin,)).fetchone()
        return SignedCheckpoint.parse(row[0]) if row else None

    def monitoring(self, origin_hash: str) -> Response:
        """Answer GET ``/{hex(sha256(origin))}/checkpoint``: the last cosigned checkpoint, or 404."""
        for origin in self._logs:
            if sha256(origin.encode("utf-8")).hexdigest() == origin_hash:
                signed = self.latest(origin)
                if signed is not None:
                    return Response(200, TEXT, signed.to_bytes())
        return _text(404, "nothing was cosigned for this log")

    def contradictions(self, origin: str) -> tuple[SignedCheckpoint, ...]:
        """Checkpoints that the log signed and that were refused as no mere growth, oldest first (at most 64)."""
        rows = self._db.execute("SELECT note FROM refused WHERE origin = ? ORDER BY rowid", (origin,)).fetchall()
        return tuple(SignedCheckpoint.parse(row[0]) for row in rows)

    def _advance(self, request: AddCheckpoint, log: KeyChain) -> Response:
        new = request.signed.checkpoint
        last = self.latest(log.name)
        last_size, last_root = (last.checkpoint.size, last.checkpoint.root) if last else (0, merkle.EMPTY_ROOT)
        if request.old != last_size:
            return Response(409, SIZE, f"{last_size}\n".encode("ascii"))
        try:
            _check_growth(last_size, last_root, request)
        except ProofError as error:
            # Only a proof that fits neither root would be the requester's fault; the log did sign this checkpoint.
            self._keep("refused", log.name, request.signed)
            return _text(422, str(error))
        time_s = self._clock.now_us() // US_PER_S
        lines = tuple(checkpoints.sign(new, signer, time_s) for signer in self._signers)
        own = log.bare(request.signed).adding(lines)
        if not self._swap(log.name, last, own):
            return Response(409, SIZE, f"{self._size(log.name)}\n".encode("ascii"))
        return Response(200, TEXT, "".join(line.line for line in lines).encode("utf-8"))

    def _swap(self, origin: str, last: SignedCheckpoint | None, new: SignedCheckpoint) -> bool:
        values = (new.checkpoint.size, new.checkpoint.root, new.to_bytes())
        if last is None:
            done = self._db.execute("INSERT OR IGNORE INTO cosigned VALUES (?, ?, ?, ?)", (origin, *values))
        else:
            done = self._db.execute(
                "UPDATE cosigned SET size = ?, root = ?, note = ? WHERE origin = ? AND size = ? AND root = ?",
                (*values, origin, last.checkpoint.size, last.checkpoint.root),
            )
        return done.rowcount == 1

    def _size(self, origin: str) -> int:
        row = self._db.execute("SELECT size FROM cosigned WHERE origin = ?", (origin,)).fetchone()
        return int(row[0]) if row else 0

    def _keep(self, table: str, origin: str, signed: SignedCheckpoint) -> None:
        """Keep evidence against a log, as long as there is not too much of it."""
        (count,) = self._db.execute(_COUNT[table], (origin,)).fetchone()
        if count < _KEPT_CONTRADICTIONS:
            self._db.execute(_INSERT[table], (origin, signed.checkpoint.text, signed.to_bytes()))


def _check_growth(old: int, old_root: bytes, request: AddCheckpoint) -> None:
    """Accept only a checkpoint whose log begins with what was cosigned."""
    new = request.signed.checkpoint
    if new.size == 0 and new.root != merkle.EMPTY_ROOT:
        raise ProofError("a log of no entries has another root than the empty tree's")
    if old == 0:
        if request.proof:
            raise ProofError("nothing was cosigned before: the proof must be empty")
        return
    merkle.verify_consistency(old, new.size, old_root, new.root, request.proof)


def _text(status: int, reason: str) -> Response:
    return Response(status, TEXT, f"{reason}\n".encode("utf-8", "replace"))


_TABLES = ("refused", "retired")
_COUNT = {name: f"SELECT count(*) FROM {name} WHERE origin = ?" for name in _TABLES}  # noqa: S608 - our own names
_INSERT = {name: f"INSERT OR IGNORE INTO {name} VALUES (?, ?, ?)" for name in _TABLES}  # noqa: S608 - same
_SCHEMA = """
CREATE TABLE IF NOT EXISTS cosigned (
    origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, note BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS refused (
    origin TEXT NOT NULL, text TEXT NOT NULL, note BLOB NOT NULL, UNIQUE (origin, text)) STRICT;
CREATE TABLE IF NOT EXISTS retired (
    origin TEXT NOT NULL, text TEXT NOT NULL, note BLOB NOT NULL, UNIQUE (origin, text)) STRICT;
"""
