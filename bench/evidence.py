"""Speed of the evidence log: entries, lines, proofs. Run: ``.venv/bin/python bench/evidence.py``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pollwatch.clock import SystemClock, monotonic_s
from pollwatch.evidence import merkle, salted
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.log import Log
from pollwatch.node.sealing import CaseEvidence

BATCHES, BATCH = 50, 1_000
LINES, BLOCK = 500_000, 10_000


def rate(what: str, count: int, since: float) -> None:
    """Print one figure."""
    print(f"{what:44} {count / (monotonic_s() - since):>12,.0f} /s")


def main() -> None:
    """Measure in a temporary folder."""
    signers = (Signer.generate("bench.example/log"), Signer.generate("bench.example/log", KeyType.MLDSA44))
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as name:
        with Log.open(Path(name) / "log", signers, SystemClock()) as log:
            start = monotonic_s()
            for number in range(BATCHES):
                log.append([f"{number} {n} {'x' * 200}".encode() for n in range(BATCH)])
            rate("durable entries, batches of 1,000", BATCHES * BATCH, start)
            start = monotonic_s()
            proofs = [(n, log.inclusion(n)) for n in range(0, log.size, 25)]
            rate("inclusion proofs made from tiles", len(proofs), start)
            leaves = [merkle.leaf_hash(log.entry(n)) for n, _ in proofs[:500]]
            start = monotonic_s()
            for (index, proof), leaf in zip(proofs, leaves, strict=False):
                merkle.verify_inclusion(index, log.size, leaf, proof, log.root)
            rate("inclusion proofs verified", len(leaves), start)
        lines = [f"192.0.2.{n % 250} - - [03/Nov/2026:20:00:00 +0000] GET /{n}".encode() for n in range(LINES)]
        start = monotonic_s()
        salted.line_tree(salted.new_seed(), lines)
        rate("lines into a salted tree", LINES, start)
        with CaseEvidence.open(Path(name) / "case", SystemClock()) as case:
            start = monotonic_s()
            for first in range(0, LINES, BLOCK):
                case.seal_batch("access.log", first + 1, lines[first : first + BLOCK])
            rate("lines sealed durably, batches of 10,000", LINES, start)


if __name__ == "__main__":
    main()
