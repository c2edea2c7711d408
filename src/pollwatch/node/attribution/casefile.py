"""The file of a case: an incident, or an inquiry, with everything that any member said about it, as one STIX bundle.

Nobody chooses what goes in. From anything that was said, one follows what it is about and what is about it, until
nothing more is found: a denial, a dissent or a retraction that is held goes along, wherever the claim goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pollwatch.attribution import claim as claims
from pollwatch.attribution import record as records
from pollwatch.attribution import statement
from pollwatch.attribution.record import Record
from pollwatch.attribution.subject import Named
from pollwatch.errors import PolicyError
from pollwatch.members.marking import Tlp
from pollwatch.members.roll import Roll
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.sharing.collection import Collection
from pollwatch.stix import bundle, constants, ids, objects
from pollwatch.stix.constants import StixObject

#: The types of what is said, and of what it is about.
_TYPES = ("incident", "relationship", "opinion", "report", "note")
_FIELDS = ("about", "subject", "inquiry", "received", "retracts", "item", "replaces", "measure")


def said(collection: Collection) -> list[StixObject]:
    """Every object that was said, with the incidents that it may be about, in the order in which they came."""
    held = [each.source for kind in _TYPES for each in collection.of_type(kind)]
    return [each for each in held if each["type"] == "incident" or records.is_spoken(each)]


def read(membership: Membership) -> Record:
    """Everything that was said, whatever it is about."""
    return records.read(said(Collection(membership.folder.record)), membership.roll)


def about(membership: Membership, root: StixObject) -> list[StixObject]:
    """All that belongs to one object, with what a reader of STIX needs to understand it.

    Raises:
        PolicyError: an incident was never released or received.
    """
    collection = Collection(membership.folder.record)
    found = _joined(root, said(collection))
    incidents = {each for one in found if (each := incident_of(one))}
    context = [each for incident in sorted(incidents) for each in context_of(collection, incident)]
    # Whatever came to each first: C1 and S1 are the same in all members' papers.
    told = sorted(
        (each for each in found if each["type"] != "incident"), key=lambda each: (each["created"], each["id"])
    )
    whole = [*context, *told]
    return bundle.order([constants.marking(marking(whole)), *_frame(whole, membership.roll), *whole])


def context_of(collection: Collection, incident: str) -> list[StixObject]:
    """The incident, its actor, and the relationship between them, as they were released or received.

    Raises:
        PolicyError: it never was.
    """
    main = collection.get(incident).source
    for held in reversed(collection.of_type("relationship")):
        link = held.source
        if (link["relationship_type"], link["source_ref"]) == ("related-to", main["id"]):
            return [main, collection.get(link["target_ref"]).source, link]
    raise PolicyError(f"{incident} is no incident that was released or received; release it first: pollwatch share")


def marking(parts: Iterable[StixObject]) -> Tlp:
    """The strictest marking of any part."""
    return max((each for each in map(constants.marking_of, parts) if each is not None), default=Tlp.AMBER_STRICT)


def incident_of(each: StixObject) -> str:
    """STIX id of the incident that an object is, or is directly about; empty where there is none."""
    if each["type"] == "incident":
        return str(each["id"])
    if claims.is_claim(each):
        return str(each["extensions"][constants.CLAIM_EXTENSION]["incident"])
    refs = [str(ref) for ref in each.get("object_refs", ()) if ids.kind_of(str(ref)) == "incident"]
    return refs[0] if refs else ""


def _joined(root: StixObject, others: Sequence[StixObject]) -> list[StixObject]:
    """The root with everything that hangs together with it; of each object one version, the first that is met."""
    held = {Named.of(each): each for each in others}
    beside: dict[Named | str, list[StixObject]] = {}
    for each in held.values():
        for name in _names(each):
            beside.setdefault(name, []).append(each)
        if key := incident_of(each):
            beside.setdefault(key, []).append(each)
    found = {root["id"]: root}
    waiting = [root]
    while waiting:
        present = waiting.pop()
        named = [held[name] for name in _names(present) if name in held]
        for each in (*named, *beside.get(Named.of(present), ()), *beside.get(incident_of(present), ())):
            if each["id"] not in found:
                found[each["id"]] = each
                waiting.append(each)
    return _consistent(list(found.values()))


def _names(each: StixObject) -> set[Named]:
    """The versions of other objects that an object names."""
    found: set[Named] = set()
    for said_here in each.get("extensions", {}).values():
        for field in _FIELDS:
            value = said_here.get(field)
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, dict) and one.keys() == {"id", "sha256"}:
                    found.add(Named.from_record(one))
    return found


def _consistent(found: list[StixObject]) -> list[StixObject]:
    """Without what names another version of something than the one that is here; versions of incidents may differ."""
    while True:
        here = {Named.of(each) for each in found}
        ids_here = {name.id for name in here}
        kept = [
            each
            for each in found
            if all(
                name in here or (name.id in ids_here and ids.kind_of(name.id) == "incident") for name in _names(each)
            )
        ]
        if len(kept) == len(found):
            return found
        found = kept


def _frame(whole: Sequence[StixObject], roll: Roll) -> list[StixObject]:
    """Who is who, also of those that have gone since, and what our extensions mean."""
    targets = (constants.CONSTANTS.get(str(each.get("target_ref"))) for each in whole if claims.is_claim(each))
    frame = [constants.PROJECT, constants.SIGNATURE_DEFINITION, constants.CLAIM_DEFINITION]
    frame += [constants.STATEMENT_DEFINITION] if any(map(statement.is_statement, whole)) else []
    frame += [constants.PAPER_DEFINITION] if any(each["type"] == "note" for each in whole) else []
    authors = {str(each.get("created_by_ref")) for each in whole}
    named: dict[str, StixObject] = {}
    for charter in reversed(roll.charters):
        for each in charter.members:
            if charter is roll.charter or each.identity in authors:
                named.setdefault(each.identity, objects.identity(each, charter))
    frame += named.values()
    return [*frame, *(each for each in targets if each is not None)]
