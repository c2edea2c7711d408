"""``python -m pollwatch`` and the ``pollwatch`` script."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

from pollwatch import __version__


def main() -> None:
    """Run the command line; ``--version`` answers before anything heavy is imported."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        sys.stdout.write(f"pollwatch {__version__}\n")
        return
    # Ctrl-C before anything has begun: end at once and quietly, instead of with a traceback from an import.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored, as `nohup` wants it
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from pollwatch.cli.main import run  # noqa: PLC0415 - imports rich and click, 100 ms

    try:
        run(sys.argv[1:])
    except SystemExit as done:
        _end(done.code if isinstance(done.code, int) else 0)


def _end(code: int) -> NoReturn:
    """Tidy up, and end without taking the interpreter apart.

    Libraries have threads of their own, and one of these may still be letting go of what belongs to Python: if the
    interpreter is gone by then, the whole process aborts, with all that it said already said.
    """
    atexit._run_exitfuncs()  # noqa: SLF001 - the only way to have them run before os._exit
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # a full disk was told by then, and a reader that left is none
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
