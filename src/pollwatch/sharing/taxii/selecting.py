"""A query as SQL: branches that each walk one index in order, cut off at the page's end, merged by `date_added`."""

from __future__ import annotations

from typing import Final

from pollwatch.sharing.taxii.query import Filter, Query

#: SQLite takes 500 terms of a compound select; beyond this, types are looked at row by row.
_MAX_BRANCHES: Final = 400
_START_US: Final = -1

_Sql = tuple[str, list[str | int]]


def selection(collection: int, query: Query, columns: str, object_id: str = "") -> _Sql:
    """The statement for a page, one row more than fits, so that it is known whether there is more.

    Args:
        collection: its key.
        query: what is wanted.
        columns: what is read of each row; `added_us` comes first.
        object_id: the one object that is asked for; empty = any.
    """
    after = _START_US if query.after_us is None else query.after_us
    wanted, values = _keys(collection, query.filter, object_id, after, query.limit + 1)
    statement = (
        f"SELECT objects.added_us, {columns} FROM ({wanted}) AS wanted"  # noqa: S608 - our own words
        " CROSS JOIN objects ON objects.added_us = wanted.added_us ORDER BY wanted.added_us"
    )
    return statement, values


def chosen(versions: tuple[str, ...]) -> _Sql:
    """The condition on a row's version; no version named = all of them."""
    if not versions or "all" in versions:
        return "1", []
    named = [each for each in versions if each not in {"first", "last"}]
    parts: list[str] = [each for each in ("first", "last") if each in versions]
    parts += [f"version_key IN ({_marks(named)})"] if named else []
    return f"({' OR '.join(parts)})", list(named)


def _keys(collection: int, wanted: Filter, object_id: str, after: int, count: int) -> _Sql:
    versions = wanted.versions or ("last",)
    ids = (object_id,) if object_id else wanted.ids
    if ids:
        condition, values = chosen(versions)
        types = f" AND type IN ({_marks(wanted.types)})" if wanted.types else ""
        statement = (
            "SELECT added_us FROM objects INDEXED BY objects_by_id"  # noqa: S608 - our own words
            f" WHERE collection = ? AND id IN ({_marks(ids)}) AND added_us > ? AND {condition}{types}"
            " ORDER BY added_us LIMIT ?"
        )
        return statement, [collection, *ids, after, *values, *wanted.types, count]
    selectors = _selectors(versions)
    by_type = 0 < len(wanted.types) * len(selectors) <= _MAX_BRANCHES
    branches: list[str] = []
    values = []
    for condition, index, value in selectors:
        for kind in wanted.types if by_type else ("",):
            found, bound = _branch(condition, index, value, kind, () if by_type else wanted.types)
            branches.append(f"SELECT * FROM ({found})")  # noqa: S608 - our own words
            values += [collection, *bound, after, count]
    if len(branches) == 1:
        return branches[0], values
    return f"{' UNION '.join(branches)} ORDER BY 1 LIMIT ?", [*values, count]


def _branch(condition: str, index: str, value: str, kind: str, types: tuple[str, ...]) -> _Sql:
    """One walk along one index."""
    values: list[str | int] = [value] if value else []
    if kind:
        condition = f"{condition} AND type = ?"
        values.append(kind)
        index = index if value else f"{index}_by_type"
    elif types:
        condition = f"{condition} AND type IN ({_marks(types)})"
        values += types
    walk = (
        f"SELECT added_us FROM objects INDEXED BY {index} WHERE collection = ? AND {condition}"  # noqa: S608 - our own words
        " AND added_us > ? ORDER BY added_us LIMIT ?"
    )
    return walk, values


def _selectors(versions: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """For each version that is asked for: condition, index and value."""
    found = []
    for each in versions:
        if each == "last":
            found.append(("last = 1", "objects_last", ""))
        elif each in {"all", "first"}:
            more = " AND first = 1" if each == "first" else ""
            found.append((f"last = 1{more}", "objects_last", ""))
            found.append((f"last = 0{more}", "objects_older", ""))
        else:
            found.append(("version_key = ?", "objects_by_version", each))
    return found


def _marks(values: tuple[str, ...] | list[str]) -> str:
    return ", ".join("?" * len(values))
