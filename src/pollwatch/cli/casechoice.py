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
    from pollwatch.incidents.records import Case

who = click.option("--as", "who", default="", metavar="NAME", help="Who says so.  [default: your user name]")
incident = click.argument("incident", metavar="ID")
reason = click.option("--reason", "-m", default="", metavar="TEXT", help="Why; kept in the history.")


def open_case(case_dir: Path | None, config_file: Path | None) -> Case:
    """The case that ``--case`` names, else the one of the configuration.

    Raises:
        UsageError: neither names one.
    """
    from pollwatch import config
    from pollwatch.incidents.records import Case

    settings = config.load(Path.cwd(), os.environ, config_file)
    folder = case_dir or settings.node.case
    if folder is None:
        raise UsageError(_("which case? Give --case DIR, or set case in [node] of pollwatch.toml"))
    return Case.open(folder, SystemClock(), create=False)


def user() -> str:
    """Who is at the keyboard, as the system knows."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        return f"uid {os.getuid()}"
