"""verify.html in a real browser, from disk: it passes what the CLI passes, and refuses for the same reason."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import get_args

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from evidence_scenes import CLOCK, COSIGNED_S, QUANTUM, WITNESS, a_case, exported
from pollwatch import canonical
from pollwatch.errors import EvidenceError
from pollwatch.evidence import checkpoint, container, timestamp, verify
from pollwatch.evidence.bundle import INDEX, SIGNATURE, Bundle
from pollwatch.evidence.checkpoint import Checkpoint
from pollwatch.evidence.documents import Digest, OpenedDocument, OpenedDocuments
from pollwatch.evidence.fields import Fields
from pollwatch.evidence.keys import KeyType, Signer, Verifier
from pollwatch.evidence.manifest import PrivateEntry
from pollwatch.evidence.merkle import Tree, leaf_hash, prefix_path
from pollwatch.evidence.monitor import ForkProof
from pollwatch.evidence.seal import Seal
from pollwatch.node import documenting, rhythm, sequencing
from pollwatch.node.sealing import CaseEvidence

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "src" / "pollwatch" / "evidence" / "verify.html"
LOG = Signer("b.example/shared", KeyType.ED25519, bytes(range(3, 35)))


@dataclass(frozen=True, slots=True)
class Sample:
    """A good bundle, what it was made of, and the reader's policy."""

    data: bytes
    policy: bytes
    bundle: Bundle
    signer: Signer

    def packed(self, change: Callable[[dict[str, bytes]], None], *, index: bool = True, sign: bool = True) -> bytes:
        """The bundle with changed members; the forger repairs digests, and has the log's key unless ``sign`` is off."""
        members = container.unpack(self.data)
        change(members)
        if index:
            listed = canonical.loads(members[INDEX])
            listed["members"] = {
                name: sha256(data).hexdigest() for name, data in members.items() if name not in {INDEX, SIGNATURE}
            }
            members[INDEX] = canonical.dumps(listed)
            if sign:
                text = f"pollwatch bundle index v1\n{members[INDEX].decode()}\n"
                members[SIGNATURE] = checkpoint.notes.sign(text, self.signer).line.encode()
        return container.pack(members)

    def swapped(self, name: str, old: bytes, new: bytes, **how: bool) -> bytes:
        """The bundle with a text in one member replaced."""

        def change(members: dict[str, bytes]) -> None:
            assert old in members[name], name
            members[name] = members[name].replace(old, new, 1)

        return self.packed(change, **how)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A real case: three batches, an incident, a seal that names a rival, cosigned by two witnesses."""
    made = exported(
        tmp_path_factory.mktemp("verify-html"),
        WITNESS,
        QUANTUM,
        attachments={"claim.json": b"{}"},
        witnesses=(WITNESS.verifier, QUANTUM.verifier),
    )
    return Sample(made.path.read_bytes(), policy_of(made.signer.verifier), made.bundle, made.signer)


def policy_of(*logs: object, quorum: str = "both") -> bytes:
    """A reader's policy: these logs, two witnesses that must both have cosigned."""
    head = "".join(f"log {log.vkey}\n" for log in logs)  # type: ignore[attr-defined]
    witnesses = f"witness b {WITNESS.verifier.vkey}\nwitness c {QUANTUM.verifier.vkey}\n"
    return f"# mine\n{head}{witnesses}group both all b c\nquorum {quorum}\n".encode()


def a_fork(small: int = 5, large: int = 8) -> ForkProof:
    """A log that rewrote its past between two sizes."""
    told = Tree(leaf_hash(bytes([n])) for n in range(small))
    real = Tree(leaf_hash(bytes([n + 1])) for n in range(large))
    first = checkpoint.signed(Checkpoint(LOG.name, small, told.root()), [LOG])
    second = checkpoint.signed(Checkpoint(LOG.name, large, real.root()), [LOG])
    path = prefix_path(small, large, real.subtree) if small != large else ()
    first, second = sorted((first, second), key=lambda each: (each.checkpoint.size, each.checkpoint.root))
    return ForkProof(LOG.verifier, first, second, path)


def a_grown_log() -> ForkProof:
    """A log that did nothing wrong."""
    tree = Tree(leaf_hash(bytes([n])) for n in range(8))
    small, large = (checkpoint.signed(Checkpoint(LOG.name, n, tree.root(n)), [LOG]) for n in (5, 8))
    return ForkProof(LOG.verifier, small, large, prefix_path(5, 8, tree.subtree))


class Desk:
    """The page as its user has it: files go in, a verdict comes out."""

    def __init__(self, page: Page) -> None:
        """Sit down before an open page."""
        self.page = page

    def check(self, data: bytes, policy: bytes | None = None, name: str = "b.zip") -> Mapping[str, str]:
        """Choose a file, and a policy or none; returns verdict, code and the reason's text."""
        if policy is None:
            self.page.evaluate("document.getElementById('forget').click()")
        else:
            choose = {"name": "policy.txt", "mimeType": "text/plain", "buffer": policy}
            self.page.set_input_files("#policy", choose)  # type: ignore[arg-type]
        self.page.set_input_files("#file", {"name": name, "mimeType": "application/zip", "buffer": data})
        expect(self.page.locator("#state")).to_have_text(re.compile("Checked|Gecontroleerd"))
        self.page.wait_for_selector("article")
        return self.verdict()

    def verdict(self) -> Mapping[str, str]:
        """What the page says."""
        found: Mapping[str, str] = self.page.evaluate(
            """() => { const a = document.querySelector("article"); return { ...a.dataset, text: a.innerText,
            reason: a.querySelector(".reason")?.textContent || "" }; }"""
        )
        return found


def opened(browser: Browser, locale: str = "en-GB", script: str = "") -> tuple[BrowserContext, Desk]:
    """The page from disk, offline; whatever it asks for beyond itself fails the test."""
    context = browser.new_context(locale=locale, offline=True, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    if script:
        page.add_init_script(script)
    page.on("request", lambda request: pytest.fail(f"request: {request.url}") if request.url != PAGE.as_uri() else None)
    page.on("dialog", lambda dialog: pytest.fail(f"dialog: {dialog.message}"))
    page.on("pageerror", lambda error: pytest.fail(f"script: {error}"))
    page.goto(PAGE.as_uri())
    return context, Desk(page)


@pytest.fixture(scope="module")
def desk(browser: Browser) -> Iterator[Desk]:
    """One page for many files, as somebody with a stack of evidence uses it."""
    context, desk = opened(browser)
    yield desk
    context.close()


def test_the_page_is_one_small_file() -> None:
    """Size, no reference to anything outside, and a policy whose hashes are those of its one script and style."""
    spec = spec_from_file_location("verify_html", ROOT / "tools" / "verify_html.py")
    assert spec is not None
    assert spec.loader is not None
    tool = module_from_spec(spec)
    spec.loader.exec_module(tool)
    text = PAGE.read_text("utf-8")
    assert len(text.encode("utf-8")) <= tool.MAX_BYTES
    assert tool.made(tool.SOURCE.read_text("utf-8")) == text, "run tools/verify_html.py"
    assert not re.search(
        r"https?:|\bsrc=|url\(|@import|<link|<iframe|\beval\(|innerHTML|fetch\(|XMLHttp|import\(", text
    )
    assert "default-src 'none'" in text


def test_a_good_bundle_passes(desk: Desk, sample: Sample) -> None:
    """Without policy it is the owner's word; with the reader's, both witnesses count, ML-DSA-44 included."""
    alone = desk.check(sample.data)
    assert (alone["verdict"], alone["grade"]) == ("fits", "asserted")
    assert "Who owns the log" in alone["text"]
    trusted = desk.check(sample.data, sample.policy)
    assert (trusted["verdict"], trusted["grade"]) == ("fits", "quorum")
    report = verify.verify_bytes(sample.data, sample.policy)
    assert report.grade == "quorum"
    for _use, key in report.keys:
        assert key.fingerprint in trusted["text"].replace(" ", "")
    for word in ("inc-1", ": 7.", "2026-11-03T21:06:40Z", "claim.json", "left out"):
        assert word in trusted["text"]
    assert "Not checked here" not in trusted["text"]


def test_what_attackers_wrote_is_text(desk: Desk, sample: Sample) -> None:
    """Attack: markup, script and terminal sequences in sealed lines and in the file's name."""
    shown = desk.check(sample.data, sample.policy, name="<img src=x onerror=alert(1)>\u202egpj.zip")
    assert shown["verdict"] == "fits"
    assert "<script>window.pwned=1</script>\\x1b[2J" in shown["text"]
    assert desk.page.evaluate("window.pwned") is None
    assert desk.page.evaluate("document.querySelectorAll('img,iframe,[onerror],article script').length") == 0
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", desk.page.inner_text("body"))


def _resigned(**changes: object) -> Callable[[Sample], bytes]:
    """The owner itself signs a bundle with other parts."""
    return lambda s: replace(s.bundle, **changes).to_bytes(s.signer)  # type: ignore[arg-type]


def _batch(**changes: object) -> Callable[[Sample], bytes]:
    return lambda s: replace(
        s.bundle,
        batches=(replace(s.bundle.batches[0], **changes), *s.bundle.batches[1:]),  # type: ignore[arg-type]
    ).to_bytes(s.signer)


def _line(**changes: object) -> Callable[[Sample], bytes]:
    def lie(s: Sample) -> bytes:
        first, *others = s.bundle.batches[0].lines
        return _batch(lines=(replace(first, **changes), *others))(s)  # type: ignore[arg-type]

    return lie


def _renamed(old: str, new: str) -> Callable[[Sample], bytes]:
    return lambda s: s.packed(lambda members: members.update({new: members.pop(old)}))


def _flip(find: bytes, offset: int = 0) -> Callable[[Sample], bytes]:
    def flip(s: Sample) -> bytes:
        place = s.data.index(find) + offset
        return s.data[:place] + bytes([s.data[place] ^ 1]) + s.data[place + 1 :]

    return flip


def _swap(name: str, old: bytes, new: bytes, **how: bool) -> Callable[[Sample], bytes]:
    return lambda s: s.swapped(name, old, new, **how)


def _incident(**changes: object) -> Callable[[Sample], bytes]:
    return lambda s: replace(s.bundle, incident=replace(s.bundle.incident, **changes)).to_bytes(s.signer)  # type: ignore[arg-type,type-var]


def _cosignature(s: Sample, signer: Signer) -> bytes:
    """A cosignature whose stated time was moved: the blob's eighth byte."""

    def change(members: dict[str, bytes]) -> None:
        name = "seal/shared.tlog-proof"
        lines = members[name].decode().split("\n")
        at = next(n for n, line in enumerate(lines) if line.startswith(f"— {signer.name} "))
        head, encoded = lines[at].rsplit(" ", 1)
        blob = bytearray(base64.b64decode(encoded))
        blob[11] ^= 1
        lines[at] = f"{head} {base64.b64encode(bytes(blob)).decode()}"
        members[name] = "\n".join(lines).encode()

    return s.packed(change)


def _weak_key(s: Sample) -> bytes:
    """keys.json names a log key of small order, under which anything 'verifies'."""
    body = b"\x01" + bytes([1]) + bytes(31)
    key = sha256(b"x\n" + body).digest()[:4].hex()
    weak = f"x+{key}+{base64.b64encode(body).decode()}"
    return s.packed(lambda members: members.update({"keys.json": canonical.dumps(_keys(weak))}))


def _keys(*log: str) -> dict[str, object]:
    return {"type": "keys", "version": 1, "log": list(log), "witnesses": []}


TAMPERED: dict[str, tuple[Callable[[Sample], bytes], str]] = {
    "a flipped byte of a line": (
        _flip(b"lines/00000000.json{", 100),
        r"member lines/00000000\.json does not fit its ch",
    ),
    "a changed date in the container": (
        _flip(b"PK\x03\x04", 12),
        r"container was changed at byte 12 \(at member README",
    ),
    "a changed attribute in the table": (_flip(b"PK\x01\x02", 38), r"container was changed at byte \d+ \(in the table"),
    "bytes at the end": (lambda s: s.data + b"\0", r"container was changed at byte \d+ \(in the table"),
    "cut off": (lambda s: s.data[:300], r"member at byte 0 is cut off"),
    "cut off at the table": (lambda s: s.data[:-1], r"container was changed at byte \d+ \(in the table"),
    "another file": (lambda s: b"GIF89a" + s.data, r"neither a bundle nor a fork proof"),
    "a member added": (
        lambda s: s.packed(lambda m: m.update({"extra.txt": b"x"}), index=False),
        r"member extra\.txt is not what index\.json lists",
    ),
    "a member left out": (
        lambda s: s.packed(_without_claim, index=False),
        r"member attachments/claim\.json is listed in index\.json but missing",
    ),
    "a member changed": (_swap("README.txt", b"inc-1", b"inc-2", index=False), r"member README\.txt is not what index"),
    "an index repaired without the key": (
        _swap("README.txt", b"inc-1", b"inc-2", sign=False),
        r"signature of .* is wrong",
    ),
    "an unknown member, signed": (lambda s: s.packed(lambda m: m.update({"x/y": b""})), r"member x/y is unknown"),
    "an entry under another name": (
        _renamed("private/00000000.entry.json", "private/0.entry.json"),
        r"member private/0\.proof\.json is missing",
    ),
    "no keys": (lambda s: s.packed(_without_keys), r"member keys\.json is missing"),
    "a weak key": (_weak_key, r"small order"),
    "a key with another id": (_swap("keys.json", b'"log":["', b'"log":["x'), r"id does not fit"),
    "a key of the wrong kind first": (
        lambda s: s.packed(lambda m: m.update({"keys.json": canonical.dumps(_keys(WITNESS.verifier.vkey))})),
        r"keys\.json: the log's first key must be of type 01",
    ),
    "JSON with a space": (_swap("seal/opening.json", b":", b": "), r"seal/opening\.json: .*canonical form"),
    "a key of JSON twice": (
        _swap("seal/opening.json", b'"version":1', b'"version":1,"version":1'),
        r"seal/opening\.json.*twice",
    ),
    "broken JSON": (_swap("seal/opening.json", b"{", b"["), r"seal/opening\.json.*not valid JSON"),
    "an unknown field": (_swap("keys.json", b'"type"', b'"aaa":1,"type"'), r"canonical|unknown field"),
    "a missing field": (
        _swap("incident/opening.json", b'"entry":3,', b""),
        r"incident/opening\.json: field 'entry' is missing",
    ),
    "upper-case hex": (
        _swap("incident/opening.json", b'"content_salt":"', b'"content_salt":"F'),
        r"'content_salt' is not 16 bytes in lower",
    ),
    "base64 with another spelling": (
        lambda s: s.packed(lambda m: m.update({"lines/00000000.json": _loose_base64(m["lines/00000000.json"])})),
        r"lines/00000000\.json: a line is not (canonical )?base64",
    ),
    "a size with a plus": (
        _swap("seal/shared.tlog-proof", b"index 0\n", b"index +0\n"),
        r"index '\+0' is not a plain decimal",
    ),
    "another index": (_swap("seal/shared.tlog-proof", b"index 0\n", b"index 1\n"), r"entry 1 is not in a tree of 1"),
    "a hash too many": (
        _swap("seal/shared.tlog-proof", b"index 0\n", b"index 0\n" + base64.b64encode(bytes(32)) + b"\n"),
        r"entry 0.* too long",
    ),
    "the log's signature moved to another size": (
        lambda s: s.packed(_other_size),
        r"signature of .* is wrong",
    ),
    "a witness's time moved": (lambda s: _cosignature(s, WITNESS), r"signature of b\.example/witness .* is wrong"),
    "a post-quantum witness's time moved": (
        lambda s: _cosignature(s, QUANTUM),
        r"signature of c\.example/witness .* is wrong",
    ),
    "another seal": (
        lambda s: replace(s.bundle, seal=replace(s.bundle.seal, data=Seal(1, bytes(32)).to_bytes())).to_bytes(s.signer),
        r"inclusion proof of entry 0 does not lead to the root",
    ),
    "another blinding": (
        lambda s: replace(
            s.bundle, seal=replace(s.bundle.seal, opening=replace(s.bundle.seal.opening, blind=bytes(32)))
        ).to_bytes(s.signer),
        r"opening does not belong to the seal",
    ),
    "another entry": (
        lambda s: s.packed(lambda m: m.update({"private/00000000.entry.json": m["private/00000001.entry.json"]})),
        r"inclusion proof of entry 0 does not lead to the root",
    ),
    "another line": (_line(raw=b"forged"), r"lines of entry 0: a line, its number or its salt"),
    "another salt": (_line(salt=bytes(16)), r"lines of entry 0: a line, its number or its salt"),
    "another number": (_line(number=2), r"too short|too long"),
    "a line less": (lambda s: _batch(lines=s.bundle.batches[0].lines[1:])(s), r"(too short|too long)"),
    "lines in another order": (
        lambda s: _batch(lines=s.bundle.batches[0].lines[::-1])(s),
        r"lines of entry 0: not in ascending",
    ),
    "a line beyond the batch": (_line(number=9_000), r"(ascending|in the tree of 20)"),
    "another source": (_batch(source="other.log"), r"lines of entry 0: the input's name"),
    "lines of an incident": (
        _batch(entry=3),
        r"lines: entry 3 of the private log is no batch, or is not in the bundle",
    ),
    "lines without their entry": (
        lambda s: _resigned(entries=s.bundle.entries[1:])(s),
        r"lines of a batch whose log entry is not",
    ),
    "another incident": (_incident(content=b'{"id":"other"}'), r"incident/content\.json is not what was sealed"),
    "other references": (
        lambda s: _incident(references=s.bundle.incident.references.replace(b"[3,5]", b"[3,6]"))(s),  # type: ignore[union-attr]
        r"incident/references\.json is not what was sealed",
    ),
    "an index signature without its newline": (
        lambda s: s.packed(_cut_signature, index=False),
        r"member index\.sig is .*not in its only form",
    ),
    "a time-stamp of another entry": (
        lambda s: s.packed(lambda m: m.update({"attachments/timestamp-x.json": _stamp(s, 9)})),
        r"timestamp-x\.json: the time-stamp is of entry 9, and not of this file's seal",
    ),
    "documents of a batch": (
        lambda s: s.packed(lambda m: m.update({"documents/00000000.json": _documents(0)})),
        r"documents: entry 0 of the private log is no",
    ),
    "the incident of a batch": (_incident(entry=0), r"incident: entry 0 of the private log is no incident"),
}


def _cut_signature(members: dict[str, bytes]) -> None:
    members[SIGNATURE] = members[SIGNATURE].removesuffix(b"\n")


def _stamp(s: Sample, index: int) -> bytes:
    """A time-stamp whose token is no token: only the CLI looks into it."""
    place = s.bundle.seal.place
    note = timestamp.bare(place.signed, s.signer.verifier)
    return timestamp.TimestampProof(index, place.proof, timestamp.StampedCheckpoint(note, b"token")).to_bytes()


def _documents(entry: int) -> bytes:
    shown = OpenedDocument(0, bytes(16), Digest(bytes(32), 1))
    return OpenedDocuments(entry, (shown,), ()).to_bytes()


def _without_claim(members: dict[str, bytes]) -> None:
    del members["attachments/claim.json"]


def _without_keys(members: dict[str, bytes]) -> None:
    del members["keys.json"]


def _other_size(members: dict[str, bytes]) -> None:
    name = "seal/shared.tlog-proof"
    members[name] = re.sub(rb"(/shared\n)1\n", rb"\g<1>2\n", members[name], count=1)


def _loose_base64(lines: bytes) -> bytes:
    """The same bytes in base64, in a spelling with other unused bits."""
    document = canonical.loads(lines)
    raw = b"ab"
    assert base64.b64decode("YWJ=") == base64.b64decode("YWI=") == raw
    document["lines"][0]["raw"] = "YWJ="
    return canonical.dumps(document)


@pytest.mark.parametrize("name", TAMPERED)
def test_tampered_bundles_fail_for_the_cli_s_reason(name: str, desk: Desk, sample: Sample) -> None:
    """Attack: each way to change a bundle, by an outsider or by its owner; page and CLI name the same place."""
    make, reason = TAMPERED[name]
    data = make(sample)
    with pytest.raises(EvidenceError, match=reason):
        verify.verify_bytes(data, sample.policy)
    found = desk.check(data, sample.policy)
    assert found["verdict"] == "bad"
    assert re.search(reason, found["reason"]), found["reason"]


FORKS: dict[str, tuple[Callable[[], ForkProof], str | None]] = {
    "two sizes": (a_fork, None),
    "a power of two": (lambda: a_fork(4, 7), None),
    "one size": (lambda: a_fork(5, 5), None),
    "a log that grew": (a_grown_log, r"grew out of the smaller one"),
    "the same twice": (lambda: replace(a_fork(), larger=a_fork().smaller), r"the same, or in the wrong order"),
    "the wrong order": (lambda: replace(a_fork(), smaller=a_fork().larger, larger=a_fork().smaller), r"wrong order"),
    "a path that leads elsewhere": (
        lambda: replace(a_fork(), path=(bytes(32), *a_fork().path[1:])),
        r"path does not belong to the larger checkpoint",
    ),
    "a path too short": (lambda: replace(a_fork(), path=a_fork().path[:-1]), r"too short"),
    "a path too long": (lambda: replace(a_fork(), path=(*a_fork().path, bytes(32))), r"too long"),
    "a path for one size": (lambda: replace(a_fork(5, 5), path=(bytes(32),)), r"two roots of one size need no path"),
    "another log": (
        lambda: replace(a_fork(), log=replace(LOG, name="x").verifier),
        r"checkpoint is of log .b\.example",
    ),
    "another key": (lambda: replace(a_fork(), log=replace(LOG, seed=bytes(32)).verifier), r"not signed by its key"),
}


@pytest.mark.parametrize("name", FORKS)
def test_fork_proofs(name: str, desk: Desk) -> None:
    """Attack: a log with two histories is caught; a member that invents a fork of another's log is refused."""
    make, reason = FORKS[name]
    data = make().to_bytes()
    found = desk.check(data, name="fork.json")
    if reason is None:
        verify.verify_bytes(data)
        assert found["verdict"] == "forkFits"
        assert "b.example/shared signed two histories" in found["text"]
        assert desk.check(data, policy_of(LOG.verifier))["verdict"] == "forkFits"
        assert "not in the policy" in desk.check(data, policy_of(Signer.generate("x").verifier))["reason"]
    else:
        with pytest.raises(EvidenceError, match=reason):
            verify.verify_bytes(data)
        assert found["verdict"] == "bad"
        assert re.search(reason, found["reason"]), found["reason"]


def test_a_fork_proof_has_one_spelling(desk: Desk) -> None:
    """Attack: other keys' lines in a fork proof, room for anything that nobody checks."""
    proof = a_fork()
    added = checkpoint.sign(proof.smaller.checkpoint, WITNESS, COSIGNED_S)
    found = desk.check(replace(proof, smaller=proof.smaller.adding([added])).to_bytes())
    assert (found["verdict"], found["code"]) == ("bad", "bare")


def test_policies_are_read_as_the_cli_reads_them(desk: Desk, sample: Sample) -> None:
    """Attack: a log made for the occasion, and policies that mean different things to different readers."""
    good = sample.policy.decode()
    log = sample.signer.verifier
    broken = {
        "quorum nobody": good.replace("quorum both", "quorum nobody"),
        "no quorum": good.replace("quorum both\n", ""),
        "two quorums": good + "quorum none\n",
        "twice in a group": good.replace("all b c", "2 b b"),
        "too many": good.replace("group both all", "group both 3"),
        "a plus": good.replace("group both all", "group both +2"),
        "no log": good.replace("log ", "# "),
        "a twin": good.replace("quorum", f"witness d {WITNESS.verifier.vkey}\nquorum"),
        "a log's key as witness": good.replace("quorum", f"witness d {LOG.verifier.vkey}\nquorum"),
        "a control character": good.replace("# mine", "# mine\x0b"),
        "two blocs": good + "# bloc b red\n# bloc b blue\n",
        "empty": "",
    }
    for name, text in broken.items():
        with pytest.raises(EvidenceError):
            raise AssertionError(name, verify.verify_bytes(sample.data, text.encode()))
        assert desk.check(sample.data, text.encode())["verdict"] == "badPolicy", name
    found = desk.check(sample.data, policy_of(Signer.generate("other").verifier))
    assert (found["verdict"], found["code"]) == ("bad", "logUnknown")
    for blocs in (
        "# bloc b red\n",
        "# bloc b red\n# bloc c blue\n",
        f"# bloc {log.name} red\n# bloc b red\n# bloc c red\n",
    ):
        text = (good + blocs).encode()
        assert desk.check(sample.data, text)["grade"] == verify.verify_bytes(sample.data, text).grade, blocs
    for quorum in ("none", "b"):
        text = policy_of(log, quorum=quorum)
        assert desk.check(sample.data, text)["grade"] == verify.verify_bytes(sample.data, text).grade, quorum


def test_own_documents(desk: Desk, tmp_path: Path) -> None:
    """A leaked file is shown to be one's own, a forged one to be none of the sealed; a lie about either is refused."""
    paper, forged = tmp_path / "paper.txt", tmp_path / "forged.txt"
    paper.write_text("ours")
    forged.write_text("theirs")
    with CaseEvidence.open(tmp_path / "case", CLOCK) as evidence:
        documenting.seal_documents(evidence, [paper])
        evidence.publish_seal()
        owned = documenting.prove(evidence, paper, tmp_path / "own.zip", CLOCK)
        documenting.disown(evidence, forged, tmp_path / "not.zip", CLOCK)
    signer = Signer.load(tmp_path / "case" / "evidence" / "keys" / "shared.key")
    for name, digest in (("own.zip", sha256(b"ours")), ("not.zip", sha256(b"theirs"))):
        found = desk.check((tmp_path / name).read_bytes())
        assert found["verdict"] == "fits", found
        assert digest.hexdigest() in found["text"]
    other = replace(owned.documents[0], disowned=owned.documents[0].shown[0].digest)
    for lie, reason in (
        (other, r"the disowned file is one of them"),
        (replace(other, shown=(replace(other.shown[0], salt=bytes(16)),)), r"a digest, its place or its salt"),
    ):
        data = replace(owned, documents=(lie,)).to_bytes(signer)
        with pytest.raises(EvidenceError, match=reason):
            verify.verify_bytes(data)
        assert re.search(reason, desk.check(data)["reason"])


def test_no_record_was_left_out(desk: Desk, tmp_path: Path) -> None:
    """An input's batches without a gap; a batch less, another input or another place is refused."""
    with a_case(tmp_path / "case") as evidence:
        rhythm.append_sequence(evidence)
        evidence.publish_seal()
        bundle = sequencing.export(evidence, "access.log", tmp_path / "s.zip", CLOCK)
    signer = Signer.load(tmp_path / "case" / "evidence" / "keys" / "shared.key")
    found = desk.check((tmp_path / "s.zip").read_bytes())
    assert found["verdict"] == "fits", found
    assert "1–60" in found["text"]
    good = bundle.sequences[0]
    for lie in (
        replace(good, span=replace(good.span, path="other.log")),
        replace(good, span=replace(good.span, batches=good.span.batches[1:]), source_salts=good.source_salts[1:]),
        replace(good, source_salts=(bytes(16), *good.source_salts[1:])),
        replace(good, source_salts=good.source_salts[1:]),
        replace(good, place=1),
        replace(good, entry=0),
    ):
        data = replace(bundle, sequences=(lie,)).to_bytes(signer)
        with pytest.raises(EvidenceError):
            verify.verify_bytes(data)
        assert desk.check(data)["verdict"] == "bad"


def test_a_time_stamp_is_not_checked_here(desk: Desk, sample: Sample) -> None:
    """The page knows no time-stamp authorities: it says so, and never that everything fits."""
    data = sample.packed(lambda m: m.update({"attachments/timestamp-x.json": _stamp(sample, 0)}))
    found = desk.check(data, sample.policy)
    assert found["verdict"] == "partial"
    assert "Not checked here" in found["text"]
    assert "timestamp-x.json" in found["text"]


@pytest.mark.parametrize(("missing", "proven"), [("ML-DSA-44", True), ("Ed25519", False)])
def test_what_a_browser_lacks_is_not_checked(browser: Browser, sample: Sample, missing: str, proven: bool) -> None:  # noqa: FBT001 - pytest passes parameters by name
    """A browser without an algorithm says "not checked", never that it is fine; without Ed25519 nothing is proven."""
    script = f"""const real = crypto.subtle.generateKey.bind(crypto.subtle);
        crypto.subtle.generateKey = (a, ...rest) => a.name === "{missing}"
          ? Promise.reject(new DOMException("no", "NotSupportedError")) : real(a, ...rest);"""
    context, desk = opened(browser, script=script)
    found = desk.check(sample.data, sample.policy)
    assert (found["verdict"], found.get("grade")) == ("partial", "asserted" if proven else None)
    assert f"cannot check {missing}" in found["text"]
    assert (desk.page.locator("[data-weight=proven]").count() > 0) is proven
    assert desk.check(_line(raw=b"forged")(sample), sample.policy)["verdict"] == "bad"
    context.close()


ODD_JSON = [
    *(b'{"a":1}', b'{"a":-1}', b'{"a":1.5}', b'{"a":1e+21}', b'{"b":1,"a":2}', b'{"a":2,"b":1}', b'{"a":1,"a":1}'),
    *(b'{"a":1.0}', b'{"a":-0}', b'{"a":01}', b'{"a":+1}', b'{"a":NaN}', b'{"a":1e400}', b'{"a":1E2}', b'{"a":1e-7}'),
    *(b'{"a":9007199254740991}', b'{"a":9007199254740992}', b'{"a":100000000000000000000}', b'{"a":"\\ud800"}'),
    *('{"€":1,"𐀀":2,"ﬀ":3}'.encode(), '{"ﬀ":3,"𐀀":2}'.encode(), '{"𐀀":2,"ﬀ":3}'.encode(), b'\xef\xbb\xbf{"a":1}'),
    *(
        b'{"a":"\xff"}',
        b'{"a":"\\u0041"}',
        b'{"a":"\\/"}',
        b'{"a":"\\u001f\\n"}',
        b'{"a":"\x7f"}',
        b'{"a":"\xe2\x80\xa8"}',
    ),
    *(
        b'{"__proto__":1}',
        b'{"10":1,"9":2}',
        b'{"9":1,"10":2}',
        b"[]",
        b"1",
        b"null",
        b"",
        b"{}",
        b"{} ",
        b'{"a":[1,{"b":null}]}',
    ),
    *(b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", b'{"a":' + b"[" * 100 + b"]" * 100 + b"}"),
]


def test_odd_json_is_read_as_the_cli_reads_it(desk: Desk) -> None:
    """Attack: a document that two readers take for two things; what one of them refuses, so does the other."""
    script = """(all) => all.map((each) => { try {
        Fields.load(Uint8Array.from(atob(each), (c) => c.charCodeAt(0)), "x"); return true; } catch (e) {
        if (!(e instanceof Misfit)) throw e; return false; } })"""
    page = desk.page.evaluate(script, [base64.b64encode(each).decode() for each in ODD_JSON])
    for data, taken in zip(ODD_JSON, page, strict=True):
        try:
            Fields.load(data, "x")
        except EvidenceError:
            assert not taken, data[:60]
        else:
            assert taken, data[:60]


def test_keys_are_refused_as_the_cli_refuses_them(desk: Desk) -> None:
    """Attack: keys of small or mixed order, second spellings, and names that mean something else elsewhere."""
    prime = 2**255 - 19
    points = [
        *(n.to_bytes(32, "little") for n in (0, 1, 2, prime - 1, prime, prime + 1, 2**255 - 1, 1 | 1 << 255)),
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        *(bytes([n]) * 32 for n in range(3, 30)),
        *(Signer.generate("k").verifier.public for _ in range(3)),
    ]
    vkeys = []
    for name, body in [("k", b"\x01" + point) for point in points] + [
        *(
            (name, b"\x01" + LOG.verifier.public)
            for name in ("", "a b", "a\u00a0b", "é", "\ufeff", "\u0085", "x" * 256)
        ),
        ("k", b"\x02" + LOG.verifier.public),
        ("k", b"\x06" + LOG.verifier.public),
        ("k", b"\x01" + LOG.verifier.public[:31]),
        ("k", b"\x06" + QUANTUM.verifier.public),
    ]:
        mark = sha256(name.encode() + b"\n" + body).digest()[:4].hex()
        encoded = base64.b64encode(body).decode()
        vkeys += [f"{name}+{mark}+{encoded}", f"{name}+{mark.upper()}+{encoded}", f"{name}+{mark}+{encoded}\n"]
    script = """(all) => Promise.all(all.map((each) => parseKey(each).then(() => true, (e) => {
        if (!(e instanceof Misfit)) throw e; return false; })))"""
    page = desk.page.evaluate(script, vkeys)
    assert any(page)
    for vkey, taken in zip(vkeys, page, strict=True):
        try:
            Verifier.parse(vkey)
        except EvidenceError:
            assert not taken, vkey
        else:
            assert taken, vkey


def test_every_type_of_entry_is_known(desk: Desk) -> None:
    """An entry that the CLI reads and the page does not know would make good evidence look bad."""
    known = set(desk.page.evaluate("Object.keys(ENTRIES)"))
    assert {each.KIND for each in get_args(PrivateEntry)} <= known


def test_files_are_dropped_on_the_page(desk: Desk, sample: Sample) -> None:
    """Bundle and policy dropped together, anywhere on the page; then a tampered one, which keeps the policy."""
    script = """(files) => { const moved = new DataTransfer();
        for (const [name, data] of files)
          moved.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name));
        for (const kind of ["dragenter", "dragover", "drop"])
          document.querySelector("main").dispatchEvent(
            new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: moved })); }"""

    def drop(**files: bytes) -> Mapping[str, str]:
        desk.page.evaluate(script, [[name, base64.b64encode(data).decode()] for name, data in files.items()])
        expect(desk.page.locator("article h2")).to_have_text(next(iter(files)))
        return desk.verdict()

    assert drop(dropped=sample.data, policy=sample.policy)["grade"] == "quorum"
    assert desk.page.evaluate("document.activeElement.tagName") == "H2"
    found = drop(flipped=_line(raw=b"forged")(sample))
    assert found["verdict"] == "bad"
    desk.page.click("#forget")
    assert "No policy" in desk.page.inner_text("#policy-state")
    assert drop(nothing=b"")["code"] == "neither"


def test_dutch(browser: Browser, sample: Sample) -> None:
    """A Dutch browser gets Dutch, verdict and failure alike; a switch changes the language of what is shown."""
    context, desk = opened(browser, locale="nl-NL")
    assert desk.page.inner_text("h1") == "Bewijs controleren"
    found = desk.check(sample.data, sample.policy)
    for words in ("Alles in dit bestand klopt.", "Bewezen", "Niet bewezen", "Getuige b zag deze stand"):
        assert words in found["text"]
    found = desk.check(_line(raw=b"forged")(sample))
    assert found["reason"] == "regels van item 0: een regel, het nummer of het zout is niet wat is verzegeld"
    assert desk.page.evaluate("document.documentElement.lang") == "nl"
    desk.page.focus("[data-tongue=en]")
    desk.page.keyboard.press("Enter")
    assert desk.verdict()["reason"] == "lines of entry 0: a line, its number or its salt is not what was sealed"
    assert desk.page.title() == "pollwatch: Check evidence"
    context.close()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_layout(desk: Desk, sample: Sample, width: int, scheme: str) -> None:
    """On a telephone and on a desk, light and dark: no sideways scrolling, and text with enough contrast."""
    desk.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    desk.page.set_viewport_size({"width": width, "height": 900})
    for data in (sample.data, _line(raw=b"forged")(sample)):
        desk.check(data, sample.policy)
        assert desk.page.evaluate("document.documentElement.scrollWidth") <= width
        ratio = desk.page.evaluate(
            """() => {
              const lum = (c) => { const v = c.match(/[\\d.]+/g).slice(0, 3).map((x) => x / 255)
                .map((x) => x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4);
                return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
              const back = lum(getComputedStyle(document.body).backgroundColor);
              const shown = document.querySelectorAll("h1,.soft,.verdict,.reason,li,td,th,summary,button,.pick");
              return Math.min(...[...shown]
                .filter((e) => e.getAttribute("aria-pressed") !== "true")
                .map((e) => { const l = lum(getComputedStyle(e).color);
                  return (Math.max(l, back) + .05) / (Math.min(l, back) + .05); }));
            }"""
        )
        assert ratio >= 4.5
    desk.page.emulate_media(color_scheme="light")


def test_injected_script_would_not_run(browser: Browser) -> None:
    """Even markup that got past the page would find a policy that lets no foreign script run and no request leave."""
    context, desk = opened(browser)
    refused = desk.page.evaluate(
        """async () => { const s = document.createElement("script");
        try { s.textContent = "window.pwned = 1"; document.body.append(s); } catch { }
        try { document.body.innerHTML = "<img src=x onerror='window.pwned=1'>"; } catch { }
        try { await fetch("http://127.0.0.1:9/"); return "sent"; } catch { return window.pwned || "refused"; } }"""
    )
    assert refused == "refused"
    context.close()


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    """``pollwatch verify --html`` writes the page out; it ships apart from any bundle."""
    command = [sys.executable, "-m", "pollwatch", "verify"]
    done = subprocess.run([*command, "--html", "p.html"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "p.html").read_bytes() == PAGE.read_bytes()
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
