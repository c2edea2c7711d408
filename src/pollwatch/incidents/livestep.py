"""What a step of a watch is made of, and what a watch goes on from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import msgspec

from pollwatch.incidents.livefolding import Changes
from pollwatch.incidents.quarantine import QuarantineTally
from pollwatch.store.events import EventFile


@dataclass(slots=True)
class LiveInput:
    """One followed file as an input of the case.

    Attributes:
        id: its row.
        name: how the case calls it.
        source: the source's name in the settings.
        stream: the log that the file is a part of.
        generation: which of the log's files.
        format: how it is read; empty as long as that is not known.
        context: lines that a new parser must see before it can go on.
        lines: records that were read; in the case, or on their way there.
        kept: lines of each quarantine reason that are kept to look at.
    """

    id: int
    name: str
    source: str
    stream: str
    generation: int
    format: str = ""
    context: bytes = b""
    lines: int = 0
    kept: Counter[str] = field(default_factory=Counter)

    @property
    def key(self) -> tuple[str, str, int]:
        """What its positions are known by."""
        return self.source, self.stream, self.generation


@dataclass(frozen=True, slots=True)
class Part:
    """What a step brings of one input."""

    input: LiveInput
    size_bytes: int
    lines: int
    parsed: int
    first_us: int | None
    last_us: int | None
    files: tuple[EventFile, ...]
    tally: QuarantineTally


class Observed(msgspec.Struct, frozen=True):
    """One batch of a step as detection saw it: its event file, its input's row, and the watermark that went with it."""

    file: str
    input_id: int
    category: str
    product: str
    service: str
    watermark_us: int | None


@dataclass(frozen=True, slots=True)
class Step:
    """All that is committed at one moment.

    Attributes:
        seq: its number.
        parts: what it brings of each input.
        positions: how far every followed file was read: by key, the position as bytes; all of them.
        observed: what detection saw, in order.
        changes: of the detections.
        looked: detectors saw the events of earlier steps in it, though it has none itself; that is noted.
    """

    seq: int
    parts: tuple[Part, ...]
    positions: tuple[tuple[tuple[str, str, int], bytes], ...]
    observed: tuple[Observed, ...]
    changes: Changes
    looked: bool = False


@dataclass(frozen=True, slots=True)
class Resumed:
    """What a watch goes on from.

    Attributes:
        seq: the last step that was committed; 0 = none.
        state: the file that holds the saved detection state; empty for the state before the first event.
        steps: what was observed since that was saved; nothing where detectors only saw what came before.
        inputs: by key.
        positions: of all followed files.
    """

    seq: int
    state: str
    steps: tuple[tuple[Observed, ...], ...]
    inputs: dict[tuple[str, str, int], LiveInput]
    positions: tuple[bytes, ...]
