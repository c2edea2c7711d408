"""Attack 26: a member attacks from addresses it owns, to read off the joint watch what was noticed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import guesser
import oracle_week


def test_attack_26_what_is_visible_does_not_tell_what_was_seen(tmp_path: Path) -> None:
    """Attack 26: of all that Cedar can fetch, count and weigh, nothing differs by whether its attack was noticed.

    How quickly gateways answer is measured in bench/oracle.py: in a test it would be chance.
    """
    with oracle_week.week(tmp_path, 12, seed=1) as experiment:
        experiment.run()
        probes = experiment.probes
    assert [each.seen for each in probes] == [each.attacks for each in probes]
    assert any(each.told for each in probes)
    secret = [each for each in probes if not each.told]
    assert {each.seen for each in secret} == {True, False}
    assert len({tuple(each.sight) for each in secret}) <= 2, "only the first hour, when the log began, looks different"
    found = guesser.area(*oracle_week.table(probes, timing=False), np.random.default_rng(0), rounds=2)
    assert 0.45 <= found <= 0.55


def test_the_guesser_finds_what_is_there_and_nothing_else() -> None:
    """What tells a secret is found, whichever way round; what tells nothing scores one half, not less.

    Scores pooled over folds gave 0.2 to 0.4 here: a row of its own, as the log's first hour is, or columns of chance.
    """
    random = np.random.default_rng(7)
    truth = random.permutation(np.arange(60) < 30)
    alone = np.zeros((60, 2))
    alone[0] = 1
    assert guesser.area(alone, truth, random, 2) == pytest.approx(0.5, abs=0.03)
    chance = [guesser.area(random.normal(size=(60, 4)), random.permutation(truth), random, 2) for _ in range(8)]
    assert 0.4 < np.mean(chance) < 0.6
    for sign in (1, -1):
        assert guesser.area(random.normal(size=(60, 4)) + 3 * sign * truth[:, None], truth, random, 2) > 0.95
