"""Okta's system log as its administrators download it: a table whose columns are the record's fields.

A column's name is the field's path in lower case with underscores, ``client.ip_address``; what was acted upon stands in
``target0.alternate_id``, ``target1.display_name`` and so on. A line becomes the record that the interface gives.
Source: Okta's "Download CSV" of the system log.
"""

from __future__ import annotations

import re

from pollwatch.formats.framing_cloud import Record, put

_TARGET = re.compile(r"target(\d)\.(\w+)")
_NEXT = re.compile(r"_([a-z])")


def of_row(row: dict[str, str]) -> Record | None:
    """A line of the table as a record of the system log; None where it is none."""
    if not {"timestamp", "event_type", "actor.alternate_id", "outcome.result"} <= row.keys():
        return None
    record: Record = {"actor": {}, "published": row["timestamp"]}
    targets: dict[str, Record] = {}
    for name, value in row.items():
        if value in {"", "null"} or name == "timestamp":
            continue
        if target := _TARGET.fullmatch(name):
            targets.setdefault(target[1], {})[_camel(target[2])] = value
        else:
            put(record, _camel(name), value)
    if targets:
        record["target"] = [targets[place] for place in sorted(targets)]
    return record


def _camel(name: str) -> str:
    return _NEXT.sub(lambda found: found[1].upper(), name)
