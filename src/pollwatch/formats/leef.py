"""LEEF messages: QRadar's notation."""

from __future__ import annotations

from pollwatch.formats.framing_appliance import Appliance
from pollwatch.formats.framing_cef import decode


class Leef(Appliance):
    """The format ``leef``."""


LEEF = Leef("leef", r"LEEF: ?[12]", lambda message, _zone: decode(message) if message.startswith("LEEF") else None)
