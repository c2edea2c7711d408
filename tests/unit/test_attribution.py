"""Statements, inquiries, retractions: who signed what, who did not, and who cannot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import stix_validator
from attribution_scenes import T, Table, four, read, two
from pollwatch.attribution import hypotheses, inquiry, matrix, retraction, statement, verify
from pollwatch.attribution import opinion as opinions
from pollwatch.attribution.hypotheses import Fit, Hypothesis, Item
from pollwatch.attribution.scale import Stance
from pollwatch.attribution.statement import Draft, Statement
from pollwatch.attribution.subject import Named
from pollwatch.attribution.tally import Part, Tally
from pollwatch.attribution.verify import main, verify_record
from pollwatch.errors import FormatError, PolicyError, SignatureError
from pollwatch.stix import bundle, signature

DAY_S = 86_400


def a_statement(table: Table, by: str = "Alder", against: str = "Cedar") -> Statement:
    """A draft about a claim, open for a day."""
    claim = table.claim(by, against)
    draft = Draft("Finding", "The addresses were Cedar's.", (claim.name,), (table.member(against),), T + DAY_S * 10**6)
    return drafted(table, draft, by)


def drafted(table: Table, draft: Draft, by: str) -> Statement:
    """A signed draft."""
    made = table.say(statement.to_stix(draft, table.maker(by)))
    return statement.from_stix(made, table.member(by), table.charter.members)


def opine(table: Table, about: Statement, by: str, stance: Stance, after_s: int = 60) -> None:
    """A member's opinion of a draft."""
    table.say(opinions.to_stix(about.subject, stance, "Because.", table.maker(by, after_s)))


def tallied(table: Table) -> Tally:
    """The one statement, counted by a stranger."""
    (found,) = table.record().tallies
    return found


def test_three_of_four_over_two_blocs_adopt_a_statement() -> None:
    """Two allies are not enough; a third from another bloc is; the respondent counts on neither side."""
    table = four()
    draft = a_statement(table)
    opine(table, draft, "Birch", Stance.AGREE)
    opine(table, draft, "Cedar", Stance.STRONGLY_DISAGREE)
    assert not tallied(table).adopted
    opine(table, draft, "Dogwood", Stance.STRONGLY_AGREE)
    found = tallied(table)
    assert found.adopted
    assert {each.member.name: each.part for each in found.voices} == {
        "Alder": Part.SIGNED,
        "Birch": Part.SIGNED,
        "Cedar": Part.RESPONDENT,
        "Dogwood": Part.SIGNED,
    }
    (cedar,) = (each for each in found.voices if each.member.name == "Cedar")
    assert cedar.said[0].denial


def test_attack_15_one_bloc_is_one_voice() -> None:
    """Attack 15: a bloc of three members signs its own statement; heads are enough, blocs are not."""
    table = Table((("Alder", "west"), ("Birch", "west"), ("Cedar", "west"), ("Dogwood", "east")), four().charter.quorum)
    draft = a_statement(table, against="Dogwood")
    for name in ("Birch", "Cedar"):
        opine(table, draft, name, Stance.AGREE)
    found = tallied(table)
    assert len(found.of(Part.SIGNED)) == found.needed
    assert not found.adopted


def test_attack_23_nobody_stalls_a_statement() -> None:
    """Attack 23: a member at the quorum's edge signs and pulls back, or waits until it has closed: both are shown."""
    table = four()
    draft = a_statement(table, against="Dogwood")
    opine(table, draft, "Birch", Stance.AGREE)
    opine(table, draft, "Cedar", Stance.AGREE, after_s=60)
    opine(table, draft, "Cedar", Stance.STRONGLY_DISAGREE, after_s=120)
    found = tallied(table)
    assert found.adopted
    (cedar,) = (each for each in found.voices if each.member.name == "Cedar")
    assert [each.stance for each in cedar.said] == [Stance.AGREE, Stance.STRONGLY_DISAGREE]

    late = four()
    draft = a_statement(late, against="Dogwood")
    opine(late, draft, "Birch", Stance.AGREE)
    opine(late, draft, "Cedar", Stance.AGREE, after_s=DAY_S + 1)
    found = tallied(late)
    assert not found.adopted
    (cedar,) = (each for each in found.voices if each.member.name == "Cedar")
    assert (cedar.part, cedar.late) == (Part.UNREACHED, 1)


def test_attack_24_only_who_had_a_draft_in_time_is_silent_about_it() -> None:
    """Attack 24: a drafter calls somebody silent that got the draft too late, got another, or never got it."""
    table = four()
    draft = a_statement(table, against="Dogwood")
    first = table.claim("Birch", "Cedar", 30)
    table.notice(draft.name, "Alder", "Birch", 3600)
    table.notice(draft.name, "Alder", "Birch", 60)
    table.notice(draft.name, "Alder", "Cedar", DAY_S)
    table.notice(first.name, "Birch", "Cedar", 60)
    found = {each.member.name: each for each in tallied(table).voices}
    assert [found[name].part for name in ("Birch", "Cedar")] == [Part.SILENT, Part.UNREACHED]
    shown = [found[name].notice for name in ("Birch", "Cedar")]
    assert [each and (each.received_us - T) // 10**6 for each in shown] == [60, DAY_S]
    told = "\n".join(verify.told(table.record(), table.charter))
    assert "Birch (west): silent\n    received it on 2026-11-03T10:01:00Z, as its own receipt shows" in told


def test_with_two_members_claim_and_denial_stand_side_by_side() -> None:
    """At n = 2 the accused cannot be counted about itself: no statement is adopted, with or without its signature."""
    table = two()
    draft = a_statement(table, against="Birch")
    opine(table, draft, "Birch", Stance.AGREE)
    found = tallied(table)
    assert not found.adopted
    assert [each.part for each in found.voices] == [Part.SIGNED, Part.RESPONDENT]


def test_a_statement_cannot_forget_whom_it_is_about() -> None:
    """Attack: the respondent's ally drafts a statement about the claim and leaves out who is named in it."""
    table = four()
    claim = table.claim("Alder", "Cedar")
    draft = Draft("Finding", "Nothing.", (claim.name,), (), T + DAY_S * 10**6)
    drafted(table, draft, "Dogwood")
    with pytest.raises(PolicyError, match="respondents"):
        table.record()
    other = four()
    claim = other.claim("Alder", "Cedar")
    moved = replace(draft, about=(Named(claim.id, "0" * 64),), respondents=(other.member("Cedar"),))
    drafted(other, moved, "Dogwood")
    with pytest.raises(PolicyError, match="version"):
        other.record()


def test_no_word_changes_under_a_signature() -> None:
    """Attack: a drafter sends out another text after the others have signed; their signatures stay with the first."""
    table = four()
    draft = a_statement(table)
    opine(table, draft, "Birch", Stance.AGREE)
    changed = statement.to_stix(replace(draft.draft, text="Something worse."), table.maker("Alder"))
    assert changed["id"] == draft.name.id
    table.said[table.said.index(draft.source)] = changed
    with pytest.raises(PolicyError, match="another version"):
        table.record()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"text": " "}, "reasons"),
        ({"title": "a\nb"}, "title"),
        ({"about": ()}, "about"),
        ({"closes_us": T + 1}, "milliseconds"),
    ],
)
def test_a_draft_that_cannot_be_is_refused(change: dict[str, object], words: str) -> None:
    """No words, no subject, a title of two lines, a time that no STIX timestamp says."""
    table = four()
    draft = Draft("Finding", "Text.", (Named(table.incident["id"], "0" * 64),), (), T + 10**6)
    with pytest.raises(PolicyError, match=words):
        replace(draft, **change)
    with pytest.raises(PolicyError, match="later"):
        statement.to_stix(replace(draft, closes_us=T), table.maker("Alder"))


def test_a_question_gets_the_asked_members_answer() -> None:
    """Who was asked answers; another's answer, or one to another question, does not pass for it."""
    table = four()
    asked = ask(table)
    assert table.record().asked[0].answers == ()
    table.say(inquiry.answer(asked, "No.", table.maker("Cedar", 60)))
    (found,) = table.record().asked
    assert [each.text for each in found.answers] == ["No."]
    with pytest.raises(PolicyError, match="asks Cedar"):
        inquiry.answer(asked, "Yes.", table.maker("Dogwood", 60))
    forged = {**table.said[-1], "created_by_ref": table.member("Dogwood").identity}
    del forged["extensions"][next(name for name in forged["extensions"] if name.endswith("7b11"))]
    table.said[-1] = signature.sign(forged, table.maker("Dogwood").statement)
    with pytest.raises(PolicyError, match="Cedar was asked"):
        table.record()


def ask(table: Table) -> inquiry.Inquiry:
    """Alder asks Cedar."""
    made = table.say(inquiry.ask(table.member("Cedar"), "", "Was it you?", T + DAY_S * 10**6, table.maker("Alder")))
    return inquiry.inquiry_from_stix(made, table.member("Alder"), table.charter)


def test_attack_24_no_answer_without_its_question() -> None:
    """Attack 24: an answer is shown to another question, or to none."""
    table = four()
    answer = inquiry.answer(ask(table), "No.", table.maker("Cedar", 60))
    table.said = [answer]
    with pytest.raises(PolicyError, match="not here"):
        table.record()


def test_only_its_author_takes_a_claim_back() -> None:
    """A retraction by the claimant stands beside the claim; one by another, or of another version, is refused."""
    table = four()
    claim = table.claim("Alder", "Cedar")
    table.say(retraction.to_stix(claim.name, "The addresses were leased.", table.maker("Alder", 60)))
    (judged,) = table.record().judged
    assert judged.retraction is not None
    table.said[-1] = retraction.to_stix(claim.name, "Nothing.", table.maker("Birch", 60))
    with pytest.raises(PolicyError, match="only Alder"):
        table.record()
    table.said[-1] = retraction.to_stix(Named(claim.id, "0" * 64), "Nothing.", table.maker("Alder", 60))
    with pytest.raises(PolicyError, match="another version"):
        table.record()


def suppose_member(table: Table, name: str) -> Hypothesis:
    """Alder's hypothesis that a member did it."""
    incident = table.incident["id"]
    made = table.say(hypotheses.suppose(incident, f"{name} did it.", table.member(name), table.maker("Alder")))
    return hypotheses.hypothesis_from_stix(made, table.member("Alder"), table.charter)


def item(table: Table, by: str, text: str) -> Item:
    """An item of evidence."""
    made = table.say(hypotheses.add_item(table.incident["id"], text, (), table.maker(by, len(table.said))))
    return hypotheses.item_from_stix(made, table.member(by))


def rate(table: Table, by: str, cell: tuple[Item, Hypothesis], fit: Fit) -> None:
    """One cell in one member's judgement."""
    table.say(hypotheses.rate(*cell, fit, "Because.", table.maker(by, len(table.said))))


def computed(table: Table) -> matrix.Matrix:
    """The matrix, from what a stranger reads."""
    return matrix.build(table.incident["id"], table.record().papers, table.charter)


def test_attack_14_a_false_flag_wins_when_the_planted_evidence_is_taken_back() -> None:
    """Attack 14: evidence that points at Cedar leads while it stands; without it, that it was made to look so leads."""
    table = four()
    named = suppose_member(table, "Cedar")
    flag, insider = hypotheses.standing()
    planted, timing = (
        item(table, "Birch", "Cedar's tool was found."),
        item(table, "Dogwood", "At noon in Cedar's zone."),
    )
    for by in ("Alder", "Dogwood"):
        rate(table, by, (planted, named), Fit.STRONGLY_CONSISTENT)
        rate(table, by, (planted, flag), Fit.STRONGLY_INCONSISTENT)
        rate(table, by, (planted, insider), Fit.STRONGLY_INCONSISTENT)
        rate(table, by, (timing, named), Fit.INCONSISTENT)
        rate(table, by, (timing, flag), Fit.CONSISTENT)
        rate(table, by, (timing, insider), Fit.STRONGLY_INCONSISTENT)
    found = computed(table)
    assert found.leading == (named.id,)
    assert {each.what: each.leading for each in found.without_member}["Birch"] == ("false-flag",)
    assert found.diagnosticity[planted.name.id] > found.diagnosticity[timing.name.id] > 0
    table.say(retraction.to_stix(planted.name, "It was planted here.", table.maker("Birch", 600)))
    after = computed(table)
    assert after.leading == ("false-flag",)
    assert [each.name for each in after.retracted] == [planted.name]


def test_one_bloc_alone_moves_no_leader() -> None:
    """Attack: one bloc adds hypotheses, items and ratings by the dozen; what two blocs found goes on leading."""
    table = four()
    flag, insider = hypotheses.standing()
    timing = item(table, "Dogwood", "It happened at noon.")
    for by in ("Alder", "Dogwood"):
        rate(table, by, (timing, flag), Fit.INCONSISTENT)
        rate(table, by, (timing, insider), Fit.CONSISTENT)
    assert computed(table).leading == ("insider",)
    made = table.say(hypotheses.suppose(table.incident["id"], "Nobody did it.", None, table.maker("Cedar")))
    nobody = hypotheses.hypothesis_from_stix(made, table.member("Cedar"), table.charter)
    for number in range(12):
        more = item(table, "Cedar", f"Item {number}")
        rate(table, "Cedar", (more, insider), Fit.STRONGLY_INCONSISTENT)
        rate(table, "Cedar", (more, nobody), Fit.STRONGLY_CONSISTENT)
    rate(table, "Cedar", (timing, nobody), Fit.STRONGLY_CONSISTENT)
    assert computed(table).leading == ("insider",)


def test_nothing_rated_is_cannot_be_determined() -> None:
    """Without a cell that counts nothing leads; with two members the accused is not needed about itself."""
    table = two()
    assert computed(table).leading == ()
    named = suppose_member(table, "Birch")
    timing = item(table, "Alder", "At noon.")
    rate(table, "Birch", (timing, named), Fit.STRONGLY_INCONSISTENT)
    assert computed(table).leading == ()
    rate(table, "Alder", (timing, named), Fit.CONSISTENT)
    assert computed(table).leading == (named.id,)


def whole() -> Table:
    """A table at which everything was said once."""
    table = four()
    draft = a_statement(table)
    opine(table, draft, "Birch", Stance.NEUTRAL)
    opine(table, draft, "Dogwood", Stance.AGREE, after_s=DAY_S + 60)
    table.say(inquiry.answer(ask(table), "No.", table.maker("Cedar", 60)))
    flag, _insider = hypotheses.standing()
    rate(table, "Birch", (item(table, "Alder", "At noon."), flag), Fit.NEUTRAL)
    suppose_member(table, "Cedar")
    table.say(retraction.to_stix(Named.of(table.said[0]), "We were wrong.", table.maker("Alder", 900)))
    return table


def test_a_whole_record_checks_out_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The auditor's command says who signed, who abstained, who was late, what was answered and taken back."""
    table = whole()
    record, charter = tmp_path / "record.json", tmp_path / "charter.note"
    record.write_bytes(bundle.write(table.everything()))
    charter.write_bytes(table.signed_charter().to_bytes())
    assert main([str(record), "--charter", str(charter)]) == 0
    said = capsys.readouterr().out
    for words in ("not adopted", "Birch (west): abstains", "late, agree", "answer,", "taken back", "against it"):
        assert words in said
    with pytest.raises(SignatureError):
        verify_record(record.read_bytes().replace(b"were wrong", b"were right"), table.signed_charter())


def test_other_peoples_validator_accepts_all_papers(tmp_path: Path) -> None:
    """OASIS's validator, strict and with references enforced, finds no fault in anything that members say."""
    stix_validator.accepts(tmp_path, {"record": bundle.write(whole().everything())})


def may_not_lack(said: dict[str, object], name: str) -> bool:
    """A hypothesis need not name anybody; all else that is said is needed."""
    return (said.get("paper"), name) != ("hypothesis", "respondent")


def test_papers_have_one_form_only() -> None:
    """An empty field, an unknown one, a wrong one or a wrong time is refused in every paper."""
    table = whole()
    broken = 0
    for place, each in enumerate(list(table.said)):
        extensions = each["extensions"]
        name = next(key for key in extensions if not key.endswith("7b11"))
        others = {key: value for key, value in extensions.items() if key != name and not key.endswith("7b11")}
        changes = [{**extensions[name], "more": "1"}, {**extensions[name], "extension_type": "other"}, "text"]
        said = extensions[name]
        changes += [
            {key: value for key, value in said.items() if key != left} for left in said if may_not_lack(said, left)
        ]
        author = table.charter.by_identity(each["created_by_ref"])
        assert author is not None
        for change in changes:
            bare = {**each, "extensions": {**others, name: change}}
            table.said[place] = signature.sign(bare, table.maker(author.name).statement)
            try:
                read(table.everything(), table.charter)
            except (FormatError, PolicyError):
                broken += 1
            else:
                pytest.fail(f"{each['type']} {name} took {change}")
        table.said[place] = each
    assert broken > 40


def test_a_claim_in_two_versions_hides_no_denial() -> None:
    """Attack 11: a claimant sends out another version of its claim; the denial stays with what was denied."""
    table = four()
    first = table.claim("Alder", "Cedar")
    table.say(opinions.to_stix(first.subject, Stance.STRONGLY_DISAGREE, "No.", table.maker("Cedar", 60)))
    second = table.claim("Alder", "Dogwood")
    renamed = {**second.source, "id": first.id}
    del renamed["extensions"][next(name for name in renamed["extensions"] if name.endswith("7b11"))]
    table.said[-1] = signature.sign(renamed, table.maker("Alder").statement)
    found = read([table.incident, *table.said], table.charter)
    assert [(len(each.denials), each.claim.assertion.respondent) for each in found.judged] == [
        (1, table.member("Cedar")),
        (0, table.member("Dogwood")),
    ]
