"""An incident as STIX: what is told of it, and what stays.

Told: what was done, with which techniques, when, how often, and from which addresses and domains. Never told: raw
lines, user names, targets, file names, rules that fired. They are the voters', or would show a rival where the
sensors are and what they notice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pollwatch.clock import rfc3339
from pollwatch.events.detection import Severity
from pollwatch.incidents.incident import Incident, Phase, Status
from pollwatch.stix import constants, ids, objects
from pollwatch.stix.constants import StixObject
from pollwatch.stix.leaf import Leaf
from pollwatch.stix.objects import Maker

#: How many actors of one incident are named; a flood from 420,000 addresses is described, not listed.
MAX_ACTORS: Final = 500
_COUNT_LIMIT: Final = 999_999_999  # STIX: number_observed and a sighting's count
_CRITICALITY: Final = {
    Severity.INFO: 5,
    Severity.LOW: 25,
    Severity.MEDIUM: 50,
    Severity.HIGH: 75,
    Severity.CRITICAL: 95,
}
_INVESTIGATION: Final[dict[Status, str]] = {
    "open": "new",
    "acknowledged": "open",
    "closed": "closed",
    "false-positive": "closed",
}


@dataclass(frozen=True, slots=True)
class IncidentObjects:
    """What an incident becomes.

    Attributes:
        incident: the incident itself.
        actor: whoever did it, as a `threat-actor` about whom nothing is said; claims attach to it.
        everything: all objects, these two and the definitions included, in reading order.
    """

    incident: StixObject
    actor: StixObject
    everything: tuple[StixObject, ...]


def to_stix(incident: Incident, maker: Maker, identity: StixObject, evidence: Sequence[Leaf] = ()) -> IncidentObjects:
    """The objects that tell another member of an incident."""
    first_us = incident.first_us if incident.first_us is not None else maker.now_us
    last_us = max(first_us, incident.last_us if incident.last_us is not None else first_us)
    main = _incident(incident, maker, evidence)
    actor = maker.make(
        "threat-actor",
        incident.id,
        name=f"Actor of incident {incident.id}",
        description="Whoever acted in this incident. Nothing is claimed here about who that is.",
        threat_actor_types=["unknown"],
        first_seen=ids.timestamp(first_us),
        last_seen=ids.timestamp(last_us),
    )
    patterns = [maker.attack_pattern(each, _technique_name(each, incident.phases)) for each in incident.techniques]
    relations = [maker.relationship(main, "related-to", actor)]
    relations += [maker.relationship(actor, "uses", each) for each in patterns]
    sources = _sources(incident, maker)
    seen = _observations(incident, maker, sources, actor, (first_us, last_us))
    content = [main, actor, *patterns, *sources, *seen, *relations]
    report = maker.make(
        "report",
        incident.id,
        name=main["name"],
        description=main["description"],
        report_types=["threat-report"],
        published=ids.timestamp(maker.now_us),
        object_refs=[identity["id"], *objects.refs(content)],
    )
    frame = [constants.marking(maker.tlp), constants.PROJECT, constants.SIGNATURE_DEFINITION, identity]
    frame += [constants.CLAIM_DEFINITION] if evidence else []
    return IncidentObjects(main, actor, (*frame, *content, report))


def _incident(incident: Incident, maker: Maker, evidence: Sequence[Leaf]) -> StixObject:
    determination = "false-positive" if incident.status == "false-positive" else "suspected"
    extensions: StixObject = {
        constants.INCIDENT_EXTENSION: {
            "extension_type": "property-extension",
            "determination": determination,
            "investigation_status": _INVESTIGATION[incident.status],
            "criticality": _CRITICALITY[incident.severity],
        }
    }
    if evidence:
        extensions[constants.CLAIM_EXTENSION] = {
            "extension_type": "property-extension",
            "evidence": [each.record() for each in evidence],
        }
    return maker.make(
        "incident",
        incident.id,
        name=title(incident),
        description=description(incident),
        external_references=[{"source_name": "pollwatch", "external_id": incident.id}],
        extensions=extensions,
    )


def title(incident: Incident) -> str:
    """What happened in a few words, without naming what it happened to."""
    names = list(dict.fromkeys(phase.name for phase in incident.phases))
    return (" → ".join(names[:4]) if names else "Suspicious activity") + f" ({incident.severity.word})"


def description(incident: Incident) -> str:
    """What happened, step by step, in the words of the techniques alone."""
    steps = [
        f"{number}. {phase.name} ({phase.technique}), {phase.lines} records"
        + (f", {rfc3339(phase.first_us)} to {rfc3339(phase.last_us)}" if phase.first_us is not None else "")
        for number, phase in enumerate(incident.phases, 1)
    ]
    named = len(incident.actors.ip) + len(incident.actors.domain)
    whole = f"Severity {incident.severity.word}; {len(incident.lines)} log records; {named} sources."
    cut = f" The first {MAX_ACTORS} are listed." if named > MAX_ACTORS else ""
    return "\n".join([whole + cut, *steps])


def _technique_name(technique: str, phases: Sequence[Phase]) -> str:
    return next((phase.name for phase in phases if phase.technique == technique), technique)


def _sources(incident: Incident, maker: Maker) -> list[StixObject]:
    """The actors' addresses and domains, the first :data:`MAX_ACTORS` of them."""
    addresses = (objects.address(each, maker.tlp) for each in incident.actors.ip[:MAX_ACTORS])
    found = {each["id"]: each for each in addresses if each is not None}
    for domain in incident.actors.domain[: MAX_ACTORS - len(found)]:
        if _is_domain(domain):
            made = objects.observable("domain-name", domain.lower(), maker.tlp)
            found[made["id"]] = made
    return list(found.values())


def _observations(
    incident: Incident, maker: Maker, sources: Sequence[StixObject], actor: StixObject, span_us: tuple[int, int]
) -> list[StixObject]:
    """That the sources were seen, how often, and what to look for elsewhere."""
    if not sources:
        return []
    first, last = (ids.timestamp(each) for each in span_us)
    count = min(max(1, len(incident.lines)), _COUNT_LIMIT)
    observed = maker.make(
        "observed-data",
        incident.id,
        first_observed=first,
        last_observed=last,
        number_observed=count,
        object_refs=objects.refs(sources),
    )
    made = [observed]
    for source in sources:
        indicator = maker.make(
            "indicator",
            f"{incident.id} {source['id']}",
            name=f"Source of incident {incident.id}",
            description="Acted in this incident. It may be shared, rented, hijacked, or planted to mislead.",
            indicator_types=["malicious-activity"],
            pattern=objects.pattern(source),
            pattern_type="stix",
            pattern_version="2.1",
            valid_from=first,
        )
        made += [
            indicator,
            maker.relationship(indicator, "indicates", actor),
            maker.relationship(indicator, "based-on", observed),
        ]
        made.append(
            maker.make(
                "sighting",
                f"{incident.id} {source['id']}",
                sighting_of_ref=indicator["id"],
                first_seen=first,
                last_seen=last,
                observed_data_refs=[observed["id"]],
                where_sighted_refs=[maker.member.identity],
            )
        )
    return made


def _is_domain(text: str) -> bool:
    labels = text.rstrip(".").split(".")
    return len(text) <= 253 and all(
        0 < len(label) <= 63 and label.isascii() and label.replace("-", "").replace("_", "").isalnum()
        for label in labels
    )
