"""What would be published: of an own incident, of a claim or statement, or in the office's own words alone."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from pollwatch.clock import Clock, to_datetime
from pollwatch.errors import ConfigError, PolicyError
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.records import Case
from pollwatch.node.charter.jointfolder import JointFolder, Membership
from pollwatch.node.public import publishing
from pollwatch.sharing.publication import Kind, Publication, Told, Words


def membership_of(case_dir: Path) -> Membership | None:
    """This member; None where no charter is in force: an office that watches alone publishes too."""
    return Membership.open(case_dir) if JointFolder(case_dir).charter.exists() else None


def prepare(
    case_dir: Path, subject: str, words: tuple[Words, ...], zone: dt.tzinfo, allowed: tuple[str, ...], clock: Clock
) -> Publication:
    """A publication as it would go out, checked; nothing is recorded.

    Args:
        case_dir: the case.
        subject: our own id of an incident, the STIX id of a claim or statement, or empty for an announcement.
        words: the office's own.
        zone: in which days are days.
        allowed: what may be named in it all the same.
        clock: the time.

    Raises:
        ConfigError: a claim or statement, and no charter is in force.
        PolicyError: it may not be public; the message says why.
        StoreError: there is no such incident.
    """
    if "--" in subject:
        membership = membership_of(case_dir)
        if membership is None:
            raise ConfigError(f"no charter is in force in {case_dir}: there is no claim or statement to publish")
        return publishing.record_of(membership, subject, words, clock, allowed)
    if not words:
        raise PolicyError("say in your own words what everybody should know: --words LANGUAGE:FILE")
    if not subject:
        found, names = Publication(Kind.NOTICE, "", words), ()
        publishing.check(case_dir, found, names, allowed)
        return found
    with Case.open(case_dir, clock, create=False) as case:
        incident = case.incident(subject)
    found = Publication(Kind.INCIDENT, "", words, _told(incident, zone))
    actors = incident.actors
    publishing.check(case_dir, found, (*actors.user, *actors.ip, *actors.host, *actors.domain), allowed)
    return found


def _told(incident: Incident, zone: dt.tzinfo) -> Told:
    steps = tuple(dict.fromkeys((each.name, each.technique) for each in incident.phases))
    days = (_day(incident.first_us, zone), _day(incident.last_us, zone))
    return Told(incident.severity.word, incident.status, steps, days)


def _day(us: int | None, zone: dt.tzinfo) -> str:
    return "" if us is None else to_datetime(us).astimezone(zone).strftime("%Y-%m-%d")
