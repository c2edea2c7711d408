"""Which case a verb of ``pollwatch incidents`` means, and who is at the keyboard."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.clock import SystemClock
from pollwatch.errors import UsageError
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.config import Config
    from pollwatch.incidents.records import Case

who = click.option("--as", "who", default="", metavar="NAME", help="Who says so.  [default: your user name]")
incident = click.argument("incident", metavar="ID")
reason = click.option("--reason", "-m", default="", metavar="TEXT", help="Why; kept in the history.")


def case_folder(case_dir: Path | None, settings: Config) -> Path:
    """The folder that ``--case`` names, else the one of the configuration.

    Raises:
        UsageError: neither names one.
    """
    folder = case_dir or settings.node.case
    if folder is None:
        raise UsageError(_("which case? Give --case DIR, or set case in [node] of pollwatch.toml"))
    return folder


def configured_case(case_dir: Path | None, config_file: Path | None) -> Path:
    """The same, where nothing else of the configuration is needed.

    Raises:
        UsageError: neither names one.
    """
    from pollwatch import config

    return case_folder(case_dir, config.load(Path.cwd(), os.environ, config_file))


def open_case(case_dir: Path | None, config_file: Path | None) -> Case:
    """The case that ``--case`` names, else the one of the configuration.

    Raises:
        UsageError: neither names one.
    """
    from pollwatch.incidents.records import Case

    return Case.open(configured_case(case_dir, config_file), SystemClock(), create=False)


def user() -> str:
    """Who is at the keyboard, as the system knows."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        return f"uid {os.getuid()}"
