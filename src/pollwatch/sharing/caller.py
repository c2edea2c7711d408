"""Who calls the gateway, as its door found out. Stations ask here and never look at credentials themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.requests import HTTPConnection

from pollwatch.errors import PeerError
from pollwatch.members.member import Member

#: Where the door leaves the caller in an ASGI scope.
SCOPE_KEY: Final = "pollwatch.caller"


class UnauthenticatedError(PeerError):
    """Nobody whom the charter knows asks, or not in a way that shows it; over HTTP this is 401."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        member: on whose behalf.
        signed: whether the member's node signed this very request (RFC 9421). Where not, a third party's client gave
            the password that was made for that member; what it says never speaks for the member.
    """

    member: Member
    signed: bool


def caller_of(request: HTTPConnection) -> Caller:
    """Who asks.

    Raises:
        UnauthenticatedError: nobody was authenticated.
    """
    found = request.scope.get(SCOPE_KEY)
    if not isinstance(found, Caller):
        raise UnauthenticatedError("sign the request with your member's request key, or give its client's password")
    return found
