"""Reads the recorded logs and says which line is whose: ``truth.json``, and the files as they are shipped."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import json
import lzma
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from campaign import ATTACKS, Attack
from conductor import ZONE
from visitors import CRAWLER, HOME, LINKCHECKER, MONITOR, OFFICE, PUBLIC

#: shipped name -> the recorded log
SHIPPED = {
    "web/portal-access.log.gz": "portal-access.log",
    "web/portal-error.log": "portal-error.log",
    "web/results-access.log.zst": "results-access.log",
    "web/results-error.log.bz2": "results-error.log",
    "office/auth.log.gz": "gate.log",
    "office/files-auth.log.xz": "files.log",
}
BENIGN = (
    ("visitors of both sites, and users of the mobile app", PUBLIC),
    ("the office (all staff behind one address); its sysadmins' ssh sessions", (OFFICE,)),
    ("a sysadmin at home, by ssh", (HOME,)),
    ("the monitoring robot, once a minute", (MONITOR,)),
    ("a search engine's crawler", (CRAWLER,)),
    ("a link checker, run by the town's web editor", (LINKCHECKER,)),
    ("the backup job, by ssh", ("192.0.2.30",)),
)
ADDRESS = re.compile(r"(?<![0-9.])(?:192\.0\.2|198\.51\.100|203\.0\.113)\.[0-9]{1,3}(?![0-9])")
ACTOR = {
    "portal-access.log": re.compile(r"^\S+ (\S+) "),
    "portal-error.log": re.compile(r"client: ([0-9.]+)"),
    "results-access.log": re.compile(r'"remote_addr":"([0-9.]+)"'),
    "results-error.log": re.compile(r"client: ([0-9.]+)"),
    "gate.log": re.compile(
        r"(?:from |rhost=|user \S+ |drop connection #[0-9]+ from \[)((?:192\.0\.2|198\.51\.100|203\.0\.113)\.[0-9]+)"
    ),
    "files.log": re.compile(
        r"(?:from |rhost=|user \S+ |drop connection #[0-9]+ from \[)((?:192\.0\.2|198\.51\.100|203\.0\.113)\.[0-9]+)"
    ),
}
PID = re.compile(r"sshd\[([0-9]+)\]:")


def stamp(name: str, line: str) -> dt.datetime:
    """The line's own time."""
    if name == "portal-access.log":
        return dt.datetime.strptime(line.partition("[")[2][:26], "%d/%b/%Y:%H:%M:%S %z")
    if name.endswith("-error.log"):
        return dt.datetime.strptime(line[:19], "%Y/%m/%d %H:%M:%S").replace(tzinfo=ZONE)
    if name == "results-access.log":
        return dt.datetime.fromisoformat(json.loads(line)["time"])
    if name == "files.log":
        return dt.datetime.fromisoformat(line.partition(" ")[0])
    return dt.datetime.strptime("2026 " + line[:15], "%Y %b %d %H:%M:%S").replace(tzinfo=ZONE)


def actors(name: str, lines: list[str]) -> list[str]:
    """The acting address of each line, empty where it has none; sshd's lines without one get their process's."""
    found = [match[1] if (match := ACTOR[name].search(line)) else "" for line in lines]
    if name not in ("gate.log", "files.log"):
        return found
    of_process = {
        pid[1]: address for line, address in zip(lines, found, strict=True) if address and (pid := PID.search(line))
    }
    return [
        address or of_process.get(pid[1] if (pid := PID.search(line)) else "", "")
        for line, address in zip(lines, found, strict=True)
    ]


def session_lines(lines: list[str], owners: list[str], attack: Attack) -> Iterator[int]:
    """Lines of sudo and of account tools inside the attacker's own session; they carry no address."""
    inside = False
    for number, (line, owner) in enumerate(zip(lines, owners, strict=True), 1):
        if owner in attack.actors and f"session opened for user {attack.session_user}" in line:
            inside = True
        elif owner in attack.actors and f"session closed for user {attack.session_user}" in line:
            inside = False
        elif inside and re.search(r"\b(?:sudo|useradd|usermod|groupadd|gpasswd)(?:\[[0-9]+\])?:", line):
            yield number


def ranges(numbers: Iterable[int]) -> list[list[int]]:
    """Line numbers as closed ranges."""
    out: list[list[int]] = []
    for number in sorted(set(numbers)):
        if out and out[-1][1] == number - 1:
            out[-1][1] = number
        else:
            out.append([number, number])
    return out


def attack_entry(attack: Attack, logs: dict[str, tuple[list[str], list[str]]]) -> dict[str, object]:
    """One attack's entry: its lines in every log, its first and last moment."""
    lines: dict[str, list[list[int]]] = {}
    times: list[dt.datetime] = []
    for shipped, recorded in SHIPPED.items():
        texts, owners = logs[recorded]
        numbers = [number for number, owner in enumerate(owners, 1) if owner in attack.actors]
        if attack.session_user and recorded in ("gate.log", "files.log"):
            numbers += session_lines(texts, owners, attack)
        if numbers:
            lines[shipped] = ranges(numbers)
            times += [stamp(recorded, texts[number - 1]) for number in numbers]
    return {
        "id": attack.ident,
        "name": attack.name,
        "actor_ips": list(attack.actors),
        "techniques": list(attack.techniques),
        "success": attack.success,
        "pace": attack.pace,
        "tools": list(attack.tools),
        "first": min(times).isoformat(timespec="seconds"),
        "last": max(times).isoformat(timespec="seconds"),
        "line_count": sum(b - a + 1 for spans in lines.values() for a, b in spans),
        "lines": lines,
        "description": attack.description,
    }


TIME_COMPRESSION = (
    "The week was recorded in about twenty minutes. nginx and rsyslog ran under libfaketime with the machine's "
    "time plus an offset that a conductor enlarged between events, so that their own stamps fall on the calendar "
    "below; sshd and sudo ran on the machine's clock and their lines were stamped by rsyslog on receipt. While a "
    "tool ran at full speed or an ssh log-in took place, time ran one second per second. The slow attacks were "
    "real tools behind a local proxy (or started once per attempt) that let a request pass when the recorded time "
    "had come. No stamp was rewritten afterwards. cron's PAM sessions were opened by a script in cron's place, "
    "because cron cannot follow a clock that jumps."
)


def write(out: Path, target: Path, tools: dict[str, str]) -> None:
    """Write the compressed logs and ``truth.json`` to the folder ``target``."""
    logs: dict[str, tuple[list[str], list[str]]] = {}
    counts: dict[str, int] = {}
    seen: dict[str, int] = defaultdict(int)
    for shipped, recorded in SHIPPED.items():
        data = (out / recorded).read_bytes()
        texts = data.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n")
        logs[recorded] = (texts, actors(recorded, texts))
        counts[shipped] = len(texts)
        for owner in logs[recorded][1]:
            seen[owner] += 1
        pack(data, target / shipped)
    truth = {
        "election": {
            "name": "Alderland municipal election",
            "day": "2026-11-03",
            "zone": "Europe/Amsterdam",
            "polls_close": "2026-11-03T21:00:00+01:00",
            "recorded": ["2026-10-28", "2026-11-04"],
        },
        "time_compression": TIME_COMPRESSION,
        "line_numbers": "1-based, closed ranges, counted in the decompressed file",
        "files": counts,
        "tools": tools,
        "attacks": [attack_entry(attack, logs) for attack in ATTACKS],
        "benign": [{"who": who, "ips": [ip for ip in ips if seen[ip]]} for who, ips in BENIGN],
    }
    (target / "truth.json").write_text(compact(truth), encoding="utf-8")


def compact(truth: dict[str, object]) -> str:
    """JSON for people, but with each range and address list on one line."""
    text = json.dumps(truth, indent=1, ensure_ascii=False)  # noqa: TID251 - the lab stands alone
    text = re.sub(r"\[\n\s+(\d+),\n\s+(\d+)\n\s+\]", r"[\1,\2]", text)
    text = re.sub(r"(\[\d+,\d+\],)\n\s+(?=\[\d)", r"\1", text)
    return re.sub(r'("[0-9.]+",)\n\s+(?=")', r"\1", text) + "\n"


def pack(data: bytes, path: Path) -> None:
    """Compress by the name's ending; gzip's header carries the end of the recorded week."""
    path.parent.mkdir(parents=True, exist_ok=True)
    end = dt.datetime(2026, 11, 5, tzinfo=ZONE).timestamp()
    if path.suffix == ".gz":
        data = gzip.compress(data, 9, mtime=end)
    elif path.suffix == ".xz":
        data = lzma.compress(data)
    elif path.suffix == ".bz2":
        data = bz2.compress(data)
    elif path.suffix == ".zst":
        data = subprocess.run(["zstd", "-19", "-q", "-c"], input=data, capture_output=True, check=True).stdout
    path.write_bytes(data)
