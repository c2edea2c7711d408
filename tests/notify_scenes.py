"""People to tell, a case in which things happen to be told, and servers on this machine that take what is sent."""

from __future__ import annotations

import json
import socketserver
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message as Mail
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pollwatch.clock import parse_rfc3339
from pollwatch.events.detection import Actors, Severity
from pollwatch.events.lines import LineSet
from pollwatch.incidents import rows, tables
from pollwatch.incidents.incident import ElectionContext, Incident
from pollwatch.notify.settings import NotifySettings, parse_notify
from pollwatch.store.database import Database

NIGHT = parse_rfc3339("2026-11-03T20:00:00Z")
HOSTILE = (
    "Evil\r\nBcc: all@office.example\n<!channel> @everyone [click](https://evil.example/x) "
    "www.evil.example \u202egpj \x1b[2J `rm`"
)

SETTINGS = """
zone = "Europe/Amsterdam"
link = "https://watch.alder.example"
digest_at = ["08:00", "17:00"]

[[channel]]
name = "sms"
file = "sms"
detail = "bare"

[[channel]]
name = "mail"
file = "mail"

[[channel]]
name = "house"
file = "house"
detail = "full"

[[person]]
name = "Ada"
role = "duty officer"
telephone = "+31 20 111 11 11"
urgent = ["sms", "mail"]
digest = ["mail"]
quiet = "22:00-07:00"

[[person]]
name = "Bo"
role = "analyst"
telephone = "+31 20 222 22 22"
language = "nl"
urgent = ["house"]
quiet = "23:00-06:00"

[[person]]
name = "Cleo"
role = "director"
telephone = "+31 20 333 33 33"
urgent = ["sms"]

[[step]]
people = ["Ada"]

[[step]]
after_minutes = 10
people = ["Bo"]

[[step]]
after_minutes = 20
people = ["Cleo"]
"""


def settings(text: str = SETTINGS, where: str = "/nowhere/pollwatch.toml") -> NotifySettings:
    """Parsed settings; the text is the inside of ``[notify]``."""
    return parse_notify(tomllib.loads(text), where)


def happen(
    database: Database,
    name: str,
    severity: Severity,
    at_us: int,
    *,
    priority: int = 3,
    title: str = "Password guessing",
    status: str = "open",
) -> None:
    """An incident comes into the case, or is found again."""
    found = Incident(
        id=name,
        title=title,
        severity=severity,
        status="open",
        summary=title,
        why=(),
        phases=(),
        techniques=("T1110",),
        tactics=(),
        tools=(),
        actors=Actors(ip=("203.0.113.7",)),
        targets=("results.alder.example",),
        first_us=at_us,
        last_us=at_us,
        lines=LineSet.of("auth.log", [1]),
        samples=(),
        rules=(),
        advice=(),
        election=ElectionContext("Municipal election", "campaign", priority),
    )
    put(database, found, at_us, status)


def put(database: Database, found: Incident, at_us: int, status: str = "open") -> None:
    """An incident as a row, without a scan."""
    table = tables.INCIDENTS
    row = rows.incident_row(found)
    with database.writing() as connection:
        if connection.execute(sa.select(table.c.id).where(table.c.id == found.id)).first():
            connection.execute(sa.update(table).where(table.c.id == found.id).values({**row, "status": status}))
        else:
            more = {"id": found.id, "status": status, "created_us": at_us, "updated_us": at_us}
            connection.execute(sa.insert(table).values({**row, **more}))


class Post:
    """A mail server that takes everything, or refuses everything, on this machine."""

    def __init__(self) -> None:
        """Nothing has come yet."""
        self.raw: list[bytes] = []
        self.refusing = False
        self.port = 0

    @property
    def mails(self) -> list[Mail]:
        """What came, parsed."""
        return [message_from_bytes(each, policy=default) for each in self.raw]

    def text(self, number: int = -1) -> str:
        """The words of one mail, as its reader sees them."""
        body = self.mails[number].get_body(("plain", "html"))  # type: ignore[attr-defined]
        return str(body.get_content())


@contextmanager
def post_office() -> Iterator[Post]:
    """A mail server on loopback; it speaks as much SMTP as a client needs."""
    post = Post()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            for line in self.rfile:
                verb = line[:4].upper()
                if verb in {b"EHLO", b"HELO"}:
                    self.wfile.write(b"250 here\r\n")
                elif verb == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    data = b""
                    for each in self.rfile:
                        if each == b".\r\n":
                            break
                        data += each[1:] if each.startswith(b"..") else each
                    post.raw.append(data)
                    self.wfile.write(b"250 taken\r\n")
                elif verb == b"QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                else:
                    self.wfile.write(b"451 try again\r\n" if post.refusing else b"250 ok\r\n")

    with _serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        post.port = port
        yield post


class Hook:
    """A webhook on this machine."""

    def __init__(self) -> None:
        """Nothing has come yet."""
        self.got: list[dict[str, Any]] = []
        self.status = 200
        self.port = 0


@contextmanager
def webhook() -> Iterator[Hook]:
    """An HTTP server on loopback that keeps the JSON it gets."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if hook.status == 200:
                hook.got.append(json.loads(body))
            self.send_response(hook.status)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with _serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        hook.port = port
        yield hook


@contextmanager
def _serving(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def secret_file(path: Path, text: str) -> None:
    """A file that only its owner can read."""
    path.write_text(text, "utf-8")
    path.chmod(0o600)
