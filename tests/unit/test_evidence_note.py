"""Signed notes, keys and checkpoints: real logs and witnesses are read, weak keys and second spellings refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.errors import SignatureError
from pollwatch.evidence import checkpoint, curve, merkle, note
from pollwatch.evidence.checkpoint import Checkpoint, SignedCheckpoint
from pollwatch.evidence.keys import KeyType, Signer, Verifier

VECTORS = Path(__file__).parents[2].parent / "shared" / "vectors"
needs_vectors = pytest.mark.skipif(not VECTORS.exists(), reason="no ../shared/vectors")
TESSERA = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"

LOG = Signer("a.example/shared", KeyType.ED25519, bytes(range(32)))
WITNESS = Signer("b.example/witness", KeyType.COSIGNATURE, bytes(range(1, 33)))
QUANTUM = Signer("a.example/shared", KeyType.MLDSA44, bytes(range(2, 34)))
SAMPLE = Checkpoint("a.example/shared", 12, merkle.leaf_hash(b"x"))


@needs_vectors
def test_reads_a_real_log() -> None:
    """All checkpoints of a real Tessera log verify under its key."""
    key = Verifier.parse(TESSERA)
    for size in range(16):
        data = (VECTORS / "tessera-log" / "log" / f"checkpoint.{size}").read_bytes()
        assert checkpoint.open_checkpoint(data, key).checkpoint.size == size


@needs_vectors
def test_reads_a_real_witness() -> None:
    """The cosignatures that a real Go witness gave verify, with their times."""
    transcript = json.loads((VECTORS / "sigsum" / "witness-transcript.json").read_text())
    log = Verifier.parse(transcript["log_vkey"])
    witness = Verifier(transcript["witness_name"], KeyType.COSIGNATURE, bytes.fromhex(transcript["witness_pub_hex"]))
    checked = 0
    for step in transcript["steps"]:
        if step["status"] != 200:
            continue
        body = step["request"].partition("\n\n")[2].encode()
        signed = checkpoint.open_checkpoint(body, log)
        line = note.Signature.parse(step["body"])
        assert (checkpoint.verify_line(signed.checkpoint, line, witness) or 0) > 1_700_000_000
        checked += 1
    assert checked == 4


@needs_vectors
def test_refuses_every_weak_key_of_the_edge_case_collection() -> None:
    """Attack: enrol a small-order or mixed-order key, under which other messages verify too."""
    vectors = json.loads((VECTORS / "ed25519-cctv" / "ed25519vectors.json").read_text())
    weak = {v["key"] for v in vectors if {"low_order_A", "low_order_component_A"} & set(v["flags"] or ())}
    assert len(weak) > 10
    for key in weak:
        with pytest.raises(SignatureError):
            curve.check_public_key(bytes.fromhex(key))
    fine = {v["key"] for v in vectors if not v["flags"]}
    for key in fine:
        curve.check_public_key(bytes.fromhex(key))


def test_small_order_points_are_refused_without_vectors() -> None:
    """Attack: the neutral element, the points of order 2 and 4, and non-canonical encodings as keys."""
    p = 2**255 - 19
    for number in (1, p - 1, 0, p, p + 1, 1 | 1 << 255, 2**256 - 1):
        with pytest.raises(SignatureError):
            curve.check_public_key(number.to_bytes(32, "little"))


def test_fresh_keys_are_accepted_and_bound_to_name_and_type() -> None:
    """A generated key passes its own checks; the same bytes under another name or type have another id."""
    signer = Signer.generate("c.example/log")
    verifier = Verifier.parse(signer.verifier.vkey)
    assert verifier == signer.verifier
    other_name = Verifier("d.example/log", verifier.type, verifier.public)
    other_type = Verifier(verifier.name, KeyType.COSIGNATURE, verifier.public)
    assert len({verifier.id, other_name.id, other_type.id}) == 3
    assert verifier.fingerprint == other_name.fingerprint


def test_key_files_are_private_and_never_overwritten(tmp_path: Path) -> None:
    """A key file has mode 0600, is read back, refused when others can read it, and never replaced."""
    path = tmp_path / "log.key"
    LOG.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Signer.load(path) == LOG
    assert "PRIVATE" not in repr(LOG)
    assert LOG.seed.hex() not in repr(LOG)
    with pytest.raises(SignatureError, match="never overwritten"):
        QUANTUM.save(path)
    assert [each.name for each in tmp_path.iterdir()] == ["log.key"]
    path.chmod(0o644)
    with pytest.raises(SignatureError, match="chmod 600"):
        Signer.load(path)


@pytest.mark.parametrize("bad", ["", "a b", "a+b", "a\u00a0b", "a\nb", "x" * 256, "\ud800"])
def test_bad_key_names_are_refused(bad: str) -> None:
    """Names that would break the line format never get into a key."""
    with pytest.raises(SignatureError):
        Verifier(bad, KeyType.ED25519, LOG.verifier.public)


def test_notes_say_who_signed() -> None:
    """Known signers are returned, unknown ones ignored, and a known key's bad signature voids the note."""
    text = "hello\n\nworld\n"
    signed = note.sign_note(text, [LOG])
    assert note.open_note(signed.to_bytes(), LOG.verifier) == text
    stranger = Signer.generate("s.example")
    assert note.verify(note.parse(signed.to_bytes()), [stranger.verifier, LOG.verifier]) == (LOG.verifier,)
    with pytest.raises(SignatureError, match="not signed by"):
        note.open_note(signed.to_bytes(), stranger.verifier)
    forged = note.Note("other\n", signed.signatures)
    with pytest.raises(SignatureError, match="wrong"):
        note.verify(forged, [LOG.verifier])


@pytest.mark.parametrize("key", [WITNESS, QUANTUM])
def test_cosignatures_carry_their_time(key: Signer) -> None:
    """Both cosignature types verify, state their time, and fail for another checkpoint or time."""
    line = checkpoint.sign(SAMPLE, key, 1_800_000_000)
    assert checkpoint.verify_line(SAMPLE, line, key.verifier) == 1_800_000_000
    later = note.Signature(line.name, line.key_id, (1_800_000_001).to_bytes(8, "big") + line.blob[8:])
    with pytest.raises(SignatureError):
        checkpoint.verify_line(SAMPLE, later, key.verifier)
    with pytest.raises(SignatureError):
        checkpoint.verify_line(Checkpoint(SAMPLE.origin, 13, SAMPLE.root), line, key.verifier)
    with pytest.raises(SignatureError, match="needs its time"):
        checkpoint.sign(SAMPLE, key)


def test_a_quantum_safe_cosignature_never_covers_extension_lines() -> None:
    """Attack: add an extension line that the ML-DSA cosignature does not cover."""
    extended = Checkpoint(SAMPLE.origin, SAMPLE.size, SAMPLE.root, ("extra",))
    line = checkpoint.sign(SAMPLE, QUANTUM, 1)
    with pytest.raises(SignatureError, match="extension"):
        checkpoint.verify_line(extended, line, QUANTUM.verifier)


@pytest.mark.parametrize(
    "old",
    [b"\n12\n", b"\n+12\n", b"\n012\n", b"\n12 \n", "\n\u0661\u0662\n".encode(), b"\n-1\n", b"\n9223372036854775808\n"],
)
def test_only_one_spelling_of_a_size(old: bytes) -> None:
    """Attack: two spellings of one checkpoint, so that two members compare unequal bytes as equal or the reverse."""
    data = f"{SAMPLE.origin}".encode() + old + SAMPLE.text.split("\n")[2].encode() + b"\n"
    if old == b"\n12\n":
        assert Checkpoint.parse(data.decode()) == SAMPLE
    else:
        with pytest.raises(SignatureError):
            Checkpoint.parse(data.decode())


def test_wrong_roots_and_extensions_are_refused() -> None:
    """A root of another length, an empty extension line or a missing newline is no checkpoint."""
    for text in ("o\n1\nAAAA\n", SAMPLE.text + "\n", SAMPLE.text[:-1], "o\n1\n"):
        with pytest.raises(SignatureError):
            Checkpoint.parse(text)


def test_a_checkpoint_of_another_log_is_refused() -> None:
    """Attack: pass off one's own log's checkpoint as another's."""
    signed = checkpoint.signed(Checkpoint("evil.example", 1, bytes(32)), [LOG])
    with pytest.raises(SignatureError, match=r"evil\.example"):
        checkpoint.open_checkpoint(signed.to_bytes(), LOG.verifier)


FULL = checkpoint.signed(SAMPLE, [LOG, QUANTUM, WITNESS], 1_800_000_000).to_bytes()


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(FULL) - 1), st.integers(1, 255))
def test_no_changed_byte_leaves_the_signatures_intact(place: int, bits: int) -> None:
    """Non-malleability: any changed byte makes the note malformed, void, or lose a signature."""
    data = FULL[:place] + bytes([FULL[place] ^ bits]) + FULL[place + 1 :]
    keys = [LOG.verifier, QUANTUM.verifier, WITNESS.verifier]
    try:
        found = checkpoint.verify(SignedCheckpoint.parse(data), keys)
    except SignatureError:
        return
    assert len(found) < len(keys)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_arbitrary_bytes_are_refused_or_come_back_the_same(data: bytes) -> None:
    """The parsers raise SignatureError or give back exactly the bytes they were given."""
    for parse in (lambda raw: note.parse(raw).to_bytes(), lambda raw: SignedCheckpoint.parse(raw).to_bytes()):
        try:
            assert parse(data) == data
        except SignatureError:
            continue


def test_no_more_than_a_bounded_number_of_signatures() -> None:
    """Attack: exhaust a reader with a note of endless signature lines."""
    line = note.sign("x\n", LOG).line
    with pytest.raises(SignatureError, match="over"):
        note.parse(("x\n\n" + line * 200).encode())
    with pytest.raises(SignatureError, match="limit"):
        note.parse(b"x" * 2_000_000)
    with pytest.raises(SignatureError, match="twice"):
        note.parse(("x\n\n" + line * 2).encode())


def test_a_key_file_that_is_no_key_says_so(tmp_path: Path) -> None:
    """Garbage, a verifier key and a damaged key are each refused with the reason."""
    path = tmp_path / "k"
    for text in ("nonsense\n", LOG.verifier.vkey, "PRIVATE+KEY+a+00000000+AQ=="):
        path.write_text(text)
        path.chmod(0o600)
        with pytest.raises(SignatureError):
            Signer.load(path)
