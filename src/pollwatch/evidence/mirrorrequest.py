"""What a log's owner and a mirror say to each other (C2SP tlog-mirror), built and read strictly.

An ``add-entries`` body is ``u16 length || origin || u64 start || u64 end || u16 length || ticket`` and then packages,
cut at multiples of 256 entries so that each fills one entry bundle: ``(u16 length || entry)*``, ``u8 count``, hashes.
The hashes prove the package's subtree in the tree of ``end``. A request may stop after any package: the mirror answers
202 and says where to go on.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pollwatch.errors import ProofError, SignatureError
from pollwatch.evidence import merkle, subtree
from pollwatch.evidence.checkpoint import MAX_SIZE, parse_decimal
from pollwatch.evidence.keys import decode_base64
from pollwatch.evidence.tiles import WIDTH, TileReader

MAX_PACKAGES = 32
MAX_BYTES = 48 << 20
"""Of a request, unpacked: one package of 256 entries of 64 KiB has a third of it."""

INFO = "text/x.tlog.mirror-info"
OCTETS = "application/octet-stream"
_SEND_BYTES = 8 << 20
_MAX_INFO = 1 << 17


@dataclass(frozen=True, slots=True)
class Package:
    """Entries ``[start, end)`` within one bundle, and the proof of the subtree from the bundle's first on.

    Attributes:
        start: index of the first entry here.
        entries: at least one.
        proof: of ``[start rounded down to 256, end)`` in the tree of the request's size.
    """

    start: int
    entries: tuple[bytes, ...]
    proof: merkle.Proof

    @property
    def end(self) -> int:
        """Index after the last entry."""
        return self.start + len(self.entries)


@dataclass(frozen=True, slots=True)
class Header:
    """What an upload is about.

    Attributes:
        origin: the log.
        start: index of the first entry that is uploaded.
        end: size of the tree that the proofs lead to.
        ticket: what the mirror gave last; opaque to the sender.
    """

    origin: str
    start: int
    end: int
    ticket: bytes


@dataclass(frozen=True, slots=True)
class MirrorInfo:
    """Where a mirror stands.

    Attributes:
        pending: size of a checkpoint that it knows and wants entries for.
        next: index of the first entry that it lacks.
        ticket: to be sent back.
    """

    pending: int
    next: int
    ticket: bytes

    def to_bytes(self) -> bytes:
        """The three lines."""
        return f"{self.pending}\n{self.next}\n{base64.b64encode(self.ticket).decode('ascii')}\n".encode("ascii")

    @classmethod
    def parse(cls, data: bytes) -> MirrorInfo:
        """Read the three lines.

        Raises:
            SignatureError: they are not in their only form.
        """
        try:
            lines = data[: _MAX_INFO + 1].decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise SignatureError("the mirror's state is not ASCII") from None
        if len(data) > _MAX_INFO or len(lines) != 4 or lines[3]:
            raise SignatureError("a mirror states its pending size, its next entry and a ticket, each on its line")
        ticket = decode_base64(lines[2], "the mirror's ticket")
        return cls(parse_decimal(lines[0], "pending size"), parse_decimal(lines[1], "next entry"), ticket)


def build_upload(header: Header, log: TileReader) -> bytes:
    """An ``add-entries`` body with as many packages as may be, from our own log.

    Raises:
        ProofError: the range is not in the log.
    """
    if not 0 <= header.start <= header.end <= log.size:
        raise ProofError(f"entries {header.start} to {header.end} are not in a log of {log.size}")
    origin = header.origin.encode("utf-8")
    sizes = (len(origin).to_bytes(2, "big"), len(header.ticket).to_bytes(2, "big"))
    bounds = header.start.to_bytes(8, "big") + header.end.to_bytes(8, "big")
    body = bytearray(sizes[0] + origin + bounds + sizes[1] + header.ticket)
    place = header.start
    for _count in range(MAX_PACKAGES):
        if place == header.end or len(body) > _SEND_BYTES:
            break
        base = place - place % WIDTH
        end = min(base + WIDTH, header.end)
        for entry in log.entries(place, end):
            body += len(entry).to_bytes(2, "big") + entry
        proof = subtree.prove_subtree(base, end, header.end, log.subtree)
        body += bytes([len(proof)]) + b"".join(proof)
        place = end
    return bytes(body)


def read_header(body: bytes) -> tuple[Header, int]:
    """The beginning of an ``add-entries`` body, and where its packages begin.

    Raises:
        ProofError: too large, cut off, or a range that cannot be.
    """
    if len(body) > MAX_BYTES:
        raise ProofError(f"an upload has at most {MAX_BYTES} bytes")
    cut = _Cut(body)
    try:
        origin = cut.sized().decode("utf-8")
    except UnicodeDecodeError:
        raise ProofError("the log's origin is not UTF-8") from None
    start, end = cut.number(8), cut.number(8)
    header = Header(origin, start, end, cut.sized())
    if start > end or end > MAX_SIZE:
        raise ProofError(f"entries {start} to {end} cannot be uploaded")
    return header, cut.place


def read_packages(body: bytes, header: Header, place: int) -> Iterator[Package]:
    """The packages of a body, one by one; what comes after a broken one is not looked at.

    Raises:
        ProofError: a package is cut off, there are more than 32, or more than the range holds.
    """
    cut = _Cut(body, place)
    at = header.start
    count = 0
    while cut.place < len(body):
        if at == header.end or count == MAX_PACKAGES:
            raise ProofError(f"an upload has at most {MAX_PACKAGES} packages, and none beyond its range")
        end = min(at - at % WIDTH + WIDTH, header.end)
        entries = tuple(cut.sized() for _entry in range(at, end))
        hashes = cut.number(1)
        if hashes > merkle.MAX_PROOF:
            raise ProofError(f"a subtree proof has at most {merkle.MAX_PROOF} hashes")
        yield Package(at, entries, tuple(cut.take(merkle.HASH_BYTES) for _hash in range(hashes)))
        at, count = end, count + 1


def package_leaves(known: Sequence[bytes], package: Package) -> list[bytes]:
    """Leaf hashes of a package's whole subtree: the entries that the mirror has already, then the new ones."""
    return [merkle.leaf_hash(entry) for entry in (*known, *package.entries)]


@dataclass(slots=True)
class _Cut:
    """Takes bytes from the front, and says when there are none."""

    body: bytes
    place: int = 0

    def take(self, count: int) -> bytes:
        taken = self.body[self.place : self.place + count]
        if len(taken) != count:
            raise ProofError("the upload is cut off")
        self.place += count
        return taken

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "big")

    def sized(self) -> bytes:
        return self.take(self.number(2))
