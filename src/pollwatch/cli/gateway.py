"""``pollwatch gateway``: the one process of a member that other members reach."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from pollwatch.cli import options
from pollwatch.clock import SystemClock
from pollwatch.i18n import _


@click.command(name="gateway", epilog="Stop it with SIGTERM or Ctrl-C; requests under way are finished first.")
@options.required_case_dir
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on.  [default: that of the charter]")
@click.option(
    "--until-eof", is_flag=True, help="End when standard input ends, and so with the process that started it."
)
def command(*, case_dir: Path, host: str, port: int | None, until_eof: bool) -> int:
    """Serve the shared log, cosign the other members' logs, and take what they deliver.

    It has the shared log, a mailbox and two keys that speak for nobody; the case, the private log and the statement
    key are out of its reach. It prints its address on stderr once it listens.
    """
    from urllib.parse import urlsplit

    from pollwatch.node import serving
    from pollwatch.node.gateway import app
    from pollwatch.node.jointfolder import GatewayMembership

    if port is None:
        port = urlsplit(GatewayMembership.open(case_dir).me.address).port or 8443
    if until_eof:
        serving.end_with_stdin()
    app.serve(
        case_dir,
        host,
        port,
        SystemClock(),
        lambda address: click.echo(_("listening on {address}").format(address=address), err=True),
    )
    return 0
