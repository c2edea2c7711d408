"""Does a log on disk still carry what it signed? The edge on every opening, everything on request."""

from __future__ import annotations

from pathlib import Path

from pollwatch import durable
from pollwatch.errors import ProofError, StoreError
from pollwatch.evidence import keychain, merkle, rotation, signedstate, tiles
from pollwatch.evidence.keychain import KeyChain, LogKeys
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
        check_bundle(reader, (size - 1) // WIDTH)


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
    check_tiles(reader, root)
    for index in range(-(-reader.size // WIDTH)):
        check_bundle(reader, index)


def check_tiles(reader: TileReader, root: bytes, first: int = 0, end: int | None = None) -> None:
    """Recompute the tree above some entries, from their hash tiles to the root of the whole log.

    Args:
        reader: the log.
        root: its root.
        first: index of the first of the entries.
        end: index after the last; default: all to the end.

    Raises:
        ProofError: naming the first tile that does not fit.
    """
    if reader.root() != root:
        raise ProofError(f"the tiles of size {reader.size} do not lead to the signed root")
    last = (reader.size if end is None else end) - 1
    level = 1
    while (complete := reader.size >> (HEIGHT * level)) and last >= first:
        for place in range(first >> (HEIGHT * level), min((last >> (HEIGHT * level)) + 1, complete)):
            start = place % WIDTH * merkle.HASH_BYTES
            above = reader.tile(level, place // WIDTH)[start : start + merkle.HASH_BYTES]
            if merkle.root_of(tiles.split_hashes(reader.tile(level - 1, place))) != above:
                raise ProofError(f"tile {tiles.tile_path(level - 1, place)} does not fit the level above it")
        level += 1


def check_bundle(reader: TileReader, index: int) -> tuple[bytes, ...]:
    """Recompute a hash tile of level 0 from its entries, and give them.

    Raises:
        ProofError: they do not fit.
    """
    entries = reader.bundle(index)
    if b"".join(merkle.leaf_hashes(entries)) != reader.tile(0, index):
        raise ProofError(f"entry bundle {tiles.entries_path(index)} does not fit its hash tile")
    return entries


def check_log(folder: Path, log: LogKeys) -> TileReader:
    """Check a whole log on disk, also beside its writer: checkpoint, signed state, every bundle, every tile, its keys.

    Args:
        folder: the log's own folder, with ``state.sqlite`` and ``public``.
        log: any of its type 01 keys.

    Returns:
        The log at its signed size.

    Raises:
        ProofError: naming the first file that does not fit, or a checkpoint that the signed state does not know.
        SignatureError: the checkpoint or the state is not this log's.
        StoreError: a file cannot be read.
    """
    public = folder / "public"
    known = keychain.of(log)
    try:
        # The checkpoint first: the state of a log that grows meanwhile may only be ahead of it.
        published = (public / "checkpoint").read_bytes()
    except OSError as error:
        raise StoreError(f"{public} holds no readable log: {error}") from error
    size, root, links = signedstate.read_state(folder / "state.sqlite", known.name)
    chain = keychain.follow(known.present, links)
    at = chain.open(published).checkpoint
    reader = TileReader(lambda path: (public / path).read_bytes(), size)
    if at.size > size:
        raise ProofError(
            f"log {folder} published size {at.size} but its signed state is of size {size}: "
            "the state was restored from a backup, or the checkpoint is not its own"
        )
    check_all(reader, root)
    if reader.root(at.size) != at.root:
        raise ProofError(f"log {folder}: the published checkpoint of size {at.size} is not of this log's entries")
    if rotation.from_entries(known.present, enumerate(reader.entries(0, size))).notes != links:
        raise ProofError(f"log {folder}: its signed state names other keys than its entries do")
    _check_published_keys(public, chain, at.size)
    return reader


def _check_published_keys(public: Path, chain: KeyChain, size: int) -> None:
    """The file with the keys leads to the checkpoint beside it; a writer that was stopped may have left it shorter."""
    try:
        links = keychain.from_file((public / "keys").read_bytes())
    except FileNotFoundError:
        links = ()
    wanted = [note for link, note in zip(chain.links, chain.notes, strict=True) if link.from_size <= size]
    if links != chain.notes[: len(links)] or len(links) < len(wanted):
        raise ProofError(f"{public / 'keys'} does not name the log's keys; open the log once to write it anew")
