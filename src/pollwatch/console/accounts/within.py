"""What pages about accounts have at hand: the desk, and what the gate found out about the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request

from pollwatch.console.access import NotSignedInError, viewer_of
from pollwatch.console.accounts.desk import Desk
from pollwatch.console.accounts.hosts import Hosts
from pollwatch.console.accounts.oidc import OpenId
from pollwatch.console.accounts.passkeys import Site
from pollwatch.console.accounts.sessions import Session
from pollwatch.console.accounts.throttle import Caller
from pollwatch.console.accounts.trail import Actor

BACK: Final = "/sign-in/oidc/back"


@dataclass(frozen=True, slots=True)
class Entrance:
    """Everything through which people come in; made once.

    Attributes:
        desk: the accounts.
        hosts: how this console is called.
        provider: of identities; None where there is none.
    """

    desk: Desk
    hosts: Hosts
    provider: OpenId | None = None


@dataclass(frozen=True, slots=True)
class At:
    """One request at the entrance."""

    request: Request
    entrance: Entrance

    @property
    def desk(self) -> Desk:
        """The accounts."""
        return self.entrance.desk

    @property
    def cookie(self) -> str:
        """What the browser's cookie holds."""
        value: str = self.request.state.cookie
        return value

    @property
    def caller(self) -> Caller:
        """From where they come."""
        caller: Caller = self.request.state.caller
        return caller

    @property
    def session(self) -> Session:
        """The session of the browser.

        Raises:
            NotSignedInError: it has none.
        """
        session: Session | None = self.request.state.session
        if session is None:
            raise NotSignedInError("sign in first")
        return session

    @property
    def site(self) -> Site | None:
        """For which site passkeys are; None where they cannot be used."""
        return self.entrance.hosts.site(self.request)

    @property
    def back(self) -> str:
        """Our address to which an identity provider sends people back."""
        return self.entrance.hosts.link(self.request, BACK)

    @property
    def actor(self) -> Actor:
        """Who does this, as the trail calls them."""
        viewer = viewer_of(self.request)
        if viewer is None:
            return Actor("", "", "", self.caller.address)
        return Actor(viewer.id, viewer.name, viewer.role.value, self.caller.address)


def _at(request: Request) -> At:
    entrance: Entrance = request.app.state.entrance
    return At(request, entrance)


#: In a route's signature: ``at: Here``.
Here = Annotated[At, Depends(_at)]
