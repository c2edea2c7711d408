"""``pollwatch evidence cosign`` and ``pollwatch evidence witness``: both sides of witnessing outside a joint watch."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from pollwatch.cli import options
from pollwatch.events.printable import printable
from pollwatch.i18n import _

_policy = click.option(
    "--policy",
    "policy_file",
    required=True,
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    metavar="FILE",
    help="Names logs, witnesses, their keys and addresses (C2SP tlog-policy).",
)


@click.command(epilog="Exit codes: 0 the policy's quorum has cosigned, 5 too few have.")
@options.required_case_dir
@_policy
@options.as_json
def cosign(*, case_dir: Path, policy_file: Path, as_json: bool) -> int:
    """Ask witnesses outside the joint watch to cosign the shared log (C2SP tlog-witness).

    A neutral party or a public network of witnesses raises the grade of all that is sealed by now, whatever a rival
    does. Give their policy to `seal export` too, and to whoever verifies. A refusal is no veto, and can be asked again.
    """
    from pollwatch.canonical import pretty
    from pollwatch.clock import SystemClock
    from pollwatch.errors import SharingError
    from pollwatch.evidence.policy import Policy
    from pollwatch.node.logs import outside

    done = outside.cosign(case_dir, Policy.parse(policy_file.read_bytes()), SystemClock())
    if as_json:
        asked = [{"witness": each.member, "problem": each.problem} for each in done.asked]
        click.echo(pretty({"schema": "pollwatch.cosigned/1", "size": done.size, "asked": asked, "met": done.met}))
    else:
        for each in done.asked:
            click.echo(f"{printable(each.member)}: {printable(each.problem) or _('cosigned')}")
        text = _("size {size}: the quorum has cosigned") if done.met else _("size {size}: too few have cosigned")
        click.echo(text.format(size=done.size))
    return 0 if done.met else SharingError.exit_code


@click.command(epilog="Stop it with SIGTERM or Ctrl-C.")
@click.option(
    "--folder",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where it keeps its key and what it cosigned last; never restore that from a backup.",
)
@_policy
@click.option(
    "--name", default="", help="What its key is called, e.g. witness.university.example; the first time only."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8081, show_default=True, help="Port; 0: any free one.")
def witness(*, folder: Path, policy_file: Path, name: str, host: str, port: int) -> None:
    """Witness the logs that a policy names, as a neutral party (C2SP tlog-witness).

    It needs no case and is no member: it cosigns each log's checkpoint when that log has merely grown, and tells
    anybody what it cosigned last. Once it listens it prints the line by which others put it into their policies.
    """
    from pollwatch.clock import SystemClock
    from pollwatch.evidence.keys import Verifier
    from pollwatch.evidence.policy import Policy
    from pollwatch.node.logs import neutral

    def ready(key: Verifier, address: str) -> None:
        click.echo(f"witness {key.name} {key.vkey} {address}")

    policy = Policy.parse(policy_file.read_bytes())
    neutral.serve(folder, name, policy, host, port, SystemClock(), ready)
