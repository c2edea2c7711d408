"""Finds and reads ``pollwatch.toml``; see the package for which place wins."""

from __future__ import annotations

import os.path
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from pollwatch.clock import UTC, rfc3339
from pollwatch.config.settings import FIELDS, Config, NodeSettings, Origin, SourceSetting, pattern
from pollwatch.console.accounts.settings import AccessSettings, parse_console
from pollwatch.election.announced import Announced, parse_announced
from pollwatch.election.assets import Asset, Assets
from pollwatch.election.calendar import Calendar
from pollwatch.election.canaries import Canary, parse_canaries
from pollwatch.election.settings import parse_assets, parse_elections
from pollwatch.election.tables import Table, nearest
from pollwatch.errors import ConfigError, FormatError, ProofError
from pollwatch.evidence.linefields import check_names
from pollwatch.notify.settings import NotifySettings, parse_notify
from pollwatch.sources.settings import WatchedSource, WatchSettings, parse_watch

NAME: Final = "pollwatch.toml"
SYSTEM: Final = Path("/etc/pollwatch")
NODE_KEYS: Final = ("case", "name", "bloc", "fields")
_SECTIONS: Final = ("election", "asset", "announced", "canary", "source", "watch", "node", "console", "notify")
_PREFIX: Final = "POLLWATCH_NODE_"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _File:
    """One file, read and checked; a section that it does not have is None."""

    path: Path
    calendar: Calendar | None
    assets: Assets | None
    announced: tuple[Announced, ...] | None
    canaries: tuple[Canary, ...] | None
    sources: tuple[SourceSetting, ...] | None
    watch: WatchSettings | None
    node: Mapping[str, str]
    console: AccessSettings | None
    notify: NotifySettings | None


def load(
    cwd: Path,
    env: Mapping[str, str],
    explicit: Path | None = None,
    flags: Mapping[str, str] | None = None,
    system: Path = SYSTEM,
) -> Config:
    """Read the configuration.

    Args:
        cwd: the working directory.
        env: the environment.
        explicit: what ``--config`` names; then no other file is read.
        flags: settings given as options, by their key: ``{"node.case": "DIR"}``.
        system: where the machine's own file is.

    Raises:
        ConfigError: naming file, key and the nearest valid one.
    """
    files = [_read(path) for path in _places(cwd, env, explicit, system)]
    node, origins = _node(cwd, env, flags or {}, files)
    calendar, told = _first([(file.path, file.calendar) for file in files], Calendar())
    origins += [
        Origin(
            f"election.{election.name}",
            f"polls {rfc3339(election.polls_open_us)} to {rfc3339(election.polls_close_us)}",
            told,
        )
        for election in calendar.elections
    ]
    assets, told = _first([(file.path, file.assets) for file in files], Assets())
    origins += [Origin(f"asset.{asset.name}", _asset_words(asset), told) for asset in assets.entries]
    announced, told = _first([(file.path, file.announced) for file in files], ())
    origins += [Origin(f"announced.{each.name}", _announced_words(each), told) for each in announced]
    canaries, told = _first([(file.path, file.canaries) for file in files], ())
    origins += [Origin(f"canary.{canary.name}", ", ".join(canary.markers), told) for canary in canaries]
    sources, told = _first([(file.path, file.sources) for file in files], ())
    origins += [Origin(f"source.{source.path}", _source_words(source), told) for source in sources]
    watch, told = _first([(file.path, file.watch) for file in files], WatchSettings())
    origins += _watch_origins(watch, told)
    console, told = _first([(file.path, file.console) for file in files], AccessSettings())
    origins += [Origin(f"console.{key}", value, told) for key, value in console.words()]
    notify, told = _first([(file.path, file.notify) for file in files], NotifySettings())
    origins += [Origin(f"notify.{key}", value, told) for key, value in notify.words()]
    paths = tuple(file.path for file in files)
    return Config(
        calendar, assets, announced, canaries, sources, node, watch, paths, tuple(origins), cwd, console, notify
    )


def check_formats(config: Config) -> None:
    """Check what only the formats can: that each ``format`` exists and that its definition can be used.

    Raises:
        ConfigError: naming the source.
    """
    from pollwatch.formats import registry  # noqa: PLC0415 - loads every format; most commands need none
    from pollwatch.formats.interface import ParseContext  # noqa: PLC0415 - the same

    named = [(f"[[source]] with path {each.path!r}", each.path, each.format, each.zone) for each in config.sources]
    named += [(f"[[watch.source]] {each.name!r}", each.name, each.format, each.zone) for each in config.watch.sources]
    for where, path, spec, zone in named:
        if spec:
            try:
                found, definition = registry.by_name(spec)
                found.parser(ParseContext(path, 0, zone or UTC, definition))
            except FormatError as error:
                raise ConfigError(f"{where}: format: {error}") from error


def _places(cwd: Path, env: Mapping[str, str], explicit: Path | None, system: Path) -> list[Path]:
    """The files to read, nearest first."""
    if explicit is None and (named := env.get("POLLWATCH_CONFIG")):
        explicit = Path(named)
    if explicit is not None:
        return [cwd / explicit]
    own = folder_of_user(env)
    folders = [cwd, *([own] if own is not None else []), system]
    return [path for path in (folder / NAME for folder in folders) if _is_there(path)]


def folder_of_user(env: Mapping[str, str]) -> Path | None:
    """Where the user's own configuration is; None where there is no home."""
    home = Path(env["XDG_CONFIG_HOME"]) if env.get("XDG_CONFIG_HOME") else None
    if home is None and env.get("HOME"):
        home = Path(env["HOME"]) / ".config"
    return None if home is None else home / "pollwatch"


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except OSError:  # also a home folder that a service's user may not enter: then it has no settings there
        return False
    return True


def check(data: bytes, path: Path) -> None:
    """Check what is to stand in a file before it does.

    Raises:
        ConfigError: naming file, key and the nearest valid one.
    """
    _parsed(data, path)


def _read(path: Path) -> _File:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    return _parsed(data, path)


def _parsed(data: bytes, path: Path) -> _File:
    try:
        parsed = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    for key in parsed:
        if key not in _SECTIONS:
            raise ConfigError(f"{path}: {key} is no section; {nearest(key, _SECTIONS)}")
    return _File(
        path,
        _section(parsed, "election", path, parse_elections),
        _section(parsed, "asset", path, parse_assets),
        _section(parsed, "announced", path, parse_announced),
        _section(parsed, "canary", path, parse_canaries),
        _section(parsed, "source", path, _parse_sources),
        _parse_watch(parsed.get("watch"), path),
        _parse_node(parsed.get("node", {}), path),
        _parse_console(parsed["console"], path) if "console" in parsed else None,
        _parse_notify(parsed["notify"], path) if "notify" in parsed else None,
    )


def _section(
    parsed: Mapping[str, object], key: str, path: Path, parse: Callable[[Sequence[Mapping[str, object]], str], _T]
) -> _T | None:
    """What the tables of a section say; None where the file has no such section."""
    if key not in parsed:
        return None
    value = parsed[key]
    if isinstance(value, list) and all(isinstance(each, Mapping) for each in value):
        return parse(value, str(path))
    raise ConfigError(f"{path}: {key} must be written as [[{key}]], with two brackets: there may be several")


def _parse_sources(found: Sequence[Mapping[str, object]], where: str) -> tuple[SourceSetting, ...]:
    sources = []
    folder = Path(where).parent.absolute()
    for number, values in enumerate(found, 1):
        table = Table(values, f"{where}: [[source]] {number}")
        named, fmt = table.text("path"), table.text("format", "")
        zone = table.zone("zone") if "zone" in values else None
        table.done()
        absolute = named if named == "-" else os.path.normpath(folder / Path(named).expanduser())
        try:
            pattern(absolute)
        except re.error as error:
            raise table.fail("path", f"{named!r} is no pattern: {error}") from error
        sources.append(SourceSetting(absolute, fmt, zone))
    return tuple(sources)


def _parse_watch(values: object, path: Path) -> WatchSettings | None:
    if values is None:
        return None
    if not isinstance(values, Mapping):
        raise ConfigError(f"{path}: watch must be written as [watch], with one bracket: there is one")
    return parse_watch(values, str(path))


def _parse_node(values: object, path: Path) -> dict[str, str]:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{path}: node must be written as [node], with one bracket: there is one")
    table = Table(values, f"{path}: [node]")
    found = {key: table.text(key, "") for key in NODE_KEYS}
    table.done()
    _fields(found["fields"], str(path))
    if found["case"]:
        found["case"] = os.path.normpath(path.parent.absolute() / Path(found["case"]).expanduser())
    return {key: value for key, value in found.items() if value}


def _parse_notify(values: object, path: Path) -> NotifySettings:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{path}: notify must be written as [notify], with one bracket: there is one")
    return parse_notify(values, str(path))


def _parse_console(values: object, path: Path) -> AccessSettings:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{path}: console must be written as [console], with one bracket: there is one")
    return parse_console(values, str(path))


def _node(
    cwd: Path, env: Mapping[str, str], flags: Mapping[str, str], files: Sequence[_File]
) -> tuple[NodeSettings, list[Origin]]:
    """The ``[node]`` settings, each from the first place that has it."""
    _refuse_unknown(env, flags)
    values: dict[str, str] = {}
    origins = []
    for key in NODE_KEYS:
        variable = _PREFIX + key.upper()
        places = [(flags.get(f"node.{key}", ""), f"flag --{key}"), (env.get(variable, ""), f"variable {variable}")]
        places = [(os.path.normpath(cwd / value) if key == "case" and value else value, told) for value, told in places]
        places += [(file.node.get(key, ""), str(file.path)) for file in files]
        default = " ".join(FIELDS) if key == "fields" else ""
        values[key], told = next(((value, told) for value, told in places if value), (default, "default"))
        origins.append(Origin(f"node.{key}", values[key], told))
    case = Path(values["case"]) if values["case"] else None
    return NodeSettings(case, values["name"], values["bloc"], _fields(values["fields"], origins[-1].where)), origins


def _fields(value: str, told: str) -> tuple[str, ...]:
    names = () if value == "none" else tuple(value.replace(",", " ").split())
    try:
        check_names(names)
    except ProofError as error:
        raise ConfigError(f"{told}: fields of [node]: {error}; write `none` for none") from error
    return names


def _refuse_unknown(env: Mapping[str, str], flags: Mapping[str, str]) -> None:
    variables = [_PREFIX + key.upper() for key in NODE_KEYS]
    for variable in env:
        if variable.startswith(_PREFIX) and variable not in variables:
            raise ConfigError(f"environment variable {variable} is no setting; {nearest(variable, variables)}")
    keys = [f"node.{key}" for key in NODE_KEYS]
    for key in flags:
        if key not in keys:
            raise ConfigError(f"flag {key} is no setting; {nearest(key, keys)}")


def _first(found: Sequence[tuple[Path, _T | None]], default: _T) -> tuple[_T, str]:
    """What the first file that has this section says, and which file that is."""
    return next(((value, str(path)) for path, value in found if value is not None), (default, "default"))


def _asset_words(asset: Asset) -> str:
    words = [asset.kind, *asset.hosts, *(str(network) for network in asset.networks), *asset.paths]
    return ", ".join([*words, f"owner {asset.owner}"] if asset.owner else words)


def _announced_words(test: Announced) -> str:
    times = f"{rfc3339(test.first_us)} to {rfc3339(test.last_us)}"
    return ", ".join([times, *map(str, test.networks)])


def _watch_origins(watch: WatchSettings, told: str) -> list[Origin]:
    health = Origin("watch.health", str(watch.health or "none"), told)
    spool = Origin("watch.spool_mib", str(watch.spool_bytes >> 20), told)
    return [health, spool, *(Origin(f"watch.source.{each.name}", _watched_words(each), told) for each in watch.sources)]


def _watched_words(source: WatchedSource) -> str:
    words = [source.kind, *source.paths, *([str(source.listen)] if source.listen else []), *source.units, source.format]
    return ", ".join(word for word in words if word)


def _source_words(source: SourceSetting) -> str:
    zone = source.zone.key if source.zone is not None else ""
    return ", ".join(word for word in (source.format, zone) if word) or "as found"
