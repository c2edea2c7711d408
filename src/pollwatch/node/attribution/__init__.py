"""Saying who did it, and the file of a case."""
