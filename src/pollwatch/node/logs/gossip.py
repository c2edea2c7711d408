"""What members say in their seals of the logs that they saw, held against those logs as we know them.

A seal carries the latest checkpoints that its owner saw of the others' logs, with those logs' own signatures. Where one
of them is no state of such a log, that log shows different members different histories, and its two signatures prove
it: nobody needs to have cosigned anything, and the owner of the seal need not be asked. Where the signature is none of
that log's, the one who put it into the seal lies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from pollwatch.errors import EvidenceError, ProofError, RetiredKeyError, SignatureError
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.seal import Seal
from pollwatch.evidence.tiles import TileReader
from pollwatch.members.member import Member
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.logs import copies
from pollwatch.sharing.keybook import KeyBook

_LOOKED_AT: Final = 32
"""Seals of each member; the last one alone says what it saw last."""


@dataclass(frozen=True, slots=True)
class Said:
    """A checkpoint in a seal.

    Attributes:
        by: whose seal.
        of: whose log.
        signed: with the signature that the seal carries; unchecked.
    """

    by: Member
    of: Member
    signed: SignedCheckpoint


def said_of(membership: Membership, about: Member) -> tuple[Said, ...]:
    """What the others' seals carry of a log, each state once; signatures are unchecked."""
    return tuple({each.signed.to_bytes(): each for each in _said(membership) if each.of == about}.values())


def contradicted(membership: Membership) -> frozenset[str]:
    """Names of the members whose logs, as we read them, do not have a state that somebody's seal carries of them."""
    return frozenset(
        each.of.name
        for each in _said(membership)
        if each.of != membership.me
        and _signed(membership, each) is not False
        and not _had(_read(membership, each.of), each.signed)
    )


def lies(membership: Membership) -> dict[str, Said]:
    """What members put into their seals although the log that it names never signed it, by who did."""
    return {
        each.by.name: each
        for each in _said(membership)
        if each.of != membership.me and _signed(membership, each) is False
    }


def _signed(membership: Membership, said: Said) -> bool | None:
    """Whether the log signed it; None where a key of it may have that we do not know yet."""
    chain = KeyBook(membership.folder.record).chain(said.of.known_log)
    try:
        chain.check(said.signed)
    except RetiredKeyError:
        return True
    except SignatureError:
        # A wrong signature by a key that we know is a lie; so is one by no key that signs what we have read.
        wrong = any(said.signed.note.by(key) for key in chain.keys)
        return False if wrong or said.signed.checkpoint.size <= _read(membership, said.of).size else None
    return True


def _read(membership: Membership, member: Member) -> TileReader:
    copy = copies.of(membership, member)
    return copy.reader(copy.followed.reached().size)


def _had(log: TileReader, signed: SignedCheckpoint) -> bool:
    at = signed.checkpoint
    try:
        return at.size > log.size or log.root(at.size) == at.root
    except ProofError:
        return True  # what we hold of it is damaged, and says nothing; the next look reads it anew


def _said(membership: Membership) -> Iterator[Said]:
    members = {sha256(each.log.name.encode("utf-8")).digest(): each for each in membership.charter.members}
    for by in membership.peers:
        for seal in _seals(membership, by):
            for seen in seal.rivals:
                of = members.get(seen.origin_hash)
                if of is None or of == by:
                    continue
                try:
                    yield Said(by, of, seen.signed(of.log.name))
                except EvidenceError:
                    continue  # no checkpoint that there can be: a size beyond all logs


def _seals(membership: Membership, member: Member) -> Iterator[Seal]:
    log = _read(membership, member)
    for each in copies.of(membership, member).followed.latest(Seal.KIND, log.size, _LOOKED_AT):
        try:
            yield Seal.parse(log.entry(each.number))
        except ProofError:
            return  # our copy is damaged; the next look reads it anew
