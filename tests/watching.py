"""A watch in a test: logs that grow, the watch as a process of its own, and what stands in the case in the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pollwatch.clock import SystemClock
from pollwatch.events.lines import LineSet
from pollwatch.incidents.records import Case

_WITHIN_S = 120.0
Found = dict[tuple[object, ...], set[tuple[str, int]]]


def request(number: int, what: str = "/page", ip: str = "", agent: str = "Mozilla/5.0 (X11; Linux x86_64)") -> str:
    """One line of an access log, one second after the one before."""
    minute, second = divmod(number, 60)
    hour, minute = divmod(minute, 60)
    ip = ip or f"198.51.100.{number % 200}"
    when = f"03/Nov/2026:{hour % 24:02d}:{minute:02d}:{second:02d} +0000"
    return f'{ip} - - [{when}] "GET {what} HTTP/1.1" 200 512 "-" "{agent}"'


def injection(number: int, ip: str = "203.0.113.9") -> str:
    """A line that any rule set knows."""
    return request(number, f"/page?q={number}%27%20UNION%20SELECT%20user,password%20FROM%20users--", ip, "sqlmap/1.7")


def guess(number: int, ip: str = "192.0.2.77") -> str:
    """A refused log-in of an auth log."""
    minute, second = divmod(number, 60)
    when = f"Nov  3 00:{minute % 60:02d}:{second:02d}"
    return f"{when} host sshd[{1000 + number}]: Failed password for root from {ip} port 4242 ssh2"


def append(path: Path, lines: Sequence[str]) -> None:
    """Write lines as a server does: at the end, whole."""
    with path.open("ab") as file:
        file.write("".join(f"{line}\n" for line in lines).encode())


@contextmanager
def watching(case: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """``pollwatch watch`` as a process; killed at the end where it still runs."""
    with by_settings(case.parent, "--case", case, *arguments) as process:
        yield process


@contextmanager
def by_settings(folder: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """The same with no more than these arguments, in a folder with a ``pollwatch.toml`` of its own."""
    words = [sys.executable, "-m", "pollwatch", "watch", *map(str, arguments)]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, cwd=folder)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def kill_grouping(watch: subprocess.Popen[str]) -> None:
    """Kill the process that groups incidents for a watch."""
    for listed in Path(f"/proc/{watch.pid}/task").glob("*/children"):
        for child in listed.read_text("ascii").split():
            if b"groupingwork" in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(int(child), signal.SIGKILL)
                return
    raise AssertionError("nobody groups")


def stop(process: subprocess.Popen[str], with_signal: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
    """Stop a watch; its exit code and what it said."""
    process.send_signal(with_signal)
    _out, said = process.communicate(timeout=_WITHIN_S)
    return process.returncode, said


def until(true: Callable[[], bool], within_s: float = _WITHIN_S) -> float:
    """Wait until something holds; gives how many seconds that took."""
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < within_s, "it did not come to that"
        time.sleep(0.02)
    return time.monotonic() - begun


def lines_in(case: Path) -> int:
    """How many lines the case has."""
    if not (case / "case.sqlite").exists():
        return 0
    with Case.open(case, SystemClock(), create=False) as opened:
        return sum(each.lines for each in opened.inputs())


def found_in(case: Path) -> Found:
    """What was detected, however it was cut into steps: for each rule, actor and target the lines."""
    found: dict[tuple[object, ...], list[LineSet]] = {}
    with Case.open(case, SystemClock(), create=False) as opened:
        for each in opened.detections():
            key = (each.rule_id, int(each.severity), each.actors, each.targets, each.succeeded)
            found.setdefault(key, []).append(each.lines)
    return {key: {(Path(path).name, number) for path, number in LineSet.union(sets)} for key, sets in found.items()}


def incidents_in(case: Path) -> list[tuple[str, str, str, frozenset[tuple[str, int]]]]:
    """The incidents: id, severity, title, lines."""
    with Case.open(case, SystemClock(), create=False) as opened:
        return sorted(
            (each.id, each.severity.word, each.title, frozenset((Path(p).name, n) for p, n in each.lines))
            for each in opened.incidents()
        )
