"""Whether each source can be heard: by its own habit, by what its receiver counts, by what its files say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from pollwatch.clock import US_PER_S, Clock
from pollwatch.node.receive import counts
from pollwatch.node.receive.counts import Counts
from pollwatch.sources.rhythm import Rhythm, seconds
from pollwatch.sources.settings import WatchedSource
from pollwatch.store.disk import publish

_FILE: Final = "rhythms"
_SAVED_EVERY_US: Final = 60 * US_PER_S
#: Receivers write their counts every second; if they have not for so long, nobody receives.
_STALE_US: Final = 15 * US_PER_S


@dataclass(frozen=True, slots=True)
class Verdict:
    """How well a source is heard.

    Attributes:
        silent: it has been silent for longer than is its habit, or than the settings allow.
        problem: why it cannot be heard; empty where it can.
        lost: messages that were lost on the way, as far as that can be counted.
        norm_s: how long it may be silent by now; None where that is not known.
    """

    silent: bool = False
    problem: str = ""
    lost: int = 0
    norm_s: int | None = None


class Hearing:
    """Of all sources of a watch."""

    def __init__(self, live: Path, sources: Sequence[WatchedSource], clock: Clock) -> None:
        """Begin to listen.

        Args:
            live: ``CASE/live``.
            sources: what is watched.
            clock: the time.
        """
        self._live = live
        self._clock = clock
        self._rhythms: dict[str, Rhythm] = {}
        self._sources: dict[str, WatchedSource] = {}
        self._received: dict[str, Counts] = {}
        self._received_us = 0
        self._began_us = self._saved_us = clock.now_us()
        self.begin(sources)

    def begin(self, sources: Sequence[WatchedSource]) -> None:
        """Listen to these from now on; what is known of those that stay is kept."""
        known = self._saved()
        self._sources = {each.name: each for each in sources}
        for name in self._sources:
            if name not in self._rhythms:
                self._rhythms[name] = Rhythm.loads(known[name]) if name in known else Rhythm()
                self._rhythms[name].listen(seconds(self._clock.now_us()))
        self._rhythms = {name: self._rhythms[name] for name in self._sources}

    def came(self, sources: Iterable[str]) -> None:
        """Records of these sources came."""
        now_s = seconds(self._clock.now_us())
        for name in sources:
            if name in self._rhythms:
                self._rhythms[name].came(now_s)

    def look(self) -> None:
        """Read what receivers count, and save what was learned, now and then."""
        now_us = self._clock.now_us()
        if any(each.received for each in self._sources.values()):
            self._received_us, self._received = counts.read(self._live / counts.NAME)
        if not 0 <= now_us - self._saved_us < _SAVED_EVERY_US:
            self.save()

    def judge(self, name: str) -> Verdict:
        """How well a source is heard now; :meth:`look` first."""
        source, rhythm = self._sources.get(name), self._rhythms.get(name)
        if source is None or rhythm is None:
            return Verdict()
        now_s = seconds(self._clock.now_us())
        limit_s = rhythm.limit_s(now_s) if source.silent_after_s is None else source.silent_after_s
        norm_s = round(limit_s) if limit_s else None
        received = self._received.get(name)
        lost = received.lost if received is not None else 0
        return Verdict(rhythm.silent(now_s, source.silent_after_s), self._trouble(source, received), lost, norm_s)

    def save(self) -> None:
        """Save what was learned; if that fails, a minute of it is learned again."""
        self._saved_us = self._clock.now_us()
        data = msgspec.msgpack.encode({name: rhythm.dumps() for name, rhythm in self._rhythms.items()})
        try:
            aside = self._live / f".{_FILE}"
            aside.write_bytes(data)
            publish(aside, self._live / _FILE)
        except OSError:
            return

    def _saved(self) -> dict[str, bytes]:
        try:
            return msgspec.msgpack.decode((self._live / _FILE).read_bytes(), type=dict[str, bytes])
        except (OSError, msgspec.MsgspecError):
            return {}

    def _trouble(self, source: WatchedSource, received: Counts | None) -> str:
        if not source.received:
            return ""
        now_us = self._clock.now_us()
        if now_us - max(self._received_us, self._began_us) > _STALE_US:
            return "nobody receives: pollwatch receive is not at work"
        return received.trouble if received is not None else ""
