"""Checks that ``truth.json`` and the recorded logs agree: ``python lab/check_truth.py examples/election-week``.

For every attack: its lines exist, each belongs to one of its addresses (by the address in it, or by the sshd process
or session it belongs to), no line of its addresses is missing, first and last are the times of its lines. And: no
address is in two attacks or in an attack and among the benign, no line is in two attacks, every address that acts in
a log is listed. The check reads the logs by itself: it shares no code with the recorder.
"""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import io
import json
import lzma
import re
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

DOCUMENTATION = re.compile(r"^(?:192\.0\.2|198\.51\.100|203\.0\.113)\.[0-9]{1,3}$")
SSHD = re.compile(r"^\S+(?: +\d+ [\d:]+)? (\S+) sshd\[(\d+)\]: ")
SSH_ADDRESS = re.compile(r"(?:from |rhost=|from \[|user \S+ )((?:\d{1,3}\.){3}\d{1,3})\b")
ACCOUNT_TOOLS = re.compile(r" (?:sudo|useradd|usermod|groupadd|gpasswd)(?:\[\d+\])?: ")


def read_lines(path: Path) -> list[str]:
    """The lines of a log, whatever its compression."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    elif path.suffix == ".xz":
        data = lzma.decompress(data)
    elif path.suffix == ".bz2":
        data = bz2.decompress(data)
    elif path.suffix == ".zst":
        import zstandard  # noqa: PLC0415 - only this one needs more than the standard library

        data = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read()
    return data.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n")


def owner(path: str, line: str) -> str:
    """The address that acts in a line, empty when the line has none."""
    if "error.log" in path:
        found = re.search(r", client: ([0-9.]+),", line)
        return found[1] if found else ""
    if path.startswith("office/"):
        found = SSH_ADDRESS.search(line) if SSHD.match(line) else None
        return found[1] if found else ""
    if line.startswith("{"):
        return str(json.loads(line)["remote_addr"])
    return line.split(" ")[1]


def owners(path: str, lines: list[str]) -> list[str]:
    """The acting address of each line; an sshd line without one belongs to whom its process serves."""
    named = [owner(path, line) for line in lines]
    process = [match.groups() if (match := SSHD.match(line)) else None for line in lines]
    served = {key: address for key, address in zip(process, named, strict=True) if key and address}
    return [address or (served.get(key, "") if key else "") for address, key in zip(named, process, strict=True)]


def seconds(path: str, line: str, zone: ZoneInfo) -> dt.datetime:
    """A line's time, to the second."""
    if "error.log" in path:
        return dt.datetime.strptime(line[:19], "%Y/%m/%d %H:%M:%S").replace(tzinfo=zone)
    if line.startswith("{"):
        return dt.datetime.fromisoformat(json.loads(line)["time"])
    if not path.startswith("office/"):
        return dt.datetime.strptime(line.partition("[")[2][:26], "%d/%b/%Y:%H:%M:%S %z")
    if line[0].isdigit():
        return dt.datetime.fromisoformat(line.partition(" ")[0]).replace(microsecond=0)
    return dt.datetime.strptime("2026 " + line[:15], "%Y %b %d %H:%M:%S").replace(tzinfo=zone)


class Check:
    """Collects what does not fit."""

    def __init__(self, folder: Path) -> None:
        """Read everything."""
        self.truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
        self.zone = ZoneInfo(self.truth["election"]["zone"])
        self.lines = {path: read_lines(folder / path) for path in self.truth["files"]}
        self.owners = {path: owners(path, lines) for path, lines in self.lines.items()}
        self.wrong: list[str] = []
        on_disk = {str(path.relative_to(folder)) for path in folder.rglob("*") if ".log" in path.name}
        self.expect(
            on_disk == set(self.lines), f"logs in the folder and in truth.json differ: {on_disk ^ set(self.lines)}"
        )

    def expect(self, fits: bool, message: str) -> None:  # noqa: FBT001 - reads like an assertion
        """Remember what does not fit."""
        if not fits:
            self.wrong.append(message)

    def run(self) -> list[str]:
        """All checks; returns what does not fit."""
        for path, count in self.truth["files"].items():
            self.expect(
                len(self.lines[path]) == count, f"{path}: {len(self.lines[path])} lines, truth.json says {count}"
            )
        actors: dict[str, str] = {}
        claimed: dict[tuple[str, int], str] = {}
        for attack in self.truth["attacks"]:
            for address in attack["actor_ips"]:
                self.expect(
                    bool(DOCUMENTATION.match(address)), f"{attack['id']}: {address} is no documentation address"
                )
                self.expect(address not in actors, f"{address} is in {attack['id']} and in {actors.get(address)}")
                actors[address] = attack["id"]
            self.attack(attack, claimed)
        benign = {address for group in self.truth["benign"] for address in group["ips"]}
        self.expect(not benign & set(actors), f"benign and attacking: {sorted(benign & set(actors))}")
        seen = {address for found in self.owners.values() for address in found if address}
        self.expect(seen <= benign | set(actors), f"not in truth.json: {sorted(seen - benign - set(actors))}")
        return self.wrong

    def attack(self, attack: dict[str, object], claimed: dict[tuple[str, int], str]) -> None:
        """One attack's lines."""
        name, ips, spans = str(attack["id"]), set(attack["actor_ips"]), attack["lines"]  # type: ignore[call-overload] # plain JSON
        times = []
        for path, pairs in spans.items():  # type: ignore[attr-defined]
            numbers = [number for first, last in pairs for number in range(first, last + 1)]
            if not numbers or numbers != sorted(set(numbers)) or numbers[0] < 1 or numbers[-1] > len(self.lines[path]):
                self.wrong.append(f"{name}: {path}: ranges out of order or out of the file")
                continue
            for number in numbers:
                line, who = self.lines[path][number - 1], self.owners[path][number - 1]
                self.expect(
                    who in ips or (not who and path.startswith("office/") and bool(ACCOUNT_TOOLS.search(line))),
                    f"{name}: {path}:{number} is a line of {who or 'nobody'}",
                )
                self.expect(
                    (path, number) not in claimed, f"{path}:{number} is in {name} and in {claimed.get((path, number))}"
                )
                claimed[path, number] = name
                times.append(seconds(path, line, self.zone))
        total = {
            (path, number) for path, found in self.owners.items() for number, who in enumerate(found, 1) if who in ips
        }
        self.expect(
            total <= {key for key, whose in claimed.items() if whose == name},
            f"{name}: lines of its addresses are missing",
        )
        self.expect(bool(times), f"{name}: no lines at all")
        if times:
            told = [dt.datetime.fromisoformat(str(attack[key])) for key in ("first", "last")]
            self.expect(told == [min(times), max(times)], f"{name}: first and last are {min(times)} and {max(times)}")
            self.expect(attack["line_count"] == len(times), f"{name}: {len(times)} lines, line_count says otherwise")


def main() -> None:
    """Check a folder; exit code 1 when something does not fit."""
    wrong = Check(Path(sys.argv[1])).run()
    for message in wrong[:40]:
        print(message)
    print(f"{len(wrong)} things do not fit" if wrong else "truth.json and the logs agree")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
