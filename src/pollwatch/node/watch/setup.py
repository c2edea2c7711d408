"""What a watch follows and with what: its settings, read when it begins and again when it is told to."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pollwatch import config
from pollwatch.clock import UTC, Clock
from pollwatch.config import Config
from pollwatch.detect.canary import CanaryDetector
from pollwatch.detect.engine import Engine
from pollwatch.detect.indicators import Watchlist
from pollwatch.errors import UsageError
from pollwatch.i18n import _
from pollwatch.incidents.livegrouping import Setting
from pollwatch.node.case.reading import ReadOptions
from pollwatch.node.indicators import watchlist
from pollwatch.node.rules import installed
from pollwatch.node.watch import heartbeat
from pollwatch.sources.finding import Begin
from pollwatch.sources.following import Watched
from pollwatch.sources.settings import WatchedSource


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """What the user asked for; ``None`` and empty mean: as the configuration says, else the default.

    Attributes:
        paths: files, folders and patterns to follow besides those of the configuration; each is a source.
    """

    case_dir: Path
    paths: tuple[str, ...] = ()
    rule_dirs: tuple[Path, ...] = ()
    format: str = ""
    zone: dt.tzinfo | None = None
    begin: Begin | None = None
    config_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a watch works with."""

    request: WatchRequest
    settings: Config
    clock: Clock
    sources: tuple[WatchedSource, ...] = field(default=())

    @classmethod
    def make(cls, request: WatchRequest, clock: Clock) -> Plan:
        """Read the settings.

        Raises:
            ConfigError: they are wrong.
            UsageError: there is nothing to follow.
        """
        settings = config.load(Path.cwd(), os.environ, request.config_file)
        config.check_formats(settings)
        named = dict.fromkeys(request.paths)
        sources = [*settings.watch.sources, *(WatchedSource(path, "files", (_absolute(path),)) for path in named)]
        if not sources:
            raise UsageError(_("nothing to watch: name files or folders, or write [[watch.source]] in pollwatch.toml"))
        return cls(request, settings, clock, tuple(sources))

    def again(self) -> Plan:
        """The plan as the settings are now."""
        return Plan.make(self.request, self.clock)

    def engine(self) -> Engine:
        """The rules."""
        canaries = [CanaryDetector(self.settings.canaries)] if self.settings.canaries else []
        canaries.append(heartbeat.HeartbeatDetector(heartbeat.word_of(self.request.case_dir / "live")))
        folders = (*installed.folders(os.environ, self.request.case_dir), *self.request.rule_dirs)
        return Engine.load(folders, detectors=canaries)

    def watchlist(self) -> Watchlist:
        """Indicators to look for."""
        return watchlist.of_case(self.request.case_dir, self.clock, self.settings.assets)

    def setting(self) -> Setting:
        """What incidents are judged by."""
        return Setting(self.settings.calendar, self.settings.assets, self.settings.announced)

    def read_options(self) -> ReadOptions:
        """How files are read."""
        return ReadOptions(self.request.format, self.request.zone or UTC, self.settings.reading_of)

    def format_of(self, source: str) -> tuple[str, dt.tzinfo | None]:
        """Format and zone that are set for a source."""
        found = next((each for each in self.sources if each.name == source), None)
        return ("", None) if found is None else (found.format, found.zone)

    def watched(self) -> list[Watched]:
        """The files to follow, those into which receivers write among them."""
        spool = self.request.case_dir.absolute() / "live" / "spool"
        found = [(each, each.watched(spool)) for each in self.sources]
        begin = self.request.begin
        return [watched if each.received or begin is None else replace(watched, begin=begin) for each, watched in found]

    def received(self) -> frozenset[str]:
        """The sources that receivers write down."""
        return frozenset(each.name for each in self.receives())

    def receives(self) -> tuple[WatchedSource, ...]:
        """What receivers write down, and how they get it."""
        return tuple(each for each in self.sources if each.received)

    def receiver_options(self) -> list[str]:
        """What the receiving process is to be told besides the case."""
        return [] if self.request.config_file is None else ["--config", str(self.request.config_file.absolute())]

    def kinds(self) -> Mapping[str, str]:
        """How each source comes in, by its name."""
        return {each.name: each.kind for each in self.sources}

    def fields(self) -> Sequence[str]:
        """What of each line is sealed under a salt of its own."""
        return self.settings.node.fields


def _absolute(path: str) -> str:
    return os.path.normpath(Path.cwd() / path)
