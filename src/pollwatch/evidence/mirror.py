"""C2SP tlog-mirror, without sockets: keep a copy of other members' logs, and say so by a cosignature.

One log at one mirror has a *pending* checkpoint, which moves as at a witness (only growth, by compare-and-swap) and is
not signed; the index of the *next* entry that the mirror lacks; and the *mirrored* checkpoint, up to which everything
is on disk and served, and which alone is cosigned. Each package of entries is checked against the tree of the
pending checkpoint before it is kept, so that nobody without the log's key can fill the disk. What is mirrored stays,
whatever the log's owner does to its own copy. The mirror's key is not the witness's: they say different things.

Tickets let an upload that began towards an older pending checkpoint end there: they hold that checkpoint, under a
code that only this mirror can make. Transport, compression, rates and TLS are left to the caller.
"""

from __future__ import annotations

import hmac
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pollwatch import durable
from pollwatch.clock import US_PER_S, Clock
from pollwatch.errors import EvidenceError, ProofError, SignatureError, StoreError
from pollwatch.evidence import checkpoint as checkpoints
from pollwatch.evidence import merkle, subtree
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.keychain import KeyChain, KnownLog
from pollwatch.evidence.keys import Signer, Verifier
from pollwatch.evidence.mirrorrequest import (
    INFO,
    OCTETS,
    Header,
    MirrorInfo,
    Package,
    package_leaves,
    read_header,
    read_packages,
)
from pollwatch.evidence.mirrorstore import MirrorStore
from pollwatch.evidence.note import Signature
from pollwatch.evidence.published import CHECKPOINT, KEYS, Published
from pollwatch.evidence.tiles import WIDTH
from pollwatch.evidence.witness import Witness
from pollwatch.evidence.witnessanswer import TEXT, Response

_MAC_BYTES = 16


@dataclass(frozen=True, slots=True)
class _State:
    """What is held of one log."""

    next: int
    signed: SignedCheckpoint | None

    @property
    def mirrored(self) -> int:
        return self.signed.checkpoint.size if self.signed else 0


class Mirror:
    """One mirror for any number of logs. Safe to call from several threads."""

    def __init__(
        self, folder: Path, signers: Sequence[Signer], clock: Clock, logs: Iterable[Verifier | KnownLog] = ()
    ) -> None:
        """Open (or begin) a mirror.

        Args:
            folder: copies and state. NEVER restore the state from a backup.
            signers: the mirror's cosignature keys (types 04, 06); never those of a witness.
            clock: for the cosignature times.
            logs: the type 01 keys of the logs to mirror, as their owners gave them.

        Raises:
            StoreError: the state cannot be opened.
            SignatureError: no keys, or keys that cannot cosign.
        """
        if not signers or not all(signer.type.has_time for signer in signers):
            raise SignatureError("a mirror needs cosignature keys (types 04, 06)")
        self._signers = tuple(signers)
        self._clock = clock
        self._folder = folder
        known = [log if isinstance(log, KnownLog) else KnownLog(log) for log in logs]
        self._origins = tuple(each.verifier.name for each in known)
        self._lock = threading.Lock()
        self._secret = hmac.digest(signers[0].seed, b"pollwatch mirror ticket", "sha256")
        try:
            durable.make_folder(folder, mode=0o700)
            self._pending = Witness(folder / "pending.sqlite", (), clock, known, silent=True)
            self._db = sqlite3.connect(folder / "mirror.sqlite", isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA synchronous = EXTRA")
            self._db.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"mirror {folder} cannot be opened: {error}") from error
        self._recover()

    @property
    def verifiers(self) -> tuple[Verifier, ...]:
        """The keys that its cosignatures are checked with."""
        return tuple(signer.verifier for signer in self._signers)

    def close(self) -> None:
        """Close the state files."""
        self._pending.close()
        self._db.close()

    def add_checkpoint(self, body: bytes) -> Response:
        """Answer one POST to ``add-checkpoint``: as a witness does, with an empty body instead of a cosignature."""
        return self._pending.add_checkpoint(body)

    def add_keys(self, body: bytes) -> Response:
        """Answer one POST to ``add-keys``, as a witness does (:meth:`pollwatch.evidence.witness.Witness.add_keys`)."""
        return self._pending.add_keys(body)

    def add_entries(self, body: bytes) -> Response:
        """Answer one POST to ``add-entries``; the body is whole and no longer compressed.

        Returns:
            200 and cosignature lines when everything up to the asked size is held; 202 when there is more to send; 409
            with the right place to go on; 400 malformed, 404 unknown log, 422 entries that are not the log's.

        Raises:
            StoreError: the disk says no; what was acknowledged stays.
        """
        try:
            header, place = read_header(body)
        except EvidenceError as error:
            return _text(400, str(error))
        if header.origin not in self._origins:
            return _text(404, "this mirror does not know the log")
        with self._lock:
            try:
                log = self._pending.chain(header.origin)
                return self._take(log, header, body, place)
            except (OSError, sqlite3.Error) as error:
                raise StoreError(f"mirror of {header.origin} cannot be written: {error}") from error

    def read(self, path: str) -> Response:
        """Answer GET ``ORIGIN/checkpoint``, ``ORIGIN/keys`` and ``ORIGIN/tile/...``.

        ORIGIN as it is, or as the hex SHA-256 of it: the second is for servers and proxies that would take the origin's
        own slashes apart.
        """
        for origin in self._origins:
            for prefix in (origin, mirror_name(origin)):
                if path.startswith(prefix + "/"):
                    return self._file(origin, path[len(prefix) + 1 :])
        return _text(404, "this mirror does not know the log")

    def latest(self, origin: str) -> SignedCheckpoint | None:
        """The mirrored checkpoint of a log, with the log's signature and ours; None if nothing is complete yet."""
        return self._state(origin).signed

    def store(self, origin: str) -> MirrorStore:
        """The copy of a log."""
        return MirrorStore(self._folder / mirror_name(origin))

    def _take(self, log: KeyChain, header: Header, body: bytes, place: int) -> Response:
        state = self._state(log.name)
        target = self._target(log, header, state)
        # From the bundle that is being filled on; what is held altogether needs no entries at all.
        in_place = state.next - state.next % WIDTH <= header.start <= state.next
        if target is None or not (in_place or header.start == header.end <= state.next):
            return self._info(409, log, state, target)
        held = state.next
        try:
            for package in read_packages(body, header, place):
                held = self._keep(log, held, package, target)
        except _WrongEntriesError as error:
            return _text(422, str(error))
        except ProofError as error:
            return _text(400, str(error))
        if held < header.end:
            return self._info(202, log, self._state(log.name), target)
        return self._finish(log, target)

    def _target(self, log: KeyChain, header: Header, state: _State) -> SignedCheckpoint | None:
        """The checkpoint that an upload leads to: the pending one, the mirrored one, or the one in the ticket."""
        pending = self._pending.latest(log.name)
        for known in (pending, state.signed, self._opened_ticket(log, header.ticket)):
            if known is not None and known.checkpoint.size == header.end:
                return known
        return None

    def _keep(self, log: KeyChain, held: int, package: Package, target: SignedCheckpoint) -> int:
        store = self.store(log.name)
        base = package.start - package.start % WIDTH
        known = tuple(store.reader(held).entries(base, package.start))
        node = merkle.root_of(package_leaves(known, package))
        at = target.checkpoint
        try:
            subtree.verify_subtree(base, package.end, at.size, node, package.proof, at.root)
        except ProofError as error:
            raise _WrongEntriesError(str(error)) from error
        now = store.add(held, package.start, package.entries)
        if now != held:
            self._db.execute("INSERT OR IGNORE INTO held VALUES (?, 0, NULL)", (log.name,))
            self._db.execute("UPDATE held SET next = ? WHERE origin = ? AND next = ?", (now, log.name, held))
        return now

    def _finish(self, log: KeyChain, target: SignedCheckpoint) -> Response:
        state = self._state(log.name)
        at = target.checkpoint
        lines = self._sign(target)
        if state.signed is None or at.size > state.mirrored:
            if self.store(log.name).complete(state.next, state.mirrored, at.size) != at.root:
                raise StoreError(f"the mirror of {log.name} does not hold what it checked; look at {self._folder}")
            own = log.bare(target).adding(lines)
            self._db.execute("INSERT OR IGNORE INTO held VALUES (?, 0, NULL)", (log.name,))
            before = state.signed.to_bytes() if state.signed else None
            swapped = self._db.execute(
                "UPDATE held SET note = ? WHERE origin = ? AND note IS ?", (own.to_bytes(), log.name, before)
            )
            if swapped.rowcount != 1:
                return self._info(409, log, self._state(log.name), target)
            self.store(log.name).publish(own, state.mirrored)
        return Response(200, TEXT, "".join(line.line for line in lines).encode("utf-8"))

    def _sign(self, target: SignedCheckpoint) -> tuple[Signature, ...]:
        time_s = self._clock.now_us() // US_PER_S
        return tuple(checkpoints.sign(target.checkpoint, signer, time_s) for signer in self._signers)

    def _info(self, status: int, log: KeyChain, state: _State, target: SignedCheckpoint | None) -> Response:
        known = target or self._pending.latest(log.name)
        size = known.checkpoint.size if known else 0
        ticket = self._ticket(log, known) if known else b""
        return Response(status, INFO, MirrorInfo(size, state.next, ticket).to_bytes())

    def _ticket(self, log: KeyChain, known: SignedCheckpoint) -> bytes:
        note = log.bare(known).to_bytes()
        return self._mac(log, note) + note

    def _opened_ticket(self, log: KeyChain, ticket: bytes) -> SignedCheckpoint | None:
        code, note = ticket[:_MAC_BYTES], ticket[_MAC_BYTES:]
        if not hmac.compare_digest(code, self._mac(log, note)):
            return None
        return SignedCheckpoint.parse(note)

    def _mac(self, log: KeyChain, note: bytes) -> bytes:
        return hmac.digest(self._secret, log.name.encode("utf-8") + b"\n" + note, "sha256")[:_MAC_BYTES]

    def _state(self, origin: str) -> _State:
        row = self._db.execute("SELECT next, note FROM held WHERE origin = ?", (origin,)).fetchone()
        return _State(row[0], SignedCheckpoint.parse(row[1]) if row[1] else None) if row else _State(0, None)

    def _file(self, origin: str, path: str) -> Response:
        if path == KEYS:
            return self._pending.keys(origin)
        data = Published(self.store(origin).folder).read(path)
        if data is None:
            return _text(404, "not here")
        return Response(200, TEXT if path == CHECKPOINT else OCTETS, data)

    def _recover(self) -> None:
        """Show every mirrored checkpoint again, in case that was cut short."""
        for origin in self._origins:
            signed = self.latest(origin)
            if signed is not None and self._file(origin, CHECKPOINT).body != signed.to_bytes():
                self.store(origin).publish(signed, 0)


class _WrongEntriesError(ProofError):
    """Entries that are not those of the log."""


def mirror_name(origin: str) -> str:
    """How a mirror calls a log in folders and URLs: the hex SHA-256 of its origin."""
    return sha256(origin.encode("utf-8")).hexdigest()


def _text(status: int, reason: str) -> Response:
    return Response(status, TEXT, f"{reason}\n".encode("utf-8", "replace"))


_SCHEMA = """
CREATE TABLE IF NOT EXISTS held (origin TEXT PRIMARY KEY, next INTEGER NOT NULL, note BLOB) STRICT;
"""
