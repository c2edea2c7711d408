"""What web requests have in common, as detectors ask for it: robots that say so, and what pages are made of."""

from __future__ import annotations

from typing import Final

import polars as pl

_ROBOT: Final = r"(?i)bot\b|crawl|spider|slurp|archiv|feed|link.?check|checklink|monitor|uptime"
#: How parts of a page end.
PART: Final = r"(?i)\.(?:png|jpe?g|gif|svg|webp|avif|ico|css|m?js|map|woff2?|ttf|eot|webmanifest|mp4|webm|pbf)$"


def is_robot(agent: str = "cs-user-agent") -> pl.Expr:
    """Whether a client says that it is a robot; anybody may say so."""
    return pl.col(agent).str.contains(_ROBOT).fill_null(value=False)


def is_part(stem: str = "cs-uri-stem") -> pl.Expr:
    """Whether what is asked for is a part of a page: a picture, a style, a script."""
    return pl.col(stem).str.contains(PART).fill_null(value=False)


def is_referred(referer: str = "cs-referer") -> pl.Expr:
    """Whether the client says which page led it here."""
    return (pl.col(referer).is_not_null() & ~pl.col(referer).is_in(["", "-"])).fill_null(value=False)
