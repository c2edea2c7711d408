"""A thread that does one thing after another, of which one at a time is handed over."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from pollwatch.clock import monotonic_s

T = TypeVar("T")


class Handover(ABC, Generic[T]):
    """See the module.

    Attributes:
        took_s: what the last one took.
        failure: what ended the thread; None while it is well.
    """

    def __init__(self, name: str) -> None:
        """Prepare a thread of this name; :meth:`start` begins."""
        self._held: T | None = None
        self._ended = False
        self._changed = threading.Condition()
        self.took_s = 0.0
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def put(self, each: T) -> None:
        """Hand one over; waits until the one before it is done."""
        with self._changed:
            self._changed.wait_for(self._is_free)
            self._held = each
            self._changed.notify_all()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until what was handed over is done; whether it is, or never will be."""
        with self._changed:
            return self._changed.wait_for(self._is_free, timeout_s)

    def end(self) -> None:
        """Do what was handed over, and end."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join()

    @abstractmethod
    def _do(self, each: T) -> None:
        """Do it, in the thread."""

    def _is_free(self) -> bool:
        return self._held is None or self.failure is not None

    def _run(self) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._held is not None or self._ended)
                    each = self._held
                if each is None:
                    return
                begun_s = monotonic_s()
                self._do(each)
                self.took_s = monotonic_s() - begun_s
                with self._changed:
                    self._held = None
                    self._changed.notify_all()
        except BaseException as error:  # noqa: BLE001 - raised where the watch is run
            with self._changed:
                self.failure = error
                self._changed.notify_all()
