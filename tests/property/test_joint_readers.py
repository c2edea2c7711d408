"""Whatever another member sends, reading it ends in one of our errors; and what we sign reads back as it was."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from member_scenes import made
from pollwatch.errors import PollwatchError, SignatureError
from pollwatch.evidence.keys import Signer
from pollwatch.members import document
from pollwatch.members.card import read_card
from pollwatch.members.charter import Charter, SignedCharter
from pollwatch.members.delivery import Delivery, Receipt, check_body, open_delivery, open_receipt
from pollwatch.members.marking import Tlp
from pollwatch.members.rules import Quorum

_MADE = {name: made(name, place) for place, name in enumerate(("Alder", "Birch"), 1)}
_KEYS = {name: each.statement for name, each in _MADE.items()}
_ALDER, _BIRCH = (each.member for each in _MADE.values())
_CHARTER = Charter("W", (_ALDER, _BIRCH), (), Quorum(1, 1, 0), Tlp.GREEN, 0, 0)
_SIGNED = SignedCharter.begin(_CHARTER, _KEYS["Alder"]).to_bytes()
_CARD = _MADE["Alder"].card
_DELIVERY = Delivery(_CHARTER.digest, "Alder", "Birch", "0" * 64, Tlp.GREEN, 1_000_000)
_NOTE = base64.b64decode(_DELIVERY.to_header(_KEYS["Alder"]))
_READERS: list[tuple[Callable[[bytes], object], bytes]] = [
    (SignedCharter.parse, _SIGNED),
    (read_card, _CARD),
    (lambda data: open_delivery(base64.b64encode(data).decode(), _CHARTER, _BIRCH), _NOTE),
]


@pytest.mark.parametrize(("reader", "valid"), _READERS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_changed_documents_are_refused(reader: Callable[[bytes], object], valid: bytes, data: st.DataObject) -> None:
    """Attack 12: bytes of a signed document are cut, doubled or replaced."""
    start = data.draw(st.integers(0, len(valid)))
    end = data.draw(st.integers(start, len(valid)))
    changed = valid[:start] + data.draw(st.binary(max_size=40)) + valid[end:]
    if changed == valid:
        return
    with pytest.raises(PollwatchError):
        reader(changed)


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=300))
def test_any_header_is_refused_in_words(header: str) -> None:
    """Attack 12: a delivery note of arbitrary text ends in one of our errors."""
    with pytest.raises(PollwatchError):
        open_delivery(header, _CHARTER, _BIRCH)


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.text(max_size=12), st.text(max_size=12) | st.integers(-(2**50), 2**50) | st.booleans()))
def test_signed_documents_read_back(value: dict[str, object]) -> None:
    """What is signed under one kind reads back under that kind and key, and under no other."""
    data = document.sign("thing", value, (_KEYS["Alder"],))
    assert document.open_signed("thing", data, _KEYS["Alder"].verifier) == value
    with pytest.raises(SignatureError):
        document.open_signed("other", data, _KEYS["Alder"].verifier)
    with pytest.raises(SignatureError):
        document.open_signed("thing", data, _KEYS["Birch"].verifier)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(Tlp), st.integers(0, 2**50), st.binary(max_size=50))
def test_a_receipt_is_for_one_delivery(tlp: Tlp, time_us: int, body: bytes) -> None:
    """A note reads back as it was signed; its receipt fits it and no other delivery."""
    delivery = Delivery(_CHARTER.digest, "Alder", "Birch", "ab" * 32, tlp, time_us)
    read, sender = open_delivery(delivery.to_header(_KEYS["Alder"]), _CHARTER, _BIRCH)
    assert (read, sender) == (delivery, _ALDER)
    gateway = Signer.generate("x/gateway")
    receipt = Receipt(delivery, time_us).sign(gateway)
    assert open_receipt(receipt, delivery, gateway.verifier).received_us == time_us
    with pytest.raises(SignatureError):
        open_receipt(receipt, _DELIVERY, gateway.verifier)
    with pytest.raises(SignatureError):
        check_body(delivery, body)
