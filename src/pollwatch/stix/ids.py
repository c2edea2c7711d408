"""STIX identifiers that are the same each time.

Observables have a UUIDv5 over their value, as the standard prescribes, so that an id can be checked against what it
names. All other objects have ids of UUIDv4 form; ours are derived with a secret of their owner, so that sharing a
thing twice names it alike, and nobody can test a guess at what was not shared.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid
from typing import Final

from pollwatch import canonical
from pollwatch.canonical import Json
from pollwatch.clock import to_datetime

#: The namespace that STIX 2.1 (section 2.9) prescribes for observables.
_OBSERVABLES: Final = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
ID: Final = re.compile(
    r"[a-z][a-z0-9-]{1,60}--[0-9a-f]{8}-[0-9a-f]{4}-[45][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII
)


def observable_id(kind: str, contributing: dict[str, Json]) -> str:
    """The deterministic id of an observable: UUIDv5 over its ID Contributing Properties as canonical JSON."""
    return f"{kind}--{uuid.uuid5(_OBSERVABLES, canonical.dumps(contributing).decode('utf-8'))}"


def stable_id(secret: bytes, kind: str, key: str) -> str:
    """An id of UUIDv4 form that only the holder of the secret can derive.

    Args:
        secret: 32 bytes of its owner.
        kind: STIX type.
        key: what is named, in words of the owner; unique within the type.
    """
    digest = hmac.new(secret, f"pollwatch/stix-id/v1\n{kind}\n{key}".encode(), hashlib.sha256).digest()
    return f"{kind}--{_as_version_4(digest)}"


def content_id(kind: str, content: bytes) -> str:
    """An id of UUIDv4 form that follows from the content, for containers."""
    return f"{kind}--{_as_version_4(hashlib.sha256(content).digest())}"


def timestamp(us: int) -> str:
    """A STIX timestamp: UTC to the millisecond, which `created` and `modified` must have."""
    moment = to_datetime(us)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def kind_of(identifier: str) -> str:
    """The type in an id: ``incident`` of ``incident--...``."""
    return identifier.partition("--")[0]


def _as_version_4(digest: bytes) -> uuid.UUID:
    return uuid.UUID(bytes=digest[:16], version=4)
