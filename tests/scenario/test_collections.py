"""Collections between members: real gateways, signed requests, the ledger, and who posts what in whose name."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from taxii2client.v21 import Server

import joint_scenes
import stix_validator
from pollwatch import canonical
from pollwatch.cli.main import root
from pollwatch.clock import SystemClock
from pollwatch.election.assets import Assets
from pollwatch.errors import PolicyError, StoreError, UsageError
from pollwatch.events.detection import Actors, Severity
from pollwatch.events.lines import LineSet
from pollwatch.events.observable import Kind, normalised
from pollwatch.evidence.manifest import Posted, parse_shared
from pollwatch.incidents.incident import ElectionContext, Incident, Phase
from pollwatch.members import document
from pollwatch.members.marking import Tlp
from pollwatch.node.charter import staging
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence import rail
from pollwatch.node.gateway import processes
from pollwatch.node.indicators.desk import Desk
from pollwatch.node.sharing import collecting, joint, releasing, telling
from pollwatch.node.sharing.releasing import Decision
from pollwatch.sharing.collection import Collection
from pollwatch.sharing.decisions import Person
from pollwatch.sharing.ledger import Ledger
from pollwatch.sharing.stages import Stage
from pollwatch.sharing.taxii.grants import EVERYBODY, Shelf, Terms
from pollwatch.stix import accept, bundle, constants, objects, watching
from pollwatch.stix.constants import StixObject
from pollwatch.stix.watching import Watched
from taxii_scenes import API, TAXII, indicator

CLOCK = SystemClock()
DECISION = Decision("duty officer", "charter")
T = 1_793_700_000_000_000


@dataclass
class Pair:
    """Two members whose gateways run, and a collection at A's that both write."""

    a: Membership
    b: Membership
    shelf: Shelf

    def prepared(self, tlp: Tlp | None = None) -> releasing.Prepared:
        """A's incident, ready to leave."""
        return releasing.prepare_incident(self.a, an_incident(), tlp, CLOCK)

    def ask(self, method: str, path: str, body: StixObject | None = None) -> tuple[int, StixObject]:
        """B's node asks A's gateway, signed."""
        content = None if body is None else canonical.dumps(body)
        headers = {"accept": TAXII} | ({} if body is None else {"content-type": TAXII})
        with joint_scenes.client(self.b, self.a.me, CLOCK) as client:
            answer = client.request(method, path, content=content, headers=headers)
        return answer.status_code, canonical.loads_lenient(answer.content) if answer.content else {}

    @property
    def objects(self) -> str:
        """The objects endpoint of the collection."""
        return f"{API}collections/{self.shelf.id}/objects/"


def an_incident() -> Incident:
    """An incident of A's with an actor, and things that must never leave."""
    return Incident(
        id="PW-1",
        title="SQL injection against registry.internal",
        severity=Severity.HIGH,
        status="open",
        summary="about registry.internal",
        why=("the voter Jane Roe",),
        phases=(Phase("SQL injection", "T1190", "initial-access", T, T + 90_000_000, 2),),
        techniques=("T1190",),
        tactics=("initial-access",),
        tools=("sqlmap",),
        actors=Actors(ip=("203.0.113.7", "2001:db8::7"), user=("jane.roe",)),
        targets=("registry.internal",),
        first_us=T,
        last_us=T + 90_000_000,
        lines=LineSet.of("access.log", [1, 2, 3]),
        samples=(),
        rules=(),
        advice=(),
        election=ElectionContext("General election", "results-night", 1),
    )


@pytest.fixture
def still(tmp_path: Path) -> Pair:
    """A and B at the last stage with one another; no gateway runs."""
    a, b = joint_scenes.enrolled(tmp_path, "ab", CLOCK)
    for one, other in ((a, b), (b, a)):
        staging.switch(one, other.me, Stage.CLAIM, Person.here("Ada"), "agreed", CLOCK)
    shelf = collecting.make(a, Terms("Incidents", "", Tlp.AMBER, (EVERYBODY,), (EVERYBODY,)), CLOCK)
    return Pair(a, b, shelf)


@pytest.fixture
def pair(still: Pair) -> Iterator[Pair]:
    """A and B, and their gateways run."""
    with processes.running(joint_scenes.gateway(still.a), joint_scenes.gateway(still.b)):
        yield still


def pollwatch(*arguments: str | Path) -> Result:
    """A command line."""
    return CliRunner().invoke(root, [str(each) for each in arguments])


def posted(member: Membership, kind: str) -> list[Posted]:
    """Entries of one kind in a member's shared log."""
    with rail.opened(member.folder.case, CLOCK) as evidence:
        entries = [parse_shared(evidence.shared.entry(n)) for n in range(evidence.shared.size)]
    return [each for each in entries if isinstance(each, Posted) and each.kind == kind]


def test_what_is_published_is_recorded_and_valid(pair: Pair, tmp_path: Path) -> None:
    """A release in a collection stands in the ledger for each reader; B fetches those objects, valid and signed."""
    prepared = pair.prepared()
    done = collecting.publish(pair.a, "Incidents", prepared, DECISION, CLOCK)
    assert (done.problems, [each.release.receiver for each in done.disclosures]) == ((), ["B"])
    (record,) = Ledger(pair.a.folder.record).all("B")
    assert record.release.body == prepared.body
    status, page = pair.ask("GET", pair.objects)
    assert status == 200
    fetched = bundle.write(bundle.order(page["objects"]))
    assert {each["id"] for each in bundle.read(fetched)} == {each["id"] for each in bundle.read(prepared.body)}
    assert sorted(map(canonical.dumps, page["objects"])) == sorted(map(canonical.dumps, bundle.read(prepared.body)))
    assert b"registry.internal" not in fetched
    stix_validator.accepts(tmp_path, {"fetched": fetched, "released": prepared.body})
    again = collecting.publish(pair.a, "Incidents", prepared, DECISION, CLOCK)
    assert (again.added, len(Ledger(pair.a.folder.record).all("B"))) == (0, 1)


def test_a_collection_holds_nothing_stricter_than_it(pair: Pair) -> None:
    """Attack 19: a release marked stricter than the collection is refused, and nothing of it is recorded or there."""
    with pytest.raises(PolicyError, match="AMBER"):
        collecting.publish(pair.a, "Incidents", pair.prepared(Tlp.AMBER_STRICT), DECISION, CLOCK)
    assert Ledger(pair.a.folder.record).all("B") == ()
    assert pair.ask("GET", pair.objects) == (200, {})


def test_campaigns_and_indicators_are_valid(pair: Pair, tmp_path: Path) -> None:
    """A campaign and every kind of indicator pass OASIS's validator, and B takes them; nothing of the victim leaves."""
    other = replace(an_incident(), id="PW-2", actors=Actors(ip=("203.0.113.9",), domain=("evil.example",)))
    told = [an_incident(), other]
    exports = {}
    for tlp in (Tlp.CLEAR, Tlp.GREEN, Tlp.AMBER, Tlp.AMBER_STRICT):
        exports[f"campaign-{tlp.word}"] = telling.prepare_campaign(pair.a, "Autumn", told, tlp, CLOCK).body
    everything = bundle.read(exports["campaign-amber"])
    campaign = next(each for each in everything if each["type"] == "campaign")
    links = {(each["relationship_type"], each["target_ref"]) for each in everything if each["type"] == "relationship"}
    assert {("related-to", campaign["id"]), ("indicates", campaign["id"])} <= links
    things = {
        Kind.IPV4: ("203.0.113.7", "203.0.113.0/24"),
        Kind.IPV6: ("2001:db8::7",),
        Kind.DOMAIN: ("Evil.example",),
        Kind.URL: ("https://evil.example/a'b\\c",),
        Kind.EMAIL: ("mail@evil.example",),
        Kind.HASH: ("a" * 64, "b" * 32),
        Kind.USER_AGENT: ("sqlmap/1.7 (o'clock)",),
    }
    seen = [normalised(kind, value) for kind, values in things.items() for value in values]
    watched = [Watched(f"IND-{n}", each, T, (None, T + 1)[n % 2], (None, T)[n % 2]) for n, each in enumerate(seen)]
    identity = objects.identity(pair.a.me, pair.a.charter)
    made = watching.to_stix(watched, releasing.maker(pair.a, Tlp.AMBER, CLOCK.now_us()), identity)
    exports["indicators"] = bundle.write(bundle.order(made))
    stix_validator.accepts(tmp_path, exports)
    for data in exports.values():
        accept.check(bundle.read(data), pair.b.charter)
        assert b"registry.internal" not in data
        assert b"jane.roe" not in data
    prepared = telling.prepare_campaign(pair.a, "Autumn", told, Tlp.AMBER, CLOCK)
    assert collecting.publish(pair.a, "Incidents", prepared, DECISION, CLOCK).problems == ()
    status, page = pair.ask("GET", f"{pair.objects}?match[type]=campaign,indicator")
    assert (status, {each["type"] for each in page["objects"]}) == (200, {"campaign", "indicator"})
    with pytest.raises(PolicyError, match="two incidents"):
        telling.prepare_campaign(pair.a, "Alone", told[:1], None, CLOCK)
    with pytest.raises(PolicyError, match="released"):
        telling.prepare_indicators(Desk.open(pair.a.folder.case, CLOCK, Assets()), (), None, None)


def test_only_its_creator_posts_an_object(pair: Pair) -> None:
    """Attack 10: B posts A's object, one in A's name, an unsigned one, one that it changed, a claim; all fail alone."""
    maker = releasing.maker(pair.b, Tlp.AMBER, CLOCK.now_us())
    mine = maker.make("threat-actor", "x", name="Whoever", threat_actor_types=["unknown"])
    theirs = next(each for each in bundle.read(pair.prepared().body) if each["type"] == "incident")
    claim = maker.relationship(mine, "attributed-to", objects.identity(pair.a.me, pair.a.charter))
    forged = {**maker.make("threat-actor", "y", name="In A's name"), "created_by_ref": pair.a.me.identity}
    tries = [mine, theirs, forged, {**mine, "id": theirs["id"].replace("incident", "threat-actor")}]
    tries += [indicator(1), indicator(2, created_by_ref=pair.b.me.identity), claim]
    tries += [{**constants.marking(Tlp.AMBER), "name": "TLP:CLEAR"}, constants.marking(Tlp.AMBER)]
    status, answer = pair.ask("POST", pair.objects, {"objects": tries})
    assert status == 202
    assert [each["id"] for each in answer["successes"]] == [mine["id"], constants.marking_id(Tlp.AMBER)]
    assert answer["failure_count"] == 7
    said = " ".join(each["message"] for each in answer["failures"])
    for words in ("only its creator", "signed by key", "changed after it was signed", "no TLP", "/inbox", "constant"):
        assert words in said, said
    assert pair.ask("DELETE", f"{pair.objects}{mine['id']}/")[0] == 200


def test_every_request_is_sealed_inside(pair: Pair) -> None:
    """Each POST and DELETE becomes a leaf of A's shared log; B holds the receipt and can show that it was sealed."""
    maker = releasing.maker(pair.b, Tlp.AMBER, CLOCK.now_us())
    mine = maker.make("threat-actor", "x", name="Whoever", threat_actor_types=["unknown"])
    _status, answer = pair.ask("POST", pair.objects, {"objects": [mine]})
    receipt = base64.b64decode(answer["x_pollwatch_receipt"])
    record = document.open_signed("taxii-receipt", receipt, pair.a.me.gateway)
    assert (record["member"], record["signed"], record["count"]) == ("B", True, 1)
    joint.take_in(pair.a, CLOCK)
    (entry,) = posted(pair.a, "receipt")
    assert entry == Posted.of("receipt", answer["id"], receipt, inline=False)
    assert mine["id"].encode() not in entry.to_bytes()
    assert Collection(pair.a.folder.record).get(mine["id"]).author == "B"
    assert pair.ask("DELETE", f"{pair.objects}{mine['id']}/")[0] == 200
    joint.take_in(pair.a, CLOCK)
    joint.take_in(pair.a, CLOCK)
    assert (len(posted(pair.a, "receipt")), len(posted(pair.a, "tombstone"))) == (1, 1)


def test_a_severed_member_gets_nothing(pair: Pair) -> None:
    """Severing ends reading and writing of collections at once; the refusal is a TAXII error."""
    collecting.publish(pair.a, "Incidents", pair.prepared(), DECISION, CLOCK)
    staging.switch(pair.a, pair.b.me, Stage.ALONE, Person.here("Ada"), "severed", CLOCK)
    for method in ("GET", "POST"):
        status, answer = pair.ask(method, pair.objects, {"objects": [indicator(1)]} if method == "POST" else None)
        assert (status, answer.get("http_status")) == (403, "403")


def test_the_command_line_keeps_collections(pair: Pair, tmp_path: Path) -> None:
    """`collections add`, `list`, `withdraw` by hand: what is made is listed, what is withdrawn is gone for B."""
    case = pair.a.folder.case
    made = pollwatch("collections", "add", "For B", "--reader", "B", "--tlp", "green", "--alias", "b", "--case", case)
    assert (made.exit_code, "For B" in made.output) == (0, True)
    listed = canonical.loads_lenient(pollwatch("collections", "list", "--case", case, "--json").output.encode())
    assert [(each["title"], each["tlp"], each["readers"]) for each in listed["collections"]] == [
        ("Incidents", "amber", ["*"]),
        ("For B", "green", ["B"]),
    ]
    assert "Incidents" in pollwatch("collections", "list", "--case", case).output
    for wrong in (("--reader", "Nobody"), ("--election", "1789"), ("--alias", "b")):
        refused = pollwatch("collections", "add", "X", *wrong, "--case", case)
        assert isinstance(refused.exception, PolicyError | StoreError)
    prepared = pair.prepared()
    collecting.publish(pair.a, "Incidents", prepared, DECISION, CLOCK)
    incident = next(each["id"] for each in bundle.read(prepared.body) if each["type"] == "incident")
    assert pair.ask("GET", f"{pair.objects}{incident}/")[0] == 200
    assert pollwatch("collections", "withdraw", "Incidents", incident, "--case", case).exit_code == 0
    again = pollwatch("collections", "withdraw", "Incidents", incident, "--case", case)
    assert isinstance(again.exception, PolicyError)
    assert pair.ask("GET", f"{pair.objects}{incident}/")[0] == 404
    assert len(Ledger(pair.a.folder.record).all("B")) == 1


def test_a_third_partys_client_reads_and_writes_for_its_member(still: Pair, tmp_path: Path) -> None:
    """OASIS's client at a real gateway, with a password: it reads what B may; what it posts is B's, and unsigned."""
    prepared = still.prepared()
    collecting.publish(still.a, "Incidents", prepared, DECISION, CLOCK)
    case = still.a.folder.case
    password = pollwatch("clients", "add", "b-siem", "--member", "B", "--case", case).stdout.strip()
    (tmp_path / "password").write_text(f"{password}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pollwatch", "gateway", "--case", str(case), "--port", "0", "--plain-passwords"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as gateway:
        try:
            assert gateway.stderr is not None
            base = gateway.stderr.readline().split()[-1]
            (root_,) = Server(f"{base}/taxii2/", user="b-siem", password=password).api_roots
            (collection,) = root_.collections
            fetched = collection.get_objects()["objects"]
            assert sorted(map(canonical.dumps, fetched)) == sorted(map(canonical.dumps, bundle.read(prepared.body)))
            mine = indicator(1, created_by_ref=still.b.me.identity)
            status = collection.add_objects({"objects": [mine, indicator(2, created_by_ref=still.a.me.identity)]})
            assert (status.success_count, status.failure_count) == (1, 1)
            assert "only that member's own node" in status.failures[0]["message"]
            url = f"{base}{API}collections/{still.shelf.id}/"
            lines = pollwatch("collections", "pull", url, "--user", "b-siem", "--password-file", tmp_path / "password")
            assert [canonical.loads_lenient(each.encode()) for each in lines.stdout.splitlines()] == [*fetched, mine]
            (tmp_path / "password").write_bytes(b"\x80")
            refused = pollwatch("collections", "pull", url, "--user", "b", "--password-file", tmp_path / "password")
            assert isinstance(refused.exception, UsageError)
        finally:
            gateway.terminate()
    joint.take_in(still.a, CLOCK)
    assert [each.source["id"] for each in Collection(still.a.folder.record).of_type("indicator")].count(mine["id"]) == 0
    assert [each.subject for each in posted(still.a, "receipt")] == [status.id]
