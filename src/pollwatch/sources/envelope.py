"""JSON documents that wrap a list of records: what cloud services deliver as one file or one message.

``{"Records": [...]}`` is a file of AWS CloudTrail, ``{"records": [...]}`` what Azure streams, ``{"value": [...]}`` an
answer of Microsoft Graph, ``{"items": [...]}`` one of Google, ``{"Events": [...]}`` of AWS' own command line, and
``{"logEvents": [...]}`` a delivery of CloudWatch. The list's elements are the records, as those of a bare array are.

Only what is nothing but an envelope is opened: beside its list it may hold the service's own notes (which page this is,
where the next one is, whose account), never a field that a record could have.
"""

from __future__ import annotations

import json
import re

_TEXT = r'"(?:[^"\\]|\\.){0,4096}"'
_PLAIN = rf"(?:{_TEXT}|-?\d{{1,20}}(?:\.\d{{1,20}})?|true|false|null|\[\s*(?:{_TEXT}\s*,?\s*){{0,100}}\])"
_NOTES = (
    r"@odata\.[\w.]{1,40}|kind|etag|nextPageToken|NextToken|nextLink|messageType|owner|logGroup|logStream"
    r"|subscriptionFilters"
)
_LISTS = r"Records|records|value|items|Events|logEvents"
_NOTE, _LIST = rf'"(?:{_NOTES})"', rf'"(?:{_LISTS})"'
_KEY = re.compile(rf"{_NOTES}|{_LISTS}")

#: From the opening brace to the first element, or to the end of an empty list.
OPENING = re.compile(rf"\{{\s*(?:{_NOTE}\s*:\s*{_PLAIN}\s*,\s*){{0,20}}{_LIST}\s*:\s*\[\s*(?=[{{\]])")
#: From the bracket that ends the list to the brace that ends the document.
CLOSING = re.compile(rf"\]\s*(?:,\s*{_NOTE}\s*:\s*{_PLAIN}\s*){{0,20}}\}}")
#: A document's beginning up to here settles whether it is an envelope.
LONGEST = 1 << 16


def opens(text: str) -> bool:
    """Whether a document that begins with this text is an envelope with at least one record in it."""
    text = text.lstrip()
    start = OPENING.match(text)
    if start is None or text[start.end() : start.end() + 1] != "{":
        return False
    try:
        whole = json.loads(text.partition("\n")[0])
    except (ValueError, RecursionError):
        return True  # goes on behind its first line, or behind what was read
    return all(map(_KEY.fullmatch, whole))
