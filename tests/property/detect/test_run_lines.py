"""The lines of all runs in one place are, for each run, those that a list of its own would hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.detect import runs
from pollwatch.detect.observations import OBSERVED, Observations
from pollwatch.detect.runs import Run, RunLines

MANY = 4
#: Of which run how many lines come, or what else happens to it.
DEED = st.tuples(st.integers(0, MANY - 1), st.sampled_from(["add", "add", "add", "of", "report", "over", "forget"]))


def observed(first: int, many: int) -> Observations:
    """Observations that tell each from any other, in every column."""
    return Observations(*(np.arange(first, first + many) * (at + 1) for at in range(len(OBSERVED))))


@given(st.lists(st.tuples(DEED, st.integers(1, 9))))
def test_each_run_has_its_own_lines(deeds: list[tuple[tuple[int, str], int]]) -> None:
    """Whatever grows, ends, is forgotten and closed up in between."""
    lines, at = RunLines(), 0
    held = {code: Run(code, 0, 0) for code in range(MANY)}
    plain: dict[int, list[int]] = {code: [] for code in range(MANY)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "_FEW", 0)
        for (code, deed), many in deeds:
            run = held[code]
            if deed == "add":
                lines.add(run, observed(at, many), 0, many, None)
                plain[code] += range(at, at + many)
                at += many
            elif deed == "of":
                assert lines.of(run).time.tolist() == plain[code]
            elif deed == "report":
                run.reported = run.size
            elif deed == "over":
                lines.release(run)
                held[code], plain[code] = Run(code, 0, 0), []
            else:
                lines.forget(held.values(), many)
                for each in held.values():
                    unreported = each.size - each.reported
                    assert each.named >= min(unreported, len(plain[each.group]))
                    plain[each.group] = plain[each.group][len(plain[each.group]) - each.named :]
                assert lines.live <= max(many, sum(each.size - each.reported for each in held.values()))
            lines.tidy(held.values())
            assert lines.live == sum(map(len, plain.values()))
            assert lines.size <= 2 * lines.live
    for code, run in held.items():
        seen = lines.of(run)
        for nth, name in enumerate(OBSERVED):
            assert getattr(seen, name).tolist() == [each * (nth + 1) for each in plain[code]]
        assert run.beyond == run.size - len(plain[code])
