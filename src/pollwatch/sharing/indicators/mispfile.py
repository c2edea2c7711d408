"""Indicators of MISP: one event as JSON, an answer with several, or a feed folder (``manifest.json``, an event a file).

Taken are attributes that their author marks for detection (``to_ids``); the others are context, and are counted. An
event's own marking holds for attributes without one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from pollwatch.errors import FormatError
from pollwatch.events.observable import Kind, normalised
from pollwatch.members.marking import Tlp
from pollwatch.sharing.indicators.candidates import Candidate, Read, marking, moment

MAX_FILE_BYTES: Final = 64 << 20
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_T = TypeVar("_T")
#: MISP's types to kinds; where a type is two values with a bar between, which of them.
_TYPES: Final[dict[str, tuple[tuple[int, Kind], ...]]] = {
    **dict.fromkeys(("ip-src", "ip-dst", "ip"), ((0, Kind.IPV4),)),
    **dict.fromkeys(("ip-src|port", "ip-dst|port"), ((0, Kind.IPV4),)),
    "domain": ((0, Kind.DOMAIN),),
    **dict.fromkeys(("hostname", "hostname|port"), ((0, Kind.DOMAIN),)),
    "domain|ip": ((0, Kind.DOMAIN), (1, Kind.IPV4)),
    **dict.fromkeys(("url", "uri"), ((0, Kind.URL),)),
    **dict.fromkeys(("md5", "sha1", "sha224", "sha256", "sha384", "sha512"), ((0, Kind.HASH),)),
    **dict.fromkeys(
        ("filename|md5", "filename|sha1", "filename|sha224", "filename|sha256", "filename|sha384", "filename|sha512"),
        ((1, Kind.HASH),),
    ),
    **dict.fromkeys(("email", "email-src", "email-dst", "email-reply-to"), ((0, Kind.EMAIL),)),
    **dict.fromkeys(("user-agent", "http-user-agent"), ((0, Kind.USER_AGENT),)),
}


class _Tag(msgspec.Struct):
    name: str = ""


class _Org(msgspec.Struct):
    name: str = ""


class _Attribute(msgspec.Struct):
    """MISP writes numbers and booleans as text here and there; the reader takes both."""

    type: str
    value: str
    uuid: str = ""
    to_ids: bool = False
    deleted: bool = False
    timestamp: str | int = ""
    first_seen: str | None = None
    last_seen: str | None = None
    comment: str | None = ""
    tags: list[_Tag] = msgspec.field(default_factory=list, name="Tag")


class _Object(msgspec.Struct):
    name: str = ""
    deleted: bool = False
    attributes: list[msgspec.Raw] = msgspec.field(default_factory=list, name="Attribute")


class _Event(msgspec.Struct):
    info: str = ""
    uuid: str = ""
    date: str = ""
    timestamp: str | int = ""
    maker: _Org | None = msgspec.field(default=None, name="Orgc")
    owner: _Org | None = msgspec.field(default=None, name="Org")
    tags: list[_Tag] = msgspec.field(default_factory=list, name="Tag")
    attributes: list[msgspec.Raw] = msgspec.field(default_factory=list, name="Attribute")
    objects: list[msgspec.Raw] = msgspec.field(default_factory=list, name="Object")


class _Envelope(msgspec.Struct):
    event: _Event = msgspec.field(name="Event")


class _Answer(msgspec.Struct):
    response: list[_Envelope]


def read(data: bytes) -> Read:
    """The indicators of one event, or of an answer that holds several.

    Raises:
        FormatError: no MISP event.
    """
    if len(data) > MAX_FILE_BYTES:
        raise FormatError(f"a MISP file of {len(data)} bytes is over the limit of {MAX_FILE_BYTES}")
    try:
        events = [_decoded(data, _Envelope).event]
    except msgspec.MsgspecError:
        try:
            events = [each.event for each in _decoded(data, _Answer).response]
        except (msgspec.MsgspecError, RecursionError) as error:
            raise FormatError(f"no MISP event: {error}") from None
    except RecursionError:
        raise FormatError("no MISP event: nested too deeply") from None
    found = Read("misp")
    for event in events:
        _event(found, event)
    return found


def read_feed(folder: Path) -> Read:
    """The indicators of a feed in a folder: every event that its manifest lists.

    Raises:
        FormatError: no such feed.
    """
    try:
        manifest: Any = _decoded((folder / "manifest.json").read_bytes(), dict[str, msgspec.Raw])
    except (OSError, msgspec.MsgspecError, RecursionError) as error:
        raise FormatError(f"{folder} is no MISP feed: manifest.json: {error}") from None
    found = Read("misp-feed")
    for name in manifest:
        if not _UUID.fullmatch(name):  # it becomes a file's name
            found.refuse("manifest.json", str(name), "no UUID of an event")
            continue
        try:
            event = read((folder / f"{name}.json").read_bytes())
        except (OSError, FormatError) as error:
            found.refuse(f"{name}.json", "", str(error))
            continue
        found.add(event)
    return found


def _decoded(data: bytes, wanted: type[_T]) -> _T:
    try:
        return msgspec.json.decode(data, type=wanted, strict=False)
    except UnicodeDecodeError as error:  # msgspec's own errors are for JSON that is text
        raise msgspec.DecodeError(f"no UTF-8 at byte {error.start}") from None


def _event(found: Read, event: _Event) -> None:
    maker = (event.maker or event.owner or _Org()).name
    found.maker = found.maker or maker
    usual = _strictest(event.tags)
    seen = moment(event.date)
    for where, attribute in _attributes(found, event):
        if attribute.deleted:
            found.refuse(where, attribute.value, "its author deleted it")
        elif not attribute.to_ids:
            found.other[attribute.type] += 1
        else:
            _attribute(found, where, attribute, usual, seen, event.info)


def _attributes(found: Read, event: _Event) -> Iterator[tuple[str, _Attribute]]:
    """Every attribute of an event and its objects; one that is malformed is listed."""
    parts: list[tuple[str, Iterable[msgspec.Raw]]] = [("attribute", event.attributes)]
    for number, raw in enumerate(event.objects, 1):
        where = f"event {event.uuid[:36]}, object {number}"
        try:
            held = _decoded(bytes(raw), _Object)
        except (msgspec.MsgspecError, RecursionError) as error:
            found.refuse(where, "", f"malformed: {error}")
            continue
        if held.deleted:
            found.refuse(where, held.name, "its author deleted it")
        else:
            parts.append((f"object {number}, attribute", held.attributes))
    for part, raws in parts:
        for number, raw in enumerate(raws, 1):
            where = f"event {event.uuid[:36]}, {part} {number}"
            try:
                yield where, _decoded(bytes(raw), _Attribute)
            except (msgspec.MsgspecError, RecursionError) as error:
                found.refuse(where, "", f"malformed: {error}")


def _attribute(
    found: Read, where: str, attribute: _Attribute, usual: Tlp | None, seen: int | None, event_info: str
) -> None:
    wanted = _TYPES.get(attribute.type)
    if wanted is None:
        found.refuse(where, attribute.value, f"type {attribute.type[:40]!r}: not among what is looked for in logs")
        return
    values = attribute.value.split("|") if "|" in attribute.type else [attribute.value]
    last, first = attribute.last_seen or "", attribute.first_seen or ""
    changed = moment(str(attribute.timestamp))
    observed = moment(last) or moment(first) or seen or changed
    for at, kind in wanted:
        try:
            observable = normalised(kind, values[at] if at < len(values) else "")
        except ValueError as error:
            found.refuse(where, attribute.value, str(error))
            continue
        found.candidates.append(
            Candidate(
                observable,
                where,
                f"{attribute.uuid or where}#{observable.kind}",
                f"{changed or 0:020d}",
                _strictest(attribute.tags) if attribute.tags and _strictest(attribute.tags) is not None else usual,
                observed,
                text=" - ".join(part for part in (event_info, attribute.comment or "") if part)[:1000],
            )
        )


def _strictest(tags: Iterable[_Tag]) -> Tlp | None:
    return max((each for each in (marking(tag.name) for tag in tags) if each is not None), default=None)
