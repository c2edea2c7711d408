"""Indicators at a member's desk: taken in, decided about, looked for."""
