"""Whose copy is this? What turned up somewhere is held against the ledger.

Every member's copy of an incident or indicator differs in the times of its objects, and each was signed by us and
acknowledged by its receiver's own receipt. A signed object that turns up elsewhere and stands in one member's
disclosure only was in that member's hands and in ours, in nobody else's. Anybody can check that with the bytes of the
disclosure, the receipt, and the charter. It proves neither intent nor that it was not we who let it out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from pollwatch import canonical
from pollwatch.errors import FormatError, SignatureError
from pollwatch.evidence.keys import Verifier
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.sharing.ledger import Disclosure, Ledger
from pollwatch.stix import bundle, signature

MAX_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Traced:
    """One object that turned up.

    Attributes:
        object_id: its id.
        ours: whether it carries our signature, unchanged; else the other fields say nothing.
        disclosures: those that held exactly this copy.
    """

    object_id: str
    ours: bool
    disclosures: tuple[Disclosure, ...]

    @property
    def receivers(self) -> tuple[str, ...]:
        """Who was given exactly this copy."""
        return tuple(dict.fromkeys(each.release.receiver for each in self.disclosures))


def trace(membership: Membership, data: bytes) -> tuple[Traced, ...]:
    """Whose copy each signed object in a file is.

    Args:
        membership: who made them.
        data: a STIX bundle, a TAXII envelope, a list of objects, or one object, in any layout.

    Raises:
        FormatError: none of these.
    """
    ledger = Ledger(membership.folder.record)
    keys = [term.key for term in membership.roll.terms(membership.me)]
    found = []
    for each in _objects(canonical.loads_lenient(data, max_bytes=MAX_BYTES)):
        if each.get("created_by_ref") != membership.me.identity or not isinstance(each.get("id"), str):
            continue
        if not any(map(partial(_signed, each), keys)):
            found.append(Traced(each["id"], ours=False, disclosures=()))
            continue
        found.append(Traced(each["id"], ours=True, disclosures=ledger.containing(canonical.dumps(each))))
    return tuple(found)


def _signed(each: dict[str, Any], key: Verifier) -> bool:
    try:
        signature.verify(each, key)
    except SignatureError:
        return False
    return True


def _objects(value: Any) -> Iterable[dict[str, Any]]:  # noqa: ANN401 - any JSON value
    bundle.check_depth(value)
    if isinstance(value, dict) and isinstance(value.get("objects"), list):
        value = value["objects"]
    listed = value if isinstance(value, list) else [value]
    if not all(isinstance(each, dict) for each in listed):
        raise FormatError("no STIX objects; give a bundle, a list of objects, or one")
    return listed
