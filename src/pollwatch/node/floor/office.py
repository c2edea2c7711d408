"""Whose watch floor it is, from the configuration and the case folder."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

from pollwatch.clock import UTC
from pollwatch.config import Config
from pollwatch.console.services import Office
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
    )
