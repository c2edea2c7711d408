"""Campaigns across members and elections: what links incidents, what does not, and what a hostile member can do."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from click.testing import CliRunner

import attribution_scenes as scenes
from attribution_scenes import T, Table
from pollwatch.attribution import campaigns, closing, opinion
from pollwatch.attribution import claim as claims
from pollwatch.attribution.campaigns import Campaign
from pollwatch.attribution.claim import Assertion
from pollwatch.attribution.closing import Outcome
from pollwatch.attribution.scale import Confidence, Finding, Likelihood, Stance
from pollwatch.cli import campaigns as verb
from pollwatch.election.calendar import Calendar, Election, PhaseSpan
from pollwatch.errors import PolicyError
from pollwatch.events.detection import Actors, Severity
from pollwatch.events.lines import LineSet
from pollwatch.events.observable import Observable
from pollwatch.incidents.incident import ElectionContext, Incident, Phase
from pollwatch.node.attribution.campaigning import View
from pollwatch.stix import accept, campaign, incident, objects, watching
from pollwatch.stix.constants import StixObject
from pollwatch.stix.incident import IncidentObjects

DAY_US = 86_400_000_000
X, Y, Z, SHARED = "203.0.113.7", "203.0.113.8", "2001:db8::9", "198.51.100.1"
CALENDAR = Calendar(
    tuple(
        Election(name, "", "UTC", start, start + DAY_US, (PhaseSpan(name, "", phase, start, start + DAY_US),))
        for name, phase, start in (
            ("Spring election", "election-day", T),
            ("Autumn election", "results-night", T + 200 * DAY_US),
        )
    )
)


def seen(number: int, addresses: Sequence[str] = (), domains: Sequence[str] = (), day: int = 0) -> Incident:
    """An incident of one technique on a day, by these actors."""
    first = T + day * DAY_US
    return Incident(
        id=f"PW-{number}",
        title="SQL injection",
        severity=Severity.HIGH,
        status="open",
        summary="",
        why=(),
        phases=(Phase("SQL injection", "T1190", "initial-access", first, first + 60_000_000, 2),),
        techniques=("T1190",),
        tactics=("initial-access",),
        tools=(),
        actors=Actors(ip=tuple(addresses), domain=tuple(domains)),
        targets=(),
        first_us=first,
        last_us=first + 60_000_000,
        lines=LineSet.of("access.log", [1, 2]),
        samples=(),
        rules=(),
        advice=(),
        election=ElectionContext("", "", 5),
    )


class Watch:
    """What one member holds of all members' incidents."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.table: Table = scenes.four()
        self.held: list[StixObject] = []

    def tell(self, by: str, what: Incident) -> IncidentObjects:
        """A member tells of an incident."""
        made = incident.to_stix(what, self.table.maker(by), self.identity(by))
        self.keep(made.everything)
        return made

    def keep(self, made: Sequence[StixObject]) -> None:
        """Take in what was signed, as a node does: every signature is checked first."""
        accept.check(made, self.table.charter)
        self.held += made

    def identity(self, name: str) -> StixObject:
        """A member's identity."""
        return objects.identity(self.table.member(name), self.table.charter)

    def find(self, shared: Sequence[str] = ()) -> tuple[Campaign, ...]:
        """The campaigns, where these addresses are on warning lists."""
        members = {each.identity: each for each in self.table.charter.members}

        def warnings(found: Sequence[Observable]) -> list[tuple[str, ...]]:
            return [("shared by many",) if each.value in shared else () for each in found]

        judged = self.table.record().judged
        return campaigns.find(self.held, judged, members.get, CALENDAR, warnings)


@pytest.fixture
def watch() -> Watch:
    """Four members of three blocs that told nothing yet."""
    return Watch()


def names(found: Campaign) -> list[str]:
    """Who told of each incident of a campaign, in order of time."""
    return [each.member.name for each in found.parts]


def test_two_members_that_name_one_address_saw_one_campaign_over_two_elections(watch: Watch) -> None:
    """Members of two blocs and half a year apart; who saw what, when, in which elections and how often is stated."""
    watch.tell("Cedar", seen(1, [X], day=200))
    watch.tell("Alder", seen(1, [X, Y]))
    watch.tell("Birch", seen(1, [Z]))
    (found,) = watch.find()
    assert names(found) == ["Alder", "Cedar"]
    assert found.blocs == ("east", "west")
    assert (found.first_us, found.last_us) == (T, T + 200 * DAY_US + 60_000_000)
    assert [(each.election, each.phase) for each in found.phases] == [
        ("Spring election", "election-day"),
        ("Autumn election", "results-night"),
    ]
    (common,) = found.common
    assert (common.observable.value, len(common.incidents), common.among) == (X, 2, 3)
    assert [each.name for each in common.members] == ["Alder", "Cedar"]
    assert found.techniques == (("T1190", 2),)
    assert not found.weak


def test_who_says_that_it_saw_a_common_address_too_is_named_beside_it(watch: Watch) -> None:
    """A sighting of another's indicator counts its author among those that saw it, and adds no incident."""
    told = watch.tell("Alder", seen(1, [X]))
    watch.tell("Birch", seen(1, [X]))
    indicator = next(each for each in told.everything if each["type"] == "indicator")
    watch.held.append(watching.sighting(indicator, watching.Seen(T, T), watch.table.maker("Dogwood")))
    (found,) = watch.find()
    assert sorted(names(found)) == ["Alder", "Birch"]
    assert [each.name for each in found.common[0].members] == ["Alder", "Birch", "Dogwood"]


def test_a_chain_is_one_campaign_and_a_common_technique_links_nothing(watch: Watch) -> None:
    """Two members name both of what the ends name, so all hang together; a fifth with only the technique does not."""
    watch.tell("Alder", seen(1, [X], ["evil.example"]))
    watch.tell("Birch", seen(1, [Y], ["EVIL.example"], day=1))
    watch.tell("Cedar", seen(1, [Y], ["evil.example"], day=2))
    watch.tell("Dogwood", seen(1, [Y], day=3))
    watch.tell("Dogwood", seen(2, [Z], day=4))
    (found,) = watch.find()
    assert names(found) == ["Alder", "Birch", "Cedar", "Dogwood"]
    assert {each.observable.value for each in found.common} == {"evil.example", Y}


def test_attack_one_planted_address_never_makes_two_campaigns_one(watch: Watch) -> None:
    """Attack: Dogwood tells of incidents with both campaigns' addresses, and then of all of it as one."""
    for number, (name, address) in enumerate((("Alder", X), ("Birch", X), ("Alder", Y), ("Cedar", Y))):
        watch.tell(name, seen(number, [address], day=number))
    for number in range(4):
        watch.tell("Birch", seen(20 + number, [f"192.0.2.{number}"]))
    honest = {frozenset(each.id for each in found.parts) for found in watch.find()}
    assert [names(each) for each in watch.find()] == [["Alder", "Cedar"], ["Alder", "Birch"]]
    planted = [watch.tell("Dogwood", seen(number, [X, Y], day=9)) for number in (1, 2)]
    own = {each.incident["id"] for each in planted}
    assert {frozenset(each.id for each in found.parts) - own for found in watch.find()} == honest
    assert len(campaigns.having(watch.find(), planted[0].incident["id"])) == 2
    maker, me = watch.table.maker("Dogwood"), watch.identity("Dogwood")
    told = campaign.to_stix("All of it", "", planted, maker, me)
    (head,) = (each for each in told if each["type"] == "campaign")
    theirs = [each for each in watch.held if each["type"] == "incident" and each["id"] not in own]
    watch.keep([*told, *(maker.relationship(each, "related-to", head) for each in theirs)])
    found = {frozenset(each.id for each in one.parts): one for one in watch.find()}
    assert {each - own for each in found if len(each) < 10} == honest, "a word on others' incidents hides nothing"
    (word,) = (one for each, one in found.items() if len(each) == 10)
    assert [(each.name, each.member.name) for each in word.told] == [("All of it", "Dogwood")]


def test_what_two_members_name_together_makes_one_campaign(watch: Watch) -> None:
    """The same two addresses in incidents of two members: those that name only one of them belong to it too."""
    for name, addresses in (("Alder", [X]), ("Birch", [X, Y]), ("Cedar", [X, Y]), ("Dogwood", [Y])):
        watch.tell(name, seen(1, addresses))
    (found,) = watch.find()
    assert sorted(names(found)) == ["Alder", "Birch", "Cedar", "Dogwood"]


def test_what_a_member_told_as_one_campaign_is_one_in_its_name(watch: Watch) -> None:
    """Two incidents without anything in common, told of as one: the link is the teller's word and is shown so."""
    made = [
        incident.to_stix(seen(number, [address]), watch.table.maker("Birch"), watch.identity("Birch"))
        for number, address in ((1, X), (2, Y))
    ]
    watch.keep(campaign.to_stix("Night owl", "", made, watch.table.maker("Birch"), watch.identity("Birch")))
    (found,) = watch.find()
    assert names(found) == ["Birch", "Birch"]
    assert [(each.name, each.member.name) for each in found.told] == [("Night owl", "Birch")]
    assert campaigns.having([found], found.told[0].id) == (found,)
    assert not found.weak


def test_what_most_of_many_incidents_have_links_nothing(watch: Watch) -> None:
    """Attack: one address in everything draws all into one campaign; from six incidents on it no longer does."""
    for number in range(5):
        watch.tell("Alder", seen(number, [SHARED]))
    assert len(watch.find()[0].parts) == 5
    watch.tell("Birch", seen(8, [SHARED, X]))
    watch.tell("Cedar", seen(9, [SHARED, X]))
    (found,) = watch.find()
    assert sorted(names(found)) == ["Birch", "Cedar"]
    rates = {each.observable.value: (len(each.incidents), each.among, each.links) for each in found.common}
    assert rates == {X: (2, 7, True), SHARED: (7, 7, False)}


def test_a_campaign_that_only_what_many_share_holds_together_is_weak(watch: Watch) -> None:
    """An address on a warning list links, and the campaign says that nothing else does."""
    watch.tell("Alder", seen(1, [SHARED, X]))
    watch.tell("Birch", seen(1, [SHARED]))
    assert [each.weak for each in watch.find([SHARED])] == [True]
    assert [each.weak for each in watch.find()] == [False]
    watch.tell("Cedar", seen(1, [SHARED, X]))
    assert [(each.weak, len(each.parts)) for each in watch.find([SHARED])] == [(True, 3)]


def test_nobody_adds_an_indicator_to_another_members_incident(watch: Watch) -> None:
    """Attack: Dogwood signs that its own indicator indicates Alder's actor, to draw Alder's incident to its own."""
    alder = watch.tell("Alder", seen(1, [X]))
    dogwood = watch.tell("Dogwood", seen(1, [Y]))
    planted = next(each for each in dogwood.everything if each["type"] == "indicator")
    watch.held.append(watch.table.maker("Dogwood").relationship(planted, "indicates", alder.actor))
    assert watch.find() == ()


def test_an_incident_that_was_taken_back_links_nothing_more(watch: Watch) -> None:
    """The last version counts, whatever came first."""
    first = watch.tell("Alder", seen(1, [X]))
    watch.tell("Birch", seen(1, [X]))
    assert len(watch.find()) == 1
    watch.held.append(watch.table.maker("Alder").revoke(first.incident, "We were wrong."))
    assert watch.find() == ()


def test_claims_show_with_their_denials_and_how_they_ended(watch: Watch) -> None:
    """A claim about one of its incidents, the respondent's denial word for word, and the outcome."""
    told = watch.tell("Alder", seen(1, [X]))
    watch.tell("Birch", seen(1, [X]))
    table = watch.table
    assertion = Assertion(
        told.incident["id"], Finding.NAMED, table.member("Dogwood"), Likelihood.LIKELY, Confidence.LOW, "Addresses."
    )
    made, _target = claims.to_stix(assertion, told.actor, table.maker("Alder"))
    claim = claims.from_stix(table.say(made), table.member("Alder"), table.charter)
    table.say(opinion.to_stix(claim.subject, Stance.STRONGLY_DISAGREE, "Not us.", table.maker("Dogwood", 5)))
    for number, name in enumerate(("Alder", "Birch", "Cedar")):
        table.say(closing.to_stix(claim.name, Outcome.REFUTED, "Rented.", table.maker(name, 10 + number)))
    (found,) = watch.find()
    (judged,) = found.judged
    assert ([each.text for each in judged.denials], judged.outcome) == (["Not us."], "refuted")


def test_a_hostile_name_reaches_no_terminal_unescaped(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack: a told campaign's name holds terminal controls and a right-to-left override; JSON has it whole."""
    hostile = "Owl\x1b[2J\u202egro.elpmaxe"
    made = [
        incident.to_stix(seen(number, [X]), watch.table.maker("Birch"), watch.identity("Birch")) for number in (1, 2)
    ]
    watch.keep(campaign.to_stix(hostile, "", made, watch.table.maker("Birch"), watch.identity("Birch")))
    monkeypatch.setattr(verb, "_view", lambda *_: View(watch.find(), str))
    runner = CliRunner()
    identifier = made[0].incident["id"]
    for arguments in (["list", "--case", "c"], ["show", identifier, "--case", "c"]):
        shown = runner.invoke(verb.command, arguments, catch_exceptions=False).stdout
        assert "Owl" in shown
        assert not {"\x1b", "\u202e"} & set(shown)
    listed = runner.invoke(verb.command, ["list", "--case", "c", "--json"], catch_exceptions=False).stdout
    (document,) = json.loads(listed)["campaigns"]
    assert document["told"][0]["name"] == hostile
    assert document["common"][0]["among"] == 2


def test_an_id_that_fits_no_campaign_or_several_is_refused(watch: Watch) -> None:
    """Nothing is guessed."""
    for address in (X, Y):
        for name in ("Alder", "Birch"):
            watch.tell(name, seen(int(address[-1]), [address]))
    found = watch.find()
    assert len(found) == 2
    with pytest.raises(PolicyError, match="no campaign"):
        campaigns.having(found, "incident--0000")
    with pytest.raises(PolicyError, match="several"):
        campaigns.having(found, "incident--")
