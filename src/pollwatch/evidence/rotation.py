"""A log's key changes hands: each key names its successor, unseen, before it is needed.

Every link of the chain is a signed note, posted in the log as a ``key`` entry: the key, the size of the log from which
it signs, and a commitment (SHA-256) to the key that comes after it. A later link is signed by the key before *and* by
its own. States: a log without a link signs with its first key for ever; link 0, signed by that key alone, commits to
the next; link ``n`` reveals the key that link ``n - 1`` committed to, and commits to the one after it.

So a thief of the present key cannot change it: that takes the next one, which lay elsewhere (in a safe, on a token).
And once it was changed, the stolen key is worth nothing: checkpoints beyond the size of the change are refused under
it. What this leaves to witnesses and monitors: a thief's fork of an earlier size, which contradicts what they cosigned.
Two different links in one place are the owner's own doing, and both signatures prove it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from pollwatch.errors import ProofError, SignatureError, SplitError
from pollwatch.evidence import checkpoint as checkpoints
from pollwatch.evidence import note as notes
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.fields import Fields, document
from pollwatch.evidence.keys import KeyType, Signer, Verifier
from pollwatch.evidence.note import Note
from pollwatch.evidence.posted import Posted

_KIND = "key-link"
_NOTHING = bytes(32)
_MAX_NOTE = 1 << 14
_MAX_LINKS = 10_000
_COMMITMENT = b"pollwatch/next-key/v1\n"


def commitment(following: Verifier) -> bytes:
    """What a link shows of the key after it: 32 bytes, which tell nothing about a key that nobody has seen."""
    return sha256(_COMMITMENT + bytes([following.type]) + following.public).digest()


@dataclass(frozen=True, slots=True)
class Link:
    """One key of a log.

    Attributes:
        number: 0 for the first.
        verifier: the key; its name is the log's origin.
        from_size: checkpoints of this size and beyond are signed by it: the first is the one that contains this link.
        following: commitment to the next key.
        previous: SHA-256 of the text of the link before; zeros for the first.
    """

    number: int
    verifier: Verifier
    from_size: int
    following: bytes
    previous: bytes

    @property
    def text(self) -> str:
        """The text that is signed."""
        fields = {
            "number": self.number,
            "key": self.verifier.vkey,
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
        fields = Fields.load(text.removesuffix("\n").encode("utf-8"), "key link", max_bytes=_MAX_NOTE)
        fields.kind(_KIND)
        link = cls(
            fields.number("number"),
            Verifier.parse(fields.text("key", max_chars=4096)),
            fields.number("from_size"),
            fields.hex("following", 32),
            fields.hex("previous", 32),
        )
        fields.done()
        if link.text != text or (link.number == 0) != (link.previous == _NOTHING):
            raise ProofError(f"key link {link.number} is not in its only form")
        _check_type(link.verifier)
        return link


@dataclass(frozen=True, slots=True)
class KeyChain:
    """Verified links, in order; make it with :func:`verify_chain`."""

    links: tuple[Link, ...]

    @property
    def present(self) -> Verifier:
        """The key that signs now."""
        return self.links[-1].verifier

    def key_at(self, size: int) -> Verifier:
        """The key that signs the log's checkpoint of this size.

        Raises:
            SignatureError: the chain begins later.
        """
        for link in reversed(self.links):
            if size >= link.from_size or not link.number:
                return link.verifier
        raise SignatureError(f"the key that signed size {size} came before the first that is known here")

    def check(self, signed: SignedCheckpoint) -> Verifier:
        """Check that a checkpoint is signed by the key of its size, and give that key.

        Raises:
            SignatureError: it is another log's, or signed wrongly, or only by a key that was retired or not yet in use.
        """
        at = signed.checkpoint
        key = self.key_at(at.size)
        if at.origin != key.name:
            raise SignatureError(f"checkpoint is of log {at.origin!r}, not of {key.name!r}")
        if checkpoints.verify(signed, (key,)):
            return key
        others = [link.verifier for link in self.links if link.verifier != key and signed.note.by(link.verifier)]
        if others:
            raise SignatureError(
                f"checkpoint of {at.origin}, size {at.size}, is signed by its key {others[0].id.hex()}, which does not "
                f"sign that size: {key.id.hex()} does. The key may have been stolen; ask the owner by another way"
            )
        raise SignatureError(f"checkpoint of {at.origin} is not signed by its key {key.id.hex()}")


def begin(signer: Signer, following: Verifier, size: int = 0) -> bytes:
    """The first link: the key that the log has, and the commitment to the next.

    Args:
        signer: the log's key.
        following: the key after it; its secret half belongs somewhere else.
        size: of the log that will contain it.

    Raises:
        SignatureError: keys that cannot follow one another.
    """
    _check_follows(signer.verifier, following)
    link = Link(0, signer.verifier, size, commitment(following), _NOTHING)
    return notes.sign_note(link.text, (signer,)).to_bytes()


def rotate(chain: KeyChain, old: Signer, new: Signer, following: Verifier, size: int) -> bytes:
    """The next link, signed by the old key and the new.

    Args:
        chain: the links so far.
        old: the present key.
        new: the one that was committed to.
        following: the key after that.
        size: of the log that will contain the link; from there the new key signs.

    Raises:
        SignatureError: not these keys.
        ProofError: the log had this size before the present key.
    """
    last = chain.links[-1]
    if old.verifier != last.verifier:
        raise SignatureError(f"{old.verifier.id.hex()} is not the present key of {last.verifier.name}")
    _check_follows(new.verifier, following)
    link = Link(last.number + 1, new.verifier, size, commitment(following), last.digest)
    note = notes.sign_note(link.text, (old, new))
    _check_link(link, note, last)
    return note.to_bytes()


def verify_chain(known: Verifier, links: Sequence[bytes]) -> KeyChain:
    """Follow a log's keys from the one that the reader knows.

    Args:
        known: the key that the reader got from the owner; the first of ``links`` is about it.
        links: signed notes, in order.

    Raises:
        ProofError: a gap, a link that does not fit the one before, or none.
        SignatureError: a signature is missing or wrong, or a key is not the one that was committed to.
    """
    if not 0 < len(links) <= _MAX_LINKS:
        raise ProofError(f"a chain of keys has 1 to {_MAX_LINKS} links, not {len(links)}")
    found: list[Link] = []
    for data in links:
        note = notes.parse(data, max_bytes=_MAX_NOTE)
        link = Link.parse(note.text)
        if found:
            _check_link(link, note, found[-1])
        elif link.verifier != known:
            shown = f"{link.verifier.fingerprint} of {link.verifier.name}"
            raise SignatureError(f"the chain begins with key {shown}, which is not the known one")
        elif link.number == 0:
            _check_signed(note, (known,))
        elif not notes.verify(note, (known,)):
            raise SignatureError(f"the first key link is not signed by the known key {known.id.hex()}")
        found.append(link)
    return KeyChain(tuple(found))


def same_chain(left: KeyChain, right: KeyChain) -> None:
    """Compare what two readers saw of one log's keys; one may have seen more.

    Raises:
        SplitError: two links of one number differ: the owner of the keys signed both.
    """
    theirs = {link.number: link for link in right.links}
    for link in left.links:
        if theirs.get(link.number, link) != link:
            raise SplitError(
                f"log {link.verifier.name} has two keys number {link.number}: {link.verifier.fingerprint} and "
                f"{theirs[link.number].verifier.fingerprint}; keep both links, they are the proof"
            )


def posted(link: bytes) -> Posted:
    """A link as an entry of the shared log."""
    return Posted.of("key", _subject(Link.parse(notes.parse(link, max_bytes=_MAX_NOTE).text).verifier.name), link)


def from_entries(known: Verifier, entries: Iterable[tuple[int, bytes]]) -> KeyChain | None:
    """The chain that a shared log contains, checked also against the places where its links stand.

    Args:
        known: the log's first key.
        entries: index and content of all entries of the log that may be links; others are passed over.

    Returns:
        None where the log never began a chain.

    Raises:
        ProofError: a link stands in another place than it says, or does not fit.
        SignatureError: see :func:`verify_chain`.
    """
    subject = _subject(known.name)
    places: list[int] = []
    links: list[bytes] = []
    for index, data in entries:
        if b'"type":"key"' not in data:
            continue
        entry = Posted.parse(data)
        if entry.kind == "key" and entry.subject == subject and entry.text is not None:
            places.append(index)
            links.append(entry.text.encode("utf-8"))
    if not links:
        return None
    chain = verify_chain(known, links)
    for place, link in zip(places, chain.links, strict=True):
        if link.from_size != place + 1:
            raise ProofError(
                f"key link {link.number} is entry {place} but says that it signs from size {link.from_size}"
            )
    return chain


def _subject(origin: str) -> str:
    return f"rotation of {origin}"


def _check_link(link: Link, note: Note, last: Link) -> None:
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


def _check_signed(note: Note, by: tuple[Verifier, ...]) -> None:
    """All of these and nobody else: there is one spelling of a link."""
    if notes.verify(note, by) != by or len(note.signatures) != len(by):
        raise SignatureError(f"a key link must be signed by {' and '.join(each.id.hex() for each in by)}, and only so")


def _check_follows(present: Verifier, following: Verifier) -> None:
    _check_type(present)
    _check_type(following)
    if following.name != present.name or following.public == present.public:
        raise SignatureError(f"the next key of {present.name} has the same name and is another key")


def _check_type(verifier: Verifier) -> None:
    if verifier.type is not KeyType.ED25519:
        raise SignatureError(f"key {verifier.name} does not sign logs; only keys of type 01 do")
