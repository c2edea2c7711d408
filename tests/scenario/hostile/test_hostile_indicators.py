"""A member really poisons, multiplies itself, retracts after the damage, leaks, and strips markings; over HTTP.

Alder and Birch are honest and of blocs of their own; Cedar and Cypress are of one bloc and do what it wants.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

import stix_validator
from hostile_scenes import NOW_US, an_incident, served
from indicator_scenes import ATTACKER, BLOCS, DECISION, Four, enrol_four, own_word, scan, severities, state, visits
from pollwatch import canonical
from pollwatch.cli.main import root
from pollwatch.clock import ManualClock
from pollwatch.election.calendar import Calendar
from pollwatch.errors import PolicyError, SignatureError
from pollwatch.events.detection import Severity
from pollwatch.events.observable import guessed
from pollwatch.evidence.manifest import Posted, parse_shared
from pollwatch.incidents.records import Case
from pollwatch.members import document
from pollwatch.members.charter import SignedCharter
from pollwatch.members.marking import Tlp
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence import rail
from pollwatch.node.indicators import hunting, indicating
from pollwatch.node.sharing import collecting, releasing, retracting, telling, tracing  # fmt: skip
from pollwatch.node.sharing.releasing import Prepared
from pollwatch.sharing.indicators import reading, scoring, stixfile
from pollwatch.sharing.indicators.indicator import Act, State
from pollwatch.sharing.ledger import Ledger
from pollwatch.sharing.taxii.grants import Terms as ShelfTerms
from pollwatch.sharing.taxii.query import Query
from pollwatch.stix import bundle, constants, objects, signature, watching
from pollwatch.stix.constants import StixObject
from pollwatch.stix.watching import Watched


@pytest.fixture(scope="session")
def enrolled_four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the four, who share with one another."""
    folder = tmp_path_factory.mktemp("four")
    enrol_four(folder)
    return folder


@pytest.fixture
def four(enrolled_four: Path, tmp_path: Path) -> Iterator[Four]:
    """The four, copied, so that what a test changes no other sees."""
    shutil.copytree(enrolled_four, tmp_path / "four")
    clock = ManualClock(NOW_US)
    members = {name: Membership.open(tmp_path / "four" / name.lower()) for name in BLOCS}
    with served(*members.values(), clock=clock) as down:
        yield Four(members, clock, down)


def test_attack_13_poison(four: Four, tmp_path: Path) -> None:
    """Attack 13: a resolver, a great site, Alder's portal, Birch's gateway, half the internet: marked, out of use."""
    values = ["8.8.8.8", "mail.google.com", "vote.alder.example", "45.155.204.17", "127.0.0.1", "0.0.0.0/1"]
    four.poison("Cedar", "Alder", *values, ATTACKER)
    (taken,) = four.take_in("Alder")
    assert taken.heard is not None
    assert len(taken.heard.taken.added.fresh) == len(values) + 1
    store = four.desk("Alder").store
    marks = {each.observable.value: each.warnings for each in store.all()}
    assert "public-dns-v4" in marks["8.8.8.8"]
    assert "alexa" in marks["mail.google.com"]
    assert marks["vote.alder.example"] == marks["45.155.204.17"] == ("own:Voter portal",)
    assert "member:Birch" in marks["127.0.0.1"]
    assert "broad" in marks["0.0.0.0/1"]
    assert marks[ATTACKER] == ()

    decided = four.rule("Alder", Act.ACCEPT, *values, ATTACKER)
    assert [each.observable.value for each in decided.done] == [ATTACKER]
    released = four.rule("Alder", Act.RELEASE, *values, ATTACKER)
    assert released.done == ()  # told under AMBER by Cedar: not Alder's to pass on, weak or not
    with pytest.raises(PolicyError, match="reason"):
        four.rule("Alder", Act.ACCEPT, "8.8.8.8", override=True)
    four.rule("Alder", Act.ACCEPT, "8.8.8.8", reason="used by the dropper", override=True)

    scan(four, "Alder", visits(tmp_path / "access.log", "8.8.8.8", ATTACKER, "45.155.204.17"))
    with Case.open(four["Alder"].folder.case, four.clock) as case:
        found = {ip: each.severity for each in case.incidents() for ip in each.actors.ip}
    assert found == {"8.8.8.8": Severity.LOW, ATTACKER: Severity.LOW}


def test_attack_13_poison_costs_the_poisoner(four: Four) -> None:
    """Attack 13: once an audit refutes what Cedar planted, its bloc's word weighs a third, whatever it says next."""
    four.poison("Cedar", "Alder", ATTACKER, "45.155.205.8")
    four.poison("Birch", "Alder", "45.155.205.8")
    four.take_in("Alder")
    before = four.desk("Alder").standings()
    assert before.standing("c") == before.standing("b") == 0.5
    four.rule("Alder", Act.REFUTE, ATTACKER, reason="a school; it says so itself")
    after = four.desk("Alder").standings()
    assert (after.standing("c"), after.standing("b")) == (1 / 6, 0.5)
    assert after.sources["Cedar"].refuted == 1
    done = CliRunner().invoke(root, ["members", "record", "--case", str(four["Alder"].folder.case), "--json"])
    told = {each["member"]: each for each in json.loads(done.output)["members"]}
    assert (told["Cedar"]["refuted"], told["Cedar"]["standing"]) == (1, 0.167)
    assert (told["Cypress"]["reported"], told["Cypress"]["standing"]) == (0, 0.167)


def test_attack_15_sybil(four: Four) -> None:
    """Attack 15: Cedar and Cypress, of one bloc, swear that they saw a stranger: one bloc's word, until Birch's."""
    for sender in ("Cedar", "Cypress"):
        four.poison(sender, "Alder", ATTACKER)
    four.take_in("Alder")
    four.rule("Alder", Act.ACCEPT, ATTACKER)
    assert severities(four, "Alder") == {ATTACKER: Severity.LOW}
    desk = four.desk("Alder")
    score = scoring.score(desk.store.get(ATTACKER), desk.standings().standing, NOW_US)
    assert (score.blocs, round(score.value, 2), score.corroborated) == (1, 0.5, False)
    four.poison("Birch", "Alder", ATTACKER)
    four.take_in("Alder")
    assert severities(four, "Alder") == {ATTACKER: Severity.MEDIUM}


def test_attack_15_quoting_each_other_is_not_seeing(four: Four) -> None:
    """Attack 15: a feed that Cedar makes and then quotes, and that Birch only passes on, is corroborated by nobody."""
    feed = indicating.Source("Cedar's feed", indicating.Origin.FEED)
    desk = four.desk("Alder")
    read = reading.read_bytes(f"{ATTACKER}\n".encode())
    terms = indicating.Terms(feed, Tlp.CLEAR, None, "")
    indicating.take(desk, indicating.sort(desk, read, terms), terms)
    four.poison("Cedar", "Alder", ATTACKER)
    birch = four.desk("Birch")
    indicating.take(birch, indicating.sort(birch, reading.read_bytes(f"{ATTACKER}\n".encode()), terms), terms)
    four.rule("Birch", Act.RELEASE, ATTACKER)
    prepared = telling.prepare_indicators(birch, [birch.store.get(ATTACKER)], four["Alder"].me, None)
    four.send("Birch", "Alder", prepared)
    four.take_in("Alder")
    four.rule("Alder", Act.ACCEPT, ATTACKER)
    found = desk.store.get(ATTACKER)
    assert {each.source.name for each in found.reports} == {"Cedar's feed", "Cedar", "Birch"}
    assert scoring.score(found, desk.standings().standing, NOW_US).blocs == 1
    assert severities(four, "Alder") == {ATTACKER: Severity.LOW}


def test_attack_16_retracts_after_damage(four: Four, tmp_path: Path) -> None:
    """Attack 16: what Cedar retracts too late goes out of use, incidents say so, and it stays on Cedar's record."""
    four.poison("Cedar", "Alder", ATTACKER, "45.155.205.8")
    four.take_in("Alder")
    four.rule("Alder", Act.ACCEPT, ATTACKER)
    scan(four, "Alder", visits(tmp_path / "access.log", ATTACKER, "45.155.205.8"))
    cedar = four.desk("Cedar")
    for value in (ATTACKER, "45.155.205.8"):
        indicating.take(cedar, *own_word(cedar, value))
        done = retracting.retract_indicator(cedar, cedar.store.get(value), "a mistake, sorry", DECISION)
        assert [each.problem for each in done.sent] == [""]
        assert len(done.objects) == 2  # the indicator and the sighting
    taken = four.take_in("Alder")
    store = four.desk("Alder").store
    assert state(store.get(ATTACKER)) is State.RETRACTED
    assert severities(four, "Alder") == {}
    assert [each.act for each in store.get(ATTACKER).decisions] == [Act.ACCEPT, Act.SUSPEND]
    with Case.open(four["Alder"].folder.case, four.clock) as case:
        (incident,) = case.incidents()
        notes = [each.text for each in case.history(incident.id) if each.kind == "note"]
    assert notes == [f"Cedar took back what it said about {ATTACKER}: a mistake, sorry"]
    record = four.desk("Alder").standings()
    assert (record.sources["Cedar"].retracted_late, record.sources["Cedar"].retracted) == (1, 1)
    assert record.standing("c") == 1 / 6
    with rail.opened(four["Alder"].folder.case, four.clock) as evidence:
        posted = [parse_shared(evidence.shared.entry(index)) for index in range(evidence.shared.size)]
    digests = {each.digest for each in posted if isinstance(each, Posted) and each.kind == "retraction"}
    assert {hashlib.sha256(each.mail.body).digest() for each in taken} <= digests
    # What is taken back is gone for good: the same object sent once more is not new again.
    assert releasing.retry(four["Cedar"], four.clock) == ()
    with pytest.raises(PolicyError, match="retracted"):
        four.poison("Cedar", "Alder", ATTACKER, confidence=99)


def test_attack_16_moves_the_object_instead_of_retracting(four: Four) -> None:
    """Attack 16: Cedar changes its object to name something else, to retract without a retraction: it counts as one."""
    four.poison("Cedar", "Alder", ATTACKER)
    four.take_in("Alder")
    four.rule("Alder", Act.ACCEPT, ATTACKER)
    four.clock.advance(60)
    (told,) = Ledger(four["Cedar"].folder.record).all()
    first = next(each for each in bundle.read(told.release.body) if each["type"] == "indicator")
    seen = next(each for each in bundle.read(told.release.body) if each["type"] == "sighting")
    key, later = four["Cedar"].keys.statement, {"modified": "2026-11-04T00:00:00.000Z"}
    moved = signature.sign({**first, "pattern": "[ipv4-addr:value = '45.155.205.99']", **later}, key)
    gone = signature.sign({**seen, "revoked": True, **later}, key)
    frame = [constants.marking(Tlp.AMBER), constants.PROJECT, constants.SIGNATURE_DEFINITION]
    frame.append(objects.identity(four["Cedar"].me, four["Cedar"].charter))
    prepared = Prepared("x", "moved", Tlp.AMBER, bundle.write(bundle.order([*frame, moved, gone])))
    four.send("Cedar", "Alder", prepared)
    four.take_in("Alder")
    store = four.desk("Alder").store
    assert state(store.get(ATTACKER)) is State.RETRACTED
    assert store.get(ATTACKER).acceptance is None
    assert four.desk("Alder").standings().sources["Cedar"].retracted_late == 1


def test_a_retraction_that_never_arrived_is_told_when_next_we_talk(four: Four) -> None:
    """Alder retracts while Birch is away; the next time either talks to the other, Birch is told first."""
    alder, birch = four["Alder"], four["Birch"]
    desk = four.desk("Alder")
    indicating.take(desk, *own_word(desk, ATTACKER))
    four.rule("Alder", Act.RELEASE, ATTACKER)
    four.send("Alder", "Birch", telling.prepare_indicators(desk, [desk.store.get(ATTACKER)], birch.me, None))
    four.take_in("Birch")
    four.rule("Birch", Act.ACCEPT, ATTACKER)
    four.down()
    done = retracting.retract_indicator(desk, desk.store.get(ATTACKER), "it was a school", DECISION)
    assert done.sent[0].problem
    assert state(four.desk("Birch").store.get(ATTACKER)) is State.ACCEPTED
    with served(*four.members.values(), clock=four.clock):
        prepared = releasing.prepare_incident(birch, an_incident("PW-1"), None, four.clock, alder.me)
        releasing.release(birch, prepared, alder.me, DECISION, four.clock)
        four.take_in("Alder")  # Birch has talked to us
        four.take_in("Birch")
    assert state(four.desk("Birch").store.get(ATTACKER)) is State.RETRACTED
    assert Ledger(alder.folder.record).unconfirmed() == ()
    with pytest.raises(PolicyError, match="released by nobody"):
        telling.prepare_indicators(four.desk("Alder"), [four.desk("Alder").store.get(ATTACKER)], birch.me, None)


def test_attack_18_leaks(four: Four, tmp_path: Path) -> None:
    """Attack 18: a copy that turns up in public is Cedar's, by the ledger's bytes, Cedar's receipt and the charter."""
    alder = four["Alder"]
    bodies = {}
    for name in ("Birch", "Cedar"):
        prepared = releasing.prepare_incident(alder, an_incident("PW-7"), None, four.clock, four[name].me)
        bodies[name] = four.send("Alder", name, prepared).disclosure.release.body
    leak = next(each for each in bundle.read(bodies["Cedar"]) if each["type"] == "indicator")
    assert leak not in bundle.read(bodies["Birch"])
    paste = tmp_path / "paste.json"
    paste.write_text(json.dumps({"type": "bundle", "id": "bundle--x", "objects": [leak]}, indent=1))  # noqa: TID251
    (traced,) = tracing.trace(alder, paste.read_bytes())
    assert (traced.ours, traced.receivers) == (True, ("Cedar",))
    # The third party: bytes, receipt, charter.
    (disclosure,) = traced.disclosures
    charter = SignedCharter.parse(alder.folder.charter.read_bytes()).charter
    receipt = document.open_signed("receipt", disclosure.receipt, charter.member("Cedar").gateway)
    assert receipt["delivery"]["sha256"] == hashlib.sha256(disclosure.release.body).hexdigest()
    assert canonical.dumps(leak) in disclosure.release.body
    signature.verify(leak, charter.member("Alder").statement)
    # A copy that was touched up proves nothing, and is told as such.
    forged = tracing.trace(alder, canonical.dumps({**leak, "name": "x"}))
    assert [each.ours for each in forged] == [False]
    done = CliRunner().invoke(root, ["disclosures", "--case", str(alder.folder.case), "--leaked", str(paste)])
    assert "was given like this to Cedar only" in done.output
    told = CliRunner().invoke(
        root, ["disclosures", "--case", str(alder.folder.case), "--containing", "203.0.113.7", "--json"]
    )
    assert [each["to"] for each in json.loads(told.output)["disclosures"]] == ["Birch", "Cedar"]


def test_attack_18_an_honest_node_does_not_pass_on_what_it_may_not(four: Four) -> None:
    """Attack 18: what Birch told Alder under AMBER, Alder's node tells nobody else: not as its own, nor as seen."""
    four.poison("Birch", "Alder", ATTACKER)
    four.take_in("Alder")
    assert four.rule("Alder", Act.RELEASE, ATTACKER).done == ()
    desk = four.desk("Alder")
    indicating.take(desk, *own_word(desk, ATTACKER))  # now Alder saw it, too
    found = desk.store.get(ATTACKER)
    with pytest.raises(PolicyError, match="keeps it from Cedar"):
        telling.prepare_sightings(desk, [found], four["Cedar"].me, None, ())
    back = telling.prepare_sightings(desk, [found], four["Birch"].me, None, ())
    four.send("Alder", "Birch", back)
    assert four.take_in("Birch")[0].kinds["sighting"] == 1


def test_attack_19_strips_markings(four: Four) -> None:
    """Attack 19: Alder's AMBER object without its marking or under a softer one is refused by Birch's gateway."""
    alder, cedar = four["Alder"], four["Cedar"]
    desk = four.desk("Alder")
    indicating.take(desk, *own_word(desk, ATTACKER))
    four.rule("Alder", Act.RELEASE, ATTACKER)
    four.send("Alder", "Cedar", telling.prepare_indicators(desk, [desk.store.get(ATTACKER)], cedar.me, None))
    (delivered,) = four.take_in("Cedar")
    theirs = next(each for each in bundle.read(delivered.mail.body) if each["type"] == "indicator")
    bare = {key: value for key, value in theirs.items() if key != "object_marking_refs"}
    softer = {**theirs, "object_marking_refs": [constants.marking_id(Tlp.CLEAR)]}
    frame = [constants.marking(Tlp.CLEAR), constants.PROJECT, constants.SIGNATURE_DEFINITION]
    frame += [objects.identity(each.me, each.charter) for each in (alder, cedar)]
    for stripped, why in ((bare, "no TLP"), (softer, "changed after it was signed")):
        body = bundle.write(bundle.order([*frame, stripped]))
        release = releasing.Release("Birch", "x", hashlib.sha256(body).hexdigest(), Tlp.CLEAR, "x", "x", body,
                                    hashlib.sha256(body).hexdigest())  # fmt: skip
        disclosure = Ledger(cedar.folder.record).record(release, four.clock.now_us(), b"", 0)
        (sent,) = [each for each in releasing.retry(cedar, four.clock) if each.disclosure.number == disclosure.number]
        assert why in sent.problem
        assert "40" in sent.problem
    assert four.take_in("Birch") == ()
    four.poison("Cedar", "Birch", ATTACKER)  # its own node signs anything
    (found,) = four.take_in("Birch")
    assert [each.source.name for each in four.desk("Birch").store.get(ATTACKER).reports] == ["Cedar", "Cedar"]
    first = Ledger(alder.folder.record).containing(ATTACKER.encode())[0]
    assert (first.release.receiver, first.received_us is not None) == ("Cedar", True)
    assert first.received_us is not None
    assert first.received_us <= found.mail.received_us


def test_an_object_in_anothers_name_is_nobodys_word(four: Four) -> None:
    """Attack 10: objects in a file that say they are Birch's, which Birch never signed, are no word of Birch's."""
    desk = four.desk("Alder")
    maker = releasing.maker(four["Cedar"], Tlp.AMBER, NOW_US)
    watched = [Watched("IND-1", guessed(ATTACKER), NOW_US, None, None)]
    made = watching.to_stix(watched, maker, objects.identity(four["Cedar"].me, four["Cedar"].charter))[-1]
    forged = {**made, "created_by_ref": four["Birch"].me.identity}
    read = stixfile.read_objects([forged])
    found = indicating.sort(desk, read, indicating.Terms(desk.own, Tlp.AMBER, None, ""))
    assert found.reported == ()
    assert "not by" in read.refused[0].reason or "signed by key" in read.refused[0].reason
    with pytest.raises(SignatureError):
        signature.verify(forged, four["Birch"].me.statement)


def test_attack_26_a_hunt_leaves_no_trace_outside(four: Four, tmp_path: Path) -> None:
    """Attack 26: whether what Cedar told of was found here changes nothing that Cedar can see; nothing leaves."""
    scan(four, "Alder", visits(tmp_path / "access.log", ATTACKER))
    four.poison("Cedar", "Alder", ATTACKER, "45.155.205.8")
    four.take_in("Alder")
    folder = four["Alder"].folder
    before = _outside(folder.case)
    four.down()  # whoever talked to anybody now would fail
    for value, hits in ((ATTACKER, 1), ("45.155.205.8", 0)):
        four.rule("Alder", Act.ACCEPT, value)
        desk = four.desk("Alder")
        hunted = hunting.hunt(desk, Calendar(), hunting.pending(desk))
        assert len(hunted.hits) == hits
    assert _outside(folder.case) == before
    with Case.open(folder.case, four.clock) as case:
        assert [each.severity for each in case.incidents()] == [Severity.LOW]


def _outside(case: Path) -> dict[str, str]:
    """Everything that others can see of a case, by its content."""
    places = (case / "evidence" / "shared", case / "joint" / "gateway")
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for place in places
        for path in sorted(place.rglob("*"))
        if path.is_file() and not path.name.endswith(("-shm", "-wal"))
    }


def test_everything_that_is_told_and_taken_back_is_valid_stix(four: Four, tmp_path: Path) -> None:
    """Indicators of every kind, sightings of ours and others', and all retractions pass OASIS's strict validator."""
    desk = four.desk("Alder")
    values = [ATTACKER, "45.155.206.0/23", "evil.example", "http://evil.example/a'b", "x@evil.example", "ab" * 32]
    for value in values:
        indicating.take(desk, *own_word(desk, value))
    four.rule("Alder", Act.RELEASE, *values)
    chosen = [desk.store.get(value) for value in values]
    told = four.send("Alder", "Birch", telling.prepare_indicators(desk, chosen, four["Birch"].me, None))
    four.poison("Birch", "Alder", ATTACKER)
    four.take_in("Alder")
    saw = telling.prepare_sightings(desk, [desk.store.get(ATTACKER)], four["Birch"].me, None, ())
    four.send("Alder", "Birch", saw)
    done = retracting.retract_indicator(desk, desk.store.get(ATTACKER), "a school", DECISION)
    assert len(done.objects) == 3  # the indicator, that we saw it, and that we saw Birch's
    incident = releasing.prepare_incident(four["Alder"], an_incident("PW-3"), None, four.clock, four["Birch"].me)
    four.send("Alder", "Birch", incident)
    gone = retracting.retract_incident(four["Alder"], "PW-3", "no attack", DECISION, four.clock)
    sent = (*done.sent, *gone.sent)
    bodies = {f"gone-{n}": each.disclosure.release.body for n, each in enumerate(sent)}
    stix_validator.accepts(tmp_path, {"told": told.disclosure.release.body, "saw": saw.body, **bodies})
    again = retracting.retract_incident(four["Alder"], "PW-3", "no attack", DECISION, four.clock)
    assert (again.sent, again.unsent) == ((), ())  # everybody knows


def test_a_retraction_follows_into_collections(four: Four) -> None:
    """What lies in a collection is revoked there too, for those who fetch it; what is posted there becomes known."""
    alder = four["Alder"]
    shelf = collecting.make(alder, ShelfTerms("Watch list", "", Tlp.AMBER, readers=("Birch",)), four.clock)
    desk = four.desk("Alder")
    indicating.take(desk, *own_word(desk, ATTACKER))
    four.rule("Alder", Act.RELEASE, ATTACKER)
    prepared = telling.prepare_indicators(desk, desk.store.released(NOW_US), None, None)
    collecting.publish(alder, shelf.id, prepared, DECISION, four.clock)
    four.clock.advance(60)
    done = retracting.retract_indicator(desk, desk.store.get(ATTACKER), "a school", DECISION)
    assert [each.problem for each in done.sent] == [""]
    with collecting.store(alder, four.clock) as opened:
        last = {row.id: row.body for row in opened.page(shelf, Query()).rows if row.id in done.objects}
    assert last.keys() == set(done.objects)
    assert all(canonical.loads(body)["revoked"] is True for body in last.values())


def test_voters_data_never_leaves(four: Four) -> None:
    """A voter's number in a text, or the form of the office's own numbers, is stopped at the preview."""
    alder = four["Alder"]

    def build(text: str) -> Callable[[objects.Maker], list[StixObject]]:
        def made(maker: objects.Maker) -> list[StixObject]:
            watched = [Watched("IND-1", guessed(ATTACKER), NOW_US, None, None)]
            *frame, each = watching.to_stix(watched, maker, objects.identity(alder.me, alder.charter))
            return [*frame, signature.sign({**each, "description": text}, alder.keys.statement)]

        return made

    for text in ("voter id 00123456 was deleted", "John, born 1971-02-03", "SSN 123-45-6789"):
        with pytest.raises(PolicyError, match="voters' data never leaves"):
            releasing.prepare(alder, "x", Tlp.AMBER, build(text), four.clock)
    alder.folder.never.write_text("# our register\nAC-\\d{7}\n")
    with pytest.raises(PolicyError, match=r"never-share\.txt"):
        releasing.prepare(alder, "x", Tlp.AMBER, build("about AC-0012345"), four.clock)
    assert releasing.prepare(alder, "x", Tlp.AMBER, build("about AC-12"), four.clock).body
    assert Ledger(alder.folder.record).all() == ()
