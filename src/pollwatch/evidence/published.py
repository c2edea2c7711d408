"""A log's public folder as others may read it, whatever carries it to them.

Nothing beyond the published checkpoint is given out. A writer that was stopped may have left files there whose places
other entries take later; a cache that keeps such a file for ever would make an honest log look forked. A partial tile
that was cleaned up is cut from the full one, so that whoever still holds an older checkpoint can go on reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pollwatch.errors import EvidenceError, ProofError, StoreError
from pollwatch.evidence import merkle, tiles
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.tiles import WIDTH, TilePath

CHECKPOINT = "checkpoint"
KEYS = "keys"


@dataclass(frozen=True, slots=True)
class Published:
    """One log, for reading.

    Attributes:
        folder: with ``checkpoint``, ``tile``, and ``keys`` once the log has key links.
    """

    folder: Path

    def read(self, path: str) -> bytes | None:
        """The bytes at a path that tlog-tiles knows, or of the log's key links; None where this log has published none.

        Raises:
            StoreError: the disk says no, or what is there is no log.
        """
        try:
            if path in {CHECKPOINT, KEYS}:
                return self._file(path)
            tile = TilePath.parse(path)
            return None if tile is None else self._tile(tile)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StoreError(f"log {self.folder} cannot be read: {error.strerror}") from error

    def size(self) -> int:
        """How many entries are published.

        Raises:
            StoreError: there is no checkpoint, or it is damaged.
        """
        try:
            return SignedCheckpoint.parse(self._file(CHECKPOINT)).checkpoint.size
        except FileNotFoundError:
            raise StoreError(f"{self.folder} holds no log yet; the first scan with --case begins one") from None
        except (OSError, EvidenceError) as error:
            raise StoreError(f"log {self.folder} has no readable checkpoint: {error}") from error

    def _tile(self, tile: TilePath) -> bytes | None:
        there = tiles.tile_width(tile.level or 0, tile.index, self.size())
        if tile.width > there:
            return None
        try:
            return self._file(tile.path)
        except FileNotFoundError:
            if tile.width == WIDTH or there < WIDTH:
                raise
        whole = self._file(tile.full.path)
        if tile.level is not None:
            return whole[: tile.width * merkle.HASH_BYTES]
        try:
            return tiles.encode_entries(tiles.decode_entries(whole, tile.width))
        except ProofError as error:
            raise StoreError(f"log {self.folder}: {tile.full.path} is damaged: {error}") from error

    def _file(self, path: str) -> bytes:
        return (self.folder / path).read_bytes()
