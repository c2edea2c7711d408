"""A block as a STIX course of action: what is to be done, against which indicators, until when."""

from __future__ import annotations

from collections.abc import Sequence

from pollwatch.stix import watching
from pollwatch.stix.constants import StixObject
from pollwatch.stix.objects import Maker
from pollwatch.stix.watching import Watched


def to_stix(
    name: str, description: str, blocked: Sequence[Watched], maker: Maker, identity: StixObject
) -> tuple[StixObject, ...]:
    """The objects of a block: an indicator for each address or name, and the course of action that mitigates them.

    Args:
        name: what it is, in one line.
        description: who decided it and why, for people.
        blocked: each once, with its end.
        maker: makes the owner's objects.
        identity: the owner's.
    """
    made = watching.to_stix(blocked, maker, identity)
    course = maker.make("course-of-action", name, name=name, description=description)
    links = [maker.relationship(course, "mitigates", each) for each in made if each["type"] == "indicator"]
    return (*made, course, *links)
