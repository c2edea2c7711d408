"""An element of XML that a log holds as a record, as a small tree.

Only elements, attributes and text are understood: a document type, and with it any entity of its own, is refused,
nothing is fetched, and depth and parts are bounded. Characters that XML forbids but programs write are replaced, so
that no record is lost for one of them.
"""

from __future__ import annotations

import re
from typing import Final
from xml.parsers import expat

from pollwatch.errors import FormatError

#: No event of any program nests deeper.
MOST_DEPTH: Final = 32
#: Nor has more elements and attributes.
MOST_PARTS: Final = 20_000
_REFERENCE = re.compile(r"&#(?:x([0-9a-fA-F]{1,8})|([0-9]{1,9}));")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Element:
    """An element while it is read, and after.

    Attributes:
        name: without a namespace.
        attributes: those that declare namespaces apart.
        children: in order.
        text: in pieces.
    """

    __slots__ = ("attributes", "children", "name", "text")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        """Nothing in it yet."""
        self.name = name.rpartition(":")[2]
        self.attributes = {key: value for key, value in attributes.items() if not key.startswith("xmlns")}
        self.children: list[Element] = []
        self.text: list[str] = []


class _Tree:
    """The handlers of one document."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._parts = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self._parts += 1 + len(attributes)
        if len(self._open) >= MOST_DEPTH or self._parts > MOST_PARTS:
            raise FormatError("XML that nests too deep or has too many parts")
        element = Element(name, attributes)
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


def read_element(text: str) -> Element | str:
    """The one element that the text is, or why it is none."""
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
    return "XML without an element" if tree.root is None else tree.root


def _allowed(text: str) -> str:
    """The text without what XML 1.0 forbids."""

    def reference(found: re.Match[str]) -> str:
        code = int(found[1], 16) if found[1] else int(found[2])
        return found[0] if code <= 0x10FFFF and not _FORBIDDEN.match(chr(code)) else "\ufffd"

    return _FORBIDDEN.sub("\ufffd", _REFERENCE.sub(reference, text) if "&#" in text else text)
