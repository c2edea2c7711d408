"""``pollwatch dossier``: an incident and everything that was said about it, as papers for people who decide."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import rich_click as click

from pollwatch.canonical import Json, pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock
from pollwatch.errors import UsageError
from pollwatch.events.printable import printable
from pollwatch.i18n import _

_LANGUAGE = re.compile(r"[a-z]{2,3}(?:_[A-Z]{2})?", re.ASCII)


@click.command(
    epilog="Exit codes: 0 written, 3 a file cannot be written, 6 no charter is in force, or the incident was never "
    "released or received."
)
@click.argument("incident")
@options.required_case_dir
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="The folder to write to; what an earlier dossier left there is replaced.",
)
@click.option(
    "--language",
    "languages",
    multiple=True,
    metavar="LANG",
    help="Language of the papers, e.g. nl; may be given more than once.  [default: the environment's]",
)
@click.option(
    "--tz", "zone", type=options.Zone(), help="Zone of the times; UTC stands beside it.  [default: the election's]"
)
@options.config_file
@options.as_json
def command(
    *,
    incident: str,
    case_dir: Path,
    out: Path,
    languages: tuple[str, ...],
    zone: dt.tzinfo | None,
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Write the dossier of INCIDENT: PDF and HTML for people, and the files that prove what they say.

    INCIDENT is one of this case's that was released with `pollwatch share`, or the STIX id of one that was received.
    Cover sheet, timeline over the election calendar, claims with denial and dissent beside them, statements, competing
    explanations, inquiries, evidence, and how anybody checks all that. Denial and dissent cannot be left out. Of an
    incident that was received, what you were told of it is enclosed as it came, with who told it. The same case gives
    the same bytes. Of an incident of your own it shows what your case says, which is more than you released:
    read it, and its marking, before you pass it on.
    """
    from pollwatch.node.attribution import dossiers

    chosen = tuple(dict.fromkeys(languages)) or (_("en"),)
    for each in chosen:
        if not _LANGUAGE.fullmatch(each):
            raise UsageError(
                _("{language!r} is no language; write e.g. en, nl or pt_BR").format(language=printable(each))
            )
    made = dossiers.make(case_dir, incident, out, SystemClock(), languages=chosen, config_file=config_file, zone=zone)
    if as_json:
        papers: dict[str, Json] = {
            language: {"pdf": str(pdf), "html": str(html)} for language, (pdf, html) in made.papers.items()
        }
        grade = made.proof.grade if made.proof else None
        click.echo(
            pretty({"schema": "pollwatch.dossier/1", "folder": str(made.folder), "papers": papers, "grade": grade})
        )
        return 0
    for pdf, html in made.papers.values():
        click.echo(_("written: {file}").format(file=pdf), err=True)
        click.echo(_("written: {file}").format(file=html), err=True)
    if made.proof is None:
        text = _("without an evidence bundle: {reason}")
        options.complain(text.format(reason=made.unproven))
    else:
        text = _("evidence bundle, graded {grade}: {file}")
        click.echo(text.format(grade=made.proof.grade, file=made.folder / dossiers.EVIDENCE), err=True)
    return 0
