"""A rule's own samples: lines on which it must fire, and lines on which it must stay silent.

They stand in the rule under ``pollwatch.samples``, as ``fire`` and ``silent``. Each is a list of lines, or of
mappings that make lines:

- ``line``: a line; ``@n@`` becomes 1, 2, ..., and ``@clf@``, ``@bsd@``, ``@err@``, ``@w3c@``, ``@iso@`` the time
  as access logs, syslog, nginx's error log, IIS and RFC 3339 write it.
- ``request``: instead of a line, the request of an access-log line; with ``status``, ``agent``, ``ip``, ``referer``,
  ``bytes``.
- ``times`` and ``every``: how many such lines, how many seconds apart.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pollwatch.clock import UTC
from pollwatch.errors import RuleError

#: When the first line of every sample happens: an election night.
START = dt.datetime(2026, 11, 3, 20, 0, tzinfo=UTC)
_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
_MOST_LINES = 10_000
_KEYS = {"line", "request", "status", "agent", "ip", "referer", "bytes", "times", "every"}


@dataclass(frozen=True, slots=True)
class Samples:
    """Lines that must make a rule fire, and lines that must not."""

    fire: tuple[str, ...]
    silent: tuple[str, ...]


def samples(path: Path) -> dict[str, Samples]:
    """The samples in a rule file, by the id of their rule; a rule without any has empty ones.

    Raises:
        RuleError: the samples are not understood; the message says where.
    """
    import yaml  # noqa: PLC0415 - detectors bring their samples along without it, and a start need not wait for it

    try:
        documents = yaml.load_all(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
        return {str(each.get("id")): _samples(each) for each in documents if isinstance(each, dict)}
    except (RuleError, OSError, ValueError, OverflowError, TypeError, yaml.YAMLError, RecursionError) as error:
        raise RuleError(f"{path}: samples not understood: {error}") from error


def _samples(document: Mapping[str, Any]) -> Samples:
    own = document.get("pollwatch") or {}
    stated = (own.get("samples") or {}) if isinstance(own, dict) else own
    if not isinstance(stated, dict) or set(stated) - {"fire", "silent"}:
        raise RuleError("'samples' holds fire and silent, nothing else")
    return made(stated.get("fire") or (), stated.get("silent") or ())


def made(fire: Sequence[Any], silent: Sequence[Any]) -> Samples:
    """The samples that such entries stand for.

    Raises:
        RuleError: an entry is not understood.
    """
    return Samples(tuple(_lines(fire)), tuple(_lines(silent)))


def _lines(entries: Sequence[Any]) -> list[str]:
    lines: list[str] = []
    moment = START
    for entry in entries:
        said = {"line": entry} if isinstance(entry, str) else entry
        if not isinstance(said, dict) or set(said) - _KEYS or ("line" in said) == ("request" in said):
            raise RuleError(f"a sample is a line, or a mapping with 'line' or 'request': {entry!r}")
        times = int(said.get("times", 1))
        if times + len(lines) > _MOST_LINES:
            raise RuleError(f"samples of more than {_MOST_LINES} lines")
        for number in range(1, times + 1):
            lines.append(_filled(said, number, moment))
            moment += dt.timedelta(seconds=float(said.get("every", 1)))
    return lines


def _filled(entry: Mapping[str, Any], number: int, moment: dt.datetime) -> str:
    text = str(entry["line"]) if "line" in entry else _request(entry)
    for token, value in (
        ("@n@", str(number)),
        ("@clf@", moment.strftime("[%d/%b/%Y:%H:%M:%S +0000]")),
        ("@bsd@", f"{moment:%b} {moment.day:2d} {moment:%H:%M:%S}"),
        ("@err@", moment.strftime("%Y/%m/%d %H:%M:%S")),
        ("@w3c@", moment.strftime("%Y-%m-%d %H:%M:%S")),
        ("@iso@", moment.strftime("%Y-%m-%dT%H:%M:%S.%f+0000")),
    ):
        text = text.replace(token, value)
    return text


def _request(entry: Mapping[str, Any]) -> str:
    agent = str(entry.get("agent", _AGENT)).replace('"', '\\"')
    return (
        f'{entry.get("ip", "203.0.113.66")} - - @clf@ "{entry["request"]} HTTP/1.1" {entry.get("status", 200)}'
        f' {entry.get("bytes", 1234)} "{entry.get("referer", "-")}" "{agent}"'
    )
