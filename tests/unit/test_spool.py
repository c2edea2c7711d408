"""The spool: what was acknowledged stays, once; a writer that is killed leaves nothing behind that is not whole."""

from pathlib import Path

import pytest

from pollwatch.errors import FormatError, StoreError
from pollwatch.sources import spool as spooling
from pollwatch.sources import spool_batches
from pollwatch.sources.following import Followed, FollowOptions, Watched
from pollwatch.sources.spool import Entry, Spool, SpoolFullError, last_line, prune, segment, segments
from pollwatch.sources.spool_batches import Batch, BatchConflictError

LIMIT = 1 << 20


def _content(folder: Path) -> bytes:
    return b"".join(segment(folder, number).read_bytes() for number in segments(folder))


def _batch(name: str, lines: bytes) -> Entry:
    return Entry(lines, Batch.of(name, lines))


@pytest.mark.parametrize("at", range(31))
def test_a_batch_that_was_written_in_part_is_completed_when_it_comes_again(tmp_path: Path, at: int) -> None:
    """Killed after any byte of a batch, and sent it again: each of its lines is there once, and no torn one."""
    spool = Spool(tmp_path, LIMIT)
    first, second = _batch("a", b"first line\n"), _batch("b", b"one\ntwo two\nthree three 3\nx\n")
    spool.append([first])
    spool.append([second])
    spool.close()
    path = segment(tmp_path, 1)
    path.write_bytes(path.read_bytes()[: len(first.lines) + at])
    for _ in range(2):  # the answer may be lost again
        again = Spool(tmp_path, LIMIT)
        again.append([second, second, _batch("c", b"another\n")])
        again.close()
    assert sorted(_content(tmp_path).splitlines()) == sorted([b"first line", *second.lines.splitlines(), b"another"])


def test_a_batch_that_was_read_and_removed_meanwhile_is_known(tmp_path: Path) -> None:
    """Its answer was lost, its segment read to the end and removed: sent again, nothing is written."""
    entry = _batch("a", b"line\n")
    spool = Spool(tmp_path, LIMIT, segment_bytes=8)
    spool.append([entry])
    spool.append([Entry(b"more lines\n")])
    followed = Followed([Watched("web", (str(tmp_path),), "all", whole=True)], FollowOptions(polling=True))
    assert b"".join(each.raw for each in followed.read(LIMIT)) == b"line\nmore lines\n"
    assert prune(tmp_path, followed.positions()) == 1
    spool.close()
    again = Spool(tmp_path, LIMIT)
    again.append([entry])
    again.close()
    assert segments(tmp_path) == [2]
    followed.close()


def test_an_id_speaks_for_one_batch(tmp_path: Path) -> None:
    """Other lines under an id that was used are refused; so is an id that cannot be one."""
    spool = Spool(tmp_path, LIMIT)
    spool.append([_batch("a", b"line\n")])
    with pytest.raises(BatchConflictError):
        spool.batches.done(Batch.of("a", b"other\n"))
    for wrong in ("", "a b", "é", "x" * 129, "a\nb"):
        with pytest.raises(FormatError):
            Batch.of(wrong, b"")
    spool.close()


def test_the_list_of_batches_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender with ever new ids does not fill memory or disk."""
    monkeypatch.setattr(spool_batches, "KEPT", 100)
    monkeypatch.setattr(spool_batches, "_REWRITTEN_AFTER", 400)
    spool = Spool(tmp_path, LIMIT)
    for start in range(0, 2000, 50):
        spool.append([_batch(f"id-{number}", b"x\n") for number in range(start, start + 50)])
    assert (tmp_path / ".batches").stat().st_size < 450 * 110
    assert spool.batches.done(Batch.of("id-0", b"x\n")) == 0
    assert spool.batches.done(Batch.of("id-1999", b"x\n")) == 2
    spool.close()
    again = Spool(tmp_path, LIMIT)
    assert again.batches.done(Batch.of("id-1900", b"x\n")) == 2
    again.close()


def test_segments_that_hold_the_same_lines_are_read_each(tmp_path: Path) -> None:
    """A source that says the same again and again: no segment is taken for a copy, nor for one that had its inode."""
    spool = Spool(tmp_path, LIMIT, segment_bytes=8)
    watched = Watched("web", (str(tmp_path),), "all", whole=True)
    followed, got = Followed([watched], FollowOptions(polling=True, rescan_s=0)), b""
    for turn in range(12):
        spool.append([Entry(b"the same\n")])
        got += b"".join(each.raw for each in followed.read(LIMIT))
        positions = followed.positions()
        prune(tmp_path, positions)
        if turn % 3 == 0:
            followed.close()
            followed = Followed([watched], FollowOptions(polling=True, rescan_s=0))
            followed.resume(positions)
    assert got == b"the same\n" * 12
    assert not followed.notices()
    followed.close()
    spool.close()


def test_a_full_spool_takes_nothing_until_something_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit, and where the disk has little room left, senders have to wait; reading makes room."""
    spool = Spool(tmp_path, 100, segment_bytes=40)
    for _ in range(3):
        spool.append([Entry(b"x" * 29 + b"\n")])
    with pytest.raises(SpoolFullError):
        spool.append([Entry(b"y" * 29 + b"\n")])
    followed = Followed([Watched("web", (str(tmp_path),), "all", whole=True)], FollowOptions(polling=True))
    followed.read(LIMIT)
    assert prune(tmp_path, followed.positions()) == 3
    spool.append([Entry(b"y" * 29 + b"\n")])
    monkeypatch.setattr(spooling, "FREE_BYTES", 1 << 62)
    with pytest.raises(SpoolFullError):
        spool.append([Entry(b"z\n")])
    followed.close()
    spool.close()


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full after half of the bytes: what was written is taken back, and its place is not used again."""
    spool = Spool(tmp_path, LIMIT)
    spool.append([Entry(b"before\n")])

    def half(descriptor: int, data: bytes) -> None:
        spooling.os.write(descriptor, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    entry = _batch("a", b"one\ntwo\n")
    with monkeypatch.context() as broken:
        broken.setattr(spooling, "_write", half)
        with pytest.raises(SpoolFullError, match="No space left"):
            spool.append([entry])
    spool.append([Entry(b"after\n")])
    spool.close()
    again = Spool(tmp_path, LIMIT)
    again.append([entry])
    again.close()
    assert _content(tmp_path) == b"before\nafter\none\ntwo\n"
    assert last_line(tmp_path) == b"two"


def test_one_process_writes(tmp_path: Path) -> None:
    """Two receivers of one source would tear each other's lines."""
    spool = Spool(tmp_path, LIMIT)
    with pytest.raises(StoreError, match="another receiver"):
        Spool(tmp_path, LIMIT)
    spool.close()
