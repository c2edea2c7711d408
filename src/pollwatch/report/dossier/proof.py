"""Chapters: the evidence, what it proves, how anybody checks that, and what is not known."""

from __future__ import annotations

from pollwatch.clock import parse_rfc3339
from pollwatch.i18n import _
from pollwatch.incidents.coverage import CoverageAnswer
from pollwatch.report.dossier import words
from pollwatch.report.dossier.blocks import Block, Chapter, Commands, Facts, Heading, Items, Notice, Para, Table
from pollwatch.report.dossier.inert import name
from pollwatch.report.dossier.material import Material


def evidence(material: Material) -> Chapter:
    """Commitments, what is enclosed and what that proves, and where everything that was said is on record."""
    blocks: list[Block] = [
        Para(
            _(
                "Logs are append-only and signed. An entry is named by its log, its place in it, and its leaf hash; "
                "nobody can change it or put another in its place unseen by the members that cosigned the log."
            )
        ),
        Heading(_("What is enclosed")),
        _enclosed(material),
        *_proven(material),
        Heading(_("Items of evidence and what they commit to")),
        _commitments(material),
        Heading(_("What was said, and where it is on record")),
        Para(
            _(
                "Entries of log {log}, the issuer's shared log, at size {size}. What others said was entered there "
                "when it was received. Cosigned by: {members}."
            ).format(
                log=material.checkpoint.log,
                size=material.checkpoint.size,
                members=words.listed(list(material.checkpoint.seen_by)),
            )
        ),
        _on_record(material),
    ]
    return Chapter("evidence", _("Evidence"), tuple(blocks), fresh=True)


def checking(material: Material) -> Chapter:
    """The very commands, and the keys to compare by telephone."""
    blocks: list[Block] = [
        Para(
            _(
                "Nothing here asks to be believed. What follows needs no network, and trusts neither whoever made this "
                "dossier nor whoever passed it on. Get charter and keys from the members themselves, not from this "
                "dossier."
            )
        ),
        Commands(
            _("In the folder of this dossier, with pollwatch:"),
            tuple(each.command for each in material.files if each.command),
        ),
        Commands(
            _("Without any of our software: are these the files that the cover names?"), ("sha256sum -c SHA256SUMS",)
        ),
        Para(
            _(
                "Without a command line: open verify.html in a browser, from disk, and give it the evidence bundle. "
                "The page loads nothing and sends nothing."
            )
        ),
        Para(
            _(
                "What the checks show: who signed what, and when, as each author says; that every opinion, signature, "
                "answer and retraction is about exactly the text that stands here; who signed a statement and who did "
                "not; that a receiver had what it had. They cannot show that what is claimed is true."
            )
        ),
        Heading(_("The members' keys")),
        Para(_("Compare them, and the charter's hash, with their owners by telephone.")),
        Facts(((_("Charter"), material.charter.digest),)),
        _keys(material),
    ]
    return Chapter("checking", _("Check it yourself"), tuple(blocks))


def unknown(material: Material) -> Chapter:
    """What is missing, said as plainly as what is there."""
    found = [_gap(each) for each in material.coverage if each.missing]
    for asked in material.record.asked:
        if not asked.answers:
            text = _("{member} has not answered the question of {asker}.")
            found.append(text.format(member=name(asked.inquiry.asked.name), asker=name(asked.inquiry.asker.name)))
    numbered = enumerate(material.matrix.hypotheses, 1)
    bare = [f"H{number}" for number, each in numbered if each.id not in material.matrix.against]
    if bare:
        text = _("Explanations that not enough blocs have rated on any item: {names}.")
        found.append(text.format(names=", ".join(bare)))
    if material.own is None:
        found.append(
            _("The issuer did not see this incident in its own logs; it was told of it by {member}.").format(
                member=_teller(material)
            )
        )
    if material.proof is not None:
        found += [each.text for each in material.proof.statements if each.weight == "not-proven"]
    found.append(_("Whether every member told all that it knows: no signature can show what was left out."))
    return Chapter("unknown", _("What is not known"), (Items(tuple(name(each, 1200) for each in found)),))


def _gap(each: CoverageAnswer) -> str:
    """What the issuer's logs cannot show, and why; some answers say why themselves."""
    if each.missing in each.answer:
        return f"{each.question} {each.answer}."
    return _("{question} {answer}; missing: {missing}.").format(
        question=each.question, answer=each.answer, missing=each.missing
    )


def _teller(material: Material) -> str:
    author = material.roll.by_identity(str(material.incident.get("created_by_ref")))
    return name(author.name) if author else "?"


def _enclosed(material: Material) -> Table:
    rows = tuple((each.name, each.sha256) for each in material.files)
    return Table((_("File"), _("SHA-256")), rows, (2, 7), (1,))


def _proven(material: Material) -> list[Block]:
    if material.proof is None:
        notice = Notice(_("No evidence bundle is enclosed: {reason}").format(reason=name(material.unproven, 400)))
        return [notice, *_told(material)]
    said = {"proven": _("The evidence bundle proves"), "said": _("It only says")}
    blocks: list[Block] = [Facts(((_("Grade"), words.grade(material.proof.grade)),))]
    for weight, head in said.items():
        chosen = tuple(name(each.text, 1200) for each in material.proof.statements if each.weight == weight)
        if chosen:
            blocks += [Heading(head), Items(chosen)]
    return blocks


def _told(material: Material) -> list[Block]:
    """From whom the issuer has what it did not see itself, byte for byte as it came."""
    if not material.received:
        return []
    rows = tuple(
        (each.name, name(each.sender), material.when(each.sent_us), material.when(each.received_us))
        for each in material.received
    )
    text = _(
        "This is what the issuer was told, the first time by each that told it, as it came; what is in it is signed by "
        "its authors. Who brought it, and when, is the issuer's word."
    )
    return [Para(text), Table((_("File"), _("From"), _("Sent"), _("Received")), rows, (3, 3, 4, 4))]


def _commitments(material: Material) -> Table:
    seen = words.listed(list(material.checkpoint.seen_by))
    opened = _("opened in the bundle") if material.proof is not None else _("committed, not opened here")
    rows = [
        (_("Incident"), each.log, str(each.index), each.leaf, opened if material.own else _("committed"), seen)
        for each in material.leaves
    ]
    for number, item in enumerate(material.matrix.items, 1):
        rows += [
            (f"E{number}", leaf.log, str(leaf.index), leaf.leaf, _("committed"), name(item.provider.name))
            for leaf in item.evidence
        ]
        if not item.evidence:
            rows.append((f"E{number}", "–", "–", "–", _("on its provider's word"), name(item.provider.name)))
    if not rows:
        rows.append(("–", "–", "–", "–", _("no commitment came with the incident"), "–"))
    head = (_("What"), _("Log"), _("Entry"), _("Leaf hash"), _("Standing"), _("Seen by"))
    return Table(head, tuple(rows), (3, 5, 2, 8, 4, 4), (1, 3))


def _on_record(material: Material) -> Table:
    rows = []
    for what, who, created, identifier in said(material):
        place = material.places.get(identifier)
        index, leaf = ("–", "–") if place is None else (str(place.index), place.leaf)
        rows.append((what, name(who), material.when(parse_rfc3339(created)), index, leaf))
    head = (_("What"), _("Who"), _("When, as its author says"), _("Entry"), _("Leaf hash"))
    return Table(head, tuple(rows), (4, 4, 6, 2, 7), (4,))


def said(material: Material) -> list[tuple[str, str, str, str]]:
    """Everything that was said, oldest first: what, by whom, when (as RFC 3339), and its STIX id."""
    record, found = material.record, []
    for number, judged in enumerate(record.judged, 1):
        claim = judged.claim
        found.append((_("claim C{number}").format(number=number), claim.claimant.name, claim.created, claim.id))
        for each in judged.opinions:
            what = _("denial of C{number}") if each.denial else _("opinion on C{number}")
            found.append((what.format(number=number), each.author.name, each.created, each.id))
        what = _("how C{number} ended").format(number=number)
        found += [(what, each.author.name, each.created, each.id) for each in judged.ending.said]
    for number, tally in enumerate(record.tallies, 1):
        drafted = tally.statement
        what = _("statement S{number}").format(number=number)
        found.append((what, drafted.drafter.name, drafted.created, drafted.name.id))
        for voice in tally.voices:
            what = _("opinion on S{number}").format(number=number)
            found += [(what, each.author.name, each.created, each.id) for each in voice.said]
    for number, asked in enumerate(record.asked, 1):
        question = asked.inquiry
        what = _("inquiry Q{number}").format(number=number)
        found.append((what, question.asker.name, question.created, question.name.id))
        what = _("answer to Q{number}").format(number=number)
        found += [(what, each.author.name, each.created, each.id) for each in asked.answers]
    for number, taken in enumerate(record.taken, 1):
        done = taken.measure
        found.append((_("measure M{number}").format(number=number), done.author.name, done.created, done.name.id))
        what = _("outcome of M{number}").format(number=number)
        found += [(what, each.author.name, each.created, each.id) for each in taken.outcomes]
    papers = record.papers
    columns = {each.id: f"H{number}" for number, each in enumerate(material.matrix.hypotheses, 1)}
    rows = {each.name.id: f"E{number}" for number, each in enumerate(material.matrix.items, 1)}
    found += [
        (
            _("rating {item} × {column}").format(
                item=rows.get(each.item.id, "–"), column=columns.get(each.hypothesis, "–")
            ),
            each.author.name,
            each.created,
            each.id,
        )
        for each in papers.ratings
    ]
    found += [(_("retraction"), each.author.name, each.created, each.id) for each in papers.retractions]
    return sorted(found, key=lambda each: (each[2], each[3]))


def _keys(material: Material) -> Table:
    rows = tuple(
        (name(each.name), name(each.bloc), each.statement.fingerprint, each.log.fingerprint)
        for each in material.charter.members
    )
    head = (_("Member"), _("Bloc"), _("Key of statements"), _("Key of the log"))
    return Table(head, rows, (3, 2, 7, 7), (2, 3))
