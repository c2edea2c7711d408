"""RFC 3161 time-stamps of a log's checkpoint, asked for and checked without sockets.

What is stamped is the checkpoint as a signed note with nothing but the log's own signature: the same bytes whoever
cosigned it since. A :class:`StampedCheckpoint` keeps the note with the authority's answer; a :class:`TimestampProof`
adds where a seal stands in that checkpoint's tree, so that it travels in a bundle and proves on its own.

A token is believed only under certificates that the reader gives (:class:`Authorities`). The certificates must have
been valid when it was made, not now: evidence outlives them. Whether an authority was deceived, or lied, nobody can
tell from its token; several authorities make that harder.
"""

from __future__ import annotations

import base64
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256, sha512
from typing import ClassVar

import rfc3161_client
from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from rfc3161_client.errors import VerificationError
from rfc3161_client.tsp import PKIStatus

from pollwatch.clock import US_PER_S, from_datetime
from pollwatch.errors import ProofError, SignatureError
from pollwatch.evidence import keychain, merkle
from pollwatch.evidence.der import sort_certificates
from pollwatch.evidence.fields import Fields, document
from pollwatch.evidence.keychain import LogKeys
from pollwatch.evidence.keys import decode_base64
from pollwatch.evidence.report import Stamp

QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"
MAX_TOKEN = 1 << 16
_MAX_DOCUMENT = 1 << 18
_MAX_PEM = 1 << 20
_DIGESTS = {"2.16.840.1.101.3.4.2.1": sha256, "2.16.840.1.101.3.4.2.3": sha512}
#: What the library raises on content that it does not like.
_REFUSED = (VerificationError, ValueError, TypeError, AttributeError, KeyError, OverflowError, x509.InvalidVersion)


@dataclass(frozen=True, slots=True)
class Authorities:
    """The certificates that a reader trusts to say the time.

    Attributes:
        roots: self-signed ones.
        others: authorities' own certificates and those in between.
    """

    roots: tuple[x509.Certificate, ...]
    others: tuple[x509.Certificate, ...] = ()

    @classmethod
    def parse(cls, pem: bytes) -> Authorities:
        """Read one or more certificates in PEM.

        Raises:
            SignatureError: there are none, or no root among them.
        """
        if len(pem) > _MAX_PEM:
            raise SignatureError("the time-stamp authorities' certificates are over 1 MiB")
        try:
            found = x509.load_pem_x509_certificates(pem)
        except ValueError as error:
            raise SignatureError(f"no readable certificates of time-stamp authorities: {error}") from None
        roots = tuple(each for each in found if each.issuer == each.subject)
        if not roots:
            raise SignatureError("the certificates hold no root: add the authority's self-signed one")
        return cls(roots, tuple(each for each in found if each not in roots))

    def check(self, token: bytes, message: bytes, nonce: int | None = None) -> Stamp:
        """Check an authority's answer over exactly these bytes.

        Raises:
            ProofError: it is no time-stamp, or one of other bytes.
            SignatureError: no trusted authority signed it.
        """
        answer = _parsed(token, message)
        try:
            with warnings.catch_warnings():
                # The library warns of certificates that it will refuse one day; those of a changed token are no news.
                warnings.simplefilter("ignore", CryptographyDeprecationWarning)
                return self._stamp(answer, nonce)
        except _REFUSED as error:
            raise SignatureError(f"no trusted authority made this time-stamp: {error}") from None

    def _stamp(self, answer: rfc3161_client.TimeStampResponse, nonce: int | None) -> Stamp:
        signer = self._signer(answer)
        # The library trusts the certificate that is named here: never one that came with the token.
        named = signer if signer in self.others else None
        verifier = rfc3161_client.VerifierBuilder(
            tsa_certificate=named, roots=list(self.roots), intermediates=list(self.others), nonce=nonce
        ).build()
        verifier.verify(answer, bytes(answer.tst_info.message_imprint.message))
        return Stamp(signer.subject.rfc4514_string(), *_times(answer.tst_info))

    def _signer(self, answer: rfc3161_client.TimeStampResponse) -> x509.Certificate:
        """The certificate that the token names: in the token, or, where that holds none, among the reader's."""
        (info,) = answer.signed_data.signer_infos
        given = [x509.load_der_x509_certificate(each) for each in answer.signed_data.certificates]
        for each in (*given, *self.others):
            if (each.issuer, each.serial_number) == (info.issuer, info.serial_number):
                return each
        raise ValueError("the signer's certificate is neither in the token nor among the given ones")


@dataclass(frozen=True, slots=True)
class Query:
    """A request for a time-stamp.

    Attributes:
        data: what to POST.
        nonce: what the answer must repeat.
    """

    data: bytes
    nonce: int | None

    @classmethod
    def of(cls, message: bytes) -> Query:
        """Ask for a time-stamp of these bytes (SHA-256), with the authority's certificate."""
        builder = rfc3161_client.TimestampRequestBuilder().data(message)
        request = (
            builder.hash_algorithm(rfc3161_client.base.HashAlgorithm.SHA256).cert_request(cert_request=True).build()
        )
        return cls(request.as_bytes(), request.nonce)


@dataclass(frozen=True, slots=True)
class StampedCheckpoint:
    """A checkpoint with only its log's signature, and an authority's answer over it."""

    KIND: ClassVar[str] = "stamped-checkpoint"
    note: bytes
    token: bytes

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return document(self.KIND, 1, {"checkpoint": self.note.decode("utf-8"), "token": _text(self.token)})

    @classmethod
    def parse(cls, data: bytes) -> StampedCheckpoint:
        """Read it back; nothing is checked but the form.

        Raises:
            ProofError: it is something else.
            SignatureError: a token that is no base64.
        """
        fields = Fields.load(data, "stamped checkpoint", max_bytes=_MAX_DOCUMENT)
        fields.kind(cls.KIND)
        stamped = cls(*_common(fields))
        fields.done()
        return stamped


@dataclass(frozen=True, slots=True)
class TimestampProof:
    """A seal's place in a stamped checkpoint.

    Attributes:
        index: of the seal in the shared log.
        proof: its inclusion in the stamped checkpoint's tree.
        stamped: the checkpoint and the token.
    """

    KIND: ClassVar[str] = "timestamp"
    index: int
    proof: merkle.Proof
    stamped: StampedCheckpoint

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        common = {"checkpoint": self.stamped.note.decode("utf-8"), "token": _text(self.stamped.token)}
        own = {"index": self.index, "proof": [each.hex() for each in self.proof]}
        return document(self.KIND, 1, {**common, **own})

    @classmethod
    def parse(cls, data: bytes) -> TimestampProof:
        """Read it back; see :meth:`check`.

        Raises:
            ProofError: it is something else.
            SignatureError: a token that is no base64.
        """
        fields = Fields.load(data, "time-stamp", max_bytes=_MAX_DOCUMENT)
        fields.kind(cls.KIND)
        index, hashes = fields.number("index"), fields.hexes("proof", merkle.HASH_BYTES)
        found = cls(index, hashes, StampedCheckpoint(*_common(fields)))
        fields.done()
        return found

    def check(self, entry: bytes, log: LogKeys) -> None:
        """Check all that needs no trust in an authority: the log's signature, the entry's place, the token's subject.

        Raises:
            ProofError: the entry is not in the stamped checkpoint, or the token is of other bytes.
            SignatureError: the checkpoint is not the log's.
        """
        chain = keychain.of(log)
        signed = chain.open(self.stamped.note)
        if chain.bare(signed).to_bytes() != self.stamped.note:
            raise ProofError("a stamped checkpoint carries its log's signature and no other")
        at = signed.checkpoint
        merkle.verify_inclusion(self.index, at.size, merkle.leaf_hash(entry), self.proof, at.root)
        _parsed(self.stamped.token, self.stamped.note)


def check_answer(token: bytes, message: bytes, nonce: int | None) -> int:
    """Check that an answer grants a time-stamp of what was asked; whether to trust its signer is not asked here.

    Returns:
        The time it states, in microseconds.

    Raises:
        ProofError: a refusal, no time-stamp at all, or one of something else.
    """
    answer = _parsed(token, message)
    try:
        if answer.tst_info.nonce != nonce:
            raise ProofError("the authority answered another request: its nonce differs")
        return _times(answer.tst_info)[0]
    except _REFUSED as error:
        raise ProofError(f"the authority's answer is no time-stamp: {error}") from None


def check_all(
    proofs: Sequence[TimestampProof], entry: bytes, log: LogKeys, authorities: Authorities | None
) -> tuple[Stamp, ...]:
    """The stamps that count, earliest first; those of authorities that the reader does not know are left out.

    Raises:
        ProofError: a proof does not fit the entry.
        SignatureError: a stamped checkpoint is not the log's.
    """
    found = []
    for each in proofs:
        each.check(entry, log)
        if authorities is not None:
            try:
                found.append(authorities.check(each.stamped.token, each.stamped.note))
            except SignatureError:
                continue
    return tuple(sorted(found, key=lambda stamp: stamp.latest_us))


def _parsed(token: bytes, message: bytes) -> rfc3161_client.TimeStampResponse:
    if len(token) > MAX_TOKEN:
        raise ProofError(f"a time-stamp of {len(token)} bytes is over the limit of {MAX_TOKEN}")
    try:
        answer = rfc3161_client.decode_timestamp_response(sort_certificates(token))
        status = PKIStatus(answer.status)
        if status != PKIStatus.GRANTED:
            words = "; ".join(answer.status_string) or "no reason given"
            raise ProofError(f"the authority granted no time-stamp ({status.name}): {words[:200]}")
        imprint = answer.tst_info.message_imprint
        digest = _DIGESTS.get(imprint.hash_algorithm.dotted_string)
        matches = digest is not None and bytes(imprint.message) == digest(message).digest()
    except _REFUSED as error:
        raise ProofError(f"not a time-stamp: {error}") from None
    if not matches:
        raise ProofError("the time-stamp is of other bytes than this checkpoint, or by another digest than SHA-256/512")
    return answer


def _times(info: rfc3161_client.TimeStampTokenInfo) -> tuple[int, int]:
    stated_us = from_datetime(info.gen_time)
    return stated_us, stated_us + _tolerance_us(info.accuracy)


def _tolerance_us(accuracy: rfc3161_client.Accuracy | None) -> int:
    """An authority may state none; so the library's types do not say, but its answers do."""
    if accuracy is None:
        return 0
    return (accuracy.seconds or 0) * US_PER_S + (accuracy.millis or 0) * 1000 + (accuracy.micros or 0)


def _common(fields: Fields) -> tuple[bytes, bytes]:
    note = fields.text("checkpoint").encode("utf-8")
    return note, decode_base64(fields.text("token", max_chars=2 * MAX_TOKEN), "the time-stamp's token")


def _text(token: bytes) -> str:
    return base64.b64encode(token).decode("ascii")
