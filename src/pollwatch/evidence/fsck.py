"""Does a log on disk still carry what it signed? The edge on every opening, everything on request."""

from __future__ import annotations

from pathlib import Path

from pollwatch.errors import ProofError
from pollwatch.evidence import durable, merkle, tiles
from pollwatch.evidence.tiles import HEIGHT, WIDTH, TileReader


def check_edge(reader: TileReader, root: bytes) -> None:
    """Recompute the right edge of a log from its tiles and last entries.

    Raises:
        ProofError: they do not lead to the root.
    """
    size = reader.size
    if reader.root() != root:
        raise ProofError(f"the tiles of size {size} do not lead to the signed root; the log refuses to sign")
    level = 0
    while size >> (HEIGHT * (level + 1)):
        full = size >> (HEIGHT * (level + 1))
        last = reader.tile(level + 1, (full - 1) // WIDTH)[-merkle.HASH_BYTES :]
        if merkle.root_of(tiles.split_hashes(reader.tile(level, full - 1))) != last:
            raise ProofError(f"tile {tiles.tile_path(level, full - 1)} does not fit the level above it")
        level += 1
    if size:
        index = (size - 1) // WIDTH
        hashes = b"".join(merkle.leaf_hash(entry) for entry in reader.bundle(index))
        if hashes != reader.tile(0, index):
            raise ProofError(f"entry bundle {tiles.entries_path(index)} does not fit its hash tile")


def sweep(public: Path, size: int) -> None:
    """Remove what a stopped writer left at the edge of its log: unfinished files, and partial tiles that are full now.

    Only for the log's one writer. What cannot be removed costs only space.

    Args:
        public: the folder with ``checkpoint`` and ``tile``.
        size: the signed size; what that size is read from stays.
    """
    _sweep_unfinished(public)
    level = 0
    while size >> (HEIGHT * level):
        full = (size >> (HEIGHT * level)) // WIDTH
        # The last full tile's partial forerunners; those before it went with the appends that came after them.
        for path in (tiles.tile_path(level, full - 1), tiles.entries_path(full - 1)) if full else ():
            if path.startswith("tile/entries") and level:
                continue
            if (public / path).exists():
                durable.remove_folder(public / f"{path}.p")
            _sweep_unfinished((public / path).parent)
        level += 1


def _sweep_unfinished(folder: Path) -> None:
    for path in folder.glob(".tmp-*"):
        path.unlink(missing_ok=True)


def check_all(reader: TileReader, root: bytes) -> None:
    """Recompute a whole log from its entries: every bundle, every tile, the root.

    Raises:
        ProofError: naming the first file that does not fit.
    """
    check_edge(reader, root)
    for index in range(-(-reader.size // WIDTH)):
        hashes = b"".join(merkle.leaf_hash(entry) for entry in reader.bundle(index))
        if hashes != reader.tile(0, index):
            raise ProofError(f"entry bundle {tiles.entries_path(index)} does not fit its hash tile")
    level = 1
    while reader.size >> (HEIGHT * level):
        for place in range(reader.size >> (HEIGHT * level)):
            start = place % WIDTH * merkle.HASH_BYTES
            above = reader.tile(level, place // WIDTH)[start : start + merkle.HASH_BYTES]
            if merkle.root_of(tiles.split_hashes(reader.tile(level - 1, place))) != above:
                raise ProofError(f"tile {tiles.tile_path(level - 1, place)} does not fit the level above it")
        level += 1
