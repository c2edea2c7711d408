"""The detection engine beside its peers: the same events, the same rules, one core, in one run; prints a table.

    python bench/engine.py --rules DIR [--events 300000] [--peers rsigma,sqlite] [--lanes low,high,evtx,raw]
                           [--evtx DIR] [--unlearned] [--warm] [--sweep] [--cores] [--results bench/RESULTS.md]

Lanes: *low* and *high* are generated process creations (``lanes.py``); *evtx* is one event in four of the ``.evtx``
files and zipped recordings under ``--evtx``, flat, each with the logsource that peers route by; *raw* the same as they
were recorded. Access logs have ``scan.py``, correlations ``correlation.py``.
Time is from the file to the matches, rules loaded and compiled before: ours is taken inside the process, that of a
peer which cannot say it is its whole run less a run on an empty file. What we make on first use (machine code put in
place, plans of logsources) is within ours; *ready* is a second pass over the file, without that. What is kept on disk
(machine code, conditions as arrays, what an earlier run over the same events learned) was made by a run before, whose
own figure is told too. With ``--unlearned`` no run recalls what an earlier one has learned: rules, conditions and
machine code are kept, and what to look for is learned within the time (*ready* has what its own first pass taught).
All seconds are of processor time, so that what else the machine does matters less, and every process is pinned to one
core.

rsigma: ``cargo install rsigma --locked``, found on PATH or named by RSIGMA; once with every rule on every event, once
with its logsource routing, for which each event names its own logsource. sqlite: pySigma's own backend, one query a
rule over a table of the events (how Zircolite works), on fewer events since it is slow.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import lanes
from recorded import recorded

OUT = Path(__file__).parent / "out"
CACHE = OUT / "cache"
SQL_EVENTS = 2_000
_SPACES = re.compile(r"\s+")


@dataclass(slots=True)
class Run:
    """What one engine did on one lane."""

    engine: str
    events: int
    seconds: float
    peak_mib: float
    matches: Counter[str] = field(default_factory=Counter)

    @property
    def per_second(self) -> float:
        """Events a second."""
        return self.events / max(self.seconds, 1e-9)


def ours(path: Path, rules: Path, engine: str = "pollwatch", passes: int = 1, *, unlearned: bool = False) -> Run:
    """An engine that Python can ask (pollwatch, sqlite), in a process of its own, on one core; the last pass counts."""
    said, _, peak = _run([*_worker(path, rules, engine, passes=passes), *(["--unlearned"] if unlearned else [])])
    document = json.loads(said)
    name = engine if passes == 1 else f"{engine}, ready"
    return Run(name, document["events"], document["seconds"], peak, Counter(document["matches"]))


def _worker(path: Path, rules: Path, engine: str = "pollwatch", *, passes: int = 1, jobs: int = 1) -> list[str]:
    command = [sys.executable, __file__, "--worker", engine, str(path), "--rules", str(rules)]
    return [*command, "--passes", str(passes), "--jobs", str(jobs)]


def worker(path: Path, arguments: argparse.Namespace) -> None:
    """Read and match one file with pollwatch, perhaps more than once; prints what was found last as JSON."""
    from pollwatch.detect.engine import Engine  # noqa: PLC0415 - only the worker's
    from pollwatch.node.case import pieces, reading  # noqa: PLC0415
    from pollwatch.sources.files import expand  # noqa: PLC0415

    paths = [] if arguments.shipped else [arguments.rules]
    engine = Engine.load(paths, shipped=arguments.shipped, recall=not arguments.unlearned)
    (source,), _ = expand([str(path)])
    for _ in range(arguments.passes):
        counts = {source.path: reading.InputCount(source.path)}
        options = reading.ReadOptions(jobs=arguments.jobs, asking=engine)
        what = pieces.Reading([(source, None)], counts, options, None, None, kept=False, progress=None)
        matches: Counter[str] = Counter()
        started, clock = time.process_time(), time.perf_counter()
        for piece in pieces.pieces(what, engine):
            for found in piece.matches:
                matches.update({hits.rule_id: len(hits.rows) for hits in found.hits})
        seconds, clock = time.process_time() - started, time.perf_counter() - clock
    _say(counts[source.path].parsed, seconds, matches, clock)


def _say(events: int, seconds: float, matches: Mapping[str, int], clock: float = 0.0) -> None:
    document = {"events": events, "seconds": seconds, "clock": clock, "matches": matches}
    print(json.dumps(document))  # noqa: TID251 - for ourselves


def rsigma(path: Path, rules: Path, events: int, *, routing: bool) -> Run:
    """The peer in Rust. Generated events name no logsource: it is told theirs."""
    command = [_rsigma(), "engine", "eval", "--rules", str(rules), "--quiet", "--output-format", "ndjson"]
    command += ["--input-format", "json", *(["--logsource-routing"] if routing else [])]
    if routing and not path.name.startswith(("engine-evtx", "engine-raw")):
        command += ["--event-logsource", "product=windows,service=sysmon,category=process_creation"]
    with tempfile.NamedTemporaryFile(suffix=".ndjson") as empty:
        _, idle, _ = _run([*command, "--event", f"@{empty.name}"])
    said, seconds, peak = _run([*command, "--event", f"@{path}"])
    found = Counter(_rule_of(line) for line in said.splitlines() if line.startswith("{"))
    return Run("rsigma, routed" if routing else "rsigma", events, seconds - idle, peak, found)


def _rsigma() -> str:
    program = os.environ.get("RSIGMA") or shutil.which("rsigma")
    if not program:
        raise SystemExit("rsigma is not on PATH: cargo install rsigma --locked, or --peers without it")
    return program


def _rule_of(line: str) -> str:
    document = json.loads(line)
    return str(document.get("rule_id") or document.get("id") or document.get("rule", {}).get("id"))


def sqlite(path: Path, rules: Path) -> None:
    """One SQL query a rule over a table of the events; prints what was found as JSON."""
    from sigma.backends.sqlite import sqliteBackend  # noqa: PLC0415 - only where this peer is asked for
    from sigma.collection import SigmaCollection  # noqa: PLC0415
    from sigma.exceptions import SigmaError  # noqa: PLC0415

    backend, queries = sqliteBackend(), []
    for file in sorted(rules.rglob("*.yml")):
        try:
            collection = SigmaCollection.from_yaml(file.read_text(encoding="utf-8"))
            queries += [(str(collection.rules[0].id), query) for query in backend.convert(collection)]
        except (SigmaError, AttributeError, TypeError, ValueError):
            continue
    started = time.process_time()
    with path.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line, _ in zip(lines, range(SQL_EVENTS), strict=False)]
    names = sorted({name for row in rows for name in row})
    base = sqlite3.connect(":memory:")
    base.execute(f"CREATE TABLE logs ({', '.join(_quoted(name) for name in names)})")
    marks = ", ".join("?" * len(names))
    values = ([_plain(row.get(name)) for name in names] for row in rows)
    base.executemany(f"INSERT INTO logs VALUES ({marks})", values)  # noqa: S608 - marks only
    found: Counter[str] = Counter()
    for name, query in queries:
        try:
            found[name] += len(base.execute(query.replace("<TABLE_NAME>", "logs")).fetchall())
        except sqlite3.Error:  # a column is missing: the rule is lost, which is what this peer is known for
            continue
    _say(len(rows), time.process_time() - started, +found)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, (str, int, float)) else str(value)


def _environment() -> dict[str, str]:
    """As where the package is installed: Python's code compiled once and kept, not at each start."""
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPYCACHEPREFIX": str(OUT / "bytecode"),
        "XDG_CACHE_HOME": str(CACHE),
    }


def _run(command: list[str], cores: str = "1") -> tuple[str, float, float]:
    """What a process says, pinned to some cores; its seconds of processor time and its peak memory in MiB."""
    pinned = ["taskset", "-c", cores, *command]
    with subprocess.Popen(pinned, stdout=subprocess.PIPE, text=True, env=_environment()) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    return said, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def lane(name: str, events: int, evtx: Path | None) -> tuple[Path, int]:
    """The file of a lane and how many events it holds; made where it is not there yet."""
    path = OUT / f"engine-{name}-{events}.ndjson"
    if not path.exists():
        if name in ("low", "high"):
            lanes.structured(path, events, high=name == "high")
        elif evtx is not None:
            recorded(path, evtx, nested=name == "raw")
        else:
            raise SystemExit(f"lane {name} needs --evtx DIR")
    with path.open("rb") as lines:
        return path, sum(1 for _ in lines)


def differences(mine: Run, other: Run, rules: Path) -> list[str]:
    """Rules whose matches are not as many."""
    titles = _titles(rules)
    names = sorted(
        rule for rule in mine.matches.keys() | other.matches.keys() if mine.matches[rule] != other.matches[rule]
    )
    return [f"{titles.get(rule, rule)} ({rule}): {mine.matches[rule]} and {other.matches[rule]}" for rule in names]


def _titles(rules: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in rules.rglob("*.yml"):
        text = file.read_text(encoding="utf-8", errors="replace")
        title, rule = (re.search(rf"^{name}: *(.+)$", text, re.MULTILINE) for name in ("title", "id"))
        if title and rule:
            found[rule[1].strip()] = title[1].strip()
    return found


def altered(rules: Path, copies: int, into: Path) -> Path:
    """The rules and copies of them whose texts are altered by a letter, so that no literal is shared."""
    for file in rules.rglob("*.yml"):
        text = file.read_text(encoding="utf-8", errors="replace")
        for copy in range(copies):
            changed = re.sub(r"(?m)^id: .{4}", f"id: {copy:04x}", text) if copy else text
            if copy:
                changed = re.sub(r"(?m)^(\s+- '?[^\s'].{4,}?)('?)$", rf"\1q{copy}\2", changed)
            target = into / f"{copy}-{file.relative_to(rules).as_posix().replace('/', '-')}"
            target.write_text(changed, encoding="utf-8")
    return into


def main() -> None:
    """Generate, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", type=Path, required=True)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--lanes", default="low,high")
    parser.add_argument("--peers", default="rsigma")
    parser.add_argument("--evtx", type=Path, help="a folder of .evtx files, for the lanes evtx and raw")
    parser.add_argument("--repeat", type=int, default=1, help="let engines take turns so often; the best run counts")
    parser.add_argument("--unlearned", action="store_true", help="recall nothing that earlier runs' events taught")
    parser.add_argument("--warm", action="store_true", help="begin with what an earlier run of the bench kept")
    parser.add_argument("--sweep", action="store_true", help="only 100, 1,000, all and four times all rules, lane high")
    parser.add_argument(
        "--cores", action="store_true", help="only one core and two, by the clock; wants a quiet machine"
    )
    parser.add_argument("--results", type=Path, help="write what is printed to this file too")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--shipped", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--passes", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--jobs", type=int, default=1, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        engine, path = arguments.worker[0], Path(arguments.worker[1])
        if engine == "sqlite":
            sqlite(path, arguments.rules)
        else:
            worker(path, arguments)
        return
    OUT.mkdir(exist_ok=True)
    said = [*about(arguments)]
    print("\n".join(said))
    for name in arguments.lanes.split(","):
        if not arguments.cores and not arguments.sweep:
            said += _told(compare(name, arguments))
        if arguments.cores:
            said += _told(cores(name, arguments))
    if arguments.sweep:
        said += _told(sweep(arguments))
    if arguments.results:
        arguments.results.write_text("# The engine beside its peers\n\n```\n" + "\n".join(said) + "\n```\n")


def _told(lines: Iterator[str]) -> list[str]:
    """The lines, each printed as it comes."""
    kept = []
    for line in lines:
        print(line, flush=True)
        kept.append(line)
    return kept


def about(arguments: argparse.Namespace) -> Iterator[str]:
    """The machine, the versions, the command."""
    machine = platform.processor() or platform.machine()
    yield f"{machine}, {os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    yield ", ".join(f"{name} {version(name)}" for name in ("pollwatch", "numba", "numpy", "pyarrow"))
    if "rsigma" in arguments.peers:
        yield _run([_rsigma(), "--version"])[0].splitlines()[0]
    yield "command: python bench/engine.py " + " ".join(
        f"--{name.replace('_', '-')} {value}"
        for name, value in vars(arguments).items()
        if value and name not in ("passes", "jobs")
    )


def compare(name: str, arguments: argparse.Namespace) -> Iterator[str]:
    """One lane, all engines."""
    path, events = lane(name, arguments.events, arguments.evtx)
    first = None if arguments.warm else before_anything_is_kept(path, arguments.rules)
    if first is None:
        ours(path, arguments.rules)  # keeps what is not yet
    turns = []
    for _ in range(arguments.repeat):
        turn = [ours(path, arguments.rules, passes=passes, unlearned=arguments.unlearned) for passes in (1, 2)]
        if "rsigma" in arguments.peers:
            turn.append(rsigma(path, arguments.rules, events, routing=True))
        turns.append(turn)
    runs = [min(each, key=lambda run: run.seconds) for each in zip(*turns, strict=True)]
    mine = runs[0]
    if "rsigma" in arguments.peers:
        runs.append(rsigma(path, arguments.rules, events, routing=False))
    if "sqlite" in arguments.peers:
        runs.append(ours(path, arguments.rules, "sqlite"))
    yield f"\nlane {name}: {events:,} events, {path.stat().st_size / events:.0f} bytes each"
    for run in runs:
        yield (
            f"  {run.engine:16} {run.per_second:10,.0f} events/s  {mine.per_second / run.per_second:7.2f} x"
            f"  {run.peak_mib:6.0f} MiB  {sum(run.matches.values()):8,} matches of {len(run.matches)} rules"
        )
    spread = ", ".join(f"{turn[0].per_second:,.0f}" for turn in turns)
    before = "" if first is None else f"; before anything was kept of these rules and events: {first.per_second:,.0f}"
    yield f"  pollwatch in turn: {spread}{before}"
    if len(turns[0]) > 2:
        yield "  rsigma, routed, in turn: " + ", ".join(f"{turn[2].per_second:,.0f}" for turn in turns)
    if "rsigma" in arguments.peers:
        yield from (f"    differs: {each}" for each in differences(mine, runs[2], arguments.rules)[:60])


def before_anything_is_kept(path: Path, rules: Path) -> Run:
    """The first run with these rules, where machine code was compiled for a copy of them; later runs use its cache."""
    shutil.rmtree(CACHE, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        ours(path, Path(shutil.copytree(rules, Path(folder) / "rules")))
    return ours(path, rules)


def cores(name: str, arguments: argparse.Namespace) -> Iterator[str]:
    """One core and two, by the clock and the second time over the same file, when all is loaded and learned.

    Two processes at once that have nothing to do with one another show what the machine's second core is good for.
    """
    path, _ = lane(name, arguments.events, arguments.evtx)
    took, found, peak = {1: 1e9, 2: 1e9}, {}, {}
    for _ in range(arguments.repeat):
        for jobs in (1, 2):
            said, _, peak[jobs] = _run(_worker(path, arguments.rules, passes=2, jobs=jobs), cores="0,1")
            document = json.loads(said)
            took[jobs], found[jobs] = min(took[jobs], document["clock"]), document["matches"]
    assert found[1] == found[2]
    yield f"\nlane {name}: {document['events']:,} events"
    for jobs, clock in took.items():
        yield f"  {jobs} of 2 cores    {document['events'] / clock:10,.0f} events/s by the clock  {peak[jobs]:6.0f} MiB"
    commands = [["taskset", "-c", core, *_worker(path, arguments.rules, passes=2)] for core in "01"]
    running = [subprocess.Popen(each, stdout=subprocess.PIPE, text=True, env=_environment()) for each in commands]
    each_s = [json.loads(process.communicate()[0])["clock"] for process in running]
    ideal = sum(took[1] / seconds for seconds in each_s)
    yield f"  two cores: {took[1] / took[2]:.2f} x one; two processes at once: {ideal:.2f} x"


def sweep(arguments: argparse.Namespace) -> Iterator[str]:
    """How the number of rules matters; each turn asks all numbers of them, and the best run of each counts."""
    path, _ = lane("high", arguments.events, None)
    files = sorted(arguments.rules.rglob("*.yml"))
    yield "\nrules: events/s on lane high, best, and in turn"
    with tempfile.TemporaryDirectory() as folder:
        sets = {count: _rules(arguments.rules, files, count, Path(folder)) for count in _swept(len(files))}
        for some in sets.values():
            ours(path, some)  # compiles
        turns = [
            {count: ours(path, some, unlearned=arguments.unlearned).per_second for count, some in sets.items()}
            for _ in range(arguments.repeat)
        ]
        for count in sets:
            figures = [turn[count] for turn in turns]
            yield f"  {count:6,} {max(figures):10,.0f}   " + ", ".join(f"{each:,.0f}" for each in figures)


def _swept(files: int) -> tuple[int, ...]:
    return (100, 1_000, files, 4 * files)


def _rules(rules: Path, files: list[Path], count: int, folder: Path) -> Path:
    """So many rules: some of them, or all of them and copies."""
    some = folder / str(count)
    some.mkdir()
    if count > len(files):
        return altered(rules, count // len(files), some)
    for nth, file in enumerate(files[:: max(1, len(files) // count)][:count]):
        shutil.copy(file, some / f"{nth}-{file.name}")
    return some


if __name__ == "__main__":
    main()
