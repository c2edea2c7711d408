"""A member's signature inside a STIX object, checkable offline by anyone who holds the charter.

The signed text is ``pollwatch/stix/v1``, then the object as canonical JSON without the signature extension; in an
exercise, ``pollwatch/exercise/stix/v1``. An object that passes through another tool and comes back re-ordered still
verifies; one that was changed does not.
"""

from __future__ import annotations

import hashlib
from typing import Final

from pollwatch import canonical
from pollwatch.errors import FormatError, SignatureError
from pollwatch.evidence import note as notes
from pollwatch.evidence.keys import Signer, Verifier
from pollwatch.evidence.note import Signature
from pollwatch.members import document
from pollwatch.stix.constants import SIGNATURE_EXTENSION, StixObject

_KIND: Final = "stix"


def sign(stix_object: StixObject, statement: Signer) -> StixObject:
    """The object with its creator's signature in it."""
    line = notes.sign(_text(stix_object, statement.verifier), statement).line.removesuffix("\n")
    extensions = dict(stix_object.get("extensions", {}))
    extensions[SIGNATURE_EXTENSION] = {"extension_type": "property-extension", "note": line}
    return {**stix_object, "extensions": extensions}


def claims_key(stix_object: StixObject, statement: Verifier) -> bool:
    """Whether an object says that this key signed it; nothing is checked."""
    try:
        return _line(stix_object).is_by(statement)
    except SignatureError:
        return False


def verify(stix_object: StixObject, statement: Verifier) -> None:
    """Check that this key signed exactly this object.

    Raises:
        SignatureError: there is no signature, it is by another key, or it is wrong.
    """
    name = str(stix_object.get("id"))[:100]
    line = _line(stix_object)
    if not line.is_by(statement):
        raise SignatureError(
            f"{name} is signed by key {line.name} ({line.key_id.hex()}), "
            f"not by {statement.name} ({statement.id.hex()}), whose object it says it is"
        )
    try:
        text = _text(stix_object, statement)
    except FormatError as error:
        raise SignatureError(f"{name}: {error}") from error
    try:
        statement.verify(text.encode("utf-8"), line.blob)
    except SignatureError as error:
        raise SignatureError(f"{name} was changed after it was signed, or never signed: {error}") from error


def digest(stix_object: StixObject) -> str:
    """SHA-256 in hex of the object as canonical JSON, signature included: names exactly this version of it."""
    return hashlib.sha256(canonical.dumps(stix_object)).hexdigest()


def _line(stix_object: StixObject) -> Signature:
    name = str(stix_object.get("id"))[:100]
    extensions = stix_object.get("extensions")
    found = extensions.get(SIGNATURE_EXTENSION) if isinstance(extensions, dict) else None
    if not isinstance(found, dict):
        raise SignatureError(f"{name} is not signed")
    if found.keys() != {"extension_type", "note"} or not isinstance(found["note"], str):
        raise SignatureError(f"{name}: its signature extension is malformed")
    return Signature.parse(found["note"])


def _text(stix_object: StixObject, key: Verifier) -> str:
    bare = dict(stix_object)
    extensions = {key: value for key, value in bare.pop("extensions", {}).items() if key != SIGNATURE_EXTENSION}
    if extensions:
        bare["extensions"] = extensions
    return document.text_of(_KIND, bare, exercise=key.exercise)
