"""Several incidents as one campaign: the same hand at work, as far as one member can tell. Whose hand is not said."""

from __future__ import annotations

from collections.abc import Sequence

from pollwatch.stix import objects
from pollwatch.stix.constants import StixObject
from pollwatch.stix.incident import IncidentObjects
from pollwatch.stix.objects import Maker


def to_stix(
    name: str, description: str, told: Sequence[IncidentObjects], maker: Maker, identity: StixObject
) -> tuple[StixObject, ...]:
    """The objects that tell another member of a campaign: its incidents, their techniques and indicators, and itself.

    Args:
        name: what its owner calls it; stays its name, and its id follows from it.
        description: for people; may be empty.
        told: its incidents, made by the same maker.
        maker: makes the owner's objects.
        identity: the owner's.
    """
    first = min(each.actor["first_seen"] for each in told)
    last = max(each.actor["last_seen"] for each in told)
    campaign = maker.make("campaign", name, name=name, description=description, first_seen=first, last_seen=last)
    everything = {each["id"]: each for part in told for each in part.everything}
    relations = [maker.relationship(part.incident, "related-to", campaign) for part in told]
    for each in everything.values():
        if each["type"] == "attack-pattern":
            relations.append(maker.relationship(campaign, "uses", each))
        elif each["type"] == "indicator":
            relations.append(maker.relationship(each, "indicates", campaign))
    content = [campaign, *(part.incident for part in told), *relations]
    report = maker.make(
        "report",
        f"campaign {name}",
        name=name,
        description=description,
        report_types=["campaign"],
        published=campaign["modified"],
        object_refs=[identity["id"], *objects.refs(content)],
    )
    return (*everything.values(), campaign, *relations, report)
