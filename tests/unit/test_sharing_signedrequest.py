"""Signed requests: the vectors of RFC 9421 and RFC 9530, another implementation, and everything that must not pass."""

from __future__ import annotations

import base64
import datetime as dt
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, algorithms
from http_message_signatures.exceptions import InvalidSignature
from http_message_signatures.resolvers import HTTPSignatureKeyResolver
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.clock import US_PER_S
from pollwatch.errors import SignatureError
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.sharing import replay, signedrequest
from pollwatch.sharing.replay import Replays, TooManyRequestsError
from pollwatch.sharing.signedrequest import DIGEST, INPUT, SIGNATURE, Head

NOW_US = 1_793_700_000 * US_PER_S
#: RFC 9421, appendix B.1.4 (test-key-ed25519).
RFC_KEY = Signer("rfc", KeyType.ED25519, base64.urlsafe_b64decode("n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU="))
KEY = Signer("alder/request", KeyType.ED25519, bytes(range(32)))
OTHER = Signer("birch/request", KeyType.ED25519, bytes(range(1, 33)))
BODY = b'{"hello": "world"}'
HEAD = Head("POST", "https://birch.example:8443/inbox?x=1", (("pollwatch-charter", "c" * 64), ("content-type", "a/b")))


def signed(head: Head = HEAD, body: bytes = BODY, key: Signer = KEY, now_us: int = NOW_US) -> Head:
    """A request with its signature."""
    added = signedrequest.sign(head, body, key, now_us)
    return replace(head, fields=(*head.fields, *added.items()))


def check(head: Head, now_us: int = NOW_US, key: Signer = KEY) -> None:
    """What a receiver does with a request's head."""
    parameters = signedrequest.read_parameters(head)
    assert parameters is not None
    signedrequest.verify(head, parameters, key.verifier, now_us)


def with_field(head: Head, name: str, value: str) -> Head:
    """The request with another value in one field."""
    return replace(head, fields=tuple((each, value if each == name else old) for each, old in head.fields))


def test_the_signature_base_and_signature_of_rfc_9421_b_2_6() -> None:
    """Our signature base is the one that RFC 9421 prints for Ed25519, and gives its signature."""
    components = {
        "date": "Tue, 20 Apr 2021 02:07:55 GMT",
        "@method": "POST",
        "@path": "/foo",
        "@authority": "example.com",
        "content-type": "application/json",
        "content-length": "18",
    }
    covered = '("date" "@method" "@path" "@authority" "content-type" "content-length")'
    base = signedrequest.signature_base(components, f'{covered};created=1618884473;keyid="test-key-ed25519"')
    assert base == (
        b'"date": Tue, 20 Apr 2021 02:07:55 GMT\n"@method": POST\n"@path": /foo\n"@authority": example.com\n'
        b'"content-type": application/json\n"content-length": 18\n"@signature-params": ("date" "@method" "@path" '
        b'"@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"'
    )
    expected = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
    assert base64.b64encode(RFC_KEY.sign(base)).decode() == expected


def test_the_digests_of_rfc_9530() -> None:
    """Content-Digest is as in RFC 9530, appendix D, also for no content."""
    assert signedrequest.content_digest(b'{"hello": "world"}\n') == (
        "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
    )
    assert signedrequest.content_digest(b"") == "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"


class Keys(HTTPSignatureKeyResolver):
    """Gives another implementation our test key."""

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey:
        """By fingerprint."""
        assert key_id == KEY.verifier.fingerprint
        return Ed25519PublicKey.from_public_bytes(KEY.verifier.public)

    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:
        """By fingerprint."""
        assert key_id == KEY.verifier.fingerprint
        return Ed25519PrivateKey.from_private_bytes(KEY.seed)


def as_httpx(head: Head, body: bytes = BODY) -> httpx.Request:
    """The request as the other implementation takes it."""
    return httpx.Request(head.method, head.target, headers=list(head.fields), content=body)


def test_interop_another_implementation_takes_what_we_sign() -> None:
    """http-message-signatures, which shares no code with us, verifies our request, and refuses it changed."""
    now_us = int(dt.datetime.now(dt.UTC).timestamp()) * US_PER_S  # noqa: TID251 - it asks the system for the time
    head = signed(now_us=now_us)
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=Keys())
    (found,) = verifier.verify(as_httpx(head), expect_tag="pollwatch-request")
    assert list(found.covered_components) == [
        f'"{name}"'
        for name in ("@method", "@target-uri", DIGEST, "pollwatch-charter", "content-type", "@signature-params")
    ]
    with pytest.raises(InvalidSignature):
        verifier.verify(as_httpx(with_field(head, "content-type", "a/c")), expect_tag="pollwatch-request")


def test_interop_we_take_what_another_implementation_signs() -> None:
    """A request that http-message-signatures signed in our form is accepted here."""
    now = dt.datetime.fromtimestamp(NOW_US // US_PER_S, dt.UTC)
    request = as_httpx(HEAD)
    request.headers[DIGEST] = signedrequest.content_digest(BODY)
    HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=Keys()).sign(
        request,
        key_id=KEY.verifier.fingerprint,
        created=now,
        expires=now + dt.timedelta(seconds=60),
        nonce="A" * 22,
        label="pollwatch",
        tag="pollwatch-request",
        covered_component_ids=("@method", "@target-uri", DIGEST, "pollwatch-charter", "content-type"),
        use_existing_digest=True,
    )
    fields = tuple((name.lower(), value) for name, value in request.headers.multi_items())
    check(Head("POST", HEAD.target, fields))


def test_a_signed_request_is_taken_and_its_body_too() -> None:
    """What we sign we take, with the body that it was signed with and no other."""
    from hashlib import sha256

    head = signed()
    check(head)
    digest = head.one(DIGEST)
    assert digest is not None
    signedrequest.check_body(digest, sha256(BODY).digest())
    with pytest.raises(SignatureError, match="Content-Digest"):
        signedrequest.check_body(digest, sha256(BODY + b" ").digest())


@pytest.mark.parametrize(
    "changed",
    [
        replace(signed(), method="PUT"),
        replace(signed(), target="https://cedar.example:8443/inbox?x=1"),
        replace(signed(), target="https://birch.example:8443/inbox?x=2"),
        replace(signed(), target="http://birch.example:8443/inbox?x=1"),
        with_field(signed(), "pollwatch-charter", "d" * 64),
        with_field(signed(), "content-type", "a/c"),
        with_field(signed(), DIGEST, signedrequest.content_digest(b"")),
        with_field(signed(), SIGNATURE, signed(replace(HEAD, method="PUT")).one(SIGNATURE) or ""),
        replace(signed(), fields=(*signed().fields, ("content-encoding", "gzip"))),
        replace(signed(), fields=(*signed().fields, ("pollwatch-delivery", "x"))),
        replace(signed(), fields=(*signed().fields, ("content-type", "a/b"))),
        replace(signed(), fields=tuple(each for each in signed().fields if each[0] != "content-type")),
        replace(signed(), fields=tuple(each for each in signed().fields if each[0] != DIGEST)),
        replace(signed(), fields=tuple(each for each in signed().fields if each[0] != SIGNATURE)),
    ],
    ids=range(14),
)
def test_attack_10_a_request_changed_on_its_way(changed: Head) -> None:
    """Attack 10: method, target, any field that bears on the meaning or the signature changed, added or taken away."""
    with pytest.raises(SignatureError):
        check(changed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pollwatch=()",
        'pollwatch=("@method");created=1;expires=2',
        "sig1=" + str(signed().one(INPUT)).removeprefix("pollwatch="),
        str(signed().one(INPUT)).replace("created=", "created=+"),
        str(signed().one(INPUT)).replace("created=", "created=0"),
        str(signed().one(INPUT)).replace("; ", ";") + ", other=()",
        str(signed().one(INPUT)).replace(";alg", "; alg"),
        str(signed().one(INPUT)).replace("ed25519", "hmac-sha256"),
        str(signed().one(INPUT)).replace('"@method" "@target-uri"', '"@target-uri" "@method"'),
        str(signed().one(INPUT)).replace(' "content-type"', ""),
        str(signed().one(INPUT)).replace("content-type", "content-type;sf"),
        "pollwatch=" + "(" * 5000,
    ],
)
def test_one_request_has_one_spelling(text: str) -> None:
    """Attack 12: other labels, orders, algorithms, numbers and covered sets are refused, however RFC 9421 sees them."""
    with pytest.raises(SignatureError):
        check(with_field(signed(), INPUT, text))


def test_a_foreign_key_and_an_old_one_are_refused() -> None:
    """Attack 10: a request signed by one member is not taken under another's key, nor with a borrowed key id."""
    with pytest.raises(SignatureError):
        check(signed(), key=OTHER)
    borrowed = str(signed().one(INPUT)).replace(KEY.verifier.fingerprint, OTHER.verifier.fingerprint)
    with pytest.raises(SignatureError):
        check(with_field(signed(), INPUT, borrowed), key=OTHER)


@pytest.mark.parametrize(("seconds", "taken"), [(-61, False), (-60, True), (0, True), (120, True), (121, False)])
def test_attack_25_clocks_apart(seconds: int, taken: bool) -> None:  # noqa: FBT001 - a row of the table
    """Attack 25: a minute of difference is tolerated either way beyond the minute of life; the message names both."""
    at_us = NOW_US + seconds * US_PER_S
    if taken:
        check(signed(), at_us)
        return
    with pytest.raises(SignatureError, match=r"signed at 2026-.*here it is 2026-.*NTP"):
        check(signed(), at_us)


def test_attack_7_a_request_that_stays_good_for_years() -> None:
    """Attack 7: a signed request to which its sender gave a long life is refused: it could be replayed for years."""
    parameters = signedrequest.read_parameters(signed())
    assert parameters is not None
    long = replace(parameters, expires_s=parameters.created_s + 61)
    components = {"@method": "GET", "@target-uri": "https://b.example/x", DIGEST: signedrequest.content_digest(b"")}
    text = long.to_text(components)
    signature = base64.b64encode(KEY.sign(signedrequest.signature_base(components, text))).decode()
    fields = ((DIGEST, components[DIGEST]), (INPUT, f"pollwatch={text}"), (SIGNATURE, f"pollwatch=:{signature}:"))
    with pytest.raises(SignatureError, match="at most 60 s"):
        check(Head("GET", "https://b.example/x", fields))


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_text_in_the_fields_breaks_the_reader(first: str, second: str) -> None:
    """Attack 12: whatever stands in the signature's fields, the answer is an error of ours."""
    for head in (with_field(signed(), INPUT, first), with_field(signed(), SIGNATURE, second)):
        with pytest.raises(SignatureError):
            check(head)


def test_attack_7_a_replayed_request(tmp_path: Path) -> None:
    """Attack 7: a request counts once, also after a restart; when its time is over, it is forgotten."""
    parameters = signedrequest.read_parameters(signed())
    assert parameters is not None
    replays = Replays(tmp_path / "nonces", NOW_US)
    replays.take(KEY.verifier, parameters, NOW_US)
    replays.take(OTHER.verifier, parameters, NOW_US)  # nonces belong to a key
    for _start in range(2):
        with pytest.raises(SignatureError, match="before"):
            replays.take(KEY.verifier, parameters, NOW_US + 119 * US_PER_S)
        replays.close()
        replays = Replays(tmp_path / "nonces", NOW_US)
    replays.take(KEY.verifier, replace(parameters, nonce="B" * 22), NOW_US + 300 * US_PER_S)
    assert replays._db.execute("SELECT count(*) FROM nonces").fetchone() == (1,)  # noqa: SLF001 - it is bounded
    replays.close()


def test_attack_7_a_replay_over_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack 7: after the machine itself was started anew, nothing is taken that may have been seen before it fell."""
    boot = tmp_path / "boot_id"
    boot.write_text("one\n")
    monkeypatch.setattr(replay, "_BOOT_ID", boot)
    Replays(tmp_path / "nonces", NOW_US).close()
    boot.write_text("two\n")
    Replays(tmp_path / "nonces", NOW_US + 5 * US_PER_S).close()
    replays = Replays(tmp_path / "nonces", NOW_US + 10 * US_PER_S)  # a second restart does not forget the first
    parameters = signedrequest.read_parameters(signed(now_us=NOW_US + 64 * US_PER_S))
    assert parameters is not None
    with pytest.raises(SignatureError, match="started anew"):
        replays.take(KEY.verifier, parameters, NOW_US + 64 * US_PER_S)
    replays.take(KEY.verifier, replace(parameters, created_s=parameters.created_s + 1), NOW_US + 65 * US_PER_S)
    replays.close()


def test_attack_8_a_flood_of_nonces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack 8: one key's standing nonces are bounded, and another's are none of its business."""
    monkeypatch.setattr(replay, "MAX_PER_KEY", 3)
    parameters = signedrequest.read_parameters(signed())
    assert parameters is not None
    replays = Replays(tmp_path / "nonces", NOW_US)
    for number in range(3):
        replays.take(KEY.verifier, replace(parameters, nonce=f"{number:022d}"), NOW_US)
    with pytest.raises(TooManyRequestsError):
        replays.take(KEY.verifier, replace(parameters, nonce="9" * 22), NOW_US)
    replays.take(OTHER.verifier, replace(parameters, nonce="9" * 22), NOW_US)
    replays.close()
