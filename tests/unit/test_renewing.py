"""A member's second card: new keys and another address by a change of the charter, stopped anywhere and resumed."""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path

import pytest
from click.testing import CliRunner

from hostile_scenes import an_incident, served
from joint_scenes import enrolled, trusting
from pollwatch.cli.main import root
from pollwatch.clock import ManualClock
from pollwatch.errors import ConfigError, PolicyError, SignatureError, StoreError
from pollwatch.evidence.keys import Signer
from pollwatch.members.card import read_card
from pollwatch.members.chain import Chain
from pollwatch.node.charter import charters, drafting, enrol, greeting, renewing
from pollwatch.node.charter.drafting import Change
from pollwatch.node.charter.greeting import Standing
from pollwatch.node.charter.jointfolder import JointFolder, Membership
from pollwatch.node.charter.renewing import Wish
from pollwatch.node.evidence import rekeying
from pollwatch.node.gateway import pushing
from pollwatch.node.gateway.processes import free_ports
from pollwatch.node.logs import publishing
from pollwatch.node.sharing import joint, releasing
from pollwatch.node.sharing.releasing import Decision
from stopping import until

T = 1_793_700_000_000_000
ALL = ("statement", "request", "witness", "gateway")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two members under one charter, going all the way with each other."""
    folder = tmp_path_factory.mktemp("two")
    trusting(*enrolled(folder, "ab", ManualClock(T)), clock=ManualClock(T))
    return folder


@pytest.fixture
def cases(template: Path, tmp_path: Path) -> list[Path]:
    """Copies of their folders."""
    shutil.copytree(template, tmp_path / "two")
    return [tmp_path / "two" / name for name in "ab"]


def change(cases: list[Path], card: bytes, clock: ManualClock) -> Chain:
    """Bring a card of the first member in, by both."""
    draft = drafting.changed(JointFolder(cases[0]).load_chain(), Change(cards=[card]), clock)
    chain = enrol.amend(cases[0], draft, clock).chain
    return enrol.sign(cases[1], chain.to_bytes(), clock).chain


def secrets(case: Path) -> dict[str, bytes]:
    """The member's keys as they are in use."""
    keys = Membership.open(case).keys
    found = {"statement": keys.statement, "request": keys.request}
    return {
        use: each.seed for use, each in {**found, "witness": keys.outer.witness, "gateway": keys.outer.gateway}.items()
    }


def test_all_keys_and_the_address_change_by_the_charter(cases: list[Path]) -> None:
    """With two members: one gets new keys and moves; both gateways go on, and each takes what the other sends."""
    clock = ManualClock(T)
    before = secrets(cases[0])
    old = Membership.open(cases[0]).me
    with served(Membership.open(cases[1]), clock=clock):
        port = free_ports(1)[0]
        renewed = renewing.renew(cases[0], Wish(f"http://127.0.0.1:{port}", ALL), clock)
        assert secrets(cases[0]) == before  # nothing has changed yet
        assert renewing.renew(cases[0], Wish(f"http://127.0.0.1:{port}", ALL), clock).member == renewed.member
        change(cases, renewed.card, clock)
        # The other one has taken it up; it does not know our present key any more, and tells us all the same.
        (greeted,) = greeting.greet(Membership.open(cases[0]), clock)
        assert greeted.standing is Standing.TAKEN_UP
        one, two = map(Membership.open, cases)
        assert one.me == renewed.member == two.peers[0]
        assert not {each.public for each in one.me.keys[1:]} & {each.public for each in old.keys[1:]}
        for path in cases[0].rglob("*.key"):
            assert path.stat().st_mode & 0o777 == 0o600
            assert Signer.load(path).seed not in before.values()
        assert list(cases[0].rglob("*.next")) == []
        assert list(one.folder.root.glob("next/*")) == [renewed.following]
        with served(one, clock=clock):
            for here, there in ((one, two), (two, one)):
                assert [each.problem for each in publishing.publish(here, clock).cosignings] == [""]
                prepared = releasing.prepare_incident(here, an_incident("PW-1"), None, clock)
                sent = releasing.release(here, prepared, there.me, Decision("Ada", "charter"), clock)
                assert sent.problem == ""
                assert joint.take_in(there, clock)
    # And once more, from there.
    again = renewing.renew(cases[0], Wish(uses=("statement",)), clock)
    assert charters.take_up(cases[0], change(cases, again.card, clock), clock)
    assert Membership.open(cases[0]).me == again.member


def test_a_thief_of_the_present_statement_key_makes_no_card(cases: list[Path], tmp_path: Path) -> None:
    """Attack 9: whoever has all keys in use, but not the next one, asks for a card with a key of its own."""
    clock = ManualClock(T)
    folder = JointFolder(cases[0])
    folder.following.rename(tmp_path / "safe.key")
    with pytest.raises(StoreError, match="--next"):
        renewing.renew(cases[0], Wish(uses=("statement",)), clock)
    Signer.generate(Membership.open(cases[0]).me.statement.name).save(tmp_path / "thief.key")
    with pytest.raises(SignatureError, match="committed to"):
        renewing.renew(cases[0], Wish(uses=("statement",), next_key=tmp_path / "thief.key"), clock)
    # It lays its own key beside the one in use, and gets a card: nobody takes that.
    shutil.copy(tmp_path / "thief.key", folder.inner / "statement.next")
    forged = renewing.renew(cases[0], Wish(uses=("statement",)), clock)
    with pytest.raises(PolicyError, match="not the one that it committed to"):
        change(cases, forged.card, clock)
    (folder.inner / "statement.next").unlink()
    real = renewing.renew(cases[0], Wish(uses=("statement",), next_key=tmp_path / "safe.key"), clock)
    assert charters.take_up(cases[0], change(cases, real.card, clock), clock)


def test_what_makes_no_card_is_told(cases: list[Path], tmp_path: Path) -> None:
    """Nothing to change, a change on its way, a gateway elsewhere, a next key for nothing: each is refused in words."""
    clock = ManualClock(T)
    with pytest.raises(PolicyError, match="nothing would change"):
        renewing.renew(cases[0], Wish(), clock)
    with pytest.raises(PolicyError, match="name that one as well"):
        renewing.renew(cases[0], Wish(uses=("witness",), next_key=tmp_path / "x"), clock)
    card = renewing.renew(cases[0], Wish(uses=("witness",)), clock).card
    later = Change(cards=[card], effective_us=4_000_000_000_000_000)
    draft = drafting.changed(JointFolder(cases[0]).load_chain(), later, clock)
    chain = enrol.sign(cases[1], enrol.amend(cases[0], draft, clock).chain.to_bytes(), clock).chain
    assert not charters.take_up(cases[0], chain, clock)
    with pytest.raises(PolicyError, match="yet to come"):
        renewing.renew(cases[0], Wish(uses=("request",)), clock)
    folder = JointFolder(cases[1])
    folder.outer.rename(tmp_path / "dmz")
    pushing.settle(folder, "http://127.0.0.1:9")
    with pytest.raises(ConfigError, match="stands elsewhere"):
        renewing.renew(cases[1], Wish(uses=("request",)), clock)


def test_a_card_names_the_key_that_signs_the_log_now(cases: list[Path]) -> None:
    """After the log's key was changed its old one cannot sign; the card names the present one, and all follow."""
    clock = ManualClock(T)
    rekeying.rotate(cases[0], "shared", clock)
    renewed = renewing.renew(cases[0], Wish(uses=("request",)), clock)
    chain = rekeying.show(cases[0], "shared").chain
    assert renewed.member.log == chain.present
    assert charters.take_up(cases[0], change(cases, renewed.card, clock), clock)
    one, two = map(Membership.open, cases)
    with served(two, clock=clock):
        assert [each.problem for each in publishing.publish(one, clock).cosignings] == [""]


def test_a_card_that_is_stopped_is_made_again(cases: list[Path], tmp_path: Path) -> None:
    """Stopped before any file operation, nothing has changed; asked again, it gives a card, with no key made twice."""
    clock = ManualClock(T)
    before = secrets(cases[0])
    for stop in count():
        copy = tmp_path / f"stopped-{stop}"
        shutil.copytree(cases[0], copy)
        stopped = until(stop, lambda copy=copy: renewing.renew(copy, Wish(uses=ALL), clock))
        assert secrets(copy) == before
        made = {path.name: path.read_bytes() for path in copy.rglob("*.next") if path.name != "card.next"}
        renewed = renewing.renew(copy, Wish(uses=ALL), clock)
        assert made.items() <= {path.name: path.read_bytes() for path in copy.rglob("*.next")}.items()
        assert len(list((copy / "joint" / "next").glob("*.key"))) == 2  # the one that comes in, and the one after it
        assert read_card(JointFolder(copy).next_card.read_bytes()) == renewed.member
        if not stopped:
            break
    assert stop > 6


def test_keys_that_are_stopped_on_their_way_arrive(cases: list[Path], tmp_path: Path) -> None:
    """Stopped before any file operation of its coming into force, a member has the keys of its charter, and goes on."""
    clock = ManualClock(T)
    present = Membership.open(cases[0]).me
    wanted = renewing.renew(cases[0], Wish(uses=ALL), clock)
    chain = change(cases, wanted.card, clock)
    seen = set()
    for stop in count():
        copy = tmp_path / f"stopped-{stop}"
        shutil.copytree(cases[0], copy)
        stopped = until(stop, lambda copy=copy: (charters.take_up(copy, chain, clock), Membership.open(copy)))
        one = Membership.open(copy)
        assert (one.keys.statement.verifier, one.keys.request.verifier) == (one.me.statement, one.me.request)
        outer = (one.keys.outer.witness.verifier, one.keys.outer.gateway.verifier)
        assert outer in {(each.witness, each.gateway) for each in (present, one.me)}
        seen.add(one.me == wanted.member)
        assert charters.take_up(copy, chain, clock)
        one = Membership.open(copy)
        assert one.me == wanted.member
        assert {one.keys.outer.witness.verifier, one.keys.outer.gateway.verifier} < set(one.me.keys)
        assert not list(copy.rglob("*.next"))
        assert list(one.folder.root.glob("next/*")) == [copy / (wanted.following or copy).relative_to(cases[0])]
        assert enrol.own_card(copy) == wanted.member
        if not stopped:
            break
    assert stop > 8
    assert seen == {True, False}


def test_the_command_says_what_comes_next(cases: list[Path], tmp_path: Path) -> None:
    """From the command line: the card, where the key for the safe lies, and what comes next."""
    card, file = tmp_path / "a.card", tmp_path / "change.json"
    runner = CliRunner()
    made = runner.invoke(root, ["members", "renew", "--case", str(cases[0]), "--key", "statement", "-o", str(card)])
    assert made.exit_code == 0, made.output
    assert "put it into a safe" in made.stderr
    assert f"charter amend --card {card}" in made.stderr
    amend = ["charter", "amend", "--card", str(card), "--case", str(cases[0]), "-o", str(file)]
    assert runner.invoke(root, amend).exit_code == 0
    signed = runner.invoke(root, ["charter", "sign", str(file), str(card), "--case", str(cases[1])])
    assert "in force here" in signed.stderr, signed.output
    assert "in force here" in runner.invoke(root, ["charter", "sign", str(file), "--case", str(cases[0])]).stderr
