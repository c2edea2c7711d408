"""Publishing on purpose: prepare, look at it, record it in the disclosure ledger, and only then let the page show it.

::

    prepared ─▶ (asked for, where two persons release) ─▶ recorded in the ledger ─▶ on the page ─▶ withdrawn

What is on the page follows from the ledger alone: the latest record of each publication says what it is. Order of a
publication: its bytes are sealed as a document, the private log commits to the disclosure, the ledger keeps the bytes.
Stop anywhere before that, and nothing is public that is not on record. A claim or statement that was published is
recorded again, before the page shows it, when members have said more about it since: a denial that comes later is
never left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from pollwatch import canonical, durable
from pollwatch.attribution import claim as claims
from pollwatch.attribution import statement
from pollwatch.clock import Clock
from pollwatch.errors import EvidenceError, PolicyError
from pollwatch.evidence import salted
from pollwatch.evidence.manifest import Disclosure as DisclosureEntry
from pollwatch.members.marking import Tlp
from pollwatch.node.attribution import casefile, ordering
from pollwatch.node.charter.jointfolder import JointFolder, Membership
from pollwatch.node.evidence import documenting, rail
from pollwatch.node.sharing import agreeing
from pollwatch.node.sharing.agreeing import Asked
from pollwatch.node.sharing.releasing import Decision, Prepared
from pollwatch.sharing import publication as publications
from pollwatch.sharing import voterdata
from pollwatch.sharing.collection import Collection
from pollwatch.sharing.ledger import Disclosure, Ledger, Release, entry_of
from pollwatch.sharing.publication import PUBLIC, Kind, Publication, Withdrawal, Words
from pollwatch.stix import accept
from pollwatch.stix.constants import StixObject

#: Under which name a request for two persons waits; collections have UUIDs.
SHELF: Final = "public"
#: What somebody says of something else; all else of a case is what these are about.
_SPOKEN: Final = frozenset({"opinion", "note"})


@dataclass(frozen=True, slots=True)
class Standing:
    """A publication as it stands now.

    Attributes:
        publication: in its latest form.
        recorded: the ledger's record of that form.
        first_us: when it was published first.
        by: who decided that.
        withdrawal: why it was taken back; None while it stands.
        withdrawn_us: when; None while it stands.
    """

    publication: Publication
    recorded: Disclosure
    first_us: int
    by: str
    withdrawal: Withdrawal | None = None
    withdrawn_us: int | None = None


def standing(case_dir: Path) -> tuple[Standing, ...]:
    """Everything that was ever published, oldest first.

    Raises:
        StoreError: the ledger cannot be read.
        FormatError: it holds something else than publications for everybody.
        EvidenceError: it was changed since.
    """
    found: dict[str, Standing] = {}
    path = JointFolder(case_dir).record
    for each in Ledger(path).all(PUBLIC) if path.exists() else ():
        if sha256(each.release.body).hexdigest() != each.release.sha256:
            raise EvidenceError(f"disclosure {each.number} in {path} is no longer what was recorded; do not publish it")
        said = publications.read(each.release.body)
        known = found.get(said.id)
        if isinstance(said, Withdrawal):
            if known is not None:
                found[said.id] = replace(known, withdrawal=said, withdrawn_us=each.at_us)
        elif known is None or known.withdrawal is not None:
            found.pop(said.id, None)  # what was taken back and is published again is new
            found[said.id] = Standing(said, each, each.at_us, each.release.released_by)
        else:
            found[said.id] = replace(known, publication=said, recorded=each)
    return tuple(found.values())


def find(case_dir: Path, name: str) -> Standing:
    """A publication by its id or the beginning of it.

    Raises:
        PolicyError: none or several are called so.
    """
    fitting = [each for each in standing(case_dir) if name and each.publication.id.startswith(name.upper())]
    if len(fitting) != 1:
        raise PolicyError(f"no one publication is called {name[:40]!r}; see: pollwatch public list")
    return fitting[0]


def check(case_dir: Path, publication: Publication, names: Iterable[str], allowed: Iterable[str]) -> None:
    """Accept what everybody may read: marked for that, without voters' data, without what names somebody.

    Raises:
        PolicyError: a part is not TLP:CLEAR, or holds what never leaves; the message names it.
    """
    for each in publication.said:
        tlp = accept.marking(each)
        if tlp is not Tlp.CLEAR:
            label = "not marked" if tlp is None else f"marked {tlp.label}"
            raise PolicyError(f"{each['id']} is {label}; only what its author marked TLP:CLEAR can be published")
    own = {"id": "the publication", "words": [f"{each.title}\n{each.text}" for each in publication.words]}
    voterdata.check([own, *publication.said], voterdata.load(JointFolder(case_dir).never))
    publications.check(publication, names, allowed)


def record_of(
    membership: Membership, subject: str, words: tuple[Words, ...], clock: Clock, allowed: Iterable[str] = ()
) -> Publication:
    """A claim or statement with all that was said about it, as it would be published.

    Raises:
        PolicyError: there is none of that id, or what it rests on may not be public.
    """
    root = Collection(membership.folder.record).get(subject).source
    kind = Kind.CLAIM if claims.is_claim(root) else Kind.STATEMENT if statement.is_statement(root) else None
    if kind is None:
        raise PolicyError(f"{subject[:80]} is neither a claim nor a statement; an incident is published by its own id")
    said, silent = _public(casefile.about(membership, root))
    found = Publication(kind, root["id"], words, None, said, _chain(membership), b"{}", silent)
    check(membership.folder.case, found, (), allowed)
    return replace(found, order=ordering.order_of(membership, said, clock))


def publish(
    case_dir: Path, membership: Membership | None, publication: Publication, decision: Decision, clock: Clock
) -> Standing | Asked:
    """Record a publication that was checked; the next page shows it. What stands already is not recorded again.

    Where the charter wants two persons to agree, it is only asked for.

    Raises:
        StoreError: it cannot be recorded; then it is not public.
    """
    for each in standing(case_dir):
        if each.publication.id == publication.id and each.withdrawal is None:
            return each
    body = publication.to_bytes()
    if membership is not None and membership.charter.releasers > 1 and len(decision.persons) < 2:
        return _ask(membership, f"publication {publication.id}", body, decision, clock)
    record(case_dir, f"publication {publication.id}", body, decision, clock)
    return find(case_dir, publication.id)


def withdraw(case_dir: Path, name: str, reasons: tuple[Words, ...], decision: Decision, clock: Clock) -> Standing:
    """Take a publication back, for a reason that everybody reads. One person does: it cannot wait for another.

    Raises:
        PolicyError: there is none of that name, it is withdrawn already, or the reason names somebody.
    """
    found = find(case_dir, name)
    if found.withdrawal is not None:
        raise PolicyError(f"{found.publication.id} was withdrawn already")
    taken = Withdrawal(found.publication.id, reasons)
    check(case_dir, Publication(Kind.NOTICE, "", reasons), (), ())
    record(case_dir, f"withdrawal of {taken.id}", taken.to_bytes(), decision, clock)
    return find(case_dir, taken.id)


def publish_agreed(case_dir: Path, asked: Asked, clock: Clock) -> Standing:
    """Record a publication to which the second person has agreed.

    Raises:
        StoreError: it cannot be recorded; then it is not public.
    """
    said = publications.read(asked.prepared.body)
    known = [each for each in standing(case_dir) if each.publication.id == said.id and each.withdrawal is None]
    if not known:
        record(case_dir, asked.prepared.subject, asked.prepared.body, asked.decision, clock)
    return find(case_dir, said.id)


def renew(membership: Membership, stands: Standing, clock: Clock) -> Standing:
    """A publication with everything that members have said about it since; recorded before anybody is shown it.

    What they do not let be public, or what names somebody, is counted and not shown.
    """
    old = stands.publication
    if not old.said or stands.withdrawal is not None:
        return stands
    root = next(each for each in old.said if each["id"] == old.subject)
    said, silent = _public(casefile.about(membership, root))
    known = {canonical.dumps(each) for each in old.said}
    fresh = [each for each in said if canonical.dumps(each) not in known]
    kept: list[StixObject] = []
    for each in fresh:
        try:
            check(membership.folder.case, replace(old, said=(root, each)), (), ())
        except PolicyError:
            silent = (*silent, _author(membership, each))
        else:
            kept.append(each)
    silent = tuple(sorted({*silent, *old.silent}))
    if not kept and silent == old.silent:
        return stands
    shown = {canonical.dumps(each) for each in (*old.said, *kept)}
    whole = tuple(each for each in said if canonical.dumps(each) in shown)
    order = ordering.order_of(membership, whole, clock)
    renewed = replace(old, said=whole, charter=_chain(membership), order=order, silent=silent)
    left = stands.recorded.release
    decision = Decision(left.released_by, left.legal_basis)
    recorded = record(membership.folder.case, f"addition to {old.id}", renewed.to_bytes(), decision, clock)
    return replace(stands, publication=renewed, recorded=recorded)


def record(case_dir: Path, subject: str, body: bytes, decision: Decision, clock: Clock) -> Disclosure:
    """Seal the bytes, commit to the disclosure, write it down; only then may a page show them."""
    at_us, salt = clock.now_us(), salted.new_salt()
    digest = sha256(body).hexdigest()
    left = Release(PUBLIC, subject, digest, Tlp.CLEAR, decision.released_by, decision.legal_basis, body, digest)
    commitment = salted.commitment(salt, canonical.dumps(entry_of(left, at_us)))
    with rail.opened(case_dir, clock) as evidence:
        documenting.seal_bytes(evidence, subject, body)
        index = evidence.append_private(DisclosureEntry(PUBLIC, Tlp.CLEAR.label, commitment, at_us))
    return Ledger(JointFolder(case_dir).record).record(left, at_us, salt, index)


def _ask(membership: Membership, subject: str, body: bytes, decision: Decision, clock: Clock) -> Asked:
    prepared = Prepared(subject, sha256(body).hexdigest(), Tlp.CLEAR, body)
    outbox = membership.folder.outbox
    durable.make_folder(outbox, mode=0o700)
    durable.write_file(outbox / f"{prepared.content}.json", body, mode=0o600)
    return agreeing.ask(membership, prepared, (), decision, clock, shelf=SHELF)


def _public(whole: Sequence[StixObject]) -> tuple[tuple[StixObject, ...], tuple[str, ...]]:
    """What of a case its authors let everybody read, and who said something else about it.

    Opinions and notes are left out one by one, so that nobody's marking keeps what others say from the public.
    """
    named = {each["id"]: str(each.get("name")) for each in whole if each["type"] == "identity"}
    hidden = [each for each in whole if each["type"] in _SPOKEN and accept.marking(each) is not Tlp.CLEAR]
    gone = {each["id"] for each in hidden}
    while True:  # what is about something hidden goes with it
        about = [
            each
            for each in whole
            if each["type"] in _SPOKEN and each["id"] not in gone and gone.intersection(each.get("object_refs", ()))
        ]
        if not about:
            break
        gone |= {each["id"] for each in about}
        hidden += about
    silent = sorted({named.get(str(each.get("created_by_ref")), "?") for each in hidden})
    marks = {ref for each in whole if each["id"] not in gone for ref in each.get("object_marking_refs", ())}
    kept = (
        each
        for each in whole
        if each["id"] not in gone and (each["type"] != "marking-definition" or each["id"] in marks)
    )
    return tuple(kept), tuple(silent)


def _author(membership: Membership, each: StixObject) -> str:
    found = membership.roll.by_identity(str(each.get("created_by_ref")))
    return "?" if found is None else found.name


def _chain(membership: Membership) -> bytes:
    return membership.folder.load_chain().to_bytes()
