"""Rules that were imported: where they lie, where they came from, how they are replaced and removed.

    RULES/NAME.json       what the import is, and which folder holds its rules
    RULES/NAME-DIGEST/    the rules, as they were imported; never changed

``RULES`` is ``rules`` in the user's configuration folder, or in a case. The JSON file is written last and in one
step: what it names counts, so that a scan meets the old rules or the new ones, never half of either. A folder that no
file names is what an interrupted import or removal left, and goes with the next.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from pollwatch.canonical import pretty
from pollwatch.config import folder_of_user
from pollwatch.durable import write_file
from pollwatch.errors import ConfigError, UsageError

SCHEMA: Final = "pollwatch.rules-imported/1"
_LARGEST_BYTES: Final = 1 << 16
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Imported(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One import.

    Attributes:
        source: the folder or archive as its user named it.
        digest: SHA-256 over the names and bytes of all its files.
        at: when, RFC 3339.
        files: how many rule files.
        loaded: how many rules loaded then.
        refused: how many did not.
    """

    name: str
    source: str
    digest: str
    at: str
    files: int
    loaded: int
    refused: int
    schema: str = SCHEMA

    @property
    def folder(self) -> str:
        """The name of the folder with its rules."""
        return f"{self.name}-{self.digest[:16]}"


def rules_folder(env: Mapping[str, str], case_dir: Path | None) -> Path:
    """Where imports go: into the case, else into the user's configuration.

    Raises:
        ConfigError: there is neither.
    """
    if case_dir is not None:
        return case_dir / "rules"
    own = folder_of_user(env)
    if own is None:
        raise ConfigError("there is no configuration folder to keep rules in; set XDG_CONFIG_HOME, or name a --case")
    return own / "rules"


def imports(env: Mapping[str, str], case_dir: Path | None) -> list[tuple[Imported, Path]]:
    """The imports that a scan uses, the user's before the case's, each with the folder of its rules.

    Raises:
        ConfigError: one is damaged: it would be wrong to scan without its rules in silence.
    """
    own = folder_of_user(env)
    folders = [*([own / "rules"] if own is not None else []), *([case_dir / "rules"] if case_dir is not None else [])]
    return [(each, folder / each.folder) for folder in dict.fromkeys(folders) for each in listed(folder)]


def folders(env: Mapping[str, str], case_dir: Path | None) -> tuple[Path, ...]:
    """Where the rules of all imports lie, to be loaded after the shipped pack.

    Raises:
        ConfigError: an import is damaged.
    """
    return tuple(folder for _imported, folder in imports(env, case_dir))


def listed(folder: Path) -> list[Imported]:
    """The imports in one folder, by name.

    Raises:
        ConfigError: one is damaged.
    """
    try:
        return [_read(path) for path in sorted(folder.glob("*.json"))]
    except PermissionError:  # a home folder that a service's user may not enter: then it has no rules there
        return []


def check_name(name: str) -> None:
    """Raise UsageError unless an import may be called so."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be an import's name; use up to 40 of a-z, 0-9, - and _")


def publish(folder: Path, imported: Imported) -> None:
    """Make an import count whose rules are in place, and remove what no import names.

    Raises:
        OSError: the disk says no; what counted before still does.
    """
    write_file(folder / f"{imported.name}.json", (pretty(msgspec.to_builtins(imported)) + "\n").encode())
    sweep(folder)


def remove(folder: Path, name: str) -> Imported:
    """Remove an import.

    Raises:
        UsageError: there is none of that name; it says which there are.
    """
    check_name(name)
    found = {each.name: each for each in listed(folder)}
    if name not in found:
        there = ", ".join(found) or "none"
        raise UsageError(f"no rules were imported as {name!r} into {folder}; there is: {there}")
    (folder / f"{name}.json").unlink()
    sweep(folder)
    return found[name]


def sweep(folder: Path) -> None:
    """Remove folders of rules that no import names."""
    kept = {each.folder for each in listed(folder)}
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink() and path.name not in kept:
            shutil.rmtree(path, ignore_errors=True)


def _read(path: Path) -> Imported:
    try:
        with path.open("rb") as opened:
            found = msgspec.json.decode(opened.read(_LARGEST_BYTES), type=Imported)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise ConfigError(f"{path}: damaged ({error}); remove it and import the rules again") from error
    if found.schema != SCHEMA or found.name != path.stem or not _NAME.fullmatch(found.name):
        raise ConfigError(f"{path}: is no import called {path.stem!r}; remove it and import the rules again")
    if not _DIGEST.fullmatch(found.digest):
        raise ConfigError(f"{path}: names no digest of its rules; remove it and import the rules again")
    return found
