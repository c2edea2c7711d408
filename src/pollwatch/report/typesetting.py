"""Papers as PDF, by typst: no network, no packages, no fonts of the machine, and the same bytes each time.

What is drawn goes in as JSON; its texts are string values there, so that nobody's words can become typst's. Latin,
Greek, Cyrillic and Hebrew come from the fonts in typst itself, Arabic from Amiri; a letter that none of them has is
written by its Unicode number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

import msgspec

from pollwatch.clock import US_PER_S
from pollwatch.errors import StoreError

_PROGRAMS: Final = Path(__file__).with_name("templates")
#: For archives, and for readers who do not see.
_STANDARDS: Final = ["a-2a", "ua-1"]
_SCRIPTS: Final = ("LATIN", "GREEK", "CYRILLIC", "HEBREW", "ARABIC", "ARMENIAN", "GEORGIAN")
_LONG: Final = re.compile(r"\S{41,}")
_PIECE: Final = re.compile(r"\S{1,40}")
#: Where a word without spaces may be broken.
_BREAK: Final = "\u200b"


def pdf(program: str, document: Any, at_us: int) -> bytes:  # noqa: ANN401 - what JSON knows
    """The PDF: PDF/A-2a and PDF/UA-1 where every letter could be set.

    Nobody's words keep others from a paper. Some Hebrew accents make typst itself fail: they are then written by
    their numbers. Where a letter has no glyph after all, the file claims no standard. At last, only ASCII is set.

    Args:
        program: name of the template.
        document: what it draws, as values that JSON knows.
        at_us: the time that stands in the file as its making, in microseconds.

    Raises:
        StoreError: typst refuses to draw it.
    """
    for standards in (_STANDARDS, []):
        for has_glyph in (_has_glyph, _is_simple):
            try:
                return _compiled(program, document, at_us, standards, has_glyph)
            except _RefusedError:
                continue
    return _compiled(program, document, at_us, _STANDARDS, str.isascii)


def pages(program: str, document: Any, at_us: int, dots_per_inch: float = 96) -> tuple[bytes, ...]:  # noqa: ANN401 - likewise
    """The same pages as PNG images.

    Raises:
        StoreError: typst refuses to draw it.
    """
    made = _run(program, document, at_us, _has_glyph, format="png", ppi=dots_per_inch)
    return tuple(made) if isinstance(made, list) else (made,)


class _RefusedError(StoreError):
    """Typst's word for what it will not draw."""


def _compiled(
    program: str,
    document: Any,  # noqa: ANN401 - what JSON knows
    at_us: int,
    standards: list[str],
    has_glyph: Callable[[str], bool],
) -> bytes:
    made: bytes = _run(program, document, at_us, has_glyph, format="pdf", pdf_standards=standards)
    return made


def _run(program: str, document: Any, at_us: int, has_glyph: Callable[[str], bool], **options: Any) -> Any:  # noqa: ANN401 - typst's options and results
    import typst  # noqa: PLC0415 - 80 MB that only papers need

    data = msgspec.json.encode(_settable(document, has_glyph)).decode("utf-8")
    with as_file(files("fontpkg_amiri") / "files") as amiri:
        fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True, font_paths=[amiri])
        try:
            return typst.compile(
                _PROGRAMS / program,
                root=_PROGRAMS,
                font_paths=fonts,
                sys_inputs={"data": data},
                timestamp=at_us // US_PER_S,
                **options,
            )
        except typst.TypstError as error:
            raise _RefusedError(f"the paper cannot be drawn: {error.message}") from error
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # pyo3's: no Exception, and not to be imported
                raise
            raise _RefusedError(f"the paper cannot be drawn: typst failed ({error})") from error


def _settable(value: Any, has_glyph: Callable[[str], bool]) -> Any:  # noqa: ANN401 - any part of the document
    """The same with texts that the fonts can set and lines can be broken in."""
    if isinstance(value, dict):
        return {key: _settable(each, has_glyph) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_settable(each, has_glyph) for each in value]
    return _text(value, has_glyph) if isinstance(value, str) else value


def _text(text: str, has_glyph: Callable[[str], bool]) -> str:
    if not text.isascii():
        text = "".join(char if has_glyph(char) else f"[U+{ord(char):04X}]" for char in text)
    return _LONG.sub(_broken, text)


def _broken(found: re.Match[str]) -> str:
    word = found[0]
    if re.fullmatch(r"[0-9a-f]{32,}", word):  # a digest: the program sets it apart
        return word
    return _BREAK.join(_PIECE.findall(word))


def _has_glyph(char: str) -> bool:
    """Whether our fonts have it: letters of the scripts above, and signs below those of pictures."""
    kind = unicodedata.category(char)[0]
    if char.isascii() or kind in "CZ":
        return True
    if kind in "LM":
        return unicodedata.name(char, "").startswith((*_SCRIPTS, "COMBINING", "MODIFIER LETTER"))
    return ord(char) < 0x2700


def _is_simple(char: str) -> bool:
    """The same without the accents and points of Hebrew."""
    return _has_glyph(char) and not (unicodedata.category(char) == "Mn" and "\u0591" <= char <= "\u05c7")
