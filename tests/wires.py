"""A wire before a gateway: it forwards connections and keeps what crosses, so that a record can be held against it."""

from __future__ import annotations

import itertools
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import h11

from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.gateway import processes
from pollwatch.node.gateway.processes import GatewayProcess
from pollwatch.sharing.egress import ASKED, Left

_MOST = 1 << 26
_SIGNED_BY = re.compile(rb'keyid="([^"]+)"')


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, as they crossed.

    Attributes:
        method: of the request.
        target: path and query.
        signed_by: fingerprint of the request key (``keyid`` of RFC 9421); empty where it is not signed.
        asked: the request's body.
        status: of the answer.
        answer: the answer's body.
    """

    method: str
    target: str
    signed_by: str
    asked: bytes = field(repr=False)
    status: int
    answer: bytes = field(repr=False)


class Wire:
    """Forwards to one gateway until closed, and keeps every byte of each connection in a folder, both directions."""

    def __init__(self, address: str, folder: Path) -> None:
        """Listen at an address; the gateway has to listen at :attr:`port` instead.

        Args:
            address: of the gateway, as the charter names it.
            folder: gets two files for each connection.
        """
        folder.mkdir(parents=True)
        (self.port,) = processes.free_ports(1)
        self._folder = folder
        self._numbers = itertools.count()
        self._listener = socket.create_server(("127.0.0.1", urlsplit(address).port or 0))
        threading.Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        """Take no more connections; those that are open go on."""
        self._listener.close()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                threading.Thread(target=self._forward, args=(client, next(self._numbers)), daemon=True).start()

    def _forward(self, client: socket.socket, number: int) -> None:
        asked, answers = (self._folder / f"{number:05}.{name}" for name in ("asked", "answers"))
        asked.touch()
        answers.touch()
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self.port)) as server:
            back = threading.Thread(target=_pump, args=(server, client, answers), daemon=True)
            back.start()
            _pump(client, server, asked)
            back.join()


def before(members: list[Membership], folder: Path) -> tuple[list[Wire], list[GatewayProcess]]:
    """A wire at each member's address, and the gateways behind them, not started yet."""
    wires = [Wire(each.me.address, captured(folder, each.me.name)) for each in members]
    moved = [
        replace(each.me, address=f"http://127.0.0.1:{wire.port}") for each, wire in zip(members, wires, strict=True)
    ]
    return wires, [GatewayProcess(each.folder.case, at) for each, at in zip(members, moved, strict=True)]


def captured(folder: Path, name: str) -> Path:
    """Where a member's wire keeps what crossed."""
    return folder / name.split(maxsplit=1)[0].lower()


def exchanges(folder: Path) -> Iterator[Exchange]:
    """All that crossed a wire, connection by connection; nothing may be left over that is no HTTP."""
    for path in sorted(folder.glob("*.asked")):
        yield from _of_connection(path.read_bytes(), path.with_suffix(".answers").read_bytes())


def _of_connection(sent: bytes, received: bytes) -> Iterator[Exchange]:
    client, server = h11.Connection(h11.SERVER, _MOST), h11.Connection(h11.CLIENT, _MOST)
    client.receive_data(sent)
    server.receive_data(received)
    while isinstance(request := client.next_event(), h11.Request):
        asked = _body(client)
        server.send(h11.Request(method=request.method, target=request.target, headers=[("host", "x")]))
        server.send(h11.EndOfMessage())
        response = server.next_event()
        assert isinstance(response, h11.Response), response
        answer = _body(server)
        by = _SIGNED_BY.search(b" ".join(value for name, value in request.headers if name == b"signature-input"))
        method, target = request.method.decode(), request.target.decode()
        yield Exchange(method, target, by[1].decode() if by else "", asked, response.status_code, answer)
        client.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
        client.send(h11.EndOfMessage())
        if client.our_state is not h11.DONE or server.our_state is not h11.DONE:
            break
        client.start_next_cycle()
        server.start_next_cycle()
    assert not client.trailing_data[0].strip(), "bytes crossed that belong to no request"
    assert not server.trailing_data[0].strip(), "bytes crossed that belong to no answer"


def _body(connection: h11.Connection) -> bytes:
    body = bytearray()
    while isinstance(event := connection.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage), event
    return bytes(body)


def _pump(source: socket.socket, target: socket.socket, path: Path) -> None:
    with path.open("ab", buffering=0) as kept, suppress(OSError):
        while data := source.recv(65536):
            kept.write(data)
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


#: Method, target, status (:data:`ASKED` for a request), and SHA-256 of the body: how often.
Counts = dict[tuple[str, str, int, bytes], int]


def recorded(found: tuple[Left, ...], member: str, *, asked: bool) -> Counts:
    """What a record says was sent to a member: by requests of ours, or by answers of our gateway."""
    counts: Counts = {}
    for each in found:
        if each.member == member and (each.status == ASKED) is asked:
            key = (each.method, each.target, each.status, each.sha256)
            counts[key] = counts.get(key, 0) + each.times
    return counts


def crossed(found: list[Exchange], *, asked: bool) -> Counts:
    """What really crossed, in the same form."""
    counts: Counts = {}
    for each in found:
        status, body = (ASKED, each.asked) if asked else (each.status, each.answer)
        # Of a refusal the gateway does not keep what was asked for: whoever is refused chose that.
        key = (each.method, each.target if status < 400 else "", status, sha256(body).digest())
        counts[key] = counts.get(key, 0) + 1
    return counts
