"""Telling people of what changes in a case: the loop that `pollwatch watch` runs, and what answers to it."""
