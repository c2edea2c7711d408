"""Chapters: what was asked and answered, and what else belongs to the case: measures, reports of others."""

from __future__ import annotations

from pollwatch.attribution.measure import Taken
from pollwatch.attribution.record import Asked
from pollwatch.clock import parse_rfc3339
from pollwatch.i18n import _
from pollwatch.report.dossier import words
from pollwatch.report.dossier.blocks import Block, Chapter, Facts, Heading, Inner, Notice, Para, Quote, Spread
from pollwatch.report.dossier.claims import foot
from pollwatch.report.dossier.inert import lines, name
from pollwatch.report.dossier.material import Material
from pollwatch.stix.constants import StixObject


def inquiries(material: Material) -> Chapter:
    """Every question with its answer, or with what shows its silence."""
    blocks: list[Block] = []
    if not material.record.asked:
        blocks.append(Para(_("Nobody was asked formally.")))
    for number, asked in enumerate(material.record.asked, 1):
        blocks += _inquiry(material, asked, number)
    return Chapter("inquiries", _("What was asked and answered"), tuple(blocks))


def measures(material: Material) -> Chapter:
    """What was done about it, as far as the case's file says so: by whom, when, and how it went."""
    blocks: list[Block] = []
    for number, taken in enumerate(material.record.taken, 1):
        blocks += _measure(material, taken, number)
    blocks += [_paper(material, each) for each in material.others]
    if not blocks:
        blocks.append(Para(_("The file of this case records no measure.")))
    return Chapter("measures", _("What was done about it"), tuple(blocks))


def _inquiry(material: Material, asked: Asked, number: int) -> list[Block]:
    question = asked.inquiry
    head = _("Q{number}. {asker} asks {asked}").format(
        number=number, asker=name(question.asker.name), asked=name(question.asked.name)
    )
    left = (
        Quote(_("Question"), lines(question.text), foot(material, question.created, question.name.id)),
        Para(_("An answer is expected until {when}.").format(when=material.when(question.reply_by_us))),
    )
    right: list[Inner] = [
        Quote(
            _("Answer of {member}").format(member=name(each.author.name)),
            lines(each.text),
            foot(material, each.created, each.id),
        )
        for each in asked.answers
    ]
    right.append(_standing(material, asked))
    return [Heading(head), Spread(left, tuple(right))]


def _standing(material: Material, asked: Asked) -> Notice | Para:
    member = name(asked.inquiry.asked.name)
    until = material.when(asked.inquiry.reply_by_us)
    in_time = any(parse_rfc3339(each.created) <= asked.inquiry.reply_by_us for each in asked.answers)
    if asked.notice is None:
        text = _("No receipt on record shows that {member} has the question.").format(member=member)
        return Para(text)
    received = material.when(asked.notice.received_us)
    if in_time:
        text = _("{member} received it on {received}, by its own receipt, and answered in time.")
        return Para(text.format(member=member, received=received))
    if asked.answers:
        text = _("{member} received it on {received}, by its own receipt; it answered after {until}.")
    elif material.as_of_us <= asked.inquiry.reply_by_us:
        text = _("{member} received it on {received}, by its own receipt; there is no answer yet.")
        return Para(text.format(member=member, received=received))
    else:
        text = _("{member} received it on {received}, by its own receipt, and was silent until {until}.")
    return Notice(text.format(member=member, received=received, until=until))


def _measure(material: Material, taken: Taken, number: int) -> list[Block]:
    """A measure: who decided it and to whom it went, and beside it what came of it."""
    measure, deed = taken.measure, taken.measure.deed
    head = _("M{number}. {member}: {kind}").format(
        number=number, member=name(measure.author.name), kind=words.measure(deed.kind)
    )
    facts = [(_("Decided by"), name(deed.decided_by)), (_("Went to"), name(deed.addressee) or "–")]
    why = Quote(_("Why"), lines(deed.text), foot(material, measure.created, measure.name.id))
    came: list[Inner] = [
        Quote(
            _("What came of it: {result}").format(result=words.result(each.result)),
            lines(each.text),
            foot(material, each.created, each.id),
        )
        for each in taken.outcomes
    ]
    left = (why, Facts(tuple(facts)))
    right = tuple(came) or (Para(_("What came of it is not on record.")),)
    handed = [Facts(((_("Handed over, SHA-256"), deed.digest),))] if deed.digest else []
    return [Heading(head), Spread(left, right), *handed]


def _paper(material: Material, each: StixObject) -> Quote:
    author = material.roll.by_identity(str(each.get("created_by_ref")))
    title = str(each.get("name") or each.get("abstract") or each["type"])
    text = str(each.get("description") or each.get("content") or "")
    head = _("{member}: {title}").format(member=name(author.name if author else "?"), title=name(title))
    return Quote(head, lines(text), foot(material, str(each["created"]), str(each["id"])))
