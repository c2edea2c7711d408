"""Fuzz every area for some seconds each, one after another: ``python fuzz/run.py SECONDS [AREA...]``.

Prints how often each reader was run and what it fell over. What was found stays in a folder, one file a finding;
``python fuzz/again.py AREA FILE`` makes it happen again.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

AREAS = (
    "notes",
    "policies",
    "mirrors",
    "entries",
    "bundles",
    "joint",
    "matching",
    "attributions",
    "indicators",
    "jsonvalues",
    "logs",
)
_RUNS = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_EVERY = re.compile(r"^#(\d+)\s", re.MULTILINE)


def main(seconds: int, areas: tuple[str, ...]) -> int:
    """Fuzz; returns 1 where something was found."""
    found = 0
    kept = Path(tempfile.mkdtemp(prefix="pollwatch-fuzz-"))
    for area in areas:
        folder = kept / area
        command = [sys.executable, str(Path(__file__).with_name("one.py")), area, str(seconds), str(folder)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
        words = "".join(
            line for line in (done.stdout + done.stderr).splitlines(keepends=True) if "INFO: Instrumenting" not in line
        )
        runs = _RUNS.findall(words) or _EVERY.findall(words) or ["0"]
        crashes = [each for each in sorted(folder.glob("*-*")) if each.is_file()]
        failed = bool(crashes) or done.returncode != 0
        found += failed
        print(f"{area:14} {int(runs[-1]):>9,} executions, {len(crashes)} crashes", flush=True)
        if failed:
            start = max(words.find("Uncaught Python exception"), words.find("Traceback"))
            print(words[start : start + 4000] if start >= 0 else words[-4000:])
            print(*(f"kept: {each}" for each in crashes), sep="\n", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), tuple(sys.argv[2:]) or AREAS))
