"""What another member sends in a matching: papers in its log, messages, openings, shares. Members may sign lies."""

from __future__ import annotations

from pathlib import Path

import joint

from pollwatch.errors import PollwatchError
from pollwatch.evidence import note
from pollwatch.sharing.matching import audit, entering, messages, reading, releases, ristretto, tables
from pollwatch.sharing.matching.messages import Message, Step
from pollwatch.sharing.matching.pair import Evaluation
from pollwatch.sharing.matching.papers import Closing, Commitment, Finding, Group, Mode, Outcome, Reason, Refusal
from pollwatch.sharing.matching.tables import Shape

_RUN = "0" * 32
_ME, _PEER = joint.MEMBERS


def read(data: bytes) -> None:
    """As it came; as a paper with a right signature under whatever it says; and as the payload of a true message."""
    _read(data)
    text = data.decode("utf-8", "replace").rpartition("\n\n")[0] + "\n"
    try:
        signed = note.sign_note(text, (joint.SIGNERS["A"],)).to_bytes()
    except PollwatchError:
        pass  # no text that can be signed
    else:
        _paper(signed)
    message = Message(_RUN, joint.CHARTER.digest, "A", "B", Step.OFFER, payload=data)
    whole = message.to_bytes(joint.SIGNERS["A"])
    assert messages.read(whole, joint.CHARTER, _PEER) == (message, _ME)


def _read(data: bytes) -> None:
    _paper(data)
    for attempt in (
        lambda: messages.read(data, joint.CHARTER, _PEER),
        lambda: audit.check(data, "A", joint.CHARTER),
        lambda: releases.part(data),
        lambda: entering.split(data),
        lambda: Evaluation.parse(data, 1),
        lambda: tables.read(data, Shape(1, 2)),
        lambda: ristretto.element(data[:32]),
        lambda: ristretto.scalar(data[:32]),
    ):
        try:
            attempt()
        except PollwatchError:
            continue


def _paper(data: bytes) -> None:
    try:
        paper = reading.read(data, _ME)
    except PollwatchError:
        return
    assert reading.read(paper.sign(joint.SIGNERS["A"]), _ME) == paper


def seeds(_folder: Path) -> list[bytes]:
    """One of each paper, a message, and what travels in them."""
    charter, signer = joint.CHARTER.digest, joint.SIGNERS["A"]
    point = ristretto.base_times(ristretto.scalar_of(7))
    papers = (
        Commitment(_RUN, Mode.PAIR, charter, 1, "A", ("B",), 10, bytes(32), bytes(32), point, bytes(32), 0),
        Closing(_RUN, charter, "A", Outcome.COMPLETED, key_destroyed=True, at_us=0),
        Refusal(_RUN, charter, "A", "B", Reason.SIZE, "too large", 0),
        Finding(_RUN, charter, "A", "B", 3, "", 0),
        Group(_RUN, charter, 1, "A", ("A", "B"), ("A", "B"), "B", 3, 2, 10, 0),
    )
    message = Message(_RUN, charter, "A", "B", Step.ANSWER, nonce=bytes(32), payload=point)
    return [*(each.sign(signer) for each in papers), message.to_bytes(signer), point * 3, bytes(64) + point]
