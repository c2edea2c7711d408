"""JSON objects, one per record, become cells: which field, where its value lies in the buffer, how it reads.

Nested objects are followed; a field is a node of a tree: its parent (0 = the record itself) and its key. Nodes are
numbered by the caller, who is asked once per new key. A record is left to a slower reader (``SLOW``) when it is not
JSON as the standard has it, or holds what is rare and hard: half surrogates, keys with escapes, a key twice, nesting
beyond a limit. So what is not SLOW is read here exactly as any strict reader would.

Arrays, empty objects and numbers that are no plain integers are cells of kind ``ODD``: their bytes only; whether
they are JSON is for the caller to say.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from pollwatch.kernels.compiled import compiled
from pollwatch.kernels.jsonvalues import BROKEN, CLOSE, OPEN, QUOTE, space, string, value
from pollwatch.kernels.texts import PLAIN
from pollwatch.kernels.words import hash_of, same

Bytes: TypeAlias = npt.NDArray[np.uint8]
Ints: TypeAlias = npt.NDArray[np.int32]
Longs: TypeAlias = npt.NDArray[np.int64]
Spans: TypeAlias = npt.NDArray[np.int64]
"""Of shape (records, 2)."""
Hashes: TypeAlias = npt.NDArray[np.uint64]

#: Why :func:`tokenise` returned.
DONE, NEW_KEY, FULL = 0, 1, 2
#: What became of a record.
FAST, SLOW = 0, 1
#: Objects within objects; what lies deeper is for the slower reader.
DEEPEST = 15
#: A node whose records are all left to the slower reader.
AMBIGUOUS = 1
#: Cells that a record may have here.
MOST_CELLS = 4_096

_COLON, _COMMA = 0x3A, 0x2C
_UNKNOWN = -2
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


class Tree(NamedTuple):
    """The known fields.

    Attributes:
        table: node number + 1 by the hash of parent and key, 0 = free; its length is a power of two.
        hashed: each node's hash.
        parent: each node's parent, as a node number + 1.
        key: where each node's key begins in ``keys``; one more at last.
        keys: the keys' bytes.
        flags: :data:`AMBIGUOUS` or 0 per node.
    """

    table: Ints
    hashed: Hashes
    parent: Ints
    key: Ints
    keys: Bytes
    flags: Bytes


class Out(NamedTuple):
    """What is found: of each cell its node, where its value begins, how long it is and how it reads."""

    node: Ints
    start: Ints
    length: Ints
    kind: Bytes


class Memory(NamedTuple):
    """What one call remembers.

    Attributes:
        seen: per node, the last record that had it, + 1.
        guess: per node number + 1 the node that followed it last; at 0 the first of a record.
        parents: the objects that are open, as node numbers + 1.
        ask: the record reached; then, of a new key, its parent, where it begins and how long it is.
    """

    seen: Ints
    guess: Ints
    parents: Ints
    ask: Longs


def memory(nodes: int) -> Memory:
    """That of a call with so many nodes."""
    seen, guess, parents = np.zeros(nodes, np.int32), np.zeros(nodes + 1, np.int32), np.zeros(DEEPEST + 1, np.int32)
    return Memory(seen, guess, parents, np.zeros(4, np.int64))


@compiled
def tokenise(data: Bytes, spans: Spans, tree: Tree, memory: Memory, out: Out, row_end: Ints, row_state: Bytes) -> int:
    """Read records from the one that ``memory.ask`` names on; returns why it stopped.

    Args:
        data: the buffer.
        spans: where each record begins and ends.
        tree: the fields known so far.
        memory: goes on from call to call.
        out: the cells; when it is full, :data:`FULL` is returned, to be called again with more room.
        row_end: out: how many cells there are after each record.
        row_state: out: :data:`FAST` or :data:`SLOW`.
    """
    # Taken apart once: a field of a tuple costs two atomic counts whenever it is named.
    seen, guess, parents, ask = memory
    cell_node, cell_start, cell_length, cell_kind = out
    for row in range(ask[0], len(spans)):
        ask[0] = row
        begin = row_end[row - 1] if row else 0
        if begin + MOST_CELLS > len(cell_node):
            return FULL
        cell = _record(
            data, spans[row, 0], spans[row, 1], tree, seen, guess, parents, ask,
            cell_node, cell_start, cell_length, cell_kind, begin, row + 1,
        )  # fmt: skip
        if cell == _UNKNOWN:
            _unsee(seen, row)  # or the record's own keys would count as seen twice when it is read again
            return NEW_KEY
        row_state[row] = SLOW if cell < 0 else FAST
        row_end[row] = begin if cell < 0 else cell
    return DONE


@compiled
def _record(
    data: Bytes,
    at: int,
    end: int,
    tree: Tree,
    seen: Ints,
    guess: Ints,
    parents: Ints,
    ask: Longs,
    cell_node: Ints,
    cell_start: Ints,
    cell_length: Ints,
    cell_kind: Bytes,
    cell: int,
    stamp: int,
) -> int:
    """How many cells there are after this record; or that it is broken, or has an unknown key."""
    table, hashed, node_parent, node_key, keys, flags = tree
    at = space(data, at, end)
    if at >= end or data[at] != OPEN:
        return BROKEN
    at = space(data, at + 1, end)
    if at < end and data[at] == CLOSE:
        return cell if space(data, at + 1, end) == end else BROKEN
    depth, before = 0, 0
    for _ in range(MOST_CELLS):
        # A key and its node: mostly the one that followed the last time.
        if at >= end or data[at] != QUOTE:
            return BROKEN
        key, parent = at + 1, parents[depth]
        node = guess[before]
        close = key + int(node_key[node + 1] - node_key[node])
        if (
            node_parent[node] != parent
            or close >= end
            or data[close] != QUOTE
            or not _is_named(data, key, close - key, keys, node_key, node)
        ):
            close, kind = string(data, key, end)
            if kind != PLAIN:
                return BROKEN
            node = _find(data, key, close, parent, table, hashed, node_parent, node_key, keys)
            if node < 0:
                ask[1], ask[2], ask[3] = parent, key, close - key
                return _UNKNOWN
            guess[before] = node
        before = node + 1
        if flags[node] or seen[node] == stamp:
            return BROKEN
        seen[node] = stamp
        at = space(data, close + 1, end)
        if at >= end or data[at] != _COLON:
            return BROKEN
        at = space(data, at + 1, end)
        if at >= end:
            return BROKEN
        # Its value: an object with fields is followed, all else is a cell.
        inside = space(data, at + 1, end) if data[at] == OPEN else end
        if inside < end and data[inside] == QUOTE:
            if depth == DEEPEST:
                return BROKEN
            depth += 1
            parents[depth] = node + 1
            at = inside
            continue
        start = at
        at, kind = value(data, at, end)
        if at < 0:
            return BROKEN
        text = data[start] == QUOTE
        cell_node[cell] = node
        cell_start[cell] = start + 1 if text else start
        cell_length[cell] = at - start - 2 if text else at - start
        cell_kind[cell] = kind
        cell += 1
        # What follows: the ends of objects, or a comma and the next key.
        at = space(data, at, end)
        while at < end and data[at] == CLOSE:
            at = space(data, at + 1, end)
            depth -= 1
            if depth < 0:
                return cell if at == end else BROKEN
        if at >= end or data[at] != _COMMA:
            return BROKEN
        at = space(data, at + 1, end)
    return BROKEN


@compiled
def _unsee(seen: Ints, row: int) -> None:
    """Forget that this record had them."""
    for node in range(len(seen)):
        if seen[node] == row + 1:
            seen[node] = 0


@compiled
def _key_hash(data: Bytes, at: int, end: int, parent: int) -> np.uint64:
    return hash_of(data, at, end) ^ np.uint64(parent) * _SPREAD


@compiled
def _is_named(data: Bytes, key: int, length: int, keys: Bytes, node_key: Ints, node: int) -> bool:
    start = int(node_key[node])
    return node_key[node + 1] - start == length and same(data, key, keys, start, length)


@compiled
def _find(
    data: Bytes,
    key: int,
    end: int,
    parent: int,
    table: Ints,
    hashed: Hashes,
    node_parent: Ints,
    node_key: Ints,
    keys: Bytes,
) -> int:
    wanted = _key_hash(data, key, end, parent)
    length = end - key
    mask = len(table) - 1
    slot = np.int64(wanted) & mask
    while table[slot] > 0:
        node = int(table[slot]) - 1
        known = hashed[node] == wanted and node_parent[node] == parent
        if known and _is_named(data, key, length, keys, node_key, node):
            return node
        slot = (slot + 1) & mask
    return -1


@compiled
def place(table: Ints, keys: Bytes, start: int, end: int, parent: int, node: int) -> np.uint64:
    """Put a node into the table; returns its hash."""
    hashed = _key_hash(keys, start, end, parent)
    slot = np.int64(hashed) & (len(table) - 1)
    while table[slot] > 0:
        slot = (slot + 1) & (len(table) - 1)
    table[slot] = node + 1
    return hashed
