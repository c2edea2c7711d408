"""The messages of a run, as they travel between gateways: a signed header, then the bytes that it names.

Inside nodes take no connection. A message is therefore left at the other side's gateway, which checks who brings it and
that it is whole, and keeps it until its inside node comes by. Gateways see blinded elements only and hold no key with
which anything could be tried out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from pollwatch.clock import rfc3339
from pollwatch.errors import FormatError, PolicyError, SignatureError
from pollwatch.evidence.keys import Signer, Verifier
from pollwatch.members import document
from pollwatch.members.charter import Charter
from pollwatch.members.member import Member
from pollwatch.sharing.matching.reading import run_id, time_of

MEDIA_TYPE: Final = "application/vnd.pollwatch.matching"
#: Shares of the largest group run are larger than any pair's elements.
MAX_BYTES: Final = 64 << 20
_MAX_HEADER: Final = 32_000
_SIZE_BYTES: Final = 4
_SHAPE: Final = dict.fromkeys(("run", "charter", "from", "to", "step", "paper", "nonce", "sha256", "time"), str)


class Step(StrEnum):
    """Where in a run a message belongs."""

    OFFER = "offer"
    REPLY = "reply"
    ANSWER = "answer"
    FINAL = "final"
    REFUSAL = "refusal"
    OPENING = "opening"
    INVITE = "invite"
    BLINDED = "blinded"
    EVALUATED = "evaluated"
    HOLDING = "holding"  # never sent: that a set was evaluated
    SHARES = "shares"
    HITS = "hits"


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Attributes:
        run: the run's id.
        charter: digest of the charter.
        sender: member name.
        receiver: member name.
        step: where in the run.
        paper: a signed commitment or refusal, as posted; empty where the step has none.
        nonce: the sender's share of the beacon, where the step reveals it.
        payload: elements, evaluations or shares.
        at_us: when, as the sender says.
    """

    run: str
    charter: str
    sender: str
    receiver: str
    step: Step
    paper: bytes = field(default=b"", repr=False)
    nonce: bytes = field(default=b"", repr=False)
    payload: bytes = field(default=b"", repr=False)
    at_us: int = 0

    def record(self) -> dict[str, Any]:
        """The header as JSON."""
        return {
            "run": self.run,
            "charter": self.charter,
            "from": self.sender,
            "to": self.receiver,
            "step": self.step.value,
            "paper": self.paper.decode("utf-8"),
            "nonce": self.nonce.hex(),
            "sha256": hashlib.sha256(self.payload).hexdigest(),
            "time": rfc3339(self.at_us),
        }

    def to_bytes(self, statement: Signer) -> bytes:
        """The message under its sender's signature."""
        header = document.sign("matching-message", self.record(), (statement,))
        return len(header).to_bytes(_SIZE_BYTES, "big") + header + self.payload


def read(data: bytes, charter: Charter, receiver: Member) -> tuple[Message, Member]:
    """A message and its sender.

    Raises:
        FormatError: malformed, or not in its only form.
        SignatureError: not signed by the member it says it is from, or with another payload.
        PolicyError: under another charter, or to another member.
    """
    if len(data) > MAX_BYTES:
        raise FormatError(f"a message of {len(data)} bytes is over the limit of {MAX_BYTES}")
    end = _SIZE_BYTES + int.from_bytes(data[:_SIZE_BYTES], "big")
    if not _SIZE_BYTES < end <= min(len(data), _MAX_HEADER):
        raise FormatError("a matching message begins with the size of its header")
    header, payload = data[_SIZE_BYTES:end], data[end:]
    _note, value = document.read("matching-message", header)
    message = _message(value, payload)
    if message.charter != charter.digest:
        raise PolicyError(f"sent under charter {message.charter[:16]}; here {charter.digest[:16]} is in force")
    sender = next((each for each in charter.members if each.name == message.sender), None)
    if sender is None or sender.name == receiver.name:
        raise SignatureError(f"{message.sender[:80]!r} is no other member of this charter")
    document.open_signed("matching-message", header, sender.statement)
    if message.receiver != receiver.name:
        raise PolicyError(f"addressed to {message.receiver[:80]!r}, not to {receiver.name}")
    return message, sender


def make_receipt(data: bytes, message: Message, received_us: int, gateway: Signer) -> bytes:
    """A gateway's word that it has a message."""
    words = {"run": message.run, "from": message.sender, "to": message.receiver, "step": message.step.value}
    sha256 = hashlib.sha256(data).hexdigest()
    return document.sign("matching-receipt", {**words, "sha256": sha256, "received": rfc3339(received_us)}, (gateway,))


def open_receipt(receipt: bytes, data: bytes, gateway: Verifier) -> int:
    """When a message was received, by a receipt for exactly these bytes.

    Raises:
        FormatError: malformed.
        SignatureError: not by the receiver's gateway, or for another message.
    """
    value = document.open_signed("matching-receipt", receipt, gateway)
    names = ("run", "from", "to", "step", "sha256", "received")
    record = document.fields(value, "the receipt", dict.fromkeys(names, str))
    if record["sha256"] != hashlib.sha256(data).hexdigest():
        raise SignatureError("the receipt is for another message")
    return time_of(record["received"])


def _message(value: object, payload: bytes) -> Message:
    record = document.fields(value, "the message's header", _SHAPE)
    try:
        message = Message(
            run_id(record["run"]),
            record["charter"],
            record["from"],
            record["to"],
            Step(record["step"]),
            record["paper"].encode("utf-8"),
            bytes.fromhex(record["nonce"]),
            payload,
            time_of(record["time"]),
        )
    except ValueError as error:  # an unknown step, half a surrogate, odd hex digits
        raise FormatError(f"the message's header cannot be read: {type(error).__name__}") from None
    if message.record()["sha256"] != record["sha256"]:
        raise SignatureError("the payload is not the one that the message's header names")
    if message.record() != record:
        raise FormatError("the message's header is not in its only form")
    return message
