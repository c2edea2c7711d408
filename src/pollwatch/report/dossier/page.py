"""The dossier as one HTML file: no network, no script, light and dark, for a telephone and for paper."""

from __future__ import annotations

from pollwatch.report.dossier.blocks import Document
from pollwatch.report.html import page


def html(document: Document) -> str:
    """The page; its texts are escaped, and its own style is named by its hash."""
    return page("dossier.html.j2", styles=("report.css", "dossier.css"), d=document.plain())
