"""OASIS's own STIX validator, in a process that has no network."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_SCRIPT = (
    "import socket, sys; from stix2validator.scripts.stix2_validator import main\n"
    "def no(*a, **k): raise OSError('no network here')\n"
    "socket.socket.connect = no\n"
    "sys.argv = ['v', '--version', '2.1', '--strict', '--enforce-refs', *sys.argv[1:]]; main()"
)


def accepts(folder: Path, exports: Mapping[str, bytes]) -> None:
    """Write each export to the folder and let the validator find no fault in any, strictly, references enforced."""
    paths = []
    for name, data in exports.items():
        path = folder / f"{name}.json"
        path.write_bytes(data)
        paths.append(str(path))
    done = subprocess.run([sys.executable, "-c", _SCRIPT, *paths], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("[+] STIX JSON: Valid") == len(exports)
