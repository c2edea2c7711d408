"""A mirror's copy of one log on disk: entries as they come, tiles and a checkpoint when all of them are there.

::

    tile/entries/...   pending and mirrored entries alike; the last bundle is as wide as ``next`` says
    tile/L/...         hash tiles, as far as the mirrored checkpoint
    checkpoint         the mirrored checkpoint, with the log's signature and the mirror's

What is written is on disk before the state says so (:class:`pollwatch.evidence.mirror.Mirror` keeps the state).
"""

from __future__ import annotations

from pathlib import Path

from pollwatch import durable
from pollwatch.evidence import merkle, tiles
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.published import CHECKPOINT
from pollwatch.evidence.tiles import HEIGHT, WIDTH, TileReader


class MirrorStore:
    """The files of one mirrored log."""

    def __init__(self, folder: Path) -> None:
        """Take over a folder; it is made when first written to."""
        self.folder = folder

    def reader(self, size: int) -> TileReader:
        """The copy, as far as so many entries."""
        return TileReader(lambda path: (self.folder / path).read_bytes(), size)

    def add(self, held: int, start: int, entries: tuple[bytes, ...]) -> int:
        """Keep entries of one bundle; those that are held already are skipped.

        Args:
            held: how many entries there are so far.
            start: index of the first of ``entries``; at most ``held``.
            entries: what to keep.

        Returns:
            How many there are now.

        Raises:
            OSError: the disk says no; nothing was lost.
        """
        end = start + len(entries)
        if end <= held:
            return held
        base = start - start % WIDTH
        before = list(self.reader(held).entries(base, max(base, held)))
        whole = [*before, *entries[base + len(before) - start :]]
        self._write(tiles.entries_path(base // WIDTH, len(whole)), tiles.encode_entries(whole))
        return end

    def complete(self, held: int, old: int, new: int) -> bytes:
        """Write the hash tiles and the last bundle of a log of ``new`` entries.

        Args:
            held: how many entries there are; at least ``new``.
            old: up to which size the tiles are there.
            new: the size to complete.

        Returns:
            The root at that size, computed from what is now on disk.

        Raises:
            OSError: the disk says no.
            ProofError: an entry or a tile is missing.
        """
        entries = self.reader(held)
        hashes = [merkle.leaf_hash(entry) for entry in entries.entries(old, new)]
        if new % WIDTH and held != new:
            last = list(entries.entries(new - new % WIDTH, new))
            self._write(tiles.entries_path(new // WIDTH, len(last)), tiles.encode_entries(last))
        self._write_tiles(old, hashes)
        return self.reader(new).root()

    def publish(self, signed: SignedCheckpoint, old: int) -> None:
        """Show the checkpoint up to which everything is here; the partial tiles that full ones replace go.

        They can go at once, since :class:`pollwatch.evidence.published.Published` cuts them from the full ones.

        Args:
            signed: the checkpoint.
            old: the size of the one shown before.

        Raises:
            OSError: the disk says no.
        """
        durable.make_folder(self.folder)
        durable.write_file(self.folder / CHECKPOINT, signed.to_bytes())
        for folder in tiles.outgrown(old, signed.checkpoint.size):
            durable.remove_folder(self.folder / folder)

    def _write_tiles(self, old: int, hashes: list[bytes]) -> None:
        reader = self.reader(old)
        level = 0
        while hashes:
            index, width = divmod(old >> (HEIGHT * level), WIDTH)
            pending = (tiles.split_hashes(reader.tile(level, index)) if width else []) + hashes
            hashes = []
            for start in range(0, len(pending), WIDTH):
                part = pending[start : start + WIDTH]
                self._write(tiles.tile_path(level, index + start // WIDTH, len(part)), b"".join(part))
                if len(part) == WIDTH:
                    hashes.append(merkle.root_of(part))
            level += 1

    def _write(self, path: str, data: bytes) -> None:
        target = self.folder / path
        durable.make_folder(target.parent)
        durable.write_file(target, data)
