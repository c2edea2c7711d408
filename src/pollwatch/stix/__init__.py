"""Shapes of STIX 2.1 objects, in and out."""
