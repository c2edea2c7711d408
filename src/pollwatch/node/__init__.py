"""Wires the stations into one node; alone knows all of them. Split per station from the start."""
