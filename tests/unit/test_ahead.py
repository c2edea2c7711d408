"""Work that another thread does ahead comes out as if one thread had done it."""

from __future__ import annotations

from collections.abc import Generator
from threading import Semaphore, current_thread

import pytest

from pollwatch.errors import SourceError
from pollwatch.node.case.ahead import ahead


def test_order_is_kept_and_another_thread_works() -> None:
    """Every item comes once, in order, made elsewhere, through stages behind one another."""
    makers = set()

    def made() -> Generator[int, None, None]:
        for number in range(100):
            makers.add(current_thread())
            yield number

    assert list(ahead(number * 2 for number in ahead(made()))) == list(range(0, 200, 2))
    assert current_thread() not in makers


def test_what_goes_wrong_is_raised_in_its_place() -> None:
    """An input that breaks off hands on first what could be read of it."""

    def broken() -> Generator[int, None, None]:
        yield 1
        raise SourceError("no more")

    items = ahead(broken())
    assert next(items) == 1
    with pytest.raises(SourceError, match="no more"):
        next(items)


def test_no_more_is_made_than_was_said() -> None:
    """A reader that is quicker than the rest waits: memory stays bounded."""
    begun = Semaphore(0)
    count = 0

    def endless() -> Generator[int, None, None]:
        nonlocal count
        while True:
            count += 1
            begun.release()
            yield count

    items = ahead(endless(), most=2)
    assert next(items) == 1
    for _ in range(3):
        begun.acquire()
    assert not begun.acquire(timeout=0.05)
    items.close()
    assert count == 3


def test_closing_closes_what_was_read() -> None:
    """Who stops early (an interrupt, a full disk) leaves no thread and no open input behind."""
    closed = []

    def held() -> Generator[int, None, None]:
        try:
            while True:
                yield 1
        finally:
            closed.append(current_thread())

    items = ahead(held())
    next(items)
    items.close()
    assert [thread.is_alive() for thread in closed] == [False]
