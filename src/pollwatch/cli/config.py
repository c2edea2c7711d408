"""``pollwatch config``: what is set, where that comes from, and whether it is right."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import Json, pretty
from pollwatch.cli import options
from pollwatch.i18n import _, ngettext

if TYPE_CHECKING:
    from pollwatch.config import Config


@click.group(name="config")
def command() -> None:
    """Show and check the configuration (pollwatch.toml)."""


@command.command()
@click.option("--origin", is_flag=True, help="Also say which file, variable or flag each setting comes from.")
@options.as_json
@options.config_file
def show(*, origin: bool, as_json: bool, config_file: Path | None) -> None:
    """Show every setting as it counts here and now."""
    from pollwatch import config
    from pollwatch.cli import present

    found = config.load(Path.cwd(), os.environ, config_file)
    if as_json:
        click.echo(pretty(_document(found)))
        return
    present.plain([(each.key, each.value, each.where) if origin else (each.key, each.value) for each in found.origins])


@command.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path), metavar="[FILE]")
@options.config_file
def check(*, file: Path | None, config_file: Path | None) -> None:
    """Read all of the configuration, or FILE, and say what is wrong with it (exit code 6)."""
    from pollwatch import config

    found = config.load(Path.cwd(), os.environ, file or config_file)
    config.check_formats(found)
    if not found.files:
        click.echo(_("No pollwatch.toml found; everything is as by default."), err=True)
        return
    for path in found.files:
        click.echo(_("{path}: fine").format(path=path), err=True)
    elections, assets, sources = len(found.calendar.elections), len(found.assets.entries), len(found.sources)
    words = [
        ngettext("{n} election", "{n} elections", elections).format(n=elections),
        ngettext("{n} asset", "{n} assets", assets).format(n=assets),
        ngettext("{n} source", "{n} sources", sources).format(n=sources),
    ]
    click.echo(", ".join(words), err=True)


def _document(found: Config) -> dict[str, Json]:
    return {
        "schema": "pollwatch.config/1",
        "files": [str(path) for path in found.files],
        "settings": [{"key": each.key, "value": each.value, "origin": each.where} for each in found.origins],
    }
