"""A claim: one member says, signed, who acted in an incident, or that this is not known.

In STIX it is the relationship ``threat-actor attributed-to identity``: the actor of the incident is that identity.
The layer is always ``technical``; what follows from a claim in law or politics is not pollwatch's to sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pollwatch.attribution.scale import Confidence, Finding, Likelihood
from pollwatch.errors import FormatError, PolicyError
from pollwatch.members import document
from pollwatch.members.charter import Charter
from pollwatch.members.member import Member
from pollwatch.stix import constants, ids, signature
from pollwatch.stix.constants import CLAIM_EXTENSION, StixObject
from pollwatch.stix.leaf import Leaf
from pollwatch.stix.objects import Maker

LAYER: Final = "technical"
MAX_TEXT: Final = 8_000
_OPTIONAL: Final[dict[str, type]] = {"respondent": str, "likelihood": str, "evidence": list}
_TARGETS: Final = {
    Finding.UNKNOWN: constants.UNKNOWN_ACTOR,
    Finding.CANNOT_BE_DETERMINED: constants.CANNOT_BE_DETERMINED,
}


@dataclass(frozen=True, slots=True)
class Statement:
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
        if not self.text.strip() or len(self.text) > MAX_TEXT:
            raise PolicyError(f"a claim gives its reasoning, in at most {MAX_TEXT} characters")


@dataclass(frozen=True, slots=True)
class Claim:
    """A signed claim, as it was read.

    Attributes:
        id: of the relationship.
        claimant: who signed it.
        actor: STIX id of the incident's actor.
        statement: what is claimed.
        digest: SHA-256 in hex of the signed object; what an opinion is bound to.
        created: when, as the claimant says.
        source: the signed object itself, unaltered.
    """

    id: str
    claimant: Member
    actor: str
    statement: Statement
    digest: str
    created: str
    source: StixObject


def to_stix(statement: Statement, actor: StixObject, maker: Maker) -> tuple[StixObject, StixObject | None]:
    """Sign a claim.

    Returns:
        The relationship, and the constant it points to; None where it points to a member.

    Raises:
        PolicyError: a member claims something about itself.
    """
    respondent = statement.respondent
    if respondent is not None and respondent.identity == maker.member.identity:
        raise PolicyError("a member cannot name itself as respondent")
    target = _TARGETS.get(statement.finding)
    extension: dict[str, object] = {
        "extension_type": "property-extension",
        "finding": statement.finding.value,
        "incident": statement.incident,
        "analytic_confidence": statement.confidence.value,
        "layer": LAYER,
    }
    # STIX knows neither null nor empty lists: what is not said is left out.
    said: dict[str, object] = {
        "respondent": respondent.name if respondent else "",
        "likelihood": statement.likelihood.word if statement.likelihood else "",
        "evidence": [each.record() for each in statement.evidence],
    }
    extension |= {name: value for name, value in said.items() if value}
    target_id = respondent.identity if respondent else _TARGETS[statement.finding]["id"]
    made = maker.make(
        "relationship",
        f"claim {actor['id']} {target_id} {maker.now_us}",
        relationship_type="attributed-to",
        source_ref=actor["id"],
        target_ref=target_id,
        description=statement.text,
        confidence=statement.likelihood.stix if statement.likelihood else None,
        extensions={CLAIM_EXTENSION: extension},
    )
    return made, target


def is_claim(each: StixObject) -> bool:
    """Whether an object says that it is a claim."""
    return each.get("type") == "relationship" and each.get("relationship_type") == "attributed-to"


def from_stix(each: StixObject, claimant: Member, charter: Charter) -> Claim:
    """Read a claim whose signature has been checked.

    Raises:
        FormatError: a claim that does not say what a claim says.
        PolicyError: fields that contradict each other, or a respondent who is not in the charter.
    """
    what = f"claim {each['id']}"
    extensions = each.get("extensions")
    extension = extensions.get(CLAIM_EXTENSION) if isinstance(extensions, dict) else None
    if not isinstance(extension, dict):
        raise FormatError(f"{what} lacks the claim extension")
    always: dict[str, type] = dict.fromkeys(
        ("extension_type", "finding", "incident", "analytic_confidence", "layer"), str
    )
    said = {name: kind for name, kind in _OPTIONAL.items() if name in extension}
    record = document.fields(extension, what, always | said)
    try:
        finding, confidence = Finding(record["finding"]), Confidence(record["analytic_confidence"])
    except ValueError as error:
        raise FormatError(f"{what}: {error}") from None
    respondent = charter.member(record["respondent"]) if "respondent" in record else None
    band = Likelihood.parse(record["likelihood"]) if "likelihood" in record else None
    statement = Statement(
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
    return Claim(
        each["id"], claimant, str(each["source_ref"]), statement, signature.digest(each), str(each.get("created")), each
    )


def about(claims: Sequence[Claim], incident: str) -> tuple[Claim, ...]:
    """The claims about one incident."""
    return tuple(each for each in claims if each.statement.incident == incident)
