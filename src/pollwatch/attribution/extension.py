"""Reading and writing what our objects say beyond STIX: property extensions with exactly the fields of their kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pollwatch.clock import parse_rfc3339
from pollwatch.errors import FormatError, PolicyError
from pollwatch.members import document
from pollwatch.stix import ids
from pollwatch.stix.constants import StixObject

#: What an author may write, in characters.
MAX_TEXT: Final = 8_000
_TYPE: Final = "property-extension"


def made(**said: object) -> dict[str, object]:
    """An extension's content; STIX knows neither null nor empty lists, so what is not said is left out."""
    return {"extension_type": _TYPE, **{name: value for name, value in said.items() if value not in (None, "", [], ())}}


def read(
    each: StixObject, extension: str, always: Mapping[str, type], optional: Mapping[str, type] | None = None
) -> dict[str, Any]:
    """The content of an object's extension.

    Raises:
        FormatError: it is missing, or a field of it is missing, unknown or mistyped.
    """
    what = name_of(each)
    extensions = each.get("extensions")
    found = extensions.get(extension) if isinstance(extensions, dict) else None
    if not isinstance(found, dict):
        raise FormatError(f"{what} lacks the extension {extension}")
    said = {name: kind for name, kind in (optional or {}).items() if name in found}
    record = document.fields(found, what, {"extension_type": str, **always, **said})
    if record["extension_type"] != _TYPE or any(not record[name] for name in said):
        raise FormatError(f"{what} says something empty, or in another form than ours")
    return record


def has(each: StixObject, extension: str) -> bool:
    """Whether an object says something in this extension."""
    extensions = each.get("extensions")
    return isinstance(extensions, dict) and extension in extensions


def name_of(each: StixObject) -> str:
    """An object in an error's words."""
    return f"{each['type']} {each['id']}"


def created(each: StixObject) -> str:
    """When its author says that it made an object; of two such texts the later time is the greater text.

    Raises:
        FormatError: no UTC time to the millisecond.
    """
    text = str(each.get("created"))
    try:
        if ids.timestamp(parse_rfc3339(text)) == text:
            return text
    except (ValueError, OverflowError):
        pass
    raise FormatError(f"{name_of(each)}: {text[:40]!r} is no time of the form 2026-11-03T20:00:00.000Z")


def check_text(what: str, text: str) -> str:
    """Accept what an author wrote.

    Raises:
        PolicyError: nothing, or too much.
    """
    if not text.strip() or len(text) > MAX_TEXT:
        raise PolicyError(f"{what} gives its reasons in words, in at most {MAX_TEXT} characters; use --text")
    return text
