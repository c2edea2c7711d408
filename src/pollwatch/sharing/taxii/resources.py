"""The resources of TAXII 2.1 as the bytes that clients get. Pages are spliced from bytes that are canonical already.

Empty lists are left out (section 2), and a response without objects is an empty object (sections 3.7, 5.3.1, 5.8.1).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pollwatch.members.charter import Charter
from pollwatch.members.member import Member
from pollwatch.sharing.taxii import media, times
from pollwatch.sharing.taxii.grants import Grants, Shelf
from pollwatch.sharing.taxii.intake import MAX_BYTES, Failure
from pollwatch.sharing.taxii.journal import Request

if TYPE_CHECKING:
    from pollwatch.sharing.taxii.store import Page

#: Where the API root of a gateway lies.
DISCOVERY: Final = "/taxii2/"
API_ROOT: Final = "/taxii2/watch/"
_EMPTY: Final = b"{}"


def discovery(charter: Charter, me: Member) -> bytes:
    """Section 4.1.1. The API root is given as a relative URL: it holds behind any proxy."""
    return _json(
        {
            "title": titled(f"pollwatch: {me.name}", charter),
            "description": f"What {me.name} shares with the members of the joint watch {charter.name!r}.",
            "default": API_ROOT,
            "api_roots": [API_ROOT],
        }
    )


def api_root(charter: Charter, me: Member) -> bytes:
    """Section 4.2.1."""
    return _json(
        {
            "title": titled(charter.name, charter),
            "description": f"The gateway of {me.name}.",
            "versions": [media.TAXII],
            "max_content_length": MAX_BYTES,
        }
    )


def titled(title: str, charter: Charter) -> str:
    """A title as others get it: that of an exercise says so, whatever client shows it."""
    return f"EXERCISE: {title}" if charter.exercise else title


def collections(shelves: Iterable[tuple[Shelf, Grants]], charter: Charter) -> bytes:
    """Section 5.1.1."""
    listed = [_collection(shelf, grants, charter) for shelf, grants in shelves]
    return _json({"collections": listed}) if listed else _EMPTY


def collection(shelf: Shelf, grants: Grants, charter: Charter) -> bytes:
    """Section 5.2.1."""
    return _json(_collection(shelf, grants, charter))


def envelope(page: Page, next_page: str) -> bytes:
    """Section 3.7."""
    return _spliced(b'"objects"', [row.body for row in page.rows], next_page)


def manifest(page: Page, next_page: str) -> bytes:
    """Section 5.3.1, with ``next`` as in an envelope: a client that does not know it there loses nothing."""
    records = [
        f'{{"id":"{row.id}","date_added":"{times.timestamp(row.added_us)}","version":"{row.version}",'
        f'"media_type":"{media.STIX}"}}'.encode("ascii")
        for row in page.rows
    ]
    return _spliced(b'"objects"', records, next_page)


def versions(page: Page, next_page: str) -> bytes:
    """Section 5.8.1."""
    return _spliced(b'"versions"', [f'"{row.version}"'.encode("ascii") for row in page.rows], next_page)


def status(
    request: Request, successes: Sequence[tuple[str, str]], failures: Sequence[Failure], receipt: bytes
) -> bytes:
    """Section 4.3.1. Everything is done when we answer, so nothing is ever pending.

    ``x_pollwatch_receipt`` is the server's signed note about the request, in base64.
    """
    resource: dict[str, Any] = {
        "id": request.id,
        "status": "complete",
        "request_timestamp": times.timestamp(request.at_us),
        "total_count": len(successes) + len(failures),
        "success_count": len(successes),
        "failure_count": len(failures),
        "pending_count": 0,
        "x_pollwatch_receipt": base64.b64encode(receipt).decode("ascii"),
    }
    if successes:
        resource["successes"] = [{"id": identifier, "version": version} for identifier, version in successes]
    if failures:
        resource["failures"] = [
            {"id": each.id, "version": each.version, "message": each.message} for each in map(_clean, failures)
        ]
    return _json(resource)


def error(http_status: int, title: str, description: str) -> bytes:
    """Section 3.6.1."""
    return _json({"title": title, "description": _text(description), "http_status": str(http_status)})


def _collection(shelf: Shelf, grants: Grants, charter: Charter) -> dict[str, Any]:
    terms = shelf.terms
    resource: dict[str, Any] = {
        "id": shelf.id,
        "title": titled(terms.title, charter),
        "can_read": grants.can_read,
        "can_write": grants.can_write,
        "media_types": [media.STIX],
    }
    words = [terms.description, f"{terms.tlp.label} at most.", f"Election: {terms.election}." if terms.election else ""]
    resource["description"] = " ".join(each for each in words if each)
    if terms.alias:
        resource["alias"] = terms.alias
    return resource


def _spliced(name: bytes, parts: Sequence[bytes], next_page: str) -> bytes:
    if not parts:
        return _EMPTY
    head = b'"more":true,"next":"%b",' % next_page.encode("ascii") if next_page else b'"more":false,'
    return b"".join((b"{", head, name, b":[", b",".join(parts), b"]}"))


def _clean(failure: Failure) -> Failure:
    return Failure(_text(failure.id), _text(failure.version), _text(failure.message))


def _text(text: str) -> str:
    """Text that can be UTF-8: what a client sent may hold half a surrogate pair."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _json(value: dict[str, Any]) -> bytes:
    return msgspec.json.encode(value)
