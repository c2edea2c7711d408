"""The console as a process: services over a case, the pages over the services, a web server under it all."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from pollwatch.clock import Clock
from pollwatch.config import Config
from pollwatch.console.accounts.desk import Desk
from pollwatch.console.accounts.entering import guarded_app
from pollwatch.console.roles import Role
from pollwatch.console.staticfiles import are_built
from pollwatch.errors import UsageError
from pollwatch.i18n import _
from pollwatch.node.floor.auditing import sealing
from pollwatch.node.floor.entrance import check_listening, desk_of, entrance_of
from pollwatch.node.floor.opening import floor
from pollwatch.node.gateway.connection import Connections
from pollwatch.node.gateway.serving import Listening, end_with_stdin, run


def serve(  # noqa: PLR0913 - who starts it says all of it
    case_dir: Path,
    settings: Config,
    clock: Clock,
    listening: Listening,
    *,
    ready: Callable[[str], None],
    say: Callable[[str], None],
    reread: Callable[[], Config] | None = None,
    until_eof: bool = False,
) -> None:
    """Serve a case until SIGTERM or SIGINT.

    Args:
        case_dir: the case folder.
        settings: the configuration.
        clock: the time.
        listening: where.
        ready: told the address once it listens.
        say: told what whoever starts it should know.
        reread: reads the configuration again when its file has changed.
        until_eof: also end when standard input does.

    Raises:
        UsageError: the pages' scripts and styles were not built, or it would be shown to a network in clear.
        StoreError: there is no case, or it cannot be read.
    """
    if not are_built():
        raise UsageError(_("the console's scripts and styles are not built; run tools/assets.sh or make setup-console"))
    if until_eof:
        end_with_stdin()
    check_listening(listening, settings.console)
    with (
        desk_of(case_dir, settings.console, clock) as desk,
        floor(case_dir, settings, clock, reread, partial(_helpers, desk)) as services,
        sealing(case_dir, desk.trail, clock),
    ):
        if not desk.accounts.has_lead():
            hint = _("nobody can sign in yet; for the first account: pollwatch account setup --case {case}")
            say(hint.format(case=case_dir))
        run(guarded_app(services, entrance_of(desk)), listening, ready, Connections().protocol)


def _helpers(desk: Desk) -> list[str]:
    """Who can help somebody who is not sure: the leads; where there is none, the analysts."""
    there = [each for each in desk.accounts.all() if not each.disabled]
    found = [each.shown for each in there if each.role is Role.LEAD]
    return found or [each.shown for each in there if each.role is Role.ANALYST]
