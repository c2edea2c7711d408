"""Charters that travel between nodes, and severing with real processes while a scan goes on."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from hostile_scenes import an_incident, enrol_members, served
from joint_scenes import enrolled, trusting
from member_scenes import made
from pollwatch.cli.main import root
from pollwatch.clock import ManualClock, SystemClock
from pollwatch.errors import PolicyError, SignatureError
from pollwatch.evidence import manifest
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.manifest import Posted
from pollwatch.evidence.report import Report
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Role
from pollwatch.node.charter import drafting, enrol, greeting, leaving
from pollwatch.node.charter.drafting import Change
from pollwatch.node.charter.greeting import Standing
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence import sealer
from pollwatch.node.evidence.interval import Interval
from pollwatch.node.evidence.sealing import CaseEvidence
from pollwatch.node.gateway import processes
from pollwatch.node.sharing import joint, releasing
from pollwatch.node.sharing.releasing import Decision
from pollwatch.sharing.collection import Collection
from pollwatch.sharing.decisions import Person
from pollwatch.sharing.inbox import Mailbox
from pollwatch.sharing.ledger import Ledger
from pollwatch.sharing.outbound import Outbound
from pollwatch.sharing.stages import Gate, Stage, StageError
from pollwatch.stix import signature
from pollwatch.stix.objects import Maker

T = 1_793_700_000_000_000


def test_a_change_finds_its_way_from_the_charter_alone(tmp_path: Path) -> None:
    """Three of four agree to a change; the fourth takes it up from them after checking it, and old nodes are told."""
    clock = ManualClock(T)
    names = ("Alder", "Birch", "Cedar", "Dogwood")
    cases = enrol_members(tmp_path, [(name, Role.MEMBER) for name in names], tuple(processes.free_ports(4)), clock)
    draft = drafting.changed(Membership.open(cases[0]).folder.load_chain(), Change(terms={"releasers": 2}), clock)
    chain = enrol.amend(cases[0], draft, clock).chain
    for case in cases[1:3]:
        chain = enrol.sign(case, chain.to_bytes(), clock).chain
    members = [Membership.open(case) for case in cases]
    with served(*members, clock=clock):
        found = {each.member.name: each.standing for each in greeting.greet(members[3], clock)}
        # Alder and Birch signed it and do not know yet that Cedar did.
        assert found == {"Alder": Standing.SAME, "Birch": Standing.SAME, "Cedar": Standing.TAKEN_UP}
        assert Membership.open(cases[3]).charter.releasers == 2
        again = [each.standing for each in greeting.greet(Membership.open(cases[3]), clock)]
        assert again == [Standing.OLDER, Standing.OLDER, Standing.SAME]
        standings = [each.standing for each in greeting.greet(members[0], clock)]
        assert standings == [Standing.SAME, Standing.TAKEN_UP, Standing.SAME]
        assert Membership.open(cases[0]).charter.releasers == 2
    assert [each.standing for each in greeting.greet(Membership.open(cases[3]), clock)] == [Standing.UNREACHABLE] * 3


class SlowReader:
    """Another member's address, where somebody takes a delivery as slowly as it can: a few bytes at a time."""

    def __init__(self, port: int) -> None:
        """Listen; read 4 KiB every 50 ms, and note when."""
        self.times: list[tuple[float, int]] = []
        self._server = socket.create_server(("127.0.0.1", port))
        # A small window, so that most of what is sent waits in the sender's machine.
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                taken, _address = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._read, args=(taken,), daemon=True).start()

    def _read(self, taken: socket.socket) -> None:
        with contextlib.suppress(OSError), taken:
            while data := taken.recv(4096):
                self.times.append((time.monotonic(), len(data)))
                time.sleep(0.05)

    def after(self, moment: float) -> int:
        """Bytes that were read after a moment."""
        return sum(count for at, count in self.times if at > moment)

    def close(self) -> None:
        """Stop listening."""
        self._server.close()


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[tuple[Membership, Membership, SlowReader]]:
    """Two members that go all the way; the second takes what it gets as slowly as it can."""
    one, two = enrolled(tmp_path, "ab", SystemClock())
    trusting(one, two, clock=SystemClock())
    reader = SlowReader(int(two.me.address.rpartition(":")[2]))
    yield one, two, reader
    reader.close()


def test_severing_cuts_off_what_other_processes_send(
    slow: tuple[Membership, Membership, SlowReader], tmp_path: Path
) -> None:
    """A delivery of megabytes, publishing and watching are processes of their own; a second later no byte leaves."""
    one, two, reader = slow
    stack = contextlib.ExitStack()
    case = str(one.folder.case)
    sealer.configure(one.folder.case, Interval(3600), SystemClock())  # so that publishing does not wait for the scan
    large = tmp_path / "large.py"
    large.write_text(_LARGE)
    log = tmp_path / "access.log"
    line = '192.0.2.%d - - [03/Nov/2026:20:00:%02d +0000] "GET /?id=%d HTTP/1.1" 200 9 "-" "curl/8"\n'
    log.write_text("".join(line % (n % 200, n % 60, n) for n in range(60_000)))
    commands = {
        "delivery": [sys.executable, str(large), case],
        "publishing": [sys.executable, "-m", "pollwatch", "members", "publish", "--case", case, "--every", "1"],
        "watch": [sys.executable, "-m", "pollwatch", "evidence", "watch", "--case", case, "--every", "1s"],
        "scan": [sys.executable, "-m", "pollwatch", "scan", str(log), "--case", case, "-q"],
    }
    said = {name: stack.enter_context((tmp_path / f"{name}.txt").open("wb")) for name in commands}
    running = {
        name: subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said[name])
        for name, command in commands.items()
    }
    try:
        until = time.monotonic() + 60
        while sum(count for _at, count in reader.times) < 200_000 and time.monotonic() < until:
            time.sleep(0.05)
        assert reader.after(0) >= 200_000  # the delivery is under way, and far from its end
        done = CliRunner().invoke(root, ["sever", "B", "--case", case, "--reason", "a test"])
        severed = time.monotonic()
        assert done.exit_code == 0, done.output
        time.sleep(6)  # the loops come round several times
        assert reader.after(severed + 1.0) == 0
        assert running["delivery"].wait(timeout=20) == 5
        assert "stage 'alone'" in (tmp_path / "delivery.txt").read_text()
        assert running["publishing"].poll() is None  # it goes on, for the others
        assert running["scan"].wait(timeout=120) in {0, 1}
    finally:
        for each in running.values():
            each.kill()
            each.wait()
        stack.close()
    prepared = releasing.prepare_incident(one, an_incident("PW-1"), None, SystemClock())
    with pytest.raises(StageError):
        releasing.release(one, prepared, two.me, Decision("Ada", "charter"), SystemClock())
    assert Ledger(one.folder.record).all() == ()
    assert Gate(one.folder.stages).stage(two.me) is Stage.ALONE


#: A process that delivers 64 MiB through the only way out, as a release does.
_LARGE = """
import sys
from pathlib import Path
from pollwatch.clock import SystemClock
from pollwatch.errors import PeerError
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.sharing.peer import Peer
one = Membership.open(Path(sys.argv[1]))
try:
    with Peer(one.way_to(one.peers[0], SystemClock())) as peer:
        peer.deliver("a note", b"x" * (64 << 20))
except PeerError as error:
    print(error, file=sys.stderr)
    sys.exit(5)
"""


def test_no_other_module_opens_a_way_to_a_member() -> None:
    """Everything that goes to members goes through one place: no module but these makes HTTP clients."""
    source = Path(sys.modules[Outbound.__module__].__file__ or "").parents[1]
    makers = {
        str(path.relative_to(source))
        for path in source.rglob("*.py")
        if "httpx.Client(" in path.read_text("utf-8") or "bounded.client(" in path.read_text("utf-8")
    }
    # taxii/client.py fetches from third parties' servers, outside.py and timestamping.py ask neutral ones, pages.py
    # fetches the office's own pages, oidc.py asks the office's identity provider, and resuming.py asks whoever cosigned
    # for a checkpoint that is public, before the case may do anything else.
    assert makers == {
        "sharing/bounded.py",
        "sharing/outbound.py",
        "sharing/taxii/client.py",
        "node/logs/outside.py",
        "node/evidence/timestamping.py",
        "node/pages.py",
        "console/accounts/oidc.py",
        "node/backup/resuming.py",
    }


def test_each_may_leave_alone(tmp_path: Path) -> None:
    """With two members: one leaves without the other; its keys are revoked on record; the other deletes and says so."""
    clock = ManualClock(T)
    one, two = enrolled(tmp_path, "ab", clock)
    trusting(one, two, clock=clock)
    with served(two, clock=clock):
        prepared = releasing.prepare_incident(one, an_incident("PW-1"), None, clock)
        assert not releasing.release(one, prepared, two.me, Decision("Ada", "charter"), clock).problem
        joint.take_in(two, clock)
        left = leaving.leave(one, Person("Ada", "ada"), "the election is over", clock)
        assert left.received == {"B": 1}
        assert [each.problem for each in left.published.cosignings] == [""]
    assert leaving.leave(one, Person("Ada", "ada"), "again", clock).notice == left.notice
    said = leaving.read_notice(left.notice, one.me)
    assert said["revoked"] == [each.vkey for each in one.me.keys]
    with pytest.raises(SignatureError):
        leaving.read_notice(left.notice, two.me)
    assert Gate(one.folder.stages).stage(two.me) is Stage.ALONE
    assert Collection(two.folder.record).of_type("incident")
    _answer, deleted = leaving.answer(two, one.me, Person("Ben", "ben"), clock)
    assert deleted
    assert Collection(two.folder.record).of_type("incident") == ()
    assert Mailbox(two.folder.mailbox, clock).all() == ()
    with CaseEvidence.open(two.folder.case, clock) as evidence:
        last = manifest.parse_shared(evidence.shared.entry(evidence.shared.size - 1))
    assert isinstance(last, Posted)
    assert last.subject == "deletion for A"


def test_an_exercise_is_told_as_one_wherever_it_is_shown(tmp_path: Path) -> None:
    """What an exercise shows or exports says EXERCISE, and no real member takes what was signed there."""
    clock = ManualClock(T)
    case = tmp_path / "a"
    enrol.introduce(case, "A", "a", Role.MEMBER, "http://127.0.0.1:9001", clock, exercise=True)
    drill = made("A", exercise=True)
    object_made = Maker(drill.member, drill.statement, bytes(32), Tlp.GREEN, T).make("note", "x", content="x")
    assert object_made["labels"] == ["exercise"]
    signature.verify(object_made, drill.statement.verifier)
    real = Signer(drill.statement.name.removeprefix("exercise."), KeyType.ED25519, drill.statement.seed)
    with pytest.raises(SignatureError):
        signature.verify(object_made, real.verifier)
    shown = CliRunner().invoke(root, ["charter", "brief", "--case", str(case)])
    assert "EXERCISE: nothing here is real" in shown.stderr
    report = Report("bundle", "asserted", drill.member.log.name, (), None, ())
    assert next(iter(report.lines())).startswith("EXERCISE")
    CaseEvidence.open(tmp_path / "real", clock).close()
    with pytest.raises(PolicyError, match="case folder of its own"):
        enrol.introduce(tmp_path / "real", "A", "a", Role.MEMBER, "http://127.0.0.1:9001", clock, exercise=True)
