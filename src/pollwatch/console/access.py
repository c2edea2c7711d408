"""Who is looking, and the dependency by which every route says what it asks of them.

A route carries ``need(Permission.X)``, in its signature where it wants the viewer, else among its dependencies::

    @router.get("/inbox")
    def inbox(viewer: Annotated[Viewer, need(Permission.READ)]) -> Response: ...

    @router.post("/accounts/{id}/role", dependencies=[need(Permission.ADMIN, fresh=True)])

or ``open_to_all("why")``. A route with neither is refused by a test that walks through all of them.

Who is looking was found out before, by the middleware of :mod:`pollwatch.console.accounts`, which leaves a
:class:`Viewer` in ``request.state.viewer`` and the token for forms in ``request.state.csrf``. What happens when
somebody may not is decided in one place too: the errors here become a redirect to the sign-in page, or 401 and 403.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from fastapi import Depends, Request, params
from fastapi.dependencies.models import Dependant

from pollwatch.canonical import Json
from pollwatch.console.roles import PERMISSIONS, Permission, Role
from pollwatch.errors import AccessError

__all__ = [
    "Deed",
    "NotFreshError",
    "NotPermittedError",
    "NotSignedInError",
    "Permission",
    "Role",
    "Viewer",
    "asked_of",
    "did",
    "need",
    "open_to_all",
    "viewer_of",
]


class NotSignedInError(AccessError):
    """Nobody is signed in; a browser is led to the sign-in page and then back."""


class NotPermittedError(AccessError):
    """The viewer's role does not have this permission."""


class NotFreshError(AccessError):
    """The viewer has to prove who they are once more: what they ask for could not be taken back."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is looking.

    Attributes:
        id: the account, for ever; or ``token:ID`` of an API token.
        name: how people call them; goes into histories as ``who``.
        role: what they are in this office.
        language: which language they read (``nl``); empty where their browser is to say.
        zone: the time zone they read times in (IANA name).
        fresh: whether they proved who they are within the last minutes.
        scope: what a token may do at most; None for people, who may do what their role may.
    """

    id: str
    name: str
    role: Role
    language: str = ""
    zone: str = "UTC"
    fresh: bool = True
    scope: frozenset[Permission] | None = None

    @property
    def permissions(self) -> frozenset[Permission]:
        """All that they may do."""
        granted = PERMISSIONS[self.role]
        return granted if self.scope is None else granted & self.scope

    def may(self, permission: Permission | str) -> bool:
        """Whether they may; templates ask with the permission's word: ``viewer.may("decide")``."""
        return Permission(permission) in self.permissions


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did, in words for the audit trail.

    Attributes:
        action: what, e.g. ``incident status``.
        about: to what: an incident's id, an account's name.
        detail: in which way; never a password, a code or a token.
    """

    action: str
    about: str = ""
    detail: Mapping[str, Json] = field(default_factory=dict)


class _Need:
    """The dependency that :func:`need` gives."""

    def __init__(self, permission: Permission, *, fresh: bool) -> None:
        self.permission: Final = permission
        self.fresh: Final = fresh

    async def __call__(self, request: Request) -> Viewer:
        viewer = viewer_of(request)
        if viewer is None:
            raise NotSignedInError("sign in first")
        if not viewer.may(self.permission):
            raise NotPermittedError(
                f"{viewer.role.value}s may not do that: it takes the permission {self.permission.value!r}; ask a lead"
            )
        if self.fresh and not viewer.fresh:
            raise NotFreshError("prove once more who you are")
        return viewer


class _Open:
    """The dependency that :func:`open_to_all` gives."""

    def __init__(self, why: str) -> None:
        self.why: Final = why

    async def __call__(self) -> None:
        pass


def need(permission: Permission, *, fresh: bool = False) -> params.Depends:
    """A dependency: somebody is signed in and may do this; it gives the :class:`Viewer`.

    Args:
        permission: what the route does.
        fresh: whether the viewer must have proved within the last minutes who they are (accounts, keys, tokens).
    """
    return cast("params.Depends", Depends(_Need(permission, fresh=fresh)))


def open_to_all(why: str) -> params.Depends:
    """A dependency that lets everybody in, signed in or not, and says why that is right.

    Args:
        why: the reason, for those who read the list of all routes.
    """
    return cast("params.Depends", Depends(_Open(why)))


def viewer_of(request: Request) -> Viewer | None:
    """Who is looking; None where nobody is signed in. For what every page shows; to decide, use :func:`need`."""
    found: Viewer | None = getattr(request.state, "viewer", None)
    return found


def did(request: Request, action: str, about: str = "", **detail: Json) -> None:
    """Say in the audit trail what is done here, better than method and path can.

    Every request that changes something is in the trail anyway. One that only shows something gets a row by this: a
    page that gives out lines, exports, or asks in SQL calls it.
    """
    deeds: list[Deed] = request.scope.setdefault("state", {}).setdefault("deeds", [])
    deeds.append(Deed(action, about, detail))


def asked_of(dependant: Dependant) -> Permission | str | None:
    """What a route asks of its viewers.

    Args:
        dependant: ``route.dependant``.

    Returns:
        The permission; or why it is open to all, as text; or None where the route says neither.
    """
    for call in _calls(dependant):
        if isinstance(call, _Need):
            return call.permission
        if isinstance(call, _Open):
            return call.why
    return None


def _calls(dependant: Dependant) -> Iterator[object]:
    yield dependant.call
    for each in dependant.dependencies:
        yield from _calls(each)
