"""``pollwatch verify``: check a bundle, a fork proof, or a record of what members said, offline."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import pretty
from pollwatch.cli import options
from pollwatch.errors import SourceError, UsageError
from pollwatch.events.printable import printable
from pollwatch.i18n import _

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pollwatch.evidence.report import Report

_LINE_CHARS = 1000
#: What a member wrote is shown whole.
_SAID_CHARS = 10_000


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
    "--charter",
    "charter_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The charter (or all of them) that you know, for what members said; else the one that came along.",
)
@click.option(
    "--order",
    "order_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where the papers of a record stand in the members' logs: proves when, and in which order, they were said.",
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
    charter_file: Path | None,
    order_file: Path | None,
    page_out: Path | None,
    as_json: bool,
) -> None:
    """Check FILE (a bundle, a fork proof, or a record of claims) without network and without trusting its sender.

    Ends with 0 when everything fits and 4 when anything does not; the message names what. Without --policy the
    file's own keys are believed, and the result is graded 'asserted'. A policy's quorum raises it to 'quorum', rivals
    in it to 'cross-bloc', and a time-stamp by an authority of yours to 'timestamped'. What members said and signed is
    told too: who claims, denies, signs or dissents, and who did not. For a record alone, name the --charter.
    """
    from pollwatch.evidence.bundle import read_bundle
    from pollwatch.evidence.verify import verify_file

    if page_out is not None:
        _write_page(page_out)
    if file is None:
        if page_out is None:
            raise UsageError("name the bundle or fork proof to check, or --html OUT")
        return
    charter = _read(charter_file) if charter_file else None
    policy = _read(policy_file) if policy_file else None
    order = {"order.json": _read(order_file)} if order_file else {}
    if _is_record(file):
        if charter is None:
            raise UsageError(_("this is a record of what members said; name the --charter under which they said it"))
        _tell_records({"record.json": _read(file), **order}, charter, None, policy, as_json=as_json)
        return
    authorities = b"\n".join(map(_read, authority_files)) if authority_files else None
    report = verify_file(file, policy, authorities)
    attachments = read_bundle(_read(file)).attachments if report.kind == "bundle" else {}
    _tell_records({**attachments, **order}, charter, report, policy, as_json=as_json)


def _is_record(file: Path) -> bool:
    """Whether a file is no bundle in a zip, and no proof of ours, but a bundle of STIX objects."""
    return _read(file).startswith(b'{"id":"bundle--')


def _tell_records(
    attachments: Mapping[str, bytes],
    charter: bytes | None,
    report: Report | None,
    policy: bytes | None,
    *,
    as_json: bool,
) -> None:
    """What the file shows about a log, and then what members said, checked under the reader's charter or its own."""
    from pollwatch.attribution import verify as records

    chain, said = None, list[str]()
    if any(map(records.RECORDS.fullmatch, attachments)):
        found = records.read_attached(attachments, records.read_chain(charter) if charter else None, policy)
        chain, said = found.chain, list(found.told())
    if as_json:
        origin = "file" if charter is None else "reader"
        record = None if chain is None else {"charter": chain.last.charter.digest, "charter_from": origin, "said": said}
        shown = report.document() if report is not None else {"schema": "pollwatch.verify/1", "kind": "record"}
        click.echo(pretty({**shown, "record": record}))
        return
    for line in report.lines() if report is not None else ():
        click.echo(printable(line, _LINE_CHARS))
    if chain is not None:
        head = (_("Said, and signed by whoever said it:"), *records.told_charter(chain))
        for line in (*head, *said):
            click.echo(printable(line, _SAID_CHARS))


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
