"""A fact sheet for diplomats: what is said together, by whom, against whose word, how sure, and what nobody knows.

It never says more than the statement: what is established is the adopted text, word for word, and nothing from the
issuer's own logs is in it. Denial and dissent cannot be left out.
"""

from __future__ import annotations

from pollwatch.attribution.tally import Part, Tally
from pollwatch.i18n import _
from pollwatch.report.dossier import words
from pollwatch.report.dossier.blocks import Quote
from pollwatch.report.dossier.claims import foot, opinion, reply, whom
from pollwatch.report.dossier.inert import lines, name
from pollwatch.report.dossier.material import Material
from pollwatch.report.dossier.sheet import Section, Sheet
from pollwatch.report.dossier.statements import dissenting, outcome


def make(material: Material) -> Sheet:
    """The fact sheet, in the language that is spoken (:mod:`pollwatch.i18n`)."""
    lead = _("Issued by {member}, as of {when}. It speaks of systems and traces, not of guilt.")
    return Sheet(
        _("en"),
        _("Fact sheet: {watch}").format(watch=name(material.charter.name)),
        lead.format(member=name(material.issuer.name), when=material.when(material.as_of_us)),
        marks(material),
        (
            _established(material),
            _agreed(material),
            _against(material),
            _claimed(material),
            _unknown(material),
            _check(material),
        ),
    )


def marks(material: Material) -> tuple[str, ...]:
    """What stands above and below every paper of a case."""
    shown = f"{material.tlp.label}: {words.marking(material.tlp)}"
    return (shown, _("EXERCISE: nothing in it is real")) if material.charter.exercise else (shown,)


def _adopted(material: Material) -> list[Tally]:
    return [each for each in material.record.tallies if each.adopted]


def _established(material: Material) -> Section:
    adopted = [each.statement for each in _adopted(material)]
    quotes = tuple(
        Quote(name(each.draft.title), lines(each.draft.text), foot(material, each.created, each.name.id), "good")
        for each in adopted
    )
    none = (_("No joint statement was adopted: nothing is established together."),)
    return Section(_("What is established"), () if quotes else none, quotes)


def _agreed(material: Material) -> Section:
    said = []
    for each in material.record.tallies:
        said.append(f"“{name(each.statement.draft.title)}”: {outcome(each)}")
        for part in Part:
            members = [member.name for member in each.of(part)]
            if members:
                said.append(f"{words.part(part)}: {words.listed(members)}")
    return Section(_("By whom"), tuple(said) or (_("Nobody has been asked to sign a statement."),))


def _against(material: Material) -> Section:
    quotes = [opinion(material, each) for judged in material.record.judged for each in judged.denials]
    quotes += [
        opinion(material, each, late=late) for tally in material.record.tallies for each, late in dissenting(tally)
    ]
    none = (_("This record holds neither denial nor dissent."),)
    return Section(_("Denial and dissent, word for word"), () if quotes else none, tuple(quotes))


def _claimed(material: Material) -> Section:
    said = [_("A claim is its author's word alone. How probable it is and how good the evidence is are two things.")]
    for judged in material.record.judged:
        assertion = judged.claim.assertion
        text = _("{claimant} claims: {whom}.").format(claimant=name(judged.claim.claimant.name), whom=whom(judged))
        if assertion.likelihood is not None:
            text += " " + _("Likelihood: {likelihood} ({chances}).").format(
                likelihood=words.likelihood(assertion.likelihood), chances=words.chances(assertion.likelihood)
            )
        text += " " + _("Confidence: {confidence}.").format(confidence=words.confidence(assertion.confidence))
        if judged.retraction is not None:
            text += " " + _("Its author has taken it back.")
        elif judged.ending.outcome is not None:
            text += " " + _("Closed: {outcome}.").format(outcome=words.outcome(judged.ending.outcome))
        if assertion.respondent is not None:
            text += " " + reply(material, judged)
        said.append(text)
    return Section(_("What single members claim"), tuple(said))


def _unknown(material: Material) -> Section:
    said = []
    if not _adopted(material):
        said.append(_("Whether the members agree."))
    if not any(each.claim.assertion.respondent for each in material.record.judged):
        said.append(_("Who did it: nobody in the joint watch is named by a claim in this record."))
    for asked in material.record.asked:
        if not asked.answers:
            text = _("{member} has not answered the question of {asker}.")
            said.append(text.format(member=name(asked.inquiry.asked.name), asker=name(asked.inquiry.asker.name)))
    said.append(_("Whether every member told all that it knows: no signature can show what was left out."))
    return Section(_("What is not known"), tuple(said))


def _check(material: Material) -> Section:
    enclosed = [each for each in material.files if each.name == "record.json"]
    said = [f"{each.name}: SHA-256 {each.sha256}" for each in enclosed]
    charter = _("Charter: {digest}").format(digest=material.charter.digest)
    return Section(_("Check it yourself"), (*said, charter), commands=tuple(each.command for each in enclosed))
