"""Followed logs against a file system on which everything happens that logrotate and administrators do."""

import gzip
import os
import shutil
import tempfile
from pathlib import Path

import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.sources.following import Followed, FollowOptions, Position, Watched

_OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 40), st.booleans()),
        st.tuples(st.just("rename"), st.booleans(), st.booleans()),
        st.tuples(st.just("copytruncate"), st.booleans(), st.booleans()),
        st.tuples(st.just("truncate"), st.booleans(), st.booleans()),
        st.tuples(st.just("compress"), st.booleans(), st.booleans()),
        st.tuples(st.just("read"), st.integers(1, 600), st.booleans()),
        st.tuples(st.just("wait"), st.integers(1, 40), st.booleans()),
        st.tuples(st.just("restart"), st.integers(0, 100), st.booleans()),
    ),
    max_size=30,
)


class _World:
    """A log, its writer and its reader; what was read is compared with what was written."""

    def __init__(self, folder: Path, *, dated: bool, watch_folder: bool, wide: bool) -> None:
        self.folder, self.dated, self.wide = folder, dated, wide
        self.log = folder / "access.log"
        self.encoding = "utf-16-le" if wide else "utf-8"
        self.now_s = 0.0
        self.written = b""
        self.got = b""
        self.count = self.rotations = 0
        self.name = str(folder if watch_folder else self.log)
        self.commits: list[tuple[list[bytes], bytes]] = [([], b"")]
        self.begin()

    def begin(self, commit: int = 0) -> None:
        kept, self.got = self.commits[commit]
        del self.commits[commit + 1 :]
        options = FollowOptions(patience_s=10, rescan_s=0, polling=True)
        self.followed = Followed([Watched("web", (self.name,), "all")], options, lambda: self.now_s)
        self.followed.resume(map(Position.loads, kept))

    def append(self, records: int, *, partial: bool) -> None:
        text = "".join(f"{self.count + n} {'x' * ((self.count + n) * 7919 % 90)}\n" for n in range(records))
        self.count += records
        data = text.encode(self.encoding)
        cut = len(data) - (len(data) % 7 if partial else 0)
        with self.log.open("ab") as log:
            log.write(data[:cut])
        if partial:
            self.read(50)
        with self.log.open("ab") as log:
            log.write(data[cut:])
        self.written += data

    def rotated(self) -> Path:
        self.rotations += 1
        if self.dated:
            return self.folder / f"access.log-{20260000 + 1101 + self.rotations}"
        for number in range(40, 0, -1):
            for suffix in ("", ".gz", ".zst"):
                old = self.folder / f"access.log.{number}{suffix}"
                if old.exists():
                    old.rename(self.folder / f"access.log.{number + 1}{suffix}")
        return self.folder / "access.log.1"

    def rename(self, *, create: bool) -> None:
        if self.log.exists():
            self.log.rename(self.rotated())
            if create:
                self.log.touch()

    def copytruncate(self, *, look: bool) -> None:
        if self.log.exists():
            copy = self.rotated()
            data = self.log.read_bytes()
            copy.write_bytes(data[: len(data) // 2])
            if look:
                self.read(300)
            copy.write_bytes(data)
            if look:
                self.read(300)
            os.truncate(self.log, 0)

    def truncate(self) -> None:
        self.drain()
        self.commits = [([each.dumps() for each in self.followed.positions()], self.got)]
        if self.log.exists():
            os.truncate(self.log, 0)

    def compress(self, *, zst: bool, look: bool) -> None:
        plain = [each for each in self.folder.iterdir() if each != self.log and each.suffix not in {".gz", ".zst"}]
        if not plain:
            return
        old = min(plain, key=lambda each: each.stat().st_mtime_ns)
        data = old.read_bytes()
        packed = zstandard.compress(data) if zst else gzip.compress(data)
        new = old.with_name(old.name + (".zst" if zst else ".gz"))
        new.write_bytes(packed[: len(packed) // 2])
        if look:
            self.read(300)
        new.write_bytes(packed)
        if look:
            self.read(300)
        old.unlink()

    def read(self, most: int) -> bool:
        chunks = self.followed.read(most)
        for chunk in chunks:
            assert chunk.after.number - chunk.before.number == chunk.raw.decode(self.encoding).count("\n")
            self.got += chunk.raw
        self.commits.append(([each.dumps() for each in self.followed.positions()], self.got))
        return bool(chunks)

    def drain(self) -> None:
        for _ in range(6):  # what is waited for is met first
            self.now_s += 20
            while self.read(1 << 20):
                pass

    def do(self, what: str, number: int, *, flag: bool) -> None:
        match what:
            case "append":
                self.append(number, partial=flag)
            case "rename":
                self.rename(create=flag)
            case "copytruncate":
                self.copytruncate(look=flag)
            case "truncate":
                self.truncate()
            case "compress":
                self.compress(zst=bool(number), look=flag)
            case "read":
                self.read(number)
            case "wait":
                self.now_s += number
                self.read(1 << 16)
            case _:
                self.followed.close()
                self.begin(number % len(self.commits))


@settings(max_examples=60, deadline=None)
@given(_OPERATIONS, st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_any_history_of_a_log_is_read_exactly_once_in_order(
    operations: list[tuple[str, int, bool]], kind: tuple[bool, bool, bool]
) -> None:
    """Appends, rotations, truncations, compressions and restarts from any earlier commit neither lose nor repeat."""
    folder = Path(tempfile.mkdtemp(prefix="following-"))
    try:
        world = _World(folder, dated=kind[0], watch_folder=kind[1], wide=kind[2])
        for what, number, flag in operations:
            world.do(what, number, flag=flag)
        world.drain()
        assert world.got == world.written
        if not any(what == "truncate" for what, _, _ in operations):  # after a restart nobody knows what that took
            assert not [each for each in world.followed.notices() if each.kind == "lost"]
        world.followed.close()
    finally:
        shutil.rmtree(folder)
