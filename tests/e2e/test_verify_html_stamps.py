"""verify.html and RFC 3161 time-stamps by real authorities (openssl ts): counted, left out, refused as the CLI does."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from playwright.sync_api import Browser, expect
from rfc3161_client import TimestampRequestBuilder, decode_timestamp_response

from pollwatch.errors import EvidenceError, SignatureError
from pollwatch.evidence import checkpoint, verify
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.der import sort_certificates
from pollwatch.evidence.keys import Signer
from pollwatch.evidence.timestamp import Authorities, Query
from tsa_scenes import NEEDS_OPENSSL, PURPOSE, Authority, Wish, an_authority, certificates, der
from verify_page import LOG, Desk, Sample, a_stamp, opened, stamped_note, the_tool, with_stamp

pytestmark = NEEDS_OPENSSL
SHA512 = "sha512"
UNREAD = 12


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority with a second and a half of tolerance."""
    return an_authority(tmp_path_factory.mktemp("tsa"), "Neutral", accuracy="accuracy = secs:1, millisecs:500")


def stamped(s: Sample, authority: Authority) -> bytes:
    """The bundle with a time-stamp by this authority."""
    return with_stamp(s, a_stamp(s, token=authority.reply(Query.of(stamped_note(s)).data)))


HONEST = {
    "P-256": Wish(),
    "P-384": Wish("P-384"),
    "RSA": Wish("RSA"),
    "certificates signed with RSA-PSS": Wish("RSA", pss=True),
    "an office in between": Wish(between=True),
    "a key that only signs": Wish(usage=False),
}


@pytest.mark.parametrize("name", HONEST)
def test_real_tokens_count(name: str, desk: Desk, sample: Sample, tmp_path: Path) -> None:
    """With its authority's root a token raises the grade and dates the seal, as on the command line; without, not."""
    made = an_authority(tmp_path, "Neutral", HONEST[name], "accuracy = secs:1, millisecs:500, microsecs:7", SHA512)
    data = stamped(sample, made)
    for policy in (None, sample.policy):
        report = verify.verify_bytes(data, policy, made.pem)
        found = desk.check(data, policy, authorities=made.pem)
        assert (found["verdict"], found["grade"]) == ("fits", "timestamped")
        assert report.grade == "timestamped"
        told = next(each.text for each in report.statements if "Neutral clock" in each.text)
        assert told.replace("CN=", "") in found["text"]
    assert "authorities.pem" in desk.page.inner_text("#policy-state")
    assert "policy.txt" in desk.page.inner_text("#policy-state")
    for pem in (None, certificates(tmp_path, "Stranger", HONEST[name])):
        found = desk.check(data, sample.policy, authorities=pem)
        assert (found["verdict"], found["grade"]) == ("fits", "quorum")
        assert "Time-stamps by authorities that you have not named: 1." in found["text"]
        assert verify.verify_bytes(data, sample.policy, pem).grade == "quorum"


DISHONEST = {
    "a certificate that had run out": Wish(days=(-9, -3)),
    "a certificate of tomorrow": Wish(days=(3, 9)),
    "a certificate for web servers": Wish(purpose=[ExtendedKeyUsageOID.SERVER_AUTH]),
    "a certificate for time-stamps and more": Wish(purpose=[*PURPOSE, ExtendedKeyUsageOID.SERVER_AUTH]),
    "a purpose that is no condition": Wish(critical=False),
    "a key that signs certificates": Wish(usage=True),
    "an office that may sign no certificates": Wish(between=False),
}


def info_of(s: Sample, authority: Authority) -> bytes:
    """What an honest authority signs."""
    answer = sort_certificates(authority.reply(Query.of(stamped_note(s)).data))
    return decode_timestamp_response(answer).tst_info.as_bytes()


def both_leave_out(desk: Desk, s: Sample, token: bytes, pem: bytes) -> None:
    """A token counts neither here nor there, and the file is not refused for it."""
    data = with_stamp(s, a_stamp(s, token=token))
    assert verify.verify_bytes(data, None, pem).grade == "asserted"
    found = desk.check(data, authorities=pem)
    assert (found["verdict"], found["grade"]) == ("fits", "asserted")
    assert "Time-stamps by authorities that you have not named: 1." in found["text"]


@pytest.mark.parametrize("name", DISHONEST)
def test_tokens_under_unfit_certificates(
    name: str, desk: Desk, sample: Sample, authority: Authority, tmp_path: Path
) -> None:
    """Attack 25: whoever has some certificate under a known root stamps with it; neither reader counts that."""
    pem = certificates(tmp_path, "Neutral", DISHONEST[name])
    token = replace(authority, folder=tmp_path, pem=pem).forged(info_of(sample, authority))
    both_leave_out(desk, sample, token, pem)


def test_a_forged_answer_would_count_if_its_certificate_did(desk: Desk, sample: Sample, authority: Authority) -> None:
    """The tokens above are refused for their certificates, and not for how they were made."""
    info = info_of(sample, authority)
    data = with_stamp(sample, a_stamp(sample, token=authority.forged(info)))
    assert verify.verify_bytes(data, None, authority.pem).grade == "timestamped"
    assert desk.check(data, authorities=authority.pem)["grade"] == "timestamped"
    # Without the attribute that says which certificate signed, the page does not count it (RFC 3161, 2.4.2).
    bare = with_stamp(sample, a_stamp(sample, token=authority.forged(info, "-noattr")))
    assert desk.check(bare, authorities=authority.pem)["grade"] == "asserted"


OUTCOMES = """async ([all, note, pem]) => {
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)), found = [];
  const authorities = parseAuthorities(bytes(pem));
  for (const each of all) {
    let token = null;
    try { token = await parseToken(bytes(each), bytes(note)); }
    catch (e) { if (!(e instanceof Misfit)) throw e; found.push("refused"); continue; }
    try { const stamp = await checkToken(token, authorities); found.push(stamp ? String(stamp.latest) : "no"); }
    catch (e) { found.push(e.code === "lacking" ? "lacking" : "no"); }
  }
  return found; }"""


def named_as_shipped(script: str) -> str:
    """A script that calls the page's own functions, by the names that they have in what ships."""
    tool = the_tool()
    names = tool.names_in(tool.SOURCE.read_text("utf-8"))
    for name in ("parseAuthorities", "parseToken", "checkToken", "latest"):
        script = re.sub(rf"\b{name}\b", names[name], script)
    return script


@pytest.mark.parametrize("kind", ["P-256", "RSA"])
def test_no_changed_byte_of_a_token_says_another_time(kind: str, desk: Desk, tmp_path: Path) -> None:
    """Attack: change a byte of a real token; the page dates nothing otherwise than the command line."""
    made = an_authority(tmp_path, "Neutral", Wish(kind, between=True), "accuracy = secs:1")
    token = made.reply(Query.of(b"note\n").data)
    random = np.random.default_rng(3161)
    changed = [token]
    for place in range(0, len(token), 1 + (kind == "RSA")):
        flip = int(random.integers(1, 256))
        changed.append(token[:place] + bytes([token[place] ^ flip]) + token[place + 1 :])
    trusted = Authorities.parse(made.pem)
    given = [base64.b64encode(each).decode() for each in (*changed, b"note\n", made.pem)]
    page = desk.page.evaluate(named_as_shipped(OUTCOMES), [given[:-2], *given[-2:]])
    here = []
    for each in changed:
        try:
            here.append(str(trusted.check(each, b"note\n").latest_us))
        except SignatureError:
            here.append("no")
        except EvidenceError:
            here.append("refused")
    assert page[0] == here[0]
    assert page[0].isdigit()
    unread = []
    for place, (ours, theirs) in enumerate(zip(page, here, strict=True)):
        assert ours in (page[0], "no", "refused", "lacking")
        assert theirs in (here[0], "no", "refused")
        assert (ours, theirs) != (page[0], "no")
        if (ours, theirs) == (page[0], "refused"):
            unread.append(place)
    # What no signature covers and nobody reads: parameters that are NULL, unused bits of a string, version numbers.
    assert len(unread) <= UNREAD


def test_wrong_stamps_are_refused_for_the_cli_s_reason(desk: Desk, sample: Sample, authority: Authority) -> None:
    """Attack 25: a real token over something else, no token, a refusal: the file is bad, authorities or not."""
    note = stamped_note(sample)
    token = authority.reply(Query.of(note).data)
    other = authority.reply(Query.of(b"something else\n").data)
    declined = der(0x30, der(0x30, der(2, b"\2")))
    wrong = {
        "of other bytes than this checkpoint": a_stamp(sample, token=other),
        "not a time-stamp": a_stamp(sample),
        "not a time-stamp$": a_stamp(sample, token=token[:-1]),
        "granted no time-stamp": a_stamp(sample, token=declined),
        "over the limit of": a_stamp(sample, token=bytes(65537)),
        "of entry 7, and not of this file's seal": a_stamp(sample, 7, token),
        "no other": a_stamp(sample, token=token, note=sample.bundle.seal.place.signed.to_bytes()),
        "not signed by": a_stamp(sample, token=token, note=unsigned(note)),
    }
    for reason, stamp in wrong.items():
        for pem in (None, authority.pem):
            data = with_stamp(sample, stamp)
            with pytest.raises(EvidenceError, match=reason.removesuffix("$")):
                verify.verify_bytes(data, sample.policy, pem)
            found = desk.check(data, sample.policy, authorities=pem)
            assert found["verdict"] == "bad"
            assert re.search(reason, found["reason"]), found["reason"]


def test_certificates_without_a_root_are_refused(desk: Desk, sample: Sample, authority: Authority) -> None:
    """As the command line does: an authority's own certificate alone cannot be trusted, nor can nonsense."""
    data = stamped(sample, authority)
    for pem in ((authority.folder / "tsa.pem").read_bytes(), b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END"):
        with pytest.raises(SignatureError):
            verify.verify_bytes(data, None, pem)
        assert desk.check(data, authorities=pem)["verdict"] == "badPolicy"


def test_a_token_without_certificates_needs_the_readers(desk: Desk, sample: Sample, authority: Authority) -> None:
    """Some authorities leave their certificate out: with the root alone nobody can tell who signed."""
    asked = TimestampRequestBuilder().data(stamped_note(sample)).cert_request(cert_request=False).build()
    token = authority.reply(asked.as_bytes())
    both_leave_out(desk, sample, token, authority.pem)
    data = with_stamp(sample, a_stamp(sample, token=token))
    pem = authority.pem + (authority.folder / "tsa.pem").read_bytes()
    assert verify.verify_bytes(data, None, pem).grade == "timestamped"
    assert desk.check(data, authorities=pem)["grade"] == "timestamped"


def test_of_several_stamps_each_is_told(desk: Desk, sample: Sample, authority: Authority, tmp_path: Path) -> None:
    """Two authorities, one of them known: one counts, one is counted; both known: both are named."""
    second = an_authority(tmp_path, "Second", Wish("P-384"))
    tokens = [each.reply(Query.of(stamped_note(sample)).data) for each in (authority, second)]
    data = with_stamp(sample, *(a_stamp(sample, token=each) for each in tokens))
    found = desk.check(data, authorities=second.pem)
    assert "Second clock" in found["text"]
    assert "Neutral clock" not in found["text"]
    assert "not named: 1." in found["text"]
    found = desk.check(data, authorities=second.pem + authority.pem)
    assert "not named" not in found["text"]
    for name in ("Second clock", "Neutral clock"):
        assert f"the time-stamp authority {name} says so" in found["text"]


def test_what_a_browser_lacks_is_not_checked(
    browser: Browser, sample: Sample, authority: Authority, tmp_path: Path
) -> None:
    """A browser that cannot check an authority's algorithm says so, and counts what it can check."""
    script = """const real = crypto.subtle.importKey.bind(crypto.subtle);
        crypto.subtle.importKey = (form, key, a, ...rest) => a.name === "ECDSA"
          ? Promise.reject(new DOMException("no", "NotSupportedError")) : real(form, key, a, ...rest);"""
    context, desk = opened(browser, script=script)
    found = desk.check(stamped(sample, authority), sample.policy, authorities=authority.pem)
    assert (found["verdict"], found["grade"]) == ("partial", "quorum")
    assert "Time-stamp timestamp-0.json: this browser cannot check ECDSA. Use pollwatch verify." in found["text"]
    known = an_authority(tmp_path, "Known", Wish("RSA"))
    assert desk.check(stamped(sample, known), authorities=known.pem)["grade"] == "timestamped"
    context.close()


def test_dutch(browser: Browser, sample: Sample, authority: Authority) -> None:
    """A Dutch reader is told in Dutch who dated it, whose stamp does not count, and why a stamp is refused."""
    context, desk = opened(browser, locale="nl-NL")
    data = stamped(sample, authority)
    found = desk.check(data, authorities=authority.pem)
    for words in ("Niveau: timestamped.", "dat zegt tijdstempeldienst Neutral clock, waarvan u de sleutel vertrouwt"):
        assert words in found["text"]
    assert "diensten die u niet hebt genoemd: 1." in desk.check(data)["text"]
    assert desk.check(with_stamp(sample, a_stamp(sample)))["reason"] == "geen tijdstempel"
    context.close()


def test_everything_is_dropped_at_once(desk: Desk, sample: Sample, authority: Authority) -> None:
    """Bundle, policy and certificates in one handful; without them again, nothing of theirs is left."""
    files = {"b.zip": stamped(sample, authority), "p.txt": sample.policy, "a.pem": b"# mine\n" + authority.pem}
    desk.page.evaluate(
        """(files) => { const moved = new DataTransfer();
        for (const [name, data] of files)
          moved.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name));
        document.body.dispatchEvent(
          new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: moved })); }""",
        [[name, base64.b64encode(data).decode()] for name, data in files.items()],
    )
    expect(desk.page.locator("article h2")).to_have_text("b.zip")
    found = desk.verdict()
    assert found["grade"] == "timestamped"
    assert "Witness b saw" in found["text"]
    desk.page.click("#forget")
    expect(desk.page.locator("#policy-state")).to_have_text("No policy: the keys in the file itself are believed.")
    expect(desk.page.locator("article")).to_have_attribute("data-grade", "asserted")


def unsigned(note: bytes) -> bytes:
    """The checkpoint under a signature of somebody else."""
    text = SignedCheckpoint.parse(note).checkpoint
    return checkpoint.signed(text, [Signer(text.origin, LOG.type, LOG.seed)]).to_bytes()
