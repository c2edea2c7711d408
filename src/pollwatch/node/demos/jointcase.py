"""The joint demo's case: a claim, its denial, what else could explain it, and all of that as a dossier.

What is claimed is wrong, as it is in life: the address came to the accused as well. The matrix shows it, and shows on
whose evidence that hangs.
"""

from __future__ import annotations

from typing import Final

from pollwatch.attribution.claim import Assertion
from pollwatch.attribution.hypotheses import Fit
from pollwatch.attribution.scale import Confidence, Finding, Likelihood, Stance
from pollwatch.i18n import _
from pollwatch.incidents.records import Case
from pollwatch.node.attribution import dossiers, lookup
from pollwatch.node.demos.jointacts import TOLD, speaker
from pollwatch.node.demos.jointstory import ALDER, CEDAR, DOGWOOD, Stage4
from pollwatch.node.gateway import processes
from pollwatch.report.dossier import weighing
from pollwatch.report.story import Step

#: From two blocs, neither of which is the accused's.
_RATERS: Final = (ALDER, DOGWOOD)
_ANSWER_S: Final = 3 * 86_400
#: Papers are made in the languages of both neighbours.
_LANGUAGES: Final = ("en", "nl")


def gravest(stage: Stage4) -> str:
    """Alder's own id of the incident that it told of."""
    with Case.open(stage.case(ALDER), stage.clock, create=False) as case:
        return max(case.incidents(), key=lambda incident: incident.severity).id


def weigh(stage: Stage4) -> Step:
    """Alder names Cedar; Cedar denies, and shows that it was hit from the same address; two blocs rate both items."""
    incident = lookup.incident_object_id(stage.members[ALDER], gravest(stage))
    cedar = stage.members[CEDAR].me
    why = _("The address {address} belongs to a network that serves Cedar Ministry too.").format(address=TOLD)
    assertion = Assertion(incident, Finding.NAMED, cedar, Likelihood.ROUGHLY_EVEN, Confidence.LOW, why)
    claim = speaker(stage, ALDER).claim(assertion).id
    denial = _("We deny this. The address is rented out by the hour, and came to our own office in the same week.")
    speaker(stage, CEDAR).opine(claim, Stance.STRONGLY_DISAGREE, denial)
    until_us = (stage.clock.now_us() // 1_000_000 + _ANSWER_S) * 1_000_000
    question = _("Who rented {address} from your provider in that week?").format(address=TOLD)
    speaker(stage, ALDER).ask(cedar, incident, question, until_us)
    named = speaker(stage, ALDER).suppose(incident, _("Cedar Ministry's own network did it."), cedar).id
    network = speaker(stage, ALDER).add_item(incident, why).id
    victim = speaker(stage, CEDAR).add_item(incident, _("The same address attacked Cedar Ministry.")).id
    cells = (
        (network, named, Fit.CONSISTENT, _("Its network, among a thousand others'.")),
        (network, "false-flag", Fit.CONSISTENT, _("Whoever wants to point at Cedar would rent just there.")),
        (victim, named, Fit.STRONGLY_INCONSISTENT, _("Nobody breaks into their own office for show.")),
        (victim, "false-flag", Fit.CONSISTENT, _("It hit both.")),
    )
    for name in _RATERS:
        voice = speaker(stage, name)
        for item, hypothesis, fit, text in cells:
            voice.rate(item, hypothesis, fit, text)
    found = lookup.matrix_of(speaker(stage, ALDER).membership, incident)
    (without,) = (each.leading for each in found.without_member if each.what == CEDAR)
    facts = (
        (ALDER, _("claims: {text}").format(text=why)),
        (CEDAR, _("denies: {text}").format(text=denial)),
        (_("weighed by two blocs"), weighing.leading(found)),
        (_("without Cedar's evidence"), _("{n} explanations are level").format(n=len(without))),
    )
    expected = found.leading == ("false-flag",) and set(without) == {named, "false-flag"}
    title = _("One member is named, and denies; two blocs weigh what else could explain it")
    return Step("weigh", title, facts, expected)


def dossier(stage: Stage4) -> Step:
    """All of it as papers for people who decide, with what proves them; checked as a stranger would."""
    out = stage.evidence / "dossier"
    config = stage.week / "pollwatch.toml"
    made = dossiers.make(stage.case(ALDER), gravest(stage), out, stage.clock, languages=_LANGUAGES, config_file=config)
    arguments = ("verify", str(out / dossiers.EVIDENCE), "--policy", str(out / dossiers.POLICY))
    code, said = processes.run_module("pollwatch", *arguments)
    stage.artefacts["dossier"] = out
    facts = [(language, str(pdf)) for language, (pdf, _html) in made.papers.items()]
    facts += [
        (_("evidence"), made.unproven if made.proof is None else _("graded {grade}").format(grade=made.proof.grade)),
        (_("a third party's check"), _("exit code {code}").format(code=code)),
    ]
    expected = made.proof is not None and code == 0 and "denial by the respondent, Cedar Ministry" in said
    return Step("dossier", _("The whole case as a dossier, denial and dissent in it"), tuple(facts), expected)
