"""Members under one charter, all honest but Cedar, whose node does what its operator wants.

There are three of them, or as many as :data:`STAGES` says.
"""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from joint_scenes import trusting
from pollwatch.clock import Clock, ManualClock
from pollwatch.events.detection import Actors, Severity
from pollwatch.events.lines import LineSet
from pollwatch.evidence import checkpoint
from pollwatch.evidence.checkpoint import Checkpoint, SignedCheckpoint
from pollwatch.evidence.keys import Signer
from pollwatch.evidence.log import Log
from pollwatch.evidence.manifest import Posted
from pollwatch.evidence.witness import Witness
from pollwatch.incidents.incident import ElectionContext, Incident, Phase
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Role
from pollwatch.node.charter import enrol
from pollwatch.node.charter.jointfolder import JointFolder, Membership
from pollwatch.node.gateway.app import Turning

NOW_US = 1_793_700_000_000_000
Cast = tuple[tuple[str, Role], ...]
THREE: Cast = (("Alder", Role.MEMBER), ("Birch", Role.MEMBER), ("Cedar", Role.MEMBER))
_TWO: Cast = (("Alder", Role.MEMBER), ("Cedar", Role.MEMBER))
_NEUTRAL: Cast = (("Elm", Role.AUDITOR),)
#: What must hold with two members and with four, with a witness that belongs to neither side and without.
STAGES: dict[str, Cast] = {
    "two": _TWO,
    "two and a neutral witness": _TWO + _NEUTRAL,
    "four": (*THREE, ("Dogwood", Role.MEMBER)),
    "four and a neutral witness": (*THREE, ("Dogwood", Role.MEMBER), *_NEUTRAL),
}
Lie = Callable[[Request], Response]


def an_incident(name: str) -> Incident:
    """A small incident to tell others of."""
    times = (NOW_US - 60_000_000, NOW_US)
    return Incident(
        id=name,
        title="SQL injection",
        severity=Severity.HIGH,
        status="open",
        summary="an attack",
        why=(),
        phases=(Phase("SQL injection", "T1190", "initial-access", *times, 2),),
        techniques=("T1190",),
        tactics=("initial-access",),
        tools=(),
        actors=Actors(ip=("203.0.113.7",)),
        targets=("www",),
        first_us=times[0],
        last_us=times[1],
        lines=LineSet.of("access.log", [1, 2]),
        samples=(),
        rules=(),
        advice=(),
        election=ElectionContext("General election", "results-night", 1),
    )


@dataclass
class Lies:
    """An ASGI application: a real gateway, except for the paths about which its operator lies."""

    honest: ASGIApp
    told: dict[str, Lie] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the lie whose path prefix fits best, else as the gateway would."""
        fitting = [prefix for prefix in self.told if str(scope.get("path", "")).startswith(prefix)]
        if scope["type"] == "http" and fitting:
            request = Request(scope, receive)
            await request.body()
            await self.told[max(fitting, key=len)](request)(scope, receive, send)
            return
        await self.honest(scope, receive, send)

    def log(self, folder: Path) -> None:
        """Serve another log than one's own."""

        def tile(request: Request) -> Response:
            path = folder / "public" / request.url.path.removeprefix("/log/")
            return Response(path.read_bytes()) if path.is_file() else Response(status_code=404)

        self.told["/log/"] = tile

    def answer(self, prefix: str, status: int, body: bytes = b"", media_type: str = "text/plain") -> None:
        """Say always the same below a path."""
        self.told[prefix] = lambda _request: Response(body, status, media_type=media_type)


@dataclass
class Watch:
    """The members, as they act; Cedar's gateway lies as ``lies`` says.

    Attributes:
        alder: an honest one, there always.
        others: the other honest ones, neutral ones among them; none where Alder and Cedar are alone.
        cedar: the one that attacks.
        lies: what Cedar's gateway answers.
        clock: everybody's.
    """

    alder: Membership
    others: tuple[Membership, ...]
    cedar: Membership
    lies: Lies
    clock: ManualClock

    @property
    def birch(self) -> Membership:
        """The first of the other honest ones."""
        return self.others[0]

    def histories(self, tmp_path: Path, *counts: int) -> list[Log]:
        """Cedar's second, third ... log under its one key: each with other entries, published and signed."""
        evidence = self.cedar.folder.case / "evidence" / "keys"
        signers = [Signer.load(evidence / f"{name}.key") for name in ("shared", "shared-mldsa")]
        made = []
        for number, count in enumerate(counts):
            log = Log.open(tmp_path / f"history-{number}", signers, self.clock)
            log.append([Posted.of("policy", f"{number}", f"{each}".encode()).to_bytes() for each in range(count)])
            log.close()
            made.append(log)
        return made

    def cedar_signs(self, size: int, root: bytes) -> SignedCheckpoint:
        """Whatever Cedar wants to have said about its log."""
        key = Signer.load(self.cedar.folder.case / "evidence" / "keys" / "shared.key")
        return checkpoint.signed(Checkpoint(key.name, size, root), [key])

    def witness_of(self, member: Membership) -> Witness:
        """A member's witness state, to look into; close it."""
        return Witness(member.folder.witness, (member.keys.outer.witness,), self.clock, (self.cedar.me.log,))


class Served:
    """An application on loopback, in a thread, until closed."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        """Listen, and answer from now on."""
        self._socket = socket.create_server(("127.0.0.1", port))
        config = uvicorn.Config(app, lifespan="off", ws="none", http="h11", log_level="critical", access_log=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.005)

    def close(self) -> None:
        """Fall silent."""
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()


@contextmanager
def served(*members: Membership, clock: Clock) -> Iterator[Callable[[], None]]:
    """The gateways of these members answer, by this clock, until what is given is called."""
    running: list[Served] = []

    def down() -> None:
        while running:
            running.pop().close()

    try:
        for each in members:
            app = Turning(each.folder.gateway, clock)
            running.append(Served(app, urlsplit(each.me.address).port or 0))
        yield down
    finally:
        down()


def enrol_members(root: Path, members: Sequence[tuple[str, Role]], ports: tuple[int, ...], clock: Clock) -> list[Path]:
    """Make the members' folders under ``root``, with a charter in force; each goes all the way with each other one."""
    cases = [root / name.lower() for name, _role in members]
    cards = [
        enrol.introduce(case, name, name.lower(), role, f"http://127.0.0.1:{port}", clock)
        for case, (name, role), port in zip(cases, members, ports, strict=True)
    ]
    terms = enrol.Terms("Watch", ("General election",), None, Tlp.AMBER, 86_400)
    signed = enrol.begin(cases[0], enrol.draft(cards, terms, clock))
    for case in (*cases, *cases):
        signed = enrol.sign(case, signed.to_bytes(), clock).signed
    trusting(*map(Membership.open, cases), clock=clock)
    return cases


@contextmanager
def watching(template: Path, root: Path, cast: Cast, ports: tuple[int, ...]) -> Iterator[Watch]:
    """The members of a template, copied, with their gateways answering."""
    shutil.copytree(template, root)
    clock = ManualClock(NOW_US)
    cases = {name: root / name.lower() for name, _role in cast}
    apps: dict[str, ASGIApp] = {name: Turning(JointFolder(case).gateway, clock) for name, case in cases.items()}
    lies = Lies(apps["Cedar"])
    apps["Cedar"] = lies
    served: list[Served] = []
    try:
        for app, port in zip(apps.values(), ports, strict=True):
            served.append(Served(app, port))
        members = {name: Membership.open(case) for name, case in cases.items()}
        others = tuple(each for name, each in members.items() if name not in {"Alder", "Cedar"})
        yield Watch(members["Alder"], others, members["Cedar"], lies, clock)
    finally:
        for each in served:
            each.close()
