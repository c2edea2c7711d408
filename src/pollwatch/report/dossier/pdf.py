"""The dossier as PDF (:mod:`pollwatch.report.typesetting`)."""

from __future__ import annotations

from typing import Final

from pollwatch.report import typesetting
from pollwatch.report.dossier.blocks import Document

_PROGRAM: Final = "dossier.typ"


def pdf(document: Document, at_us: int) -> bytes:
    """The PDF; ``at_us`` stands in it as the time of its making.

    Raises:
        StoreError: typst refuses to draw it.
    """
    return typesetting.pdf(_PROGRAM, document.plain(), at_us)


def pages(document: Document, at_us: int, dots_per_inch: float = 96) -> tuple[bytes, ...]:
    """The same pages as PNG images.

    Raises:
        StoreError: typst refuses to draw it.
    """
    return typesetting.pages(_PROGRAM, document.plain(), at_us, dots_per_inch)
