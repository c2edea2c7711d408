"""The gateway as an ASGI application: its stations behind its door.

::

    GET  /charter, /charters                the charter in force; all of them from the first
    GET  /log/checkpoint, /log/tile/...     the shared log (tlog-tiles; :mod:`pollwatch.node.logs.readpath`)
    /witness, /mirror                       :mod:`pollwatch.node.gateway.witnessing`
    /inbox                                  :mod:`pollwatch.node.gateway.receiving`
    /taxii2                                 :mod:`pollwatch.sharing.taxii.server`
    /match/messages                         :mod:`pollwatch.sharing.matching.server`
    /inside                                 :mod:`pollwatch.node.gateway.inside`, for its own inside node

It has its own folder (:mod:`pollwatch.node.gateway.gatewayfolder`) and no way to the case, the private log or the keys
there. Every request is bounded in size and time before it is believed; what is refused is told why in one line.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from pollwatch.clock import Clock
from pollwatch.errors import PollwatchError
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.mirror import Mirror
from pollwatch.evidence.published import Published
from pollwatch.evidence.witness import Witness
from pollwatch.node.gateway import serving
from pollwatch.node.gateway.answers import NOTE, failed
from pollwatch.node.gateway.connection import IN_ALL, Connections
from pollwatch.node.gateway.door import Door, Known
from pollwatch.node.gateway.gatewayfolder import GatewayFolder, GatewayMembership
from pollwatch.node.gateway.inside import Inside
from pollwatch.node.gateway.outpost import FolderOutpost
from pollwatch.node.gateway.receiving import Receiving
from pollwatch.node.gateway.serving import FRESH, Listening, refused
from pollwatch.node.gateway.witnessing import Witnessing
from pollwatch.node.logs.readpath import ReadPath
from pollwatch.sharing.clients import Passwords
from pollwatch.sharing.egress import Egress
from pollwatch.sharing.inbox import Mailbox
from pollwatch.sharing.limits import Limits
from pollwatch.sharing.matching.box import Box
from pollwatch.sharing.matching.server import Matching
from pollwatch.sharing.mirrorkey import make_key_note
from pollwatch.sharing.replay import Replays
from pollwatch.sharing.stages import Gate, Stage
from pollwatch.sharing.taxii import server as taxii
from pollwatch.sharing.taxii.server import Station
from pollwatch.sharing.taxii.store import Store
from pollwatch.store import disk


class Gateway:
    """One member's gateway."""

    def __init__(self, membership: GatewayMembership, clock: Clock, limits: Limits | None = None) -> None:
        """Open what the stations keep.

        Args:
            membership: whose gateway it is.
            clock: the time.
            limits: how much each caller gets; None: the usual.

        Raises:
            StoreError: it cannot be opened.
        """
        self._membership = membership
        self._clock = clock
        self._limits = limits or Limits()
        folder, keys, charter = membership.folder, membership.keys, membership.charter
        logs = [each.known_log for each in charter.charter.others(membership.me.name)]
        mirror_key = _mirror_key(membership)
        gate = Gate(folder.stages)
        owners = {each.log.name: each for each in charter.charter.others(membership.me.name)}

        def check(origin: str) -> None:
            if origin in owners:
                gate.check(owners[origin], Stage.WITNESS)

        self._log = ReadPath(Published(folder.log))
        self._witnessing = Witnessing(
            Witness(folder.witness, (keys.witness,), clock, logs),
            Mirror(folder.mirror, (mirror_key,), clock, logs),
            make_key_note(mirror_key.verifier, keys.gateway),
            check,
        )
        self._receiving = Receiving(
            Mailbox(folder.mailbox, clock), folder.charter_files.roll(charter.charter), membership.me, keys.gateway
        )
        store = Store(folder.taxii, clock, keys.gateway)
        self._taxii = Station(membership.me, charter.charter, store, clock)
        self._matching = Matching(Box(folder.match_box, clock), charter.charter, membership.me, keys.gateway)
        self._inside = Inside(FolderOutpost(folder, clock), store, membership.me)
        self._known = Known(
            charter.charter,
            membership.me,
            Replays(folder.nonces, clock.now_us()),
            Passwords(folder.clients),
            gate,
            Egress(folder.egress, bounded=True),
        )

    def routes(self) -> list[BaseRoute]:
        """All routes of all stations."""
        return [
            Route("/charter", self.charter),
            Route("/charters", self.charters),
            *self._log.routes("/log"),
            *self._witnessing.routes(),
            *self._receiving.routes(),
            *taxii.routes(self._taxii),
            *self._matching.routes(),
            *self._inside.routes(),
        ]

    async def charter(self, _request: Request) -> Response:
        """The charter in force."""
        return Response(self._membership.charter.to_bytes(), media_type=NOTE, headers=FRESH)

    async def charters(self, _request: Request) -> Response:
        """All charters from the first, for whoever has an older one."""
        return Response(self._membership.folder.charter_files.load_chain().to_bytes(), media_type=NOTE, headers=FRESH)

    def app(self) -> ASGIApp:
        """The ASGI application."""
        handlers = {HTTPException: refused, PollwatchError: failed}
        inner = Starlette(routes=self.routes(), exception_handlers=handlers)
        return Door(inner, self._known, self._clock, self._limits)


def _mirror_key(membership: GatewayMembership) -> Signer:
    """The mirror's key; made the first time, since the charter does not name it."""
    path = membership.folder.mirror_key
    if not path.exists():
        handle = membership.keys.gateway.name.rpartition("/")[0]
        Signer.generate(f"{handle}/mirror", KeyType.COSIGNATURE).save(path)
    return Signer.load(path)


class Turning:
    """The gateway under whichever charter is in force: it follows when one is pushed, or when its time has come."""

    def __init__(self, folder: GatewayFolder, clock: Clock, limits: Limits | None = None) -> None:
        """Open a gateway's folder.

        Args:
            folder: the gateway's.
            clock: the time.
            limits: how much each caller gets; None: the usual.

        Raises:
            ConfigError: no charter is in force, or it does not name this gateway's keys.
            StoreError: what the stations keep cannot be opened.
        """
        self._folder = folder
        self._clock = clock
        self._limits = limits
        self._read = _mark(folder.charter_files.charters)
        self._app = self._opened()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer under the charter in force."""
        found = _mark(self._folder.charter_files.charters)
        if found != self._read or self._due():
            # If the new charter leaves us out, the old gateway answers nobody either.
            self._read = found
            self._app = await run_in_threadpool(self._opened)
        await self._app(scope, receive, send)

    def _opened(self) -> ASGIApp:
        membership = GatewayMembership.open(self._folder, self._clock.now_us())
        coming = self._folder.charter_files.load_chain().last.charter
        self._next_us = None if coming == membership.charter.charter else coming.effective_us
        return Gateway(membership, self._clock, self._limits).app()

    def _due(self) -> bool:
        return self._next_us is not None and self._clock.now_us() >= self._next_us


def _mark(path: Path) -> tuple[int, int]:
    """What tells a file from the one that stood there before."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_ino


def serve(
    folder: GatewayFolder, listening: Listening, limits: Limits, clock: Clock, ready: Callable[[str], None]
) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are finished first.

    Args:
        folder: the gateway's.
        listening: where, and who ends TLS.
        limits: how much each caller gets.
        clock: for cosignatures and receipts.
        ready: told the address once it listens.

    Raises:
        ConfigError: no charter is in force here.
        StoreError: another process serves this gateway.
        SystemExit: the port is taken (uvicorn says so on stderr).
    """
    # Behind a proxy all connections come from one address, and limiting them is the proxy's business.
    connections = Connections(IN_ALL) if listening.behind_proxy else Connections()
    with disk.held(folder.path / "lock", f"another gateway serves {folder.path} already"):
        serving.run(Turning(folder, clock, limits), listening, ready, connections.protocol)
