"""Sigma rules: loading, evaluation and correlation."""
