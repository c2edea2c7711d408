"""Domains that look like one's own: which they are, whose they copy, by which trick, and how surely."""
