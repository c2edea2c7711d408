"""``pollwatch claim``: say who did it, signed; or that this is not known."""

from __future__ import annotations

import getpass
from pathlib import Path

import rich_click as click

from pollwatch.canonical import pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock
from pollwatch.errors import PeerError
from pollwatch.i18n import _

_LIKELIHOODS = (
    "almost-no-chance",
    "very-unlikely",
    "unlikely",
    "roughly-even",
    "likely",
    "very-likely",
    "almost-certain",
)


@click.command(
    name="claim", epilog="Exit codes: 0 signed and delivered to all, 5 signed but somebody could not be reached."
)
@click.argument("incident")
@click.option("--respondent", required=True, metavar="MEMBER|unknown|cannot-be-determined", help="Who is named.")
@click.option("--likelihood", type=click.Choice(_LIKELIHOODS), help="How probable it is (ICD 203); with a MEMBER only.")
@click.option(
    "--confidence",
    type=click.Choice(("low", "moderate", "high")),
    required=True,
    help="How good evidence and reasoning are; that is not how probable it is.",
)
@click.option("--text", required=True, help="The reasoning, for the others and for third parties.")
@options.required_case_dir
@options.as_json
def command(
    *,
    incident: str,
    respondent: str,
    likelihood: str | None,
    confidence: str,
    text: str,
    case_dir: Path,
    as_json: bool,
) -> int:
    """Sign a claim about INCIDENT, seal it in the shared log, and send it to all members, the respondent included.

    INCIDENT was released with `pollwatch share`, or received. The claim is technical: it speaks of systems, not of
    guilt. The respondent can answer, and its denial travels with every copy of the claim.
    """
    from pollwatch.attribution.claim import Assertion
    from pollwatch.attribution.scale import Confidence, Finding, Likelihood
    from pollwatch.cli import share
    from pollwatch.node import joint
    from pollwatch.node.jointfolder import Membership
    from pollwatch.node.releasing import Decision

    membership = Membership.open(case_dir)
    findings = {"unknown": Finding.UNKNOWN, "cannot-be-determined": Finding.CANNOT_BE_DETERMINED}
    finding = findings.get(respondent, Finding.NAMED)
    assertion = Assertion(
        joint.incident_object_id(membership, _local_id(case_dir, incident)),
        finding,
        membership.charter.member(respondent) if finding is Finding.NAMED else None,
        Likelihood.parse(likelihood) if likelihood else None,
        Confidence(confidence),
        text,
    )
    basis = _("charter {name}").format(name=membership.charter.name)
    spoken = joint.claim(membership, assertion, Decision(getpass.getuser(), basis), SystemClock())
    if as_json:
        document = {"schema": "pollwatch.claim/1", "id": spoken.id, "shared_log_index": spoken.log_index}
        click.echo(pretty({**document, "sent": [share.document(each) for each in spoken.sent]}))
    else:
        click.echo(_("{id} signed and sealed, entry {index}").format(id=spoken.id, index=spoken.log_index))
        for each in spoken.sent:
            share.tell(each)
    return PeerError.exit_code if any(each.problem for each in spoken.sent) else 0


def _local_id(case_dir: Path, incident: str) -> str:
    """The full id of one of our incidents from its beginning; ids of received ones stay."""
    if incident.startswith("incident--"):
        return incident
    from pollwatch.incidents.records import Case

    with Case.open(case_dir, SystemClock(), create=False) as case:
        return case.incident(incident).id
