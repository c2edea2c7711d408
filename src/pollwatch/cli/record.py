"""``pollwatch members record``: how each member's word has turned out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import Json, pretty
from pollwatch.cli import options
from pollwatch.events.printable import printable
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.attribution.track import Track
    from pollwatch.sharing.indicators.standing import Record


@click.command(name="record")
@click.argument("names", nargs=-1, metavar="[MEMBER...]")
@options.required_case_dir
@options.as_json
def command(*, names: tuple[str, ...], case_dir: Path, as_json: bool) -> int:
    """Show what became of each member's word: of the indicators it reported, its claims, and claims about it.

    Indicators: what people of ours found out (pollwatch indicators confirm, refute), never what a member says of
    itself; members of one bloc share one standing. Claims: how they ended (pollwatch claim --close, --retract), and
    how often the member's opinion of others' claims went with that. What is open or upheld stands against whoever is
    named; what is refuted, undetermined, settled or taken back does not.
    """
    from pollwatch.attribution import track
    from pollwatch.node.attribution import lookup
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.sharing.indicators import standing
    from pollwatch.sharing.indicators.store import IndicatorStore

    membership = Membership.open(case_dir)
    found = standing.records(IndicatorStore(membership.folder.indicators).all())
    wanted = {membership.charter.member(each).name for each in names}
    rows = [
        (each, found.sources.get(each.member.name, standing.Record()), found.standing(each.member.bloc))
        for each in track.tracks(lookup.all_judged(membership), membership.charter.members)
        if not wanted or each.member.name in wanted
    ]
    if as_json:
        listed: list[Json] = [_document(*row) for row in rows]
        click.echo(pretty({"schema": "pollwatch.members-record/2", "members": listed}))
        return 0
    for row in rows:
        _tell(*row)
    return 0


def _document(each: Track, reported: Record, worth: float) -> Json:
    from pollwatch.attribution.track import OUTCOMES

    claims: Json = {outcome: each.claims[outcome] for outcome in OUTCOMES}
    named: Json = {outcome: each.named[outcome] for outcome in OUTCOMES}
    return {
        "member": each.member.name,
        "bloc": each.member.bloc,
        "reported": reported.reported,
        "confirmed": reported.confirmed,
        "refuted": reported.refuted,
        "retracted": reported.retracted,
        "retracted_late": reported.retracted_late,
        "standing": round(worth, 3),
        "claims": claims,
        "named": named,
        "against": each.against,
        "opinions_right": each.right,
        "opinions_wrong": each.wrong,
    }


def _tell(each: Track, reported: Record, worth: float) -> None:
    click.echo(f"{printable(each.member.name)} ({printable(each.member.bloc)})")
    words = _(
        "  {reported} indicators: {confirmed} confirmed, {refuted} refuted, {retracted} taken back in time, "
        "{late} taken back too late; standing of its bloc {worth:.2f}"
    )
    click.echo(
        words.format(
            reported=reported.reported, confirmed=reported.confirmed, refuted=reported.refuted,
            retracted=reported.retracted, late=reported.retracted_late, worth=worth,
        )
    )  # fmt: skip
    if each.claims:
        click.echo(_("  its claims: {counts}").format(counts=_counts(each.claims)))
    if each.named:
        named = _("  claims that name it: {counts}; {against} stand against it")
        click.echo(named.format(counts=_counts(each.named), against=each.against))
    if each.right or each.wrong:
        opinions = _("  its opinions of others' claims: {right} went with how they ended, {wrong} did not")
        click.echo(opinions.format(right=each.right, wrong=each.wrong))


def _counts(found: Counter[str]) -> str:
    from pollwatch.attribution.track import OUTCOMES

    words = {
        "upheld": _("upheld"),
        "refuted": _("refuted"),
        "undetermined": _("undetermined"),
        "settled": _("settled"),
        "retracted": _("taken back"),
        "open": _("open"),
    }
    return ", ".join(f"{found[outcome]} {words[outcome]}" for outcome in OUTCOMES if found[outcome])
