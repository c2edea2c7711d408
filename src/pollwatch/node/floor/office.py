"""Whose watch floor it is, from the configuration and the case folder."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from pollwatch.clock import UTC
from pollwatch.config import Config
from pollwatch.config.load import NAME
from pollwatch.console.services import Office
from pollwatch.errors import ConfigError
from pollwatch.node.charter.jointfolder import JointFolder


def office_of(case_dir: Path, settings: Config) -> Office:
    """The office.

    Args:
        case_dir: the case folder.
        settings: the configuration.

    Raises:
        FormatError, SignatureError: this member's card was changed.
    """
    elections = settings.calendar.elections
    return Office(
        title=elections[0].name if elections else case_dir.resolve().name,
        member=settings.node.name,
        zone=ZoneInfo(elections[0].zone) if elections else UTC,
        calendar=settings.calendar,
        exercise=JointFolder(case_dir).is_exercise,
        case_dir=case_dir,
        assets=settings.assets,
    )


@dataclass(slots=True)
class Current:
    """The settings as they are now: read again when the file that they come from has changed.

    A file that has become wrong changes nothing: who wrote it was told, or is told by ``pollwatch config check``.
    """

    case_dir: Path
    known: Config
    reread: Callable[[], Config] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stamp: object = "never looked"
    _office: Office | None = None

    @property
    def file(self) -> Path:
        """The file that an office changes: the nearest one, or the one that there should be."""
        return self.known.files[0] if self.known.files else self.known.cwd / NAME

    def settings(self) -> Config:
        """The settings."""
        with self._lock:
            self._look()
            return self.known

    def office(self) -> Office:
        """Whose watch floor it is."""
        with self._lock:
            self._look()
            if self._office is None:
                self._office = office_of(self.case_dir, self.known)
            return self._office

    def _look(self) -> None:
        stamp: object = None
        with suppress(OSError):
            found = self.file.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        if stamp != self._stamp:
            first, self._stamp = self._stamp == "never looked", stamp
            if self.reread is not None and not first:
                with suppress(ConfigError):
                    self.known = self.reread()
                    self._office = None
