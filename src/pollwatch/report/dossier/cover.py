"""The cover sheet, and the summary in plain language."""

from __future__ import annotations

from pollwatch.attribution.closing import Outcome
from pollwatch.attribution.tally import Part, Tally
from pollwatch.i18n import _
from pollwatch.incidents.incident import Incident
from pollwatch.report.case import actor_names
from pollwatch.report.dossier import words
from pollwatch.report.dossier.blocks import Block, Chapter, Cover, Items, Para, Quote
from pollwatch.report.dossier.claims import reply, whom
from pollwatch.report.dossier.inert import lines, name
from pollwatch.report.dossier.material import Material
from pollwatch.report.dossier.statements import dissenting, outcome
from pollwatch.report.dossier.weighing import leading
from pollwatch.report.words import lines_words, phase_word, severity_word


def cover(material: Material) -> Cover:
    """The first page: what, who says so, who does not, and which bytes this speaks of."""
    return Cover(
        watch=name(material.charter.name),
        word=_("Dossier"),
        title=name(str(material.incident.get("name", "")), 160),
        status=_status(material),
        against=tuple(_against(material)),
        voices=tuple(_voices(material)),
        facts=tuple(_facts(material)),
        caution=_(
            "This dossier speaks of systems and traces, not of guilt. Every word in it that is somebody's is signed by "
            "its author and stands as it was written; denial and dissent stand beside what they are about."
        ),
    )


def summary(material: Material) -> Chapter:
    """What happened, what is said about it by whom, and how sure that is; in plain language."""
    blocks: list[Block] = []
    if material.own is not None:
        blocks.append(Para(_own(material, material.own)))
        blocks.append(Quote(_("In the words of the issuer's case"), lines(material.own.summary)))
    else:
        blocks += [Para(each.text) for each in lines(str(material.incident.get("description", "")))]
    said = []
    for number, judged in enumerate(material.record.judged, 1):
        assertion = judged.claim.assertion
        text = (
            _("{claimant} claims that it was {whom}: {likelihood} ({chances}); confidence: {confidence} (C{n}).")
            if assertion.likelihood
            else _("{claimant} claims: {whom}; confidence: {confidence} (C{n}).")
        )
        said.append(
            text.format(
                claimant=name(judged.claim.claimant.name),
                whom=whom(judged),
                likelihood=words.likelihood(assertion.likelihood) if assertion.likelihood else "",
                chances=words.chances(assertion.likelihood) if assertion.likelihood else "",
                confidence=words.confidence(assertion.confidence),
                n=number,
            )
        )
        if judged.ending.outcome is not None:
            said.append(
                _("Claim C{n} is closed: {outcome}.").format(n=number, outcome=words.outcome(judged.ending.outcome))
            )
        if judged.retraction is not None:
            said.append(
                _("{member} has taken this back (C{n}).").format(member=name(judged.claim.claimant.name), n=number)
            )
        if assertion.respondent is not None:
            said.append(reply(material, judged))
    for number, tally in enumerate(material.record.tallies, 1):
        said.append(_("Statement S{n}, “{title}”. {outcome}").format(
            n=number, title=name(tally.statement.draft.title), outcome=outcome(tally)))  # fmt: skip
    if material.matrix.items:
        said.append(_("Of the explanations that were weighed: {leads}").format(leads=leading(material.matrix)))
    said += _against(material)
    blocks.append(Items(tuple(said)))
    return Chapter("summary", _("In short"), tuple(blocks))


def _own(material: Material, own: Incident) -> str:
    """What the issuer's case says of it, in the paper's language."""
    text = _(
        "From {first} to {last}, {lines} in the logs of {places} show it; sources: {actors}. Severity: {severity}."
    )
    said = text.format(
        first=material.when(own.first_us),
        last=material.when(own.last_us),
        lines=lines_words(len(own.lines)),
        places=words.listed(list(own.targets[:8])),
        actors=", ".join(actor_names(own)) or "–",
        severity=severity_word(own.severity.word),
    )
    if own.election.phase:
        said += " " + _("Phase of the election: {phase}.").format(phase=phase_word(own.election.phase))
    return said


def _status(material: Material) -> str:
    tally = _spoken_of(material)
    if tally is not None:
        kind = _("Joint statement.") if tally.adopted else _("Draft statement.")
        return f"{kind} {outcome(tally)}"
    standing = [each for each in material.record.judged if each.outcome not in {"retracted", Outcome.REFUTED}]
    if standing:
        claimants = dict.fromkeys(each.claim.claimant.name for each in standing)
        return _("Claim by {members}. No joint statement.").format(members=words.listed(list(claimants)))
    if material.record.judged:
        return _("No claim stands: each was taken back or refuted. No joint statement.")
    return _("Nobody has claimed who did it. No joint statement.")


def _voices(material: Material) -> list[tuple[str, str, str]]:
    """Each member's part in the statement that the status is about."""
    tally = _spoken_of(material)
    if tally is None:
        return []
    return [(name(each.member.name), name(each.member.bloc), words.part(each.part)) for each in tally.voices]


def _spoken_of(material: Material) -> Tally | None:
    """The last statement that was adopted, else the last one."""
    tallies = material.record.tallies
    adopted = [each for each in tallies if each.adopted]
    return next(reversed(adopted or list(tallies)), None)


def _against(material: Material) -> list[str]:
    found = []
    for number, judged in enumerate(material.record.judged, 1):
        for each in judged.denials:
            text = _("{member} denies claim C{n}; its words stand beside the claim.")
            found.append(text.format(member=name(each.author.name), n=number))
    for number, tally in enumerate(material.record.tallies, 1):
        for each, late in dissenting(tally):
            text = (
                _("{member} dissents from statement S{n}, after it had closed.")
                if late
                else _("{member} dissents from statement S{n}.")
            )
            found.append(text.format(member=name(each.author.name), n=number))
        found += _quiet(tally, number)
    return found or [_("This record holds neither denial nor dissent.")]


def _quiet(tally: Tally, number: int) -> list[str]:
    quiet = [
        (Part.ABSTAINS, _("Abstained from statement S{n}: {members}.")),
        (Part.SILENT, _("Silent about statement S{n}, by their own receipts of it: {members}.")),
        (Part.UNREACHED, _("Not shown to have been reached by statement S{n}: {members}.")),
    ]
    return [
        text.format(n=number, members=words.listed([each.name for each in tally.of(part)]))
        for part, text in quiet
        if tally.of(part)
    ]


def _facts(material: Material) -> list[tuple[str, str]]:
    main = next((each for each in material.files), None)
    checkpoint = material.checkpoint
    own = material.own
    facts = [
        (_("Issued by"), _("{member} (bloc {bloc})").format(
            member=name(material.issuer.name), bloc=name(material.issuer.bloc))),
        (_("As of"), material.when(material.as_of_us)),
        (_("Incident"), own.id if own is not None else str(material.incident["id"])),
        (_("Election"), ", ".join(name(each) for each in material.charter.elections) or "–"),
        (_("Marking"), _("{label}: {means}").format(label=material.tlp.label, means=words.marking(material.tlp))),
        (_("Charter"), material.charter.digest),
    ]  # fmt: skip
    if main is not None:
        facts.append((_("Bundle, SHA-256"), main.sha256))
    facts += [
        (_("Log"), checkpoint.log),
        (_("Checkpoint"), _("size {size}, cosigned by {members}").format(
            size=checkpoint.size, members=words.listed(list(checkpoint.seen_by)))),
        (_("Root"), checkpoint.root),
    ]  # fmt: skip
    return facts
