"""Pair matching: whatever two members hold, both learn exactly what both hold; whatever else comes, nothing breaks."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from math import comb
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import matching_scenes as scenes
from pollwatch import canonical
from pollwatch.errors import EvidenceError, FormatError, PolicyError, PollwatchError
from pollwatch.events.observable import Kind, Observable
from pollwatch.members.rules import MatchingRules
from pollwatch.sharing.matching import audit, budget, entering, messages, reading
from pollwatch.sharing.matching.entering import Leaf
from pollwatch.sharing.matching.messages import Message, Step
from pollwatch.sharing.matching.pair import Evaluation
from pollwatch.sharing.matching.papers import Commitment, Mode

_SLOW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
_SETS = st.sets(st.integers(0, 30), max_size=15)


@_SLOW
@given(_SETS.filter(bool), _SETS, _SETS, _SETS)
def test_both_learn_exactly_what_both_hold(first: set[int], theirs: set[int], more: set[int], later: set[int]) -> None:
    """Over two runs of an epoch, with any sets: each side's findings are the plain intersection of all that entered."""
    with tempfile.TemporaryDirectory() as folder:
        scene = scenes.scene(Path(folder))
        alder, birch = scene.nodes["Alder"], scene.nodes["Birch"]
        alder.candidates, birch.candidates = scenes.addresses(*first), scenes.addresses(*theirs)
        scene.begin("Alder", "Birch")
        scene.run()
        common = first & theirs
        assert alder.common("Birch") == birch.common("Alder") == {f"10.0.0.{n}" for n in common}
        alder.candidates, birch.candidates = scenes.addresses(*first, *more), scenes.addresses(*theirs, *later)
        if more - first:
            scene.begin("Alder", "Birch")
            scene.run()
            common = (first | more) & (theirs | later)
            assert alder.common("Birch") == birch.common("Alder") == {f"10.0.0.{n}" for n in common}


_TEXTS = st.one_of(
    st.sampled_from(['a"b', "a\\b", "a\x1fb", "\u2028", "é", "\U0001f5f3"]), st.text(max_size=8).filter(str.isprintable)
)


@settings(max_examples=40, deadline=None)
@given(_TEXTS, st.integers(0, 2**53 - 1), st.none() | st.integers(0, 2**53 - 1))
def test_leaves_are_canonical_json(text: str, released_us: int, entry: int | None) -> None:
    """What is hashed and committed to is the one canonical form of its record, whatever an item is called."""
    for leaf in (Leaf(Observable(Kind.DOMAIN, text), released_us, entry), Leaf(None, pad=bytes(range(32)))):
        record = leaf.record()
        assert leaf.to_bytes() == canonical.dumps(record)
        item = {name: record[name] for name in ("kind", "value", "pad") if name in record}
        assert leaf.point_input == canonical.dumps(item)


def _messages(folder: Path) -> tuple[scenes.Scene, list[Message]]:
    scene = scenes.scene(folder, ("Alder", "Birch", "Elm"), MatchingRules(auditor="Elm", audit_permille=300), "Elm")
    scene.nodes["Alder"].candidates = scenes.addresses(*range(12))
    scene.nodes["Birch"].candidates = scenes.addresses(*range(6, 15))
    scene.begin("Alder", "Birch")
    carried = []
    for _ in range(6):
        carried += scene.deliver()
        for name in ("Alder", "Birch"):
            scene.look(name)
    return scene, carried


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[scenes.Scene, list[Message]]:
    """A whole run, and every message of it."""
    return _messages(tmp_path_factory.mktemp("played"))


def test_a_run_has_four_messages(played: tuple[scenes.Scene, list[Message]]) -> None:
    """Offer, reply, answer, final: the side that asked answers first."""
    _scene, carried = played
    assert [(each.step, each.sender) for each in carried] == [
        (Step.OFFER, "Alder"),
        (Step.REPLY, "Birch"),
        (Step.ANSWER, "Alder"),
        (Step.FINAL, "Birch"),
    ]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_message_can_be_altered(played: tuple[scenes.Scene, list[Message]], data: st.DataObject) -> None:
    """Attack: a byte of a message is changed, cut off or added on the way; it is never read as another message."""
    scene, carried = played
    message = data.draw(st.sampled_from(carried))
    whole = message.to_bytes(scene.nodes[message.sender].keys.statement)
    receiver = scene.nodes[message.receiver].me
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = data.draw(
        st.sampled_from(
            [
                whole[:place] + bytes((whole[place] ^ data.draw(st.integers(1, 255)),)) + whole[place + 1 :],
                whole[:place],
                whole + whole[-1:],
            ]
        )
    )
    with pytest.raises((FormatError, EvidenceError, PolicyError)):
        messages.read(changed, scene.charter, receiver)
    assert messages.read(whole, scene.charter, receiver)[0] == message


@settings(deadline=None)
@given(st.binary(max_size=600))
def test_arbitrary_bytes_are_refused_in_words(data: bytes) -> None:
    """Attack: anything at all is left in the box, given as a paper, an opening or an evaluation."""
    with tempfile.TemporaryDirectory() as folder:
        scene = _SCENE or _remember(scenes.scene(Path(folder)))
    member = scene.charter.members[0]
    for read in (
        lambda: messages.read(data, scene.charter, member),
        lambda: reading.read(data, member),
        lambda: audit.check(data, member.name, scene.charter),
        lambda: entering.split(data if len(data) % 32 else data + b"x"),
        lambda: Evaluation.parse(data, 50),
    ):
        with pytest.raises(PollwatchError):
            read()


_SCENE: scenes.Scene | None = None


def _remember(scene: scenes.Scene) -> scenes.Scene:
    global _SCENE  # noqa: PLW0603 - keys for a thousand examples are made once
    _SCENE = scene
    return scene


def test_every_message_to_anybody_leaves_the_rest_whole(tmp_path: Path) -> None:
    """Attack: every message comes to both sides, in a run that is not theirs, out of turn, and twice."""
    scene, carried = _messages(tmp_path)
    before = {name: node.party.runs.all() for name, node in scene.nodes.items()}
    for message in carried:
        for step in Step:
            for paper in (message.paper, b"", b"nonsense"):
                scene.say(message.sender, replace(message, step=step, paper=paper))
    for _ in range(3):
        scene.look("Alder")
        scene.look("Birch")
    assert {name: node.party.runs.all() for name, node in scene.nodes.items()} == before


@settings(deadline=None)
@given(st.integers(0, 100), st.integers(1, 100_000), st.integers(0, 1000))
def test_the_stated_chance_of_being_caught_is_that_of_drawing(fakes: int, size: int, permille: int) -> None:
    """The probability that the documentation states is hypergeometric: none without fakes, one when all is opened."""
    fakes = min(fakes, size)
    chance = audit.caught(fakes, size, permille)
    assert 0 <= chance <= 1
    assert (chance == 0) == (fakes == 0 or audit.opened_count(size, permille) == 0)
    if permille == 1000 and fakes:
        assert chance == 1
    if size < 200:
        exact = 1 - comb(size - fakes, opened := audit.opened_count(size, permille)) / comb(size, opened)
        assert abs(chance - exact) < 1e-9


_VALUES = st.sampled_from(
    ["ipv4-addr", "10.0.0.1", "010.0.0.1", "url", "", "0" * 64, "F" * 64, 5, -1, True, None, 1.5, []]
)


@given(
    st.one_of(
        st.builds(lambda n: {"pad": n.hex()}, st.binary(max_size=40)),
        st.dictionaries(st.sampled_from(["kind", "value", "released_us", "entry", "pad", "x"]), _VALUES),
        _VALUES,
    )
)
def test_leaves_have_one_spelling(record: object) -> None:
    """Attack: a leaf with other fields or spellings; what is read writes the same again."""
    try:
        leaf = Leaf.from_record(record)
    except FormatError:
        return
    assert leaf.record() == record
    assert leaf.to_bytes() == canonical.dumps(record)


def test_spending_counts_twice_what_was_committed_twice() -> None:
    """Attack: one run id with two commitments in the log; both are spent, one that stands there twice is spent once."""
    made = [
        Commitment(
            "0" * 32, Mode.PAIR, "c" * 64, 5, "Alder", ("Birch",), size, b"r" * 32, b"e" * 32, b"k", b"n" * 32, 0
        )
        for size in (10, 20)
    ]
    assert budget.spent([*made, made[0]], "Birch", 5) == budget.Spending(30, 2)
    assert budget.spent(made, "Birch", 6) == budget.Spending()
    assert budget.spent(made, "Cedar", 5) == budget.Spending()
