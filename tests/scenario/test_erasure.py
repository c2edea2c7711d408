"""What is erased is gone from every file of the case, everything else still verifies, and a hold outranks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pollwatch.cli.main import root
from pollwatch.clock import ManualClock, parse_rfc3339
from pollwatch.errors import PolicyError, ProofError
from pollwatch.events.lines import LineSet
from pollwatch.evidence import fsck, verify
from pollwatch.evidence.manifest import Hold, Tombstone, parse_private
from pollwatch.incidents.records import Case
from pollwatch.node.case import casework
from pollwatch.node.case.rereading import Rereader, find_file
from pollwatch.node.case.scan import ScanOptions
from pollwatch.node.evidence import bundling, erasing, linevalues
from pollwatch.node.evidence.bundling import Extras
from pollwatch.node.evidence.erasing import Asked
from pollwatch.node.evidence.sealing import CaseEvidence
from pollwatch.sources.files import expand

CLOCK = ManualClock(parse_rfc3339("2026-11-04T00:00:00Z"))


def log(address: str, day: int) -> bytes:
    """A morning of guesses from one address."""
    return b"".join(
        b'%s - - [%02d/Nov/2026:08:00:%02d +0000] "POST /wp-login.php HTTP/1.1" 200 31%02d "-" "curl/8.5.0"\n'
        % (address.encode(), day, number, number)
        for number in range(60)
    )


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A case with two inputs, each with an incident."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.log").write_bytes(log("198.51.100.23", 2))
    (tmp_path / "two.log").write_bytes(log("203.0.113.77", 3))
    sources, _missing = expand(["one.log", "two.log"])
    report = casework.scan_into(Path("case"), sources, ScanOptions(), CLOCK)
    assert len(report.incidents) == 2
    return Path("case")


def everything(case: Path) -> bytes:
    """All bytes of all files of a case."""
    return b"".join(path.read_bytes() for path in sorted(case.rglob("*")) if path.is_file())


def test_nothing_of_what_was_erased_is_left(case: Path) -> None:
    """No byte of the seed, and no line, stays in any file; the logs and the other incident's proof are whole."""
    with Case.open(case, CLOCK) as opened, CaseEvidence.open(case, CLOCK) as evidence:
        (kept,) = evidence.openings.batches_of("one.log")
        one, two = sorted(opened.incidents(), key=lambda each: min(each.lines.by_path))
        assert all(sample.path == "one.log" for sample in one.samples)
        assert one.samples
        digest = evidence.openings._db.execute("SELECT hex(digest) FROM batches WHERE path='one.log'").fetchone()  # noqa: SLF001 - looks into the file
        fields = evidence.openings.fields_of(kept.entry)
        assert linevalues.unpack(fields)["ip"] == [b"198.51.100.23"] * 60
        for secret in (kept.seed, fields):
            assert secret in everything(case)
        assert b"198.51.100.23 - -" in everything(case)
        erased = erasing.erase(opened, evidence, Asked(path="one.log"), "asked for by a visitor", CLOCK)
        assert (dict(erased.lines), erased.batches, erased.incidents) == ({"one.log": [(1, 60)]}, 1, 1)
        left = everything(case)
        for place in range(len(kept.seed) - 5):
            assert kept.seed[place : place + 6] not in left
        other = evidence.openings.fields_of(1)
        pieces = {fields[place : place + 16] for place in range(len(fields) - 15)}
        own = [piece for piece in pieces if piece not in other]
        assert own
        assert not any(piece in left for piece in own)
        assert evidence.openings.fields_of(kept.entry) == b""
        line, fetch = LineSet.of("one.log", [5]), Rereader(find_file)
        for named in ((), ("ip",)):
            with pytest.raises(ProofError, match="what opens it was erased"):
                bundling.export_lines(evidence, line, Path("x.zip"), CLOCK, fetch, Extras(fields=named))
        assert bytes.fromhex(digest[0]) not in left
        for secret in (b"198.51.100.23 - -", b"02/Nov/2026:08"):
            assert secret not in left
        assert sum(len(batch) for batch in opened.events("one.log")) == 0
        assert sum(len(batch) for batch in opened.events("two.log")) == 60
        bundling.export(evidence, two, Path("two.zip"), CLOCK, fetch)
        # The first incident is sealed anew, as it is now known: without its lines.
        again = opened.incident(one.id)
        assert again.samples == ()
        bundling.export(evidence, again, Path("one.zip"), CLOCK, fetch)
        for parsed in (parse_private(evidence.private.entry(index)) for index in range(evidence.private.size)):
            assert parsed
        assert isinstance(parse_private(evidence.private.entry(erased.tombstone)), Tombstone)
        fsck.check_all(evidence.private.reader(), evidence.private.root)
        with pytest.raises(ProofError, match="erased before"):
            erasing.erase(opened, evidence, Asked(path="one.log"), "again", CLOCK)
    told = [each.text for each in verify.verify_file(Path("two.zip")).statements]
    assert any("60 log lines" in each for each in told)
    assert not any("log lines are" in each.text for each in verify.verify_file(Path("one.zip")).statements)


def test_a_case_goes_on_after_erasure(case: Path) -> None:
    """A further scan groups, seals and publishes as before, although lines of earlier inputs are gone."""
    with Case.open(case, CLOCK) as opened, CaseEvidence.open(case, CLOCK) as evidence:
        erasing.erase(opened, evidence, Asked(before_us=parse_rfc3339("2026-11-03T00:00:00Z")), "retention", CLOCK)
        assert [batch.erased for batch in evidence.openings.batches_between(0, 99)] == [True, False]
    Path("three.log").write_bytes(log("192.0.2.99", 4))
    sources, _missing = expand(["three.log"])
    assert len(casework.scan_into(case, sources, ScanOptions(), CLOCK).inputs) == 3


def test_a_hold_outranks_erasure(case: Path) -> None:
    """Attack: have evidence erased before the court sees it. The hold says no, names its reason, and is sealed."""
    with Case.open(case, CLOCK) as opened, CaseEvidence.open(case, CLOCK) as evidence:
        before = everything(case / "events")
        hold = erasing.place_hold(evidence, "one.log", "court of Alder, case 7", CLOCK)
        for asked in (Asked(path="one.log"), Asked(path="one.log", lines=(3, 4)), Asked(before_us=CLOCK.now_us())):
            with pytest.raises(PolicyError, match="court of Alder, case 7"):
                erasing.erase(opened, evidence, asked, "please", CLOCK)
        assert everything(case / "events") == before
        erasing.erase(opened, evidence, Asked(path="two.log", lines=(59, 70)), "please", CLOCK)
        whole = erasing.place_hold(evidence, None, "all of it", CLOCK)
        assert erasing.holds(evidence) == (hold, whole)
        with pytest.raises(PolicyError, match="no hold"):
            erasing.release_hold(evidence, "nope", "x", CLOCK)
        for each in (hold, whole):
            erasing.release_hold(evidence, each.id, "the case is closed", CLOCK)
        with pytest.raises(PolicyError, match="needs a reason"):
            erasing.place_hold(evidence, None, " ", CLOCK)
        with pytest.raises(PolicyError, match="needs a reason"):
            erasing.erase(opened, evidence, Asked(path="one.log"), "", CLOCK)
        with pytest.raises(ProofError, match=r"none\.log"):
            erasing.place_hold(evidence, "none.log", "x", CLOCK)
        erasing.erase(opened, evidence, Asked(path="one.log"), "please", CLOCK)
        sealed = [parse_private(evidence.private.entry(index)) for index in range(evidence.private.size)]
        assert [each.action for each in sealed if isinstance(each, Hold)] == [
            "placed",
            "placed",
            "released",
            "released",
        ]
        public = b"".join(p.read_bytes() for p in evidence.private.public.rglob("*") if p.is_file())
        assert b"court" not in public
        assert b"please" not in public


def test_the_commands(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Hold, refuse, release, erase, as an operator types it."""

    def run(*arguments: str) -> str:
        root.main(["evidence", *arguments], standalone_mode=False)
        return capsys.readouterr().out

    hold = run("hold", "add", "--case", str(case), "--input", "one.log", "--reason", "court").strip()
    assert hold in run("hold", "list", "--case", str(case))
    with pytest.raises(PolicyError):
        run("erase", "--case", str(case), "--lines", "one.log:1-5", "--reason", "r")
    run("hold", "release", hold, "--case", str(case), "--reason", "closed")
    assert run("hold", "list", "--case", str(case)) == ""
    run("erase", "--case", str(case), "--lines", "one.log:1-5", "--reason", "r")
    run("erase", "--case", str(case), "--before", "2026-11-04", "--reason", "r")
    run("fsck", "--case", str(case))
