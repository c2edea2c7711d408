"""A STIX bundle as bytes: written in one way only, and read with limits before anything is believed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from pollwatch import canonical
from pollwatch.errors import FormatError
from pollwatch.stix import ids
from pollwatch.stix.constants import StixObject

MAX_BYTES: Final = 4 << 20
MAX_OBJECTS: Final = 10_000
#: STIX needs eight levels; a hundred thousand would need a stack.
MAX_DEPTH: Final = 16


def write(objects: Iterable[StixObject]) -> bytes:
    """A bundle of these objects, each once, as canonical JSON; the same objects give the same bytes.

    Raises:
        FormatError: there are none, or too many.
    """
    unique = {each["id"]: each for each in objects}
    if not 1 <= len(unique) <= MAX_OBJECTS:
        raise FormatError(f"a bundle has 1 to {MAX_OBJECTS} objects, not {len(unique)}")
    listed = list(unique.values())
    identifier = ids.content_id("bundle", canonical.dumps(listed))
    data = canonical.dumps({"type": "bundle", "id": identifier, "objects": listed})
    if len(data) > MAX_BYTES:
        raise FormatError(f"a bundle has at most {MAX_BYTES} bytes, this one {len(data)}; release less at once")
    return data


def read(data: bytes) -> tuple[StixObject, ...]:
    """The objects of a bundle that :func:`write` wrote; their signatures are not checked.

    Raises:
        FormatError: too large, too deep, not canonical JSON, no bundle, or an object without type and id.
    """
    value = canonical.loads_lenient(data, max_bytes=MAX_BYTES)
    check_depth(value)
    if not isinstance(value, dict) or value.keys() != {"type", "id", "objects"} or value["type"] != "bundle":
        raise FormatError("not a STIX bundle of type, id and objects")
    objects = value["objects"]
    if not isinstance(objects, list) or not 1 <= len(objects) <= MAX_OBJECTS:
        raise FormatError(f"a bundle has 1 to {MAX_OBJECTS} objects")
    for each in objects:
        check_shape(each)
    if len({each["id"] for each in objects}) != len(objects):
        raise FormatError("a bundle holds one object twice")
    if write(objects) != data:
        raise FormatError("the bundle is not in canonical form, or its id does not follow from its content")
    return tuple(objects)


def check_shape(value: Any) -> None:  # noqa: ANN401 - anything that JSON can say
    """Accept what has the type and id of a STIX 2.1 object.

    Raises:
        FormatError: it has not.
    """
    if not isinstance(value, dict):
        raise FormatError("an object of the bundle is no JSON object")
    identifier, kind = value.get("id"), value.get("type")
    if not isinstance(identifier, str) or not ids.ID.fullmatch(identifier) or ids.kind_of(identifier) != kind:
        raise FormatError(f"{str(identifier)[:80]!r} is no id of a STIX object of type {str(kind)[:40]!r}")
    if value.get("spec_version") != "2.1":
        raise FormatError(f"{identifier} is not of STIX 2.1")


def check_depth(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Accept JSON of at most :data:`MAX_DEPTH` levels, without recursing into it.

    Raises:
        FormatError: it is deeper.
    """
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH - 1):
        if not level:
            return
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
    if any(level):
        raise FormatError(f"JSON of more than {MAX_DEPTH} levels; STIX needs half of that")


def order(objects: Iterable[StixObject]) -> list[StixObject]:
    """Objects in the order in which a reader understands them: definitions, who, what, how they relate, words."""
    ranks = ("marking-definition", "extension-definition", "identity", "incident", "threat-actor", "attack-pattern")
    last = ("relationship", "sighting", "note", "opinion", "report")

    def rank(each: StixObject) -> int:
        kind = each["type"]
        if kind in ranks:
            return ranks.index(kind)
        return 100 + last.index(kind) if kind in last else 50

    return sorted(objects, key=rank)
