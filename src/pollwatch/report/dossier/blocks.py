"""What a dossier is made of: chapters of blocks. Text is inert when it comes here, and never becomes markup.

The document goes to both templates as data: to typst as JSON that its program reads, to Jinja as values that it
escapes.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

Tone: TypeAlias = Literal["plain", "good", "bad", "warn"]


class Line(msgspec.Struct, frozen=True):
    """One line of what somebody wrote, and whether it runs from right to left."""

    text: str
    rtl: bool = False


class Quote(msgspec.Struct, frozen=True, tag_field="kind", tag="quote"):
    """Somebody's words, unaltered.

    Attributes:
        head: whose and what, e.g. "Denial by Cedar".
        lines: the words.
        foot: when, and where it is on record.
        tone: how it is set off.
    """

    head: str
    lines: tuple[Line, ...]
    foot: str = ""
    tone: Tone = "plain"


class Para(msgspec.Struct, frozen=True, tag_field="kind", tag="para"):
    """A paragraph of ours."""

    text: str


class Notice(msgspec.Struct, frozen=True, tag_field="kind", tag="notice"):
    """A sentence that must not be overlooked."""

    text: str
    tone: Tone = "warn"


class Heading(msgspec.Struct, frozen=True, tag_field="kind", tag="heading"):
    """A heading inside of a chapter."""

    text: str


class Items(msgspec.Struct, frozen=True, tag_field="kind", tag="items"):
    """A list of sentences."""

    items: tuple[str, ...]


class Facts(msgspec.Struct, frozen=True, tag_field="kind", tag="facts"):
    """Labels and values; a value of hexadecimal digits is set so that it can be compared."""

    rows: tuple[tuple[str, str], ...]


class Gauge(msgspec.Struct, frozen=True, tag_field="kind", tag="gauge"):
    """A word on a scale of words.

    Attributes:
        label: what is measured.
        scale: all words, from low to high.
        at: which of them holds.
        note: what it means, in a few words.
    """

    label: str
    scale: tuple[str, ...]
    at: int
    note: str = ""


class Table(msgspec.Struct, frozen=True, tag_field="kind", tag="table"):
    """A table.

    Attributes:
        head: its columns.
        rows: its cells.
        widths: of the columns, in parts of the whole.
        code: numbers of the columns that hold hashes or names of logs.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[int, ...]
    code: tuple[int, ...] = ()


class Commands(msgspec.Struct, frozen=True, tag_field="kind", tag="commands"):
    """What to type, to see for oneself."""

    intro: str
    lines: tuple[str, ...]


class Band(msgspec.Struct, frozen=True):
    """A phase behind a chart; its label is empty where it would not fit."""

    x: float
    width: float
    label: str
    hot: bool


class Mark(msgspec.Struct, frozen=True):
    """Something on a row of a chart; a moment has the least width."""

    x: float
    width: float
    tone: Tone = "plain"


class Row(msgspec.Struct, frozen=True):
    """A row of a chart: its name, and what stands on it."""

    label: str
    marks: tuple[Mark, ...]


class Tick(msgspec.Struct, frozen=True):
    """A moment on the axis of a chart."""

    x: float
    label: str


class Chart(msgspec.Struct, frozen=True, tag_field="kind", tag="chart"):
    """Rows over the election calendar, in a space that is 1,000 wide; the text says the same in words."""

    title: str
    bands: tuple[Band, ...]
    ticks: tuple[Tick, ...]
    rows: tuple[Row, ...]


class Cell(msgspec.Struct, frozen=True):
    """One cell of the matrix.

    Attributes:
        sign: how the item fits: from ``++`` to ``--``; empty where nobody said.
        who: by whom, with each one's rating where they differ.
        weight: -2 (speaks strongly against) to 2, rounded; for its colour.
        counts: whether enough blocs have rated it.
    """

    sign: str
    who: tuple[str, ...]
    weight: int
    counts: bool


class MatrixRow(msgspec.Struct, frozen=True):
    """An item of evidence: its number, whose it is, its words, its cells, and how far it tells the columns apart."""

    name: str
    text: str
    cells: tuple[Cell, ...]
    apart: str


class MatrixColumn(msgspec.Struct, frozen=True):
    """A hypothesis: its number, what speaks against it, and whether it leads."""

    name: str
    against: str
    leads: bool


class Matrix(msgspec.Struct, frozen=True, tag_field="kind", tag="matrix"):
    """Evidence and hypotheses; with the words of its own row and column heads."""

    columns: tuple[MatrixColumn, ...]
    rows: tuple[MatrixRow, ...]
    item_word: str
    apart_word: str
    against_word: str


class Spread(msgspec.Struct, frozen=True, tag_field="kind", tag="spread"):
    """What is said, and what is said against it, side by side; one is never shown without the other."""

    left: tuple[Inner, ...]
    right: tuple[Inner, ...]


Inner: TypeAlias = Quote | Para | Notice | Heading | Items | Facts | Gauge
Block: TypeAlias = Inner | Table | Commands | Chart | Matrix | Spread


class Chapter(msgspec.Struct, frozen=True):
    """A chapter; ``key`` names it in links, and a fresh one begins on a page of its own."""

    key: str
    title: str
    blocks: tuple[Block, ...]
    fresh: bool = False


class Cover(msgspec.Struct, frozen=True):
    """The cover sheet.

    Attributes:
        watch: the joint watch's name.
        word: what kind of paper this is.
        title: what happened.
        status: who says what, in one sentence.
        against: denial, dissent and silence, in one sentence each.
        voices: each member, its bloc and its part in the statement that the status is about; none without one.
        facts: labels and values.
        caution: what such a paper is, and is not.
    """

    watch: str
    word: str
    title: str
    status: str
    against: tuple[str, ...]
    voices: tuple[tuple[str, str, str], ...]
    facts: tuple[tuple[str, str], ...]
    caution: str


class Document(msgspec.Struct, frozen=True):
    """The whole.

    Attributes:
        language: of its own sentences, e.g. ``nl``.
        rtl: whether that language runs from right to left.
        tlp: the marking as people write it.
        tlp_word: which colour it has: ``clear``, ``green``, ``amber``, ``amber+strict``, ``red``.
        tlp_means: the marking in words.
        exercise: what marks every page of an exercise; empty where it is real.
        made: when the case was as it is shown.
        page_word: "Page {page} of {pages}", with these two places.
        contents_word: heads the list of chapters.
        cover: the first page.
        chapters: all others.
    """

    language: str
    rtl: bool
    tlp: str
    tlp_word: str
    tlp_means: str
    exercise: str
    made: str
    page_word: str
    contents_word: str
    cover: Cover
    chapters: tuple[Chapter, ...]

    def plain(self) -> dict[str, Any]:
        """The same as what JSON knows."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found
