"""``pollwatch opinion``: agree with a claim, disagree, or deny it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import Json, pretty
from pollwatch.cli import options, spoken
from pollwatch.errors import UsageError
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.attribution.record import Judged

_STANCES = ("strongly-disagree", "disagree", "neutral", "agree", "strongly-agree")


@click.command(name="opinion", epilog=spoken.CODES)
@click.argument("claim", required=False)
@click.option("--stance", type=click.Choice(_STANCES), help="How far you agree.")
@click.option("--deny", is_flag=True, help="You are the respondent, and it was not so.")
@click.option("--agree", is_flag=True, help="Short for --stance agree.")
@click.option("--disagree", is_flag=True, help="Short for --stance disagree.")
@click.option("--text", default="", help="Why, for the others and for third parties.")
@click.option("--export", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write CLAIM's record.")
@spoken.order_out
@spoken.dry_run
@options.required_case_dir
@options.as_json
def command(  # noqa: PLR0913 - one argument per option
    *,
    claim: str | None,
    stance: str | None,
    deny: bool,
    agree: bool,
    disagree: bool,
    text: str,
    export: Path | None,
    order_out: Path | None,
    dry_run: bool,
    case_dir: Path,
    as_json: bool,
) -> int:
    """Say what you think of CLAIM, signed, sealed in the shared log and sent to all members.

    Without CLAIM: list all claims and opinions. With --export FILE: write the claim and every opinion on it as a STIX
    bundle that anyone can check: python -m pollwatch.attribution.verify FILE --charter CHARTER. --order FILE beside
    it proves when, and in which order, all of that was said.
    """
    from pollwatch.attribution.scale import Stance
    from pollwatch.node.attribution import lookup

    speaker = spoken.speaker(case_dir, preview=dry_run)
    if claim is None:
        _list(case_dir, as_json=as_json)
        return 0
    subject = lookup.find_claim(speaker.membership, claim)
    if export is not None:
        spoken.export(speaker.membership, subject.id, export, order_out)
        return 0
    chosen = [
        *([stance] if stance else []),
        *(["strongly-disagree"] if deny else []),
        *(["agree"] if agree else []),
        *(["disagree"] if disagree else []),
    ]
    if len(chosen) != 1:
        raise UsageError(_("say one of --deny, --agree, --disagree or --stance"))
    respondent = subject.assertion.respondent
    if deny and respondent != speaker.membership.me:
        named = respondent.name if respondent else subject.assertion.finding.value
        raise UsageError(_("only the respondent can deny; this claim names {named}").format(named=named))
    return spoken.tell(speaker.opine(subject.id, Stance(chosen[0]), text), "pollwatch.opinion/1", as_json=as_json)


def _list(case_dir: Path, *, as_json: bool) -> None:
    from pollwatch.attribution.matrix import Papers
    from pollwatch.attribution.record import Record
    from pollwatch.node.attribution import lookup
    from pollwatch.node.charter.jointfolder import Membership

    judged = lookup.all_judged(Membership.open(case_dir))
    if as_json:
        click.echo(pretty({"schema": "pollwatch.claims/1", "claims": [_document(each) for each in judged]}))
    else:
        spoken.show(Record(judged, (), (), Papers()), case_dir)


def _document(judged: Judged) -> Json:
    assertion, taken_back = judged.claim.assertion, judged.retraction
    opinions: list[Json] = [
        {"id": each.id, "by": each.author.name, "stance": each.stance.value, "denial": each.denial, "text": each.text}
        for each in judged.opinions
    ]
    return {
        "id": judged.claim.id,
        "by": judged.claim.claimant.name,
        "incident": assertion.incident,
        "respondent": assertion.respondent.name if assertion.respondent else assertion.finding.value,
        "likelihood": assertion.likelihood.word if assertion.likelihood else None,
        "confidence": assertion.confidence.value,
        "text": assertion.text,
        "opinions": opinions,
        "retracted": None if taken_back is None else {"text": taken_back.text, "created": taken_back.created},
    }
