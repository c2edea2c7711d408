"""Chapter: what is claimed, and beside it what is said against it."""

from __future__ import annotations

from pollwatch.attribution.opinion import Opinion
from pollwatch.attribution.record import Judged
from pollwatch.attribution.scale import Confidence, Likelihood
from pollwatch.clock import parse_rfc3339
from pollwatch.i18n import _
from pollwatch.report.dossier import words
from pollwatch.report.dossier.blocks import Block, Chapter, Gauge, Heading, Inner, Notice, Para, Quote, Spread
from pollwatch.report.dossier.inert import lines, name
from pollwatch.report.dossier.material import Material


def chapter(material: Material) -> Chapter:
    """Every claim with every word about it."""
    blocks: list[Block] = [
        Para(
            _(
                "A claim is technical: it speaks of systems and traces, not of guilt, and what follows from it in law "
                "or politics is not said here. How probable a claim is and how good the evidence for it is are two "
                "things, said apart. All words are their author's, unaltered and signed."
            )
        )
    ]
    if not material.record.judged:
        blocks.append(Notice(_("Nobody has claimed anything about who did it."), "plain"))
    for number, judged in enumerate(material.record.judged, 1):
        blocks += _claim(material, judged, number)
    return Chapter("claims", _("What is claimed, and what is said against it"), tuple(blocks), fresh=True)


def whom(judged: Judged) -> str:
    """Whom a claim names, or what else it finds."""
    assertion = judged.claim.assertion
    return name(assertion.respondent.name) if assertion.respondent else words.finding(assertion.finding)


def foot(material: Material, created: str, identifier: str) -> str:
    """When something was said, as its author says, and where it is on record."""
    place = material.places.get(identifier)
    when = material.when(parse_rfc3339(created), seconds=True)
    return when if place is None else _("{when}; entry {index}").format(when=when, index=place.index)


def opinion(material: Material, each: Opinion, *, late: bool = False) -> Quote:
    """An opinion, in its author's words."""
    if each.denial:
        head = _("Denial by {member}, the respondent").format(member=name(each.author.name))
    else:
        head = _("{member} {stance}").format(member=name(each.author.name), stance=words.stance(each.stance))
    if late:
        head = _("{head} (after closing)").format(head=head)
    against = each.denial or each.stance.value.endswith("disagree")
    return Quote(head, lines(each.text), foot(material, each.created, each.id), "bad" if against else "plain")


def _claim(material: Material, judged: Judged, number: int) -> list[Block]:
    claim = judged.claim
    head = _("C{number}. {claimant} claims: {whom}").format(
        number=number, claimant=name(claim.claimant.name), whom=whom(judged)
    )
    blocks: list[Block] = [Heading(head)]
    if judged.retraction is not None:
        taken = _("Taken back by {member}").format(member=name(judged.retraction.author.name))
        when = foot(material, judged.retraction.created, judged.retraction.id)
        blocks.append(Quote(taken, lines(judged.retraction.text), when, "warn"))
    blocks.append(Spread(_for(material, judged), _against(material, judged)))
    agreeing = [each for each in judged.opinions if not _speaks_against(each)]
    blocks += [opinion(material, each) for each in agreeing]
    return blocks + _ending(material, judged)


def _ending(material: Material, judged: Judged) -> list[Block]:
    """How the claim ended, as members say, and whether enough of them say so."""
    ending = judged.ending
    blocks: list[Block] = []
    for each in ending.said:
        text = _("{member} on how it ended: {outcome}")
        head = text.format(member=name(each.author.name), outcome=words.outcome(each.outcome))
        blocks.append(Quote(head, lines(each.text), foot(material, each.created, each.id)))
    if ending.outcome is not None:
        text = _("Closed: {outcome}, say {members}.")
        by = words.listed([each.name for each in ending.by])
        blocks.append(Notice(text.format(outcome=words.outcome(ending.outcome), members=by), "good"))
    elif ending.said:
        blocks.append(Notice(_("It stays open: too few members of too few blocs say the same about how it ended.")))
    return blocks


def _for(material: Material, judged: Judged) -> tuple[Inner, ...]:
    assertion = judged.claim.assertion
    blocks: list[Inner] = [
        Quote(
            _("{member} claims").format(member=name(judged.claim.claimant.name)),
            lines(assertion.text),
            foot(material, judged.claim.created, judged.claim.id),
        )
    ]
    if assertion.likelihood is not None:
        bands = tuple(Likelihood)
        at = bands.index(assertion.likelihood)
        scale = tuple(map(words.likelihood, bands))
        blocks.append(Gauge(_("How probable"), scale, at, words.chances(assertion.likelihood)))
    levels = tuple(Confidence)
    blocks.append(
        Gauge(
            _("How good the evidence is"),
            tuple(map(words.confidence, levels)),
            levels.index(assertion.confidence),
        )
    )
    return tuple(blocks)


def _against(material: Material, judged: Judged) -> tuple[Inner, ...]:
    against = [each for each in judged.opinions if _speaks_against(each)]
    against.sort(key=lambda each: (not each.denial, each.created, each.id))
    blocks: list[Inner] = [opinion(material, each) for each in against]
    respondent = judged.claim.assertion.respondent
    if respondent is None:
        return tuple(blocks) or (Para(_("This claim names nobody, and nobody has objected to it.")),)
    if not judged.denials:
        blocks.insert(0, Para(_("{member} has not denied it in this record.").format(member=name(respondent.name))))
    blocks.append(Para(reply(material, judged)))
    return tuple(blocks)


def reply(material: Material, judged: Judged) -> str:
    """Whether the respondent had the claim, by its own receipt, and until when its answer was in time."""
    respondent = judged.claim.assertion.respondent
    if judged.notice is None or judged.reply_by_us is None:
        if any(each.author == respondent for each in judged.opinions):
            return _("The respondent has answered; no receipt of the claim is on record.")
        return _("No receipt on record shows that the respondent has the claim; its silence would mean nothing.")
    replied = [parse_rfc3339(each.created) for each in judged.opinions if each.author == judged.notice.receiver]
    if any(each <= judged.reply_by_us for each in replied):
        said = _("{member} received the claim on {received}, by its own receipt, and answered in time.")
    elif replied:
        said = _("{member} received the claim on {received}, by its own receipt; it answered after {until}.")
    else:
        said = _("{member} received the claim on {received}, by its own receipt; it can answer until {until}.")
    return said.format(
        member=name(judged.notice.receiver.name),
        received=material.when(judged.notice.received_us),
        until=material.when(judged.reply_by_us),
    )


def _speaks_against(each: Opinion) -> bool:
    return each.denial or each.stance.value.endswith("disagree")
