"""Entries of private and shared logs, and the documents that open them."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from made import CHAIN, COSIGNERS, LOG, by_name

from pollwatch.clock import ManualClock
from pollwatch.errors import PollwatchError
from pollwatch.evidence import keychain, manifest
from pollwatch.evidence.documents import Digest, OpenedDocument, OpenedDocuments
from pollwatch.evidence.keychain import Link
from pollwatch.evidence.keyhistory import KeyHistory
from pollwatch.evidence.large import Large
from pollwatch.evidence.misuse import KeyMisuse
from pollwatch.evidence.monitor import ForkProof
from pollwatch.evidence.openedlines import OpenedBatch
from pollwatch.evidence.posted import Posted
from pollwatch.evidence.references import BatchLines, References
from pollwatch.evidence.seal import make_seal
from pollwatch.evidence.sequence import NONE_BEFORE, Place, Sequence, Span
from pollwatch.evidence.sequenced import OpenedSequence
from pollwatch.evidence.timestamp import StampedCheckpoint, TimestampProof
from pollwatch.evidence.tlogproof import TlogProof
from pollwatch.evidence.witness import Witness

_HASH, _SALT = bytes(range(32)), bytes(range(16))
_WITNESS = Witness(Path(":memory:"), COSIGNERS[:1], ManualClock(5), [CHAIN.first])
_READERS = (
    manifest.parse_private,
    manifest.parse_shared,
    References.parse,
    Span.parse,
    OpenedSequence.parse,
    OpenedDocuments.parse,
    OpenedBatch.parse,
    StampedCheckpoint.parse,
    TimestampProof.parse,
    ForkProof.parse,
    KeyMisuse.parse,
    KeyHistory.parse,
)


def read(data: bytes) -> None:
    """What parses is written again as the same bytes."""
    for reader in _READERS:
        try:
            found = reader(data)
        except PollwatchError:
            continue
        assert found.to_bytes() == data
        if isinstance(found, ForkProof | KeyMisuse):
            found.verify()
        if isinstance(found, KeyHistory):
            found.check()
    _read_keys(data)
    _tell(data)


def _tell(data: bytes) -> None:
    """A witness that is told keys answers, whatever they are, and knows of the log what its owner signed."""
    answer = _WITNESS.add_keys(data)
    assert answer.status in {200, 400, 403, 404, 422}
    assert set(_WITNESS.chain(CHAIN.name).notes) <= set(CHAIN.notes)


def _read_keys(data: bytes) -> None:
    """A chain of keys that is followed says every link in its only form."""
    try:
        links = keychain.from_file(data)
        assert keychain.to_file(links) == data
        chain = keychain.follow(Link.of(links[0]).verifier, links) if links else None
    except PollwatchError:
        return
    assert chain is None or tuple(map(Link.of, links)) == chain.links


class _Written(Protocol):
    """What is written down as bytes."""

    def to_bytes(self) -> bytes:
        """As it is kept."""


def seeds(folder: Path) -> list[bytes]:
    """One of each type."""
    made = by_name(folder)
    names = (
        "fork proof, one size",
        "fork proof, two sizes",
        "opened lines",
        "opened fields",
        "key chain",
        "key history",
        "key used after its time",
        "two changes of a key",
        "fork under a changed key",
        "fork across a change of keys",
        "keys told to a witness",
    )
    signed = TlogProof.parse(made["tlog-proof"].data).signed
    checkpoint = signed.checkpoint
    span = Span("access.log", (Place(1, 1, 60), Place(3, 61, 5)))
    stamped = StampedCheckpoint(made["checkpoint"].data, b"token")
    entries: list[_Written] = [
        manifest.Batch(_HASH, 1, 60, 5, None, _HASH),
        manifest.IncidentEntry("inc-1", "high", 5, None, 3, _HASH, _HASH),
        manifest.Disclosure("inc-1", "Birch", _HASH, 5),
        manifest.Documents(3, _HASH),
        manifest.Canary(_HASH),
        manifest.Indicator(_HASH, 5),
        manifest.MatchCommitment("s", 3, _HASH),
        manifest.Tombstone(3, _HASH, 5),
        manifest.Hold("h", "placed", _HASH, 5),
        manifest.Decision(_HASH, 5),
        Large("batch", 70_000, _HASH),
        Sequence(0, NONE_BEFORE, 0, 5, 2, 1, _HASH),
        make_seal(checkpoint, [signed], 5)[0],
        Posted.of("key", "rotation of a", b"a text"),
        References((BatchLines(1, ((1, 5), (7, 9))),)),
        span,
        OpenedSequence(5, 0, _SALT, span, (_SALT, _SALT), (_HASH,)),
        OpenedDocuments(4, (OpenedDocument(0, _SALT, Digest(_HASH, 5)),), (_HASH,), None),
        OpenedDocuments(4, (OpenedDocument(0, _SALT, Digest(_HASH, 5)),), (), Digest(_HASH[::-1], 6)),
        stamped,
        TimestampProof(3, (_HASH,), stamped),
    ]
    assert LOG.name == checkpoint.origin
    return [*(made[name].data for name in names), *(each.to_bytes() for each in entries)]
