"""An opinion: what a member thinks of a claim. The respondent's objection is one, and travels with the claim.

An opinion names the SHA-256 of the very claim it was formed about, so that it cannot be moved to another one, and a
claim cannot be changed under it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pollwatch.attribution.claim import Claim
from pollwatch.attribution.scale import Stance
from pollwatch.errors import FormatError, PolicyError
from pollwatch.members import document
from pollwatch.members.member import Member
from pollwatch.stix.constants import CLAIM_EXTENSION, StixObject
from pollwatch.stix.objects import Maker

MAX_TEXT: Final = 8_000


@dataclass(frozen=True, slots=True)
class Opinion:
    """A signed opinion, as it was read.

    Attributes:
        id: of the STIX object.
        author: who signed it.
        claim: id of the claim.
        claim_digest: SHA-256 in hex of that claim as signed.
        stance: agreement or not.
        denial: whether it is the respondent's objection.
        text: the author's words.
        created: when, as the author says.
        source: the signed object itself, unaltered.
    """

    id: str
    author: Member
    claim: str
    claim_digest: str
    stance: Stance
    denial: bool
    text: str
    created: str
    source: StixObject


def to_stix(claim: Claim, stance: Stance, text: str, maker: Maker) -> StixObject:
    """Sign an opinion; a respondent's disagreement is its denial.

    Raises:
        PolicyError: no text, or a claimant's opinion of its own claim.
    """
    if not text.strip() or len(text) > MAX_TEXT:
        raise PolicyError(f"an opinion says why, in at most {MAX_TEXT} characters; use --text")
    if claim.claimant.identity == maker.member.identity:
        raise PolicyError("a claimant's own claim is its opinion; it cannot add another")
    return maker.make(
        "opinion",
        f"{claim.id} {claim.digest} {maker.now_us}",
        explanation=text,
        opinion=stance.value,
        object_refs=[claim.id],
        extensions={
            CLAIM_EXTENSION: {
                "extension_type": "property-extension",
                "claim": claim.id,
                "claim_sha256": claim.digest,
                "denial": is_denial(claim, maker.member, stance),
            }
        },
    )


def is_denial(claim: Claim, author: Member, stance: Stance) -> bool:
    """Whether this is the respondent saying that it was not so."""
    respondent = claim.statement.respondent
    disagrees = stance in {Stance.DISAGREE, Stance.STRONGLY_DISAGREE}
    return respondent is not None and respondent.identity == author.identity and disagrees


def from_stix(each: StixObject, author: Member) -> Opinion:
    """Read an opinion whose signature has been checked.

    Raises:
        FormatError: an opinion that does not say what an opinion says.
    """
    what = f"opinion {each['id']}"
    extensions = each.get("extensions")
    extension = extensions.get(CLAIM_EXTENSION) if isinstance(extensions, dict) else None
    record = document.fields(
        extension, what, {"extension_type": str, "claim": str, "claim_sha256": str, "denial": bool}
    )
    if each.get("object_refs") != [record["claim"]]:
        raise FormatError(f"{what} is about something else than the claim it names")
    try:
        stance = Stance(str(each.get("opinion")))
    except ValueError as error:
        raise FormatError(f"{what}: {error}") from None
    return Opinion(
        each["id"],
        author,
        record["claim"],
        record["claim_sha256"],
        stance,
        record["denial"],
        str(each.get("explanation", "")),
        str(each.get("created")),
        each,
    )


def check(opinion: Opinion, claim: Claim) -> None:
    """Accept an opinion as being about exactly this claim, and a denial as the respondent's.

    Raises:
        PolicyError: it is about another claim or another version of it, or plays a part that is not its author's.
    """
    if (opinion.claim, opinion.claim_digest) != (claim.id, claim.digest):
        raise PolicyError(f"opinion {opinion.id} of {opinion.author.name} is about another claim, or another version")
    if opinion.author == claim.claimant:
        raise PolicyError(f"opinion {opinion.id} is the claimant's own")
    if opinion.denial != is_denial(claim, opinion.author, opinion.stance):
        raise PolicyError(f"opinion {opinion.id}: only the respondent can deny, and its disagreement is its denial")
