"""Fields of a line: one is shown without the others, none can be guessed, and none has two values."""

from __future__ import annotations

import re
from dataclasses import replace
from hashlib import sha256
from itertools import product
from pathlib import Path

import pyarrow as pa
import pytest

from evidence_scenes import CLOCK, FIELDS, INCIDENT_LINES, LINES, a_case, an_incident, exported, fetch
from pollwatch.errors import EvidenceError, ProofError
from pollwatch.events.batch import EventBatch, Parsed, Quarantined
from pollwatch.events.block import LineBlock
from pollwatch.events.lines import LineSet
from pollwatch.events.taxonomy import AUTH, WEB
from pollwatch.evidence import container, linefields, merkle, salted, verify
from pollwatch.evidence.manifest import Batch
from pollwatch.evidence.openedlines import OpenedBatch, OpenedField, OpenedFields
from pollwatch.evidence.saltedlines import SaltedLines
from pollwatch.node.evidence import bundling, checking, linevalues
from pollwatch.node.evidence.bundling import Extras
from pollwatch.node.evidence.sealing import CaseEvidence


def test_a_field_is_shown_alone(tmp_path: Path) -> None:
    """The addresses of seven lines are proven; no user, no text of a line and no number of fields is in the file."""
    made = exported(tmp_path, fields=["ip"])
    report = verify.verify_file(made.path)
    assert [(each.path, each.line, each.name, each.value) for each in report.fields] == [
        ("access.log", number, "ip", FIELDS["ip"][number - 1]) for number in INCIDENT_LINES
    ]
    proven = " ".join(each.text for each in report.statements if each.weight == "proven")
    assert "Field ip of line 30 of access.log was sealed with the value 192.0.2.29; the rest" in proven
    assert "Line 4 of access.log was sealed as having no field ip" in proven
    assert "log line" not in proven
    content = b"".join(container.unpack(made.path.read_bytes()).values())
    content = re.sub(rb"[A-Za-z0-9+/]{40,}={0,2}", b"", content)  # keys and signatures may spell any three letters
    for secret in (b"user", b"note", b"GET", b"inc-1", b"onerror"):
        assert secret not in content
    shapes = {(len(each.shown), len(each.others)) for batch in made.bundle.batches for each in batch.parts}
    assert shapes == {(1, 15)}


def test_a_value_with_markup_is_shown_inert(tmp_path: Path) -> None:
    """Attack: terminal sequences and bytes that are no text in a field's value."""
    made = exported(tmp_path, fields=["note"])
    text = "\n".join(verify.verify_file(made.path).lines())
    assert "<img src=x onerror" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert r"\xff" in text


def test_what_stays_hidden_cannot_be_tried_out(tmp_path: Path) -> None:
    """Attack: guess an address among all there may be, from every salt and hash that the file shows."""
    made = exported(tmp_path, fields=["user"])
    (batch, _other) = made.bundle.batches
    hidden = {each for part in batch.parts for each in (*part.others, part.line)}
    salts = [bytes(16), batch.source_salt, *(field.salt for part in batch.parts for field in part.shown)]
    for salt, last in product(salts, range(256)):
        value = b"192.0.2.%d" % last
        assert linefields.field_hashes("ip", [salt], [value])[0] not in hidden
        assert sha256(value).digest() not in hidden


def test_neither_their_number_nor_a_missing_one_shows(tmp_path: Path) -> None:
    """Attack: learn from what is shown how many fields an office seals, or that this line has no user."""
    shown = []
    for name, fields in (("few", {"ip": FIELDS["ip"]}), ("many", FIELDS)):
        with CaseEvidence.open(tmp_path / name, CLOCK) as evidence:
            evidence.seal_batch("access.log", 1, LINES, fields=fields)
            made = bundling.export_lines(
                evidence,
                LineSet.of("access.log", [1, 2]),
                tmp_path / f"{name}.zip",
                CLOCK,
                fetch,
                Extras(fields=("ip",)),
            )
        shown.append(made.batches[0].parts)
    assert FIELDS["user"][0] is None
    assert FIELDS["user"][1] is not None
    for few, many in zip(*shown, strict=True):
        assert len(few.others) == len(many.others) == 15
        assert len({*few.others, *many.others}) == 30


def test_no_line_has_two_values_of_one_field() -> None:
    """Attack: a lying owner seals two addresses in one line, to show one here and the other there."""
    line = b"from 192.0.2.1"
    seed = salted.new_seed_for(b"log", ["ip"])
    source = salted.source_commitment(seed, b"log")
    own = linefields.slot(source, "ip")
    salt, half = salted.new_salt(), salted.commitment(salted.new_salt(), line)
    values = {own: b"192.0.2.1", (own + 1) % linefields.SLOTS: b"203.0.113.9"}
    slots = [
        linefields.field_hashes("ip", [salt], [values[slot]])[0] if slot in values else bytes([slot]) * 32
        for slot in range(linefields.SLOTS)
    ]
    leaf = linefields.leaf_hash(half, linefields.fields_hash(slots))
    entries = {0: Batch(source, 1, 1, None, None, leaf)}

    def shown(value: bytes, at: int) -> OpenedBatch:
        others = tuple(each for slot, each in enumerate(slots) if slot != at)
        part = OpenedFields(1, half, (OpenedField("ip", salt, value),), others)
        return OpenedBatch(0, "log", salted.source_salt(seed), (), (part,), ())

    shown(b"192.0.2.1", own).check(entries)
    with pytest.raises(ProofError, match="a field, its salt or its line's number"):
        shown(b"203.0.113.9", (own + 1) % linefields.SLOTS).check(entries)


def test_a_field_and_its_line_belong_together(tmp_path: Path) -> None:
    """Who sees the line later sees that the field shown before was sealed under the very same leaf."""
    with a_case(tmp_path) as evidence:
        (_third, _second, first) = evidence.openings.batches_of("access.log")
        sealed = evidence.salted_lines(first, LINES[:20])
        manifest = Batch.parse(evidence.private.entry(first.entry))
    line, part = sealed.open(0, 1, [7]).lines[0], sealed.open(0, 1, [7], ["ip", "user"]).parts[0]
    assert line.leaf() == part.leaf(manifest.source)
    assert merkle.root_from_subset({6: line.leaf()}, 20, sealed.open(0, 1, [7]).proof) == manifest.root
    assert line.raw == LINES[6]
    assert part.shown[0].value == FIELDS["ip"][6]


def test_fields_are_kept_as_they_were_sealed(tmp_path: Path) -> None:
    """Lines scanned again by a version that reads them otherwise keep their entry, and open as they were sealed."""
    with a_case(tmp_path) as evidence:
        size = evidence.private.size
        again = {"ip": [b"another"] * 20}
        assert evidence.seal_batch("access.log", 1, LINES[:20], fields=again) == 0
        assert evidence.private.size == size
        lines = LineSet.of("access.log", [2])
        out = tmp_path / "b.zip"
        bundling.export_lines(evidence, lines, out, CLOCK, fetch, Extras(fields=("ip", "user")))
        with pytest.raises(ProofError, match=r"line 2 of access\.log: field 'time' was not sealed .*: ip, note, user"):
            bundling.export_lines(evidence, lines, out, CLOCK, fetch, Extras(fields=("ip", "time")))
    assert [(each.name, each.value) for each in verify.verify_file(out).fields] == [
        ("ip", b"192.0.2.1"),
        ("user", b"user1"),
    ]


def test_lines_without_fields_say_so(tmp_path: Path) -> None:
    """An office that seals no fields shows whole lines as before, and is told that there is no field."""
    with CaseEvidence.open(tmp_path / "case", CLOCK) as evidence:
        evidence.seal_batch("access.log", 1, LINES)
        lines = LineSet.of("access.log", [2])
        made = bundling.export_lines(evidence, lines, tmp_path / "b.zip", CLOCK, fetch)
        with pytest.raises(ProofError, match="the fields that were: none"):
            bundling.export_lines(evidence, lines, tmp_path / "c.zip", CLOCK, fetch, Extras(fields=("ip",)))
    assert made.batches[0].lines[0].fields is None
    assert not verify.verify_file(tmp_path / "b.zip").fields


def test_an_incidents_fields_must_be_of_its_lines(tmp_path: Path) -> None:
    """Attack: pass off a field of some other line as one of the incident's."""
    with a_case(tmp_path) as evidence:
        made = bundling.export(evidence, an_incident([3, 4]), tmp_path / "b.zip", CLOCK, fetch)
        (_third, _second, first) = evidence.openings.batches_of("access.log")
        parts = evidence.salted_lines(first, LINES[:20]).open(first.entry, 1, [5], ["ip"])
        data = replace(made, batches=(parts,)).to_bytes(evidence.shared_signer)
    with pytest.raises(ProofError, match="line 5 of entry 0 is not one of the incident's lines"):
        verify.verify_bytes(data)


@pytest.mark.parametrize("names", [["a/b"], ["ip", "ip"], [""], ["x" * 65], ["é"], list("abcdefghi")])
def test_names_that_cannot_be_sealed(names: list[str]) -> None:
    """A field's name is a short word, there are at most eight, and each stands once."""
    with pytest.raises(ProofError):
        salted.new_seed_for(b"log", names)


def test_eight_fields_have_a_slot_each() -> None:
    """A seed is found under which no two of the most fields there may be have one slot."""
    names = list("abcdefgh")
    sealed = SaltedLines(salted.new_seed_for(b"log", names), b"log", [b"line"], {name: [b"v"] for name in names})
    opened = sealed.open(0, 1, [1], names)
    opened.check({0: Batch(sealed.source, 1, 1, None, None, sealed.tree.root())})
    assert len(opened.parts[0].others) == linefields.SLOTS - 8


def test_keystream_blocks_are_used_once() -> None:
    """No salt of a line, of a field in any slot, no filler and no source salt is another's."""
    seed, count = salted.new_seed(), 40
    blocks = [*salted.salts(seed, count), salted.source_salt(seed)]
    for slot in range(linefields.SLOTS):
        blocks += salted.field_salts(seed, slot, count)
    for filler in salted.slot_hashes(seed, {}, count)[0]:
        blocks += [filler[place : place + 16] for place in range(0, len(filler), 16)]
    for filler in salted.slot_hashes(seed, {0: ("a", [b""] * count), 7: ("b", [b""] * count)}, count)[1]:
        blocks += [filler[place : place + 16] for place in range(0, len(filler), 16)]
    assert len(set(blocks)) == len(blocks)


def a_block(lines: int) -> LineBlock:
    """A block from record 101 on."""
    return LineBlock("x.log", 101, [b"raw"] * lines, ["raw"] * lines)


def test_values_are_taken_from_events_of_all_kinds() -> None:
    """Lines of one block may be events of several logsources, or none: each gets its own address, user and time."""
    web = pa.table({"number": [101, 103], "time_us": [1_793_736_000_000_000, None], "c-ip": ["192.0.2.1", None]})
    auth = pa.table(
        {"number": [104], "time_us": [1_793_736_000_000_001], "src_ip": ["2001:db8::1"], "user": [""], "pid": [7]}
    )
    parsed = Parsed(
        (EventBatch(WEB, "x.log", web), EventBatch(AUTH, "x.log", auth)), (Quarantined(102, "no recognised format"),)
    )
    found = linevalues.values(a_block(4), parsed, ["ip", "time", "user", "pid", "nothing"])
    assert found == {
        "ip": [b"192.0.2.1", None, None, b"2001:db8::1"],
        "time": [b"2026-11-03T20:00:00Z", None, None, b"2026-11-03T20:00:00.000001Z"],
        "user": [None, None, None, b""],
        "pid": [None, None, None, b"7"],
        "nothing": [None] * 4,
    }
    assert linevalues.unpack(linevalues.pack(found)) == found
    assert linevalues.unpack(linevalues.pack({})) == {}


def test_the_first_column_that_says_something_counts() -> None:
    """Where an event has a user in one column and not in another, that one is the line's user."""
    table = pa.table({"number": [101, 102], "user": [None, "anna"], "cs-username": ["bert", "cora"]})
    parsed = Parsed((EventBatch(WEB, "x.log", table),), ())
    assert linevalues.values(a_block(2), parsed, ["user"]) == {"user": [b"bert", b"anna"]}


def test_fsck_tells_what_can_no_longer_be_opened(tmp_path: Path) -> None:
    """What opens a batch is lost, damaged or another's: each is told with its entry; a stopped scan is no loss."""
    path = tmp_path / "evidence" / "openings.sqlite"
    with a_case(tmp_path) as evidence:
        reader, database = evidence.private.reader(), evidence.openings._db  # noqa: SLF001 - damages it
        assert checking.check_openings(path, reader) == (3, 0)
        database.execute("UPDATE batches SET entry = NULL WHERE entry = 2")
        assert checking.check_openings(path, reader) == (2, 0)
        good = database.execute("SELECT seed, fields FROM batches WHERE entry = 1").fetchone()
        for seed, fields in ((bytes(32), good[1]), (good[0], b"x"), (good[0], linevalues.pack({"ip": [b"x"]}))):
            database.execute("UPDATE batches SET seed = ?, fields = ? WHERE entry = 1", (seed, fields))
            with pytest.raises(ProofError, match="batch 1: "):
                checking.check_openings(path, reader)
        database.execute("DELETE FROM batches WHERE entry = 1")
        with pytest.raises(ProofError, match="batch 1: what opens it is lost"):
            checking.check_openings(path, reader)
    path.unlink()
    with pytest.raises(ProofError, match="nothing that was sealed can be opened"):
        checking.check_openings(path, reader)
    assert not path.exists()


def test_damaged_openings_do_not_open(tmp_path: Path) -> None:
    """What the owner kept was changed on its disk: the export says that it is not what was sealed."""
    with a_case(tmp_path) as evidence:
        packed = linevalues.pack({"ip": [b"x"] * 20})
        evidence.openings._db.execute("UPDATE batches SET fields = ? WHERE entry = 0", (packed,))  # noqa: SLF001 - damages it
        with pytest.raises(EvidenceError, match="no longer what was sealed"):
            bundling.export_lines(evidence, LineSet.of("access.log", [2]), tmp_path / "b.zip", CLOCK, fetch)
