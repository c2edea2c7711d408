"""Speed of the evidence log: entries, lines, fields, proofs, witness requests; in the same run pymerkle, if installed.

Run: ``.venv/bin/python bench/evidence.py``; with the peer after
``.venv/bin/pip install --require-hashes -r requirements/bench.txt``. ``--flat 10000000`` also shows what an entry costs
while the log grows to that size (two minutes, 1 GB of disk). On a busy machine look at the column "per CPU s": what one
core would do.

A proof costs little where the tile that its entry is in was read before: 2,048 tiles are kept, that is half a million
entries. Where it was not, the 255 hashes above the tile's entries are made first, which is what such a proof costs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pollwatch.clock import SystemClock, monotonic_s
from pollwatch.evidence import checkpoint as checkpoints
from pollwatch.evidence import merkle, salted
from pollwatch.evidence.checkpoint import Checkpoint
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.log import Log, open_reader
from pollwatch.evidence.request import build_add_checkpoint
from pollwatch.evidence.saltedlines import SaltedLines
from pollwatch.evidence.tiles import WIDTH
from pollwatch.evidence.witness import Witness
from pollwatch.node.evidence.sealing import CaseEvidence

BATCHES, BATCH = 100, 1_000
LINES, BLOCK = 500_000, 10_000
#: Multiples of it, modulo 2^64, are spread evenly (Knuth): places all over a log, the same in each run.
_GOLDEN = 0x9E3779B97F4A7C15
PROOFS, VERIFIED, REQUESTS, PEER = 20_000, 5_000, 500, 5_000


@contextmanager
def rate(what: str, count: int, goal: int | None = None) -> Iterator[None]:
    """Print how many a second the body did, by the clock and by the processor."""
    wall, cpu = monotonic_s(), time.process_time()
    yield
    by_clock, by_cpu = count / (monotonic_s() - wall), count / (time.process_time() - cpu)
    print(f"{what:46} {by_clock:>12,.0f} {by_cpu:>12,.0f} {f'{goal:,}' if goal else '':>10}")


def entries(folder: Path) -> None:
    """A log of its own: appends, proofs made, proofs verified."""
    signers = (Signer.generate("bench.example/log"), Signer.generate("bench.example/log", KeyType.MLDSA44))
    data = [[f"{number} {n} {'x' * 200}".encode() for n in range(BATCH)] for number in range(BATCHES)]
    with Log.open(folder, signers, SystemClock()) as log:
        with rate("durable entries, batches of 1,000", BATCHES * BATCH, 40_000):
            for batch in data:
                log.append(batch)
        # 7,919 is prime: the proofs are asked for all over the log, not tile by tile.
        wanted = [n * 7_919 % log.size for n in range(PROOFS)]
        with rate("inclusion proofs made, all over the log", PROOFS, 20_000):
            proofs = [log.inclusion(n) for n in wanted]
        one_a_tile = range(0, log.size, WIDTH)
        _signed, unread = open_reader(log.public, log.verifier)
        with rate("inclusion proofs made, each of an unread tile", len(one_a_tile)):
            for n in one_a_tile:
                unread.inclusion(n)
        with rate("consistency proofs made", VERIFIED):
            for n in wanted[:VERIFIED]:
                log.consistency(n)
        leaves = [merkle.leaf_hash(data[n // BATCH][n % BATCH]) for n in wanted[:VERIFIED]]
        with rate("inclusion proofs verified", VERIFIED, 25_000):
            for index, proof, leaf in zip(wanted, proofs, leaves, strict=False):
                merkle.verify_inclusion(index, log.size, leaf, proof, log.root)


def lines(folder: Path) -> None:
    """Log lines with line salts, and with field salts too: the tree alone, and sealed durably into a case."""
    data = [f"192.0.2.{n % 250} - - [03/Nov/2026:20:00:00 +0000] GET /{n}".encode() for n in range(LINES)]
    said: dict[str, list[bytes | None]] = {
        "ip": [f"192.0.2.{n % 250}".encode() for n in range(LINES)],
        "time": [b"2026-11-03T20:00:00Z"] * LINES,
        "user": [f"user{n % 999}".encode() if n % 3 else None for n in range(LINES)],
    }
    blocks = [data[first : first + BLOCK] for first in range(0, LINES, BLOCK)]
    fields = [
        {name: values[first : first + BLOCK] for name, values in said.items()} for first in range(0, LINES, BLOCK)
    ]
    with rate("lines committed with line salts", LINES, 300_000):
        for block in blocks:
            salted.line_tree(salted.new_seed(), block).root()
    with rate("lines committed with salts of 3 fields too", LINES, 100_000):
        for block, values in zip(blocks, fields, strict=True):
            SaltedLines(salted.new_seed_for(b"access.log", values), b"access.log", block, values).tree.root()
    with CaseEvidence.open(folder, SystemClock()) as case:
        with rate("lines sealed durably, batches of 10,000", LINES):
            for number, block in enumerate(blocks):
                case.seal_batch("access.log", number * BLOCK + 1, block)
        with rate("lines sealed durably with 3 fields", LINES):
            for number, (block, values) in enumerate(zip(blocks, fields, strict=True)):
                case.seal_batch("other.log", number * BLOCK + 1, block, fields=values)


def witness(folder: Path) -> None:
    """Cosigning, each request durable before its answer."""
    log = Signer.generate("bench.example/log")
    tree = merkle.Tree()
    bodies = []
    for size in range(1, REQUESTS + 1):
        tree.extend([merkle.leaf_hash(str(size).encode())])
        signed = checkpoints.signed(Checkpoint(log.name, size, tree.root()), [log])
        bodies.append(build_add_checkpoint(size - 1, tree.consistency(size - 1), signed))
    signers = [Signer.generate("bench.example/witness", KeyType.COSIGNATURE)]
    neutral = Witness(folder, signers, SystemClock(), [log.verifier])
    with rate("durable witness requests, one by one", REQUESTS, 250):
        for body in bodies:
            assert neutral.add_checkpoint(body).status == 200
    neutral.close()


def flat(folder: Path, size: int) -> None:
    """What an entry costs while the log grows: CPU microseconds per entry, by tenths of the way."""
    batch = [f"entry {n}".encode() for n in range(10_000)]
    print(f"\ncost per entry, batches of 10,000, up to {size:,} entries")
    with Log.open(folder, [Signer.generate("bench.example/log")], SystemClock()) as log:
        for tenth in range(1, 11):
            cpu, first = time.process_time(), log.size
            while log.size < size * tenth // 10:
                log.append(batch)
            spent = (time.process_time() - cpu) / (log.size - first)
            with_proofs = time.process_time()
            for n in range(1_000):
                log.inclusion((n * _GOLDEN % (1 << 64)) * log.size >> 64)
            proof = (time.process_time() - with_proofs) / 1_000
            made = f"{proof * 1e6:6.1f} us a proof from anywhere ({1 / proof:,.0f} a second)"
            print(f"  {log.size:>12,}  {spent * 1e6:6.2f} us an entry  {made}", flush=True)


def peer(folder: Path, data: Sequence[bytes]) -> None:
    """Pymerkle with SQLite, the nearest Python library."""
    try:
        from pymerkle import SqliteTree, verify_inclusion  # noqa: PLC0415 - only where it is installed
    except ImportError:
        print("\npymerkle is not installed: .venv/bin/pip install --require-hashes -r requirements/bench.txt")
        return
    tree = SqliteTree(str(folder))
    with rate("pymerkle: durable entries, batches of 1,000", len(data)):
        for first in range(0, len(data), BATCH):
            tree.append_entries(list(data[first : first + BATCH]))
    with rate("pymerkle: durable entries, one by one", 500):
        for each in data[:500]:
            tree.append_entry(each)
    size = tree.get_size()
    wanted = [n * 7_919 % size + 1 for n in range(300)]
    with rate("pymerkle: inclusion proofs made", len(wanted)):
        proofs = [tree.prove_inclusion(n, size) for n in wanted]
    root, leaves = tree.get_root(size), [tree.get_leaf(n) for n in wanted]
    with rate("pymerkle: inclusion proofs verified", len(wanted)):
        for leaf, proof in zip(leaves, proofs, strict=True):
            verify_inclusion(leaf, root, proof)
    tree.close()


def main() -> None:
    """Measure in a temporary folder on this disk."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flat", type=int, metavar="ENTRIES", help="also grow a log to this size")
    wanted = parser.parse_args()
    print(f"{'what':46} {'per second':>12} {'per CPU s':>12} {'goal':>10}")
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as name:
        entries(Path(name) / "log")
        lines(Path(name) / "case")
        witness(Path(name) / "witness.sqlite")
        peer(Path(name) / "pymerkle.sqlite", [f"{n} {'x' * 200}".encode() for n in range(PEER)])
        if wanted.flat:
            flat(Path(name) / "flat", wanted.flat)


if __name__ == "__main__":
    main()
