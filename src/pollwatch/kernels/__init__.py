"""Compiled loops over bytes and integers: what numpy and Arrow have no word for.

Nothing here knows logs, rules or policy. Each kernel is plain Python over numpy arrays that numba turns into machine
code on its first use on a machine, so that no user needs a compiler; it is kept in the user's cache, and later runs put
it in place without numba (``compiled``). That takes a moment too: whoever calls a kernel imports it late, and only for
blocks that are worth it. Slower readers that do the same one
record at a time stay where they are; property tests hold the two against each other.
"""
