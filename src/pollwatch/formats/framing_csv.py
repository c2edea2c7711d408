"""A line of comma-separated values, of which cells may stand in quotes."""

from __future__ import annotations

import csv

#: More than any record holds: a long cell is no reason to read its line otherwise.
_LONGEST_CELL = 1 << 23


def cells(line: str, separator: str = ",", *, strict: bool = False) -> list[str]:
    """The cells of a line; none where it cannot be read so, such as for a carriage return outside quotes.

    Args:
        line: without its line break.
        separator: between two cells.
        strict: quotes that are left open, or that more follows, make it no such line; else they end as they can.
    """
    csv.field_size_limit(_LONGEST_CELL)  # it is the whole process's, and others set it for themselves
    try:
        return next(csv.reader([line], delimiter=separator, strict=strict), [])
    except csv.Error:
        return []
