"""What the four of the joint demo do to one another: tell, hunt, poison, fork, state together, part."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pollwatch.attribution.opinion import Opinion
from pollwatch.attribution.scale import Stance
from pollwatch.attribution.tally import Part
from pollwatch.clock import monotonic_s
from pollwatch.errors import PeerError
from pollwatch.evidence.manifest import Posted, SharedEntry
from pollwatch.i18n import _
from pollwatch.incidents.records import Case
from pollwatch.members.marking import Tlp
from pollwatch.node.attribution import casefile, lookup
from pollwatch.node.attribution.attributing import Speaker
from pollwatch.node.charter import staging
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.demos import rival
from pollwatch.node.demos.jointstory import ALDER, BIRCH, CEDAR, DOGWOOD, PEOPLE, Stage4
from pollwatch.node.demos.story import finding
from pollwatch.node.gateway import processes
from pollwatch.node.indicators import deciding, hunting
from pollwatch.node.indicators.deciding import Ruling
from pollwatch.node.indicators.desk import Desk
from pollwatch.node.logs import publishing, watching
from pollwatch.node.sharing import joint, releasing
from pollwatch.node.sharing.releasing import Decision
from pollwatch.report.story import Step
from pollwatch.sharing.decisions import Person
from pollwatch.sharing.indicators import scoring
from pollwatch.sharing.indicators.indicator import Act, Indicator
from pollwatch.sharing.peer import Peer
from pollwatch.sharing.stages import Stage
from pollwatch.stix import constants, ids, objects

#: The web shell's address: Alder noticed it, Cedar has it too.
TOLD: Final = "192.0.2.222"
#: What the poisoner sends: Birch's own gate, a resolver that half the world uses, and a voter at home.
POISON: Final = ("192.0.2.20", "9.9.9.9", "203.0.113.40")


def decision(name: str) -> Decision:
    """Who decides at an office."""
    return Decision(PEOPLE[name], _("charter, section on sharing"))


def tell(stage: Stage4) -> Step:
    """Alder tells the others of its gravest incident; each takes it in, a person accepts it, and the past is hunted."""
    alder = stage.members[ALDER]
    with Case.open(alder.folder.case, stage.clock, create=False) as case:
        gravest = max(case.incidents(), key=lambda incident: incident.severity)
    prepared = releasing.prepare_incident(alder, gravest, Tlp.GREEN, stage.clock)
    facts = [(_("left"), _("{size} bytes of STIX 2.1, {tlp}").format(size=len(prepared.body), tlp=prepared.tlp.label))]
    expected = True
    for peer in alder.peers:
        sent = releasing.release(alder, prepared, peer, decision(ALDER), stage.clock)
        expected = expected and bool(sent.disclosure.receipt)
        hits = _accept_and_hunt(stage, peer.name)
        facts.append((peer.name, _("receipt kept; {hits} of its own lines match").format(hits=hits)))
        expected = expected and (hits > 0) == (peer.name == CEDAR)
    facts.append((_("stays"), _("what was found by hunting, where it was found, until its owner tells")))
    title = _("An incident is told; each searches its own past for it, and keeps what it finds")
    return Step("tell", title, tuple(facts), expected)


def _accept_and_hunt(stage: Stage4, name: str) -> int:
    """A person accepts what Alder told of; gives how many lines of the past name it."""
    joint.take_in(stage.members[name], stage.clock, stage.assets)
    desk = stage.desk(name)
    chosen = [each for each in desk.store.all() if each.observable.value == TOLD]
    ruling = Ruling(Act.ACCEPT, PEOPLE[name], _("told by {member}").format(member=ALDER), override=True)
    deciding.decide(desk, chosen, ruling)
    found = hunting.hunt(desk, stage.calendar, hunting.pending(desk))
    return sum(len(each.lines) for each in found.hits if each.value == TOLD)


def poison(stage: Stage4) -> Step:
    """Dogwood sends signed indicators of the innocent; nobody uses them, and it stays on Dogwood's record."""
    for name in (ALDER, BIRCH):
        _send_poison(stage, stage.members[DOGWOOD], stage.members[name])
        joint.take_in(stage.members[name], stage.clock, stage.assets)
    facts, expected = [], True
    desk = stage.desk(BIRCH)
    for value in POISON:
        (found,) = (each for each in desk.store.all() if each.observable.value == value)
        (warned,) = desk.innocents.warnings([found.observable])
        score = scoring.score(found, desk.standings().standing, stage.clock.now_us())
        said = "; ".join(desk.innocents.words(each) for each in warned[:2]) or _("no warning")
        facts.append((value, _("{warning}; {blocs} bloc, not corroborated").format(warning=said, blocs=score.blocs)))
        expected = expected and not score.corroborated and found.acceptance is None
    before, after = _refute(desk)
    facts.append((_("used"), _("none of it: nothing is, on one bloc's word, before a person accepts it")))
    words = _("{before:.2f} before, {after:.2f} after Birch looked and found innocents")
    facts.append((_("Dogwood's standing"), words.format(before=before, after=after)))
    title = _("One member reports innocents as attackers; it is warned of, not believed, and remembered")
    return Step("poison", title, tuple(facts), expected and after < before)


def _send_poison(stage: Stage4, poisoner: Membership, victim: Membership) -> None:
    """What no honest node would let leave: past every check of its own, signed with its real key."""
    maker = releasing.maker(poisoner, Tlp.GREEN, stage.clock.now_us())
    since = ids.timestamp(stage.clock.now_us() - 3_600_000_000)
    observed = [objects.observable("ipv4-addr", value, Tlp.GREEN) for value in POISON]
    made = [
        maker.make(
            "indicator",
            each["value"],
            name="Attacker",
            indicator_types=["malicious-activity"],
            pattern=objects.pattern(each),
            pattern_type="stix",
            pattern_version="2.1",
            valid_from=since,
        )
        for each in observed
    ]
    me = objects.identity(poisoner.me, poisoner.charter)
    whole = [constants.marking(Tlp.GREEN), constants.PROJECT, constants.SIGNATURE_DEFINITION, me, *made]
    rival.deliver(poisoner, victim.me, whole, Tlp.GREEN, stage.clock)


def _refute(desk: Desk) -> tuple[float, float]:
    """Birch looks, and says what it found; gives Dogwood's bloc's standing before and after."""
    chosen: list[Indicator] = [each for each in desk.store.all() if each.observable.value in POISON]
    before = desk.standings().standing("north")
    deciding.decide(desk, chosen, Ruling(Act.REFUTE, PEOPLE[BIRCH], _("our own gate, a resolver, a voter")))
    return before, desk.standings().standing("north")


def fork(stage: Stage4) -> Step:
    """Cedar rewrites its log under its real key, to lose what it received; the others catch it, with proof."""
    if not rival.rewritten(stage.case(CEDAR)):
        publishing.publish(stage.members[CEDAR], stage.clock)
        for member in stage.members.values():
            watching.check_peers(member, stage.clock)
    changed = rival.rewrite(stage.case(CEDAR), _without_opinions, stage.clock)
    after = publishing.publish(stage.members[CEDAR], stage.clock)
    refused = [each.member for each in after.cosignings if each.problem]
    looked = {name: watching.check_peer(stage.members[name], stage.members[CEDAR].me, stage.clock) for name in _HONEST}
    facts = [
        (_("what it did"), _("replaced {n} of its entries and signed all again").format(n=changed)),
        (_("refused to cosign"), ", ".join(refused)),
        *((name, found.detail) for name, found in looked.items()),
    ]
    proofs = [found.proof for found in looked.values() if found.proof is not None]
    expected = len(proofs) == len(_HONEST) and len(refused) == len(stage.members) - 1
    if proofs:
        stage.artefacts["fork"] = stage.evidence / "fork-proof.json"
        stage.artefacts["fork"].write_bytes(proofs[0].read_bytes())
        code, said = processes.run_module("pollwatch.evidence.verify", str(stage.artefacts["fork"]))
        facts += [(_("a third party's check"), finding(said)), (_("proof"), str(stage.artefacts["fork"]))]
        expected = expected and code == 0
    return Step(
        "fork",
        _("One member shows another log than it signed; every other one holds the proof"),
        tuple(facts),
        expected,
    )


_HONEST: Final = (ALDER, BIRCH, DOGWOOD)


def _without_opinions(entry: SharedEntry) -> bytes | None:
    """In the place of the last that it received, something harmless."""
    if isinstance(entry, Posted) and entry.kind in {"opinion", "statement", "inquiry"}:
        return Posted.of("policy", "note", b"nothing to see here").to_bytes()
    return None


def state(stage: Stage4) -> Step:
    """Three of four over two blocs say together what was seen; one dissents, and that travels along."""
    alder = stage.members[ALDER]
    with Case.open(alder.folder.case, stage.clock, create=False) as case:
        gravest = max(case.incidents(), key=lambda incident: incident.severity)
    incident = lookup.incident_object_id(alder, gravest.id)
    until_us = (stage.clock.now_us() // 1_000_000 + 86_400) * 1_000_000
    text = _("The same sources attacked offices of three parties. Who is behind them cannot be determined from this.")
    drafted = speaker(stage, ALDER).draft(_("Common attackers"), text, [incident], until_us)
    stances = ((BIRCH, Stance.AGREE, _("Seen here too.")), (DOGWOOD, Stance.AGREE, _("Seen here too.")))
    for name, stance, words in (*stances, (CEDAR, Stance.DISAGREE, _("Our own inquiry goes on."))):
        speaker(stage, name).opine(drafted.id, stance, words)
    membership = speaker(stage, ALDER).membership
    tally = next(each for each in casefile.read(membership).tallies if each.statement.name.id == drafted.id)
    stage.artefacts["statement"] = stage.evidence / "statement.json"
    stage.artefacts["statement"].write_bytes(lookup.record_of(membership, drafted.id))
    facts = [(voice.member.name, f"{voice.part.value}: {_words(voice.said)}") for voice in tally.voices]
    facts += [(_("outcome"), _("adopted") if tally.adopted else _("not adopted"))]
    arguments = (str(stage.artefacts["statement"]), "--charter", str(stage.artefacts["charter"]))
    code, _said = processes.run_module("pollwatch.attribution.verify", *arguments)
    facts += [(_("a third party's check"), _("exit code {code}").format(code=code))]
    expected = tally.adopted and tally.of(Part.DISSENTS) == (stage.members[CEDAR].me,) and code == 0
    return Step(
        "statement", _("Three of four say together what was seen; the dissent travels along"), tuple(facts), expected
    )


def _words(said: Iterable[Opinion]) -> str:
    return "; ".join(each.text for each in said) or _("drafted it")


def speaker(stage: Stage4, name: str) -> Speaker:
    """An office that has read what the others sent, ready to say something."""
    joint.take_in(stage.members[name], stage.clock, stage.assets)
    return Speaker(stage.members[name], decision(name), stage.clock)


def sever(stage: Stage4) -> Step:
    """Alder parts from Cedar: nothing leaves for it any more, and the watch goes on."""
    alder, cedar = stage.members[ALDER], stage.members[CEDAR].me
    began_s = monotonic_s()
    reason = _("its log forked; the proof is filed")
    staging.switch(alder, cedar, Stage.ALONE, Person.here(PEOPLE[ALDER]), reason, stage.clock)
    stopped = False
    try:
        with Peer(alder.way_to(cedar, stage.clock)) as peer:
            peer.checkpoint()
    except PeerError:
        stopped = True
    took_s = monotonic_s() - began_s
    published = publishing.publish(alder, stage.clock)
    others = [each.member for each in published.cosignings if not each.problem]
    facts = (
        (_("severed"), _("{name}, by {person}: {reason}").format(name=CEDAR, person=PEOPLE[ALDER], reason=reason)),
        (_("took effect after"), _("{ms:.0f} ms").format(ms=took_s * 1000)),
        (_("goes on with"), ", ".join(others)),
    )
    expected = stopped and len(others) == len(stage.members) - 2
    return Step("sever", _("One member parts from the forker at once; the watch goes on without it"), facts, expected)
