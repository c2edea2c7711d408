# ruff: noqa: E501 - a pattern reads best unbroken
"""Columns that say which languages a request speaks: what ``grammar`` finds in it, value by value.

- ``norm.cs-uri-grammar``, ``norm.cs-user-agent-grammar``, ``norm.cs-referer-grammar``: languages and constructs, one
  behind the other, ``sql.cut sql.union``; null where there are none, which is nearly everywhere.

Only texts with something odd in them are looked at, each distinct one once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pollwatch.events.grammar import addresses, judge

Bytes = npt.NDArray[np.uint8]

SUFFIX = "-grammar"
#: Words and marks that languages begin with, wherever they stand. Its dialect is RE2's.
_SPOKEN = (
    r"union[^&]*select|select[^&]*(?:\d|from)|waitfor|@@|procedure|(?:order|group) by \d|having[^&]*\d|execute|\bdiv\b|'(?:\PL|$)|\PL'|'[^&]*'|'[^&]*--|'\s*(?:and|or|xor|union|like|is|between|order|group|limit|rlike) |"
    r"information_schema|pg_catalog|sqlite_master|"
    r"\b(?:and|or|xor|where|rlike)\b[^&]*(?:=|<|>| like | in | is | between | true| false| null| not )|"
    r"/\.?\.|\.\.|::|--|~[+\d-]|0x2e|__|=~|=!|=if|"
    r"/(?:etc|proc|sys|root|var|usr|home|dev|boot|opt|tmp|s?bin)/|[\s/=]s?bin/|\.(?:ini|exe|bat|cmd)\b|(?:web|meta)-inf|passwd|shadow|[/=]sam\b|"
    rf"{judge.ALONE}|(?:time|nohup|strace|sudo|env|exec) \w|[a-z] [-/]|=[a-z-]+ \S+[./]|"
    r"[?&](?:php_|session\.|suhosin|cgi\.|zend\.|opcache\.|safe_mode|allow_url|open_basedir|disable_|auto_|memory_|extension_|error_log|sendmail|engine)|"
    rf"={addresses.BARE}|"
    r"java|classloader|constructor|prototype|console\.|process\.|data:|behavior|url\("
)
#: What an honest address seldom has: signs of programs, or words and marks that the grammars begin with.
ODD_URI: Final = r"[\"`<>(){}|;\\$*\[\]]|[?&=/ ][a-z][a-z0-9+._-]{1,14}:|\?.*[#!^]|=[^&]*[=?]|\+ad[w4]|" + _SPOKEN
ODD_AGENT: Final = (
    r"[\"`<>{}|\\$*\[\]]|\bon[a-z]+=|\(\)|[a-z]\(|&&|^[a-z][a-z_.'-]*(?: |$)|!entity|; ?/?[a-z]+ [-/+]|^[;/=]|"
    + _SPOKEN
)
#: As they were sent: line breaks, which the normal form has no more, and objects in base64.
ODD_RAW: Final = (
    r"(?i)%0[ad]|/\*|%2a(?:/|%2f)|(?:=|%20|\+)%26|%u0{0,2}0?[ad]\b|%e5%98|%e2%80%a8|%00|"
    rf"(?-i:rO0AB|AAEAAAD|H4sIA|gAS|BAh[bvJ7]|[=/](?:{judge.TEXT_IN_BASE64}){{4}})"
)


#: Signs (``signs``) of a text: that its normal form may be odd, that what was sent may be, that it may have another
#: normal form than its lower case.
ODD, RAW, TOUCHED = 1, 2, 4


def of_uris(raw: pa.Array, normal: pa.Array, signs: Bytes) -> pa.Array:
    """What addresses speak.

    Args:
        raw: as sent.
        normal: the same in normal form.
        signs: :data:`ODD` where the normal form may be, :data:`RAW` where the text as it was sent may.
    """
    return _column(raw, _fits(normal, ODD_URI, signs & ODD) | _fits(raw, ODD_RAW, signs & RAW), judge.of_uri)


def of_agents(raw: pa.Array, normal: pa.Array, signs: Bytes) -> pa.Array:
    """What browsers' names speak."""
    return _column(raw, _fits(normal, ODD_AGENT, signs & ODD), judge.of_header)


def of_referers(raw: pa.Array, normal: pa.Array, signs: Bytes) -> pa.Array:
    """What the pages that visitors say to come from speak."""
    elsewhere = pc.invert(pc.or_(pc.starts_with(normal, "https:"), pc.starts_with(normal, "http:")))
    strange = pc.fill_null(elsewhere, fill_value=False).to_numpy(zero_copy_only=False)
    odd = _fits(normal, ODD_URI, signs & ODD) | _fits(normal, "^[^a-z]|^[a-z]+[^a-z:]", strange)
    return _column(raw, odd, judge.of_referer)


#: By column: how it is judged.
HEADERS: Final[dict[str, Callable[[pa.Array, pa.Array, Bytes], pa.Array]]] = {
    "cs-user-agent": of_agents,
    "cs-referer": of_referers,
}
FINDINGS: Final = {
    "norm.cs-uri" + SUFFIX: ("cs-uri", judge.of_uri),
    "norm.cs-user-agent" + SUFFIX: ("cs-user-agent", judge.of_header),
    "norm.cs-referer" + SUFFIX: ("cs-referer", judge.of_referer),
}


def _fits(
    texts: pa.Array, pattern: str, asked: npt.NDArray[np.integer[Any] | np.bool_]
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which of those that are asked fit a pattern."""
    found: np.ndarray[tuple[int], np.dtype[np.bool_]] = np.zeros(len(texts), bool)
    places = np.flatnonzero(asked)
    if places.size:
        some = texts if places.size == len(texts) else texts.take(pa.array(places))
        fits = pc.fill_null(pc.match_substring_regex(some, pattern), fill_value=False)
        found[places] = fits.to_numpy(zero_copy_only=False)
    return found


def _column(
    raw: pa.Array, odd: np.ndarray[tuple[int], np.dtype[np.bool_]], judged: Callable[[str], list[judge.Finding]]
) -> pa.Array:
    said = np.full(len(raw), None, dtype=object)
    places = np.flatnonzero(odd)
    for place, text in zip(places.tolist(), raw.take(pa.array(places)).to_pylist(), strict=True):
        kinds = sorted({each.kind for each in judged(text)})
        if kinds:
            said[place] = " ".join(kinds)
    return pa.array(said, pa.string())
