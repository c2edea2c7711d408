"""Collections of released objects: made and filled from inside, and what others posted to them taken in.

What is put into a collection counts as told to all its readers: each of them gets a line in the disclosure ledger,
and its entry in the private log, before the objects lie where they can be fetched. Stop anywhere, and nothing can be
fetched that is not recorded.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256

from pollwatch import canonical
from pollwatch.clock import Clock
from pollwatch.election.assets import Assets
from pollwatch.errors import EvidenceError, FormatError, PolicyError
from pollwatch.members.marking import Tlp, check_release
from pollwatch.members.member import Member
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence import rail
from pollwatch.node.gateway import pushing
from pollwatch.node.gateway.outpostshelves import CalledShelves, Shelves
from pollwatch.node.sharing import agreeing, hearing, releasing
from pollwatch.node.sharing.agreeing import Asked
from pollwatch.node.sharing.releasing import Decision, Prepared
from pollwatch.sharing.collection import Collection
from pollwatch.sharing.ledger import Disclosure, Ledger
from pollwatch.sharing.taxii import intake, journal
from pollwatch.sharing.taxii.grants import EVERYBODY, Shelf, Terms
from pollwatch.sharing.taxii.journal import Event, Request
from pollwatch.sharing.taxii.store import Store
from pollwatch.stix import accept, bundle

_KINDS = {journal.ADDED: "receipt", journal.DELETED: "tombstone"}


@dataclass(frozen=True, slots=True)
class Published:
    """What came of putting a release into a collection.

    Attributes:
        shelf: the collection.
        disclosures: its line in the ledger for each reader.
        added: how many objects were not there before.
        problems: of objects that the collection did not take; e.g. a version that is there with other content.
    """

    shelf: Shelf
    disclosures: tuple[Disclosure, ...]
    added: int
    problems: tuple[str, ...]


@contextmanager
def store(membership: Membership, clock: Clock) -> Iterator[Shelves]:
    """The member's collections, wherever its gateway stands."""
    if pushing.address(membership.folder):
        with pushing.reached(membership, clock) as outpost:
            yield CalledShelves(outpost.call)
        return
    opened = Store(membership.folder.taxii, clock, membership.keys.outer.gateway)
    try:
        yield opened
    finally:
        opened.close()


def make(membership: Membership, terms: Terms, clock: Clock) -> Shelf:
    """Make a collection; its readers and writers are members of the charter.

    Raises:
        PolicyError: a name that the charter does not know, or an election that it does not watch.
        StoreError: its alias is taken.
    """
    for name in {*terms.readers, *terms.writers} - {EVERYBODY}:
        membership.charter.member(name)
    if terms.election and terms.election not in membership.charter.elections:
        known = ", ".join(membership.charter.elections) or "none"
        raise PolicyError(f"the charter does not watch the election {terms.election[:80]!r}; it watches {known}")
    with store(membership, clock) as opened:
        return opened.make_collection(terms)


def find(opened: Shelves, name: str) -> Shelf:
    """The collection of this id, alias or title.

    Raises:
        PolicyError: there is none, or several have that title.
    """
    found = opened.collection(name)
    if found is not None:
        return found
    titled = [each for each in opened.collections() if each.terms.title == name]
    if len(titled) != 1:
        raise PolicyError(f"no one collection is called {name[:80]!r}; see: pollwatch collections list")
    return titled[0]


def readers(membership: Membership, shelf: Shelf) -> tuple[Member, ...]:
    """The other members that may read a collection."""
    return tuple(each for each in membership.peers if shelf.terms.grants(each.name).can_read)


def publish(membership: Membership, name: str, prepared: Prepared, decision: Decision, clock: Clock) -> Published:
    """Put a release into a collection: recorded for each reader first. Doing it again changes nothing.

    Raises:
        PolicyError: no such collection, the release is marked stricter than it, or the charter asks for two persons.
        StoreError: it cannot be recorded; then nothing can be fetched.
    """
    releasing.check_agreed(membership, decision)
    with store(membership, clock) as opened:
        shelf = find(opened, name)
        check_release(shelf.terms.tlp, (("the release", prepared.tlp),))
        told = [releasing.recorded(membership, prepared, each, decision, clock) for each in readers(membership, shelf)]
        offered = [intake.candidate(each) for each in bundle.read(prepared.body)]
        before = opened.count(shelf)
        status = canonical.loads_lenient(opened.add(shelf, _request(membership, shelf, clock), offered))
        problems = tuple(f"{each['id']}: {each['message']}" for each in status.get("failures", ()))
        return Published(shelf, tuple(told), opened.count(shelf) - before, problems)


def was_told(membership: Membership, name: str, prepared: Prepared, clock: Clock) -> bool:
    """Whether the ledger says of each reader of a collection that it was told this."""
    with store(membership, clock) as opened:
        told_to = readers(membership, find(opened, name))
    ledger = Ledger(membership.folder.record)
    return all(ledger.known(each.name, prepared.content) for each in told_to)


def ask(membership: Membership, name: str, prepared: Prepared, decision: Decision, clock: Clock) -> Asked:
    """Ask for a release into a collection, where the charter wants two persons to agree.

    Raises:
        PolicyError: no such collection, or the release is marked stricter than it.
        StoreError: it cannot be recorded.
    """
    with store(membership, clock) as opened:
        shelf = find(opened, name)
    check_release(shelf.terms.tlp, (("the release", prepared.tlp),))
    return agreeing.ask(membership, prepared, readers(membership, shelf), decision, clock, shelf=shelf.id)


def publish_agreed(membership: Membership, asked: Asked, clock: Clock) -> Published:
    """Put into its collection what a second person agreed to. Doing it again changes nothing.

    Raises:
        PolicyError: nobody has agreed, or it would now be told to others than those that both persons saw.
        StoreError: it cannot be recorded; then nothing can be fetched.
    """
    with store(membership, clock) as opened:
        present = tuple(each.name for each in readers(membership, find(opened, asked.shelf)))
    if present != asked.receivers:
        raise PolicyError(f"the collection is read by {', '.join(present) or 'nobody'} now; ask again")
    return publish(membership, asked.shelf, asked.prepared, asked.decision, clock)


def withdraw(membership: Membership, name: str, object_id: str, clock: Clock) -> int:
    """Remove an object that we put into a collection, all versions of it; a signed tombstone stays.

    Who fetched it before keeps it, and the ledger keeps the record that it was told.

    Raises:
        PolicyError: no such collection, or no such object of ours in it.
    """
    with store(membership, clock) as opened:
        shelf = find(opened, name)
        removed = opened.delete(shelf, _request(membership, shelf, clock), object_id)
    if not removed:
        raise PolicyError(f"{object_id[:100]} is not in the collection {shelf.terms.title!r}")
    return removed


def take_in(membership: Membership, clock: Clock, assets: Assets | None = None) -> int:
    """Seal the receipt or tombstone of each request in the shared log, and keep what nodes signed.

    What we put in ourselves is left out: the private log has its disclosures, and nobody else need see when we tell
    whom. What a third party's client posted stays in its collection, marked unsigned: it never counts in statements.
    What either says of indicators becomes known here, as that member's word. If we stop between sealing and noting so,
    the same note is sealed twice, which says nothing new.

    Returns:
        How many requests were taken in.

    Raises:
        StoreError: the log or the collections cannot be written.
    """
    if not pushing.address(membership.folder) and not membership.folder.taxii.exists():
        return 0
    with store(membership, clock) as opened:
        waiting = opened.unsealed()
        for event in waiting:
            _keep(membership, opened, event, clock)
            _hear(membership, opened, event, assets or Assets(), clock)
            if not (event.kind == journal.ADDED and event.member == membership.me.name):
                with rail.opened(membership.folder.case, clock) as evidence:
                    rail.post_digest(evidence, _KINDS[event.kind], event.subject, event.note)
            opened.sealed(event)
    return len(waiting)


def _keep(membership: Membership, opened: Shelves, event: Event, clock: Clock) -> None:
    """Keep the objects that a node signed, checked again; what does not hold (any more) is left where it lies.

    The member may have left, or changed its key, since it posted them: that must not keep us from taking in the rest.
    """
    if not event.signed or event.member == membership.me.name:
        return
    collection = Collection(membership.folder.record)
    for each in opened.kept(event):
        source = canonical.loads(each.body)
        try:
            authors = accept.check([source], membership.roll)
        except (EvidenceError, FormatError, PolicyError):
            continue
        collection.add([source], authors, clock.now_us())


def _hear(membership: Membership, opened: Shelves, event: Event, assets: Assets, clock: Clock) -> None:
    """Take in what was posted of indicators; unsigned, it is the word of the member whose client posted it."""
    here = any(each.name == event.member for each in membership.peers)
    if event.kind != journal.ADDED or not here:  # our own, or of a member that has left
        return
    received = [canonical.loads(each.body) for each in opened.kept(event) if each.author == event.member]
    word = hearing.Word(event.member, Tlp.AMBER_STRICT, sha256(event.note).hexdigest())
    hearing.take(membership, word, received, assets, clock)


def _request(membership: Membership, shelf: Shelf, clock: Clock) -> Request:
    return Request(str(uuid.uuid4()), shelf.id, membership.me.name, signed=True, at_us=clock.now_us())
