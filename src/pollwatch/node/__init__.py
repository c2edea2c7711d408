"""Wires the stations into one node; alone knows all of them.

One package per station, in the order of a datum's life::

    case ▸ evidence ▸ charter ▸ gateway ▸ logs ▸ sharing ▸ indicators ▸ match ▸ attribution ▸ measures

``demos`` plays all of it.
"""
