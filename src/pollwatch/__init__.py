"""pollwatch: a joint watch over elections, run by members who do not trust one another.

One datum's life, left to right; each station is a folder of this package::

    bytes - sources -> lines - formats -> event batches - detect -> detections - incidents -> incidents
                          |                                                              |
                          +----- evidence (a rail under all stations) -------------------+
                                                                                         v
    other members <- sharing <- attribution <- stix            report, console, cli

The order is law: an import-linter contract in ``pyproject.toml`` keeps it.
"""

import os

# Read by Arrow when it is first loaded. Its own choice gives memory back and asks for it again all the time.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

__version__ = "0.1.0.dev0"
