"""The bytes that are hashed and signed: RFC 8785 canonical JSON, and strict reading of it.

Two members must never disagree about what a document says, so reading refuses what JSON parsers let pass:
duplicate keys, NaN, numbers that do not survive a round trip, and any byte that re-serialising would change.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

import rfc8785

from pollwatch.errors import FormatError

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

#: What a number with a fraction or exponent follows, outside of strings: a key, a bracket, a comma, or nothing. Apart,
#: since each begins with what a search finds quickly.
_FRACTIONS: Final = tuple(re.compile(rb"%b-?[0-9]+[.eE]" % before) for before in (b'":', b"\\[", b",", b"\\A"))
_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
_LONG: Final = b"0" * 16
_COMPACT: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_ASTRAL: Final = re.compile(rb"[\xf0-\xf4]")
#: Writes as RFC 8785 asks, but for what :func:`_quick`, :func:`_plain` and :func:`_unsure` look out for.
_SORTED: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False, sort_keys=True)
_SAFE_INTEGER: Final = 2**53 - 1
_TEXT: Final = frozenset({str})
_LEAVES: Final = frozenset({str, bool, type(None)})


def dumps(value: Any) -> bytes:  # noqa: ANN401 - any JSON value; rfc8785 refuses the rest
    """Canonical bytes (RFC 8785).

    Raises:
        FormatError: the value is not representable (NaN, integers beyond 2^53, non-string keys).
    """
    data = _quick(value)
    return _slow(value) if data is None or not _plain(value) else data


def _slow(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise FormatError(f"not representable as canonical JSON: {error}") from error
    except UnicodeEncodeError:  # rfc8785 says so itself for values, but not for keys
        raise FormatError("not representable as canonical JSON: a key with half a surrogate pair") from None
    except RecursionError:
        raise FormatError("not representable as canonical JSON: nested too deeply") from None


def dumps_read(value: Any) -> bytes:  # noqa: ANN401 - what a reader of this module gave
    """Canonical bytes of what :func:`loads` or :func:`loads_lenient` read: as :func:`dumps`, many times quicker.

    Raises:
        FormatError: the value is not representable.
    """
    import msgspec  # noqa: PLC0415 - the part that a rival audits does without it

    try:
        data = msgspec.json.encode(value, order="sorted")
    except (UnicodeEncodeError, RecursionError):
        return _slow(value)
    if _astral(data) or (_unsure(data) and not _plain(value)):
        return _slow(value)
    return data


def loads(data: bytes, *, max_bytes: int = 1 << 20) -> Any:  # noqa: ANN401 - the caller checks shapes
    """Read canonical JSON, refusing anything that is not byte for byte what :func:`dumps` writes.

    Raises:
        FormatError: too large, not JSON, or not canonical.
    """
    value = loads_lenient(data, max_bytes=max_bytes)
    written = _quick(value) if not _unsure(data) or _plain(value) else None
    if (written or _slow(value)) != data:
        raise FormatError("JSON is not in canonical form (RFC 8785); it was altered or re-written by another tool")
    return value


def loads_lenient(data: bytes, *, max_bytes: int = 1 << 20) -> Any:  # noqa: ANN401 - the caller checks shapes
    """Read JSON of any layout, still refusing duplicate keys, NaN, excess size and depth.

    Raises:
        FormatError: too large, not JSON, too deep, or ambiguous.
    """
    if len(data) > max_bytes:
        raise FormatError(f"JSON of {len(data)} bytes is over the limit of {max_bytes}")
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except RecursionError:
        raise FormatError("JSON is nested too deeply") from None
    except ValueError as error:
        raise FormatError(f"not valid JSON: {error}") from error


def pretty(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """JSON for people and other tools: indented, keys in the order given, non-ASCII readable."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def compact(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """JSON on one line, keys in the order given; for streams, not for signing."""
    return _COMPACT.encode(value)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"key {twice!r} stands twice in one object")
    return result


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _quick(value: Any) -> bytes | None:  # noqa: ANN401 - any JSON value
    """Canonical bytes by the standard library's own loop, ten times as quick; None where it may write otherwise.

    Not asked here: numbers and what keys are (:func:`_plain`, or :func:`_unsure` of what was read).
    """
    try:
        text = _SORTED.encode(value)
        data = text.encode("utf-8")
    except (TypeError, ValueError, RecursionError):
        return None
    return None if len(data) != len(text) and _astral(data) else data


def _plain(value: Any) -> bool:  # noqa: ANN401 - any JSON value without a circle
    """Whether a value is of texts, truth values, integers within 2^53, lists, and objects with texts as keys."""
    rest = [value]
    for each in rest:
        if isinstance(each, dict):
            if not _TEXT.issuperset(map(type, each)):
                return False
            inner: Iterable[Any] = each.values()
        elif isinstance(each, list | tuple):
            inner = each
        elif each is None or isinstance(each, str) or (isinstance(each, int) and abs(each) <= _SAFE_INTEGER):
            continue
        else:
            return False
        if not _LEAVES.issuperset(map(type, inner)):
            rest.extend(inner)
    return True


def _astral(data: bytes) -> bool:
    """Whether a character beyond the 16-bit ones stands in it: RFC 8785 sorts keys with such by another order."""
    return not data.isascii() and _ASTRAL.search(data) is not None


def _unsure(data: bytes) -> bool:
    """Whether a number may stand in it that :mod:`rfc8785` writes in its own way, or refuses.

    That is a fraction, or an integer of 16 digits or more; in doubt, it may.
    """
    return _LONG in data.translate(_DIGITS) or any(pattern.search(data) is not None for pattern in _FRACTIONS)


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text[:40]} is beyond what a number can hold")
    return value
