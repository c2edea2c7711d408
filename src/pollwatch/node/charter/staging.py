"""Switching stages on and off: who decided, when and why, and what takes effect at which moment.

Going further with a member is recorded first and takes effect then; stop in between, and nothing more is allowed than
before. Going back takes effect first: nothing that a scan, a full disk or another process does can hold up a severing.
Its record follows; where we stop before it, :func:`settle` finds the stage without its reason and says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from pollwatch import durable
from pollwatch.clock import Clock
from pollwatch.errors import FormatError, PolicyError, StoreError
from pollwatch.i18n import _
from pollwatch.members.member import Member
from pollwatch.node.charter.jointfolder import JointFolder, Membership
from pollwatch.node.evidence import rail
from pollwatch.node.gateway import pushing
from pollwatch.sharing import stages
from pollwatch.sharing.decisions import Decided, Decisions, Person, check_text
from pollwatch.sharing.stages import AFTER_JOINING, Gate, Stage
from pollwatch.store import disk

KIND: Final = "stage"


@dataclass(frozen=True, slots=True)
class Switched:
    """A change of stage.

    Attributes:
        member: whose.
        before: the stage before.
        after: the stage now.
        sealed: whether the private log commits to it already; a scan that holds the log delays that.
        unreached: why our gateway, where that stands elsewhere, does not know yet; empty where it does.
    """

    member: Member
    before: Stage
    after: Stage
    sealed: bool
    unreached: str = ""


def switch(membership: Membership, member: Member, stage: Stage, person: Person, reason: str, clock: Clock) -> Switched:
    """Go exactly so far with a member from now on.

    Raises:
        FormatError: no reason is given.
        PolicyError: the member has left, and its keys are revoked; or somebody changed the stage at the same time.
        StoreError: it cannot be recorded; a stage that was to be switched on is not, one to be switched off is.
    """
    check_text("the reason", reason)
    folder = membership.folder
    if stage is not Stage.ALONE and member.identity in membership.departed:
        raise PolicyError(
            f"{member.name} has left, and its notice revokes its keys; it comes back as a new member, with a new card"
        )
    before = Gate(folder.stages).stage(member)
    content = _content(member, before, stage, person, reason)
    if stage <= before:
        _replace(folder, member, stage, None)
        unreached = pushing.after_change(folder.case, clock)
        return Switched(member, before, stage, sealed=_record(folder, content, clock), unreached=unreached)
    with rail.opened(folder.case, clock) as evidence:
        Decisions(folder.record).add(KIND, clock.now_us(), content)
        rail.seal_decisions(folder.case, evidence)
        _replace(folder, member, stage, before)
    return Switched(member, before, stage, sealed=True, unreached=pushing.after_change(folder.case, clock))


def begin(folder: JointFolder, members: Iterable[Member]) -> None:
    """Give members their first stage, when a charter that names them comes into force; others' stages stay.

    Raises:
        OSError: the disk says no.
    """
    with disk.locked(folder.root / "stages.lock"):
        known = _known(folder)
        _write(folder, {each.identity: AFTER_JOINING for each in members} | known)


def settle(membership: Membership, clock: Clock) -> None:
    """Make up for processes that were cut short: give the gateway our stages, and record those without a record.

    Raises:
        StoreError: the disk says no, or a scan holds the private log.
    """
    folder = membership.folder
    _mend(folder)
    pushing.after_change(folder.case, clock)
    with rail.opened(folder.case, clock) as evidence:  # nobody goes further with anybody meanwhile
        last = {each.content["member"]: each for each in history(membership)}
        for member in membership.peers:
            present = Gate(folder.stages).stage(member)
            decided = last.get(member.identity)
            before = AFTER_JOINING if decided is None else Stage.parse(decided.content["after"])
            if present is not before:
                reason = _("found so: the process that was to change it was cut short")
                content = _content(member, before, present, Person.here(), reason)
                Decisions(folder.record).add(KIND, clock.now_us(), content)
        rail.seal_decisions(folder.case, evidence)


def history(membership: Membership) -> tuple[Decided, ...]:
    """Every change of a stage, oldest first."""
    return Decisions(membership.folder.record).all(KIND)


def _content(member: Member, before: Stage, after: Stage, person: Person, reason: str) -> dict[str, Any]:
    words = {"member": member.identity, "name": member.name, "before": before.word, "after": after.word}
    return {**words, "by": person.record(), "reason": reason}


def _record(folder: JointFolder, content: dict[str, Any], clock: Clock) -> bool:
    """Write a decision down, and commit to it if nobody holds the private log; gives whether it could."""
    Decisions(folder.record).add(KIND, clock.now_us(), content)
    with suppress(StoreError), rail.opened(folder.case, clock):
        return True
    return False  # a scan has it; whoever opens it next commits to this too


def _replace(folder: JointFolder, member: Member, stage: Stage, expected: Stage | None) -> None:
    """Put a stage in force, if it still is the one expected; None: whatever it is."""
    with disk.locked(folder.root / "stages.lock"):
        known = _known(folder)
        if expected is not None and known.get(member.identity, Stage.ALONE) is not expected:
            raise PolicyError(f"the stage of {member.name} was changed meanwhile; look again: pollwatch members")
        _write(folder, known | {member.identity: stage})


def _known(folder: JointFolder) -> dict[str, Stage]:
    try:
        return stages.read(folder.stages)
    except (FormatError, StoreError):
        return {}


def _write(folder: JointFolder, wanted: dict[str, Stage]) -> None:
    """Inside and at the gateway, where that is here; to one that stands elsewhere it is pushed afterwards.

    If we stop in between, each goes by what it has; :func:`settle` repairs that.
    """
    if not pushing.address(folder):
        durable.make_folder(folder.outer, mode=0o700)
        stages.write(folder.outer_stages, wanted)
    stages.write(folder.stages, wanted)


def _mend(folder: JointFolder) -> None:
    """Let the gateway have the stages of the inside node, should it have others."""
    with disk.locked(folder.root / "stages.lock"):
        known = _known(folder)
        if known and not pushing.address(folder) and _read_outer(folder) != known:
            stages.write(folder.outer_stages, known)


def _read_outer(folder: JointFolder) -> dict[str, Stage] | None:
    with suppress(FormatError, StoreError):
        return stages.read(folder.outer_stages)
    return None
