"""The watch floor: what the console's pages ask (:mod:`pollwatch.console.services`), answered from a case folder."""
