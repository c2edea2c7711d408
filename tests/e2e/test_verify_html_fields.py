"""verify.html and fields of lines that stay hidden: shown as the CLI shows them, refused as it refuses them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evidence_scenes import CLOCK, a_case, fetch
from pollwatch import canonical
from pollwatch.events.lines import LineSet
from pollwatch.evidence import verify
from pollwatch.evidence.openedlines import OpenedField, OpenedLine
from pollwatch.node.evidence import bundling
from pollwatch.node.evidence.bundling import Extras
from verify_page import Change, Desk, Sample, batch_with, flipped, refused, resigned


def _part(place: int = 0, **changes: object) -> Change:
    """The owner itself signs another version of what is shown of one line's fields."""

    def lie(s: Sample) -> bytes:
        parts = list(s.bundle.batches[0].parts)
        parts[place] = replace(parts[place], **changes)  # type: ignore[arg-type]
        return batch_with(parts=tuple(parts))(s)

    return lie


def _field(of: str, /, **changes: object) -> Change:
    """The same with one of its fields."""

    def lie(s: Sample) -> bytes:
        shown = s.bundle.batches[0].parts[0].shown
        return _part(shown=tuple(replace(each, **changes) if each.name == of else each for each in shown))(s)  # type: ignore[arg-type]

    return lie


def _fields_of(s: Sample, place: int) -> tuple[OpenedField, ...]:
    return s.bundle.batches[0].parts[place].shown


def _others_of(s: Sample) -> tuple[bytes, ...]:
    return s.bundle.batches[0].parts[0].others


def _whole_too(s: Sample) -> bytes:
    """A line that is shown whole, beside some fields of the same line."""
    number = s.bundle.batches[0].parts[0].number
    return batch_with(lines=(OpenedLine(number, bytes(16), b"forged"),))(s)


NOT_A_FIELD = r"lines of entry 0: a field, its salt or its line's number is not what was sealed"
SIXTEEN = r"fields of line 3: there are 16 slots, and each field has one of its own"
TAMPERED_FIELDS: dict[str, tuple[Change, str]] = {
    "another value": (_field("ip", value=b"203.0.113.9"), NOT_A_FIELD),
    "another salt": (_field("ip", salt=bytes(16)), NOT_A_FIELD),
    "a value where there was none": (lambda s: _part(1, shown=_fields_of(s, 0))(s), NOT_A_FIELD),
    "none where there was a value": (_field("ip", value=None), NOT_A_FIELD),
    "empty where there was a value": (_field("ip", value=b""), NOT_A_FIELD),
    "empty and none confused": (_field("note", value=None), NOT_A_FIELD),
    "a value moved to another line": (lambda s: _part(shown=_fields_of(s, 2))(s), NOT_A_FIELD),
    "a value under another field's name": (_field("note", name="user"), rf"{NOT_A_FIELD}|{SIXTEEN}"),
    "two fields swapped": (
        lambda s: _part(
            shown=tuple(replace(each, name=n) for each, n in zip(_fields_of(s, 0), ("note", "ip"), strict=True))[::-1]
        )(s),
        NOT_A_FIELD,
    ),
    "a field twice": (
        lambda s: _part(shown=(_fields_of(s, 0)[0],) * 2)(s),
        r"lines/00000000\.json: .*not in ascending order",
    ),
    "fields in another order": (
        lambda s: _part(shown=_fields_of(s, 0)[::-1])(s),
        r"lines/00000000\.json: .*not in ascending order",
    ),
    "a name that is none": (_field("note", name="note:"), r"'note:' cannot be the name of a field"),
    "another line's text": (_part(line=bytes(32)), NOT_A_FIELD),
    "another neighbour": (lambda s: _part(others=(bytes(32), *_others_of(s)[1:]))(s), NOT_A_FIELD),
    "neighbours in another order": (lambda s: _part(others=_others_of(s)[::-1])(s), NOT_A_FIELD),
    "a neighbour less": (lambda s: _part(others=_others_of(s)[1:])(s), SIXTEEN),
    "a neighbour more": (lambda s: _part(others=(*_others_of(s), bytes(32)))(s), SIXTEEN),
    "a line that shows nothing": (
        lambda s: _part(shown=(), others=(*_others_of(s), bytes(32), bytes(32)))(s),
        SIXTEEN,
    ),
    "another number": (_part(number=2), r"too short|too long"),
    "the same number twice": (
        lambda s: _part(number=s.bundle.batches[0].parts[1].number)(s),
        r"not in ascending order",
    ),
    "another input": (batch_with(source="other.log"), r"lines of entry 0: the input's name"),
    "a line whole and in part": (_whole_too, r"lines of entry 0: a line is shown whole and in part"),
    "fields of a batch that is not shown": (resigned(entries=()), r"lines of a batch whose log entry is not"),
    "loose base64": (
        lambda s: s.packed(lambda m: m.update({"lines/00000000.json": _loose_value(m["lines/00000000.json"])})),
        r"lines/00000000\.json: a field is not (canonical )?base64",
    ),
    "a flipped byte": (flipped(b"lines/00000000.json{", 100), r"member lines/00000000\.json does not fit its ch"),
}


def _loose_value(lines: bytes) -> bytes:
    document = canonical.loads(lines)
    document["parts"][0]["shown"][0]["value"] = "YWJ="
    return canonical.dumps(document)


@pytest.mark.parametrize("name", TAMPERED_FIELDS)
def test_tampered_fields_fail_for_the_cli_s_reason(name: str, desk: Desk, fields: Sample) -> None:
    """Attack: each way for an owner to lie about a field of a line that stays hidden; page and CLI say the same."""
    make, reason = TAMPERED_FIELDS[name]
    refused(desk, fields, make, reason)


def test_fields_are_shown_without_their_lines(desk: Desk, fields: Sample) -> None:
    """The page says of each field what the command line says, and shows nothing else of the lines."""
    found = desk.check(fields.data, fields.policy)
    assert (found["verdict"], found["grade"]) == ("fits", "quorum")
    told = [each.text for each in verify.verify_bytes(fields.data, fields.policy).statements if "note" not in each.text]
    about = [each for each in told if "access.log" in each or "That a field" in each]
    assert len(about) == 8
    for text in about:
        assert text in found["text"]
    assert "of access.log was sealed with the value <img src=x onerror" in found["text"]
    assert "\\x1b[2J" in found["text"]
    assert "The log lines, as text" not in found["text"]
    assert desk.page.evaluate("window.pwned") is None


def test_of_many_fields_a_hundred_are_told(desk: Desk, tmp_path: Path) -> None:
    """Sixty lines with two fields each: all are checked, a hundred are spelt out, the rest is counted."""
    with a_case(tmp_path / "case") as evidence:
        lines = LineSet.of("access.log", range(1, 61))
        bundling.export_lines(evidence, lines, tmp_path / "b.zip", CLOCK, fetch, Extras(fields=("ip", "user")))
    data = (tmp_path / "b.zip").read_bytes()
    report = verify.verify_bytes(data)
    assert len(report.fields) == 120
    assert "20 more fields were sealed as shown." in [each.text for each in report.statements]
    assert "More fields that were sealed as shown: 20." in desk.check(data)["text"]
