"""Who did it, among four nodes of three blocs over HTTP: asked, claimed, denied, weighed, taken back, stated."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

import stix_validator
from pollwatch.attribution.hypotheses import Fit
from pollwatch.attribution.matrix import Matrix
from pollwatch.attribution.measure import Deed, Kind, Result
from pollwatch.attribution.order import OrderFile
from pollwatch.attribution.proven import unordered
from pollwatch.attribution.scale import Stance
from pollwatch.attribution.tally import Part
from pollwatch.attribution.verify import read_order, verify_record
from pollwatch.cli.main import root
from pollwatch.clock import SystemClock
from pollwatch.errors import EvidenceError, PolicyError, SignatureError
from pollwatch.evidence import checkpoint
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.members.charter import SignedCharter
from pollwatch.members.rules import Quorum
from pollwatch.node.attribution import casefile, dossiers, lookup, ordering
from pollwatch.node.attribution.attributing import Speaker
from pollwatch.node.evidence import rail
from pollwatch.node.logs import publishing, watching
from pollwatch.node.sharing import joint, releasing
from pollwatch.sharing.ledger import Ledger
from pollwatch.stix import bundle
from said_scenes import BLOCS, DAY_S, DECISION, Scene, scene


@pytest.fixture
def four(tmp_path: Path) -> Iterator[Scene]:
    """Four members of three blocs; a statement takes three from two blocs."""
    with scene(tmp_path, tuple(BLOCS), Quorum(3, 2, 1)) as found:
        yield found


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Scene]:
    """Two members, each a bloc of its own."""
    with scene(tmp_path, ("Alder", "Cedar"), Quorum(2, 2, 1)) as found:
        yield found


_ALONE = (
    "import runpy, socket, sys\n"
    "def no(*a, **k): raise OSError('no network here')\n"
    "socket.socket.connect = no\n"
    "runpy.run_module('pollwatch.attribution.verify', run_name='__main__', alter_sys=True)"
)


def checked(scene: Scene, exported: bytes, folder: Path, *options: str) -> str:
    """What a third party's check of a record says, in a folder of files, without network; it must pass."""
    (folder / "record.json").write_bytes(exported)
    charter = folder / "charter.note"
    charter.write_bytes(next(iter(scene.members.values())).folder.charter.read_bytes())
    command = [sys.executable, "-c", _ALONE, str(folder / "record.json"), "--charter", str(charter), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_from_claim_to_measures(four: Scene, tmp_path: Path) -> None:
    """Claim, denial, false flag that leads once planted evidence is taken back, statement, late dissent, measures.

    Every export is valid STIX and checks out offline, and its order of events is proven by the verifier alone.
    """
    claim = four.claim("Cedar")
    published(four)
    denial = four.speaker("Cedar").opine(claim, Stance.STRONGLY_DISAGREE, "The network was leased.").id
    incident = lookup.incident_object_id(four.members["Alder"], "PW-1")
    named = four.speaker("Alder").suppose(incident, "Cedar did it.", four.members["Alder"].charter.member("Cedar")).id
    planted = four.speaker("Birch").add_item(incident, "A tool of Cedar's was found.").id
    timing = four.speaker("Dogwood").add_item(incident, "At noon, in Cedar's zone.").id
    cells = {
        (planted, named): Fit.STRONGLY_CONSISTENT,
        (planted, "false-flag"): Fit.STRONGLY_INCONSISTENT,
        (planted, "insider"): Fit.STRONGLY_INCONSISTENT,
        (timing, named): Fit.INCONSISTENT,
        (timing, "false-flag"): Fit.CONSISTENT,
        (timing, "insider"): Fit.STRONGLY_INCONSISTENT,
    }
    for name in ("Alder", "Dogwood"):
        for (item, hypothesis), fit in cells.items():
            four.speaker(name).rate(item, hypothesis, fit, "Because.")
    assert matrix(four, "Cedar").leading == (named,)
    four.speaker("Birch").retract(planted, "It was planted at our office.")
    for name in four.members:
        assert matrix(four, name).leading == ("false-flag",)
    taken_back = four.speaker("Alder").retract(claim, "What pointed at Cedar was planted.").id

    closes_us = four.clock.now_us() + DAY_S * 1_000_000
    draft = four.speaker("Dogwood").draft("Planted", "It was made to look like Cedar.", [incident], closes_us).id
    four.speaker("Alder").opine(draft, Stance.AGREE, "Seen so.")
    four.speaker("Cedar").opine(draft, Stance.STRONGLY_AGREE, "As we said.")
    four.clock.advance(2 * DAY_S)
    dissent = four.speaker("Birch").opine(draft, Stance.DISAGREE, "Too soon.").id
    dated_back(four, "Birch", draft, closes_us - 60_000_000)
    deed = Deed(Kind.BLOCK, "Ada", "What it came from was rented for a week.", digest="c" * 64)
    block = four.speaker("Dogwood").act(draft, deed).id
    lifted = four.speaker("Dogwood").came_of(block, Result.LIFTED, "The week is over.").id
    (tally,) = casefile.read(four.speaker("Cedar").membership).tallies
    assert tally.adopted
    assert {each.member.name: (each.part, each.late) for each in tally.voices} == {
        "Alder": (Part.SIGNED, 0),
        "Birch": (Part.SIGNED, 1),  # by the date that it wrote, and the order of events says otherwise
        "Cedar": (Part.SIGNED, 0),
        "Dogwood": (Part.SIGNED, 0),
    }
    exported = {name: lookup.record_of(four.speaker(name).membership, draft) for name in four.members}
    assert len(set(exported.values())) == 1
    said = checked(four, exported["Cedar"], tmp_path)
    for words in (
        "denial by the respondent, Cedar",
        "Cedar received it on",
        "and replied before",
        "taken back by its claimant",
        "adopted",
        "Birch (west): signed\n    agree: After all.\n    late, disagree: Too soon.\n    received it on",
        "measure of Dogwood: block, decided by Ada",
    ):
        assert words in said
    other = {name: lookup.record_of(four.members["Cedar"], each) for name, each in (("claim", claim), ("block", block))}
    stix_validator.accepts(tmp_path, {"exported": exported["Cedar"], **other})
    for name in four.members:
        four.speaker(name)
    published(four)
    for name in ("Alder", "Cedar"):  # a claimant and a respondent: neither can show another order
        said = proven(four, name, draft, tmp_path)
        assert "cosigned by" in said
        for words in ("Birch (west): silent\n    late, disagree: Too soon.\n    late, agree: After all.", "dated back"):
            assert words in said
        check_order(four, tmp_path, (claim, denial), (claim, taken_back, draft, dissent), (draft, block, lifted))


def dated_back(scene: Scene, name: str, draft: str, at_us: int) -> None:
    """Attack: a member signs a draft that has closed, and dates that back to before; all others take it in."""
    maker = releasing.maker
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(releasing, "maker", lambda membership, tlp, _now_us: maker(membership, tlp, at_us))
        said = scene.speaker(name).opine(draft, Stance.AGREE, "After all.")
    assert not any(each.problem for each in said.sent)


def check_order(scene: Scene, folder: Path, *chains: tuple[str, ...]) -> None:
    """Each of these came after the one before it, in all logs, and others had cosigned it, from two blocs."""
    files = ((folder / name).read_bytes() for name in ("order.json", "record.json"))
    order, record = files
    found = read_order(order, (record,), scene.members["Alder"].charter, None)
    numbers = {each.name.id: number for number, each in enumerate(found)}
    open_pairs = {frozenset((one.name.id, other.name.id)) for one, other in unordered(found)}
    by_id = {each.name.id: each for each in found}
    for chain in chains:
        for before, after in pairwise(chain):
            assert numbers[before] < numbers[after]
            assert frozenset((before, after)) not in open_pairs
        for paper in chain:
            assert {place.member.name for place in by_id[paper].places} == set(scene.members)
            assert by_id[paper].places[0].grade == "cross-bloc"
    first, last = by_id[chains[0][0]].not_later_s, by_id[chains[-1][-1]].not_later_s
    assert first is not None
    assert last is not None
    assert first < last <= scene.clock.now_us() // 1_000_000


def matrix(scene: Scene, name: str) -> Matrix:
    """The matrix as a member sees it."""
    membership = scene.speaker(name).membership
    return lookup.matrix_of(membership, lookup.incident_object_id(scene.members["Alder"], "PW-1"))


def test_with_two_the_accused_is_the_only_other(two: Scene, tmp_path: Path) -> None:
    """Claim and denial stand side by side; no statement is adopted about the accused, whatever anybody signs."""
    claim = two.claim("Cedar")
    two.speaker("Cedar").opine(claim, Stance.DISAGREE, "It was not us.")
    closes_us = two.clock.now_us() + DAY_S * 1_000_000
    draft = two.speaker("Alder").draft("Finding", "It was Cedar.", [claim], closes_us).id
    two.speaker("Cedar").opine(draft, Stance.AGREE, "Typed in error.")
    (tally,) = casefile.read(two.speaker("Alder").membership).tallies
    assert not tally.adopted
    assert [each.part for each in tally.voices] == [Part.SIGNED, Part.RESPONDENT]
    said = checked(two, lookup.record_of(two.members["Alder"], draft), tmp_path)
    assert "denial by the respondent, Cedar: disagree: It was not us." in said
    assert "not adopted" in said


def test_a_question_is_on_record_with_all(four: Scene, tmp_path: Path) -> None:
    """Whoever was asked answers, and all see both; nobody answers for another."""
    asked = four.speaker("Alder").ask(
        four.members["Cedar"].me, "", "Was it you?", four.clock.now_us() // 1000 * 1000 + DAY_S * 1_000_000
    )
    assert not any(each.problem for each in asked.sent)
    assert not casefile.read(four.speaker("Dogwood").membership).asked[0].answers
    with pytest.raises(PolicyError, match="asks Cedar"):
        four.speaker("Dogwood").answer(asked.id, "It was Birch.")
    four.speaker("Cedar").answer(asked.id, "No.")
    for name in four.members:
        (found,) = casefile.read(four.speaker(name).membership).asked
        assert [each.text for each in found.answers] == ["No."]
    said = checked(four, lookup.record_of(four.members["Birch"], asked.id), tmp_path)
    assert "answer," in said


def test_attack_24_silence_is_shown_by_the_silent_members_own_receipt(four: Scene, tmp_path: Path) -> None:
    """Attack 24: Cedar never answers, and says that it was never asked; its gateway's receipt says otherwise."""
    until_us = four.clock.now_us() // 1000 * 1000 + DAY_S * 1_000_000
    asked = four.speaker("Alder").ask(four.members["Cedar"].me, "", "Was it you?", until_us)
    claim = four.claim("Cedar")
    for about in (asked.id, claim):
        said = checked(four, lookup.record_of(four.members["Alder"], about), tmp_path)
        assert "no reply is silence, as its own receipt shows" in said
    four.speaker("Cedar").answer(asked.id, "No.")
    said = checked(four, lookup.record_of(four.speaker("Alder").membership, asked.id), tmp_path)
    assert "no reply is silence" not in said
    forged = lookup.record_of(four.members["Alder"], claim).replace(b"Cedar received", b"Birch received")
    with pytest.raises(SignatureError):
        verify_record(forged, SignedCharter.parse(four.members["Alder"].folder.charter.read_bytes()))


def test_looking_first_leaves_no_trace(four: Scene) -> None:
    """A preview shows the very file that would go out, and nothing is sealed, kept or sent."""
    claim = four.claim("Cedar")
    alder = four.members["Alder"]
    before = lookup.record_of(alder, claim)
    preview = Speaker(alder, DECISION, four.clock, preview=True).retract(claim, "Wrong.")
    assert b"Wrong." in preview.body
    assert (preview.log_index, preview.sent) == (None, ())
    assert lookup.record_of(alder, claim) == before


def run(*arguments: str) -> dict[str, object]:
    """A command's JSON."""
    done = CliRunner().invoke(root, [*arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_the_same_by_command(two: Scene) -> None:
    """Ask, answer, suppose, rate, draft, sign, show: each verb does what it says, and lists what came of it."""
    two.clock.us = SystemClock().now_us()  # commands use the machine's
    case = {name: ("--case", str(each.folder.case)) for name, each in two.members.items()}
    incident = lookup.incident_object_id(two.members["Alder"], "PW-1")
    joint.take_in(two.members["Cedar"], two.clock)
    asked = run("inquire", "Cedar", "--about", incident, "--text", "Was it you?", *case["Alder"])["id"]
    run("inquire", "--answer", str(asked), "--text", "No.", *case["Cedar"])
    (listed,) = run("inquire", *case["Alder"])["inquiries"]
    assert listed["answers"][0]["text"] == "No."
    item = run("hypotheses", "item", incident, "--text", "At noon.", *case["Alder"])["id"]
    for options in case.values():
        run("hypotheses", "rate", str(item), "insider", "consistent", "--text", "Why not.", *options)
    shown = run("hypotheses", "show", incident, *case["Cedar"])
    assert shown["leading"] == ["insider"]
    draft = run("statement", "draft", "Noon", "--about", incident, "--text", "It was at noon.", *case["Cedar"])["id"]
    run("statement", "sign", str(draft), "--text", "Seen so.", *case["Alder"])
    (statement,) = run("statement", "show", *case["Cedar"])["statements"]
    assert statement["adopted"]
    for verb in (("statement", "show"), ("hypotheses", "show", incident), ("inquire",), ("opinion",)):
        done = CliRunner().invoke(root, [*verb, *case["Alder"]], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        assert done.output.strip() or verb == ("opinion",)


def published(scene: Scene) -> None:
    """All publish, so that each log is cosigned, and look at each other's logs."""
    for _round in range(2):
        for each in scene.members.values():
            scene.clock.advance(1)
            publishing.publish(each, scene.clock)
        for each in scene.members.values():
            assert all(one.sound for one in watching.check_peers(each, scene.clock))


def proven(scene: Scene, by: str, about: str, folder: Path) -> str:
    """What a third party's check says of the order of a case, from three files and nothing else."""
    membership = scene.members[by]
    exported = lookup.record_of(membership, about)
    (folder / "order.json").write_bytes(ordering.order_of(membership, bundle.read(exported), scene.clock))
    return checked(scene, exported, folder, "--order", str(folder / "order.json"))


def test_a_forged_order_is_refused(two: Scene, tmp_path: Path) -> None:
    """Attack 3: an exporter moves a denial in the logs, shows a log under another's name, or one log twice."""
    claim = two.claim("Cedar")
    two.speaker("Cedar").opine(claim, Stance.DISAGREE, "It was not us.")
    two.speaker("Alder")
    published(two)
    said = proven(two, "Alder", claim, tmp_path)
    assert "denial by the respondent, Cedar" in said
    record, charter = (tmp_path / "record.json").read_bytes(), two.members["Alder"].charter
    shown = OrderFile.parse((tmp_path / "order.json").read_bytes())
    alder, cedar = shown.logs
    first, *others = alder.postings
    forged = (
        replace(alder, postings=(replace(first, index=first.index + 1), *others)),
        replace(alder, postings=(replace(first, digest=others[0].digest), *others)),
        replace(alder, member="Cedar"),
        replace(alder, signed=cedar.signed, growth=cedar.growth),
        replace(alder, postings=(replace(first, digest="0" * 64), *others)),
    )
    for each in forged:
        logs = (each,) if each.member == "Cedar" else (each, cedar)
        with pytest.raises(EvidenceError):
            read_order(OrderFile(logs).to_bytes(), (record,), charter, None)
    with pytest.raises(EvidenceError):
        read_order(OrderFile((alder, alder)).to_bytes(), (record,), charter, None)


def test_at_two_a_neutral_witness_raises_the_grade(two: Scene, tmp_path: Path) -> None:
    """The accused cosigns nothing; a witness of neither side does, and a reader who knows it sees the higher grade."""
    claim = two.claim("Cedar")
    alder = two.members["Alder"]
    elm = Signer.generate("elm.example/witness", KeyType.COSIGNATURE)
    with rail.opened(alder.folder.case, two.clock) as evidence:
        at = evidence.shared.signed
        line = checkpoint.sign(at.checkpoint, elm, two.clock.now_us() // 1_000_000)
        evidence.shared.add_cosignatures([line], at)
    record = lookup.record_of(alder, claim)
    order = ordering.order_of(alder, bundle.read(record), two.clock)
    (tmp_path / "order.json").write_bytes(order)
    (tmp_path / "policy").write_text(f"witness elm {elm.verifier.vkey}\n# bloc elm neutral\nquorum elm\n")
    without = checked(two, record, tmp_path, "--order", str(tmp_path / "order.json"))
    assert "nobody else has cosigned that (asserted)" in without
    options = ("--order", str(tmp_path / "order.json"), "--policy", str(tmp_path / "policy"))
    assert re.search(r"cosigned by elm not later than \S+ \(cross-bloc\)", checked(two, record, tmp_path, *options))


def test_whoever_was_only_told_encloses_what_it_received(two: Scene, tmp_path: Path) -> None:
    """Cedar saw nothing itself: its dossier holds what Alder told it, byte for byte, and says from whom it has that."""
    two.claim("Cedar")
    incident = lookup.incident_object_id(two.members["Alder"], "PW-1")
    cedar = two.speaker("Cedar").membership
    made = dossiers.make(cedar.folder.case, incident, tmp_path, two.clock)
    assert made.proof is None
    first, *_rest = (each.release.body for each in Ledger(two.members["Alder"].folder.record).all("Cedar"))
    assert (tmp_path / "received-1.json").read_bytes() == first
    assert not (tmp_path / "received-2.json").exists()
    page = (tmp_path / "dossier-en.html").read_text("utf-8")
    assert re.search(r"received-1\.json</td>\s*<td[^>]*>\W*Alder", page)
    command = ["verify", str(tmp_path / "received-1.json"), "--charter", str(tmp_path / "charter.note")]
    assert "pollwatch verify received-1.json --charter charter.note" in page
    assert CliRunner().invoke(root, command, catch_exceptions=False).exit_code == 0
