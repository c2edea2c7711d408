"""JSON records in columns, without a Python object per record: what ``framing_json`` does, for blocks that are large.

``Objects`` learns the fields of one input and finds, per record, where each value lies (``kernels.objects``).
Records of the same fields in the same order form a *sequence*; whoever knows the format says once per sequence what
its columns are called, and once per distinct value what the record is. The values become dictionary columns.
A record that is rare or hard is left to the caller, who reads it as always.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pollwatch.events.block import LineBlock, RawLines
from pollwatch.formats.framing_json import LONGEST_NAME, MAX_COLUMNS, as_column, depth, flat_name, read_object
from pollwatch.kernels import jsonvalues, objects, texts
from pollwatch.kernels import sequences as numbering
from pollwatch.kernels.together import together

_MOST_SEQUENCES = 4_096
_MOST_BYTES = 1 << 30
#: Behind a block, for the text of its arrays and fractions; where that is more, the block is copied.
_ROOM = 1 << 18
_DEEPEST_ODD = 50
#: Cells of a table from which on its columns are worth more than one thread, and how many a thread then takes at once.
_WORTH_CORES, _COLUMNS_AT_ONCE = 50_000, 4
_CODED = pa.dictionary(pa.int32(), pa.string())
_ODD_FOLDER = '{{"v":{}}}'

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]


@dataclass(slots=True)
class Cells:
    """A tokenised block: each cell's field, its place in ``data`` and how it reads; and the records they are of.

    Attributes:
        row_end: how many cells there are after each record.
        row_state: ``objects.FAST``, or ``objects.SLOW`` for a record that is left to the caller.
        scratch: to encode in; one for each core that may be used.
        odd: cells that were arrays, objects without fields or fractions, and now are their text.
    """

    data: npt.NDArray[np.uint8]
    node: Ints
    start: Ints
    length: Ints
    kind: npt.NDArray[np.uint8]
    row_end: Ints
    row_state: npt.NDArray[np.uint8]
    scratch: Sequence[texts.Scratch]
    odd: Ints = field(default_factory=lambda: np.empty(0, np.int32))

    def cut(self, count: int) -> None:
        """Keep the first cells."""
        self.node, self.start, self.length = self.node[:count], self.start[:count], self.length[:count]
        self.kind = self.kind[:count]

    def leave_cells(self, cells: Ints) -> None:
        """Leave the records of these cells to the caller."""
        self.row_state[self.rows(cells)] = objects.SLOW

    def rows(self, cells: Ints) -> Longs:
        """The record of each cell."""
        return np.searchsorted(self.row_end, cells, side="right")

    def column(self, cells: Ints, scratch: texts.Scratch | None = None) -> Texts:
        """The values of some cells; encoded in a scratch of the caller's own, if it has one."""
        bounds, rows = np.array([0, len(cells)], np.int64), np.arange(len(cells), dtype=np.int32)
        return self._columns(cells, bounds, rows, len(cells), scratch or self.scratch[0])[0]

    def columns(self, cells: Ints, bounds: Longs, rows: Ints, length: int) -> list[Texts]:
        """Some columns; of many cells several at once, where there are cores to do so.

        Args:
            cells: of one column behind those of the other.
            bounds: where each column's cells begin; one more at last.
            rows: each cell's row in its column.
            length: how many rows there are.
        """
        parts = [bounds]
        if len(self.scratch) > 1 and len(cells) >= _WORTH_CORES:
            parts = [bounds[at : at + _COLUMNS_AT_ONCE + 1] for at in range(0, len(bounds) - 1, _COLUMNS_AT_ONCE)]
        found: list[list[Texts]] = [[]] * len(parts)
        todo = iter(range(len(parts)))  # shared; each step of it is atomic

        def work(scratch: texts.Scratch) -> None:
            for at in todo:
                found[at] = self._columns(cells, parts[at], rows, length, scratch)

        together(work, self.scratch if len(parts) > 1 else self.scratch[:1])
        return [each for part in found for each in part]

    def _columns(self, cells: Ints, bounds: Longs, rows: Ints, length: int, scratch: texts.Scratch) -> list[Texts]:
        places = texts.Places(self.data, self.start, self.length, self.kind)
        made = texts.encode(places, bounds, cells, rows, length, scratch)
        codes, valid, values, offsets = (
            pa.py_buffer(each) for each in (made.codes, made.valid, made.texts, made.offsets)
        )
        code_bytes, valid_bytes = made.codes.strides[0], made.valid.strides[0]
        text_at, offset_at = made.text_at.tolist(), made.offset_at.tolist()
        found = []
        for nth, nulls in enumerate(made.nulls.tolist()):
            size = offset_at[nth + 1] - offset_at[nth]
            own = values.slice(text_at[nth], text_at[nth + 1] - text_at[nth])
            known = pa.StringArray.from_buffers(size - 1, offsets.slice(4 * offset_at[nth], 4 * size), own)
            bits = valid.slice(nth * valid_bytes, valid_bytes) if nulls else None
            where = codes.slice(nth * code_bytes, code_bytes)
            array = pa.DictionaryArray.from_buffers(_CODED, length, [bits, where], known, nulls)
            found.append(Texts(made.codes[nth], known, array))
        return found


@dataclass(frozen=True, slots=True)
class Texts:
    """One column: a code per record, -1 for null; and the distinct texts."""

    codes: Ints
    values: pa.StringArray
    _array: pa.DictionaryArray | None = None

    def spread(self, rows: Ints, length: int) -> Texts:
        """The same for more records: those at ``rows`` have what was here, the others null."""
        if len(rows) == length:
            return self
        codes = np.full(length, -1, np.int32)
        codes[rows] = self.codes
        return Texts(codes, self.values)

    def texts(self, codes: Ints) -> list[str | None]:
        """The texts of some codes."""
        return list(self.values.take(pa.array(codes, mask=codes < 0)).to_pylist())

    def array(self) -> pa.DictionaryArray:
        """As Arrow."""
        if self._array is not None:
            return self._array
        return pa.DictionaryArray.from_arrays(pa.array(self.codes, mask=self.codes < 0), self.values)


class Objects:
    """The fields that one input's records have had so far: a tree of keys, each node with its full name."""

    def __init__(self, jobs: int = 1) -> None:
        """Start before the first record; so many cores may be used."""
        self.flat: list[str] = []
        self._path: list[tuple[str, ...]] = []
        self._by_name: dict[str, int] = {}
        self._scratch = [texts.Scratch() for _ in range(jobs)]
        self._odd_scratch = texts.Scratch()
        self._table = np.zeros(1 << (8 * MAX_COLUMNS).bit_length(), np.int32)
        self._hash = np.zeros(MAX_COLUMNS, np.uint64)
        self._parent = np.full(MAX_COLUMNS, -1, np.int32)
        self._key = np.zeros(MAX_COLUMNS + 1, np.int32)
        self._keys = np.empty(0, np.uint8)
        self._flags = np.zeros(MAX_COLUMNS, np.uint8)
        self._rooms: list[npt.NDArray[np.uint8]] = []  # kept, since fresh pages cost more than copying

    def read(self, block: LineBlock) -> Cells | None:
        """Where each value of a block lies; None where the input has more fields than columns, or is too large."""
        data, starts, ends = _buffer(block.raw)
        if len(data) > _MOST_BYTES:
            return None
        room = self._rooms.pop() if self._rooms else np.empty(0, np.uint8)
        if len(data) + _ROOM > len(room):
            room = np.empty(len(data) + 2 * _ROOM, np.uint8)
        room[: len(data)] = data
        cells = self._tokenise(room, starts, ends)
        if cells is not None:
            _leave_broken_text(cells, len(data), block)
            _settle_odd(cells, len(data), self._odd_scratch)
        return cells

    def done(self, cells: Cells) -> None:
        """Use their memory again for a later block; may be said while the next one is read."""
        self._rooms.append(cells.data)

    def path(self, node: int) -> tuple[str, ...]:
        """The keys from the record down to a field."""
        return self._path[node]

    def outline(self, nodes: Ints) -> dict[str, Any]:
        """A record of these fields, in order, each of whose values is the :func:`mark` of its place among them."""
        record: dict[str, Any] = {}
        for place, node in enumerate(nodes.tolist()):
            *folders, last = self._path[node]
            inside = record
            for folder in folders:
                inside = inside.setdefault(folder, {})
            inside[last] = mark(place)
        return record

    def _tokenise(self, data: npt.NDArray[np.uint8], starts: Longs, ends: Longs) -> Cells | None:
        rows = len(starts)
        size = max(rows * 24, 2 * objects.MOST_CELLS)
        node, start, length = (np.empty(size, np.int32) for _ in range(3))
        kind, row_end, row_state = np.empty(size, np.uint8), np.empty(rows, np.int32), np.empty(rows, np.uint8)
        cells = Cells(data, node, start, length, kind, row_end, row_state, self._scratch)
        spans, memory, why = np.stack([starts, ends], axis=1), objects.memory(MAX_COLUMNS), objects.NEW_KEY
        while why != objects.DONE:
            tree = objects.Tree(self._table, self._hash, self._parent, self._key, self._keys, self._flags)
            out = objects.Out(cells.node, cells.start, cells.length, cells.kind)
            why = objects.tokenise(data, spans, tree, memory, out, cells.row_end, cells.row_state)
            if why == objects.FULL:
                for name in objects.Out._fields:
                    setattr(cells, name, np.concatenate([getattr(cells, name)] * 2))
            elif why == objects.NEW_KEY:
                _, parent, begin, length = memory.ask.tolist()
                if not self._learn(parent, data[begin : begin + length].tobytes()):
                    return None
        cells.cut(int(cells.row_end[-1]))
        return cells

    def _learn(self, parent: int, key: bytes) -> bool:
        """Give a key a node; False when there is no room for one more."""
        node = len(self.flat)
        if node == MAX_COLUMNS:
            return False
        path = (*(self._path[parent - 1] if parent else ()), key.decode("utf-8", "replace"))
        name = ".".join(path)
        flat = flat_name(name)
        if flat in self._by_name or len(name) > LONGEST_NAME or "\ufffd" in name:
            self._flags[[node, self._by_name.get(flat, node)]] = objects.AMBIGUOUS
        self.flat.append(flat)
        self._path.append(path)
        self._by_name[flat] = node
        begin, end = len(self._keys), len(self._keys) + len(key)
        self._keys = np.concatenate([self._keys, np.frombuffer(key, np.uint8)])
        self._key[node + 1] = end
        self._parent[node] = parent
        self._hash[node] = objects.place(self._table, self._keys, begin, end, parent, node)
        return True


def _buffer(raw: Sequence[bytes]) -> tuple[npt.NDArray[np.uint8], Longs, Longs]:
    """The records in one run of bytes, and where each begins and ends."""
    if isinstance(raw, RawLines):
        first, last = int(raw.starts[0]), int(raw.ends[-1])
        return np.frombuffer(raw.data, np.uint8, last - first, first), raw.starts - first, raw.ends - first
    lengths = np.fromiter(map(len, raw), np.int64, len(raw))
    ends = np.cumsum(lengths + 1) - 1
    return np.frombuffer(b"\n".join(raw), np.uint8), ends - lengths, ends


_MARK = "\0"


def mark(place: int) -> str:
    """Stands for a value that is not looked at, in an outline."""
    return f"{_MARK}{place}"


def marked(value: object) -> int | None:
    """The place that a value marks; None where it is no mark."""
    return int(value[1:]) if isinstance(value, str) and value.startswith(_MARK) and value[1:].isdecimal() else None


def sequences(cells: Cells) -> tuple[Ints, list[Ints]]:
    """A number per record for the sequence of its fields (-1: left to the caller), and each sequence's nodes."""
    number, firsts = numbering.signatures(cells.row_end, cells.row_state, cells.node, _MOST_SEQUENCES)
    begins = [int(cells.row_end[row - 1]) if row else 0 for row in firsts.tolist()]
    ends = cells.row_end[firsts].tolist()
    return number, [cells.node[begin:end] for begin, end in zip(begins, ends, strict=True)]


def _leave_broken_text(cells: Cells, size: int, block: LineBlock) -> None:
    """Records that are no UTF-8 are decoded by guessing; that is for the caller."""
    ends = pa.py_buffer(np.array([0, size], np.int32))
    try:
        whole = pa.StringArray.from_buffers(1, ends, pa.py_buffer(cells.data))
        whole.validate(full=True)  # makes no text, unlike decoding, and lets go of the interpreter's lock
    except pa.ArrowInvalid:
        for row, raw in enumerate(block.raw):
            try:
                raw.decode("utf-8")
            except UnicodeDecodeError:
                cells.row_state[row] = objects.SLOW


def _settle_odd(cells: Cells, end: int, scratch: texts.Scratch) -> None:
    """Put the text of arrays, fractions and the like behind the block, and point their cells at it."""
    odd = np.flatnonzero(cells.kind == jsonvalues.ODD).astype(np.int32)
    odd = odd[cells.row_state[cells.rows(odd)] == objects.FAST]  # the others need not be UTF-8
    if not odd.size:
        return
    cells.odd = odd
    cells.kind[odd] = texts.PLAIN
    found = cells.column(odd, scratch)
    settled = [_settled(raw) for raw in found.values.to_pylist()]
    written = [b"" if text is None else text.encode() for text in settled]
    lengths = np.fromiter(map(len, written), np.int32, len(written))
    starts = (end + np.cumsum(lengths) - lengths).astype(np.int32)
    behind = np.frombuffer(b"".join(written), np.uint8)
    if end + len(behind) > len(cells.data):
        cells.data = np.concatenate([cells.data[:end], behind])
    else:
        cells.data[end : end + len(behind)] = behind
    cells.start[odd], cells.length[odd] = starts[found.codes], lengths[found.codes]
    lost = np.fromiter((text is None for text in settled), bool, len(settled))
    cells.leave_cells(odd[lost[found.codes]])


def _settled(raw: str) -> str | None:
    """A JSON value as a column's text; None where it is no JSON, or none that every reader takes alike."""
    if depth(raw) > _DEEPEST_ODD:
        return None
    record = read_object(_ODD_FOLDER.format(raw))
    if not isinstance(record, dict) or list(record) != ["v"]:
        return None
    value = as_column(record["v"])
    return value if value is None else str(value)
