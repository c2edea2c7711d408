"""Group matching with honest members, and with holders, members and collectors that are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

import match_scenes
import matching_scenes as scenes
from matching_scenes import ALONE, Scene
from pollwatch import canonical
from pollwatch.cli.main import root
from pollwatch.clock import SystemClock
from pollwatch.errors import PolicyError
from pollwatch.members.rules import MatchingRules
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.match import matching, matchview
from pollwatch.sharing.matching import audit, messages, pair, ristretto
from pollwatch.sharing.matching.messages import Step
from pollwatch.sharing.matching.papers import Group, HolderKey, Mode, Reason, Refusal
from pollwatch.sharing.matching.runs import State
from pollwatch.sharing.matching.secret import Secret

NAMES = ("Alder", "Birch", "Cedar", "Dogwood", "Elm")
SETS = {"Alder": range(30), "Birch": range(10, 40), "Cedar": range(20, 45), "Dogwood": range(25, 60)}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Four members with overlapping sets, and Elm, which collects and audits."""
    made = scenes.scene(tmp_path, NAMES, MatchingRules(auditor="Elm", audit_permille=200, items=100), "Elm")
    for name, numbers in SETS.items():
        made.nodes[name].candidates = scenes.addresses(*numbers)
    return made


def begun(scene: Scene, **changes: object) -> Group:
    """Alder begins a run with everybody."""
    circle = scene.nodes["Alder"].circle
    assert circle is not None
    group = replace(circle.draft(scene.charter.member("Elm"), 50), **changes)  # type: ignore[arg-type]
    circle.begin(group)
    return group


def learned(scene: Scene, name: str, run: str) -> dict[str, tuple[str, ...]]:
    """What a member learned: which of its items who else holds."""
    node = scene.nodes[name]
    held, circle = node.party.runs.get(run), node.circle
    assert held is not None
    assert circle is not None
    found = {held.leaves[place].observable: who for place, who in circle.groups.hits(run).items()}
    return {each.value: who for each, who in found.items() if each is not None}


def test_holders_learn_what_enough_hold_and_nothing_else(scene: Scene) -> None:
    """Exactly the items of three or more members, to exactly those; all keys are gone, all sets can be audited."""
    group = begun(scene)
    scene.run(10)
    assert scene.problems == []
    for name, mine in SETS.items():
        holders = {n: tuple(sorted(each for each in SETS if n in SETS[each])) for n in mine}
        assert learned(scene, name, group.run) == {f"10.0.0.{n}": who for n, who in holders.items() if len(who) >= 3}
        runs = scene.nodes[name].party.runs
        assert not runs.has_key(Mode.GROUP, group.run, group.epoch)
        assert not runs.has_key(Mode.GROUP, f"holder {group.run}", group.epoch)
        ((_run, opening),) = runs.openings()
        assert len(audit.check(opening, name, scene.charter).leaves) == 10


def test_what_was_released_within_the_same_second_enters(tmp_path: Path) -> None:
    """Times on papers are whole seconds; an item's age is not counted from such a time."""
    made = scenes.scene(tmp_path, NAMES, MatchingRules(min_age_s=0), "Elm")
    made.clock.advance(0.75)
    for name in ("Alder", "Birch", "Cedar", "Dogwood"):
        made.nodes[name].candidates = [
            replace(each, released_us=made.clock.now_us()) for each in scenes.addresses(1, 2)
        ]
    group = begun(made, size=10)
    made.run(10)
    assert set(learned(made, "Alder", group.run)) == {"10.0.0.1", "10.0.0.2"}


def test_items_of_one_bloc_are_shown_to_nobody(tmp_path: Path) -> None:
    """Attack 15: three members of one bloc hold an item; the collector, by policy, tells nobody."""
    made = scenes.scene(tmp_path, NAMES, MatchingRules(blocs=2), "Elm", one_bloc=("Alder", "Birch", "Cedar"))
    sets = {"Alder": (1, 2), "Birch": (1, 2), "Cedar": (1, 2), "Dogwood": (2, 3)}
    for name, numbers in sets.items():
        made.nodes[name].candidates = scenes.addresses(*numbers)
    group = begun(made, size=10)
    made.run(10)
    assert learned(made, "Alder", group.run) == {"10.0.0.2": ("Alder", "Birch", "Cedar", "Dogwood")}
    assert learned(made, "Dogwood", group.run) == {"10.0.0.2": ("Alder", "Birch", "Cedar", "Dogwood")}


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": 2},
        {"blocs": 1},
        {"holders": ("Alder",)},
        {"holders": ()},
        {"collector": "Alder"},
        {"size": 49},
        {"size": 200},
        {"members": ("Alder", "Birch")},
        {"members": ("Alder", "Birch", "Fir")},
        {"charter": "0" * 64},
    ],
)
def test_groups_outside_the_rules_get_nobody(scene: Scene, changes: dict[str, object]) -> None:
    """Attack 17: Alder invites with a lower threshold, one key holder, itself as collector or strangers: no answer."""
    group = begun(scene, **changes)
    for _ in range(3):
        scene.deliver()
        for name in ("Birch", "Cedar", "Dogwood", "Elm"):
            scene.look(name)
    for name in ("Birch", "Cedar", "Dogwood", "Elm"):
        assert scene.nodes[name].party.runs.get(group.run) is None


def test_a_holder_with_another_key_is_caught(scene: Scene) -> None:
    """Attack 17: a holder evaluates one member under another key, to tell its values apart; that member stops."""
    group = begun(scene)
    for _ in range(2):
        scene.deliver()
        for name in NAMES:
            scene.look(name)
    carried = scene.deliver("Cedar")
    wrong = Secret.new()
    birch = scene.nodes["Birch"].party
    (answer,) = [each for each in birch.runs.unsent() if each.receiver == "Cedar" and each.step is Step.EVALUATED]
    message, _sender = messages.read(answer.body, scene.charter, scene.charter.member("Cedar"))
    held = scene.nodes["Cedar"].party.runs.get(group.run)
    assert held is not None
    sent = [ristretto.Element(held.elements[at : at + 32]) for at in range(0, len(held.elements), 32)]
    lie = replace(message, payload=pair.evaluate(wrong, sent, ALONE).to_bytes())
    birch.runs.received(answer, b"receipt")
    scene.say("Birch", lie)
    scene.run(4)
    ended = scene.nodes["Cedar"].party.runs.get(group.run)
    assert ended is not None
    assert ended.state is State.ABANDONED
    assert "key that was committed to" in ended.problem
    assert carried


def test_a_holder_with_two_keys_is_caught(scene: Scene) -> None:
    """Attack 17: a holder posts a second key for the run and proves with that; nobody takes either."""
    group = begun(scene)
    for _ in range(2):
        scene.deliver()
        for name in NAMES:
            scene.look(name)
    second = HolderKey(
        group.run, scene.charter.digest, "Birch", ristretto.base_times(ristretto.random_scalar()), scene.clock.us
    )
    scene.logs.entries["Birch"].append(second.sign(scene.nodes["Birch"].keys.statement))
    scene.run(4)
    assert any("no key for this run, or more than one" in text for _run, text in scene.problems)


@pytest.mark.parametrize("which", range(8))
def test_a_collector_that_makes_hits_up_is_caught(scene: Scene, which: int) -> None:
    """Attack 17: the collector tells Alder of hits in bins without an item of Alder's, or with too few holders."""
    group = begun(scene)
    for _ in range(6):
        scene.deliver("Alder") if scene.nodes["Elm"].party.runs.unsent() else scene.deliver()
        for name in NAMES:
            scene.look(name)
        hits = [each for each in scene.nodes["Elm"].party.runs.unsent() if each.receiver == "Alder"]
        if hits:
            break
    (true,) = hits
    message, _sender = messages.read(true.body, scene.charter, scene.charter.member("Alder"))
    record = canonical.loads(message.payload, max_bytes=1 << 24)
    circle = scene.nodes["Alder"].circle
    assert circle is not None
    owners = circle.groups.owners(group.run)
    empty = next(at for at in range(0, len(owners), 4) if owners[at : at + 4] == b"\xff\xff\xff\xff") // 4
    cell = record["hits"][0][0]
    lies: list[object] = [
        [[empty, ["Alder", "Birch", "Cedar"]]],
        [[cell, ["Alder", "Birch"]]],
        [[cell, ["Birch", "Cedar", "Dogwood"]]],
        [[cell, ["Alder", "Birch", "Elm"]]],
        [[10**9, ["Alder", "Birch", "Cedar"]]],
        [["x", []]],
        {"a": 1},
        5,
    ]
    lie = lies[which]
    scene.nodes["Elm"].party.runs.received(true, b"receipt")
    scene.say("Elm", replace(message, payload=canonical.dumps({**record, "hits": lie})))
    scene.look("Alder")
    ended = scene.nodes["Alder"].party.runs.get(group.run)
    assert ended is not None
    assert (ended.state, ended.common) == (State.ABANDONED, ())


def test_a_member_beyond_its_budget_is_not_evaluated(scene: Scene) -> None:
    """Attack 17: Cedar enters a third group run in an epoch that allows two; no holder evaluates its set."""
    for _ in range(2):
        begun(scene)
        scene.run(8)
    third = begun(scene)
    scene.run(6)
    assert scene.nodes["Birch"].party.runs.get(third.run) is None


def test_a_member_that_sends_another_set_than_it_committed_to_gets_nothing(scene: Scene) -> None:
    """Attack 17: Cedar commits to one set and lets the holders evaluate another; their logs say why they do not."""
    group = begun(scene)
    scene.deliver()
    for name in NAMES:
        scene.look(name)
    cedar = scene.nodes["Cedar"].party
    for true in [each for each in cedar.runs.unsent() if each.step is Step.BLINDED]:
        message, _sender = messages.read(true.body, scene.charter, scene.charter.member(true.receiver))
        points = sorted(ristretto.base_times(ristretto.random_scalar()) for _ in range(50))
        cedar.runs.received(true, b"receipt")
        scene.say("Cedar", replace(message, payload=b"".join(points)))
    scene.run(6)
    for name in ("Alder", "Birch"):
        (refusal,) = [each for each in scene.papers(name) if isinstance(each, Refusal)]
        assert (refusal.run, refusal.to, refusal.reason) == (group.run, "Cedar", Reason.OTHER_SET)
    held = cedar.runs.get(group.run)
    assert held is not None
    assert held.state is State.WAITING


def test_two_members_match_in_a_pair(tmp_path: Path) -> None:
    """With two members a group has no sense, and says so; the pair mode is for them."""
    made = scenes.scene(tmp_path, ("Alder", "Birch", "Elm"), None, "Elm")
    circle = made.nodes["Alder"].circle
    assert circle is not None
    with pytest.raises(PolicyError, match="match with one another"):
        circle.draft(made.charter.member("Elm"), 10)


def test_over_http_from_the_command_line(tmp_path: Path) -> None:
    """Three members and a collector, with real gateways: `pollwatch match --group -t 3`, and everybody's answers."""
    cases = match_scenes.enrolled(
        tmp_path, MatchingRules(items=100, runs=2, auditor="Elm", audit_permille=100, min_age_s=0)
    )

    for case, numbers in zip(cases, (range(8), range(4, 12), range(6, 16)), strict=False):
        match_scenes.release(Membership.open(case), [f"203.0.113.{n}" for n in numbers], SystemClock())
    runner = CliRunner()
    with match_scenes.watching(cases, SystemClock()) as watch:
        looked = runner.invoke(root, ["match", "--group", "-t", "3", "--case", str(cases[0]), "--dry-run"])
        assert looked.exit_code == 0, looked.output
        assert "Alder, Birch, Cedar" in looked.output
        done = runner.invoke(root, ["match", "--group", "-t", "3", "--case", str(cases[0]), "--wait", "0", "--json"])
        assert done.exit_code == 0, done.output
        watch.looks("Alder", "Birch", "Cedar", "Elm", rounds=5)
        for name in ("Alder", "Birch", "Cedar"):
            shown = runner.invoke(root, ["match", "status", "--case", str(watch[name].folder.case), "--json"])
            (run,) = canonical.loads_lenient(shown.output.encode())["runs"]
            assert (run["mode"], run["state"]) == ("group", "completed")
            assert sorted(each["value"] for each in run["common"]) == ["203.0.113.6", "203.0.113.7"]
            others = sorted({"Alder", "Birch", "Cedar"} - {name})
            assert all(each["with"] == others for each in run["common"])
        counted = matchview.budgets(watch["Elm"], SystemClock(), fresh=True)
        spent = {line.member: [(name, each.items) for name, each in line.spent] for line in counted.lines}
        assert spent["Cedar"] == [("Alder", 10), ("Birch", 10)]
        words = runner.invoke(root, ["match", "audit", "--case", str(cases[1])])
        assert words.output.count("were opened and hold") == 3, words.output
    assert matching.runs(watch["Alder"]).all()[0].closed
