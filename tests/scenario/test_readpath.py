"""A log as others read it over HTTP: caches, browsers, other people's readers, holders of old checkpoints."""

from __future__ import annotations

import gzip
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser
from starlette.applications import Starlette
from tlog_scales import backend, reader, signing

from hostile_scenes import Served
from pollwatch.clock import ManualClock
from pollwatch.errors import StoreError
from pollwatch.evidence import checkpoint, fsck, merkle, tiles
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.log import Log
from pollwatch.evidence.published import Published
from pollwatch.evidence.tiles import TilePath, TileReader
from pollwatch.node.gateway import processes, serving
from pollwatch.node.logs.readpath import ReadPath

KEY = Signer("a.example/shared", KeyType.ED25519, bytes(range(32)))
CLOCK = ManualClock(1_793_000_000_000_000)
OLD, NOW = 300, 700
PARTIAL, FULL = "tile/entries/001.p/44", "tile/entries/001"


def entries(start: int, end: int) -> list[bytes]:
    """Distinct entries, long enough that compressing them pays."""
    return [f"entry {number} {'and so on ' * 9}".encode() for number in range(start, end)]


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log that was once of 300 entries, and whose partial tiles of then were cleaned up since."""
    folder = tmp_path_factory.mktemp("read") / "log"
    with Log.open(folder, [KEY], CLOCK) as log:
        for start, end in ((0, OLD), (OLD, NOW - 1), (NOW - 1, NOW)):
            log.append(entries(start, end))
    assert not (folder / "public" / PARTIAL).exists()
    return folder / "public"


@pytest.fixture(scope="module")
def client(public: Path) -> Iterator[httpx.Client]:
    """The log, served on loopback."""
    (port,) = processes.free_ports(1)
    served = Served(Starlette(routes=ReadPath(Published(public)).routes()), port)
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}", trust_env=False, headers={"accept-encoding": "identity"}
    ) as opened:
        yield opened
    served.close()


def over(client: httpx.Client, size: int, *, falls_back: bool) -> TileReader:
    """The log at a size, read over HTTP, by a reader that then asks for the full tile, or by one that does not."""

    def fetch(path: str) -> bytes:
        answer = client.get("/" + path)
        if answer.status_code != 200:
            raise FileNotFoundError(path) if falls_back else AssertionError(path)
        return answer.content

    return TileReader(fetch, size)


def test_caches_keep_tiles_for_ever_and_ask_for_checkpoints(client: httpx.Client) -> None:
    """A tile never changes; a checkpoint is asked for each time, and costs nothing while it stands."""
    tile, note = client.get("/tile/0/000"), client.get("/checkpoint")
    assert tile.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (tile.headers["content-type"], len(tile.content)) == ("application/octet-stream", 8192)
    assert note.headers["cache-control"] == "no-cache"
    assert note.headers["content-type"] == "text/plain; charset=utf-8"
    assert checkpoint.open_checkpoint(note.content, KEY.verifier).checkpoint.size == NOW
    for answer in (tile, note):
        assert "last-modified" not in answer.headers  # when a file was written is nobody's business
        again = client.get(answer.url, headers={"if-none-match": f'W/"x", {answer.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == answer.headers["etag"]
        assert client.get(answer.url, headers={"if-none-match": '"x"'}).status_code == 200
        head = client.head(answer.url)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(answer.content))


def test_entry_bundles_travel_compressed_to_those_who_can(client: httpx.Client) -> None:
    """Gzip where it is taken, plain where it is not; both under tags that a cache cannot mix up."""
    plain = client.get("/" + FULL)
    assert "content-encoding" not in plain.headers
    for accepts in ("gzip", "br;q=1, GZIP;q=0.5", "*", "deflate, gzip"):
        with client.stream("GET", "/" + FULL, headers={"accept-encoding": accepts}) as answer:
            packed = b"".join(answer.iter_raw())
        assert answer.headers["content-encoding"] == "gzip", accepts
        assert gzip.decompress(packed) == plain.content
        assert len(packed) < len(plain.content) / 4
        assert answer.headers["vary"] == plain.headers["vary"] == "accept-encoding"
        assert answer.headers["etag"] != plain.headers["etag"]
    for accepts in ("identity", "", "br", "gzip;q=0", "gzip; q=0.0, *", "*;q=0", "gzipped"):
        assert "content-encoding" not in client.get("/" + FULL, headers={"accept-encoding": accepts}).headers, accepts
    assert "content-encoding" not in client.get("/tile/0/000", headers={"accept-encoding": "gzip"}).headers


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-31", 206, slice(0, 32)),
        ("bytes=8160-", 206, slice(8160, 8192)),
        ("bytes=8000-99999", 206, slice(8000, 8192)),
        ("bytes=-32", 206, slice(8160, 8192)),
        ("bytes=8192-", 416, slice(0, 0)),
        ("bytes=-0", 416, slice(0, 0)),
        ("bytes=9-3", 200, slice(0, 8192)),
        ("bytes=0-1,4-5", 200, slice(0, 8192)),
        ("bytes=-", 200, slice(0, 8192)),
        ("lines=0-1", 200, slice(0, 8192)),
        ("bytes=\u0660-1", 200, slice(0, 8192)),
    ],
)
def test_a_download_that_was_cut_off_goes_on(client: httpx.Client, asked: str, status: int, part: slice) -> None:
    """One range of a tile, as resuming clients ask for it; what is no such range gets the whole."""
    whole = client.get("/tile/0/000")
    answer = client.get("/tile/0/000", headers=[(b"range", asked.encode())])
    assert answer.status_code == status
    assert answer.content == whole.content[part]
    if status == 206:
        assert answer.headers["content-range"] == f"bytes {part.start}-{part.stop - 1}/8192"
        mine = {"range": asked, "if-range": whole.headers["etag"]}
        assert client.get("/tile/0/000", headers=mine).status_code == 206
        assert client.get("/tile/0/000", headers={"range": asked, "if-range": '"x"'}).status_code == 200
    elif status == 416:
        assert answer.headers["content-range"] == "bytes */8192"
    ranged = client.get("/" + FULL, headers={"range": "bytes=0-3", "accept-encoding": "gzip"})
    assert (ranged.status_code, "content-encoding" in ranged.headers) == (206, False)


def test_old_checkpoints_stay_readable(client: httpx.Client, public: Path) -> None:
    """Whoever holds a checkpoint of 300 entries reads its partial tiles, although they were cleaned up since."""
    at = TileReader(lambda path: (public / path).read_bytes(), NOW).resized(OLD)
    for falls_back in (True, False):
        theirs = over(client, OLD, falls_back=falls_back)
        fsck.check_all(theirs, at.root())
        assert list(theirs.entries(0, OLD)) == entries(0, OLD)


def test_nothing_beyond_the_checkpoint_is_served(tmp_path: Path) -> None:
    """Attack on caches: a tile of an append that never finished, kept for ever, would make the log look forked."""
    with Log.open(tmp_path / "log", [KEY], CLOCK) as log:
        log.append(entries(0, 5))
    published = Published(tmp_path / "log" / "public")
    for path, data in (("tile/0/000.p/9", bytes(9 * 32)), ("tile/0/000", bytes(8192)), ("tile/entries/000", b"x")):
        (published.folder / path).parent.mkdir(exist_ok=True)
        (published.folder / path).write_bytes(data)
        assert published.read(path) is None
    assert published.read("tile/0/000.p/5") is not None
    assert published.read("tile/0/000.p/3") is None  # no checkpoint ever was of 3
    strange = (
        *("state.sqlite", "../lock", "tile/0/../../../lock", "tile/00/000", "tile/0/x000/000", "tile/0/000.p/256"),
        *("tile/0/000.p/05", "tile/64/000", "tile/0/000.p/0", "tile/entries", "", "tile/0/000/", "checkpoint/"),
    )
    for path in strange:
        assert published.read(path) is None, path
    (published.folder / "checkpoint").write_bytes(b"nonsense")
    with pytest.raises(StoreError, match="no readable checkpoint"):
        published.read("tile/0/000.p/5")


def test_paths_have_one_spelling() -> None:
    """Every path of a tile is read back as what it names."""
    for level in (None, 0, 9, 63):
        for index in (0, 999, 1000, 1_234_067, 10**15 + 7):
            for width in (1, 255, 256):
                tile = TilePath(level, index, width)
                assert TilePath.parse(tile.path) == tile
    assert TilePath.parse(tiles.tile_path(64, 0)) is None


def test_what_cannot_be_served(client: httpx.Client, tmp_path: Path) -> None:
    """Unknown paths get 404, other methods 405, a damaged log 503; none of them is kept by a cache."""
    missing = client.get("/tile/0/009")
    assert (missing.status_code, client.post("/checkpoint").status_code) == (404, 405)
    (tmp_path / "checkpoint").write_bytes(b"nonsense")
    handlers = {StoreError: serving.unavailable}
    (port,) = processes.free_ports(1)
    served = Served(Starlette(routes=ReadPath(Published(tmp_path)).routes(), exception_handlers=handlers), port)
    try:
        broken = httpx.get(f"http://127.0.0.1:{port}/tile/0/000", trust_env=False)
    finally:
        served.close()
    assert (broken.status_code, broken.headers["cache-control"]) == (503, "no-cache")
    assert str(tmp_path) not in broken.text


def test_interop_tlog_scales_reads_over_http(client: httpx.Client) -> None:
    """Its HTTP reader finds our root in our tiles, reads our entries, and follows the growth."""
    their = reader.TilesReader(backend.HttpBackend(str(client.base_url)))
    at = their.get_checkpoint()
    at.verify(signing.Vkey.from_string(KEY.verifier.vkey))
    assert (at.size, their.calculate_root_hash()) == (NOW, at.root_hash)
    assert their.get_entry(NOW - 1) == entries(NOW - 1, NOW)[0]
    theirs = their.get_consistency_proof(OLD, NOW)
    theirs.check(merkle.root_of(merkle.leaf_hashes(entries(0, OLD))), at.root_hash)


def test_a_page_from_disk_reads_a_log(browser: Browser, client: httpx.Client, tmp_path: Path) -> None:
    """A web page opened from disk fetches checkpoint, tile and bundle, with conditions and ranges of its own."""
    (tmp_path / "page.html").write_text("<!doctype html><title>x</title>")
    page = browser.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    found = page.evaluate(
        """async (base) => {
            const note = await fetch(base + "checkpoint");
            const tag = note.headers.get("etag");
            const again = await fetch(base + "checkpoint", {headers: {"if-none-match": tag}, cache: "no-store"});
            const part = await fetch(base + "tile/0/000", {headers: {range: "bytes=0-31"}});
            const whole = await (await fetch(base + "tile/entries/000")).arrayBuffer();
            return [(await note.text()).split("\\n")[1], again.status, part.headers.get("content-range"),
                    (await part.arrayBuffer()).byteLength, whole.byteLength];
        }""",
        str(client.base_url) + "/",
    )
    page.close()
    assert found == [str(NOW), 304, "bytes 0-31/8192", 32, len(client.get("/tile/entries/000").content)]


def test_the_command_serves_a_case(tmp_path: Path) -> None:
    """`evidence serve` says where it listens, serves the shared log and nothing else, and ends when it is told to."""
    command = [sys.executable, "-m", "pollwatch"]
    refused = subprocess.run(
        [*command, "evidence", "serve", "--case", "c"], cwd=tmp_path, capture_output=True, check=False
    )
    assert refused.returncode == 3
    (tmp_path / "auth.log").write_bytes(
        b"Nov  3 20:00:01 h sshd[1]: Failed password for root from 192.0.2.7 port 2 ssh2\n"
    )
    subprocess.run([*command, "scan", "auth.log", "--case", "c", "-q"], cwd=tmp_path, check=True, capture_output=True)
    serve = [*command, "evidence", "serve", "--case", "c", "--port", "0"]
    with subprocess.Popen(serve, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            address = process.stderr.readline().split(" at ")[1].strip()
            with httpx.Client(trust_env=False) as outside:
                note = outside.get(address)
                private = outside.get(address.replace("/checkpoint", "/..%2f..%2fprivate/public/checkpoint"))
        finally:
            process.send_signal(signal.SIGTERM)
    assert (note.text.splitlines()[1], private.status_code) == ("1", 404)
    assert process.returncode == 0
