"""The audit of what entered: an honest opening holds, and no other does."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

import matching_scenes as scenes
from pollwatch import canonical
from pollwatch.clock import US_PER_S
from pollwatch.errors import EvidenceError, FormatError, ProofError
from pollwatch.evidence.keys import Signer
from pollwatch.members.rules import MatchingRules
from pollwatch.sharing.matching import audit, entering, reading, releases, ristretto
from pollwatch.sharing.matching.papers import Mode

_RULES = MatchingRules(auditor="Elm", audit_permille=300)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> scenes.Scene:
    """A run after which both sides have openings for the auditor."""
    made = scenes.scene(tmp_path_factory.mktemp("audit"), ("Alder", "Birch", "Elm"), _RULES, "Elm")
    made.nodes["Alder"].candidates = scenes.addresses(*range(40))
    made.nodes["Birch"].candidates = scenes.addresses(*range(30, 60))
    made.begin("Alder", "Birch")
    made.run()
    return made


def _opening(scene: scenes.Scene, name: str) -> bytes:
    ((_run, opening),) = scene.nodes[name].party.runs.openings()
    return opening


def test_both_sides_are_opened(scene: scenes.Scene) -> None:
    """Both openings hold, and show the places that the beacon chose with what entered there."""
    for name in ("Alder", "Birch"):
        audited = audit.check(_opening(scene, name), name, scene.charter)
        assert len(audited.leaves) == 15
        entered = {each.observable for each in scene.nodes[name].candidates}
        assert {each.observable for each in audited.items} <= entered
        assert audited.items


def test_neither_side_chooses_the_places(scene: scenes.Scene) -> None:
    """Attack: a member opens places of its own choice, or leaves one out."""
    record = canonical.loads(_opening(scene, "Alder"))
    for changed in (record["leaves"][1:], record["leaves"][::-1], []):
        with pytest.raises(ProofError, match="beacon"):
            audit.check(canonical.dumps({**record, "leaves": changed}), "Alder", scene.charter)


def test_nothing_in_an_opening_can_be_changed(scene: scenes.Scene) -> None:
    """Attack: another item, salt, element, path, share or commitment is shown than was committed to."""
    record = canonical.loads(_opening(scene, "Alder"))
    place, leaf, salt = record["leaves"][0]
    other = [place, {"pad": "00" * 32}, salt] if "kind" in leaf else [place, {"pad": "11" * 32}, salt]
    shares = dict(record["nonces"])
    shares["Birch"] = "00" * 32
    changes = [
        {"leaves": [other, *record["leaves"][1:]]},
        {"leaves": [[place, leaf, "00" * 16], *record["leaves"][1:]]},
        {"elements": [record["elements"][1], *record["elements"][1:]]},
        {"tree": record["tree"][:-1]},
        {"element_tree": record["element_tree"][1:]},
        {"nonces": shares},
        {"papers": {**record["papers"], "Birch": record["papers"]["Alder"]}},
        {"run": "0" * 32},
        {"member": "Birch"},
        {"proof": ("1" if record["proof"][0] == "0" else "0") + record["proof"][1:]},
    ]
    for change in changes:
        with pytest.raises((EvidenceError, FormatError)):
            audit.check(canonical.dumps({**record, **change}), "Alder", scene.charter)


def test_other_elements_than_the_committed_items_are_caught(scene: scenes.Scene) -> None:
    """Attack: a set of decent items is committed to, and elements of quite other addresses are sent for it."""
    party = scene.nodes["Alder"].party
    run = party.runs.of("Birch")[0]
    key = party.runs.key(Mode.PAIR, "Birch", run.epoch).scalar
    decent = entering.enter(scenes.addresses(*range(40)), 50, key, scenes.ALONE)
    fishing = entering.enter(scenes.addresses(*range(1000, 1050)), 50, key, scenes.ALONE)
    sent = entering.Entered(decent.leaves, fishing.elements, decent.seed)
    nonce = bytes(32)
    from pollwatch.sharing.matching.checking import elements_root

    member = scene.charter.member("Alder")
    honest = reading.read_commitment(run.commitment, member, scene.charter)
    lie = replace(
        honest, root=sent.tree().root(), elements=elements_root(sent), nonce=hashlib.sha256(nonce).digest()
    ).sign(scene.nodes["Alder"].keys.statement)
    beacon = audit.Beacon(run.run, {"Alder": (lie, nonce), "Birch": (run.paper, run.their_nonce)})
    opening = audit.open_set(beacon, "Alder", sent, key, 300)
    with pytest.raises(ProofError, match="not the item"):
        audit.check(opening, "Alder", scene.charter)
    other_key = audit.open_set(beacon, "Alder", sent, ristretto.random_scalar(), 300)
    with pytest.raises(ProofError, match="not the item"):
        audit.check(other_key, "Alder", scene.charter)


def test_what_is_stated_about_being_caught() -> None:
    """The figures in the documentation: one in a hundred opened of ten thousand."""
    assert audit.opened_count(10_000, 10) == 100
    assert round(audit.caught(100, 10_000, 10), 3) == 0.636
    assert round(audit.caught(500, 10_000, 10), 3) == 0.994
    assert audit.caught(10_000, 10_000, 10) == 1
    assert round(audit.caught(1, 10_000, 10), 3) == 0.01


def test_no_opening_where_nobody_audits(tmp_path: Path) -> None:
    """Without an agreed auditor nothing of the set is opened to anybody."""
    made = scenes.scene(tmp_path)
    made.nodes["Alder"].candidates = scenes.addresses(*range(5))
    made.begin("Alder", "Birch")
    made.run()
    assert made.nodes["Alder"].party.runs.openings() == ()


def test_a_changed_statement_key_brings_no_new_budget(scene: scenes.Scene) -> None:
    """Attack 17: a member changes its statement key in the middle of an epoch, so that its commitments are nobody's."""
    me = scene.nodes["Alder"].me
    logged = scene.logs.entries[me.name]
    before = reading.commitments(logged, me)
    changed = replace(me, statement=Signer.generate(me.statement.name).verifier)
    assert reading.commitments(logged, changed) == before != []
    assert all(reading.read_or_none(each, changed) is None for each in logged)  # for all else its signature counts
    assert reading.commitments(logged, scene.nodes["Birch"].me) == []


@pytest.mark.parametrize("min_age_s", [0, 3600])
def test_an_item_is_too_young_by_the_second_that_a_commitment_states(min_age_s: int) -> None:
    """What became old enough within the second of the commitment may have entered; what did so later cannot have."""
    stated_us = 1_800_000_000 * US_PER_S
    just_us = stated_us - min_age_s * US_PER_S + US_PER_S - 1
    assert not releases.too_young(just_us, stated_us, min_age_s)
    assert releases.too_young(just_us + 1, stated_us, min_age_s)
