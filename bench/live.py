"""A watch under load: how soon a line's detection is stored, whether anything is lost, and what memory it takes.

    python bench/live.py [--seconds 600] [--rate 20000] [--attacks 600] [--kill] [--keep]
    python bench/live.py --catch-up 1700000 [--keep]

Four sources send together ``--rate`` lines a second: two files that a web server writes, syslog over TCP, and HTTP
push. Nearly all of it is harmless; once a second each source brings an attack by an address of its own, so that it is
known when its first line was written, and seen when its detection can be read in the case; ``--attacks`` has them end
after so many seconds, so that the rest shows what memory harmless lines take. With ``--kill`` the watch is
killed (SIGKILL) every 20 seconds and started again at once; in the end the same lines are watched by an undisturbed
watch into another case, and the detections of both are compared, exactly.

With ``--catch-up`` an office's day of so many lines, in three logs with an attack in every hour, is written while the
watch is down. It is started then; measured is how long it takes until everything is in the case, and counted how many
alarms and incidents each attacker is in.
"""

from __future__ import annotations

import argparse
import http.client
import math
import multiprocessing
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np

from pollwatch.canonical import compact, pretty
from pollwatch.clock import SystemClock, to_datetime
from pollwatch.events.lines import LineSet
from pollwatch.incidents.records import Case
from pollwatch.sources.kept import KeptSource

OUT = Path(__file__).parent / "out" / "live"
TOKEN = "a-token-of-the-bench-only-0000"  # noqa: S105 - of a receiver on this machine that lives for minutes
TCP, HTTP, HEALTH = 15514, 15580, 15590
BEAT_S = 0.05
KILL_S = 20.0
DAY_S = 86_400
AGENTS = [f"Mozilla/5.0 (X11; Linux x86_64; rv:{n}.0) Gecko/20100101 Firefox/{n}.0" for n in range(120, 128)]
SOURCES = ("web1", "web2", "http", "tcp")
#: What a sender tells: its name, how many lines it sent, and when each of its attackers began.
Sent = tuple[str, int, list[tuple[str, float]]]


@dataclass
class Lines:
    """Makes a source's lines."""

    source: str
    rate: int
    now_s: float | None = None
    attacks_s: float = math.inf

    def beats(self, seconds: float) -> Iterator[tuple[bytes, str]]:
        """Every :data:`BEAT_S` seconds some lines, and the address that attacks in them (empty: none)."""
        rng = np.random.default_rng(SOURCES.index(self.source))
        many = int(self.rate * BEAT_S)
        begun = now()
        for beat in range(int(seconds / BEAT_S)):
            wait = begun + beat * BEAT_S - now()
            if wait > 0:
                time.sleep(wait)
            numbers = rng.integers(0, 1 << 30, many)
            attacker = f"203.{SOURCES.index(self.source)}.{beat // 20 // 250}.{1 + beat // 20 % 250}"
            attacks = beat % 20 == 7 and beat * BEAT_S < self.attacks_s
            make = self.logins if self.source == "tcp" else self.requests
            yield "".join(make(numbers, attacker if attacks else "")).encode(), attacker if attacks else ""

    def _when(self) -> datetime:
        return to_datetime(SystemClock().now_us() if self.now_s is None else int(self.now_s * 1e6))

    def requests(self, numbers: np.ndarray, attacker: str) -> Iterator[str]:
        """Lines of a web server; nearly all of them harmless."""
        when = self._when().strftime("%d/%b/%Y:%H:%M:%S +0000")
        for n in numbers.tolist():
            yield (
                f'10.{n % 3}.{n >> 4 & 255}.{n >> 12 & 255} - - [{when}] "GET /page/{n % 60}?session={n:09x} HTTP/1.1" '
                f'200 {500 + n % 4000} "https://portal.example/" "{AGENTS[n % 8]}"\n'
            )
        if attacker:
            attack = "/page/7?q=1%27%20UNION%20SELECT%20user,password%20FROM%20users--"
            yield f'{attacker} - - [{when}] "GET {attack} HTTP/1.1" 200 512 "-" "sqlmap/1.7"\n'

    def logins(self, numbers: np.ndarray, attacker: str) -> Iterator[str]:
        """Lines of a log host; nearly all of them harmless."""
        when = self._when().strftime("%b %e %H:%M:%S")
        for n in numbers.tolist():
            yield (
                f"<38>{when} host{n % 9} sshd[{n % 30000}]: Accepted publickey for user{n % 50} from 10.9.{n % 40}."
                f"{n % 200} port {n % 60000} ssh2\n"
            )
        for n in range(30 if attacker else 0):
            yield f"<38>{when} host1 sshd[{n}]: Failed password for root from {attacker} port {4000 + n} ssh2\n"


def send(source: str, rate: int, seconds: float, attacks_s: float, folder: Path, told: Queue[Sent]) -> None:
    """Write a source's lines as its kind of sender does; tells how many, and when each attack was written."""
    marks: list[tuple[str, float]] = []
    sent = 0
    held = b""
    tcp: socket.socket | None = None
    log = (folder / f"{source}.log").open("ab", buffering=0) if source.startswith("web") else None
    pushed, named = 0, f"{now():.3f}"
    for data, attacker in Lines(source, rate, attacks_s=attacks_s).beats(seconds):
        if attacker:
            marks.append((attacker, now()))
        sent += data.count(b"\n")
        if log is not None:
            log.write(data)
        elif source == "tcp":
            tcp = tcp or socket.create_connection(("127.0.0.1", TCP))
            tcp.sendall(data)
        else:
            held += data
            if len(held) > 100_000 or attacker:
                push(held, f"{named}-{pushed}")
                pushed, held = pushed + 1, b""
    if held:
        push(held, f"{named}-{pushed}")
    if tcp is not None:
        tcp.shutdown(socket.SHUT_WR)
        tcp.recv(1)
    told.put((source, sent, marks))


def push(body: bytes, batch: str) -> None:
    """Push lines until they are taken."""
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", HTTP, timeout=30)
            headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "text/plain", "X-Batch-Id": batch}
            connection.request("POST", "/v1/push", body, headers)
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.2)


def now() -> float:
    """The time, in seconds."""
    return SystemClock().now_us() / 1e6


def see(database: Path, ended: Event, told: Queue[dict[str, float]]) -> None:
    """Tell when each attacker's first detection could be read."""
    seen: dict[str, float] = {}
    last = 0
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, isolation_level=None)
    version = 0
    while not ended.is_set():
        (changed,) = connection.execute("PRAGMA data_version").fetchone()
        if changed != version:
            version = changed
            for row, body in connection.execute("SELECT rowid, body FROM detections WHERE rowid > ?", (last,)):
                last = max(last, row)
                for ip in re.findall(r"203\.[0-3]\.\d+\.\d+", body):
                    seen.setdefault(ip, now())
        time.sleep(0.02)
    told.put(seen)


def watch(folder: Path, case: Path, *more: str) -> subprocess.Popen[bytes]:
    """Start a watch."""
    command = [sys.executable, "-m", "pollwatch", "watch", "--case", str(case), *more]
    return subprocess.Popen(command, cwd=folder, stderr=(folder / "watch.stderr").open("ab"))


def rss_mib(process: int) -> tuple[float, float]:
    """Memory of a watch, and of the process that groups for it."""
    grouping = 0.0
    for listed in Path(f"/proc/{process}/task").glob("*/children"):
        for child in listed.read_text().split():
            if "groupingwork" in Path(f"/proc/{child}/cmdline").read_text():
                grouping = _rss_mib(child)
    return _rss_mib(process), grouping


def _rss_mib(process: int | str) -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def lines_in(case: Path) -> int:
    """How many lines a case has."""
    connection = sqlite3.connect(f"file:{case / 'case.sqlite'}?mode=ro", uri=True)
    try:
        return int(connection.execute("SELECT coalesce(sum(lines), 0) FROM inputs").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()


def found_in(case: Path) -> dict[str, set[tuple[str, int]]]:
    """The detections of a case, by what they say, with their lines by source."""
    found: dict[str, list[LineSet]] = {}
    with Case.open(case, SystemClock(), create=False) as opened:
        for each in opened.detections():
            key = compact([each.rule_id, int(each.severity), each.actors.ip, each.actors.user, each.targets])
            found.setdefault(key, []).append(each.lines)
    return {key: {(Path(path).stem, n) for path, n in LineSet.union(sets)} for key, sets in found.items()}


def settings(folder: Path, *, received: bool) -> None:
    """Write the configuration."""
    files = ("web1", "web2") if received else SOURCES
    parts = [f'[watch]\nhealth = "127.0.0.1:{HEALTH}"\n']
    parts += [f'[[watch.source]]\nname = "{name}"\npath = ["{name}.log"]\n' for name in files]
    if received:
        parts.append(f'[[watch.source]]\nname = "tcp"\nkind = "syslog-tcp"\nlisten = "127.0.0.1:{TCP}"\n')
        parts.append(f'[[watch.source]]\nname = "http"\nkind = "http"\nlisten = "127.0.0.1:{HTTP}"\ntoken = "token"\n')
    (folder / "pollwatch.toml").write_text("\n".join(parts))
    (folder / "token").write_text(TOKEN + "\n")
    (folder / "token").chmod(0o600)


def wait_for(port: int) -> None:
    """Wait until somebody listens."""
    for _ in range(600):
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"nobody listens on port {port}")


@dataclass
class Run:
    """What was seen while the senders sent.

    Attributes:
        process: the watch.
        sent: lines, by source.
        marks: each attacker and when its first line was written, by source.
        memory: of the watch and of its grouping, in MiB, each second.
        load: of the machine.
        deaths: how often the watch was killed.
        took_s: how long the senders sent.
    """

    process: subprocess.Popen[bytes]
    sent: dict[str, int] = field(default_factory=dict)
    marks: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    memory: list[tuple[float, float]] = field(default_factory=list)
    load: list[float] = field(default_factory=list)
    deaths: int = 0
    took_s: float = 0.0


def disturb(folder: Path, case: Path, options: argparse.Namespace, process: subprocess.Popen[bytes]) -> Run:
    """Send everything, and kill the watch now and then if that is wanted."""
    told: Queue[Sent] = multiprocessing.Queue()
    arguments = [(name, options.rate // 4, options.seconds, options.attacks, folder, told) for name in SOURCES]
    senders = [multiprocessing.Process(target=send, args=each) for each in arguments]
    run = Run(process)
    begun = killed = now()
    for sender in senders:
        sender.start()
    while len(run.sent) < len(senders):
        time.sleep(1)
        run.load.append(os.getloadavg()[0])
        with suppress(OSError):  # it was just killed
            run.memory.append(rss_mib(run.process.pid))
        if options.kill and now() - killed > KILL_S:
            run.process.kill()
            run.process.wait()
            run.deaths += 1
            killed = now()
            run.process = watch(folder, case)
        while not told.empty():
            source, run.sent[source], run.marks[source] = told.get()
    run.took_s = now() - begun
    return run


def wait_until_in(case: Path, lines: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until the case has so many lines."""
    until = now() + 600
    while lines_in(case) < lines and now() < until and process.poll() is None:
        time.sleep(0.2)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--attacks", type=float, default=math.inf)
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--catch-up", type=int, default=0)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    shutil.rmtree(OUT, ignore_errors=True)
    if options.catch_up:
        sys.stdout.write(pretty(catch_up(options.catch_up)) + "\n")
        if not options.keep:
            shutil.rmtree(OUT, ignore_errors=True)
        return
    folder, case = OUT / "office", OUT / "office" / "case"
    folder.mkdir(parents=True)
    for name in ("web1", "web2"):
        (folder / f"{name}.log").touch()
    settings(folder, received=True)
    process = watch(folder, case)
    wait_for(TCP)
    wait_for(HTTP)
    # What is loaded and compiled with the first lines is no part of the measure.
    first = disturb(folder, case, argparse.Namespace(rate=2_000, seconds=2, attacks=2, kill=False), process)
    warm = sum(first.sent.values())
    wait_until_in(case, warm, process)
    sights: Queue[dict[str, float]] = multiprocessing.Queue()
    ended = multiprocessing.Event()
    watcher = multiprocessing.Process(target=see, args=(case / "case.sqlite", ended, sights))
    watcher.start()
    run = disturb(folder, case, options, process)
    sent = warm + sum(run.sent.values())
    begun = now()
    wait_until_in(case, sent, run.process)
    behind_s = now() - begun
    time.sleep(2)
    ended.set()
    seen = sights.get()
    watcher.join()
    run.process.send_signal(signal.SIGTERM)
    code = run.process.wait(timeout=300)
    result = {**report(run, seen), "lost": sent - lines_in(case), "caught_up_after_s": round(behind_s, 1), "exit": code}
    if options.kill:
        result |= compared(folder, case)
    sys.stdout.write(pretty(result) + "\n")
    if not options.keep:
        shutil.rmtree(OUT, ignore_errors=True)


def a_day(folder: Path, lines: int) -> int:
    """Write a day's logs, each in order of time and with an attack of an address of its own in every hour.

    Returns:
        How many lines that were.
    """
    begin_s, logs, written = int(now()) - DAY_S - 600, ("web1", "web2", "tcp"), 0
    for at, name in enumerate(logs):
        rng = np.random.default_rng(at)
        maker = Lines(name, 0)
        with (folder / f"{name}.log").open("ab") as log:
            for minute in range(DAY_S // 60):
                maker.now_s = begin_s + 60.0 * minute
                attacker = f"203.{at}.0.{1 + minute // 60}" if minute % 60 == 30 else ""
                numbers = rng.integers(0, 1 << 30, lines // len(logs) // (DAY_S // 60))
                make = maker.logins if name == "tcp" else maker.requests
                data = "".join(make(numbers, attacker)).encode()
                written += data.count(b"\n")
                log.write(data)
    return written


def catch_up(lines: int) -> dict[str, object]:
    """A day of log that was written while the watch was down."""
    folder, case = OUT / "office", OUT / "office" / "case"
    folder.mkdir(parents=True)
    names = ("web1", "web2", "tcp")
    parts = [f'[[watch.source]]\nname = "{name}"\npath = ["{name}.log"]\n' for name in names]
    text = '[notify]\nstale_hours = 48\nurgent_from = "low"\n[[notify.channel]]\nname = "hook"\nfile = "hook"\n'
    text += '[[notify.person]]\nname = "Ada"\nurgent = ["hook"]\n[watch]\nhealth = "none"\n'
    (folder / "pollwatch.toml").write_text(text + "\n".join(parts))
    (folder / "hook").write_text("json://127.0.0.1:1/\n")
    (folder / "hook").chmod(0o600)
    for name in names:
        (folder / f"{name}.log").touch()
    if watch(folder, case, "--once").wait() != 0:
        raise SystemExit("the first watch failed; see its watch.stderr")
    sent = a_day(folder, lines)
    begun = now()
    process = watch(folder, case)
    wait_until_in(case, sent, process)
    took = now() - begun
    memory = rss_mib(process.pid)
    process.send_signal(signal.SIGTERM)
    code = process.wait(timeout=300)
    with Case.open(case, SystemClock(), create=False) as opened:
        late = [each for each in opened.incidents() if each.actors.ip]
        of = {f"203.{at}.0.{1 + hour}": 0 for at in range(len(names)) for hour in range(24)}
        for each in late:
            for ip in set(each.actors.ip) & of.keys():
                of[ip] += 1
    connection = sqlite3.connect(f"file:{case / 'case.sqlite'}?mode=ro", uri=True)
    told = connection.execute("SELECT incident_id, count(*) FROM alarm_incidents GROUP BY incident_id").fetchall()
    return {
        "lines": sent,
        "caught_up_after_s": round(took, 1),
        "rate": round(sent / took),
        "lost": sent - lines_in(case),
        "attackers": len(of),
        "in_one_incident": sum(count == 1 for count in of.values()),
        "incidents_told": len(told),
        "told_twice": sum(count > 1 for _id, count in told),
        "memory_mib": list(map(round, memory)),
        "exit": code,
    }


def report(run: Run, seen: dict[str, float]) -> dict[str, object]:
    """The figures of a run."""
    delays = {source: [seen[ip] - at for ip, at in marks if ip in seen] for source, marks in run.marks.items()}
    every = [delay for some in delays.values() for delay in some]
    begun = min(at for marks in run.marks.values() for _ip, at in marks)
    minutes: dict[int, list[float]] = {}
    for ip, at in (mark for marks in run.marks.values() for mark in marks):
        if ip in seen:
            minutes.setdefault(int(at - begun) // 60, []).append(seen[ip] - at)
    return {
        "rate": round(sum(run.sent.values()) / run.took_s),
        "seconds": round(run.took_s),
        "lines": sum(run.sent.values()),
        "attacks": sum(map(len, run.marks.values())),
        "seen": len(every),
        "p50_s": round(float(np.percentile(every, 50)), 2),
        "p99_s": round(float(np.percentile(every, 99)), 2),
        "max_s": round(max(every), 2),
        "p99_by_source_s": {name: round(float(np.percentile(some, 99)), 2) for name, some in delays.items() if some},
        "p50_p99_by_minute_s": [
            [round(float(np.percentile(some, share)), 2) for share in (50, 99)]
            for _minute, some in sorted(minutes.items())
        ],
        "memory_mib": [list(map(round, each)) for each in run.memory[:: max(1, len(run.memory) // 12)]],
        "deaths": run.deaths,
        "load": [round(min(run.load), 1), round(max(run.load), 1)],
    }


def compared(folder: Path, case: Path) -> dict[str, object]:
    """What an undisturbed watch of the same lines finds, held against what was found."""
    calm = OUT / "calm"
    calm.mkdir()
    for name in SOURCES:
        if name.startswith("web"):
            shutil.copy(folder / f"{name}.log", calm)
        else:
            with (calm / f"{name}.log").open("wb") as out:
                shutil.copyfileobj(KeptSource(case / "live" / "kept" / name).open(), out)
    settings(calm, received=False)
    for where, into in ((folder, case), (calm, calm / "case")):
        if watch(where, into, "--once").wait() != 0:
            raise SystemExit(f"the last watch in {where} failed; see its watch.stderr")
    disturbed, undisturbed = found_in(case), found_in(calm / "case")
    same = sum(disturbed.get(key) == lines for key, lines in undisturbed.items())
    return {
        "detections": len(undisturbed),
        "same": same,
        "other": len(disturbed.keys() | undisturbed.keys()) - same,
    }


if __name__ == "__main__":
    main()
