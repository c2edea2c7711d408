"""The container of a bundle: a zip file with exactly one spelling, so that any changed byte shows.

Members are stored, sorted by name, dated 1980-01-01, without extra fields or comments. Reading walks the members,
writes the zip again and compares: what any other zip tool would overlook (a changed date, a flag, bytes between
members) is refused. Ordinary tools open it.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Mapping

from pollwatch.errors import ProofError

MAX_BYTES = 1 << 28
MAX_MEMBERS = 60_000
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_LOCAL_MAGIC, _CENTRAL_MAGIC, _END_MAGIC = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_VERSION = 20
_DATE = 33  # 1980-01-01
_MADE_BY_UNIX = 3 << 8 | _VERSION
_MODE = 0o100644 << 16
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*", re.ASCII)


def pack(members: Mapping[str, bytes]) -> bytes:
    """The zip file of these members.

    Raises:
        ProofError: a name that could mean something else elsewhere, or too much.
    """
    if len(members) > MAX_MEMBERS or sum(map(len, members.values())) > MAX_BYTES:
        raise ProofError(f"a bundle holds at most {MAX_MEMBERS} members and {MAX_BYTES} bytes")
    parts: list[bytes] = []
    central: list[bytes] = []
    place = 0
    for name in sorted(members):
        if not _NAME.fullmatch(name) or len(name) > 200:
            raise ProofError(f"{name[:80]!r} cannot be the name of a bundle's member")
        data, raw = members[name], name.encode("ascii")
        shared = (0, 0, 0, _DATE, zlib.crc32(data), len(data), len(data), len(raw), 0)
        central.append(_CENTRAL.pack(_CENTRAL_MAGIC, _MADE_BY_UNIX, _VERSION, *shared, 0, 0, 0, _MODE, place) + raw)
        parts += (_LOCAL.pack(_LOCAL_MAGIC, _VERSION, *shared) + raw, data)
        place += _LOCAL.size + len(raw) + len(data)
    index = b"".join(central)
    end = _END.pack(_END_MAGIC, 0, 0, len(central), len(central), len(index), place, 0)
    return b"".join((*parts, index, end))


def unpack(data: bytes) -> dict[str, bytes]:
    """The members of a zip file that :func:`pack` wrote.

    Raises:
        ProofError: any byte is not as :func:`pack` would write it; names the place.
    """
    if len(data) > MAX_BYTES:
        raise ProofError(f"bundle of {len(data)} bytes is over the limit of {MAX_BYTES}")
    members: dict[str, bytes] = {}
    place = 0
    while data[place : place + 4] == _LOCAL_MAGIC:
        name, start, end = _member(data, place)
        if name in members or len(members) == MAX_MEMBERS:
            raise ProofError(f"bundle: member {name} stands twice, or there are too many members")
        members[name] = data[start:end]
        if zlib.crc32(members[name]) != int.from_bytes(data[place + 14 : place + 18], "little"):
            raise ProofError(f"bundle: member {name} does not fit its checksum: it was changed")
        place = end
    again = pack(members)
    if again != data:
        where = next(
            (i for i, (a, b) in enumerate(zip(again, data, strict=False)) if a != b), min(len(again), len(data))
        )
        raise ProofError(f"bundle: the container was changed at byte {where} ({_near(members, where)})")
    return members


def _member(data: bytes, place: int) -> tuple[str, int, int]:
    """Name, start and end of the member whose header stands at ``place``."""
    start = place + _LOCAL.size
    if len(data) >= start:
        size, _, name_bytes, _ = struct.unpack_from("<2I2H", data, place + 18)
        name = data[start : start + name_bytes]
        end = start + name_bytes + size
        if end <= len(data) and name.isascii() and name:
            return name.decode("ascii"), start + name_bytes, end
    raise ProofError(f"bundle: the member at byte {place} is cut off or its header was changed")


def _near(members: Mapping[str, bytes], where: int) -> str:
    """The member whose header or content stands at a place."""
    end = 0
    for name in sorted(members):
        end += _LOCAL.size + len(name) + len(members[name])
        if where < end:
            return f"at member {name}"
    return "in the table of members at its end"
