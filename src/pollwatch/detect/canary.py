"""Canaries: names that nobody should ever use. An account nobody owns, a file nobody links, a made-up voter.

Where one appears in any log, somebody has read what they were not meant to read, or is looking around. The detector is
set up by the configuration (``[[canary]]``), so that it is no part of :data:`pollwatch.detect.detectors.ALL`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from pollwatch.detect import detections
from pollwatch.detect.interface import Memory, Seen
from pollwatch.detect.sigma.plan import DetectorRule, RuleInfo
from pollwatch.detect.sigma.samples import Samples
from pollwatch.election.canaries import Canary
from pollwatch.events.batch import LogSource, encoded, is_text, offsets_and_bytes
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.printable import printable
from pollwatch.events.taxonomy import actor_columns
from pollwatch.i18n import _

_LONGEST: Final = 120
#: So many markers are looked for one by one.
_FEW: Final = 8


class CanaryDetector:
    """See the module. It remembers nothing."""

    version = "1"
    rule = DetectorRule(
        RuleInfo(
            id="detector.canary",
            name="canary",
            title="Somebody touched a canary",
            severity=Severity.HIGH,
            description="A name appeared in a log that nobody should ever use: it was put where only somebody finds it "
            "who looks at what they were not meant to see.",
            techniques=("T1589.001",),
            tactics=("reconnaissance",),
            falsepositives=("A colleague, a backup or a search index that came across it",),
            author="pollwatch",
            status="experimental",
            success=True,
            meaning="Somebody has been where nobody should be: the canary was put there to show exactly that.",
            steps=(
                "Ask the few who know of the canary whether it was one of them.",
                "If not, treat the machine or the list in which it lay as read by a stranger.",
                "Do not remove the canary: it may sing again.",
            ),
            path=__file__,
        ),
        (LogSource(),),
        (),
        ("a text of any event holds one of the markers of [[canary]] as a whole word",),
    )

    def __init__(self, canaries: Sequence[Canary]) -> None:
        """Watch for some canaries.

        Args:
            canaries: at least one.
        """
        self._names = {marker.casefold(): each.name for each in canaries for marker in each.markers}
        self._bytes = [marker.encode() for marker in self._names]
        alternatives = "|".join(re.escape(marker) for marker in sorted(self._names, key=len, reverse=True))
        self._whole = re.compile(rf"(?<![\w.@-])(?:{alternatives})(?![\w@]|[.-]\w)", re.IGNORECASE)

    def start(self) -> Memory:
        """Nothing."""
        return {}

    def step(
        self, memory: Memory, seen: Seen | None, watermark_us: int | None, *, done: bool
    ) -> tuple[Memory, list[Detection]]:
        """Look at each distinct text of a batch once."""
        del watermark_us, done
        if seen is None:
            return memory, []
        found: dict[str, list[np.ndarray]] = {}
        for column in seen.batch.table.columns:
            if not is_text(column.type) or not self._anywhere(column):
                continue
            codes, values = encoded(column)
            texts = pl.Series(values.cast("string"))
            holds = texts.str.contains_any(list(self._names), ascii_case_insensitive=True).fill_null(value=False)
            for code in holds.arg_true().to_list():
                hit = self._whole.search(str(texts[code]))
                if hit is not None:
                    found.setdefault(hit[0].casefold(), []).append(np.flatnonzero(codes == code))
        news = []
        for marker, parts in found.items():
            news += self._told(seen, marker, np.unique(np.concatenate(parts)))
        return memory, news

    def _anywhere(self, column: pa.ChunkedArray) -> bool:
        """Whether a marker may stand in a column: asked of its text as it lies there, without telling texts apart."""
        for chunk in column.chunks:
            texts = chunk.dictionary if pa.types.is_dictionary(chunk.type) else chunk
            if len(self._bytes) > _FEW:
                if pl.Series(texts).str.contains_any(list(self._names), ascii_case_insensitive=True).any():
                    return True
            elif (held := _bytes_of(texts)) and any(marker in held for marker in self._bytes):
                return True
        return False

    def _told(self, seen: Seen, marker: str, rows: np.ndarray) -> list[Detection]:
        """One detection for each who touched it."""
        who = actor_columns(seen.batch.logsource)
        columns = [name for name in (who.ip, who.user, who.host, who.target) if name]
        frame = seen.frame(*columns, rows=rows)
        key = next((name for name in (who.ip, who.host, who.user) if name), None)
        parts = frame.partition_by(key, maintain_order=True) if key else [frame]
        why = _("{name} was touched: {marker}").format(
            name=printable(self._names[marker], _LONGEST), marker=printable(marker, _LONGEST)
        )
        return [
            detections.of_lines(
                self.rule.info,
                part,
                seen.batch.logsource,
                why,
                actors=Actors(ip=_named(part, who.ip), user=_named(part, who.user), host=_named(part, who.host)),
                targets=_named(part, who.target),
            )
            for part in parts
        ]

    def samples(self) -> Samples:
        """None of its own: what it fires on the configuration says."""
        return Samples((), ())


def _bytes_of(texts: pa.Array) -> bytes:
    """All texts of a column, one behind the other, in small letters as far as they are ASCII."""
    offsets, data = offsets_and_bytes(texts)
    return data[offsets[0] : offsets[-1]].tobytes().lower()


def _named(frame: pl.DataFrame, column: str) -> tuple[str, ...]:
    return tuple(map(str, frame[column].drop_nulls().unique(maintain_order=True))) if column else ()
