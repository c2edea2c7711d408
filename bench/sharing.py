"""Speed of the TAXII server over HTTP, in a process of its own; in the same run medallion, where it is installed.

Run: ``.venv/bin/python bench/sharing.py``; with the peer after
``.venv/bin/pip install --require-hashes -r requirements/bench.txt``. ``--large 1000000`` for the collection of the goal
(some minutes, 2 GB of disk). What is posted is checked and durable before it is acknowledged; medallion keeps it in
memory and checks nothing. The client runs on the same machine and costs both the same.

The first rate is by the clock. The second is by the processor time of server and client together, which is what one
quiet core would show by the clock but for waiting for the disk (once per POST); the third by the server's alone.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from pollwatch import canonical
from pollwatch.clock import monotonic_s
from pollwatch.node.gateway import processes
from taxii_scenes import API, TAXII, Address, indicator, served

BATCH, POSTED, PEER, PAGES = 1_000, 20_000, 2_000, 40


class Connection:
    """One kept connection to a TAXII server."""

    def __init__(self, base: str, collection: str, user: str, password: str) -> None:
        """Connect."""
        parts = urlsplit(base)
        self._http = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=900)
        self._objects = f"{collection}objects/"
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"accept": TAXII, "content-type": TAXII, "authorization": f"Basic {token}"}

    def post(self, body: bytes) -> None:
        """Post an envelope; all of it must be taken."""
        status, answer = self._ask("POST", self._objects, body)
        counts = canonical.loads_lenient(answer, max_bytes=64 << 20)
        assert status == 202, answer[:300]
        assert counts["failure_count"] == 0, answer[:300]

    def page(self, query: str) -> bytes:
        """A page of objects."""
        status, answer = self._ask("GET", f"{self._objects}?{query}", None)
        assert status == 200, answer[:300]
        return answer

    def every(self, limit: int) -> int:
        """Read the whole collection; how many objects."""
        count, after = 0, ""
        while True:
            page = canonical.loads_lenient(self.page(f"limit={limit}{after}"), max_bytes=64 << 20)
            count += len(page.get("objects", []))
            if not page.get("more"):
                return count
            after = f"&next={page['next']}"

    def _ask(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        for _attempt in range(2):  # a server closes what was idle for some seconds
            try:
                self._http.request(method, path, body, self._headers)
                answer = self._http.getresponse()
                return answer.status, answer.read()
            except http.client.RemoteDisconnected:
                self._http.close()
        raise ConnectionError(path)


def bodies(count: int, first: int = 0, batch: int = BATCH) -> Iterator[bytes]:
    """Envelopes of indicators, as a feed would have them."""
    text = "Seen in an attack on the register of voters; it may be shared, rented, hijacked, or planted to mislead."
    for start in range(first, first + count, batch):
        objects = [indicator(n, description=text) for n in range(start, min(start + batch, first + count))]
        yield canonical.compact({"objects": objects}).encode()


@contextmanager
def rate(what: str, count: int, pid: int, goal: int | None = None) -> Iterator[list[float]]:
    """Print how many a second the body did: by the clock, and by the processor time of both and of the server."""
    rates: list[float] = []
    begun, spent, own = monotonic_s(), cpu_s(pid), time.process_time()
    yield rates
    used = max(0.01, cpu_s(pid) - spent)
    rates += [count / took for took in (monotonic_s() - begun, used + time.process_time() - own, used)]
    print(f"{what:60} {rates[0]:>11,.0f} {rates[1]:>13,.0f} {rates[2]:>13,.0f} {f'{goal:,}' if goal else '':>8}")


def cpu_s(pid: int) -> float:
    """Processor seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def first_page(connection: Connection) -> float:
    """Seconds for the first page of 1,000 objects: the median of several."""
    connection.page("limit=1000")
    spent = []
    for _ in range(PAGES):
        begun = monotonic_s()
        connection.page("limit=1000")
        spent.append(monotonic_s() - begun)
    return statistics.median(spent)


def ours(folder: Path, large: int) -> tuple[list[float], list[float]]:
    """Our server: posting, reading, and the first page of a small and of a large collection; rates of POST and GET."""
    with served(folder / "small") as small:
        connection, pid = connected(small), small.process.pid
        envelopes = list(bodies(POSTED))
        with rate("POST, 1,000 an envelope: objects", POSTED, pid, 5_000) as posted:
            for each in envelopes:
                connection.post(each)
        envelopes = list(bodies(POSTED, POSTED, 100))
        with rate("POST, 100 an envelope: objects", POSTED, pid):
            for each in envelopes:
                connection.post(each)
        assert connection.page("limit=1000").count(b'"type":"indicator"') == BATCH
        with rate("GET, 1,000 a page: objects", BATCH * PAGES, pid, 20_000) as got:
            for _ in range(PAGES):
                connection.page("limit=1000")
        with rate("GET of all, page by page, read apart by the client: objects", 2 * POSTED, pid):
            assert connection.every(1_000) == 2 * POSTED
    first_pages(folder, large)
    return posted, got


def first_pages(folder: Path, large: int) -> None:
    """The first page of a collection of 1,000 objects beside that of a large one, looked at in turn."""
    with served(folder / "few") as few, served(folder / "many") as many:
        with rate("POST of the first 1,000", BATCH, few.process.pid):
            for each in bodies(BATCH):
                connected(few).post(each)
        filling, step = connected(many), max(5_000, large // 4)
        for first in range(0, large, step):
            count = min(step, large - first)
            with rate(f"POST, 5,000 an envelope, up to {first + count:,} objects", count, many.process.pid):
                for each in bodies(count, first, 5_000):
                    filling.post(each)
        pairs = [(first_page(connected(few)), first_page(connected(many))) for _ in range(7)]
        small, big = (statistics.median(each) for each in zip(*pairs, strict=True))
        words = f"first page of {large:,} objects: {big * 1e3:.2f} ms; of 1,000: {small * 1e3:.2f} ms"
        print(f"{words}; {big / small:.2f} x (goal: at most 1.2 x)")


def connected(address: Address) -> Connection:
    """A connection to one of our servers."""
    return Connection(address.base, f"{API}collections/{address.shelf_id}/", "Birch", "password")


@contextmanager
def medallion(folder: Path) -> Iterator[tuple[str, int]]:
    """Medallion with its memory backend, over HTTP; its address and process id."""
    shelf = {"id": "91a7b528-80eb-42ed-a74d-c6fbd5a26116", "title": "t", "can_read": True, "can_write": True}
    shelf |= {"media_types": ["application/stix+json;version=2.1"], "objects": [], "manifest": []}
    root = {"title": "t", "versions": [TAXII], "max_content_length": 1 << 30}
    data = {
        "/discovery": {"title": "t", "api_roots": ["/r/"]},
        "r": {"information": root, "status": [], "collections": [shelf]},
    }
    (folder / "data.json").write_text(canonical.pretty(data), encoding="utf-8")
    backend = {"module": "medallion.backends.memory_backend", "module_class": "MemoryBackend"}
    configuration = {
        "users": {"u": "p"},
        "taxii": {"max_page_size": 1_000},
        "backend": backend | {"filename": str(folder / "data.json")},
    }
    (folder / "configuration.json").write_text(canonical.pretty(configuration), encoding="utf-8")
    (port,) = processes.free_ports(1)
    command = [sys.executable, "-m", "medallion.scripts.run", "--port", str(port), str(folder / "configuration.json")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(300):
                with socket.socket() as probe:
                    if not probe.connect_ex(("127.0.0.1", port)):
                        break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}", process.pid
        finally:
            process.terminate()


def peer(folder: Path) -> tuple[list[float], list[float]]:
    """The same of medallion, with as many objects as it can bear; rates of POST and GET."""
    folder.mkdir()
    with medallion(folder) as (base, pid):
        collection = "/r/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/"
        connection = Connection(base, collection, "u", "p")
        envelopes = list(bodies(PEER))
        with rate(f"medallion: POST of {PEER:,}, 1,000 an envelope: objects", PEER, pid) as posted:
            for each in envelopes:
                connection.post(each)
        with rate(f"medallion: GET, first page of {PEER:,}: objects", BATCH, pid) as got:
            assert connection.page("limit=1000").count(b"indicator_types") == BATCH
    return posted, got


def main() -> None:
    """Measure in a temporary folder on this disk."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", type=int, default=50_000, metavar="OBJECTS", help="size of the large collection")
    wanted = parser.parse_args()
    print(f"{'what':60} {'per second':>11} {'per CPU s':>13} {'per its CPU s':>13} {'goal':>8}")
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as name:
        posted, got = ours(Path(name), wanted.large)
        if find_spec("medallion") is None:
            print("\nmedallion is not installed: .venv/bin/pip install --require-hashes -r requirements/bench.txt")
            return
        their_posted, their_got = peer(Path(name) / "medallion")
        print(f"\nagainst medallion: POST {posted[0] / their_posted[0]:,.0f} x, GET {got[0] / their_got[0]:,.0f} x")


if __name__ == "__main__":
    main()
