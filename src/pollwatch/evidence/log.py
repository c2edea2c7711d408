"""A tiled log on disk with one writer: what it has once signed, it never takes back.

State on disk (``folder``)::

    lock            held for as long as the log is open; a second writer is refused
    state.sqlite    the signed state: origin, size, root, keys. NEVER restore it from a backup: an older state would let
                    the log sign a second history, which is the one thing that proves its owner dishonest
    public/         what others read: checkpoint and tiles, as tlog-tiles lays them out, and ``keys``, the log's key
                    links, once it has any; serve it as files

An append: entries and tiles are written beside what is there and flushed, with their folders; then the signed state
moves from the old size to the new by compare-and-swap; then the checkpoint is signed and replaces the published one.
Stop anywhere: before the swap, nothing happened (files beyond the signed size are never read, and overwritten later);
after it, opening signs the same state again and publishes. Only then does ``append`` return, so what was
acknowledged is never lost. A key link of this log (:mod:`pollwatch.evidence.rotation`) among the entries is noted in
the very step that moves the state: from that size on the new key signs, before it the old one did. On opening, the
edge of the tree is recomputed from the tiles; where it does not lead to the signed root, nothing is signed any more. A
partial tile goes when the full one has been there for a whole append: whoever read the checkpoint before still finds
it, and everybody later finds the full one.

Not for several threads at once; other processes read ``public/`` through :func:`open_reader`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from pollwatch import durable
from pollwatch.clock import US_PER_S, Clock
from pollwatch.errors import ProofError, SignatureError, StoreError
from pollwatch.evidence import checkpoint as checkpoints
from pollwatch.evidence import fsck, held, keychain, merkle, rotation, tiles
from pollwatch.evidence.checkpoint import Checkpoint, SignedCheckpoint
from pollwatch.evidence.keychain import KeyChain, Link, LogKeys
from pollwatch.evidence.keys import KeyType, Signer, Verifier
from pollwatch.evidence.note import Signature
from pollwatch.evidence.pending import PendingFiles
from pollwatch.evidence.published import CHECKPOINT, KEYS
from pollwatch.evidence.signedstate import SignedState
from pollwatch.evidence.tiles import TileReader

_SYNC_THREADS = 8


class Log:
    """One log, open for appending. Use :meth:`open`, and close it (or use ``with``)."""

    def __init__(
        self,
        folder: Path,
        signers: Sequence[Signer],
        clock: Clock,
        lock: int,
        sync_threads: int = _SYNC_THREADS,
    ) -> None:
        """Take over an already locked folder; :meth:`open` is what callers use."""
        self.folder = folder
        self.public = folder / "public"
        self.origin = signers[0].name
        self._given = tuple(signers)
        self._signers = self._given
        self._chain = KeyChain(signers[0].verifier)
        self._clock = clock
        self._lock = lock
        self._state = SignedState(folder / "state.sqlite", self.origin)
        self._pending = PendingFiles(self.public, sync_threads)
        self._obsolete: list[str] = []
        self._reader = TileReader(self._fetch, 0)
        self._root = merkle.EMPTY_ROOT
        try:
            self._signed = self._recover()
        except OSError as error:
            self._release()
            raise StoreError(f"log {folder} cannot be read: {error}") from error
        except BaseException:
            self._release()
            raise

    @classmethod
    def open(
        cls,
        folder: Path,
        signers: Sequence[Signer],
        clock: Clock,
        *,
        sync_threads: int = _SYNC_THREADS,
    ) -> Log:
        """Open a log, or begin an empty one in an empty or new folder.

        Args:
            folder: where it lives.
            signers: the log's key of type 01 first (its name is the origin), then further keys of the log's own: of
                cosignature types (ML-DSA), and those that a change of keys is about to bring in or has just retired.
                Which of them signs is for the log's state to say, and for nothing else.
            clock: for the cosignature times.
            sync_threads: how many files are flushed at once.

        Raises:
            StoreError: another process has it open, or the folder cannot be used.
            ProofError: the tiles do not lead to the signed state; the log refuses to sign.
            SignatureError: the keys are not this log's.
        """
        if not signers or signers[0].type is not KeyType.ED25519:
            raise SignatureError("a log's first key signs its checkpoints and is an Ed25519 key of type 01")
        try:
            durable.make_folder(folder / "public")
            # Whoever made them may have been stopped before their names were flushed.
            durable.sync_path(folder)
            durable.sync_path(folder.parent)
            lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"log {folder} cannot be opened: {error}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return cls(folder, signers, clock, lock, sync_threads)
        except BlockingIOError:
            os.close(lock)
            raise StoreError(f"log {folder} is open in another process; a log has exactly one writer") from None
        except BaseException:
            os.close(lock)
            raise

    def close(self) -> None:
        """Let another process write."""
        if self._lock >= 0:
            self.let_go()
        self._release()

    def let_go(self) -> None:
        """Let another process write already; here what there is now can still be read, and nothing more be written."""
        os.close(self._lock)
        self._lock = -1

    def _release(self) -> None:
        self._pending.close()
        self._state.close()

    def __enter__(self) -> Self:
        """The log itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    @property
    def size(self) -> int:
        """Number of entries that were acknowledged."""
        return self._reader.size

    @property
    def root(self) -> bytes:
        """Root hash of all entries."""
        return self._root

    @property
    def verifier(self) -> Verifier:
        """The key that others check this log's checkpoints with."""
        return self._signers[0].verifier

    @property
    def verifiers(self) -> tuple[Verifier, ...]:
        """All of the log's own keys that sign now."""
        return tuple(signer.verifier for signer in self._signers)

    @property
    def signer(self) -> Signer:
        """The key that signs its checkpoints now."""
        return self._signers[0]

    @property
    def chain(self) -> KeyChain:
        """All of its keys, from the first."""
        return self._chain

    def checkpoint(self) -> bytes:
        """The latest signed checkpoint, with the cosignatures that were added."""
        return self._signed.to_bytes()

    @property
    def signed(self) -> SignedCheckpoint:
        """The same, parsed."""
        return self._signed

    def entry(self, index: int) -> bytes:
        """One entry.

        Raises:
            ProofError: it is not in the log.
        """
        return self._reader.entry(index)

    def reader(self) -> TileReader:
        """A view of the log at its present size."""
        return self._reader

    def inclusion(self, index: int, size: int | None = None) -> merkle.Proof:
        """Proof that an entry is in the log of ``size`` (default: all)."""
        return self._reader.inclusion(index, size)

    def consistency(self, old: int, new: int | None = None) -> merkle.Proof:
        """Proof that the log of ``old`` entries grew into that of ``new`` (default: all)."""
        return self._reader.consistency(old, new)

    def append(self, entries: Sequence[bytes]) -> range:
        """Append entries durably, in order; sign and publish the new checkpoint.

        Returns:
            Their indexes.

        Raises:
            ProofError: an entry is over 65,535 bytes, or a key link that does not fit.
            SignatureError: a key link names a key that this log was not opened with.
            StoreError: the disk says no; nothing was appended, or the log must be opened again to know.
        """
        self._check_open()
        held.check(self.folder)
        first = self.size
        if not entries:
            return range(first, first)
        new = first + len(entries)
        chain = rotation.extended(self._chain, first, entries)
        signers = self._signers if chain is self._chain else self._signers_at(chain, new)
        try:
            for path, data in tiles.grown(self._reader, entries):
                self._pending.put(path, data)
            self._pending.flush(self._obsolete)
            grown = self._reader.resized(new)
            root = grown.root()
            self._state.advance(first, self._root, new, root, chain.notes[len(self._chain.notes) :])
        except (OSError, StoreError) as error:
            # The swap may or may not have reached the disk. Only opening again can tell, so go no further.
            self.close()
            raise StoreError(f"log {self.folder} could not be written ({error}); open it again") from error
        self._reader, self._root = grown, root
        self._chain, self._signers = chain, signers
        self._signed = self._publish(checkpoints.signed(self._checkpoint(), self._signers, self._now_s()))
        self._obsolete = tiles.outgrown(first, new)
        return range(first, new)

    def add_cosignatures(self, lines: Sequence[Signature], to: SignedCheckpoint | None = None) -> None:
        """Keep cosignatures that the caller has checked, and publish them where they are on the present checkpoint.

        Args:
            lines: the cosignature lines; of each key the first to come is kept, since it says the earliest time.
            to: the checkpoint of this log that they are on (witnesses may answer late); default: the present one.

        Raises:
            ProofError: they are on a checkpoint that is not of this log.
            StoreError: the disk says no.
        """
        self._check_open()
        subject = to or self._signed
        at = subject.checkpoint
        if at.origin != self.origin or self._reader.root(at.size) != at.root:
            raise ProofError(f"log {self.origin}: cosignatures are on a checkpoint that this log did not sign")
        kept = self._state.cosigned_at(at.size)
        merged = (kept or subject).cosigned_by(lines)
        if merged != kept:
            self._state.keep_cosigned(merged)
        if subject.checkpoint == self._signed.checkpoint:
            now = self._signed.cosigned_by(lines)
            self._signed = self._publish(now) if now != self._signed else now

    def _check_open(self) -> None:
        if self._lock < 0:
            raise StoreError(f"log {self.folder} is closed")

    def cosigned(self, size: int) -> SignedCheckpoint | None:
        """The best cosigned checkpoint of at least this size: most signatures, then earliest; None without any."""
        return self._state.cosigned(size)

    def _recover(self) -> SignedCheckpoint:
        """Learn the signed state, check that the tiles still carry it, and publish it where that was cut short."""
        state = self._state.load()
        if state is None:
            if (self.public / CHECKPOINT).exists() or (self.public / "tile").exists():
                raise ProofError(f"log {self.folder} has lost its signed state; it refuses to sign a second history")
            state = self._state.begin()
        else:
            self._state.settle()
        size, self._root = state
        links = self._state.links()
        if links:
            # Our own state is trusted; which of the given keys it names is not yet known.
            self._chain = keychain.follow(Link.of(links[0]).verifier, links)
        self._signers = self._signers_at(self._chain, size)
        self._reader = TileReader(self._fetch, size)
        fsck.check_edge(self._reader, self._root)
        fsck.sweep(self.public, size)
        self._publish_keys()
        published = self._published()
        if published is not None:
            if published.checkpoint == self._checkpoint():
                kept = self._state.cosigned_at(size)
                return published if kept is None else published.adding(kept.note.signatures)
            if published.checkpoint.size >= size:
                raise ProofError(
                    f"log {self.folder} published size {published.checkpoint.size} but its signed state is another of "
                    f"size {size}: it was restored from a backup; the log refuses to sign a second history"
                )
        fresh = checkpoints.signed(self._checkpoint(), self._signers, self._now_s())
        kept = self._state.cosigned_at(size)
        return self._replace(fresh if kept is None else fresh.adding(kept.note.signatures))

    def _published(self) -> SignedCheckpoint | None:
        try:
            data = (self.public / CHECKPOINT).read_bytes()
        except FileNotFoundError:
            return None
        return self._chain.open(data)

    def _signers_at(self, chain: KeyChain, size: int) -> tuple[Signer, ...]:
        """Those of the given keys that sign this size."""
        link, key = chain.link_at(size), chain.key_at(size)
        main = next((each for each in self._given if each.verifier == key), None)
        if main is None:
            raise SignatureError(
                f"log {self.origin} signs size {size} with key {key.id.hex()} ({key.fingerprint[:16]}), which is not "
                "among those given; put that key in its place"
            )
        own = [each for each in self._given if each.type.has_time and (link is None or each.verifier == link.cosigner)]
        return (main, *own)

    def _checkpoint(self) -> Checkpoint:
        return Checkpoint(self.origin, self.size, self._root)

    def _now_s(self) -> int:
        return self._clock.now_us() // US_PER_S

    def _publish(self, signed: SignedCheckpoint) -> SignedCheckpoint:
        try:
            self._publish_keys()
            return self._replace(signed)
        except OSError as error:
            self.close()
            raise StoreError(f"log {self.folder}: the checkpoint could not be published ({error})") from error

    def _publish_keys(self) -> None:
        """Before the checkpoint: whoever reads one by a new key finds here why."""
        links = keychain.to_file(self._chain.notes)
        if self._chain.links and not durable.holds(self.public / KEYS, links):
            durable.write_file(self.public / KEYS, links)

    def _replace(self, signed: SignedCheckpoint) -> SignedCheckpoint:
        # The signed state is durable already: after a power cut the checkpoint is made from it again.
        durable.write_file(self.public / CHECKPOINT, signed.to_bytes(), sync_name=False)
        return signed

    def _fetch(self, path: str) -> bytes:
        return (self.public / path).read_bytes()


def open_reader(public: Path, log: LogKeys) -> tuple[SignedCheckpoint, TileReader]:
    """Read a log's published folder, from any process, at its latest checkpoint.

    Args:
        public: the folder with ``checkpoint`` and ``tile``.
        log: any of its type 01 keys.

    Raises:
        StoreError: there is no checkpoint.
        SignatureError: the checkpoint is not this log's.
    """
    try:
        # In this order: the keys behind a checkpoint are there before it is.
        data = (public / CHECKPOINT).read_bytes()
    except OSError as error:
        raise StoreError(f"{public} holds no readable log: {error}") from error
    signed = read_keys(public, log).open(data)
    return signed, TileReader(lambda path: (public / path).read_bytes(), signed.checkpoint.size)


def read_keys(public: Path, log: LogKeys) -> KeyChain:
    """The keys that a log's published folder states, followed from one that the reader knows.

    Raises:
        StoreError: the file cannot be read.
        ProofError: it is no chain of keys.
        SignatureError: it does not lead past that key.
    """
    try:
        links = keychain.from_file((public / KEYS).read_bytes())
    except FileNotFoundError:
        return keychain.of(log)
    except OSError as error:
        raise StoreError(f"the keys in {public} cannot be read: {error}") from error
    return keychain.follow(keychain.of(log).present, links)
