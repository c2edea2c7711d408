"""From pySigma's condition trees to our own: every value type and modifier, or a refusal that says why."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from sigma import conditions, modifiers, types
from sigma.exceptions import SigmaError
from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaRule

from pollwatch.detect.sigma import regex
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
    for detection in rule.detection.detections.values():
        _encode_rightly(detection)
    try:
        parsed = [each.parsed for each in rule.detection.parsed_condition]
    except (SigmaError, RecursionError, AttributeError, TypeError) as error:
        raise RuleError(f"the condition is not understood: {error}") from error
    return _joined(Or, [_node(each) for each in parsed])


def _joined(kind: type[And | Or], children: list[Node]) -> Node:
    return children[0] if len(children) == 1 else kind(tuple(children))


def _node(tree: object) -> Node:
    match tree:
        case conditions.ConditionAND():
            return _joined(And, [_node(child) for child in _children(tree)])
        case conditions.ConditionOR():
            return _joined(Or, [_node(child) for child in _children(tree)])
        case conditions.ConditionNOT():
            return Not(_node(_children(tree)[0]))
        case conditions.ConditionFieldEqualsValueExpression(field=field, value=value):
            return _field_test(field, value)
        case conditions.ConditionValueExpression(value=value):
            return _keyword(value)
        case None:
            raise RuleError("the condition names no selection that exists (an '1 of x*' without any x)")
        case _:
            raise RuleError(f"the condition holds a {type(tree).__name__}, which is not understood")


def _children(tree: conditions.ConditionItem) -> list[object]:
    if not tree.args:
        raise RuleError("the condition names no selection that exists (an '1 of x*' without any x)")
    return list(tree.args)


def _field_test(field: str, value: types.SigmaType) -> Node:
    if isinstance(value, types.SigmaExpansion):
        return _joined(Or, [_field_test(field, each) for each in value.values])
    return Leaf(field, _test(value))


def _keyword(value: types.SigmaType) -> Node:
    if isinstance(value, types.SigmaExpansion):
        return _joined(Or, [_keyword(each) for each in value.values])
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
            if isinstance(value.number, types.SigmaTimestampPart):
                raise RuleError("a part of a time can be compared for equality only")
            return Number(_COMPARE[value.op], value.number.number)
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
            raise RuleError(f"placeholder %{part.name}% has no value here; write the values into the rule")


def _encode_rightly(detection: SigmaDetection) -> None:
    """Redo base64 of UTF-16 text on bytes: pySigma passes it through UTF-8, which spoils marks and non-ASCII."""
    for item in detection.detection_items:
        if isinstance(item, SigmaDetection):
            _encode_rightly(item)
        elif any(modifier in _BASE64 for modifier in item.modifiers):
            _encode_item(item)


def _encode_item(item: SigmaDetectionItem) -> None:
    at = next(index for index, modifier in enumerate(item.modifiers) if modifier in _BASE64)
    before, after = item.modifiers[:at], item.modifiers[at + 1 :]
    if item.original_value is None or any(modifier not in _ENCODINGS for modifier in before):
        return  # windash and the like: pySigma's own way is right for ASCII
    encoding = _ENCODINGS[before[-1]] if before else "utf-8"
    offsets = item.modifiers[at] is modifiers.SigmaBase64OffsetModifier
    values: list[types.SigmaType] = []
    for value in item.original_value:
        if not isinstance(value, types.SigmaString) or value.contains_special():
            raise RuleError("base64 takes plain text without wildcards")
        data = "".join(str(part) for part in value.s).encode(encoding)
        texts = _offsets(data) if offsets else [b64encode(data).decode()]
        values.append(types.SigmaExpansion([types.SigmaString.from_str(text) for text in texts]))
    item.value = SigmaDetectionItem(item.field, after, values).value


def _offsets(data: bytes) -> list[str]:
    starts, ends = (0, 2, 3), (None, -3, -2)
    return [
        b64encode(b" " * shift + data)[starts[shift] : ends[(len(data) + shift) % 3]].decode() for shift in range(3)
    ]
