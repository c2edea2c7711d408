"""Builders of STIX 2.1 objects. A :class:`Maker` makes the objects of one member under one marking.

Only what the standard's ``--strict`` reading accepts is made: relationships are those it suggests, and anything of
our own stands in a property extension whose definition travels along.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pollwatch.clock import parse_rfc3339
from pollwatch.evidence.keys import Signer
from pollwatch.members.charter import Charter
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Member
from pollwatch.stix import constants, ids, signature
from pollwatch.stix.constants import StixObject


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes and signs objects of one member.

    Attributes:
        member: whose objects they are.
        statement: its key.
        secret: from which stable ids follow (:func:`pollwatch.stix.ids.stable_id`).
        tlp: the marking of all of them.
        now_us: the time.
        created: when objects were first made that are now made again, by id; STIX keeps that over all versions.
        first_us: when objects count as made that are made for the first time; None = now.
    """

    member: Member
    statement: Signer
    secret: bytes
    tlp: Tlp
    now_us: int
    created: Mapping[str, str] = field(default_factory=dict)
    first_us: int | None = None

    def make(self, kind: str, key: str, **properties: Any) -> StixObject:  # noqa: ANN401 - JSON values
        """A signed object; properties that are None or empty are left out."""
        now = ids.timestamp(self.now_us)
        identifier = ids.stable_id(self.secret, kind, key)
        made: StixObject = {
            "type": kind,
            "spec_version": "2.1",
            "id": identifier,
            "created_by_ref": self.member.identity,
            "created": self.created.get(identifier, now if self.first_us is None else ids.timestamp(self.first_us)),
            "modified": now,
            "object_marking_refs": [constants.marking_id(self.tlp)],
        }
        made |= {name: value for name, value in properties.items() if value not in (None, "", [], {})}
        if self.statement.verifier.exercise:
            made["labels"] = sorted({*made.get("labels", ()), "exercise"})
        return signature.sign(made, self.statement)

    def revoke(self, earlier: StixObject, reason: str) -> StixObject:
        """The last version of an object: its maker takes it back. One that is revoked already stays as it is."""
        if earlier.get("revoked") is True:
            return earlier
        after_us = parse_rfc3339(earlier["modified"]) + 1_000  # STIX: a later version, and times to the millisecond
        made = {**earlier, "modified": ids.timestamp(max(self.now_us, after_us)), "revoked": True}
        if earlier["type"] != "observed-data":  # the one kind that has no description
            made["description"] = reason
        return signature.sign(made, self.statement)

    def relationship(self, source: StixObject, kind: str, target: StixObject, **properties: Any) -> StixObject:  # noqa: ANN401 - JSON values
        """``source`` ``kind`` ``target``."""
        key = f"{source['id']} {kind} {target['id']}"
        return self.make(
            "relationship", key, relationship_type=kind, source_ref=source["id"], target_ref=target["id"], **properties
        )

    def attack_pattern(self, technique: str, name: str) -> StixObject:
        """A technique of ATT&CK by its id (``T1190``)."""
        # No URL: STIX asks for a hash beside one, and a web page has none that lasts. The id says it all.
        reference = {"source_name": "mitre-attack", "external_id": technique}
        return self.make("attack-pattern", technique, name=name or technique, external_references=[reference])


def identity(member: Member, charter: Charter) -> StixObject:
    """A member's identity as the charter has it: everybody who holds the charter derives the same object."""
    since = ids.timestamp(charter.effective_us)
    return {
        "type": "identity",
        "spec_version": "2.1",
        "id": member.identity,
        "created_by_ref": member.identity,
        "created": since,
        "modified": since,
        "name": member.name,
        "description": ("EXERCISE. " if charter.exercise else "")
        + f"{member.role.value.capitalize()} of the joint watch {charter.name!r}, bloc {member.bloc!r}.",
        "identity_class": "organization",
    }


def address(text: str, tlp: Tlp) -> StixObject | None:
    """An address as an observable with its deterministic id; None if the text is no address."""
    try:
        value = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = value.ipv4_mapped if isinstance(value, ipaddress.IPv6Address) else None
    if isinstance(value, ipaddress.IPv6Address) and value.scope_id:
        return None
    plain = mapped or value
    return observable(f"ipv{plain.version}-addr", str(plain), tlp)


def observable(kind: str, value: str, tlp: Tlp) -> StixObject:
    """An observable whose only property that contributes to its id is ``value``."""
    return {
        "type": kind,
        "spec_version": "2.1",
        "id": ids.observable_id(kind, {"value": value}),
        "value": value,
        "object_marking_refs": [constants.marking_id(tlp)],
    }


def pattern(observed: StixObject) -> str:
    """The STIX pattern that matches an observable by its value."""
    value = observed["value"].replace("\\", "\\\\").replace("'", "\\'")
    return f"[{observed['type']}:value = '{value}']"


def refs(objects: Sequence[StixObject]) -> list[str]:
    """Their ids."""
    return [each["id"] for each in objects]
