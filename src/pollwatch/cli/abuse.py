"""``pollwatch measure abuse`` and ``takedown``: reports to those who answer for a network or a name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from pollwatch.canonical import Json, pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock
from pollwatch.events.printable import printable
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.node.measures.abuse import Decided, Written


def _asked(command: Callable[..., Any]) -> Callable[..., Any]:
    """What both verbs ask for."""
    for each in reversed(
        (
            click.option(
                "--contacts",
                "contacts",
                type=click.Path(exists=True, dir_okay=False, path_type=Path),
                help="CSV (subject,contact,org): who answers for which network or domain.",
            ),
            click.option(
                "-o", "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Where to write."
            ),
            click.option("--org", required=True, metavar="NAME", help="The office that reports."),
            click.option("--mail", required=True, metavar="ADDRESS", help="Where it is answered."),
            click.option("--by", "person", required=True, metavar="NAME", help="The person who decides it."),
            click.option("--reason", required=True, metavar="TEXT", help="Why."),
            options.as_json,
        )
    ):
        command = each(command)
    return command


@click.command(name="abuse")
@click.argument("incident")
@_asked
@options.required_case_dir
def abuse(*, incident: str, case_dir: Path, out: Path, as_json: bool, **asked: Any) -> int:  # noqa: ANN401 - click's values
    """Write a report about each address that INCIDENT came from: XARF 4, and a mail to whoever answers for it.

    Nothing is sent: look at the mail, then send it. It quotes times, addresses and what was tried; no accounts, no
    query strings, nobody else. The reports are noted with the incident.
    """
    from pollwatch.node.measures import abuse as reporting

    written = reporting.report(case_dir, incident, _decided(asked), out, SystemClock())
    return _tell(written, as_json=as_json)


@click.command(name="takedown")
@click.argument("domains", nargs=-1, required=True, metavar="DOMAIN...")
@click.option("--own", required=True, metavar="DOMAIN", help="The name that they pass themselves off as.")
@_asked
def takedown(*, domains: tuple[str, ...], own: str, out: Path, as_json: bool, **asked: Any) -> int:  # noqa: ANN401 - click's values
    """Write a request for each DOMAIN that passes itself off as one's own: XARF 4, and a mail to who answers for it.

    Nothing is sent: look at the mail, then send it.
    """
    from pollwatch.node.measures import abuse as reporting

    return _tell(reporting.takedown(domains, own, _decided(asked), out, SystemClock()), as_json=as_json)


def _decided(asked: dict[str, Any]) -> Decided:
    from pollwatch.errors import UsageError
    from pollwatch.events.observable import Kind, normalised
    from pollwatch.node.measures.abuse import Decided
    from pollwatch.report import contacts
    from pollwatch.report.abuse import Reporter

    try:
        mail = normalised(Kind.EMAIL, asked["mail"]).value
    except ValueError as error:
        raise UsageError(_("--mail: {problem}").format(problem=error)) from None
    file: Path | None = asked["contacts"]
    known = contacts.parse(file.read_bytes(), str(file)) if file else contacts.Contacts(())
    return Decided(Reporter(" ".join(asked["org"].split()), mail), asked["person"], asked["reason"], known)


def _tell(written: Sequence[Written], *, as_json: bool) -> int:
    if as_json:
        reports: list[Json] = [
            {
                "subject": each.subject,
                "contact": each.contact.mail if each.contact else None,
                "files": [str(path) for path in each.files],
                "sha256": each.digest,
            }
            for each in written
        ]
        click.echo(pretty({"schema": "pollwatch.abuse/1", "reports": reports}))
        return 0
    for each in written:
        whom = each.contact.mail if each.contact else _("nobody known; look it up and add it to --contacts")
        click.echo(_("{subject}: to {whom}").format(subject=printable(each.subject, 300), whom=printable(whom)))
        for path in each.files:
            click.echo(f"  {printable(str(path))}")
    click.echo(_("Nothing was sent. Look at the mails, then send them; what came of it: pollwatch measure result"))
    return 0
