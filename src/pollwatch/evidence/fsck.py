"""Does a log on disk still carry what it signed? The edge on every opening, everything on request."""

from __future__ import annotations

from pathlib import Path

from pollwatch.errors import ProofError, StoreError
from pollwatch.evidence import checkpoint as checkpoints
from pollwatch.evidence import durable, merkle, signedstate, tiles
from pollwatch.evidence.keys import Verifier
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


def check_log(folder: Path, verifier: Verifier) -> TileReader:
    """Check a whole log on disk, also beside its writer: checkpoint, signed state, every bundle, every tile.

    Args:
        folder: the log's own folder, with ``state.sqlite`` and ``public``.
        verifier: the log's type 01 key.

    Returns:
        The log at its signed size.

    Raises:
        ProofError: naming the first file that does not fit, or a checkpoint that the signed state does not know.
        SignatureError: the checkpoint or the state is not this log's.
        StoreError: a file cannot be read.
    """
    public = folder / "public"
    try:
        # The checkpoint first: the state of a log that grows meanwhile may only be ahead of it.
        published = checkpoints.open_checkpoint((public / "checkpoint").read_bytes(), verifier).checkpoint
    except OSError as error:
        raise StoreError(f"{public} holds no readable log: {error}") from error
    size, root = signedstate.read_state(folder / "state.sqlite", verifier.name)
    reader = TileReader(lambda path: (public / path).read_bytes(), size)
    if published.size > size:
        raise ProofError(
            f"log {folder} published size {published.size} but its signed state is of size {size}: "
            "the state was restored from a backup, or the checkpoint is not its own"
        )
    check_all(reader, root)
    if reader.root(published.size) != published.root:
        raise ProofError(
            f"log {folder}: the published checkpoint of size {published.size} is not of this log's entries"
        )
    return reader
