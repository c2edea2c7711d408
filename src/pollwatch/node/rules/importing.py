"""An import: rules of others are copied, compiled once, and from then on used by every scan."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pollwatch.cache import Cache
from pollwatch.clock import Clock, rfc3339
from pollwatch.detect.sigma.load import LoadReport, load
from pollwatch.durable import holds, make_folder
from pollwatch.errors import StoreError
from pollwatch.node.rules import installed, taking
from pollwatch.node.rules.installed import Imported


@dataclass(frozen=True, slots=True)
class Import:
    """What an import brought.

    Attributes:
        imported: what it is now.
        before: what stood under its name; None where nothing did.
        refused: what did not load of it by itself: the path within the source, and the reason.
        left_out: files that were not taken, with the reason.
        kept: False for a dry run.
    """

    imported: Imported
    before: Imported | None
    refused: tuple[tuple[str, str], ...]
    left_out: tuple[tuple[str, str], ...]
    kept: bool


@dataclass(frozen=True, slots=True)
class Wish:
    """What its user asked for: an empty name is made from the source's; empty ``folders`` are the usual ones."""

    source: Path
    name: str = ""
    folders: tuple[str, ...] = ()
    dry_run: bool = False


def import_rules(
    wish: Wish,
    env: Mapping[str, str],
    case_dir: Path | None,
    clock: Clock,
    progress: Callable[[int, int], None] | None = None,
) -> Import:
    """Copy the rules of a folder or zip, compile them, and have every scan use them from now on.

    Raises:
        SourceError: the source cannot be read, goes beyond a limit, or holds no rule.
        UsageError: the name or a folder is impossible.
        ConfigError: there is no place to keep them, or what is there is damaged.
        StoreError: they cannot be written.
    """
    name = wish.name or _name_of(wish.source)
    installed.check_name(name)
    target = installed.rules_folder(env, case_dir)
    before = next((each for each in installed.listed(target) if each.name == name), None)
    taken = taking.take(wish.source, wish.folders)
    digest = _digest(taken.files)
    if wish.dry_run:
        with tempfile.TemporaryDirectory(prefix="pollwatch-") as aside:
            _write(Path(aside), taken.files)
            report = _loaded(Path(aside), Cache(None), progress)
            refused = _refused(Path(aside), report)
        imported = _imported(wish, name, digest, clock, report)
        return Import(imported, before, refused, tuple(taken.left_out), kept=False)
    try:
        make_folder(target, mode=0o700)
        final = target / f"{name}-{digest[:16]}"
        if not all(holds(final / name, data) for name, data in taken.files.items()):
            _put(final, taken.files)
        report = _loaded(final, None, progress)
        imported = _imported(wish, name, digest, clock, report)
        installed.publish(target, imported)
    except OSError as error:
        raise StoreError(f"the rules cannot be kept in {target}: {error.strerror or error}") from error
    return Import(imported, before, _refused(final, report), tuple(taken.left_out), kept=True)


def _name_of(source: Path) -> str:
    """A name for an import: that of the folder or archive, in the letters that names have."""
    return re.sub(r"[^a-z0-9_-]+", "-", source.resolve().name.lower().removesuffix(".zip")).strip("-_")[:40]


def _digest(files: Mapping[str, bytes]) -> str:
    told = "".join(f"{sha256(data).hexdigest()} {name}\n" for name, data in sorted(files.items()))
    return sha256(told.encode()).hexdigest()


def _put(final: Path, files: Mapping[str, bytes]) -> None:
    """Write the files aside and move them in place: whole, or not at all. What others left half-done goes."""
    aside = final.with_name(f".tmp-{secrets.token_hex(8)}")
    try:
        aside.mkdir(mode=0o700)
        _write(aside, files)
        os.sync()  # once for thousands of files: an empty rule file after a power cut would detect nothing, in silence
        if final.exists():
            shutil.rmtree(final)
        aside.rename(final)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _loaded(folder: Path, cache: Cache | None, progress: Callable[[int, int], None] | None) -> LoadReport:
    _rules, report = load([folder], cache=cache, progress=progress)
    return report


def _refused(folder: Path, report: LoadReport) -> tuple[tuple[str, str], ...]:
    return tuple(
        (each.path.removeprefix(f"{folder}/"), str(each.error).removeprefix(f"{each.path}: "))
        for each in report.refused
    )


def _imported(wish: Wish, name: str, digest: str, clock: Clock, report: LoadReport) -> Imported:
    at = rfc3339(clock.now_us()) or ""
    return Imported(name, str(wish.source.resolve()), digest, at, report.files, report.loaded, len(report.refused))
