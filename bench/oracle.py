"""What a member that attacks can read off the joint watch: ``python bench/oracle.py [ADDRESSES] [SEED]``.

A simulated week (:mod:`oracle` in tests): 200 addresses, half of them attack so that it is seen; a classifier learns
from everything that is visible, answering times included. Prints the area under the curve for what was not disclosed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import oracle


def main(addresses: int = 200, seed: int = 1) -> None:
    """Run the week and print what the classifier makes of it."""
    with tempfile.TemporaryDirectory() as folder, oracle.week(Path(folder), addresses, seed) as experiment:
        experiment.run()
        probes = experiment.probes
    seen, told = sum(each.seen for each in probes), sum(each.told for each in probes)
    print(f"{addresses} addresses, {seen} seen, {told} of them told")
    print(f"AUC by all that can be fetched:          {oracle.auc(probes, timing=False):.3f}")
    print(f"AUC by that and how quickly it is given: {oracle.auc(probes, timing=True):.3f}   (chance: 0.5 +- 0.04)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
