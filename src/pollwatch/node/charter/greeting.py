"""Finding the other members from the charter alone: who answers, who holds the same charter, and who holds a newer one.

A newer charter is taken up from anybody who has it, after checking every charter from the first: it needs the
signatures of those who agreed to it and nobody's word. What cannot be taken up is told, with what differs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from pollwatch.clock import Clock
from pollwatch.errors import EvidenceError, FormatError, PeerError, PolicyError, SplitError
from pollwatch.i18n import _
from pollwatch.members.chain import Chain, Relation
from pollwatch.members.member import Member
from pollwatch.node.charter import charters, quarrels
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.sharing.peer import Peer


class Standing(StrEnum):
    """How another member's charters stand to ours."""

    SAME = "same"
    OLDER = "older"
    TAKEN_UP = "taken-up"
    SPLIT = "split"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Greeted:
    """What came of asking one member for its charters.

    Attributes:
        member: whom.
        standing: how they stand to ours.
        detail: one sentence, with what differs where it does.
    """

    member: Member
    standing: Standing
    detail: str


def greet(membership: Membership, clock: Clock) -> tuple[Greeted, ...]:
    """Ask every other member for its charters, and take up what was agreed to.

    Raises:
        StoreError: a scan holds the log in which a charter has to be posted.
    """
    return tuple(_greet(membership, each, clock) for each in membership.peers)


def worst(found: Iterable[Greeted]) -> int:
    """The exit code of it: 0 all hold what we hold, 4 a split, 5 somebody cannot be reached or holds something else."""
    standings = {each.standing for each in found}
    if Standing.SPLIT in standings:
        return SplitError.exit_code
    return PeerError.exit_code if standings & {Standing.UNREACHABLE, Standing.REFUSED} else 0


def _greet(membership: Membership, member: Member, clock: Clock) -> Greeted:
    try:
        with Peer(membership.way_to(member, clock)) as peer:
            theirs = peer.charters()
    except PeerError as error:
        return Greeted(member, Standing.UNREACHABLE, str(error))
    try:
        found = _compared(membership, member, theirs, clock)
    except SplitError as error:
        found = Greeted(member, Standing.SPLIT, str(error))
    except (EvidenceError, FormatError, PolicyError) as error:
        found = Greeted(member, Standing.REFUSED, str(error))
    if found.standing in {Standing.SPLIT, Standing.REFUSED}:
        quarrels.keep(membership.folder, member, found.detail, clock)
    elif found.standing is not Standing.OLDER:
        quarrels.settled(membership.folder, member)
    return found


def _compared(membership: Membership, member: Member, theirs: Chain, clock: Clock) -> Greeted:
    ours = membership.folder.load_chain()
    relation = ours.relation_of(theirs)
    if relation is Relation.SAME:
        return Greeted(member, Standing.SAME, _("holds the same charter"))
    if relation is Relation.BEHIND:
        return Greeted(member, Standing.OLDER, _("holds an older charter, and can fetch ours"))
    in_force = charters.take_up(membership.folder.case, theirs, clock)
    words = _("holds charter {digest}; taken up, in force here") if in_force else _("holds charter {digest}; taken up")
    return Greeted(member, Standing.TAKEN_UP, words.format(digest=theirs.last.charter.digest[:16]))
