"""A member's secret key: another implementation has the same one, and nothing shows it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from voprf import ristretto as rust

import matching_scenes as scenes
from pollwatch.errors import FormatError, ProofError, StoreError
from pollwatch.sharing.matching import ristretto, voprf
from pollwatch.sharing.matching.papers import Mode
from pollwatch.sharing.matching.runs import Runs
from pollwatch.sharing.matching.secret import Secret


def test_both_implementations_evaluate_alike() -> None:
    """One in Rust has the same key from our seed; its evaluations are ours, and both proofs hold for that key only."""
    secret = Secret.new()
    points = [voprf.hash_to_group(b"%d" % each) for each in range(70)]
    elements, proof = scenes.blind_evaluate(secret.scalar, points)
    other = rust.Evaluator.from_seed(secret.seed, b"pollwatch.matching/1")
    answer = other.evaluate_batch([rust.BlindedInput.deserialize(each) for each in points]).serialize()
    assert other.public_key.serialize() == secret.public
    assert answer[64:] == b"".join(elements)
    for each in (proof, voprf.Proof.parse(answer[:64])):
        voprf.verify(secret.public, points, elements, each)
    with pytest.raises(ProofError):
        voprf.verify(Secret.new().public, points, elements, proof)


@pytest.mark.parametrize("data", [bytes(32), b"\xff" * 32, b"\x01" + bytes(31), b"", bytes(31)])
def test_malformed_elements_are_not_evaluated(data: bytes) -> None:
    """Attack: the identity, no points, and points of another length are given to be evaluated."""
    with pytest.raises(FormatError):
        scenes.blind_evaluate(Secret.new().scalar, [voprf.hash_to_group(b"x"), ristretto.Element(data)])
    with pytest.raises(FormatError):
        scenes.blind_evaluate(Secret.new().scalar, [])


def test_a_second_spelling_is_not_evaluated() -> None:
    """Attack: a point whose highest bit is set, which libsodium alone would take for the same point."""
    point = voprf.hash_to_group(b"x")
    other = ristretto.Element(point[:-1] + bytes((point[-1] | 0x80,)))
    with pytest.raises(FormatError):
        scenes.blind_evaluate(Secret.new().scalar, [other])


def test_nothing_shows_secrets_or_items(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A whole run says nothing on the way: no log line, no output; keys and sets stay out of what can be printed."""
    caplog.set_level(logging.DEBUG)
    scene = scenes.scene(tmp_path)
    scene.nodes["Alder"].candidates = scenes.addresses(1, 2, 3)
    scene.nodes["Birch"].candidates = scenes.addresses(2, 3, 4)
    scene.begin("Alder", "Birch")
    scene.run()
    assert scene.nodes["Alder"].common("Birch") == {"10.0.0.2", "10.0.0.3"}
    said = capfd.readouterr()
    assert (caplog.text, said.out, said.err) == ("", "", "")
    (run,) = scene.nodes["Alder"].party.runs.all()
    secret = scene.nodes["Alder"].party.runs.key(Mode.PAIR, "Birch", run.epoch)
    for shown in (repr(secret), str(secret), repr(run), repr(run.entered)):
        assert secret.seed.hex() not in shown
        assert repr(secret.seed) not in shown
        assert "10.0.0." not in shown


def test_keys_are_private_files_and_go_for_good(tmp_path: Path) -> None:
    """A key's file is its owner's alone; destroyed, it is not made again under the same name, and damage is told."""
    runs = Runs(tmp_path)
    secret = runs.key(Mode.PAIR, "Birch", 5)
    assert runs.key(Mode.PAIR, "Birch", 5) == secret
    assert secret not in {runs.key(Mode.PAIR, "Birch", 6), runs.key(Mode.PAIR, "Cedar", 5)}
    files = list((tmp_path / "keys").iterdir())
    assert {each.stat().st_mode & 0o777 for each in files} == {0o600}
    assert runs.destroy_key(Mode.PAIR, "Birch", 5)
    assert not runs.destroy_key(Mode.PAIR, "Birch", 5)
    assert not any(secret.seed in each.read_bytes() for each in (tmp_path / "keys").iterdir())
    for each in (tmp_path / "keys").iterdir():
        each.write_bytes(b"short")
    with pytest.raises(StoreError, match="cannot be read"):
        runs.key(Mode.PAIR, "Birch", 6)
