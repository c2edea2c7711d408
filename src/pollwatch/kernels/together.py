"""Kernels let go of the interpreter's lock, so several can be at work at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def together(work: Callable[[T], None], places: Sequence[T]) -> None:
    """Work at several places at once, at the first of them in this thread; what goes wrong in any is raised here."""
    failures: list[BaseException] = []

    def guarded(place: T) -> None:
        try:
            work(place)
        except BaseException as error:  # noqa: BLE001 - raised in the other thread
            failures.append(error)

    threads = [Thread(target=guarded, args=(place,), daemon=True) for place in places[1:]]
    for thread in threads:
        thread.start()
    guarded(places[0])
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
