"""``pollwatch hypotheses``: what may have been so, what is known, and how each fits each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import Json, pretty
from pollwatch.cli import hints, options, spoken
from pollwatch.events.printable import printable
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.attribution.matrix import Matrix, Without

_SCHEMA = "pollwatch.paper/1"
_FITS = ("strongly-consistent", "consistent", "neutral", "inconsistent", "strongly-inconsistent")
_incident = click.argument("incident")
_text = click.option("--text", required=True, help="In your words, for the others and for third parties.")


@click.group(name="hypotheses")
def command() -> None:
    """Weigh competing hypotheses about an incident, each cell signed by whoever rates it.

    The hypothesis with the least evidence *against* it leads. That it was made to look like somebody else (false-flag)
    and that it came from within (insider) are on every list.
    """


command.add_command(hints.command)


command.add_command(hints.command)


@command.command(epilog=spoken.CODES)
@_incident
@click.option("--respondent", default="", metavar="MEMBER", help="The member that it names, if it names one.")
@_text
@options.required_case_dir
@options.as_json
def add(*, incident: str, respondent: str, text: str, case_dir: Path, as_json: bool) -> int:
    """Put a hypothesis about INCIDENT on the list."""
    speaker = spoken.speaker(case_dir)
    named = speaker.membership.charter.member(respondent) if respondent else None
    about = spoken.incident_id(speaker.membership, incident)
    return spoken.tell(speaker.suppose(about, text, named), _SCHEMA, as_json=as_json)


@command.command(epilog=spoken.CODES)
@_incident
@_text
@options.required_case_dir
@options.as_json
def item(*, incident: str, text: str, case_dir: Path, as_json: bool) -> int:
    """Add an item of evidence about INCIDENT, with the commitments that were released with it."""
    speaker = spoken.speaker(case_dir)
    about = spoken.incident_id(speaker.membership, incident)
    return spoken.tell(speaker.add_item(about, text), _SCHEMA, as_json=as_json)


@command.command(epilog=spoken.CODES)
@click.argument("item_id", metavar="ITEM")
@click.argument("hypothesis")
@click.argument("fit", type=click.Choice(_FITS))
@_text
@options.required_case_dir
@options.as_json
def rate(*, item_id: str, hypothesis: str, fit: str, text: str, case_dir: Path, as_json: bool) -> int:
    """Say how ITEM fits HYPOTHESIS (an id, false-flag, or insider)."""
    from pollwatch.attribution.hypotheses import Fit

    said = spoken.speaker(case_dir).rate(item_id, hypothesis, Fit.parse(fit), text)
    return spoken.tell(said, _SCHEMA, as_json=as_json)


@command.command(epilog=spoken.CODES)
@click.argument("item_id", metavar="ITEM")
@_text
@options.required_case_dir
@options.as_json
def retract(*, item_id: str, text: str, case_dir: Path, as_json: bool) -> int:
    """Take back an ITEM that you added; it stays on record, and counts no more."""
    from pollwatch.node.attribution import lookup

    speaker = spoken.speaker(case_dir)
    found = lookup.find_item(speaker.membership, item_id)
    return spoken.tell(speaker.retract(found.name.id, text), _SCHEMA, as_json=as_json)


@command.command()
@_incident
@options.required_case_dir
@options.as_json
def show(*, incident: str, case_dir: Path, as_json: bool) -> int:
    """Show the matrix of INCIDENT: what leads, what tells the hypotheses apart, and what hangs on whose evidence."""
    from pollwatch.node.attribution import lookup

    membership = spoken.speaker(case_dir).membership
    found = lookup.matrix_of(membership, spoken.incident_id(membership, incident))
    if as_json:
        click.echo(pretty(_document(found)))
    else:
        _show(found)
    return 0


def _show(found: Matrix) -> None:
    texts = {each.id: each.text for each in found.hypotheses}
    for number, each in enumerate(found.hypotheses, 1):
        against = found.against.get(each.id)
        known = _("not examined") if against is None else f"{against.least:g}-{against.most:g}"
        lead = _("LEADS") if found.leading == (each.id,) else _("tie") if each.id in found.leading else ""
        head = f"H{number} {each.text} [{each.id}]"
        click.echo(f"{printable(head, 600)}  " + _("against it: {known}").format(known=known) + f"  {lead}")
    for each_item in found.items:
        apart = found.diagnosticity[each_item.name.id]
        head = f"{each_item.provider.name}: {each_item.text} [{each_item.name.id}]"
        click.echo(f"- {printable(head, 600)}  " + _("tells apart: {apart:g} of 4").format(apart=apart))
        for number, each in enumerate(found.hypotheses, 1):
            cell = found.cells.get((each_item.name.id, each.id))
            said = "; ".join(f"{name}: {one.fit.word}" for name, one in cell.ratings.items()) if cell else "-"
            click.echo(f"    H{number} {printable(said, 600)}")
    for taken in found.retracted:
        click.echo(printable(_("taken back by {name}: {text}").format(name=taken.provider.name, text=taken.text), 600))
    for without in found.without_member:
        names = "; ".join(texts[name] for name in without.leading) or _("nothing")
        words = _("without the evidence of {member} leads: {names}").format(member=without.what, names=names)
        click.echo(printable(words, 600))


def _document(found: Matrix) -> dict[str, Json]:
    def without(parts: tuple[Without, ...]) -> list[Json]:
        return [{"what": each.what, "leading": list(each.leading)} for each in parts]

    cells: list[Json] = [
        {
            "item": item_id,
            "hypothesis": hypothesis,
            "against": cell.against,
            "ratings": [
                {"by": name, "rating": one.fit.word, "text": one.text, "created": one.created}
                for name, one in cell.ratings.items()
            ],
        }
        for (item_id, hypothesis), cell in found.cells.items()
    ]
    return {
        "schema": "pollwatch.hypotheses/1",
        "incident": found.incident,
        "hypotheses": [
            {
                "id": each.id,
                "text": each.text,
                "by": each.author.name if each.author else None,
                "respondent": each.respondent.name if each.respondent else None,
                "against": None
                if each.id not in found.against
                else {"least": found.against[each.id].least, "most": found.against[each.id].most},
            }
            for each in found.hypotheses
        ],
        "items": [
            {
                "id": each.name.id,
                "text": each.text,
                "by": each.provider.name,
                "diagnosticity": found.diagnosticity[each.name.id],
            }
            for each in found.items
        ],
        "retracted": [each.name.id for each in found.retracted],
        "cells": cells,
        "leading": list(found.leading),
        "without_member": without(found.without_member),
        "without_item": without(found.without_item),
    }
