"""Conditions of many rules asked of many rows at once.

A condition is a chain of questions: each asks an *atom* of a row and says where to go on *yes* and on *no*, until it
ends in :data:`FITS` or :data:`FAILS`. An atom is a test of one column. What a kernel cannot test (a regular
expression, an address range) is *foreign*: its verdict is looked up in a cache that others fill, per value of the
column; where that is not filled, or not kept, the candidate stays :data:`OPEN` and somebody else decides.

Only *candidates* are asked: the rows that hold a value which one of the rule's entries was found in.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from pollwatch.kernels.compiled import compiled
from pollwatch.kernels.literals import AT_END, AT_START, lower

Bytes: TypeAlias = npt.NDArray[np.uint8]
Ints: TypeAlias = npt.NDArray[np.int32]
Longs: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Signs: TypeAlias = npt.NDArray[np.uint64]
"""Of shape (texts, :data:`SIGN_WORDS`)."""
Words: TypeAlias = npt.NDArray[np.uint64]

#: Where a chain ends, in place of its next question.
FITS, FAILS = -1, -2
#: What becomes of a candidate.
OPEN, FITTING, FAILING = 0, 1, 2
#: Kinds of atoms: always the same wherever the column has a value; literals in order; a number that compares so.
CONSTANT, TEXT, LESS, LESS_EQUAL, MORE, MORE_EQUAL, EQUAL, UNEQUAL, FOREIGN = range(9)
#: Marks on an atom besides those on literals: case counts; a literal holds :data:`ANY`.
CASED, HOLES = 4, 8
#: A byte of a literal that stands for any character. No UTF-8 holds it.
ANY = 0xFF
#: Verdicts; 0 = not known, and ASKED that somebody is to say.
NO, YES, ASKED = 1, 2, 3
#: In place of an atom's column: there is none such, so that every row is absent; or it is of no one column.
NO_COLUMN, NOT_ONE = -1, -2
#: What :class:`Atoms` says of each atom.
KIND, COLUMN, ABSENT, MARKS, PART, PART_END, KEPT = range(7)
#: What :class:`Chains` says of each question.
ATOM, ON_YES, ON_NO = range(3)
#: 64-bit words of a text's sign.
SIGN_WORDS = 8
#: Beyond this, integers and floating-point numbers do not compare exactly.
_EXACT = 1 << 53
_FOLD = np.uint8(0x20)
_HOLE = np.uint8(ANY)
_SPREAD = np.uint32(2_654_435_761)
_SHIFT, _PLACE, _ONE = np.uint32(23), np.uint64(63), np.uint64(1)
#: A bit of the last word that says that a sign has been made.
_MADE = np.uint64(1 << 63)


class Atoms(NamedTuple):
    """What can be asked of a row.

    Attributes:
        table: per atom its kind; column; verdict where the row has no value; marks (``AT_START``, ``AT_END``,
            :data:`CASED`, :data:`HOLES`) of a text; first literal and the one after its last; and where its verdicts
            per value begin in ``Cells.verdicts`` (-1 = they are not kept).
        number: per atom the number to compare with; of a constant its verdict.
        literals, starts: the literals' bytes, and where each begins (one more at last).
        signs: per literal what :func:`signed` says of it.
    """

    table: Longs
    number: Floats
    literals: Bytes
    starts: Longs
    signs: Signs


class Cells(NamedTuple):
    """What the rows hold.

    Attributes:
        codes: per column and row the value's number in its column; -1 = absent.
        first: per column the number of its first value among all.
        texts: all columns' texts; ``begins`` and ``ends`` say where each value's lies.
        odd: per value; 1 = the text is folded already, so that it says nothing of case.
        signs: per value what :func:`signed` says of it, once it was asked for; written to.
        numbers: per value, of columns of numbers.
        verdicts: what is known of values; written to.
        wanted: per atom; set where one of its verdicts was made :data:`ASKED`.
    """

    codes: Ints
    first: Longs
    texts: Bytes
    begins: Longs
    ends: Longs
    odd: Bytes
    signs: Signs
    numbers: Longs
    verdicts: Bytes
    wanted: Bytes


class Chains(NamedTuple):
    """The conditions: per rule its first question; per question its atom and where to go on from a yes and a no."""

    first: Ints
    questions: Ints


def settle(which: Ints, where: Ints, state: Bytes, chains: Chains, atoms: Atoms, cells: Cells) -> None:
    """Ask open candidates; ``state`` is written to. What stays :data:`OPEN` has an answer that is not known here."""
    _settle(
        which,
        where,
        state,
        chains.first,
        chains.questions,
        atoms.table,
        atoms.number,
        atoms.literals,
        atoms.starts,
        atoms.signs,
        cells.codes,
        cells.first,
        cells.texts,
        cells.begins,
        cells.ends,
        cells.odd,
        cells.signs,
        cells.numbers,
        cells.verdicts,
        cells.wanted,
    )


@compiled
def _settle(
    which: Ints,
    where: Ints,
    state: Bytes,
    chain_first: Ints,
    questions: Ints,
    table: Longs,
    number: Floats,
    literals: Bytes,
    starts: Longs,
    literal_signs: Signs,
    codes: Ints,
    value_first: Longs,
    texts: Bytes,
    begins: Longs,
    ends: Longs,
    odd: Bytes,
    signs: Signs,
    numbers: Longs,
    verdicts: Bytes,
    wanted: Bytes,
) -> None:
    for i in range(len(which)):
        if state[i] != OPEN:
            continue
        row = where[i]
        at = chain_first[which[i]]
        while at >= 0:
            atom = questions[at, ATOM]
            column = table[atom, COLUMN]
            kind = table[atom, KIND]
            verdict = 0
            code = -1
            if column >= 0:
                code = int(codes[column, row])
            if column == NOT_ONE:
                break
            if code < 0:
                verdict = int(table[atom, ABSENT])
            elif kind == CONSTANT:
                verdict = YES if number[atom] else NO
            else:
                kept = table[atom, KEPT]
                if kept >= 0:
                    verdict = int(verdicts[kept + code])
                if verdict == ASKED:
                    break
                if verdict == 0:
                    value = value_first[column] + code
                    if kind == TEXT:
                        marks = table[atom, MARKS]
                        if odd[value] and marks & (CASED | HOLES):
                            verdict = 0
                        elif (
                            not marks & (AT_START | AT_END)
                            and table[atom, PART] < table[atom, PART_END]
                            and not _may_stand(
                                texts, begins[value], ends[value], signs[value], literal_signs[table[atom, PART]]
                            )
                        ):
                            verdict = NO
                        else:
                            verdict = _text(
                                texts,
                                begins[value],
                                ends[value],
                                literals,
                                starts,
                                table[atom, PART],
                                table[atom, PART_END],
                                marks,
                            )
                    elif kind != FOREIGN:
                        verdict = _number(kind, numbers[value], number[atom])
                    if kept >= 0:
                        if verdict:
                            verdicts[kept + code] = verdict
                        else:
                            verdicts[kept + code] = ASKED
                            wanted[atom] = 1
                if verdict == 0:
                    break
            at = questions[at, ON_YES] if verdict == YES else questions[at, ON_NO]
        if at == FITS:
            state[i] = FITTING
        elif at == FAILS:
            state[i] = FAILING


@compiled
def _may_stand(texts: Bytes, begin: int, end: int, sign: Words, literal: Words) -> bool:
    """Whether a text has every pair of bytes that a literal has, as far as their signs tell."""
    if not sign[SIGN_WORDS - 1] & _MADE:
        _sign(texts, begin, end, sign)
    for word in range(SIGN_WORDS):
        if literal[word] & ~sign[word]:
            return False
    return True


@compiled
def _sign(texts: Bytes, begin: int, end: int, sign: Words) -> None:
    for at in range(begin + 1, end):
        before, byte = texts[at - 1], texts[at]
        if before != _HOLE and byte != _HOLE:
            pair = np.uint32(np.uint32(np.uint32(lower(before)) << np.uint32(8)) | np.uint32(lower(byte)))
            bit = np.uint64(np.uint32(pair * _SPREAD) >> _SHIFT)
            sign[bit >> np.uint64(6)] |= _ONE << (bit & _PLACE)
    sign[SIGN_WORDS - 1] |= _MADE


@compiled
def signed(texts: Bytes, starts: Longs) -> Signs:
    """A sign per text: one bit for each pair of bytes that follow one another, case ignored; pairs may share a bit."""
    signs = np.zeros((len(starts) - 1, SIGN_WORDS), np.uint64)
    for text in range(len(starts) - 1):
        _sign(texts, starts[text], starts[text + 1], signs[text])
    return signs


@compiled
def _number(kind: int, mine: int, other: float) -> int:
    if mine > _EXACT or mine < -_EXACT:
        return 0
    if kind == LESS:
        holds = mine < other
    elif kind == LESS_EQUAL:
        holds = mine <= other
    elif kind == MORE:
        holds = mine > other
    elif kind == MORE_EQUAL:
        holds = mine >= other
    elif kind == EQUAL:
        holds = mine == other
    else:
        holds = mine != other
    return YES if holds else NO


@compiled
def _text(texts: Bytes, at: int, end: int, literals: Bytes, starts: Longs, first: int, last: int, marks: int) -> int:
    """Whether literals stand in a text one after the other, the first and last where the marks say."""
    cased = marks & CASED != 0
    if marks & AT_START and marks & AT_END and last - first < 2 and end - at != starts[last] - starts[first]:
        return NO
    for part in range(first, last):
        begin, length = starts[part], starts[part + 1] - starts[part]
        if length > end - at:
            return NO
        if part == last - 1 and marks & AT_END:
            if not _same(texts, end - length, literals, begin, length, cased):
                return NO
            at = end
        elif part == first and marks & AT_START:
            if not _same(texts, at, literals, begin, length, cased):
                return NO
            at += length
        else:
            at = _find(texts, at, end, literals, begin, length, cased)
            if at < 0:
                return NO
            at += length
    return YES


@compiled
def _find(
    texts: Bytes,
    at: int,
    end: int,
    literals: Bytes,
    begin: int,
    length: int,
    cased: bool,  # noqa: FBT001 - a kernel takes no keywords
) -> int:
    """Where a literal stands next; -1 = nowhere."""
    wanted = literals[begin]
    other = wanted
    if not cased and 0x61 <= wanted <= 0x7A:
        other = np.uint8(wanted - _FOLD)
    last = end - length
    while at <= last:
        byte = texts[at]
        if (byte == wanted or byte == other or wanted == _HOLE) and _same(texts, at, literals, begin, length, cased):
            return at
        at += 1
    return -1


@compiled
def _same(
    texts: Bytes,
    at: int,
    literals: Bytes,
    begin: int,
    length: int,
    cased: bool,  # noqa: FBT001 - a kernel takes no keywords
) -> bool:
    for k in range(length):
        byte = texts[at + k] if cased else lower(texts[at + k])
        if byte != literals[begin + k] and literals[begin + k] != _HOLE:
            return False
    return True
