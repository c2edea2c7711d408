"""Compiled rules in the user's cache: read only if nobody else can have written them, and made again if need be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent

import pytest

from pollwatch import cache as caching
from pollwatch.cache import Cache
from pollwatch.detect.sigma import compiled
from pollwatch.detect.sigma.load import SHIPPED, LoadReport, load
from pollwatch.detect.sigma.plan import CorrelationRule, EventRule, Rule

RULE = """
title: Rule {0}
name: rule_{0}
id: 11111111-2222-4333-8444-00000000000{0}
logsource: {{category: webserver}}
detection:
  all_kinds:
    a|contains: 'x{0}?y*z'
    b|re|i: '^a.c$'
    c|cidr: 192.0.2.0/24
    d: null
    e|exists: true
    f|fieldref: g
    h|gte: 9007199254740993
    i|minute: 5
    j|cased: ''
  keywords: [alpha, '*beta']
  condition: all_kinds or not keywords
"""
LINKED = """
title: Linked
id: 11111111-2222-4333-8444-00000000000c
correlation: {type: temporal, rules: [rule_1, rule_2], group-by: [a], timespan: 5m}
---
title: Only some
logsource: {category: webserver}
filter:
  rules: [rule_1]
  known: {a: friend}
  condition: not known
"""


class Rules:
    """A folder of rules, a cache folder, and what was compiled to load them."""

    def __init__(self, folder: Path) -> None:
        """Write three rules, a correlation and a filter."""
        self.folder = folder / "rules"
        self.folder.mkdir()
        self.cache_folder = folder / "cache"
        for number in (1, 2, 3):
            self.write(f"r{number}", RULE.format(number))
        self.write("z-linked", LINKED)
        self.compiled: list[int] = []

    def write(self, name: str, text: str) -> None:
        """Write or replace a rule file."""
        (self.folder / f"{name}.yml").write_text(text, encoding="utf-8")

    def load(self) -> tuple[tuple[Rule, ...], LoadReport]:
        """Load by a cache object of its own, as a new process would; ``compiled`` gets how many files were."""
        told: list[int] = [0]
        result = load([self.folder], cache=Cache(self.cache_folder), progress=lambda done, _total: told.append(done))
        self.compiled.append(told[-1])
        return result

    @property
    def entry(self) -> Path:
        """The one entry of the cache."""
        (path,) = (self.cache_folder / "compiled").iterdir()
        return path


@pytest.fixture
def rules(tmp_path: Path) -> Rules:
    """Rules that were not loaded yet."""
    return Rules(tmp_path)


def test_what_is_kept_reads_back_equal(rules: Rules) -> None:
    """Every kind of test, a correlation and a filter over other files are the same from the cache as compiled."""
    first, report = rules.load()
    again, report_again = rules.load()
    assert first == again
    assert report == report_again
    assert (report.loaded, report.refused, report.remarks, rules.compiled) == (4, (), (), [4, 0])
    by_title = {rule.info.title: rule for rule in again}
    linked = by_title["Linked"]
    assert isinstance(linked, CorrelationRule)
    assert linked.rules == ("11111111-2222-4333-8444-000000000001", "11111111-2222-4333-8444-000000000002")
    one, three = by_title["Rule 1"], by_title["Rule 3"]
    assert isinstance(one, EventRule)
    assert "friend" in repr(one.condition)
    assert "friend" not in repr(three)
    assert (one.info.output, three.info.output) == (False, True)


def test_a_changed_file_compiles_only_itself(rules: Rules) -> None:
    """One rule edited, one removed, one added: the others are not compiled again, and nothing of the old ones stays."""
    rules.load()
    rules.write("r3", RULE.format(3).replace("alpha", "gamma"))
    changed, _ = rules.load()
    (rules.folder / "r3.yml").unlink()
    rules.load()
    rules.write("r4", RULE.format(4))
    added, _ = rules.load()
    assert rules.compiled == [4, 1, 0, 1]
    assert "gamma" in repr(changed)
    assert {rule.info.title for rule in added} == {"Rule 1", "Rule 2", "Rule 4", "Linked"}
    assert b"gamma" not in rules.entry.read_bytes()


def test_another_version_compiles_again_in_the_same_place(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another version of the engine kept is not used, and does not stay beside what this one keeps."""
    rules.load()
    monkeypatch.setattr(compiled, "made_by", lambda: "another engine")
    _, report = rules.load()
    assert rules.compiled == [4, 4]
    assert report.remarks == ()
    assert rules.entry.is_file()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:0],
        lambda data: data[:40],
        lambda data: data[:-1],
        lambda data: data[:-100] + bytes([data[-100] ^ 1]) + data[-99:],
        lambda data: b"\x80\x04\x95" + data,
        lambda data: os.urandom(len(data)),
    ],
    ids=["empty", "head only", "cut", "one bit", "shifted", "noise"],
)
def test_damage_is_healed_with_one_line(rules: Rules, spoil: Callable[[bytes], bytes]) -> None:
    """An entry that a crash or a disk spoiled costs one compilation and one remark, never a wrong rule or a crash."""
    first, _ = rules.load()
    rules.entry.write_bytes(spoil(rules.entry.read_bytes()))
    healed, report = rules.load()
    last, quiet = rules.load()
    assert first == healed == last
    assert rules.compiled == [4, 4, 0]
    assert len(report.remarks) == 1
    assert "is damaged and is made again" in report.remarks[0]
    assert quiet.remarks == ()


def test_what_has_the_wrong_types_is_not_taken(rules: Rules) -> None:
    """An entry whole by its digest but of other shape, as a developer's half-made version leaves it, is made again."""
    first, _ = rules.load()
    cache = Cache(rules.cache_folder)
    for data in (b"\xc1", b"\x93\x01\x02\x03", b"\x81\xa6r1.yml\x81\xa5rules\x91\x01"):
        cache.keep(f"rules {rules.folder.resolve()}", compiled.made_by(), data)
        again, report = rules.load()
        assert again == first
        assert "do not read back" in report.remarks[0]


def _foreign(_: Rules, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(os, "geteuid", lambda: 12_345)


def _open_folder(rules: Rules, _: pytest.MonkeyPatch) -> None:
    rules.entry.parent.chmod(0o770)


def _open_entry(rules: Rules, _: pytest.MonkeyPatch) -> None:
    rules.entry.chmod(0o602)


def _open_parent(rules: Rules, _: pytest.MonkeyPatch) -> None:
    rules.cache_folder.chmod(0o777)


def _linked_entry(rules: Rules, _: pytest.MonkeyPatch) -> None:
    entry = rules.entry
    elsewhere = entry.rename(rules.cache_folder / "elsewhere")
    entry.symlink_to(elsewhere)


def _fifo(rules: Rules, _: pytest.MonkeyPatch) -> None:
    entry = rules.entry
    entry.unlink()
    os.mkfifo(entry, 0o600)


@pytest.mark.parametrize("attack", [_foreign, _open_folder, _open_entry, _open_parent, _linked_entry, _fifo])
def test_nothing_is_read_that_others_could_write(
    rules: Rules, monkeypatch: pytest.MonkeyPatch, attack: Callable[[Rules, pytest.MonkeyPatch], None]
) -> None:
    """A neighbour on the machine who may write to the cache could have rules say nothing: it is not used, and said."""
    first, _ = rules.load()
    attack(rules, monkeypatch)
    again, report = rules.load()
    assert again == first
    assert rules.compiled == [4, 4]
    assert len(report.remarks) == 1


def test_a_folder_that_others_could_only_look_into_is_closed(rules: Rules) -> None:
    """The folder is made private whatever the umask was when it was made."""
    rules.load()
    folder = rules.entry.parent
    assert (folder.stat().st_mode & 0o777, rules.entry.stat().st_mode & 0o777) == (0o700, 0o600)
    folder.chmod(0o755)
    rules.load()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert rules.compiled == [4, 0]


def test_without_a_place_to_write_it_works_and_says_so_once(rules: Rules) -> None:
    """A home that cannot be written, or none at all: the same rules, slower, with one sentence."""
    rules.cache_folder.write_text("a file stands where the folder should be", encoding="utf-8")
    found, report = rules.load()
    nowhere = Cache(None)
    others, without = load([rules.folder], cache=nowhere)
    assert found == others
    assert len(report.remarks) == len(without.remarks) == 1
    assert "Not a directory" in report.remarks[0]
    assert "XDG_CACHE_HOME" in without.remarks[0]


def test_a_writer_killed_half_way_leaves_nothing_that_is_read(rules: Rules) -> None:
    """A kill -9 in the middle of a write: the old entry or none is there, and what the writer left goes in time."""
    script = dedent("""
        import os, signal, sys
        from pathlib import Path
        from pollwatch import durable
        from pollwatch.cache import Cache

        def half(descriptor, data):
            os.write(descriptor, data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)

        durable.write_all = half
        Cache(Path(sys.argv[1])).keep("a name", "a key", b"new" * 10_000)
    """)
    Cache(rules.cache_folder).keep("a name", "a key", b"old")
    died = subprocess.run([sys.executable, "-c", script, str(rules.cache_folder)], check=False)
    assert died.returncode == -signal.SIGKILL
    folder = rules.cache_folder / "compiled"
    (left,) = folder.glob(".tmp-*")
    after = Cache(rules.cache_folder)
    assert (after.kept("a name", "a key"), after.remarks) == (b"old", [])
    after.keep("a name", "a key", b"newer")
    assert left.exists(), "it may be another writer's, still at work"
    os.utime(left, (1, 1))
    after.keep("a name", "a key", b"newest")
    assert not left.exists()
    assert after.kept("a name", "a key") == b"newest"


def test_writers_at_once_never_mix(tmp_path: Path) -> None:
    """Many processes start at once and all keep the same entry: a reader gets one of them whole, never a mixture."""
    values = [bytes([number]) * 200_000 for number in range(4)]
    Cache(tmp_path).keep("a name", "a key", values[0])
    remarks: list[str] = []
    seen: set[bytes | None] = set()

    def write(value: bytes) -> None:
        mine = Cache(tmp_path)
        for _ in range(20):
            mine.keep("a name", "a key", value)
            seen.add(mine.kept("a name", "a key"))
        remarks.extend(mine.remarks)

    threads = [threading.Thread(target=write, args=(value,)) for value in values]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert remarks == []
    assert seen <= set(values)
    assert len(list((tmp_path / "compiled").iterdir())) == 1


def test_the_cache_stays_within_its_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Old entries go, the longest unused first; the one just kept stays even where it alone is too large."""
    monkeypatch.setattr(caching, "MOST_BYTES", 2_500)
    cache = Cache(tmp_path)
    for number, name in enumerate(("a", "b", "c")):
        cache.keep(name, "key", b"x" * 1_000)
        for path in (tmp_path / "compiled").iterdir():
            if path.stat().st_mtime > 1_000:
                os.utime(path, (number, number))
    assert [cache.kept(name, "key") is None for name in ("a", "b", "c")] == [True, False, False]
    monkeypatch.setattr(caching, "MOST_BYTES", 10)
    cache.keep("d", "key", b"x" * 1_000)
    assert [cache.kept(name, "key") is None for name in ("b", "c", "d")] == [True, True, False]
    monkeypatch.setattr(caching, "MOST_BYTES", 1 << 20)
    monkeypatch.setattr(caching, "MOST_ENTRIES", 3)
    apart = Cache(tmp_path, "machine-code")
    apart.keep("a", "key", b"took seconds")
    for name in "efghi":
        cache.keep(name, "key", b"")
    assert len(list((tmp_path / "compiled").iterdir())) == 3
    assert apart.kept("a", "key") == b"took seconds"


def test_a_warm_start_needs_no_pysigma(tmp_path: Path) -> None:
    """The second start of the shipped pack reads trees alone: the slow parser is not even imported."""
    load([SHIPPED], cache=Cache(tmp_path))
    script = dedent("""
        import sys
        from pathlib import Path
        from pollwatch.cache import Cache
        from pollwatch.detect.engine import SHIPPED, load
        rules, report = load([SHIPPED], cache=Cache(Path(sys.argv[1])))
        print(len(rules), report.remarks, "sigma.rule" in sys.modules, "yaml" in sys.modules)
    """)
    ran = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, check=True, text=True)
    assert ran.stdout.split() == [str(len(load([SHIPPED])[0])), "()", "False", "False"]


def test_folders_that_are_made_for_a_cache_are_its_owners_alone(tmp_path: Path) -> None:
    """Where new folders are the group's, too, as on many desktops, a cache is used from the first day on."""
    before = os.umask(0o002)
    try:
        kept = Cache(tmp_path / "home" / ".cache" / "pollwatch")
        kept.keep("a name", "a key", b"what was made")
    finally:
        os.umask(before)
    assert kept.kept("a name", "a key") == b"what was made"
    assert kept.remarks == []


def test_processes_that_need_the_same_make_it_once(rules: Rules) -> None:
    """Whoever finds nothing kept waits for the one that makes it, and takes that."""
    made = []

    def need(_who: int) -> bytes | None:
        cache = Cache(rules.cache_folder)
        with cache.alone("a name"):
            if cache.kept("a name", "a key") is None:
                made.append(threading.get_ident())
                threading.Event().wait(0.02)
                cache.keep("a name", "a key", b"made")
        assert cache.remarks == []
        return cache.kept("a name", "a key")

    with ThreadPoolExecutor(4) as several:
        assert set(several.map(need, range(4))) == {b"made"}
    assert len(made) == 1


def test_nobody_waits_for_ever_nor_for_the_dead(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is stopped while it makes something costs the others some waiting; one that is killed, none."""
    monkeypatch.setattr(caching, "_LONGEST_WAIT_S", 0.2)
    script = dedent("""
        import signal, sys
        from pathlib import Path
        from pollwatch.cache import Cache

        with Cache(Path(sys.argv[1])).alone("a name"):
            print("mine", flush=True)
            signal.pause()
    """)
    command = [sys.executable, "-c", script, str(rules.cache_folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"mine\n"
        with Cache(rules.cache_folder).alone("a name"), Cache(rules.cache_folder).alone("another name"):
            assert holder.poll() is None
        holder.kill()
    monkeypatch.setattr(caching, "_LONGEST_WAIT_S", 60.0)
    with Cache(rules.cache_folder).alone("a name"):
        pass
    with Cache(None).alone("a name"):
        pass
