"""Just enough DER to put the certificates of a time-stamp token in order.

DER wants the members of a set sorted by their encoding. ``openssl ts`` and authorities built on it write a token's
certificates as they come, and strict readers then refuse the whole token. The set is outside of what is signed, and
sorting changes no length, so that it can be put right before reading.
"""

from __future__ import annotations

_SEQUENCE, _CONTEXT_0 = 0x30, 0xA0


def sort_certificates(token: bytes) -> bytes:
    """The same RFC 3161 response with its certificates in DER order; anything else comes back as it was."""
    place = _certificates(token)
    if place is None:
        return token
    start, end = place
    parts = []
    at = start
    while at < end:
        element = _element(token, at, end)
        if element is None:
            return token
        parts.append(token[at : element[2]])
        at = element[2]
    return token[:start] + b"".join(sorted(parts)) + token[end:]


def _certificates(token: bytes) -> tuple[int, int] | None:
    """Where the certificates of the response's SignedData begin and end (RFC 5652, 5.1)."""
    # TimeStampResp > second member: ContentInfo > [0] > SignedData > fourth member: [0] certificates.
    bounds = (0, len(token))
    for skipped, tag in ((0, _SEQUENCE), (1, _SEQUENCE), (1, _CONTEXT_0), (0, _SEQUENCE), (3, _CONTEXT_0)):
        inner = _inside(token, bounds, skipped, tag)
        if inner is None:
            return None
        bounds = inner
    return bounds


def _inside(data: bytes, bounds: tuple[int, int], skipped: int, tag: int) -> tuple[int, int] | None:
    """The content of the member with this tag, after so many others."""
    at, end = bounds
    for _member in range(skipped):
        element = _element(data, at, end)
        if element is None:
            return None
        at = element[2]
    element = _element(data, at, end)
    return None if element is None or element[0] != tag else element[1:]


def _element(data: bytes, at: int, end: int) -> tuple[int, int, int] | None:
    """Tag, and where content begins and ends; None where there is no definite, whole element."""
    if at + 2 > end:
        return None
    tag, size, start = data[at], data[at + 1], at + 2
    if size & 0x80:
        count = size & 0x7F
        if not 1 <= count <= 4 or start + count > end:
            return None
        size, start = int.from_bytes(data[start : start + count], "big"), start + count
    return None if start + size > end else (tag, start, start + size)
