"""Signed notes, checkpoints, tlog-proofs, keys, requests to witnesses and their answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from made import COSIGNERS, LOG, by_name

from pollwatch.errors import PollwatchError, SignatureError
from pollwatch.evidence import note, rotation
from pollwatch.evidence.checkpoint import Checkpoint, SignedCheckpoint, signed
from pollwatch.evidence.keychain import Link
from pollwatch.evidence.keys import KeyType, Signer, Verifier
from pollwatch.evidence.request import build_add_checkpoint, parse_add_checkpoint
from pollwatch.evidence.tlogproof import TlogProof
from pollwatch.evidence.witnessanswer import TEXT, Response, parse_response

_SENT = signed(Checkpoint(LOG.name, 3, bytes(range(32))), [LOG])
_KEYS = [each.verifier for each in COSIGNERS]


def _request(data: bytes) -> bytes:
    request = parse_add_checkpoint(data)
    return build_add_checkpoint(request.old, request.proof, request.signed)


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise SignatureError("callers decode, and refuse what is not UTF-8, before these readers") from None


def _answer(data: bytes) -> None:
    for status, kind in ((200, TEXT), (409, "text/x.tlog.size"), (422, TEXT)):
        try:
            parse_response(Response(status, kind, data), _SENT, _KEYS)
        except PollwatchError:
            continue


_AGAIN: tuple[Callable[[bytes], bytes], ...] = (
    lambda data: note.parse(data).to_bytes(),
    lambda data: SignedCheckpoint.parse(data).to_bytes(),
    lambda data: TlogProof.parse(data).to_bytes(),
    _request,
    lambda data: Verifier.parse(_text(data)).vkey.encode("utf-8"),
    lambda data: Checkpoint.parse(_text(data)).text.encode("utf-8"),
    lambda data: Link.parse(_text(data)).text.encode("utf-8"),
)


def read(data: bytes) -> None:
    """What parses is written again as the same bytes."""
    for again in _AGAIN:
        try:
            written = again(data)
        except PollwatchError:
            continue
        assert written == data
    _answer(data)


def seeds(folder: Path) -> list[bytes]:
    """One of each."""
    made = by_name(folder)
    names = ("note", "checkpoint", "cosigned checkpoint", "tlog-proof", "witness request")
    following = Signer(LOG.name, KeyType.ED25519, bytes(range(9, 41)))
    link = rotation.begin(LOG, following.verifier, 1)
    texts = [_SENT.checkpoint.text.encode(), LOG.verifier.vkey.encode(), link, note.parse(link).text.encode(), b"12\n"]
    cosigned = SignedCheckpoint.parse(made["cosigned checkpoint"].data)
    answer = "".join(each.line for each in cosigned.note.signatures[1:]).encode()
    return [*(made[name].data for name in names), *texts, answer]
