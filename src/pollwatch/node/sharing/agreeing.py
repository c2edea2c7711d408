"""Release by two persons, where the charter says so: one asks, another one looks at the same bytes and agrees.

What is agreed to is kept byte for byte (in the outbox) when it is asked for, and nothing leaves, not even into the
shared log or a collection, before the second person agreed. Both decisions are committed to in the private log, and the
disclosure names both.

Persons are told apart by the account that they logged in with, which nobody can type (:func:`account_name`), and by
name. What remains: who has two accounts on this machine, or its root, can agree with itself; the record shows which
accounts agreed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from pollwatch import canonical, durable
from pollwatch.clock import Clock
from pollwatch.errors import PolicyError
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Member
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence import rail
from pollwatch.node.sharing.releasing import Decision, Prepared
from pollwatch.sharing.decisions import Decided, Decisions, Person
from pollwatch.stix.bundle import MAX_BYTES
from pollwatch.stix.constants import StixObject

ASKED: Final = "release-asked"
AGREED: Final = "release-agreed"


@dataclass(frozen=True, slots=True)
class Asked:
    """A release that one person asked for.

    Attributes:
        number: its number among the decisions.
        receivers: names of the members that would get it.
        prepared: what would leave, byte for byte.
        basis: why that is allowed.
        by: who asked.
        agreed: who agreed; None while nobody has.
        said: the object that is posted in the shared log with it; None for what is only told to members.
        shelf: id of the collection into which it is put; empty for what is delivered.
    """

    number: int
    receivers: tuple[str, ...]
    prepared: Prepared
    basis: str
    by: Person
    agreed: Person | None
    said: StixObject | None
    shelf: str = ""

    def asks_for(self, content: dict[str, Any]) -> bool:
        """Whether another request would be for the same bytes, in the same way, to the same members."""
        same = (self.prepared.sha256, list(self.receivers), self.shelf)
        return same == (content["sha256"], content["receivers"], content["shelf"])

    @property
    def decision(self) -> Decision:
        """Who decided it, where two have."""
        names = self.by.name if self.agreed is None else f"{self.by.name} and {self.agreed.name}"
        return Decision(names, self.basis, (self.by,) if self.agreed is None else (self.by, self.agreed))


def ask(
    membership: Membership,
    prepared: Prepared,
    receivers: Sequence[Member],
    decision: Decision,
    clock: Clock,
    said: StixObject | None = None,
    shelf: str = "",
) -> Asked:
    """Ask for a release; another person has to agree. What is asked for already, and waits, is not asked for twice.

    Args:
        membership: whose.
        prepared: what would leave.
        receivers: the members that would get it.
        decision: who asks, and why it is allowed.
        clock: time.
        said: the object that is posted in the shared log with it.
        shelf: id of the collection into which it is to be put, for these readers.

    Raises:
        FormatError: a name that cannot be shown.
        StoreError: it cannot be recorded.
    """
    folder = membership.folder
    if said is not None:
        durable.write_file(folder.outbox / f"{prepared.content}.said", canonical.dumps(said), mode=0o600)
    content: dict[str, Any] = {
        "receivers": [each.name for each in receivers],
        "subject": prepared.subject,
        "content": prepared.content,
        "sha256": prepared.sha256,
        "said_sha256": "" if said is None else sha256(canonical.dumps(said)).hexdigest(),
        "tlp": prepared.tlp.word,
        "basis": decision.legal_basis,
        "by": Person.here(decision.released_by).record(),
        "shelf": shelf,
    }
    for each in waiting(membership):
        if each.asks_for(content):
            return each
    return _opened(membership, _record(membership, ASKED, content, clock))


def waiting(membership: Membership) -> tuple[Asked, ...]:
    """What was asked for and not agreed to yet."""
    asked = Decisions(membership.folder.record).all(ASKED)
    return tuple(each for each in (_opened(membership, one.number) for one in asked) if each.agreed is None)


def agree(membership: Membership, number: int, person: Person, clock: Clock) -> Asked:
    """Agree to a release as the second person; doing it again changes nothing.

    Raises:
        PolicyError: there is no such request, it is one's own, or the bytes are not those that were asked for.
    """
    asked = _opened(membership, number)
    if person.account == asked.by.account or person.name.casefold() == asked.by.name.casefold():
        raise PolicyError(
            f"request {number} was made by {asked.by.name} from the account {asked.by.account!r}; somebody else has to "
            f"agree, from an account of their own (this is {person.name}, {person.account!r})"
        )
    if asked.agreed is None:
        _record(membership, AGREED, {"asked": number, "sha256": asked.prepared.sha256, "by": person.record()}, clock)
    return _opened(membership, number)


def _record(membership: Membership, kind: str, content: dict[str, Any], clock: Clock) -> int:
    folder = membership.folder
    with rail.opened(folder.case, clock) as evidence:
        number = Decisions(folder.record).add(kind, clock.now_us(), content)
        rail.seal_decisions(folder.case, evidence)
    return number


def _opened(membership: Membership, number: int) -> Asked:
    decisions = Decisions(membership.folder.record)
    found = next((each for each in decisions.all(ASKED) if each.number == number), None)
    if found is None:
        raise PolicyError(f"no release {number} was asked for; see: pollwatch share --waiting")
    content = found.content
    body = (membership.folder.outbox / f"{content['content']}.json").read_bytes()
    said = _said(membership, found)
    if sha256(body).hexdigest() != content["sha256"]:
        raise PolicyError(f"what release {number} asked for was changed since; ask again")
    prepared = Prepared(content["subject"], content["content"], Tlp.parse(content["tlp"]), body)
    agreed = next((each.content["by"] for each in decisions.all(AGREED) if each.content["asked"] == number), None)
    return Asked(
        number,
        tuple(content["receivers"]),
        prepared,
        content["basis"],
        Person(**content["by"]),
        None if agreed is None else Person(**agreed),
        said,
        content.get("shelf", ""),
    )


def _said(membership: Membership, found: Decided) -> StixObject | None:
    content = found.content
    if not content["said_sha256"]:
        return None
    data = (membership.folder.outbox / f"{content['content']}.said").read_bytes()
    if sha256(data).hexdigest() != content["said_sha256"]:
        raise PolicyError(f"what release {found.number} asked for was changed since; ask again")
    said: StixObject = canonical.loads(data, max_bytes=MAX_BYTES)
    return said
