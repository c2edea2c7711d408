"""In what order a watch looks at the records of several logs, and how far the watermark goes."""

from __future__ import annotations

from pollwatch.events.block import LineBlock
from pollwatch.node.watch.detecting import LATE_US
from pollwatch.node.watch.ordering import Ordering
from pollwatch.node.watch.reading import Context, Understood
from pollwatch.sources.following import Chunk, Position

_HOUR_US = 3_600_000_000
_NOW_US = 1_000 * _HOUR_US


def _read(log: str, first_h: float | None, last_h: float | None, number: int = 0) -> Understood:
    """One record of a log, with the times of its events in hours."""
    place = Position(log, log, 1, log, 0, 0, 0, "", 0, "", 0, number, "utf-8")
    times = [None if hours is None else int(hours * _HOUR_US) for hours in (first_h, last_h)]
    block = LineBlock(log, 1, [b"x"], ["x"])
    chunk = Chunk(log, log, place, place, b"x\n")
    return Understood((log, log, 1), chunk, (block,), (), (), "", Context(), *times)


def _taken(ordering: Ordering, unread: str = "", most: int = 1000) -> list[tuple[str, int]]:
    some = ordering.take(most, 1 << 20, _NOW_US, [(log, log) for log in unread])
    return [(each.chunk.source, (each.first_us or 0) // _HOUR_US) for each in some]


def test_two_backlogs_are_one_day() -> None:
    """After a downtime, what begins first comes first, whichever log it is in."""
    ordering = Ordering()
    for hour in (1, 3, 5):
        ordering.add(_read("a", hour, hour + 1))
    for hour in (0, 2, 4):
        ordering.add(_read("b", hour, hour + 1))
    assert _taken(ordering) == [("b", 0), ("a", 1), ("b", 2), ("a", 3), ("b", 4), ("a", 5)]


def test_nobody_is_read_to_the_end_while_others_have_a_backlog() -> None:
    """Where more is still to be read, a log of which nothing is at hand may begin earlier: it is waited for."""
    ordering = Ordering()
    ordering.add(_read("a", 1, 2))
    ordering.add(_read("b", 5, 6))
    ordering.add(_read("b", 6, 7))
    assert _taken(ordering, unread="a") == [("a", 1)]
    assert ordering.full() == {("b", "b")}
    ordering.add(_read("a", 2, 3))
    assert _taken(ordering, unread="a") == [("a", 2)]


def test_whoever_was_read_to_the_end_holds_up_nobody() -> None:
    """A busy log with more to read, and one that has said all: of both, all that is at hand is taken."""
    ordering = Ordering()
    ordering.add(_read("a", 1, 2))
    ordering.add(_read("b", 5, 6))
    ordering.add(_read("b", 7, 8))
    assert _taken(ordering, unread="b") == [("a", 1), ("b", 5), ("b", 7)]


def test_the_watermark_follows_the_slowest_log_with_a_backlog() -> None:
    """A log that is hours ahead does not make the other one's records late."""
    ordering = Ordering()
    ordering.add(_read("a", 1, 9))
    ordering.add(_read("b", 2, 3))
    _taken(ordering, most=1)
    assert ordering.watermark_us == 2 * _HOUR_US - LATE_US
    _taken(ordering)
    assert ordering.watermark_us == 3 * _HOUR_US - LATE_US


def test_a_clock_in_the_future_blinds_nobody() -> None:
    """An attacker who sets a host's clock to next year does not move the watermark past the present."""
    ordering = Ordering()
    ordering.add(_read("liar", 9_000, 9_000))
    _taken(ordering)
    assert ordering.watermark_us == _NOW_US - LATE_US


def test_the_watermark_never_steps_back() -> None:
    """Late records are late: they do not open what was closed."""
    ordering = Ordering()
    ordering.add(_read("a", 8, 9))
    _taken(ordering)
    before = ordering.watermark_us
    ordering.add(_read("b", 1, 2))
    _taken(ordering)
    assert ordering.watermark_us == before


def test_records_without_a_time_keep_their_place() -> None:
    """A log without times is read as it comes, and moves no watermark."""
    ordering = Ordering()
    ordering.add(_read("plain", None, None))
    assert _taken(ordering) == [("plain", 0)]
    assert ordering.watermark_us is None
