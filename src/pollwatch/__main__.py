"""``python -m pollwatch`` and the ``pollwatch`` script."""

from __future__ import annotations

import signal
import sys

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

    run(sys.argv[1:])


if __name__ == "__main__":
    main()
