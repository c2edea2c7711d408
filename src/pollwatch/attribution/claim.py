"""A claim: one member says, signed, who acted in an incident, or that this is not known.

In STIX it is the relationship ``threat-actor attributed-to identity``: the actor of the incident is that identity.
The layer is always ``technical``; what follows from a claim in law or politics is not pollwatch's to sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pollwatch.attribution import extension
from pollwatch.attribution.scale import Confidence, Finding, Likelihood
from pollwatch.attribution.subject import Named, Subject
from pollwatch.errors import FormatError, PolicyError
from pollwatch.members.member import Member
from pollwatch.members.roll import Names
from pollwatch.stix import constants, ids
from pollwatch.stix.constants import CLAIM_EXTENSION, StixObject
from pollwatch.stix.leaf import Leaf
from pollwatch.stix.objects import Maker

LAYER: Final = "technical"
_SHAPE: Final = dict.fromkeys(("finding", "incident", "analytic_confidence", "layer"), str)
_OPTIONAL: Final[dict[str, type]] = {"respondent": str, "likelihood": str, "evidence": list}
_TARGETS: Final = {
    Finding.UNKNOWN: constants.UNKNOWN_ACTOR,
    Finding.CANNOT_BE_DETERMINED: constants.CANNOT_BE_DETERMINED,
}


@dataclass(frozen=True, slots=True)
class Assertion:
    """What is claimed, before it is signed.

    Attributes:
        incident: STIX id of the incident.
        finding: whether somebody is named.
        respondent: the member that is named; None unless the finding is ``named``.
        likelihood: how probable; None unless somebody is named.
        confidence: how good the evidence and reasoning are.
        text: the reasoning, in the claimant's words.
        evidence: commitments that the claimant can open.
    """

    incident: str
    finding: Finding
    respondent: Member | None
    likelihood: Likelihood | None
    confidence: Confidence
    text: str
    evidence: tuple[Leaf, ...] = ()

    def __post_init__(self) -> None:
        """Check what holds between the fields.

        Raises:
            PolicyError: a name without likelihood, a likelihood without name, or no reasoning.
        """
        named = self.finding is Finding.NAMED
        if named != (self.respondent is not None) or named != (self.likelihood is not None):
            raise PolicyError(
                "a claim that names a respondent says how likely it is (--likelihood); one that names nobody does not"
            )
        extension.check_text("a claim", self.text)


@dataclass(frozen=True, slots=True)
class Claim:
    """A signed claim, as it was read.

    Attributes:
        name: of the relationship, as signed.
        claimant: who signed it.
        actor: STIX id of the incident's actor.
        assertion: what is claimed.
        created: when, as the claimant says.
        source: the signed object itself, unaltered.
    """

    name: Named
    claimant: Member
    actor: str
    assertion: Assertion
    created: str
    source: StixObject

    @property
    def id(self) -> str:
        """STIX id of the relationship."""
        return self.name.id

    @property
    def subject(self) -> Subject:
        """The claim, as opinions are about it."""
        named = self.assertion.respondent
        return Subject(self.name, self.claimant, () if named is None else (named,))


def to_stix(assertion: Assertion, actor: StixObject, maker: Maker) -> tuple[StixObject, StixObject | None]:
    """Sign a claim.

    Returns:
        The relationship, and the constant it points to; None where it points to a member.

    Raises:
        PolicyError: a member claims something about itself.
    """
    respondent = assertion.respondent
    if respondent is not None and respondent.identity == maker.member.identity:
        raise PolicyError("a member cannot name itself as respondent")
    target = _TARGETS.get(assertion.finding)
    said = extension.made(
        finding=assertion.finding.value,
        incident=assertion.incident,
        analytic_confidence=assertion.confidence.value,
        layer=LAYER,
        respondent=respondent.name if respondent else "",
        likelihood=assertion.likelihood.word if assertion.likelihood else "",
        evidence=[each.record() for each in assertion.evidence],
    )
    target_id = respondent.identity if respondent else _TARGETS[assertion.finding]["id"]
    made = maker.make(
        "relationship",
        f"claim {actor['id']} {target_id} {maker.now_us}",
        relationship_type="attributed-to",
        source_ref=actor["id"],
        target_ref=target_id,
        description=assertion.text,
        confidence=assertion.likelihood.stix if assertion.likelihood else None,
        extensions={CLAIM_EXTENSION: said},
    )
    return made, target


def is_claim(each: StixObject) -> bool:
    """Whether an object says that it is a claim."""
    return each.get("type") == "relationship" and each.get("relationship_type") == "attributed-to"


def from_stix(each: StixObject, claimant: Member, names: Names) -> Claim:
    """Read a claim whose signature has been checked.

    Raises:
        FormatError: a claim that does not say what a claim says.
        PolicyError: fields that contradict each other, or a respondent who is not in the charter.
    """
    what = f"claim {each['id']}"
    record = extension.read(each, CLAIM_EXTENSION, _SHAPE, _OPTIONAL)
    try:
        finding, confidence = Finding(record["finding"]), Confidence(record["analytic_confidence"])
    except ValueError as error:
        raise FormatError(f"{what}: {error}") from None
    respondent = names.member(record["respondent"]) if "respondent" in record else None
    band = Likelihood.parse(record["likelihood"]) if "likelihood" in record else None
    assertion = Assertion(
        record["incident"],
        finding,
        respondent,
        band,
        confidence,
        str(each.get("description", "")),
        tuple(Leaf.from_record(leaf) for leaf in record.get("evidence", ())),
    )
    target = respondent.identity if respondent else _TARGETS[finding]["id"]
    consistent = (
        record["layer"] == LAYER
        and each.get("target_ref") == target
        and ids.kind_of(str(each.get("source_ref"))) == "threat-actor"
        and each.get("confidence") == (band.stix if band else None)
    )
    if not consistent or respondent == claimant:
        raise PolicyError(f"{what} says one thing in its relationship and another in its extension")
    return Claim(Named.of(each), claimant, str(each["source_ref"]), assertion, extension.created(each), each)
