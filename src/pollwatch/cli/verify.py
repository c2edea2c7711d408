"""``pollwatch verify``: check a bundle or a fork proof, offline."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import rich_click as click

from pollwatch.canonical import pretty
from pollwatch.cli import options
from pollwatch.errors import SourceError, UsageError
from pollwatch.events.printable import printable

_LINE_CHARS = 1000


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The logs and witnesses that you know, and how many must have cosigned (C2SP tlog-policy).",
)
@click.option(
    "--tsa",
    "authority_files",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    multiple=True,
    help="Certificates (PEM) of time-stamp authorities that you trust: root and intermediates. May be repeated.",
)
@click.option(
    "--html",
    "page_out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT",
    help="Write the page that checks such files in a browser, offline, to OUT. Give it to readers in person.",
)
@options.as_json
def command(
    *,
    file: Path | None,
    policy_file: Path | None,
    authority_files: tuple[Path, ...],
    page_out: Path | None,
    as_json: bool,
) -> None:
    """Check FILE, a bundle or a fork proof, without network and without trusting its sender.

    Ends with 0 when everything fits and 4 when anything does not; the message names what. Without --policy the
    file's own keys are believed, and the result is graded 'asserted'. A policy's quorum raises it to 'quorum', rivals
    in it to 'cross-bloc', and a time-stamp by an authority of yours to 'timestamped'.
    """
    from pollwatch.evidence.verify import verify_file

    if page_out is not None:
        _write_page(page_out)
    if file is None:
        if page_out is None:
            raise UsageError("name the bundle or fork proof to check, or --html OUT")
        return
    policy = _read(policy_file) if policy_file else None
    authorities = b"\n".join(map(_read, authority_files)) if authority_files else None
    report = verify_file(file, policy, authorities)
    if as_json:
        click.echo(pretty(report.document()))
        return
    for line in report.lines():
        click.echo(printable(line, _LINE_CHARS))


def _write_page(out: Path) -> None:
    page = files("pollwatch.evidence").joinpath("verify.html").read_bytes()
    try:
        out.write_bytes(page)
    except OSError as error:
        raise SourceError(f"{out} cannot be written: {error.strerror}") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error
