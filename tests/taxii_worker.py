"""A TAXII server of its own process on loopback, as the gateway runs it; its door knows a name and a password.

``python tests/taxii_worker.py FOLDER`` prints the address and the collection's id, then serves until SIGTERM.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pollwatch.node.gateway import serving
from pollwatch.node.gateway.serving import Listening
from taxii_scenes import scene


def tell(address: str, shelf_id: str) -> None:
    """Say where we listen."""
    sys.stdout.write(f"{address} {shelf_id}\n")
    sys.stdout.flush()


def main(folder: Path) -> None:
    """Serve one collection that everybody reads and writes, and one that is only read."""
    serving.end_with_stdin()
    with scene(folder) as made:
        shelf = made.shelf("Indicators", alias="indicators")
        made.shelf("Read only", writers=("Alder",))
        serving.run(made.app, Listening("127.0.0.1", 0), lambda address: tell(address, shelf.id))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
