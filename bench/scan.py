"""How fast a scan is and how much memory it takes, on generated access logs; prints a table.

    python bench/scan.py [--lines 10000000] [--keep]

Three lanes, since a log with few distinct lines flatters every cache: *low* repeats 400 addresses, 60 pages and 8 user
agents; *visits* has people, each with an address of his own and some eight requests, one in four with a query that is
new, who come from one of the pages; *high* has an address, a query and a referer of its own on nearly every line. All
are benign but for one scanner in each 100,000 lines. The scan runs as its user runs it, as a process, but on one core;
seconds are by the clock, from its start to its end, and peak memory is the kernel's figure. What is made once on a
machine (machine code, compiled rules) is made before, by a scan of a short log.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

OUT = Path(__file__).parent / "out"
AGENTS = [f"Mozilla/5.0 (X11; Linux x86_64; rv:{n}.0) Gecko/20100101 Firefox/{n}.0" for n in range(120, 128)]
START = dt.datetime(2026, 10, 28, tzinfo=dt.UTC)
LANES = ("low", "visits", "high")


def generate(path: Path, lines: int, lane: str) -> None:
    """Write a combined access log with that many lines."""
    rng = np.random.default_rng(20261103)
    with path.open("w", encoding="ascii") as out:
        for at in range(0, lines, 100_000):
            n = min(100_000, lines - at)
            hosts = rng.integers(0, 400 if lane == "low" else 1 << 24, n)
            pages = rng.integers(0, 60, n)
            tokens = rng.integers(0, 1 << 60, n)
            rows = []
            for i in range(n):
                when = (START + dt.timedelta(seconds=(at + i) // 40)).strftime("%d/%b/%Y:%H:%M:%S +0000")
                host, token = int(hosts[i]), int(tokens[i])
                if lane == "visits":  # 1,000 people at a time
                    host = int(hosts[i // 8_000 * 1_000 + i % 1_000])
                ip = f"10.{host >> 16 & 255}.{host >> 8 & 255}.{host & 255}"
                query, referer = _more(lane, token)
                agent = AGENTS[(host if lane == "visits" else token) % 8]
                rows.append(
                    f'{ip} - - [{when}] "GET /page/{pages[i]}{query} HTTP/1.1" 200 {500 + token % 4000} '
                    f'"{referer}" "{agent}"\n'
                )
            for i in range(min(40, n)):
                rows[i * 97 % n] = (
                    f'198.51.100.7 - - [{START:%d/%b/%Y:%H:%M:%S +0000}] "GET /a{i}/../../etc/passwd HTTP/1.1" 404 10 '
                    '"-" "curl/8"\n'
                )
            out.writelines(rows)


def _more(lane: str, token: int) -> tuple[str, str]:
    """The query and the referer of a request."""
    if lane == "low":
        return "", "-"
    query = f"?session={token:015x}"
    if lane == "high":
        return query, f"https://portal.example/search?q={token % 999983}"
    return query if token % 4 == 0 else "", f"https://portal.example/page/{token % 60}"


def measure(path: Path, lines: int) -> tuple[float, float, int]:
    """Scan the file; seconds, peak memory in MiB of that process, incidents found."""
    started = time.perf_counter()
    # As where the package is installed: Python's code compiled once and kept, not at each start.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(OUT / "bytecode")
    command = ["taskset", "-c", "1", sys.executable, "-m", "pollwatch", "scan", "--json", "-q", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        document = json.loads(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    elapsed = time.perf_counter() - started
    counted = document["inputs"][0]
    assert counted["lines"] == lines == counted["parsed"] + counted["quarantined"], counted
    return elapsed, usage.ru_maxrss / 1024, len(document["incidents"])


def main() -> None:
    """Generate, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=10_000_000, help="lines per lane")
    parser.add_argument("--keep", action="store_true", help="keep the generated logs")
    arguments = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, {os.cpu_count()} cores")
    print(f"{'lane':<8}{'lines':>12}{'MB':>8}{'seconds':>9}{'lines/s':>10}{'peak MiB':>10}{'incidents':>11}")
    first = OUT / "first.log"
    generate(first, 100_000, "high")
    measure(first, 100_000)
    first.unlink()
    for lane in LANES:
        path = OUT / f"{lane}.log"
        generate(path, arguments.lines, lane)
        seconds, peak, incidents = measure(path, arguments.lines)
        size = path.stat().st_size / 1e6
        rate = arguments.lines / seconds
        print(
            f"{lane:<8}{arguments.lines:>12,}{size:>8,.0f}{seconds:>9.1f}{rate:>10,.0f}{peak:>10,.0f}{incidents:>11}",
            flush=True,
        )
        if not arguments.keep:
            path.unlink()


if __name__ == "__main__":
    main()
