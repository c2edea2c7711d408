"""The oblivious PRF against RFC 9497's own vectors and against another implementation of it."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from tempfile import gettempdir

import pytest
from voprf import ristretto as other

import matching_scenes as scenes
from pollwatch.errors import FormatError, ProofError
from pollwatch.sharing.matching import ristretto, voprf

_INPUTS = [b"\x00", b"\x5a" * 17]
_BLINDS = [
    "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706",
    "222a5e897cf59db8145db8d16e597e8facb80ae7d4e26d9881aa6f61d645fc0e",
]
_OUTPUTS = [
    (
        "b58cfbe118e0cb94d79b5fd6a6dafb98764dff49c14e1770b566e42402da1a7d"
        "a4d8527693914139caee5bd03903af43a491351d23b430948dd50cde10d32b3c"
    ),
    (
        "8a9a2f3c7f085b65933594309041fc1898d42d0858e59f90814ae90571a6df60"
        "356f4610bf816f27afdd84f47719e480906d27ecd994985890e5f539e7ea74b6"
    ),
]
# (inputs, blinds, blinded elements, evaluations, proof, proof's random scalar) of appendix A.1.2
_VECTORS = [
    (
        [0],
        [0],
        ["863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945"],
        ["aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e"],
        (
            "ddef93772692e535d1a53903db24367355cc2cc78de93b3be5a8ffcc6985dd06"
            "6d4346421d17bf5117a2a1ff0fcb2a759f58a539dfbe857a40bce4cf49ec600d"
        ),
        "222a5e897cf59db8145db8d16e597e8facb80ae7d4e26d9881aa6f61d645fc0e",
    ),
    (
        [1],
        [0],
        ["cc0b2a350101881d8a4cba4c80241d74fb7dcbfde4a61fde2f91443c2bf9ef0c"],
        ["60a59a57208d48aca71e9e850d22674b611f752bed48b36f7a91b372bd7ad468"],
        (
            "401a0da6264f8cf45bb2f5264bc31e109155600babb3cd4e5af7d181a2c9dc0a"
            "67154fabf031fd936051dec80b0b6ae29c9503493dde7393b722eafdf5a50b02"
        ),
        "222a5e897cf59db8145db8d16e597e8facb80ae7d4e26d9881aa6f61d645fc0e",
    ),
    (
        [0, 1],
        [0, 1],
        [
            "863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945",
            "90a0145ea9da29254c3a56be4fe185465ebb3bf2a1801f7124bbbadac751e654",
        ],
        [
            "aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e",
            "cc5ac221950a49ceaa73c8db41b82c20372a4c8d63e5dded2db920b7eee36a2a",
        ],
        (
            "cc203910175d786927eeb44ea847328047892ddf8590e723c37205cb74600b0a"
            "5ab5337c8eb4ceae0494c2cf89529dcf94572ed267473d567aeed6ab873dee08"
        ),
        "419c4f4f5052c53c45f3da494d2b67b220d02118e0857cdbcf037f9ea84bbe0c",
    ),
]


def _key() -> ristretto.Scalar:
    return voprf.derive_key(bytes.fromhex("a3" * 32), b"test key")


def test_key_derivation_fits_the_rfc() -> None:
    """The key pair of appendix A.1.2 follows from its seed."""
    assert _key().hex() == "e6f73f344b79b379f1a0dd37e07ff62e38d9f71345ce62ae3a9bc60b04ccd909"
    public = "c803e2cc6b05fc15064549b5920659ca4a77b2cca6f04f6b357009335476ad4e"
    assert ristretto.base_times(_key()).hex() == public


@pytest.mark.parametrize(("which", "blinds", "blinded", "evaluated", "proof", "nonce"), _VECTORS)
def test_vectors_of_the_rfc(
    which: list[int], blinds: list[int], blinded: list[str], evaluated: list[str], proof: str, nonce: str
) -> None:
    """Blinded elements, evaluations, proof and outputs of appendix A.1.2 come out byte for byte."""
    factors = [ristretto.scalar(bytes.fromhex(_BLINDS[each])) for each in blinds]
    sent = [voprf.blind(_INPUTS[each], factor) for each, factor in zip(which, factors, strict=True)]
    assert [each.hex() for each in sent] == blinded
    answered, made = scenes.blind_evaluate(_key(), sent, ristretto.scalar(bytes.fromhex(nonce)))
    assert [each.hex() for each in answered] == evaluated
    assert made.to_bytes().hex() == proof
    voprf.verify(ristretto.base_times(_key()), sent, answered, voprf.Proof.parse(bytes.fromhex(proof)))
    for each, factor, point in zip(which, factors, answered, strict=True):
        assert voprf.finalize(_INPUTS[each], factor, point).hex() == _OUTPUTS[each]
        assert voprf.evaluate(_key(), _INPUTS[each]).hex() == _OUTPUTS[each]


def test_another_implementation_answers_us() -> None:
    """A server of another make (Rust) evaluates what we blind; its proof for a batch holds here, and outputs agree."""
    server = other.Evaluator(secrets.token_bytes(32))
    inputs = [b"192.0.2.%d" % each for each in range(40)]
    factors = [ristretto.random_scalar() for _ in inputs]
    sent = [voprf.blind(each, factor) for each, factor in zip(inputs, factors, strict=True)]
    answer = server.evaluate_batch([other.BlindedInput.deserialize(each) for each in sent]).serialize()
    proof, points = answer[:64], answer[64:]
    answered = [ristretto.element(points[at : at + 32]) for at in range(0, len(points), 32)]
    public = ristretto.element(server.public_key.serialize())
    voprf.verify(public, sent, answered, voprf.Proof.parse(proof))
    outputs = [voprf.finalize(*each) for each in zip(inputs, factors, answered, strict=True)]
    assert outputs == [server.evaluate_known_input(each) for each in inputs]


def test_a_wrong_key_is_caught() -> None:
    """Attack: one element of a batch is answered under another key than the one committed to."""
    key, stray = ristretto.random_scalar(), ristretto.random_scalar()
    sent = [voprf.hash_to_group(b"%d" % each) for each in range(30)]
    answered, proof = scenes.blind_evaluate(key, sent)
    voprf.verify(ristretto.base_times(key), sent, answered, proof)
    with pytest.raises(ProofError, match="key that was committed"):
        voprf.verify(ristretto.base_times(stray), sent, answered, proof)
    answered[17] = ristretto.times(stray, sent[17])
    with pytest.raises(ProofError, match="key that was committed"):
        voprf.verify(ristretto.base_times(key), sent, answered, proof)
    with pytest.raises(ProofError, match="key that was committed"):
        voprf.verify(ristretto.base_times(key), sent, answered, voprf.prove(key, sent, answered))


def test_errors_that_cancel_out_are_caught() -> None:
    """Attack: two answers are exchanged, or wrong by amounts whose sum is nothing."""
    key = ristretto.random_scalar()
    sent = [voprf.hash_to_group(b"%d" % each) for each in range(4)]
    answered, _proof = scenes.blind_evaluate(key, sent)
    answered[0], answered[1] = answered[1], answered[0]
    with pytest.raises(ProofError):
        voprf.verify(ristretto.base_times(key), sent, answered, voprf.prove(key, sent, answered))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(32),
        bytes(31),
        b"\x01" + bytes(31),
        b"\xff" * 32,
        (2**255 - 19).to_bytes(32, "little"),
        (2**255 - 19 + 2).to_bytes(32, "little"),
        bytes.fromhex("863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b9c5"),
    ],
    ids=["empty", "identity", "short", "negative", "all-ones", "prime", "not-reduced", "high-bit"],
)
def test_malformed_points_are_refused(data: bytes) -> None:
    """Attack: points of other lengths or spellings, and the identity, which shows every key alike."""
    with pytest.raises(FormatError):
        ristretto.element(data)
    with pytest.raises(FormatError):
        ristretto.times(ristretto.random_scalar(), ristretto.Element(data))


def test_malformed_scalars_are_refused() -> None:
    """Attack: zero, and the same scalar in a second spelling."""
    for number in (0, ristretto.ORDER, ristretto.ORDER + 5, 2**256 - 1):
        with pytest.raises(FormatError):
            ristretto.scalar(number.to_bytes(32, "little"))
    with pytest.raises(FormatError):
        voprf.Proof.parse(bytes(64))


def test_the_library_leaves_nothing_behind() -> None:
    """The library unpacks libsodium into a temporary file at every start; it is gone once we have loaded it."""
    path = Path(sys.modules["rbcl._sodium"].lib_path)
    assert path.parent == Path(gettempdir())
    assert not path.exists()
