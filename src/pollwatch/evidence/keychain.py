"""The keys of a log, one after another: which of them signs which size. Reading and checking; rotation makes them.

A log's key changes by *links*. Each is a signed note, posted in the log as a ``key`` entry: the key, the size of the
log from which it signs, and a commitment (SHA-256) to the key that comes after it. States: a log without a link signs
with its first key for ever; link 0, signed by that key alone, commits to the next; link ``n`` reveals the key that
link ``n - 1`` committed to, commits to the one after it, and is signed by the key before *and* by its own.

A chain always travels whole, from link 0. The reader knows one of its keys (from a charter, a policy, the owner's own
mouth). Later links follow from that by their signatures and commitments. Earlier ones follow too, for each link names
the one before it by its hash, so that whoever signed it spoke for all that came before.

What this leaves to others: where the links stand in the log (:mod:`pollwatch.evidence.keyhistory` for bundles, monitors
for whole logs), and a fork of a size that an old key really signed, which witnesses and monitors find.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias

from pollwatch.errors import ProofError, RetiredKeyError, SignatureError, SplitError
from pollwatch.evidence import checkpoint as checkpoints
from pollwatch.evidence import note as notes
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.fields import Fields, document
from pollwatch.evidence.keys import KeyType, Verifier
from pollwatch.evidence.note import Note

_KIND = "key-link"
NOTHING = bytes(32)
MAX_NOTE = 1 << 13
MAX_LINKS = 128
MAX_FILE = MAX_LINKS * MAX_NOTE
_COMMITMENT = b"pollwatch/next-key/v1\n"


def commitment(following: Verifier) -> bytes:
    """What a link shows of the key after it: 32 bytes, which tell nothing about a key that nobody has seen."""
    return sha256(_COMMITMENT + bytes([following.type]) + following.public).digest()


@dataclass(frozen=True, slots=True)
class Link:
    """One key of a log.

    Attributes:
        number: 0 for the first.
        verifier: the key (type 01); its name is the log's origin.
        cosigner: the key of type 06 with which the log itself cosigns from here on; None without one.
        from_size: checkpoints of this size and beyond are signed by it: the first is the one that contains this link.
        following: commitment to the next key.
        previous: SHA-256 of the text of the link before; zeros for the first.
    """

    number: int
    verifier: Verifier
    cosigner: Verifier | None
    from_size: int
    following: bytes
    previous: bytes

    @property
    def text(self) -> str:
        """The text that is signed."""
        fields = {
            "number": self.number,
            "key": self.verifier.vkey,
            "cosigner": None if self.cosigner is None else self.cosigner.vkey,
            "from_size": self.from_size,
            "following": self.following.hex(),
            "previous": self.previous.hex(),
        }
        return document(_KIND, 1, fields).decode("utf-8") + "\n"

    @property
    def digest(self) -> bytes:
        """What the next link names it by."""
        return sha256(self.text.encode("utf-8")).digest()

    @classmethod
    def parse(cls, text: str) -> Link:
        """Read the text; nothing is verified.

        Raises:
            ProofError: not a link, or not in its only form.
            SignatureError: its key is not acceptable.
        """
        fields = Fields.load(text.removesuffix("\n").encode("utf-8"), "key link", max_bytes=MAX_NOTE)
        fields.kind(_KIND)
        cosigner = fields.optional_text("cosigner")
        link = cls(
            fields.number("number"),
            Verifier.parse(fields.text("key", max_chars=4096)),
            None if cosigner is None else Verifier.parse(cosigner),
            fields.number("from_size"),
            fields.hex("following", 32),
            fields.hex("previous", 32),
        )
        fields.done()
        if link.text != text or (link.number == 0) != (link.previous == NOTHING):
            raise ProofError(f"key link {link.number} is not in its only form")
        check_use(link.verifier, link.cosigner)
        return link

    @classmethod
    def of(cls, note: bytes) -> Link:
        """Read a signed link; nothing is verified."""
        return cls.parse(notes.parse(note, max_bytes=MAX_NOTE).text)


@dataclass(frozen=True, slots=True)
class KeyChain:
    """A log's keys. With links, make it with :func:`follow`; without, it is a key that never changed.

    Attributes:
        first: the log's first key.
        links: verified, from number 0 on.
        notes: the same as they travel.
    """

    first: Verifier
    links: tuple[Link, ...] = ()
    notes: tuple[bytes, ...] = ()

    @property
    def name(self) -> str:
        """The log's origin."""
        return self.first.name

    @property
    def present(self) -> Verifier:
        """The key that signs now."""
        return self.links[-1].verifier if self.links else self.first

    @property
    def keys(self) -> tuple[Verifier, ...]:
        """All keys, oldest first."""
        return tuple(each.verifier for each in self.links) or (self.first,)

    def link_at(self, size: int) -> Link | None:
        """The link whose key signs this size; None before the first and in a chain without links."""
        return next((link for link in reversed(self.links) if size >= link.from_size), None)

    def key_at(self, size: int) -> Verifier:
        """The key that signs the log's checkpoint of this size."""
        link = self.link_at(size)
        return self.first if link is None else link.verifier

    def check(self, signed: SignedCheckpoint) -> Verifier:
        """Check that a checkpoint is signed by the key of its size, and give that key.

        Raises:
            RetiredKeyError: only a key that was retired by then, or that is not yet in use, signed it.
            SignatureError: it is another log's, unsigned, or signed wrongly.
        """
        at = signed.checkpoint
        if at.origin != self.name:
            raise SignatureError(f"checkpoint is of log {at.origin!r}, not of {self.name!r}")
        key = self.key_at(at.size)
        if checkpoints.verify(signed, (key,)):
            return key
        others = [each for each in self.keys if each != key and signed.note.by(each)]
        if others and checkpoints.verify(signed, others[:1]):
            raise RetiredKeyError(
                f"checkpoint of {at.origin}, size {at.size}, is signed by its key {others[0].id.hex()}, which does not "
                f"sign that size: {key.id.hex()} does. The key may have been stolen; ask the owner by another way"
            )
        raise SignatureError(f"checkpoint of {at.origin} is not signed by its key {key.id.hex()}")

    def open(self, data: bytes) -> SignedCheckpoint:
        """Read a checkpoint and check that the log signed it with the key of its size.

        Raises:
            RetiredKeyError: see :meth:`check`.
            SignatureError: malformed, of another log, unsigned, or signed wrongly.
        """
        signed = SignedCheckpoint.parse(data)
        self.check(signed)
        return signed

    def bare(self, signed: SignedCheckpoint) -> SignedCheckpoint:
        """A checkpoint with the log's own signature alone, by the key of its size.

        Raises:
            SignatureError: that key has not signed it.
        """
        lines = signed.note.by(self.key_at(signed.checkpoint.size))
        if not lines:
            raise SignatureError(f"checkpoint of {self.name} is not signed by its key")
        return SignedCheckpoint(signed.checkpoint, Note(signed.note.text, lines[:1]))


@dataclass(frozen=True, slots=True)
class KnownLog:
    """What a reader got from a log's owner.

    Attributes:
        verifier: one of the log's keys.
        following: the commitment to the key after it; None where the owner gave none.
    """

    verifier: Verifier
    following: bytes | None = None

    def follow(self, links: Sequence[bytes]) -> KeyChain:
        """The log's keys from there; see :func:`follow`."""
        return follow(self.verifier, links, self.following)


LogKeys: TypeAlias = Verifier | KeyChain
"""How a caller names a log: by a key that never changed, as far as it knows, or by a chain."""


def of(keys: LogKeys) -> KeyChain:
    """A chain either way."""
    return KeyChain(keys) if isinstance(keys, Verifier) else keys


def follow(known: Verifier, links: Sequence[bytes], following: bytes | None = None) -> KeyChain:
    """Follow a log's keys from the one that the reader knows.

    Args:
        known: the key that the reader got from the owner; ``links`` must lead past it.
        links: signed notes, from number 0 on. None at all: the key never changed.
        following: the commitment to the key after ``known`` that the owner gave with it; None where it gave none.

    Raises:
        ProofError: a gap, or a link that does not fit the one before.
        SignatureError: a signature is missing or wrong, a key is not the one that was committed to, or the known key is
            not among them.
    """
    if not links:
        return KeyChain(known)
    if len(links) > MAX_LINKS:
        raise ProofError(f"a chain of keys has at most {MAX_LINKS} links, not {len(links)}")
    found: list[Link] = []
    for data in links:
        note = notes.parse(data, max_bytes=MAX_NOTE)
        link = Link.parse(note.text)
        if found:
            check_link(link, note, found[-1])
        elif link.number:
            raise ProofError(f"the chain of keys of {link.verifier.name} begins with link {link.number}, not with 0")
        else:
            _check_signed(note, (link.verifier,))
        found.append(link)
    mine = next((each for each in found if each.verifier == known), None)
    if mine is None:
        shown = f"{found[0].verifier.name}, first {found[0].verifier.fingerprint}"
        raise SignatureError(f"the known key {known.id.hex()} is not in the chain of keys of {shown}")
    if following is not None and mine.following != following:
        raise SignatureError(
            f"key link {mine.number} of {known.name} commits to another next key than its owner gave with key "
            f"{known.id.hex()}: whoever made it has that key, and may have stolen it"
        )
    return KeyChain(found[0].verifier, tuple(found), tuple(links))


def check_link(link: Link, note: Note, last: Link) -> None:
    """Check that a link follows another.

    Raises:
        ProofError: it does not come next.
        SignatureError: not signed by both keys, or not the key that was committed to.
    """
    if link.number != last.number + 1 or link.previous != last.digest:
        raise ProofError(f"key link {link.number} does not follow link {last.number}: one is missing, or it is forged")
    if link.verifier.name != last.verifier.name:
        raise SignatureError(f"key link {link.number} is of {link.verifier.name}, not of {last.verifier.name}")
    if commitment(link.verifier) != last.following:
        raise SignatureError(
            f"key {link.verifier.fingerprint} is not the one that {last.verifier.name} committed to: whoever made this "
            "link has the old key only, and may have stolen it"
        )
    if link.from_size <= last.from_size:
        raise ProofError(f"key link {link.number} begins at size {link.from_size}, not after {last.from_size}")
    _check_signed(note, (last.verifier, link.verifier))


def merged(left: KeyChain, right: KeyChain) -> KeyChain:
    """The longer of two chains of one log: one reader may have seen links that the other has not.

    Raises:
        SplitError: two links of one number differ: the owner of the keys signed both.
    """
    for ours, theirs in zip(left.links, right.links, strict=False):
        if ours != theirs:
            raise SplitError(
                f"log {left.name} has two keys number {ours.number}: {ours.verifier.fingerprint} and "
                f"{theirs.verifier.fingerprint}; keep both links, they are the proof"
            )
    return left if len(left.links) >= len(right.links) else right


def to_file(links: Sequence[bytes]) -> bytes:
    """Links as a log publishes them beside its checkpoint: canonical JSON."""
    return document("key-chain", 1, {"links": [each.decode("utf-8") for each in links]})


def from_file(data: bytes) -> tuple[bytes, ...]:
    """Read what :func:`to_file` writes; :func:`follow` verifies it.

    Raises:
        ProofError: not that.
    """
    fields = Fields.load(data, "key chain", max_bytes=MAX_FILE)
    fields.kind("key-chain")
    links = tuple(each.encode("utf-8", "surrogatepass") for each in fields.texts("links"))
    fields.done()
    return links


def check_use(verifier: Verifier, cosigner: Verifier | None = None) -> None:
    """Accept keys that can be a log's own.

    Raises:
        SignatureError: they are of another use, or of different logs.
    """
    if verifier.type is not KeyType.ED25519:
        raise SignatureError(f"key {verifier.name} does not sign logs; only keys of type 01 do")
    if cosigner is not None and (cosigner.type is not KeyType.MLDSA44 or cosigner.name != verifier.name):
        raise SignatureError(f"key {cosigner.name} is no ML-DSA-44 key of log {verifier.name}")


def _check_signed(note: Note, by: tuple[Verifier, ...]) -> None:
    """All of these, in this order, and nobody else: there is one spelling of a link."""
    lines = [(each.name, each.key_id) for each in note.signatures]
    if lines != [(each.name, each.id) for each in by] or notes.verify(note, by) != by:
        raise SignatureError(f"a key link must be signed by {' and '.join(each.id.hex() for each in by)}, and only so")
