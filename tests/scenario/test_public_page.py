"""The public page: what was published on purpose and nothing else, with what is said against it."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import threading
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from commands import told
from hostile_scenes import an_incident
from notify_scenes import put
from pollwatch.attribution.scale import Stance
from pollwatch.clock import UTC, SystemClock, rfc3339
from pollwatch.errors import EvidenceError, FormatError, PolicyError, StoreError
from pollwatch.evidence import verify
from pollwatch.incidents.records import Case
from pollwatch.members.marking import Tlp
from pollwatch.node.public import logstate, preparing, publishing, replacing, site
from pollwatch.node.public.publishing import Standing
from pollwatch.node.public.site import Wanted
from pollwatch.node.sharing import agreeing
from pollwatch.sharing import database, publication
from pollwatch.sharing.decisions import Person
from pollwatch.sharing.ledger import Ledger
from pollwatch.sharing.publication import PUBLIC, Kind, Publication, Told, Words
from pollwatch.store.database import Database
from pollwatch.store.folder import CaseFolder
from public_scenes import DECISION, DENIAL, HOSTILE, WORDS, Offices, copied, offices

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Offices:
    """Alder, Birch and Cedar; Alder's incident is TLP:CLEAR."""
    return offices(tmp_path_factory.mktemp("offices"))


@pytest.fixture
def watch(first: Offices, tmp_path: Path) -> Offices:
    """The same for one test alone."""
    return copied(first, tmp_path)


def published(watch: Offices, subject: str, words: tuple[Words, ...] = ()) -> Standing:
    """Prepared and published an hour later."""
    watch.clock.advance(3600)
    found = preparing.prepare(watch.case, subject, words, UTC, (), watch.clock)
    done = publishing.publish(watch.case, watch.alder, found, DECISION, watch.clock)
    assert isinstance(done, Standing)
    return done


def built(watch: Offices, out: Path) -> dict[str, bytes]:
    """Every file of the page as it is now."""
    site.build(watch.case, out, Wanted(), watch.clock)
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_denial_and_dissent_stand_beside_what_they_are_about(watch: Offices, tmp_path: Path) -> None:
    """A claim with its denial, a statement with its dissent; one that comes later is on record, then on the page."""
    claim = watch.claim()
    published(watch, claim)
    first = built(watch, tmp_path / "www")
    assert "Cedar has not denied it in this record." in first["index.html"].decode()
    watch.opine("Cedar", claim, Stance.STRONGLY_DISAGREE, DENIAL)
    page = built(watch, tmp_path / "www")["index.html"].decode()
    assert DENIAL in page
    assert "Denial by Cedar" in page
    kept = Ledger(watch.alder.folder.record).all(PUBLIC)
    assert [each.release.subject.split()[0] for each in kept] == ["publication", "addition"]
    assert DENIAL.encode() in kept[1].release.body
    published(watch, watch.statement())
    pages = built(watch, tmp_path / "www")
    assert "Cedar disagrees" in pages["index.html"].decode()
    assert "<script>" not in pages["index.html"].decode()
    assert len(Ledger(watch.alder.folder.record).all(PUBLIC)) == 4, "the claim's record holds the statement now"


def test_what_left_is_what_the_ledger_says_and_proves_itself(watch: Offices, tmp_path: Path) -> None:
    """Every publication is byte for byte in the ledger; its bundle and its record check out as anybody checks them."""
    claim = watch.claim()
    watch.opine("Cedar", claim, Stance.STRONGLY_DISAGREE, DENIAL)
    shown = [published(watch, claim).publication.id, published(watch, "", WORDS).publication.id]
    files = built(watch, tmp_path / "www")
    bodies = {each.release.sha256: each.release.body for each in Ledger(watch.alder.folder.record).all(PUBLIC)}
    for identifier in shown:
        body = files[f"publications/{identifier}.json"]
        assert bodies[hashlib.sha256(body).hexdigest()] == body
        report = verify.verify_bytes(files[f"publications/{identifier}.zip"], files["policy.txt"])
        assert report.grade == "asserted"
        assert hashlib.sha256(body).hexdigest() in str(report)
    sums = dict(reversed(line.split("  ")) for line in files["SHA256SUMS"].decode().splitlines())
    assert sums == {name: hashlib.sha256(data).hexdigest() for name, data in files.items() if name != "SHA256SUMS"}
    out = tmp_path / "www"
    record, order = (str(out / f"publications/{shown[0]}.{kind}.json") for kind in ("record", "order"))
    done = told("verify", record, "--charter", str(out / "charter.note"), "--order", order, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Cedar" in done.stdout


def test_the_same_case_gives_the_same_bytes(watch: Offices, tmp_path: Path) -> None:
    """A day later, in another folder, every file is what it was, and the folder that is served is left alone."""
    published(watch, "", WORDS)
    first = built(watch, tmp_path / "www")
    before = (tmp_path / "www").stat().st_ino
    watch.clock.advance(86_400)
    assert not site.build(watch.case, tmp_path / "www", Wanted(), watch.clock).changed
    assert (tmp_path / "www").stat().st_ino == before
    assert built(watch, tmp_path / "other") == first
    assert b"Wachtwoorden geraden" in first["index.nl.html"]
    assert b"gateway" not in first["policy.txt"]
    assert b"http:" not in first["policy.txt"], "where the members' gateways are is nobody's business"


def test_attack_26_a_page_tells_no_minute_count_or_address(watch: Offices, tmp_path: Path) -> None:
    """Attack 26: of an incident the page tells steps and days; what else the case holds is in no file of it."""
    with Case.open(watch.case, watch.clock):
        pass
    database = Database(CaseFolder(watch.case).database)
    put(database, replace(an_incident("PW-1"), tools=("sqlmap",), summary="from 203.0.113.7"), watch.clock.us)
    database.close()
    with pytest.raises(PolicyError, match=r"203\.0"):
        preparing.prepare(watch.case, "PW-1", (Words("en", "Attack", "From 203.0.113.7."),), UTC, (), watch.clock)
    with pytest.raises(PolicyError, match="own words"):
        preparing.prepare(watch.case, "PW-1", (), UTC, (), watch.clock)
    told = published(watch, "PW-1", WORDS).publication.told
    assert told == Told("high", "open", (("SQL injection", "T1190"),), ("2026-11-03", "2026-11-03"))
    files = built(watch, tmp_path / "www")
    assert b"T1190" in files["index.html"]
    whole = b"".join(data for name, data in files.items() if not name.endswith(".zip"))
    minute = rfc3339(an_incident("PW-1").first_us)
    assert minute is not None
    for hidden in (b"203.0.113.7", b"sqlmap", b"PW-1", b"access.log", minute[11:16].encode(), b"2 records"):
        assert hidden not in whole


@pytest.mark.parametrize(
    "text",
    [
        "From 203.0.113.9.",
        "From 2001:db8::17, at night.",
        "Write to clerk@alder.example.",
        "Call +31 20 123 45 67.",
        "The voter id 1234567 was seen.",
        "Born 1970-01-02.",
        "The word is swordfish.",
    ],
)
def test_nothing_personal_is_published(watch: Offices, text: str) -> None:
    """An address, a mail address, a telephone number, voters' data, what the office itself forbids: refused by name."""
    watch.alder.folder.never.write_text("swordfish\n", "utf-8")
    with pytest.raises(PolicyError):
        preparing.prepare(watch.case, "", (Words("en", "Notice", text),), UTC, (), watch.clock)


def test_what_somebody_allows_may_be_named(watch: Offices) -> None:
    """The office's own mail address is no secret; times of the day are no telephone numbers."""
    words = (Words("en", "Write to us", "On 2026-11-03 at 12:30: press@alder.example."),)
    with pytest.raises(PolicyError, match="mail address"):
        preparing.prepare(watch.case, "", words, UTC, (), watch.clock)
    assert preparing.prepare(watch.case, "", words, UTC, ("press@alder.example",), watch.clock).words == words


def test_what_is_not_marked_for_everybody_stays(tmp_path: Path) -> None:
    """A claim about an incident that was shared as TLP:AMBER cannot be published, whoever wants it."""
    watch = offices(tmp_path, Tlp.AMBER)
    claim = watch.claim()
    with pytest.raises(PolicyError, match="TLP:AMBER"):
        preparing.prepare(watch.case, claim, (), UTC, (), watch.clock)
    assert publishing.standing(watch.case) == ()


def test_nobody_keeps_a_claim_from_the_public_by_marking_its_denial(watch: Offices, tmp_path: Path) -> None:
    """Attack: the respondent denies under TLP:RED. The claim is published all the same, and says that it has spoken."""
    claim = watch.claim()
    watch.opine("Cedar", claim, Stance.STRONGLY_DISAGREE, DENIAL, Tlp.RED)
    assert published(watch, claim).publication.silent == ("Cedar",)
    page = built(watch, tmp_path / "www")["index.html"].decode()
    assert DENIAL not in page
    assert "names somebody: Cedar." in page
    watch.opine("Birch", claim, Stance.DISAGREE, "Ask 203.0.113.77 about it.")
    page = built(watch, tmp_path / "www")["index.html"].decode()
    assert "203.0.113.77" not in page
    assert "names somebody: Birch, Cedar." in page


def test_withdrawn_is_gone_and_stays_on_record(watch: Offices, tmp_path: Path) -> None:
    """What was withdrawn is in no file any more; that it was there, when and why it went, is."""
    done = published(watch, "", WORDS)
    built(watch, tmp_path / "www")
    watch.clock.advance(60)
    with pytest.raises(PolicyError, match="IP address"):
        publishing.withdraw(
            watch.case, done.publication.id, (Words("en", "It was 203.0.113.9", ""),), DECISION, watch.clock
        )
    publishing.withdraw(watch.case, done.publication.id, (Words("en", "It was wrong", ""),), DECISION, watch.clock)
    files = built(watch, tmp_path / "www")
    assert not any(b"Guessed passwords" in data for data in files.values())
    assert not any(name.startswith("publications/") for name in files)
    assert "It was wrong" in files["index.html"].decode()
    entry = ET.fromstring(files["feed.xml"]).find(f"{ATOM}entry")  # noqa: S314 - our own file
    assert entry is not None
    assert entry.findtext(f"{ATOM}summary") == "It was wrong"
    with pytest.raises(PolicyError, match="withdrawn already"):
        publishing.withdraw(watch.case, done.publication.id, (Words("en", "Again", ""),), DECISION, watch.clock)
    again = published(watch, "", WORDS)
    assert again.withdrawal is None
    assert again.first_us > done.first_us


def test_two_persons_where_the_charter_says_so(tmp_path: Path) -> None:
    """With two releasers nothing is public before somebody else agreed to the same bytes."""
    watch = offices(tmp_path, releasers=2)
    found = preparing.prepare(watch.case, "", WORDS, UTC, (), watch.clock)
    asked = publishing.publish(watch.case, watch.alder, found, DECISION, watch.clock)
    assert isinstance(asked, agreeing.Asked)
    assert publishing.standing(watch.case) == ()
    agreed = agreeing.agree(watch.alder, asked.number, Person("Bob", "another-account"), watch.clock)
    done = publishing.publish_agreed(watch.case, agreed, watch.clock)
    assert done.by == "Ada and Bob"
    assert publishing.publish_agreed(watch.case, agreed, watch.clock) == done


def test_who_signed_for_the_log_and_who_did_not(watch: Offices, tmp_path: Path) -> None:
    """Birch signed for this state, Cedar never did; when the log has grown, Birch has not since then."""
    watch.seal()
    watch.cosign("Birch")
    log = logstate.read(watch.case, watch.alder, None)
    assert log is not None
    found = {each.name: each for each in log.cosigners}
    assert (found["Birch"].present, found["Birch"].size) == (True, log.size)
    assert found["Cedar"].size is None
    assert log.met
    signed_us = found["Birch"].at_us
    watch.seal()
    page = built(watch, tmp_path / "www")["index.html"].decode()
    later = logstate.read(watch.case, watch.alder, None)
    assert later is not None
    found = {each.name: each for each in later.cosigners}
    assert (found["Birch"].present, found["Birch"].at_us) == (False, signed_us)
    assert not later.met
    assert "has never signed for it" in page
    assert "not since" in page


def test_a_forger_in_the_ledger_is_found_out(watch: Offices, tmp_path: Path) -> None:
    """Attack: somebody who can write the record swaps a denial's words; the page is not built from them."""
    claim = watch.claim()
    watch.opine("Cedar", claim, Stance.STRONGLY_DISAGREE, DENIAL)
    done = published(watch, claim)
    body = done.recorded.release.body.replace(b"We deny this in full", b"We admit this fully")
    with database.opened(watch.alder.folder.record, database.RECORD) as opened:
        opened.execute("DROP TRIGGER disclosures_stay")
        opened.execute("UPDATE disclosures SET body = ? WHERE number = ?", (body, done.recorded.number))
    with pytest.raises(EvidenceError):
        built(watch, tmp_path / "www")
    assert not (tmp_path / "www").exists()


def test_a_page_is_built_while_the_log_is_held(watch: Offices, tmp_path: Path) -> None:
    """While a scan holds the private log the page has the proofs of last time; what is newer follows."""
    done = published(watch, "", WORDS)
    before = built(watch, tmp_path / "www")
    lock = os.open(watch.case / "evidence" / "private" / "lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        assert built(watch, tmp_path / "www") == before
        (watch.alder.folder.root / "published" / f"{done.publication.id}.zip").unlink()
        found = site.build(watch.case, tmp_path / "www", Wanted(), watch.clock)
    finally:
        os.close(lock)
    assert found.pending == (done.publication.id,)
    assert "the next seal covers it" in (tmp_path / "www" / "index.html").read_text("utf-8")


def test_whoever_reads_the_folder_sees_one_page_whole(tmp_path: Path) -> None:
    """While the folder is replaced again and again, a reader finds every file of one build, and never none."""
    out = tmp_path / "www"
    names = [f"{number}.txt" for number in range(20)]

    def page(number: int) -> dict[str, bytes]:
        return {"mark": b"", **dict.fromkeys(names, str(number).encode())}

    replacing.replace_folder(out, page(0), "mark")
    stop, torn = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            folder = os.open(out, os.O_RDONLY)  # as a web server that has the folder open
            try:
                found = {_content(folder, name) for name in names}
            except FileNotFoundError:
                continue  # the old one is being removed after it was replaced
            finally:
                os.close(folder)
            if len(found) != 1:
                torn.append(found)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 12):
        assert replacing.replace_folder(out, page(number), "mark")
        assert (out / "0.txt").read_bytes() == str(number).encode()
    stop.set()
    reader.join()
    assert not torn
    assert [each.name for each in tmp_path.iterdir()] == ["www"]


def _content(folder: int, name: str) -> bytes:
    opened = os.open(name, os.O_RDONLY, dir_fd=folder)
    try:
        return os.read(opened, 100)
    finally:
        os.close(opened)


def test_a_folder_that_is_not_ours_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped --out destroys nothing; a build that was killed half-way is cleared up by the next."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter").write_text("dear")
    with pytest.raises(StoreError, match="something else"):
        replacing.replace_folder(tmp_path / "home", {"mark": b""}, "mark")
    assert (tmp_path / "home" / "letter").read_text() == "dear"
    out = tmp_path / "www"
    replacing.replace_folder(out, {"mark": b"1"}, "mark")
    (tmp_path / ".www.new-0a0a0a0a").mkdir()
    out.rename(tmp_path / ".www.old-0b0b0b0b")  # killed between two renames
    assert replacing.replace_folder(out, {"mark": b"2"}, "mark")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["home", "www"]

    class NoExchange:
        """A system whose file system cannot exchange."""

        def renameat2(self, *_arguments: object) -> int:
            return -1

    monkeypatch.setattr(replacing.ctypes, "CDLL", lambda *_a, **_k: NoExchange())
    monkeypatch.setattr(replacing.ctypes, "get_errno", lambda: errno.EINVAL)
    assert replacing.replace_folder(out, {"mark": b"3"}, "mark")
    assert (out / "mark").read_bytes() == b"3"


def test_an_office_alone_publishes_by_command(tmp_path: Path) -> None:
    """Without a charter: look, publish when asked, build, list, withdraw; what was not confirmed is not out."""
    case = tmp_path / "case"
    with Case.open(case, SystemClock()):
        pass
    words = tmp_path / "words.txt"
    words.write_text("The results page was slow\n\nIt was not attacked.\n", "utf-8")
    publish = ["publish", "--case", str(case), "--words", f"en:{words}"]
    seen = told("public", *publish, "--dry-run", cwd=tmp_path)
    assert json.loads(seen.stdout)["words"][0]["title"] == "The results page was slow"
    from pollwatch.cli.main import root

    refused = CliRunner().invoke(root, ["public", *publish], input="n\n")
    assert refused.exit_code == 1
    assert publishing.standing(case) == ()
    done = CliRunner().invoke(root, ["public", *publish], input="y\n", catch_exceptions=False)
    assert "is published" in done.output
    out = tmp_path / "www"
    made = told("public", "build", "--case", str(case), "--out", str(out), "--office", "Alder", "--json", cwd=tmp_path)
    assert json.loads(made.stdout)["shown"] == 1
    (listed,) = json.loads(told("public", "list", "--case", str(case), "--json", cwd=tmp_path).stdout)["publications"]
    gone = told("public", "withdraw", listed["id"], "--case", str(case), "--reason", "en:It was slow", cwd=tmp_path)
    assert gone.returncode == 0, gone.stderr
    assert "withdrawn" in told("public", "list", "--case", str(case), cwd=tmp_path).stdout
    assert told("public", "withdraw", "PUB-X", "--case", str(case), "--reason", "en:x", cwd=tmp_path).returncode == 6


def test_a_publication_has_one_form() -> None:
    """Attack: bytes that another reader would take for another publication are refused, and say why."""
    good = Publication(Kind.NOTICE, "", WORDS)
    assert publication.read(good.to_bytes()) == good
    data = good.to_bytes()
    for bad in (
        data.replace(b'"kind":"notice"', b'"kind":"rumour"'),
        data.replace(good.id.encode(), b"PUB-AAAAAAAAAA"),
        data.replace(b'"silent":[]', b'"silent":[],"x":1'),
        data.replace(b"pollwatch.publication/1", b"pollwatch.publication/2"),
        b"[]",
        b"{}",
        b"\xff",
    ):
        with pytest.raises(FormatError):
            publication.read(bad)
    with pytest.raises(FormatError, match="no language"):
        Words("../etc", "x", "")
    with pytest.raises(FormatError, match="title"):
        Words("en", "two\nlines", "")


def test_hostile_words_are_inert_in_page_and_feed(watch: Offices, tmp_path: Path) -> None:
    """Attack: markup, terminal sequences and direction marks in what a rival wrote, in every file of the page."""
    published(watch, watch.statement())
    files = built(watch, tmp_path / "www")
    for name in ("index.html", "index.nl.html", "feed.xml"):
        text = files[name].decode()
        assert "<script" not in text
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "&lt;script&gt;" in files["index.html"].decode()
    assert HOSTILE.encode()[:20] not in files["index.html"]
