"""``pollwatch seal``: seal a case's state, and export what was sealed so that others can check it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.cli import options
from pollwatch.clock import SystemClock
from pollwatch.errors import SourceError, UsageError
from pollwatch.events.printable import printable
from pollwatch.i18n import _, ngettext

if TYPE_CHECKING:
    from pollwatch.events.lines import LineSet
    from pollwatch.evidence.keys import Verifier

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}", re.ASCII)

_output = click.option(
    "-o",
    "--output",
    "out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="The bundle to write; only you can read it.",
)
_document_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE")


@click.group(name="seal")
def command() -> None:
    """Seal what a case holds, and export evidence that others can check."""


@command.command()
@options.required_case_dir
def now(*, case_dir: Path) -> None:
    """Seal the case's present state into its shared log, once; `pollwatch evidence sealer` does it at a fixed interval.

    Where a sealer is configured this is refused: a seal out of turn would tell others when you looked.
    """
    from pollwatch.incidents.records import Case
    from pollwatch.node.evidence.sealing import CaseEvidence

    clock = SystemClock()
    with Case.open(case_dir, clock, create=False), CaseEvidence.open(case_dir, clock) as evidence:
        if evidence.interval is not None:
            text = _("a sealer is configured, every {seconds} s; to seal by hand, end that: evidence sealer --off")
            raise UsageError(text.format(seconds=evidence.interval.every_s))
        index = evidence.publish_seal()
        click.echo(_("Seal {index} of log {log}.").format(index=index, log=evidence.shared.origin), err=True)


@command.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="PATH...")
@options.required_case_dir
def documents(*, paths: tuple[Path, ...], case_dir: Path) -> None:
    """Seal own documents, before anybody leaks them: files, and all files in folders, by salted digests only.

    After a leak, `seal prove` shows which leaked file is one of them, and `seal disown` that a file is none.
    """
    from pollwatch.node.evidence import documenting
    from pollwatch.node.evidence.sealing import CaseEvidence

    with CaseEvidence.open(case_dir, SystemClock()) as evidence:
        entry, count = documenting.seal_documents(evidence, paths)
        if evidence.interval is None:
            evidence.publish_seal()
    text = ngettext("{count} document sealed: entry {entry}.", "{count} documents sealed: entry {entry}.", count)
    click.echo(text.format(count=count, entry=entry), err=True)


@command.command()
@_document_file
@options.required_case_dir
@_output
def prove(*, file: Path, case_dir: Path, out: Path) -> None:
    """Show that FILE is, byte for byte, one of the documents that were sealed; says nothing about the others."""
    from pollwatch.node.evidence import documenting
    from pollwatch.node.evidence.sealing import CaseEvidence

    clock = SystemClock()
    with CaseEvidence.open(case_dir, clock) as evidence:
        documenting.prove(evidence, file, out, clock)
    click.echo(_("{file} written. Check it with: pollwatch verify {file}").format(file=out), err=True)


@command.command()
@_document_file
@options.required_case_dir
@_output
def disown(*, file: Path, case_dir: Path, out: Path) -> None:
    """Show that FILE is none of the documents that were sealed. The digests of all are shown for that, no names.

    It cannot show that FILE is forged or never existed: only that it was not sealed with the others.
    """
    from pollwatch.node.evidence import documenting
    from pollwatch.node.evidence.sealing import CaseEvidence

    clock = SystemClock()
    with CaseEvidence.open(case_dir, clock) as evidence:
        documenting.disown(evidence, file, out, clock)
    click.echo(_("{file} written. Check it with: pollwatch verify {file}").format(file=out), err=True)


@command.command()
@click.argument("path", metavar="INPUT")
@options.required_case_dir
@_output
def sequence(*, path: str, case_dir: Path, out: Path) -> None:
    """Show which records of INPUT were sealed, and that none between them was left out; shows no record."""
    from pollwatch.node.evidence import sequencing
    from pollwatch.node.evidence.sealing import CaseEvidence

    clock = SystemClock()
    with CaseEvidence.open(case_dir, clock) as evidence:
        sequencing.export(evidence, path, out, clock)
    click.echo(_("{file} written. Check it with: pollwatch verify {file}").format(file=out), err=True)


@command.command()
@click.argument("incident", metavar="[ID]", required=False)
@click.option(
    "--line", "lines", multiple=True, metavar="INPUT:N", help="Instead of an incident, show line N of an input alone."
)
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME",
    help="With --line: show only this field (ip, time, user ...), and nothing else of the line. May be repeated.",
)
@options.required_case_dir
@_output
@click.option(
    "--attach",
    "attached",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Put a file in, such as a signed claim and its denial; may be given more than once.",
)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Propose this policy to the reader, who should have an own one; its witnesses are named in the bundle.",
)
@click.option(
    "--max-lines", default=2000, show_default=True, type=click.IntRange(1), help="Show at most so many lines."
)
@click.option("--without-lines", is_flag=True, help="Prove the incident alone; needed where the originals are gone.")
def export(  # noqa: PLR0913 - one parameter per option
    *,
    incident: str | None,
    lines: tuple[str, ...],
    fields: tuple[str, ...],
    case_dir: Path,
    out: Path,
    attached: tuple[Path, ...],
    policy_file: Path | None,
    max_lines: int,
    without_lines: bool,
) -> None:
    """Export incident ID, or single lines or fields, as a bundle that anybody can check with `pollwatch verify`.

    Its log lines are read again from where they were scanned, and must still be what was sealed. Where a charter is in
    force, it goes in too, with every claim about the incident and every opinion on it, a denial
    among them, and the policy that follows from the charter.
    """
    from pollwatch.evidence.policy import Policy
    from pollwatch.incidents.records import Case
    from pollwatch.node.case import rereading
    from pollwatch.node.evidence import bundling
    from pollwatch.node.evidence.sealing import CaseEvidence
    from pollwatch.node.sharing import joint

    if (incident is None) == (not lines) or (lines and without_lines):
        raise UsageError(_("say what to export: the ID of an incident, or --line INPUT:N, not both"))
    if fields and not lines:
        raise UsageError(_("--field needs --line INPUT:N: an incident's own words say more than its fields"))
    clock = SystemClock()
    joined = joint.Travelling({}, None)
    with Case.open(case_dir, clock, create=False) as case:
        if incident is not None:
            joined = joint.travelling(case_dir, case.incident(incident).id)
    policy = _read(policy_file) if policy_file else joined.policy
    witnesses: tuple[Verifier, ...] = tuple(Policy.parse(policy).witnesses.values()) if policy else ()
    extras = bundling.Extras({**joined.attachments, **_attachments(attached)}, witnesses, policy, max_lines, fields)
    with Case.open(case_dir, clock, create=False) as case, CaseEvidence.open(case_dir, clock) as evidence:
        fetch = rereading.Rereader(rereading.finder(case))
        if incident is not None:
            subject = case.incident(incident)
            bundle = bundling.export(evidence, subject, out, clock, None if without_lines else fetch, extras)
        else:
            bundle = bundling.export_lines(evidence, _line_set(lines), out, clock, fetch, extras)
    shown = sum(len(batch.numbers) for batch in bundle.batches)
    if fields:
        text = ngettext(
            "{file}: fields of {shown} log line. Check it with: pollwatch verify {file}",
            "{file}: fields of {shown} log lines. Check it with: pollwatch verify {file}",
            shown,
        )
    else:
        text = ngettext(
            "{file}: {shown} log line. Check it with: pollwatch verify {file}",
            "{file}: {shown} log lines. Check it with: pollwatch verify {file}",
            shown,
        )
    click.echo(text.format(file=out, shown=shown), err=True)


def _line_set(texts: tuple[str, ...]) -> LineSet:
    from pollwatch.events.lines import LineSet

    found = []
    for text in texts:
        path, _colon, number = text.rpartition(":")
        if not path or not re.fullmatch(r"[0-9]{1,15}", number, re.ASCII):
            raise UsageError(_("{text!r} names no line; write INPUT:N").format(text=printable(text)))
        found.append(LineSet.of(path, [int(number)]))
    return LineSet.union(found)


def _attachments(paths: tuple[Path, ...]) -> dict[str, bytes]:
    """Files by name; a name is kept plain, so that it can mean nothing else where the bundle is unpacked."""
    found: dict[str, bytes] = {}
    for path in paths:
        if not _NAME.fullmatch(path.name) or path.name in found:
            raise UsageError(
                _("{name!r} cannot be attached: use letters, digits, . _ - and each name once").format(name=path.name)
            )
        found[path.name] = _read(path)
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error
