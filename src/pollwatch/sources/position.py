"""How far a followed file has been read: what is committed with what came of it, and found again after anything.

A file is known by device and inode only while its content agrees: the first bytes that were read, and the last ones
before the place where reading stopped. So an inode that was given to another file is not mistaken, and a file that was
copied, renamed or compressed meanwhile is recognised. Offsets count plain bytes, also in a compressed file.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass
from typing import Final, get_args

from pollwatch import canonical
from pollwatch.errors import FormatError, StoreError
from pollwatch.sources.decode import Encoding

HEAD_BYTES: Final = 4096
TAIL_BYTES: Final = 1024
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,19}")
_MOST_BYTES: Final = 64 << 10
_COUNTS: Final = ("generation", "device", "inode", "head_bytes", "tail_bytes", "offset", "number")


@dataclass(frozen=True, slots=True)
class Position:
    """A place in one file of one source.

    Attributes:
        source: the source's name in the settings.
        stream: the log that the file is a part of; rotation makes several files out of one.
        generation: which of the stream's files, in the order in which they were met; stays when the file is renamed,
            copied or compressed. With ``source`` and ``stream`` the key of what is committed.
        path: where the file was last.
        device: of the file system.
        inode: of the file.
        head_bytes: how many of its first bytes ``head`` covers; never beyond what was read.
        head: their SHA-256 as hex.
        tail_bytes: how many of the last bytes before ``offset`` ``tail`` covers.
        tail: their SHA-256 as hex.
        offset: plain bytes before this place.
        number: records before this place.
        encoding: of the text.
        open_end: the last record had no line end when it was taken; one that comes now is its own.
        ended: nothing more of the file is wanted.
    """

    source: str
    stream: str
    generation: int
    path: str
    device: int
    inode: int
    head_bytes: int
    head: str
    tail_bytes: int
    tail: str
    offset: int
    number: int
    encoding: Encoding
    open_end: bool = False
    ended: bool = False

    @property
    def key(self) -> tuple[str, str, int]:
        """What a later position of the same file replaces it by."""
        return self.source, self.stream, self.generation

    def dumps(self) -> bytes:
        """As canonical JSON; inodes and devices may be beyond what JSON numbers hold, so they are text."""
        return canonical.dumps({**asdict(self), "device": str(self.device), "inode": str(self.inode)})

    @classmethod
    def loads(cls, data: bytes) -> Position:
        """Read what :meth:`dumps` wrote.

        Raises:
            StoreError: it is anything else.
        """
        try:
            found = cls._of(canonical.loads(data, max_bytes=_MOST_BYTES))
        except (FormatError, TypeError) as error:
            raise StoreError(f"the position of a followed file is damaged: {error}") from error
        if found.dumps() != data:
            raise StoreError("the position of a followed file is damaged: it is not as it was written")
        return found

    @classmethod
    def _of(cls, fields: object) -> Position:
        if not isinstance(fields, dict) or set(fields) != set(cls.__dataclass_fields__):
            raise FormatError("its keys are not those of a position")
        for name in ("device", "inode"):
            if not _NUMBER.fullmatch(str(fields[name])):
                raise FormatError(f"{name} is no number")
            fields[name] = int(fields[name])
        found = cls(**fields)
        found.check()
        return found

    def check(self) -> None:
        """Look whether this can be a position.

        Raises:
            FormatError: it cannot.
        """
        for name in _COUNTS:
            value = getattr(self, name)
            if type(value) is not int or value < 0:
                raise FormatError(f"{name} is no count")
        for name in ("source", "stream", "path", "head", "tail"):
            if type(getattr(self, name)) is not str:
                raise FormatError(f"{name} is no text")
        if type(self.open_end) is not bool or type(self.ended) is not bool:
            raise FormatError("open_end and ended are true or false")
        if self.encoding not in get_args(Encoding):
            raise FormatError("no such encoding")
        if not _DIGEST.fullmatch(self.head) or not _DIGEST.fullmatch(self.tail):
            raise FormatError("head and tail are SHA-256 as hex")
        if self.head_bytes > HEAD_BYTES or self.tail_bytes > TAIL_BYTES:
            raise FormatError("head or tail covers more than is ever kept")
        if not self.ended and (self.head_bytes, self.tail_bytes) != (
            min(self.offset, HEAD_BYTES),
            min(self.offset, TAIL_BYTES),
        ):
            raise FormatError("head and tail do not cover what was read")


def digest(data: bytes) -> str:
    """SHA-256 as hex."""
    return hashlib.sha256(data).hexdigest()
