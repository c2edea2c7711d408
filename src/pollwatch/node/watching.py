"""Watching the other members' logs: has each merely grown since it was last seen? If not, keep the proof."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from pollwatch.clock import Clock
from pollwatch.errors import EvidenceError, PeerError, ProofError, SignatureError
from pollwatch.evidence import durable, fsck, manifest
from pollwatch.evidence.checkpoint import SignedCheckpoint, open_checkpoint
from pollwatch.evidence.monitor import ForkProof, check_not_behind, compare
from pollwatch.evidence.tiles import TileReader
from pollwatch.evidence.witness import Witness
from pollwatch.members.member import Member
from pollwatch.node import rail
from pollwatch.node.jointfolder import Membership
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


@dataclass(frozen=True, slots=True)
class Checked:
    """One member's log, as looked at.

    Attributes:
        member: whose.
        verdict: what was found.
        size: entries now; None where nothing could be read.
        before: entries when last seen; None if never.
        detail: one sentence.
        proof: file of a fork proof, which `pollwatch verify` checks; None unless forked.
    """

    member: str
    verdict: Verdict
    size: int | None
    before: int | None
    detail: str
    proof: Path | None = None

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
            # that nobody can know more of it than it shows.
            known = _known(membership, member, clock)
            now = peer.checkpoint()
            tiles = peer.tiles(now.checkpoint.size)
            proof = compare(member.log, now, tiles, known, lambda size: _mirrored(membership, member, size))
            if proof is not None:
                path = _keep(membership, proof, clock)
                return Checked(member.name, Verdict.FORKED, now.checkpoint.size, before, _told(proof), path)
            try:
                check_not_behind(now, known)
            except ProofError as error:
                return Checked(member.name, Verdict.WENT_BACK, now.checkpoint.size, before, str(error))
            return _judge(membership, member, clock, last, now, tiles)
        except PeerError as error:
            return Checked(member.name, Verdict.UNREACHABLE, None, before, str(error))
        except EvidenceError as error:
            return Checked(member.name, Verdict.DAMAGED, None, before, str(error))


def _judge(
    membership: Membership,
    member: Member,
    clock: Clock,
    last: SignedCheckpoint | None,
    now: SignedCheckpoint,
    tiles: TileReader,
) -> Checked:
    size, before = now.checkpoint.size, last.checkpoint.size if last else None
    kinds = _read_all(membership, member, now, tiles)
    Views(membership.folder.record).add(now, clock.now_us())
    if before is None:
        return Checked(member.name, Verdict.FIRST_SEEN, size, None, kinds)
    verdict = Verdict.UNCHANGED if size == before else Verdict.GROWN
    return Checked(member.name, verdict, size, before, kinds)


def _known(membership: Membership, member: Member, clock: Clock) -> list[SignedCheckpoint]:
    """Every state of this log that is known: what we saw, cosigned or refused, and what others cosigned.

    The last is what shows a member that has one log for us and another for somebody else.
    """
    folder, origin = membership.folder, member.log.name
    found = list(Views(folder.record).all(origin))
    if folder.witness.exists():
        with closing(Witness(folder.witness, (membership.keys.outer.witness,), clock, (member.log,))) as witness:
            cosigned = witness.latest(origin)
            found += [cosigned] if cosigned is not None else []
            found += witness.contradictions(origin)
    return found + [
        each for other in membership.peers if other != member for each in _seen_by(membership, other, member, clock)
    ]


def _seen_by(membership: Membership, other: Member, member: Member, clock: Clock) -> list[SignedCheckpoint]:
    """What another member cosigned last of this member's log; nothing where it says nothing that the log signed."""
    try:
        with Peer(membership.way_to(other, clock)) as peer:
            seen = peer.witnessed(sha256(member.log.name.encode("utf-8")).hexdigest())
        return [] if seen is None else [open_checkpoint(seen.to_bytes(), member.log)]
    except (PeerError, SignatureError):
        return []


def _read_all(membership: Membership, member: Member, now: SignedCheckpoint, tiles: TileReader) -> str:
    """Recompute the whole log from its entries, read each, and mirror it.

    Returns:
        What is in it, for people.

    Raises:
        EvidenceError: the log is not what its checkpoint says, or holds what no log may hold.
    """
    fetched: dict[str, bytes] = {}

    def fetch(path: str) -> bytes:
        if path not in fetched:
            fetched[path] = tiles.fetch(path)
        return fetched[path]

    reader = TileReader(fetch, now.checkpoint.size)
    counts: dict[str, int] = {}
    if reader.size:
        fsck.check_all(reader, now.checkpoint.root)
        for entry in reader.entries(0, reader.size):
            parsed = manifest.parse_shared(entry)
            kind = parsed.kind if isinstance(parsed, manifest.Posted) else parsed.KIND
            counts[kind] = counts.get(kind, 0) + 1
    target = _mirror(membership, member)
    for path, data in {**fetched, "checkpoint": now.to_bytes()}.items():
        durable.make_folder((target / path).parent)
        durable.write_file(target / path, data, sync=False)
    return ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items())) or "no entries"


def _mirror(membership: Membership, member: Member) -> Path:
    return membership.folder.mirrors / sha256(member.log.name.encode("utf-8")).hexdigest()


def _mirrored(membership: Membership, member: Member, size: int) -> TileReader:
    root = _mirror(membership, member)
    return TileReader(lambda path: (root / path).read_bytes(), size)


def _keep(membership: Membership, proof: ForkProof, clock: Clock) -> Path:
    """Store a fork proof as a file, and post it in our own shared log, once."""
    data = proof.to_bytes()
    folder = membership.folder.forks
    path = folder / f"fork-{sha256(data).hexdigest()[:16]}.json"
    if not path.exists():
        durable.make_folder(folder, mode=0o700)
        with rail.opened(membership.folder.case, clock) as evidence:
            evidence.post(proof)
        durable.write_file(path, data)
    return path


def _told(proof: ForkProof) -> str:
    small, large = proof.smaller.checkpoint, proof.larger.checkpoint
    return (
        f"its key signed two histories that contradict each other: size {small.size} with root "
        f"{small.root.hex()[:16]}, and size {large.size} with root {large.root.hex()[:16]} that does not contain it"
    )
