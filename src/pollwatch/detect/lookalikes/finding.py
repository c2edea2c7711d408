"""Lookalikes among many names: a quick look at all of them, then judgement of the few that resemble an owner's.

The quick look is columnar: whether any label of a name holds an owner's (as it is, or as it looks), or is one letter
away from one. It lets through everything that ``judging`` can say anything about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import polars as pl

from pollwatch.detect.lookalikes.folding import ALIKE, plain
from pollwatch.detect.lookalikes.judging import Lookalike, judged
from pollwatch.detect.lookalikes.owned import Owned, name_of
from pollwatch.detect.lookalikes.words import FILLERS

#: Names looked at together.
_AT_ONCE: Final = 250_000
_LONGEST_LABEL: Final = 63


def lookalikes(own: Owned, names: Iterable[str]) -> list[Lookalike]:
    """The names that copy one of an owner's domains, surest first; a name that occurs twice is told once."""
    found: dict[str, Lookalike] = {}
    part: list[str] = []
    for name in names:
        part.append(name)
        if len(part) == _AT_ONCE:
            found |= _among(own, part)
            part = []
    found |= _among(own, part)
    return sorted(found.values(), key=lambda each: (-each.score, each.domain))


def _among(own: Owned, names: Sequence[str]) -> dict[str, Lookalike]:
    found: dict[str, Lookalike] = {}
    for host in _worth_judging(own, names):
        name = name_of(host)
        told = None if name is None else judged(name, own)
        if told is not None:
            found[told.domain] = told
    return found


def _worth_judging(own: Owned, names: Sequence[str]) -> list[str]:
    hosts = pl.DataFrame({"host": pl.Series(names, dtype=pl.String)}).select(
        pl.col("host").str.strip_chars().str.strip_chars_end(".").str.to_lowercase().str.strip_prefix("*.")
    )
    hosts = hosts.filter(pl.col("host").str.contains(".", literal=True)).unique(maintain_order=True)
    odd = pl.col("host").str.contains("xn--", literal=True) | ~pl.col("host").str.contains(r"^[\x00-\x7f]*$")
    strange = hosts.filter(odd)["host"].to_list()
    labels = hosts.filter(~odd).with_columns(label=pl.col("host").str.split(".").list.head(-1)).explode("label")
    labels = labels.with_columns(bare=pl.col("label").str.replace_all("-", "", literal=True))
    labels = labels.filter(pl.col("bare").str.len_bytes().is_between(2, _LONGEST_LABEL))
    wanted = labels.filter(_holds(own)) if len(labels) else labels
    typed = _near(labels.join(wanted.select("host").unique(), on="host", how="anti"), own)
    # Letters of other alphabets are looked at one by one: there are few such names, and each is odd.
    return [
        *wanted["host"].unique(maintain_order=True).to_list(),
        *typed,
        *(host for host in strange if _readable(host)),
    ]


def _holds(own: Owned) -> pl.Expr:
    """Whether a label holds an owner's name, or what looks like one; short names only as a part between hyphens."""
    label, bare = pl.col("label"), pl.col("bare")
    looks = {text for text in own.brand_looks if len(text) >= _SHORT}
    texts = {text for text in (*own.brands, *own.bare, *own.joined) if len(text) >= _SHORT}
    parts = [text for text in own.brand_looks if len(text) < _SHORT]
    holds = bare.is_in([*own.bare, *own.joined]) | label.is_in(list(own.labels))
    holds |= _look(bare).is_in([*looks, *own.look_ends])
    holds |= _look(label).str.split("-").list.eval(pl.element().is_in(parts)).list.any()
    return holds | bare.str.contains_any(list(texts)) | _look(bare).str.contains_any(list(looks))


def _look(text: pl.Expr) -> pl.Expr:
    """As ``folding.look``."""
    for one, other in ALIKE.items():
        text = text.str.replace_all(one, other, literal=True)
    return text


_SHORT: Final = 4


def _near(labels: pl.DataFrame, own: Owned) -> list[str]:
    """Hosts of which a label, or a part of one between hyphens, is one letter away from an owner's."""
    parts = pl.concat(
        [
            labels.select("host", text="label"),
            labels.select("host", text="bare"),
            labels.filter(pl.col("label").str.contains("-", literal=True))
            .select("host", text=pl.col("label").str.split("-"))
            .explode("text"),
            *(
                labels.filter(pl.col("bare").str.contains(word, literal=True)).select(
                    "host", text=pl.col("bare").str.replace(word, "", literal=True)
                )
                for word in FILLERS
            ),
        ]
    ).unique()
    length = pl.col("text").str.len_bytes()
    lengths = [len(each) for each in own.neighbours]
    parts = parts.filter(length.is_between(min(lengths, default=0), max(lengths, default=0) + 1))
    known = pl.Series(list(own.neighbours), dtype=pl.String)
    near = parts.filter(pl.col("text").is_in(known.implode()))["host"].to_list()
    for at in range(max(lengths, default=0) + 1):
        left = parts.filter(length > at).select(
            "host", text=pl.col("text").str.slice(0, at) + pl.col("text").str.slice(at + 1)
        )
        near += left.filter(pl.col("text").is_in(known.implode()))["host"].to_list()
    return list(dict.fromkeys(near))


def _readable(host: str) -> bool:
    return any(plain(label).isascii() for label in host.split("."))
