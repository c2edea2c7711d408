"""A scan of log-ins beside fail2ban's own reader of them: the same file, in the same run; prints a table.

    python bench/guessing.py [--lines 200000]

The peer is ``fail2ban-regex LOG sshd`` (Debian: fail2ban), which says how many lines fail. Ours is ``pollwatch scan``,
from the file to incidents. Two lanes: *low* has 40 sources, *high* one of its own on nearly every line. Of three lines
two are failures. Seconds are of processor time, each process pinned to one core.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

OUT = Path(__file__).parent / "out"
START = dt.datetime(2026, 11, 3, tzinfo=dt.UTC)


def generate(path: Path, lines: int, *, high: bool) -> None:
    """Write an authentication log with that many lines."""
    rng = np.random.default_rng(20261103)
    hosts = rng.integers(0, 1 << 24 if high else 40, lines)
    users = rng.integers(0, 5_000 if high else 12, lines)
    with path.open("w", encoding="ascii") as out:
        for at in range(lines):
            host, user = int(hosts[at]), int(users[at])
            ip = f"10.{host >> 16 & 255}.{host >> 8 & 255}.{host & 255}"
            said = (
                f"Failed password for user{user} from {ip} port {40_000 + at % 20_000} ssh2",
                f"Failed password for invalid user admin{user} from {ip} port {40_000 + at % 20_000} ssh2",
                f"pam_unix(cron:session): session opened for user user{user} by (uid=0)",
            )[at % 3]
            when = (START + dt.timedelta(seconds=at // 20)).strftime("%b %d %H:%M:%S")
            out.write(f"{when} vote1 {'CRON' if at % 3 == 2 else 'sshd'}[{1_000 + at % 9_000}]: {said}\n")


def run(command: list[str]) -> tuple[str, float, float]:
    """What a process says, its seconds of processor time and its peak memory in MiB."""
    # As where both are installed: Python's code compiled once and kept, not at each start.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(OUT / "bytecode")
    pinned = ["taskset", "-c", "1", *command]
    with subprocess.Popen(pinned, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return said, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Generate, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=200_000)
    lines = parser.parse_args().lines
    peer = shutil.which("fail2ban-regex")
    if peer is None:
        raise SystemExit("fail2ban-regex is not on PATH: apt install fail2ban")
    OUT.mkdir(exist_ok=True)
    for high in (False, True):
        path = OUT / f"guessing-{'high' if high else 'low'}-{lines}.log"
        if not path.exists():
            generate(path, lines, high=high)
        run([sys.executable, "-m", "pollwatch", "scan", "--json", "-q", str(path)])  # what is made once is made before
        said, mine, peak = run([sys.executable, "-m", "pollwatch", "scan", "--json", "-q", str(path)])
        incidents = json.loads(said)["incidents"]
        theirs_said, theirs, their_peak = run([peer, str(path), "sshd"])
        failures = re.search(r"Failregex: (\d+) total", theirs_said)
        print(f"lane {'high' if high else 'low'}: {lines:,} lines")
        print(f"  pollwatch {lines / mine:10,.0f} lines/s  {peak:5.0f} MiB  {len(incidents):,} incidents")
        print(
            f"  fail2ban  {lines / theirs:10,.0f} lines/s  {their_peak:5.0f} MiB  "
            f"{failures[1] if failures else '?'} failures   {theirs / mine:.1f} x"
        )


if __name__ == "__main__":
    main()
