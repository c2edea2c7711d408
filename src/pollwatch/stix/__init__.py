"""STIX 2.1 at the border: dataclasses become objects here, received objects are checked here; nothing else is."""
