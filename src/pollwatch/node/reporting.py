"""A case as a report's material, from its folder and the configuration."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from zoneinfo import ZoneInfo

from pollwatch import config
from pollwatch.clock import UTC, Clock
from pollwatch.incidents.coverage import Telemetry, coverage
from pollwatch.incidents.light import light
from pollwatch.incidents.records import Case
from pollwatch.node.jointfolder import JointFolder
from pollwatch.report.case import CaseReport


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
    settings = config.load(Path.cwd(), os.environ, config_file)
    elections = settings.calendar.elections
    with Case.open(case_dir, clock, create=False) as case:
        telemetry = Telemetry()
        for batch in case.events():
            telemetry.observe(batch)
        incidents, inputs = tuple(case.incidents()), tuple(case.inputs())
    answers = tuple(coverage(telemetry.events, telemetry))
    return CaseReport(
        title=elections[0].name if elections else case_dir.resolve().name,
        member=settings.node.name,
        generated_us=clock.now_us(),
        light=light(incidents, inputs, answers),
        incidents=incidents,
        inputs=inputs,
        coverage=answers,
        calendar=settings.calendar,
        case_dir=str(case_dir),
        exercise=JointFolder(case_dir).is_exercise,
        zone=zone or (ZoneInfo(elections[0].zone) if elections else UTC),
    )
