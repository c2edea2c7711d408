"""A log's key changes hands: each key names its successor, unseen, before it is needed.

This makes the links that :mod:`pollwatch.evidence.keychain` reads, and ties them to their places in the log.

So a thief of the present key cannot change it: that takes the next one, which lay elsewhere (in a safe, on a token).
And once it was changed, the stolen key is worth nothing: checkpoints beyond the size of the change are refused under
it. Two different links in one place are the owner's own doing, and both signatures prove it.

A link becomes part of its log by being appended (:meth:`pollwatch.evidence.log.Log.append`): the same step that makes
the entry durable makes the new key the one that signs, so that at every moment exactly one key is the log's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pollwatch.errors import ProofError, SignatureError
from pollwatch.evidence import keychain
from pollwatch.evidence import note as notes
from pollwatch.evidence.keychain import NOTHING, KeyChain, Link, commitment
from pollwatch.evidence.keys import Signer, Verifier
from pollwatch.evidence.posted import Posted
from pollwatch.evidence.tiles import TileReader

_MARK = b'"type":"key"'


def begin(signer: Signer, following: Verifier, size: int, cosigner: Verifier | None = None) -> bytes:
    """The first link: the key that the log has, and the commitment to the next.

    Args:
        signer: the log's key.
        following: the key after it; its secret half belongs somewhere else.
        size: of the log once it contains the link.
        cosigner: the log's own key of type 06.

    Raises:
        SignatureError: keys that cannot follow one another.
    """
    _check_follows(signer.verifier, following)
    keychain.check_use(signer.verifier, cosigner)
    link = Link(0, signer.verifier, cosigner, size, commitment(following), NOTHING)
    return notes.sign_note(link.text, (signer,)).to_bytes()


def rotate(
    chain: KeyChain, old: Signer, new: Signer, following: Verifier, size: int, cosigner: Verifier | None = None
) -> bytes:
    """The next link, signed by the old key and the new.

    Args:
        chain: the links so far; at least one.
        old: the present key.
        new: the one that was committed to.
        following: the key after that.
        size: of the log once it contains the link; from there the new key signs.
        cosigner: the log's own key of type 06 from there on.

    Raises:
        SignatureError: not these keys.
        ProofError: no key was committed to, or the log had this size before the present key.
    """
    if not chain.links:
        raise ProofError(f"log {chain.name} has committed to no next key yet; do that first")
    last = chain.links[-1]
    if old.verifier != last.verifier:
        raise SignatureError(f"{old.verifier.id.hex()} is not the present key of {last.verifier.name}")
    _check_follows(new.verifier, following)
    keychain.check_use(new.verifier, cosigner)
    link = Link(last.number + 1, new.verifier, cosigner, size, commitment(following), last.digest)
    note = notes.sign_note(link.text, (old, new))
    keychain.check_link(link, note, last)
    return note.to_bytes()


def posted(link: bytes) -> Posted:
    """A link as an entry of its log."""
    return Posted.of("key", _subject(Link.of(link).verifier.name), link)


def extended(chain: KeyChain, size: int, entries: Sequence[bytes]) -> KeyChain:
    """The chain of a log of ``size`` after these entries are appended to it.

    Raises:
        ProofError: a link among them stands in another place than it says, or does not fit.
        SignatureError: see :func:`pollwatch.evidence.keychain.follow`.
    """
    if not any(_MARK in each for each in entries):
        return chain
    found = _links(chain.name, enumerate(entries, size))
    if not found:
        return chain
    grown = keychain.follow(chain.first, (*chain.notes, *(link for _place, link in found)))
    for (place, _link), link in zip(found, grown.links[len(chain.links) :], strict=True):
        _check_place(link, place)
    return grown


def from_entries(known: Verifier, entries: Iterable[tuple[int, bytes]]) -> KeyChain:
    """The chain that a log contains, checked also against the places where its links stand.

    Args:
        known: one of the log's keys.
        entries: index and content of all entries of the log that may be links; others are passed over.

    Raises:
        ProofError: a link stands in another place than it says, or does not fit.
        SignatureError: see :func:`pollwatch.evidence.keychain.follow`.
    """
    found = _links(known.name, entries)
    chain = keychain.follow(known, [link for _place, link in found])
    for (place, _link), link in zip(found, chain.links, strict=True):
        _check_place(link, place)
    return chain


def check_places(chain: KeyChain, log: TileReader) -> None:
    """Check that each link that signs within a log of this size is an entry of it, where it says that it is.

    Raises:
        ProofError: one is not: the log's owner told others of a key that its log does not know.
    """
    for link, note in zip(chain.links, chain.notes, strict=True):
        if link.from_size <= log.size and log.entry(link.from_size - 1) != posted(note).to_bytes():
            raise ProofError(
                f"key link {link.number} of {chain.name} is not entry {link.from_size - 1} of its log: the key was "
                "changed for some and not for others"
            )


def _links(origin: str, entries: Iterable[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Place and note of each link of this log."""
    subject = _subject(origin)
    found = []
    for index, data in entries:
        if _MARK not in data:
            continue
        entry = Posted.parse(data)
        if entry.kind == "key" and entry.subject == subject and entry.text is not None:
            found.append((index, entry.text.encode("utf-8")))
    return found


def _check_place(link: Link, place: int) -> None:
    if link.from_size != place + 1:
        raise ProofError(f"key link {link.number} is entry {place} but says that it signs from size {link.from_size}")


def _subject(origin: str) -> str:
    return f"rotation of {origin}"


def _check_follows(present: Verifier, following: Verifier) -> None:
    keychain.check_use(present)
    keychain.check_use(following)
    if following.name != present.name or following.public == present.public:
        raise SignatureError(f"the next key of {present.name} has the same name and is another key")
