"""Indicators and sightings among STIX 2.1 objects, whoever brings them: a file, a delivery, a TAXII server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from pollwatch import canonical
from pollwatch.errors import FormatError
from pollwatch.events.observable import Observable
from pollwatch.members.marking import Tlp
from pollwatch.sharing.indicators.candidates import Candidate, Known, Read, TakenBack, moment
from pollwatch.stix import bundle, constants
from pollwatch.stix.constants import StixObject
from pollwatch.stix.pattern import observables

#: The TLP 1.0 markings of STIX 2.1 (section 7.2.1.4), as many feeds still have them.
_TLP_1: Final = {
    "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": Tlp.CLEAR,
    "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": Tlp.GREEN,
    "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": Tlp.AMBER,
    "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": Tlp.RED,
}
_LINES: Final = 2
_NOBODY: Known = lambda _identifier: ()  # noqa: E731 - a default argument, named for what it does


def read(data: bytes, max_bytes: int) -> Read:
    """The indicators of a bundle, a TAXII envelope, a list of objects, or objects one a line.

    Raises:
        FormatError: none of these, too large, ambiguous, or nested too deeply.
    """
    try:
        value = canonical.loads_lenient(data, max_bytes=max_bytes)
    except FormatError:
        lines = [line for line in data.splitlines() if line.strip()]
        if len(lines) < _LINES or len(data) > max_bytes:
            raise
        return _read_lines(lines)
    bundle.check_depth(value)
    if isinstance(value, dict) and "objects" not in value and "spec_version" in value:
        return read_objects([value])
    objects = value.get("objects") if isinstance(value, dict) else value
    if not isinstance(objects, list):
        raise FormatError("no STIX bundle: it has no list of objects")
    return read_objects(objects)


def _read_lines(lines: Iterable[bytes]) -> Read:
    """Objects one a line, as ``collections pull`` writes them; a line that is none is listed."""
    objects, broken = [], []
    for number, line in enumerate(lines, 1):
        try:
            value = canonical.loads_lenient(line)
            bundle.check_depth(value)
            objects.append(value)
        except FormatError as error:
            broken.append((f"line {number}", line.decode("utf-8", "replace"), str(error)))
    if not objects:
        raise FormatError("no STIX: neither one JSON document nor objects one a line")
    found = read_objects(objects)
    for where, what, why in broken:
        found.refuse(where, what, why)
    return found


def read_objects(objects: Iterable[Any], known: Known = _NOBODY) -> Read:
    """The indicators and sightings among some objects; what is wrong about one is listed, and costs the others nothing.

    Args:
        objects: as they came.
        known: finds what a sighting is of, where its indicator came earlier.
    """
    found = Read("stix")
    here: dict[str, tuple[Observable, ...]] = {}
    sightings: list[StixObject] = []
    for number, each in enumerate(objects, 1):
        try:
            bundle.check_shape(each)
            canonical.dumps(each)
        except FormatError as error:
            name = each.get("id") if isinstance(each, dict) else None
            found.refuse(f"object {number}", str(name or ""), str(error))
            continue
        if each["type"] == "identity" and not found.maker and isinstance(each.get("name"), str):
            found.maker = each["name"]
        if each["type"] == "indicator":
            here[each["id"]] = _indicator(found, each)
        elif each["type"] == "sighting":
            sightings.append(each)
        else:
            found.other[each["type"]] += 1
    for each in sightings:
        _sighting(found, each, here.get(str(each.get("sighting_of_ref"))) or known(str(each.get("sighting_of_ref"))))
    return found


def _indicator(found: Read, each: StixObject) -> tuple[Observable, ...]:
    name, pattern = each["id"], each.get("pattern")
    author = str(each.get("created_by_ref") or "")
    if each.get("revoked") is True:
        reason = str(each.get("description") or "")[:1000]
        found.taken_back.append(TakenBack(name, _version(each), reason, author, canonical.dumps(each)))
    elif each.get("pattern_type") != "stix" or not isinstance(pattern, str):
        found.refuse(name, str(pattern), f"its pattern is of type {str(each.get('pattern_type'))[:40]!r}, not stix")
        return ()
    if not isinstance(pattern, str):
        return ()
    try:
        named = observables(pattern)
    except FormatError as error:
        if each.get("revoked") is not True:
            found.refuse(name, pattern, str(error))
        return ()
    if each.get("revoked") is not True:
        text = " ".join(str(each.get(part) or "") for part in ("name", "description")).strip()
        found.candidates += [_candidate(each, observable, "valid_from", "valid_until", text) for observable in named]
    return named


def _sighting(found: Read, each: StixObject, named: tuple[Observable, ...]) -> None:
    if each.get("revoked") is True:
        author = str(each.get("created_by_ref") or "")
        found.taken_back.append(TakenBack(each["id"], _version(each), "", author, canonical.dumps(each)))
    elif not named:
        found.refuse(each["id"], str(each.get("sighting_of_ref")), "it is of no indicator that is known here")
    else:
        found.candidates += [_candidate(each, observable, "last_seen", "", "sighting") for observable in named]


def _candidate(each: StixObject, observable: Observable, since: str, until: str, text: str) -> Candidate:
    confidence = each.get("confidence")
    told = since if each.get(since) else "created"
    return Candidate(
        observable,
        each["id"],
        each["id"],
        _version(each),
        _marking(each),
        moment(str(each.get(told) or "")),
        moment(str(each.get(until) or "")) if until else None,
        confidence if isinstance(confidence, int) and 0 <= confidence <= 100 else None,
        text[:1000],
        each["type"] == "sighting",
        str(each.get("created_by_ref") or ""),
        canonical.dumps(each),
    )


def _version(each: StixObject) -> str:
    """Sorts as its versions do: the time of its last change, in microseconds."""
    return f"{moment(str(each.get('modified') or '')) or 0:020d}"


def _marking(each: StixObject) -> Tlp | None:
    refs = each.get("object_marking_refs")
    listed = refs if isinstance(refs, list) else []
    old = [_TLP_1[ref] for ref in listed if isinstance(ref, str) and ref in _TLP_1]
    new = constants.marking_of(each) if isinstance(refs, list) else None
    return max([*old, *([] if new is None else [new])], default=None)
