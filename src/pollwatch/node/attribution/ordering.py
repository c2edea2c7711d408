"""Where the papers of a case stand in all logs that this member has: its own, and its copies of the others'."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pollwatch.attribution import record as records
from pollwatch.attribution.order import OrderFile, Posting, ShownLog
from pollwatch.attribution.subject import Named
from pollwatch.clock import Clock
from pollwatch.errors import EvidenceError
from pollwatch.evidence import manifest
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.keychain import KeyChain
from pollwatch.evidence.tiles import TileReader
from pollwatch.members.member import Member
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence import rail
from pollwatch.node.logs import copies, knowing
from pollwatch.sharing.keybook import KeyBook
from pollwatch.sharing.views import Views
from pollwatch.stix.constants import StixObject


@dataclass(frozen=True, slots=True)
class _Seen:
    """A log as this member has it: its states, from small to large, and the tiles behind the largest."""

    owner: Member
    chain: KeyChain
    states: tuple[SignedCheckpoint, ...]
    tiles: TileReader


def order_of(membership: Membership, received: Sequence[StixObject], clock: Clock) -> bytes:
    """The order file of a record: what is proven of when its papers were said (:mod:`pollwatch.attribution.order`).

    Args:
        membership: who exports.
        received: the record's objects.
        clock: the time.

    Raises:
        EvidenceError: our own log does not check out.
        StoreError: a scan has it open.
    """
    wanted = {Named.of(each).digest for each in received if records.is_spoken(each)}
    seen = [_own(membership, wanted, clock)]
    seen += [each for peer in membership.peers if (each := _copied(membership, peer)) is not None]
    shown = (_shown(each, wanted) for each in seen)
    return OrderFile(tuple(sorted((each for each in shown if each.postings), key=lambda log: log.member))).to_bytes()


def _own(membership: Membership, wanted: set[str], clock: Clock) -> _Seen:
    with rail.opened(membership.folder.case, clock) as evidence:
        log = evidence.shared
        kept = {log.signed.checkpoint.size: log.signed}
        for index, digest in _postings(log.reader()):
            cosigned = log.cosigned(index + 1) if digest in wanted else None
            if cosigned is not None:
                kept[cosigned.checkpoint.size] = cosigned
        return _Seen(membership.me, log.chain, tuple(kept[size] for size in sorted(kept)), log.reader())


def _copied(membership: Membership, peer: Member) -> _Seen | None:
    """What our copy of another's log shows; None where we have none yet."""
    record, copy = membership.folder.record, copies.of(membership, peer)
    chain = KeyBook(record).chain(peer.known_log)
    good, _misuses = knowing.divide(chain, Views(record).all(peer.log.name))
    kept = {each.checkpoint.size: each for each in good if 0 < each.checkpoint.size <= copy.followed.reached().size}
    if not kept:
        return None
    states = tuple(kept[size] for size in sorted(kept))
    return _Seen(peer, chain, states, copy.reader(states[-1].checkpoint.size))


def _shown(seen: _Seen, wanted: set[str]) -> ShownLog:
    """The states that are needed and no others: the same papers give the same bytes, however long the log grows."""
    found = []
    for index, digest in _postings(seen.tiles):
        if digest in wanted:
            at = _earliest(seen.states, index, seen.owner)
            found.append((index, digest, at))
    used = sorted({at for _index, _digest, at in found})
    states = [seen.states[at] for at in used]
    return ShownLog(
        seen.owner.name,
        seen.chain.notes,
        tuple(states),
        tuple(seen.tiles.consistency(each.checkpoint.size, states[-1].checkpoint.size) for each in states),
        tuple(
            Posting(digest, index, used.index(at), seen.tiles.inclusion(index, seen.states[at].checkpoint.size))
            for index, digest, at in found
        ),
    )


def _earliest(states: Sequence[SignedCheckpoint], index: int, owner: Member) -> int:
    """The first state with an entry that somebody else cosigned, or else the first with it."""
    holding = [at for at, each in enumerate(states) if each.checkpoint.size > index]
    cosigned = [at for at in holding if any(line.name != owner.log.name for line in states[at].note.signatures)]
    return (cosigned or holding)[0]


def _postings(tiles: TileReader) -> Iterator[tuple[int, str]]:
    """Index and digest of what stands posted in a log."""
    for index, entry in enumerate(tiles.entries(0, tiles.size)):
        try:
            parsed = manifest.parse_shared(entry)
        except EvidenceError:
            continue
        if isinstance(parsed, manifest.Posted):
            yield index, parsed.digest.hex()
