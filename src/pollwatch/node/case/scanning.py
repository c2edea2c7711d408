"""A scan as its user asked for it: configuration, inputs, and the case if there is one."""

from __future__ import annotations

import datetime as dt
import os
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from pollwatch import config
from pollwatch.clock import UTC, Clock
from pollwatch.formats import registry
from pollwatch.formats.interface import ParseContext
from pollwatch.node.case import foldered
from pollwatch.node.case.ahead import cores
from pollwatch.node.case.inputs import open_sources
from pollwatch.node.case.progress import progress_bar
from pollwatch.node.case.reading import ReadOptions
from pollwatch.node.case.scan import ScanOptions, ScanReport, scan
from pollwatch.node.rules import installed


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for; ``None`` and empty mean: as the configuration says, else the default.

    Attributes:
        jobs: how many cores to use; None = all that there are.
    """

    paths: tuple[str, ...]
    rule_dirs: tuple[Path, ...] = ()
    format: str = ""
    zone: dt.tzinfo | None = None
    since_us: int | None = None
    until_us: int | None = None
    case_dir: Path | None = None
    config_file: Path | None = None
    jobs: int | None = None


def run(request: Request, clock: Clock, *, show_progress: bool = False) -> ScanReport:
    """Scan what the request names; with a case folder, keep and seal what was found.

    Raises:
        ConfigError: the configuration is wrong.
        StoreError: the case folder cannot be used.
    """
    settings = config.load(Path.cwd(), os.environ, request.config_file)
    options = ScanOptions(
        read=ReadOptions(request.format, request.zone or UTC, settings.reading_of, request.jobs or cores()),
        rule_dirs=(*installed.folders(os.environ, request.case_dir), *request.rule_dirs),
        since_us=request.since_us,
        until_us=request.until_us,
        calendar=settings.calendar,
        assets=settings.assets,
        announced=settings.announced,
        canaries=settings.canaries,
    )
    if request.format:  # said once and before anything is read, not for each input
        named, definition = registry.by_name(request.format)
        named.parser(ParseContext("-", clock.now_us(), UTC, definition))
    with tempfile.TemporaryDirectory(prefix="pollwatch-") as spool:
        opened, failures = open_sources(request.paths, Path(spool), clock)
        sources, aside = foldered.set_aside(opened, options.read)
        with progress_bar(sources, shown=show_progress and sys.stderr.isatty()) as progress:
            if request.case_dir is None:
                report = scan(sources, options, progress=progress)
            else:
                from pollwatch.node.case import casework  # noqa: PLC0415 - brings SQLAlchemy, 0.4 s
                from pollwatch.node.indicators import watchlist  # noqa: PLC0415 - brings SQLAlchemy, 0.4 s

                looked_for = watchlist.of_case(request.case_dir, clock, settings.assets)
                options = replace(options, watchlist=looked_for)
                fields = settings.node.fields
                report = casework.scan_into(request.case_dir, sources, options, clock, fields=fields, progress=progress)
        passed_over, unreadable = foldered.counted(aside, options.read)
    return replace(report, failures=(*failures, *report.failures, *unreadable), passed_over=tuple(passed_over))
