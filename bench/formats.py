"""Lines per second and core of the web log readers, on made-up lines of high variety. Not a test.

``.venv/bin/python bench/formats.py [LINES]``. Processor time of all threads is counted, not the clock on the wall.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from pollwatch.events.block import LineBlock
from pollwatch.formats import registry
from pollwatch.formats.interface import ParseContext

AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0",
    "curl/8.5.0",
)


def combined(n: int) -> str:
    """One line of the combined format; neighbours differ in address, target, size and second."""
    octets = (n * 2654435761) % (1 << 32)
    address = ".".join(str(octets >> shift & 255) for shift in (24, 16, 8, 0))
    return (
        f"{address} - - [03/Nov/2026:{n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02} +0100] "
        f'"GET /results/district/{octets % 9973}?page={n} HTTP/1.1" {(200, 304, 404)[n % 3]} {octets % 99991} '
        f'"https://votes.example/{n % 97}" "{AGENTS[n % 3]}"'
    )


KINDS: dict[str, tuple[str, Callable[[int], str]]] = {
    "combined": ("weblog", combined),
    "common": ("weblog", lambda n: combined(n).partition(' "https')[0]),
    "virtual host": ("weblog", lambda n: f"votes.example:443 {combined(n)}"),
    "with extras": ("weblog", lambda n: f'{combined(n)} "198.51.100.{n % 256}" 0.{n % 1000:03}'),
    "through syslog": ("weblog", lambda n: f"Nov  3 20:00:00 web1 nginx[812]: {combined(n)}"),
    "rubbish requests": ("weblog", lambda n: combined(n).replace("GET /results", r"\x16\x03\x01 \x22")),
    "read one by one": ("weblog", lambda n: combined(n).replace(" - - ", " - id - ")),
    "JSON": (
        "weblog-json",
        lambda n: (
            f'{{"time_iso8601":"2026-11-03T20:{n // 60 % 60:02}:{n % 60:02}+01:00",'
            f'"remote_addr":"198.51.100.{n % 256}","request":"GET /r/{n} HTTP/1.1","status":"200",'
            f'"body_bytes_sent":"{n}","http_user_agent":"{AGENTS[n % 3]}"}}'
        ),
    ),
    "nginx errors": (
        "weberror",
        lambda n: (
            f'2026/11/03 20:00:{n % 60:02} [error] 31#31: *{n} open() "/srv/{n}" failed (2: No such file), '
            f'client: 198.51.100.{n % 256}, server: votes.example, request: "GET /{n} HTTP/1.1", host: "votes.example"'
        ),
    ),
}


def main(lines: int) -> None:
    """Print a line for each kind."""
    for kind, (name, make) in KINDS.items():
        each, _ = registry.by_name(name)
        text = [make(n) for n in range(lines)]
        block = LineBlock("bench.log", 1, [line.encode() for line in text], text)
        parser = each.parser(ParseContext("bench.log", 0))
        best = float("inf")
        for _ in range(3):
            start = time.process_time()
            parsed = parser.parse(block)
            best = min(best, time.process_time() - start)
        understood = sum(map(len, parsed.batches)) / lines
        print(f"{kind:18} {lines / best:>11,.0f} lines/s/core   {understood:.0%} understood")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
