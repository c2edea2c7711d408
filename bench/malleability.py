"""Try 100,000 changed copies of notes, checkpoints, proofs and bundles: ``python bench/malleability.py [COUNT]``.

Prints how many were refused, how many stated something else (a cosigned checkpoint that lost a cosigner), and how
many only had signature lines in another order or by unknown keys, which signed-note allows in notes. Exits with 1 if
any other changed copy verified as the same statement; any undeclared exception ends it with a traceback.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from malleable import run, subjects
from pollwatch.clock import monotonic_s


def main() -> int:
    """Run them all."""
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    bad = done = 0
    start_s = monotonic_s()
    with tempfile.TemporaryDirectory() as folder:
        tried = subjects(Path(folder))
        for number, subject in enumerate(tried):
            count = -(-total // len(tried))
            found = run(subject, count, seed=1_000_003 * (number + 1))
            done += count
            bad += len(found.malleable)
            print(
                f"{subject.name:28} {count:7,} tried  {found.refused:7,} refused  {found.another_statement:5,} another "
                f"statement  {found.open_lines:5,} open lines  {len(found.malleable)} malleable",
                flush=True,
            )
            for each in found.malleable[:3]:
                print(f"  {each[:300]!r}")
    print(f"{done:,} mutations, {bad} malleable, {monotonic_s() - start_s:.1f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
