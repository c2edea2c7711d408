"""A notice: whoever claimed, asked or drafted puts on record that another has it, by the receipt of its own gateway.

From the receipt the time to answer is counted; a draft statement says itself when it closes. Without a receipt nobody
can say that somebody was silent: it may never have heard. The receipt is signed by the receiver and names the very
object, so it cannot be shown for another one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pollwatch.attribution import extension, paper
from pollwatch.attribution.subject import Named
from pollwatch.errors import FormatError, PolicyError
from pollwatch.evidence import note as notes
from pollwatch.members import document
from pollwatch.members.delivery import Receipt, read_receipt
from pollwatch.members.member import Member
from pollwatch.members.roll import Naming
from pollwatch.stix.constants import PAPER_EXTENSION, StixObject
from pollwatch.stix.objects import Maker

_SHAPE: Final[dict[str, type]] = {"paper": str, "received": dict, "receipt": str}


@dataclass(frozen=True, slots=True)
class Notice:
    """A signed notice, as it was read; its receipt has been checked.

    Attributes:
        id: of the note.
        author: who claimed, asked or drafted.
        subject: the claim, statement or inquiry, in the version that arrived.
        receiver: at whose gateway.
        received_us: when, as that gateway says.
    """

    id: str
    author: Member
    subject: Named
    receiver: Member
    received_us: int


def to_stix(subject: Named, receiver: Member, receipt: bytes, maker: Maker) -> StixObject:
    """Sign a notice.

    Raises:
        PolicyError: the receipt is for something else.
        EvidenceError: it is not the receiver's.
    """
    _check(read_receipt(receipt, receiver.gateway), subject, receiver, maker.member)
    words = f"{receiver.name} received {subject.id}."
    return paper.make(
        maker,
        "notice",
        subject.id,
        words,
        abstract="Notice",
        received=subject.record(),
        receipt=receipt.decode("utf-8"),
    )


def from_stix(each: StixObject, author: Member, names: Naming) -> Notice:
    """Read a notice whose signature has been checked, and check its receipt.

    Raises:
        FormatError: a notice that does not say what a notice says.
        EvidenceError: the receipt is not the receiver's.
        PolicyError: it is for something else, or of nobody in the charter.
    """
    record = extension.read(each, PAPER_EXTENSION, _SHAPE)
    subject = Named.from_record(record["received"])
    if paper.about(each) != subject.id:
        raise FormatError(f"{extension.name_of(each)} is about something else than what was received")
    data = record["receipt"].encode("utf-8")
    receiver = names.member(read_receipt(data).delivery.receiver)
    receipt = _opened(data, receiver, names)
    _check(receipt, subject, receiver, author)
    return Notice(each["id"], author, subject, receiver, receipt.received_us)


def arrived(notices: Iterable[Notice], subject: Named, author: Member) -> dict[str, Notice]:
    """The earliest notice by its author that something has arrived, by the identity of whoever has it."""
    found: dict[str, Notice] = {}
    for each in sorted(notices, key=lambda each: (each.received_us, each.id)):
        if (each.subject, each.author) == (subject, author):
            found.setdefault(each.receiver.identity, each)
    return found


def _opened(data: bytes, receiver: Member, names: Naming) -> Receipt:
    """A receipt under the key that the receiver's gateway had then."""
    terms = names.roll.terms(receiver, "gateway")
    signed = notes.parse(data, max_bytes=document.MAX_BYTES)
    term = next((known for known in terms if signed.by(known.key)), terms[0])
    receipt = read_receipt(data, term.key)
    term.check("the receipt", receiver, receipt.received_us)
    return receipt


def _check(receipt: Receipt, subject: Named, receiver: Member, author: Member) -> None:
    delivery = receipt.delivery
    if subject.digest not in receipt.spoken or (delivery.sender, delivery.receiver) != (author.name, receiver.name):
        raise PolicyError(f"the receipt is not of {receiver.name} for {subject.id} from {author.name}")
