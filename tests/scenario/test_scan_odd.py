"""``scan`` and ``explain`` as real processes, on what users and attackers do to them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from commands import here, process

LINE = '203.0.113.9 - - [03/Nov/2026:21:04:11 +0100] "GET /?id=1%27%20or%201=1 HTTP/1.1" 200 9 "-" "curl/8"\n'


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with one attack."""
    path = tmp_path / "access.log"
    path.write_text(LINE * 3)
    return path


def test_a_reader_that_goes_away_is_no_finding(log: Path) -> None:
    """`scan | head` ends quietly with 0, never with the 1 that means findings."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "pollwatch", "scan", str(log), "-q"],
            stdout=gone,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_time_beyond_any_calendar_is_a_usage_error(log: Path) -> None:
    """`--since` of millions of years ago is said to be no time, not an internal error."""
    for option, value in (("--since", "99999999999w"), ("--until", "0001-01-01T00:00:00+14:00")):
        assert here("scan", str(log), option, value).returncode == 2


def test_a_line_that_is_no_utf8_is_explained() -> None:
    """`explain` takes any bytes, as a file may hold them, on stdin and as an argument."""
    attack = LINE.replace("curl", "c\xfcrl").encode("latin-1")
    assert process("explain", "-", stdin=attack).returncode == 0
    assert process("explain", attack.strip()).returncode == 0
    assert process("explain", b"x\xff\x1b[31m").returncode == 3


def test_a_format_that_does_not_exist_is_said_once(log: Path, tmp_path: Path) -> None:
    """A misspelt `--format` is told before anything is read, not once for each input."""
    other = tmp_path / "b.log"
    other.write_text(LINE)
    done = here("scan", str(log), str(other), "--format", "webblog")
    assert (done.returncode, done.stdout, done.stderr.count(b"webblog")) == (3, b"", 1)


def test_a_narrow_terminal_gets_lines_instead_of_columns(log: Path) -> None:
    """On 60 columns the table would be one letter wide; each incident gets lines of its own."""
    script = (
        "import sys; from pollwatch.cli import present; from rich.console import Console;"
        "present.console = lambda **_: Console(width=60, force_terminal=True, no_color=True);"
        "from pollwatch.cli.main import run; run(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "scan", str(log), "-q"], capture_output=True, check=False, timeout=60
    )
    text = done.stdout.decode()
    assert "condition that is always" in text
    assert max(map(len, text.splitlines())) < 120
    assert not any(line.strip() == "…" for line in text.splitlines())


def test_an_early_interrupt_leaves_no_traceback() -> None:
    """Ctrl-C while the program is still loading ends it without a word."""
    script = (
        "import signal, sys; sys.argv = ['pollwatch', 'scan', '-'];"
        "import importlib.abc, os;"
        "finder = type('F', (importlib.abc.MetaPathFinder,), {'find_spec': lambda self, name, *_:"
        " os.kill(os.getpid(), signal.SIGINT) if name == 'pollwatch.cli.main' else None})();"
        "sys.meta_path.insert(0, finder); from pollwatch.__main__ import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"")


def test_the_end_waits_for_no_library(log: Path) -> None:
    """Threads of libraries may be at work when all is said: the code stands, and what was to be tidied up is."""
    script = (
        "import atexit, sys, threading, time; atexit.register(print, 'tidied'); "
        "threading.Thread(target=time.sleep, args=(50,)).start(); "
        f"sys.argv = ['pollwatch', 'scan', {str(log)!r}, '-q', '--fail-on', 'info']; "
        "from pollwatch.__main__ import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, timeout=40)
    assert (done.returncode, done.stderr) == (1, b"")
    assert done.stdout.endswith(b"tidied\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("options", [(), ("--json",), ("--jsonl",)])
def test_a_full_disk_is_said_and_is_no_internal_error(log: Path, options: tuple[str, ...]) -> None:
    """A result that cannot be written is told in one line, with the code of what cannot be written."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pollwatch", "scan", str(log), "-q", *options],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    assert (done.returncode, done.stderr.count(b"\n")) == (3, 1)
    assert b"Traceback" not in done.stderr
