"""STIX objects that are the same for everybody: markings, extension definitions, and two answers to "who?".

They come unsigned; a received one is taken only if it equals what stands here.
"""

from __future__ import annotations

from typing import Any, Final

from pollwatch.members.marking import Tlp

StixObject = dict[str, Any]

_EPOCH: Final = "2026-01-01T00:00:00.000Z"
_PROJECT: Final = "identity--8a4c3d0a-52c3-4bb1-9c0b-5f0c6a1fd2a7"
#: The signature that every object of a member carries.
SIGNATURE_EXTENSION: Final = "extension-definition--3c1e9d54-4a6b-4f0e-8c7d-0f6f0a8e7b11"
#: What a claim says beyond `attributed-to`, and an opinion beyond its value.
CLAIM_EXTENSION: Final = "extension-definition--b7d2c6f0-91a3-4f5e-a2f4-6f1d3c0b9e22"
#: What a joint statement says beyond its report.
STATEMENT_EXTENSION: Final = "extension-definition--e05f6f0e-2b1c-4a57-9d55-7f6f5a3c1d48"
#: What a note of ours is: an inquiry, an answer, a retraction, or a paper on hypotheses.
PAPER_EXTENSION: Final = "extension-definition--4b7e93a2-6d08-4c3f-8f0e-1a9d2c5b6e70"
#: OASIS common objects: the TLP 2.0 marking, and the core of an incident.
TLP_EXTENSION: Final = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
INCIDENT_EXTENSION: Final = "extension-definition--ef765651-680c-498d-9894-99799f2fa126"

_TLP_IDS: Final = {
    Tlp.CLEAR: "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    Tlp.GREEN: "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    Tlp.AMBER: "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    Tlp.AMBER_STRICT: "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    Tlp.RED: "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}


def marking(tlp: Tlp) -> StixObject:
    """The TLP 2.0 marking definition, as OASIS publishes it."""
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": _TLP_IDS[tlp],
        "created": "2022-10-01T00:00:00.000Z",
        "name": tlp.label,
        "extensions": {TLP_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": tlp.word}},
    }


def marking_id(tlp: Tlp) -> str:
    """Its id, for ``object_marking_refs``."""
    return _TLP_IDS[tlp]


def marking_of(stix_object: StixObject) -> Tlp | None:
    """The strictest TLP 2.0 marking that an object refers to; None where it has none."""
    refs = stix_object.get("object_marking_refs", ())
    return max((tlp for tlp, marking_ref in _TLP_IDS.items() if marking_ref in refs), default=None)


PROJECT: Final[StixObject] = {
    "type": "identity",
    "spec_version": "2.1",
    "id": _PROJECT,
    "created": _EPOCH,
    "modified": _EPOCH,
    "name": "pollwatch",
    "description": "The software project that defines the extensions used here. It says nothing about any incident.",
    "identity_class": "class",
}


def _extension(identifier: str, name: str, description: str, schema: str) -> StixObject:
    return {
        "type": "extension-definition",
        "spec_version": "2.1",
        "id": identifier,
        "created": _EPOCH,
        "modified": _EPOCH,
        "created_by_ref": _PROJECT,
        "name": name,
        "description": description,
        "schema": schema,
        "version": "1.0.0",
        "extension_types": ["property-extension"],
    }


SIGNATURE_DEFINITION: Final = _extension(
    SIGNATURE_EXTENSION,
    "pollwatch signature",
    "A signature by the member that created the object; it can be checked offline with the charter.",
    "note: one C2SP signed-note signature line (type 01) over the text 'pollwatch/stix/v1', newline, the object as "
    "RFC 8785 canonical JSON without this extension, newline. If no other extension is left, 'extensions' is left out.",
)
CLAIM_DEFINITION: Final = _extension(
    CLAIM_EXTENSION,
    "pollwatch claim",
    "What a claim about the actor of an incident says beyond its relationship, and what an opinion is bound to.",
    "On a relationship: finding (named, unknown, cannot-be-determined), incident (STIX id), where somebody is named "
    "respondent (name) and likelihood (ICD 203 band), analytic_confidence (low, moderate, high), layer (technical), "
    "evidence (list of log, index, leaf: a commitment that can be opened later). On an opinion: subject (id and sha256 "
    "of the claim or statement, signed, as canonical JSON), denial (true where a respondent objects). "
    "On an incident: evidence.",
)
STATEMENT_DEFINITION: Final = _extension(
    STATEMENT_EXTENSION,
    "pollwatch statement",
    "A draft that several members sign word for word: each by an opinion that agrees with exactly this version.",
    "On a report: about (list of id and sha256 of each object, signed, as canonical JSON), closes (time until which "
    "members sign, dissent or abstain), layer (technical), where there are any respondents (names of the members that "
    "count for nothing in it), replaces (id and sha256 of the draft that this one revises).",
)
PAPER_DEFINITION: Final = _extension(
    PAPER_EXTENSION,
    "pollwatch paper",
    "What a note is, and which version of what it is about.",
    "On a note: paper (inquiry, answer, retraction, notice, hypothesis, item, rating). Inquiry: asked (name), "
    "reply_by (time). Answer: inquiry (id and sha256). Retraction: retracts (id and sha256). Notice: received (id and "
    "sha256), receipt (signed note of the receiver's gateway). Hypothesis: respondent (name) where it names one. "
    "Item: evidence (list of log, index, leaf). Rating: item (id and sha256), hypothesis (id of its note, or "
    "false-flag, or insider), rating (strongly-consistent ... strongly-inconsistent).",
)

UNKNOWN_ACTOR: Final[StixObject] = {
    "type": "identity",
    "spec_version": "2.1",
    "id": "identity--f1f5b2f6-6f0a-4b43-8d1c-3b8f6c0d6a01",
    "created": _EPOCH,
    "modified": _EPOCH,
    "created_by_ref": _PROJECT,
    "name": "Actor unknown",
    "description": "The evidence shows what was done, and not by whom.",
    "identity_class": "unknown",
}
CANNOT_BE_DETERMINED: Final[StixObject] = {
    "type": "identity",
    "spec_version": "2.1",
    "id": "identity--5d2a7c2e-1c2f-4e8a-9c58-0a7de0f3b902",
    "created": _EPOCH,
    "modified": _EPOCH,
    "created_by_ref": _PROJECT,
    "name": "Cannot be determined",
    "description": "What would show who did it is not recorded; nobody can know from this evidence.",
    "identity_class": "unknown",
}

#: Every constant by id.
CONSTANTS: Final[dict[str, StixObject]] = {
    each["id"]: each
    for each in (
        *(marking(tlp) for tlp in Tlp),
        PROJECT,
        SIGNATURE_DEFINITION,
        CLAIM_DEFINITION,
        STATEMENT_DEFINITION,
        PAPER_DEFINITION,
        UNKNOWN_ACTOR,
        CANNOT_BE_DETERMINED,
    )
}
