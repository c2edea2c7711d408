"""How well pollwatch tells attacks from visits, measured on open corpora in ``../shared/data``.

    .venv/bin/python bench/accuracy.py [CORPUS ...] [--misses N] [--results bench/ACCURACY.md]

Prints a table per corpus and its misses; ``--results`` writes them as a page, in which what was not measured stays.
Nothing is learned from the corpora, and none of them is part of the project.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import accuracy_cloud
import accuracy_hub
import accuracy_names
import accuracy_web
import accuracy_windows
from accuracy_table import DATA, Measured

from pollwatch.detect.engine import Engine

#: How many misses of a corpus the page lists.
LISTED = 120


@cache
def shipped() -> Engine:
    """The shipped rules."""
    return Engine.load()


CORPORA: dict[str, Callable[[], Measured]] = {
    "httpparams": lambda: accuracy_web.httpparams(shipped()),
    "coreruleset": lambda: accuracy_web.coreruleset(shipped()),
    "crowdsecurity": accuracy_hub.crowdsecurity,
    "elastic": accuracy_hub.elastic,
    "security-datasets": accuracy_windows.datasets,
    "evtx-to-mitre": accuracy_windows.evtx,
    "cloud": accuracy_cloud.cloud,
    "lookalikes": accuracy_names.names,
}


HEAD = """# Accuracy

Written by `.venv/bin/python bench/accuracy.py --results bench/ACCURACY.md`. The corpora are recordings by
others; what is wrong is listed, not left out. They were looked at while rules were written: expect less on
other data.
"""


def write(page: Path, measured: Measured) -> None:
    """Put a corpus's section into the page, in place of the one that stands there."""
    parts = re.split(r"(?m)^(?=## )", page.read_text(encoding="utf-8")) if page.exists() else []
    new = measured.markdown(LISTED).rstrip("\n") + "\n\n"
    title = new.partition("\n")[0]
    sections = [part if part.partition("\n")[0] != title else new for part in parts[1:]]
    page.write_text(
        "".join([HEAD + "\n", *sections, *([] if new in sections else [new])]).rstrip("\n") + "\n", encoding="utf-8"
    )


def main() -> int:
    """Measure what is asked for, or everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", nargs="*", metavar="CORPUS", choices=[[], *CORPORA])
    parser.add_argument("--misses", type=int, default=20)
    parser.add_argument("--results", type=Path)
    chosen = parser.parse_args()
    if not DATA.exists():
        print(f"there is no {DATA}: the corpora are not part of the project", file=sys.stderr)
        return 1
    for name in chosen.corpora or CORPORA:
        measured = CORPORA[name]()
        print(measured.text(chosen.misses), flush=True)
        if chosen.results:
            write(chosen.results, measured)
    return 0


if __name__ == "__main__":
    sys.exit(main())
