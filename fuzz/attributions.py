"""STIX bundles, and what is said in them about who did it, as a member may have signed it."""

from __future__ import annotations

from pathlib import Path

from joint import CHARTER, MEMBERS, SIGNERS

from pollwatch import canonical
from pollwatch.attribution import claim, hypotheses, inquiry, opinion, record, retraction, statement
from pollwatch.attribution.scale import Confidence, Finding, Likelihood, Stance
from pollwatch.attribution.subject import Named
from pollwatch.errors import PollwatchError
from pollwatch.members.marking import Tlp
from pollwatch.stix import bundle as stix
from pollwatch.stix import constants
from pollwatch.stix.leaf import Leaf
from pollwatch.stix.objects import Maker


def read(data: bytes) -> None:
    """A bundle is written again as the same bytes; its objects are read alone and together, as if all were signed."""
    try:
        objects = stix.read(data)
        assert stix.write(objects) == data
    except PollwatchError:
        value = canonical.loads_lenient(data, max_bytes=stix.MAX_BYTES)
        stix.check_depth(value)
        stix.check_shape(value)
        objects = (value,)
    for shown in (objects, *((each,) for each in objects)):
        try:
            record.read(shown, CHARTER)
        except PollwatchError:
            continue


def seeds(folder: Path) -> list[bytes]:
    """A claim that names somebody, one that does not, an opinion, every other paper, and all in one bundle."""
    del folder  # nothing needs the disk
    makers = [Maker(each, SIGNERS[each.name], bytes(32), Tlp.GREEN, 5_000_000) for each in MEMBERS]
    actor = makers[0].make("threat-actor", "a", name="somebody")
    leaf = Leaf("m.example/shared", 3, "00" * 32)
    named = claim.Assertion(
        "incident--1", Finding.NAMED, MEMBERS[1], Likelihood.LIKELY, Confidence.LOW, "because", (leaf,)
    )
    unnamed = claim.Assertion("incident--1", Finding.UNKNOWN, None, None, Confidence.HIGH, "because")
    claims = [claim.to_stix(each, actor, makers[0])[0] for each in (named, unnamed)]
    read_back = claim.from_stix(claims[0], MEMBERS[0], CHARTER)
    denial = opinion.to_stix(read_back.subject, Stance.DISAGREE, "no", makers[1])
    objects = [actor, *claims, constants.UNKNOWN_ACTOR, denial, *_papers(makers[0], claims[0]["id"], read_back.name)]
    return [stix.write(objects), *(stix.write([each]) for each in objects), *map(canonical.dumps, objects)]


def _papers(maker: Maker, incident: str, about: Named) -> list[constants.StixObject]:
    draft = statement.Draft("t", "text", (about,), (MEMBERS[1],), 6_000_000)
    item = hypotheses.item_from_stix(hypotheses.add_item(incident, "seen", (), maker), MEMBERS[0])
    supposed = hypotheses.suppose(incident, "perhaps", MEMBERS[1], maker)
    return [
        statement.to_stix(draft, maker),
        inquiry.ask(MEMBERS[1], incident, "you?", 6_000_000, maker),
        retraction.to_stix(about, "wrong", maker),
        hypotheses.add_item(incident, "seen", (), maker),
        supposed,
        hypotheses.rate(item, hypotheses.standing()[0], hypotheses.Fit.NEUTRAL, "so", maker),
    ]
