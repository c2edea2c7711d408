"""The only way out: every request that a node sends to another member's gateway goes through here.

Requests are signed with the node's request key, and before anything leaves, whoever opened the way is asked whether
that member may still be told something.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import httpx

from pollwatch.clock import Clock
from pollwatch.evidence.keys import Signer
from pollwatch.members.charter import Charter
from pollwatch.members.member import Member
from pollwatch.sharing import bounded, signedrequest
from pollwatch.sharing.signedrequest import Head


def _always() -> None:
    """Nothing stands in the way."""


@dataclass(frozen=True, slots=True)
class Outbound:
    """How this node reaches one member.

    Attributes:
        member: whom.
        charter: the one in force here.
        signer: this node's request key.
        clock: for the signatures.
        check: raises PolicyError where nothing may leave for that member (any more); asked before each request.
    """

    member: Member
    charter: Charter
    signer: Signer = field(repr=False)
    clock: Clock
    check: Callable[[], None] = _always

    def client(self, transport: httpx.BaseTransport | None = None) -> httpx.Client:
        """A client for this member's gateway; close it.

        Args:
            transport: another way to reach it than TCP.
        """
        headers = {signedrequest.CHARTER: self.charter.digest}
        return bounded.client(headers, transport, base_url=self.member.address, auth=_Signing(self))


class _Signing(httpx.Auth):
    """Signs a request when it is complete."""

    requires_request_body = True

    def __init__(self, way: Outbound) -> None:
        self._way = way

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        self._way.check()
        fields = [(name.lower(), value) for name, value in request.headers.multi_items()]
        head = Head(request.method, target_of(self._way.member, request.url), fields)
        request.headers.update(signedrequest.sign(head, request.content, self._way.signer, self._way.clock.now_us()))
        yield request


def target_of(member: Member, url: httpx.URL) -> str:
    """What a request to a member's gateway is for, in the words of the charter and not of the URL that was dialled."""
    base = httpx.URL(member.address).raw_path.rstrip(b"/")
    return member.address + url.raw_path.removeprefix(base).decode("ascii")
