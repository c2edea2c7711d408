"""TAXII 2.1 (OASIS Standard, 10 June 2021): a server over a store of STIX 2.1 objects, and a client.

``times`` and ``query`` read what clients write, ``intake`` checks what they post, ``store`` keeps it, ``resources``
writes what they get, ``server`` puts these together as ASGI routes; ``client`` is the other side.
"""
