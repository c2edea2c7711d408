"""``pollwatch`` with arguments, as a test gives them: in this process, or as a user does, in one of its own."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from contextlib import ExitStack, chdir, redirect_stderr, redirect_stdout
from pathlib import Path

from pollwatch.cli import main


def process(*arguments: str | bytes, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """A process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "pollwatch", *arguments],
        input=stdin,
        capture_output=True,
        check=False,
        timeout=120,
    )


def here(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    """The same without a process: from the arguments to what is said and to the code that it exits with."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    handlers = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        with ExitStack() as stack:
            stack.enter_context(redirect_stdout(out))
            stack.enter_context(redirect_stderr(err))
            stack.enter_context(chdir(cwd or Path.cwd()))
            main.run(arguments)
            raise AssertionError("it exits with a code")
    except SystemExit as done:
        return subprocess.CompletedProcess(arguments, done.code, *map(_written, (out, err)))
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)


def told(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The same as text."""
    done = here(*arguments, cwd=cwd)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def _written(stream: io.TextIOWrapper) -> bytes:
    stream.seek(0)
    return stream.read().encode("utf-8")
