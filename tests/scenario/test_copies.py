"""The copy of another member's log: only what is new is read, a flood is read piece by piece, and no copy lies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import joint_scenes
from pollwatch.clock import ManualClock
from pollwatch.errors import ProofError
from pollwatch.evidence import fsck
from pollwatch.evidence.log import Log
from pollwatch.evidence.manifest import Posted
from pollwatch.evidence.tiles import TileReader
from pollwatch.node.evidence.sealing import CaseKeys
from pollwatch.node.logs.copies import Copy

NOW_US = 1_793_700_000_000_000


@dataclass
class Watched:
    """B's log, which B's own key signs, and A's copy of it."""

    log: Log
    copy: Copy
    fetched: list[str]

    def look(self, now_us: int = NOW_US, **more: int) -> tuple[int, list[str]]:
        """One look: how far it was read, and which files B was asked for."""
        self.fetched.clear()
        copied = self.copy.follow(self.log.signed, self.served(), now_us, **more)
        return copied.reached.size, list(self.fetched)

    def served(self, change: Callable[[str, bytes], bytes] = lambda _path, data: data) -> TileReader:
        """The log as B serves it."""

        def fetch(path: str) -> bytes:
            self.fetched.append(path)
            return change(path, (self.log.public / path).read_bytes())

        return TileReader(fetch, self.log.size)

    def append(self, count: int, size: int = 10) -> None:
        """B's log grows."""
        start = self.log.size
        self.log.append([Posted.of("policy", f"{n}", b"x" * size).to_bytes() for n in range(start, start + count)])

    def check(self) -> None:
        """A's copy is the whole of what was read."""
        reached = self.copy.followed.reached()
        reader = self.copy.reader(reached.size)
        fsck.check_all(reader, reached.root)
        assert self.log.reader().root(reached.size) == reached.root
        assert list(reader.entries(0, reached.size)) == list(self.log.reader().entries(0, reached.size))


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """B's log of 300 entries, unread."""
    clock = ManualClock(NOW_US)
    a, b = joint_scenes.enrolled(tmp_path, "ab", clock)
    keys = CaseKeys.load(b.folder.case / "evidence")
    log = Log.open(tmp_path / "log", [keys.shared], clock)
    scene = Watched(log, Copy(a.folder.mirrors, a.folder.record, b.me), [])
    scene.append(300)
    return scene


def test_only_what_is_new_is_asked_for(watched: Watched) -> None:
    """A log of years costs what was added since the last look, and its copy keeps no file that nobody needs."""
    assert watched.look()[0] == 300
    watched.check()
    assert watched.look() == (300, ["tile/1/000.p/1", "tile/0/001.p/44"])
    watched.append(5)
    size, asked = watched.look()
    assert size == 305
    assert set(asked) == {"tile/1/000.p/1", "tile/0/001.p/49", "tile/entries/001.p/49"}
    watched.append(700)
    assert watched.look()[0] == 1005
    watched.check()
    folder = watched.copy.reader(1).fetch.__self__._folder  # type: ignore[attr-defined] # noqa: SLF001 - where it lies
    assert sorted(each.name for each in folder.rglob("*.p")) == ["000.p", "003.p", "003.p"]
    assert watched.copy.followed.counts() == {"policy": 1005}


def test_a_flood_is_read_piece_by_piece(watched: Watched) -> None:
    """Attack 8: B posts more than a look reads; each look comes further, and nothing unread is believed."""
    watched.append(1000, 1000)
    read = [watched.look(most_bytes=300_000)[0] for _look in range(6)]
    assert read == sorted(read)
    assert read[0] < 1300
    assert read[-1] == 1300
    assert len(set(read)) > 2
    watched.check()
    assert watched.copy.followed.reached().at_us == NOW_US
    watched.append(1000, 1000)
    watched.look(most_bytes=300_000)
    assert watched.copy.followed.reached().at_us is None  # more was there than was read: no date is held against it


def test_a_damaged_copy_is_no_accusation(watched: Watched) -> None:
    """Our own disk loses a tile, empties another, garbles a third: all is read anew, and B is not blamed."""
    watched.append(300)
    watched.look()
    folder = watched.copy.reader(1).fetch.__self__._folder  # type: ignore[attr-defined] # noqa: SLF001 - where it lies
    for damage in (
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(bytes(8192)),
    ):
        for name in ("tile/0/000", "tile/0/001", "tile/entries/001"):
            damage(folder / name)
            watched.append(1)
            watched.look()
    watched.append(300)
    assert watched.look()[0] == watched.log.size
    # What is not needed for a look is not looked at; a look from the beginning puts it right.
    watched.copy.follow(watched.log.signed, watched.served(), NOW_US)


@pytest.mark.parametrize("path", ["tile/0/002", "tile/entries/002", "tile/1/000.p/3", "tile/entries/003.p/32"])
def test_new_tiles_that_lie_are_not_kept(watched: Watched, path: str) -> None:
    """Attack 2: B serves tiles that are not of its checkpoint; refused, also beside our own old ones."""
    watched.look()
    watched.append(500)

    def change(name: str, data: bytes) -> bytes:
        return bytes([data[0] ^ 1, *data[1:]]) if name == path else data

    with pytest.raises(ProofError):
        watched.copy.follow(watched.log.signed, watched.served(change), NOW_US)
    assert watched.copy.followed.reached().size == 300
    assert watched.look()[0] == 800
    watched.check()


def test_another_history_is_refused(watched: Watched, tmp_path: Path) -> None:
    """Attack 2: B's key signs a larger log that does not begin with what A read."""
    watched.look()
    with Log.open(tmp_path / "other", watched.log._signers, ManualClock(NOW_US)) as other:  # noqa: SLF001 - B's own key
        other.append([Posted.of("policy", f"other {n}", b"x").to_bytes() for n in range(600)])
        # A first look would take it; a later one must not, and does not fall back to a first one in silence.
        served = TileReader(lambda path: (other.public / path).read_bytes(), 600)
        with pytest.raises(ProofError, match="first 300"):
            watched.copy.follow(other.signed, served, NOW_US)
    assert watched.copy.followed.reached().size == 300
