"""The lab's clock and its programme: what happens when, in a week that takes some twenty minutes.

The recorded time is the machine's time plus an offset, kept in the file that libfaketime reads. Between two entries
of the programme the conductor makes the offset larger, so that time jumps; while a *job* runs (a tool at full speed,
a log-in by ssh) time runs as it does outside, one second per second, and everything that falls due meanwhile happens
between the job's requests. The offset only grows: stamps never step back.

`Pacer` slows a real tool down without the tool's knowing: it is the tool's HTTP proxy, and lets one request pass when
the programme's time has come for it.
"""

from __future__ import annotations

import datetime as dt
import heapq
import itertools
import random  # noqa: TID251 - seeded: the programme must be the same at each recording
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Amsterdam")
Step = Callable[[], None]


def moment(text: str) -> float:
    """Seconds since 1970 of a local time such as ``10-30 21:40`` (month-day hour:minute[:second]) in 2026."""
    return dt.datetime.fromisoformat("2026-" + text.replace(" ", "T")).replace(tzinfo=ZONE).timestamp()


class Conductor:
    """The programme, and the clock it moves."""

    def __init__(self, clock: Path, start: float, seed: int) -> None:
        """Set the clock file to ``start``."""
        self.clock, self.chance = clock, random.Random(seed)
        self.queue: list[tuple[float, int, Step]] = []
        self.numbers = itertools.count()
        self.guard = threading.Lock()
        self.jobs = 0
        self.offset = 0.0
        self.move(start)

    def now(self) -> float:
        """The recorded time."""
        return time.time() + self.offset  # noqa: TID251 - the lab has no injected clock: this is its clock

    def move(self, to: float) -> None:
        """Jump ahead; never back."""
        offset = to - time.time()  # noqa: TID251
        if self.offset and offset <= self.offset:
            return
        self.offset = offset
        fresh = self.clock.with_suffix(".new")
        fresh.write_text(f"{offset:+.3f}\n", encoding="ascii")
        fresh.rename(self.clock)

    def at(self, when: float, step: Step) -> None:
        """Enter a step in the programme. May be called from any thread."""
        with self.guard:
            heapq.heappush(self.queue, (when, next(self.numbers), step))

    def job(self, work: Step) -> None:
        """Start work in a thread; time runs at its own pace until it ends."""
        self.hold()

        def body() -> None:
            try:
                work()
            finally:
                self.release()

        threading.Thread(target=body, daemon=True).start()

    def hold(self) -> None:
        """Let time run at its own pace until `release`."""
        with self.guard:
            self.jobs += 1

    def release(self) -> None:
        """What `hold` held for has ended."""
        with self.guard:
            self.jobs -= 1

    def job_at(self, when: float, work: Step) -> None:
        """Enter a job in the programme."""
        self.at(when, lambda: self.job(work))

    def play(self, end: float) -> None:
        """Play the programme until ``end``."""
        while True:
            with self.guard:
                head = self.queue[0][0] if self.queue else end
                busy = self.jobs > 0
            wait = min(head, end) - self.now()
            if wait > 0 and busy:
                time.sleep(min(wait, 0.02))
                continue
            self.move(min(head, end))
            if head >= end:
                return
            with self.guard:
                _, _, step = heapq.heappop(self.queue)
            step()


class Pacer:
    """An HTTP proxy on 127.0.0.1 that lets one request pass at a time, when the programme says so.

    Args:
        conductor: whose time counts.
        source: the address from which the requests go on.
        start: before this nothing passes.
        gap: seconds of recorded time between two requests, from and to.
        most: requests that pass; the rest is refused, which ends the tool.
    """

    def __init__(self, conductor: Conductor, source: str, start: float, gap: tuple[float, float], most: int) -> None:
        """Listen on a free port."""
        self.conductor, self.source, self.next, self.gap, self.left = conductor, source, start, gap, most
        self.guard = threading.Lock()
        pacer = self

        class Relay(socketserver.BaseRequestHandler):
            """Hands one request on and its answer back."""

            def handle(self) -> None:
                """Read, wait for the turn, relay."""
                request = read_request(self.request)
                if request and pacer.turn():
                    try:
                        self.request.sendall(pacer.relay(request))
                    finally:
                        pacer.conductor.release()

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Relay)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """What the tool's proxy option takes."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def turn(self) -> bool:
        """Wait for this request's time, and hold the clock from then on; false when the allowance is used up."""
        come = threading.Event()

        def call() -> None:
            self.conductor.hold()
            come.set()

        with self.guard:
            if self.left <= 0:
                return False
            self.left -= 1
            when = max(self.next, self.conductor.now())
            self.next = when + self.conductor.chance.uniform(*self.gap)
        self.conductor.at(when, call)
        come.wait()
        return True

    def relay(self, request: bytes) -> bytes:
        """Send the request to its server and read the whole answer."""
        first, _, rest = request.partition(b"\r\n")
        method, target, version = first.split(b" ", 2)
        host, _, path = target.removeprefix(b"http://").partition(b"/")
        headers = [
            line
            for line in rest.split(b"\r\n\r\n")[0].split(b"\r\n")
            if not line.lower().startswith((b"connection:", b"proxy-", b"host:"))
        ]
        head = b"\r\n".join(
            [method + b" /" + path + b" " + version, b"Host: voters.alderland.example", *headers, b"Connection: close"]
        )
        address, _, port = host.partition(b":")
        with socket.create_connection((address.decode(), int(port or 80)), 30, (self.source, 0)) as server:
            server.sendall(head + b"\r\n\r\n" + request.split(b"\r\n\r\n", 1)[1])
            return b"".join(iter(lambda: server.recv(65536), b""))


def read_request(connection: socket.socket) -> bytes:
    """One HTTP request with its body; empty when the client sent none."""
    connection.settimeout(60)
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return b""
        data += chunk
    head, body = data.split(b"\r\n\r\n", 1)
    sizes = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while sizes and len(body) < sizes[0]:
        chunk = connection.recv(65536)
        if not chunk:
            break
        body += chunk
    return head + b"\r\n\r\n" + body
