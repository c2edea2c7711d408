"""What fuzzing (``make fuzz``) and reading for it found, each made to happen again."""

from __future__ import annotations

import pytest

from pollwatch import canonical
from pollwatch.errors import FormatError, ProofError
from pollwatch.evidence.fields import Fields
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.policy import Policy
from pollwatch.members.member import check_names
from pollwatch.sharing.indicators import reading


@pytest.mark.parametrize("data", [rb'{"\ud800":1}', rb'{"a":[{"\udfff":""}]}'])
def test_half_a_surrogate_pair_as_a_key_is_refused_in_words(data: bytes) -> None:
    """Attack: a key that no UTF-8 can carry ended the reader with an error that nobody awaits."""
    with pytest.raises(FormatError, match="surrogate"):
        canonical.loads(data)
    with pytest.raises(ProofError, match="surrogate"):
        Fields.load(data, "entry")


def test_any_depth_is_read_or_refused_in_words() -> None:
    """Attack: JSON that can just be read, but is too deep to be written again."""
    for depth in range(1, 1200, 7):
        data = b"[" * depth + b"]" * depth
        try:
            assert canonical.dumps(canonical.loads(data)) == data
        except FormatError as error:
            assert "deep" in str(error)  # noqa: PT017 - shallow ones are read


def test_a_feed_with_bytes_that_are_no_text_is_refused_in_words() -> None:
    """Attack 12: one byte in a MISP attribute that is no UTF-8 ended the import of the whole feed."""
    found = reading.read_bytes(b'{"Event":{"Object":[{"Attribute":[{"type":"d\xffmain","value":"x"}]}]}}', "misp")
    assert "UTF-8" in found.refused[0].reason


@pytest.mark.parametrize("address", ["http://[::1", "http://[zz]:1", "http://a\uff0fb", "http://a:b"])
def test_an_address_that_is_none_is_refused_in_words(address: str) -> None:
    """Attack 12: a member's card with half a bracket in its address ended the reader with an error of the library."""
    with pytest.raises(FormatError, match="no address"):
        check_names("A", "a", address)


def test_groups_may_stand_on_groups_without_end() -> None:
    """Attack: a policy of five thousand groups, each of the one before, so that asking it would exhaust the stack."""
    key = Signer("w", KeyType.COSIGNATURE, bytes(32)).verifier
    groups = "".join(f"group g{each} 1 {f'g{each - 1}' if each else 'w'}\n" for each in range(5000))
    policy = Policy.parse(f"witness w {key.vkey}\n{groups}quorum g4999\n".encode())
    assert policy.is_met({"w"})
    assert not policy.is_met({"g4998", "somebody"})
