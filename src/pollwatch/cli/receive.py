"""``pollwatch receive``: take in what comes by the network, for a watch."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from pollwatch.cli import casechoice, options
from pollwatch.clock import SystemClock
from pollwatch.i18n import _


@click.command(
    name="receive",
    epilog="Stop it with SIGTERM or Ctrl-C: what was taken is written first. SIGHUP reads tokens, certificates again.",
)
@options.case_dir
@options.config_file
@click.option(
    "--for-watch", is_flag=True, help="End some time after the last watch of the case; `pollwatch watch` says so."
)
def command(*, case_dir: Path | None, config_file: Path | None, for_watch: bool) -> int:
    """Receive syslog (UDP, TCP, TLS), HTTP push, the journal and standard input, as [[watch.source]] says.

    All of it goes to the case's spool, and is on the disk before a sender is told that it was taken. `pollwatch watch`
    starts this by itself, and reads the spool; run it alone to have it live on while the watch is restarted.
    """
    import asyncio
    import os

    from pollwatch import config
    from pollwatch.errors import UsageError
    from pollwatch.events.printable import printable
    from pollwatch.node.receive.process import ReceiverLock
    from pollwatch.node.receive.service import Receiving
    from pollwatch.store.folder import CaseFolder

    loaded = config.load(Path.cwd(), os.environ, config_file)
    folder, settings = casechoice.case_folder(case_dir, loaded), loaded.watch
    if not any(each.received for each in settings.sources):
        raise UsageError(
            _("no [[watch.source]] in pollwatch.toml is received; `docs/how-to/send-logs-by-the-network.md` shows some")
        )
    CaseFolder(folder).prepare(create=True)
    live = folder / "live"
    lock = ReceiverLock(live, for_watch=for_watch)

    def tell(sentence: str) -> None:
        click.echo(printable(sentence, 500), err=True)

    asyncio.run(Receiving(live, settings, SystemClock(), tell).run(lock.wanted))
    return 0
