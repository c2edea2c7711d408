"""A case as a report's material, from its folder and the configuration."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from pollwatch import config
from pollwatch.clock import UTC, Clock
from pollwatch.config import Config
from pollwatch.incidents import liveness
from pollwatch.incidents.coverage import CoverageAnswer, Telemetry, coverage
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.light import light
from pollwatch.incidents.records import Case
from pollwatch.incidents.scanned import ScannedInput
from pollwatch.node.charter.jointfolder import JointFolder
from pollwatch.report.case import CaseReport
from pollwatch.store.folder import CaseFolder


@dataclass(frozen=True, slots=True)
class Gathered:
    """What is read of a case, before it is told in any language.

    Attributes:
        settings: the configuration.
        incidents: all of them.
        inputs: what was scanned.
        telemetry: what its events say at all.
    """

    settings: Config
    incidents: tuple[Incident, ...]
    inputs: tuple[ScannedInput, ...]
    telemetry: Telemetry

    @property
    def coverage(self) -> tuple[CoverageAnswer, ...]:
        """What the logs can show, in the language that is spoken now."""
        return tuple(coverage(self.telemetry.events, self.telemetry))

    @property
    def zone(self) -> dt.tzinfo:
        """Of the first election, else UTC."""
        elections = self.settings.calendar.elections
        return ZoneInfo(elections[0].zone) if elections else UTC


def gather(case_dir: Path, clock: Clock, config_file: Path | None = None) -> Gathered:
    """Read a case.

    Args:
        case_dir: the case folder.
        clock: the time.
        config_file: configuration to use instead of the usual places.

    Raises:
        StoreError: there is no case, or it cannot be read.
        ConfigError: the configuration is wrong.
    """
    settings = config.load(Path.cwd(), os.environ, config_file)
    with Case.open(case_dir, clock, create=False) as case:
        telemetry = Telemetry()
        for batch in case.events():
            telemetry.observe(batch)
        return Gathered(settings, tuple(case.incidents()), tuple(case.inputs()), telemetry)


def case_report(
    case_dir: Path, clock: Clock, config_file: Path | None = None, zone: dt.tzinfo | None = None
) -> CaseReport:
    """Everything that a report shows of a case.

    Args:
        case_dir: the case folder.
        clock: for when the report was made.
        config_file: configuration to use instead of the usual places.
        zone: for all times; None = the first election's, else UTC.

    Raises:
        StoreError: there is no case, or it cannot be read.
        ConfigError: the configuration is wrong.
    """
    gathered = gather(case_dir, clock, config_file)
    elections = gathered.settings.calendar.elections
    answers = gathered.coverage
    watch = liveness.read(CaseFolder(case_dir).database)
    now_us = clock.now_us()
    blind = watch.blind(now_us) if watch is not None else ""
    return CaseReport(
        title=elections[0].name if elections else case_dir.resolve().name,
        member=gathered.settings.node.name,
        generated_us=now_us,
        light=light(gathered.incidents, gathered.inputs, answers, blind=blind),
        incidents=gathered.incidents,
        inputs=gathered.inputs,
        coverage=answers,
        calendar=gathered.settings.calendar,
        case_dir=str(case_dir),
        exercise=JointFolder(case_dir).is_exercise,
        zone=zone or gathered.zone,
    )
