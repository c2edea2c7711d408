"""``pollwatch gateway``: the one process of a member that other members reach."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from pollwatch.cli import options
from pollwatch.clock import SystemClock
from pollwatch.i18n import _


@click.command(name="gateway", epilog="Stop it with SIGTERM or Ctrl-C; requests under way are finished first.")
@options.case_dir
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="The gateway's own folder, where it stands apart from the case.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on.  [default: that of the charter]")
@options.tls_certificate
@options.tls_key
@options.behind_proxy
@click.option(
    "--plain-passwords", is_flag=True, help="Take passwords of clients without TLS, from this very machine only."
)
@click.option(
    "--rate",
    type=click.FloatRange(1, 100_000),
    default=200.0,
    show_default=True,
    metavar="N",
    help="Requests per second of each member, with ten seconds' worth at once.",
)
@click.option(
    "--until-eof", is_flag=True, help="End when standard input ends, and so with the process that started it."
)
def command(  # noqa: PLR0913 - one argument per option
    *,
    case_dir: Path | None,
    folder: Path | None,
    host: str,
    port: int | None,
    certificate: Path | None,
    key: Path | None,
    behind_proxy: bool,
    plain_passwords: bool,
    rate: float,
    until_eof: bool,
) -> int:
    """Serve the shared log, cosign the other members' logs, and take what they deliver.

    It works on a folder of its own, CASE/joint/gateway or the one of --folder, on this machine or in a DMZ: there are
    the shared log, released objects, a mailbox and keys that speak for nobody; the case, the private log and the
    statement key are out of its reach. Members are known by their signed requests, third parties' clients by a
    password (`pollwatch clients add`). It prints its address on stderr once it listens.
    """
    from urllib.parse import urlsplit

    from pollwatch.node.charter.jointfolder import JointFolder
    from pollwatch.node.gateway import app, serving
    from pollwatch.node.gateway.gatewayfolder import GatewayFolder, GatewayMembership
    from pollwatch.sharing.limits import Limits, Rate

    if (case_dir is None) == (folder is None):
        raise click.UsageError(_("name either the case (--case) or the gateway's own folder (--folder)"))
    where = JointFolder(case_dir).gateway if case_dir is not None else GatewayFolder(folder or Path())
    options.check_tls(certificate, key)
    if port is None:
        membership = GatewayMembership.open(where, SystemClock().now_us())
        port = urlsplit(membership.me.address).port or 8443
    if until_eof:
        serving.end_with_stdin()
    app.serve(
        where,
        serving.Listening(host, port, certificate, key, behind_proxy),
        Limits(member=Rate(rate, 10 * rate), plain_loopback=plain_passwords),
        SystemClock(),
        lambda address: click.echo(_("listening on {address}").format(address=address), err=True),
    )
    return 0
