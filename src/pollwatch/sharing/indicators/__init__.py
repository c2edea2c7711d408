"""Indicators: what others and we ourselves say to look out for, who says so, and what our analysts decided about it."""
