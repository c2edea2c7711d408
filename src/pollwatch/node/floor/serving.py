"""The console as a process: services over a case, the pages over the services, a web server under it all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.types import ASGIApp

from pollwatch.clock import Clock
from pollwatch.config import Config
from pollwatch.console.app import Around, make_app
from pollwatch.console.staticfiles import are_built
from pollwatch.errors import UsageError
from pollwatch.i18n import _
from pollwatch.node.floor.opening import floor
from pollwatch.node.gateway.serving import Listening, end_with_stdin, run


def nobody(app: ASGIApp) -> ASGIApp:
    """Nobody is signed in, so nobody sees anything."""
    return app


def serve(
    case_dir: Path,
    settings: Config,
    clock: Clock,
    listening: Listening,
    *,
    ready: Callable[[str], None],
    around: Around = nobody,
    until_eof: bool = False,
) -> None:
    """Serve a case until SIGTERM or SIGINT.

    Args:
        case_dir: the case folder.
        settings: the configuration.
        clock: the time.
        listening: where.
        ready: told the address once it listens.
        around: finds out who is looking.
        until_eof: also end when standard input does.

    Raises:
        UsageError: the pages' scripts and styles were not built.
        StoreError: there is no case, or it cannot be read.
    """
    if not are_built():
        raise UsageError(_("the console's scripts and styles are not built; run tools/assets.sh or make setup-console"))
    if until_eof:
        end_with_stdin()
    with floor(case_dir, settings, clock) as services:
        run(make_app(services, around), listening, ready)
