"""Recorded Windows events for the benchmarks: all of a folder's ``.evtx`` files and zipped JSON lines."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import evtx

from pollwatch.formats.framing_json import as_column
from pollwatch.formats.framing_windows import logsource
from pollwatch.formats.framing_winevent import SYSTEM, read


def recorded(path: Path, folder: Path, *, nested: bool) -> None:
    """Write one in four as it is (``nested``), or flat with its logsource for peers that route by it."""
    with path.open("w", encoding="utf-8") as out:
        for file in sorted(folder.rglob("*")):
            for record in islice(_records(file), 0, None, 4):
                text = json.dumps(record if nested else _flat(record), ensure_ascii=False)  # noqa: TID251 - a bench's
                out.write(text + "\n")


def _records(file: Path) -> Iterator[dict[str, Any]]:
    if file.suffix.lower() == ".evtx":
        yield from (json.loads(record["data"]) for record in evtx.PyEvtxParser(str(file)).records_json() if record)
    elif file.suffix.lower() == ".zip":
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                if name.endswith(".json"):
                    yield from (json.loads(line) for line in archive.read(name).splitlines() if line[:1] == b"{")


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    event = read(record)
    if event is None:
        return record
    done = event.data.get("EventType") or event.data.get("OperationType")
    source = logsource(event.channel, event.event_id, done if isinstance(done, str) else "")
    system = {name: value for name, value in zip(SYSTEM, event.system, strict=True) if value is not None}
    data = {"".join(name.split()): as_column(value) for name, value in event.data.items() if value is not None}
    named = {"product": source.product, "service": source.service, "category": source.category}
    return {**data, **system, "SystemTime": event.time, **{name: value for name, value in named.items() if value}}
