"""FortiGate's messages of named fields."""

from __future__ import annotations

from pollwatch.formats.framing_appliance import Appliance
from pollwatch.formats.framing_keyvalue import decode


class FortiGate(Appliance):
    """The format ``fortigate``."""


FORTIGATE = FortiGate("fortigate", r'"?(?:date|devname|devid|logver|itime|timestamp|eventtime|logid|id|vd)=', decode)
