"""Content negotiation (sections 1.6.8 and 3.1): which media types a request names, and whether they are ours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

TAXII: Final = "application/taxii+json;version=2.1"
STIX: Final = "application/stix+json;version=2.1"

_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_RANGE: Final = re.compile(rf"\s*({_WORD})/({_WORD})\s*((?:;.*)?)", re.ASCII | re.DOTALL)
_PARAMETER: Final = re.compile(rf';\s*({_WORD})\s*=\s*({_WORD}|"[^"\\]*")\s*', re.ASCII)
_WEIGHT: Final = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Media:
    kind: str
    parameters: dict[str, str]


def accepts(header: str | None) -> bool:
    """Whether an ``Accept`` header lets us answer with TAXII 2.1; a request without one takes anything (RFC 9110).

    A media range that is more exact decides over one that is less (RFC 9110, section 12.5.1), and weight 0 refuses.
    """
    if header is None or not header.strip():
        return True
    best, allowed = 0, False
    for part in header.split(","):
        media = _read(part)
        if media is None:
            continue
        weight = media.parameters.pop("q", "1")
        exactness = _exactness(media)
        if exactness >= best and exactness and _WEIGHT.fullmatch(weight):
            allowed = (allowed and exactness == best) or float(weight) > 0
            best = exactness
    return allowed


def is_envelope(header: str | None) -> bool:
    """Whether a ``Content-Type`` header says that the body is TAXII 2.1."""
    media = None if header is None else _read(header)
    return media is not None and media.kind == "application/taxii+json" and media.parameters in ({}, {"version": "2.1"})


def _exactness(media: _Media) -> int:
    """How exactly a media range names TAXII 2.1; 0 where it does not."""
    if media.kind == "application/taxii+json":
        return {None: 3, "2.1": 4}.get(media.parameters.get("version"), 0)
    return {"*/*": 1, "application/*": 2}.get(media.kind, 0)


def _read(text: str) -> _Media | None:
    found = _RANGE.fullmatch(text)
    if found is None:
        return None
    rest, parameters = found[3].rstrip(), {}
    while rest:
        parameter = _PARAMETER.match(rest)
        if parameter is None:
            return None
        parameters[parameter[1].lower()] = parameter[2].strip('"')
        rest = rest[parameter.end() :]
    return _Media(f"{found[1]}/{found[2]}".lower(), parameters)
