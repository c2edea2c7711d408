"""A Windows event in XML (Event Viewer's "Save as XML", ``wevtutil /f:xml``, EvtxECmd, evtx_dump) as nested objects.

The shape is that of pyevtx-rs, which ``framing_winevent`` reads.
"""

from __future__ import annotations

from typing import Any

from pollwatch.formats.framing_xml import Element, read_element

_DATA = "Data"


def read_xml(text: str) -> dict[str, Any] | str:
    """The event as pyevtx-rs would give it, ``{"Event": {"System": ..., "EventData": ...}}``, or why it is none."""
    root = read_element(text)
    if isinstance(root, str):
        return root
    if root.name != "Event":
        return "XML, but no Windows event"
    return {"Event": {child.name: _of_part(child) for child in root.children}}


def _of_part(part: Element) -> Any:  # noqa: ANN401 - any JSON value
    """``System``, ``EventData``, ``UserData`` or whatever else an event consists of."""
    if part.name != "EventData":
        return _value(part)
    found: dict[str, Any] = {}
    unnamed: list[str] = []
    for child in part.children:
        name = child.attributes.get("Name") if child.name == _DATA else child.name
        if name:
            found.setdefault(name, _value(child, attributes=False))
        else:
            unnamed.append(_text(child) or "")
    return found | ({_DATA: unnamed} if unnamed else {})


def _value(element: Element, *, attributes: bool = True) -> Any:  # noqa: ANN401 - any JSON value
    """An element's text, or an object of its attributes, its text and what is in it; of one name, the first."""
    named = element.attributes if attributes else {}
    if not element.children:
        return {"#attributes": named, "#text": _text(element)} if named else _text(element)
    found: dict[str, Any] = {"#attributes": named} if named else {}
    for child in element.children:
        found.setdefault(child.name, _value(child))
    return found


def _text(element: Element) -> str | None:
    """The text as written, blanks around it included; None where there is none but what lays the XML out."""
    text = "".join(element.text)
    return None if not text or (text.isspace() and "\n" in text) else text
