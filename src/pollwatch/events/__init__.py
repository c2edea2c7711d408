"""What travels between the stations: line blocks, event batches, detections.

Frozen, slotted dataclasses; Arrow only as batches. No station below or above hands dicts to another.
"""
