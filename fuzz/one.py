"""Fuzz one area: ``python fuzz/one.py AREA SECONDS FOLDER`` (`make fuzz` runs them all, through ``fuzz/run.py``).

An area is a module here that says ``read(data)``, which lets nothing out but what it may, and ``seeds(folder)``. The
readers are instrumented as they are imported, so that a byte that leads to a branch not seen before is kept.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import atheris

from pollwatch.errors import PollwatchError


def main(area: str, seconds: str, folder: Path) -> None:
    """Make the seeds, then fuzz until the time is over or something is found; libFuzzer ends the process."""
    with atheris.instrument_imports(include=["pollwatch", "rfc8785"]):
        target = importlib.import_module(area)
    corpus = folder / "corpus"
    corpus.mkdir(parents=True)
    for number, seed in enumerate(target.seeds(folder / "made")):
        (corpus / f"seed-{number}").write_bytes(seed)

    def one(data: bytes) -> None:
        try:
            target.read(data)
        except PollwatchError:
            return  # refused in our own words: that is what a strict reader does

    options = [f"-max_total_time={seconds}", f"-artifact_prefix={folder}/", "-max_len=16384", "-timeout=10"]
    atheris.Setup([sys.argv[0], *options, "-print_final_stats=1", str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
