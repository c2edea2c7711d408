"""How a member says which key its mirror cosigns with: a note under the gateway key that the charter names.

The charter names one key per use; a mirror's key is made by the gateway and vouched for by the gateway's own key, so
that a node gets a mirror without a new charter. It is never the witness's: "this log has grown" and "I hold all of it"
are different statements.
"""

from __future__ import annotations

from typing import Final

from pollwatch.errors import SignatureError
from pollwatch.evidence import note as notes
from pollwatch.evidence.keys import KeyType, Signer, Verifier
from pollwatch.members.member import Member

_HEADING: Final = "pollwatch mirror key v1\n"
_MAX_BYTES: Final = 8192


def make_key_note(mirror: Verifier, gateway: Signer) -> bytes:
    """The mirror's key under the gateway's signature."""
    return notes.sign_note(f"{_HEADING}{mirror.vkey}\n", (gateway,)).to_bytes()


def read_key_note(data: bytes, member: Member) -> Verifier:
    """The key of a member's mirror.

    Raises:
        SignatureError: not signed by the member's gateway, malformed, or one of the member's other keys.
    """
    text = notes.open_note(data, member.gateway, max_bytes=_MAX_BYTES)
    if not text.startswith(_HEADING):
        raise SignatureError(f"{member.name} signed something else than its mirror's key")
    key = Verifier.parse(text.removeprefix(_HEADING).removesuffix("\n"))
    if f"{_HEADING}{key.vkey}\n" != text or key.type is not KeyType.COSIGNATURE:
        raise SignatureError(f"{member.name} names no cosignature key for its mirror")
    if any(key.public == other.public or key.name == other.name for other in member.keys):
        raise SignatureError(f"{member.name} uses one of its other keys for its mirror; each key has one use")
    return key
