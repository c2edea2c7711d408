"""CEF messages: ArcSight's notation, which many firewalls, sensors and web application firewalls speak."""

from __future__ import annotations

from pollwatch.formats.framing_appliance import Appliance
from pollwatch.formats.framing_cef import decode


class Cef(Appliance):
    """The format ``cef``."""


CEF = Cef("cef", r"CEF: ?\d", lambda message, _zone: decode(message) if message.startswith("CEF") else None)
