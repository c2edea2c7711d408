"""Heeding what logs say of keys: members that leave, and words of members that have left.

A member leaves by a signed notice in its own log (:mod:`pollwatch.node.charter.leaving`). Whoever reads it there acts
on it: it is kept on record, the member goes to stage ``alone``, so that nothing is sent to it and nothing taken from
it, and what is signed with its keys from then on is refused. "From then on" is when the notice was posted, as far as we
can tell: not later than now, and not before we last read the log to its end, or a member that leaves could undo what it
said long ago by dating its notice back.

The other way round, what somebody brings as said long ago, with a key that is not in use any more, counts where it
stands in the log of the member that said it, or was here before: dating back is not enough.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress

from pollwatch import canonical
from pollwatch.attribution import record as records
from pollwatch.clock import Clock, parse_rfc3339
from pollwatch.errors import EvidenceError, FormatError, RetiredKeyError
from pollwatch.events.printable import printable
from pollwatch.evidence import manifest
from pollwatch.evidence.manifest import Posted
from pollwatch.evidence.tiles import TileReader
from pollwatch.i18n import _
from pollwatch.members.member import Member
from pollwatch.node.charter import leaving, staging
from pollwatch.node.charter.jointfolder import DEPARTURE, Membership
from pollwatch.node.logs import copies
from pollwatch.node.logs.copies import Copied
from pollwatch.sharing.collection import Collection
from pollwatch.sharing.decisions import Decisions, Person
from pollwatch.sharing.stages import Gate, Stage
from pollwatch.stix import signature
from pollwatch.stix.constants import StixObject


def heed(membership: Membership, member: Member, copied: Copied, clock: Clock) -> str:
    """Act on a member's notice that it left, if its log has one as far as that was read; gives what it says.

    If we stop in between, the next look at its log does the rest.

    Raises:
        StoreError: it cannot be recorded.
    """
    if member.identity not in membership.departed:
        found = _notice(membership, member, copied, clock)
        if found is None:
            return ""
        Decisions(membership.folder.record).add(DEPARTURE, clock.now_us(), found)
    reason = membership.departed[member.identity].content["reason"]
    if Gate(membership.folder.stages).stage(member) is not Stage.ALONE:
        why = _("it has left: {reason}").format(reason=printable(reason, 500))
        staging.switch(membership, member, Stage.ALONE, Person.here(f"the notice of {member.name}"), why, clock)
    return str(reason)


def _notice(membership: Membership, member: Member, copied: Copied, clock: Clock) -> dict[str, str | int] | None:
    copy = copies.of(membership, member)
    reader = copy.reader(copied.reached.size)
    for number in copy.followed.numbers("key"):
        posted = _posted(reader, number)
        if posted is None or posted.text is None:
            continue
        data = posted.text.encode("utf-8", "surrogatepass")
        with suppress(EvidenceError, FormatError, ValueError):
            said = leaving.read_notice(data, member)
            before_us = copied.before.at_us if number >= copied.before.size else None
            until_us = min(max(parse_rfc3339(said["time"]), before_us or 0), clock.now_us())
            reason = said["reason"] if said["reason"].isprintable() else printable(said["reason"], 500)
            digest = hashlib.sha256(data).hexdigest()
            return {
                "member": member.identity,
                "name": member.name,
                "until_us": until_us,
                "reason": reason,
                "sha256": digest,
            }
    return None


def check_not_new(membership: Membership, received: Iterable[StixObject], authors: dict[str, Member]) -> None:
    """Accept what was said with keys that are not in use any more, if it really was said while they were.

    Args:
        membership: who receives it.
        received: the objects, each accepted as its author's.
        authors: who signed each, by its id.

    Raises:
        RetiredKeyError: something is neither here already nor in its author's log.
    """
    roll, collection = membership.roll, Collection(membership.folder.record)
    for each in received:
        author = authors.get(each["id"])
        if author is None or not records.is_spoken(each):
            continue  # what was seen is posted nowhere; for that the time that it states has to do
        terms = [
            term for term in roll.terms(author) if term.until_us is not None and signature.claims_key(each, term.key)
        ]
        if terms and not collection.holds(each) and not _in_log(membership, author, each):
            raise RetiredKeyError(
                f"{each['id']} is signed with key {terms[0].key.name} ({terms[0].key.id.hex()}), with which "
                f"{author.name} says nothing more, and stands nowhere in its log as that was read here: it may have "
                "been made afterwards"
            )


def _in_log(membership: Membership, author: Member, each: StixObject) -> bool:
    """Whether our copy of a member's log has an object."""
    digest = hashlib.sha256(canonical.dumps(each)).digest()
    copy = copies.of(membership, author)
    reader = copy.reader(copy.followed.reached().size)
    found = (_posted(reader, number) for number in copy.followed.numbers(records.posted_as(each)))
    return any(posted is not None and posted.digest == digest for posted in found)


def _posted(reader: TileReader, number: int) -> Posted | None:
    """One entry of a copy, if it is a posted document; a copy that was damaged shows nothing."""
    try:
        (entry,) = reader.entries(number, number + 1)
        parsed = manifest.parse_shared(entry)
    except (OSError, EvidenceError):
        return None
    return parsed if isinstance(parsed, Posted) else None
