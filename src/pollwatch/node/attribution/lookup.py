"""What was said, found by its id or the beginning of it, and the file of its case."""

from __future__ import annotations

from pollwatch.attribution import claim as claims
from pollwatch.attribution import hypotheses, inquiry, matrix, measure, paper, statement
from pollwatch.attribution.claim import Claim
from pollwatch.attribution.hypotheses import Hypothesis, Item
from pollwatch.attribution.inquiry import Inquiry
from pollwatch.attribution.matrix import Matrix
from pollwatch.attribution.measure import Measure
from pollwatch.attribution.record import Judged
from pollwatch.attribution.statement import Statement
from pollwatch.attribution.subject import Subject
from pollwatch.errors import PolicyError
from pollwatch.members.member import Member
from pollwatch.members.roll import Naming
from pollwatch.node.attribution import casefile
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.sharing.collection import Collection
from pollwatch.stix import accept, bundle, ids
from pollwatch.stix.constants import StixObject


def find_claim(membership: Membership, claim_id: str) -> Claim:
    """A claim that was made or received, by its id or the beginning of it.

    Raises:
        PolicyError: there is none.
    """
    held = Collection(membership.folder.record).get(claim_id)
    if not claims.is_claim(held.source):
        raise PolicyError(f"{claim_id} is no claim but a {ids.kind_of(held.source['id'])}")
    return claims.from_stix(held.source, author(membership, held.source), _naming(membership, held.source))


def find_statement(membership: Membership, statement_id: str) -> Statement:
    """A draft statement, by its id or the beginning of it.

    Raises:
        PolicyError: there is none.
    """
    held = Collection(membership.folder.record).get(statement_id)
    if not statement.is_statement(held.source):
        raise PolicyError(f"{statement_id} is no statement but a {ids.kind_of(held.source['id'])}")
    return statement.from_stix(held.source, author(membership, held.source), _naming(membership, held.source).members)


def find_inquiry(membership: Membership, inquiry_id: str) -> Inquiry:
    """An inquiry, by its id or the beginning of it.

    Raises:
        PolicyError: there is none.
    """
    source = _paper(membership, inquiry_id, "inquiry", "is no inquiry; see: pollwatch inquire")
    return inquiry.inquiry_from_stix(source, author(membership, source), _naming(membership, source))


def find_measure(membership: Membership, measure_id: str) -> Measure:
    """A measure, by its id or the beginning of it.

    Raises:
        PolicyError: there is none.
    """
    source = _paper(membership, measure_id, "measure", "is no measure; see: pollwatch measure list")
    return measure.from_stix(source, author(membership, source))


def find_item(membership: Membership, item_id: str) -> Item:
    """An item of evidence, by its id or the beginning of it.

    Raises:
        PolicyError: there is none.
    """
    source = _paper(membership, item_id, "item", "is no item of evidence; see: pollwatch hypotheses show")
    return hypotheses.item_from_stix(source, author(membership, source))


def find_hypothesis(membership: Membership, hypothesis_id: str) -> Hypothesis:
    """A hypothesis, by its id, the beginning of it, or its name where it is always on the list.

    Raises:
        PolicyError: there is none.
    """
    for each in hypotheses.standing():
        if each.id == hypothesis_id:
            return each
    source = _paper(membership, hypothesis_id, "hypothesis", "is no hypothesis; see: pollwatch hypotheses show")
    said_by = author(membership, source)
    return hypotheses.hypothesis_from_stix(source, said_by, _naming(membership, source))


def matrix_of(membership: Membership, incident: str) -> Matrix:
    """The matrix of competing hypotheses about an incident."""
    found = Collection(membership.folder.record).get(incident).source["id"]
    return matrix.build(found, casefile.read(membership).papers, membership.charter)


def all_judged(membership: Membership) -> tuple[Judged, ...]:
    """Every claim that was made or received, with everything that was said of it."""
    return casefile.read(membership).judged


def record_of(membership: Membership, object_id: str) -> bytes:
    """The file of a claim, statement, inquiry or incident, as a STIX bundle that anyone can check offline.

    There is no way to leave an opinion out: the respondent's denial travels with the claim.

    Raises:
        PolicyError: nothing of that id was said, shared or received.
    """
    root = Collection(membership.folder.record).get(object_id).source
    return bundle.write(casefile.about(membership, root))


def incident_object_id(membership: Membership, incident_id: str) -> str:
    """The STIX id of one of our incidents, by our own id; ids that are STIX already stay."""
    if incident_id.startswith("incident--"):
        return incident_id
    return ids.stable_id(membership.keys.id_secret, "incident", incident_id)


def subject(membership: Membership, subject_id: str) -> tuple[StixObject, Subject]:
    """A claim or statement, as opinions are about it.

    Raises:
        PolicyError: there is neither of that id.
    """
    held = Collection(membership.folder.record).get(subject_id)
    if claims.is_claim(held.source):
        return held.source, find_claim(membership, held.source["id"]).subject
    return held.source, find_statement(membership, held.source["id"]).subject


def _paper(membership: Membership, paper_id: str, kind: str, otherwise: str) -> StixObject:
    """A paper of one kind; ``otherwise`` goes on after the id of something else."""
    source = Collection(membership.folder.record).get(paper_id).source
    if paper.kind(source) != kind:
        raise PolicyError(f"{paper_id} {otherwise}")
    return source


def author(membership: Membership, each: StixObject) -> Member:
    """Who said something.

    Raises:
        PolicyError: nobody in any charter that held.
    """
    author = membership.roll.by_identity(each["created_by_ref"])
    if author is None:
        raise PolicyError(f"{each['id']} is by a member that is no longer in the charter")
    return author


def _naming(membership: Membership, each: StixObject) -> Naming:
    """What the names in an object meant when it was made."""
    return membership.roll.naming(accept.said_us(each))
