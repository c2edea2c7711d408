"""C2SP tlog-tiles v0.1.0: a log as files that never change, and proofs made from them.

A hash tile at level L holds up to 256 hashes of complete subtrees of ``256**L`` entries; an entry bundle holds up
to 256 entries. A tile of fewer than 256 is *partial* and carries its width in its path. Nothing read here is
trusted: a proof made from wrong tiles does not verify, and that is where wrong tiles show.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from pollwatch.errors import ProofError
from pollwatch.evidence import merkle

WIDTH = 256
HEIGHT = 8
MAX_ENTRY_BYTES = 65_535
_CACHED_TILES = 2048
_CACHED_TREES = 2048
_CACHED_EDGES = 4096
_PATH = re.compile(r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([0-9]{1,3}))?", re.ASCII)
_MAX_LEVEL = 63

Fetch: TypeAlias = Callable[[str], bytes]
"""The content of a path below the log's root (``tile/0/000``). Raises FileNotFoundError where there is none."""


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """Path of a hash tile; ``width`` below 256 names a partial one."""
    return f"tile/{level}/{_number(index, width)}"


def entries_path(index: int, width: int = WIDTH) -> str:
    """Path of an entry bundle; ``width`` below 256 names a partial one."""
    return f"tile/entries/{_number(index, width)}"


@dataclass(frozen=True, slots=True)
class TilePath:
    """What a path names.

    Attributes:
        level: of a hash tile, 0 to 63; None for an entry bundle.
        index: which one of its level.
        width: 256, or less for a partial one.
    """

    level: int | None
    index: int
    width: int

    @classmethod
    def parse(cls, text: str) -> TilePath | None:
        """What a path names; None where it names nothing, or is not in its only spelling."""
        found = _PATH.fullmatch(text)
        if found is None:
            return None
        kind, number, width = found.groups()
        index = int(number.replace("x", "").replace("/", ""))
        place = cls(None if kind == "entries" else int(kind), index, WIDTH if width is None else int(width))
        known = (place.level or 0) <= _MAX_LEVEL and 1 <= place.width <= WIDTH
        return place if known and place.path == text else None

    @property
    def path(self) -> str:
        """The path."""
        if self.level is None:
            return entries_path(self.index, self.width)
        return tile_path(self.level, self.index, self.width)

    @property
    def full(self) -> TilePath:
        """The full tile that a partial one becomes."""
        return TilePath(self.level, self.index, WIDTH)


def encode_entries(entries: Sequence[bytes]) -> bytes:
    """An entry bundle: each entry after its length in two bytes.

    Raises:
        ProofError: an entry is over 65,535 bytes; log its hash instead.
    """
    if any(len(entry) > MAX_ENTRY_BYTES for entry in entries):
        raise ProofError(f"a log entry has at most {MAX_ENTRY_BYTES} bytes; log its SHA-256 instead")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_entries(data: bytes, width: int) -> tuple[bytes, ...]:
    """The first ``width`` entries of a bundle.

    Raises:
        ProofError: it holds fewer, is cut off, or holds more than a bundle may.
    """
    entries: list[bytes] = []
    place = 0
    while place < len(data):
        start = place + 2
        place = start + int.from_bytes(data[place:start], "big")
        if start > len(data) or place > len(data) or len(entries) == WIDTH:
            raise ProofError("entry bundle is cut off or too long")
        entries.append(data[start:place])
    if len(entries) < width:
        raise ProofError(f"entry bundle holds {len(entries)} entries, not {width}")
    return tuple(entries[:width])


def tile_width(level: int, index: int, size: int) -> int:
    """How many hashes tile ``index`` of a level has in a log of ``size``: 0 to 256."""
    return max(0, min(WIDTH, (size >> (HEIGHT * level)) - index * WIDTH))


def added(old: int, new: int) -> Iterator[str]:
    """Files of a log of ``new`` entries that one of ``old`` did not have: bundles, then tiles, lowest level first."""
    for index in range(old // WIDTH, -(-new // WIDTH)):
        yield entries_path(index, tile_width(0, index, new))
    level = 0
    while (width := new >> (HEIGHT * level)) and width != old >> (HEIGHT * level):
        for index in range((old >> (HEIGHT * level)) // WIDTH, -(-width // WIDTH)):
            yield tile_path(level, index, tile_width(level, index, new))
        level += 1


def outgrown(old: int, new: int) -> list[str]:
    """Folders of the partial tiles that full ones replaced when a log grew from ``old`` to ``new`` entries."""
    folders: list[str] = []
    level = 0
    while new >> (HEIGHT * level):
        index, width = divmod(old >> (HEIGHT * level), WIDTH)
        if width and tile_width(level, index, new) == WIDTH:
            folders += [f"{tile_path(level, index)}.p"]
            folders += [f"{entries_path(index)}.p"] if level == 0 else []
        level += 1
    return folders


@dataclass(slots=True)
class TileReader:
    """A log of known size, read tile by tile, from disk or from a peer.

    Attributes:
        fetch: gives a file's bytes.
        size: number of entries; nothing beyond is ever read.
    """

    fetch: Fetch
    size: int
    _cache: dict[tuple[int, int, int], bytes] = field(default_factory=dict, repr=False)
    _trees: dict[tuple[int, int, int], tuple[bytes, ...]] = field(default_factory=dict, repr=False)
    _edges: dict[tuple[int, int], bytes] = field(default_factory=dict, repr=False)

    def resized(self, size: int) -> TileReader:
        """The same log at another size; what was read stays cached."""
        return TileReader(self.fetch, size, self._cache, self._trees, self._edges)

    def tile(self, level: int, index: int) -> bytes:
        """The hashes of a tile, as far as the log's size reaches (32 bytes each).

        Raises:
            ProofError: the tile is missing or too short.
        """
        width = tile_width(level, index, self.size)
        key = (level, index, width)
        if key not in self._cache:
            data = self._fetch_either(tile_path(level, index, width), tile_path(level, index), width)
            if len(data) < width * merkle.HASH_BYTES or len(data) % merkle.HASH_BYTES:
                raise ProofError(f"tile {tile_path(level, index, width)} has {len(data)} bytes")
            if len(self._cache) >= _CACHED_TILES:
                self._cache.pop(next(iter(self._cache)))
            self._cache[key] = data[: width * merkle.HASH_BYTES]
        return self._cache[key]

    def bundle(self, index: int) -> tuple[bytes, ...]:
        """The entries of a bundle, as far as the log's size reaches.

        Raises:
            ProofError: the bundle is missing or malformed.
        """
        width = tile_width(0, index, self.size)
        data = self._fetch_either(entries_path(index, width), entries_path(index), width)
        return decode_entries(data, width)

    def entry(self, index: int) -> bytes:
        """One entry, unverified.

        Raises:
            ProofError: it is not in the log, or its bundle is missing or malformed.
        """
        if not 0 <= index < self.size:
            raise ProofError(f"entry {index} is not in a log of {self.size}")
        return self.bundle(index // WIDTH)[index % WIDTH]

    def entries(self, start: int, end: int) -> Iterator[bytes]:
        """Entries ``[start, end)`` in order, unverified; one bundle in memory at a time.

        Raises:
            ProofError: the range is not in the log, or a bundle is missing or malformed.
        """
        if not 0 <= start <= end <= self.size:
            raise ProofError(f"entries {start} to {end} are not in a log of {self.size}")
        for index in range(start // WIDTH, -(-end // WIDTH)):
            base = index * WIDTH
            yield from self.bundle(index)[max(0, start - base) : end - base]

    def subtree(self, start: int, end: int) -> bytes:
        """Hash of the entries ``[start, end)``, as :data:`pollwatch.evidence.merkle.Subtree` asks for it."""
        height = (end - start - 1).bit_length()
        if end - start == 1 << height and start % (1 << height) == 0:
            return self._node(height, start >> height)
        middle = start + merkle.split(end - start)
        return merkle.node_hash(self.subtree(start, middle), self.subtree(middle, end))

    def root(self, size: int | None = None) -> bytes:
        """The root at a size (default: all), computed from the tiles."""
        end = self.size if size is None else size
        if not 0 <= end <= self.size:
            raise ProofError(f"the log has {self.size} entries, not {end}")
        return self.subtree(0, end) if end else merkle.EMPTY_ROOT

    def inclusion(self, index: int, size: int | None = None) -> merkle.Proof:
        """Proof that entry ``index`` is in the log of ``size`` (default: all); each tile on the way is read once.

        Raises:
            ProofError: it is not in that log, or a tile is missing or malformed.
        """
        end = self.size if size is None else size
        if not 0 <= index < end <= self.size:
            raise ProofError(f"entry {index} is not in a log of {end}, or the log has only {self.size} entries")
        proof: list[bytes] = []
        place, last = index, end - 1
        for height in range(last.bit_length()):
            rest = height % HEIGHT
            if not rest:
                tree: tuple[bytes, ...] = ()
            if place & 1 or place < last:
                sibling = place ^ 1
                if (sibling + 1) << height > end:
                    proof.append(self._edge(sibling << height, end))
                else:
                    tree = tree or self._tree(height // HEIGHT, place >> (HEIGHT - rest))
                    at = (sibling & ((WIDTH >> rest) - 1)) * merkle.HASH_BYTES
                    proof.append(tree[rest][at : at + merkle.HASH_BYTES])
            place, last = place >> 1, last >> 1
        return tuple(proof)

    def consistency(self, old: int, new: int | None = None) -> merkle.Proof:
        """Proof that the log of ``old`` entries grew into that of ``new`` (default: all)."""
        end = self.size if new is None else new
        if end > self.size:
            raise ProofError(f"the log has {self.size} entries, not {end}")
        return merkle.prove_consistency(old, end, self.subtree)

    def _node(self, height: int, index: int) -> bytes:
        level, rest = divmod(height, HEIGHT)
        at = (index & ((WIDTH >> rest) - 1)) * merkle.HASH_BYTES
        return self._tree(level, index >> (HEIGHT - rest))[rest][at : at + merkle.HASH_BYTES]

    def _tree(self, level: int, index: int) -> tuple[bytes, ...]:
        """The tree within a tile; proofs ask for many nodes of few tiles."""
        key = (level, index, tile_width(level, index, self.size))
        tree = self._trees.get(key)
        if tree is None:
            tree = merkle.levels_of(self.tile(level, index))
            if len(self._trees) >= _CACHED_TREES:
                self._trees.pop(next(iter(self._trees)))
            self._trees[key] = tree
        return tree

    def _edge(self, start: int, end: int) -> bytes:
        """Hash of the incomplete subtree at the right edge of the log of ``end``."""
        key = (start, end)
        if key not in self._edges:
            if len(self._edges) >= _CACHED_EDGES:
                self._edges.clear()
            self._edges[key] = self.subtree(start, end)
        return self._edges[key]

    def _fetch_either(self, path: str, full: str, width: int) -> bytes:
        """A tile; a partial one may have been removed once it was full."""
        if not width:
            raise ProofError(f"{full} is beyond the log's size {self.size}")
        try:
            return self.fetch(path)
        except FileNotFoundError:
            if path == full:
                raise ProofError(f"{path} is missing from the log") from None
        try:
            return self.fetch(full)
        except FileNotFoundError:
            raise ProofError(f"{path} is missing from the log") from None


def grown(log: TileReader, entries: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
    """Path and content of all files that appending these entries makes; bundles first.

    Raises:
        ProofError: an entry is over 65,535 bytes; nothing was given out yet.
    """
    index, width = divmod(log.size, WIDTH)
    pending = [*(log.bundle(index) if width else ()), *entries]
    parts = [pending[start : start + WIDTH] for start in range(0, len(pending), WIDTH)]
    # Encoded before the first is given out: an entry that is too long changes nothing.
    yield from [(entries_path(index + at, len(part)), encode_entries(part)) for at, part in enumerate(parts)]
    yield from _grown_tiles(log, merkle.leaf_hashes(entries))


def _grown_tiles(log: TileReader, hashes: list[bytes]) -> Iterator[tuple[str, bytes]]:
    """Hash tiles of all levels that these leaf hashes complete or extend."""
    level = 0
    while hashes:
        index, width = divmod(log.size >> (HEIGHT * level), WIDTH)
        pending = (split_hashes(log.tile(level, index)) if width else []) + hashes
        hashes = []
        for start in range(0, len(pending), WIDTH):
            part = pending[start : start + WIDTH]
            yield tile_path(level, index + start // WIDTH, len(part)), b"".join(part)
            if len(part) == WIDTH:
                hashes.append(merkle.root_of(part))
        level += 1


def split_hashes(data: bytes) -> list[bytes]:
    """A tile's hashes, one by one."""
    return [data[start : start + merkle.HASH_BYTES] for start in range(0, len(data), merkle.HASH_BYTES)]


def _number(index: int, width: int) -> str:
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03d}")
    path = "/".join(reversed(groups))
    return path if width == WIDTH else f"{path}.p/{width}"
