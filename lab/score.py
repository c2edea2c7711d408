"""How well a scan fits the truth: ``pollwatch scan ... --json --with-lines -q | python lab/score.py FOLDER``.

For each attack of ``FOLDER/truth.json``: the incident that holds most of its lines, which share, and in how many
other incidents the rest lies. Then every incident with a benign address, and every one that fits no attack.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

ENOUGH = 0.95


def main() -> None:
    """Read the scan's JSON from stdin; exit code 1 when an attack or a benign visitor is not told rightly."""
    truth = json.loads((Path(sys.argv[1]) / "truth.json").read_text(encoding="utf-8"))
    incidents = [i for i in json.load(sys.stdin)["incidents"] if i["severity"] != "info"]
    folder = Path(sys.argv[1]).as_posix().rstrip("/") + "/"
    holds: dict[tuple[str, int], list[str]] = {}
    for incident in incidents:
        for line in incident["lines"]:
            holds.setdefault((line["path"].removeprefix(folder), line["number"]), []).append(incident["id"])
    told, wrong = set(), 0
    for attack in truth["attacks"]:
        lines = [(path, n) for path, spans in attack["lines"].items() for a, b in spans for n in range(a, b + 1)]
        found = Counter(ident for line in lines for ident in holds.get(line, ()))
        best, count = found.most_common(1)[0] if found else ("none", 0)
        fits = len(found) == 1 and count >= ENOUGH * len(lines)
        wrong += not fits
        told |= set(found)
        print(
            f"{'ok  ' if fits else 'MISS'} {attack['id']:24} {best:14} {count}/{len(lines)} in {len(found)} incidents"
        )
    benign = {ip: group["who"] for group in truth["benign"] for ip in group["ips"]}
    for incident in incidents:
        innocent = [ip for ip in incident["actors"]["ip"] if ip in benign]
        if innocent or incident["id"] not in told:
            wrong += 1
            whom = f"{len(innocent)} benign addresses, e.g. {', '.join(innocent[:4])}" if innocent else "fits no attack"
            print(f"MISS {incident['id']} {incident['severity']} {incident['title']!r}: {whom}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
