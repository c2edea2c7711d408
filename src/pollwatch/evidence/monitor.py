"""Watching other members' logs: has it merely grown? If not, make a proof that anybody can check.

A log that signed two checkpoints that cannot both be true has forked, and its own signatures say so. What is enough:

- the same size with two roots: the two checkpoints alone;
- two sizes: the two checkpoints, and a prefix path showing from the *larger* tree alone that its first entries have
  another root than the smaller checkpoint states. Nobody needs the entries that were rewritten.

Both checkpoints must carry the log's own type 01 signature, by the key of their size; cosignatures are not needed,
since nobody but the log's keys can make the contradiction. Where those changed, the proof carries their chain. A log
that merely withholds its tiles cannot be proven to have forked: witnesses then refuse it, and its silence shows as a
missing seal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

from pollwatch.errors import ProofError
from pollwatch.evidence import keychain, merkle
from pollwatch.evidence.checkpoint import Checkpoint, SignedCheckpoint
from pollwatch.evidence.fields import Fields, document
from pollwatch.evidence.keychain import KeyChain, LogKeys
from pollwatch.evidence.keys import Verifier
from pollwatch.evidence.tiles import TileReader

MAX_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class ForkProof:
    """Two signed statements of one log that contradict each other. Check it with :meth:`verify`.

    Attributes:
        log: the log's type 01 key; its first one where it was changed.
        smaller: the checkpoint of smaller size (for equal sizes: of the smaller root, so that a fork has one proof).
        larger: the other one.
        path: the prefix path in the larger tree; empty for equal sizes.
        keys: the log's key links up to the one that signed the larger checkpoint; empty where the first key did.
    """

    KIND: ClassVar[str] = "fork-proof"
    log: Verifier
    smaller: SignedCheckpoint
    larger: SignedCheckpoint
    path: merkle.Proof
    keys: tuple[bytes, ...] = ()

    @property
    def chain(self) -> KeyChain:
        """The log's keys, as far as the proof shows them.

        Raises:
            ProofError: the links do not fit, or there are more or fewer than the checkpoints need.
            SignatureError: see :func:`pollwatch.evidence.keychain.follow`.
        """
        chain = keychain.follow(self.log, self.keys)
        size = self.larger.checkpoint.size
        if chain.first != self.log or (self.keys and chain.links[-1] != chain.link_at(size)) or len(self.keys) == 1:
            raise ProofError("the log's keys are not in their only form")
        return chain

    def verify(self) -> None:
        """Check that the log really contradicted itself.

        Raises:
            SignatureError: a checkpoint is not of this log, or not signed by its key.
            ProofError: the checkpoints do not contradict each other: the accusation is void.
        """
        chain = self.chain
        for signed in (self.smaller, self.larger):
            chain.check(signed)
            if len(signed.note.signatures) != 1:
                # Lines by other keys would be a second spelling of the same proof, and room for anything.
                raise ProofError("a fork proof carries the log's own signatures and no others")
        small, large = self.smaller.checkpoint, self.larger.checkpoint
        if _order(small) >= _order(large):
            raise ProofError("the two checkpoints are the same, or in the wrong order: no fork is shown")
        if small.size == large.size:
            if self.path:
                raise ProofError("two roots of one size need no path")
            return
        if small.size == 0:
            raise ProofError("every log begins empty: no fork is shown")
        prefix, whole = merkle.roots_from_prefix(small.size, large.size, self.path)
        if whole != large.root:
            raise ProofError("the path does not belong to the larger checkpoint: no fork is shown")
        if prefix == small.root:
            raise ProofError("the larger checkpoint grew out of the smaller one: the log did not fork")

    def to_bytes(self) -> bytes:
        """The portable file: canonical JSON; of version 2 where the log's key was changed."""
        fields = {
            "log": self.log.vkey,
            "smaller": self.smaller.to_bytes().decode(),
            "larger": self.larger.to_bytes().decode(),
            "path": [each.hex() for each in self.path],
        }
        keys = {"keys": [each.decode("utf-8") for each in self.keys]} if self.keys else {}
        return document(self.KIND, 2 if keys else 1, fields | keys)

    @classmethod
    def parse(cls, data: bytes) -> ForkProof:
        """Read the portable file; call :meth:`verify` before believing it.

        Raises:
            ProofError: not a fork proof.
            SignatureError: a malformed key or checkpoint in it.
        """
        fields = Fields.load(data, "fork proof", max_bytes=MAX_BYTES)
        changed = fields.has("keys")
        fields.kind(cls.KIND, 2 if changed else 1)
        log = Verifier.parse(fields.text("log"))
        smaller, larger = (SignedCheckpoint.parse(fields.text(key).encode()) for key in ("smaller", "larger"))
        path = fields.hexes("path", merkle.HASH_BYTES)
        keys = tuple(each.encode("utf-8", "surrogatepass") for each in fields.texts("keys")) if changed else ()
        fields.done()
        if changed and not keys:
            raise ProofError("fork proof: its list of keys is empty")
        return cls(log, smaller, larger, path, keys)


def find_fork(
    log: LogKeys, first: SignedCheckpoint, second: SignedCheckpoint, larger_tiles: TileReader | None = None
) -> ForkProof | None:
    """Compare two checkpoints of one log.

    Args:
        log: the log's type 01 keys.
        first: one checkpoint; its signature is checked.
        second: another.
        larger_tiles: the tiles behind the larger one (untrusted); needed where sizes differ.

    Returns:
        None when one grew out of the other, else a proof that has already been verified.

    Raises:
        SignatureError: a checkpoint that the log did not sign.
        ProofError: the tiles are missing or do not belong to the larger checkpoint, so that nothing can be said.
    """
    chain = keychain.of(log)
    for signed in (first, second):
        chain.check(signed)
    small, large = sorted((chain.bare(first), chain.bare(second)), key=lambda signed: _order(signed.checkpoint))
    old, new = small.checkpoint, large.checkpoint
    if (old.size, old.root) == (new.size, new.root) or old == Checkpoint(chain.name, 0, merkle.EMPTY_ROOT):
        return None
    path: merkle.Proof = ()
    if old.size != new.size:
        if larger_tiles is None or larger_tiles.size < new.size:
            raise ProofError(
                f"the tiles of {chain.name} at size {new.size} are needed to compare it with size {old.size}"
            )
        path = merkle.prefix_path(old.size, new.size, larger_tiles.resized(new.size).subtree)
        prefix, whole = merkle.roots_from_prefix(old.size, new.size, path)
        if whole != new.root:
            raise ProofError(f"{chain.name} serves tiles that do not belong to its checkpoint of size {new.size}")
        if prefix == old.root:
            return None
    signs = chain.link_at(new.size)
    keys = chain.notes[: signs.number + 1] if signs is not None and signs.number else ()
    proof = ForkProof(chain.first, small, large, path, keys)
    proof.verify()
    return proof


def compare(
    log: LogKeys,
    now: SignedCheckpoint,
    tiles: TileReader,
    known: Iterable[SignedCheckpoint],
    mirrored: Callable[[int], TileReader | None] = lambda _size: None,
) -> ForkProof | None:
    """Hold what a log shows now against every state of it that is known, from whomever.

    Args:
        log: the log's type 01 keys.
        now: what it shows.
        tiles: the tiles that it serves with it; untrusted.
        known: states that it signed: seen before, cosigned or refused by us, cosigned by others.
        mirrored: our own copy of its tiles at a size, so that a log cut short cannot hide what it was.

    Returns:
        The first contradiction as a proof; None where all known states that can be compared fit.

    Raises:
        SignatureError: a state that the log did not sign.
        ProofError: the log withholds the tiles behind what it shows, so that nothing can be said for it.
    """
    withheld: ProofError | None = None
    for other in known:
        size = other.checkpoint.size
        larger = tiles if size <= now.checkpoint.size else mirrored(size)
        try:
            proof = find_fork(log, other, now, larger)
        except ProofError as error:
            # Another state may still convict it without these tiles. Of a larger state that nobody mirrored,
            # check_not_behind speaks.
            if size <= now.checkpoint.size:
                withheld = withheld or error
            continue
        if proof is not None:
            return proof
    if withheld is not None:
        raise withheld
    return None


def check_not_behind(now: SignedCheckpoint, known: Iterable[SignedCheckpoint]) -> None:
    """Refuse a state that is older than what the log is known to have signed: replayed, or cut short.

    Raises:
        ProofError: it shows fewer entries than it signed before; the message says how many.
    """
    size = now.checkpoint.size
    before = max((each.checkpoint.size for each in known), default=0)
    if size < before:
        raise ProofError(f"it signed {before} entries before and shows {size} now: an old state, or a log cut short")


def _order(checkpoint: Checkpoint) -> tuple[int, bytes]:
    return checkpoint.size, checkpoint.root
