"""Hints beside an incident, from the case, from what was received, and from what sources say of addresses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pollwatch.attribution import hints
from pollwatch.attribution.hints import Hints, Word
from pollwatch.clock import Clock
from pollwatch.errors import ConfigError
from pollwatch.incidents import attack
from pollwatch.incidents.records import Case
from pollwatch.node.indicators.desk import Desk
from pollwatch.sharing.collection import Collection
from pollwatch.stix import pattern
from pollwatch.stix.constants import StixObject


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an incident, whoever saw it.

    Attributes:
        name: its id.
        techniques: ATT&CK ids.
        seen: addresses and names.
    """

    name: str
    techniques: tuple[str, ...]
    seen: tuple[str, ...]


def find(desk: Desk, incident: str) -> tuple[Known, Hints]:
    """Hints beside an incident of the case, or one that was released or received (``incident--...``).

    Raises:
        PolicyError: there is no such incident.
        ConfigError: the data on groups is not installed.
    """
    groups = attack.groups()
    if not groups:
        raise ConfigError("what is known of groups comes with pymispgalaxies, which is not installed")
    known = (
        _received(desk, incident) if incident.startswith("incident--") else _own(desk.case_dir, incident, desk.clock)
    )
    return known, hints.find(known.techniques, known.seen, tuple(_words(desk)), groups)


def _own(case_dir: Path, incident: str, clock: Clock) -> Known:
    with Case.open(case_dir, clock, create=False) as case:
        found = case.incident(incident)
    return Known(found.id, found.techniques, (*found.actors.ip, *found.actors.domain))


def _received(desk: Desk, incident: str) -> Known:
    """What was told of an incident: everything that one relationship leads to."""
    if desk.membership is None:
        raise ConfigError("no charter is in force here, so nothing was received; name an incident of this case")
    collection = Collection(desk.membership.folder.record)
    main = collection.get(incident).source
    links = [each.source for each in collection.of_type("relationship")]
    near = {main["id"], *_ends(links, {main["id"]})}
    beside = near | set(_ends(links, near))
    parts = [each.source for kind in ("attack-pattern", "indicator") for each in collection.of_type(kind)]
    told = [each for each in parts if each["id"] in beside]
    techniques = (
        str(reference["external_id"])
        for each in told
        for reference in each.get("external_references", ())
        if reference.get("source_name") == "mitre-attack" and "external_id" in reference
    )
    seen = (one.value for each in told if each["type"] == "indicator" for one in pattern.observables(each["pattern"]))
    return Known(main["id"], tuple(techniques), tuple(seen))


def _ends(links: Iterable[StixObject], ids: set[str]) -> Iterator[str]:
    for each in links:
        if each["source_ref"] in ids:
            yield each["target_ref"]
        if each["target_ref"] in ids:
            yield each["source_ref"]


def _words(desk: Desk) -> Iterator[Word]:
    for each in desk.store.all():
        words = tuple(desk.innocents.words(key) for key in each.warnings)
        for report in each.standing_reports:
            yield Word(each.observable.value, report.source.name, report.text, words)
