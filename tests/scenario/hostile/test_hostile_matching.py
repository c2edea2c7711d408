"""Attack 17: Cedar fishes with private matching, over HTTP, at real gateways; everybody can count what it spends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import match_scenes as scenes
from match_scenes import ALONE, NOW_US, Watch, fishing, forged
from pollwatch.clock import ManualClock
from pollwatch.node.charter import staging
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence import rail
from pollwatch.node.match import auditing, matching, matchview
from pollwatch.node.match.matching import Logs
from pollwatch.sharing.decisions import Person
from pollwatch.sharing.matching import box as boxes
from pollwatch.sharing.matching import entering, messages, pair, papers, reading, ristretto
from pollwatch.sharing.matching.messages import Message, Step
from pollwatch.sharing.matching.papers import Commitment, Finding, Mode, Reason, Refusal
from pollwatch.sharing.matching.runs import State
from pollwatch.sharing.matching.secret import Secret
from pollwatch.sharing.stages import Stage

#: What Alder's analysts released: ten of the addresses that Cedar will try first, and ten that it will not.
OURS = [f"10.0.0.{n}" for n in range(10)] + [f"10.0.200.{n}" for n in range(10)]


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four members; Alder and Birch released indicators two days ago."""
    root = tmp_path_factory.mktemp("matching")
    cases = scenes.enrolled(root)
    clock = ManualClock(NOW_US - 2 * scenes.DAY_US)
    scenes.release(Membership.open(cases[0]), OURS, clock)
    scenes.release(Membership.open(cases[1]), [f"10.0.0.{n}" for n in range(5, 30)], clock)
    return root


@pytest.fixture
def watch(released: Path, tmp_path: Path) -> Iterator[Watch]:
    """The four with their gateways answering; what a test changes, no other sees."""
    root = tmp_path / "watch"
    shutil.copytree(released, root)
    with scenes.watching([root / name.lower() for name, _role in scenes.CAST], ManualClock(NOW_US)) as scene:
        yield scene


def cedar_tries(watch: Watch, numbers: range, peer: str = "Alder") -> None:
    """Cedar's program enters any addresses it likes, released by nobody, and plays the run to its end."""
    party = matching.party(watch["Cedar"], watch.clock)
    plan = party.plan(watch[peer].me, fishing(*numbers))
    party.begin(plan, ALONE)
    watch.looks("Cedar", peer)


def reasons(watch: Watch, name: str) -> list[Reason]:
    """Why a member refused what, as its log says to everybody."""
    return [each.reason for each in watch.logged(name) if isinstance(each, Refusal)]


def offered(watch: Watch, message: Message, to: str = "Alder") -> list[Reason]:
    """What becomes of an offer that a gateway took."""
    assert watch.says("Cedar", message).status_code == 200
    watch.look(to)
    return reasons(watch, to)


def test_all_of_a_slash_8_gets_nothing_beyond_the_budget(watch: Watch) -> None:
    """Attack 17: Cedar tries 10.0.0.0/8 from its beginning; it gets what 100 questions give, and all see that."""
    over = messages.MAX_BYTES + 1
    assert watch.sends("Cedar", "Alder", bytes(over)).status_code == 413
    everything = forged(watch, "Cedar", "Alder", fishing(*range(200)), 200)
    assert offered(watch, everything.offer(watch, "Alder")) == [Reason.SIZE]
    # 200 are spent already, although nobody answered: the honest program gives up here.
    with pytest.raises(Exception, match="200 of 100 items"):
        cedar_tries(watch, range(50))
    watch.clock.us += 7 * scenes.DAY_US  # the next epoch, its two runs, and one more
    cedar_tries(watch, range(50))
    cedar_tries(watch, range(50, 100))
    more = forged(watch, "Cedar", "Alder", fishing(*range(100, 110)), 10)
    assert offered(watch, more.offer(watch, "Alder"))[-1] is Reason.RUNS
    assert watch.common("Cedar", "Alder") == {f"10.0.0.{n}" for n in range(10)}
    assert watch.common("Alder", "Cedar") == watch.common("Cedar", "Alder")
    # Birch, who had no part in it, counts what Cedar spent, from Cedar's own log.
    counted = matchview.budgets(watch["Birch"], watch.clock, fresh=True)
    (spent,) = [line.spent for line in counted.lines if line.member == "Cedar"]
    assert [(name, each.items, each.runs) for name, each in spent] == [("Alder", 110, 3)]


def _epoch(watch: Watch) -> int:
    return watch.clock.us // (watch["Cedar"].charter.matching.epoch_s * 1_000_000)


def test_the_same_set_twice_is_refused(watch: Watch) -> None:
    """Attack 17: Cedar enters the same addresses again; Alder's log says how many of them came before."""
    cedar_tries(watch, range(20))
    key = matching.runs(watch["Cedar"]).key(Mode.PAIR, "Alder", _epoch(watch)).scalar
    again = forged(watch, "Cedar", "Alder", fishing(*range(20)), 20, key)
    assert offered(watch, again.offer(watch, "Alder")) == [Reason.REPEATED]
    (refusal,) = [each for each in watch.logged("Alder") if isinstance(each, Refusal)]
    assert "20 of 20 elements were entered before" in refusal.detail


def test_differencing_is_refused(watch: Watch) -> None:
    """Attack 17: Cedar enters all but one of its addresses again, or hides that under another key."""
    cedar_tries(watch, range(20))
    key = matching.runs(watch["Cedar"]).key(Mode.PAIR, "Alder", _epoch(watch)).scalar
    without = forged(watch, "Cedar", "Alder", fishing(*range(1, 21)), 20, key)
    assert offered(watch, without.offer(watch, "Alder")) == [Reason.REPEATED]


def test_a_second_key_in_one_epoch_is_refused(watch: Watch) -> None:
    """Attack 17: Cedar enters its addresses again under a fresh key, so that nobody recognises them."""
    cedar_tries(watch, range(20))
    hidden = forged(watch, "Cedar", "Alder", fishing(*range(20)), 20)
    assert offered(watch, hidden.offer(watch, "Alder")) == [Reason.WRONG_KEY]


@pytest.mark.parametrize("size", [1, 7, 30, 200])
def test_sizes_that_are_not_public_are_refused(watch: Watch, size: int) -> None:
    """Attack 17: Cedar probes with odd sizes to see what comes back; nothing does."""
    odd = forged(watch, "Cedar", "Alder", fishing(*range(size)), size)
    assert offered(watch, odd.offer(watch, "Alder")) == [Reason.SIZE]


def test_the_answer_has_the_same_size_whatever_is_asked(watch: Watch) -> None:
    """Attack 17: Cedar asks with two sizes; Alder's set looks alike each time, and says a public size only."""
    sizes = []
    for items in (10, 50):
        offer = forged(watch, "Cedar", "Alder", fishing(*range(1000, 1000 + items)), items)
        assert watch.says("Cedar", offer.offer(watch, "Alder")).status_code == 200
        watch.look("Alder")
        run = matching.runs(watch["Alder"]).get(offer.commitment.run)
        assert run is not None
        sizes.append(len(run.leaves))
        watch.clock.us += 7 * scenes.DAY_US
    assert sizes == [20, 20]


def test_a_wrong_key_is_caught_and_ends_the_run(watch: Watch) -> None:
    """Attack 17: Cedar answers under another key than it committed to; Alder takes nothing for true, and says so."""
    run = watch.begin("Alder", "Cedar")
    watch.look("Alder")
    key = ristretto.random_scalar()
    reply = forged(watch, "Cedar", "Alder", fishing(*range(20)), 20, key, run=run)
    message = replace(reply.offer(watch, "Alder"), step=Step.REPLY)
    assert watch.says("Cedar", message).status_code == 200
    watch.look("Alder")  # Alder asked, so Alder answers first
    held = matching.runs(watch["Alder"]).get(run)
    assert held is not None
    wrong = pair.evaluate(Secret.new(), entering.split(held.elements), ALONE)
    final = replace(message, step=Step.FINAL, paper=b"", nonce=reply.nonce, payload=wrong.to_bytes())
    assert watch.says("Cedar", final).status_code == 200
    watch.look("Alder")
    ended = matching.runs(watch["Alder"]).get(run)
    assert ended is not None
    assert (ended.state, ended.common) == (State.REFUSED, ())
    assert reasons(watch, "Alder") == [Reason.WRONG_KEY]


def test_fake_inputs_fail_the_audit(watch: Watch) -> None:
    """Attack 17: Cedar enters addresses that no analyst released; the auditor's log says so to everybody."""
    cedar_tries(watch, range(40))
    watch.looks("Cedar", "Alder", "Elm", rounds=2)
    found = {each.of: each.problem for each in watch.logged("Elm") if isinstance(each, Finding)}
    assert found["Alder"] == ""
    assert "never sealed" in found["Cedar"]
    owed = auditing.overview(watch["Birch"], Logs(watch["Birch"], watch.clock))
    assert {each.commitment.member: bool(each.finding and each.finding.problem) for each in owed} == {
        "Alder": False,
        "Cedar": True,
    }


def test_an_honest_run_holds_before_the_auditor(watch: Watch) -> None:
    """Two honest members match; both learn the same; what is opened of both holds, with the releases behind it."""
    watch.begin("Alder", "Birch")
    watch.looks("Alder", "Birch")
    watch.look("Elm")
    assert watch.common("Alder", "Birch") == watch.common("Birch", "Alder") == {f"10.0.0.{n}" for n in range(5, 10)}
    found = [(each.of, each.problem) for each in watch.logged("Elm") if isinstance(each, Finding)]
    assert sorted(found) == [("Alder", ""), ("Birch", "")]


def _malformed(elements: bytes) -> dict[str, bytes]:
    points = [elements[at : at + 32] for at in range(0, len(elements), 32)]
    high = points[-1][:-1] + bytes((points[-1][-1] | 0x80,))
    return {
        "identity": b"".join([bytes(32), *points[1:]]),
        "second spelling": b"".join([*points[:-1], high]),
        "no point": b"".join([*points[:-1], b"\xff" * 31 + b"\x7f"]),
        "twice": b"".join([points[0], points[0], *points[2:]]),
        "unordered": b"".join(reversed(points)),
        "another set": b"".join(sorted([ristretto.base_times(ristretto.random_scalar()), *points[1:]])),
        "cut off": elements[:-1],
        "nothing": b"",
    }


@pytest.mark.parametrize("kind", list(_malformed(bytes(64))))
def test_malformed_sets_are_refused(watch: Watch, kind: str) -> None:
    """Attack 17: Cedar sends the identity, points of two spellings, no points, the same twice, or another set."""
    offer = forged(watch, "Cedar", "Alder", fishing(*range(10)), 10)
    (reason,) = offered(watch, offer.offer(watch, "Alder", _malformed(offer.entered.elements)[kind]))
    assert reason in {Reason.MALFORMED, Reason.SIZE, Reason.OTHER_SET}
    assert matching.runs(watch["Alder"]).all() == ()


def test_the_generator_and_own_elements_are_refused(watch: Watch) -> None:
    """Attack 17: Cedar uses the key that everybody knows, or sends Alder's own elements back as its set."""
    run = watch.begin("Alder", "Cedar")
    watch.look("Alder")
    held = matching.runs(watch["Alder"]).get(run)
    assert held is not None
    echo = forged(watch, "Cedar", "Alder", [], 20, run=run)
    echoed = entering.Entered(echo.entered.leaves, held.elements, echo.entered.seed)
    changed = replace(echo.commitment, elements=scenes.elements_root(echoed), root=echo.entered.tree().root())
    paper = changed.sign(watch["Cedar"].keys.statement)
    Logs(watch["Cedar"], watch.clock).post(f"{run} commitment", paper)
    message = replace(echo.offer(watch, "Alder", held.elements), step=Step.REPLY, paper=paper)
    assert offered(watch, message) == [Reason.REPEATED]
    everybodys = forged(watch, "Cedar", "Birch", fishing(*range(10)), 10, ristretto.scalar_of(1))
    assert offered(watch, everybodys.offer(watch, "Birch"), "Birch") == [Reason.WRONG_KEY]


def test_what_is_not_in_the_log_is_not_answered(watch: Watch) -> None:
    """Attack 17: Cedar keeps a run out of its log, so that the others do not count it; or writes another epoch."""
    hidden = forged(watch, "Cedar", "Alder", fishing(*range(10)), 10, log=False)
    assert offered(watch, hidden.offer(watch, "Alder")) == [Reason.NOT_LOGGED]
    last = forged(watch, "Cedar", "Alder", fishing(*range(10)), 10, epoch=_epoch(watch) - 1)
    assert offered(watch, last.offer(watch, "Alder"))[-1] is Reason.EPOCH


def test_replays_and_others_names_change_nothing(watch: Watch) -> None:
    """Attack 17: a message comes twice, changed, from somebody else, or at another member's gateway."""
    offer = forged(watch, "Cedar", "Alder", fishing(*range(10)), 10)
    body = offer.offer(watch, "Alder").to_bytes(watch["Cedar"].keys.statement)
    first, second = watch.sends("Cedar", "Alder", body), watch.sends("Cedar", "Alder", body)
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert messages.open_receipt(first.content, body, watch["Alder"].me.gateway) == watch.clock.us
    other = replace(offer.offer(watch, "Alder"), at_us=watch.clock.us + 1_000_000)
    assert watch.says("Cedar", other).status_code == 403  # a second offer for one run
    assert watch.sends("Birch", "Alder", body).status_code == 403  # brought by another
    assert watch.sends("Cedar", "Birch", body).status_code == 403  # at another's gateway
    assert watch.sends("Cedar", "Alder", body[:-1]).status_code == 403
    for nonsense in (b"", b"\x00\x00\x00\x05hello", os.urandom(500)):
        assert watch.sends("Cedar", "Alder", nonsense).status_code in {400, 403}
    watch.look("Alder")
    assert watch.sends("Cedar", "Alder", body).content == first.content
    watch.look("Alder")
    assert len(matching.runs(watch["Alder"]).all()) == 1
    assert len([each for each in watch.logged("Alder") if isinstance(each, Commitment)]) == 1


def test_a_flood_fills_neither_box_nor_log(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack 17: Cedar sends offers without end; its share of the box is bounded, and so is what our log says of it."""
    monkeypatch.setattr(boxes, "MAX_WAITING", 25)
    signer = watch["Cedar"].keys.statement
    statuses = []
    for number in range(30):
        run = f"{number:032x}"
        message = Message(run, watch["Cedar"].charter.digest, "Cedar", "Alder", Step.OFFER, at_us=watch.clock.us)
        statuses.append(watch.sends("Cedar", "Alder", message.to_bytes(signer)).status_code)
    assert statuses == [200] * 25 + [429] * 5
    watch.look("Alder")
    assert len(reasons(watch, "Alder")) == 20


def test_only_members_at_the_stage_are_answered(watch: Watch) -> None:
    """Attack 17: Cedar matches with Alder although nobody at Alder switched that on; nothing is computed for it."""
    alder = watch["Alder"]
    staging.switch(alder, watch["Cedar"].me, Stage.WITNESS, Person.here("operator"), "no", watch.clock)
    offer = forged(watch, "Cedar", "Alder", fishing(*range(10)), 10)
    watch.says("Cedar", offer.offer(watch, "Alder"))
    watch.look("Alder")
    assert matching.runs(alder).all() == ()
    with pytest.raises(Exception, match="match"):
        watch.begin("Alder", "Cedar")


def test_going_away_after_learning_shows(watch: Watch) -> None:
    """Attack 17: Cedar, asked, learns from Alder's answer and then keeps its own back: Alder has its signed reply."""
    run = watch.begin("Alder", "Cedar")
    watch.look("Alder")
    reply = forged(watch, "Cedar", "Alder", fishing(*range(20)), 20, run=run)
    watch.says("Cedar", replace(reply.offer(watch, "Alder"), step=Step.REPLY))
    watch.look("Alder")
    watch.clock.us += 8 * scenes.DAY_US
    watch.look("Alder")
    ended = matching.runs(watch["Alder"]).get(run)
    assert ended is not None
    assert ended.state is State.ABANDONED
    assert reading.read_commitment(ended.paper, watch["Cedar"].me, watch["Alder"].charter).run == run
    closing = [each for each in watch.logged("Alder") if isinstance(each, papers.Closing)]
    assert [(each.outcome, each.key_destroyed) for each in closing] == [(papers.Outcome.ABANDONED, True)]
    assert not matching.runs(watch["Alder"]).has_key(Mode.PAIR, "Cedar", ended.epoch)


def test_a_gateway_that_was_broken_into_has_nothing_to_try(watch: Watch) -> None:
    """Attack 17: whoever takes Alder's gateway finds blinded elements only: no key, no item, no salt."""
    watch.begin("Alder", "Birch")
    watch.look("Alder")
    watch.look("Birch")
    found = b"".join(each.read_bytes() for each in watch["Alder"].folder.outer.rglob("*") if each.is_file())
    run = matching.runs(watch["Alder"]).all()[0]
    key = matching.runs(watch["Alder"]).key(Mode.PAIR, "Birch", run.epoch)
    for secret in (
        key.seed,
        key.scalar,
        key.scalar.hex().encode(),
        run.seed,
        run.seed.hex().encode(),
        run.nonce,
        b"10.0.200.3",
    ):
        assert secret not in found


def test_kill_9_at_any_moment_spends_once(watch: Watch) -> None:
    """Attack 17: Alder's process is killed again and again while it begins runs: nothing is spent twice or refunded."""
    case = watch["Alder"].folder.case
    program = (
        "import sys; from pathlib import Path; import match_scenes as s; from pollwatch.clock import ManualClock;"
        "from pollwatch.node import matching; from pollwatch.node.charter.jointfolder import Membership;"
        "m = Membership.open(Path(sys.argv[1])); print('go', flush=True); c = ManualClock(s.NOW_US);"
        "matching.begin(m, m.charter.member('Birch'), c, s.ALONE); matching.step(m, c, s.ALONE)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    before = 0
    for pause_s in (0.02, 0.08, 0.15, 0.25, 0.4, 0.8):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(case)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(pause_s)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        process.stdout.close()
        watch.look("Alder")
        with rail.opened(case, watch.clock):  # opening the log publishes what was flushed and not yet shown
            pass
        commitments = [each for each in watch.logged("Alder") if isinstance(each, Commitment)]
        runs = matching.runs(watch["Alder"]).all()
        assert len({each.run for each in commitments}) == len(commitments) == len(runs) >= before
        assert len(commitments) <= 2
        before = len(commitments)
    watch.looks("Alder", "Birch")
    counted = matchview.budgets(watch["Birch"], watch.clock, fresh=True)
    (spent,) = [line.spent for line in counted.lines if line.member == "Alder"]
    assert sum(each.runs for _name, each in spent) == before
    if before:
        assert watch.common("Alder", "Birch") == {f"10.0.0.{n}" for n in range(5, 10)}
