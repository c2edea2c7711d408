"""``pollwatch claim``: say who did it, signed; or that this is not known."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from pollwatch.cli import options, spoken
from pollwatch.errors import UsageError
from pollwatch.i18n import _

_SCHEMA = "pollwatch.claim/1"
_LIKELIHOODS = (
    "almost-no-chance",
    "very-unlikely",
    "unlikely",
    "roughly-even",
    "likely",
    "very-likely",
    "almost-certain",
)


@click.command(name="claim", epilog=spoken.CODES)
@click.argument("subject", metavar="INCIDENT|CLAIM")
@click.option("--respondent", metavar="MEMBER|unknown|cannot-be-determined", help="Who is named.")
@click.option("--likelihood", type=click.Choice(_LIKELIHOODS), help="How probable it is (ICD 203); with a MEMBER only.")
@click.option(
    "--confidence",
    type=click.Choice(("low", "moderate", "high")),
    help="How good evidence and reasoning are; that is not how probable it is.",
)
@click.option("--text", required=True, help="The reasoning, for the others and for third parties.")
@click.option(
    "--close",
    type=click.Choice(("upheld", "refuted", "undetermined", "settled")),
    help="Say how CLAIM ended, for the reason in --text; it is closed when enough members say the same.",
)
@click.option("--retract", is_flag=True, help="Take back CLAIM, which you made, for the reason in --text.")
@spoken.dry_run
@options.required_case_dir
@options.as_json
def command(  # noqa: PLR0913 - one argument per option
    *,
    subject: str,
    respondent: str | None,
    likelihood: str | None,
    confidence: str | None,
    text: str,
    close: str | None,
    retract: bool,
    dry_run: bool,
    case_dir: Path,
    as_json: bool,
) -> int:
    """Sign a claim about INCIDENT, seal it in the shared log, and send it to all members, the respondent included.

    INCIDENT was released with `pollwatch share`, or received. The claim is technical: it speaks of systems, not of
    guilt. The respondent can answer, and its denial travels with every copy of the claim; a claim that is taken back
    stays on record, with the reason. A claim is closed by as many members as sign a statement, the respondent not
    counted: upheld, refuted, undetermined, or settled, which is how a respondent that made good regains its standing.
    """
    from pollwatch.attribution.claim import Assertion
    from pollwatch.attribution.closing import Outcome
    from pollwatch.attribution.scale import Confidence, Finding, Likelihood
    from pollwatch.node.attribution import lookup

    speaker = spoken.speaker(case_dir, preview=dry_run)
    if retract and close:
        raise UsageError(_("--retract and --close exclude each other"))
    if close:
        return spoken.tell(speaker.close(subject, Outcome(close), text), _SCHEMA, as_json=as_json)
    if retract:
        taken = lookup.find_claim(speaker.membership, subject)
        return spoken.tell(speaker.retract(taken.id, text), _SCHEMA, as_json=as_json)
    if respondent is None or confidence is None:
        raise UsageError(_("a claim needs --respondent and --confidence"))
    findings = {"unknown": Finding.UNKNOWN, "cannot-be-determined": Finding.CANNOT_BE_DETERMINED}
    finding = findings.get(respondent, Finding.NAMED)
    assertion = Assertion(
        spoken.incident_id(speaker.membership, subject),
        finding,
        speaker.membership.charter.member(respondent) if finding is Finding.NAMED else None,
        Likelihood.parse(likelihood) if likelihood else None,
        Confidence(confidence),
        text,
    )
    return spoken.tell(speaker.claim(assertion), _SCHEMA, as_json=as_json)
