"""The log's side of tlog-witness, without sockets: ask until the witness cosigns, refuses, or cannot make up its mind.

A log does not remember what each witness cosigned last: it begins with 0 and is told (409). Every answer may be a lie;
after a few rounds we stop. Nobody's refusal holds up publishing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.request import build_add_checkpoint
from pollwatch.evidence.tiles import TileReader
from pollwatch.evidence.witnessanswer import Conflict, Cosigned, Refused, Response, parse_response

_MAX_CONFLICTS = 3
_CONFLICT = 409

Post: TypeAlias = Callable[[bytes], Response]
"""Send an ``add-checkpoint`` body; gives the answer."""
Accept: TypeAlias = Callable[[bytes], Cosigned]
"""What the body of a 200 means; raises SignatureError where it is nothing of the kind."""


def ask(post: Post, signed: SignedCheckpoint, log: TileReader, accept: Accept) -> Cosigned | Refused:
    """Send ``add-checkpoint`` from whatever size the other side names.

    Args:
        post: sends one body.
        signed: our checkpoint.
        log: our log, at least as large.
        accept: understands 200, which a witness and a mirror mean differently; all else means the same of both.

    Raises:
        SignatureError: 200 with nothing that ``accept`` takes.
    """
    size, old = signed.checkpoint.size, 0
    for _attempt in range(_MAX_CONFLICTS):
        proof = log.consistency(old, size) if 0 < old <= size else ()
        answer = post(build_add_checkpoint(old, proof, signed))
        outcome = accept(answer.body) if answer.status == 200 else parse_response(answer, signed, ())
        if not isinstance(outcome, Conflict):
            return outcome
        if outcome.size > size:
            return Refused(_CONFLICT, f"it says it has cosigned size {outcome.size}, and we have only {size}")
        old = outcome.size
    return Refused(_CONFLICT, "it names another last size each time it is asked")
