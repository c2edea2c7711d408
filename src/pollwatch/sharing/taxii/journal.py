"""What the server signs about each POST and DELETE: a receipt, a tombstone. The inside node seals both in its log.

A note says how many objects and commits to which; with its salt it gives nothing away to whoever only sees that it
was sealed. Whoever posted holds the receipt and can show that it was, or was not, sealed.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from pollwatch.evidence.keys import Signer
from pollwatch.members import document
from pollwatch.sharing.taxii import times

#: Kinds of notes.
ADDED: Final = "taxii-receipt"
DELETED: Final = "taxii-tombstone"


@dataclass(frozen=True, slots=True)
class Request:
    """A request that changes a collection.

    Attributes:
        id: UUIDv4; that of the status resource, where there is one.
        collection: id of the collection.
        member: on whose behalf.
        signed: whether the member's node signed the request.
        at_us: when.
    """

    id: str
    collection: str
    member: str
    signed: bool
    at_us: int


@dataclass(frozen=True, slots=True)
class Event:
    """A request that was carried out and waits for the inside node.

    Attributes:
        number: its place.
        kind: :data:`ADDED` or :data:`DELETED`.
        subject: the request's id.
        member: on whose behalf.
        signed: whether the member's node signed the request.
        span_us: `date_added` of the first and last object that was added; (0, 0) for none.
        note: what the server signed.
    """

    number: int
    kind: str
    subject: str
    member: str
    signed: bool
    span_us: tuple[int, int]
    note: bytes = field(repr=False)


def commitment(objects: Iterable[tuple[str, str, bytes]]) -> str:
    """SHA-256 in hex over id, version and digest of each object, one line each."""
    lines = "".join(f"{identifier} {version} {digest.hex()}\n" for identifier, version, digest in objects)
    return sha256(lines.encode("utf-8")).hexdigest()


def note(kind: str, request: Request, objects: list[tuple[str, str, bytes]], signer: Signer) -> bytes:
    """A signed receipt or tombstone over these objects: id, version, SHA-256 of the canonical bytes."""
    record = {
        "request": request.id,
        "collection": request.collection,
        "member": request.member,
        "signed": request.signed,
        "time": times.timestamp(request.at_us),
        "count": len(objects),
        "objects_sha256": commitment(objects),
        "salt": secrets.token_hex(32),
    }
    return document.sign(kind, record, (signer,))
