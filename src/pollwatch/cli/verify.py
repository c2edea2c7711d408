"""``pollwatch verify``: check a bundle or a fork proof, offline."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from pollwatch.canonical import pretty
from pollwatch.cli import options
from pollwatch.errors import SourceError
from pollwatch.events.printable import printable

_LINE_CHARS = 1000


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The logs and witnesses that you know, and how many must have cosigned (C2SP tlog-policy).",
)
@options.as_json
def command(*, file: Path, policy_file: Path | None, as_json: bool) -> None:
    """Check FILE, a bundle or a fork proof, without network and without trusting its sender.

    Ends with 0 when everything fits and 4 when anything does not; the message names what. Without --policy the
    file's own keys are believed, and the result is graded 'asserted'.
    """
    from pollwatch.evidence.verify import verify_file

    try:
        policy = policy_file.read_bytes() if policy_file else None
    except OSError as error:
        raise SourceError(f"{policy_file} cannot be read: {error.strerror}") from error
    report = verify_file(file, policy)
    if as_json:
        click.echo(pretty(report.document()))
        return
    for line in report.lines():
        click.echo(printable(line, _LINE_CHARS))
