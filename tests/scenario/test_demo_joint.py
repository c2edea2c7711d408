"""The joint demo, as a newcomer runs it: four rivals, a forker and a poisoner, and what anybody can check then."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from hashlib import sha256
from itertools import permutations
from pathlib import Path

import numpy as np
import pypdf
import pytest

import joint_act_worker
import wires
from killing import Killer, inside
from pollwatch import canonical
from pollwatch.clock import SystemClock
from pollwatch.evidence import fsck
from pollwatch.evidence.monitor import ForkProof
from pollwatch.evidence.published import Published
from pollwatch.members.delivery import Delivery, open_receipt
from pollwatch.node.attribution import dossiers
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.demos import jointcase, jointstory
from pollwatch.node.demos.jointstory import Stage4
from pollwatch.node.evidence.casekeys import CaseKeys
from pollwatch.node.gateway import answered, processes
from pollwatch.node.logs import publishing, watching
from pollwatch.node.match import matching
from pollwatch.sharing import stages
from pollwatch.sharing.egress import ASKED, Left
from pollwatch.sharing.inbox import Mailbox
from pollwatch.sharing.ledger import Ledger
from pollwatch.sharing.matching import reading
from pollwatch.sharing.matching.papers import Mode
from pollwatch.sharing.matching.runs import State
from pollwatch.sharing.peer import Peer
from pollwatch.sharing.stages import Stage, StageError

ROOT = Path(__file__).parents[2]
CLOCK = SystemClock()
HONEST_ONES = (jointstory.ALDER, jointstory.BIRCH, jointstory.DOGWOOD)
FOLDERS = ("out", "wires", "scanned")
#: All acts of the demo, and within how many seconds of their begin somebody dies: before there are gateways, while all
#: logs are honest, and from when one of them forks.
FIRST = {"charter": 2.0, "scan": 12.0}
HONEST = {"publish": 4.0, "release": 1.0, "match": 8.0, "tell": 4.0, "poison": 1.0, "weigh": 6.0, "statement": 4.0}
LAST = {"fork": 3.0, "sever": 1.0, "dossier": 5.0}
#: How often an inside node, and as often a gateway, is killed in each act; without a number, once in some of them.
DEATHS = int(os.environ.get("POLLWATCH_DEATHS", "0"))
SHORT = {"charter": 1, "match": 1, "tell": 1, "fork": 1}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pollwatch in the checkout."""
    return python("-m", "pollwatch", *arguments)


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the checkout."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The demo's folder, and what it said; before each gateway is a wire that keeps all that crosses.

    It is played once, also where several test processes share the tests of this file.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "joint-demo"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = folder / "said.json"
        if not said.exists():
            done = python("tests/joint_demo_worker.py", *(str(folder / each) for each in FOLDERS))
            said.write_text(canonical.compact([done.returncode, done.stdout, done.stderr]), "utf-8")
        code, out, err = canonical.loads_lenient(said.read_bytes())
        return folder / "out", subprocess.CompletedProcess("demo joint", code, out, err)


@pytest.mark.timeout(900)
def test_every_act_goes_as_it_must(played: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """Twelve acts: matching finds just the common attackers, the forker and the poisoner are caught, nothing breaks."""
    _out, done = played
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✘" not in done.stdout
    assert done.stdout.count("✔") == 12
    learned = re.findall(r"learned: ([0-9., \n]+)", done.stdout)
    assert all("198.51.100.130" in each for each in learned), "the one that came to all offices"
    assert not any("198.51.100.42" in each for each in learned), "the one that came to a single office"


@pytest.mark.timeout(900)
def test_what_it_leaves_can_be_checked_alone(played: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """The fork proof verifies offline; the story stands on a page that loads nothing."""
    out, done = played
    assert done.returncode == 0, done.stdout + done.stderr
    assert run("verify", str(out / "evidence" / "fork-proof.json")).returncode == 0
    page = (out / "story.html").read_text("utf-8")
    assert page.count("<li>") == 12
    assert "default-src 'none'" in page
    assert "http://" not in re.sub(r"http://127\.0\.0\.1:\d+", "", page)


@pytest.mark.timeout(900)
def test_no_process_is_left(played: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """All four gateways have ended with the demo."""
    out, _done = played
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [command for command in commands if b"gateway" in command and str(out).encode() in command]


@pytest.mark.timeout(900)
def test_the_dossier_says_who_signed_who_denied_and_who_dissents(
    played: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """The papers in two languages carry denial and dissent; the bundle proves them; made again, it is the same."""
    out, done = played
    assert done.returncode == 0, done.stdout + done.stderr
    folder = out / "evidence" / "dossier"
    for language in ("en", "nl"):
        pages = pypdf.PdfReader(folder / f"dossier-{language}.pdf").pages
        text = " ".join(" ".join(each.extract_text().split()) for each in pages)
        html = (folder / f"dossier-{language}.html").read_text("utf-8")
        for words in ("We deny this. The address is rented out by the hour", "Our own inquiry goes on."):
            assert words in text
            assert words in html
    checked = run("verify", str(folder / "evidence.zip"), "--policy", str(folder / "policy.txt"))
    assert checked.returncode == 0, checked.stderr
    assert "Grade: cross-bloc" in checked.stdout
    assert "denial by the respondent, Cedar Ministry: strongly-disagree: We deny this." in checked.stdout
    assert "Cedar Ministry (east): dissents" in checked.stdout
    alone = run("verify", str(folder / "record.json"), "--charter", str(out / "evidence" / "charter.note"))
    assert "Cedar Ministry (east): dissents" in alone.stdout
    incident = re.findall(r'"external_id":"(PW-[A-Z0-9]+)"', (folder / "record.json").read_text("utf-8"))[0]
    options = ["--case", str(out / "alder" / "case"), "--config", "examples/election-week/pollwatch.toml"]
    again = run("dossier", incident, *options, "--out", str(tmp_path), "--language", "en", "--language", "nl", "--json")
    assert again.returncode == 0, again.stderr
    for path in folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.timeout(900)
def test_captured_egress_equals_the_record(played: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """Over the whole demo, between any two of the four: each request and answer on the wire is on record, no more."""
    out, done = played
    assert done.returncode == 0, done.stdout + done.stderr
    members = {name: Membership.open(out / name.split()[0].lower() / "case") for name in jointstory.PEOPLE}
    left = {name: answered.everything(member, CLOCK) for name, member in members.items()}
    crossed = {name: list(wires.exchanges(wires.captured(out.parent / "wires", name))) for name in members}
    for sender, receiver in permutations(members, 2):
        key = members[sender].me.request.fingerprint
        found = [each for each in crossed[receiver] if each.signed_by == key]
        assert found
        assert wires.crossed(found, asked=True) == wires.recorded(left[sender], receiver, asked=True)
        assert wires.crossed(found, asked=False) == wires.recorded(left[receiver], sender, asked=False)
    lost = {}
    for name, member in members.items():
        assert all(each.signed_by for each in crossed[name])
        assert {each.member for each in left[name]} == members.keys() - {name}
        assert all(each.body is None or sha256(each.body).digest() == each.sha256 for each in left[name])
        lost[name] = {each.target for each in left[name] if not found_again(member, each)}
    # What the honest ones sent is still found where the record says. The poison is in no ledger, and a part of the log
    # that was forked is gone: the record gives both away.
    assert lost[jointstory.ALDER] == lost[jointstory.BIRCH] == set()
    assert lost[jointstory.DOGWOOD] == {"/inbox"}
    assert lost[jointstory.CEDAR]
    assert all(each.startswith("/log/tile/") for each in lost[jointstory.CEDAR])


def found_again(member: Membership, left: Left) -> bool:
    """Whether what is told and what a log shows, which the record names only, are in the ledger and in the log."""
    if left.target == "/inbox" and left.status == ASKED:
        return left.sha256 in {bytes.fromhex(each.release.sha256) for each in Ledger(member.folder.record).all()}
    if left.target.startswith("/log/tile/") and left.status == 200:
        data = Published(member.folder.gateway.log).read(left.target.removeprefix("/log/"))
        return data is not None and sha256(data).digest() == left.sha256
    return True


@pytest.mark.timeout(900)
def test_kill_9_at_any_moment_loses_forks_and_spends_nothing(
    played: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """In every act inside nodes and gateways die by SIGKILL and come back: the watch is as if nobody had died."""
    out, done = played
    assert done.returncode == 0, done.stdout + done.stderr
    root, chosen = tmp_path / "out", np.random.default_rng(int(os.environ.get("POLLWATCH_DEATHS_SEED", "9")))
    with inside(root) as nodes:
        killer = Killer(nodes, chosen)
        die(killer, ["charter"])
        if DEATHS:
            die(killer, ["scan"])
        else:  # scanning takes long: another test kills scans into a case at each of their steps
            shutil.rmtree(root)
            shutil.copytree(out.parent / "scanned", root)
        stage = joint_act_worker.stage_at(root)
        killer.gateways = jointstory.gateways(stage)
        with processes.running(*killer.gateways):
            die(killer, HONEST if DEATHS else ["publish", "release", "match", "tell"])
            killer.act("settle")
            for member in stage.members.values():
                nothing_is_lost(stage, member)
                nothing_is_forked(member)
            assert Ledger(stage.members[jointstory.ALDER].folder.record).all()
            spent_once(stage)
            if not DEATHS:
                killer.act("weigh", "statement")
            die(killer, LAST)
            for name in HONEST_ONES:
                nothing_is_lost(stage, stage.members[name])
                logs_are_whole(stage.members[name])
            the_forker_is_caught_and_severed(stage)
            spent_once(stage)
    dossier_is_as_if_nobody_had_died(stage, tmp_path / "again")
    assert killer.deaths["inside"]
    assert killer.deaths["gateway"]


def die(killer: Killer, acts: Iterable[str]) -> None:
    """Do acts, with as many deaths in each as this run has."""
    within_s = {**FIRST, **HONEST, **LAST}
    for act in acts:
        killer.act(act, deaths=DEATHS or SHORT.get(act, 0), within_s=within_s[act])


def nothing_is_lost(stage: Stage4, sender: Membership) -> None:
    """All that was released has a receipt, and all that has one is with its receiver."""
    for each in Ledger(sender.folder.record).all():
        told = each.release
        receiver = stage.members[told.receiver]
        delivery = Delivery(sender.charter.digest, sender.me.name, told.receiver, told.sha256, told.tlp, each.at_us)
        open_receipt(each.receipt, delivery, receiver.me.gateway)
        held = {(mail.sender, mail.sent_us): mail.body for mail in Mailbox(receiver.folder.mailbox, CLOCK).all()}
        assert held[sender.me.name, each.at_us] == told.body


def nothing_is_forked(member: Membership) -> None:
    """Both logs are whole; every other member's log only grew, whoever is asked; all others cosign and mirror ours."""
    logs_are_whole(member)
    published = publishing.publish(member, CLOCK)
    assert not [each.problem for each in (*published.cosignings, *published.mirrors) if each.problem]
    found = watching.check_peers(member, CLOCK)
    assert all(each.sound for each in found), found


def logs_are_whole(member: Membership) -> None:
    """Every entry of both logs is there, under a signature that covers them all."""
    evidence = member.folder.case / "evidence"
    keys = CaseKeys.load(evidence)
    fsck.check_log(evidence / "private", keys.private.verifier)
    fsck.check_log(evidence / "shared", keys.shared.verifier)


def the_forker_is_caught_and_severed(stage: Stage4) -> None:
    """Every honest member has a proof of the one fork that there was; Alder's gateway, too, knows that it parted."""
    for name in HONEST_ONES:
        member = stage.members[name]
        proofs = [ForkProof.parse(path.read_bytes()) for path in member.folder.forks.glob("fork-*.json")]
        assert proofs
        for each in proofs:
            assert each.log == stage.members[jointstory.CEDAR].me.log
            each.verify()
    alder, cedar = stage.members[jointstory.ALDER], stage.members[jointstory.CEDAR].me
    for path in (alder.folder.stages, alder.folder.outer_stages):
        assert stages.read(path)[cedar.identity] is Stage.ALONE
    with pytest.raises(StageError), Peer(alder.way_to(cedar, CLOCK)) as peer:
        peer.checkpoint()


def dossier_is_as_if_nobody_had_died(stage: Stage4, again: Path) -> None:
    """What the last act left is whole: made again, by nobody who dies, it is the same."""
    config = stage.week / "pollwatch.toml"
    case, incident = stage.case(jointstory.ALDER), jointcase.gravest(stage)
    dossiers.make(case, incident, again, CLOCK, languages=("en", "nl"), config_file=config)
    left = stage.evidence / "dossier"
    assert {each.name for each in left.iterdir()} == {each.name for each in again.iterdir()}
    for path in left.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name


def spent_once(stage: Stage4) -> None:
    """One group run, paid for once by each of its members, with the hits it must have, and no key left of it."""
    learned = {}
    for name, member in stage.members.items():
        papers = reading.commitments(matching.Logs(member, CLOCK).papers(member.me), member.me)
        assert len(papers) == (name != jointstory.DOGWOOD)
        runs = matching.runs(member)
        assert not runs.unsent()
        for each in papers:
            run = runs.get(each.run)
            assert run is not None
            assert run.state is State.COMPLETED
            assert not runs.has_key(Mode.GROUP, each.run, each.epoch)
            for place, holders in matching.circle(member, CLOCK).groups.hits(each.run).items():
                observable = run.leaves[place].observable
                assert observable is not None
                learned[observable.value] = frozenset(holders)
    assert learned == jointstory.expected_common()
