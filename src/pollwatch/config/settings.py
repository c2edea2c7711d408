"""What the configuration says, once read: frozen, complete, and each value with where it comes from."""

from __future__ import annotations

import os.path
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from pollwatch.console.accounts.settings import AccessSettings
from pollwatch.election.announced import Announced
from pollwatch.election.assets import Assets
from pollwatch.election.calendar import Calendar
from pollwatch.election.canaries import Canary
from pollwatch.notify.settings import NotifySettings
from pollwatch.sources.settings import WatchSettings

#: What is sealed of each line under a salt of its own where nothing is said.
FIELDS: Final = ("ip", "time", "user")


@dataclass(frozen=True, slots=True)
class SourceSetting:
    """How to read some inputs.

    Attributes:
        path: an absolute path, folder or pattern (``*``, ``**``, ``?``, ``[...]``), or ``-`` for stdin.
        format: ``NAME`` or ``NAME:DEFINITION``; empty = find out.
        zone: of times that name none; None = as elsewhere said, else UTC.
    """

    path: str
    format: str = ""
    zone: ZoneInfo | None = None

    def covers(self, path: str) -> bool:
        """Whether an absolute path is one of these inputs."""
        return path == self.path or pattern(self.path).fullmatch(path) is not None


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """Who and where this node is.

    Attributes:
        case: the case folder that is used where ``--case`` is not given; None = none.
        name: this member's name in the joint watch.
        bloc: the members it would side with.
        fields: what is sealed of each line under a salt of its own, so that it can be shown without the rest.
    """

    case: Path | None = None
    name: str = ""
    bloc: str = ""
    fields: tuple[str, ...] = FIELDS


@dataclass(frozen=True, slots=True)
class Origin:
    """One setting, what it is, and who says so (a file, a variable, a flag, or ``default``)."""

    key: str
    value: str
    where: str


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration.

    Attributes:
        calendar: the elections watched.
        assets: what is watched and who owns it.
        announced: tests that somebody was asked to make.
        canaries: names that nobody should ever use.
        sources: how to read which inputs; the first that covers an input counts.
        node: who and where this node is.
        watch: what is watched live.
        files: the files that were read, nearest first.
        origins: every setting with where it comes from.
        cwd: what relative input paths are relative to.
        console: how people come in to the console.
        notify: who is told of what, and how.
    """

    calendar: Calendar = field(default_factory=Calendar)
    assets: Assets = field(default_factory=Assets)
    announced: tuple[Announced, ...] = ()
    canaries: tuple[Canary, ...] = ()
    sources: tuple[SourceSetting, ...] = ()
    node: NodeSettings = field(default_factory=NodeSettings)
    watch: WatchSettings = field(default_factory=WatchSettings)
    files: tuple[Path, ...] = ()
    origins: tuple[Origin, ...] = ()
    cwd: Path = field(default_factory=Path)
    console: AccessSettings = field(default_factory=AccessSettings)
    notify: NotifySettings = field(default_factory=NotifySettings)

    def reading_of(self, path: str) -> tuple[str, ZoneInfo | None]:
        """Format and zone that are set for an input, as its user named it; ``("", None)`` where nothing is."""
        absolute = path if path == "-" else os.path.normpath(self.cwd / path)
        for source in self.sources:
            if source.covers(absolute):
                return source.format, source.zone
        return "", None


@lru_cache(maxsize=256)
def pattern(glob: str) -> re.Pattern[str]:
    """A shell pattern as a regular expression: ``*`` stays within a folder, ``**`` does not; a folder covers all below.

    Raises:
        re.error: a class such as ``[z-a]`` makes no sense.
    """
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[!?[^\]]+\])", glob.rstrip("/"))
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    translated = []
    for index, part in enumerate(parts):
        if index % 2 == 0:
            translated.append(re.escape(part))
        elif part.startswith("["):
            negated, inside = ("^", part[2:-1]) if part[1] == "!" else ("", part[1:-1])
            translated.append(f"[{negated}{inside.translate(_IN_CLASS)}]")
        else:
            translated.append(words[part])
    return re.compile("".join(translated) + r"(?:/.*)?", re.DOTALL)


_IN_CLASS = str.maketrans({"\\": r"\\", "^": r"\^", "[": r"\[", "&": r"\&", "~": r"\~", "|": r"\|"})
