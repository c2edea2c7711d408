"""Captured egress equals the record: every byte of a body that crossed the wire is accounted for, both ways."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import h11
import pytest
from click.testing import CliRunner

import joint_scenes
from hostile_scenes import an_incident
from pollwatch.cli.main import root
from pollwatch.clock import SystemClock
from pollwatch.evidence.published import Published
from pollwatch.node import answered, joint, processes, publishing, releasing, watching
from pollwatch.node.jointfolder import Membership
from pollwatch.node.processes import GatewayProcess
from pollwatch.node.releasing import Decision
from pollwatch.sharing.egress import ASKED, Left
from pollwatch.sharing.inbox import Mailbox
from pollwatch.sharing.ledger import Ledger

CLOCK = SystemClock()


@dataclass
class Wire:
    """A wire to one gateway: forwards connections, and keeps every byte of each in both directions."""

    listener: socket.socket
    to: int
    connections: list[tuple[bytearray, bytearray]] = field(default_factory=list)

    def run(self) -> None:
        """Forward until closed."""
        with suppress(OSError):
            while True:
                client, _address = self.listener.accept()
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        asked, answers = bytearray(), bytearray()
        self.connections.append((asked, answers))
        with client, socket.create_connection(("127.0.0.1", self.to)) as server:
            back = threading.Thread(target=_pump, args=(server, client, answers), daemon=True)
            back.start()
            _pump(client, server, asked)
            back.join()

    def bodies(self) -> tuple[list[bytes], list[bytes]]:
        """The bodies of all requests and of all answers, as they crossed."""
        asked: list[bytes] = []
        answers: list[bytes] = []
        for sent, received in self.connections:
            client, server = h11.Connection(h11.SERVER, 1 << 26), h11.Connection(h11.CLIENT, 1 << 26)
            client.receive_data(bytes(sent))
            server.receive_data(bytes(received))
            while (request := _event(client)) is not None:
                asked.append(_body(client))
                server.send(h11.Request(method=request.method, target=request.target, headers=[("host", "x")]))
                server.send(h11.EndOfMessage())
                if _event(server) is None:
                    break
                answers.append(_body(server))
                client.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                client.send(h11.EndOfMessage())
                if client.our_state is not h11.DONE or server.our_state is not h11.DONE:
                    break
                client.start_next_cycle()
                server.start_next_cycle()
        return asked, answers


def _event(connection: h11.Connection) -> h11.Request | h11.Response | None:
    event = connection.next_event()
    return event if isinstance(event, h11.Request | h11.Response) else None


def _body(connection: h11.Connection) -> bytes:
    body = bytearray()
    while isinstance(event := connection.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage), event
    return bytes(body)


def _pump(source: socket.socket, target: socket.socket, kept: bytearray) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            kept += data
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def tapped(tmp_path: Path) -> Iterator[tuple[list[Membership], list[Wire]]]:
    """Two members who go all the way, their gateways as processes, and a wire before each."""
    members = joint_scenes.enrolled(tmp_path, "ab", CLOCK)
    joint_scenes.trusting(*members, clock=CLOCK)
    wires, gateways = [], []
    with ExitStack() as stack:
        for each, port in zip(members, processes.free_ports(2), strict=True):
            listener = socket.create_server(("127.0.0.1", urlsplit(each.me.address).port or 0))
            stack.callback(listener.close)
            wires.append(Wire(listener, port))
            gateways.append(GatewayProcess(each.folder.case, replace(each.me, address=f"http://127.0.0.1:{port}")))
            threading.Thread(target=wires[-1].run, daemon=True).start()
        stack.enter_context(processes.running(*gateways))
        yield members, wires


def counted(found: tuple[Left, ...], member: str, *, asked: bool) -> dict[bytes, int]:
    """How often each body left for a member, as request or as answer."""
    counts: dict[bytes, int] = {}
    for each in found:
        if each.member == member and (each.status == ASKED) is asked and each.size:
            counts[each.sha256] = counts.get(each.sha256, 0) + each.times
    return counts


def seen(bodies: list[bytes]) -> dict[bytes, int]:
    """How often each body crossed the wire."""
    counts: dict[bytes, int] = {}
    for each in bodies:
        if each:
            counts[sha256(each).digest()] = counts.get(sha256(each).digest(), 0) + 1
    return counts


def test_every_byte_that_crosses_is_on_record(tapped: tuple[list[Membership], list[Wire]]) -> None:
    """Publishing, watching, releasing and taking in: each body captured on the wire is on its sender's record."""
    (a, b), wires = tapped
    for each in (a, b):
        publishing.publish(each, CLOCK)
        watching.check_peers(each, CLOCK)
    prepared = releasing.prepare_incident(a, an_incident("PW-1"), None, CLOCK)
    assert not releasing.release(a, prepared, b.me, Decision("officer", "charter"), CLOCK).problem
    assert [each.mail.body for each in joint.take_in(b, CLOCK)] == [prepared.body]
    for sender, receiver, wire in ((a, b, wires[1]), (b, a, wires[0])):
        asked, answers = wire.bodies()
        ours, theirs = answered.everything(sender, CLOCK), answered.everything(receiver, CLOCK)
        assert seen(asked) == counted(ours, receiver.me.name, asked=True)
        assert seen(answers) == counted(theirs, sender.me.name, asked=False)
        assert seen(answers)
        found = {each.release.sha256: each.release.body for each in Ledger(sender.folder.record).all()}
        mails = {each.sha256: each.body for each in Mailbox(receiver.folder.mailbox, CLOCK).all()}
        assert mails.items() <= found.items()  # what was delivered stands in the ledger, byte for byte
        public = Published(receiver.folder.gateway.log)
        for each in theirs:
            if each.member and each.status == 200 and each.body is None and each.target.startswith("/log/"):
                data = public.read(each.target.removeprefix("/log/"))
                assert data is not None
                assert sha256(data).digest() == each.sha256  # and a tile is found by its path
    listed = CliRunner().invoke(root, ["egress", "--to", "B", "--case", str(a.folder.case)], standalone_mode=False)
    assert "asked by us" in listed.stdout
    assert "/inbox" in listed.stdout
