"""The only way out: every request that a node sends to another member's gateway goes through here.

Requests are signed with the node's request key. Before anything leaves, and for as long as it takes, the member's stage
is asked for (:mod:`pollwatch.sharing.stages`); where it no longer allows what is under way, the connection is cut.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from pollwatch.clock import Clock
from pollwatch.evidence.keys import Signer
from pollwatch.members.charter import Charter
from pollwatch.members.member import Member
from pollwatch.sharing import bounded, signedrequest, stages
from pollwatch.sharing.egress import ASKED, Egress, Leaving
from pollwatch.sharing.severing import Severable
from pollwatch.sharing.signedrequest import Head
from pollwatch.sharing.stages import Gate, Stage

#: Requests whose bytes are kept elsewhere: in the ledger, or in our own log.
_FOUND: Final = re.compile(r".*/(?:inbox$|witness/|mirror/)")


@dataclass(frozen=True, slots=True)
class Outbound:
    """How this node reaches one member.

    Attributes:
        member: whom.
        charter: the one in force here.
        signer: this node's request key.
        clock: for the signatures.
        gate: how far we go with that member, now.
        needs: the stage that what we are about to send needs, beyond what its route does.
        egress: the record of what leaves; None for the way between the parts of one member.
    """

    member: Member
    charter: Charter
    signer: Signer = field(repr=False)
    clock: Clock
    gate: Gate
    needs: Stage = Stage.ALONE
    egress: Path | None = None

    def check(self, method: str, path: str) -> None:
        """Let a request pass that is about to be made, or is under way.

        Raises:
            StageError: the member's stage does not allow it (any more).
        """
        base = httpx.URL(self.member.address).path.rstrip("/")
        self.gate.check(self.member, max(self.needs, stages.outbound(method, path.removeprefix(base))))

    def client(self, transport: httpx.BaseTransport | None = None) -> httpx.Client:
        """A client for this member's gateway; close it.

        Args:
            transport: another way to reach it than TCP.
        """
        headers = {signedrequest.CHARTER: self.charter.digest}
        severable = Severable(transport or bounded.tcp(), self.check)
        return bounded.client(headers, severable, base_url=self.member.address, auth=_Signing(self))


class _Signing(httpx.Auth):
    """Signs a request when it is complete."""

    requires_request_body = True

    def __init__(self, way: Outbound) -> None:
        self._way = way

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        self._way.check(request.method, request.url.path)  # what may not leave is not on record as if it had
        self._record(request)
        fields = [(name.lower(), value) for name, value in request.headers.multi_items()]
        head = Head(request.method, target_of(self._way.member, request.url), fields)
        request.headers.update(signedrequest.sign(head, request.content, self._way.signer, self._way.clock.now_us()))
        yield request

    def _record(self, request: httpx.Request) -> None:
        """What is asked is on record before it leaves: its bytes too, unless the ledger or our own log has them."""
        if self._way.egress is None:
            return
        target = request.url.raw_path.decode("ascii")
        keep = not _FOUND.match(target)
        now_us, member = self._way.clock.now_us(), self._way.member.name
        with closing(Egress(self._way.egress)) as egress:
            egress.record(Leaving(now_us, member, request.method, target, ASKED, request.content, keep))


def target_of(member: Member, url: httpx.URL) -> str:
    """What a request to a member's gateway is for, in the words of the charter and not of the URL that was dialled."""
    base = httpx.URL(member.address).raw_path.rstrip(b"/")
    return member.address + url.raw_path.removeprefix(base).decode("ascii")
