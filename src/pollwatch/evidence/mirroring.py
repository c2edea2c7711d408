"""The owner's side of tlog-mirror, without sockets: what to send next, and what an answer means.

::

    (nothing known) --add-checkpoint--> pending there --add-entries, none--> 409: told where it stands
    --add-entries--> 202: go on from there --...--> 200: mirrored, cosigned

Every answer may be a lie: each round must bring the mirror forward, cosignatures are checked, and after a bounded
number of rounds we stop. Nobody's refusal holds up publishing.
"""

from __future__ import annotations

from collections.abc import Sequence

from pollwatch.errors import SignatureError
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.keys import Verifier
from pollwatch.evidence.mirrorrequest import INFO, Header, MirrorInfo, build_upload
from pollwatch.evidence.tiles import TileReader
from pollwatch.evidence.witnessanswer import Conflict, Cosigned, Refused, Response, parse_response

_MAX_SETBACKS = 4


class MirrorUpload:
    """One upload of a log to one mirror. Ask :attr:`body`, send it, and give the answer to :meth:`take`."""

    def __init__(self, signed: SignedCheckpoint, log: TileReader, mirror: Sequence[Verifier]) -> None:
        """Begin.

        Args:
            signed: our checkpoint, which the mirror has taken as pending.
            log: our log, at least as large.
            mirror: the mirror's own keys; lines by other keys do not count.
        """
        self._signed = signed
        self._log = log
        self._mirror = tuple(mirror)
        size = signed.checkpoint.size
        self._header = Header(signed.checkpoint.origin, size, size, b"")
        self._setbacks = 0

    @property
    def body(self) -> bytes:
        """The next request body, not yet compressed."""
        return build_upload(self._header, self._log)

    def take(self, answer: Response) -> Cosigned | Refused | None:
        """Understand an answer.

        Returns:
            The mirror's checked cosignature lines, its refusal, or None when :attr:`body` has more to send.

        Raises:
            SignatureError: 200 without a cosignature by the mirror's keys, or with a wrong one.
        """
        if answer.status not in {202, 409} or answer.content_type.partition(";")[0].strip() != INFO:
            outcome = parse_response(answer, self._signed, self._mirror)
            return (
                Refused(409, "it names another size without saying where it stands")
                if isinstance(outcome, Conflict)
                else outcome
            )
        try:
            info = MirrorInfo.parse(answer.body)
        except SignatureError as error:
            return Refused(answer.status, str(error))
        size = self._signed.checkpoint.size
        if info.pending != size or info.next > max(size, self._log.size) or len(info.ticket) > 0xFFFF:
            return Refused(answer.status, f"it expects size {info.pending} from entry {info.next}; we have {size}")
        # Going back, or standing still, is allowed a few times: another upload may have been faster, or was lost.
        if info.next <= self._header.start:
            self._setbacks += 1
        if self._setbacks > _MAX_SETBACKS:
            return Refused(answer.status, "it does not come forward however often it is told")
        self._header = Header(self._header.origin, min(info.next, size), size, info.ticket)
        return None
