"""Chapter: what members say together, who signed, and who did not."""

from __future__ import annotations

from pollwatch.attribution.opinion import Opinion
from pollwatch.attribution.scale import Stance
from pollwatch.attribution.tally import Part, Tally, Voice
from pollwatch.clock import parse_rfc3339
from pollwatch.i18n import _
from pollwatch.report.dossier import inert, words
from pollwatch.report.dossier.blocks import Block, Chapter, Heading, Inner, Notice, Para, Quote, Spread, Table
from pollwatch.report.dossier.claims import foot, opinion
from pollwatch.report.dossier.inert import lines, name
from pollwatch.report.dossier.material import Material


def chapter(material: Material) -> Chapter:
    """Every statement, dissent beside it, and every member's part in it."""
    blocks: list[Block] = [
        Para(
            _(
                "A statement is signed word for word. Members count by head and by bloc, whoever is named by it counts "
                "for neither side, and after its closing time nothing changes the count. Silence is listed as silence: "
                "neither consent nor dissent. Only who had the draft in time, by its own signed receipt, is called "
                "silent."
            )
        )
    ]
    if not material.record.tallies:
        blocks.append(Notice(_("There is no joint statement."), "plain"))
    for number, tally in enumerate(material.record.tallies, 1):
        blocks += _statement(material, tally, number)
    return Chapter("statements", _("What is said together"), tuple(blocks))


def outcome(tally: Tally) -> str:
    """Adopted or not, with the count."""
    signed = tally.of(Part.SIGNED)
    said = (
        _("Adopted: signed by {signed} of {all} from {blocs} blocs; {needed} from {needed_blocs} blocs were needed.")
        if tally.adopted
        else _("Not adopted: signed by {signed} of {all} from {blocs} blocs; it takes {needed} from {needed_blocs}.")
    )
    return said.format(
        signed=len(signed),
        all=sum(each.part not in {Part.OBSERVES, Part.RESPONDENT} for each in tally.voices),
        blocs=len({each.bloc for each in signed}),
        needed=tally.needed,
        needed_blocs=tally.needed_blocs,
    )


def dissenting(tally: Tally) -> list[tuple[Opinion, bool]]:
    """Every disagreement with a statement, and whether it came late; oldest first."""
    found = [
        (each, number >= len(voice.said) - voice.late)
        for voice in tally.voices
        for number, each in enumerate(voice.said)
        if each.stance in {Stance.DISAGREE, Stance.STRONGLY_DISAGREE}
    ]
    return sorted(found, key=lambda pair: (pair[0].created, pair[0].id))


def _statement(material: Material, tally: Tally, number: int) -> list[Block]:
    draft = tally.statement.draft
    text = Quote(
        _("Statement, drafted by {member}").format(member=name(tally.statement.drafter.name)),
        lines(draft.text),
        foot(material, tally.statement.created, tally.statement.name.id),
        "good" if tally.adopted else "plain",
    )
    against: list[Inner] = [opinion(material, each, late=late) for each, late in dissenting(tally)]
    closes = _("It closes on {when}.").format(when=material.when(draft.closes_us))
    return [
        Heading(_("S{number}. {title}").format(number=number, title=name(draft.title))),
        Notice(outcome(tally), "good" if tally.adopted else "warn"),
        Spread((text, Para(closes)), tuple(against) or (Para(_("Nobody has dissented in this record.")),)),
        _voices(material, tally),
        *_dated_back(tally),
    ]


def _dated_back(tally: Tally) -> list[Block]:
    """Whose words say that they came in time, and did not."""
    found = [each.member.name for each in tally.voices if each.back]
    text = _("Dated before the closing, and shown by the order of events to have come after it: words of {members}.")
    return [Notice(text.format(members=words.listed(found)), "warn")] if found else []


def _voices(material: Material, tally: Tally) -> Table:
    rows = []
    for voice in tally.voices:
        member = voice.member
        if member == tally.statement.drafter:
            had = _("drafted it")
        elif voice.notice is not None:
            had = material.when(voice.notice.received_us)
        else:
            had = _("no receipt on record")
        rows.append((name(member.name), name(member.bloc), words.part(voice.part), _said(material, voice), had))
    head = (_("Member"), _("Bloc"), _("Did"), _("Said"), _("Received, by its own receipt"))
    return Table(head, tuple(rows), (3, 2, 3, 5, 4))


def _said(material: Material, voice: Voice) -> str:
    """What a member said that is no dissent (that stands beside the statement), and when."""
    said = []
    for number, each in enumerate(voice.said):
        late = number >= len(voice.said) - voice.late
        when = material.when(parse_rfc3339(each.created))
        shown = _("{stance}, {when}").format(stance=words.stance(each.stance), when=when)
        shown = _("{said}, after closing").format(said=shown) if late else shown
        if each.stance not in {Stance.DISAGREE, Stance.STRONGLY_DISAGREE}:
            shown = f"{shown}: {inert.words(each.text)}"
        said.append(shown)
    return "; ".join(said) or "–"
