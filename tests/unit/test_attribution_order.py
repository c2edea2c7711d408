"""What an order of events leaves open, and what becomes of logs that say what cannot be."""

from __future__ import annotations

from dataclasses import replace

import attribution_scenes as scenes
from pollwatch.attribution import opinion as opinions
from pollwatch.attribution import proven, statement
from pollwatch.attribution import record as records
from pollwatch.attribution.proven import Place, Proven
from pollwatch.attribution.scale import Stance
from pollwatch.attribution.statement import Draft
from pollwatch.attribution.subject import Named
from pollwatch.attribution.tally import Part
from pollwatch.stix import ids


def paper(digest: str, after: str = "", followed: str = "") -> Proven:
    """A paper that came after some by hash, and after others by its author's log."""
    author = scenes.two().member("Alder")
    return Proven(Named(f"note--{digest}", digest), author, "opinion", "", (), frozenset(after), frozenset(followed))


def test_pairs_that_nothing_orders_are_named() -> None:
    """a, then b and c in any order, then d: only b and c are open, and the words say so."""
    found = (paper("a"), paper("b", "a"), paper("c", "a"), paper("d", "bc"))
    assert [(one.name.digest, other.name.digest) for one, other in proven.unordered(found)] == [("b", "c")]
    told = "\n".join(proven.told(found, {}))
    assert "cannot be determined for 2/3" in told


def test_a_chain_is_proven_as_a_whole() -> None:
    """By hash, then by log, then by hash: nothing is left open."""
    found = (paper("a"), paper("b", "a"), paper("c", "", "b"), paper("d", "c"))
    assert proven.unordered(found) == ()
    assert "that is proven" in "\n".join(proven.told(found, {}))


def test_a_log_that_says_what_cannot_be_gives_way_and_is_told() -> None:
    """Attack: a member posts its claim after the denial that names it; hashes win, and the contradiction is told."""
    claim, denial = paper("a", "", "b"), paper("b", "a")
    left = proven.uncontradicted({"a": claim, "b": denial})
    assert (left["a"].followed, left["a"].contradicted) == (frozenset(), frozenset("b"))
    assert left["b"].after == frozenset("a")
    told = "\n".join(proven.told((left["a"], left["b"]), {}))
    assert "Alder's own log had 2 before it, which cannot be: it was posted later" in told


def test_a_cosigner_that_backdates_lends_its_time_to_nobody() -> None:
    """Attack: the owner's friend states an early time in its cosignature; the others' time stands beside theirs."""
    alder, honest_s = scenes.two().member("Alder"), scenes.T // 10**6
    place = Place(alder, 0, {"Birch": honest_s - 30 * 86_400, "Cedar": honest_s}, "cross-bloc")
    found = (replace(paper("a"), places=(place,)),)
    told = "\n".join(proven.told(found, {}))
    assert "Birch not later than 2026-10-04T10:00:00Z, Cedar not later than 2026-11-03T10:00:00Z (cross-bloc)" in told


def said(by: str, at_s: int, after: str = "", digest: str = "") -> Proven:
    """A paper of a member of four, that says when it was said, and came after some others."""
    name = digest or by[0]
    created = ids.timestamp(scenes.T + at_s * 1_000_000)
    author = FOUR.member(by)
    return Proven(Named(f"note--{name}", name), author, "opinion", created, (), frozenset(after), frozenset())


FOUR = scenes.four()


def test_an_authors_own_words_show_that_it_dated_back() -> None:
    """Attack: Birch signs in time by its date, and its log has what it said a day later before that."""
    found = (said("Birch", 86_400, digest="x"), said("Birch", 60, "x", "y"))
    assert proven.dated_back(found, 2) == {"y": found[0].created}
    told = "\n".join(proven.told(found, proven.dated_back(found, 2)))
    assert "dated back: its author says 2026-11-03T10:01:00.000Z, and it came after what was said on 2026-11-04" in told


def test_attack_nobody_makes_anothers_word_late_by_dating_its_own_ahead() -> None:
    """Attack: a drafter and its ally date papers ahead, so that the dissent after them would be late."""
    ahead = (said("Alder", 86_400), said("Birch", 90_000, "A"))
    assert proven.dated_back((*ahead, said("Dogwood", 60, "B")), 2) == {}
    agreed = (*ahead, said("Cedar", 80_000, "B"))
    dissent = said("Dogwood", 60, "C")
    assert proven.dated_back((*agreed, dissent), 2)["D"] == agreed[2].created
    assert "D" not in proven.dated_back((*agreed, dissent), 3)


def test_what_was_dated_back_is_counted_as_late() -> None:
    """Attack: a dissent and the signature that would have adopted it, both dated back: listed, and counted as late."""
    table = scenes.four()
    about = Draft("Finding", "So.", (Named.of(table.incident),), (), scenes.T + 86_400_000_000)
    made = table.say(statement.to_stix(about, table.maker("Alder")))
    draft = statement.from_stix(made, table.member("Alder"), table.charter.members)
    for name, stance in (("Birch", Stance.AGREE), ("Cedar", Stance.AGREE), ("Dogwood", Stance.DISAGREE)):
        table.say(opinions.to_stix(draft.subject, stance, "Why.", table.maker(name, 60)))
    assert table.record().tallies[0].adopted
    late = {Named.of(each).digest: "2026-11-05T10:00:00.000Z" for each in table.said[2:]}
    (tally,) = records.read(table.everything(), table.charter, late).tallies
    assert not tally.adopted
    assert {each.member.name: (each.part, each.late, each.back) for each in tally.voices} == {
        "Alder": (Part.SIGNED, 0, 0),
        "Birch": (Part.SIGNED, 0, 0),
        "Cedar": (Part.UNREACHED, 1, 1),
        "Dogwood": (Part.UNREACHED, 1, 1),
    }
    assert all(each.said for each in tally.voices[1:])


def test_what_was_dated_back_stands_after_what_shows_it() -> None:
    """Attack: a dissenter signs after its dissent and dates that back; both times are one, and neither's id decides."""
    table = scenes.four()
    about = Draft("Finding", "So.", (Named.of(table.incident),), (), scenes.T + 86_400_000_000)
    draft = statement.from_stix(
        table.say(statement.to_stix(about, table.maker("Alder"))), table.member("Alder"), table.charter.members
    )
    for number in range(16):  # of each two, now the one and now the other has the smaller id
        dissent, signed = (
            table.say(opinions.to_stix(draft.subject, stance, f"{number}", table.maker("Birch", after_s)))
            for stance, after_s in ((Stance.DISAGREE, 172_800), (Stance.AGREE, 60))
        )
        late = {Named.of(signed).digest: dissent["created"]}
        (tally,) = records.read(table.everything(), table.charter, late).tallies
        (voice,) = (each for each in tally.voices if each.member.name == "Birch")
        assert [each.id for each in voice.said] == [dissent["id"], signed["id"]]
        del table.said[-2:]
