"""STIX bundles, and the claims and opinions in them, as a member may have signed them."""

from __future__ import annotations

from pathlib import Path

from joint import CHARTER, MEMBERS, SIGNERS

from pollwatch import canonical
from pollwatch.attribution import claim, opinion
from pollwatch.attribution.scale import Confidence, Finding, Likelihood, Stance
from pollwatch.errors import PollwatchError
from pollwatch.members.marking import Tlp
from pollwatch.stix import bundle as stix
from pollwatch.stix import constants
from pollwatch.stix.leaf import Leaf
from pollwatch.stix.objects import Maker


def read(data: bytes) -> None:
    """A bundle is written again as the same bytes; every object is also read as a claim and as an opinion."""
    try:
        objects = stix.read(data)
        assert stix.write(objects) == data
    except PollwatchError:
        value = canonical.loads_lenient(data, max_bytes=stix.MAX_BYTES)
        stix.check_depth(value)
        stix.check_shape(value)
        objects = (value,)
    for each in objects:
        for reader in (
            lambda found: claim.from_stix(found, MEMBERS[0], CHARTER),
            lambda found: opinion.from_stix(found, MEMBERS[1]),
        ):
            try:
                reader(each)
            except PollwatchError:
                continue


def seeds(folder: Path) -> list[bytes]:
    """A claim that names somebody, one that does not, an opinion, and all in one bundle."""
    del folder  # nothing needs the disk
    makers = [Maker(each, SIGNERS[each.name], bytes(32), Tlp.GREEN, 5_000_000) for each in MEMBERS]
    actor = makers[0].make("threat-actor", "a", name="somebody")
    leaf = Leaf("m.example/shared", 3, "00" * 32)
    named = claim.Statement(
        "incident--1", Finding.NAMED, MEMBERS[1], Likelihood.LIKELY, Confidence.LOW, "because", (leaf,)
    )
    unnamed = claim.Statement("incident--1", Finding.UNKNOWN, None, None, Confidence.HIGH, "because")
    claims = [claim.to_stix(each, actor, makers[0])[0] for each in (named, unnamed)]
    read_back = claim.from_stix(claims[0], MEMBERS[0], CHARTER)
    denial = opinion.to_stix(read_back, Stance.DISAGREE, "no", makers[1])
    objects = [actor, *claims, constants.UNKNOWN_ACTOR, denial]
    return [stix.write(objects), *(stix.write([each]) for each in objects), *map(canonical.dumps, objects)]
