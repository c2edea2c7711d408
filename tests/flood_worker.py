"""A process that floods a gateway in one of several ways until it is told to stop; then says what it got.

``python flood_worker.py KIND CASE MEMBER ADDRESS``; says when it has begun, and stops at the end of its standard input.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from pollwatch import canonical
from pollwatch.clock import SystemClock
from pollwatch.node.charter.jointfolder import Membership

CONNECTIONS = 24
STOP = threading.Event()
GOT: Counter[str] = Counter()


def members(case: Path, name: str) -> None:
    """A member that asks without end, each request well signed."""
    membership = Membership.open(case)
    way = membership.way_to(membership.charter.member(name), SystemClock())
    with way.client() as client:
        while not STOP.is_set():
            try:
                GOT[str(client.get("/log/checkpoint").status_code)] += 1
            except httpx.HTTPError as error:
                GOT[type(error).__name__] += 1


def strangers(address: str) -> None:
    """Somebody unknown that asks without end, from an address of its own, with signatures that are none."""
    transport = httpx.HTTPTransport(local_address="127.0.0.9")
    headers = {
        "signature-input": 'pollwatch=();created=1;keyid="'
        + "0" * 64
        + '";alg="ed25519";expires=2;nonce="'
        + "A" * 22
        + '";tag="pollwatch-request"',
        "signature": "pollwatch=::",
    }
    with httpx.Client(base_url=address, transport=transport, trust_env=False, headers=headers) as client:
        while not STOP.is_set():
            try:
                GOT[str(client.get("/log/tile/0/000").status_code)] += 1
            except httpx.HTTPError as error:
                GOT[type(error).__name__] += 1


def dawdlers(address: str, number: int) -> None:
    """Somebody who begins requests and never ends them: the head, the body, or taking the answer."""
    parts = urlsplit(address)
    begun = [
        b"GET /charter HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST /witness/add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
        b"GET /charter HTTP/1.1\r\nHost: x\r\n\r\n" * 2000,
    ][number % 3]
    while not STOP.is_set():
        with (
            suppress(OSError),
            socket.create_connection(
                (parts.hostname or "", parts.port or 0), timeout=5, source_address=("127.0.0.9", 0)
            ) as opened,
        ):
            opened.sendall(begun)
            GOT["begun"] += 1
            for _second in range(30):
                if STOP.wait(0.5):
                    return
                if number % 3 != 2:
                    opened.sendall(b"x")
        GOT["cut"] += 1
        time.sleep(0.05)


def main() -> None:
    """Flood until standard input ends."""
    kind, case, name, address = sys.argv[1:]
    targets = {
        "member": lambda _number: members(Path(case), name),
        "stranger": lambda _number: strangers(address),
        "dawdler": lambda number: dawdlers(address, number),
    }
    count = 90 if kind == "dawdler" else CONNECTIONS
    threads = [threading.Thread(target=targets[kind], args=(number,), daemon=True) for number in range(count)]
    for each in threads:
        each.start()
    while sum(GOT.values()) < count:
        time.sleep(0.02)
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    sys.stdin.read()
    STOP.set()
    for each in threads:
        each.join(15)
    sys.stdout.write(canonical.compact(dict(GOT)))


if __name__ == "__main__":
    main()
