"""The gateway apart from the case: own folder, own view of the disk, and nothing of the case reachable through it.

Where this machine lets us, the gateway runs in a mount namespace in which the case does not exist; in any case it ends
at once if it touches anything there (``tests/apart_gateway.py``).
"""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from click.testing import CliRunner

import joint_scenes
from hostile_scenes import an_incident
from pollwatch.cli.main import root
from pollwatch.clock import SystemClock
from pollwatch.errors import PeerError, PolicyError, SplitError
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Member
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.demos import rival
from pollwatch.node.gateway import pushing
from pollwatch.node.gateway.app import Gateway
from pollwatch.node.gateway.gatewayfolder import GatewayFolder, GatewayMembership
from pollwatch.node.gateway.outpost import FolderOutpost
from pollwatch.node.logs import publishing, watching
from pollwatch.node.sharing import collecting, joint, releasing
from pollwatch.node.sharing.releasing import Decision
from pollwatch.sharing import signedrequest
from pollwatch.sharing.signedrequest import Head
from pollwatch.sharing.taxii.grants import EVERYBODY, Shelf, Terms
from pollwatch.stix import bundle

CLOCK = SystemClock()
WORKER = Path(__file__).parents[2] / "apart_gateway.py"
HIDE = ("sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"')


@dataclass
class Apart:
    """A's gateway runs apart; B is another member."""

    a: Membership
    b: Membership
    folder: GatewayFolder
    process: subprocess.Popen[bytes]


def hiding(case: Path) -> list[str]:
    """What a command must begin with so that a folder is empty to it; nothing where this machine does not let us."""
    unshare = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), *HIDE, str(case)]
    tried = subprocess.run([*unshare, "true"], capture_output=True, check=False) if shutil.which("unshare") else None
    return unshare if tried is not None and tried.returncode == 0 else []


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apart]:
    """As the how-to says: enrol, move the gateway's folder away, start it there, say where it is."""
    a, b = joint_scenes.enrolled(tmp_path_factory.mktemp("apart"), "ab", CLOCK)
    joint_scenes.trusting(a, b, clock=CLOCK)
    folder = GatewayFolder(tmp_path_factory.mktemp("dmz") / "gateway")
    shutil.move(a.folder.outer, folder.path)
    case = a.folder.case
    prefix = hiding(case)
    command = [*prefix, sys.executable, str(WORKER), str(case), "--folder", str(folder.path), "--until-eof"]
    environment = {**os.environ, **({} if prefix else {"CASE_IS_THERE": "1"})}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        try:
            assert process.stderr is not None
            said = process.stderr.readline()
            assert b"listening" in said, said
            where = ["members", "gateway", "--case", str(case), "--address", a.me.address]
            done = CliRunner().invoke(root, where, standalone_mode=False)
            assert done.return_value == 0, done.exception
            yield Apart(a, b, folder, process)
            assert process.poll() is None
        finally:
            process.terminate()
            process.communicate(timeout=20)
    assert process.returncode == 0


def test_a_gateway_that_sees_no_case_does_all_its_work(apart: Apart) -> None:
    """Pushed log, deliveries, receipts, cosignatures, stages and the record of answers: all through signed requests."""
    a, b = apart.a, apart.b
    assert not a.folder.outer.exists()
    publishing.publish(a, CLOCK)
    (checked,) = watching.check_peers(b, CLOCK)
    assert checked.sound, checked
    assert (apart.folder.log / "checkpoint").read_bytes() == (a.folder.public / "checkpoint").read_bytes()
    prepared = releasing.prepare_incident(b, an_incident("PW-1"), None, CLOCK)
    sent = releasing.release(b, prepared, a.me, Decision("officer", "charter"), CLOCK)
    assert sent.disclosure.receipt, sent.problem
    (taken,) = joint.take_in(a, CLOCK)
    assert taken.mail.body == prepared.body
    assert joint.take_in(a, CLOCK) == ()
    publishing.publish(b, CLOCK)
    with pushing.opened(a, CLOCK) as outpost:
        assert outpost.seen(b.me.known_log).states
        assert outpost.read("stages.json") == a.folder.stages.read_bytes()
        later_us = CLOCK.now_us() + 3_600_000_000
        assert {each.member for each in outpost.left(later_us)} >= {"B"}
        outpost.left_done(later_us)
        assert outpost.left(later_us) == ()
    shelf = collecting.make(a, Terms("Indicators", "", Tlp.AMBER, (EVERYBODY,)), CLOCK)
    told = releasing.prepare_incident(a, an_incident("PW-2"), None, CLOCK)
    done = collecting.publish(a, shelf.id, told, Decision("officer", "charter"), CLOCK)
    assert (done.added > 0, done.problems, [each.release.receiver for each in done.disclosures]) == (True, (), ["B"])
    assert [each.id for each in collections(a)] == [shelf.id]
    assert collecting.take_in(a, CLOCK) == 1
    incident = next(each["id"] for each in bundle.read(told.body) if each["type"] == "incident")
    with joint_scenes.client(b, a.me, CLOCK) as reader:
        reader.headers["accept"] = "application/taxii+json;version=2.1"
        found = reader.get(f"/taxii2/watch/collections/{shelf.id}/objects/")
        assert incident in {each["id"] for each in found.json()["objects"]}
    assert collecting.withdraw(a, shelf.id, incident, CLOCK) == 1
    listed = CliRunner().invoke(root, ["inbox", "--case", str(a.folder.case)], standalone_mode=False)
    assert "B" in listed.stdout


def collections(of: Membership) -> tuple[Shelf, ...]:
    """A member's collections."""
    with collecting.store(of, CLOCK) as store:
        return store.collections()


def test_the_gateway_can_be_out_of_reach(apart: Apart) -> None:
    """What happens inside goes on while the gateway is out of reach; who publishes is told, and so is who severs."""
    a = apart.a
    before = a.folder.outpost.read_bytes()
    a.folder.outpost.write_bytes(before.replace(a.me.address.rpartition(":")[2].encode(), b"9"))
    try:
        with pytest.raises(PeerError, match="our gateway"):
            publishing.publish(a, CLOCK)
        severed = CliRunner().invoke(root, ["sever", "B", "--case", str(a.folder.case)], standalone_mode=False)
        assert "unplug it" in severed.output
    finally:
        a.folder.outpost.write_bytes(before)
    publishing.publish(a, CLOCK)
    assert (apart.folder.path / "stages.json").read_bytes() == a.folder.stages.read_bytes()
    stage = ["members", "stage", "B", "claim", "--case", str(a.folder.case), "--by", "A", "--reason", "again"]
    assert CliRunner().invoke(root, stage, standalone_mode=False).return_value == 0


def test_what_a_gateway_must_not_be_given(apart: Apart) -> None:
    """Names outside its folder, broken charters and other histories are refused; peers find nothing at /inside."""
    a, b = apart.a, apart.b
    with pushing.opened(a, CLOCK) as outpost:
        for name in (
            "../case.sqlite",
            "log/../gateway.key",
            "gateway.key",
            "witness.sqlite",
            "log/tile/../../x",
            "/etc/x",
        ):
            with pytest.raises((PolicyError, PeerError)):
                outpost.write(name, b"x")
            with suppress(PolicyError, PeerError):
                assert outpost.read(name) is None
        with pytest.raises(PeerError):
            outpost.write("charters.json", b"{}")
    with joint_scenes.client(b, a.me, CLOCK) as peer:
        for method in ("GET", "PUT", "DELETE"):
            for path in ("files/charters.json", "files/log/checkpoint", "mail", "mail/1", "seen", "left"):
                assert peer.request(method, f"/inside/{path}").status_code in {403, 404, 405}, (method, path)
    shutil.copytree(apart.folder.path, apart.folder.path.with_name("copy"))
    copy = FolderOutpost(GatewayFolder(apart.folder.path.with_name("copy")), CLOCK)
    rewritten = b.folder.case
    rival.rewrite(rewritten, lambda _entry: b"x" * 40, CLOCK)
    with pytest.raises(SplitError, match="not the beginning"):
        pushing.push_log(copy, pushing.Published(b.folder.public))


def raw(by: Membership | None, to: Member, method: str, target: str, host: str) -> tuple[int, bytes]:
    """One request with exactly this target, signed by a member where one is given."""
    parts = urlsplit(host)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 0, timeout=20)
    try:
        connection.putrequest(method, target, skip_host=False, skip_accept_encoding=True)
        if by is not None:
            head = Head(method, to.address + target, (("pollwatch-charter", by.charter.digest),))
            signed = signedrequest.sign(head, b"", by.keys.request, CLOCK.now_us())
            for name, value in (*head.fields, *signed.items()):
                connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (http.client.HTTPException, OSError):
        return 0, b""  # the connection was ended
    finally:
        connection.close()


def test_no_route_leads_to_a_file_of_the_case(apart: Apart) -> None:
    """Every route, every file of case and gateway, in every spelling of a way out, by anybody: nothing of it comes."""
    a, b = apart.a, apart.b
    secrets = {path: path.read_bytes() for path in a.folder.case.rglob("*") if path.is_file()}
    public = {(a.folder.public / path).read_bytes() for path in ("checkpoint",)} | {a.folder.charters.read_bytes()}
    own = {path: path.read_bytes() for path in apart.folder.path.glob("*.key")}
    (apart.folder.log / "tile/0").mkdir(parents=True, exist_ok=True)
    (apart.folder.log / "tile/0/255").symlink_to(a.folder.inner / "statement.key")
    application = Gateway(GatewayMembership.open(apart.folder, CLOCK.now_us()), CLOCK)
    prefixes = sorted({str(getattr(each, "path", "")).partition("{")[0] for each in application.routes()})
    assert "/log/" in prefixes
    assert "/inside/files/" in prefixes
    ways = (
        "{}",
        "../{}",
        "../../../../{}",
        "..%2f..%2f{}",
        "%2e%2e/%2e%2e/{}",
        "..%252f{}",
        "..\\..\\{}",
        ".//../{}",
        "%00{}",
    )
    names = sorted({str(each.relative_to(a.folder.case)) for each in secrets})[:: max(1, len(secrets) // 12)]
    names += [str(a.folder.inner / "statement.key"), "evidence/keys/private.key", "gateway.key", "witness.sqlite"]
    tried = 0
    for by in (None, b):
        for prefix in prefixes:
            for name in names:
                for number, way in enumerate(ways):
                    tried += 1
                    # Of a member every third spelling at each place, another one each time; a stranger has few tries.
                    if (tried % 3 and number) or (by is None and tried % 13):
                        continue
                    target = quote(prefix, safe="/%") + way.format(quote(name, safe="/\\%"))
                    method = ("GET", "GET", "POST", "PUT", "DELETE", "HEAD", "TRACE", "PATCH")[tried % 8]
                    _status, body = raw(by, a.me, method, target, a.me.address)
                    assert b"PRIVATE+KEY" not in body, target
                    for path, data in (secrets | own).items():
                        if body and data and body not in public:
                            assert body != data, (path, target)
                            assert len(data) < 200 or data[:200] not in body, (path, target)
    assert tried > 2000
    status, body = raw(b, a.me, "GET", "/log/tile/0/255", a.me.address)
    assert (status, b"PRIVATE" in body) in {(404, False), (503, False)}
