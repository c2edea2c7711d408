"""A record of MySQL's audit log in XML, of either style, with the names that the JSON of Percona's plugin has.

The new style has elements in a record, the old one attributes; both have the same names in capital letters.
Source: the MySQL 8.4 manual, "Audit Log File Formats"; Percona Server, "Audit Log Plugin" (OLD and NEW).
"""

from __future__ import annotations

from typing import Any, Final

from pollwatch.formats.framing_xml import Element, read_element

#: How a record begins.
MARK: Final = "<AUDIT_RECORD"
_RECORD: Final = MARK.removeprefix("<")


def read_record(text: str) -> dict[str, Any] | str:
    """``{"audit_record": {"name": "Query", ...}}``, or why it is none."""
    root = read_element(text)
    if isinstance(root, str):
        return root
    if root.name != _RECORD:
        return "XML, but no record of MySQL's audit log"
    body = {name.lower(): value for name, value in root.attributes.items()}
    body |= {child.name.lower(): _text(child) for child in root.children}
    return {"audit_record": body}


def _text(element: Element) -> str:
    return "".join(element.text)
