"""How long a source is silent when all is well, learned by hour of the week; and when it is silent for too long.

What is remembered of a source is bounded: for each of the 168 hours of a week, and each of the last four weeks, its
longest silence within that hour; and for each of these weeks its longest silences at all. One outage must not make the
next one normal, so it is the second longest that counts, never the longest.

- Within an hour in which the source usually speaks, it is missed after twice its longest usual silence there: a web
  server at noon within minutes, and not at all in a night that is always silent.
- Whatever the hour, it is missed some hours after its longest usual silence at all: so is a nightly job that no longer
  runs.
- Until enough is known (three weeks of an hour, or the same hour of other days), the second rule alone holds. In its
  first day a source may be silent for 26 hours, and one that is silent at night may be so over its first weekend; with
  less than twenty silences seen, nothing is said.

Only what was watched without a break counts: a silence during which nobody listened is none.
"""

from __future__ import annotations

from typing import Final

import msgspec

from pollwatch.clock import US_PER_S

WEEKS: Final = 4
_HOUR_S: Final = 3_600
_WEEK_H: Final = 168
_WEEK_S: Final = _WEEK_H * _HOUR_S
#: 1970-01-01 was a Thursday; hours of the week are counted from then on, as any fixed phase will do.
_LONGEST_KEPT: Final = 4
_SLACK_S: Final = 120.0
_SLACK_AT_ALL_S: Final = 300.0
_ENOUGH: Final = 3
_ENOUGH_AT_ALL: Final = 20
_NO_NIGHT_YET_S: Final = 26.0 * _HOUR_S
_NO_WEEKEND_YET_S: Final = 76.0 * _HOUR_S
_NIGHT_S: Final = 4 * _HOUR_S
_MOST_SLACK_S: Final = 6.0 * _HOUR_S
#: With a longer usual silence an hour cannot show that something is missing.
_TELLING_S: Final = 1_700.0


class _Week(msgspec.Struct):
    """One week: per hour the longest silence within it (-1: not watched from its beginning), and the longest at all."""

    number: int
    hours: list[int]
    longest: list[int]


class Rhythm(msgspec.Struct):
    """See the module. Times are seconds since 1970, of the clock that the watch goes by.

    Attributes:
        last_s: when a record came last; None before the first, and after nobody listened.
        since_s: since when somebody has listened without a break.
        missed: it was told to be silent for too long, and nothing has come since; that outlives a restart.
        silences: how many silences were seen.
        weeks: the present one last.
    """

    last_s: float | None = None
    since_s: float | None = None
    missed: bool = False
    silences: int = 0
    weeks: list[_Week] = msgspec.field(default_factory=list)

    def listen(self, now_s: float) -> None:
        """Somebody begins to listen, after a time in which nobody did."""
        self.since_s, self.last_s = now_s, None

    def came(self, now_s: float) -> None:
        """Records came."""
        if self.since_s is None or (self.last_s is not None and now_s < self.last_s):
            self.listen(now_s)  # the clock was set back: what lies between says nothing
        if self.last_s is not None and now_s > self.last_s:
            self._learn(self.last_s, now_s)
        self.last_s, self.missed = now_s, False

    def limit_s(self, now_s: float) -> float | None:
        """How long the source may have been silent by now if all is well; None where that is not known."""
        quiet_s = self.last_s if self.last_s is not None else self.since_s
        if quiet_s is None or self.silences < _ENOUGH_AT_ALL:
            return None
        limits = [self._at_all()]
        usual_s = self._usual_in(int(now_s // _HOUR_S) % _WEEK_H)
        if usual_s is not None and usual_s <= _TELLING_S:
            begun_s = max(quiet_s, now_s // _HOUR_S * _HOUR_S)
            limits.append(begun_s - quiet_s + 2 * usual_s + _SLACK_S)
        return min(limits)

    def silent(self, now_s: float, fixed_s: float | None = None) -> bool:
        """Whether it has been silent for too long.

        Args:
            now_s: the time.
            fixed_s: the limit that the settings name; 0 = never too long, None = by habit.
        """
        since_s = self.last_s if self.last_s is not None else self.since_s
        limit_s = self.limit_s(now_s) if fixed_s is None else fixed_s
        if fixed_s == 0 or limit_s is None or since_s is None:
            self.missed = False
        elif now_s - since_s > limit_s:
            self.missed = True
        return self.missed

    def dumps(self) -> bytes:
        """For :meth:`loads`."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def loads(cls, data: bytes) -> Rhythm:
        """What :meth:`dumps` wrote; a new one where that cannot be read."""
        try:
            found = msgspec.msgpack.decode(data, type=cls)
        except (msgspec.MsgspecError, ValueError):
            return cls()
        return found if all(len(week.hours) == _WEEK_H for week in found.weeks) else cls()

    def _learn(self, begun_s: float, ended_s: float) -> None:
        """A silence from one record to the next."""
        self.silences += 1
        week = self._week(ended_s)
        week.longest = sorted([*week.longest, int(ended_s - begun_s)], reverse=True)[:_LONGEST_KEPT]
        hour_s = begun_s // _HOUR_S * _HOUR_S
        first_s = ended_s // _HOUR_S * _HOUR_S - _WEEK_S  # of a silence of more than a week only the last one
        hour_s = max(hour_s, first_s)
        while hour_s <= ended_s:
            within_s = int(min(ended_s, hour_s + _HOUR_S) - max(begun_s, hour_s))
            if self.since_s is not None and hour_s >= self.since_s:
                hours, at = self._week(hour_s).hours, int(hour_s // _HOUR_S) % _WEEK_H
                hours[at] = max(hours[at], within_s)
            hour_s += _HOUR_S

    def _week(self, at_s: float) -> _Week:
        number = int(at_s // _WEEK_S)
        for week in reversed(self.weeks):
            if week.number == number:
                return week
        made = _Week(number, [-1] * _WEEK_H, [])
        self.weeks = sorted([*self.weeks, made], key=lambda each: each.number)[-WEEKS:]
        return made

    def _usual_in(self, hour: int) -> float | None:
        """The longest usual silence within an hour of the week."""
        own = [week.hours[hour] for week in self.weeks if week.hours[hour] >= 0]
        if len(own) >= _ENOUGH:
            return float(sorted(own)[-2])
        pooled = [
            week.hours[other]
            for week in self.weeks
            for other in range(hour % 24, _WEEK_H, 24)
            if week.hours[other] >= 0
        ]
        return float(sorted(pooled)[-2]) if len(pooled) >= _ENOUGH else None

    def _at_all(self) -> float:
        longest = sorted((gap for week in self.weeks for gap in week.longest), reverse=True)
        watched_h = sum(hour >= 0 for week in self.weeks for hour in week.hours)
        if watched_h < 24:
            return max(_NO_NIGHT_YET_S, _with_slack(longest[0]))
        if watched_h < _WEEK_H + 24 and longest[0] >= _NIGHT_S:
            return max(_NO_WEEKEND_YET_S, _with_slack(longest[0]))
        return _with_slack(longest[0] if watched_h < _ENOUGH * _WEEK_H or len(longest) < 2 else longest[1])


def _with_slack(usual_s: float) -> float:
    return usual_s + min(usual_s, _MOST_SLACK_S) + _SLACK_AT_ALL_S


def seconds(us: int) -> float:
    """Of a time in microseconds."""
    return us / US_PER_S
