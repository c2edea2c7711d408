"""Elections and systems, for the console: read from ``pollwatch.toml`` and written back to it."""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pollwatch.config import editing
from pollwatch.config.load import check
from pollwatch.console.desks.settings import AssetForm, ElectionForm, Written
from pollwatch.console.services import RefusedError
from pollwatch.durable import write_file
from pollwatch.election.settings import DEFAULT_CLOSE, DEFAULT_OPEN
from pollwatch.election.vocabulary import KINDS
from pollwatch.errors import ConfigError
from pollwatch.i18n import _

_ELECTION_KEYS: Final = frozenset(
    {"name", "jurisdiction", "zone", "day", "polls_open", "polls_close", "registration_deadline", "early_voting",
     "certification"}
)  # fmt: skip
_ASSET_KEYS: Final = frozenset({"name", "owner", "kind", "appears_as", "jurisdiction", "critical_phases"})
_DATES: Final = ("registration_deadline", "early_voting", "certification")


@dataclass(frozen=True, slots=True)
class FloorSettings:
    """The settings of one office.

    Attributes:
        path: the file that is changed.
        changed: told when it was.
    """

    path: Path
    changed: Callable[[], None] = lambda: None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def written(self) -> Written:
        """What stands in the file."""
        text = self._text()
        elections = [(str(each.get("name", "")), _election(each)) for each in editing.tables(text, "election")]
        assets = [(str(each.get("name", "")), _asset(each)) for each in editing.tables(text, "asset")]
        return Written(
            str(self.path),
            _version(text),
            tuple(form for _name, form in elections if form is not None),
            tuple(form for _name, form in assets if form is not None),
            tuple(name for name, form in [*elections, *assets] if form is None),
        )

    def put_election(self, version: str, before: str, form: ElectionForm) -> None:
        """Write an election."""
        values = {
            "name": form.name,
            "jurisdiction": form.jurisdiction or None,
            "zone": form.zone,
            "day": form.day,
            "polls_open": form.opens,
            "polls_close": form.closes,
            "registration_deadline": form.registration_deadline,
            "early_voting": form.early_voting,
            "certification": form.certification,
        }
        self._change(version, lambda text: editing.put(text, "election", before, values))

    def put_asset(self, version: str, before: str, form: AssetForm) -> None:
        """Write a system."""
        values = {
            "name": form.name,
            "owner": form.owner or None,
            "kind": form.kind,
            "appears_as": list(form.appears_as),
            "jurisdiction": form.jurisdiction or None,
        }
        self._change(version, lambda text: editing.put(text, "asset", before, values))

    def remove(self, version: str, section: str, name: str) -> None:
        """Take out an election or a system."""
        if section not in editing.SECTIONS:
            raise RefusedError(_("Only elections and systems can be taken out here."))
        self._change(version, lambda text: editing.remove(text, section, name))

    def kinds(self) -> Sequence[str]:
        """The kinds of systems."""
        return KINDS

    def _change(self, version: str, change: Callable[[str], str]) -> None:
        with self._lock:
            text = self._text()
            if version != _version(text):
                raise RefusedError(_("Somebody else has changed the settings meanwhile; load the page again."))
            try:
                data = change(text).encode("utf-8")
                check(data, self.path)
            except ConfigError as error:
                raise RefusedError(str(error)) from error
            try:
                write_file(self.path, data)
            except OSError as error:
                raise ConfigError(
                    f"{self.path} cannot be written: {error.strerror}; may this user write there?"
                ) from error
        self.changed()

    def _text(self) -> str:
        try:
            return self.path.read_bytes().decode("utf-8")
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise ConfigError(f"cannot read {self.path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{self.path} is not UTF-8 (byte {error.start}); save it as UTF-8") from error


def _version(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def _election(table: Mapping[str, object]) -> ElectionForm | None:
    """An election as a form; None where it says more than a form holds."""
    zone, day = table.get("zone"), _date(table.get("day", table.get("polls_open")))
    opens, closes = _time(table.get("polls_open", DEFAULT_OPEN)), _time(table.get("polls_close", DEFAULT_CLOSE))
    dates = {key: _date(table[key]) for key in _DATES if key in table}
    if set(table) - _ELECTION_KEYS or None in dates.values() or not _plain(table):
        return None
    if not isinstance(zone, str) or day is None or opens is None or closes is None:
        return None
    names = str(table.get("name", "")), str(table.get("jurisdiction", ""))
    return ElectionForm(*names, zone, day, opens, closes, *(dates.get(key) for key in _DATES))


def _plain(table: Mapping[str, object]) -> bool:
    """Whether polls open and close on election day, as a form has it."""
    dates = [each.date() for key in ("polls_open", "polls_close") if isinstance(each := table.get(key), dt.datetime)]
    return len({*dates, *([each] if isinstance(each := table.get("day"), dt.date) else [])}) <= 1


def _time(value: object) -> dt.time | None:
    if isinstance(value, dt.datetime):
        return value.time() if value.tzinfo is None else None
    return value if isinstance(value, dt.time) else None


def _date(value: object) -> dt.date | None:
    if isinstance(value, dt.datetime):
        return value.date()
    return value if isinstance(value, dt.date) else None


def _asset(table: Mapping[str, object]) -> AssetForm | None:
    """A system as a form; None where it says more than a form holds. Its critical phases stay as they are."""
    seen = table.get("appears_as")
    if set(table) - _ASSET_KEYS or not isinstance(seen, list) or not all(isinstance(each, str) for each in seen):
        return None
    words = {key: str(table.get(key, "")) for key in ("name", "owner", "jurisdiction")}
    return AssetForm(**words, kind=str(table.get("kind", "other")), appears_as=tuple(seen))
