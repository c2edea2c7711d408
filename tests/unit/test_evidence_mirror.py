"""A mirror keeps and cosigns exactly what a log's key signed, however it comes, and keeps it for good."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch import durable
from pollwatch.clock import ManualClock
from pollwatch.errors import SignatureError, StoreError
from pollwatch.evidence import checkpoint as checkpoints
from pollwatch.evidence import fsck
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.log import Log, open_reader
from pollwatch.evidence.mirror import Mirror
from pollwatch.evidence.mirroring import MirrorUpload
from pollwatch.evidence.mirrorrequest import INFO, Header, MirrorInfo, build_upload, read_header, read_packages
from pollwatch.evidence.request import build_add_checkpoint
from pollwatch.evidence.tiles import TileReader
from pollwatch.evidence.witness import Witness
from pollwatch.evidence.witnessanswer import Cosigned, Refused, Response

LOG = Signer("b.example/shared", KeyType.ED25519, bytes(range(32)))
KEY = Signer("a.example/mirror", KeyType.COSIGNATURE, bytes(range(1, 33)))
CLOCK = ManualClock(1_793_000_000_000_000)


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    """A mirror that knows one log."""
    return Mirror(tmp_path / "mirror", [KEY], CLOCK, [LOG.verifier])


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Mirror:
    """One mirror for many examples; none of them is kept by it."""
    return Mirror(tmp_path_factory.mktemp("m"), [KEY], CLOCK, [LOG.verifier])


def entries(count: int, salt: str = "") -> list[bytes]:
    """Distinct entries."""
    return [f"{salt}{number}".encode() for number in range(count)]


def log_of(folder: Path, sizes: Sequence[int], salt: str = "") -> tuple[list[SignedCheckpoint], TileReader]:
    """A log that grew in steps: its checkpoints and its tiles."""
    signed = []
    with Log.open(folder, [LOG], CLOCK) as log:
        for size in sizes:
            log.append(entries(size, salt)[log.size :])
            signed.append(log.signed)
    _signed, reader = open_reader(folder / "public", LOG.verifier)
    return signed, reader


def announce(mirror: Mirror, signed: SignedCheckpoint, log: TileReader, old: int = 0) -> Response:
    """Make a checkpoint pending."""
    proof = log.consistency(old, signed.checkpoint.size) if old else ()
    return mirror.add_checkpoint(build_add_checkpoint(old, proof, signed))


def upload(mirror: Mirror, signed: SignedCheckpoint, log: TileReader) -> tuple[Cosigned | Refused, list[int]]:
    """Upload as a client does: the outcome, and the statuses on the way."""
    client = MirrorUpload(signed, log, mirror.verifiers)
    statuses = []
    while True:
        answer = mirror.add_entries(client.body)
        statuses.append(answer.status)
        outcome = client.take(answer)
        if outcome is not None:
            return outcome, statuses


def check_copy(mirror: Mirror, size: int, salt: str = "") -> None:
    """What the mirror serves is the whole log: every tile and entry, under both signatures."""
    answer = mirror.read("b.example/shared/checkpoint")
    signed = checkpoints.open_checkpoint(answer.body, LOG.verifier)
    assert signed.checkpoint.size == size
    assert len(checkpoints.verify(signed, mirror.verifiers)) == 1
    reader = TileReader(lambda path: served(mirror, path), size)
    if size:
        fsck.check_all(reader, signed.checkpoint.root)
        assert list(reader.entries(0, size)) == entries(size, salt)


def served(mirror: Mirror, path: str) -> bytes:
    """A file as the mirror serves it."""
    answer = mirror.read(f"b.example/shared/{path}")
    if answer.status != 200:
        raise FileNotFoundError(path)
    return answer.body


def test_mirrors_a_growing_log(tmp_path: Path, mirror: Mirror) -> None:
    """From nothing over partial and full bundles: each size is cosigned once all of it is held, and is served."""
    sizes = [0, 1, 255, 256, 257, 700, 70_000 // 100]
    signed, log = log_of(tmp_path / "log", sizes[:-1])
    for old, each in zip([0, *sizes], signed, strict=False):
        assert announce(mirror, each, log, old).status == 200
        outcome, statuses = upload(mirror, each, log)
        assert isinstance(outcome, Cosigned)
        assert statuses[-1] == 200
        assert checkpoints.verify(each.adding(outcome.lines), mirror.verifiers)[0].time_s == 1_793_000_000
        check_copy(mirror, each.checkpoint.size)
    assert upload(mirror, signed[-1], log)[1] == [200]  # all is there: only the signature is fetched again


def test_a_mirror_of_years_keeps_no_partial_tiles_of_full_ones(tmp_path: Path, mirror: Mirror) -> None:
    """A log that grows by an entry at a time leaves one file a tile, and its old states can still be read there."""
    sizes = [*range(250, 262), 300, 511, 512, 513]
    signed, log = log_of(tmp_path / "log", sizes)
    for old, each in zip([0, *sizes], signed, strict=False):
        announce(mirror, each, log, old)
        assert isinstance(upload(mirror, each, log)[0], Cosigned)
    left = {path.parent.name for path in mirror.store(LOG.name).folder.rglob("*.p/*")}
    assert left == {"000.p", "002.p"}  # 000.p of level 1, whose full tile is far off
    assert not (mirror.store(LOG.name).folder / "tile" / "0" / "000.p").exists()
    check_copy(mirror, 513)
    for size in sizes:
        reader = TileReader(lambda path: served(mirror, path), size)
        fsck.check_all(reader, log.root(size))


def test_a_long_log_comes_in_packages_of_which_a_request_has_32(tmp_path: Path, mirror: Mirror) -> None:
    """Over 8,192 entries take several requests: 202 says where to go on; tiles of the second level are made."""
    (signed,), log = log_of(tmp_path / "log", [9_000])
    announce(mirror, signed, log)
    outcome, statuses = upload(mirror, signed, log)
    assert isinstance(outcome, Cosigned)
    assert statuses == [409, 202, 200]
    check_copy(mirror, 9_000)


def test_survives_its_own_restart_and_the_owners_deletion(tmp_path: Path, mirror: Mirror) -> None:
    """Attack 11: the owner deletes its log after an upload was cut; what came stays, and the rest can still come."""
    (signed,), log = log_of(tmp_path / "log", [9_000])
    announce(mirror, signed, log)
    first = MirrorUpload(signed, log, mirror.verifiers)
    assert first.take(mirror.add_entries(first.body)) is None
    assert mirror.add_entries(first.body).status == 202
    mirror.close()
    (tmp_path / "mirror" / next(iter(log_folder(tmp_path))) / "checkpoint").unlink(missing_ok=True)
    again = Mirror(tmp_path / "mirror", [KEY], CLOCK, [LOG.verifier])
    assert again.latest(LOG.name) is None
    assert upload(again, signed, log)[1] == [409, 200]
    for path in sorted((tmp_path / "log").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    again.close()
    (tmp_path / "mirror" / next(iter(log_folder(tmp_path))) / "checkpoint").unlink()  # the crash before publishing
    check_copy(Mirror(tmp_path / "mirror", [KEY], CLOCK, [LOG.verifier]), 9_000)


def log_folder(tmp_path: Path) -> list[str]:
    """The folders of mirrored logs."""
    return [path.name for path in (tmp_path / "mirror").iterdir() if path.is_dir()]


def test_statuses(tmp_path: Path, mirror: Mirror) -> None:
    """Unknown logs, unknown sizes, gaps, malformed and wrong entries each get their status, and nothing is kept."""
    (signed,), log = log_of(tmp_path / "log", [300])
    _, other = log_of(tmp_path / "other", [300], "forged")
    assert mirror.add_entries(build_upload(Header("c.example/log", 0, 0, b""), log)).status == 404
    nothing = mirror.add_entries(build_upload(Header(LOG.name, 0, 300, b""), log))
    assert (nothing.status, nothing.content_type, nothing.body) == (409, INFO, b"0\n0\n\n")
    announce(mirror, signed, log)
    good = build_upload(Header(LOG.name, 0, 300, b""), log)
    told = MirrorInfo.parse(mirror.add_entries(build_upload(Header(LOG.name, 0, 200, b""), log)).body)
    assert (told.pending, told.next) == (300, 0)
    assert mirror.add_entries(build_upload(Header(LOG.name, 10, 300, b""), log)).status == 409  # a gap
    assert mirror.add_entries(b"").status == 400
    assert mirror.add_entries(build_upload(Header(LOG.name, 0, 300, b""), other)).status == 422
    assert mirror.add_entries(good[:100]).status == 400
    assert mirror.add_entries(good.replace(b"\x00\x03299", b"\x00\x03288")).status == 422  # the first package is good
    rest = build_upload(Header(LOG.name, 256, 300, b""), log)
    assert mirror.add_entries(good).status == 409  # too far back
    assert mirror.add_entries(rest[:-1]).status == 400
    assert mirror.add_entries(rest[:-1] + b"x").status == 422
    assert mirror.latest(LOG.name) is None
    assert mirror.add_entries(rest + b"x").status == 400
    assert mirror.add_entries(rest).status == 200
    for path in ("checkpoint", "b.example/shared/", "b.example/shared/../mirror.sqlite", "b.example/shared/state"):
        assert mirror.read(path).status == 404
    assert mirror.read("b.example/shared/tile/0/000").status == 200


def test_a_fork_is_not_mirrored(tmp_path: Path, mirror: Mirror) -> None:
    """Attack 2: a log that was rewritten gets no second pending checkpoint; the old copy stays."""
    (signed,), log = log_of(tmp_path / "log", [300])
    announce(mirror, signed, log)
    upload(mirror, signed, log)
    (forked,), other = log_of(tmp_path / "other", [400], "forged")
    assert announce(mirror, forked, other, 300).status == 422
    assert mirror.add_entries(build_upload(Header(LOG.name, 300, 400, b""), other)).status == 409
    check_copy(mirror, 300)


def test_a_ticket_lets_an_upload_end_where_it_began(tmp_path: Path, mirror: Mirror) -> None:
    """The log grows while an upload runs: with its ticket the upload ends; a ticket that was changed is none."""
    (small, large), log = log_of(tmp_path / "log", [9_000, 9_100])
    announce(mirror, small, log)
    client = MirrorUpload(small, log, mirror.verifiers)
    assert client.take(mirror.add_entries(client.body)) is None
    assert client.take(mirror.add_entries(client.body)) is None
    announce(mirror, large, log, 9_000)
    header, _place = read_header(client.body)
    for forged in (b"", bytes(20), header.ticket[:-1], bytes([header.ticket[0] ^ 1]) + header.ticket[1:]):
        assert mirror.add_entries(build_upload(replace(header, ticket=forged), log)).status == 409
    assert isinstance(client.take(mirror.add_entries(client.body)), Cosigned)
    check_copy(mirror, 9_000)
    assert isinstance(upload(mirror, large, log)[0], Cosigned)
    check_copy(mirror, 9_100)


def test_full_disk_loses_nothing(tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails at any point leaves a mirror that goes on from what it acknowledged."""
    (signed,), log = log_of(tmp_path / "log", [600])
    announce(mirror, signed, log)
    write = durable.write_file
    for failing in range(12):
        monkeypatch.setattr(durable, "write_file", failing_at(failing, write))
        try:
            upload(mirror, signed, log)
        except StoreError:
            monkeypatch.setattr(durable, "write_file", write)
            mirror.close()
            mirror = Mirror(tmp_path / "mirror", [KEY], CLOCK, [LOG.verifier])
    monkeypatch.setattr(durable, "write_file", write)
    assert isinstance(upload(mirror, signed, log)[0], Cosigned)
    check_copy(mirror, 600)


def failing_at(place: int, write: Callable[..., None]) -> Callable[..., None]:
    """A disk that is full at the n-th write."""
    count = iter(range(10_000))

    def failing(path: Path, data: bytes, **options: int) -> None:
        if next(count) == place:
            raise OSError(28, "No space left on device")
        write(path, data, **options)

    return failing


def test_a_lying_mirror_ends_the_upload(tmp_path: Path) -> None:
    """Attack 22: a mirror that never comes forward, names other sizes, or signs with a foreign key gets nowhere."""
    (signed,), log = log_of(tmp_path / "log", [10])
    stuck = Response(202, INFO, MirrorInfo(10, 0, b"").to_bytes())
    client = MirrorUpload(signed, log, [KEY.verifier])
    outcomes = [client.take(stuck) for _round in range(6)]
    assert isinstance(outcomes[-1], Refused)
    for lie in (MirrorInfo(11, 0, b""), MirrorInfo(10, 11, b""), MirrorInfo(9, 0, b"")):
        assert isinstance(MirrorUpload(signed, log, [KEY.verifier]).take(Response(409, INFO, lie.to_bytes())), Refused)
    assert isinstance(MirrorUpload(signed, log, [KEY.verifier]).take(Response(409, INFO, b"x")), Refused)
    assert isinstance(
        MirrorUpload(signed, log, [KEY.verifier]).take(Response(409, "text/x.tlog.size", b"5\n")), Refused
    )
    assert isinstance(MirrorUpload(signed, log, [KEY.verifier]).take(Response(503, "", b"later")), Refused)
    stranger = Signer.generate("a.example/mirror", KeyType.COSIGNATURE)
    foreign = checkpoints.sign(signed.checkpoint, stranger, 1).line.encode()
    with pytest.raises(SignatureError):
        MirrorUpload(signed, log, [KEY.verifier]).take(Response(200, "text/plain", foreign))


def test_a_mirror_has_keys_and_a_silent_witness_has_none(tmp_path: Path) -> None:
    """A mirror cannot be opened without cosignature keys, and what follows silently cannot sign."""
    with pytest.raises(SignatureError):
        Mirror(tmp_path / "m", [], CLOCK)
    with pytest.raises(SignatureError):
        Mirror(tmp_path / "m", [LOG], CLOCK)
    with pytest.raises(SignatureError):
        Witness(tmp_path / "w", [KEY], CLOCK, silent=True)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=300))
def test_arbitrary_uploads_are_answered(one: Mirror, data: bytes) -> None:
    """No bytes make the mirror fail: whatever is sent gets a status."""
    start = len(LOG.name).to_bytes(2, "big") + LOG.name.encode()
    for body in (data, start + data, start + bytes(16) + data):
        assert one.add_entries(body).status in {400, 404, 409}


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=80))
def test_arbitrary_answers_are_understood_or_refused(data: bytes) -> None:
    """A mirror's state reads back as it was written, or not at all."""
    try:
        info = MirrorInfo.parse(data)
    except SignatureError:
        return
    assert info.to_bytes() == data


def test_packages_read_back(tmp_path: Path) -> None:
    """What is built is read back: bounds at multiples of 256, entries and proofs."""
    _signed, log = log_of(tmp_path / "log", [700])
    body = build_upload(Header(LOG.name, 100, 600, b"ticket"), log)
    header, place = read_header(body)
    assert header == Header(LOG.name, 100, 600, b"ticket")
    packages = list(read_packages(body, header, place))
    assert [(each.start, each.end) for each in packages] == [(100, 256), (256, 512), (512, 600)]
    assert [entry for each in packages for entry in each.entries] == entries(700)[100:600]


def test_state_that_cannot_be_opened(tmp_path: Path) -> None:
    """A state file that is no database is an error that says so."""
    (tmp_path / "mirror.sqlite").write_bytes(b"no database at all, and long enough to be read as one" * 30)
    with pytest.raises(StoreError):
        Mirror(tmp_path, [KEY], CLOCK)
    with pytest.raises(sqlite3.Error):
        sqlite3.connect(tmp_path / "mirror.sqlite").execute("SELECT 1 FROM held")
