"""How a source of the watch is doing, in words, in the language spoken now."""

from __future__ import annotations

from typing import Final

from pollwatch.i18n import _
from pollwatch.incidents.liveness import LiveSource
from pollwatch.report.words import thousands

_KIB: Final = 1 << 10
_MIB: Final = 1 << 20
_GIB: Final = 1 << 30
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400


def grade(source: LiveSource, *, running: bool) -> str:
    """``ok``, ``waiting``, ``behind`` or ``blind``: how it is coloured."""
    if source.deaf or not running:
        return "blind"
    return source.state if source.state in {"waiting", "behind"} else "ok"


def state(source: LiveSource, *, running: bool) -> str:
    """Whether anybody hears it; a source that nobody hears is never called well."""
    if not running:
        return _("not watching")
    return {
        "ok": _("watching"),
        "waiting": _("watching; nothing came yet"),
        "behind": _("watching; reads what has piled up"),
        "silent": _("not watching: silent for longer than is normal"),
        "failed": _("not watching: it cannot be read"),
    }.get(source.state, _("not watching"))


def size(count_bytes: int) -> str:
    """Some bytes: ``0``, ``812 B``, ``3.4 MiB``."""
    for unit, name in ((_GIB, "GiB"), (_MIB, "MiB"), (_KIB, "KiB")):
        if count_bytes >= unit:
            return f"{count_bytes / unit:.1f} {name}"
    return f"{count_bytes} B" if count_bytes else "0"


def norm(norm_s: int | None) -> str:
    """The longest silence that is normal."""
    if norm_s is None:
        return _("not known yet")
    for unit, word in ((_DAY_S, _("{n} d")), (_HOUR_S, _("{n} h")), (_MINUTE_S, _("{n} min"))):
        if norm_s >= 2 * unit:
            return word.format(n=thousands(norm_s // unit))
    return _("{n} s").format(n=norm_s)
