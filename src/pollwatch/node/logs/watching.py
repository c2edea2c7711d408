"""Watching the other members' logs: has each merely grown since it was last seen? If not, keep the proof."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from pollwatch import durable
from pollwatch.clock import Clock
from pollwatch.errors import EvidenceError, PeerError, ProofError, RetiredKeyError, SharingError, SignatureError
from pollwatch.evidence import rotation
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.misuse import KeyMisuse
from pollwatch.evidence.monitor import ForkProof, check_not_behind, compare
from pollwatch.evidence.published import CHECKPOINT
from pollwatch.evidence.seal import Seal
from pollwatch.evidence.tiles import TileReader
from pollwatch.i18n import _
from pollwatch.members.member import Member
from pollwatch.node.charter import heeding
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence import dating, rail
from pollwatch.node.gateway import pushing
from pollwatch.node.logs import copies, knowing
from pollwatch.node.logs.copies import Copied
from pollwatch.node.logs.knowing import Known
from pollwatch.sharing.keybook import KeyBook
from pollwatch.sharing.peer import Peer
from pollwatch.sharing.views import Views


class Verdict(StrEnum):
    """What a look at a log found."""

    FIRST_SEEN = "first-seen"
    UNCHANGED = "unchanged"
    GROWN = "grown"
    WENT_BACK = "went-back"
    FORKED = "forked"
    DAMAGED = "damaged"
    UNREACHABLE = "unreachable"
    KEY_MISUSED = "key-misused"


@dataclass(frozen=True, slots=True)
class Checked:
    """One member's log, as looked at.

    Attributes:
        member: whose.
        verdict: what was found.
        size: entries now; None where nothing could be read.
        before: entries when last seen; None if never.
        detail: one sentence.
        proof: file of a proof against the log's keys, which `pollwatch verify` checks; None unless they forked, or one
            of them was misused.
        read: how many entries were read so far; fewer than ``size`` where one look does not read them all.
        misdated: whether new entries carry dates that cannot be true; the sentence says which.
    """

    member: str
    verdict: Verdict
    size: int | None
    before: int | None
    detail: str
    proof: Path | None = None
    read: int | None = None
    misdated: bool = False

    @property
    def sound(self) -> bool:
        """Whether nothing speaks against the log."""
        return self.verdict in {Verdict.FIRST_SEEN, Verdict.UNCHANGED, Verdict.GROWN}


def check_peers(membership: Membership, clock: Clock, names: Sequence[str] = ()) -> tuple[Checked, ...]:
    """Look at the logs of these members, or of all others."""
    chosen = [membership.charter.member(name) for name in names] or list(membership.peers)
    return tuple(check_peer(membership, member, clock) for member in chosen)


def latest(membership: Membership, member: Member) -> int | None:
    """The size of our last copy of a member's log; None where there is none."""
    last = Views(membership.folder.record).latest(member.log.name)
    return last.checkpoint.size if last else None


def check_peer(membership: Membership, member: Member, clock: Clock) -> Checked:
    """Look at one member's log: compare it with what was seen before, then read all of it.

    A fork is kept as a file, posted in our own shared log, and told of in the result; nothing is raised for what
    the other side does.
    """
    views = Views(membership.folder.record)
    last = views.latest(member.log.name)
    before = last.checkpoint.size if last else None
    with Peer(membership.way_to(member, clock)) as peer:
        try:
            # First what is known, then what it shows: an honest log publishes before it asks anybody to cosign, so
            # that nobody can know more of it than it shows. Its keys last, for those behind a checkpoint are there
            # before it is.
            gathered = knowing.gather(membership, member, clock)
            now = peer.checkpoint()
            known = knowing.sort_out(membership, member, gathered, peer.log_keys())
            found = _compared(membership, member, clock, last, now, known, peer)
        except PeerError as error:
            return Checked(
                member.name, Verdict.UNREACHABLE, None, before, _mirrored(membership, member, str(error), clock)
            )
        except EvidenceError as error:
            return Checked(member.name, Verdict.DAMAGED, None, before, str(error))
    if known.misuses and found.sound:
        path = keep(membership, known.misuses[0], clock)
        return replace(found, verdict=Verdict.KEY_MISUSED, detail=_misused(known.misuses[0]), proof=path)
    return found


def _compared(
    membership: Membership,
    member: Member,
    clock: Clock,
    last: SignedCheckpoint | None,
    now: SignedCheckpoint,
    known: Known,
    peer: Peer,
) -> Checked:
    """What the log shows, held against all that is known of it."""
    size, before = now.checkpoint.size, last.checkpoint.size if last else None
    try:
        known.chain.check(now)
    except RetiredKeyError:
        misuse = KeyMisuse.of_checkpoint(known.chain, now)
        path = keep(membership, misuse, clock)
        return Checked(member.name, Verdict.KEY_MISUSED, size, before, _misused(misuse), path)
    except SignatureError as error:
        raise PeerError(f"{member.name} serves no checkpoint of its own: {error}") from error
    tiles = peer.tiles(size)
    proof = compare(known.chain, now, tiles, known.states, copies.of(membership, member).reader)
    if proof is not None:
        return Checked(member.name, Verdict.FORKED, size, before, _told(proof), keep(membership, proof, clock))
    try:
        check_not_behind(now, known.states)
    except ProofError as error:
        return Checked(member.name, Verdict.WENT_BACK, size, before, str(error))
    rotation.check_places(known.chain, tiles)
    checked = _judge(membership, member, clock, last, now, tiles)
    if checked.read == size and not known.misuses:
        knowing.remember(membership, member, known.chain, now, copies.of(membership, member).reader(size), clock)
    return checked


def _mirrored(membership: Membership, member: Member, problem: str, clock: Clock) -> str:
    """Read on in our own mirror of a log that cannot be read at its owner's; gives what is to be said.

    Whoever leaves has its last entries mirrored, and then lets nobody in any more.
    """
    copy = copies.of(membership, member)
    with suppress(EvidenceError, SharingError, FileNotFoundError), pushing.opened(membership, clock) as outpost:

        def fetch(path: str) -> bytes:
            if (data := outpost.mirrored(member.log.name, path)) is None:
                raise FileNotFoundError(path)
            return data

        now = KeyBook(membership.folder.record).chain(member.known_log).open(fetch(CHECKPOINT))
        before = copy.followed.reached()
        copied = Copied(before, before, ())
        if now.checkpoint.size > before.size:
            copied = copy.follow(now, TileReader(fetch, now.checkpoint.size), clock.now_us())
            Views(membership.folder.record).add(now, clock.now_us())
        if reason := heeding.heed(membership, member, copied, clock):
            return _("it has left the joint watch: {reason}").format(reason=reason)
    return problem


def _judge(
    membership: Membership,
    member: Member,
    clock: Clock,
    last: SignedCheckpoint | None,
    now: SignedCheckpoint,
    tiles: TileReader,
) -> Checked:
    size, before = now.checkpoint.size, last.checkpoint.size if last else None
    copy, now_us = copies.of(membership, member), clock.now_us()
    copied = copy.follow(now, tiles, now_us)
    Views(membership.folder.record).add(now, now_us)
    seals = copy.followed.latest(Seal.KIND, copied.before.size, 1)
    misdated = dating.misdated(copied.before, seals[0] if seals else None, copied.entries, now_us)
    detail = ", ".join(f"{kind} {count}" for kind, count in copy.followed.counts().items()) or "no entries"
    read = copied.reached.size
    if read < size:
        text = _("{detail}; so far the first {read} of {size} entries were read, the rest follows at the next looks")
        detail = text.format(detail=detail, read=read, size=size)
    if misdated:
        detail = f"{detail}; {misdated}"
    if reason := heeding.heed(membership, member, copied, clock):
        detail = _("{detail}; it has left the joint watch: {reason}").format(detail=detail, reason=reason)
    verdict = Verdict.FIRST_SEEN if before is None else Verdict.UNCHANGED if size == before else Verdict.GROWN
    return Checked(member.name, verdict, size, before, detail, None, read, bool(misdated))


def keep(membership: Membership, proof: ForkProof | KeyMisuse, clock: Clock) -> Path:
    """Store a proof as a file, and post it in our own shared log, once."""
    data = proof.to_bytes()
    folder = membership.folder.forks
    path = folder / f"{proof.KIND.removesuffix('-proof')}-{sha256(data).hexdigest()[:16]}.json"
    if not path.exists():
        durable.make_folder(folder, mode=0o700)
        with rail.opened(membership.folder.case, clock) as evidence:
            evidence.post(proof)
        durable.write_file(path, data)
    return path


def _misused(misuse: KeyMisuse) -> str:
    if misuse.checkpoint is None:
        return (
            "its keys signed two different changes of its key: its owner, or a thief of them, has two successors for it"
        )
    return (
        f"a key that does not sign size {misuse.checkpoint.checkpoint.size} of this log signed it all the same: it was "
        "stolen, or its owner keeps two histories; ask the owner by another way"
    )


def _told(proof: ForkProof) -> str:
    small, large = proof.smaller.checkpoint, proof.larger.checkpoint
    return (
        f"its key signed two histories that contradict each other: size {small.size} with root "
        f"{small.root.hex()[:16]}, and size {large.size} with root {large.root.hex()[:16]} that does not contain it"
    )
