"""Signed HTTP requests between nodes: RFC 9421 with Ed25519, and Content-Digest (RFC 9530). Sans-IO.

RFC 9421 leaves open what is signed and how that is written; between nodes there is one form, so that two readers never
take a request differently:

- label ``pollwatch``, and parameters in this order: ``created``, ``keyid`` (the key's fingerprint), ``alg``,
  ``expires`` (at most a minute later), ``nonce`` (16 random bytes), ``tag`` (``pollwatch-request``);
- covered: ``@method``, ``@target-uri``, ``content-digest`` (of an empty body too), then each of :data:`FIELDS` that the
  request has. Nothing that bears on its meaning can be added, taken away or changed on the way.

``@target-uri`` is what the *charter* names as the receiver's address and not what a Host field says: a request that was
signed for one member is void at every other, whatever proxies stand between. Whether a nonce was seen before is not
asked here (:mod:`pollwatch.sharing.replay`).
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pollwatch.clock import US_PER_S, rfc3339
from pollwatch.errors import SignatureError
from pollwatch.evidence.keys import KeyType, Signer, Verifier

#: How long a signed request is good for, and how far two members' clocks may be apart; in seconds.
LIFETIME_S: Final = 60
SKEW_S: Final = 60
CHARTER: Final = "pollwatch-charter"
DIGEST: Final = "content-digest"
INPUT: Final = "signature-input"
SIGNATURE: Final = "signature"
#: Header fields that bear on what a request means; signed where present, in this order.
FIELDS: Final = (CHARTER, "content-type", "content-encoding", "pollwatch-delivery")
_LABEL: Final = "pollwatch"
_TAG: Final = "pollwatch-request"
_NONCE_BYTES: Final = 16
_MAX_FIELD: Final = 2048
_PARAMETERS: Final = re.compile(
    rf'{_LABEL}=\([^()]*\);created=(0|[1-9][0-9]{{0,11}});keyid="([0-9a-f]{{64}})";alg="ed25519"'
    rf';expires=(0|[1-9][0-9]{{0,11}});nonce="([A-Za-z0-9_-]{{22}})";tag="{_TAG}"',
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Head:
    """A request without its body.

    Attributes:
        method: as sent, in capitals.
        target: the whole URI: the receiver's address in the charter, path and query, as sent.
        fields: the header fields, names in lower case.
    """

    method: str
    target: str
    fields: Sequence[tuple[str, str]] = field(repr=False)

    def one(self, name: str) -> str | None:
        """The value of a field; None where it is absent.

        Raises:
            SignatureError: it stands there twice.
        """
        found = [value.strip() for each, value in self.fields if each == name]
        if len(found) > 1:
            raise SignatureError(f"the header field {name} stands twice in one request")
        return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Parameters:
    """When, by which key and for which one time a request was signed.

    Attributes:
        created_s: seconds since 1970.
        key: fingerprint of the key.
        expires_s: seconds since 1970.
        nonce: 16 random bytes, base64url without padding.
    """

    created_s: int
    key: str
    expires_s: int
    nonce: str

    def to_text(self, covered: Iterable[str]) -> str:
        """The signature's parameters over these components, as they are written and signed."""
        names = " ".join(f'"{name}"' for name in covered)
        return (
            f'({names});created={self.created_s};keyid="{self.key}";alg="ed25519"'
            f';expires={self.expires_s};nonce="{self.nonce}";tag="{_TAG}"'
        )


def content_digest(body: bytes) -> str:
    """The value of ``Content-Digest`` (RFC 9530) for a body."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode('ascii')}:"


def signature_base(components: Mapping[str, str], parameters: str) -> bytes:
    """What is signed (RFC 9421, section 2.5).

    Args:
        components: value by name, in the order in which they are covered.
        parameters: the signature's parameters as text.

    Raises:
        SignatureError: a value with a line break or a character outside printable ASCII.
    """
    lines = [f'"{name}": {value}' for name, value in components.items()]
    text = "\n".join([*lines, f'"@signature-params": {parameters}'])
    if not text.isascii() or not text.replace("\n", "").isprintable() or text.count("\n") != len(lines):
        raise SignatureError("only printable ASCII can be signed in a request")
    return text.encode("ascii")


def sign(head: Head, body: bytes, signer: Signer, now_us: int, nonce: str = "") -> dict[str, str]:
    """The header fields that make a request a signed one.

    Args:
        head: the request as it will be sent, without these fields.
        body: its whole body.
        signer: the node's request key.
        now_us: the time.
        nonce: for tests; a fresh one else.

    Raises:
        SignatureError: the key is of another type, or a field cannot be signed.
    """
    if signer.type is not KeyType.ED25519:
        raise SignatureError(f"key {signer.name} is for cosigning checkpoints, not for requests")
    now_s = now_us // US_PER_S
    fresh = nonce or base64.urlsafe_b64encode(secrets.token_bytes(_NONCE_BYTES)).rstrip(b"=").decode("ascii")
    parameters = Parameters(now_s, signer.verifier.fingerprint, now_s + LIFETIME_S, fresh)
    digest = content_digest(body)
    components = _components(head, digest)
    text = parameters.to_text(components)
    signature = base64.b64encode(signer.sign(signature_base(components, text))).decode("ascii")
    return {DIGEST: digest, INPUT: f"{_LABEL}={text}", SIGNATURE: f"{_LABEL}=:{signature}:"}


def read_parameters(head: Head) -> Parameters | None:
    """What a request says about its signature; None where it is not signed. Nothing is checked yet.

    Raises:
        SignatureError: it is signed in another form than this.
    """
    written = head.one(INPUT)
    if written is None:
        return None
    found = _PARAMETERS.fullmatch(written) if len(written) <= _MAX_FIELD else None
    if found is None:
        raise SignatureError("the request is signed in another form than nodes of a joint watch use")
    return Parameters(int(found[1]), found[2], int(found[3]), found[4])


def verify(head: Head, parameters: Parameters, key: Verifier, now_us: int) -> None:
    """Accept a request as signed by this key, for this target, now. Its body is checked by :func:`check_body`.

    Args:
        head: the request as it came.
        parameters: what it says (:func:`read_parameters`).
        key: the request key of the member it says it is from.
        now_us: the time.

    Raises:
        SignatureError: wrong key, target, field or time; the message says which clock to look at.
    """
    digest = head.one(DIGEST)
    if digest is None:
        raise SignatureError("a signed request has a Content-Digest")
    components = _components(head, digest)
    text = parameters.to_text(components)
    # The form is written anew from what was read: one request, one spelling.
    if head.one(INPUT) != f"{_LABEL}={text}":
        raise SignatureError(f"the signature must cover exactly {', '.join(components)}")
    given = re.fullmatch(rf"{_LABEL}=:([A-Za-z0-9+/]{{86}}==):", head.one(SIGNATURE) or "", re.ASCII)
    if given is None or parameters.key != key.fingerprint:
        raise SignatureError("the request carries no signature by the key that it names")
    signature = base64.b64decode(given[1])
    if base64.b64encode(signature).decode("ascii") != given[1]:
        raise SignatureError("the signature is not canonical base64")
    key.verify(signature_base(components, text), signature)
    _check_time(parameters, now_us // US_PER_S)


def check_body(digest: str, body_sha256: bytes) -> None:
    """Accept a body as the one that was signed.

    Args:
        digest: the request's ``Content-Digest``, whose signature has been checked.
        body_sha256: of the body as it came.

    Raises:
        SignatureError: it is another one.
    """
    if digest != f"sha-256=:{base64.b64encode(body_sha256).decode('ascii')}:":
        raise SignatureError("the body is not the one that was signed (Content-Digest)")


def _components(head: Head, digest: str) -> dict[str, str]:
    present = {name: value for name in FIELDS if (value := head.one(name)) is not None}
    return {"@method": head.method, "@target-uri": head.target, DIGEST: digest, **present}


def _check_time(parameters: Parameters, now_s: int) -> None:
    created, expires = parameters.created_s, parameters.expires_s
    if not created <= expires <= created + LIFETIME_S:
        raise SignatureError(f"a signed request is good for at most {LIFETIME_S} s")
    early, late = created - now_s, now_s - expires
    if early > SKEW_S or late > SKEW_S:
        raise SignatureError(
            f"the request was signed at {rfc3339(created * US_PER_S)}, and here it is {rfc3339(now_s * US_PER_S)}: "
            f"clocks may be {SKEW_S} s apart; set them (NTP), or sign anew"
        )
