"""Options and words that several verbs share."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import rich_click as click

from pollwatch.clock import UTC, SystemClock, from_datetime, to_datetime
from pollwatch.events.printable import printable
from pollwatch.i18n import _

#: How the card of a member of an exercise begins.
_EXERCISE = b"pollwatch/exercise/"
SEVERITIES = ("info", "low", "medium", "high", "critical")

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")


def _told_exercise(_context: click.Context, _parameter: click.Parameter, value: Path | None) -> Path | None:
    """Say on stderr, whatever is done with the case of an exercise, that it is one."""
    card = None if value is None else value / "joint" / "card.note"
    if card is not None and card.is_file():
        with card.open("rb") as opened:
            if opened.read(len(_EXERCISE)) == _EXERCISE:
                click.echo(_("EXERCISE: nothing here is real"), err=True)
    return value


case_dir = click.option(
    "--case",
    "case_dir",
    callback=_told_exercise,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The case folder: incidents, events and evidence are kept there.",
)

required_case_dir = click.option(
    "--case",
    "case_dir",
    callback=_told_exercise,
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="The case folder.",
)
tls_certificate = click.option(
    "--tls-cert",
    "certificate",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Certificate chain (PEM), to end TLS here.",
)
tls_key = click.option(
    "--tls-key",
    "key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Key of the certificate (PEM).",
)


def check_tls(certificate: Path | None, key: Path | None) -> None:
    """Refuse half of a pair.

    Raises:
        UsageError: one was given without the other.
    """
    if (certificate is None) != (key is None):
        raise click.UsageError(_("--tls-cert and --tls-key go together"))


behind_proxy = click.option(
    "--behind-proxy", is_flag=True, help="A proxy on this machine ends TLS and says who asks (X-Forwarded-For, -Proto)."
)
which_log = click.option(
    "--log",
    "which",
    type=click.Choice(("shared", "private")),
    default="shared",
    show_default=True,
    help="Which of the case's two logs.",
)
log_format = click.option(
    "--format", "fmt", default="", metavar="NAME[:DEFINITION]", help="Read every input as this format."
)
rule_dirs = click.option(
    "--rules",
    "rule_dirs",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="DIR",
    help="Sigma rules to add to the shipped pack; may be given more than once.",
)
config_file = click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Configuration to use instead of ./pollwatch.toml and the others.",
)

_AGO = re.compile(r"(\d+)([smhdw])")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class Moment(click.ParamType[str]):
    """A point in time: RFC 3339, a date, or how long ago (``36h``, ``7d``). Resolved by :func:`moment_us`."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the text; it stays text, since its meaning depends on zone and clock."""
        try:
            to_datetime(moment_us(value, SystemClock().now_us(), UTC))
        except (ValueError, OverflowError):
            self.fail(
                _("{value!r} is no time; write 2026-11-03T20:00:00Z, 2026-11-03, or 36h for 36 hours ago").format(
                    value=value
                ),
                param,
                ctx,
            )
        return value


class Zone(click.ParamType[dt.tzinfo]):
    """A time zone by its IANA name, e.g. ``Europe/Amsterdam``."""

    name = "zone"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> dt.tzinfo:
        """The zone of that name."""
        try:
            return ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.fail(
                _("{value!r} is no time zone; write e.g. UTC or Europe/Amsterdam").format(value=value), param, ctx
            )


def moment_us(text: str, now_us: int, zone: dt.tzinfo) -> int:
    """Microseconds since 1970 of a :class:`Moment`.

    Raises:
        ValueError: not a time.
    """
    if ago := _AGO.fullmatch(text):
        return now_us - int(ago[1]) * _UNIT_S[ago[2]] * 1_000_000
    moment = dt.datetime.fromisoformat(text)
    return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=zone))


def complain(message: str) -> None:
    """A sentence on stderr about what could not be done; the run goes on."""
    click.echo(f"pollwatch: {printable(message, 2000)}", err=True)
