"""A Windows event in XML (Event Viewer's "Save as XML", ``wevtutil /f:xml``, EvtxECmd, evtx_dump) as nested objects.

The shape is that of pyevtx-rs, which ``framing_winevent`` reads. Only elements, attributes and text are understood: a
document type, and with it any entity of its own, is refused, nothing is fetched, and depth and parts are bounded.
Characters that XML forbids but Windows writes are replaced, so that no event is lost for one of them.
"""

from __future__ import annotations

import re
from typing import Any, Final
from xml.parsers import expat

from pollwatch.errors import FormatError

#: No event of any program nests deeper.
MOST_DEPTH: Final = 32
#: Nor has more elements and attributes.
MOST_PARTS: Final = 20_000
_REFERENCE = re.compile(r"&#(?:x([0-9a-fA-F]{1,8})|([0-9]{1,9}));")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DATA = "Data"


class _Element:
    """An element while it is read, and after."""

    __slots__ = ("attributes", "children", "name", "text")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name.rpartition(":")[2]
        self.attributes = {key: value for key, value in attributes.items() if not key.startswith("xmlns")}
        self.children: list[_Element] = []
        self.text: list[str] = []


class _Tree:
    """The handlers of one document."""

    def __init__(self) -> None:
        self.root: _Element | None = None
        self._open: list[_Element] = []
        self._parts = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self._parts += 1 + len(attributes)
        if len(self._open) >= MOST_DEPTH or self._parts > MOST_PARTS:
            raise FormatError("XML that nests too deep or has too many parts")
        element = _Element(name, attributes)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, _name: str) -> None:
        """The element that began last ends."""
        self._open.pop()

    def text(self, data: str) -> None:
        """Text inside it."""
        if self._open:
            self._open[-1].text.append(data)

    @staticmethod
    def refuse(*_: object) -> None:
        """What could make more of a document than it is."""
        raise FormatError("XML with a document type or entities of its own")


def read_xml(text: str) -> dict[str, Any] | str:
    """The event as pyevtx-rs would give it, ``{"Event": {"System": ..., "EventData": ...}}``, or why it is none."""
    tree = _Tree()
    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.text
    parser.StartDoctypeDeclHandler = tree.refuse
    parser.EntityDeclHandler = tree.refuse
    parser.buffer_text = True
    try:
        parser.Parse(_allowed(text).encode("utf-8"), True)
    except (expat.ExpatError, FormatError) as error:
        return f"not XML: {str(error)[:120]}"
    root = tree.root
    if root is None or root.name != "Event":
        return "XML, but no Windows event"
    return {"Event": {child.name: _of_part(child) for child in root.children}}


def _allowed(text: str) -> str:
    """The text without what XML 1.0 forbids."""

    def reference(found: re.Match[str]) -> str:
        code = int(found[1], 16) if found[1] else int(found[2])
        return found[0] if code <= 0x10FFFF and not _FORBIDDEN.match(chr(code)) else "\ufffd"

    return _FORBIDDEN.sub("\ufffd", _REFERENCE.sub(reference, text) if "&#" in text else text)


def _of_part(part: _Element) -> Any:  # noqa: ANN401 - any JSON value
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


def _value(element: _Element, *, attributes: bool = True) -> Any:  # noqa: ANN401 - any JSON value
    """An element's text, or an object of its attributes, its text and what is in it; of one name, the first."""
    named = element.attributes if attributes else {}
    if not element.children:
        return {"#attributes": named, "#text": _text(element)} if named else _text(element)
    found: dict[str, Any] = {"#attributes": named} if named else {}
    for child in element.children:
        found.setdefault(child.name, _value(child))
    return found


def _text(element: _Element) -> str | None:
    """The text as written, blanks around it included; None where there is none but what lays the XML out."""
    text = "".join(element.text)
    return None if not text or (text.isspace() and "\n" in text) else text
