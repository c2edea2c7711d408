"""Strict reading of the JSON objects that evidence is made of: exact fields, exact types, nothing left over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pollwatch import canonical
from pollwatch.errors import FormatError, ProofError

MAX_TEXT = 65_535
_HEX = re.compile(r"(?:[0-9a-f]{2})*", re.ASCII)


class Fields:
    """One JSON object, read field by field; :meth:`done` refuses what nobody asked for."""

    def __init__(self, value: object, what: str) -> None:
        """Take an object; ``what`` names it in errors.

        Raises:
            ProofError: it is no JSON object.
        """
        if not isinstance(value, dict):
            raise ProofError(f"{what} is not a JSON object")
        self._left: dict[str, Any] = dict(value)
        self._what = what

    @classmethod
    def load(cls, data: bytes, what: str, *, max_bytes: int = 1 << 20) -> Fields:
        """Read canonical JSON bytes.

        Raises:
            ProofError: not canonical JSON, or no object.
        """
        try:
            return cls(canonical.loads(data, max_bytes=max_bytes), what)
        except FormatError as error:
            raise ProofError(f"{what}: {error}") from error

    def has(self, key: str) -> bool:
        """Whether there is such a field; of documents that have it from a later version on."""
        return key in self._left

    def text(self, key: str, *, max_chars: int = MAX_TEXT) -> str:
        """A string."""
        value = self._take(key)
        if not isinstance(value, str) or len(value) > max_chars:
            raise ProofError(f"{self._what}: {key!r} is not a text of at most {max_chars} characters")
        return value

    def optional_text(self, key: str, *, max_chars: int = MAX_TEXT) -> str | None:
        """A string, or null."""
        return None if self._is_null(key) else self.text(key, max_chars=max_chars)

    def number(self, key: str) -> int:
        """A whole number from 0 to 2^53 - 1."""
        value = self._take(key)
        if type(value) is not int or not 0 <= value < 1 << 53:
            raise ProofError(f"{self._what}: {key!r} is not a whole number")
        return value

    def optional_number(self, key: str) -> int | None:
        """A whole number, or null. May be negative: times before 1970 exist in broken logs."""
        value = self._take(key)
        if value is None:
            return None
        if type(value) is not int or abs(value) >= 1 << 53:
            raise ProofError(f"{self._what}: {key!r} is not a whole number or null")
        return value

    def hex(self, key: str, size: int) -> bytes:
        """Bytes of a fixed length, in lower-case hex."""
        return self._bytes(self._take(key), key, size)

    def optional_hex(self, key: str, size: int) -> bytes | None:
        """Bytes of a fixed length, in lower-case hex, or null."""
        return None if self._is_null(key) else self.hex(key, size)

    def hexes(self, key: str, size: int) -> tuple[bytes, ...]:
        """A list of such bytes."""
        return tuple(self._bytes(value, key, size) for value in self.many(key))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        values = self.many(key)
        if not all(isinstance(value, str) for value in values):
            raise ProofError(f"{self._what}: {key!r} is not a list of texts")
        return tuple(values)

    def many(self, key: str) -> list[Any]:
        """A list of anything."""
        value = self._take(key)
        if not isinstance(value, list):
            raise ProofError(f"{self._what}: {key!r} is not a list")
        return value

    def objects(self, key: str) -> tuple[Fields, ...]:
        """A list of objects."""
        return tuple(Fields(value, f"{self._what}: {key}") for value in self.many(key))

    def one(self, key: str) -> Fields:
        """An object."""
        return Fields(self._take(key), f"{self._what}: {key}")

    def raw(self, key: str) -> Any:  # noqa: ANN401 - documents of other stations pass through unread
        """Whatever stands there."""
        return self._take(key)

    def kind(self, expected: str, version: int = 1) -> None:
        """Check the ``type`` and ``version`` that every document begins with."""
        if self.text("type") != expected or self.number("version") != version:
            raise ProofError(f"{self._what} is not a {expected!r} of version {version}")

    def done(self) -> None:
        """Refuse unknown fields: what one reader ignores, another may believe."""
        if self._left:
            raise ProofError(f"{self._what}: unknown field {min(self._left)!r}")

    def _is_null(self, key: str) -> bool:
        """Whether null stands there; then it is taken."""
        if key in self._left and self._left[key] is None:
            del self._left[key]
            return True
        return False

    def _take(self, key: str) -> Any:  # noqa: ANN401 - checked by the caller
        try:
            return self._left.pop(key)
        except KeyError:
            raise ProofError(f"{self._what}: field {key!r} is missing") from None

    def _bytes(self, value: object, key: str, size: int) -> bytes:
        if not isinstance(value, str) or len(value) != 2 * size or not _HEX.fullmatch(value):
            raise ProofError(f"{self._what}: {key!r} is not {size} bytes in lower-case hex")
        return bytes.fromhex(value)


def document(kind: str, version: int, fields: Mapping[str, Any]) -> bytes:
    """Canonical JSON of a typed document."""
    return canonical.dumps({"type": kind, "version": version, **fields})
