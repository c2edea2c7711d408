"""What a client posts: the envelope is read with limits, then each object is checked by itself.

A body that is no envelope is refused as a whole (422). An object that cannot be taken fails alone, with its reason,
and the others are taken (section 4.3.1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from pollwatch import canonical
from pollwatch.attribution.record import is_spoken
from pollwatch.errors import FormatError, PolicyError
from pollwatch.members.charter import Charter
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Member
from pollwatch.sharing.taxii import times
from pollwatch.stix import accept, bundle, constants, objects
from pollwatch.stix.constants import StixObject

#: ``max_content_length`` of the API root.
MAX_BYTES: Final = 8 << 20
MAX_OBJECTS: Final = 10_000
MAX_OBJECT_BYTES: Final = 1 << 20
#: An object's ``id``: a type and any UUID; which version of UUID is the STIX validator's business.
_ID: Final = re.compile(r"([a-z0-9][a-z0-9-]{1,61})--[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_MAX_ID: Final = 250


@dataclass(frozen=True, slots=True)
class Candidate:
    """An object that may be kept.

    Attributes:
        id: STIX id.
        type: STIX type.
        version: `modified`, else `created`, as it stands there; empty where the object has neither.
        version_key: comparable form of it.
        sha256: of the body.
        body: the object as canonical JSON.
    """

    id: str
    type: str
    version: str
    version_key: str
    sha256: bytes
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Failure:
    """An object that cannot be taken, and why; ``id`` and ``version`` as far as it has any."""

    id: str
    version: str
    message: str


def read_envelope(body: bytes) -> list[Any]:
    """The objects of an envelope, unchecked.

    Raises:
        FormatError: no JSON, ambiguous JSON, no envelope, or one without objects or with too many.
    """
    value = canonical.loads_lenient(body, max_bytes=MAX_BYTES)
    if not isinstance(value, dict):
        raise FormatError('an envelope is a JSON object: {"objects": [...]}')
    listed = value.get("objects")
    if not isinstance(listed, list) or not listed:
        raise FormatError('the envelope has no "objects"; a list of at least one STIX object is needed')
    if len(listed) > MAX_OBJECTS:
        raise FormatError(f"the envelope has {len(listed)} objects; post at most {MAX_OBJECTS} at once")
    return listed


def candidate(value: object) -> Candidate:
    """An object, if it has the shape of a STIX 2.1 object.

    Raises:
        FormatError: it has not; the message says what is wrong with it.
    """
    if not isinstance(value, dict):
        raise FormatError("not a JSON object")
    bundle.check_depth(value)
    identifier, kind = value.get("id"), value.get("type")
    named = _ID.fullmatch(identifier) if isinstance(identifier, str) else None
    if named is None or not isinstance(identifier, str):
        raise FormatError("its id is no STIX identifier (type--UUID)")
    if named[1] != kind:
        raise FormatError(f"its id is one of a {named[1]}, its type is {str(kind)[:60]!r}")
    _check_spec_version(value)
    version, key = _version(value)
    _check_references(value)
    body = canonical.dumps_read(value)
    if len(body) > MAX_OBJECT_BYTES:
        raise FormatError(f"it has {len(body)} bytes; at most {MAX_OBJECT_BYTES} are kept of one object")
    return Candidate(identifier, named[1], version, key, sha256(body).digest(), body)


def failure(place: int, value: object, message: str) -> Failure:
    """What the status says of an object that cannot be taken; ``place`` counts from 0."""
    source = value if isinstance(value, dict) else {}
    identifier, version = source.get("id"), source.get("modified", source.get("created"))
    name = identifier if isinstance(identifier, str) and 0 < len(identifier) <= _MAX_ID else f"objects[{place}]"
    return Failure(name, version[:60] if isinstance(version, str) and version else "unknown", message[:1000])


def admit(source: StixObject, by: Member, charter: Charter, tlp: Tlp, *, signed: bool) -> None:
    """Accept an object from a member.

    A signed request comes from the member's own node and brings what that member signed, nothing else. What comes
    unsigned, from a member's third-party client, may be anybody's intelligence, but not another member's.

    Args:
        source: an object whose shape was checked.
        by: who posts it.
        charter: the one in force.
        tlp: marking of the collection.
        signed: whether the request was signed by the member's node.

    Raises:
        FormatError: of a kind that is not exchanged between nodes.
        PolicyError: marked stricter than the collection, or not that member's to post.
        EvidenceError: not signed by whom it says created it.
    """
    marked = constants.marking_of(source)
    if marked is not None and marked > tlp:
        raise PolicyError(f"it is marked {marked.label}; this collection is for {tlp.label} at most")
    creator = charter.by_identity(str(source.get("created_by_ref")))
    if (signed or creator is not None) and is_spoken(source):
        raise PolicyError("what a member says about who did it is delivered to /inbox, with what it is about")
    if signed:
        author = accept.check([source], charter).get(source["id"])
        if author is not None and author != by:
            raise PolicyError(f"it is {author.name}'s, and {by.name} posts it; only its creator does")
        return
    if creator is not None and creator != by:
        raise PolicyError(f"it says it was created by {creator.name}; only that member's own node posts its objects")
    _check_known(source, charter)


def _check_known(source: StixObject, charter: Charter) -> None:
    """What is the same for everybody cannot be redefined (attack 19)."""
    identifier = source["id"]
    if identifier in constants.CONSTANTS and source != constants.CONSTANTS[identifier]:
        raise PolicyError(f"{identifier} is a known constant, and this is not it")
    named = charter.by_identity(identifier)
    if named is not None and source != objects.identity(named, charter):
        raise PolicyError(f"the identity of {named.name} is not as the charter has it")


def _check_spec_version(value: StixObject) -> None:
    """STIX 2.1 has `spec_version` on all but observables; STIX 2.0 has none, and `created`."""
    if "spec_version" not in value and "created" not in value:
        return
    if value.get("spec_version") != "2.1":
        found = str(value.get("spec_version", "2.0"))[:20]
        raise FormatError(f"it is of STIX {found}; this server keeps STIX 2.1")


def _version(value: StixObject) -> tuple[str, str]:
    times_of = {}
    for name in ("created", "modified"):
        if name in value:
            if not isinstance(value[name], str):
                raise FormatError(f"its {name} is no timestamp")
            times_of[name] = times.version_key(value[name])
    if "modified" in times_of and "created" not in times_of:
        raise FormatError("it has modified without created")
    if "modified" not in times_of:
        return (value["created"], times_of["created"]) if times_of else ("", "")
    if times_of["modified"] < times_of["created"]:
        raise FormatError("it was modified before it was created")
    return value["modified"], times_of["modified"]


def _check_references(value: StixObject) -> None:
    creator = value.get("created_by_ref", "identity--")
    if not isinstance(creator, str) or not creator.startswith("identity--"):
        raise FormatError("its created_by_ref is no identity")
    marks = value.get("object_marking_refs", [])
    if not isinstance(marks, list) or not all(isinstance(each, str) for each in marks):
        raise FormatError("its object_marking_refs is no list of identifiers")
