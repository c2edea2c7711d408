"""Whether a case's seals come at a fixed interval, and at which: ``CASE/evidence/sealer.json``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pollwatch import durable
from pollwatch.clock import US_PER_S
from pollwatch.errors import ProofError, StoreError
from pollwatch.evidence.fields import Fields, document

_NAME = "sealer.json"
_KIND = "sealer"
_MINUTE_US = 60 * US_PER_S


@dataclass(frozen=True, slots=True)
class Interval:
    """One seal per interval; intervals are counted from 1970, so that every member's begin at the same moments.

    Attributes:
        every_s: its length.
    """

    every_s: int

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """What the evidence folder says; None where nothing is configured and every scan publishes its own seal.

        Raises:
            StoreError: the file is damaged.
        """
        try:
            fields = Fields.load((folder / _NAME).read_bytes(), _NAME)
            fields.kind(_KIND)
            found = cls(fields.number("every_s"))
            fields.done()
        except FileNotFoundError:
            return None
        except (OSError, ProofError) as error:
            raise StoreError(
                f"{folder / _NAME} cannot be used: {error}; remove it and set the interval anew"
            ) from error
        if found.every_s < 1:
            raise StoreError(f"{folder / _NAME}: an interval lasts at least one second")
        return found

    def save(self, folder: Path) -> None:
        """From now on seals come at this interval.

        Raises:
            StoreError: the disk says no.
        """
        try:
            durable.write_file(folder / _NAME, document(_KIND, 1, {"every_s": self.every_s}), mode=0o600)
        except OSError as error:
            raise StoreError(f"{folder / _NAME} cannot be written: {error.strerror}") from error

    def slot(self, at_us: int) -> int:
        """Which interval a moment is in."""
        return at_us // (self.every_s * US_PER_S)

    def stated_us(self, now_us: int) -> int:
        """The time that a seal states when it is made now: the minute's beginning, but not before the interval's.

        Seconds would tell how busy the machine was, and whether somebody had the log open.
        """
        return max(now_us // _MINUTE_US * _MINUTE_US, self.begin_us(self.slot(now_us)))

    def begin_us(self, slot: int) -> int:
        """When an interval begins."""
        return slot * self.every_s * US_PER_S


def remove(folder: Path) -> None:
    """From now on every scan publishes its own seal again.

    Raises:
        StoreError: the disk says no.
    """
    try:
        (folder / _NAME).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{folder / _NAME} cannot be removed: {error.strerror}") from error
