"""``pollwatch gateway``, watched: every file that it opens and every program that it starts, and none of the case's.

``python apart_gateway.py FORBIDDEN [gateway's arguments...]``: ends with 99 when anything below FORBIDDEN is touched.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

FORBIDDEN = os.path.realpath(sys.argv[1])
WATCHED = {"open", "os.listdir", "os.scandir", "sqlite3.connect", "os.link", "os.rename", "os.symlink", "os.remove"}


def watch(event: str, arguments: tuple[object, ...]) -> None:
    """End at once where the case is touched, whoever asked for it."""
    if event in WATCHED:
        for each in arguments[:2]:
            if isinstance(each, str | bytes | os.PathLike) and os.path.realpath(os.fsdecode(each)).startswith(
                FORBIDDEN
            ):
                os.write(2, f"touched {event} {each!r}\n".encode())
                os._exit(99)


if __name__ == "__main__":
    from pollwatch.cli.main import run

    sys.addaudithook(watch)
    assert not Path(FORBIDDEN, "joint").exists() or os.environ.get("CASE_IS_THERE")
    run(["gateway", *sys.argv[2:]])
