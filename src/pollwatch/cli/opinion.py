"""``pollwatch opinion``: agree with a claim, disagree, or deny it."""

from __future__ import annotations

import getpass
from pathlib import Path

import rich_click as click

from pollwatch.canonical import Json, pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock
from pollwatch.errors import PeerError, UsageError
from pollwatch.events.printable import printable
from pollwatch.i18n import _

_STANCES = ("strongly-disagree", "disagree", "neutral", "agree", "strongly-agree")


@click.command(
    name="opinion", epilog="Exit codes: 0 signed and delivered to all, 5 signed but somebody could not be reached."
)
@click.argument("claim", required=False)
@click.option("--stance", type=click.Choice(_STANCES), help="How far you agree.")
@click.option("--deny", is_flag=True, help="You are the respondent, and it was not so.")
@click.option("--agree", is_flag=True, help="Short for --stance agree.")
@click.option("--disagree", is_flag=True, help="Short for --stance disagree.")
@click.option("--text", default="", help="Why, for the others and for third parties.")
@click.option("--export", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write CLAIM's record.")
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
    case_dir: Path,
    as_json: bool,
) -> int:
    """Say what you think of CLAIM, signed, sealed in the shared log and sent to all members.

    Without CLAIM: list all claims and opinions. With --export FILE: write the claim and every opinion on it as a STIX
    bundle that anyone can check: python -m pollwatch.attribution.verify FILE --charter CHARTER.
    """
    from pollwatch.node import joint
    from pollwatch.node.jointfolder import Membership

    membership = Membership.open(case_dir)
    joint.take_in(membership, SystemClock())
    if claim is None:
        _list(case_dir, as_json=as_json)
        return 0
    if export is not None:
        export.write_bytes(joint.record_of(membership, claim))
        return 0
    chosen = [
        *([stance] if stance else []),
        *(["strongly-disagree"] if deny else []),
        *(["agree"] if agree else []),
        *(["disagree"] if disagree else []),
    ]
    if len(chosen) != 1:
        raise UsageError(_("say one of --deny, --agree, --disagree or --stance"))
    return _opine(case_dir, claim, chosen[0], text, deny=deny, as_json=as_json)


def _opine(case_dir: Path, claim: str, stance: str, text: str, *, deny: bool, as_json: bool) -> int:
    from pollwatch.attribution.scale import Stance
    from pollwatch.cli import share
    from pollwatch.node import joint
    from pollwatch.node.jointfolder import Membership
    from pollwatch.node.releasing import Decision

    membership = Membership.open(case_dir)
    subject = joint.find_claim(membership, claim)
    if deny and subject.assertion.respondent != membership.me:
        named = subject.assertion.respondent.name if subject.assertion.respondent else subject.assertion.finding.value
        raise UsageError(_("only the respondent can deny; this claim names {named}").format(named=named))
    basis = _("charter {name}").format(name=membership.charter.name)
    decision = Decision(getpass.getuser(), basis)
    spoken = joint.opine(membership, subject.id, Stance(stance), text, decision, SystemClock())
    if as_json:
        document = {"schema": "pollwatch.opinion/1", "id": spoken.id, "shared_log_index": spoken.log_index}
        click.echo(pretty({**document, "sent": [share.document(each) for each in spoken.sent]}))
    else:
        click.echo(_("{id} signed and sealed, entry {index}").format(id=spoken.id, index=spoken.log_index))
        for each in spoken.sent:
            share.tell(each)
    return PeerError.exit_code if any(each.problem for each in spoken.sent) else 0


def _list(case_dir: Path, *, as_json: bool) -> None:
    from pollwatch.node import joint
    from pollwatch.node.jointfolder import Membership

    documents: list[Json] = []
    for judged in joint.all_judged(Membership.open(case_dir)):
        assertion = judged.claim.assertion
        named = assertion.respondent.name if assertion.respondent else assertion.finding.value
        opinions: list[Json] = [
            {"id": o.id, "by": o.author.name, "stance": o.stance.value, "denial": o.denial, "text": o.text}
            for o in judged.opinions
        ]
        documents.append(
            {
                "id": judged.claim.id,
                "by": judged.claim.claimant.name,
                "incident": assertion.incident,
                "respondent": named,
                "likelihood": assertion.likelihood.word if assertion.likelihood else None,
                "confidence": assertion.confidence.value,
                "text": assertion.text,
                "opinions": opinions,
            }
        )
        if not as_json:
            band = assertion.likelihood.word if assertion.likelihood else "-"
            head = f"{judged.claim.claimant.name}: {named} ({band}; {assertion.confidence.value}): {assertion.text}"
            click.echo(f"{judged.claim.id}  {printable(head, 2000)}")
            for each in judged.opinions:
                kind = _("denial") if each.denial else _("opinion")
                click.echo(f"  {kind}: {printable(f'{each.author.name}: {each.stance.value}: {each.text}', 2000)}")
    if as_json:
        click.echo(pretty({"schema": "pollwatch.claims/1", "claims": documents}))
