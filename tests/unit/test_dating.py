"""Dates in a log that cannot be true are told; honest delays and crooked rhythms are not."""

from __future__ import annotations

import re

import pytest

from pollwatch.clock import US_PER_S
from pollwatch.node.evidence.dating import misdated, usual_gap_us
from pollwatch.sharing.followed import Noted, Reached

T = 1_793_700_000
LOOKED = Reached(2, b"", T * US_PER_S)
SEAL = Noted(1, "seal", (T - 200) * US_PER_S)


def noted(*entries: tuple[str, int | None]) -> list[Noted]:
    """Entries from index 2 on, dated so many seconds after the last look."""
    return [
        Noted(place, kind, None if at_s is None else (T + at_s) * US_PER_S)
        for place, (kind, at_s) in enumerate(entries, 2)
    ]


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([("seal", -86_400)], "entry 2 .* not there at"),
        ([("claim", -86_400), ("seal", 100)], "entry 2 .* not there at"),
        ([("seal", 400), ("seal", 100)], "entry 3 .* after entry 2"),
        ([("seal", 3_000), ("claim", 100), ("seal", 3_300)], "entry 3 .* after entry 2"),
        ([("claim", 3_000), ("seal", 100)], "entry 3 .* after entry 2"),
        ([("seal", 86_400)], "entry 2 .* yet to come"),
        ([("opinion", 86_400)], "entry 2 .* yet to come"),
    ],
)
def test_dates_that_cannot_be_true(entries: list[tuple[str, int | None]], words: str) -> None:
    """Attack 3: not there at the last look, not between its seals, or yet to come: told with its index."""
    assert re.match(words, misdated(LOOKED, SEAL, noted(*entries), (T + 3_600) * US_PER_S))


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [("policy", None), ("seal", 100), ("claim", 150), ("seal", 400)],
        [("seal", -30), ("seal", -30)],  # sealed a moment before the look, published after it
        [("claim", -400), ("seal", 100)],  # its author's clock goes after ours by some minutes
        [("seal", 4_000)],
    ],
)
def test_honest_dates(entries: list[tuple[str, int | None]]) -> None:
    """Delays and clocks that differ by minutes are nobody's lie; what states no date cannot be wrong."""
    assert not misdated(LOOKED, SEAL, noted(*entries), (T + 3_600) * US_PER_S)


def test_a_first_look_holds_no_date_against_the_time_of_a_look() -> None:
    """Whoever never saw all of a log knows of no time at which an entry was not there."""
    old = noted(("seal", -86_400 * 300), ("seal", -86_400))
    assert not misdated(Reached(), None, old, T * US_PER_S)
    assert not misdated(Reached(2, b"", None), None, old, T * US_PER_S)


@pytest.mark.parametrize(
    ("times", "usual"),
    [
        (range(0, 3_000, 300), 300),
        ([0, 301, 598, 900, 1_200, 1_500, 1_800, 9_000], 300),  # one outage
        ([0, 300, 600, 900, 1_200, 1_500], None),  # too few to tell
        ([0, 10, 4_000, 4_010, 9_000, 20_000, 20_100, 50_000], None),  # at scans, whenever they come
        ([5] * 20, None),
    ],
)
def test_the_usual_interval(times: list[int], usual: int | None) -> None:
    """Regular seals have an interval, also with an outage in between; seals at scans have none."""
    found = usual_gap_us([Noted(number, "seal", at_s * US_PER_S) for number, at_s in enumerate(times)])
    assert found == (None if usual is None else usual * US_PER_S)
