"""``python -m pollwatch`` and the ``pollwatch`` script."""

from __future__ import annotations

import sys

from pollwatch import __version__


def main() -> None:
    """Run the command line; ``--version`` answers before anything heavy is imported."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        sys.stdout.write(f"pollwatch {__version__}\n")
        return
    from pollwatch.cli.main import run  # noqa: PLC0415 - imports rich and click, 100 ms

    run(sys.argv[1:])


if __name__ == "__main__":
    main()
