"""Work that another thread does ahead, so that one core reads while another matches.

Most of the work is in kernels and libraries that let go of the interpreter's lock. Each stage stays a plain iterator
and hands on what it makes in order, so what comes out is the same as with one thread.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator
from contextlib import closing
from contextvars import copy_context
from dataclasses import dataclass
from threading import Semaphore, Thread
from typing import Generic, TypeVar

T = TypeVar("T")


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(slots=True)
class _Shared(Generic[T]):
    """What the two threads share.

    Attributes:
        room: for so many more items.
        ready: so many are made; the last is the end.
        made: what was made and not taken yet; the end is what went wrong, or None.
        stopped: nobody wants more.
    """

    room: Semaphore
    ready: Semaphore
    made: deque[tuple[T] | BaseException | None]
    stopped: bool = False


def ahead(items: Generator[T, None, None], most: int = 2) -> Generator[T, None, None]:
    """The same items in the same order, made by another thread; what goes wrong there is raised here, in its place.

    Close it where it may not be read to its end: it then waits until the other thread is done.

    Args:
        items: made in the other thread only, and closed there.
        most: so many are made before they are asked for.
    """
    shared: _Shared[T] = _Shared(Semaphore(most), Semaphore(0), deque())
    thread = Thread(target=copy_context().run, args=(_make, items, shared), name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            shared.ready.acquire()
            made = shared.made.popleft()
            if not isinstance(made, tuple):
                break
            shared.room.release()
            yield made[0]
            del made  # it may be large
        if made is not None:
            raise made
    finally:
        shared.stopped = True
        shared.room.release()
        thread.join()


def _make(items: Generator[T, None, None], shared: _Shared[T]) -> None:
    end: BaseException | None = None
    try:
        with closing(items):
            while True:
                shared.room.acquire()
                if shared.stopped:
                    break
                try:
                    item = next(items)
                except StopIteration:
                    break
                shared.made.append((item,))
                del item
                shared.ready.release()
    except BaseException as error:  # noqa: BLE001 - raised in the other thread
        end = error
    shared.made.append(end)
    shared.ready.release()
