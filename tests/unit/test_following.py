"""Followed files, case by case: what the property test does not say in words."""

from __future__ import annotations

import codecs
import gzip
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.errors import StoreError
from pollwatch.sources import followed_file
from pollwatch.sources.following import Followed, FollowOptions, Position, Watched
from pollwatch.sources.generations import generation_of


class _Reader:
    """One source, read with a clock that is moved by hand."""

    def __init__(self, *patterns: Path, begin: str = "file", positions: tuple[Position, ...] = ()) -> None:
        self.now_s = 0.0
        watched = Watched("web", tuple(map(str, patterns)), begin)  # type: ignore[arg-type]
        options = FollowOptions(patience_s=10, rescan_s=0, polling=True)
        self.followed = Followed([watched], options, lambda: self.now_s)
        self.followed.resume(positions)

    def read(self, most: int = 1 << 20) -> bytes:
        return b"".join(chunk.raw for chunk in self.followed.read(most))

    def later(self, seconds: float = 20) -> bytes:
        self.read()
        self.now_s += seconds
        return self.read()

    def kinds(self) -> list[str]:
        return [each.kind for each in self.followed.notices()]


def test_a_file_that_appears_later_is_read_from_its_beginning(tmp_path: Path) -> None:
    """Also where its folder is not there yet, and where the source begins at the end of what is there."""
    log = tmp_path / "later" / "app.log"
    reader = _Reader(log, begin="end")
    assert reader.read() == b""
    log.parent.mkdir()
    log.write_bytes(b"")
    assert reader.read() == b""
    log.write_bytes(b"one\n")
    assert reader.read() == b"one\n"


def test_it_says_which_logs_were_not_read_to_their_end(tmp_path: Path) -> None:
    """One has more than its share, one has said all, and one has to wait though it has something."""
    for name, lines in (("long", 50), ("short", 1), ("late", 1)):
        (tmp_path / f"{name}.log").write_bytes(b"0123456789\n" * lines)
    names = ("long", "short", "late")
    watched = [Watched(name, (str(tmp_path / f"{name}.log"),), "file") for name in names]
    followed = Followed(watched, FollowOptions(rescan_s=0, polling=True), lambda: 0.0)
    late = next(iter({chunk.before.key[:2] for chunk in followed.read(33) if chunk.source == "late"}))
    (tmp_path / "late.log").write_bytes(b"0123456789\n" * 2)
    followed.read(60, {late})
    assert {source for source, _stream in followed.unread()} == {"long", "late"}
    followed.read(1 << 20)
    followed.read(1 << 20)
    assert not followed.unread()


def test_where_reading_begins_is_said_once(tmp_path: Path) -> None:
    """`end` leaves out what stands there, `file` the rotated files, `all` nothing; what is rotated later is read."""
    log = tmp_path / "app.log"
    (tmp_path / "app.log.1").write_bytes(b"old\n")
    log.write_bytes(b"here\npart")
    readers = {begin: _Reader(log, begin=begin) for begin in ("end", "file", "all")}
    before = {begin: reader.read() for begin, reader in readers.items()}
    assert before == {"end": b"", "file": b"here\n", "all": b"old\nhere\n"}
    with log.open("ab") as file:
        file.write(b"ial\n")
    log.rename(tmp_path / "app.log.2")
    log.write_bytes(b"new\n")
    for reader in readers.values():
        assert reader.read() == b"partial\nnew\n"


def test_an_inode_that_is_given_to_another_file_is_not_mistaken(tmp_path: Path) -> None:
    """Same name, same inode, other content: read from its beginning, and what was lost with the old one is told."""
    log = tmp_path / "app.log"
    log.write_bytes(b"first file, line 1\nfirst file, line 2\n")
    reader = _Reader(log)
    reader.read()
    positions = reader.followed.positions()
    reader.followed.close()
    inode = log.stat().st_ino
    log.write_bytes(b"another file that is longer than the first one\nits second line\n")
    assert log.stat().st_ino == inode
    again = _Reader(log, positions=positions)
    assert again.read() == b"another file that is longer than the first one\nits second line\n"
    again.later()
    assert again.kinds() == ["lost"]


def test_a_file_that_is_removed_while_it_is_open_is_read_to_its_end(tmp_path: Path) -> None:
    """Removed, or moved to a folder that nobody watches, with lines that were not read yet."""
    log = tmp_path / "app.log"
    log.write_bytes(b"one\n")
    reader = _Reader(log)
    reader.read()
    with log.open("ab") as writer:
        log.unlink()
        writer.write(b"two\n")
        writer.flush()
        log.write_bytes(b"three\n")
        assert reader.read() == b"two\nthree\n"
    assert reader.later() == b""
    assert reader.kinds() == []


@pytest.mark.parametrize("turned", ["renamed", "removed", "next segment"])
def test_a_log_that_had_to_wait_is_read_to_its_end(tmp_path: Path, turned: str) -> None:
    """It was read to its end, grew and was turned over while others were behind: its rest comes before the new file."""
    log = tmp_path / "000000000001.log"
    log.write_bytes(b"one\n")
    watched = Watched(
        "web", (str(tmp_path / "*.log"), str(tmp_path / "*.log.1")), "all", whole=turned == "next segment"
    )
    now_s = [0.0]
    followed = Followed([watched], FollowOptions(rescan_s=0, polling=True), lambda: now_s[0])
    (chunk,) = followed.read(1 << 20)
    assert followed.read(1 << 20) == []
    with log.open("ab") as writer:
        if turned == "renamed":
            log.rename(tmp_path / "000000000001.log.1")
        elif turned == "removed":
            log.unlink()
        writer.write(b"two\n")
        writer.flush()
        (tmp_path / "000000000002.log").write_bytes(b"three\n")
        for _ in range(3):
            now_s[0] += 20
            followed.read(1 << 20, {chunk.before.key[:2]})
        assert b"".join(each.raw for each in followed.read(1 << 20)) == b"two\nthree\n"
    assert not any(followed.lag_bytes().values())


def test_what_lacks_its_line_end_is_waited_for(tmp_path: Path) -> None:
    """Half a line is no line; after a while it is one, and its late end belongs to it."""
    log = tmp_path / "app.log"
    log.write_bytes(b"one\ntw")
    reader = _Reader(log)
    assert reader.read() == b"one\n"
    assert reader.later(9) == b""
    assert reader.later(2) == b"tw"
    with log.open("ab") as file:
        file.write(b"\r\nthree\n")
    assert reader.read() == b"three\n"
    assert [each.number for each in reader.followed.positions()][-1] == 3


def test_an_endless_line_keeps_its_head_and_what_follows_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that is longer than any may be is cut and counted, also over a restart in its middle."""
    monkeypatch.setattr(followed_file, "MAX_RECORD_BYTES", 5000)
    monkeypatch.setattr(followed_file, "CHUNK_BYTES", 4500)
    log = tmp_path / "app.log"
    log.write_bytes(b"one\n" + b"x" * 20_000)
    reader = _Reader(log)
    assert reader.read() == b"one\n"
    assert reader.read() == b""
    again = _Reader(log, positions=reader.followed.positions())
    with log.open("ab") as file:
        file.write(b"x" * 3000 + b"\ntwo\n")
    chunks = [*again.followed.read(1 << 20), *again.followed.read(1 << 20)]
    assert [(len(each.raw), each.cut_bytes) for each in chunks] == [(5000, 23_000), (4, 0)]
    assert chunks[-1].after.number == 3


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16-le", "utf-16-be"])
def test_windows_encodings_are_told_and_kept(tmp_path: Path, encoding: str) -> None:
    """With a byte order mark, which is no part of the first record, and across a cut in the middle of a letter."""
    mark = {"utf-8-sig": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}[encoding]
    plain = encoding.removesuffix("-sig")
    data = mark + "Grüße Ċ\nzwei 世界\n".encode(plain)
    for cut in range(len(data)):
        log = tmp_path / f"{cut}.txt"
        log.write_bytes(data[:cut])
        reader = _Reader(log)
        first = reader.read()
        log.write_bytes(data)
        assert (first + reader.read()).decode(plain) == "Grüße Ċ\nzwei 世界\n"


def test_dated_files_and_compressed_ones_are_one_log_in_order(tmp_path: Path) -> None:
    """A folder with a week of dated files, some compressed, one of them cut short and completed later."""
    for day, pack in ((3, True), (4, True), (5, False)):
        data = f"day {day}\n".encode()
        path = tmp_path / f"u_ex26110{day}.log"
        if pack:
            path.with_suffix(".log.gz").write_bytes(gzip.compress(data)[: -5 if day == 4 else None])
        else:
            path.write_bytes(data)
    reader = _Reader(tmp_path, begin="all")
    assert reader.read().startswith(b"day 3\n")
    (tmp_path / "u_ex261104.log.gz").write_bytes(gzip.compress(b"day 4\nmore\n"))
    (tmp_path / "u_ex261106.log").write_bytes(b"day 6\n")
    assert b"more\n" in reader.read()
    assert len(reader.followed.positions()) == 5


@pytest.mark.parametrize(
    ("names", "log"),
    [
        (["access.log.10", "access.log.2.gz", "access.log.1", "access.log"], "access.log"),
        (["access.log-20261101.xz", "access.log-20261102", "access.log"], "access.log"),
        (["app-2026-11-02.log", "app-2026-11-03.1.log", "app-2026-11-03.2.log"], "app.log"),
        (["u_ex261103.log", "u_ex261104.log"], "u_ex.log"),
        (["000000000009.log", "000000000010.log"], "*.log"),
        (["syslog.old", "syslog"], "syslog"),
    ],
)
def test_names_tell_which_log_and_which_came_first(names: list[str], log: str) -> None:
    """The ways of logrotate, log4j, IIS, and of the spool."""
    assert {generation_of(name)[0] for name in names} == {log}
    assert sorted(names, key=lambda name: generation_of(name)[1]) == names


def test_a_wait_ends_when_a_file_grows_and_when_it_is_told_to(tmp_path: Path) -> None:
    """The system tells of a new line at once; another thread ends a wait that would be long."""
    log = tmp_path / "app.log"
    log.write_bytes(b"one\n")
    followed = Followed([Watched("web", (str(log),))])
    followed.read(100)
    while followed.wait(0.1):  # until it is quiet
        followed.read(100)
    timer = threading.Timer(0.1, lambda: log.write_bytes(b"one\ntwo\n"))
    timer.start()
    assert followed.wait(20)
    timer.join()
    assert b"".join(each.raw for each in followed.read(100)) == b"two\n"
    while followed.wait(0.1):
        followed.read(100)
    timer = threading.Timer(0.1, followed.wake)
    timer.start()
    assert followed.wait(20)
    timer.join()
    followed.close()


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A folder that may not be listed, a pipe, a link to nothing: the others are read."""
    (tmp_path / "app.log").write_bytes(b"one\n")
    os.mkfifo(tmp_path / "pipe.log")
    (tmp_path / "gone.log").symlink_to(tmp_path / "nowhere")
    (tmp_path / ".hidden.log").write_bytes(b"no\n")
    reader = _Reader(tmp_path, tmp_path / "app.log" / "below")
    assert reader.read() == b"one\n"


def _position(tmp_path: Path) -> Position:
    log = tmp_path / "app.log"
    log.write_bytes(b"one\ntwo\n")
    reader = _Reader(log)
    reader.read()
    return reader.followed.positions()[-1]


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_position_that_was_altered_is_refused(tmp_path_factory: pytest.TempPathFactory, at: int, byte: int) -> None:
    """One byte changed, anywhere: refused, or what it says is exactly what it then is."""
    data = bytearray(_position(tmp_path_factory.mktemp("p")).dumps())
    data[at % len(data)] = byte
    try:
        found = Position.loads(bytes(data))
    except StoreError:
        return
    assert found.dumps() == bytes(data)
