"""What a scan says about one input: what it is, how it was read, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScannedInput:
    """One input that was read to its end.

    Attributes:
        path: the input as its user named it; ``-`` for stdin. Line sets of the same scan use the same text.
        digest: SHA-256 of the whole content as hex; of the decompressed content, so that ``auth.log.1`` and
            ``auth.log.1.gz`` are one input.
        size_bytes: length of that content.
        format: the format it was read as.
        lines: how many records; ``parsed + quarantined``.
        parsed: how many became events.
        quarantined: how many were not understood.
        first_us: earliest event time, or None where no event has one.
        last_us: latest event time.
    """

    path: str
    digest: str
    size_bytes: int
    format: str
    lines: int
    parsed: int
    quarantined: int
    first_us: int | None = None
    last_us: int | None = None
