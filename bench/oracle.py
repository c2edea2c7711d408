"""What a member that attacks can read off the joint watch: ``python bench/oracle.py [ADDRESSES] [SEED]``.

A simulated week (:mod:`oracle_week` in tests): 200 addresses, half of them attack so that it is seen; a classifier
learns from everything that is visible, answering times included. Prints the area under the curve for what was not
disclosed, also for a classifier taken the other way round, what areas chance alone gives (shuffled truth), and whether
that meets the goal.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import guesser
import oracle_week

GOAL = 0.55
SIGNIFICANT = 0.05


def main(addresses: int = 200, seed: int = 1) -> None:
    """Run the week and print what the classifier makes of it."""
    with tempfile.TemporaryDirectory() as folder, oracle_week.week(Path(folder), addresses, seed) as experiment:
        experiment.run()
        probes = experiment.probes
    seen, told = sum(each.seen for each in probes), sum(each.told for each in probes)
    print(f"{addresses} addresses, {seen} seen, {told} of them told")
    for what, timing in (("all that can be fetched", False), ("that, and how quickly it is given", True)):
        found = guesser.guess(*oracle_week.table(probes, timing=timing))
        print(f"by {what}: AUC {found.area:.3f}, either way round {found.either_way:.3f} (goal: at most {GOAL})")
        print(f"  by chance {found.low:.3f} to {found.high:.3f} in 95 of 100; this far off p = {found.by_chance:.3f}")
        print(f"  {verdict(found)}")


def verdict(found: guesser.Guess) -> str:
    """Whether the goal is met, and what may be said where it is not."""
    if found.either_way <= GOAL:
        return "goal met"
    if found.by_chance > SIGNIFICANT:
        return "goal not met by the figure, though chance alone gives as much: more addresses or weeks would tell"
    return "goal not met: it tells more than chance does"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
