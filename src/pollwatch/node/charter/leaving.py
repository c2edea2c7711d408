"""Leaving a joint watch, alone and at any moment; and what the others do when somebody has left.

Order of leaving: the notice is signed and posted in our own shared log (it revokes every key and asks for deletion);
the log is sealed and published a last time, with whatever cosignatures come; then every other member goes to stage
``alone``. If we stop in between, leaving again does the rest. Nothing of our own evidence goes: it stays ours, and can
be shown to anybody.

Whoever reads the notice in our log can delete what it received, and says so, or says that it will not, under its own
signature in its own log. What was received cannot be recalled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pollwatch import durable
from pollwatch.clock import Clock, rfc3339
from pollwatch.members import document
from pollwatch.members.member import Member
from pollwatch.node.charter import staging
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence import rail
from pollwatch.node.gateway import pushing
from pollwatch.node.logs import publishing
from pollwatch.node.logs.publishing import Published
from pollwatch.sharing.collection import Collection
from pollwatch.sharing.decisions import Person, check_text
from pollwatch.sharing.ledger import Ledger
from pollwatch.sharing.stages import Stage

_NOTICE: Final = "departure"
_ANSWER: Final = "deletion"


@dataclass(frozen=True, slots=True)
class Left:
    """What came of leaving.

    Attributes:
        notice: the signed notice, to be kept and shown.
        published: the last checkpoint, and who cosigned and mirrored it.
        received: how many disclosures each other member has received, by its name: they cannot be recalled.
    """

    notice: bytes
    published: Published
    received: dict[str, int]


def leave(membership: Membership, person: Person, reason: str, clock: Clock) -> Left:
    """Leave.

    Raises:
        FormatError: a reason that cannot be shown.
        StoreError: a scan holds the log in which the notice is posted.
    """
    check_text("the reason", reason)
    path = membership.folder.root / "departure.note"
    if not path.exists():
        signed = document.sign(_NOTICE, notice(membership, reason, clock.now_us()), (membership.keys.statement,))
        with rail.opened(membership.folder.case, clock) as evidence:
            rail.post(evidence, "key", f"departure of {membership.me.name}", signed)
        durable.write_file(path, signed)
    published = publishing.publish(membership, clock)
    for each in membership.peers:
        staging.switch(membership, each, Stage.ALONE, person, reason, clock)
    told = Ledger(membership.folder.record).all()
    received = {each.name: sum(one.release.receiver == each.name for one in told) for each in membership.peers}
    return Left(path.read_bytes(), published, received)


def read_notice(data: bytes, member: Member) -> dict[str, Any]:
    """A member's notice that it left.

    Raises:
        FormatError: malformed.
        SignatureError: not signed by that member, or about another one.
    """
    shape = {"member": str, "charter": str, "time": str, "reason": str, "revoked": list, "asks": str}
    return document.fields(document.open_signed(_NOTICE, data, member.statement), "the notice", shape)


def answer(
    membership: Membership, member: Member, person: Person, clock: Clock, *, refusal: str = ""
) -> tuple[bytes, int]:
    """Delete what a member delivered to us, and say so under our signature; or say that we will not, and why.

    Claims, opinions and what else was posted in shared logs stay, for they are evidence of what was said.

    Returns:
        The signed answer, which is posted in our shared log, and how many objects were deleted.

    Raises:
        StoreError: a scan holds the log, or the disk says no.
    """
    staging.switch(membership, member, Stage.ALONE, person, f"{member.name} has left", clock)
    deleted = 0
    if not refusal:
        deleted = Collection(membership.folder.record).forget(member)
        with pushing.opened(membership, clock) as outpost:
            outpost.forget_mail(member.name)
    words = {
        "by": membership.me.name,
        "for": member.name,
        "time": rfc3339(clock.now_us()),
        "deleted": deleted,
        "refusal": refusal,
        "kept": "what was posted in shared logs, and any copy that is not in this node",
    }
    signed = document.sign(_ANSWER, words, (membership.keys.statement,))
    with rail.opened(membership.folder.case, clock) as evidence:
        rail.post(evidence, "key", f"deletion for {member.name}", signed)
    return signed, deleted


def notice(membership: Membership, reason: str, now_us: int) -> dict[str, Any]:
    """What our notice says."""
    return {
        "member": membership.me.name,
        "charter": membership.charter.digest,
        "time": rfc3339(now_us),
        "reason": reason,
        "revoked": [each.vkey for each in membership.me.keys],
        "asks": "delete what you received from this member, and say in your shared log whether you did",
    }
