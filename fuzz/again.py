"""Give one kept input to an area's reader again, without the fuzzer: ``python fuzz/again.py AREA FILE``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    importlib.import_module(sys.argv[1]).read(Path(sys.argv[2]).read_bytes())
