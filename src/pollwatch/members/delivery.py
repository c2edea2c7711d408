"""The two papers of a delivery: the sender's note, and the receiver's receipt.

The body that travels is the STIX bundle and nothing else, so that what was captured on the wire can be compared
byte for byte with the ledger. Beside it, in a header, goes a signed note that names sender, receiver and the body's
SHA-256: a stranger is refused before his body is read, and what was sent to one member cannot be shown as sent to
another. The receipt repeats these words under the receiver's key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Any, Final

from pollwatch.clock import parse_rfc3339, rfc3339
from pollwatch.errors import FormatError, PolicyError, SignatureError
from pollwatch.evidence.keys import Signer, Verifier
from pollwatch.members import document
from pollwatch.members.charter import Charter
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Member

#: The HTTP header of a delivery.
NOTE_HEADER: Final = "pollwatch-delivery"
_MAX_HEADER: Final = 16_000
_SHAPE: Final = dict.fromkeys(("charter", "from", "to", "sha256", "tlp", "time"), str)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a sender says about a body.

    Attributes:
        charter: digest of the charter under which it is sent.
        sender: its member name.
        receiver: member name.
        sha256: of the body, in hex.
        tlp: marking of the whole.
        time_us: when, as the sender says.
    """

    charter: str
    sender: str
    receiver: str
    sha256: str
    tlp: Tlp
    time_us: int

    def record(self) -> dict[str, Any]:
        """The delivery as JSON."""
        return {
            "charter": self.charter,
            "from": self.sender,
            "to": self.receiver,
            "sha256": self.sha256,
            "tlp": self.tlp.word,
            "time": rfc3339(self.time_us),
        }

    def to_header(self, statement: Signer) -> str:
        """The signed note, as a header's value."""
        return base64.b64encode(document.sign("delivery", self.record(), (statement,))).decode("ascii")


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receiver's word that it has a body.

    Attributes:
        delivery: what it received, as the sender described it.
        received_us: when, as the receiver says.
        spoken: SHA-256 in hex of each object in it that the sender says about who did it (claims, inquiries, ...), so
            that nobody can say later that it never got one of them; sorted.
    """

    delivery: Delivery
    received_us: int
    spoken: tuple[str, ...] = ()

    def sign(self, gateway: Signer) -> bytes:
        """The receipt as a signed note."""
        return document.sign("receipt", self.record(), (gateway,))

    def record(self) -> dict[str, Any]:
        """The receipt as JSON."""
        return {
            "delivery": self.delivery.record(),
            "received": rfc3339(self.received_us),
            "spoken": list(self.spoken),
        }


def open_delivery(header: str, charter: Charter, receiver: Member) -> tuple[Delivery, Member]:
    """Check a delivery's note before its body is read.

    Returns:
        The delivery and its sender.

    Raises:
        FormatError: malformed.
        SignatureError: not signed by the member it says it is from.
        PolicyError: under another charter, or to another member.
    """
    if len(header) > _MAX_HEADER:
        raise FormatError("the delivery note is too long")
    try:
        data = base64.b64decode(header, validate=True)
    except (binascii.Error, ValueError):
        raise FormatError("the delivery note is not base64") from None
    _note, value = document.read("delivery", data)
    delivery = _delivery(value)
    if delivery.charter != charter.digest:
        raise PolicyError(f"sent under charter {delivery.charter[:16]}; here {charter.digest[:16]} is in force")
    sender = next((each for each in charter.members if each.name == delivery.sender), None)
    if sender is None or sender.name == receiver.name:
        raise SignatureError(f"{delivery.sender[:80]!r} is no other member of this charter")
    document.open_signed("delivery", data, sender.statement)
    if delivery.receiver != receiver.name:
        raise PolicyError(f"addressed to {delivery.receiver[:80]!r}, not to {receiver.name}")
    return delivery, sender


def check_body(delivery: Delivery, body: bytes) -> None:
    """Accept a body as the one that the note names.

    Raises:
        SignatureError: it is another one.
    """
    if hashlib.sha256(body).hexdigest() != delivery.sha256:
        raise SignatureError("the body is not the one that the delivery note names")


def open_receipt(data: bytes, delivery: Delivery, gateway: Verifier) -> Receipt:
    """Check a receipt.

    Raises:
        FormatError: malformed.
        SignatureError: not by the receiver, or for another delivery.
    """
    receipt = read_receipt(data, gateway)
    if receipt.delivery != delivery:
        raise SignatureError(f"the receipt of {delivery.receiver} is for another delivery")
    return receipt


def read_receipt(data: bytes, gateway: Verifier | None = None) -> Receipt:
    """Read a receipt, for whatever delivery; without a key, only to find out whose it says it is.

    Raises:
        FormatError: malformed.
        SignatureError: not by that gateway.
    """
    value = document.read("receipt", data)[1] if gateway is None else document.open_signed("receipt", data, gateway)
    record = document.fields(value, "receipt", {"delivery": dict, "received": str, "spoken": list})
    spoken = document.texts(record["spoken"], "the receipt's digests")
    receipt = Receipt(_delivery(record["delivery"]), _time(record["received"]), spoken)
    if receipt.record() != record or list(spoken) != sorted(set(spoken)):
        raise FormatError("the receipt is not in its only form")
    return receipt


def _delivery(value: object) -> Delivery:
    record = document.fields(value, "delivery note", _SHAPE)
    delivery = Delivery(
        record["charter"],
        record["from"],
        record["to"],
        record["sha256"],
        Tlp.parse(record["tlp"]),
        _time(record["time"]),
    )
    if delivery.record() != record:
        raise FormatError("the delivery note is not in its only form")
    return delivery


def _time(text: str) -> int:
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise FormatError(str(error)) from None
