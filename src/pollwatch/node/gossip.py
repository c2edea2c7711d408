"""What members say in their seals of the logs that they saw, held against those logs as we know them.

A seal names the latest checkpoints that its owner saw of the others' logs. Where one of them is no state of such a log,
either that log shows different members different histories, or the one who says so lies. Nobody needs to have cosigned
anything for that to show. It is no proof, for a seal does not carry the log's signature: it says whom to ask for one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from pollwatch.errors import ProofError
from pollwatch.evidence import log as logs
from pollwatch.evidence.seal import Seal, Seen
from pollwatch.evidence.tiles import TileReader
from pollwatch.members.member import Member
from pollwatch.node import watching
from pollwatch.node.jointfolder import Membership


@dataclass(frozen=True, slots=True)
class Dispute:
    """A state of a log that somebody saw and we did not.

    Attributes:
        of: whose log; our own among them.
        by: who says so.
        size: of the state.
    """

    of: str
    by: str
    size: int


def disputes(membership: Membership) -> tuple[Dispute, ...]:
    """What the last seal of each member, as far as we read its log, says of a log that does not fit what we know."""
    known = dict(_known(membership))
    found = []
    for member in membership.peers:
        seal = _last_seal(membership, member)
        for seen in seal.rivals if seal is not None else ():
            if seen.origin_hash not in known:
                continue
            of, log = known[seen.origin_hash]
            # What is larger than what we read may yet come; of our own log there is nothing that we do not have.
            if seen.size > log.size and of != membership.me:
                continue
            if seen.size > log.size or not _had(log, seen):
                found.append(Dispute(of.name, member.name, seen.size))
    return tuple(found)


def _had(log: TileReader, seen: Seen) -> bool:
    try:
        return log.root(seen.size) == seen.root
    except ProofError:
        return True  # what we hold of it is damaged, and says nothing; the next look reads it anew


def _known(membership: Membership) -> Iterator[tuple[bytes, tuple[Member, TileReader]]]:
    _signed, own = logs.open_reader(membership.folder.public, membership.me.log)
    yield _hash(membership.me), (membership.me, own)
    for member in membership.peers:
        copy = watching.copy_of(membership, member)
        yield _hash(member), (member, copy.reader(copy.followed.reached().size))


def _last_seal(membership: Membership, member: Member) -> Seal | None:
    copy = watching.copy_of(membership, member)
    size = copy.followed.reached().size
    last = copy.followed.latest(Seal.KIND, size, 1)
    try:
        return Seal.parse(copy.reader(size).entry(last[0].number)) if last else None
    except ProofError:
        return None  # our copy is damaged; the next look reads it anew


def _hash(member: Member) -> bytes:
    return sha256(member.log.name.encode("utf-8")).digest()
