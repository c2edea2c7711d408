"""Sources: whatever the transport and the encoding, each record comes out once, whole and numbered."""

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
from pathlib import Path

import pytest
import zstandard

from pollwatch.errors import SourceError
from pollwatch.sources import records
from pollwatch.sources.decompress import chunks
from pollwatch.sources.files import expand
from pollwatch.sources.interface import BLOCK_RECORDS, MAX_RECORD_BYTES
from pollwatch.sources.stdin import spool_stream


def read(data: bytes, chunk: int = 1 << 20) -> list[tuple[int, str]]:
    """All records of some bytes, as ``(number, text)``."""
    parts = [data[at : at + chunk] for at in range(0, len(data), chunk)]
    shape = records.shape_of(data[: 1 << 16])
    found = []
    for block in records.blocks(parts, "test", shape):
        found += [(block.first_number + i, text) for i, text in enumerate(block.text)]
    return found


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("chunk", [1, 3, 1 << 20])
def test_encodings(encoding: str, chunk: int) -> None:
    """The same lines come out of every encoding, wherever the chunks are cut, without a last newline too."""
    lines = ["first line of the log", "zweite Zeile: Käse", "", "the last, without a newline ਊ"]
    assert read("\n".join(lines).encode(encoding), chunk) == list(enumerate(lines, 1))


def test_line_endings() -> None:
    """CR LF ends a line; a lone CR, a vertical tab and U+2028 do not."""
    assert read(b"a\r\nb\rc\x0bd\n\n\xe2\x80\xa8e\n") == [(1, "a"), (2, "b\rc\x0bd"), (3, ""), (4, "\u2028e")]


def test_latin1_line_among_utf8() -> None:
    """A line that is not UTF-8 is read as Latin-1, and its neighbours stay what they are."""
    assert read("Käse\n".encode() + b"K\xe4se\n") == [(1, "Käse"), (2, "Käse")]


@pytest.mark.parametrize(
    "compress",
    [bytes, gzip.compress, bz2.compress, lzma.compress, zstandard.ZstdCompressor().compress],
)
def test_compression_is_told_by_content(compress: object) -> None:
    """Every compression gives the same bytes back, also as two members behind each other."""
    data = b"".join(b"line %d\n" % i for i in range(5000))
    stored = compress(data[:20000]) + compress(data[20000:])  # type: ignore[operator]
    assert b"".join(chunks(io.BytesIO(stored), "x.log")) == data


def test_truncated_gzip_yields_what_is_there() -> None:
    """A copy that broke off is read as far as it goes, then named as such."""
    data = b"".join(b"line %d %d\n" % (i, i * i) for i in range(100_000))
    got = bytearray()

    def read_all() -> None:
        for chunk in chunks(io.BytesIO(gzip.compress(data)[:-5000]), "x.gz"):
            got.extend(chunk)

    with pytest.raises(SourceError, match=r"x\.gz: gzip cannot be read to its end"):
        read_all()
    assert len(got) > 100_000
    assert data.startswith(bytes(got))


def test_endless_line_is_cut_and_counted() -> None:
    """A line longer than any limit costs bounded memory, keeps its number and says how long it was."""
    data = b"before\n" + b"x" * (MAX_RECORD_BYTES + 3_000_000) + b"\nafter\n"
    parts = [data[at : at + 100_000] for at in range(0, len(data), 100_000)]
    got = [
        (b.first_number, len(b), len(b.raw[0]), b.cut_bytes)
        for b in records.blocks(parts, "t", records.shape_of(data[:100]))
    ]
    assert got == [(1, 1, 6, 0), (2, 1, MAX_RECORD_BYTES, MAX_RECORD_BYTES + 3_000_000), (3, 1, 5, 0)]


def test_blocks_are_bounded() -> None:
    """A long input comes in blocks of limited length whose numbers go on."""
    data = b"x\n" * (BLOCK_RECORDS * 2 + 10)
    blocks = list(records.blocks([data], "t", records.shape_of(data[:100])))
    assert [(b.first_number, len(b)) for b in blocks] == [
        (1, BLOCK_RECORDS),
        (BLOCK_RECORDS + 1, BLOCK_RECORDS),
        (2 * BLOCK_RECORDS + 1, 10),
    ]


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_json_values(chunk: int) -> None:
    """A pretty array's elements are records; garbage between them is kept as a record, not dropped."""
    data = b'[\n  {"a": 1,\n   "b": ["x", {}]},\n  oops!\n  {"a": "]}"}\n]\n'
    assert read(data, chunk) == [(1, '{"a": 1,\n   "b": ["x", {}]}'), (2, "oops!"), (3, '{"a": "]}"}')]


def test_pretty_objects_one_after_another() -> None:
    """Objects that span lines are one record each."""
    assert [text for _, text in read(b'{\n "a": 1\n}\n{\n "a": 2\n}\n')] == ['{\n "a": 1\n}', '{\n "a": 2\n}']


@pytest.mark.parametrize("chunk", [1, 5, 1000])
def test_events_in_xml_end_with_their_tag(chunk: int) -> None:
    """Wherever lines and chunks break: an event is one record, and what stands between events is none or its own."""
    data = (
        b'\xef\xbb\xbf<?xml version="1.0"?>\r\n<Events><Event xmlns="a"><System/>\n</Event><Event>2</Event>\n'
        b"<!-- c -->junk <Event>3</Event><Event/>\n</Events>\n<Event>cut"
    )
    texts = [
        '<Event xmlns="a"><System/>\n</Event>',
        "<Event>2</Event>",
        "junk ",
        "<Event>3</Event>",
        "<Event/>",
        "<Event>cut",
    ]
    assert read(data, chunk) == list(enumerate(texts, 1))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("chunk", [1, 5, 1000])
def test_rows_of_a_table_end_outside_of_quotes(chunk: int, encoding: str) -> None:
    """A cell of several lines belongs to its row; a quote that nothing closes hides no more than its line."""
    rows = ["Level,Date,Source,Id,Category", '1,2,3,4,"a\r\nb ""q"" \r\n"', "1,2,3,4,c", '1,2,3,4,"stray', "1,2,3,4,d"]
    assert read("\r\n".join(rows).encode(encoding), chunk) == list(enumerate(rows, 1))


def test_lines_with_odd_quotes_are_lines() -> None:
    """A log with commas and stray quotes is no table: its lines keep their numbers."""
    data = b'a,b,c,d "x\n' + b"one, two, three, four\nfive\n" * 40
    assert records.shape_of(data).framing == "lines"


def test_ndjson_is_numbered_by_line() -> None:
    """JSON lines keep their physical line numbers, a broken line among them too."""
    assert [n for n, _ in read(b'{"a":1}\n{"broken\n\n{"a":3}\n')] == [1, 2, 3, 4]


def test_deeply_nested_value_ends_with_its_line() -> None:
    """A value nested beyond reason does not end the reading of those behind it."""
    assert len(read(b"[\n" + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b',\n{"a": 2}]')) == 2


def test_error_log_brackets_are_no_array() -> None:
    """Apache's error log begins with a bracket and is still lines."""
    assert not records.shape_of(b"[Wed Oct 11 14:32:52 2026] [error] x\n").by_value


def test_expand(tmp_path: Path) -> None:
    """Folders are walked, globs matched, a file named twice read once, what is missing reported by name."""
    (tmp_path / "sub").mkdir()
    for name in ("b.log", "a.log", "sub/c.log", ".hidden"):
        (tmp_path / name).write_text("x\n")
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    files, failures = expand([str(tmp_path), str(tmp_path / "*.log"), str(tmp_path / "none")])
    assert [Path(f.path).name for f in files] == ["a.log", "b.log", "c.log"]
    assert [f.path for f in failures] == [str(tmp_path / "none")]


def test_gzip_remembers_when_it_was_written(tmp_path: Path) -> None:
    """A year-less log in a checkout gets its year from gzip's own date, not from the day of the checkout."""
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"x\n", mtime=1_793_833_200))
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"x\n", mtime=0))
    (tmp_path / "c.gz").write_bytes(b"\x1f\x8b")
    os.utime(tmp_path / "a.gz", (1_900_000_000, 1_900_000_000))
    os.utime(tmp_path / "b.gz", (1_900_000_000, 1_900_000_000))
    os.utime(tmp_path / "c.gz", (1_900_000_000, 1_900_000_000))
    files, _failures = expand([str(tmp_path)])
    assert [f.anchor_us // 1_000_000 for f in files] == [1_793_833_200, 1_900_000_000, 1_900_000_000]


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    """A zip file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 3, 20, 0, 0)), content)
    return path


def tarred(path: Path, files: dict[str, bytes]) -> Path:
    """A tar file, compressed as its name says, with a link beside the files."""
    with tarfile.open(path, f"w:{path.suffix[1:].replace('tar', '')}") as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1_793_833_200
            archive.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("link.log")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return path


@pytest.mark.parametrize("name", ["logs.zip", "logs.tar", "logs.tar.gz", "logs.tar.xz"])
def test_what_an_archive_holds_is_read_where_it_lies(tmp_path: Path, name: str) -> None:
    """Each file in it is an input, twice readable; a name that climbs out writes nothing; links are no files."""
    files = {"a/one.log": b"one\n", "../../climbs.log": b"up\n", ".hidden": b"x", "__MACOSX/._one.log": b"x"}
    path = (zipped if name.endswith("zip") else tarred)(tmp_path / name, files)
    found, failures = expand([str(tmp_path)])
    assert failures == []
    assert [each.path for each in found] == [f"{path}!/../../climbs.log", f"{path}!/a/one.log"]
    for _ in range(2):
        with found[1].open() as stored:
            assert b"".join(chunks(stored, found[1].path)) == b"one\n"
    assert found[1].anchor_us // 1_000_000 in {1_793_833_200, 1_793_736_000 + 86_400}
    assert [each.path for each in expand([f"{path}!/a/one.log"])[0]] == [f"{path}!/a/one.log"]
    assert expand([f"{path}!/none.log"])[1]


def test_files_in_an_archive_need_no_date(tmp_path: Path) -> None:
    """A packer that writes no dates leaves the archive's own."""
    path = zipped(tmp_path / "logs.zip", {"a.log": b"one\n"})
    raw = path.read_bytes()
    packed = ((2026 - 1980) << 9 | 11 << 5 | 3).to_bytes(2, "little")  # as `zipped` dates its files
    path.write_bytes(raw.replace(packed, b"\0\0"))
    (found,), failures = expand([str(path)])
    assert failures == []
    assert found.anchor_us > 0


def test_two_files_of_one_name_in_an_archive_are_two_inputs(tmp_path: Path) -> None:
    """Whoever packs a log twice under one name hides none of them."""
    path = tmp_path / "twice.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.log", "first\n")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.log", "second\n")
    found, _failures = expand([str(path)])
    assert len({each.path for each in found}) == 2
    assert sorted(b"".join(chunks(each.open(), each.path)) for each in found) == [b"first\n", b"second\n"]


def test_an_archive_beyond_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file that says it comes to far more than any log is named and not read."""
    bomb = zipped(tmp_path / "bomb.zip", {"zeros.log": bytes(1 << 20)})
    packed = tarred(tmp_path / "bomb.tar.gz", {"zeros.log": bytes(1 << 20)})
    monkeypatch.setattr("pollwatch.sources.archive.MAX_BYTES", 1 << 19)
    found, failures = expand([str(bomb), str(packed)])
    assert found == []
    assert [each.path for each in failures] == [str(bomb), str(packed)]


@pytest.mark.parametrize("cut", [30, 200, -30])
def test_a_damaged_archive_is_a_failure_with_its_name(tmp_path: Path, cut: int) -> None:
    """Cut short, an archive is named; whatever is in it is not passed over in silence."""
    path = zipped(tmp_path / "logs.zip", {"a.log": os.urandom(500)})
    path.write_bytes(path.read_bytes()[:cut])
    assert [each.path for each in expand([str(path)])[1]] == [str(path)]


def test_a_damaged_member_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    """A member whose checksum does not fit ends with an error that names it, not as if it were whole."""
    path = zipped(tmp_path / "logs.zip", {"a.log": b"line\n" * 50})
    raw = bytearray(path.read_bytes())
    at = raw.index(b"a.log") + 8
    raw[at] ^= 0xFF
    path.write_bytes(raw)
    (source,), _failures = expand([str(path)])
    with pytest.raises(SourceError, match=r"a\.log"), source.open() as stored:
        list(chunks(stored, source.path))


def test_stdin_can_be_read_twice(tmp_path: Path) -> None:
    """What came down a pipe is kept, so that its lines can be shown as evidence."""
    source = spool_stream(io.BytesIO(b"one\ntwo\n"), "-", tmp_path, 0)
    for _ in range(2):
        with source.open() as stream:
            assert stream.read() == b"one\ntwo\n"


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_envelopes_of_cloud_services_are_opened(chunk: int) -> None:
    """Records in a service's envelope are numbered like an array's, in one document after another."""
    files = (
        '{"Records":[{"a":1},{"b":[1,{"c":2}]}]}\n{"Records": [ {"c":"]}"} ]}\n{"Records":[]}{"x":1}\n',
        '{"@odata.context":"https://graph/x","value":[\n{"a":1},{"b":[1,{"c":2}]}\n,{"c":"]}"}],"@odata.nextLink":"y"}{"x":1}',
        '{"kind":"reports","etag":"\\"e\\"","items":[{"a":1},{"b":[1,{"c":2}]},{"c":"]}"}]}\n{"x":1}',
    )
    records_of = ['{"a":1}', '{"b":[1,{"c":2}]}', '{"c":"]}"}', '{"x":1}']
    for data in files:
        assert read(data.encode(), chunk) == list(enumerate(records_of, 1))


def test_what_is_more_than_an_envelope_stays_whole() -> None:
    """An ordinary record that holds a list beside fields of its own is one record."""
    lines = ['{"items":[{"sku":1},{"sku":2}],"user":"clerk"}', '{"user":"clerk","items":[]}']
    assert read("\n".join(lines).encode()) == list(enumerate(lines, 1))
