"""``pollwatch console``: the watch floor in a browser."""

from __future__ import annotations

import os
from pathlib import Path

import rich_click as click

from pollwatch.cli import options
from pollwatch.cli.casechoice import case_folder
from pollwatch.clock import SystemClock
from pollwatch.errors import UsageError
from pollwatch.events.printable import printable
from pollwatch.i18n import _


@click.command(name="console", epilog="Stop it with SIGTERM or Ctrl-C; requests under way are finished first.")
@options.case_dir
@options.config_file
@click.option(
    "--listen",
    default="127.0.0.1:8480",
    show_default=True,
    metavar="HOST:PORT",
    help="Address to listen on; port 0 takes a free one.",
)
@options.tls_certificate
@options.tls_key
@options.behind_proxy
@click.option(
    "--until-eof", is_flag=True, help="End when standard input ends, and so with the process that started it."
)
def command(
    *,
    case_dir: Path | None,
    config_file: Path | None,
    listen: str,
    certificate: Path | None,
    key: Path | None,
    behind_proxy: bool,
    until_eof: bool,
) -> int:
    """Show a case in the browser: the light for the clerk, the inbox for the analyst.

    It reads the case that `pollwatch watch` and `pollwatch scan` write, and shows what is new as it comes. It prints
    its address on stderr once it listens.
    """
    from pollwatch import config
    from pollwatch.cli.extras import need_console

    need_console()
    from pollwatch.node.floor.serving import serve
    from pollwatch.node.gateway.serving import Listening

    settings = config.load(Path.cwd(), os.environ, config_file)
    folder = case_folder(case_dir, settings)
    options.check_tls(certificate, key)
    host, port = _address(listen)
    serve(
        folder,
        settings,
        SystemClock(),
        Listening(host, port, certificate, key, behind_proxy),
        ready=lambda address: click.echo(
            _("console: {address}").format(address=settings.console.origin or called(address)), err=True
        ),
        reread=lambda: config.load(Path.cwd(), os.environ, config_file),
        say=lambda text: click.echo(printable(text), err=True),
        until_eof=until_eof,
    )
    return 0


def called(address: str) -> str:
    """How browsers should call a console that listens on this machine: passkeys need a name."""
    return address.replace("://127.0.0.1:", "://localhost:").replace("://[::1]:", "://localhost:")


def _address(listen: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT``; an IPv6 host stands in brackets.

    Raises:
        UsageError: it is neither.
    """
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdecimal() or int(port) > 0xFFFF:
        raise UsageError(_("--listen {listen}: write HOST:PORT, e.g. 127.0.0.1:8480").format(listen=listen))
    return host.removeprefix("[").removesuffix("]"), int(port)
