"""Incidents: detections that are one thing that happened. People look at these."""
