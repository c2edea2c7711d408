"""Changes of bytes as tamperers, careless tools and other writers of the same formats make them, from a seed."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable

import numpy as np


class Mutator:
    """Changes bytes in ways that tamperers, careless tools and other writers of the same formats do."""

    def __init__(self, seed: int) -> None:
        """The same seed gives the same mutations."""
        self._random = np.random.default_rng(seed)
        self._ways: tuple[Callable[[bytes], bytes], ...] = (
            self._flip, self._flip, self._flip, self._set, self._insert, self._delete, self._copy, self._swap,
            self._swap_lines, self._repeat_line, self._drop_line, self._cut, self._pad, self._respell, self._respell,
            self._rewrite, self._stranger,
        )  # fmt: skip

    def __call__(self, data: bytes) -> bytes:
        """A changed copy; now and then changed twice."""
        changed = self._ways[self._below(len(self._ways))](data)
        return self._ways[self._below(len(self._ways))](changed) if self._below(8) == 0 else changed

    def _below(self, limit: int) -> int:
        return int(self._random.integers(limit)) if limit > 0 else 0

    def _flip(self, data: bytes) -> bytes:
        at = self._below(len(data))
        return data[:at] + bytes([data[at] ^ (1 << self._below(8))]) + data[at + 1 :] if data else b"\0"

    def _set(self, data: bytes) -> bytes:
        at = self._below(len(data))
        return data[:at] + bytes([self._below(256)]) + data[at + 1 :]

    def _insert(self, data: bytes) -> bytes:
        at = self._below(len(data) + 1)
        return data[:at] + self._random.bytes(1 + self._below(4)) + data[at:]

    def _delete(self, data: bytes) -> bytes:
        at = self._below(len(data))
        return data[:at] + data[at + 1 + self._below(4) :]

    def _copy(self, data: bytes) -> bytes:
        start, at = self._below(len(data)), self._below(len(data))
        return data[:at] + data[start : start + 1 + self._below(40)] + data[at:]

    def _swap(self, data: bytes) -> bytes:
        width = (1, 4, 32)[self._below(3)]
        one, two = sorted((self._below(len(data)) // width * width, self._below(len(data)) // width * width))
        if one + width > two:
            return data
        return (
            data[:one]
            + data[two : two + width]
            + data[one + width : two]
            + data[one : one + width]
            + data[two + width :]
        )

    def _swap_lines(self, data: bytes) -> bytes:
        lines = data.splitlines(keepends=True)
        one, two = self._below(len(lines)), self._below(len(lines))
        if lines:
            lines[one], lines[two] = lines[two], lines[one]
        return b"".join(lines)

    def _repeat_line(self, data: bytes) -> bytes:
        lines = data.splitlines(keepends=True)
        at = self._below(len(lines))
        return b"".join((*lines[: at + 1], *lines[at:]))

    def _drop_line(self, data: bytes) -> bytes:
        lines = data.splitlines(keepends=True)
        at = self._below(len(lines))
        return b"".join((*lines[:at], *lines[at + 1 :]))

    def _cut(self, data: bytes) -> bytes:
        return data[: self._below(len(data))] if self._below(2) else data[self._below(len(data)) :]

    def _pad(self, data: bytes) -> bytes:
        extra = (b"\n", b" ", b"\0", b"\n\n", b"\r\n", b"=", b"PK\5\6" + bytes(18), b"\xef\xbb\xbf")[self._below(8)]
        return extra + data if self._below(2) else data + extra

    def _respell(self, data: bytes) -> bytes:
        """The same meaning in another spelling, at one place of many."""
        spellings = (
            (b"=", b""), (b"=\n", b"==\n"), (b"\n", b"\r\n"), (b"+", b"-"), (b"/", b"_"), (b" ", b"  "), (b" ", b"\t"),
            (b"100", b"0100"), (b"100", b"+100"), (b"41", b"041"), (b"37", b"37 "), ("\u2014".encode(), b"-"),
            (b":", b": "), (b",", b", "), (b"e", b"\\u0065"), (b"a", b"A"), (b"A", b"a"), (b"\n\n", b"\n \n"),
            ("\u2014".encode(), "\u2015".encode()), (b"0", "\u0660".encode()), (b"100", b"1e2"), (b"\n", b"\x0b"),
            (b"A", "\uff21".encode()), (b"A=", b"B="), (b"g=", b"h="), (b"{", b"{ "), (b"}", b',"x":1}'),
        )  # fmt: skip
        old, new = spellings[self._below(len(spellings))]
        count = data.count(old)
        if not count:
            return data
        at = -1
        for _ in range(1 + self._below(min(count, 50))):
            at = data.index(old, at + 1) if old in data[at + 1 :] else at
        return data[:at] + new + data[at + len(old) :]

    def _stranger(self, data: bytes) -> bytes:
        """A well-formed signature line by a key that nobody knows, beside one there is."""
        dash = "\u2014 m.example/shared".encode()
        at = data.rfind(dash) if self._below(2) else data.find(dash)
        ends = [end for mark in (b"\n", b"\\n") if (end := data.find(mark, at)) > 0]
        if at < 0 or not ends:
            return data
        mark = b"\n" if data[min(ends) : min(ends) + 1] == b"\n" else b"\\n"
        line = data[at : min(ends)].replace(b"m.example", b"mm.example") + mark
        return data[:at] + line + data[at:]

    def _rewrite(self, data: bytes) -> bytes:
        """The whole in the hand of another tool: JSON laid out or sorted anew, a zip packed anew."""
        if data.startswith(b"{"):
            try:
                value = json.loads(data)
            except ValueError:
                return data
            dump: Callable[..., str] = json.JSONEncoder(
                indent=(None, 1)[self._below(2)], sort_keys=bool(self._below(2)), ensure_ascii=bool(self._below(2))
            ).encode
            return dump(dict(reversed(list(value.items())))).encode()
        if data.startswith(b"PK"):
            return _rezipped(data, self._below(4))
        return data.replace(b"\n", b"\r\n") if self._below(2) else data.strip()


def _rezipped(data: bytes, way: int) -> bytes:
    target = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w") as new:
            infos = old.infolist()
            for info in reversed(infos) if way == 1 else infos:
                kind = zipfile.ZIP_DEFLATED if way == 0 else zipfile.ZIP_STORED
                date = (2026, 1, 1, 0, 0, 0) if way == 3 else info.date_time
                new.writestr(zipfile.ZipInfo(info.filename, date), old.read(info), kind)
            new.comment = b"x" if way == 2 else b""
    # The last is raised for what is packed in a way that zipfile lacks.
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError):
        return data
    return target.getvalue()
