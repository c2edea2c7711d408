"""Reads one table of a parsed TOML file strictly: each error names the place, the key, and the nearest valid word."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pollwatch.errors import ConfigError

#: A point on the local calendar: a day, or a day with a time (with or without its own zone).
Point = dt.date | dt.datetime


def nearest(word: str, valid: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` or the list of what is valid: the end of an error message."""
    words = list(valid)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"use one of: {', '.join(words)}"


class Table:
    """One TOML table, read key by key; :meth:`done` refuses the keys that nobody asked for."""

    def __init__(self, values: Mapping[str, object], where: str) -> None:
        """Takes the parsed table and where it stands, e.g. ``pollwatch.toml: [[election]] 1``."""
        self._values = values
        self.where = where
        self._known: list[str] = []

    def _get(self, key: str) -> object | None:
        self._known.append(key)
        return self._values.get(key)

    def fail(self, key: str, what: str) -> ConfigError:
        """The error to raise about a key."""
        return ConfigError(f"{self.where}: {key} {what}")

    def text(self, key: str, default: str | None = None) -> str:
        """A non-empty string; without a default it must be there.

        Raises:
            ConfigError: missing, or no string.
        """
        value = self._get(key)
        if value is None:
            if default is None:
                raise self.fail(key, "is missing")
            return default
        if not isinstance(value, str) or not value.strip():
            raise self.fail(key, f"must be a text, not {value!r}")
        return value.strip()

    def has(self, key: str) -> bool:
        """Whether the table has this key."""
        self._known.append(key)
        return key in self._values

    def count(self, key: str, default: int) -> int:
        """A whole number, not negative.

        Raises:
            ConfigError: something else stands there.
        """
        value = self._get(key)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.fail(key, f"must be a whole number, not {value!r}")
        return value

    def choice(self, key: str, valid: Sequence[str], default: str | None = None) -> str:
        """One of the words.

        Raises:
            ConfigError: missing, or another word; the message names the nearest one.
        """
        word = self.text(key, default)
        if word not in valid:
            raise self.fail(key, f"{word!r} is not known; {nearest(word, valid)}")
        return word

    def table(self, key: str) -> Mapping[str, object] | None:
        """A table within this one; None where absent.

        Raises:
            ConfigError: something else stands there.
        """
        value = self._get(key)
        if value is None or isinstance(value, Mapping):
            return value
        raise self.fail(key, f"must be a table, written as [...{key}]")

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of non-empty strings; absent is empty.

        Raises:
            ConfigError: something else stands there.
        """
        value = self._get(key)
        if value is None:
            return ()
        if not isinstance(value, Sequence) or isinstance(value, str | bytes):
            raise self.fail(key, f"must be a list of texts, not {value!r}")
        items = [item.strip() for item in value if isinstance(item, str) and item.strip()]
        if len(items) != len(value):
            raise self.fail(key, f"must be a list of texts, not {value!r}")
        return tuple(items)

    def one_or_more(self, key: str) -> tuple[str, ...]:
        """A non-empty string, or a list of them; absent is empty.

        Raises:
            ConfigError: something else stands there.
        """
        if isinstance(self._values.get(key), str):
            return (self.text(key),)
        return self.texts(key)

    def choices(self, key: str, valid: Sequence[str]) -> tuple[str, ...]:
        """A list of words, each one of the valid ones.

        Raises:
            ConfigError: another word stands there; the message names the nearest one.
        """
        words = self.texts(key)
        for word in words:
            if word not in valid:
                raise self.fail(key, f"{word!r} is not known; {nearest(word, valid)}")
        return words

    def zone(self, key: str) -> ZoneInfo:
        """An IANA time zone; UTC where absent.

        Raises:
            ConfigError: no such zone.
        """
        name = self.text(key, "UTC")
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise self.fail(key, f"{name!r} is no time zone; write it as 'Europe/Amsterdam' or 'UTC'") from None

    def point(self, key: str) -> Point | None:
        """A date or date-time, as TOML's own type or as ISO 8601 text; None where absent.

        Raises:
            ConfigError: something else stands there.
        """
        value = self._get(key)
        if value is None or isinstance(value, dt.date):  # a datetime is a date too
            return value
        if isinstance(value, str):
            try:
                return dt.date.fromisoformat(value) if len(value) <= 10 else dt.datetime.fromisoformat(value)
            except ValueError:
                pass
        raise self.fail(key, f"must be a date or a date with time (2026-11-03 or 2026-11-03T20:00:00), not {value!r}")

    def time_or_point(self, key: str) -> dt.time | Point | None:
        """A time of day (``07:00:00``), or a point; None where absent.

        Raises:
            ConfigError: something else stands there.
        """
        value = self._values.get(key)
        if isinstance(value, str) and len(value) <= 8 and ":" in value:
            try:
                value = dt.time.fromisoformat(value)
            except ValueError:
                raise self.fail(key, f"must be a time of day such as 07:00, not {value!r}") from None
        if isinstance(value, dt.time):
            self._known.append(key)
            return value
        return self.point(key)

    def tables(self, key: str) -> tuple[Mapping[str, object], ...]:
        """An array of tables; absent is empty.

        Raises:
            ConfigError: something else stands there.
        """
        value = self._get(key)
        if value is None:
            return ()
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            found = [item for item in value if isinstance(item, Mapping)]
            if len(found) == len(value):
                return tuple(found)
        raise self.fail(key, f"must be written as [[...{key}]] tables")

    def done(self) -> None:
        """Refuse keys that nobody asked for.

        Raises:
            ConfigError: naming the first one and the nearest valid key.
        """
        for key in self._values:
            if key not in self._known:
                raise self.fail(key, f"is no setting; {nearest(key, dict.fromkeys(self._known))}")


def numbered(tables: Iterable[Mapping[str, object]], where: str) -> Iterator[Table]:
    """The tables of an array, each with its place in it: ``pollwatch.toml: [[election]] 2``."""
    return (Table(values, f"{where} {number}") for number, values in enumerate(tables, 1))
