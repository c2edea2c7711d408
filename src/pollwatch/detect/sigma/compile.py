"""From pySigma's condition trees to our own: every value type and modifier, or a refusal that says why."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from sigma import conditions, modifiers, types
from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaRule

from pollwatch.detect.sigma import regex
from pollwatch.detect.sigma.condition import MOST_TESTS, joined, parsed, size
from pollwatch.detect.sigma.plan import (
    And,
    Cidr,
    Compare,
    Exists,
    Leaf,
    Node,
    Not,
    Null,
    Number,
    Or,
    PartOfTime,
    Regex,
    SameAs,
    Test,
    Text,
    TimePart,
    Wild,
)
from pollwatch.errors import RuleError

_ENCODINGS: dict[type[Any], str] = {
    modifiers.SigmaWideModifier: "utf-16-le",
    modifiers.SigmaUTF16Modifier: "utf-16",  # with its byte order mark
    modifiers.SigmaUTF16BEModifier: "utf-16-be",
}
# Sigma has a name for it that pySigma has not.
modifiers.modifier_mapping.setdefault("utf16le", modifiers.SigmaWideModifier)
_BASE64 = (modifiers.SigmaBase64Modifier, modifiers.SigmaBase64OffsetModifier)
_FLAGS = {
    types.SigmaRegularExpressionFlag.IGNORECASE: "i",
    types.SigmaRegularExpressionFlag.MULTILINE: "m",
    types.SigmaRegularExpressionFlag.DOTALL: "s",
}
_COMPARE = {op: Compare[op.name] for op in types.CompareOperators}


def condition(rule: SigmaRule) -> Node:
    """The condition of a rule as a tree; several conditions are alternatives.

    Raises:
        RuleError: something in it is not understood.
    """
    selections = {name: _detection(each) for name, each in rule.detection.detections.items()}
    alternatives = [parsed(str(text), selections) for text in rule.detection.condition]
    if not alternatives:
        raise RuleError("has no condition")
    if sum(map(size, alternatives)) > MOST_TESTS:
        raise RuleError(f"comes to more than {MOST_TESTS} tests; split it")
    return joined(Or, alternatives)


def _detection(detection: SigmaDetection) -> Node:
    """A selection: the items of a map all together, of a list one of them."""
    items = [
        _detection(each) if isinstance(each, SigmaDetection) else _item(each) for each in detection.detection_items
    ]
    return joined(And if detection.item_linking is conditions.ConditionAND else Or, items)


def _item(item: SigmaDetectionItem) -> Node:
    """A field (or none) with its values."""
    values = _encoded(item) or item.value
    if not values:
        tests = [_field_test(item.field, types.SigmaNull())] if item.field is not None else []
    elif item.field is None:
        tests = [_keyword(value) for value in values]
    else:
        tests = [_field_test(item.field, value) for value in values]
    if not tests:
        raise RuleError("a keyword must be text or a regular expression, not nothing")
    node = joined(And if item.value_linking is conditions.ConditionAND else Or, tests)
    return Not(node) if item.negated else node


def _field_test(field: str, value: types.SigmaType) -> Node:
    if isinstance(value, types.SigmaExpansion):
        return joined(Or, [_field_test(field, each) for each in value.values])
    return Leaf(field, _test(value))


def _keyword(value: types.SigmaType) -> Node:
    if isinstance(value, types.SigmaExpansion):
        return joined(Or, [_keyword(each) for each in value.values])
    test = Text((str(value),)) if isinstance(value, types.SigmaNumber) else _test(value)
    if isinstance(test, Text):
        front = () if test.parts[:1] == (Wild.MANY,) else (Wild.MANY,)
        back = () if test.parts[-1:] == (Wild.MANY,) else (Wild.MANY,)
        return Leaf(None, Text((*front, *test.parts, *back), test.cased))
    if isinstance(test, Regex):
        return Leaf(None, test)
    raise RuleError(f"a keyword must be text or a regular expression, not {type(test).__name__.lower()}")


def _test(value: types.SigmaType) -> Test:  # noqa: C901, PLR0911 - one line per type of Sigma's values
    match value:
        case types.SigmaRegularExpression():
            return _regex(value)
        case types.SigmaString():
            return Text(_parts(value), isinstance(value, types.SigmaCasedString))
        case types.SigmaTimestampPart():
            return PartOfTime(TimePart[value.timestamp_part.name], int(value.number))
        case types.SigmaNumber():
            return Number(Compare.EQ, value.number)
        case types.SigmaCompareExpression():
            op, number = _COMPARE[value.op], value.number
            if isinstance(number, types.SigmaTimestampPart):
                return PartOfTime(TimePart[number.timestamp_part.name], int(number.number), op)
            return Number(op, number.number)
        case types.SigmaCIDRExpression():
            return Cidr(str(value.network))
        case types.SigmaNull():
            return Null()
        case types.SigmaExists():
            return Exists(value.exists)
        case types.SigmaFieldReference():
            return SameAs(value.field, value.starts_with, value.ends_with)
        case types.SigmaBool():
            return Text((str(value.boolean).lower(),))
        case _:
            raise RuleError(f"a value of type {type(value).__name__} is not understood")


def _regex(value: types.SigmaRegularExpression) -> Regex:
    _resolved(value.regexp)
    test = Regex(str(value.regexp), "".join(sorted(_FLAGS[flag] for flag in value.flags)))
    regex.check(test)
    return test


def _parts(value: types.SigmaString) -> tuple[str | Wild, ...]:
    _resolved(value)
    parts: list[str | Wild] = []
    for part in value.s:
        if isinstance(part, str):
            if parts and isinstance(parts[-1], str):
                parts[-1] += part
            elif part:
                parts.append(part)
        elif part is types.SpecialChars.WILDCARD_SINGLE:
            parts.append(Wild.ONE)
        elif parts[-1:] != [Wild.MANY]:
            parts.append(Wild.MANY)
    return tuple(parts)


def _resolved(value: types.SigmaString) -> None:
    for part in value.s:
        if isinstance(part, types.Placeholder):
            raise RuleError(
                f"placeholder %{part.name}% has no value; give it one in a file placeholders.yml beside the rules"
            )


def _encoded(item: SigmaDetectionItem) -> list[types.SigmaType] | None:
    """The values in base64, made from bytes: pySigma passes UTF-16 through UTF-8, which spoils marks and non-ASCII.

    None where there is no base64, or where pySigma's own way is right (windash and the like before it).
    """
    at = next((index for index, modifier in enumerate(item.modifiers) if modifier in _BASE64), None)
    if at is None or item.original_value is None:
        return None
    before, after = item.modifiers[:at], item.modifiers[at + 1 :]
    if any(modifier not in _ENCODINGS for modifier in before):
        return None
    encoding = _ENCODINGS[before[-1]] if before else "utf-8"
    offsets = item.modifiers[at] is modifiers.SigmaBase64OffsetModifier
    values: list[types.SigmaType] = []
    for value in item.original_value:
        if not isinstance(value, types.SigmaString) or value.contains_special():
            raise RuleError("base64 takes plain text without wildcards")
        data = "".join(str(part) for part in value.s).encode(encoding)
        texts = _offsets(data) if offsets else [b64encode(data).decode()]
        values.append(types.SigmaExpansion([types.SigmaString.from_str(text) for text in texts]))
    return SigmaDetectionItem(item.field, after, values).value


def _offsets(data: bytes) -> list[str]:
    starts, ends = (0, 2, 3), (None, -3, -2)
    return [
        b64encode(b" " * shift + data)[starts[shift] : ends[(len(data) + shift) % 3]].decode() for shift in range(3)
    ]
