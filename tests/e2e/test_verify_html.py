"""verify.html in a real browser, from disk: what it is, what it passes, and what it says."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import get_args

import pytest
from playwright.sync_api import Browser, expect

from evidence_scenes import CLOCK, QUANTUM, WITNESS, a_case
from pollwatch.errors import EvidenceError
from pollwatch.evidence import verify
from pollwatch.evidence.fields import Fields
from pollwatch.evidence.keys import Signer, Verifier
from pollwatch.evidence.manifest import PrivateEntry
from pollwatch.evidence.posted import Posted
from pollwatch.node.evidence import documenting, rhythm, sequencing
from pollwatch.node.evidence.sealing import CaseEvidence
from verify_page import LOG, PAGE, Desk, Sample, line_with, opened, policy_of, the_tool


def test_the_page_is_one_small_file() -> None:
    """Size, no reference to anything outside, and a policy whose hashes are those of its one script and style."""
    tool = the_tool()
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
    assert found["verdict"] == "bad"
    assert "is not in the policy" in found["reason"]
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
    assert desk.check(line_with(raw=b"forged")(sample), sample.policy)["verdict"] == "bad"
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
    # Of what can be posted, a private log gets links of its chain of keys alone.
    assert {"key" if each is Posted else each.KIND for each in get_args(PrivateEntry)} <= known


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
    found = drop(flipped=line_with(raw=b"forged")(sample))
    assert found["verdict"] == "bad"
    desk.page.click("#forget")
    assert "No policy" in desk.page.inner_text("#policy-state")
    assert drop(nothing=b"")["code"] == "neither"


def test_dutch(browser: Browser, sample: Sample, fields: Sample) -> None:
    """A Dutch browser gets Dutch, verdict and failure alike; a switch changes the language of what is shown."""
    context, desk = opened(browser, locale="nl-NL")
    assert desk.page.inner_text("h1") == "Bewijs controleren"
    found = desk.check(sample.data, sample.policy)
    for words in ("Alles in dit bestand klopt.", "Bewezen", "Niet bewezen", "Getuige b zag deze stand"):
        assert words in found["text"]
    found = desk.check(line_with(raw=b"forged")(sample))
    assert found["reason"] == "regels van item 0: een regel, het nummer of het zout is niet wat is verzegeld"
    assert desk.page.evaluate("document.documentElement.lang") == "nl"
    assert "Veld ip van regel 30 van access.log is verzegeld met de waarde" in desk.check(fields.data)["text"]
    desk.check(line_with(raw=b"forged")(sample))
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
    for data in (sample.data, line_with(raw=b"forged")(sample)):
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
