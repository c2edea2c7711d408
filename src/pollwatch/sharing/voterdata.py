"""What never leaves: voters' data. A last look at everything that is about to be told, by eyes that do not tire.

What the exports tell holds no voter's data by its making. This looks for what people write into names, descriptions
and explanations, and for fields that another tool or a later version may add:

- a field whose name is one of a voter register (``voter_id``, ``date_of_birth``, ``ssn``, ``geboortedatum`` ...);
- a national identification number in its usual form, or any number that is called a voter's or a citizen's;
- a date that is called a date of birth, and a home address;
- several lines that look like rows of a register: cells, and in each a day before 2010;
- whatever the office itself forbids, one regular expression a line (``CASE/joint/never-share.txt``): the numbers of its
  own register have a form that only it knows.

It can miss what is disguised; it is there for the mistake, not for the traitor.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from pollwatch import canonical
from pollwatch.errors import ConfigError, PolicyError
from pollwatch.stix.constants import StixObject

_FIELDS: Final = frozenset(
    {
        "voterid", "voternumber", "voterregistrationnumber", "voterregistration", "registrationnumber", "registrantid",
        "nationalid", "nationalidnumber", "ssn", "socialsecuritynumber", "bsn", "burgerservicenummer", "cnp", "rnokpp",
        "passportnumber", "driverslicense", "driverlicense", "driverslicensenumber", "dateofbirth", "birthdate",
        "dob", "geboortedatum", "homeaddress", "residentialaddress", "streetaddress", "woonadres", "partyaffiliation",
        "party", "ballotid", "ballotstyle", "votehistory", "votinghistory", "precinctsplit", "signatureimage",
    }
)  # fmt: skip
_DAY: Final = r"(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./ ]\d{1,2}[-./ ]\d{2,4})"
_FORMS: Final = (
    ("a social security number", re.compile(r"\b(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}\b")),
    (
        "a number of a voter or citizen",
        re.compile(
            r"\b(?:voter|registrant|ballot|citizen|national|passport|social security|burgerservice|bsn|ssn|cnp|kiezer)"
            r"[ _-]?(?:s|'s)?[ _-]?(?:id|no|nr|number|nummer|registration)?\W{0,6}[A-Z]{0,3}[-/]?\d{5,}",
            re.IGNORECASE,
        ),
    ),
    (
        "a date of birth",
        re.compile(
            rf"\b(?:born|dob|birth ?da(?:te|y)|date of birth|geboren|geboortedatum)\W{{0,12}}{_DAY}", re.IGNORECASE
        ),
    ),
    (
        "a home address",
        re.compile(
            r"\b\d{1,5}[A-Za-z]?\s+(?:[A-Z][a-z]+\s+){1,3}(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Court|Blvd)\b"
            r"|\b[A-Z][a-z]+(?:straat|laan|weg|plein|gracht|kade)\s+\d{1,4}\b"
        ),
    ),
)
#: Three cells and more, and a day before 2010 in one of them: when things happen in an election is later than that.
_ROW: Final = re.compile(
    r"(?=.*\b(?:(?:19\d\d|200\d)[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./ ]\d{1,2}[-./ ](?:19\d\d|200\d))\b)"
    r"[^\n]*?(?:[,;\t|][^\n]*?){2,}"
)
_ROWS: Final = 2


def check(objects: Iterable[StixObject], own: Sequence[re.Pattern[str]] = ()) -> None:
    """Accept objects in which no voter's data is found.

    Args:
        objects: what is about to leave.
        own: what the office itself forbids (:func:`load`).

    Raises:
        PolicyError: something looks like it; the message names object and field, and does not repeat what was found.
    """
    for each in objects:
        for name, text in _texts(each, ""):
            found = _found(name, text)
            if found:
                raise PolicyError(f"{each['id']}: {name or 'it'} looks like {found}; voters' data never leaves")
        whole = canonical.dumps(each).decode("utf-8")
        for number, pattern in enumerate(own, 1):
            if pattern.search(whole):
                raise PolicyError(f"{each['id']} holds what pattern {number} of never-share.txt forbids to share")


def load(path: Path) -> tuple[re.Pattern[str], ...]:
    """What the office itself forbids; nothing where it wrote no such file.

    Raises:
        ConfigError: a line is no regular expression.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    patterns = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            try:
                patterns.append(re.compile(line.strip()))
            except re.error as error:
                raise ConfigError(f"{path}, line {number} is no regular expression: {error}") from error
    return tuple(patterns)


def _texts(value: Any, name: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any JSON value
    """Every text in an object with the field it stands in; a field's own name where it holds something else."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, dict | list):
                yield key, ""
            yield from _texts(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, name)
    else:
        yield name, value if isinstance(value, str) else ""


def _found(name: str, text: str) -> str:
    if re.sub(r"[^a-z]", "", name.lower()) in _FIELDS:
        return "a field of a voter register"
    for what, form in _FORMS:
        if form.search(text):
            return what
    if sum(1 for line in text.splitlines() if _ROW.match(line)) >= _ROWS:
        return "rows of a register"
    return ""
