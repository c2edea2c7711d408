"""When a source is silent for too long: by its own habit, at this hour of the week."""

from collections.abc import Iterator

import numpy as np
import pytest

from pollwatch.sources.rhythm import Rhythm

HOUR, DAY = 3600.0, 86400.0
MONDAY = 1_793_577_600.0  # 2026-11-02, midnight


def _office(days: int, rng: np.random.Generator) -> Iterator[float]:
    """A web server of an office: a request every few seconds from 8 to 18 on weekdays, and nothing else."""
    for day in range(days):
        if day % 7 < 5:
            at = MONDAY + day * DAY + 8 * HOUR
            while at < MONDAY + day * DAY + 18 * HOUR:
                yield at
                at += float(rng.exponential(40))


def _taught(arrivals: Iterator[float] | list[float], since: float = MONDAY) -> Rhythm:
    rhythm = Rhythm()
    rhythm.listen(since)
    for number, at in enumerate(arrivals):
        if number % 20 == 0 or at - (rhythm.last_s or at) > 200:
            assert not rhythm.silent(at), at
        rhythm.came(at)
    return rhythm


@pytest.fixture(scope="module")
def office() -> Rhythm:
    """Four weeks of an office, in which nothing was ever wrong, and nothing was told."""
    return _taught(_office(26, np.random.default_rng(7)))


def test_a_source_that_dies_at_noon_is_missed_within_minutes(office: Rhythm) -> None:
    """The fourth Monday, at noon, somebody switches the log off."""
    rhythm, noon = Rhythm.loads(office.dumps()), MONDAY + 28 * DAY + 12 * HOUR
    rhythm.came(noon)
    assert not rhythm.silent(noon + 120)
    assert rhythm.silent(noon + 20 * 60)


def test_nights_and_weekends_are_silent_and_nobody_is_called(office: Rhythm) -> None:
    """Friday evening to Monday morning nothing comes, as ever; on Monday at half past eight it is missed."""
    rhythm, friday = Rhythm.loads(office.dumps()), MONDAY + 25 * DAY + 18 * HOUR
    rhythm.came(friday)
    monday = MONDAY + 28 * DAY
    assert not [at for at in np.arange(friday, monday + 8 * HOUR, 600) if rhythm.silent(float(at))]
    assert rhythm.silent(monday + 8 * HOUR + 30 * 60)


def test_a_nightly_job_is_missed_when_it_does_not_come() -> None:
    """One record a day at three: missed within eight hours, not before it is due."""
    rhythm = _taught([MONDAY + day * DAY + 3 * HOUR + day % 5 for day in range(28)])
    last = MONDAY + 27 * DAY + 3 * HOUR
    assert not rhythm.silent(last + DAY + 600)
    assert rhythm.silent(last + DAY + 8 * HOUR)


def test_one_outage_does_not_make_the_next_one_normal(office: Rhythm) -> None:
    """After a source was dead for a working day and came back, it is missed as quickly as before."""
    rhythm = Rhythm.loads(office.dumps())
    rhythm.came(MONDAY + 28 * DAY + 9 * HOUR)
    rhythm.came(MONDAY + 28 * DAY + 17 * HOUR)
    noon = MONDAY + 29 * DAY + 12 * HOUR
    rhythm.came(noon)
    assert rhythm.silent(noon + 20 * 60)


def test_a_new_source_is_not_judged_before_it_is_known() -> None:
    """In its first minutes nothing is said, in its first day a night is allowed; after that, it is missed in time."""
    rhythm = _taught([MONDAY + second for second in range(0, 600, 60)])
    assert (rhythm.limit_s(MONDAY + 600), rhythm.silent(MONDAY + 5 * DAY)) == (None, False)
    rhythm = _taught([MONDAY + second for second in range(0, 3600, 60)])
    assert not rhythm.silent(MONDAY + DAY)
    assert rhythm.silent(MONDAY + DAY + 4 * HOUR)
    rhythm = _taught([MONDAY + second for second in range(0, 30 * 3600, 60)])
    assert rhythm.silent(MONDAY + 30 * HOUR + 15 * 60)


def test_what_nobody_listened_to_is_no_silence(office: Rhythm) -> None:
    """The watch itself was off for a day: the source is not told, and nothing is learned from it."""
    rhythm = Rhythm.loads(office.dumps())
    before = rhythm.dumps()
    rhythm.listen(MONDAY + 29 * DAY)
    assert not rhythm.silent(MONDAY + 29 * DAY + 60)
    assert Rhythm.loads(before).weeks == rhythm.weeks


@pytest.mark.parametrize(("fixed", "silent"), [(0.0, False), (900.0, True), (9e9, False)])
def test_the_settings_have_the_last_word(office: Rhythm, fixed: float, *, silent: bool) -> None:
    """A limit that is set counts, whatever the habit; `never` is never, and silence counts from the start on too."""
    rhythm = Rhythm.loads(office.dumps())
    rhythm.listen(MONDAY + 29 * DAY + 12 * HOUR)
    assert rhythm.silent(MONDAY + 29 * DAY + 14 * HOUR, fixed) == silent


def test_what_is_remembered_is_bounded_and_damage_is_forgotten(office: Rhythm) -> None:
    """A year of a chatty source, a clock that jumps, and a damaged file."""
    rhythm = Rhythm.loads(office.dumps())
    for week in range(60):
        for hour in range(0, 168, 7):
            rhythm.came(MONDAY + (30 + 7 * week) * DAY + hour * HOUR)
    rhythm.came(MONDAY)
    rhythm.came(MONDAY + 20_000 * DAY)
    assert len(rhythm.dumps()) < 4_000
    assert Rhythm.loads(b"damaged") == Rhythm()
