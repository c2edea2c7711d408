"""The root command: finds a verb's module when it is asked for, and turns errors into exit codes."""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import rich_click as click
from click.exceptions import Exit

from pollwatch import __version__
from pollwatch.errors import PollwatchError
from pollwatch.events.printable import printable
from pollwatch.i18n import _

#: verb -> module in ``pollwatch.cli`` that exports it as ``command``. In the order that ``--help`` shows.
VERBS: dict[str, str] = {
    "demo": "demo",
    "scan": "scan",
    "watch": "watch",
    "receive": "receive",
    "explain": "explain",
    "rules": "rules",
    "coverage": "coverage",
    "sources": "sources",
    "incidents": "incidents",
    "indicators": "indicators",
    "hunt": "hunt",
    "lookalikes": "lookalikes",
    "pages": "pages",
    "report": "report",
    "dossier": "dossier",
    "seal": "seal",
    "verify": "verify",
    "evidence": "evidence",
    "charter": "charter",
    "members": "members",
    "join": "join",
    "sever": "sever",
    "leave": "leave",
    "gateway": "gateway",
    "clients": "clients",
    "match": "match",
    "share": "share",
    "collections": "collections",
    "inbox": "inbox",
    "disclosures": "disclosures",
    "egress": "egress",
    "claim": "claim",
    "opinion": "opinion",
    "hypotheses": "hypotheses",
    "inquire": "inquire",
    "statement": "statement",
    "campaigns": "campaigns",
    "measure": "measure",
    "notify": "notify",
    "public": "public",
    "console": "console",
    "account": "account",
    "db": "db",
    "config": "config",
}


#: What the machine refuses, wherever it does so: no error of the program, and nothing to report to its makers.
_NOT_OURS = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENAMETOOLONG, errno.ENOENT, errno.ENOTDIR, errno.EISDIR),
}


class LazyGroup(click.RichGroup):
    """Imports a verb's module only when that verb is used: ``--help`` stays quick, heavy libraries stay out."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All verbs, in the order a newcomer needs them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command, or None where there is none of that name."""
        module = VERBS.get(cmd_name)
        if module is None:
            return super().get_command(ctx, cmd_name)
        command: click.Command = import_module(f"pollwatch.cli.{module}").command
        command.name = cmd_name
        return command


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="pollwatch %(version)s")
def root() -> None:
    """Watch an election's systems together with parties you do not trust.

    Start with `pollwatch demo`, or with `pollwatch scan /var/log/nginx /var/log/auth.log`.
    """


def run(arguments: Sequence[str]) -> None:
    """Run a command line and exit with the documented code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # set while we were being imported
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code = root.main(list(arguments), prog_name="pollwatch", standalone_mode=False)
        sys.stdout.flush()  # here a full disk can still be told
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except Exit as done:
        sys.exit(done.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        # The reader went away (`pollwatch scan | head`): that is no error, but Python would complain at exit.
        _drop_output()
        sys.exit(0)
    except PollwatchError as error:
        click.echo(_("pollwatch: {error}").format(error=printable(str(error), 2_000)), err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in _NOT_OURS:
            _internal()
        where = f"{error.filename}: " if error.filename else ""
        click.echo(printable(f"pollwatch: {where}{error.strerror}", 2000), err=True)
        _drop_output()
        sys.exit(3)
    except Exception:  # noqa: BLE001 - the last resort: 1 would say "findings", and what failed must be seen
        _internal()
    sys.exit(code if isinstance(code, int) else 0)


def _drop_output() -> None:
    """What is still to be written cannot be; Python would complain of it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _internal() -> NoReturn:
    traceback.print_exc()
    click.echo(_("pollwatch: internal error; please report the lines above"), err=True)
    sys.exit(70)
