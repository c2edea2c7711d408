"""Attack 26: a member attacks from addresses it owns, to read off the joint watch what was noticed."""

from __future__ import annotations

from pathlib import Path

import oracle


def test_attack_26_what_is_visible_does_not_tell_what_was_seen(tmp_path: Path) -> None:
    """Attack 26: of all that Cedar can fetch, count and weigh, nothing differs by whether its attack was noticed.

    How quickly gateways answer is measured in bench/oracle.py: in a test it would be chance.
    """
    with oracle.week(tmp_path, 12, seed=1) as experiment:
        experiment.run()
        probes = experiment.probes
    assert [each.seen for each in probes] == [each.attacks for each in probes]
    assert any(each.told for each in probes)
    secret = [each for each in probes if not each.told]
    assert {each.seen for each in secret} == {True, False}
    assert len({tuple(each.sight) for each in secret}) <= 2, "only the first hour, when the log began, looks different"
    assert oracle.auc(probes, timing=False) <= 0.55
