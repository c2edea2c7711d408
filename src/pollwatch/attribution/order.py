"""In which order things were said, provable by a third party who trusts neither the exporter nor its clock.

Whoever says something posts it in its own shared log first; whoever receives it posts it in its own. An *order file*
shows where each signed paper of a record stands in these logs, below checkpoints with whatever cosignatures they have.
From it follows, for each paper: that it existed not later than the time that others put to such a checkpoint; and that
it came after another one, because it names that one by hash, or because its author's own log had that one before. The
author cannot have back-dated it past either. What is in no log is the author's word alone, and is told as such. What
follows from all that stands in :mod:`pollwatch.attribution.proven`.

What this leaves to others: whether all was exported (no signature shows that), and forks of logs (monitors find them).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import ClassVar, Final

from pollwatch import canonical
from pollwatch.attribution import extension
from pollwatch.attribution import record as records
from pollwatch.attribution.proven import Place, Proven, uncontradicted
from pollwatch.attribution.subject import Named
from pollwatch.errors import PolicyError, ProofError
from pollwatch.evidence import checkpoint as checkpoints
from pollwatch.evidence import merkle
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.fields import Fields, document
from pollwatch.evidence.policy import Policy
from pollwatch.evidence.posted import Posted
from pollwatch.members import roll as rolls
from pollwatch.members.charter import Charter
from pollwatch.members.member import Member
from pollwatch.members.roll import Charters, Roll
from pollwatch.stix.constants import StixObject

MAX_BYTES: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Posting:
    """Where one log has one paper.

    Attributes:
        digest: SHA-256 in hex of the paper, as everything names it.
        index: of the log's entry.
        at: which of the log's shown checkpoints the proof is for.
        proof: of inclusion.
    """

    digest: str
    index: int
    at: int
    proof: merkle.Proof


@dataclass(frozen=True, slots=True)
class ShownLog:
    """What an order file shows of one member's shared log.

    Attributes:
        member: its owner's name.
        links: the changes of the log's key.
        signed: checkpoints, from small to large; all of one history.
        growth: consistency of each with the last.
        postings: by index.
    """

    member: str
    links: tuple[bytes, ...]
    signed: tuple[SignedCheckpoint, ...]
    growth: tuple[merkle.Proof, ...]
    postings: tuple[Posting, ...]


@dataclass(frozen=True, slots=True)
class OrderFile:
    """All logs that are shown, by their owners' names."""

    KIND: ClassVar[str] = "case-order"
    logs: tuple[ShownLog, ...]

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return document(self.KIND, 1, {"logs": [_log_record(each) for each in self.logs]})

    @classmethod
    def parse(cls, data: bytes) -> OrderFile:
        """Read what :meth:`to_bytes` writes; :func:`check` verifies it.

        Raises:
            ProofError: not that.
            SignatureError: a malformed checkpoint.
        """
        fields = Fields.load(data, "order file", max_bytes=MAX_BYTES)
        fields.kind(cls.KIND)
        found = cls(tuple(_read_log(each) for each in fields.objects("logs")))
        fields.done()
        if found.to_bytes() != data:
            raise ProofError("the order file is not in its only form")
        return found


def check(
    shown: OrderFile, received: Sequence[StixObject], charters: Charters, policy: Policy | None = None
) -> tuple[Proven, ...]:
    """Check every proof of an order file, and give all papers of a record in a proven order.

    Args:
        shown: the file.
        received: the record's objects; their signatures have been checked.
        charters: whose members' logs and witnesses count: those of the last one.
        policy: the reader's own, whose further witnesses count too.

    Raises:
        ProofError: an entry is not where the file says, or a log is not one history.
        SignatureError: a checkpoint is not signed by its log, or a cosignature is wrong.
        PolicyError: a log of nobody in the charter.
    """
    roll = rolls.of(charters)
    spoken = {Named.of(each).digest: each for each in received if records.is_spoken(each)}
    places: dict[str, list[Place]] = {digest: [] for digest in spoken}
    if len({each.member for each in shown.logs}) != len(shown.logs):
        raise ProofError("the order file shows one log twice")
    for log in shown.logs:
        for digest, place in _places(log, spoken, roll, policy):
            places[digest].append(place)
    found = uncontradicted({digest: _proven(each, places, spoken, roll) for digest, each in spoken.items()})
    sooner = {digest: each.after | each.followed for digest, each in found.items()}
    return tuple(found[digest] for digest in TopologicalSorter(sooner).static_order())


def _places(
    log: ShownLog, spoken: Mapping[str, StixObject], roll: Roll, policy: Policy | None
) -> Iterator[tuple[str, Place]]:
    owner, charter = _owner(roll, log.member), roll.charter
    if not log.signed:
        raise PolicyError(f"the order file shows a log of {log.member[:80]!r} without what proves it")
    chain, last = owner.known_log.follow(log.links), log.signed[-1].checkpoint
    seen = []
    for signed, growth in zip(log.signed, log.growth, strict=True):
        chain.check(signed)
        at = signed.checkpoint
        merkle.verify_consistency(at.size, last.size, at.root, last.root, growth)
        seen.append(_seen(signed, owner, charter, policy))
    for posting in log.postings:
        if posting.digest not in spoken or posting.at >= len(log.signed):
            raise ProofError(f"the log of {log.member} is shown to hold something that is not in the record")
        _check_posting(posting, spoken[posting.digest], log.signed[posting.at], owner)
        cosigned = seen[posting.at]
        yield posting.digest, Place(owner, posting.index, cosigned, _grade(cosigned, owner, charter, policy))


def _owner(roll: Roll, name: str) -> Member:
    """A member by its exact name, as the newest charter that has it names it; it may have left since."""
    for charter in reversed(roll.charters):
        for each in charter.members:
            if each.name == name:
                return each
    raise PolicyError(f"the order file shows a log of {name[:80]!r}, who is in no charter")


def _check_posting(posting: Posting, each: StixObject, signed: SignedCheckpoint, owner: Member) -> None:
    """The entry follows from the paper itself: with its text in it, or, where that is long, without."""
    at = signed.checkpoint
    for inline in (True, False):
        entry = Posted.of(records.posted_as(each), each["id"], canonical.dumps(each), inline=inline).to_bytes()
        try:
            merkle.verify_inclusion(posting.index, at.size, merkle.leaf_hash(entry), posting.proof, at.root)
        except ProofError:
            continue
        return
    raise ProofError(f"{extension.name_of(each)} is not entry {posting.index} of the log of {owner.name}")


def _seen(signed: SignedCheckpoint, owner: Member, charter: Charter, policy: Policy | None) -> dict[str, int]:
    """When whom besides the log's owner cosigned a checkpoint, of the charter's members and the policy's witnesses."""
    keys = {each.name: each.witness for each in charter.others(owner.name)}
    own = {key.public for key in owner.keys}
    for name, key in (policy.witnesses if policy is not None else {}).items():
        if key not in keys.values() and key.public not in own:
            keys.setdefault(name, key)
    times = {}
    for name, key in keys.items():
        stated = [each.time_s for each in checkpoints.verify(signed, (key,)) if each.time_s is not None]
        if stated:
            times[name] = min(stated)
    return dict(sorted(times.items(), key=lambda item: item[1]))


def _grade(seen: Mapping[str, int], owner: Member, charter: Charter, policy: Policy | None) -> str:
    if len(seen) < max(1, charter.quorum.cosigners):
        return "asserted"
    blocs = {each.name: each.bloc for each in charter.members}
    if policy is not None:
        blocs = {**policy.blocs, **blocs}
    return "cross-bloc" if {blocs.get(name, owner.bloc) for name in seen} - {owner.bloc} else "quorum"


def _proven(
    each: StixObject, places: Mapping[str, Sequence[Place]], spoken: Mapping[str, StixObject], roll: Roll
) -> Proven:
    name = Named.of(each)
    author = roll.by_identity(str(each.get("created_by_ref")))
    if author is None:
        raise PolicyError(f"{extension.name_of(each)} is by nobody in the charter")
    own = [place.index for place in places[name.digest] if place.member.identity == author.identity]
    before = {
        other
        for other, elsewhere in places.items()
        if own and any(place.member.identity == author.identity and place.index < min(own) for place in elsewhere)
    }
    named = {other.digest for other in named_in(each)} & spoken.keys()
    there = sorted(
        places[name.digest],
        key=lambda place: (place.member.identity != author.identity, place.member.name, place.index),
    )
    created = extension.created(each)
    return Proven(name, author, records.posted_as(each), created, tuple(there), frozenset(named), frozenset(before))


def named_in(value: object) -> set[Named]:
    """The versions of other objects that an object names, wherever in its extensions."""
    found: set[Named] = set()
    waiting: list[object] = [value.get("extensions")] if isinstance(value, dict) else []
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict) and each.keys() == {"id", "sha256"}:
            found.add(Named.from_record(each))
        elif isinstance(each, dict | list):
            waiting += each.values() if isinstance(each, dict) else each
    return found


def _log_record(log: ShownLog) -> dict[str, object]:
    return {
        "member": log.member,
        "links": [each.decode("utf-8") for each in log.links],
        "checkpoints": [
            {"note": signed.to_bytes().decode("utf-8"), "growth": [each.hex() for each in growth]}
            for signed, growth in zip(log.signed, log.growth, strict=True)
        ],
        "postings": [
            {"digest": each.digest, "index": each.index, "at": each.at, "proof": [node.hex() for node in each.proof]}
            for each in log.postings
        ],
    }


def _read_log(fields: Fields) -> ShownLog:
    signed, growth, postings = [], [], []
    member, links = fields.text("member", max_chars=200), fields.texts("links")
    for each in fields.objects("checkpoints"):
        signed.append(SignedCheckpoint.parse(each.text("note").encode("utf-8", "surrogatepass")))
        growth.append(each.hexes("growth", merkle.HASH_BYTES))
        each.done()
    for each in fields.objects("postings"):
        digest = each.hex("digest", merkle.HASH_BYTES).hex()
        proof = each.hexes("proof", merkle.HASH_BYTES)
        postings.append(Posting(digest, each.number("index"), each.number("at"), proof))
        each.done()
    fields.done()
    notes = tuple(each.encode("utf-8", "surrogatepass") for each in links)
    return ShownLog(member, notes, tuple(signed), tuple(growth), tuple(postings))
