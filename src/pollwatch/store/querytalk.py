"""What the process that answers SQL is asked, and what it says. Light: the process starts anew for each question."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

Value: TypeAlias = str | int | float | bool | None


class Request(msgspec.Struct, frozen=True):
    """What the process is asked: ``tables`` is by name of the view, in it by path the name of the input."""

    sql: str
    seconds: float
    memory_bytes: int
    rows: int
    bytes: int
    tables: dict[str, dict[str, str]]


class Reply(msgspec.Struct, frozen=True):
    """What the process says: the rows, or what is wrong with the statement."""

    columns: list[str] = []
    types: list[str] = []
    rows: list[list[Value]] = []
    truncated: bool = False
    error: str = ""
