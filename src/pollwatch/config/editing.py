"""Changes to ``pollwatch.toml`` that leave comments, order and everything else in it as they are.

Text in, text out: who calls reads the file, and writes it in one step after :func:`pollwatch.config.load.check`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Table

from pollwatch.errors import ConfigError

#: What a value of a table may be here: as :mod:`tomllib` gives it.
Value: TypeAlias = object
SECTIONS: Final = ("election", "asset")


def tables(text: str, section: str) -> list[Mapping[str, Value]]:
    """The tables of a section, as plain values.

    Raises:
        ConfigError: the text is no TOML, or the section no array of tables.
    """
    return [each.unwrap() for each in _section(_document(text), section)]


def put(text: str, section: str, before: str, values: Mapping[str, Value | None]) -> str:
    """The text with one table written.

    Args:
        text: of the file; may be empty.
        section: ``election`` or ``asset``.
        before: the name of the table that is changed; empty for a further one.
        values: its keys; None takes a key out, and keys that are not named stay as they are.

    Raises:
        ConfigError: no table has that name, or another has the new one.
    """
    document = _document(text)
    found = _section(document, section)
    table = _named(found, section, before) if before else None
    others = [each.get("name") for each in found if each is not table]
    if values.get("name") in others:
        raise ConfigError(f"there is another {section} called {values['name']!r}; give each its own name")
    if table is None:
        table = tomlkit.table()
        _append(document, section, table)
    for key, value in values.items():
        if value is None:
            table.pop(key, None)
        elif key not in table or table[key] != value:
            table[key] = value
    return tomlkit.dumps(document)


def remove(text: str, section: str, name: str) -> str:
    """The text without one table.

    Raises:
        ConfigError: no table has that name.
    """
    document = _document(text)
    found = _section(document, section)
    table = _named(found, section, name)
    kept = document[section]
    if isinstance(kept, AoT):
        del kept[next(at for at, each in enumerate(found) if each is table)]
        if not len(kept):
            document.remove(section)
    return tomlkit.dumps(document)


def _document(text: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise ConfigError(f"the settings are not valid TOML: {error}; mend them by hand first") from error


def _section(document: tomlkit.TOMLDocument, section: str) -> Sequence[Table]:
    found = document.get(section, [])
    if isinstance(found, AoT):
        return list(found.body)
    if found:
        raise ConfigError(f"{section} must be written as [[{section}]], with two brackets; mend it by hand first")
    return []


def _named(found: Sequence[Table], section: str, name: str) -> Table:
    for each in found:
        if each.get("name") == name:
            return each
    raise ConfigError(f"there is no {section} called {name!r} any more; load the page again")


def _append(document: tomlkit.TOMLDocument, section: str, table: Table) -> None:
    kept = document.get(section)
    if isinstance(kept, AoT):
        kept.append(table)
    else:
        array = tomlkit.aot()
        array.append(table)
        document.append(section, array)
