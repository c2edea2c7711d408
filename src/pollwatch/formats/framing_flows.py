"""Flow records by the names of their fields, whoever exported them: NetFlow, IPFIX, sFlow, cloud networks.

A field's name is compared without case and signs. A record need not have both directions: what came back is
``bytes_in`` only where the exporter says it.

Source: IANA "IPFIX Information Elements"; nfdump(1) csv and json; goflow2, pmacct and rwcut manuals; Argus ra(1);
Amazon VPC and Google Cloud user guides, "flow log records".
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

from pollwatch.formats.framing import Value, as_int64, epoch_us, iso_us
from pollwatch.formats.framing_login import address

#: What a column of ours may be called, signs left out; of several times, the first one named here counts.
_NAMES: dict[str, tuple[str, ...]] = {
    "src_ip": (
        *("srcip", "sip", "sa", "srcaddr", "sourceaddress", "sourceip", "sourceipaddress", "sourceipv4address"),
        *("sourceipv6address", "src4addr", "src6addr", "ipsrc", "ipv4srcaddr", "ipv6srcaddr", "srcipaddr"),
        *("connectionsrcip", "jsonpayloadconnectionsrcip", "src"),
    ),
    "dest_ip": (
        *("dstip", "destip", "dip", "da", "dstaddr", "destinationaddress", "destinationip", "destinationipaddress"),
        *("destinationipv4address", "destinationipv6address", "dst4addr", "dst6addr", "ipdst", "ipv4dstaddr"),
        *("ipv6dstaddr", "dstipaddr", "connectiondestip", "jsonpayloadconnectiondestip", "dst"),
    ),
    "src_port": (
        *("srcport", "sport", "sp", "sourceport", "sourcetransportport", "portsrc", "l4srcport", "srcpt"),
        *("connectionsrcport", "jsonpayloadconnectionsrcport"),
    ),
    "dest_port": (
        *("dstport", "destport", "dport", "dp", "destinationport", "destinationtransportport", "portdst", "l4dstport"),
        *("dstpt", "connectiondestport", "jsonpayloadconnectiondestport"),
    ),
    "proto": (
        *("proto", "pr", "pro", "protocol", "protocolidentifier", "ipproto", "ipprotocol"),
        *("connectionprotocol", "jsonpayloadconnectionprotocol"),
    ),
    "bytes_out": (
        *("bytes", "byte", "ibyt", "inbytes", "srcbytes", "octetdeltacount", "octettotalcount", "octets", "bytesout"),
        *("bytessent", "jsonpayloadbytessent", "sbytes", "totlenfwdpkts", "totallengthoffwdpackets"),
    ),
    "bytes_in": (
        *("obyt", "outbytes", "dstbytes", "reverseoctetdeltacount", "reverseoctettotalcount", "bytesin", "dbytes"),
        *("totlenbwdpkts", "totallengthofbwdpackets", "bytesreceived"),
    ),
    "packets": (
        *("packets", "packet", "pkts", "ipkt", "inpackets", "inpkts", "packetdeltacount", "packettotalcount"),
        *("totpkts", "packetssent", "jsonpayloadpacketssent", "totfwdpkts", "totalfwdpackets", "spkts"),
    ),
    "packets_back": (
        *("opkt", "outpackets", "outpkts", "reversepacketdeltacount", "reversepackettotalcount", "dpkts"),
        *("totbwdpkts", "totalbackwardpackets"),
    ),
    "bytes_both": ("totbytes",),
    "flags": ("flags", "flg", "tcpflags", "tcpcontrolbits", "initialflags"),
    "action": ("action", "verdict", "fwaction", "disposition"),
    "time": (
        *("firstseen", "datefirstseen", "ts", "first", "stime", "starttime", "start", "timestampstart", "tfirst"),
        *("flowstartmilliseconds", "flowstartmicroseconds", "flowstartnanoseconds", "flowstartseconds"),
        *("timeflowstartns", "timeflowstartms", "timeflowstart", "jsonpayloadstarttime", "timestamp", "date"),
        *("timereceivedns", "timereceived", "stampinserted", "time"),
    ),
    "time_end": (
        *("lastseen", "te", "last", "etime", "endtime", "end", "timestampend", "tlast"),
        *("flowendmilliseconds", "flowendmicroseconds", "flowendseconds", "timeflowendns", "timeflowend"),
    ),
}
_SIGNS = re.compile(r"[^a-z0-9]+")
_PREFIX = re.compile(r"^(?:iana|netflow|flow|ipfix)(?=[^a-z0-9])")
_PROTOCOLS = {1: "ICMP", 2: "IGMP", 6: "TCP", 17: "UDP", 41: "IPV6", 47: "GRE", 50: "ESP", 58: "ICMP6", 132: "SCTP"}
_BITS = "FSRPAU"
_SILK = re.compile(r"(\d{4})/(\d\d)/(\d\d)[T ](\S+)")
_NOTHING = (None, "", "-")
#: What a record must say to be a flow.
_NEEDED = frozenset({"src_ip", "dest_ip"})
_COUNTED = frozenset({"packets", "bytes_out", "bytes_both", "packets_back"})


@lru_cache(maxsize=4096)
def role(name: str) -> str | None:
    """The column of ours that a field of this name fills; None where it is none of them."""
    plain = _plain(name)
    return next((ours for ours, names in _NAMES.items() if plain in names), None)


def _plain(name: str) -> str:
    return _SIGNS.sub("", _PREFIX.sub("", name.strip().lower()))


@lru_cache(maxsize=4096)
def _rank(name: str) -> int:
    """How good a name is among those for the same column: 0 is best."""
    ours = role(name)
    return _NAMES[ours].index(_plain(name)) if ours else 0


def are_flows(names: Collection[str]) -> bool:
    """Whether records with these fields are flows: who, with whom, how much."""
    roles = {role(name) for name in names}
    return roles >= _NEEDED and bool(roles & _COUNTED) and "proto" in roles


def ranked(names: Sequence[str]) -> tuple[tuple[int, str], ...]:
    """Of fields with these names, the places of those that fill columns of ours, and which; the best ones first."""
    found = [(place, ours) for place, name in enumerate(names) if (ours := role(name)) is not None]
    return tuple(sorted(found, key=lambda each: _rank(names[each[0]])))


def read(fields: Mapping[str, object], zone: dt.tzinfo) -> tuple[dict[str, Value], int | None] | None:
    """:func:`read_cells` of a record with names."""
    return read_cells(tuple(fields.values()), _ranked(tuple(fields)), zone)


_ranked = lru_cache(maxsize=256)(ranked)


def read_cells(
    cells: Sequence[object], places: Sequence[tuple[int, str]], zone: dt.tzinfo
) -> tuple[dict[str, Value], int | None] | None:
    """Our columns, and when the flow began; None where the record names no two addresses.

    Args:
        cells: of one record.
        places: from :func:`ranked`.
        zone: of times that name none.
    """
    told: dict[str, object] = {}
    for place, ours in places:
        value = cells[place]
        if ours not in told and value not in _NOTHING:
            told[ours] = value.strip() if isinstance(value, str) else value
    source, target = address(str(told.get("src_ip", ""))), address(str(told.get("dest_ip", "")))
    if source is None or target is None:
        return None
    there, back = as_int64(told.get("packets")), as_int64(told.get("packets_back"))
    sent, received = as_int64(told.get("bytes_out")), as_int64(told.get("bytes_in"))
    both = as_int64(told.get("bytes_both"))
    if both is not None:  # Argus: what went both ways, and what the source sent
        sent, received = (both, None) if sent is None else (sent, max(both - sent, 0))
    values: dict[str, Value] = {
        "src_ip": source,
        "src_port": port(told.get("src_port")),
        "dest_ip": target,
        "dest_port": port(told.get("dest_port")),
        "proto": _protocol(told.get("proto")),
        "bytes_out": sent,
        "bytes_in": received,
        "packets": None if there is None and back is None else (there or 0) + (back or 0),
        "action": _action(told.get("action")),
        "flags": _flags(told.get("flags")),
    }
    return values, _time_us(told.get("time"), zone) or _time_us(told.get("time_end"), zone)


def port(value: object) -> int | None:
    """A port; of ICMP, and of anything that is none, None."""
    text = str(value).strip() if value is not None else ""
    if text.startswith("0x"):
        return int(text, 16) if len(text) <= 6 and text[2:].isalnum() and _is_hex(text[2:]) else None
    number = as_int64(text.removesuffix(".0"))
    return number if number is not None and 0 <= number < 65_536 else None


def _is_hex(text: str) -> bool:
    return all(each in "0123456789abcdefABCDEF" for each in text)


def _protocol(value: object) -> str | None:
    if value is None:
        return None
    number = as_int64(value if isinstance(value, int) else str(value).strip())
    return str(value).strip().upper()[:16] if number is None else _PROTOCOLS.get(number, str(number))


def _action(value: object) -> str | None:
    text = str(value).lower() if value is not None else ""
    return {"accept": "allowed", "reject": "blocked"}.get(text, text or None)


def _flags(value: object) -> str | None:
    """TCP's flags as letters in the order of their bits; ``S`` is a first packet that nobody answered."""
    if value is None:
        return None
    text = str(value).strip().removeprefix("0x") if str(value).startswith("0x") else str(value).strip()
    number = int(text, 16) if str(value).startswith("0x") and _is_hex(text) and text else as_int64(text)
    if number is not None and 0 <= number < 1 << 12:
        return "".join(letter for bit, letter in enumerate(_BITS) if number >> bit & 1) or None
    return "".join(letter for letter in _BITS if letter in text.upper()) or None


def _time_us(value: object, zone: dt.tzinfo) -> int | None:
    if isinstance(value, str):
        text = _SILK.sub(r"\1-\2-\3T\4", value)
        return iso_us(text, zone) or epoch_us(text)
    return epoch_us(value)
